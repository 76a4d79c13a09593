"""Kinds of record: what a file or a protocol answer contains, told from its content, and split into records.

What must stay true: nothing is guessed from a file's name; whatever is not a record is refused with a reason a data
manager can act on; one bad record never hides the others of the same answer.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from lxml import etree

from odatis_kg.mapping import datacite_xml, dcat, lists, rdf, schema_org, xml
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import doi, orcid
from odatis_kg.mapping.json import document_of
from odatis_kg.namespaces import PREFIXES
from odatis_kg.times import written

SCANNER_VERSION: Final = "3"


class Kind(StrEnum):
    """The kinds of record that are mapped; each has its tables in `mappings/kinds.yaml`."""

    ISO19139 = "iso19139"
    ISO19115_3 = "iso19115-3"
    CDI = "cdi"
    CSR = "csr"
    ORCID = "orcid"
    DATACITE = "datacite"
    DUBLIN_CORE = "dublin-core"
    PANGAEA = "pangaea"
    SCHEMA_ORG = "schema-org"
    DCAT = "dcat"
    SKOS = "skos"
    NVS_LIST = "nvs-list"
    NVS_MAPPING = "nvs-mapping"
    GCMD_CSV = "gcmd-csv"
    CF = "cf"
    AODN = "aodn"
    EDMO = "edmo"
    EDMERP = "edmerp"

    @property
    def is_global(self) -> bool:
        """Whether a record of this kind is the same record in whichever source it is found (a person, a vocabulary)."""
        return self is Kind.ORCID or self.is_vocabulary

    @property
    def is_vocabulary(self) -> bool:
        """Whether a record of this kind is a list of an authority: concepts, mappings of concepts, organisations, projects."""
        return self is Kind.SKOS or self in lists.READERS


@dataclass(frozen=True)
class Found:
    """A record found in a file: its kind, its own identifier, its own date of change (empty when unstated), its bytes."""

    kind: Kind
    key: str
    modified: str
    content: bytes = field(repr=False)
    warning: str = ""


@dataclass(frozen=True)
class SourceRecord:
    """One version of a record of a source: what mapping starts from."""

    source: str
    key: str
    kind: Kind
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Refusal:
    """Something in a file that is not mapped: what it is, where in the file, and why."""

    reason: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


@dataclass(frozen=True)
class Scan:
    """What a file contains, in document order."""

    records: tuple[Found, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Limits:
    """Bounds on one record, in bytes."""

    record_bytes: int = 64_000_000


def scan(content: bytes, limits: Limits | None = None) -> Scan:
    """The records in the bytes of a file or a protocol answer (already decompressed)."""
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    limits = limits or Limits()
    if not start:
        return _refused("the file is empty")
    if re.match(rb"<!doctype\s+html|<html[\s>]", start, re.IGNORECASE):
        return _refused(
            "an HTML page, not a record: a page of the catalogue, a login or an error page saved by mistake?"
        )
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or (start.startswith(b"<") and _looks_like_xml(start)):
        return _bounded(_scan_xml(content), limits)
    if start[:1] in b"{[" and not rdf.looks_like_turtle(start):
        return _bounded(_scan_json(content), limits)
    if b"\x00" in start:
        return _refused("the file is binary; XML, JSON and RDF text are read")
    if rdf.looks_like_turtle(start):
        return _bounded(_scan_rdf(content, rdf.Syntax.TURTLE), limits)
    if lists.is_gcmd_csv(start):
        return _bounded(_scan_list(content, Kind.GCMD_CSV), limits)
    if re.match(rb'"?earth science\s*[>|]', start, re.IGNORECASE):
        return _refused(
            "GCMD keywords without their UUIDs, which name no concept; give the export of GCMD's keyword server (RDF or CSV)"
        )
    return _refused(
        "neither XML nor JSON nor RDF; of tables (CSV, text) only the exports of GCMD's keyword server, with a column UUID,"
        " are mapped: give the XML, JSON or RDF export"
    )


def _scan_list(content: bytes, kind: Kind) -> Scan:
    """A list of an authority in a format of its own: one record."""
    try:
        found = lists.READERS[kind](content)
    except RefusedError as error:
        return _refused(str(error))
    return Scan(records=(Found(kind, found.name.key, found.modified, content),))


def _looks_like_xml(start: bytes) -> bool:
    return re.match(rb"<(?:\?xml|!--|!DOCTYPE|[A-Za-z_][\w.-]*(?:[:\s/>]))", start) is not None and not re.match(
        rb"<[a-z][a-z0-9+.-]*://?", start
    )


def _bounded(found: Scan, limits: Limits) -> Scan:
    records, refusals = [], list(found.refusals)
    for record in found.records:
        if len(record.content) > limits.record_bytes:
            reason = (
                f"record {record.key} has {len(record.content):,} bytes, more than the {limits.record_bytes:,} allowed"
            )
            refusals.append(Refusal(f"{reason} (input.record_mb)"))
        else:
            records.append(record)
    return Scan(tuple(records), tuple(refusals))


def _refused(reason: str, where: str = "") -> Scan:
    return Scan(refusals=(Refusal(reason, where),))


_NO_IDENTIFIER: Final = (
    "the record says no identifier; one was made from its content and will change when the record does"
)


def content_key(content: bytes) -> str:
    """The key of a record that says no identifier: made from its content, so it changes when the record does."""
    return f"sha256-{hashlib.sha256(content).hexdigest()[:24]}"


# XML

_RECORD_ROOTS: Final = {
    f"{{{xml.NAMESPACES['gmd']}}}MD_Metadata": Kind.ISO19139,
    f"{{{xml.NAMESPACES['gmi']}}}MI_Metadata": Kind.ISO19139,
    f"{{{xml.NAMESPACES['mdb']}}}MD_Metadata": Kind.ISO19115_3,
}
# Profiles whose root element is their own: local name -> the standard they extend, told by the namespace of the children.
_PROFILE_ROOTS: Final = {"MD_Metadata", "MI_Metadata", "CHE_MD_Metadata"}
_DUBLIN_CORE_ROOTS: Final = {
    f"{{{xml.NAMESPACES['oai_dc']}}}dc",
    f"{{{xml.NAMESPACES['csw']}}}Record",
    "{http://www.opengis.net/cat/csw/3.0}Record",
}
_DCAT: Final = dcat.NAMESPACE.decode()
_ENVELOPES: Final = {
    "GetRecordsResponse", "GetRecordByIdResponse", "SearchResults", "OAI-PMH", "record", "metadata", "ListRecords",
    "GetRecord", "Response", "response", "records",
}  # fmt: skip
_OTHER_RECORDS: Final = {
    "SummaryRecord": "a summary record of CSW; ask for ElementSetName full",
    "BriefRecord": "a brief record of CSW; ask for ElementSetName full",
    "DIF": "a DIF record, a kind that is not mapped; ask for its ISO form",
    "FC_FeatureCatalogue": "an ISO 19110 feature catalogue, a kind that is not mapped",
}


def _scan_xml(content: bytes) -> Scan:
    if rdf.looks_like_rdf_xml(content[:4096].removeprefix(b"\xef\xbb\xbf")):
        return _scan_rdf_xml(content)
    try:
        root = xml.parse(content)
    except RefusedError as error:
        return _refused(str(error))
    name = xml.local_name(root)
    if name == "RDF" or etree.QName(root).namespace == _DCAT:
        return _scan_rdf(content, rdf.Syntax.RDF_XML)
    if kind := _kind_of(root):
        return _one(root, kind, content)
    if (list_kind := lists.kind_of_xml(root)) is not None:
        return _scan_list(content, Kind(list_kind))
    if name == "ExceptionReport":
        said = " ".join(xml.all_text(root).split())[:300]
        return _refused(f"the server answered with an error instead of records: {said}")
    if name == "Capabilities":
        return _refused("a description of a service (GetCapabilities), which holds no record")
    return _scan_envelope(root, xml.parse_as_sent(content))


def _one(root: xml.Parsed, kind: Kind, content: bytes) -> Scan:
    try:
        return Scan(records=(_found(root, kind, content),))
    except ValueError as error:
        return _refused(str(error))


def _scan_envelope(root: xml.Parsed, as_sent: xml.Parsed) -> Scan:
    """The records of an answer, read in one tree and cut out of another, whose namespaces nobody touched."""
    twins = dict(zip(root.iter(), as_sent.iter(), strict=True))
    records: list[Found] = []
    refusals: list[Refusal] = []
    for element in _record_elements(root):
        where = f"line {element.sourceline}"
        kind = _kind_of(element)
        if kind is None:
            what = _OTHER_RECORDS.get(xml.local_name(element), "")
            if what:
                refusals.append(Refusal(f"{what}", where))
            continue
        try:
            records.append(_found(element, kind, xml.on_its_own(twins[element])))
        except ValueError as error:
            refusals.append(Refusal(str(error), where))
    for element in root.iter(f"{{{PREFIXES['rdf']}}}RDF"):
        # A catalogue that answers with DCAT (CSW): as many resources as the answer holds.
        found = _dcat_records(etree.tostring(element, encoding="UTF-8", with_tail=False), rdf.Syntax.RDF_XML)
        records += found.records if found else ()
        refusals += found.refusals if found else ()
    if not records and not refusals:
        if deleted := sum(1 for header in root.iter("{*}header") if header.get("status") == "deleted"):
            return _refused(f"{deleted} record(s) that the source marks as deleted, and no other")
        answer = root.find(".//{*}error")
        if answer is not None and answer.get("code"):
            said = f"the server answered with the error '{answer.get('code')}': {answer.text or ''}"
            return _refused(said.rstrip(": "))
        if any("orcid.org" in namespace for namespace in root.nsmap.values()):
            return _refused("an ORCID answer in XML; ask for JSON (Accept: application/json)")
        return _refused(
            f"an XML document <{xml.local_name(root)}> that holds no record of a kind that is mapped"
            " (ISO 19115/19139, Dublin Core, DataCite, PANGAEA, lists of NVS, CF and EDMERP)"
        )
    return Scan(tuple(records), tuple(refusals))


def _record_elements(root: xml.Parsed) -> Iterator[xml.Parsed]:
    """The outermost elements below an envelope that are records of some kind, in document order."""
    pending = [root]
    while pending:
        element = pending.pop()
        name = xml.local_name(element)
        if _kind_of(element) is not None or (name in _OTHER_RECORDS and name not in _ENVELOPES):
            yield element
        elif name in _ENVELOPES or element is root:
            pending.extend(reversed(element))


def _kind_of(element: xml.Parsed) -> Kind | None:
    kind = _RECORD_ROOTS.get(element.tag)
    if kind is None and xml.local_name(element) in _PROFILE_ROOTS:
        namespaces = {child.tag.partition("}")[0][1:] for child in element}
        if xml.NAMESPACES["gmd"] in namespaces:
            kind = Kind.ISO19139
        elif xml.NAMESPACES["mdb"] in namespaces:
            kind = Kind.ISO19115_3
    if element.tag == f"{{{xml.NAMESPACES['md']}}}MetaData":
        return Kind.PANGAEA
    if kind is None and element.tag in _DUBLIN_CORE_ROOTS:
        return Kind.DUBLIN_CORE
    if kind is None and datacite_xml.is_datacite(element):
        return Kind.DATACITE
    if kind is Kind.ISO19139:
        for level in element.findall(f"{{{xml.NAMESPACES['gmd']}}}hierarchyLevelName/{{*}}SDN_HierarchyLevelNameCode"):
            return {"CSR": Kind.CSR, "CDI": Kind.CDI}.get((level.get("codeListValue") or "").strip().upper(), kind)
    return kind


def _path(prefixed: str) -> str:
    """A path such as `gmd:fileIdentifier` in the notation of ElementTree."""
    return re.sub(r"(\w+):", lambda found: f"{{{xml.NAMESPACES[found[1]]}}}", prefixed)


_IDENTIFIER_PATHS: Final = (
    _path("gmd:fileIdentifier"),
    _path("mdb:metadataIdentifier/*/mcc:code"),
    _path(".//gmd:identificationInfo/*/gmd:citation/*/gmd:identifier/*/gmd:code"),
    _path(".//mdb:identificationInfo/*/mri:citation/*/cit:identifier/*/mcc:code"),
)
_MODIFIED_PATHS: Final = (
    _path("gmd:dateStamp"),
    _path("mdb:dateInfo/*/cit:date"),
)


def _found(root: xml.Parsed, kind: Kind, content: bytes) -> Found:
    if len(root) == 0:
        raise ValueError("the record is empty")
    if kind is Kind.DATACITE:
        outcome = _datacite_record(datacite_xml.as_json(root), content)
        if isinstance(outcome, str):
            raise ValueError(outcome)
        return outcome
    if kind is Kind.PANGAEA:
        stated = next(_texts(root, (_path("md:citation/md:URI"),)), "")
        bare = doi(stated)
        key = f"pangaea:{bare.replace('/', ':')}" if bare else stated or content_key(content)
        return Found(kind, key, next(_texts(root, (_path("md:citation/md:dateTime"),)), ""), content)
    if kind is Kind.DUBLIN_CORE:
        return _dublin_core_record(root, content)
    key = next(_texts(root, _IDENTIFIER_PATHS), "")
    warning = ""
    if not key:
        key = content_key(content)
        warning = _NO_IDENTIFIER
    return Found(kind, key, max(_texts(root, _MODIFIED_PATHS), default=""), content, warning)


def _dublin_core_record(root: xml.Parsed, content: bytes) -> Found:
    """A Dublin Core record: named by its DOI, else by its first identifier, else by the header of the OAI-PMH answer."""
    stated = list(_texts(root, (_path("dc:identifier"),)))
    above = next((one for one in root.iterancestors() if xml.local_name(one) == "record"), None)
    header = "" if above is None else next(_texts(above, (_path("oai:header/oai:identifier"),)), "")
    bare = next((found for text in stated if (found := doi(text))), None)
    named = bare.replace("/", ":") if bare else next(iter([*stated, header]), "")
    key = f"dc:{named}"  # the ISO form of a record has the same identifier, and is another record
    warning = ""
    if not named:
        key = content_key(content)
        warning = _NO_IDENTIFIER
    modified = "" if above is None else next(_texts(above, (_path("oai:header/oai:datestamp"),)), "")
    dates = [] if xml.local_name(root) == "dc" else list(_texts(root, (_path("dc:date"),)))
    return Found(Kind.DUBLIN_CORE, key, max([*dates, modified]), content, warning)


def _texts(root: xml.Parsed, paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        for element in root.iterfind(path):
            if text := " ".join(xml.all_text(element).split()):
                yield text


# JSON


def _scan_json(content: bytes) -> Scan:
    try:
        document = document_of(content)
    except RefusedError as error:
        return _refused(str(error))
    if schema_org.is_schema_org(document):
        return _scan_schema_org(document, content)
    if found := _dcat_records(content, rdf.Syntax.JSON_LD):
        return found
    if (list_kind := lists.kind_of_json(document)) is not None:
        return _scan_list(content, Kind(list_kind))
    data = document.get("data") if isinstance(document, dict) else None
    items = data if isinstance(data, list) else document if isinstance(document, list) else [document]
    if isinstance(document, dict) and isinstance(data, dict) and "attributes" in data:
        items = [data]
    records, refusals = [], []
    for number, item in enumerate(items, 1):
        where = f"item {number}" if len(items) > 1 else ""
        whole = content if len(items) == 1 else json.dumps(item, ensure_ascii=False, sort_keys=True).encode()
        outcome = _json_record(item, whole)
        if isinstance(outcome, Found):
            records.append(outcome)
        else:
            refusals.append(Refusal(outcome, where))
    if not records and not refusals:
        return _refused("a JSON document without any record")
    if not records and len(refusals) > 3 and len(Counter(refusal.reason for refusal in refusals)) == 1:
        return _refused(f"{refusals[0].reason} ({len(refusals)} items)")
    return Scan(tuple(records), tuple(refusals))


def _scan_schema_org(document: dict[str, Any], content: bytes) -> Scan:
    plain = list(schema_org.records(document))
    if not plain:
        graph = document.get("@graph")
        nodes = graph if isinstance(graph, list) else [document]
        types = sorted({one for node in nodes if isinstance(node, dict) for one in schema_org.types_of(node)})
        return _refused(f"schema.org JSON-LD about {', '.join(types)[:200]}, and no data set or publication")
    found = []
    for record in plain:
        whole = content if len(plain) == 1 and "@graph" not in document else _as_json(record)
        stated = [text for text in schema_org.names(record) if text]
        bare = next((name for text in stated if (name := doi(text))), None)
        key = bare.replace("/", ":") if bare else next(iter(stated), "")
        named = f"schema:{key}" if key else content_key(whole)
        warning = "" if key else _NO_IDENTIFIER
        found.append(Found(Kind.SCHEMA_ORG, named, str(record.get("dateModified") or ""), whole, warning))
    return Scan(tuple(found))


def _as_json(record: dict[str, Any]) -> bytes:
    return json.dumps({"@context": "https://schema.org/", **record}, ensure_ascii=False, sort_keys=True).encode()


def _json_record(item: Any, content: bytes) -> Found | str:
    if not isinstance(item, dict):
        return "a JSON value that is no record"
    if "orcid-identifier" in item:
        return _orcid_record(item, content)
    if (vocabulary := _vocabulary_in_json(item, content)) is not None:
        return vocabulary
    attributes = item["attributes"] if isinstance(item.get("attributes"), dict) else item
    is_datacite = "datacite" in str(attributes.get("schemaVersion", "")) or (
        {"titles", "creators"} <= attributes.keys() and ("doi" in attributes or "identifiers" in attributes)
    )
    if is_datacite:
        return _datacite_record(attributes, content)
    if "@context" in item:
        return "a JSON-LD document that is not schema.org's, which is not mapped: give ISO 19139 or DataCite JSON"
    if "group" in item or "works" in item or "put-code" in item:
        return "a part of an ORCID record (works); give the whole record as the ORCID API 3.0 answers it (/v3.0/{id}/record)"
    known = ", ".join(sorted(map(str, item))[:6])
    members = f"its members: {known}" if known else "it has no members"
    return (
        f"a JSON document of unknown kind ({members}); mapped are ORCID, DataCite, schema.org and lists of EDMO and NVS"
    )


def _datacite_record(attributes: dict[str, Any], content: bytes) -> Found | str:
    name = next((found for text in datacite_identifiers(attributes) if (found := doi(text))), None)
    if name is None:
        return "a DataCite record without a DOI, which nothing could refer to"
    modified = str(attributes.get("updated") or attributes.get("registered") or "")
    return Found(Kind.DATACITE, name, modified, content)


def datacite_identifiers(attributes: dict[str, Any]) -> Iterator[str]:
    """The texts of a DataCite record that may be its DOI, the most certain first."""
    yield str(attributes.get("doi") or "")
    for identifier in _many(attributes.get("identifiers")):
        if isinstance(identifier, dict) and str(identifier.get("identifierType", "")).upper() == "DOI":
            yield str(identifier.get("identifier") or "")
    identifier = attributes.get("identifier")
    yield str(identifier.get("identifier") or "") if isinstance(identifier, dict) else str(identifier or "")
    yield str(attributes.get("id") or "")


def _orcid_record(item: dict[str, Any], content: bytes) -> Found | str:
    identifier = item["orcid-identifier"] if isinstance(item["orcid-identifier"], dict) else {}
    stated = str(identifier.get("path") or "")
    address = str(identifier.get("uri") or f"https://orcid.org/{stated}")
    if not isinstance(item.get("person"), dict):
        return "an ORCID answer without the person section; give the whole record (/v3.0/{id}/record)"
    subject = orcid(address)
    if subject is None:
        return f"'{stated}' is not an ORCID iD: its check digit (ISO 7064 MOD 11-2) is wrong"
    history = item.get("history")
    changed = history.get("last-modified-date") if isinstance(history, dict) else None
    modified = changed.get("value") if isinstance(changed, dict) else None
    key = subject.removeprefix("https://").removeprefix("orcid.org/").replace("/", ":")
    return Found(Kind.ORCID, key, _epoch_milliseconds(modified), content)


def _epoch_milliseconds(value: object) -> str:
    from datetime import UTC, datetime

    if not isinstance(value, int) or not 0 <= value < 4_102_444_800_000:
        return ""
    return written(datetime.fromtimestamp(value / 1000, UTC))


# RDF


def _scan_rdf_xml(content: bytes) -> Scan:
    """A dump in RDF/XML, read as it comes: a whole P01 is never held as a tree, and one cut off is kept up to the cut."""
    try:
        xml.refuse_dtd(content)
        xml.refuse_deep(content)
    except RefusedError as error:
        return _refused(str(error))
    return _scan_rdf(content, rdf.Syntax.RDF_XML)


def _vocabulary_in_json(item: dict[str, Any], content: bytes) -> Found | str | None:
    """A vocabulary in JSON-LD, on its own or as the member `data` of an answer; None when it is something else."""
    document = item.get("data") if isinstance(item.get("data"), dict) else item
    graph = document.get("@graph") if isinstance(document, dict) else None
    nodes = graph if isinstance(graph, list) else [document]
    types = {
        str(one).rpartition(":")[2].rpartition("#")[2]
        for node in nodes
        if isinstance(node, dict)
        for one in _many(node.get("@type"))
    }
    if not types & {"Concept", "ConceptScheme"} or not isinstance(document, dict) or "@context" not in document:
        return None
    try:
        vocabulary = rdf.read(content, rdf.Syntax.JSON_LD)
    except RefusedError as error:
        return str(error)
    return Found(Kind.SKOS, vocabulary.name.key, vocabulary.modified, content)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _dcat_records(content: bytes, syntax: rdf.Syntax) -> Scan | None:
    """The datasets, series and services of a DCAT document, each by its description; None when it describes none."""
    if dcat.NAMESPACE not in content.replace(rb"\/", b"/"):
        return None
    try:
        found = list(dcat.descriptions(dcat.parse(content, syntax)))
    except RefusedError:
        return None  # whoever reads it next says why
    records = [
        Found(Kind.DCAT, f"dcat:{_dcat_name(one)}", one.modified, one.content) for one in found if not one.refusal
    ]
    refusals = [Refusal(one.refusal, one.name) for one in found if one.refusal]
    return Scan(tuple(records), tuple(refusals)) if found else None


def _dcat_name(one: dcat.Description) -> str:
    bare = doi(one.address)
    return bare.replace("/", ":") if bare else one.name


def _scan_rdf(content: bytes, syntax: rdf.Syntax) -> Scan:
    if (found := _dcat_records(content, syntax)) is not None:
        return found
    try:
        vocabulary = rdf.read(content, syntax)
    except RefusedError as error:
        return _refused(str(error))
    if lists.is_edmo_rdf(vocabulary.scheme):
        return _scan_list(content, Kind.EDMO)
    name = vocabulary.name
    return Scan(records=(Found(Kind.SKOS, name.key, vocabulary.modified, content),))
