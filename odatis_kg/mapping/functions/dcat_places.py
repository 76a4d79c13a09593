"""Coordinates of DCAT records: well-known text, GeoJSON and the sides of a box, brought to longitude first."""

import json
import re
from decimal import Decimal
from typing import Any, Final

from odatis_kg.mapping import values
from odatis_kg.mapping.dcat_reader import DcatReader, Literal
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.extents import state_box, state_geometry
from odatis_kg.mapping.functions.geometry import Point, state_outline
from odatis_kg.mapping.identifiers import crs, is_geographic, latitude_first
from odatis_kg.mapping.json import Node

# The most telling first: a box and an outline are both stated, a centre only when there is neither.
_PLACES: Final = (
    "dcat:bbox/*",
    "locn:geometry/*",
    "geo:hasGeometry/*/geo:asWKT/*",
    "geo:hasGeometry/*/geo:asGeoJSON/*",
)
_CENTRE: Final = "dcat:centroid/*"
_WKT: Final = re.compile(
    r"\s*(?:<(?P<crs>[^>]*)>\s*)?(?:SRID=(?P<srid>\d+)\s*;\s*)?(?P<kind>POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON)"
    r"\s*Z?\s*(?P<body>\([-+0-9.eE,()\s]*\))\s*",
    re.IGNORECASE,
)
_LONGEST: Final = 2_000_000


def state_coordinates(context: Context, node: Node) -> bool:
    """What a dct:Location says of where it is: each box or geometry once, in whichever notation can be read; whether any."""
    stated = False
    for path in (*_PLACES, _CENTRE):
        if path == _CENTRE and stated:
            for one in context.reader.find(node, path):
                context.reader.ignore(one)  # made again from the box
            break
        stated = _state_first(context, context.reader.find(node, path)) or stated
    return stated


def _state_first(context: Context, notations: list[Node]) -> bool:
    """Catalogues write one geometry in several notations (GeoDCAT-AP 3, bounding box): the first that can be read is taken."""
    order = {"wktLiteral": 0, "geoJSONLiteral": 1, "gmlLiteral": 3}
    found = False
    told: set[int] = set()
    for node in sorted(notations, key=lambda one: order.get(_datatype(one).rpartition("#")[2], 2)):
        rank = order.get(_datatype(node).rpartition("#")[2], 2)
        if found and rank not in told:
            context.reader.ignore(node)  # the same in another notation
        elif _state_geometry(context, node):
            found = True
            told.add(rank)
    return found


def _datatype(node: Node) -> str:
    return node.value.datatype if isinstance(node.value, Literal) else ""


def _state_geometry(context: Context, node: Node) -> bool:
    reader: DcatReader = context.reader
    text = str(node.value) if isinstance(node.value, Literal) else ""
    if not text or len(text) > _LONGEST:
        return False
    if text.lstrip().startswith("{"):
        done = _state_geojson(context, text)
    elif found := _WKT.fullmatch(text):
        done = _state_wkt(context, found)
    else:
        return False  # GML alone: kept in words
    if done:
        reader.string(node)
    return done


def _state_wkt(context: Context, found: re.Match[str]) -> bool:
    resource = context.subjects["resource"]
    stated = found["crs"] or (f"EPSG:{found['srid']}" if found["srid"] else "")
    system = crs(stated) if stated else None
    kind = found["kind"].upper()
    body = " ".join(found["body"].split())
    if system and not is_geographic(system):
        state_geometry(context, resource, f"<{system}> {kind}{body}")
        return True
    rings = [_points(ring) for ring in re.findall(r"\(([^()]*)\)", body)]
    if not rings or any(ring is None for ring in rings):
        return False
    whole = [[(b, a) for a, b in ring] if latitude_first(stated) else ring for ring in rings if ring]
    return _state_shape(context, kind, whole, body)


def _points(text: str) -> list[Point] | None:
    """The positions of a ring; None when one of them is none."""
    points = []
    for position in text.split(","):
        numbers = [values.number(word) for word in position.split()]
        if len(numbers) not in (2, 3) or numbers[0] is None or numbers[1] is None:
            return None
        points.append((numbers[0], numbers[1]))
    return points


def _state_geojson(context: Context, text: str) -> bool:
    try:
        shape = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError):
        return False
    if not isinstance(shape, dict):
        return False
    if isinstance(shape.get("geometry"), dict):
        shape = shape["geometry"]
    kind, coordinates = str(shape.get("type", "")).upper(), shape.get("coordinates")
    rings = {"POINT": [[coordinates]], "LINESTRING": [coordinates], "POLYGON": coordinates}.get(kind)
    if not isinstance(rings, list):
        return False
    whole = [_positions(ring) for ring in rings]
    if not whole or any(not ring for ring in whole):
        return False
    return _state_shape(context, kind, [ring for ring in whole if ring], "")


def _positions(ring: Any) -> list[Point] | None:
    if not isinstance(ring, list):
        return None
    points = []
    for position in ring:
        if (
            not isinstance(position, list)
            or len(position) < 2
            or not all(isinstance(one, Decimal) for one in position[:2])
        ):
            return None
        points.append((position[0], position[1]))
    return points


def _state_shape(context: Context, kind: str, rings: list[list[Point]], body: str) -> bool:
    """A shape by its rings, longitude first: a box when it is one, else its outline; several parts as they are written."""
    resource = context.subjects["resource"]
    first = rings[0]
    columns, rows = {x for x, _ in first}, {y for _, y in first}
    if kind == "POINT" or (kind == "POLYGON" and len(rings) == 1 and _is_box(first)):
        state_box(context, resource, min(columns), max(columns), min(rows), max(rows))
    elif kind in ("LINESTRING", "POLYGON") and len(rings) == 1:
        state_outline(context, resource, "Polygon" if kind == "POLYGON" else "LineString", first)
    elif body:
        if any(abs(x) > 180 or abs(y) > 90 for ring in rings for x, y in ring):
            context.warn("the coordinates of a geometry are outside the globe; it is left out")
            return True
        state_geometry(context, resource, _written(kind, body, rings))
    else:
        state_geometry(context, resource, f"POLYGON({','.join(_ring(ring) for ring in rings)})")
    return True


def _is_box(ring: list[Point]) -> bool:
    """Whether a ring is a rectangle along the axes: its corners, in turn."""
    corners = ring[:-1] if ring[0] == ring[-1] else ring
    columns, rows = {x for x, _ in corners}, {y for _, y in corners}
    whole = {(x, y) for x in columns for y in rows}
    turns = all(a[0] == b[0] or a[1] == b[1] for a, b in zip(corners, [*corners[1:], corners[0]], strict=True))
    return len(columns) <= 2 and len(rows) <= 2 and set(corners) == whole and len(corners) <= 4 and turns


def _ring(ring: list[Point]) -> str:
    return "(" + ",".join(f"{values.plain(x)} {values.plain(y)}" for x, y in ring) + ")"


def _written(kind: str, body: str, rings: list[list[Point]]) -> str:
    """The text of a shape of several parts, with the positions that were read in the places of those that were written."""
    parts = iter(rings)
    return kind + re.sub(r"\([^()]*\)", lambda _: _ring(next(parts)), body).replace(", ", ",")
