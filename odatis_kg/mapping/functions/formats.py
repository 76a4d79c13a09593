"""Formats of distributions: as stated, and as the file type and media type that clients know."""

from collections.abc import Mapping
from typing import Any

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.identifiers import nvs_concept
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml import Element, XmlReader, local_name


def data_format(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A format (MD_Format): `odk:statedFormat` always; `dct:format` and `dcat:mediaType` when it is a known one.

    A distribution has one of each (DCAT-AP 3): of a link that is listed with two formats, the first.

    It is said of the distributions of the same section. A record that lists several formats beside several links does not
    tell which has which: they are then said of the resource.
    """
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    names = [
        value
        for prop in reader.find(node, "name | formatSpecificationCitation/*/title")
        for value in reader.text(prop)
        if value[0].lower() not in NO_VALUES
    ]
    said = reader.values_below(node)
    if not names:
        return
    stated = context.part(resource, "format", *said)
    holders = _holders(context, node) if options.get("scope") == "distribution" else []
    row = context.registers["formats"].match(names[0][0])
    formatted, typed = (set(context.said(name)) for name in ("dct:format", "dcat:mediaType"))
    for holder in holders or [resource]:
        context.add(holder, "odk:statedFormat", stated)
        if row and row["file_type"] and (holder not in formatted or not holders):
            context.add(holder, "dct:format", values.iri(row["file_type"]))
        if row and row["media_type"] and holders and holder not in typed:
            context.add(holder, "dcat:mediaType", values.iri(row["media_type"]))
    context.type(stated, "dct:MediaTypeOrExtent")
    context.add(stated, "rdfs:label", values.text(names[0][0]))
    for code in (reader.sdn_code(prop) for prop in reader.find(node, "name")):
        if code:
            context.add(stated, "skos:exactMatch", values.iri(nvs_concept("L24", code[1])))
    for prop in reader.find(node, "version | formatSpecificationCitation/*/edition"):
        version = reader.string(prop)
        if version.lower() not in NO_VALUES:
            context.add(stated, "dcat:version", values.text(version))
    for citation in reader.find(node, "formatSpecificationCitation/*"):
        context.apply(context.shared["iso/citation-details"], citation, stated)
    for prop in reader.find(node, "specification"):
        context.texts(stated, "rdfs:comment", reader.text(prop))
    state_details(context, node, stated)


def stated_format(context: Context, node: Any, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A format or media type given by a word: as stated, and as a known file type."""
    resource = context.subjects["resource"]
    words = context.reader.string(node)
    if words.lower() in NO_VALUES:
        return
    stated = context.part(resource, "format", words)
    context.add(resource, "odk:statedFormat", stated)
    context.type(stated, "dct:MediaTypeOrExtent")
    context.add(stated, "rdfs:label", values.text(words))
    row = context.registers["formats"].match(words)
    if row and row["file_type"]:
        context.add(resource, "dct:format", values.iri(row["file_type"]))


def _holders(context: Context, node: Element) -> list[Term]:
    """The distributions a format is said of: those of its own section, when the section names one format only."""
    section = next(
        (
            above
            for above in node.iterancestors()
            if local_name(above)
            in ("MD_DigitalTransferOptions", "MD_Distributor", "MD_Distribution", "SDN_Distributor")
        ),
        None,
    )
    if section is None:
        return []
    if sum(1 for _ in section.iter("{*}MD_Format")) > 1:
        return []
    stated = [one for several in context.said("dcat:distribution").values() for one in several]
    found = [
        one.object
        for one in stated
        if isinstance(one.node, type(node)) and any(above is section for above in one.node.iterancestors())
    ]
    if not found and local_name(section) == "MD_Distributor":
        found = [one.object for one in stated]
    return sorted(set(found))
