"""One graph in another syntax: what the engine cannot do itself, such as Turtle with prefixes."""

from collections.abc import Mapping
from typing import Final

import pyoxigraph as ox

from odatis_kg.store.engine import GraphFormat

_FORMATS: Final = {
    GraphFormat.TURTLE: ox.RdfFormat.TURTLE,
    GraphFormat.NTRIPLES: ox.RdfFormat.N_TRIPLES,
    GraphFormat.JSONLD: ox.RdfFormat.JSON_LD,
    GraphFormat.RDFXML: ox.RdfFormat.RDF_XML,
    GraphFormat.TRIG: ox.RdfFormat.TRIG,
    GraphFormat.NQUADS: ox.RdfFormat.N_QUADS,
}


def triples_as(format_: GraphFormat, ntriples: bytes, prefixes: Mapping[str, str]) -> bytes:
    """N-Triples in a graph format, sorted, without doubles; only prefixes that are used are declared."""
    lines = sorted({line for line in ntriples.decode("utf-8").splitlines() if line})
    text = "\n".join(lines)
    if format_ is GraphFormat.NTRIPLES:
        return f"{text}\n".encode() if lines else b""
    used = {prefix: namespace for prefix, namespace in prefixes.items() if f"<{namespace}" in text}
    triples = (quad.triple for quad in ox.parse(text, ox.RdfFormat.N_TRIPLES))
    written = ox.serialize(triples, format=_FORMATS[format_], prefixes=used)
    assert isinstance(written, bytes)
    return written
