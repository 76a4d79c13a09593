"""Records far larger than any that is usual are mapped within their time, each part of them once."""

from odatis_kg.mapping.engine import Mappings
from tests.support import iso, mapped

MANY = 3_000


def texts(element: str, words: str) -> str:
    return f"<gmd:{element}><gco:CharacterString>{words}</gco:CharacterString></gmd:{element}>"


def count(content: bytes, mappings: Mappings, predicate: str) -> int:
    return sum(statement.predicate.endswith(f"{predicate}>") for statement in mapped(content, mappings).statements)


def test_three_thousand_keywords(mappings: Mappings) -> None:
    keywords = "".join(texts("keyword", f"word {number}") for number in range(MANY))
    content = iso(f"<gmd:descriptiveKeywords><gmd:MD_Keywords>{keywords}</gmd:MD_Keywords></gmd:descriptiveKeywords>")
    assert count(content, mappings, "sourceKeyword") == MANY


def test_three_thousand_contacts_keep_their_order(mappings: Mappings) -> None:
    contacts = "".join(
        f"<gmd:pointOfContact><gmd:CI_ResponsibleParty>{texts('organisationName', f'Laboratory {number}')}"
        '<gmd:role><gmd:CI_RoleCode codeListValue="author"/></gmd:role></gmd:CI_ResponsibleParty></gmd:pointOfContact>'
        for number in range(MANY)
    )
    result = mapped(iso(contacts), mappings)
    places = [one.object for one in result.statements if one.predicate.endswith("odk#order>")]
    assert len(set(places)) == len(places) == MANY


def test_three_thousand_process_steps(mappings: Mappings) -> None:
    steps = "".join(
        f"<gmd:processStep><gmd:LI_ProcessStep>{texts('description', f'Step {number}')}</gmd:LI_ProcessStep></gmd:processStep>"
        for number in range(MANY)
    )
    around = (
        "<gmd:dataQualityInfo><gmd:DQ_DataQuality><gmd:lineage><gmd:LI_Lineage>"
        f"{steps}</gmd:LI_Lineage></gmd:lineage></gmd:DQ_DataQuality></gmd:dataQualityInfo>"
    )
    assert count(iso(around=around), mappings, "stepOrder") == MANY


def test_three_thousand_outlines_with_their_boxes(mappings: Mappings) -> None:
    def side(name: str, degrees: float) -> str:
        return f"<gmd:{name}><gco:Decimal>{degrees}</gco:Decimal></gmd:{name}>"

    extents = "".join(
        "<gmd:extent><gmd:EX_Extent><gmd:geographicElement><gmd:EX_GeographicBoundingBox>"
        + side("westBoundLongitude", -8)
        + side("eastBoundLongitude", number / 1000)
        + side("southBoundLatitude", 45)
        + side("northBoundLatitude", 49)
        + "</gmd:EX_GeographicBoundingBox></gmd:geographicElement>"
        "<gmd:geographicElement><gmd:EX_BoundingPolygon><gmd:polygon>"
        '<gml:Polygon srsName="urn:ogc:def:crs:EPSG::4326"><gml:exterior><gml:LinearRing>'
        f"<gml:posList>46 -7 48 -7 48 {-1 + number / 10_000} 46 -7</gml:posList>"
        "</gml:LinearRing></gml:exterior></gml:Polygon>"
        "</gmd:polygon></gmd:EX_BoundingPolygon></gmd:geographicElement></gmd:EX_Extent></gmd:extent>"
        for number in range(MANY)
    )
    assert count(iso(extents), mappings, "asWKT") == MANY
