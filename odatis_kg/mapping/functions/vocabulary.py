"""Vocabularies (SKOS): the scheme, its concepts, and the version of the list they were read from (table 2d)."""

from typing import Final

from odatis_kg.iris import key_segment
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.identifiers import nvs
from odatis_kg.mapping.rdf import RdfReader
from odatis_kg.mapping.values import Term
from odatis_kg.namespaces import PREFIXES, expand


def identity(context: Context) -> None:
    """The vocabulary by its own IRI, in a graph of its own for each version; each concept says which list it is in."""
    reader: RdfReader = context.reader
    name = reader.name
    version = key_segment("version", name.key, name.edition)
    context.graph = context.iris.graph(
        "vocab", name.authority, key_segment("vocabulary", name.authority, name.list), version
    )
    scheme = reader.scheme
    resource = values.iri(scheme) if values.is_iri(scheme) else context.thing("vocabulary", name.authority, name.list)
    context.subjects["resource"] = resource
    context.type(resource, "skos:Collection" if nvs(scheme) or not reader.concepts else "skos:ConceptScheme")
    if not reader.concepts:
        for one in sorted(reader.lists - {scheme}):
            context.add(resource, "skos:member", Term(f"<{one}>"))
    for remark in reader.remarks:
        context.warn(remark)
    if reader.blank:
        context.warn(f"{reader.blank} statements with blank nodes are left out")
    if reader.broken:
        context.warn(f"{reader.broken} statements about a subject whose IRI is none are left out")
    for concept in sorted(reader.concepts):
        context.type(Term(f"<{concept}>"), "skos:Concept")
        context.add(Term(f"<{concept}>"), "odk:inCollection", resource)
    for node in reader.nodes:
        if node.predicate == _TYPE and (class_ := _CLASSES.get(node.iri)):
            context.type(Term(f"<{node.subject}>"), class_)
            reader.consumed.add(node.order)
    if name.authority == "gcmd":
        _state_paths(context, reader)


def _state_paths(context: Context, reader: RdfReader) -> None:
    """The path of each GCMD keyword from the widest, `OCEANS > SALINITY`: records name keywords by it, dumps do not.

    A keyword whose wider ones are on another page of the list gets none.
    """
    labels = {node.subject: node for node in reader.nodes if node.predicate == PREFIXES["skos"] + "prefLabel"}
    wider: dict[str, str] = {}
    for node in reader.nodes:
        if node.predicate == PREFIXES["skos"] + "broader":
            wider.setdefault(node.subject, node.iri)
    for concept in sorted(reader.concepts & wider.keys()):
        path = [concept]
        while (above := wider.get(path[0])) and above not in path:
            path.insert(0, above)
        if all(one in labels for one in path):
            own = labels[concept]
            words = " > ".join(values.one_line(labels[one].literal) for one in path)
            context.add(Term(f"<{concept}>"), "skos:altLabel", values.text(words, own.language))


# What a dump says its things are, as far as it is kept.
_TYPE: Final = PREFIXES["rdf"] + "type"
_CLASSES: Final = {
    expand(name, PREFIXES): name
    for name in ("skos:Concept", "skos:ConceptScheme", "skos:Collection", "skos:OrderedCollection", "iop:Variable")
}
