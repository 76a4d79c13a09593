"""A result of the engine written in a format, streamed: `write` is the one way from rows and triples to bytes.

Where the engine's own serialiser writes a format well, it does all the work. Where it does not, its output is watched over
or another writer stands in. What must stay true: memory does not grow with the result, and what a format has no way to
say is an error, never something else than what the result holds.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final, Protocol

import pyoxigraph as ox

from odatis_kg.namespaces import PREFIXES
from odatis_kg.store import geojson, jsonld
from odatis_kg.store.engine import GraphFormat, TableFormat, UnwritableResultError
from odatis_kg.store.syntax import Form

Results = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples | Iterable[ox.Triple]

_TABLES: Final = {
    TableFormat.JSON: ox.QueryResultsFormat.JSON,
    TableFormat.XML: ox.QueryResultsFormat.XML,
    TableFormat.CSV: ox.QueryResultsFormat.CSV,
    TableFormat.TSV: ox.QueryResultsFormat.TSV,
}
_GRAPHS: Final = {
    GraphFormat.TURTLE: ox.RdfFormat.TURTLE,
    GraphFormat.NTRIPLES: ox.RdfFormat.N_TRIPLES,
    GraphFormat.RDFXML: ox.RdfFormat.RDF_XML,
    GraphFormat.TRIG: ox.RdfFormat.TRIG,
    GraphFormat.NQUADS: ox.RdfFormat.N_QUADS,
}
_WITH_PREFIXES: Final = (GraphFormat.TURTLE, GraphFormat.TRIG, GraphFormat.RDFXML)
# So many triples are looked at to declare only the prefixes that are used; a longer graph declares them all.
_LOOKED_AT: Final = 1_000


class Out(Protocol):
    """What results are written to."""

    def write(self, data: bytes, /) -> int:
        """Take bytes; give their number."""


def write(results: Results, form: Form, media_type: str, out: Out, *, base: str = "") -> None:
    """Write a result in the format with this media type; `base` is the public base address, if there is one.

    Triples may be any iterable of them, so that a graph that comes from elsewhere is written as the engine's own is.

    Raises:
        UnwritableResultError: the format has no way to say something that the result holds.
    """
    if form.makes_graph:
        assert not isinstance(results, ox.QuerySolutions | ox.QueryBoolean)
        _write_graph(results, GraphFormat(media_type), out, base)
        return
    format_ = TableFormat(media_type)
    if format_ is TableFormat.GEOJSON:
        if isinstance(results, ox.QueryBoolean):
            raise UnwritableResultError("GeoJSON has no truth values; ask for JSON")
        assert isinstance(results, ox.QuerySolutions)
        geojson.write([variable.value for variable in results.variables], results, out)
        return
    assert isinstance(results, ox.QuerySolutions | ox.QueryBoolean)
    results.serialize(_file(XmlGuard(out) if format_ is TableFormat.XML else out), format=_TABLES[format_])


def _write_graph(triples: Iterable[ox.Triple], format_: GraphFormat, out: Out, base: str) -> None:
    if format_ is GraphFormat.JSONLD:
        jsonld.write(triples, out, base)
    elif format_ not in _WITH_PREFIXES:
        if isinstance(triples, ox.QueryTriples):
            triples.serialize(_file(out), format=_GRAPHS[format_])
        else:
            ox.serialize(triples, _file(out), _GRAPHS[format_])
    else:
        used, every = _prefixes_used(iter(triples), base)
        guarded = XmlGuard(out, named=True) if format_ is GraphFormat.RDFXML else out
        ox.serialize(every, _file(guarded), _GRAPHS[format_], prefixes=used)


def _prefixes_used(triples: Iterator[ox.Triple], base: str) -> tuple[dict[str, str], Iterable[ox.Triple]]:
    prefixes = {**PREFIXES, **({"odk": f"{base}def/odk#"} if base else {})}
    held = list(islice(triples, _LOOKED_AT))
    if len(held) < _LOOKED_AT:
        text = " ".join(map(str, held))
        prefixes = {prefix: namespace for prefix, namespace in prefixes.items() if f"<{namespace}" in text}
    return prefixes, chain(held, triples)


class XmlGuard:
    """Passes XML on, with carriage returns as references, which the engine leaves out (XML 1.0, section 2.11).

    Characters that XML 1.0 has no way to write (section 2.2) and, with `named`, elements without a name (a predicate that
    ends in what no name begins with, such as a digit; RDF/XML, section 6.1.4) are errors: readers would refuse the whole.
    """

    _CONTROLS: Final = bytes([*range(9), 11, 12, *range(14, 32)])
    _NO_CHARACTER: Final = re.compile(rb"\xef\xbf[\xbe\xbf]")
    _NO_NAME: Final = re.compile(rb"<[^\s<>/:!?]*+:[\s/>]")
    _KEPT: Final = 40  # bytes kept from one piece to the next: longer than the start of any of these

    def __init__(self, out: Out, *, named: bool = False) -> None:
        self._out = out
        self._named = named
        self._before = b""

    def write(self, data: bytes) -> int:
        """Pass a piece on."""
        seen = self._before + data
        # What the regular expressions would find in a second is told by these in a hundredth of it.
        if len(data.translate(None, self._CONTROLS)) != len(data):
            raise _no_character(next(chr(byte) for byte in data if byte in self._CONTROLS))
        if b"\xef\xbf" in seen and (found := self._NO_CHARACTER.search(seen)):
            raise _no_character(found.group().decode())
        if self._named and self._NO_NAME.search(seen):
            raise UnwritableResultError(
                "RDF/XML has no way to write a property whose IRI does not end in a name; ask for Turtle"
            )
        self._before = seen[-self._KEPT :]
        self._out.write(data.replace(b"\r", b"&#13;") if b"\r" in data else data)
        return len(data)

    def flush(self) -> None:
        """There is nothing to flush."""


def _no_character(character: str) -> UnwritableResultError:
    return UnwritableResultError(
        f"XML has no way to write the character U+{ord(character):04X} in this result; ask for JSON or Turtle"
    )


def _file(out: object) -> "ox.IO[bytes]":  # type: ignore[name-defined]
    return out  # the engine wants `write`, of all that a file has
