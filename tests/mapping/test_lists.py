"""Lists of authorities in formats of their own: told from their content, named by identifiers, never taken for the whole."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from odatis_kg.config import Settings
from odatis_kg.mapping import lists
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.mapping.listing import ListReader
from odatis_kg.pipeline.stages import scan_safely
from tests.mapping.test_golden import FIXTURES
from tests.support import kind_of, mapped, triples_of, values_of


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "kind", "key"),
    [
        ("nvs-list.xml", "nvs-list", "nvs:C17:labels"),
        ("nvs-lists.xml", "nvs-list", "nvs:collections"),
        ("nvs-mapping.xml", "nvs-mapping", "nvs:P01-P09:mapping"),
        ("nvs-mapping-answer.json", "nvs-mapping", "nvs:R25-R27:mapping"),
        ("gcmd-keywords.csv", "gcmd-csv", "gcmd:providers:csv"),
        ("cf-standard-names.xml", "cf", "cf:standard-names"),
        ("cf-regions.xml", "cf", "cf:regions"),
        ("edmo.json", "edmo", "edmo:organisations"),
        ("edmo-thesaurus.rdf", "edmo", "edmo:organisations:names"),
        ("edmerp.xml", "edmerp", "edmerp:projects"),
        ("aodn.json", "aodn", "aodn:platform_classes"),
    ],
)
def test_a_list_is_told_from_its_content_and_has_a_key_of_its_own(name: str, kind: str, key: str) -> None:
    (record,) = scan(fixture(name)).records
    assert (record.kind, record.key) == (kind, key)
    assert Kind(kind).is_vocabulary
    assert Kind(kind).is_global


def test_a_list_with_labels_only_never_takes_the_place_of_the_dump_of_the_same_list() -> None:
    dump = b"""@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
    <http://vocab.nerc.ac.uk/collection/C17/current/35DM/> a skos:Concept ."""
    assert scan(dump).records[0].key != scan(fixture("nvs-list.xml")).records[0].key


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nvs-list.xml", "1 entries without a usable identifier are left out: 'nothing'"),
        ("gcmd-keywords.csv", "'ACADEMIC, ITALY, LOST"),
        ("aodn.json", "'nameless'"),
    ],
)
def test_an_entry_without_identifier_is_left_out_and_told(name: str, said: str, mappings: Mappings) -> None:
    result = mapped(fixture(name), mappings)
    assert any(said in warning for warning in result.warnings)


def test_an_alias_of_a_standard_name_is_withdrawn_and_says_what_replaces_it(mappings: Mappings) -> None:
    names = "http://vocab.nerc.ac.uk/standard_name/"
    result = mapped(fixture("cf-standard-names.xml"), mappings)
    assert values_of(result, "isReplacedBy", f"<{names}sea_temperature/>") == [f"<{names}sea_water_temperature/>"]
    assert values_of(result, "unitText", f"<{names}sea_water_temperature/>") == ['"K"']


def test_a_table_of_gcmd_gives_the_hierarchy_and_the_path(mappings: Mappings) -> None:
    result = mapped(fixture("gcmd-keywords.csv"), mappings)
    concept = "<https://gcmd.earthdata.nasa.gov/kms/concept/f6c057c9-c789-4cd5-ba22-e9b08aae152b>"
    assert '"ACADEMIC > FRANCE > DEMO"' in values_of(result, "altLabel", concept)
    assert values_of(result, "broader", concept) == [
        "<https://gcmd.earthdata.nasa.gov/kms/concept/f27ad52c-3dfd-4788-851a-427e60ae1b8f>"
    ]


def test_a_gcmd_export_whose_version_is_a_word_is_named_by_its_revision(mappings: Mappings) -> None:
    content = fixture("gcmd-keywords.csv").replace(b"Keyword Version: 23.4", b"Keyword Version: static")
    assert mapped(content, mappings).graph.endswith("/graph/vocab/gcmd/providers/2026-03-17-csv")


def test_r7_only_mailboxes_of_offices_leave_edmo(mappings: Mappings) -> None:
    result = mapped(fixture("edmo.json"), mappings)
    assert values_of(result, "mbox") == ["<mailto:contact@example.org>"]
    text = result.text().decode()
    assert "nordmann" not in text
    assert "dupont" not in text
    assert "sdn-userdesk" not in text


def test_coordinators_of_one_name_in_two_countries_are_two(mappings: Mappings) -> None:
    assert len(values_of(mapped(fixture("edmerp.xml"), mappings), "coordinator")) == 2


def test_a_mapping_within_one_list_is_never_exact(mappings: Mappings) -> None:
    result = mapped(fixture("nvs-mapping-within.xml"), mappings)
    assert values_of(result, "exactMatch") == []
    assert len(values_of(result, "closeMatch")) == 1


def test_the_lists_of_a_mapping_are_told_in_the_direction_of_its_matches(mappings: Mappings) -> None:
    result = mapped(fixture("nvs-mapping.xml"), mappings)
    assert values_of(result, "subjectsTarget") == ["<http://vocab.nerc.ac.uk/collection/P09/current/>"]
    assert {s.rpartition("collection/")[2][:3] for s, p, _ in triples_of(result) if p.endswith("Match>")} == {"P09"}


@pytest.mark.parametrize(
    "content",
    [
        b"<SimpleMetadataList><SimpleMetadata><Id>1</Id><Title>A</Title></SimpleMetadata></SimpleMetadataList>",
        b'<vocabulary list="mine"/>',
        b"<mapping/>",
        b"<vocabularies/>",
        b"<standard_name_table/>",
        b'{"vocabulary": {"citRespParty": [3]}}',
        b'{"data": {"content": {"head": {"vars": ["s"]}, "results": {"bindings": []}}}}',
        b'{"data": {"content": {"head": {"vars": ["subj", "pred", "obj"]}, "results": {"bindings": [{"subj": 1}]}}}}',
        b'[{"label": 1, "about": {}, "narrower": 3}]',
        b"Earth Science > Oceans > Salinity\nEarth Science > Oceans > Tides\n",
        b'"Keyword Version: 1"\n"A","UUID"\n"b","c"\n',
        b'<!DOCTYPE a [<!ENTITY b "c">]><vocabulary list="SDN:P02:1:"><element key="SDN:P02::A" label="&b;"/></vocabulary>',
    ],
)
def test_what_only_looks_like_a_list_is_refused_with_a_reason(content: bytes) -> None:
    found = scan(content)
    assert not found.records
    assert len(found.refusals[0].reason) > 20


def altered(value: Any) -> Iterator[Any]:
    """A document with each of its members in turn replaced by something else, or left out."""
    yield from (None, 3, "x", [], {}, [{}], {"value": 1})
    if isinstance(value, dict):
        for name in value:
            yield {other: inner for other, inner in value.items() if other != name}
            yield from ({**value, name: changed} for changed in altered(value[name]))
    elif isinstance(value, list):
        for place in range(min(len(value), 2)):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in altered(value[place]))


@pytest.mark.parametrize("name", ["aodn.json", "edmo.json", "nvs-mapping-answer.json"])
def test_a_list_with_a_member_that_is_something_else_is_read_or_refused(name: str) -> None:
    for document in altered(json.loads(fixture(name))):
        found = scan(json.dumps(document).encode())
        assert found.records or found.refusals


def test_a_fault_of_a_reader_is_seen_as_a_fault_and_stops_one_file_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(content: bytes) -> ListReader:
        raise KeyError("citRespParty")

    monkeypatch.setitem(lists.READERS, "edmo", broken)
    with pytest.raises(KeyError):
        scan(fixture("edmo.json"))
    (refusal,) = scan_safely(fixture("edmo.json"), settings).refusals
    assert "KeyError" in refusal.reason


def test_the_same_list_in_a_file_with_other_line_ends_is_the_same_kind() -> None:
    assert kind_of(fixture("gcmd-keywords.csv").replace(b"\n", b"\r\n")) == "gcmd-csv"
    assert kind_of(b"\xef\xbb\xbf" + fixture("gcmd-keywords.csv")) == "gcmd-csv"
    assert kind_of(json.dumps(json.loads(fixture("edmo.json")), indent=2).encode()) == "edmo"
