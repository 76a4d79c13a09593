"""Codes that a list does not have, properties that take one value, results with several values."""

import pytest

from odatis_kg.mapping.engine import Mappings
from tests.support import iso, mapped, triples_of, values_of


@pytest.mark.parametrize(
    ("code", "words", "found"),
    [("grid", "", "grid"), ("RI_636", "grid; grille", "grid"), ("RI_635", "vecteur; vector", "vector")],
)
def test_a_code_of_another_list_is_understood_by_its_words(
    code: str, words: str, found: str, mappings: Mappings
) -> None:
    element = (
        f'<gmd:MD_SpatialRepresentationTypeCode codeListValue="{code}">{words}</gmd:MD_SpatialRepresentationTypeCode>'
    )
    result = mapped(iso(f"<gmd:spatialRepresentationType>{element}</gmd:spatialRepresentationType>"), mappings)
    expected = f"<http://inspire.ec.europa.eu/metadata-codelist/SpatialRepresentationType/{found}>"
    assert values_of(result, "representationTechnique") == [expected]


def test_a_code_that_neither_list_nor_words_explain_stays_text_with_a_warning(mappings: Mappings) -> None:
    element = '<gmd:MD_SpatialRepresentationTypeCode codeListValue="hologram"/>'
    result = mapped(iso(f"<gmd:spatialRepresentationType>{element}</gmd:spatialRepresentationType>"), mappings)
    assert values_of(result, "representationTechnique") == ['"hologram"']
    assert any("hologram" in warning for warning in result.warnings)


def test_an_address_where_a_code_of_a_list_without_addresses_is_meant_stays_text(mappings: Mappings) -> None:
    element = '<gmd:MD_CharacterSetCode codeListValue="https://example.org/charset/utf9"/>'
    result = mapped(iso(f"<gmd:characterSet>{element}</gmd:characterSet>"), mappings)
    assert any("https://example.org/charset/utf9" in warning for warning in result.warnings)
    assert '"https://example.org/charset/utf9"' in {o for _, _, o in triples_of(result)}


def test_a_resource_has_one_resolution_in_metres_and_all_of_them_as_measurements(mappings: Mappings) -> None:
    inside = "".join(
        f'<gmd:spatialResolution><gmd:MD_Resolution><gmd:distance><gco:Distance uom="m">{metres}</gco:Distance></gmd:distance>'
        "</gmd:MD_Resolution></gmd:spatialResolution>"
        for metres in (25, 100)
    )
    result = mapped(iso(inside), mappings)
    assert [value.partition("^")[0] for value in values_of(result, "spatialResolutionInMeters")] == ['"25"']
    assert [value.partition("^")[0] for value in values_of(result, "dqv#value")] == ['"100"', '"25"']


def test_a_result_with_two_values_is_two_measurements(mappings: Mappings) -> None:
    around = """<gmd:dataQualityInfo><gmd:DQ_DataQuality><gmd:report><gmd:DQ_CompletenessOmission>
    <gmd:nameOfMeasure><gco:CharacterString>share of gaps</gco:CharacterString></gmd:nameOfMeasure>
    <gmd:result><gmd:DQ_QuantitativeResult><gmd:value><gco:Record>3</gco:Record></gmd:value>
    <gmd:value><gco:Record>5</gco:Record></gmd:value></gmd:DQ_QuantitativeResult></gmd:result>
    </gmd:DQ_CompletenessOmission></gmd:report></gmd:DQ_DataQuality></gmd:dataQualityInfo>"""
    result = mapped(iso(around=around), mappings)
    measurements = values_of(result, "dqv#hasQualityMeasurement")
    assert len(measurements) == 2
    assert all(len(values_of(result, "dqv#value", measurement)) == 1 for measurement in measurements)


def test_a_second_date_of_creation_is_kept_as_a_date(mappings: Mappings) -> None:
    dates = "".join(
        f"<gmd:date><gmd:CI_Date><gmd:date><gco:Date>{day}</gco:Date></gmd:date>"
        '<gmd:dateType><gmd:CI_DateTypeCode codeListValue="creation"/></gmd:dateType></gmd:CI_Date></gmd:date>'
        for day in ("2019-01-01", "2020-01-01")
    )
    content = iso().replace(b"</gmd:title>", f"</gmd:title>{dates}".encode())
    result = mapped(content, mappings)
    assert [value[1:11] for value in values_of(result, "terms/created")] == ["2019-01-01"]
    assert [value[1:11] for value in values_of(result, "terms/date")] == ["2020-01-01"]


def test_a_unit_with_identifier_and_name_is_the_one_of_its_identifier(mappings: Mappings) -> None:
    around = """<gmd:contentInfo><gmd:MD_CoverageDescription><gmd:dimension><gmd:MD_Band>
    <gmd:descriptor><gco:CharacterString>cover</gco:CharacterString></gmd:descriptor><gmd:units><gml:BaseUnit>
    <gml:identifier codeSpace="unknown">http://vocab.nerc.ac.uk/collection/P06/current/UPCT</gml:identifier>
    <gml:name>Percent</gml:name></gml:BaseUnit></gmd:units>
    </gmd:MD_Band></gmd:dimension></gmd:MD_CoverageDescription></gmd:contentInfo>"""
    result = mapped(iso(around=around), mappings)
    assert values_of(result, "unitCode") == ["<http://vocab.nerc.ac.uk/collection/P06/current/UPCT/>"]


@pytest.mark.parametrize(("topic", "theme"), [("oceans", "ENVI"), ("farming", "AGRI"), ("boundaries", None)])
def test_a_topic_category_has_its_data_theme_where_the_alignments_leave_no_doubt(
    topic: str, theme: str | None, mappings: Mappings
) -> None:
    inside = f"<gmd:topicCategory><gmd:MD_TopicCategoryCode>{topic}</gmd:MD_TopicCategoryCode></gmd:topicCategory>"
    result = mapped(iso(inside), mappings)
    expected = [f"<http://publications.europa.eu/resource/authority/data-theme/{theme}>"] if theme else []
    assert values_of(result, "dcat#theme") == expected
    assert values_of(result, "topicCategory") != []


def test_every_topic_that_has_a_theme_is_a_topic(mappings: Mappings) -> None:
    topics = {row["code"] for row in mappings.registers["topic_categories"].rows}
    assert {row["code"] for row in mappings.registers["topic_themes"].rows} <= topics


@pytest.mark.parametrize(
    ("element", "said", "term"),
    [
        ("gco:Integer", "3", '"3"'),
        ("gco:Boolean", "true", '"true"'),
        ("gco:DateTime", "2024-01-01T00:00:00", '"2024-01-01T00:00:00"'),
        ("gco:CharacterString", "12.5", '"12.5"'),
        ("gco:CharacterString", "au large", '"au large"@fr'),
    ],
)
def test_a_detail_has_a_language_only_when_it_is_words(element: str, said: str, term: str, mappings: Mappings) -> None:
    order = f"<gmd:plannedAvailableDateTime><{element}>{said}</{element}></gmd:plannedAvailableDateTime>"
    inside = f"""<gmd:distributionInfo><gmd:MD_Distribution><gmd:distributor><gmd:MD_Distributor>
    <gmd:distributionOrderProcess><gmd:MD_StandardOrderProcess>{order}</gmd:MD_StandardOrderProcess>
    </gmd:distributionOrderProcess></gmd:MD_Distributor></gmd:distributor></gmd:MD_Distribution></gmd:distributionInfo>"""
    assert values_of(mapped(iso(around=inside), mappings), "schema.org/value") == [term]
