"""Keywords: every label kept, a concept linked only where the record itself gives its IRI or its code (R6, table 2d)."""

from collections.abc import Mapping

from odatis_kg.iris import digest
from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES, meant
from odatis_kg.mapping.identifiers import canonical, directory_entry, nvs_concept
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader

# What a thing is that a keyword links to by such a property: a harvester of one record need not know its vocabulary.
_CLASSES = {
    "dcat:theme": "skos:Concept",
    "dcatap:hvdCategory": "skos:Concept",
    "dct:spatial": "dct:Location",
    "geodcatap:serviceCategory": "skos:Concept",
}


def keyword_group(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A group of keywords of one type and one thesaurus (MD_Keywords)."""
    reader: XmlReader = context.reader
    kind = reader.code(reader.first(node, "type"))
    thesaurus = thesaurus_key(reader, node)
    scheme = _state_thesaurus(context, node, thesaurus) if thesaurus else None
    for keyword in reader.find(node, "keyword"):
        context.node = keyword
        labels = meant(reader.text(keyword))
        concept = stated_concept(context, keyword)
        if labels or concept:
            state_keyword(context, labels, concept, kind, thesaurus, scheme)


def thesaurus_key(reader: XmlReader, group: Element) -> str:
    """What best names the thesaurus of a group: its identifier, else the link of its title, its short title, its title."""
    found = ""
    for citation in reader.find(group, "thesaurusName/*"):
        candidates = []
        for code in reader.find(citation, "identifier/*/code"):
            candidates.extend([reader.string(code), reader.href(code)])
        for title in reader.find(citation, "title"):
            link, text = reader.href(title), reader.string(title)
            candidates.extend([link, reader.string_at(citation, "alternateTitle"), text])
        found = found or next((candidate for candidate in candidates if candidate.lower() not in NO_VALUES), "")
    return found


def _state_thesaurus(context: Context, group: Element, key: str) -> Term:
    """The thesaurus of a group, shared by all records of the source that name it by the same key, with its citation."""
    thesaurus = context.thing("thesaurus", context.record.source, digest(key, length=16))
    context.type(thesaurus, "skos:ConceptScheme")
    for citation in context.reader.find(group, "thesaurusName/*"):
        context.apply(context.shared["iso/citation"], citation, thesaurus)
        for title in context.reader.find(citation, "title"):
            if (link := canonical(context.reader.href(title))) and values.is_iri(link):
                context.add(thesaurus, "rdfs:seeAlso", values.iri(link))
    return thesaurus


def stated_concept(context: Context, keyword: Element) -> Term | None:
    """The concept a keyword itself points at, by a SeaDataNet code or by an Anchor; Anchors that are no IRI are reported."""
    reader: XmlReader = context.reader
    if code := reader.sdn_code(keyword):
        return sdn_concept(context, *code)
    link = reader.href(keyword)
    if not link:
        return None
    found = canonical(link)
    if found is None or not values.is_iri(found):
        context.warn(f"the keyword's link '{link[:80]}' is no IRI")
        return None
    return values.iri(found)


def sdn_concept(context: Context, element: str, code: str) -> Term | None:
    """The concept of a SeaDataNet code element, such as (`SDN_ParameterDiscoveryCode`, `TEMP`)."""
    row = context.registers["sdn_codes"].get(element)
    if row is None:
        context.warn(f"the SeaDataNet element sdn:{element} is not in the register sdn_codes")
        return None
    if row["list"] == "CSR":
        return context.thing("cruise", "csr", code)
    if row["list"].startswith("ED"):  # EDMO, EDMED, EDMERP: directories of their own, with numbers for codes
        entry = directory_entry(row["list"], code)
        if entry is None:
            context.warn(f"'{code[:60]}' is no number of the directory {row['list']}")
        return values.iri(entry) if entry else None
    found = nvs_concept(row["list"], code)
    return values.iri(found) if values.is_iri(found) else None


def state_keyword(
    context: Context, labels: Localised, concept: Term | None, kind: str, thesaurus: str, scheme: Term | None = None
) -> None:
    """One keyword: its labels, its own node (shared by all records of the source that use the same words), its concept."""
    resource = context.subjects["resource"]
    context.texts(resource, "dcat:keyword", labels)
    if labels:
        main, language = labels[0]
        node = context.thing("keyword", context.record.source, digest(thesaurus, language or "", main, length=16))
        context.add(resource, "odk:sourceKeyword", node)
        context.type(node, "odk:Keyword")
        context.texts(node, "skos:prefLabel", labels)
        if thesaurus:
            context.add(node, "odk:thesaurus", values.text(thesaurus))
        if scheme:
            context.add(node, "skos:inScheme", scheme)
        if kind:
            context.add(node, "odk:keywordType", values.text(kind))
        if concept:
            context.add(node, "skos:exactMatch", concept)
    if concept:
        predicate = concept_property(context.registers, concept, kind)
        linked = concept_object(context, concept, labels)
        context.add(resource, predicate, linked)
        if predicate in _CLASSES:
            context.type(linked, _CLASSES[predicate])


def concept_property(registers: Mapping[str, Register], concept: Term, kind: str) -> str:
    """How a resource is linked to a concept: by the vocabulary it is in, else by the type of the keyword group."""
    iri = concept[1:-1]
    for row in registers["concept_properties"].rows:
        if iri.startswith(row["begins"]):
            return row["property"]
    row_of_type = registers["keyword_types"].get(kind) if kind else None
    return row_of_type["property"] if row_of_type else "dct:subject"


def concept_object(context: Context, concept: Term, labels: Localised) -> Term:
    """The concept itself; for a code of a ship (C17), the ship, which the concept is about."""
    begins = "http://vocab.nerc.ac.uk/collection/C17/current/"
    iri = concept[1:-1]
    return state_ship(context, iri[len(begins) :].rstrip("/"), labels) if iri.startswith(begins) else concept


def state_ship(context: Context, code: str, labels: Localised) -> Term:
    """The ship of an ICES platform code (C17): a thing of ours that the code is about."""
    ship = context.thing("platform", "c17", code)
    context.type(ship, "sosa:Platform")
    context.texts(ship, "skos:prefLabel", labels)
    context.add(values.iri(nvs_concept("C17", code)), "foaf:focus", ship)
    return ship
