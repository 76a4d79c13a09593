"""Cruise, report and record are three things; data sets are linked to the cruise that made them."""

from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.resources import folder
from tests.mapping.test_golden import FIXTURES
from tests.support import iso, mapped, triples_of, values_of


def demo_record(path: str, mappings: Mappings) -> Mapped:
    return mapped((folder("demo") / path).read_bytes(), mappings, source="demo")


def test_cruise_report_and_record_are_three_nodes(mappings: Mappings) -> None:
    result = demo_record("csr/DEMO2019ATL.xml", mappings)
    classes = {
        s: {o for s2, p, o in triples_of(result) if s2 == s and p.endswith("#type>")} for s, _, _ in triples_of(result)
    }
    cruise, report, record = (
        next(s for s, found in classes.items() if any(name in one for one in found))
        for name in ("odk#Cruise>", "CruiseSummaryReport", "CatalogRecord")
    )
    assert len({cruise, report, record}) == 3
    assert values_of(result, "primaryTopic", record) == [report]
    assert values_of(result, "primaryTopic", report) == [cruise]
    assert cruise == "<http://localhost:8000/id/cruise/csr/DEMO2019ATL>"


def test_a_cruise_has_its_ship_its_ports_its_chief_and_its_dates(mappings: Mappings) -> None:
    result = demo_record("csr/DEMO2019ATL.xml", mappings)
    cruise = f"<{result.subject}>"
    assert values_of(result, "deployedOnPlatform", cruise) == ["<http://localhost:8000/id/platform/c17/35A3>"]
    assert values_of(result, "departurePort", cruise) == ["<http://localhost:8000/id/place/c38/BSH176>"]
    assert values_of(result, "chiefScientist", cruise) == ["<https://orcid.org/0000-0002-1825-0097>"]
    assert values_of(result, "schema.org/startDate", cruise) == [
        '"2019-03-04"^^<http://www.w3.org/2001/XMLSchema#date>'
    ]
    assert values_of(result, "startedAtTime", cruise) == [], "a day without a time of day is no xsd:dateTime"


def test_a_time_of_day_is_also_the_start_of_the_activity(mappings: Mappings) -> None:
    result = demo_record("csr/DEMO2022GAS.xml", mappings)
    assert values_of(result, "startedAtTime", f"<{result.subject}>") == [
        '"2022-04-02T08:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'
    ]


def test_a_port_given_by_name_alone_is_a_place_of_the_cruise(mappings: Mappings) -> None:
    result = demo_record("csr/DEMO2022GAS.xml", mappings)
    (port,) = values_of(result, "departurePort")
    assert port.startswith(f"<{result.subject}#port-")
    assert values_of(result, "prefLabel", port) == ['"Brest"@en']


def test_the_data_of_a_cruise_were_generated_by_it(mappings: Mappings) -> None:
    cruise, data = demo_record("csr/DEMO2019ATL.xml", mappings), demo_record("cdi/DEMO2019ATL-ctd.xml", mappings)
    assert f"<{cruise.subject}>" in values_of(data, "wasGeneratedBy", f"<{data.subject}>")


def association(kind: str, initiative: str = "", identifier: str = "", title: str = "") -> bytes:
    name = (
        f"<gmd:aggregateDataSetName><gmd:CI_Citation><gmd:title><gco:CharacterString>{title}</gco:CharacterString></gmd:title></gmd:CI_Citation></gmd:aggregateDataSetName>"
        if title
        else ""
    )
    code = (
        f"<gmd:aggregateDataSetIdentifier><gmd:MD_Identifier><gmd:code><gco:CharacterString>{identifier}</gco:CharacterString></gmd:code></gmd:MD_Identifier></gmd:aggregateDataSetIdentifier>"
        if identifier
        else ""
    )
    started = (
        f'<gmd:initiativeType><gmd:DS_InitiativeTypeCode codeListValue="{initiative}"/></gmd:initiativeType>'
        if initiative
        else ""
    )
    return iso(
        f'<gmd:aggregationInfo><gmd:MD_AggregateInformation>{name}{code}<gmd:associationType><gmd:DS_AssociationTypeCode codeListValue="{kind}"/></gmd:associationType>{started}</gmd:MD_AggregateInformation></gmd:aggregationInfo>'
    )


def test_each_kind_of_association_has_its_property(mappings: Mappings) -> None:
    for kind, predicate in {
        "largerWorkCitation": "terms/isPartOf",
        "crossReference": "terms/references",
        "source": "wasDerivedFrom",
        "revisionOf": "previousVersion",
    }.items():
        result = mapped(association(kind, identifier="other-1"), mappings)
        assert values_of(result, predicate) == ["<http://localhost:8000/id/dataset/test/other-1>"], kind


def test_a_cruise_named_without_a_code_is_a_cruise_all_the_same(mappings: Mappings) -> None:
    result = mapped(association("largerWorkCitation", "campaign", title="My cruise"), mappings)
    (cruise,) = values_of(result, "wasGeneratedBy")
    assert "odk#Cruise>" in "".join(values_of(result, "ns#type", cruise))
    assert values_of(result, "terms/isPartOf") == []


def test_an_unknown_association_is_a_relation_with_a_warning(mappings: Mappings) -> None:
    result = mapped(association("stereoMate", identifier="other-1"), mappings)
    assert values_of(result, "terms/relation") == ["<http://localhost:8000/id/dataset/test/other-1>"]
    assert any("stereoMate" in warning for warning in result.warnings)


def test_the_record_is_never_the_resource(mappings: Mappings) -> None:
    result = mapped(iso(), mappings)
    (record,) = {s for s, p, _ in triples_of(result) if p.endswith("primaryTopic>")}
    assert record == "<http://localhost:8000/id/record/test/record-1>"
    assert result.subject == "http://localhost:8000/id/dataset/test/record-1"


def test_documents_and_pictures_of_a_cruise_are_kept_however_they_are_given(mappings: Mappings) -> None:
    result = mapped((FIXTURES / "cruise.csr.xml").read_bytes(), mappings)
    assert {"<https://doi.org/10.5555/odatis-kg-fixture-5>", "<https://example.org/publications/7>"} <= set(
        values_of(result, "isReferencedBy")
    )
    (picture,) = values_of(result, "depiction")
    assert values_of(result, "terms/description", picture) == ['"Chart of the track"@en']
    assert '"track-1.gml"@en' in values_of(result, "schema.org/value")
