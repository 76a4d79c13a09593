"""Where and when: bounding boxes, named places and periods, exactly as far as the record says."""

from collections.abc import Mapping
from decimal import Decimal

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES, meant
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.values import Term, plain
from odatis_kg.mapping.xml_reader import Localised, XmlReader
from odatis_kg.namespaces import PREFIXES

WKT = PREFIXES["geo"] + "wktLiteral"
_SIDES = {
    "west": "westBoundLongitude",
    "east": "eastBoundLongitude",
    "south": "southBoundLatitude",
    "north": "northBoundLatitude",
}


def bounding_box(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A geographic bounding box (EX_GeographicBoundingBox), in degrees of WGS 84."""
    reader: XmlReader = context.reader
    sides: dict[str, Decimal] = {}
    for side, path in _SIDES.items():
        text = reader.string_at(node, path)
        number = values.number(text) if text else None
        if number is None:
            if text:
                context.warn(f"the {side} side of a bounding box is '{text[:40]}', which is no number")
            continue
        sides[side] = number
    if len(sides) == 4:
        state_box(context, context.subjects[options["of"]], **sides)
    elif sides:
        context.warn("a bounding box lacks a side and is left out")


def state_box(context: Context, resource: Term, west: Decimal, east: Decimal, south: Decimal, north: Decimal) -> None:
    """`dct:spatial` a `dct:Location` with the box as WKT in CRS84, its centroid, and its four sides as decimals.

    Longitudes above 180 are brought back into -180..180 (RFC 7946, section 4, uses the same range); 360 degrees of them
    are the whole circle. A box that crosses the antimeridian (west > east) becomes two polygons or lines (RFC 7946,
    section 3.1.9). A box whose sides cannot be right is kept as four numbers, without geometry, and reported.
    """
    swapped = west > east and east + 360 - west > 180
    if east - west == 360 and west >= -180:
        west, east = Decimal(-180), Decimal(180)
    elif east - west < 360:
        west, east = _longitude(west), _longitude(east)
    place = context.part(resource, "extent", plain(west), plain(east), plain(south), plain(north))
    context.add(resource, "dct:spatial", place)
    context.type(place, "dct:Location")
    for name, value in (("west", west), ("east", east), ("south", south), ("north", north)):
        context.add(place, f"odk:{name}", values.decimal(value))
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        context.warn(f"a bounding box is outside the globe (west {west}, east {east}, south {south}, north {north})")
        return
    if south > north:
        context.warn(f"a bounding box has its south ({south}) above its north ({north})")
        return
    if swapped:
        context.warn(
            f"a bounding box goes around most of the globe, over the antimeridian (west {west}, east {east}); if west and"
            " east are swapped, the record has to say so"
        )
    if west == 180 and east == -180:
        context.warn(
            "a bounding box from 180 to -180 has no width; if west and east are swapped, the record has to say so"
        )
    if west > east:  # the antimeridian itself is the side that leaves one box
        west = Decimal(-180) if west == 180 else west
        east = Decimal(180) if east == -180 and west != -180 else east
    context.add(place, "dcat:bbox", values.typed(_box_wkt(west, east, south, north), WKT))
    width = east - west if east >= west else east + 360 - west
    centre = _longitude(west + width / 2)
    context.add(place, "dcat:centroid", values.typed(f"POINT({plain(centre)} {plain((south + north) / 2)})", WKT))


def state_geometry(context: Context, resource: Term, wkt: str) -> None:
    """A place known by its geometry, in well-known text with longitude first."""
    where = context.part(resource, "geometry", wkt)
    context.add(resource, "dct:spatial", where)
    context.type(where, "dct:Location")
    shape = context.part(resource, "wkt", wkt)
    context.add(where, "geo:hasGeometry", shape)
    context.type(shape, "geo:Geometry")
    context.add(shape, "geo:asWKT", values.typed(wkt, WKT))


def _longitude(value: Decimal) -> Decimal:
    return value - 360 if 180 < value <= 360 else value


def _box_wkt(west: Decimal, east: Decimal, south: Decimal, north: Decimal) -> str:
    if west == east and south == north:
        return f"POINT({plain(west)} {plain(south)})"
    if west > east and south == north:
        lines = f"({plain(west)} {plain(south)},180 {plain(south)}),(-180 {plain(south)},{plain(east)} {plain(south)})"
        return f"MULTILINESTRING({lines})"
    if west == east or south == north:
        return f"LINESTRING({plain(west)} {plain(south)},{plain(east)} {plain(north)})"
    if west > east:
        parts = (_ring(west, Decimal(180), south, north), _ring(Decimal(-180), east, south, north))
        return f"MULTIPOLYGON(({parts[0]}),({parts[1]}))"
    return f"POLYGON({_ring(west, east, south, north)})"


def _ring(west: Decimal, east: Decimal, south: Decimal, north: Decimal) -> str:
    w, e, s, n = plain(west), plain(east), plain(south), plain(north)
    return f"({w} {s},{e} {s},{e} {n},{w} {n},{w} {s})"


def geographic_description(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A place given by name or code (EX_GeographicDescription)."""
    reader: XmlReader = context.reader
    for code in reader.find(node, "geographicIdentifier/*/code"):
        link = canonical(reader.href(code))
        labels = meant(reader.text(code))
        if link and values.is_iri(link):
            state_place(context, labels, values.iri(link))
        elif labels:
            state_place(context, labels)


def described_place(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An extent given in words (EX_Extent/description): a place without coordinates, with the words as its name."""
    texts = meant(context.reader.text(node))
    if texts:
        state_place(context, texts)


def state_place(context: Context, names: Localised, known: Term | None = None) -> None:
    """A place of the resource without coordinates: the known one, else one of its own named by its first name."""
    resource = context.subjects["resource"]
    place = known or context.part(resource, "place", names[0][0])
    context.add(resource, "dct:spatial", place)
    context.type(place, "dct:Location")
    context.texts(place, "skos:prefLabel", names)


def temporal_extent(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A period or an instant the data cover (EX_TemporalExtent), with the precision and the certainty it is stated with."""
    resource = context.subjects["resource"]
    start, end, start_certainty, end_certainty = read_period(context, node)
    if not any((start, end, start_certainty, end_certainty)):
        return
    period = context.part(resource, "time", start, end, start_certainty, end_certainty)
    context.add(resource, "dct:temporal", period)
    context.type(period, "dct:PeriodOfTime")
    for predicate, text in (("dcat:startDate", start), ("dcat:endDate", end)):
        if text:
            context.add(period, predicate, date_or_text(context, text))
    if end_certainty == "now":
        context.add(period, "odk:isOngoing", values.typed("true", "boolean"))
    elif end_certainty:
        context.add(period, "odk:endCertainty", values.text(end_certainty))
    if start_certainty:
        context.add(period, "odk:startCertainty", values.text(start_certainty))


def state_period(context: Context, start: str, end: str) -> None:
    """A period the resource covers, from a date or interval in words; open where one side is empty."""
    if not (start or end):
        return
    resource = context.subjects["resource"]
    period = context.part(resource, "time", start, end)
    context.add(resource, "dct:temporal", period)
    context.type(period, "dct:PeriodOfTime")
    for text, predicate in ((start, "dcat:startDate"), (end, "dcat:endDate")):
        if text:
            context.add(period, predicate, date_or_text(context, text))


def read_period(context: Context, node: Element) -> tuple[str, str, str, str]:
    """Start, end, and the indeterminate position of each (`now`, `before`, `after`, `unknown`), as texts (ISO 19136, 14.2.2)."""
    reader: XmlReader = context.reader
    for element in node.named("TimePeriod", "TimeInstant"):
        if element.name == "TimeInstant":
            start, certainty = _position(reader, element, "timePosition")
            return start, start, certainty, certainty
        start, start_certainty = _position(reader, element, "beginPosition | begin/TimeInstant/timePosition")
        end, end_certainty = _position(reader, element, "endPosition | end/TimeInstant/timePosition")
        return start, end, start_certainty, end_certainty
    return "", "", "", ""


def _position(reader: XmlReader, element: Element, path: str) -> tuple[str, str]:
    position = reader.first(element, path)
    if position is None:
        return "", ""
    text = reader.string(position)
    certainty = (position.get("indeterminatePosition") or "").strip()
    if text.lower() in NO_VALUES | {"now", "present"}:
        certainty, text = certainty or ("now" if text.lower() in ("now", "present") else ""), ""
    return text, certainty


def date_or_text(context: Context, text: str) -> Term:
    """A date typed by its precision; what is no date stays text and is reported."""
    term = values.temporal(text)
    if term is None:
        context.warn(f"'{text[:60]}' is no date; kept as text")
        return values.text(text)
    return term
