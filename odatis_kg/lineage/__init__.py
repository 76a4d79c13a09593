"""Lineage: where statements come from, as PROV-O in the graph and as sentences for people."""
