"""Dublin Core records: oai_dc of OAI-PMH, and the csw:Record of catalogue services, with the habits of those who write them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.datacite import turned
from odatis_kg.mapping.functions.extents import state_box, state_period, state_place
from odatis_kg.mapping.functions.keywords import state_keyword
from odatis_kg.mapping.functions.online import state_link
from odatis_kg.mapping.functions.parties import (
    Party,
    state_agent,
    state_attribution,
    state_maker,
    state_organisation,
    state_unknown_agent,
)
from odatis_kg.mapping.functions.resource import (
    NO_VALUES,
    language_tag,
    meant,
    name_record,
    reference,
    state_doi,
    state_grant,
    state_identifier,
)
from odatis_kg.mapping.functions.rights import state_licence, state_statement
from odatis_kg.mapping.identifiers import canonical, doi, latitude_first, orcid
from odatis_kg.mapping.xml_reader import Localised, XmlReader

_PICTURE: Final = re.compile(r"\.(?:gif|jpe?g|png|svg|tiff?)(?:$|\?)", re.IGNORECASE)
_GRANT: Final = re.compile(
    r"info:eu-repo/grantAgreement/(?P<funder>[^/]*)/(?P<programme>[^/]*)/(?P<number>[^/]*)(?:/[^/]*/(?P<title>[^/]*)/?(?P<acronym>[^/]*))?"
)
# DCMI Box and DCMI Point Encoding Scheme, section 3: components parted by semicolons.
_NAME: Final = re.compile(r"(?:^|;)\s*name\s*=\s*([^;]+)", re.IGNORECASE)
_SIDES: Final = re.compile(r"(north|south|east|west)(?:limit|bound\w*)?\s*[=: ]\s*(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_GEONETWORK: Final = "http://www.fao.org/geonetwork"


def identity(context: Context) -> None:
    """The resource of a Dublin Core record, by the most telling of its types; a dataset when none is known."""
    reader: XmlReader = context.reader
    reader.language = next(
        (
            tag
            for prop in reader.find(reader.root, "language")
            if (tag := language_tag(context.registers, reader.string(prop)))
        ),
        None,
    )
    record = name_record(context)
    register = context.registers["dublin_core_types"]
    stated = [reader.string(prop).rstrip("/").rpartition("/")[2] for prop in reader.find(reader.root, "type")]
    known = [row for name in stated if (row := register.get(name.removeprefix("doc-type:"))) is not None]
    row = next((one for one in known if "schema:" in one["class"]), known[0] if known else register.get("dataset"))
    assert row is not None
    resource = context.subjects["resource"] = context.thing(row["kind"], context.record.source, context.record.key)
    context.type(resource, *row["class"].split(), "prov:Entity")
    context.add(record, "foaf:primaryTopic", resource)


def agent(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A creator or contributor: `Family, Given` is a person; a name without comma may be anybody, and stays an agent."""
    words = context.reader.string(node)
    if words.lower() in NO_VALUES:
        return
    identifier = orcid(words)
    if "," in words or identifier:
        term = state_agent(
            context, Party(options["role"], person="" if identifier else turned(words), person_iri=identifier)
        )
    else:
        term = state_unknown_agent(context, [(words, None)])
    if term is not None:
        state_maker(context, term, options["role"])


def publisher(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The publisher, an organisation."""
    words = context.reader.string(node)
    if words.lower() in NO_VALUES:
        return
    resource = context.subjects["resource"]
    organisation = state_organisation(context, Party("publisher", organisation=[(words, None)]))
    if organisation:
        state_attribution(context, resource, organisation, "publisher")
        context.add(resource, "dct:publisher", organisation)


def subject(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A subject: its words as a keyword, and the concept of its `href` (GeoNetwork)."""
    reader: XmlReader = context.reader
    labels = meant(reader.text(node))
    link = canonical(node.get("href") or "")
    concept = values.iri(link) if link and values.is_iri(link) else None
    if labels or concept:
        state_keyword(context, labels, concept, "", "")


def identifier(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An identifier; a DOI with or without address is the same one, any other address is a page of the resource."""
    resource = context.subjects["resource"]
    words = context.reader.string(node)
    if words.lower() in NO_VALUES:
        return
    if bare := doi(words):
        state_doi(context, resource, bare)
    elif words.startswith(("http:", "https:")) and (address := values.repaired_iri(words)):
        context.add(resource, "dcat:landingPage", values.iri(address))
    else:
        state_identifier(context, resource, words)


def link(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A link with protocol, name and description as attributes."""
    language = context.reader.language
    stated = context.reader.string(node)
    if stated.lower() in NO_VALUES:
        return
    name, description = (
        [(text.strip(), language)] if (text := node.get(attribute) or "").strip() else []
        for attribute in ("name", "description")
    )
    protocol = (node.get("protocol") or "").strip()
    if not protocol and (address := values.repaired_iri(stated)):
        predicate = "foaf:depiction" if _PICTURE.search(address) else "foaf:page"
        context.add(context.subjects["resource"], predicate, values.iri(address))
        return
    state_link(context, stated, protocol, "", name, description)


def referenced(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Something the record refers to: a picture is a depiction, any other address a reference."""
    resource = context.subjects["resource"]
    words = context.reader.string(node)
    found = canonical(words)
    if found and values.is_iri(found):
        context.add(resource, "foaf:depiction" if _PICTURE.search(found) else "dct:references", values.iri(found))
    elif words:
        context.warn(f"'{words[:80]}' is no address or identifier; kept as text")
        context.add(resource, "rdfs:comment", values.text(words, context.reader.language))


def relation(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A relation: a grant of OpenAIRE's notation becomes a grant, anything else that names something a related resource."""
    resource = context.subjects["resource"]
    words = context.reader.string(node)
    if found := _GRANT.match(words):
        names: Localised = [(name, None) for name in (found["acronym"], found["title"]) if name]
        grant = state_grant(context, found["number"], names, found["funder"], found["programme"], found["number"])
        programme = " ".join(part for part in (found["funder"], found["programme"]) if part)
        if programme:
            context.add(grant, "schema:description", values.text(programme))
        return
    known = canonical(words)
    if known and values.is_iri(known) and known.startswith(("http:", "https:", "urn:")):
        context.add(resource, "dct:relation", values.iri(known))
    elif target := reference(context, words):
        context.add(resource, "dct:relation", target)
        state_identifier(context, target, words)


def rights(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Rights: a licence the register knows; a bare ISO code stays a code; everything else is a statement."""
    resource = context.subjects["resource"]
    texts = meant(context.reader.text(node, multiline=True))
    for words, language in texts:
        if state_licence(context, resource, words):
            continue
        if re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", words):
            context.add(resource, "odk:useConstraint", values.text(words))
        else:
            state_statement(context, resource, [(words, language)], "", words)


def coverage(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A coverage: a DCMI box or point, SEANOE's four numbers (south west north east), sides in words, or the name of a place."""
    resource = context.subjects["resource"]
    words = context.reader.string(node)
    if words.lower() in NO_VALUES:
        return
    sides: dict[str, Decimal] = {}
    for side, text in _SIDES.findall(words):
        if (number := values.number(text)) is not None:
            sides[side.lower()] = number
    numbers = [values.number(word) for word in words.split()]
    encoding = "".join(node.attributes.values())
    names = [(name.strip(), context.reader.language) for name in _NAME.findall(words)]
    if len(sides) == 4:
        state_box(context, resource, **sides)
    elif sides.keys() == {"east", "north"} and "Point" in encoding:
        state_box(context, resource, sides["east"], sides["east"], sides["north"], sides["north"])
    elif len(numbers) == 4 and "Box" in encoding and all(one is not None for one in numbers):
        south, west, north, east = (one for one in numbers if one is not None)
        state_box(context, resource, west, east, south, north)
    else:
        names = [(words, context.reader.language)]
    if names:
        state_place(context, names)


def box(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The box of a csw:Record (OGC 07-006r1, 6.3.4; OWS Common, 10.2).

    The axis order is that of the reference system: latitude first for EPSG 4326 as a URN. GeoNetwork names that system, but
    writes longitude first, and east before west.
    """
    reader: XmlReader = context.reader
    corners = [
        [values.number(word) for word in reader.string_at(node, name).split()]
        for name in ("LowerCorner", "UpperCorner")
    ]
    if any(len(corner) != 2 or None in corner for corner in corners):
        context.warn("a bounding box lacks a corner and is left out")
        return
    (a, b), (c, d) = ((x, y) for x, y in corners if x is not None and y is not None)
    if _GEONETWORK in node.source.nsmap.values():
        state_box(context, context.subjects["resource"], c, a, b, d)
    elif "WGS84" not in node.tag and latitude_first(node.get("crs") or ""):
        state_box(context, context.subjects["resource"], b, d, a, c)
    else:
        state_box(context, context.subjects["resource"], a, c, b, d)


def period(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A period: DCMI Period (`start=...; end=...`), an ISO 8601 interval, or a single date."""
    words = context.reader.string(node)
    found = {
        name.lower(): text.strip() for name, text in re.findall(r"(start|end)\s*=\s*([^;]+)", words, re.IGNORECASE)
    }
    start, _, end = words.partition("/")
    start, end = found.get("start", "" if found else start), found.get("end", "" if found else end or start)
    state_period(context, start, end)
