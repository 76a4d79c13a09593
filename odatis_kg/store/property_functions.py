"""Property functions: `?thing odk:textMatch "words"` and `?place odk:intersectsBox (west south east north)` in a query.

The engine has neither, and what it lets one add takes values only. So a query is rewritten before it sees it: a triple with
one of them becomes the rows its index finds, or the plain SPARQL that finds them where the index cannot: it is over the
default graph of a release, so in GRAPH, or with a dataset named, the graphs are asked. What must stay true: the rewritten
query gives the rows that the one with plain SPARQL gives; what cannot be followed is refused, with its place.
"""

import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from odatis_kg.store import boxindex, textindex
from odatis_kg.store.diagnosis import explain
from odatis_kg.store.plain_search import box_pattern, text_pattern
from odatis_kg.store.query_reader import Call, Reading, mentions, read
from odatis_kg.store.search_arguments import MOST_THINGS, Arguments, Words
from odatis_kg.store.tokens import QueryRefusedError, Token, place_of, refused

TEXT_MATCH: Final = "textMatch"
INTERSECTS_BOX: Final = "intersectsBox"
_NAMES: Final = (TEXT_MATCH, INTERSECTS_BOX)
# Rows are parsed with the query, and joined, some 50 µs each: with more boxes than that, comparing all sides is sooner done.
_MOST_BOXES: Final = 10_000
# A prefix may hold the beginning of a name, and a local name the rest of it.
_BEGUN: Final = re.compile("#(?:" + "|".join(name[:end] for name in _NAMES for end in range(1, len(name))) + ")>")
# The code points that a name of ours, or the namespace before it, is made of.
_SPELLED: Final = re.compile(r"\\u00([2-7][0-9A-Fa-f])|\\U000000([2-7][0-9A-Fa-f])")
_PLACE: Final = re.compile(r"(?<=error at )(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A query to evaluate, and the one it was made from, by putting texts in (offset in the original, text)."""

    text: str
    original: str
    insertions: tuple[tuple[int, str], ...] = ()

    def explain(self, message: str) -> QueryRefusedError:
        """A syntax error as the engine reports it of `text`, made readable, with its place in the original."""
        return explain(
            self.original, _PLACE.sub(lambda at: "{}:{}".format(*self._back(int(at[1]), int(at[2]))), message)
        )

    def refused(self, error: QueryRefusedError) -> QueryRefusedError:
        """A refusal of `text`, with its place in the original."""
        if error.line is None or error.column is None:
            return error
        return QueryRefusedError(str(error), *self._back(error.line, error.column), error.token, error.suggestion)

    def _back(self, line: int, column: int) -> tuple[int, int]:
        """Line and column in the original of a place in `text`."""
        lines = self.text.split("\n")
        offset = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
        for start, inserted in self.insertions:
            if offset < start:
                break
            offset = max(start, offset - len(inserted))
        return place_of(self.original, min(offset, len(self.original)))


def may_search(text: str) -> bool:
    """Whether there could be a search in a query, however it is spelled: what is asked of every query, so cheap."""
    if TEXT_MATCH in text or INTERSECTS_BOX in text or "\\u" in text or "\\U" in text:
        return True
    return ("#t" in text or "#i" in text) and _BEGUN.search(text) is not None


def expand(text: str, index: Path | None, odk: str, *, dataset: bool = False, apart: bool = True) -> Expanded:
    """A query with its searches done: `index` is that of the release the query is for, `odk` our namespace in it.

    `dataset` says that the request names the graphs to ask; without `apart`, no search may be in EXISTS or MINUS, where
    Virtuoso does not relate what is found to the rows around it. Cheap when there is no search in the query.

    Raises:
        QueryRefusedError: a search is not one, or is where none can be, or there is no index; with its place.
    """
    if not may_search(text):
        return Expanded(text, text)
    functions = frozenset(odk + name for name in _NAMES)
    _refuse_spelled(text, functions)
    if not mentions(text, functions):
        return Expanded(text, text)
    reading = read(text, functions)
    if not reading.calls:
        return Expanded(text, text)
    if index is None:
        raise _without_index(text, reading, odk)
    inside = next((call.verb for call in reading.calls if call.apart), None)
    if inside and not apart:
        message = f"{inside.text} cannot be used in EXISTS or MINUS where a remote endpoint answers"
        raise refused(text, inside, f"{message}: search beside the other triples")
    try:
        with closing(textindex.connect(index)) as db:
            rewriting = _Rewriting(
                text, odk, Arguments(text, reading.iri), index, db, plain=dataset or reading.has_dataset
            )
            return _written(text, reading, [rewriting.call(number, call) for number, call in enumerate(reading.calls)])
    except sqlite3.OperationalError as error:
        message = f"this release has no index for {reading.calls[0].verb.text} ({error}); build it again"
        raise refused(text, reading.calls[0].verb, message) from None


def _refuse_spelled(text: str, functions: Collection[str]) -> None:
    """Refuse a name of ours that is written with code point escapes: the reader takes texts as they are."""
    first = _SPELLED.search(text)
    if first and mentions(_SPELLED.sub(_letter, text), functions) > mentions(text, functions):
        line, column = place_of(text, first.start())
        raise QueryRefusedError("write the name of a search without \\u escapes", line, column, first[0])


def _letter(found: re.Match[str]) -> str:
    letter = chr(int(found[1] or found[2], 16))
    return letter if letter.isalnum() or letter in "#/:.-" else found[0]


def _written(text: str, reading: Reading, patterns: Sequence[str]) -> Expanded:
    """The text with the calls left out (blanks in their place) and the patterns put in."""
    characters = list(text)
    for span in reading.cuts:
        characters[span.start : span.end] = ["\n" if one == "\n" else " " for one in text[span.start : span.end]]
    blanked = "".join(characters)
    # Calls of one block are put in at one place: in order, which is what a stable sort keeps.
    insertions = sorted(
        ((call.at, pattern) for call, pattern in zip(reading.calls, patterns, strict=True)), key=lambda one: one[0]
    )
    pieces, end = [], 0
    for at, pattern in insertions:
        pieces += [blanked[end:at], pattern]
        end = at
    return Expanded("".join([*pieces, blanked[end:]]), text, tuple(insertions))


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """What the calls of a query share."""

    text: str
    odk: str
    arguments: Arguments
    index: Path
    db: sqlite3.Connection
    plain: bool

    def call(self, number: int, call: Call) -> str:
        """What stands for a call: group graph patterns, ready to be put before triples."""
        prefix = _fresh(self.text, number)
        plain = self.plain or call.graph is not None
        write = self._text if call.function == self.odk + TEXT_MATCH else self._box
        return "".join(write(call, node, prefix, plain) for node in call.objects)

    def _text(self, call: Call, node: Sequence[Token], prefix: str, plain: bool) -> str:
        thing, rank = self.arguments.subject(call)
        wanted = self.arguments.words(call, node)
        if plain and (rank or wanted.most is not None):
            what = "the rank" if rank else "how many are wanted"
            where = "inside GRAPH" if call.graph else "with a dataset (FROM, or in the request)"
            raise refused(
                self.text,
                call.verb,
                f"{where}, texts are compared without the index, which alone knows {what}; leave it out",
            )
        if plain:
            return _plain(thing, lambda name: _text_pattern(name, wanted, self.odk, prefix), prefix, call.graph)
        total, hits = textindex.search(self.index, wanted.text, limit=wanted.most or MOST_THINGS)
        if wanted.most is None and total > MOST_THINGS:
            raise refused(
                self.text,
                node[0],
                f"{total:,} things match these words, more than the {MOST_THINGS:,} that a query can take in: search for"
                f' more words, or say how many of the best you want: ("{wanted.text[:40]}" 1000)',
            )
        return _rows(thing, rank, [hit.iri for hit in hits])

    def _box(self, call: Call, node: Sequence[Token], prefix: str, plain: bool) -> str:
        place, rank = self.arguments.subject(call)
        if rank:
            raise refused(self.text, call.verb, f"{call.verb.text} has no rank: its subject is one variable or IRI")
        box = self.arguments.box(call, node)
        found = None if plain else boxindex.touching(self.db, box, _MOST_BOXES)
        if found is None:
            return _plain(place, lambda name: box_pattern(name, box, self.odk, prefix), prefix, call.graph)
        return _rows(place, None, found)


def _rows(thing: str, rank: str | None, found: Sequence[str]) -> str:
    """The things found as the values of a variable, or whether a given thing is one of them."""
    if thing[0] == "<":
        places = [str(place) for place, iri in enumerate(found, 1) if iri == thing[1:-1]]
        if rank is None:
            return "" if places else "FILTER(false) "
        return f"VALUES {rank} {{ {' '.join(places)} }} "
    # Within a sub-query, which the engine joins by hash: rows that stand alone it would go through for every other one.
    if rank is None:
        return f"{{ SELECT {thing} {{ VALUES {thing} {{ {' '.join(f'<{iri}>' for iri in found)} }} }} }} "
    rows = " ".join(f"(<{iri}> {place})" for place, iri in enumerate(found, 1))
    return f"{{ SELECT {thing} {rank} {{ VALUES ({thing} {rank}) {{ {rows} }} }} }} "


def _plain(thing: str, pattern: Callable[[str], str], prefix: str, graph: str | None) -> str:
    """Plain SPARQL for a search: each thing once."""
    if thing[0] == "<":
        variable = f"?{prefix}subject"
        return f"FILTER EXISTS {{ VALUES {variable} {{ {thing} }} {pattern(variable)} }} "
    # A sub-query within `GRAPH ?g` loses the graph it found things in (Oxigraph 0.5) unless it selects ?g as well.
    variables = {thing: None} | ({f"?{graph[1:]}": None} if graph and graph[0] in "?$" else {})
    return f"{{ SELECT DISTINCT {' '.join(variables)} {{ {pattern(thing)} }} }} "


def _text_pattern(thing: str, wanted: Words, odk: str, prefix: str) -> str:
    classes, properties = textindex.indexed_classes(odk), textindex.indexed_properties()
    return text_pattern(thing, wanted.phrases, classes, properties, odk, prefix)


def _fresh(text: str, number: int) -> str:
    """The beginning of names for variables that a query does not have."""
    prefix = f"search{number}_"
    while prefix in text:
        prefix = f"{prefix}_"
    return prefix


def _without_index(text: str, reading: Reading, odk: str) -> QueryRefusedError:
    """The refusal where there is no index, with what to write instead of the first search."""
    arguments, call = Arguments(text, reading.iri), reading.calls[0]
    prefix, node = _fresh(text, 0), call.objects[0]
    thing, _ = arguments.subject(call)
    if call.function == odk + TEXT_MATCH:
        pattern = _text_pattern(thing, arguments.words(call, node), odk, prefix)
    else:
        pattern = box_pattern(thing, arguments.box(call, node), odk, prefix)
    return refused(
        text, call.verb, f"{call.verb.text} needs an index, which there is none of here; in plain SPARQL: {pattern}"
    )
