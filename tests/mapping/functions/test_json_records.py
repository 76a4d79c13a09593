"""ORCID and DataCite records: what is public, who made what, and whose affiliation is whose."""

import json
from typing import Any

import pytest

from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.mapping.kinds import scan
from tests.support import mapped, values_of

ORCID = "https://orcid.org/0000-0002-1825-0097"


def person(mappings: Mappings, **person_section: Any) -> Mapped:
    record = {
        "orcid-identifier": {"uri": ORCID, "path": "0000-0002-1825-0097"},
        "person": {
            "name": {"given-names": {"value": "Josiah"}, "family-name": {"value": "Carberry"}, "visibility": "public"},
            **person_section,
        },
        "activities-summary": {},
    }
    return mapped(json.dumps(record).encode(), mappings)


def test_a_person_is_named_and_kept_in_a_graph_of_their_own(mappings: Mappings) -> None:
    result = person(mappings)
    assert result.subject == ORCID
    assert result.graph == "http://localhost:8000/graph/orcid/0000-0002-1825-0097"
    assert values_of(result, "foaf/0.1/name") == ['"Josiah Carberry"']


def test_no_email_and_no_biography_is_ever_read(mappings: Mappings) -> None:
    result = person(
        mappings,
        emails={"email": [{"email": "josiah@brown.example", "visibility": "public"}]},
        biography={"content": "Psychoceramics for ever", "visibility": "public"},
    )
    text = result.text().decode()
    assert "josiah@" not in text
    assert "Psychoceramics" not in text


def test_what_is_not_public_does_not_exist(mappings: Mappings) -> None:
    hidden = {"url-name": "Private", "url": {"value": "https://a.org/private"}, "visibility": "limited"}
    shown = {"url-name": "Public", "url": {"value": "https://a.org/public"}, "visibility": "public"}
    result = person(mappings, **{"researcher-urls": {"researcher-url": [hidden, shown]}})
    assert values_of(result, "foaf/0.1/page") == ["<https://a.org/public>"]


def test_an_employment_is_a_membership_in_our_space(mappings: Mappings) -> None:
    summary = {
        "role-title": "Professor",
        "start-date": {"year": {"value": "1929"}, "month": {"value": "9"}, "day": None},
        "organization": {
            "name": "Brown University",
            "disambiguated-organization": {"disambiguated-organization-identifier": "https://ror.org/05gq02987"},
        },
        "visibility": "public",
    }
    record = {
        "orcid-identifier": {"uri": ORCID, "path": "0000-0002-1825-0097"},
        "person": {"name": None},
        "activities-summary": {
            "employments": {"affiliation-group": [{"summaries": [{"employment-summary": summary}]}]}
        },
    }
    result = mapped(json.dumps(record).encode(), mappings)
    (membership,) = values_of(result, "hasMembership")
    assert membership.startswith("<http://localhost:8000/id/about/orcid.org/0000-0002-1825-0097#membership-")
    assert values_of(result, "org#organization", membership) == ["<https://ror.org/05gq02987>"]
    assert values_of(result, "startDate", membership) == ['"1929-09"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>']


def data(mappings: Mappings, **attributes: Any) -> Mapped:
    record = {
        "doi": "10.5072/ABC",
        "titles": [{"title": "T"}],
        "creators": [],
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        **attributes,
    }
    return mapped(json.dumps(record).encode(), mappings)


def test_the_dataset_is_ours_and_the_same_as_its_doi(mappings: Mappings) -> None:
    result = data(mappings)
    assert result.subject == "http://localhost:8000/id/dataset/10.5072/abc"
    assert values_of(result, "sameAs") == ["<https://doi.org/10.5072/abc>"]


def test_creators_are_ordered_and_their_affiliation_belongs_to_this_record(mappings: Mappings) -> None:
    creators = [
        {
            "name": "Carberry, Josiah",
            "nameType": "Personal",
            "nameIdentifiers": [{"nameIdentifier": ORCID}],
            "affiliation": [{"name": "Brown"}],
        },
        {"name": "Argo", "nameType": "Organizational"},
    ]
    result = data(mappings, creators=creators)
    assert values_of(result, "foaf/0.1/name", f"<{ORCID}>") == ['"Josiah Carberry"']
    assert len(values_of(result, "terms/creator")) == 2
    assert len(values_of(result, "odk#order")) == 2
    assert values_of(result, "statedAffiliation") != []
    assert values_of(result, "org#member") == []


def test_a_relation_keeps_its_own_name(mappings: Mappings) -> None:
    related = [{"relatedIdentifier": "10.17882/42182", "relatedIdentifierType": "DOI", "relationType": "IsDerivedFrom"}]
    result = data(mappings, relatedIdentifiers=related)
    assert values_of(result, "wasDerivedFrom") == ["<https://doi.org/10.17882/42182>"]
    assert values_of(result, "statedRelation") == ['"IsDerivedFrom"']


@pytest.mark.parametrize(
    ("kind", "stated", "iri"),
    [
        ("arXiv", "arXiv:0706.0001", "https://arxiv.org/abs/0706.0001"),
        ("arXiv", "hep-th/9901001v2", "https://arxiv.org/abs/hep-th/9901001v2"),
        ("bibcode", "2018AGUFM.A24K..07S", "https://ui.adsabs.harvard.edu/abs/2018AGUFM.A24K..07S"),
        ("Handle", "10013/epic.10033", "https://hdl.handle.net/10013/epic.10033"),
        ("Handle", "hdl:10013/epic.10033", "https://hdl.handle.net/10013/epic.10033"),
        ("ISBN", "978-3-905673-82-1", "urn:isbn:978-3-905673-82-1"),
        ("ISSN", "0077-5606", "urn:issn:0077-5606"),
        ("EISSN", "1562-6865", "urn:issn:1562-6865"),
        ("PMID", "12082125", "https://pubmed.ncbi.nlm.nih.gov/12082125"),
        ("DOI", "https://doi.org/10.17882/42182/", "https://doi.org/10.17882/42182"),
    ],
)
def test_a_related_identifier_of_a_known_scheme_is_an_address(
    kind: str, stated: str, iri: str, mappings: Mappings
) -> None:
    related = {"relatedIdentifier": stated, "relatedIdentifierType": kind, "relationType": "Cites"}
    result = data(mappings, relatedIdentifiers=[related])
    assert values_of(result, "terms/references") == [f"<{iri}>"]
    assert result.warnings == ()


def test_a_related_identifier_of_another_scheme_is_kept_with_its_scheme(mappings: Mappings) -> None:
    related = {"relatedIdentifier": "IECUR0097", "relatedIdentifierType": "IGSN", "relationType": "IsDerivedFrom"}
    result = data(mappings, relatedIdentifiers=[related])
    (sample,) = values_of(result, "prov#wasDerivedFrom")
    assert values_of(result, "terms/identifier", sample) == ['"IECUR0097"']
    assert '"IGSN"' in values_of(result, "propertyID")


def test_a_related_identifier_that_is_none_is_reported_and_kept(mappings: Mappings) -> None:
    result = data(
        mappings,
        relatedIdentifiers=[
            {"relatedIdentifier": "see the report", "relatedIdentifierType": "ISBN", "relationType": "Cites"}
        ],
    )
    assert any("see the report" in warning for warning in result.warnings)
    (related,) = values_of(result, "terms/references")
    assert values_of(result, "terms/identifier", related) == ['"see the report"']


def test_a_period_of_collection_is_the_temporal_coverage(mappings: Mappings) -> None:
    result = data(mappings, dates=[{"date": "2019-03-04/2019-03-28", "dateType": "Collected"}])
    assert values_of(result, "dcat#startDate") == ['"2019-03-04"^^<http://www.w3.org/2001/XMLSchema#date>']
    assert values_of(result, "dcat#endDate") == ['"2019-03-28"^^<http://www.w3.org/2001/XMLSchema#date>']


def test_members_of_the_wrong_type_are_left_out_and_break_nothing(mappings: Mappings) -> None:
    result = data(
        mappings,
        titles="T",
        creators={"name": 3},
        dates=[None, 4, {"date": []}],
        descriptions={"a": [1]},
        publisher=["x"],
    )
    assert result.subject.endswith("/abc")


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000])
def test_json_nested_beyond_what_python_reads_is_refused_in_words_of_the_file(deep: bytes) -> None:
    (refusal,) = scan(deep).refusals
    assert "levels deep" in refusal.reason


def test_json_nested_without_end_is_refused() -> None:
    deep = (
        b'{"doi": "10.5072/x", "titles": ' + b"[" * 900 + b"]" * 900 + b', "creators": [], "schemaVersion": "datacite"}'
    )
    found = scan(deep)
    if found.records:  # the scan need not look so deep, but mapping must refuse it
        from odatis_kg.mapping import json as json_reader
        from odatis_kg.mapping.errors import RefusedError

        with pytest.raises(RefusedError, match="levels deep"):
            json_reader.read(deep)
