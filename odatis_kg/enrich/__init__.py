"""Enrichment: what follows from the graph as a whole and from no record alone, kept apart and with its evidence."""
