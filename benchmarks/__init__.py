"""Measurements against a named peer in the same run; they print ratios and never fail."""
