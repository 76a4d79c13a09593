"""odatis-kg: ocean catalogue records, cruises, people and vocabularies as one traceable knowledge graph."""

__version__ = "0.1.0"
