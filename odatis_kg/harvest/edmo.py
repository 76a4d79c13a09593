"""EDMO, the European Directory of Marine Organisations: by SPARQL, or as a dump at some address.

The endpoint describes organisations with the W3C Organization Ontology and vCard. It is not documented; what is known of
it is `org:Organization` with `org:name`, `skos:altName`, `skos:notation`, `dct:modified`, `owl:deprecated`, `vcard:locality`
and `vcard:country-name`, and addresses and telephones below `org:hasSite` / `org:siteAddress`. So everything said of an
organisation and of the nodes below it is asked for; what has no place in the directory's own format is kept beside it.
What must stay true: the directory is handed over whole or not at all, in the format of its own JSON export, sorted by number.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from odatis_kg.harvest.client import HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import Http
from odatis_kg.harvest.sparql import Endpoint, Found, Question, Row, is_statement
from odatis_kg.harvest.statements import is_nameless, read, syntax_of, value_of
from odatis_kg.harvest.vocabulary import Listed, one, walk
from odatis_kg.mapping import rdf
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import directory_entry, edmo
from odatis_kg.namespaces import PREFIXES, compact
from odatis_kg.sources import EdmoSource

_DIRECTORY: Final = "SDN:EDMO::"  # its name in SeaDataNet, as its own export says
_PREFIXES: Final = "".join(f"PREFIX {prefix}: <{PREFIXES[prefix]}> " for prefix in ("dct", "org", "skos", "vcard"))
_THINGS: Final = "?thing a org:Organization . FILTER(isIRI(?thing))"
_BELOW: Final = (
    "org:hasPrimarySite?/org:hasSite?/org:siteAddress?/(vcard:hasAddress|vcard:hasTelephone|vcard:hasEmail)?"
)

# Where the directory's own export (JSON) has what a property says; of several properties, the first that says anything.
_NAMES: Final = ("org:name", "skos:prefLabel", "foaf:name", "vcard:organization-name", "vcard:fn", "rdfs:label")
_CODES: Final = ("skos:notation", "dct:identifier")
_PLACES: Final = {
    ("cntAddress", "delPoint"): ("vcard:street-address",),
    ("cntAddress", "city"): ("vcard:locality",),
    ("cntAddress", "adminArea"): ("vcard:region",),
    ("cntAddress", "postCode"): ("vcard:postal-code",),
    ("cntAddress", "country"): ("vcard:country-name",),
    ("cntAddress", "eMailAdd"): ("vcard:hasEmail", "vcard:email", "foaf:mbox", "schema:email"),
    ("cntPhone", "voiceNum"): ("vcard:hasTelephone", "vcard:tel", "foaf:phone", "schema:telephone"),
    ("cntPhone", "faxNum"): ("vcard:fax", "schema:faxNumber"),
    ("cntOnLineRes", "linkage"): ("foaf:homepage", "vcard:hasURL", "vcard:url", "foaf:page", "schema:url"),
}
_SCHEMES: Final = {"tel:": "vcard:hasTelephone", "mailto:": "vcard:hasEmail"}
_VALUE: Final = "vcard:hasValue"
_TYPE: Final = "rdf:type"


class EdmoClient:
    """A client of the directory."""

    def __init__(self, source: EdmoSource, http: Http) -> None:
        self._source = source
        self._http = http

    @property
    def incremental(self) -> bool:
        """Never: the directory is one list, asked for as a whole; a dump on condition that it changed."""
        return False

    def pages(self, start: Start) -> Iterator[Page]:
        """See `Client.pages`: the item comes with the last page."""
        return walk({"edmo": self._identifier}, start, self._directory)

    def one(self, identifier: str) -> Page:
        """The directory again."""
        if identifier != self._identifier:
            raise HarvestError(f"{identifier} is not what this source has; it has {self._identifier}")
        return one(identifier, self._directory("edmo", identifier, Validators()))

    @property
    def _identifier(self) -> str:
        return _DIRECTORY if self._source.way == "sparql" else self._source.url

    def _directory(self, code: str, identifier: str, validators: Validators) -> Iterator[Listed]:  # noqa: ARG002
        return self._asked() if self._source.way == "sparql" else self._dumped(validators)

    def _dumped(self, validators: Validators) -> Iterator[Listed]:
        url = self._source.url
        answer = self._http.get(url, etag=validators.etag, last_modified=validators.last_modified)
        if answer.status == 304:
            yield Listed(answer, unchanged=(url,))
            return
        item = Item(url, answer.content)
        if syntax_of(answer.content) not in (None, rdf.Syntax.JSON_LD):
            try:
                for _ in read(answer.content, url):
                    pass
            except RefusedError as error:
                item = Item(url, None, reason=f"{url} answered with {error}")
        yield Listed(answer, item)

    def _asked(self) -> Iterator[Listed]:
        question = Question(
            state=f"SELECT (COUNT(DISTINCT ?thing) AS ?organisations) (MAX(STR(?changed)) AS ?newest)"
            f" WHERE {{ {_THINGS} OPTIONAL {{ ?thing dct:modified ?changed }} }}",
            things=_THINGS,
            about=f"?thing {_BELOW} ?node . ?node ?property ?value",
            prefixes=_PREFIXES,
        )
        for step in Endpoint(self._source.url, self._http).walk(question, self._source.page_size):
            if step.found is None:
                yield Listed(step.answer, remark=step.remark)
            elif not step.found.things:
                reason = f"{self._source.url} describes no org:Organization"
                yield Listed(step.answer, Item(_DIRECTORY, None, reason=reason))
            else:
                item, remark = _directory(step.found)
                yield Listed(step.answer, item, remark)


# What is said of an organisation: texts by prefixed property, or by the whole IRI of one without a prefix.
_Said = dict[str, list[str]]


def _directory(found: Found) -> tuple[Item, str]:
    """The directory in the format of its own JSON export, by number; and how many entries have none."""
    organisations: dict[str, dict[str, list[Row]]] = {}
    for row in filter(is_statement, found.rows):
        organisations.setdefault(row["thing"], {}).setdefault(row.get("node", row["thing"]), []).append(row)
    entries: dict[int, dict[str, Any]] = {}
    newest = ""
    for thing, nodes in sorted(organisations.items()):
        said = _said(nodes)
        number = _number(value_of(thing), said)
        if number is not None:
            newest = max(newest, *(date[:10] for date in said.get("dct:modified", [""])))
            entries[number] = _entry(number, said)
    vocabulary = {
        "_list": _DIRECTORY,
        "_date": newest,
        "citRespParty": [entry for _, entry in sorted(entries.items())],
    }
    content = json.dumps({"vocabulary": vocabulary}, ensure_ascii=False, indent=1).encode()
    lost = len(organisations) - len(entries)
    return Item(_DIRECTORY, content, newest), f"{lost:,} organisations without a number are left out" if lost else ""


def _said(nodes: dict[str, list[Row]]) -> _Said:
    """What an organisation and the nodes below it say, together: sorted, each once."""
    said: dict[str, set[str]] = {}
    for rows in nodes.values():
        is_fax = any(_property(row) == _TYPE and value_of(row["value"]).lower().endswith("fax") for row in rows)
        for row in rows:
            name, value = _property(row), row["value"]
            if name == _TYPE or value in nodes or is_nameless(value):
                continue  # a way between nodes says nothing by itself
            text = value_of(value)
            scheme = next((one for one in _SCHEMES if text.lower().startswith(one)), "")
            if name == _VALUE or scheme:
                name = "vcard:fax" if is_fax else _SCHEMES.get(scheme, name)
            said.setdefault(name, set()).add(text[len(scheme) :].strip())
    return {name: sorted(texts - {""}) for name, texts in sorted(said.items()) if texts - {""}}


def _property(row: Row) -> str:
    predicate = value_of(row["property"])
    return compact(predicate, PREFIXES) or predicate


def _number(address: str, said: _Said) -> int | None:
    """The number of an organisation: in its address, else in its code."""
    codes = (code for name in _CODES for code in said.get(name, ()))
    found = edmo(address) or next(filter(None, (directory_entry("EDMO", one) or edmo(one) for one in codes)), None)
    return int(found.rpartition("/")[2]) if found else None


def _entry(number: int, said: _Said) -> dict[str, Any]:
    """An organisation as the directory's own export writes it; what it has no place for is under `other`."""
    rest = {name: texts for name, texts in said.items() if name not in _CODES}

    def taken(names: tuple[str, ...]) -> list[str]:
        return next((rest.pop(name) for name in names if name in rest), [])

    names = taken(_NAMES)
    entry: dict[str, Any] = {"rpOrgName": {"SDNIdent": f"{_DIRECTORY}{number}", "text": names[0] if names else ""}}
    contact: dict[str, dict[str, str]] = {}
    for (part, place), properties in _PLACES.items():
        if texts := taken(properties):
            contact.setdefault(part, {})[place] = "; ".join(texts)
    if contact:
        entry["rpCntInfo"] = contact
    other = {name: [text for text in texts if text not in names[:1]] for name, texts in rest.items()}
    if names[1:]:
        other["name"] = names[1:]
    if other := {name: texts for name, texts in other.items() if texts}:
        entry["other"] = other
    return entry
