"""schema.org records (JSON-LD of web pages, as ESIP science-on-schema.org 1.3 advises): makers, coverage, files, variables."""

import re
from collections.abc import Mapping
from typing import Final

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.datacite import turned
from odatis_kg.mapping.functions.extents import state_box, state_period, state_place
from odatis_kg.mapping.functions.formats import state_format
from odatis_kg.mapping.functions.geometry import state_outline
from odatis_kg.mapping.functions.keywords import state_keyword
from odatis_kg.mapping.functions.parties import Party, state_agent, state_maker, state_organisation, state_unknown_agent
from odatis_kg.mapping.functions.resource import (
    NO_VALUES,
    language_tag,
    meant,
    name_record,
    state_doi,
    state_grant,
    state_identifier,
)
from odatis_kg.mapping.functions.rights import state_licence, state_statement
from odatis_kg.mapping.identifiers import canonical, doi, orcid, ror
from odatis_kg.mapping.json import JsonReader, Node
from odatis_kg.mapping.values import Term

_CLASSES: Final = {
    "Dataset": ("dcat:Dataset", "dataset"),
    "DataCatalog": ("dcat:Catalog", "catalogue"),
    "SoftwareApplication": ("schema:SoftwareApplication", "dataset"),
    "ScholarlyArticle": ("schema:ScholarlyArticle foaf:Document", "document"),
    "Article": ("schema:ScholarlyArticle foaf:Document", "document"),
}


def identity(context: Context) -> None:
    """The thing a schema.org record describes, by its type."""
    reader: JsonReader = context.reader
    record = name_record(context)
    types = [reader.string(node) for node in reader.find(reader.root, "@type/*")]
    classes, kind = next((_CLASSES[one] for one in types if one in _CLASSES), ("foaf:Document", "document"))
    resource = context.subjects["resource"] = context.thing(kind, context.record.source, context.record.key)
    context.type(resource, *classes.split(), "prov:Entity")
    context.add(record, "foaf:primaryTopic", resource)


def said(context: Context, node: Node) -> list[tuple[str, str | None]]:
    """The texts of a value: itself, the value of a value object with its language, or the name of a node."""
    reader: JsonReader = context.reader
    if not isinstance(node.value, dict):
        return reader.text(node, multiline=True)
    for member in ("@value", "name"):
        words = [value for found in reader.find(node, member) for value in reader.text(found, multiline=True)]
        if words:
            tag = language_tag(context.registers, reader.string_at(node, "@language"))
            return [(text, tag) for text, _ in words]
    return []


def text(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A text of the resource, with its language if it says one (option `predicate`)."""
    context.texts(
        context.subjects["resource"],
        options["predicate"],
        meant(said(context, node)),
    )


def address_of(context: Context, node: Node) -> str | None:
    """The IRI a value or node names: its `@id`, `url`, `identifier`, `sameAs` or itself."""
    reader: JsonReader = context.reader
    candidates = (
        [reader.string_at(node, member) for member in ("@id", "url", "identifier", "sameAs", "contentUrl")]
        if isinstance(node.value, dict)
        else [reader.string(node)]
    )
    for candidate in candidates:
        found = canonical(candidate) if candidate else None
        if found and values.is_iri(found) and found.startswith(("http:", "https:", "urn:", "ftp:", "info:")):
            return found
    return None


def link(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A link of the resource (option `predicate`); a node also has its name; what is no address is kept in words."""
    resource = context.subjects["resource"]
    found = address_of(context, node)
    words = said(context, node) if isinstance(node.value, dict) or not found else []
    if found:
        target = values.iri(found)
        if target != resource:
            context.add(resource, options["predicate"], target)
            context.texts(target, "dct:title", words)
    elif words:
        target = context.part(resource, "cited", words[0][0])
        context.add(resource, options["predicate"], target)
        context.texts(target, "dct:bibliographicCitation", words)


def identifier(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An identifier: text, address, or PropertyValue with its scheme."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    if isinstance(node.value, dict):
        code = reader.string_at(node, "value") or reader.string_at(node, "url") or reader.string_at(node, "@id")
        scheme = reader.string_at(node, "propertyID")
    else:
        code, scheme = reader.string(node), ""
    if code.lower() in NO_VALUES:
        return
    if bare := doi(code):
        state_doi(context, resource, bare)
    else:
        state_identifier(context, resource, code, scheme)


def citation(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A citation: an address or a node is a work that is cited; a text is how to cite the resource itself."""
    if isinstance(node.value, list):
        return
    if isinstance(node.value, dict) or doi(context.reader.string(node)):
        link(context, node, {**options, "predicate": "dct:references"})
    else:
        context.texts(context.subjects["resource"], "dct:bibliographicCitation", said(context, node))


def agent(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A person or organisation in a role; a text is an agent of unknown kind."""
    stated = _party(context, node, options["role"])
    term: Term | None = None
    if stated is not None:
        term = state_agent(context, stated)
    elif words := said(context, node):
        term = state_unknown_agent(context, words)
    if term is not None:
        state_maker(context, term, options["role"])


def _party(context: Context, node: Node, role: str) -> Party | None:
    """The party a node describes; None for a text or a node of no known type."""
    reader: JsonReader = context.reader
    if not isinstance(node.value, dict):
        return None
    types = {reader.string(one) for one in reader.find(node, "@type/*")}
    if "Role" in types:
        inner = next(
            (one for name in ("creator", "contributor", "author") for one in reader.find(node, f"{name}/*")), None
        )
        return _party(context, inner, role) if inner is not None else None
    names = said(context, node)
    links = [reader.string_at(node, member) for member in ("@id", "identifier", "identifier/url", "sameAs", "url")]
    links += [reader.string(one) for one in reader.find(node, "sameAs/*")]
    pages = [found for one in links if one and (found := values.repaired_iri(one)) and found.startswith("http")]
    organisation_iri = next((found for one in links if (found := ror(one))), None)
    if "Person" in types:
        given, family = reader.string_at(node, "givenName"), reader.string_at(node, "familyName")
        shown = " ".join(part for part in (given, family) if part) or (turned(names[0][0]) if names else "")
        stated = Party(role, person=shown, person_iri=next((found for one in links if (found := orcid(one))), None))
        for employer in reader.find(node, "affiliation/*"):
            stated.organisation += said(context, employer)
        for mail in reader.find(node, "email"):
            reader.ignore(mail)
        return stated
    legal: list[tuple[str, str | None]] = [(name, None) for name in (reader.string_at(node, "legalName"),) if name]
    edmo = next((found for one in pages if (found := canonical(one)) and "edmo.seadatanet.org" in found), None)
    for mail in reader.find(node, "email"):
        reader.ignore(mail)
    return (
        Party(role, organisation=names or legal, organisation_iri=organisation_iri or edmo) if names or legal else None
    )


def funding(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A grant (MonetaryGrant) with its funder."""
    reader: JsonReader = context.reader
    number, names = reader.string_at(node, "identifier"), said(context, node)
    if not (number or names):
        return
    grant = state_grant(context, number, names, number, *(words for words, _ in names))
    for funder in reader.find(node, "funder/*"):
        stated = _party(context, funder, "funder")
        organisation = state_organisation(context, stated) if stated else None
        if organisation:
            context.add(grant, "schema:funder", organisation)


def keyword(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A keyword: a text (several with commas), or a DefinedTerm with its address and set."""
    reader: JsonReader = context.reader
    if isinstance(node.value, dict) and "@value" not in node.value:
        found = canonical(reader.string_at(node, "url") or reader.string_at(node, "@id"))
        concept = values.iri(found) if found and values.is_iri(found) else None
        scheme = reader.string_at(node, "inDefinedTermSet") or reader.string_at(node, "inDefinedTermSet/name")
        labels = said(context, node)
        if labels or concept:
            state_keyword(context, labels, concept, "", scheme)
        return
    for words, language in said(context, node):
        for word in words.split(","):
            if word.strip() and word.strip().lower() not in NO_VALUES:
                state_keyword(context, [(word.strip(), language)], None, "", "")


def licence(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A licence: one the register knows by its address or text, else a rights statement."""
    resource = context.subjects["resource"]
    found = address_of(context, node) or ""
    words = said(context, node)
    known = state_licence(context, resource, " ".join([found, *(one for one, _ in words)]))
    if not known and (found or words):
        texts = [one for one in words if one[0] != found]
        state_statement(context, resource, texts, found, found, *(one for one, _ in words))


def period(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A temporal coverage: ISO 8601 date or interval, open on either side with `..`."""
    reader: JsonReader = context.reader
    if isinstance(node.value, dict):
        return  # geologic time and other descriptions are kept in detail
    first, slash, second = reader.string(node).partition("/")
    start, end = ("" if one.strip() == ".." else one.strip() for one in (first, second if slash else first))
    state_period(context, start, end)


_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?", re.ASCII)


def place(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A place: its name, its box, point or polygon.

    schema.org gives latitude first (GeoShape, GeoCoordinates). A record that names CRS84 for its place, and one whose
    first numbers cannot be latitudes, gives longitude first.
    """
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    names = said(context, node)
    if names:
        state_place(context, names[:1])
    longitude_first = "CRS84" in str(node.value)
    for geo in reader.find(node, "geo/*"):
        for shape in ("box", "polygon", "line"):
            numbers = [values.number(one) for one in _NUMBER.findall(reader.string_at(geo, shape))]
            pairs = [
                (a, b) for a, b in zip(numbers[::2], numbers[1::2], strict=False) if a is not None and b is not None
            ]
            first = longitude_first or any(abs(a) > 90 for a, _ in pairs)
            points = [(a, b) if first else (b, a) for a, b in pairs]
            if shape == "box" and len(points) == 2:
                (west, south), (east, north) = points
                state_box(context, resource, west, east, min(south, north), max(south, north))
            elif points and shape != "box":
                state_outline(context, resource, "Polygon" if shape == "polygon" else "LineString", points)
        latitude, longitude = (values.number(reader.string_at(geo, name)) for name in ("latitude", "longitude"))
        if latitude is not None and longitude is not None:
            state_box(context, resource, longitude, longitude, latitude, latitude)


def distribution(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A way to the data: DataDownload with its address, format and size."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    if not isinstance(node.value, dict):
        return
    download, page = (values.repaired_iri(reader.string_at(node, name)) for name in ("contentUrl", "url"))
    address = download or page or values.repaired_iri(reader.string_at(node, "@id"))
    if address is None:
        return
    term = context.part(resource, "dist", address, reader.string_at(node, "name"))
    context.add(resource, "dcat:distribution", term)
    context.type(term, "dcat:Distribution")
    context.add(term, "dcat:accessURL", values.iri(page or address))
    if download:
        context.add(term, "dcat:downloadURL", values.iri(download))
    context.texts(term, "dct:title", said(context, node))
    for found in reader.find(node, "description"):
        context.texts(term, "dct:description", said(context, found))
    for name in ("encodingFormat", "fileFormat"):
        for words in [reader.string(found) for found in reader.find(node, f"{name}/*") or reader.find(node, name)]:
            if words:
                state_format(context, term, words)
    size = reader.string_at(node, "contentSize") or reader.string_at(node, "fileSize")
    if re.fullmatch("[0-9]+", size):
        context.add(term, "dcat:byteSize", values.typed(size, "nonNegativeInteger"))
    elif size:
        context.add(term, "schema:size", values.text(size))


def variable(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A variable: its name, definition, unit and range; its `propertyID` is the concept that is measured."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    names = said(context, node)
    concepts = []
    if isinstance(node.value, dict):
        stated = [reader.string_at(node, name) for name in ("propertyID", "@id", "url", "sameAs")]
        stated += [reader.string(one) for one in reader.find(node, "propertyID/*")]
        for one in stated:
            found = canonical(one) if one.startswith(("http", "SDN:", "urn:")) else None
            if found and values.is_iri(found):
                concepts.append(found)
    if not (names or concepts):
        return
    term = context.part(resource, "variable", *(words for words, _ in names), *concepts[:1])
    context.add(resource, "schema:variableMeasured", term)
    context.type(term, "odk:Variable", "schema:PropertyValue")
    context.texts(term, "schema:name", names)
    for found in concepts:
        is_concept = any(found.startswith(begin) for begin in _VOCABULARIES)
        if is_concept:
            context.add(resource, "schema:variableMeasured", values.iri(found))
        context.add(term, "skos:exactMatch" if is_concept else "rdfs:seeAlso", values.iri(found))
    for path, predicate in (("description", "dct:description"), ("alternateName", "skos:altLabel")):
        for found_node in reader.find(node, path):
            context.texts(term, predicate, said(context, found_node))
    for path in ("unitText", "unitCode"):
        for words in filter(None, (reader.string_at(node, path),)):
            unit = canonical(words) if words.startswith(("http", "SDN:")) else None
            if unit and values.is_iri(unit):
                context.add(term, "schema:unitCode", values.iri(unit))
            else:
                context.add(term, "schema:unitText", values.text(words))
    for path, predicate in (("minValue", "schema:minValue"), ("maxValue", "schema:maxValue")):
        if (number := values.number(reader.string_at(node, path))) is not None:
            context.add(term, predicate, values.decimal(number))


_VOCABULARIES: Final = (
    "http://vocab.nerc.ac.uk/", "https://gcmd.earthdata.nasa.gov/kms/concept/", "http://mmisw.org/ont/cf/",
    "http://purl.obolibrary.org/obo/", "http://rs.tdwg.org/dwc/", "http://qudt.org/vocab/",
)  # fmt: skip
