"""Lists of NVS, and mappings between them, as its web service and its SPARQL endpoint answer."""

import re
from typing import Final

from odatis_kg.mapping import xml
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import NvsTerm, nvs
from odatis_kg.mapping.json import document_of
from odatis_kg.mapping.listing import THE_LIST, ListReader
from odatis_kg.mapping.lists.entries import Entries, sha
from odatis_kg.mapping.vocabularies import VocabularyName
from odatis_kg.namespaces import PREFIXES


def is_nvs(root: xml.Parsed) -> bool:
    """Whether a document is a list, or the list of lists, as the web service of NVS gives it."""
    name = xml.local_name(root)
    one = root if name == "vocabulary" else next(iter(root), None) if name == "vocabularies" else None
    return one is not None and (one.get("list") or "").startswith("SDN:")


def read_nvs(content: bytes) -> ListReader:
    """A list of NVS with key, label, short label and date of each concept; or the list of its lists."""
    root = xml.parse(content)
    found = Entries()
    if xml.local_name(root) == "vocabularies":
        for one in root:
            number = found.entry(_collection(one.get("list")), one.get("list") or "")
            if number is not None:
                _attributes(found, number, one, ("title", "version", "date"))
        scheme = "http://vocab.nerc.ac.uk/collection/"
        return found.reader(VocabularyName("nvs", "collections", sha(content)), "", scheme, "skos:Collection")
    _attributes(found, THE_LIST, root, ("title", "version", "date"))
    for one in root:
        key = one.get("key") or ""
        number = found.entry(_concept(key), key)
        if number is not None:
            _attributes(found, number, one, ("key", "label", "shortLabel", "date", "group"))
    scheme = _collection(root.get("list")) or ""
    name = nvs(scheme)
    if name is None:
        raise RefusedError(f"a list of NVS without a usable name: '{root.get('list')}'")
    version = root.get("version") or sha(content)
    return found.reader(VocabularyName("nvs", name.collection, version, "labels"), root.get("date") or "", scheme)


def _attributes(found: Entries, entry: int, element: xml.Parsed, known: tuple[str, ...]) -> None:
    for column in (*known, *sorted(str(one) for one in element.attrib if one not in (*known, "list"))):
        found.add(entry, column, element.get(column), at=element)


# NVS calls every list of its own SDN:...; elsewhere a URN may also be of a directory such as SDN:EDMO, which `nvs` knows.
_URN: Final = re.compile(r"SDN:([A-Z][A-Z0-9]{1,3}):\d*:([^:/\s]*)")


def _collection(urn: str | None) -> str | None:
    """The IRI of a collection given as `SDN:P02:127:`."""
    found = _URN.fullmatch(urn or "")
    return NvsTerm(found[1], None).iri if found else None


def _concept(urn: str) -> str | None:
    """The IRI of a concept given as `SDN:P02::TEMP` or `SDN:P02:127:TEMP`."""
    found = _URN.fullmatch(urn)
    return NvsTerm(found[1], found[2]).iri if found and found[2] else None


def is_nvs_mapping(root: xml.Parsed) -> bool:
    """Whether a document is a mapping between two lists as the web service of NVS gives it."""
    return xml.local_name(root) == "mapping" and root.find("vocabulary") is not None and root.find("mapped") is not None


def read_nvs_mapping(content: bytes) -> ListReader:
    """What concepts of one list of NVS are to those of another; a cell is `exact`, `broad` ... or a property of SKOS."""
    return _mapping_in_json(content) if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else _mapping_in_xml(content)


def _mapping_in_xml(content: bytes) -> ListReader:
    root = xml.parse(content)
    found = Entries()
    sides = [one for one in (root.find("vocabulary"), root.find("mapped/vocabulary")) if one is not None]
    lists = [_collection(one.get("list")) or "" for one in sides]
    within = len(set(lists)) == 1
    for match in root.iter("match"):
        subject = match.find("element")
        key = subject.get("key") or "" if subject is not None else ""
        number = found.entry(_concept(key), key)
        if subject is None or number is None:
            continue
        found.add(number, "label", subject.get("label"), at=subject)
        for relation in match:
            for other in relation.iterfind("element"):
                name = xml.local_name(relation)
                column = "exact within" if within and name == "exact" else name
                found.add(number, column, _concept(other.get("key") or "") or other.get("key"), at=other)
                found.add(number, "label", other.get("label"), at=other)
    versions = "-".join(one.get("version") or "0" for one in sides)
    return _mapping(found, lists, versions, max((one.get("date") or "" for one in sides), default=""))


def _mapping_in_json(content: bytes) -> ListReader:
    document = document_of(content)
    data = document["data"]
    found = Entries()
    lists: list[str] = []
    for row in data["content"]["results"]["bindings"]:
        subject, predicate, object_ = (_bound(row, name) for name in ("subj", "pred", "obj"))
        number = found.entry(term.iri if (term := nvs(subject)) and term.code else None, subject)
        if number is None:
            continue
        for prefix in ("skos", "owl"):
            if predicate.startswith(PREFIXES[prefix]):  # the server ends properties with a slash
                predicate = f"{prefix}:{predicate.removeprefix(PREFIXES[prefix]).rstrip('/')}"
        found.add(number, predicate, object_)
        lists = lists or [f"{one.iri.removesuffix(f'{one.code}/')}" for one in (nvs(subject), nvs(object_)) if one]
    modified = str(document.get("last_update") or "")
    found.add(THE_LIST, "modified", modified)
    found.add(THE_LIST, "title", document.get("long_name"))
    found.add(THE_LIST, "query", data.get("sparql"))
    return _mapping(found, lists, modified[:10] or sha(content), modified)


def _bound(row: object, name: str) -> str:
    """What a variable is in a row of an answer (SPARQL 1.1 Query Results JSON Format, section 3.2.2); empty when unbound."""
    term = row.get(name) if isinstance(row, dict) else None
    return str(term.get("value") or "") if isinstance(term, dict) else ""


def _mapping(found: Entries, lists: list[str], version: str, modified: str) -> ListReader:
    codes = [term.collection for one in lists if (term := nvs(one))]
    if len(codes) != 2:
        raise RefusedError("a mapping of NVS that does not say between which two lists")
    # The service names the lists in the order they were asked for, which need not be that of the matches.
    first = nvs(next(iter(found.numbers), lists[0]))
    ordered = lists if first is None or first.collection == codes[0] else lists[::-1]
    found.add(THE_LIST, "from list", ordered[0])
    found.add(THE_LIST, "to list", ordered[1])
    return found.reader(VocabularyName("nvs", "-".join(codes), version, "mapping"), modified, "", "")
