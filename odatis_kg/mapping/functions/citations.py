"""What a citation (CI_Citation) says of the thing it cites, beside the rows that need no logic."""

from collections.abc import Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.extents import date_or_text
from odatis_kg.mapping.functions.resource import (
    NO_VALUES,
    state_doi,
    state_identifier,
    state_once,
    state_page,
    texts_at,
)
from odatis_kg.mapping.identifiers import doi
from odatis_kg.mapping.xml_reader import XmlReader

# Types of date that have a property of their own (ISO 19115-1, CI_DateTypeCode).
_DATE_PROPERTIES = {
    "creation": "dct:created",
    "publication": "dct:issued",
    "revision": "dct:modified",
    "lastupdate": "dct:modified",
    "lastrevision": "dct:modified",
    "nextupdate": "odk:nextUpdate",
    "released": "dct:available",
    "distribution": "dct:available",
    "adopted": "dct:dateAccepted",
    "superseded": "odk:supersededOn",
    "unavailable": "odk:unavailableFrom",
    "inforce": "odk:validFrom",
    "validitybegins": "odk:validFrom",
    "validityexpires": "odk:validUntil",
    "deprecated": "odk:deprecatedOn",
}
# Of these a resource has one (GeoDCAT-AP 3); a second one is kept as a date.
_ONE_DATE = frozenset({"dct:created", "dct:issued", "dct:modified"})


def date_by_type(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A date of a citation (CI_Date) as the property of its type; dates of validity make one period (table 2a, row 12)."""
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    if node in reader.ignored:
        return
    kind = reader.code(reader.first(node, "dateType"))
    text = reader.string_at(node, "date")
    if text.lower() in NO_VALUES:
        return
    date = date_or_text(context, text)
    predicate = _DATE_PROPERTIES.get(kind.replace("_", "").lower()) if kind else options.get("untyped")
    if predicate in ("odk:validFrom", "odk:validUntil"):
        period = context.part(about, "validity")
        context.add(about, "dct:valid", period)
        context.type(period, "dct:PeriodOfTime")
        context.add(period, predicate, date)
    elif predicate in _ONE_DATE and not state_once(context, about, predicate, date):
        context.add(about, "dct:date", date)
    elif predicate:
        context.add(about, predicate, date)
        if predicate == "odk:deprecatedOn":
            context.add(about, "owl:deprecated", values.typed("true", "boolean"))
        if predicate == "odk:supersededOn" and date.endswith("#dateTime>"):
            context.add(about, "prov:invalidatedAtTime", date)
    else:
        if kind:
            context.warn(f"the type of date '{kind[:60]}' has no property; kept as a date")
        context.add(about, "dct:date", date)


def identifier(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """An identifier (MD_Identifier, RS_Identifier) of the resource or of a cited thing.

    The first is `dct:identifier`, each an `adms:Identifier`, a DOI also `schema:sameAs`. A DOI may be in two parts, its
    prefix as code space.
    """
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    code_property = node if node.name == "code" else reader.first(node, "code")
    if code_property is None:
        return
    link, code = reader.href(code_property), reader.string(code_property)
    if code.lower() in NO_VALUES and not link:
        return
    space = reader.string_at(node, "codeSpace")
    bare = doi(code) or doi(link) or (doi(f"{space}/{code}") if space.startswith("10.") else None)
    stated = state_doi(context, about, bare) if bare else state_identifier(context, about, code or link, space)
    context.apply(context.shared["iso/identifier"], node, stated)


def page(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """An online resource of something that is not the resource itself: a page about it, with its title."""
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    stated = next((words for prop in reader.find(node, "linkage") for words, _ in reader.text(prop)), "")
    labels, descriptions = texts_at(reader, node, "name"), texts_at(reader, node, "description")
    for said in reader.find(node, "protocol | function | applicationProfile"):
        reader.ignore(said)
    if stated.lower() in NO_VALUES:
        return
    address = values.repaired_iri(stated)
    if address is None:
        context.warn(f"the address '{stated[:80]}' is no IRI; kept as text")
        context.add(about, "rdfs:seeAlso", values.text(stated))
        return
    if values.iri(address) != about:
        state_page(context, about, options.get("link", "foaf:page"), address, labels, descriptions)
