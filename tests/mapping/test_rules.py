"""The rules every mapping keeps (R1 to R7), checked on everything the demonstration holds."""

import re

import pyoxigraph as ox
import pytest

from odatis_kg.harvest.folder import read, walk
from odatis_kg.mapping.engine import Mapped, Mappings, map_record
from odatis_kg.mapping.kinds import SourceRecord, scan
from odatis_kg.namespaces import PREFIXES
from odatis_kg.resources import folder
from tests.mapping.test_golden import FIXTURES
from tests.support import iso, mapped, values_of

SKOS = PREFIXES["skos"]


@pytest.fixture(scope="module")
def results(mappings: Mappings) -> list[Mapped]:
    """Every record of the demonstration, mapped."""
    found = []
    for file in walk([folder("demo")]):
        for record in scan(read(file.path, 1 << 30)).records:
            found.append(map_record(SourceRecord("demo", record.key, record.kind, record.content), mappings))
    assert len(found) == 68
    return found


def test_r1_nothing_is_a_blank_node(results: list[Mapped]) -> None:
    for result in results:
        for quad in ox.parse(result.text(), ox.RdfFormat.N_QUADS):
            for term in (quad.subject, quad.object, quad.graph_name):
                assert not isinstance(term, ox.BlankNode)


def test_r2_every_literal_has_a_language_or_a_datatype_that_it_is_valid_for(results: list[Mapped]) -> None:
    xsd = "http://www.w3.org/2001/XMLSchema#"
    patterns = {
        f"{xsd}decimal": r"-?\d+(\.\d*[1-9])?",
        f"{xsd}integer": r"-?\d+",
        f"{xsd}date": r"\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?",
        f"{xsd}gYear": r"\d{4}",
        f"{xsd}gYearMonth": r"\d{4}-\d\d",
        f"{xsd}dateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?",
        f"{xsd}boolean": "true|false",
    }
    seen = set()
    for result in results:
        for quad in ox.parse(result.text(), ox.RdfFormat.N_QUADS):
            if isinstance(quad.object, ox.Literal):
                datatype = quad.object.datatype.value
                seen.add(datatype)
                assert re.fullmatch(patterns.get(datatype, r"(?s).+"), quad.object.value), quad
    assert patterns.keys() <= seen


def test_r3_what_is_no_iri_stays_text_with_a_warning(mappings: Mappings) -> None:
    online = """<gmd:distributionInfo><gmd:MD_Distribution><gmd:transferOptions><gmd:MD_DigitalTransferOptions>
    <gmd:onLine><gmd:CI_OnlineResource><gmd:linkage><gmd:URL>ask the data centre</gmd:URL></gmd:linkage>
    <gmd:protocol><gco:CharacterString>WWW:DOWNLOAD</gco:CharacterString></gmd:protocol></gmd:CI_OnlineResource></gmd:onLine>
    </gmd:MD_DigitalTransferOptions></gmd:transferOptions></gmd:MD_Distribution></gmd:distributionInfo>"""
    result = mapped(iso(around=online), mappings)
    assert values_of(result, "accessURL") == ['"ask the data centre"']
    assert any("'ask the data centre' is no IRI" in warning for warning in result.warnings)


def test_r4_what_no_row_reads_is_counted_by_path(mappings: Mappings) -> None:
    value = "<gmd:X><gco:CharacterString>what</gco:CharacterString></gmd:X>"
    inside = f"<gmd:spatialRepresentationType>{value}</gmd:spatialRepresentationType>"
    coverage = mapped(iso(inside), mappings).coverage
    path = "MD_Metadata/identificationInfo/MD_DataIdentification/spatialRepresentationType/X/CharacterString"
    assert coverage.unknown == {path: 1}
    assert coverage.leaves == coverage.consumed + coverage.ignored + 1


def iso_text(name: str, words: str) -> str:
    return f"<gmd:{name}><gco:CharacterString>{words}</gco:CharacterString></gmd:{name}>"


IN_ANOTHER_LANGUAGE = """<gmd:purpose><gco:CharacterString>To see</gco:CharacterString><gmd:PT_FreeText>
<gmd:textGroup xlink:href="https://example.org/how-it-was-translated"><gmd:LocalisedCharacterString locale="#fr">Pour voir
</gmd:LocalisedCharacterString></gmd:textGroup></gmd:PT_FreeText></gmd:purpose>"""
ELSEWHERE = '<gmd:pointOfContact xlink:href="https://example.org/contacts/1"/>'
MEASURE_BESIDE_LINEAGE = f"""<gmd:dataQualityInfo><gmd:DQ_DataQuality><gmd:report><gmd:DQ_DomainConsistency>
{iso_text("nameOfMeasure", "Values in range")}<gmd:result><gmd:DQ_ConformanceResult><gmd:specification><gmd:CI_Citation>
{iso_text("title", "House rules")}</gmd:CI_Citation></gmd:specification><gmd:pass><gco:Boolean>true</gco:Boolean></gmd:pass>
</gmd:DQ_ConformanceResult></gmd:result></gmd:DQ_DomainConsistency></gmd:report><gmd:lineage><gmd:LI_Lineage>
{iso_text("statement", "From bottles")}</gmd:LI_Lineage></gmd:lineage></gmd:DQ_DataQuality></gmd:dataQualityInfo>"""
KEYWORDS_OF_A_SERVICE = f"""<srv:keywords xmlns:srv="http://www.isotc211.org/2005/srv"><gmd:MD_Keywords>
{iso_text("keyword", "viewer")}</gmd:MD_Keywords></srv:keywords>"""


@pytest.mark.parametrize(
    ("inside", "around", "predicate", "said"),
    [
        (IN_ANOTHER_LANGUAGE, "", "purpose", ['"Pour voir"@fr', '"To see"@en']),
        (IN_ANOTHER_LANGUAGE, "", "additionalProperty", []),
        (ELSEWHERE, "", "qualifiedAttribution", []),
        ("", MEASURE_BESIDE_LINEAGE, "schema.org/value", ['"Values in range"@en']),
        (KEYWORDS_OF_A_SERVICE, "", "dcat#keyword", ['"viewer"@en']),
    ],
)
def test_r4_small_elements_are_read_or_left_out_with_a_reason(
    inside: str, around: str, predicate: str, said: list[str], mappings: Mappings
) -> None:
    result = mapped(iso(inside, around=around, language="eng"), mappings)
    assert result.coverage.unknown == {}
    assert values_of(result, predicate) == said


def test_r4_the_picture_of_a_cruise_is_kept(mappings: Mappings) -> None:
    picture = f"<gmd:graphicOverview><gmd:MD_BrowseGraphic>{iso_text('fileName', 'track.gml')}</gmd:MD_BrowseGraphic></gmd:graphicOverview>"
    content = (FIXTURES / "cruise.csr.xml").read_text(encoding="utf-8")
    begin = content.index("<sdn:additionalDocumentation>")
    result = mapped((content[:begin] + picture + content[begin:]).encode(), mappings)
    assert result.coverage.unknown == {}
    assert any(value.startswith('"track.gml"') for value in values_of(result, "schema.org/value"))


def test_r5_the_same_bytes_give_the_same_statements(results: list[Mapped], mappings: Mappings) -> None:
    for result in results:
        assert map_record(result.record, mappings).text() == result.text()
        lines = result.nquads()
        assert lines == sorted(set(lines))


def test_r6_a_record_graph_holds_only_what_the_record_says(mappings: Mappings) -> None:
    words = "Temperature of the water column"
    keyword = f"""<gmd:descriptiveKeywords><gmd:MD_Keywords>
    <gmd:keyword><gco:CharacterString>{words}</gco:CharacterString></gmd:keyword>
    <gmd:type><gmd:MD_KeywordTypeCode codeListValue="parameter"/></gmd:type>
    </gmd:MD_Keywords></gmd:descriptiveKeywords>"""
    result = mapped(iso(keyword, language="eng"), mappings)
    assert values_of(result, "dcat#keyword") == [f'"{words}"@en']
    assert not values_of(result, "variableMeasured")
    assert "vocab.nerc.ac.uk" not in result.text().decode()


def contact(person: str, organisation: str, *emails: str) -> str:
    addresses = "".join(
        f"<gmd:electronicMailAddress><gco:CharacterString>{email}</gco:CharacterString></gmd:electronicMailAddress>"
        for email in emails
    )
    individual = (
        f"<gmd:individualName><gco:CharacterString>{person}</gco:CharacterString></gmd:individualName>"
        if person
        else ""
    )
    return f"""<gmd:pointOfContact><gmd:CI_ResponsibleParty>{individual}
    <gmd:organisationName><gco:CharacterString>{organisation}</gco:CharacterString></gmd:organisationName>
    <gmd:contactInfo><gmd:CI_Contact><gmd:address><gmd:CI_Address>{addresses}</gmd:CI_Address></gmd:address></gmd:CI_Contact></gmd:contactInfo>
    <gmd:role><gmd:CI_RoleCode codeListValue="pointOfContact"/></gmd:role></gmd:CI_ResponsibleParty></gmd:pointOfContact>"""


@pytest.mark.parametrize(
    ("person", "organisation", "email", "published"),
    [
        ("", "SISMER", "sismer@ifremer.fr", True),
        ("", "Ifremer", "contact@example.org", True),
        ("", "Ifremer", "data-services@example.org", True),
        ("Jeanne Martin", "Ifremer", "jeanne.martin@ifremer.fr", False),
        ("", "Ifremer", "jeanne.martin@ifremer.fr", False),
        ("", "Ifremer", "jmartin@ifremer.fr", False),
        ("Martin Contact", "Ifremer", "contact@ifremer.fr", False),
    ],
)
def test_r7_only_the_mailbox_of_an_office_is_published(
    person: str, organisation: str, email: str, published: bool, mappings: Mappings
) -> None:
    result = mapped(iso(contact(person, organisation, email)), mappings)
    assert values_of(result, "hasEmail") == ([f"<mailto:{email}>"] if published else [])
    assert (email in result.text().decode()) is published


def test_r7_no_personal_address_of_the_demonstration_is_published(results: list[Mapped]) -> None:
    found = {match for result in results for match in re.findall(r"mailto:([^>]+)>", result.text().decode())}
    assert found == {
        "contact@odatis-ocean.fr",
        "sismer@ifremer.fr",
        "aviso@altimetry.fr",
        "ctoh_products@legos.obs-mip.fr",
    }
