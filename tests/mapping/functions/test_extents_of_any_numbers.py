"""Whatever numbers a record gives for a box or an outline: valid WKT within the globe, in the place that was meant, or none."""

import re
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context, Names, all_prefixes
from odatis_kg.mapping.functions.extents import state_box
from odatis_kg.mapping.functions.geometry import state_outline
from odatis_kg.mapping.kinds import Kind, SourceRecord
from odatis_kg.mapping.values import Term

RESOURCE = Term("<http://localhost:8000/id/dataset/test/1>")
Position = tuple[Decimal, Decimal]


def context() -> Context:
    iris = Iris("http://localhost:8000/")
    record = SourceRecord("test", "1", Kind.ISO19139, b"")
    return Context(record, None, iris, {}, Names(all_prefixes(iris)), subjects={"resource": RESOURCE})


def objects(said: Context, predicate: str) -> list[str]:
    return [values.lexical(one.object) for one in said.statements if one.predicate == said.name(predicate)]


def parts(wkt: str) -> list[list[Position]]:
    """The rings, lines or points of a geometry; fails when it is no WKT within the globe."""
    kind = re.match("[A-Z]+", wkt)
    assert kind, wkt
    assert kind[0] in ("POINT", "LINESTRING", "POLYGON", "MULTILINESTRING", "MULTIPOLYGON", "MULTIPOINT"), wkt
    number = r"-?\d+(?:\.\d+)?"
    assert re.fullmatch(rf"[A-Z]+[(]+{number} {number}(?:[,()]+{number} {number})*[)]+", wkt), wkt
    found = [
        [(Decimal(x), Decimal(y)) for x, y in (position.split(" ") for position in part.split(","))]
        for part in re.findall(r"\(([^()]+)\)", wkt)
    ]
    for part in found:
        assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in part), wkt
        if "POLYGON" in kind[0]:
            assert part[0] == part[-1], wkt
            assert len(part) >= 4, wkt
        elif "LINE" in kind[0]:
            assert len(part) >= 2, wkt
    return found


def sides(*numbers: Decimal | int) -> Context:
    said = context()
    west, east, south, north = map(Decimal, numbers)
    state_box(said, RESOURCE, west, east, south, north)
    return said


def covers(found: list[list[Position]], longitude: Decimal) -> bool:
    spans = [(min(x for x, _ in part), max(x for x, _ in part)) for part in found]
    there = [longitude, *({Decimal(180), Decimal(-180)} if abs(longitude) == 180 else ())]
    return any(low <= x <= high for low, high in spans for x in there)


longitudes = st.integers(-180, 360) | st.sampled_from([-180, 0, 180, 360]) | st.decimals(-180, 360, places=3)
latitudes = st.integers(-90, 90) | st.decimals(-90, 90, places=3)


@given(longitudes.map(Decimal), longitudes.map(Decimal), latitudes.map(Decimal), latitudes.map(Decimal))
def test_a_box_covers_the_longitudes_it_is_stated_with_and_no_others(
    west: Decimal, east: Decimal, south: Decimal, north: Decimal
) -> None:
    said = sides(west, east, south, north)
    boxes, centres = objects(said, "dcat:bbox"), objects(said, "dcat:centroid")
    if south > north or east - west > 360:
        assert boxes == centres == []
        assert said.warnings
        return
    (box,), (centre,) = boxes, centres
    found = parts(box)
    assert {y for part in found for _, y in part} == {south, north}
    width = Decimal(360) if east - west == 360 else (east - west) % 360
    width += 360 if width < 0 else 0
    for degree in range(-180, 180, 15):
        inside = (Decimal(degree) - west) % 360
        assert covers(found, Decimal(degree)) == ((inside + 360 if inside < 0 else inside) <= width), (box, degree)
    ((middle,),) = parts(centre)
    assert covers(found, middle[0]), (box, centre)


@given(st.lists(st.decimals(-(10**15), 10**15, allow_nan=False), min_size=4, max_size=4))
def test_four_numbers_are_a_box_on_the_globe_or_none_with_a_warning(numbers: list[Decimal]) -> None:
    said = sides(*numbers)
    for box in objects(said, "dcat:bbox"):
        parts(box)
    assert len(objects(said, "odk:west")) == 1
    assert objects(said, "dcat:bbox") or said.warnings


@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ((0, 360, -90, 90), "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))"),
        ((-170, 190, 0, 1), "POLYGON((-180 0,180 0,180 1,-180 1,-180 0))"),
        ((170, -170, 5, 5), "MULTILINESTRING((170 5,180 5),(-180 5,-170 5))"),
        ((170, -180, 0, 1), "POLYGON((170 0,180 0,180 1,170 1,170 0))"),
        ((180, -170, 0, 1), "POLYGON((-180 0,-170 0,-170 1,-180 1,-180 0))"),
        ((180, 190, 0, 1), "POLYGON((-180 0,-170 0,-170 1,-180 1,-180 0))"),
        ((190, 200, 0, 1), "POLYGON((-170 0,-160 0,-160 1,-170 1,-170 0))"),
        ((180, -180, 0, 1), "LINESTRING(-180 0,-180 1)"),
    ],
)
def test_the_antimeridian_as_a_side_and_the_whole_circle(numbers: tuple[int, ...], box: str) -> None:
    assert objects(sides(*numbers), "dcat:bbox") == [box]


positions = st.tuples(
    st.decimals(-200, 400, places=2) | st.sampled_from([Decimal(180), Decimal(190)]), st.decimals(-100, 100, places=2)
)


@given(st.sampled_from(["Polygon", "LineString"]), st.lists(positions, max_size=6))
def test_an_outline_of_any_positions_is_a_geometry_on_the_globe_or_none_with_a_warning(
    kind: str, points: list[Position]
) -> None:
    said = context()
    state_outline(said, RESOURCE, kind, points)
    shapes = objects(said, "geo:asWKT")
    if not shapes:
        assert said.warnings
        return
    found = parts(shapes[0])
    if max(x for x, _ in points) <= 180:
        assert sorted({point for part in found for point in part}) == sorted(set(points))
    else:
        stated = {x - 360 if x > 180 else x for x, _ in points}
        assert stated <= {x for part in found for x, _ in part} | {Decimal(180)}


def area(ring: list[Position]) -> Decimal:
    return abs(sum((a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)), Decimal(0))) / 2


@given(st.integers(1, 179), st.integers(181, 359), st.integers(-90, 0), st.integers(1, 90))
def test_an_outline_over_the_antimeridian_is_cut_in_two_of_the_same_area(
    west: int, east: int, south: int, north: int
) -> None:
    said = context()
    corners = [(west, south), (east, south), (east, north), (west, north)]
    state_outline(said, RESOURCE, "Polygon", [(Decimal(x), Decimal(y)) for x, y in corners])
    (wkt,) = objects(said, "geo:asWKT")
    assert wkt.startswith("MULTIPOLYGON")
    assert sum(area(ring) for ring in parts(wkt)) == (east - west) * (north - south)


def test_a_track_over_the_antimeridian_is_two_lines() -> None:
    said = context()
    state_outline(said, RESOURCE, "LineString", [(Decimal(170), Decimal(0)), (Decimal(190), Decimal(10))])
    assert objects(said, "geo:asWKT") == ["MULTILINESTRING((170 0,180 5),(-180 5,-170 10))"]


def test_a_ring_that_is_left_open_is_closed() -> None:
    said = context()
    state_outline(said, RESOURCE, "Polygon", [(Decimal(x), Decimal(y)) for x, y in [(0, 0), (1, 0), (1, 1)]])
    assert objects(said, "geo:asWKT") == ["POLYGON((0 0,1 0,1 1,0 0))"]
