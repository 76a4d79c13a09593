"""Geometries in GML and heights and depths: as well-known text in CRS84, and as metres below the sea surface."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.extents import WKT, state_geometry
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.identifiers import canonical, crs, crs_components, is_geographic, latitude_first
from odatis_kg.mapping.kinds import Kind
from odatis_kg.mapping.values import Term, plain
from odatis_kg.mapping.xml_reader import XmlReader

Point = tuple[Decimal, Decimal]

_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_SIMPLE = {"Point": "POINT", "LineString": "LINESTRING", "Polygon": "POLYGON", "Curve": "LINESTRING"}


def bounding_polygon(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """The outline or track of an extent (EX_BoundingPolygon): `geo:hasGeometry` with `geo:asWKT`.

    GML names the axis order by its reference system; many records write longitude first all the same. Where the
    record's own bounding box shows which order was meant, that order is taken and a swapped one reported. Coordinates in
    a projected system are kept in it, with its IRI before the text (OGC 22-047r1, section 8.5.1).
    """
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    for prop in reader.find(node, "polygon"):
        shapes = _whole(context, [shape for shape in _shapes(context, prop) if shape[1]])
        if not shapes:
            continue
        names = [value for name in prop.named("name", "description") for value in reader.text(name)]
        stated = next((name for one in prop.below if (name := one.get("srsName"))), "")
        system = crs(crs_components(stated)[0]) or _CRS84
        geographic = is_geographic(system)
        if geographic:
            ordered = _longitude_first(context, shapes, swapped=_stated_latitude_first(prop))
            if ordered is None:
                continue
            shapes = _in_range(ordered)
        text = _wkt(shapes)
        if not geographic:
            text = f"<{system}> {text}"
        place = context.part(about, "geometry", text)
        link = options.get("link", "dct:spatial" if options["of"] == "resource" else "geo:hasGeometry")
        context.add(about, link, place)
        if options["of"] == "resource":
            context.type(place, "geo:Feature" if link == "odk:track" else "dct:Location")
            shape = context.part(about, "wkt", text)
            context.add(place, "geo:hasGeometry", shape)
            context.texts(place, "skos:prefLabel", [name for name in names if name[0].lower() not in NO_VALUES])
        else:
            shape = place
        context.type(shape, "geo:Geometry")
        context.add(shape, "geo:asWKT", values.typed(text, WKT))


Shape = tuple[str, list[list[Point]]]


def state_outline(context: Context, about: Term, kind: str, points: list[Point]) -> None:
    """An outline ("Polygon") or track ("LineString") of a resource, given by its positions, longitude first."""
    shapes = _whole(context, [(kind, [points])])
    if not shapes:
        return
    if not _on_globe(shapes):
        context.warn("the coordinates of a geometry are outside the globe; it is left out")
        return
    state_geometry(context, about, _wkt(_in_range(shapes)))


def _whole(context: Context, shapes: list[Shape]) -> list[Shape]:
    """The shapes that are ones: a ring is closed and has four positions, a line has two (OGC 06-103r4, 6.1.7 and 6.1.11)."""
    found: list[Shape] = []
    for kind, rings in shapes:
        if kind == "Polygon":
            rings = [ring if ring[:1] == ring[-1:] else [*ring, ring[0]] for ring in rings]
        least = {"Polygon": 4, "Point": 1}.get(kind, 2)
        if rings and len(rings[0]) >= least:
            found.append((kind, [ring for ring in rings if len(ring) >= least]))
        else:
            context.warn(f"a {kind} of {len(rings[0]) if rings else 0} positions is none")
    return found


def _in_range(shapes: list[Shape]) -> list[Shape]:
    """The shapes in longitudes of -180..180: what lies beyond 180 is cut there and brought back (RFC 7946, section 3.1.9)."""
    if not any(x > 180 for _, rings in shapes for ring in rings for x, _ in ring):
        return shapes
    found: list[Shape] = []
    for kind, rings in shapes:
        if kind == "Polygon":
            for west in (True, False):
                cut = [part for ring in rings if (part := _clipped(ring, west=west))]
                found += [(kind, cut)] if cut else []
        else:
            found += [(kind, [run]) for run in _runs(rings[0])]
    return found


def _clipped(ring: list[Point], *, west: bool) -> list[Point]:
    """The part of a closed ring on one side of 180 degrees (Sutherland and Hodgman 1974); empty when it has no area."""
    kept: list[Point] = []
    for begin, end in pairwise(ring):
        if begin[0] == 180 or (begin[0] < 180) == west:
            kept.append(begin)
        if (begin[0] - 180) * (end[0] - 180) < 0:
            kept.append(_at_180(begin, end))
    if all(x == 180 for x, _ in kept):
        return []
    return [*_shifted(kept, beyond=not west), _shifted(kept, beyond=not west)[0]]


def _runs(line: list[Point]) -> Iterator[list[Point]]:
    """The parts of a line, or the point, on either side of 180 degrees."""
    run: list[Point] = []
    for point in line:
        if run and any((x - 180) * (point[0] - 180) < 0 for x, _ in run):
            border = run[-1] if run[-1][0] == 180 else _at_180(run[-1], point)
            yield _shifted([*run, *([border] if border != run[-1] else [])], beyond=any(x > 180 for x, _ in run))
            run = [border]
        run.append(point)
    yield _shifted(run, beyond=any(x > 180 for x, _ in run))


def _at_180(begin: Point, end: Point) -> Point:
    share = (180 - begin[0]) / (end[0] - begin[0])
    return Decimal(180), (begin[1] + (end[1] - begin[1]) * share).quantize(Decimal("1e-9"))


def _shifted(points: list[Point], *, beyond: bool) -> list[Point]:
    return [(x - 360, y) for x, y in points] if beyond else points


def _shapes(context: Context, prop: Element) -> Iterator[Shape]:
    """The simple geometries below a property, each with its rings or lines."""
    for element in prop.named("Point", "LineString", "Curve", "Polygon", "LinearRing", "Envelope"):
        name = element.name
        if name == "LinearRing" and any(above.name == "Polygon" for above in element.above):
            continue
        if name == "Envelope":
            ends = context.reader.find(element, "lowerCorner | upperCorner")
            corners = [point for end in ends for point in _points(context, end)]
            if len(corners) == 2:
                (west, south), (east, north) = corners
                if west == east or south == north:
                    yield ("Point", [corners[:1]]) if corners[0] == corners[1] else ("LineString", [corners])
                else:
                    yield "Polygon", [[(west, south), (east, south), (east, north), (west, north), (west, south)]]
        elif name == "Polygon":
            rings = [_points(context, ring) for ring in element.named("LinearRing", "Ring")]
            yield name, [ring for ring in rings if ring]
        else:
            points = _points(context, element)
            yield ("Polygon" if name == "LinearRing" else name), [points] if points else []


def _points(context: Context, element: Element) -> list[Point]:
    """The positions of a line, ring or point in stated order; a text that is no list of positions is reported."""
    reader: XmlReader = context.reader
    numbers: list[Decimal] = []
    dimension = 2
    for holder in element.named("posList", "pos", "coordinates", "lowerCorner", "upperCorner"):
        text = reader.string(holder)
        stated = next((e.get("srsDimension") for e in (holder, *holder.above) if e.get("srsDimension")), "2")
        if holder.name == "coordinates":
            stated = str(len((text.split(" ", 1)[0]).strip(",").split(","))) if "," in text else "2"
        dimension = 3 if stated == "3" else 2
        found = [values.number(word) for word in re.split(r"[\s,]+", text.strip(", ")) if word]
        if any(number is None for number in found):
            context.warn(f"'{text[:60]}' is no list of coordinates")
            return []
        numbers += [number for number in found if number is not None]
    if len(numbers) % dimension:
        context.warn(f"{len(numbers)} numbers are no whole number of positions")
        return []
    return [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), dimension)]


def _stated_latitude_first(prop: Element) -> bool:
    return any(latitude_first(element.get("srsName") or "") for element in prop.below)


def _longitude_first(context: Context, shapes: list[Shape], *, swapped: bool) -> list[Shape] | None:
    as_stated = [(kind, [[(b, a) if swapped else (a, b) for a, b in ring] for ring in rings]) for kind, rings in shapes]
    other = [(kind, [[(b, a) for a, b in ring] for ring in rings]) for kind, rings in as_stated]
    hull = _hull(context.reader.root)
    if _on_globe(as_stated) and (hull is None or _inside(as_stated, hull)):
        return as_stated
    if _on_globe(other) and (not _on_globe(as_stated) if hull is None else _inside(other, hull)):
        context.warn("the coordinates of a geometry are in the other axis order than its reference system says")
        return other
    if _on_globe(as_stated):
        if hull:
            context.warn("a geometry is outside the bounding box of its record")
        return as_stated
    context.warn("the coordinates of a geometry are outside the globe; it is left out")
    return None


@lru_cache(maxsize=1)  # asked for each of the geometries of a record
def _hull(root: Element) -> tuple[Decimal, Decimal, Decimal, Decimal] | None:
    """West, south, east and north of all bounding boxes of a record, a hundredth of a degree wider; None without a box."""
    boxes = []
    for box in root.named("EX_GeographicBoundingBox"):
        sides = [
            values.number(side.words.strip())
            for name in ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
            for side in box.children
            if side.name == name
        ]
        known = [side for side in sides if side is not None]
        if len(known) == len(sides) == 4:
            boxes.append(known)
    if not boxes:
        return None
    near = Decimal("0.01")
    west, south = (min(box[side] for box in boxes) - near for side in (0, 1))
    east, north = (max(box[side] for box in boxes) + near for side in (2, 3))
    if any(box[0] > box[2] for box in boxes):
        west, east = Decimal(-180), Decimal(360)
    return west, south, east, north


def _on_globe(shapes: list[Shape]) -> bool:
    return all(-180 <= x <= 360 and -90 <= y <= 90 for _, rings in shapes for ring in rings for x, y in ring)


def _inside(shapes: list[Shape], hull: tuple[Decimal, Decimal, Decimal, Decimal]) -> bool:
    west, south, east, north = hull
    return all(west <= x <= east and south <= y <= north for _, rings in shapes for ring in rings for x, y in ring)


def _wkt(shapes: list[Shape]) -> str:
    """Well-known text of one or several geometries (OGC 06-103r4, section 7)."""
    bodies = [(_SIMPLE[kind], _body(kind, rings)) for kind, rings in shapes]
    if len(bodies) == 1:
        return "".join(bodies[0])
    kinds = {kind for kind, _ in bodies}
    if len(kinds) == 1:
        return f"MULTI{kinds.pop()}({','.join(body for _, body in bodies)})"
    return f"GEOMETRYCOLLECTION({','.join(kind + body for kind, body in bodies)})"


def _body(kind: str, rings: list[list[Point]]) -> str:
    lines = ["(" + ",".join(f"{plain(x)} {plain(y)}" for x, y in ring) + ")" for ring in rings]
    return f"({','.join(lines)})" if kind == "Polygon" else lines[0]


# Heights and depths

# Vertical reference systems whose axis points down, and those whose axis points up (EPSG).
_DEPTHS = ("5715", "5831", "5861", "5862", "5866", "8378")
_HEIGHTS = ("5714", "5829", "5703", "5773", "3855", "5621", "5730", "5720")


def vertical_extent(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A vertical extent (EX_VerticalExtent): as stated, and as depths in metres where the record tells which way is down.

    A depth is told by a reference system whose axis points down, by values that are not above zero on an axis that
    points up or is not stated (ISO 19115 takes the axis to point up), and by the SeaDataNet profile of CDI, where both
    values are depths below the datum.
    """
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    low, high = (values.number(reader.string_at(node, path)) for path in ("minimumValue", "maximumValue"))
    if low is None and high is None:
        return
    system = _vertical_system(context, node)
    unit = _unit(context, node)
    extent = context.part(about, "vertical", *(plain(v) if v is not None else "" for v in (low, high)), system, unit)
    context.add(about, "odk:verticalExtent", extent)
    context.type(extent, "odk:VerticalExtent")
    for predicate, value in (("odk:minimumValue", low), ("odk:maximumValue", high)):
        if value is not None:
            context.add(extent, predicate, values.decimal(value))
    if system:
        context.add(extent, "odk:verticalReferenceSystem", values.iri(system))
    if unit:
        context.add(extent, "schema:unitText", values.text(unit))
    for datum in _datums(context, node):
        context.add(extent, "odk:verticalDatum", datum)
    depths = _depths(context, node, low, high, system)
    if depths and unit.lower() in ("", "m", "metre", "metres", "meter", "meters", "mètre", "mètres"):
        for holder in (about, extent):
            for predicate, depth in zip(("odk:minimumDepth", "odk:maximumDepth"), depths, strict=True):
                if depth is not None:
                    context.add(holder, predicate, values.decimal(depth))


def _vertical_system(context: Context, node: Element) -> str:
    """The IRI of the vertical reference system; empty when none is named by an identifier."""
    reader: XmlReader = context.reader
    for prop in reader.find(node, "verticalCRS | verticalCRSId/*/referenceSystemIdentifier/*/code"):
        stated = [reader.href(prop)]
        if reference := (prop.get("uuidref") or "").strip():
            reader.consumed.add(prop)
            stated.append(reference)
        if prop.name == "code":
            stated.append(reader.string(prop))
            parent = prop.parent
            space = reader.string_at(parent, "codeSpace") if parent is not None else ""
            stated.append(f"{space}:{reader.string(prop)}")
        stated += [reader.string(one) for one in prop.named("identifier")]
        for text in stated:
            if text and (found := crs(crs_components(text)[-1])):
                return found
    return ""


def _unit(context: Context, node: Element) -> str:
    reader: XmlReader = context.reader
    for prop in reader.find(node, "unitOfMeasure"):
        return reader.string(prop)
    for element in node.below:
        if unit := (element.get("uom") or "").strip():
            return unit.rpartition("#")[2] or unit
    return ""


def _datums(context: Context, node: Element) -> Iterator[Term]:
    reader: XmlReader = context.reader
    for datum in node.named("VerticalDatum"):
        for prop in reader.find(datum, "identifier | name | datumName"):
            text = reader.string(prop)
            found = canonical(text) if text.startswith(("http", "SDN:", "urn:")) else None
            if found and values.is_iri(found) and "vocab.nerc.ac.uk" in found:
                yield values.iri(found)
            elif text and text.lower() not in NO_VALUES and prop.name != "identifier":
                yield values.text(text)


def _depths(
    context: Context, node: Element, low: Decimal | None, high: Decimal | None, system: str
) -> tuple[Decimal | None, Decimal | None] | None:
    """The least and the greatest depth; None where the record does not tell which way is down, or states no such limit."""
    known = sorted(value for value in (low, high) if value is not None)
    if not known:
        return None
    first, last = known[0], known[-1]
    downwards = (first, last) if len(known) == 2 else (low, high)
    code = system.rpartition("/")[2]
    if code in _DEPTHS or (context.record.kind is Kind.CDI and first >= 0):
        return downwards
    directions = {context.reader.string(one).lower() for one in node.named("axisDirection")}
    if "down" in directions:
        return downwards
    if last < 0 or (last == 0 and (len(known) == 2 or code in _HEIGHTS or "up" in directions)):
        shallow, deep = downwards[::-1]
        return -shallow if shallow is not None else None, -deep if deep is not None else None
    if code in _HEIGHTS or "up" in directions:
        context.warn(
            f"a vertical extent from {plain(first)} to {plain(last)} is stated as heights above the sea, not as depths"
        )
    return None
