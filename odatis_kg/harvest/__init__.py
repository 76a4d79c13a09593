"""Harvest: bringing records in, keeping their bytes, and knowing what is known of each."""
