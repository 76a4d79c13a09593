"""Vocabulary dumps as they really are: misspelt namespaces, truths in quotes, blank nodes, several concepts of other lists."""

import pytest

from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import scan
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


def test_statements_about_blank_nodes_are_left_out_and_counted(mappings: Mappings) -> None:
    result = mapped(
        vocabulary(f'[] skos:prefLabel "nobody"@en . <{LIST}TEMP/> skos:note [ skos:prefLabel "x" ] .'), mappings
    )
    assert any("blank nodes" in warning for warning in result.warnings)
    assert "nobody" not in result.text().decode()


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
