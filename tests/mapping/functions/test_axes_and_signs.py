"""Which axis comes first, and which way is down: what each kind of record means by its numbers."""

import json
from typing import Any

import pytest

from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.mapping.values import lexical
from tests.support import iso, mapped, values_of

BOX = "POLYGON((-5 43,-1 43,-1 48,-5 48,-5 43))"


def shown(result: Mapped, predicate: str) -> list[str]:
    return [lexical(term) for term in values_of(result, predicate)]  # type: ignore[arg-type]


def csw(mappings: Mappings, inside: str, more: str = "") -> Mapped:
    return mapped(
        f"""<csw:Record xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:dct="http://purl.org/dc/terms/" xmlns:ows="http://www.opengis.net/ows" {more}
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:identifier>r1</dc:identifier><dc:title>t</dc:title>
        <dc:language>eng</dc:language>{inside}</csw:Record>""".encode(),
        mappings,
    )


def corners(lower: str, upper: str, attributes: str = "", name: str = "BoundingBox") -> str:
    ends = f"<ows:LowerCorner>{lower}</ows:LowerCorner><ows:UpperCorner>{upper}</ows:UpperCorner>"
    return f"<ows:{name} {attributes}>{ends}</ows:{name}>"


GEONETWORK = 'xmlns:geonet="http://www.fao.org/geonetwork"'


@pytest.mark.parametrize(
    ("inside", "more"),
    [
        (corners("43 -5", "48 -1", 'crs="urn:ogc:def:crs:EPSG::4326"'), ""),
        (corners("43 -5", "48 -1", 'crs="urn:x-ogc:def:crs:EPSG:6.11:4326"'), ""),
        (corners("43 -5", "48 -1", 'crs="http://www.opengis.net/def/crs/EPSG/0/4258"'), ""),
        (corners("-5 43", "-1 48", 'crs="EPSG:4326"'), ""),
        (corners("-5 43", "-1 48", 'crs="urn:ogc:def:crs:OGC:1.3:CRS84"'), ""),
        (corners("-5 43", "-1 48"), ""),
        (corners("-5 43", "-1 48", 'crs="urn:ogc:def:crs:EPSG::4326"', "WGS84BoundingBox"), ""),
        (corners("-1 43", "-5 48", 'crs="urn:ogc:def:crs:EPSG::WGS 84 (EPSG 4326)"'), GEONETWORK),
        ('<dct:spatial xsi:type="DCTERMS:Box">43 -5 48 -1</dct:spatial>', ""),
        ("<dct:spatial>northlimit=48; southlimit=43; westlimit=-5; eastlimit=-1; units=degrees</dct:spatial>", ""),
        ("<dc:coverage>North 48, South 43, East -1, West -5</dc:coverage>", ""),
    ],
)
def test_a_box_of_dublin_core_has_the_axes_of_its_system_and_its_writer(
    inside: str, more: str, mappings: Mappings
) -> None:
    assert shown(csw(mappings, inside, more), "dcat#bbox") == [BOX]


def test_a_box_with_one_corner_is_left_out_with_a_warning(mappings: Mappings) -> None:
    result = csw(mappings, "<ows:BoundingBox><ows:LowerCorner>-5 43</ows:LowerCorner></ows:BoundingBox>")
    assert shown(result, "dcat#bbox") == []
    assert any("corner" in warning for warning in result.warnings)


def test_four_numbers_that_are_not_said_to_be_a_box_are_words(mappings: Mappings) -> None:
    result = csw(mappings, "<dc:coverage>43 -5 48 -1</dc:coverage>")
    assert shown(result, "dcat#bbox") == []
    assert "43 -5 48 -1" in shown(result, "prefLabel")


def page(mappings: Mappings, place: Any, **members: Any) -> Mapped:
    record = {
        "@context": "https://schema.org/", "@type": "Dataset", "@id": "https://a.org/d/1", "name": "t",
        "spatialCoverage": place, **members,
    }  # fmt: skip
    return mapped(json.dumps(record).encode(), mappings)


@pytest.mark.parametrize(
    ("place", "box"),
    [
        ({"@type": "Place", "geo": {"@type": "GeoShape", "box": "43 -5 48 -1"}}, BOX),
        ({"@type": "Place", "geo": {"@type": "GeoShape", "box": "43,-5 48,-1"}}, BOX),
        ({"@type": "Place", "geo": {"@type": "GeoCoordinates", "latitude": 43, "longitude": -5}}, "POINT(-5 43)"),
        (
            {"@type": "Place", "additionalProperty": {"@type": "PropertyValue", "value": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
             "geo": {"@type": "GeoShape", "box": "-5 43 -1 48"}}, BOX,
        ),
        ({"@type": "Place", "geo": {"@type": "GeoShape", "box": "142 -12 146 -9"}}, "POLYGON((142 -12,146 -12,146 -9,142 -9,142 -12))"),
    ],
    ids=["blanks", "commas", "point", "CRS84 named", "no latitude is 142"],
)  # fmt: skip
def test_schema_org_writes_latitude_first_unless_the_record_shows_otherwise(
    place: Any, box: str, mappings: Mappings
) -> None:
    assert shown(page(mappings, place), "dcat#bbox") == [box]


def test_a_polygon_of_schema_org_is_closed_and_one_off_the_globe_left_out(mappings: Mappings) -> None:
    shape = {"@type": "Place", "geo": {"@type": "GeoShape", "polygon": "43 -5 43 -1 48 -1"}}
    assert shown(page(mappings, shape), "asWKT") == ["POLYGON((-5 43,-1 43,-1 48,-5 43))"]
    shape["geo"] = {"@type": "GeoShape", "polygon": "95 500 95 501 96 501"}
    result = page(mappings, shape)
    assert shown(result, "asWKT") == []
    assert any("outside the globe" in warning for warning in result.warnings)


def test_two_licences_of_a_page_are_one_licence_and_a_statement(mappings: Mappings) -> None:
    licences = ["https://creativecommons.org/licenses/by/4.0/", "https://opendatacommons.org/licenses/odbl/"]
    result = page(mappings, {"@type": "Place", "name": "x"}, license=licences)
    assert shown(result, "terms/license") == ["http://spdx.org/licenses/CC-BY-4.0"]
    assert shown(result, "seeAlso") == ["https://opendatacommons.org/licenses/odbl/"]


def extent(mappings: Mappings, inside: str) -> Mapped:
    return mapped(iso(f"<gmd:extent><gmd:EX_Extent>{inside}</gmd:EX_Extent></gmd:extent>"), mappings)


def vertical(low: str, high: str, system: str = "", unit: str = "") -> str:
    sides = "".join(
        f"<gmd:{name}><gco:Real>{value}</gco:Real></gmd:{name}>"
        for name, value in (("minimumValue", low), ("maximumValue", high))
    )
    crs = f'<gmd:verticalCRS xlink:href="{system}"/>' if system else ""
    measure = f"<gmd:unitOfMeasure><gco:CharacterString>{unit}</gco:CharacterString></gmd:unitOfMeasure>"
    inside = sides + (measure if unit else "") + crs
    return f"<gmd:verticalElement><gmd:EX_VerticalExtent>{inside}</gmd:EX_VerticalExtent></gmd:verticalElement>"


@pytest.mark.parametrize(
    ("low", "high", "system", "depths"),
    [
        ("0", "500", "http://www.opengis.net/def/crs/EPSG/0/5831", ("0", "500")),
        ("-500", "0", "http://www.opengis.net/def/crs/EPSG/0/5829", ("0", "500")),
        ("-500", "-10", "", ("10", "500")),
        ("0", "-500", "", ("0", "500")),
        ("0", "500", "http://www.opengis.net/def/crs/EPSG/0/5829", None),
        ("0", "500", "", None),
        ("-10", "20", "", None),
    ],
    ids=["axis down", "axis up", "below zero", "limits swapped", "heights", "which way is not said", "both sides"],
)
def test_depths_are_stated_only_where_the_record_tells_which_way_is_down(
    low: str, high: str, system: str, depths: tuple[str, str] | None, mappings: Mappings
) -> None:
    result = extent(mappings, vertical(low, high, system))
    assert (shown(result, "minimumValue"), shown(result, "maximumValue")) == ([low], [high])
    found = (shown(result, "minimumDepth"), shown(result, "maximumDepth"))
    assert found == (([depths[0]], [depths[1]]) if depths else ([], []))


@pytest.mark.parametrize(
    ("low", "high", "system", "shallow", "deep"),
    [
        ("5", "", "http://www.opengis.net/def/crs/EPSG/0/5831", ["5"], []),
        ("", "500", "http://www.opengis.net/def/crs/EPSG/0/5831", [], ["500"]),
        ("-500", "", "", [], ["500"]),
        ("", "-5", "http://www.opengis.net/def/crs/EPSG/0/5829", ["5"], []),
        ("0", "", "", [], []),
        ("", "0", "http://www.opengis.net/def/crs/EPSG/0/5829", ["0"], []),
    ],
)
def test_a_limit_that_is_not_stated_is_no_depth(
    low: str, high: str, system: str, shallow: list[str], deep: list[str], mappings: Mappings
) -> None:
    result = extent(mappings, vertical(low, high, system))
    assert (shown(result, "minimumDepth"), shown(result, "maximumDepth")) == (shallow, deep)


def test_depths_in_another_unit_than_metres_are_kept_as_stated_only(mappings: Mappings) -> None:
    result = extent(mappings, vertical("0", "5", "http://www.opengis.net/def/crs/EPSG/0/5831", "km"))
    assert shown(result, "minimumDepth") == []
    assert shown(result, "unitText") == ["km"]


def polygon(positions: str, system: str = "", shape: str = "") -> str:
    name = f'srsName="{system}"' if system else ""
    ring = f"<gml:exterior><gml:LinearRing><gml:posList>{positions}</gml:posList></gml:LinearRing></gml:exterior>"
    body = shape or f"<gml:Polygon {name}>{ring}</gml:Polygon>"
    inside = f"<gmd:EX_BoundingPolygon><gmd:polygon>{body}</gmd:polygon></gmd:EX_BoundingPolygon>"
    return f"<gmd:geographicElement>{inside}</gmd:geographicElement>"


SIDES = "".join(
    f"<gmd:{name}><gco:Decimal>{side}</gco:Decimal></gmd:{name}>"
    for name, side in (("westBoundLongitude", -5), ("eastBoundLongitude", -1), ("southBoundLatitude", 43), ("northBoundLatitude", 48))
)  # fmt: skip
BOX_OF_RECORD = f"<gmd:geographicElement><gmd:EX_GeographicBoundingBox>{SIDES}</gmd:EX_GeographicBoundingBox></gmd:geographicElement>"
TRIANGLE = "POLYGON((-5 43,-1 43,-1 48,-5 43))"


@pytest.mark.parametrize(
    ("inside", "warned"),
    [
        (polygon("-5 43 -1 43 -1 48 -5 43"), False),
        (polygon("43 -5 43 -1 48 -1 43 -5", "urn:ogc:def:crs:EPSG::4326"), False),
        (polygon("43 -5 43 -1 48 -1 43 -5", "http://www.opengis.net/def/crs/EPSG/0/4326") + BOX_OF_RECORD, False),
        (polygon("-5 43 -1 43 -1 48 -5 43", "EPSG:4326"), False),
        (polygon("-5 43 -1 43 -1 48", "EPSG:4326"), False),
        (polygon("-5 43 -1 43 -1 48 -5 43", "urn:ogc:def:crs:EPSG::4326") + BOX_OF_RECORD, True),
        (polygon("43 -5 43 -1 48 -1 43 -5", "EPSG:4326") + BOX_OF_RECORD, True),
    ],
    ids=["no system", "URN", "address", "short name", "left open", "URN swapped", "short name swapped"],
)
def test_an_outline_has_longitude_first_whatever_order_it_is_written_in(
    inside: str, warned: bool, mappings: Mappings
) -> None:
    result = extent(mappings, inside)
    assert shown(result, "asWKT") == [TRIANGLE]
    assert any("axis order" in warning for warning in result.warnings) is warned


def test_a_projected_outline_keeps_its_system(mappings: Mappings) -> None:
    result = extent(mappings, polygon("0 0 10 0 10 10 0 0", "EPSG:2154"))
    assert shown(result, "asWKT") == ["<http://www.opengis.net/def/crs/EPSG/0/2154> POLYGON((0 0,10 0,10 10,0 0))"]


@pytest.mark.parametrize(
    ("ends", "wkt"),
    [
        (("-5 43", "-1 48"), BOX),
        (("-5 43", "-5 43"), "POINT(-5 43)"),
        (("-5 43", "-1 43"), "LINESTRING(-5 43,-1 43)"),
    ],
)
def test_an_envelope_is_a_rectangle_or_what_is_left_of_it(ends: tuple[str, str], wkt: str, mappings: Mappings) -> None:
    lower, upper = ends
    shape = f"<gml:Envelope><gml:lowerCorner>{lower}</gml:lowerCorner><gml:upperCorner>{upper}</gml:upperCorner></gml:Envelope>"
    assert shown(extent(mappings, polygon("", shape=shape)), "asWKT") == [wkt]


@pytest.mark.parametrize("positions", ["-5 43 -1", "-5 43 -1 43", "a b c d", "-5 430 -1 430 -1 480 -5 430"])
def test_positions_that_are_no_outline_are_left_out_with_a_warning(positions: str, mappings: Mappings) -> None:
    result = extent(mappings, polygon(positions))
    assert shown(result, "asWKT") == []
    assert result.warnings


def pangaea(mappings: Mappings, inside: str) -> Mapped:
    return mapped(
        f"""<md:MetaData xmlns:md="http://www.pangaea.de/MetaData"><md:citation><md:title>t</md:title>
        <md:URI>https://doi.pangaea.de/10.1594/PANGAEA.1</md:URI></md:citation>{inside}</md:MetaData>""".encode(),
        mappings,
    )


def test_the_doi_of_pangaea_is_one_on_its_own_host_too(mappings: Mappings) -> None:
    assert shown(pangaea(mappings, ""), "sameAs") == ["https://doi.org/10.1594/pangaea.1"]


@pytest.mark.parametrize(
    ("start", "end", "wkt"),
    [
        (("10", "20"), None, "POINT(20 10)"),
        (("10", "20"), ("11", "22"), "POLYGON((20 10,22 10,22 11,20 11,20 10))"),
        (("11", "22"), ("10", "20"), "POLYGON((20 10,22 10,22 11,20 11,20 10))"),
        (
            ("10", "179"),
            ("10.5", "-179"),
            "MULTIPOLYGON(((179 10,180 10,180 10.5,179 10.5,179 10)),((-180 10,-179 10,-179 10.5,-180 10.5,-180 10)))",
        ),
    ],
)
def test_an_event_of_pangaea_is_where_it_started_and_ended_the_short_way(
    start: tuple[str, str], end: tuple[str, str] | None, wkt: str, mappings: Mappings
) -> None:
    second = f"<md:latitude2>{end[0]}</md:latitude2><md:longitude2>{end[1]}</md:longitude2>" if end else ""
    event = (
        f"<md:label>e</md:label><md:latitude>{start[0]}</md:latitude><md:longitude>{start[1]}</md:longitude>{second}"
    )
    assert shown(pangaea(mappings, f"<md:event>{event}</md:event>"), "dcat#bbox") == [wkt]


@pytest.mark.parametrize(
    ("name", "low", "high", "depths"),
    [
        ("DEPTH, water", "1", "50", ["1"]),
        ("DEPTH, sediment/rock", "1", "50", []),
        ("ALTITUDE", "1", "50", []),
        ("DEPTH, water", "-1", "50", []),
    ],
)
def test_only_a_depth_in_water_is_a_depth(
    name: str, low: str, high: str, depths: list[str], mappings: Mappings
) -> None:
    inside = f'<md:elevation name="{name}" unit="m"><md:min>{low}</md:min><md:max>{high}</md:max></md:elevation>'
    result = pangaea(mappings, f"<md:extent>{inside}</md:extent>")
    assert shown(result, "minimumDepth") == depths
    assert shown(result, "minimumValue") == [low]
    assert name in shown(result, "schema.org/name")


def test_a_point_of_dublin_core_is_a_position_and_its_name_a_place(mappings: Mappings) -> None:
    result = csw(mappings, '<dct:spatial xsi:type="dcterms:Point">name=Point B; east=7.32; north=43.68</dct:spatial>')
    assert values_of(result, "dcat#bbox") == ['"POINT(7.32 43.68)"^^<http://www.opengis.net/ont/geosparql#wktLiteral>']
    assert values_of(result, "prefLabel") == ['"Point B"@en']
