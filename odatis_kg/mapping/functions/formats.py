"""Formats of distributions: as stated, and as the file type and media type that clients know."""

from collections.abc import Mapping
from typing import Any

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.resource import NO_VALUES, state_once, texts_at
from odatis_kg.mapping.identifiers import nvs_concept
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import XmlReader


def data_format(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A format (MD_Format): `odk:statedFormat` always; `dct:format` and `dcat:mediaType` when it is a known one.

    A distribution has one of each (DCAT-AP 3): of a link that is listed with two formats, the first.

    It is said of the distributions of the same section. A record that lists several formats beside several links does not
    tell which has which: they are then said of the resource.
    """
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    names = texts_at(reader, node, "name | formatSpecificationCitation/*/title")
    said = reader.values_below(node)
    if not names:
        return
    stated = context.part(resource, "format", *said)
    holders = _holders(context, node) if options.get("scope") == "distribution" else []
    for holder in holders or [resource]:
        context.add(holder, "odk:statedFormat", stated)
        _state_known(context, holder, names[0][0])
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
    words = context.reader.string(node)
    if words.lower() not in NO_VALUES:
        state_format(context, context.subjects["resource"], words)


def state_format(context: Context, holder: Term, words: str) -> None:
    """A format in words, of a resource or a distribution: as stated, and as what the register knows it to be."""
    stated = context.part(context.subjects["resource"], "format", words)
    context.add(holder, "odk:statedFormat", stated)
    context.type(stated, "dct:MediaTypeOrExtent")
    context.add(stated, "rdfs:label", values.text(words))
    _state_known(context, holder, words)


def _state_known(context: Context, holder: Term, words: str) -> None:
    """The file type of a known format, and its media type: a distribution has one of each, a resource file types only."""
    row = context.registers["formats"].match(words)
    if row is None:
        return
    file_type, media_type = (values.iri(row[name]) if row[name] else None for name in ("file_type", "media_type"))
    if holder == context.subjects["resource"]:
        if file_type:
            context.add(holder, "dct:format", file_type)
        return
    if file_type:
        state_once(context, holder, "dct:format", file_type)
    if media_type:
        state_once(context, holder, "dcat:mediaType", media_type)


def _holders(context: Context, node: Element) -> list[Term]:
    """The distributions a format is said of: those of its own section, when the section names one format only."""
    section = next(
        (
            above
            for above in node.above
            if above.name in ("MD_DigitalTransferOptions", "MD_Distributor", "MD_Distribution", "SDN_Distributor")
        ),
        None,
    )
    if section is None:
        return []
    if len(section.named("MD_Format")) > 1:
        return []
    stated = [one for several in context.said("dcat:distribution").values() for one in several]
    found = [
        one.object
        for one in stated
        if isinstance(one.node, Element) and any(above is section for above in one.node.above)
    ]
    if not found and section.name == "MD_Distributor":
        found = [one.object for one in stated]
    return sorted(set(found))
