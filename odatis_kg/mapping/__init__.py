"""Mapping: from the bytes of a source record to the statements it makes, purely; no input or output happens here."""
