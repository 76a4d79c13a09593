"""Content negotiation (RFC 9110, section 12): which of our representations a client would rather have."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from odatis_kg.store.engine import GraphFormat, TableFormat

HTML: Final = "text/html"

# Spellings in; the canonical media type is what goes out.
_SYNONYMS: Final = {
    "application/json": TableFormat.JSON.value,
    "application/xml": TableFormat.XML.value,
    "text/xml": TableFormat.XML.value,
    "application/csv": TableFormat.CSV.value,
    "application/xhtml+xml": HTML,
}
_GRAPH_SYNONYMS: Final = {
    "application/x-turtle": GraphFormat.TURTLE.value,
    "application/turtle": GraphFormat.TURTLE.value,
    "text/n3": GraphFormat.TURTLE.value,  # every Turtle document is one of N3
    "text/rdf+n3": GraphFormat.TURTLE.value,
    "text/plain": GraphFormat.NTRIPLES.value,
    "text/ntriples": GraphFormat.NTRIPLES.value,
    "application/json": GraphFormat.JSONLD.value,
    "application/xml": GraphFormat.RDFXML.value,
    "text/xml": GraphFormat.RDFXML.value,
    "application/xhtml+xml": HTML,
}
# Names for `?format=`, as people and libraries write them, and for the ending of a document's address. JSON and XML are left
# open: which one is meant depends on whether the result is a table or a graph.
NAMES: Final = {
    "html": HTML,
    "json": "application/json",
    "xml": "application/xml",
    "csv": TableFormat.CSV.value,
    "tsv": TableFormat.TSV.value,
    "geojson": TableFormat.GEOJSON.value,
    "ttl": GraphFormat.TURTLE.value,
    "turtle": GraphFormat.TURTLE.value,
    "n3": GraphFormat.TURTLE.value,
    "nt": GraphFormat.NTRIPLES.value,
    "ntriples": GraphFormat.NTRIPLES.value,
    "n-triples": GraphFormat.NTRIPLES.value,
    "rdf": GraphFormat.RDFXML.value,
    "rdfxml": GraphFormat.RDFXML.value,
    "rdf+xml": GraphFormat.RDFXML.value,
    "rdf-xml": GraphFormat.RDFXML.value,
    "rdf/xml": GraphFormat.RDFXML.value,
    "jsonld": GraphFormat.JSONLD.value,
    "json-ld": GraphFormat.JSONLD.value,
    "trig": GraphFormat.TRIG.value,
    "nq": GraphFormat.NQUADS.value,
    "nquads": GraphFormat.NQUADS.value,
    "n-quads": GraphFormat.NQUADS.value,
}
# What a file of each format is called.
EXTENSIONS: Final = {
    TableFormat.JSON: "json",
    TableFormat.XML: "xml",
    TableFormat.CSV: "csv",
    TableFormat.TSV: "tsv",
    TableFormat.GEOJSON: "geojson",
    GraphFormat.TURTLE: "ttl",
    GraphFormat.NTRIPLES: "nt",
    GraphFormat.JSONLD: "jsonld",
    GraphFormat.RDFXML: "rdf",
    GraphFormat.TRIG: "trig",
    GraphFormat.NQUADS: "nq",
}
TABLES: Final = tuple(one.value for one in TableFormat)
GRAPHS: Final = tuple(one.value for one in GraphFormat)


# Commas part the ranges of a header and semicolons their parameters, but not within quotes (RFC 9110, section 5.6.6).
_ITEM: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?)+')
_PART: Final = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*+"?)+')


@dataclass(frozen=True, slots=True)
class _Range:
    """One media range of an Accept header."""

    kind: str
    subtype: str
    quality: float

    @property
    def specificity(self) -> int:
        return (self.kind != "*") + (self.subtype != "*")


def negotiate(accept: str | None, offers: Sequence[str], synonyms: dict[str, str] | None = None) -> str | None:
    """The offer a client prefers, the earlier one when it does not mind; None when it accepts none of them.

    No header, an empty one and `*/*` accept everything. A range that cannot be read is left out, as it names nothing.
    """
    ranges = _ranges(accept)
    if not ranges:
        return offers[0]
    best: tuple[float, int, int] | None = None
    chosen: str | None = None
    for position, offer in enumerate(offers):
        quality, specificity = _quality(ranges, offer)
        if specificity < 2:  # a synonym counts only where it is named itself
            named = [_quality(ranges, name) for name, canonical in (synonyms or {}).items() if canonical == offer]
            quality, specificity = max([(quality, specificity), *(one for one in named if one[1] == 2)])
        if quality > 0 and (best is None or (quality, specificity, -position) > best):
            best, chosen = (quality, specificity, -position), offer
    return chosen


@lru_cache(maxsize=1024)
def table_format(accept: str | None, *, html: bool = True) -> str | None:
    """The format of a table or a truth value."""
    return negotiate(accept, (*TABLES, HTML) if html else TABLES, _SYNONYMS)


@lru_cache(maxsize=1024)
def graph_format(accept: str | None, *, html: bool = True) -> str | None:
    """The format of a graph or a document."""
    return negotiate(accept, (*GRAPHS, HTML) if html else GRAPHS, _GRAPH_SYNONYMS)


@lru_cache(maxsize=1024)
def document_format(accept: str | None) -> str | None:
    """The format of a document for people and machines: HTML when a client does not mind."""
    return negotiate(accept, (HTML, *GRAPHS), _GRAPH_SYNONYMS)


def named_format(value: str) -> str | None:
    """The media type, or ranges of them, that a value of `?format=` names; None when it names none that we know.

    A `+` that was not percent-encoded has become a space on the way.
    """
    name = value.strip().lower().replace(" ", "+")
    return NAMES.get(name) or (value.strip().replace(" ", "+") if "/" in name else None)


def languages(accept_language: str | None, offered: Sequence[str]) -> tuple[str, ...]:
    """The offered languages in the order a client prefers (RFC 9110, section 12.5.4; ranges by their first subtag)."""
    wanted: dict[str, float] = {}
    for item in _ranges((accept_language or "").replace("*", "*/*").replace(" ", "")):
        wanted.setdefault(item.kind.partition("-")[0], item.quality)
    ranked = sorted(offered, key=lambda tag: (-wanted.get(tag, 0.0), offered.index(tag)))
    return tuple(ranked)


def _ranges(header: str | None) -> list[_Range]:
    ranges = []
    for item in _ITEM.findall(header or ""):
        name, *parameters = [part.strip().lower() for part in _PART.findall(item)] or [""]
        kind, _, subtype = name.partition("/")
        if not kind or (not subtype and "/" in name):
            continue
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.rstrip() == "q":
                try:
                    quality = min(1.0, max(0.0, float(value)))
                except ValueError:
                    quality = 0.0
        ranges.append(_Range(kind, subtype, quality))
    return ranges


def _quality(ranges: list[_Range], media_type: str) -> tuple[float, int]:
    """The quality of the most specific range that a media type falls in, and that range's specificity."""
    kind, _, subtype = media_type.partition("/")
    matching = [
        item
        for item in ranges
        if item.kind in (kind, "*")
        and item.subtype in (subtype, "*")
        and not (item.kind == "*" and item.subtype != "*")
    ]
    if not matching:
        return 0.0, 0
    best = max(matching, key=lambda item: (item.specificity, item.quality))
    return best.quality, best.specificity
