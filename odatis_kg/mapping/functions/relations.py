"""Relations to other resources: the parent, and associated resources by kind of association (table 2a, rows 4 and 34)."""

from collections.abc import Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.citations import identifier
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.keywords import sdn_concept
from odatis_kg.mapping.functions.resource import NO_VALUES, reference, texts_at
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import XmlReader


def parent(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The parent record (19139 `parentIdentifier`, 19115-3 `parentMetadata`): the resource is part of what it describes."""
    reader: XmlReader = context.reader
    stated = (node.get("uuidref") or "").strip()
    if stated:
        reader.consumed.add(node)
    else:
        stated = reader.string_at(node, "*/identifier/*/code | */code") or reader.string(node)
    target = reference(context, stated or reader.href(node))
    if target:
        context.add(context.subjects["resource"], "dct:isPartOf", target)
        context.add(target, "dct:identifier", values.text(stated or reader.href(node)))
        for title in reader.find(node, "*/title"):
            context.texts(target, "dct:title", reader.text(title))


def associated_resource(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An associated resource (19139 MD_AggregateInformation, 19115-3 MD_AssociatedResource)."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    association = reader.code(reader.first(node, "associationType"))
    initiative = reader.code(reader.first(node, "initiativeType"))
    titles = texts_at(reader, node, "aggregateDataSetName/*/title | name/*/title")
    target, element = _target(context, node, titles[0][0] if titles else "", association, initiative)
    if target is None:
        return
    is_cruise = element == "SDN_CSRCode"
    if is_cruise or (not element and (association, initiative) == ("largerWorkCitation", "campaign")):
        # SeaDataNet profile of CDI: the larger work of kind "campaign" is the cruise the data were collected on, unless
        # its identifier says that it is a data set (EDMED).
        context.add(resource, "prov:wasGeneratedBy", target)
        if not is_cruise:
            context.type(target, "odk:Cruise", "prov:Activity")
        context.texts(target, "skos:prefLabel", titles)
        for date in reader.find(node, "aggregateDataSetName/*/date | name/*/date"):
            reader.ignore(date)  # of the citation; the cruise has its own dates in its own report
        _state_rest(context, node, target)
        return
    row = context.registers["associations"].get(association) if association else None
    predicate = row["property"] if row else "dct:relation"
    if association and not row:
        context.warn(f"the association '{association[:60]}' is not in the register associations; taken for a relation")
    if (association, initiative) == ("source", "operation"):
        predicate = "odk:station"
    context.add(resource, predicate, target)
    context.texts(target, "dct:title", titles)
    _state_rest(context, node, target)


def _state_rest(context: Context, node: Element, target: Term) -> None:
    """The rest of the citation of an associated resource, said of that resource."""
    reader: XmlReader = context.reader
    identifiers = [one for one in reader.find(node, "aggregateDataSetIdentifier/*") if not _is_coded(reader, one)]
    with context.speaking_of(target):
        for one in identifiers:
            identifier(context, one, {"of": "part"})
    for citation in reader.find(node, "aggregateDataSetName/* | name/* | metadataReference/*"):
        context.apply(context.shared["iso/citation-rest"], citation, target)
    state_details(context, node, target)


def _is_coded(reader: XmlReader, element: Element) -> bool:
    code = reader.first(element, "code")
    return code is not None and reader.sdn_code(code) is not None


# Names that name nothing: what catalogues write where many cruises or stations stand behind one record.
_NO_NAMES = NO_VALUES | {"various", "several", "multiple", "divers", "diverse", "other", "not specified"}


def _target(context: Context, node: Element, title: str, association: str, initiative: str) -> tuple[Term | None, str]:
    """The associated resource, and the SeaDataNet code element that names it, if any."""
    reader: XmlReader = context.reader
    paths = (
        "aggregateDataSetIdentifier/*/code",
        "aggregateDataSetName/*/identifier/*/code",
        "name/*/identifier/*/code",
        "metadataReference/*/identifier/*/code",
    )
    for path in paths:
        for prop in reader.find(node, path):
            if code := reader.sdn_code(prop):
                reader.string(prop)
                if concept := sdn_concept(context, *code):
                    return concept, code[0]
                return context.part(context.subjects["resource"], "related", *code), code[0]
            link = reader.href(prop)
            text = reader.string(prop)
            stated = link if link.startswith(("http:", "https:")) else text
            if target := reference(context, stated):
                return target, ""
    for prop in reader.find(node, "aggregateDataSetIdentifier | metadataReference | aggregateDataSetName | name"):
        stated = (prop.get("uuidref") or "").strip()
        if stated and (target := reference(context, stated)):
            reader.consumed.add(prop)
            return target, ""
    for linkage in reader.find(node, "name/*/onlineResource/*/linkage"):
        if (text := reader.string(linkage)) and (target := reference(context, text)) and text.startswith("http"):
            return target, ""
    if title.lower() in _NO_NAMES:
        if title:
            context.warn(f"an associated resource is called '{title}', which names nothing; it is left out")
            reader.ignore(node)
        return None, ""
    return context.part(context.subjects["resource"], "related", association, initiative, title), ""
