"""Rows with a geometry as a GeoJSON feature collection (RFC 7946), streamed.

The geometry of a row is its first value of type geo:wktLiteral, in CRS84 (longitude first) or EPSG:4326 (latitude first), or
the box of its columns `west`, `south`, `east` and `north`; the other columns are the properties of the feature. A row
without a geometry, or with one in another reference system, is a feature whose geometry is null; what was not understood
stays among the properties. What lies beyond 180 degrees is cut there (section 3.1.9); outer rings run anticlockwise.
"""

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol

import pyoxigraph as ox

from odatis_kg.namespaces import PREFIXES
from odatis_kg.store.engine import UnwritableResultError

WKT: Final = PREFIXES["geo"] + "wktLiteral"
BOX: Final = ("west", "south", "east", "north")

Geometry = dict[str, Any]
Position = tuple[float, ...]

_LOOKED_AT: Final = 1_000  # rows without a geometry before the result is taken for one that has none
_XSD: Final = PREFIXES["xsd"]
_NUMBERS: Final = tuple(_XSD + name for name in ("integer", "decimal", "double", "float"))
_LONGITUDE_FIRST: Final = re.compile(
    r"https?://www\.opengis\.net/def/crs/OGC/(?:1\.3|0)/CRS84h?|urn:ogc:def:crs:OGC:(?:1\.3)?:CRS84"
)
_LATITUDE_FIRST: Final = re.compile(
    r"https?://www\.opengis\.net/def/crs/EPSG/[\d.]+/(?:4326|4979)|urn:ogc:def:crs:EPSG:[\d.]*:(?:4326|4979)"
)
_TOKEN: Final = re.compile(r"\s*(?:([A-Za-z]+)|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([(),]))")
_KIND: Final = re.compile(r"([A-Z]*?[A-Y])(Z|M|ZM)?")
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_DEEPEST: Final = 10  # collections within collections


class _Out(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _NotUnderstoodError(ValueError):
    """A geometry that is not well-known text in a system we know."""


def write(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: _Out) -> None:
    """Write rows, each with one term or None a column, as a feature collection.

    Raises:
        UnwritableResultError: there are rows, and none of the first thousand has a geometry.
    """
    box = all(name in columns for name in BOX)
    held: list[bytes] | None = [] if not box else None
    out.write(b'{"type":"FeatureCollection","features":[')
    before = "\n"
    for row in rows:
        feature, has_geometry = _feature(columns, row)
        line = f"{before}{_ENCODE(feature)}".encode()
        before = ",\n"
        if held is None:
            out.write(line)
            continue
        held.append(line)
        if has_geometry:
            out.write(b"".join(held))
            held = None
        elif len(held) == _LOOKED_AT:
            break
    if held:
        raise UnwritableResultError(
            f"GeoJSON needs a geometry: a column of values of type geo:wktLiteral (such as ?wkt in"
            f" `?place geo:asWKT ?wkt`), or the columns ?west ?south ?east ?north; none of the first {len(held):,} rows has one"
        )
    out.write(b"\n]}\n")


def _feature(columns: Sequence[str], row: Sequence[Any]) -> tuple[dict[str, Any], bool]:
    """A row as a feature, and whether it has something that is meant as a geometry."""
    terms = {name: row[position] for position, name in enumerate(columns)}
    geometry: Geometry | None = None
    used: tuple[str, ...] = ()
    meant = False
    for name, term in terms.items():
        if isinstance(term, ox.Literal) and term.datatype.value == WKT:
            meant = True
            try:
                geometry, used = from_wkt(term.value), (name,)
            except _NotUnderstoodError:
                continue
            break
    if not meant and all(name in terms for name in BOX):
        with contextlib.suppress(AttributeError, ValueError):
            geometry, used = from_box(*(float(terms[name].value) for name in BOX)), BOX
    properties = {name: _plain(term) for name, term in terms.items() if name not in used}
    return {"type": "Feature", "geometry": geometry, "properties": properties}, meant


def _plain(term: Any) -> Any:
    """A term as a property: numbers and truth values as such, all else as text; None where there is none."""
    if not isinstance(term, ox.Literal):
        return None if term is None else term.value if isinstance(term, ox.NamedNode) else str(term)
    datatype = term.datatype.value
    if datatype == f"{_XSD}boolean":
        return term.value in ("true", "1")
    if datatype in _NUMBERS:
        try:
            number = int(term.value) if datatype.endswith("integer") else float(term.value)
        except ValueError:
            return term.value
        return number if math.isfinite(number) else term.value
    return term.value


def from_box(west: float, south: float, east: float, north: float) -> Geometry:
    """A box in degrees; one whose west is greater than its east crosses the antimeridian (RFC 7946, section 5.2).

    Raises:
        ValueError: it is not on the globe.
    """
    if not (-360 <= west <= 360 and -360 <= east <= 360 and -90 <= south <= north <= 90):
        raise ValueError("not a box in degrees")
    if west == east and south == north:
        return {"type": "Point", "coordinates": _within((west, south))}
    if west > east:
        east += 360
    return _cut("Polygon", [[(west, south), (east, south), (east, north), (west, north), (west, south)]])


def from_wkt(text: str) -> Geometry | None:
    """A geo:wktLiteral (GeoSPARQL 1.1, section 8.5.1) as a geometry; None when it is empty.

    Raises:
        ValueError: it is not well-known text, or in a reference system that GeoJSON has no place for.
    """
    text = text.strip()
    swapped = False
    if text.startswith("<"):
        system, closed, text = text[1:].partition(">")
        swapped = _LATITUDE_FIRST.fullmatch(system) is not None
        if not closed or not (swapped or _LONGITUDE_FIRST.fullmatch(system)):
            raise _NotUnderstoodError(f"reference system {system[:100]}")
    return _Reader(text, swapped).whole()


class _Reader:
    """Reads well-known text (OGC 06-103r4, section 7)."""

    def __init__(self, text: str, swapped: bool) -> None:
        self._tokens = list(self._read(text))
        self._at = 0
        self._swapped = swapped
        self._measured = False

    def whole(self) -> Geometry | None:
        """The geometry that the whole text is."""
        found = self._geometry(0)
        if self._at != len(self._tokens):
            raise _NotUnderstoodError("something follows the geometry")
        return found

    def _read(self, text: str) -> Iterator[str]:
        end, text = 0, text.rstrip()
        while end < len(text):
            found = _TOKEN.match(text, end)
            if not found:
                raise _NotUnderstoodError(f"not well-known text at {end}")
            yield found[1].upper() if found[1] else found[0].strip()
            end = found.end()

    def _geometry(self, depth: int) -> Geometry | None:
        if depth > _DEEPEST:
            raise _NotUnderstoodError("collections nested too deep")
        word = self._next()
        named = _KIND.fullmatch(word)
        kind, with_m = named.groups() if named else ("", "")
        if self._peek() in ("Z", "M", "ZM"):
            with_m = self._next()
        self._measured = with_m == "M"
        if self._peek() == "EMPTY":
            self._next()
            return None
        many: Callable[[Callable[[], Any]], Any] = self._list
        if kind == "POINT":
            return _cut("Point", self._only(self._list(self._position)))
        if kind == "LINESTRING":
            return _cut("LineString", self._line())
        if kind == "POLYGON":
            return _cut("Polygon", many(self._line))
        if kind == "MULTIPOINT":
            return _cut("MultiPoint", many(self._point))
        if kind == "MULTILINESTRING":
            return _cut("MultiLineString", many(self._line))
        if kind == "MULTIPOLYGON":
            return _cut("MultiPolygon", many(lambda: many(self._line)))
        if kind == "GEOMETRYCOLLECTION":
            members = [member for member in many(lambda: self._geometry(depth + 1)) if member]
            return {"type": "GeometryCollection", "geometries": members} if members else None
        raise _NotUnderstoodError(f"'{word[:40]}' is no geometry we know")

    def _list(self, item: Callable[[], Any]) -> list[Any]:
        self._expect("(")
        found = [item()]
        while self._peek() == ",":
            self._next()
            found.append(item())
        self._expect(")")
        return found

    def _line(self) -> list[Position]:
        return self._list(self._position)

    def _point(self) -> Position:
        return self._only(self._list(self._position)) if self._peek() == "(" else self._position()

    def _only(self, positions: list[Position]) -> Position:
        if len(positions) != 1:
            raise _NotUnderstoodError("a point has one position")
        return positions[0]

    def _position(self) -> Position:
        numbers: list[float] = []
        while self._peek() not in (",", ")", ""):
            try:
                numbers.append(float(self._next()))
            except ValueError:
                raise _NotUnderstoodError("a position is made of numbers") from None
        if not 2 <= len(numbers) <= 4 or not all(map(math.isfinite, numbers)):
            raise _NotUnderstoodError("a position has two to four numbers")
        first, second, *height = numbers
        if self._swapped:
            first, second = second, first
        if abs(first) > 540 or abs(second) > 90:
            raise _NotUnderstoodError("a position is not on the globe")
        return (first, second, *([] if self._measured else height[:1]))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise _NotUnderstoodError(f"'{mark}' is expected")


def _cut(kind: str, coordinates: Any) -> Geometry:
    """A geometry with what lies beyond 180 degrees cut there and brought back."""
    if kind == "Point":
        return {"type": kind, "coordinates": _within(coordinates)}
    if kind == "MultiPoint":
        return {"type": kind, "coordinates": [_within(position) for position in coordinates]}
    single = kind.removeprefix("Multi")
    shapes: list[Any] = coordinates if kind.startswith("Multi") else [coordinates]
    parts: list[Any] = []
    for shape in shapes:
        rings = shape if single == "Polygon" else [shape]
        turns = [math.floor((x + 180) / 360) for ring in rings for x, *_ in ring if x != 180]
        if not turns or set(turns) == {0}:
            parts.append(
                [_wound(ring, number == 0) for number, ring in enumerate(rings)] if single == "Polygon" else shape
            )
            continue
        for turn in range(min(turns), max(turns) + 1):
            west = turn * 360.0 - 180
            if single == "Polygon":
                kept = [cut for ring in rings if (cut := _clipped(ring, west))]
                parts += [[_wound(ring, number == 0) for number, ring in enumerate(kept)]] if kept else []
            else:
                parts += list(_runs(shape, west))
    if len(parts) == 1 and not kind.startswith("Multi"):
        return {"type": single, "coordinates": parts[0]}
    return {"type": f"Multi{single}", "coordinates": parts}


def _within(position: Position) -> Position:
    x, *rest = position
    return ((x + 180) % 360 - 180, *rest) if not -180 <= x <= 180 else position


def _wound(ring: list[Position], outer: bool) -> list[Position]:
    """A closed ring, anticlockwise when it is the outer one (RFC 7946, section 3.1.6)."""
    if ring[0] != ring[-1]:
        ring = [*ring, ring[0]]
    area = sum(begin[0] * end[1] - end[0] * begin[1] for begin, end in pairwise(ring))
    return ring if (area >= 0) == outer else ring[::-1]


def _clipped(ring: list[Position], west: float) -> list[Position]:
    """The part of a ring in the 360 degrees from `west`, brought back (Sutherland and Hodgman 1974); empty without area."""
    for border, side in ((west, 1), (west + 360, -1)):
        kept: list[Position] = []
        closed = ring if ring and ring[0] == ring[-1] else [*ring, *ring[:1]]
        for begin, end in pairwise(closed):
            if (begin[0] - border) * side >= 0:
                kept.append(begin)
            if (begin[0] - border) * (end[0] - border) < 0:
                kept.append(_at(begin, end, border))
        ring = kept
    if len({position[0] for position in ring}) < 2:
        return []
    moved = [_moved(position, west) for position in ring]
    return [*moved, moved[0]] if moved[0] != moved[-1] else moved


def _runs(line: list[Position], west: float) -> Iterator[list[Position]]:
    """The parts of a line in the 360 degrees from `west`, brought back."""
    run: list[Position] = []
    for begin, end in pairwise(line):
        ends = _between(begin, end, west)
        if ends and run and run[-1] == ends[0]:
            run.append(ends[1])
            continue
        if run:
            yield [_moved(position, west) for position in run]
        run = ends
    if run:
        yield [_moved(position, west) for position in run]


def _between(begin: Position, end: Position, west: float) -> list[Position]:
    """The ends of the part of a segment in the 360 degrees from `west`; none when it only touches them."""
    for border, side in ((west, 1), (west + 360, -1)):
        first, second = (begin[0] - border) * side, (end[0] - border) * side
        if max(first, second) <= 0 and min(first, second) < 0:
            return []
        if first < 0:
            begin = _at(begin, end, border)
        elif second < 0:
            end = _at(begin, end, border)
    return [begin, end]


def _at(begin: Position, end: Position, x: float) -> Position:
    share = (x - begin[0]) / (end[0] - begin[0])
    return (x, *(round(a + (b - a) * share, 9) for a, b in zip(begin[1:], end[1:], strict=False)))


def _moved(position: Position, west: float) -> Position:
    return (position[0] - west - 180, *position[1:])
