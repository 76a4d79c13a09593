"""DCAT catalogues taken apart: what belongs to a resource, and the same bytes for the same statements."""

import random
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.mapping.dcat import Description, descriptions, listed, parse
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.rdf import Syntax, syntax_of

PREFIXES = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix adms: <http://www.w3.org/ns/adms#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @base <https://data.example.org/> .
"""
CATALOGUE = """
<catalogue> a dcat:Catalog ; dct:title "Catalogue"@en ; dct:publisher <centre> ; dcat:dataset <d1>, <d2> ;
  dcat:service <wms> ; dcat:record <r1> .
<r1> a dcat:CatalogRecord ; foaf:primaryTopic <d1> ; dct:modified "2026-02-01"^^xsd:date .
<d1> a dcat:Dataset ; dct:title "Température"@fr ; dct:publisher <centre> ; dct:modified "2026-01-01"^^xsd:date ;
  dcat:contactPoint [ a vcard:Organization ; vcard:fn "Centre" ; vcard:hasAddress [ vcard:locality "Brest" ] ] ;
  dcat:distribution <f1>, [ a dcat:Distribution ; dct:title "B" ; dcat:accessURL <b.nc> ; dcat:accessService <wms> ] ;
  dcat:theme <t1> ; dct:isPartOf <d2> ; dct:relation <d3> ; dct:identifier "10.5072/d1" .
<f1> a dcat:Distribution ; dct:title "A" ; dcat:accessURL <a.nc> ; dcat:accessService <own> .
<own> a dcat:DataService ; dct:title "Files of the first dataset" ; dcat:endpointURL <own/> ; dcat:servesDataset <d1> .
<centre> a foaf:Organization ; foaf:name "Centre de données"@fr .
<t1> a skos:Concept ; skos:prefLabel "Sea"@en ; skos:inScheme <themes> ; skos:broader <t0> .
<t0> a skos:Concept ; skos:prefLabel "Water"@en . <themes> a skos:ConceptScheme ; dct:title "Themes"@en .
<d2> a dcat:DatasetSeries ; dct:title "Series"@en ; adms:identifier [ skos:notation "S-2" ] .
<d3> a dcat:Dataset ; dct:title "Mentioned only"@en .
<wms> a dcat:DataService ; dct:title "Maps"@en ; dcat:endpointURL <wms?> ; dcat:servesDataset <d1>, <d2> .
"""
SITE = "https://data.example.org/"


def taken_apart(text: str | bytes) -> dict[str, Description]:
    content = (PREFIXES + text).encode() if isinstance(text, str) else text
    return {one.name.removeprefix(SITE): one for one in descriptions(parse(content, Syntax.TURTLE))}


def test_each_dataset_series_and_service_is_described_on_its_own() -> None:
    found = taken_apart(CATALOGUE)
    assert list(found) == ["d1", "d2", "wms"]
    assert found["d1"].address == f"{SITE}d1"
    assert found["d1"].identifiers == ("10.5072/d1",)
    assert found["d1"].modified == "2026-02-01"
    assert found["d2"].identifiers == ("S-2",)


def test_a_description_holds_its_parts_and_stops_at_other_records_and_vocabularies() -> None:
    text = taken_apart(CATALOGUE)["d1"].content.decode()
    for said in (
        "Température",
        "Centre de donn",
        "Brest",
        '"A"',
        '"B"',
        "a.nc",
        "Sea",
        "2026-02-01",
        "Mentioned only",
        "own/",
    ):
        assert said in text, said
    for not_said in ('"Series"', '"Maps"', '"Water"', '"Themes"', '"Catalogue"'):
        assert not_said not in text, not_said


def test_a_service_that_a_distribution_only_goes_through_is_part_of_it() -> None:
    assert "own" not in taken_apart(CATALOGUE)
    alone = CATALOGUE.replace("dcat:accessService <own>", 'dct:description "x"')
    assert "own" in taken_apart(alone)


def test_a_description_taken_apart_again_is_itself() -> None:
    for one in taken_apart(CATALOGUE).values():
        assert [again.content for again in taken_apart(one.content).values()] == [one.content]


def test_order_syntax_and_labels_of_blank_nodes_make_no_difference() -> None:
    quads = list(ox.parse((PREFIXES + CATALOGUE).encode(), ox.RdfFormat.TURTLE))
    expected = [one.content for one in taken_apart(CATALOGUE).values()]
    chance = random.Random(1)
    for way in (ox.RdfFormat.N_TRIPLES, ox.RdfFormat.RDF_XML, ox.RdfFormat.TURTLE, ox.RdfFormat.JSON_LD):
        triples = [quad.triple for quad in quads]
        chance.shuffle(triples)
        names = {
            node: ox.BlankNode(f"x{chance.getrandbits(60):x}")
            for one in triples
            for node in (one.subject, one.object)
            if isinstance(node, ox.BlankNode)
        }
        renamed = [
            ox.Triple(names.get(one.subject, one.subject), one.predicate, names.get(one.object, one.object))
            for one in triples
        ]
        content = ox.serialize(renamed, format=way)
        syntax = {ox.RdfFormat.RDF_XML: Syntax.RDF_XML, ox.RdfFormat.JSON_LD: Syntax.JSON_LD}.get(way, Syntax.TURTLE)
        found = {one.address: one.content for one in descriptions(parse(content or b"", syntax))}
        assert [found[f"{SITE}{name}"] for name in ("d1", "d2", "wms")] == expected


def test_anything_said_in_a_blank_node_changes_the_bytes() -> None:
    before = taken_apart(CATALOGUE)["d1"].content
    assert taken_apart(CATALOGUE.replace("Brest", "Toulon"))["d1"].content != before
    assert taken_apart(CATALOGUE.replace("Maps", "Charts"))["d1"].content == before


def test_blank_nodes_made_to_be_confused_cost_no_time() -> None:
    """A complete graph of blank nodes takes the standard canonicalisation more time than there is."""
    nodes = range(60)
    knots = " ".join(f"_:n{a} dct:relation _:n{b} ." for a in nodes for b in nodes if a != b)
    found = taken_apart(f'<d> a dcat:Dataset ; dct:title "x" ; dct:relation _:n0 . {knots}')
    again = taken_apart(found["d"].content)
    assert again["d"].content == found["d"].content
    assert found["d"].content.count(b"\n") >= 4


def test_datasets_without_a_name_are_called_by_what_they_say() -> None:
    found = taken_apart(
        '[] a dcat:Dataset ; dct:title "A" ; dct:identifier "a-1" . [] a dcat:Dataset ; dct:title "B" .'
    )
    named, unnamed = sorted(found)
    assert named == "a-1"
    assert unnamed.startswith("sha256-")


def test_a_dataset_within_another_is_no_record() -> None:
    inside = (
        '<d> a dcat:Dataset ; dct:title "A" ; dct:source [ a dcat:Dataset ; dct:title "B" ; dct:description "b" ] .'
    )
    assert list(taken_apart(inside)) == ["d"]


def test_a_vocabulary_with_the_class_of_datasets_is_no_record() -> None:
    assert (
        taken_apart('<v> a skos:ConceptScheme, dcat:Dataset ; dct:title "V" . <c> a skos:Concept ; skos:inScheme <v> .')
        == {}
    )


def test_what_a_catalogue_lists_is_told() -> None:
    graph = parse((PREFIXES + CATALOGUE).encode(), Syntax.TURTLE)
    assert listed(graph) == {f"{SITE}{name}" for name in ("d1", "d2", "wms")}


def test_a_description_too_large_is_refused_and_the_others_are_not() -> None:
    many = " ".join(f'<t{number}> skos:prefLabel "{number}" .' for number in range(30_000))
    links = ", ".join(f"<t{number}>" for number in range(30_000))
    found = taken_apart(
        f'<d> a dcat:Dataset ; dct:title "A" ; dct:subject {links} . {many} <e> a dcat:Dataset ; dct:title "E" .'
    )
    assert "50,000 statements" in found["d"].refusal
    assert found["d"].content == b""
    assert found["e"].content


@pytest.mark.parametrize(
    ("content", "syntax", "reason"),
    [
        (b"<a> <b> .", Syntax.TURTLE, "line 1"),
        (b'{"@context": "https://example.org/c.jsonld", "@id": "a:b"}', Syntax.JSON_LD, "not fetched"),
        (b'<!DOCTYPE r [<!ENTITY x "y">]><rdf:RDF/>', Syntax.RDF_XML, "DOCTYPE"),
        (b"<a>" * 300, Syntax.RDF_XML, "deep"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, syntax: Syntax, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        parse(content, syntax)


@pytest.mark.real
def test_real_catalogues_are_taken_apart_the_same_again(real: Path) -> None:
    number = 0
    for path in sorted((real / "dcat-reference").rglob("*.*")):
        content = path.read_bytes()
        for one in descriptions(parse(content, syntax_of(content), "https://base.example.org/")):
            assert [again.content for again in descriptions(parse(one.content, Syntax.TURTLE))] == [one.content], path
            number += 1
    assert number >= 20
