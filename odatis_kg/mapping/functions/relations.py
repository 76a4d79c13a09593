"""Relations to other resources: the parent, and associated resources by kind of association (table 2a, rows 4 and 34)."""

from collections.abc import Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.keywords import sdn_concept
from odatis_kg.mapping.functions.resource import NO_VALUES, reference
from odatis_kg.mapping.identifiers import doi
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml import Element, XmlReader


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
    titles = [
        value
        for title in reader.find(node, "aggregateDataSetName/*/title | name/*/title")
        for value in reader.text(title)
        if value[0].lower() not in NO_VALUES
    ]
    target, is_cruise, code = _target(context, node, titles[0][0] if titles else "")
    if target is None:
        return
    if is_cruise or (association, initiative) == ("largerWorkCitation", "campaign"):
        # SeaDataNet profile of CDI: the larger work of kind "campaign" is the cruise the data were collected on.
        context.add(resource, "prov:wasGeneratedBy", target)
        if not is_cruise:
            context.type(target, "odk:Cruise", "prov:Activity")
        context.texts(target, "skos:prefLabel", titles)
        return
    row = context.registers["associations"].get(association) if association else None
    predicate = row["property"] if row else "dct:relation"
    if association and not row:
        context.warn(f"the association '{association[:60]}' is not in the register associations; taken for a relation")
    if (association, initiative) == ("source", "operation"):
        predicate = "odk:station"
    context.add(resource, predicate, target)
    context.texts(target, "dct:title", titles)
    if code and not doi(code):
        context.add(target, "dct:identifier", values.text(code))


def _target(context: Context, node: Element, title: str) -> tuple[Term | None, bool, str]:
    """The associated resource, whether it is a cruise, and the identifier it is stated with."""
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
                return sdn_concept(context, *code), code[0] == "SDN_CSRCode", ""
            link = reader.href(prop)
            text = reader.string(prop)
            stated = link if link.startswith(("http:", "https:")) else text
            if target := reference(context, stated):
                return target, False, text
    for prop in reader.find(node, "metadataReference | aggregateDataSetName | name"):
        stated = (prop.get("uuidref") or "").strip()
        if stated and (target := reference(context, stated)):
            reader.consumed.add(prop)
            return target, False, stated
    for linkage in reader.find(node, "name/*/onlineResource/*/linkage"):
        if (text := reader.string(linkage)) and (target := reference(context, text)) and text.startswith("http"):
            return target, False, ""
    if title:
        return context.part(context.subjects["resource"], "related", title), False, ""
    return None, False, ""
