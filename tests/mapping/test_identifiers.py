"""Identifiers: every spelling met in real records, one canonical form each."""

import pytest

from odatis_kg.mapping import identifiers

TEMP = "http://vocab.nerc.ac.uk/collection/P02/current/TEMP/"


@pytest.mark.parametrize(
    "spelling",
    [
        TEMP,
        "http://vocab.nerc.ac.uk/collection/P02/current/TEMP",
        "https://vocab.nerc.ac.uk/collection/P02/current/TEMP/",
        "http://vocab.nerc.ac.uk/collection/P02/current/TEMP/2/",
        "http://vocab.nerc.ac.uk/collection/P02/127/TEMP/",
        "SDN:P02::TEMP",
        "urn:SDN:P02::TEMP",
        "SDN:P02:127:TEMP",
        "http://www.seadatanet.org/urnurl/SDN:P02::TEMP",
        "http://vocab.ndg.nerc.ac.uk/term/P021/current/TEMP",
    ],
)
def test_a_concept_of_nvs_has_one_iri_however_it_is_written(spelling: str) -> None:
    assert identifiers.canonical(spelling) == TEMP


@pytest.mark.parametrize(
    "text",
    [
        "SDN:EDMO::٤٨٦",
        "SDN:EDMO::²",
        "https://edmo.seadatanet.org/report/٤٨٦",
        "https://orcid.org/٠٠٠٠-0002-1825-0097",
        "10.١٧٨٨٢/1",
    ],
)
def test_digits_of_other_scripts_name_nothing_in_a_directory(text: str) -> None:
    assert identifiers.edmo(text) is identifiers.orcid(text) is identifiers.doi(text) is None


@pytest.mark.parametrize(
    ("address", "without"),
    [
        ("https://a.org:8080/wms?service=WMS&request=GetCapabilities#x", "https://a.org:8080/wms"),
        ("HTTP://a.org/WMS", "http://a.org/WMS"),
        ("https://a.org", "https://a.org"),
        ("urn:x:y?=z", "urn:x:y"),
    ],
)
def test_an_end_point_is_an_address_without_its_query(address: str, without: str) -> None:
    assert identifiers.end_point(address) == without


def test_the_concept_that_a_registry_address_carries_is_found_whatever_the_registry_is_called() -> None:
    assert (
        identifiers.canonical("https://x[/registries/vocabularies/?id=http://example.org/y") == "http://example.org/y"
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_standard_name_of_cf_has_one_iri(scheme: str, end: str) -> None:
    spelling = f"{scheme}://vocab.nerc.ac.uk/standard_name/sea_water_temperature{end}"
    assert identifiers.canonical(spelling) == "http://vocab.nerc.ac.uk/standard_name/sea_water_temperature/"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://edmo.seadatanet.org/report/486",
        "http://edmo.seadatanet.org/report/486/",
        "https://www.edmo.seadatanet.org/report/486",
        "http://seadatanet.maris2.nl/v_edmo/print.asp?n_code=486",
        "SDN:EDMO::486",
        "urn:SDN:EDMO::486",
    ],
)
def test_an_organisation_of_edmo_has_one_iri(spelling: str) -> None:
    assert identifiers.canonical(spelling) == "https://edmo.seadatanet.org/report/486"


@pytest.mark.parametrize(
    "spelling",
    ["10.17882/42182", "doi:10.17882/42182", "DOI: 10.17882/42182", "https://dx.doi.org/10.17882/42182",
     "http://doi.org/10.17882/42182.", "https://doi.org/10.17882%2F42182"],
)  # fmt: skip
def test_a_doi_is_bare_and_lower_case(spelling: str) -> None:
    assert identifiers.doi(spelling) == "10.17882/42182"
    assert identifiers.canonical(spelling) == "https://doi.org/10.17882/42182"


def test_an_old_style_doi_keeps_its_brackets_and_is_an_iri_all_the_same() -> None:
    bare = identifiers.doi("10.1175/1520-0485(1994)024<0001:abc>2.0.co;2")
    assert bare == "10.1175/1520-0485(1994)024<0001:abc>2.0.co;2"
    assert identifiers.doi_iri(bare) == "https://doi.org/10.1175/1520-0485(1994)024%3C0001:abc%3E2.0.co;2"


@pytest.mark.parametrize(
    ("spelling", "iri"),
    [
        ("https://orcid.org/0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097"),
        ("http://www.orcid.org/0000-0002-1825-0097/", "https://orcid.org/0000-0002-1825-0097"),
        ("ORCID: 0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097"),
        ("0000000218250097", "https://orcid.org/0000-0002-1825-0097"),
        ("https://sandbox.orcid.org/0000-0001-2345-6789", "https://sandbox.orcid.org/0000-0001-2345-6789"),
        ("0000-0002-1694-233X", "https://orcid.org/0000-0002-1694-233X"),
        ("0000-0002-1825-0098", None),
        ("0000-0002-1825", None),
    ],
)
def test_an_orcid_is_taken_only_with_the_right_check_digit(spelling: str, iri: str | None) -> None:
    assert identifiers.orcid(spelling) == iri


def test_an_address_that_is_none_of_ours_stays_as_it_is_and_words_are_no_identifier() -> None:
    assert identifiers.canonical("https://example.org/a") == "https://example.org/a"
    assert identifiers.canonical("water temperature") is None
    assert identifiers.canonical("") is None


def test_a_code_of_another_urn_scheme_is_not_made_a_concept() -> None:
    assert identifiers.nvs("urn:SDN:CSR:LOCAL:FI35199480001") is None
