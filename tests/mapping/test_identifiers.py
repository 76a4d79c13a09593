"""Identifiers, languages, licences and formats: every spelling met in real records, one canonical form each."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.mapping import identifiers, values
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.functions.resource import language_tag
from tests.support import iso, mapped, values_of

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
        "http://vocab.ndg.nerc.ac.uk/term/P021/68/TEMP",
        "http://www.seadatanet.org/urnurl/SDN:P02::TEMP/",
        "http://www.seadatanet.org/urnurl/SDN:P021::TEMP",
        "https://www.seadatanet.org/urnurl/SDN:P02::TEMP",
        "SDN:P021:68:TEMP",
        (
            "https://sextant.ifremer.fr/geonetwork/srv/api/registries/vocabularies/keyword"
            "?thesaurus=external.parameter.NVS.P02&id=http://vocab.nerc.ac.uk/collection/P02/current/TEMP/"
        ),
        (
            "https://catalogue.aodn.org.au/geonetwork/srv/eng/xml.keyword.get"
            "?thesaurus=external.theme.P02&id=http%3A%2F%2Fvocab.nerc.ac.uk%2Fcollection%2FP02%2Fcurrent%2FTEMP%2F"
        ),
    ],
)
def test_a_concept_of_nvs_has_one_iri_however_it_is_written(spelling: str) -> None:
    assert identifiers.canonical(spelling) == TEMP


@pytest.mark.parametrize(
    "spelling",
    ["http://vocab.nerc.ac.uk/collection/P02/current/", "https://vocab.nerc.ac.uk/collection/P02", "SDN:P02",
     "https://www.seadatanet.org/urnurl/SDN:P02", "http://vocab.ndg.nerc.ac.uk/list/P021/current/"],
)  # fmt: skip
def test_a_collection_of_nvs_has_one_iri(spelling: str) -> None:
    assert identifiers.canonical(spelling) == "http://vocab.nerc.ac.uk/collection/P02/current/"


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
        "http://edmo.seadatanet.org/486",
        "http://linked.seadatanet.org/edmo/486",
        "https://edmo.seadatanet.org/v_edmo/print.asp?n_code=486",
        "http://seadatanet.maris2.nl/v_edmo/print.asp?n_code=486",
        "http://seadatanet.maris.nl/v_edmo/browse_step.asp?n_code=486",
        "http://www.seadatanet.org/urnurl/SDN:EDMO::486",
        "SDN:EDMO::486",
        "urn:SDN:EDMO::486",
    ],
)
def test_an_organisation_of_edmo_has_one_iri(spelling: str) -> None:
    assert identifiers.canonical(spelling) == "https://edmo.seadatanet.org/report/486"


@pytest.mark.parametrize(
    "spelling",
    ["10.17882/42182", "doi:10.17882/42182", "DOI: 10.17882/42182", "https://dx.doi.org/10.17882/42182",
     "http://doi.org/10.17882/42182.", "https://doi.org/10.17882%2F42182", "DOI:10.17882/42182", "doi.org/10.17882/42182",
     "https://www.doi.org/10.17882/42182", "http://doi.org/doi:10.17882/42182", "doi:https://doi.org/10.17882/42182",
     "info:doi/10.17882/42182", "https://doi.pangaea.de/10.17882/42182"],
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
        ("orcid.org/0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097"),
        ("https://orcid.org/client/0000-0002-9157-3431", None),
        ("0000000121032683", None),  # an ISNI
        ("0000-0002-1825-0098", None),
        ("0000-0002-1825", None),
    ],
)
def test_an_orcid_is_taken_only_with_the_right_check_digit(spelling: str, iri: str | None) -> None:
    assert identifiers.orcid(spelling) == iri


@pytest.mark.parametrize(
    "spelling", ["https://ror.org/044jxhp58", "http://www.ror.org/044jxhp58/", "ror.org/044JXHP58", "ROR:044jxhp58"]
)
def test_an_organisation_of_ror_has_one_iri(spelling: str) -> None:
    assert identifiers.canonical(spelling) == "https://ror.org/044jxhp58"


UUID = "f6350232-b1c7-458c-bc43-bda357ebb6db"


@pytest.mark.parametrize(
    "spelling",
    [
        f"https://gcmd.earthdata.nasa.gov/kms/concept/{UUID}",
        f"http://gcmdservices.gsfc.nasa.gov/kms/concept/{UUID}",
        f"https://gcmd.earthdata.nasa.gov/kms/concept/{UUID.upper()}/?format=rdf",
        (
            "https://marlin.csiro.au/geonetwork/srv/eng/xml.keyword.get?thesaurus=external.theme.gcmd_keywords"
            f"&id=http://gcmdservices.gsfc.nasa.gov/kms/concept/{UUID}"
        ),
    ],
)
def test_a_keyword_of_gcmd_has_one_iri_whatever_the_host(spelling: str) -> None:
    assert identifiers.canonical(spelling) == f"https://gcmd.earthdata.nasa.gov/kms/concept/{UUID}"


EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
# WGS 84 with heights above the geoid EGM96, however it is written.
COMPOUNDS = [
    "urn:ogc:def:crs,crs:EPSG::4326,crs:EPSG::5773",
    "urn:x-ogc:def:crs,crs:EPSG:6.12:4326,crs:EPSG:6.12:5773",
    f"http://www.opengis.net/def/crs-compound?1={EPSG}4326&2={EPSG}5773",
    "EPSG:4326+5773",
    "WGS 84 + EGM96 height (EPSG:4326+5773)",
    ":urn:ogc:def:crs,crs:EPSG::4326,crs:EPSG::5773",
    "epsg:4326+EPSG:5773",
]


@pytest.mark.parametrize("spelling", COMPOUNDS)
def test_a_compound_reference_system_is_neither_of_the_two_it_is_made_of(spelling: str) -> None:
    horizontal, vertical = identifiers.crs_components(spelling)
    assert identifiers.crs(spelling) is None
    assert (identifiers.crs(horizontal), identifiers.crs(vertical)) == (EPSG + "4326", EPSG + "5773")


@pytest.mark.parametrize(
    "spelling", ["EPSG:4326", "urn:ogc:def:crs:EPSG::4326", "a, b", "http://a/def/crs-compound?x=1"]
)
def test_any_other_reference_system_is_its_own_only_component(spelling: str) -> None:
    assert identifiers.crs_components(spelling) == [spelling]


@pytest.mark.parametrize(
    ("spelling", "system"),
    [
        *((spelling, EPSG + "4326") for spelling in (
            "WGS 84 (EPSG 4326)", "WGS 84 (EPSG:4326)", "WGS84 (EPSG:4326)", "WGS84", "WGS 84", "WGS 1984",
            "World Geodetic System 84", "WGS84 géographiques", "4326", "EPSG:4326", "epsg: 4326", "EPSG:4326 EPSG:4326",
            "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG:4326", "urn:ogc:def:crs:EPSG:6.6:4326",
            "urn:x-ogc:def:crs:EPSG:4326", "http://www.opengis.net/def/crs/EPSG/0/4326",
            "https://www.opengis.net/def/crs/EPSG/9.9.1/4326", "http://www.opengis.net/gml/srs/epsg.xml#4326",
            "http://spatialreference.org/ref/epsg/4326/", "https://epsg.io/4326",
            "SDN:L10::4326", "http://vocab.nerc.ac.uk/collection/L10/current/4326/",
        )),
        *((spelling, "http://www.opengis.net/def/crs/OGC/1.3/CRS84") for spelling in (
            "CRS:84", "CRS84", "OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84", "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        )),
        ("https://epsg.org/crs/gml/id/5831", EPSG + "5831"),
        ("5829", EPSG + "5829"),
        ("NTF (Paris) / Nord France (EPSG:27591)", EPSG + "27591"),
        ("LV95 EPSG:2056 LV95 EPSG:2056", EPSG + "2056"),
        ("GDA94 (EPSG:4283)", EPSG + "4283"),
        ("GDA94", EPSG + "4283"),
        ("ETRS89-GRS80", EPSG + "4258"),
        ("SDN:L11::D08", "http://vocab.nerc.ac.uk/collection/L11/current/D08/"),
        *((spelling, None) for spelling in (
            "", "https://www.seadatanet.org/urnurl/SDN:L10", "CARTESIAN", "Lambert Azimuthal Projection",
            "WGS84 / Simple Mercator (EPSG:41001)", "urn:ogc:def:crs:EPSG::Nat. Grid GB", "#WGS_1984", "EPSG:900913",
            *COMPOUNDS,
        )),
    ],
)  # fmt: skip
def test_a_reference_system_has_one_iri_and_a_name_that_leaves_a_doubt_none(spelling: str, system: str | None) -> None:
    assert identifiers.crs(spelling) == system


@pytest.mark.parametrize(
    ("spelling", "first"),
    [
        ("urn:ogc:def:crs:EPSG::4326", True),
        ("urn:ogc:def:crs:EPSG:6.6:4326", True),
        ("http://www.opengis.net/def/crs/EPSG/0/4258", True),
        (COMPOUNDS[0], True),
        (COMPOUNDS[2], True),
        (COMPOUNDS[3], False),
        ("EPSG:4326", False),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", False),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", False),
        ("CRS:84", False),
        ("http://www.opengis.net/def/crs/EPSG/0/2154", False),
        ("", False),
    ],
)
def test_latitude_comes_first_where_the_name_of_the_system_says_so(spelling: str, first: bool) -> None:
    assert identifiers.latitude_first(spelling) is first


@pytest.mark.parametrize(
    ("spelling", "tag"),
    [
        *((spelling, "fr") for spelling in (
            "fr", "fre", "fra", "FR", "FRA", "French", "Français", "French; Français", "fr-FR", "fr_FR", "locale-fr", "#fra",
            "http://publications.europa.eu/resource/authority/language/FRA", "http://id.loc.gov/vocabulary/iso639-2/fre",
            "http://www.loc.gov/standards/iso639-2/#fre", " fre ",
        )),
        *((spelling, "en") for spelling in (
            "en", "eng", "Eng", "English", "eng; USA", "eng;USA", "eng; CAN", "en-US", "en-t-de-t0-mtec", "#locale-en",
        )),
        ("ger", "de"), ("deu", "de"), ("Deutsch", "de"),
        ("dut", "nl"), ("nld", "nl"), ("Nederlands; Vlaams", "nl"),
        ("roh", "rm"), ("por", "pt"), ("pt-br", "pt"),
        *((spelling, None) for spelling in (
            "", "zxx", "und", "no linguistic content; not applicable", "xx", "mul", "klingon", "mis", "qaa", "qtz",
            "http://publications.europa.eu/resource/authority/language/MUL", "n/a", "fran", "gčr", "g1r",
        )),
        # Languages without a code of two letters, by ISO 639-3 (or 639-2): Guianan and Guadeloupean Creole, Wallisian, ...
        *((spelling, "gcr") for spelling in ("gcr", "GCR", "gcr-GF", "gcr_GF", "gcr; GUF", "#gcr")),
        ("http://publications.europa.eu/resource/authority/language/GCF", "gcf"),
        ("wls", "wls"), ("haw", "haw"), ("sgn-fr", "sgn"), ("qua-PE", "qua"),
    ],
)  # fmt: skip
def test_a_language_has_one_tag_in_every_list_of_codes_and_by_its_names(
    spelling: str, tag: str | None, mappings: Mappings
) -> None:
    assert language_tag(mappings.registers, spelling) == tag


@pytest.mark.parametrize(
    ("code", "stated", "tag"),
    [
        ("fre", "<http://publications.europa.eu/resource/authority/language/FRA>", "@fr"),
        ("gcr", '"gcr"', "@gcr"),
        (
            "http://publications.europa.eu/resource/authority/language/GCR",
            "<http://publications.europa.eu/resource/authority/language/GCR>",
            "@gcr",
        ),
        ("http://example.org/language/GCR", '"http://example.org/language/GCR"', "@gcr"),
        ("klingon", '"klingon"', ""),
    ],
)
def test_the_iri_of_a_language_is_never_made_up_and_its_tag_is_its_own_code(
    code: str, stated: str, tag: str, mappings: Mappings
) -> None:
    language = f'<gmd:language><gmd:LanguageCode codeListValue="{code}"/></gmd:language>'
    result = mapped(iso(language, language=code), mappings)
    assert values_of(result, "dc/terms/language", f"<{result.subject}>") == [stated]
    assert values_of(result, "dc/terms/title") == [f'"Profils CTD"{tag}']


@pytest.mark.parametrize(("name", "tags"), [("locale-de", ["@de", "@fr"]), ("loc", ["", "@fr"]), ("gcr", ["", "@fr"])])
def test_a_locale_without_a_code_is_a_language_only_when_it_is_called_after_one(
    name: str, tags: list[str], mappings: Mappings
) -> None:
    words = f"""<gmd:purpose><gco:CharacterString>un</gco:CharacterString><gmd:PT_FreeText><gmd:textGroup>
    <gmd:LocalisedCharacterString locale="#{name}">eins</gmd:LocalisedCharacterString>
    </gmd:textGroup></gmd:PT_FreeText></gmd:purpose>"""
    result = mapped(iso(words), mappings)
    assert [text.rpartition('"')[2] for text in values_of(result, "purpose")] == tags


@pytest.mark.parametrize(
    ("spelling", "licence"),
    [
        *((spelling, "CC-BY-4.0") for spelling in (
            "CC-BY-4.0", "CC BY 4.0", "CC-By 4.0", "https://creativecommons.org/licenses/by/4.0/",
            "http://creativecommons.org/licenses/by/4.0", "https://creativecommons.org/licenses/by/4.0/legalcode",
            "https://creativecommons.org/licenses/by/4.0/deed.fr", "http://spdx.org/licenses/CC-BY-4.0",
            "https://spdx.org/licenses/CC-BY-4.0.html", "http://publications.europa.eu/resource/authority/licence/CC_BY_4_0",
            "Creative Commons Attribution 4.0 International",
            "This work is licensed under a Creative Commons Attribution (CC-BY) 4.0 License",
        )),
        ("Creative Commons Attribution 3.0 Unported (CC-BY)", "CC-BY-3.0"),
        ("http://creativecommons.org/licenses/by/3.0/deed", "CC-BY-3.0"),
        ("http://creativecommons.org/licenses/by/3.0/au/", "CC-BY-3.0-AU"),
        ("Creative Commons Attribution 3.0 Australia", "CC-BY-3.0-AU"),
        ("http://creativecommons.org/licenses/by/2.5/au/", "CC-BY-2.5-AU"),
        ("CC BY 3.0 IGO", "CC-BY-3.0-IGO"),
        ("https://creativecommons.org/licenses/by-sa/3.0/de/", "CC-BY-SA-3.0-DE"),
        ("https://creativecommons.org/licenses/by-sa/3.0/", "CC-BY-SA-3.0"),
        ("https://creativecommons.org/licenses/by/2.0/", "CC-BY-2.0"),
        ("CC BY 2.0", "CC-BY-2.0"),
        ("Creative Commons Attribution-NoDerivs 2.0 Generic", "CC-BY-ND-2.0"),
        ("http://creativecommons.org/licenses/by-nc-nd/3.0", "CC-BY-NC-ND-3.0"),
        ("Creative Commons Attribution Non Commercial 4.0 International", "CC-BY-NC-4.0"),
        ("licensed under a Creative Commons Attribution Non Commercial (CC-BY-NC) 4.0 License", "CC-BY-NC-4.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0", "CC-BY-NC-SA-4.0"),
        ("Create Commons Attribution-NoDerivatives 4.0 International Licence (CC BY-ND 4.0)", "CC-BY-ND-4.0"),
        *((spelling, "CC0-1.0") for spelling in (
            "CC0", "CC0 Waiver", "Creative Commons - CC0", "Creative Commons Zero 1.0 Universal", "CC0-1.0",
            "https://creativecommons.org/publicdomain/zero/1.0/", "http://creativecommons.org/publicdomain/zero/1.0",
        )),
        ("https://creativecommons.org/licenses/publicdomain/", "CC-PDDC"),
        *((spelling, "etalab-2.0") for spelling in (
            "etalab-2.0", "Licence Ouverte 2.0", "Licence Ouverte / Open Licence Version 2.0", "Licence Ouverte v2.0", "lov2",
            "Licence Ouverte (version 2.0 d'avril 2017)", "Licence Ouverte version 2.0 Open Licence version 2.0",
            "https://www.etalab.gouv.fr/wp-content/uploads/2017/04/ETALAB-Licence-Ouverte-v2.0.pdf",
        )),
        *((spelling, "etalab-2.0") for spelling in (
            "https://www.etalab.gouv.fr/wp-content/uploads/2018/11/open-licence.pdf",
            "https://github.com/etalab/licence-ouverte/blob/master/LO.md",
            "https://github.com/etalab/Licence-Ouverte/blob/master/open-licence.md",
            "https://spdx.org/licenses/etalab-2.0.html",
        )),
        *((spelling, "Licence_Ouverte.pdf") for spelling in (
            "Licence Ouverte 1.0 http://www.data.gouv.fr/Licence-Ouverte-Open-Licence.", "Licence Ouverte (version 1.0)",
            "http://www.data.gouv.fr/Licence-Ouverte-Open-Licence", "fr-lo",
            "https://www.etalab.gouv.fr/wp-content/uploads/2014/05/Licence_Ouverte.pdf",
            "http://www.etalab.gouv.fr/wp-content/uploads/2014/05/Open_Licence.pdf",
        )),
        *((spelling, "ODbL-1.0") for spelling in (
            "ODbL", "odc-odbl", "ODbL-1.0", "Open Data Commons Open Database License (ODbL)",
            "http://opendatacommons.org/licenses/odbl/1.0/", "Licence ODbL mai 2013 (basée sur ODbL 1.0)",
        )),
        ("https://opendatacommons.org/licenses/by/1-0/", "ODC-By-1.0"),
        ("https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/", "OGL-UK-3.0"),
        ("Open Government Licence (OGL 3.0)", "OGL-UK-3.0"),
        ("http://www.seadatanet.org/urnurl/SDN:L08:2:LS", "LS"),
        ("SeaDataNet licence", "LS"),
        # Without a version, of another country, or only compared with one: not known.
        *((spelling, None) for spelling in (
            "CC-BY", "CC-BY-NC-SA", "Attribution (CC BY)", "Licence Ouverte",
            "https://www.etalab.gouv.fr/licence-ouverte-open-licence", "Open Government Licence", "CC BY 4.05",
            "Licence Ouverte / Open License (compatible ODC-BY, CC-BY 2.0)", "https://creativecommons.org/licenses/by/3.0/fr/",
            "Open Government Licence - Canada", "http://creativecommons.org/publicdomain/mark/1.0/deed.nl",
        )),
    ],
)  # fmt: skip
def test_a_licence_has_one_iri_for_its_addresses_and_names_with_a_version(
    spelling: str, licence: str | None, mappings: Mappings
) -> None:
    row = mappings.registers["licences"].match(spelling)
    assert (row["iri"].rstrip("/").rpartition("/")[2] if row else None) == licence


def test_the_iri_of_a_licence_is_one_of_its_spellings(mappings: Mappings) -> None:
    register = mappings.registers["licences"]
    lost = {row["iri"] for row in register.rows if (register.match(row["iri"]) or {}).get("iri") != row["iri"]}
    assert not lost


@pytest.mark.parametrize(
    ("spelling", "file_type", "media_type"),
    [
        *((spelling, "NETCDF", "application/netcdf") for spelling in (
            "NetCDF", "netCDF-4", "NetCDF4", "NetCDF3", "application/x-netcdf", "application/netcdf", ".nc", "nc", "*.nc",
            "GOSUD NetCDF", "Climate and Forecast Point Data NetCDF", "DIGITAL - netCDF", ".nc - NetCDF3, .jpg, .pdf",
        )),
        *((spelling, "CSV", "text/csv") for spelling in (
            "CSV", "text/csv", ".csv", "Comma-Separated Values (.csv)", "Comma Separated Values (.csv)", "CSV format",
        )),
        ("text/tab-separated-values", "TSV", "text/tab-separated-values"),
        *((spelling, "SHP", "application/vnd.shp") for spelling in (
            "ESRI Shapefile", "ESRI Shapefile (.shp)", "ShapeFile", "Shape file", "shape ESRI", "x-gis/x-shapefile", "SHP",
        )),
        *((spelling, "TIFF", "image/tiff") for spelling in (
            "GeoTIFF", "GeoTIF", "TIFF", "tif", "raster (geotiff)", "Tagged Image File Format (TIFF)", "image/tiff",
            "Cloud Optimized GeoTIFF (TIFF / TIF)", "image/tiff; application=geotiff",
        )),
        *((spelling, "", "text/plain") for spelling in (
            "Ocean Data View ASCII input", "ODV binary collection", "ODV", "MEDATLAS ASCII",
        )),
        *((spelling, "TXT", "text/plain") for spelling in ("ASCII", "ASCII Text", "TXT", "text/plain; charset=UTF-8")),
        ("application/geo+json", "GEOJSON", "application/geo+json"),
        ("GeoJSON", "GEOJSON", "application/geo+json"),
        ("application/ld+json", "JSON_LD", "application/ld+json"),
        ("application/json", "JSON", "application/json"),
        ("application_vnd.google-earth.kmz", "KMZ", "application/vnd.google-earth.kmz"),
        ("gml+xml", "GML", "application/gml+xml"),
        ("image/svg+xml", "SVG", "image/svg+xml"),
        ("application/xhtml+xml", "XHTML", "application/xhtml+xml"),
        ("*.xml", "XML", "application/xml"),
        ("image/jp2", "JPEG2000", "image/jp2"),
        ("DIGITAL - Images - PDF", "PDF", "application/pdf"),
        ("DIGITAL - Spreadsheets - MS Excel", "XLS", "application/vnd.ms-excel"),
        ("Microsoft Excel (xlsx)", "XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("ESRI File Geodatabase (.fgdb)", "GDB", ""),
        ("HDF4", "HDF", ""),
        ("application/x-hdf5", "HDF", ""),
        ("application/zip", "ZIP", "application/zip"),
        *((spelling, None, None) for spelling in ("OPeNDAP", "Originator data format", "Binary", "SNO", "func", "sync")),
    ],
)  # fmt: skip
def test_a_format_has_one_file_type_and_media_type(
    spelling: str, file_type: str | None, media_type: str | None, mappings: Mappings
) -> None:
    row = mappings.registers["formats"].match(spelling) or {}
    assert row.get("file_type", None if not row else "") == (
        file_type and f"http://publications.europa.eu/resource/authority/file-type/{file_type}"
    )
    assert row.get("media_type", None if not row else "") == (
        media_type and f"https://www.iana.org/assignments/media-types/{media_type}"
    )


def test_an_address_that_is_none_of_ours_stays_as_it_is_and_words_are_no_identifier() -> None:
    assert identifiers.canonical("https://example.org/a") == "https://example.org/a"
    assert identifiers.canonical("water temperature") is None
    assert identifiers.canonical("") is None


def test_a_code_of_another_urn_scheme_is_not_made_a_concept() -> None:
    assert identifiers.nvs("urn:SDN:CSR:LOCAL:FI35199480001") is None


# Any text, and texts that look like the identifiers of each scheme.
_BEGINNINGS = [
    "", "http://", "https://", "SDN:", "urn:SDN:P02:", "SDN:EDMO::", "http://vocab.nerc.ac.uk/collection/P02/current/",
    "http://vocab.nerc.ac.uk/standard_name/", "http://vocab.ndg.nerc.ac.uk/term/P021/current/", "10.17882/",
    "https://doi.org/10.17882/", "doi:10.1234/", "https://edmo.seadatanet.org/report/", "https://orcid.org/0000-0002-1825-",
    "https://ror.org/0", f"https://gcmd.earthdata.nasa.gov/kms/concept/{UUID}", "EPSG:", "urn:ogc:def:crs:EPSG::", "WGS 84 ",
    "https://a.org/srv/thesaurus?id=http://vocab.nerc.ac.uk/collection/P02/current/", "https://a.org/thesaurus?id=http",
]  # fmt: skip
_ENDINGS = (
    st.text(max_size=12) | st.text("0123456789X²١%2Fé /\\:.,;()'\"<>[]?#", max_size=16) | st.integers(0, 99999).map(str)
)
spellings = st.builds(str.__add__, st.sampled_from(_BEGINNINGS), _ENDINGS)


@given(spellings)
def test_what_is_canonical_is_an_iri_and_stays_as_it_is(text: str) -> None:
    found = identifiers.canonical(text)
    assert found is None or values.is_iri(found)
    assert found is None or identifiers.canonical(found) == found


@given(spellings)
def test_each_scheme_gives_back_its_own_canonical_form(text: str) -> None:
    for normaliser in (
        identifiers.edmo,
        identifiers.orcid,
        identifiers.ror,
        identifiers.gcmd,
        identifiers.crs,
        identifiers.doi,
    ):
        found = normaliser(text)
        assert found is None or normaliser(found) == found
    term = identifiers.nvs(text)
    assert term is None or (values.is_iri(term.iri) and identifiers.canonical(term.iri) == term.iri)
    bare = identifiers.doi(text)
    assert bare is None or (
        values.is_iri(identifiers.doi_iri(bare)) and identifiers.doi(identifiers.doi_iri(bare)) == bare
    )


@given(
    st.sampled_from(
        ["https://doi.org/10.17882/42182", "10.24400/527896/a01-2023.004", "https://orcid.org/0000-0002-1694-233X",
         "https://ror.org/044jxhp58", f"http://gcmdservices.gsfc.nasa.gov/kms/concept/{UUID}", "SDN:EDMO::486",
         "http://seadatanet.maris2.nl/v_edmo/print.asp?n_code=486", "sdn:l06::31"]
    ),
    st.lists(st.booleans(), min_size=100, max_size=100),
    st.sampled_from(["", " ", "\n\t", "\u00a0"]),
)  # fmt: skip
def test_blanks_around_and_the_case_of_what_has_none_do_not_matter(text: str, upper: list[bool], blank: str) -> None:
    respelt = "".join(sign.upper() if up else sign.lower() for sign, up in zip(text, upper, strict=False))
    assert identifiers.canonical(f"{blank}{respelt}{blank}") == identifiers.canonical(text)


@given(st.text(max_size=20) | st.from_regex(r"[A-Za-z]{2,3}([-_; ][A-Za-z]{2,8})?", fullmatch=True))
def test_a_language_is_a_tag_of_bcp_47_or_none_and_a_tag_stays_one(mappings: Mappings, text: str) -> None:
    tag = language_tag(mappings.registers, text)
    assert tag is None or re.fullmatch("[a-z]{2,3}", tag)
    assert tag is None or language_tag(mappings.registers, tag) == tag
    assert language_tag(mappings.registers, f" {text.upper()} ") == language_tag(mappings.registers, text.upper())


CARBERRY, NEW, ENDS_IN_X = "0000-0002-1825-0097", "0009-0001-5055-9262", "0000-0002-1694-233X"


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        # spellings
        (f"https://orcid.org/{CARBERRY}", {CARBERRY}),
        (f"http://www.orcid.org/{CARBERRY}/", {CARBERRY}),
        (f"<gmx:Anchor xlink:href='https://orcid.org/{CARBERRY}'>Carberry</gmx:Anchor>", {CARBERRY}),
        (f'{{"nameIdentifier": "https:\\/\\/orcid.org\\/{CARBERRY}"}}', {CARBERRY}),
        (f'{{"nameIdentifier": "{CARBERRY}", "nameIdentifierScheme": "ORCID"}}', {CARBERRY}),
        (f"ORCID:{CARBERRY}", {CARBERRY}),
        (f"orcid{CARBERRY}", {CARBERRY}),
        (f"orcid_{CARBERRY}", {CARBERRY}),
        (f"Carberry, J. ({CARBERRY}).", {CARBERRY}),
        (f"page?who=https%3A%2F%2Forcid.org%2F{CARBERRY}&x=1", {CARBERRY}),
        (f'"first line\\n{CARBERRY}\\nsecond"', {CARBERRY}),
        (f'"\\u00a0{CARBERRY}"', {CARBERRY}),
        (f"<a>&#160;{CARBERRY}&#160;</a>", {CARBERRY}),
        (f"https://pub.orcid.org/v3.0/{CARBERRY}/record", {CARBERRY}),
        ("0000‐0002‐1825‐0097", {CARBERRY}),
        ("0000–0002–1825–0097", {CARBERRY}),
        ("0000-0002-1694-233x", {ENDS_IN_X}),
        ("<gco:CharacterString>0000000218250097</gco:CharacterString>", {CARBERRY}),
        ('"0000000218250097"', {CARBERRY}),
        ("see ORCID iD: 0000000218250097, please", {CARBERRY}),
        ("https://orcid.org/0000000218250097", {CARBERRY}),
        (f"{CARBERRY};{NEW}, {ENDS_IN_X}; {CARBERRY}", {CARBERRY, NEW, ENDS_IN_X}),
        # nobody's
        ("", set()),
        ("0000-0002-1825-0098", set()),  # wrong check digit
        ("https://orcid.org/0000-0001-2345-6789", set()),  # right check digit, but a number of no person
        ("https://orcid.org/9999-9999-9999-9994", set()),
        ("0000-0001-2103-2683", set()),  # an ISNI
        ("https://isni.org/isni/0000000121032683", set()),
        (f"https://isni.org/isni/{CARBERRY}", set()),
        (f"ISNI: {CARBERRY}", set()),
        (f"https://sandbox.orcid.org/{CARBERRY}", set()),
        (f"https://pub.sandbox.orcid.org/v3.0/{CARBERRY}/record", set()),
        (f"{CARBERRY}-1234", set()),
        (f"1234-{CARBERRY}", set()),
        (f"a{CARBERRY}", set()),
        (f"{CARBERRY}a", set()),
        (f"{CARBERRY}5", set()),
        (f"5{CARBERRY}", set()),
        (f"1.{CARBERRY}", set()),
        (f"été{CARBERRY}", set()),
        ("6ba7b810-0000-0002-1825-00970c04fd43", set()),  # a UUID
        ("0000-00021825-0097", set()),
        ("0000-0002–1825-0097", set()),  # two kinds of hyphen
        ("no 0000000218250097 of the cruise", set()),  # sixteen digits of something
        ("0000-0002-1825", set()),
        ("٠٠٠٠-0002-1825-0097", set()),
    ],
)
def test_the_persons_a_text_cites_are_found_and_no_other_number_is_taken_for_one(text: str, cited: set[str]) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert identifiers.cited_persons_in(f"<a>{text}</a>".encode(encoding)) == cited
    assert identifiers.cited_persons_in(text.encode()) == cited


def test_persons_are_found_in_bytes_that_are_no_text() -> None:
    assert identifiers.cited_persons_in(b"<a>\xe9t\xe9 \xff\x00 (" + CARBERRY.encode("ascii") + b")\xff</a>") == {
        CARBERRY
    }
    assert identifiers.cited_persons_in(b"\xff\xfe\x00") == frozenset()


@given(
    number=st.integers(15_000_000, 35_000_000),
    around=st.sampled_from([("", ""), ("https://orcid.org/", "/"), ("(", ");")]),
)
def test_any_person_of_the_registry_is_found_as_the_normaliser_writes_it(number: int, around: tuple[str, str]) -> None:
    digits = f"{number:015}"
    whole = digits + identifiers.orcid_check_digit(digits)
    person = "-".join(whole[start : start + 4] for start in (0, 4, 8, 12))
    assert identifiers.cited_persons_in(person.join(around).encode()) == {person}
    assert identifiers.orcid(person) == f"https://orcid.org/{person}"
