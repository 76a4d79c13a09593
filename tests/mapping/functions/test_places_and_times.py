"""Boxes, places and periods: as far as the record says, and no further."""

import pytest

from odatis_kg.mapping.engine import Mapped, Mappings
from tests.support import iso, mapped, values_of


def box(mappings: Mappings, *sides: object) -> Mapped:
    names = ("westBoundLongitude", "eastBoundLongitude", "southBoundLatitude", "northBoundLatitude")
    given = "".join(
        f"<gmd:{name}><gco:Decimal>{side}</gco:Decimal></gmd:{name}>" for name, side in zip(names, sides, strict=False)
    )
    return mapped(
        iso(
            "<gmd:extent><gmd:EX_Extent><gmd:geographicElement><gmd:EX_GeographicBoundingBox>"
            f"{given}</gmd:EX_GeographicBoundingBox></gmd:geographicElement></gmd:EX_Extent></gmd:extent>"
        ),
        mappings,
    )


@pytest.mark.parametrize(
    ("sides", "wkt", "centre"),
    [
        ((-5, 9, 42, 51.5), "POLYGON((-5 42,9 42,9 51.5,-5 51.5,-5 42))", "POINT(2 46.75)"),
        ((-4.495, -4.495, 48.383, 48.383), "POINT(-4.495 48.383)", "POINT(-4.495 48.383)"),
        ((-5, 5, 48, 48), "LINESTRING(-5 48,5 48)", "POINT(0 48)"),
        ((170, -170, -20, 20), "MULTIPOLYGON(((170 -20,180 -20,180 20,170 20,170 -20)),((-180 -20,-170 -20,-170 20,-180 20,-180 -20)))", "POINT(180 0)"),
        ((170, 190, -20, 20), "MULTIPOLYGON(((170 -20,180 -20,180 20,170 20,170 -20)),((-180 -20,-170 -20,-170 20,-180 20,-180 -20)))", "POINT(180 0)"),
    ],
    ids=["box", "point", "line", "across the antimeridian", "longitudes above 180"],
)  # fmt: skip
def test_a_box_is_wkt_with_its_centre(sides: tuple[float, ...], wkt: str, centre: str, mappings: Mappings) -> None:
    result = box(mappings, *sides)
    suffix = "^^<http://www.opengis.net/ont/geosparql#wktLiteral>"
    assert values_of(result, "dcat#bbox") == [f'"{wkt}"{suffix}']
    assert values_of(result, "dcat#centroid") == [f'"{centre}"{suffix}']


@pytest.mark.parametrize(
    ("sides", "warning"),
    [
        ((-5, 9, 51, 42), "south"),
        ((-500, 9, 42, 51), "globe"),
        (("west", 9, 42, 51), "no number"),
        ((-5, 9, 42), "lacks a side"),
    ],
)
def test_a_box_that_cannot_be_right_has_no_geometry_and_a_warning(
    sides: tuple[object, ...], warning: str, mappings: Mappings
) -> None:
    result = box(mappings, *sides)
    assert values_of(result, "dcat#bbox") == []
    assert any(warning in said for said in result.warnings), result.warnings


def period(mappings: Mappings, begin: str, end: str) -> Mapped:
    return mapped(
        iso(
            "<gmd:extent><gmd:EX_Extent><gmd:temporalElement><gmd:EX_TemporalExtent><gmd:extent>"
            f'<gml:TimePeriod gml:id="t">{begin}{end}</gml:TimePeriod>'
            "</gmd:extent></gmd:EX_TemporalExtent></gmd:temporalElement></gmd:EX_Extent></gmd:extent>"
        ),
        mappings,
    )


def test_an_open_period_is_ongoing_and_has_no_end(mappings: Mappings) -> None:
    result = period(
        mappings, "<gml:beginPosition>1995-03</gml:beginPosition>", '<gml:endPosition indeterminatePosition="now"/>'
    )
    assert values_of(result, "startDate") == ['"1995-03"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>']
    assert values_of(result, "endDate") == []
    assert values_of(result, "isOngoing") == ['"true"^^<http://www.w3.org/2001/XMLSchema#boolean>']


def test_an_unknown_beginning_is_said_to_be_unknown(mappings: Mappings) -> None:
    result = period(
        mappings, '<gml:beginPosition indeterminatePosition="unknown"/>', "<gml:endPosition>2020</gml:endPosition>"
    )
    assert values_of(result, "startDate") == []
    assert values_of(result, "startCertainty") == ['"unknown"']


def test_a_period_in_words_stays_words_with_a_warning(mappings: Mappings) -> None:
    result = period(
        mappings, "<gml:beginPosition>summer 1995</gml:beginPosition>", "<gml:endPosition>2020</gml:endPosition>"
    )
    assert values_of(result, "startDate") == ['"summer 1995"']
    assert any("summer 1995" in warning for warning in result.warnings)
