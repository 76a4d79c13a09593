"""The rules every mapping keeps (R1 to R7), checked on everything the demonstration holds."""

import re
from collections.abc import Iterable, Iterator

import pyoxigraph as ox
import pytest

from odatis_kg.harvest.folder import read, walk
from odatis_kg.mapping import rdf, table
from odatis_kg.mapping.engine import Mapped, Mappings, map_record
from odatis_kg.mapping.kinds import SourceRecord, scan
from odatis_kg.namespaces import PREFIXES
from odatis_kg.resources import folder
from tests.mapping.test_golden import fixtures
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


def every(rows: Iterable[table.RawRow]) -> Iterator[table.RawRow]:
    for raw in rows:
        yield raw
        yield from every(raw.inner)


def rows_of(tables: dict[str, list[table.RawRow]], *, vocabularies: bool) -> dict[str, table.RawRow]:
    return {
        raw.id: raw for name, rows in tables.items() for raw in every(rows) if name.startswith("skos/") is vocabularies
    }


def test_every_row_maps_something_in_the_demonstration_or_a_fixture(results: list[Mapped], mappings: Mappings) -> None:
    """A row nobody has seen at work may be wrong without anyone knowing."""
    rows = rows_of(table.read_tables(folder("mappings")), vocabularies=False)
    written = [mapped(path.read_bytes(), mappings) for path in fixtures()]
    rows = {
        row_id: raw
        for row_id, raw in rows.items()
        if raw.words.keys() & {"predicate", "node", "part"} and raw.words.get("node") != {"function": "details"}
    }
    used = {statement.row for result in [*results, *written] for statement in result.statements}
    assert len(rows) > 150
    assert rows.keys() - used == set()


def test_every_row_that_leaves_something_out_finds_it_in_the_demonstration_or_a_fixture(
    results: list[Mapped], mappings: Mappings
) -> None:
    rows = {
        row_id
        for row_id, raw in rows_of(table.read_tables(folder("mappings")), vocabularies=False).items()
        if "ignore" in raw.words
    }
    found = set()
    for result in [*results, *(mapped(path.read_bytes(), mappings) for path in fixtures())]:
        spec = mappings.specs[result.record.kind]
        reader = spec.open(result.record.content)
        found |= {row.id for row in spec.rows if row.id in rows and reader.select(row.path)}
        for shared in spec.shared.values():
            found |= {row.id for row in shared if row.id in rows and any(row.path(node) for node in reader.root.iter())}
    assert rows - found == set()


def test_every_row_on_vocabularies_maps_its_property(mappings: Mappings) -> None:
    """The extracts of the demonstration have few properties, so each row is shown a vocabulary with its own."""
    concept, collection = (
        "http://vocab.nerc.ac.uk/collection/P02/current/TEMP/",
        "http://vocab.nerc.ac.uk/collection/P02/current/",
    )
    a_concept = f"<{collection}> a <{SKOS}Collection> . <{concept}> a <{SKOS}Concept> ."
    objects = {
        "text": '"words"@en',
        "concept": '"words"@en',
        "code": '"deprecated"@en',
        "iri": "<http://vocab.nerc.ac.uk/collection/P02/current/PSAL/>",
        "temporal": '"2020-01-02"',
        "boolean": '"true"',
    }
    rows = rows_of(table.read_tables(folder("mappings")), vocabularies=True)
    assert len(rows) > 20
    for row_id, raw in rows.items():
        for path in rdf.compile_path(str(raw.words["from"]["skos"])):
            way = raw.words.get("value", {}).get("as", "iri")
            result = mapped(f"{a_concept} {said(concept, path, objects[way])}".encode(), mappings)
            if "ignore" in raw.words:
                assert result.coverage.share == 1.0, row_id
            else:
                assert row_id in {statement.row for statement in result.statements}, (row_id, path)


def said(concept: str, path: str, value: str) -> str:
    """A statement of a concept or, for a path of two properties, of a node without a name in it or beside it."""
    outer, *inner = re.split(r"/(?=https?://|\*)", path)
    if not inner:
        return f"<{concept}> <{outer}> {value} ."
    if outer.endswith("#gcmd"):
        return f"[] a <{outer}> ; <{inner[0]}> {value} ."
    return f"<{concept}> <{outer}> [ <{inner[0].replace('*', 'http://example.org/anything')}> {value} ] ."
