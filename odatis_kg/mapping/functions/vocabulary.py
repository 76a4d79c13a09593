"""Vocabularies (SKOS): the scheme, its concepts, and the version of the list they were read from (table 2d)."""

from odatis_kg.iris import key_segment
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.identifiers import nvs
from odatis_kg.mapping.rdf import RdfReader
from odatis_kg.mapping.values import Term


def identity(context: Context) -> None:
    """The vocabulary by its own IRI, in a graph of its own for each version; each concept says which list it is in."""
    reader: RdfReader = context.reader
    name = reader.name
    version = key_segment("version", name.key, name.version)
    context.graph = context.iris.graph(
        "vocab", name.authority, key_segment("vocabulary", name.authority, name.list), version
    )
    scheme = reader.scheme
    resource = values.iri(scheme) if values.is_iri(scheme) else context.thing("vocabulary", name.authority, name.list)
    context.subjects["resource"] = resource
    context.type(resource, "skos:Collection" if nvs(scheme) else "skos:ConceptScheme")
    if reader.blank:
        context.warn(f"{reader.blank} statements with blank nodes are left out")
    if reader.broken:
        context.warn(f"{reader.broken} statements about a subject whose IRI is none are left out")
    for concept in sorted(reader.concepts):
        context.type(Term(f"<{concept}>"), "skos:Concept")
        context.add(Term(f"<{concept}>"), "odk:inCollection", resource)
    for node in reader.nodes:
        if node.predicate.endswith("#type") and node.iri.startswith("http://www.w3.org/2004/02/skos/core#"):
            reader.consumed.add(node.order)
