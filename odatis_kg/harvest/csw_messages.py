"""The messages of CSW 2.0.2 (OGC 07-006r1) and 3.0 (OGC 12-176r7): requests as XML and as key-value pairs, answers read.

What must stay true: an answer is read with the safe parser of mapping and never trusted to be what was asked for; a
record is cut out of it by the same function that cuts records out of a saved answer, so that both have the same bytes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from odatis_kg.mapping import xml
from odatis_kg.mapping.errors import RefusedError

ISO_19115_3: Final = "http://standards.iso.org/iso/19115/-3/mdb/2.0"
ISO_19115_3_OLD: Final = "http://standards.iso.org/iso/19115/-3/mdb/1.0"
GMD: Final = "http://www.isotc211.org/2005/gmd"
GMI: Final = "http://www.isotc211.org/2005/gmi"
V2: Final = "2.0.2"
V3: Final = "3.0.0"
DUBLIN_CORE: Final = {V2: "http://www.opengis.net/cat/csw/2.0.2", V3: "http://www.opengis.net/cat/csw/3.0"}
ISO: Final[tuple[str, ...]] = (ISO_19115_3, ISO_19115_3_OLD, GMD, GMI)  # the richest first

_FILTER: Final = {V2: "http://www.opengis.net/ogc", V3: "http://www.opengis.net/fes/2.0"}
_TYPES: Final = {ISO_19115_3: "mdb:MD_Metadata", ISO_19115_3_OLD: "mdb:MD_Metadata", GMD: "gmd:MD_Metadata"}
_RDF_ABOUT: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_PREFIXES: Final = {
    "apiso": "http://www.opengis.net/cat/csw/apiso/1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dct": "http://purl.org/dc/terms/",
    "gmd": GMD,
    "gmi": GMI,
    "mdb": ISO_19115_3,
    "ows": "http://www.opengis.net/ows",
}
# Codes by which a service says that it does not take the request itself (OWS Common 06-121r9, table 25; 07-006r1, 10.3.7).
_REFUSALS: Final = {
    "InvalidParameterValue",
    "MissingParameterValue",
    "OperationNotSupported",
    "OptionNotSupported",
    "OperationParsingFailed",
    "VersionNegotiationFailed",
}


class AnswerError(Exception):
    """An answer that is not what was asked for; the message says what it is instead."""


class ReportedError(AnswerError):
    """An OWS exception report; `refusal` says that the request itself is not taken, whatever the records are."""

    def __init__(self, code: str, locator: str, text: str) -> None:
        where = f" ({locator})" if locator else ""
        super().__init__(
            f"the server reports {code or 'an exception'}{where}: {text or 'without a word of explanation'}"
        )
        self.code = code
        self.refusal = code in _REFUSALS


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a service says it can do; empty where it says nothing."""

    version: str
    versions: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    queryables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """How records are asked for: all that stays the same from page to page.

    `sort` is the queryable to order by, empty for no order; `compared` the one that has to be a date, `since`, or later,
    both empty when everything is wanted.
    """

    version: str
    schema: str
    types: str
    sort: str = ""
    compared: str = ""
    since: str = ""
    cql: str = ""
    elements: str = "full"


@dataclass(frozen=True, slots=True)
class Results:
    """A page of results: what the server counts (None where it does not say) and the record elements, in order."""

    matched: int | None
    next: int | None
    records: tuple[xml.Parsed, ...]


# Requests


def capabilities_parameters(version: str) -> dict[str, str]:
    """GetCapabilities as key-value pairs; `version` too, which services older than OWS Common go by."""
    return {"service": "CSW", "request": "GetCapabilities", "version": version, "acceptVersions": version}


def records_parameters(query: Query, position: int, size: int) -> dict[str, str]:
    """GetRecords as key-value pairs; a size of 0 asks for the count only."""
    parameters = {
        "service": "CSW",
        "version": query.version,
        "request": "GetRecords",
        "typeNames": query.types,
        "outputSchema": query.schema,
        "outputFormat": "application/xml",
        "elementSetName": query.elements,
        "startPosition": str(position),
        "maxRecords": str(size),
    }
    if query.version == V2:
        parameters["resultType"] = "results" if size else "hits"
        if not size:
            del parameters["maxRecords"], parameters["startPosition"]
        prefix = query.types.partition(":")[0]
        if namespace := _PREFIXES.get(prefix, DUBLIN_CORE[V2] if prefix == "csw" else ""):
            parameters["namespace"] = f"xmlns({prefix}={namespace})"
    if constraint := cql_of(query):
        parameters |= {
            "constraintLanguage": "CQL_TEXT",
            "constraint_language_version": "1.1.0",
            "constraint": constraint,
        }
    if query.sort:
        parameters["sortBy"] = f"{query.sort}:A"
    return parameters


def records_body(query: Query, position: int, size: int) -> bytes:
    """GetRecords as XML; a size of 0 asks for the count only."""
    csw, fes = DUBLIN_CORE[query.version], _FILTER[query.version]
    reference = f"{{{fes}}}{'PropertyName' if query.version == V2 else 'ValueReference'}"
    root = _request("GetRecords", query)
    if query.version == V2:
        root.set("resultType", "results" if size else "hits")
    if size or query.version == V3:
        root.set("startPosition", str(position))
        root.set("maxRecords", str(size))
    inner = etree.SubElement(root, f"{{{csw}}}Query", typeNames=query.types)
    etree.SubElement(inner, f"{{{csw}}}ElementSetName").text = query.elements
    if query.cql or query.since:
        constraint = etree.SubElement(inner, f"{{{csw}}}Constraint", version="1.1.0")
        if query.cql:
            etree.SubElement(constraint, f"{{{csw}}}CqlText").text = cql_of(query)
        else:
            whole = etree.SubElement(constraint, f"{{{fes}}}Filter")
            compared = etree.SubElement(whole, f"{{{fes}}}PropertyIsGreaterThanOrEqualTo")
            etree.SubElement(compared, reference).text = query.compared
            etree.SubElement(compared, f"{{{fes}}}Literal").text = query.since
    if query.sort:
        by = etree.SubElement(etree.SubElement(inner, f"{{{fes}}}SortBy"), f"{{{fes}}}SortProperty")
        etree.SubElement(by, reference).text = query.sort
        etree.SubElement(by, f"{{{fes}}}SortOrder").text = "ASC"
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def record_parameters(query: Query, identifier: str) -> dict[str, str]:
    """GetRecordById as key-value pairs."""
    return {
        "service": "CSW",
        "version": query.version,
        "request": "GetRecordById",
        "id": identifier,
        "outputSchema": query.schema,
        "outputFormat": "application/xml",
        "elementSetName": "full",
    }


def record_body(query: Query, identifier: str) -> bytes:
    """GetRecordById as XML."""
    csw = DUBLIN_CORE[query.version]
    root = _request("GetRecordById", query)
    etree.SubElement(root, f"{{{csw}}}Id").text = identifier
    etree.SubElement(root, f"{{{csw}}}ElementSetName").text = "full"
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _request(name: str, query: Query) -> xml.Parsed:
    csw = DUBLIN_CORE[query.version]
    prefixes = {"csw": csw, "ogc" if query.version == V2 else "fes": _FILTER[query.version], **_PREFIXES}
    if query.version == V3:
        prefixes |= {"csw30": csw, "ows": "http://www.opengis.net/ows/2.0"}
    if query.schema == ISO_19115_3_OLD:
        prefixes["mdb"] = ISO_19115_3_OLD
    root = etree.Element(f"{{{csw}}}{name}", nsmap=prefixes, service="CSW", version=query.version)
    root.set("outputSchema", query.schema)
    root.set("outputFormat", "application/xml")
    return root


def cql_of(query: Query) -> str:
    """The constraint as CQL text; empty when everything is asked for."""
    if not query.since:
        return query.cql
    limit = f"{query.compared} >= '{query.since}'"
    if not query.cql:
        return limit
    # Parentheses only where they are needed: some services read simple comparisons only.
    outside = re.sub(r"'[^']*'", "", query.cql)
    chosen = f"({query.cql})" if re.search(r"\bor\b", outside, re.IGNORECASE) else query.cql
    return f"{chosen} and {limit}"


# What to ask for, of what is offered


def schemas_for(offered: Capabilities, wanted: str) -> list[str]:
    """The output schemas to try, in this order: the wanted one, or the richest of those offered.

    A service that lists none is asked for ISO 19139, which nearly all have, and else for Dublin Core, which all must have
    (07-006r1, 10.2.5). One that lists an ISO schema and refuses it is not asked for Dublin Core: every record would seem
    to be replaced by a poorer one.
    """
    if wanted != "auto":
        return [wanted]
    known = [schema for schema in ISO if schema in offered.schemas]
    if offered.schemas:
        return known or [DUBLIN_CORE[offered.version]]
    return [GMD, DUBLIN_CORE[offered.version]]


def types_for(offered: Capabilities, schema: str) -> str:
    """The type to query for an output schema, in the service's own spelling where it lists it."""
    own = _TYPES.get(schema)
    if own and (own in offered.types or not offered.types):
        return own
    records = [name for name in offered.types if name.rpartition(":")[2] == "Record"]
    return "csw:Record" if "csw:Record" in records or not records else records[0]


def queryables_for(offered: Capabilities, name: str, schema: str) -> list[str]:
    """The queryables of a name (`identifier`, `modified`) to try, the likeliest first.

    The application profile for ISO metadata (07-045r1, table 6) has it with the prefix apiso, which some services leave
    out; Dublin Core with dc or dct.
    """
    dublin_core = f"{'dct' if name == 'modified' else 'dc'}:{name}"
    usual = (
        [f"apiso:{name.capitalize()}", dublin_core] if schema in ISO else [dublin_core, f"apiso:{name.capitalize()}"]
    )
    listed = [one for one in offered.queryables if one.rpartition(":")[2].lower() == name]
    # What is listed and usual, then what is listed, then what is usual.
    return list(dict.fromkeys([*(one for one in usual if one in listed), *listed, *([] if listed else usual)]))


# Answers


def read_capabilities(content: bytes) -> Capabilities:
    """What a capabilities document says.

    Raises:
        ReportedError, AnswerError: it is something else.
    """
    root = _parsed(content)
    if xml.local_name(root) != "Capabilities":
        raise AnswerError(f"the server answers GetCapabilities with <{xml.local_name(root)}>; is this a CSW?")
    version = root.get("version") or (V3 if root.tag.startswith(f"{{{DUBLIN_CORE[V3]}}}") else V2)
    operations = [one for one in root.iter("{*}Operation") if one.get("name") == "GetRecords"]
    places = [*operations, *root.iter("{*}OperationsMetadata")]
    return Capabilities(
        version=V3 if version.startswith("3") else V2,
        versions=tuple(_texts(root.iterfind("{*}ServiceIdentification/{*}ServiceTypeVersion"))),
        schemas=tuple(_values(places, "Parameter", "outputschema")),
        types=tuple(_values(places, "Parameter", "typenames", "typename")),
        queryables=tuple(
            value
            for operation in operations
            for constraint in operation.iterfind("{*}Constraint")
            if "queryable" in constraint.get("name", "").lower()
            for value in _texts(constraint.iter("{*}Value"))
        ),
    )


def _values(places: list[xml.Parsed], kind: str, *names: str) -> Iterator[str]:
    """The values a parameter may have, where it is described first."""
    for place in places:
        for parameter in place.iterfind(f"{{*}}{kind}"):
            if parameter.get("name", "").lower() in names:
                yield from _texts(parameter.iter("{*}Value"))
                return


def read_results(content: bytes) -> Results:
    """A page of results.

    Raises:
        ReportedError: an exception report instead.
        AnswerError: anything else, such as an HTML page or XML that is cut off.
    """
    root = _parsed(content)
    results = root.find("{*}SearchResults") if xml.local_name(root) == "GetRecordsResponse" else None
    if results is None:
        raise AnswerError(f"the server answers GetRecords with <{xml.local_name(root)}> without results")
    records = tuple(one for one in results if xml.local_name(one) != "FederatedSearchResult")
    return Results(_count(results.get("numberOfRecordsMatched")), _count(results.get("nextRecord")), records)


def read_record(content: bytes) -> xml.Parsed | None:
    """The record of an answer to GetRecordById: inside an element of its own in 2.0.2, by itself in 3.0; None when there
    is none.

    Raises:
        ReportedError, AnswerError: as for `read_results`.
    """
    root = _parsed(content)
    if xml.local_name(root) != "GetRecordByIdResponse":
        return root
    return next(iter(root), None)


def _parsed(content: bytes) -> xml.Parsed:
    if re.match(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+)?html[\s>]", content[:1024], re.IGNORECASE):
        raise AnswerError(
            "the server answers with an HTML page instead of XML: a web page, a login or an error page? Give the address"
            " of the CSW itself"
        )
    try:
        root = xml.parse_as_sent(content)
    except RefusedError as error:
        raise AnswerError(f"the server's answer cannot be read: {error}") from None
    name = xml.local_name(root)
    if name == "html":
        raise AnswerError("the server answers with an HTML page instead of XML; give the address of the CSW itself")
    if name in ("ExceptionReport", "ServiceExceptionReport"):
        raise reported(root)
    return root


def reported(root: xml.Parsed) -> ReportedError:
    """An exception report as an exception; several exceptions in it are told one after the other."""
    found = [*root.iterfind("{*}Exception"), *root.iterfind("{*}ServiceException")]
    code = next((code for one in found if (code := one.get("exceptionCode") or one.get("code"))), "")
    locator = next((text for one in found if (text := one.get("locator"))), "")
    text = "; ".join(" ".join(xml.all_text(one).split()) for one in found)
    return ReportedError(code, locator, text[:500])


def identifier_of(record: xml.Parsed) -> str:
    """The record's own identifier in any of the schemas; empty when it says none."""
    for path in ("{*}fileIdentifier", "{*}metadataIdentifier/*/{*}code", f"{{{_PREFIXES['dc']}}}identifier"):
        if found := next(_texts(record.iterfind(path)), ""):
            return found
    if xml.local_name(record) == "RDF" and len(record):  # a record as DCAT
        return record[0].get(_RDF_ABOUT, "")
    return ""


def modified_of(record: xml.Parsed) -> str:
    """The record's own date of change in any of the schemas; empty when it says none."""
    paths = ("{*}dateStamp", "{*}dateInfo/*/{*}date", f"{{{_PREFIXES['dct']}}}modified")
    return max((text for path in paths for text in _texts(record.iterfind(path))), default="")


def _texts(elements: Iterable[xml.Parsed]) -> Iterator[str]:
    for element in elements:
        if text := " ".join(xml.all_text(element).split()):
            yield text


def _count(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isdecimal() and len(text) < 19 else None
