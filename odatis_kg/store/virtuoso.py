"""What Virtuoso does otherwise than the standards, where that could harm or deceive: found out, or refused.

What must stay true: no query reaches an endpoint with Virtuoso's own extensions in it (`bif:http_get` goes out to the
network), and a result that Virtuoso may have cut is an error. It cuts at `ResultSetMaxRows` with status 200: tables say so
in a header, graphs do not say it at all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pyoxigraph as ox

from odatis_kg.store.property_functions import Expanded
from odatis_kg.store.tokens import QueryRefusedError, Token, refused, tokens

# Built-in functions, stored procedures and reading from the network: `bif:http_get("http://...")`, `OPTION (get:soft ...)`.
_EXTENSION: Final = re.compile(r"<?(?:bif|sql|get|define|input|output|rdf_sponge):", re.IGNORECASE)
_EXTENSION_WORDS: Final = frozenset(("OPTION", "DEFINE", "PRAGMA"))
_GRAPHS: Final = ("CONSTRUCT", "DESCRIBE")
_CLAUSES: Final = frozenset(("WHERE", "FROM", "ORDER", "GROUP", "HAVING", "LIMIT", "OFFSET", "VALUES"))
_COMPILER: Final = re.compile(r"SPARQL compiler(?:, line (\d+))?: (.*)")
_GEOMETRY: Final = "http://www.openlinksw.com/schemas/virtrdf#Geometry"
_WKT: Final = "http://www.opengis.net/ont/geosparql#wktLiteral"


def is_virtuoso(headers: Mapping[str, str]) -> bool:
    """Whether an answer with these headers is Virtuoso's."""
    return headers.get("Server", "").startswith("Virtuoso")


def refuse_extensions(text: str) -> None:
    """Refuse a query that uses what only Virtuoso has.

    Raises:
        QueryRefusedError: it does, or may.
    """
    for token in tokens(text):
        is_name = token.kind in ("name", "iri") and _EXTENSION.match(token.text)
        if is_name or (token.kind == "word" and token.text.upper() in _EXTENSION_WORDS) or token.text == "`":
            raise refused(
                text, token, f"'{token.text[:40]}' is an extension of some engines; only SPARQL 1.1 is answered"
            )


def most_rows(headers: Mapping[str, str]) -> int | None:
    """The number of rows at which a result was, or may have been, cut; None when it is whole."""
    stated = headers.get("X-SPARQL-MaxRows", "")
    return int(stated) if stated.isdecimal() else None


def is_partial(headers: Mapping[str, str]) -> bool:
    """Whether a result was broken off at a time limit of the server (SQL state S1TAT, "anytime query")."""
    return headers.get("X-SQL-State", "") != ""


def rows_behind(text: str) -> str | None:
    """For a CONSTRUCT or DESCRIBE, the SELECT that has one small row for each solution it is made from.

    None when there is no pattern to have solutions.
    """
    every = list(tokens(text))
    first = next(n for n, token in enumerate(every) if token.kind == "word" and token.text.upper() in _GRAPHS)
    end = first + 1
    if every[first].text.upper() == "DESCRIBE":
        while end < len(every) and every[end].text != "{" and every[end].text.upper() not in _CLAUSES:
            end += 1
        if not any(token.text == "{" for token in every[end:]):
            return None
    elif end < len(every) and every[end].text == "{":
        end = _after_group(every, end)
    rest = text[every[end].start :] if end < len(every) else ""
    return f"{text[: every[first].start]}SELECT (1 AS ?row) {rest}"


def _after_group(every: list[Token], opening: int) -> int:
    depth = 0
    for number in range(opening, len(every)):
        depth += {"{": 1, "}": -1}.get(every[number].text, 0)
        if depth == 0:
            return number + 1
    return len(every)


def refusal(query: Expanded, said: str) -> QueryRefusedError | None:
    """What Virtuoso says of a query it cannot read, made readable; None when it says something else."""
    found = _COMPILER.search(said)
    if not found:
        return None
    undeclared = "Undefined namespace prefix" in found[2]
    readable = query.explain("Prefix not found" if undeclared else found[2][:200])
    if readable.line is None and found[1]:
        readable.line = min(int(found[1]) or 1, query.original.count("\n") + 1)
    return readable


class Restoring:
    """Passes a result in JSON on, with the types of geometries and the truth values that Virtuoso rewrites when it loads.

    A match is between quotation marks that are not escaped, which no text in JSON can hold.
    """

    _KEPT: Final = 160  # bytes kept from one piece to the next: longer than any of these
    _BOOLEAN: Final = re.compile(rb'("datatype": "http://www\.w3\.org/2001/XMLSchema#boolean", "value": )"([01])"')
    _GEOMETRY: Final = f'"datatype": "{_GEOMETRY}"'.encode()
    _WKT: Final = f'"datatype": "{_WKT}"'.encode()

    def __init__(self) -> None:
        self._held = b""

    def take(self, piece: bytes) -> bytes:
        """What can be passed on once this piece has come; an empty one is the end."""
        seen = (self._held + piece).replace(self._GEOMETRY, self._WKT)
        seen = self._BOOLEAN.sub(lambda found: found[1] + (b'"true"' if found[2] == b"1" else b'"false"'), seen)
        cut = max(0, len(seen) - self._KEPT) if piece else len(seen)
        self._held = seen[cut:]
        return seen[:cut]


def restored(triples: Iterable[ox.Triple]) -> Iterator[ox.Triple]:
    """The same for the statements of a graph."""
    for triple in triples:
        term = triple.object
        if isinstance(term, ox.Literal) and term.datatype.value == _GEOMETRY:
            yield ox.Triple(triple.subject, triple.predicate, ox.Literal(term.value, datatype=ox.NamedNode(_WKT)))
        else:
            yield triple
