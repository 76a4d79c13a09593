"""The box index of a release: the sides of every place in an R*Tree, in the same SQLite file as the text index.

A place is what has `odk:west`, `odk:south`, `odk:east` and `odk:north`, each a decimal number of degrees. The tree keeps
32 bits of a number, rounded outwards, so what it finds is looked at again with every decimal.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from odatis_kg.mapping.values import XSD
from odatis_kg.store.plain_search import Box

SIDES: Final = ("west", "south", "east", "north")
# Beyond any longitude: a box over the antimeridian goes from its west to there, and from the other end to its east.
_FAR: Final = 1e30
_SCHEMA: Final = """
CREATE TABLE extent (id INTEGER PRIMARY KEY, place TEXT NOT NULL, west TEXT, south TEXT, east TEXT, north TEXT);
CREATE INDEX extent_place ON extent (place);
CREATE VIRTUAL TABLE box USING rtree(id, west, east, south, north);
"""
_TOUCHING: Final = """
SELECT x.id, x.place, x.west, x.south, x.east, x.north FROM box b JOIN extent x ON x.id = b.id >> 1
WHERE b.east >= ? AND b.west <= ? AND b.north >= ? AND b.south <= ? LIMIT ?
"""


def build(store: ox.Store, path: Path, odk: str) -> None:
    """Add the boxes of a store to the index at `path`."""
    found = store.quads_for_pattern(None, ox.NamedNode(f"{odk}west"), None, ox.DefaultGraph())
    places = {quad.subject.value for quad in found}  # type: ignore[union-attr]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
        db.execute("BEGIN")
        _insert(db, store, sorted(places), odk)
        db.execute("COMMIT")


def update(store: ox.Store, path: Path, odk: str, subjects: Iterable[str]) -> None:
    """Make the boxes of some subjects in the index at `path` what they are in the store now."""
    subjects = sorted(subjects)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        db.execute("BEGIN")
        for place in subjects:
            for (number,) in db.execute("SELECT id FROM extent WHERE place = ?", (place,)).fetchall():
                db.execute("DELETE FROM box WHERE id IN (?, ?)", (2 * number, 2 * number + 1))
            db.execute("DELETE FROM extent WHERE place = ?", (place,))
        _insert(db, store, subjects, odk)
        db.execute("COMMIT")


def _insert(db: sqlite3.Connection, store: ox.Store, places: Iterable[str], odk: str) -> None:
    (number,) = db.execute("SELECT coalesce(max(id), 0) FROM extent").fetchone()
    for place in places:
        for sides in product(*(sorted(_numbers(store, place, odk + side)) for side in SIDES)):
            west, south, east, north = sides
            if south > north:
                continue
            number += 1
            db.execute("INSERT INTO extent VALUES (?, ?, ?, ?, ?, ?)", (number, place, *map(str, sides)))
            w, e = float(west), float(east)
            spans = [(w, e)] if west <= east else [(w, _FAR), (-_FAR, e)]
            for half, (first, last) in enumerate(spans):
                row = (2 * number + half, first, last, float(south), float(north))
                db.execute("INSERT INTO box VALUES (?, ?, ?, ?, ?)", row)


def _numbers(store: ox.Store, place: str, side: str) -> Iterator[Decimal]:
    for quad in store.quads_for_pattern(ox.NamedNode(place), ox.NamedNode(side), None, ox.DefaultGraph()):
        value = quad.object
        if isinstance(value, ox.Literal) and value.datatype.value in (f"{XSD}decimal", f"{XSD}integer"):
            number = Decimal(value.value)
            # What has more decimals, or more digits before them, is no number to the engine either.
            if abs(number) < 10**20 and number == round(number, 18):
                yield number


def touching(db: sqlite3.Connection, box: Box, most: int) -> list[str] | None:
    """The places whose boxes touch a box, by IRI; None when more than about `most` do."""
    rows: dict[int, tuple[str, ...]] = {}
    for west, east, south, north in _searched(box):
        found = db.execute(_TOUCHING, (west, east, south, north, most + 1)).fetchall()
        if len(found) > most:
            return None
        rows.update((row[0], row[1:]) for row in found)
    return sorted({place for place, *sides in rows.values() if box.touches(*map(Decimal, sides))})


def _searched(box: Box) -> Iterator[tuple[float, float, float, float]]:
    """What to look up for a box, as (west, east, south, north): more than it where it meets the antimeridian or a pole."""
    west, south, east, north = map(float, (box.west, box.south, box.east, box.north))
    if west <= east:
        yield west, east, south, north
    if west > east or west == -180:
        yield max(west, 180.0) if west == -180 else west, _FAR, south, north
    if west > east or east == 180:
        yield -_FAR, min(east, -180.0) if east == 180 else east, south, north
    if north == 90:
        yield -_FAR, _FAR, 90.0, _FAR
    if south == -90:
        yield -_FAR, _FAR, -_FAR, -90.0
