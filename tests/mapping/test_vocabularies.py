"""Vocabulary dumps as they really are: misspelt namespaces, truths in quotes, blank nodes, several concepts of other lists."""

import json

import pytest

from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import scan
from odatis_kg.mapping.values import is_iri
from tests.support import mapped, triples_of, values_of

PREFIXES = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
LIST = "http://vocab.nerc.ac.uk/collection/P02/current/"


def vocabulary(*statements: str) -> bytes:
    return f'{PREFIXES}<{LIST}> a skos:Collection ; owl:versionInfo "127" ; skos:prefLabel "P02"@en ; skos:member <{LIST}TEMP/> .\n<{LIST}TEMP/> a skos:Concept ; skos:prefLabel "Temperature"@en .\n{" ".join(statements)}'.encode()


def test_a_vocabulary_has_a_graph_for_each_version(mappings: Mappings) -> None:
    result = mapped(vocabulary(), mappings)
    assert result.graph == "http://localhost:8000/graph/vocab/nvs/P02/127"
    assert result.record.key == "nvs:P02"


def test_concepts_come_out_with_one_spelling_of_their_iri(mappings: Mappings) -> None:
    other = "<https://vocab.nerc.ac.uk/collection/P02/current/PSAL> a skos:Concept ; skos:broader <http://vocab.nerc.ac.uk/collection/P03/current/W003> ."
    result = mapped(vocabulary(other), mappings)
    assert values_of(result, "core#broader") == ["<http://vocab.nerc.ac.uk/collection/P03/current/W003/>"]
    assert f"<{LIST}PSAL/>" in {s for s, _, _ in triples_of(result)}


def test_same_as_between_concepts_is_only_a_match(mappings: Mappings) -> None:
    result = mapped(vocabulary(f"<{LIST}TEMP/> owl:sameAs <http://example.org/temperature> ."), mappings)
    assert values_of(result, "exactMatch") == ["<http://example.org/temperature>"]
    assert values_of(result, "sameAs") == []


def test_deprecation_in_quotes_is_a_truth_value(mappings: Mappings) -> None:
    result = mapped(vocabulary(f'<{LIST}TEMP/> owl:deprecated "true" .'), mappings)
    assert values_of(result, "deprecated") == ['"true"^^<http://www.w3.org/2001/XMLSchema#boolean>']


def test_what_a_nameless_node_says_is_read_where_it_stands(mappings: Mappings) -> None:
    result = mapped(
        vocabulary(f'[] skos:prefLabel "nobody"@en . <{LIST}TEMP/> skos:note [ skos:prefLabel "x" ] .'), mappings
    )
    assert any("1 statements with blank nodes are left out" in warning for warning in result.warnings)
    assert "nobody" not in result.text().decode()
    assert result.coverage.unknown == {"skos:note/skos:prefLabel": 1}


def test_a_dump_that_is_cut_off_keeps_its_whole_concepts_and_says_so(mappings: Mappings) -> None:
    more = f'<{LIST}PSAL/> a skos:Concept ; skos:prefLabel "Salinity"@en ; owl:deprecated "tr'
    found = scan(vocabulary(more))
    result = mapped(vocabulary(more), mappings)
    assert any("cut off" in warning and "the 1 concepts before" in warning for warning in result.warnings)
    assert "Temperature" in result.text().decode()
    assert "Salinity" not in result.text().decode()
    assert found.records[0].modified == ""


def test_rdf_xml_that_is_cut_off_keeps_its_whole_concepts(mappings: Mappings) -> None:
    content = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">
    <skos:Concept rdf:about="{LIST}TEMP/"><skos:prefLabel xml:lang="en">Temperature</skos:prefLabel></skos:Concept>
    <skos:Concept rdf:about="{LIST}PSAL/"><skos:prefLabel xml:lang="en">Salinity</skos:prefLabel><skos:rel""".encode()
    result = mapped(content, mappings)
    assert values_of(result, "prefLabel") == ['"Temperature"@en']
    assert any("cut off" in warning for warning in result.warnings)


def test_rdf_xml_with_a_document_type_is_refused() -> None:
    content = b"""<?xml version="1.0"?><!DOCTYPE rdf:RDF [<!ENTITY a "b">]>
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>"""
    assert "DOCTYPE" in scan(content).refusals[0].reason


@pytest.mark.parametrize(("tag", "written"), [("fr_FR", '"x"@fr-fr'), ("", '"x"'), ("12 34", '"x"'), ("i", '"x"')])
def test_a_language_tag_is_put_right_or_left_out(tag: str, written: str, mappings: Mappings) -> None:
    content = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">
    <skos:Concept rdf:about="{LIST}TEMP/"><skos:prefLabel xml:lang="{tag}">x</skos:prefLabel></skos:Concept></rdf:RDF>"""
    assert values_of(mapped(content.encode(), mappings), "prefLabel") == [written]


@pytest.mark.parametrize(
    "address", ["http://a.fr/b c#d", "http://ex\u00e9mple.fr/c#d", "http://[::1]/c#d", "urn:x:y", "http://h/#a"]
)
def test_a_thesaurus_at_an_odd_address_still_has_a_name(address: str, mappings: Mappings) -> None:
    content = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">
    <skos:Concept rdf:about="{address}"><skos:prefLabel>x</skos:prefLabel></skos:Concept></rdf:RDF>"""
    assert "/graph/vocab/" in mapped(content.encode(), mappings).graph


def test_rdf_xml_nested_too_deep_is_refused() -> None:
    start = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
    content = start + "<skos:Concept><skos:note>" * 1_000 + "</skos:note></skos:Concept>" * 1_000 + "</rdf:RDF>"
    assert "256 deep" in scan(content.encode()).refusals[0].reason


@pytest.mark.parametrize("address", ["", "x y", "/a", "http://a b/c#d"])
def test_a_concept_in_json_ld_without_a_usable_address_is_left_out(address: str, mappings: Mappings) -> None:
    document = {
        "@context": {"skos": "http://www.w3.org/2004/02/skos/core#"},
        "@graph": [
            {"@id": f"{LIST}TEMP/", "@type": "skos:Concept", "skos:prefLabel": "Temperature"},
            {"@id": address, "@type": "skos:Concept", "skos:prefLabel": "Nothing"},
        ],
    }
    result = mapped(json.dumps(document).encode(), mappings)
    assert values_of(result, "prefLabel") == ['"Temperature"']
    assert all(is_iri(statement.subject[1:-1]) for statement in result.statements)


def test_json_ld_of_nvs_is_read_on_its_own_and_in_an_answer(mappings: Mappings) -> None:
    document = {
        "@context": {"skos": "http://www.w3.org/2004/02/skos/core#", "dc": "http://purl.org/dc/terms/"},
        "@graph": [
            {"@id": f"{LIST}TEMP/", "@type": "skos:Concept", "skos:note": {"@language": "en", "@value": "accepted"}},
            {"@id": LIST, "@type": "skos:Collection", "skos:member": {"@id": f"{LIST}TEMP/"}},
        ],
    }
    alone, wrapped = (
        mapped(json.dumps(one).encode(), mappings) for one in (document, {"name": "P02", "data": document})
    )
    assert triples_of(alone) == triples_of(wrapped)
    assert values_of(alone, "adms#status") == ["<http://purl.org/linked-data/registry#statusAccepted>"]


def test_json_ld_with_a_context_on_the_web_is_refused() -> None:
    content = b'{"@context": "https://example.org/skos.jsonld", "@type": "Concept", "@id": "http://example.org/a"}'
    assert "context elsewhere" in scan(content).refusals[0].reason


def test_a_page_of_a_list_is_a_record_of_its_own_and_says_what_is_missing(mappings: Mappings) -> None:
    def page(number: int) -> bytes:
        return f"""PREFIX gcmd: <https://gcmd.earthdata.nasa.gov/kms#>
        <https://gcmd.earthdata.nasa.gov/kms/concept/91697b7d-8f2b-4954-850e-61d5f61c867{number}> a <http://www.w3.org/2004/02/skos/core#Concept> ;
        <http://www.w3.org/2004/02/skos/core#inScheme> <https://gcmd.earthdata.nasa.gov/kms/concepts/concept_scheme/sciencekeywords> .
        [] a gcmd:gcmd ; gcmd:hits "3606" ; gcmd:page_num "{number}" ; gcmd:page_size "2000" ; gcmd:keywordVersion "19.7" .""".encode()

    first, second = (mapped(page(number), mappings) for number in (1, 2))
    assert first.record.key == "gcmd:sciencekeywords:page-1"
    assert second.graph.endswith("/graph/vocab/gcmd/sciencekeywords/19.7-page-2")
    assert any("3,606" in warning for warning in first.warnings)


def test_thesauri_that_share_an_address_are_told_apart_by_their_titles() -> None:
    def thesaurus(title: str) -> bytes:
        return f"""{PREFIXES} <http://example.org/visibility> a skos:ConceptScheme ; <http://purl.org/dc/terms/title> "{title}" .
        <http://example.org/visibility#a> a skos:Concept .""".encode()

    keys = [scan(thesaurus(title)).records[0].key for title in ("Visibility", "Politique de visibilité")]
    assert keys == ["example.org:visibility", "example.org:visibility-politique-de-visibilite"]


def test_nvs_1_says_its_version_in_the_addresses_of_its_terms(mappings: Mappings) -> None:
    content = f"{PREFIXES} <http://vocab.ndg.nerc.ac.uk/term/L11/7/D23> a skos:Concept .".encode()
    result = mapped(content, mappings)
    assert result.graph.endswith("/graph/vocab/nvs/L11/7")
    assert "<http://vocab.nerc.ac.uk/collection/L11/current/D23/>" in {s for s, _, _ in triples_of(result)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"@prefix a: <http://a/> .\na:b a:c a:d .", "SKOS concept"),
        (b"@prefix a: <http://a/> .\na:b a:c", "not well-formed RDF"),
        (vocabulary()[:-30], "not well-formed RDF"),
    ],
)
def test_what_is_no_vocabulary_or_cut_off_is_refused(content: bytes, said: str) -> None:
    found = scan(content)
    assert not found.records
    assert said in found.refusals[0].reason


def test_rdf_xml_with_nested_members_gives_the_same_concepts(mappings: Mappings) -> None:
    content = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="http://www.w3.org/2004/02/skos/core#">
    <skos:Collection rdf:about="{LIST}"><skos:member><skos:Concept rdf:about="{LIST}TEMP/">
    <skos:prefLabel xml:lang="en">Temperature</skos:prefLabel></skos:Concept></skos:member></skos:Collection></rdf:RDF>""".encode()
    result = mapped(content, mappings)
    assert values_of(result, "prefLabel", f"<{LIST}TEMP/>") == ['"Temperature"@en']
    assert values_of(result, "inCollection") == [f"<{LIST}>"]


def test_a_list_of_nvs_is_named_by_its_collection_even_when_its_concepts_are_in_a_thesaurus(mappings: Mappings) -> None:
    result = mapped(
        vocabulary(f"<{LIST}TEMP/> skos:inScheme <http://vocab.nerc.ac.uk/scheme/EDMED_DCAT_THEMES/current/> ."),
        mappings,
    )
    assert result.graph.endswith("/graph/vocab/nvs/P02/127")
    assert values_of(result, "inCollection") == [f"<{LIST}>"]


def test_a_gcmd_keyword_bears_the_path_records_name_it_by(mappings: Mappings) -> None:
    kms = "https://gcmd.earthdata.nasa.gov/kms/concept/91697b7d-8f2b-4954-850e-61d5f61c867"
    content = f"""{PREFIXES} <{kms}1> a skos:Concept ; skos:prefLabel "OCEANS"@en .
    <{kms}2> a skos:Concept ; skos:prefLabel "SALINITY"@en ; skos:broader <{kms}1> .
    <{kms}3> a skos:Concept ; skos:prefLabel "ELSEWHERE"@en ; skos:broader <{kms}9> .""".encode()
    result = mapped(content, mappings)
    assert values_of(result, "altLabel") == ['"OCEANS > SALINITY"@en']
