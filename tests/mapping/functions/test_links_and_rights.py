"""What a link is for, whose DOI a DOI is, and which licence words mean."""

import pytest

from odatis_kg.mapping import directory
from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.resources import folder
from tests.mapping.test_golden import FIXTURES
from tests.support import iso, iso3, mapped, values_of

DISTRIBUTION = "<gmd:distributionInfo><gmd:MD_Distribution><gmd:transferOptions><gmd:MD_DigitalTransferOptions>{}</gmd:MD_DigitalTransferOptions></gmd:transferOptions></gmd:MD_Distribution></gmd:distributionInfo>"


def online(mappings: Mappings, address: str, protocol: str = "", function: str = "", name: str = "") -> Mapped:
    def text(element: str, words: str) -> str:
        return f"<gmd:{element}><gco:CharacterString>{words}</gco:CharacterString></gmd:{element}>" if words else ""

    code = f'<gmd:function><gmd:CI_OnLineFunctionCode codeListValue="{function}"/></gmd:function>' if function else ""
    link = f"<gmd:onLine><gmd:CI_OnlineResource><gmd:linkage><gmd:URL>{address}</gmd:URL></gmd:linkage>{text('protocol', protocol)}{text('name', name)}{code}</gmd:CI_OnlineResource></gmd:onLine>"
    return mapped(iso(around=DISTRIBUTION.format(link)), mappings)


@pytest.mark.parametrize(
    ("address", "protocol", "function", "predicate"),
    [
        ("https://a.org/data.nc", "", "", "dcat#downloadURL"),
        ("https://a.org/data", "WWW:DOWNLOAD-1.0-http--download", "", "dcat#downloadURL"),
        ("ftp://a.org/data/", "", "", "dcat#downloadURL"),
        ("https://a.org/get", "HTTP", "download", "dcat#downloadURL"),
        ("https://a.org/page", "WWW:LINK-1.0-http--link", "", "foaf/0.1/page"),
        ("https://a.org/page", "", "information", "foaf/0.1/page"),
        ("https://a.org/record", "WWW:LINK-1.0-http--metadata-URL", "", "dcat#landingPage"),
        ("https://archimer.ifremer.fr/doc/00/1/", "", "", "terms/isReferencedBy"),
        ("https://a.org/order", "", "order", "dcat#accessURL"),
    ],
)
def test_protocol_then_function_then_address_decide_what_a_link_is_for(
    address: str, protocol: str, function: str, predicate: str, mappings: Mappings
) -> None:
    assert values_of(online(mappings, address, protocol, function), predicate) == [f"<{address}>"]


def test_two_layers_of_one_server_are_one_service_and_two_distributions(mappings: Mappings) -> None:
    first = online(mappings, "https://a.org/wms?layers=a", "OGC:WMS", name="a")
    second = online(mappings, "https://a.org/wms?layers=b", "OGC:WMS", name="b")
    assert values_of(first, "accessService") == values_of(second, "accessService")
    assert values_of(first, "endpointURL") == ["<https://a.org/wms>"]
    assert values_of(first, "dcat#distribution") != values_of(second, "dcat#distribution")


def test_a_service_whose_address_is_a_urn_is_named_by_it(mappings: Mappings) -> None:
    result = online(mappings, "urn:x-wms:²", "OGC:WMS", name="layer")
    assert values_of(result, "endpointURL") == ["<urn:x-wms:²>"]


def test_a_doi_is_the_datasets_own_only_when_the_record_says_so(mappings: Mappings) -> None:
    own = online(mappings, "https://doi.org/10.17882/42182", name="DOI of the product")
    assert values_of(own, "schema.org/sameAs") == ["<https://doi.org/10.17882/42182>"]
    paper = online(mappings, "https://doi.org/10.1029/2008JC001", name="Description of the method")
    assert values_of(paper, "schema.org/sameAs") == []
    assert values_of(paper, "terms/relation") == ["<https://doi.org/10.1029/2008jc001>"]


def rights(mappings: Mappings, *texts: str) -> Mapped:
    inside = "".join(f"<gmd:otherConstraints>{text}</gmd:otherConstraints>" for text in texts)
    return mapped(
        iso(
            f"<gmd:resourceConstraints><gmd:MD_LegalConstraints>{inside}</gmd:MD_LegalConstraints></gmd:resourceConstraints>"
        ),
        mappings,
    )


def said(words: str) -> str:
    return f"<gco:CharacterString>{words}</gco:CharacterString>"


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (
            '<gmx:Anchor xlink:href="https://creativecommons.org/licenses/by/4.0/">Licence</gmx:Anchor>',
            "http://spdx.org/licenses/CC-BY-4.0",
        ),
        (said("CC BY 4.0"), "http://spdx.org/licenses/CC-BY-4.0"),
        (said("Creative Commons Attribution-NonCommercial 4.0"), "http://spdx.org/licenses/CC-BY-NC-4.0"),
        (said("Licence Ouverte / Open Licence Version 2.0"), "http://spdx.org/licenses/etalab-2.0"),
        (
            '<gmx:Anchor xlink:href="http://www.seadatanet.org/urnurl/SDN:L08::LS">SeaDataNet licence</gmx:Anchor>',
            "http://vocab.nerc.ac.uk/collection/L08/current/LS/",
        ),
    ],
)
def test_a_licence_that_is_known_becomes_its_iri(text: str, licence: str, mappings: Mappings) -> None:
    assert values_of(rights(mappings, text), "terms/license") == [f"<{licence}>"]


@pytest.mark.parametrize("words", ["CC-BY", "Licence Ouverte", "Ask the author", "not CC BY"])
def test_words_that_leave_a_doubt_stay_words(words: str, mappings: Mappings) -> None:
    result = rights(mappings, said(words))
    assert values_of(result, "terms/license") == []
    assert f'"{words}"@fr' in values_of(result, "terms/description")


def test_no_conditions_apply_is_no_statement_of_rights(mappings: Mappings) -> None:
    assert values_of(rights(mappings, said("no conditions apply")), "terms/rights") == []


INSPIRE = "http://inspire.ec.europa.eu/metadata-codelist"


def linked(address: str, words: str) -> str:
    return f'<gmx:Anchor xlink:href="{address}">{words}</gmx:Anchor>'


def test_a_limitation_of_inspire_is_an_access_right_and_stays_what_it_is(mappings: Mappings) -> None:
    limitation = f"{INSPIRE}/LimitationsOnPublicAccess/INSPIRE_Directive_Article13_1d"
    result = rights(mappings, linked(limitation, "Commercial confidence"))
    assert values_of(result, "accessRights") == [
        "<http://publications.europa.eu/resource/authority/access-right/RESTRICTED>"
    ]
    assert values_of(result, "terms/rights") == [f"<{limitation}>"]


def test_a_second_licence_or_access_right_is_kept_as_rights_not_taken_for_one(mappings: Mappings) -> None:
    open_access = f"{INSPIRE}/LimitationsOnPublicAccess/noLimitations"
    closed = f"{INSPIRE}/LimitationsOnPublicAccess/INSPIRE_Directive_Article13_1a"
    result = rights(mappings, said("CC BY 4.0"), said("ODbL"), linked(open_access, "open"), linked(closed, "closed"))
    assert values_of(result, "terms/license") == ["<http://spdx.org/licenses/CC-BY-4.0>"]
    assert values_of(result, "accessRights") == [
        "<http://publications.europa.eu/resource/authority/access-right/PUBLIC>"
    ]
    assert {f"<{open_access}>", f"<{closed}>"} <= set(values_of(result, "terms/rights"))
    assert '"ODbL"@fr' in values_of(result, "terms/description")


@pytest.mark.parametrize(
    ("address", "protocol", "standard"),
    [
        ("https://a.org/ows", "OGC Web Feature Service", "wfs"),
        ("https://a.org/ows?service=WCS&amp;request=GetCapabilities", "", "wcs"),
        ("https://a.org/ows", "OGC:WMTS-1.0.0", "wmts"),
    ],
)
def test_the_protocol_of_a_service_is_named_in_full_in_short_or_by_the_address(
    address: str, protocol: str, standard: str, mappings: Mappings
) -> None:
    expected = [f"<http://www.opengis.net/def/serviceType/ogc/{standard}>"]
    assert values_of(online(mappings, address, protocol), "serviceProtocol") == expected


def test_a_link_of_a_service_record_is_an_end_point_or_a_page_never_a_distribution(mappings: Mappings) -> None:
    result = mapped((FIXTURES / "service.iso19139.xml").read_bytes(), mappings)
    assert values_of(result, "dcat#distribution") == values_of(result, "accessService") == []
    assert "<https://maps.example.org/ows>" in values_of(result, "endpointURL")
    assert values_of(result, "foaf/0.1/page", f"<{result.subject}>") == ["<https://maps.example.org/legend.zip>"]


def test_the_version_of_a_licence_is_not_that_of_the_dataset(mappings: Mappings) -> None:
    inside = """<mri:resourceConstraints><mco:MD_LegalConstraints><mco:reference><cit:CI_Citation>
    <cit:title><gco:CharacterString>Creative Commons Attribution 4.0</gco:CharacterString></cit:title>
    <cit:edition><gco:CharacterString>4.0</gco:CharacterString></cit:edition>
    </cit:CI_Citation></mco:reference></mco:MD_LegalConstraints></mri:resourceConstraints>"""
    result = mapped(iso3(inside), mappings)
    assert values_of(result, "dcat#version", f"<{result.subject}>") == []
    (statement,) = values_of(result, "terms/rights")
    assert values_of(result, "dcat#version", statement) == ['"4.0"']
    assert values_of(result, "terms/license") == ["<http://spdx.org/licenses/CC-BY-4.0>"]


@pytest.mark.parametrize(
    ("protocol", "standard"),
    [
        ("OGC API - Features", ["<https://www.opengis.net/def/interface/ogcapi-features>"]),
        ("OGC API - Records", []),
        ("OGC:SensorThings", ["<http://www.opengis.net/spec/iot_sensing/1.1>"]),
        ("STAC", []),
        ("ERDDAP", []),
        ("MYO:MOTU-SUB", []),
    ],
)
def test_a_service_conforms_to_no_other_standard_than_its_own(
    protocol: str, standard: list[str], mappings: Mappings
) -> None:
    result = online(mappings, "https://a.org/api", protocol)
    (service,) = values_of(result, "dcat#accessService")
    assert values_of(result, "terms/conformsTo", service) == standard
    assert not any("nothing tells" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("address", "infrastructure"),
    [
        ("https://cdi.seadatanet.org/search?step=1", "seadatanet"),
        ("https://www.emodnet-physics.eu/map", "emodnet"),
        ("https://emodnet.ec.europa.eu/geoviewer/", "emodnet"),
        ("https://data.marine.copernicus.eu/product/X/description", "copernicus-marine"),
        ("https://www.gbif.org/dataset/7b1d6a48", "gbif"),
        ("https://obis.org/dataset/7b1d6a48", "obis"),
        ("https://gis.ices.dk/geonetwork", "ices"),
        ("https://www.seadatanet.org/Standards", None),
        ("https://edmo.seadatanet.org/report/486", None),
        ("https://a.org/?see=https://cdi.seadatanet.org/", None),
        ("https://not-emodnet.example.eu/", None),
    ],
)
def test_a_link_to_where_an_infrastructure_shows_data_says_that_it_disseminates_them(
    address: str, infrastructure: str | None, mappings: Mappings
) -> None:
    expected = [f"<http://localhost:8000/id/infrastructure/odatis/{infrastructure}>"] if infrastructure else []
    assert values_of(online(mappings, address, "WWW:LINK"), "disseminatedBy") == expected


def test_every_infrastructure_that_disseminates_is_in_the_directory(mappings: Mappings) -> None:
    named = {row["infrastructure"] for row in mappings.registers["dissemination"].rows}
    listed = directory.load(folder("mappings") / "registers" / "directory").files["infrastructures"]
    assert named <= {row["key"] for row in listed.rows}


@pytest.mark.parametrize("link", ["http://www.seadatanet.org/urnurl/SDN:L08::UN", "SDN:L08::UN"])
def test_a_limitation_of_nvs_has_its_canonical_iri_however_it_is_written(link: str, mappings: Mappings) -> None:
    result = mapped(
        iso(
            f"""<gmd:resourceConstraints><gmd:MD_LegalConstraints><gmd:otherConstraints>
            <gmx:Anchor xlink:href="{link}">unrestricted</gmx:Anchor></gmd:otherConstraints>
            </gmd:MD_LegalConstraints></gmd:resourceConstraints>"""
        ),
        mappings,
    )
    assert values_of(result, "terms/rights") == ["<http://vocab.nerc.ac.uk/collection/L08/current/UN/>"]
    assert values_of(result, "accessRights") == [
        "<http://publications.europa.eu/resource/authority/access-right/PUBLIC>"
    ]
