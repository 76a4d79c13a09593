"""Searches in SPARQL: the rows of the plain equivalent wherever they stand, or a refusal with its place; never anything else."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from odatis_kg.namespaces import PREFIXES
from odatis_kg.store import boxindex, property_functions, textindex
from odatis_kg.store.plain_search import Box, box_pattern, text_pattern
from odatis_kg.store.property_functions import Expanded, expand
from odatis_kg.store.tokens import QueryRefusedError
from odatis_kg.store.words import phrases
from tests.conftest import Built

ID = "http://localhost:8000/id/"
ODK = "http://localhost:8000/def/odk#"
PROLOGUE = "".join(
    f"PREFIX {name}: <{iri}>\n"
    for name, iri in {"odk": ODK, "id": ID, **{name: PREFIXES[name] for name in ("dcat", "dct", "skos", "xsd")}}.items()
)
STATED = (
    PROLOGUE.replace("PREFIX", "@prefix").replace(">\n", "> .\n")
    + """
GRAPH id:g1 {
  id:a a dcat:Dataset ; dct:title "Température de la mer d'Iroise"@fr , "Temperature of the Iroise Sea"@en ; dct:spatial id:west .
  id:b a dcat:Dataset ; dct:title "Salinity"@en ; dct:description "With temperature, in the Iroise Sea."@en ; dct:spatial id:wide .
  id:west odk:west -10.5 ; odk:south 43 ; odk:east -4.0 ; odk:north 48.25 .
  id:wide odk:west 170 ; odk:south -20 ; odk:east -170 ; odk:north 20 .
}
GRAPH id:g2 {
  id:b dct:title "Salinité"@fr .
  id:c a skos:Concept ; skos:prefLabel "Temperature"@en ; skos:notation "TEMP" ; skos:related id:a .
  id:d a dcat:Dataset ; dct:title "Œufs et larves"@fr ; dct:relation id:a , id:c ; dct:spatial id:point , id:west .
  id:point odk:west 0 ; odk:south 0 ; odk:east 0 ; odk:north 0 .
}
"""
)
# Searches and how many of the things above they find.
SEARCHES = {
    '"temperature"': 3, '"TEMPÉRATURE mer"': 1, "'iroise temp'": 2, '"oeufs"': 1, '"nothing"': 0, '"""sali"""': 1,
    '"d\\u0027iroise"^^xsd:string': 1,
}  # fmt: skip
BOXES = {"(-20 40 0 50)": 1, "(-180 -90 180 90)": 3, "(175 0 -175 10)": 1, "(0 0 0 0)": 1, "(1 1 2.5 +3e0)": 0}


@dataclass(frozen=True)
class Graph:
    """A store and its index."""

    store: ox.Store
    index: Path

    def rows(self, query: str, *, dataset: bool = False) -> list[str]:
        return rows(self.store, expand(query, self.index, ODK, dataset=dataset).text)


def rows(store: ox.Store, query: str) -> list[str]:
    result = store.query(query)
    if isinstance(result, ox.QueryBoolean):
        return [str(bool(result))]
    if isinstance(result, ox.QueryTriples):
        return sorted(map(str, result))
    assert isinstance(result, ox.QuerySolutions)
    names = sorted(variable.value for variable in result.variables)
    return sorted(" ".join(f"{name}={row[name]}" for name in names if row[name] is not None) for row in result)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    store = ox.Store()
    store.load(STATED.encode(), ox.RdfFormat.TRIG)
    store.extend([ox.Quad(*quad.triple, ox.DefaultGraph()) for quad in store])
    index = tmp_path_factory.mktemp("index") / "text.sqlite"
    textindex.build(store, index, ODK)
    boxindex.build(store, index, ODK)
    return Graph(store, index)


def short(found: list[str]) -> set[str]:
    return {row.rpartition("/")[2].rstrip(">") for row in found}


# What they mean


@pytest.mark.parametrize(("words", "number"), SEARCHES.items())
def test_words_are_those_of_the_thing(graph: Graph, words: str, number: int) -> None:
    query = f"{PROLOGUE} SELECT ?x {{ ?x odk:textMatch {words} }}"
    assert len(graph.rows(query)) == number
    assert graph.rows(query) == graph.rows(query, dataset=True)


@pytest.mark.parametrize(("box", "number"), BOXES.items())
def test_a_box_is_touched(graph: Graph, box: str, number: int) -> None:
    query = f"{PROLOGUE} SELECT ?x {{ ?x odk:intersectsBox {box} }}"
    assert len(graph.rows(query)) == number
    assert graph.rows(query) == graph.rows(query, dataset=True)


@pytest.mark.parametrize(
    ("pattern", "things"),
    [
        ('?x odk:textMatch "temperature"', "abc"),
        ('?x <http://localhost:8000/def/odk#textMatch> "temperature"', "abc"),
        ('?x odk:textMatch "temperature" ; a dcat:Dataset', "ab"),
        ('?x a dcat:Dataset ; odk:textMatch "temperature" ; dct:spatial id:wide .', "b"),
        ('?x a dcat:Dataset ;; odk:textMatch "temperature" ; .', "ab"),
        ('?x odk:textMatch "temperature" , "sea" , "salinity"', "b"),
        ('?x odk:textMatch "temperature" . ?x odk:textMatch "salinity"', "b"),
        ('?x dct:spatial ?p . ?p odk:intersectsBox (-20 40 0 50)', "ad"),
        ('?p odk:intersectsBox (-20 40 0 50) . ?x dct:spatial ?p ; odk:textMatch "larves"', "d"),
        ('?x a dcat:Dataset OPTIONAL { ?x odk:textMatch "iroise" ; dct:spatial ?p } FILTER(BOUND(?p))', "ab"),
        ('?x a dcat:Dataset FILTER EXISTS { ?x odk:textMatch "iroise" }', "ab"),
        ('?x a dcat:Dataset FILTER(NOT EXISTS { ?x odk:textMatch "iroise" } && 1 < 2) .', "d"),
        ('?x a dcat:Dataset FILTER NOT EXISTS { ?x dct:relation ?y . ?y odk:textMatch "iroise" }', "ab"),
        ('?x a dcat:Dataset MINUS { ?x odk:textMatch "iroise" }', "d"),
        ('{ ?x odk:textMatch "larves" } UNION { ?x odk:textMatch "salinity" }', "bd"),
        ('{ SELECT ?x { ?x odk:textMatch "iroise" } ORDER BY ?x LIMIT 1 }', "a"),
        ('{ SELECT (?t AS ?x) (COUNT(*) AS ?n) { ?t odk:textMatch "iroise" } GROUP BY ?t HAVING (COUNT(*) > 0) }', "ab"),
        ('VALUES ?x { id:a id:d } ?x odk:textMatch "temperature"', "a"),
        ('BIND(id:a AS ?x) ?x odk:textMatch "temperature"', "a"),
        ('?x a dcat:Dataset . id:a odk:textMatch "temperature"', "abd"),
        ('?x a dcat:Dataset . id:d odk:textMatch "temperature"', ""),
        ('?x a dcat:Dataset . id:point odk:intersectsBox (0 0 1 1)', "abd"),
        ('?x a dcat:Dataset OPTIONAL { id:d odk:textMatch "temperature" . ?x dct:title ?t } FILTER(!BOUND(?t))', "abd"),
        ('(?x ?rank) odk:textMatch "temperature" FILTER(?rank = 3)', "b"),
        ('(?x ?rank) odk:textMatch ("temperature" 2)', "ac"),
        ('?x odk:textMatch ("temperature" 1)', "c"),
        ('(id:b ?rank) odk:textMatch "temperature" . ?x skos:notation ?n FILTER(?rank = 3)', "c"),
        ('_:r dct:relation ?x . ?x odk:textMatch "iroise" . _:r a dcat:Dataset', "a"),
        ('_:r dct:relation ?x FILTER(true) ?x odk:textMatch "iroise" . _:r a dcat:Dataset', "a"),
        ('[ dct:relation ?x ; a dcat:Dataset ] . ?x odk:textMatch "iroise"', "a"),
        ('?x odk:textMatch "temperature" . ?x ^dct:relation/a dcat:Dataset', "ac"),
        ('GRAPH id:g2 { ?x odk:textMatch "temperature" }', "c"),
        ('GRAPH ?g { ?x odk:textMatch "sali" } FILTER(?g = id:g1)', "b"),
        ('GRAPH ?g { id:d odk:textMatch "larves" . ?x a skos:Concept }', "c"),
        ('GRAPH ?g { id:b odk:textMatch "sali" . ?x a skos:Concept }', ""),
        ('GRAPH id:g2 { ?p odk:intersectsBox (-20 40 0 50) } ?x a skos:Concept', ""),
        ('?x odk:textMatch "iroise" . GRAPH id:g2 { ?x dct:title ?t }', "b"),
        ('?x # a comment } ;\n odk:textMatch # "another\n "larves" # .', "d"),
    ],
)  # fmt: skip
def test_a_search_stands_where_a_triple_can(graph: Graph, pattern: str, things: str) -> None:
    query = f"{PROLOGUE} SELECT ?x WHERE {{ {pattern}\n }}"
    assert short(graph.rows(query)) == set(things)


def test_every_form_of_query_can_search(graph: Graph) -> None:
    where = '{ ?x odk:textMatch "salinity" ; dct:title ?t }'
    assert graph.rows(f"{PROLOGUE} ASK {where}") == ["True"]
    assert graph.rows(f'{PROLOGUE} ASK {{ id:a odk:textMatch "larves" }}') == ["False"]
    assert len(graph.rows(f"{PROLOGUE} CONSTRUCT {{ ?x dct:title ?t }} WHERE {where}")) == 2
    assert len(graph.rows(f"{PROLOGUE} DESCRIBE ?x {where}")) == 5
    assert graph.rows(f"{PROLOGUE} DESCRIBE odk:textMatch") == []


def test_every_spelling_of_the_name_is_known(graph: Graph) -> None:
    for prologue, name in (
        (f"PREFIX o: <{ODK}>", "o:textMatch"),
        (f"PREFIX : <{ODK}>", ":textMatch"),
        (f"PREFIX o: <{ODK}text>", "o:Match"),
        (f"BASE <{ODK}> PREFIX o: <#textMatc>", "o:h"),
        ("BASE <http://localhost:8000/id/x>", "<../def/odk#textMatch>"),
        (f"PREFIX o: <http://a/> PREFIX o: <{ODK}>", "o:textMatch"),
    ):
        assert len(graph.rows(f'{prologue} SELECT ?x {{ ?x {name} "larves" }}')) == 1, name
    for name in (
        r"<http://localhost:8000/def/odk#text\u004Datch>",
        r"<http://localhost:8000/def/odk\U00000023textMatch>",
    ):
        with pytest.raises(QueryRefusedError, match=r"without .u escapes"):
            expand(f'SELECT ?x {{ ?x {name} "larves" }}', graph.index, ODK)


def test_a_dataset_is_asked_itself_and_not_the_index(graph: Graph) -> None:
    query = f'{PROLOGUE} SELECT ?x FROM id:g2 {{ ?x odk:textMatch "temperature" }}'
    assert short(graph.rows(query)) == {"c"}
    inside = f'{PROLOGUE} SELECT ?x {{ ?x odk:textMatch "temperature" }}'
    text = expand(inside, graph.index, ODK, dataset=True).text
    found = graph.store.query(text, default_graph=[ox.NamedNode(f"{ID}g1")])
    assert {row["x"].value.rpartition("/")[2] for row in found} == {"a", "b"}  # type: ignore[union-attr]


def test_a_query_without_a_search_is_left_alone(graph: Graph) -> None:
    for query in (
        "SELECT * { ?s ?p ?o }",
        f"{PROLOGUE} SELECT * {{ odk:textMatch ?p ?o . ?o ?p odk:intersectsBox }}",
        r'SELECT * { <http://a/\u00e9> ?p "textMatch \u0041" } # odk:textMatch',
        "SELECT * { <<( ?s ?p 'textMatch' )>> ?q ?o }",
        "PREFIX o: <http://elsewhere/def/odk#> SELECT * { ?x o:textMatch ?w }",
        "no query at all: textMatch {",
    ):
        assert expand(query, graph.index, ODK) == Expanded(query, query)


# What is refused, and where


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ('?x odk:textMatch «?words»', "needs its words written out"),
        ('?x odk:textMatch «5»', "a string is expected"),
        ('?x odk:textMatch "sel"«@fr»', "leave out @fr"),
        ('?x odk:textMatch "5"«^»^xsd:integer', "a string is expected"),
        ('?x odk:textMatch «""»', "no word"),
        ('?x odk:textMatch «"-- * \\\' "»', "no word"),
        ('?x odk:textMatch («"..."» 5)', "no word"),
        ('?x odk:textMatch «"\\uD800"»', "half a character"),
        ('?x odk:textMatch («?w» 5)', "needs its words written out"),
        ('?x odk:textMatch ("sel" «0»)', "whole number from 1"),
        ('?x odk:textMatch ("sel" «1.5»)', "whole number from 1"),
        ('?x odk:textMatch ("sel" «999999»)', "whole number from 1"),
        ('?x odk:textMatch «(»"sel")', "a string is expected"),
        ('?x odk:textMatch «(»)', "a string is expected"),
        ('«(»?x) odk:textMatch "sel"', "is \\(\\?thing \\?rank\\)"),
        ('«(»?x ?rank ?y) odk:textMatch "sel"', "is \\(\\?thing \\?rank\\)"),
        ('(?x «?x») odk:textMatch "sel"', "two variables"),
        ('(?x ?rank) «odk:textMatch» "sel" ; a dcat:Dataset', "without brackets"),
        ('(?x ?rank) «odk:intersectsBox» (0 0 1 1)', "no rank"),
        ('[] «odk:textMatch» "sel"', "blank node"),
        ('_:x «odk:textMatch» "sel"', "blank node"),
        ('[ a dcat:Dataset ; «odk:textMatch» "sel" ]', "blank node"),
        ('?x dct:spatial [ «odk:intersectsBox» (0 0 1 1) ]', "blank node"),
        ('«"sel"» odk:textMatch "sel"', "variable or a whole IRI"),
        ('«<relative>» odk:textMatch "sel"', "variable or a whole IRI"),
        ('«unknown:x» odk:textMatch "sel"', "variable or a whole IRI"),
        ('?x «odk:textMatch»/dct:title "sel"', "property path"),
        ('?x ^«odk:textMatch» "sel"', "property path"),
        ('?x (dct:title|!«odk:textMatch») "sel"', "property path"),
        ('?x «odk:textMatch»+ "sel"', "property path"),
        ('«<»< ?x odk:textMatch "sel" >> ?p ?o', "not expected here"),
        ('SERVICE id:s { ?x «odk:textMatch» "sel" }', "inside SERVICE"),
        ('GRAPH ?g { (?x ?rank) «odk:textMatch» "sel" }', "leave it out"),
        ('GRAPH ?g { ?x «odk:textMatch» ("sel" 5) }', "leave it out"),
        ('VALUES ?p { «odk:textMatch» } ?x ?p "sel"', "not bound to a variable"),
        ('?x ?p "sel" FILTER(?p = «odk:textMatch»)', "not bound to a variable"),
        ('VALUES ?y { «odk:textMatch» } BIND(?y AS ?p) ?x ?p "sel"', "not bound to a variable"),
        ('{ SELECT (?y AS ?p) { VALUES ?y { «odk:textMatch» } } } ?x ?p "sel"', "not bound to a variable"),
        ('FILTER(?a«<?b)?d(odk:textMatch)\'x\'FILTER(?c>»1)', "put a space after"),
        ('?x odk:intersectsBox «"0 0 1 1"»', "four numbers are expected"),
        ('?x odk:intersectsBox «(»0 0 1)', "these are 3"),
        ('?x odk:intersectsBox «(»0 0 1 1 1)', "these are 5"),
        ('?x odk:intersectsBox «(»-181 0 1 1)', "west side of a box is from -180"),
        ('?x odk:intersectsBox «(»0 0 180.0000001 1)', "east side of a box is from -180"),
        ('?x odk:intersectsBox «(»0 -90.5 1 1)', "south side of a box is from -90"),
        ('?x odk:intersectsBox «(»0 50 1 40)', "above its north"),
        ('?x odk:intersectsBox «(»0 0 "NaN" 1)', "is a number of degrees"),
        ('?x odk:intersectsBox «(»0 0 "1"^^xsd:decimal 1)', "is a number of degrees|these are"),
        ('?x odk:intersectsBox «(»0 0 1.0000000000001 1)', "12 decimals"),
        ('?x odk:intersectsBox (0 0 «?east» 1)', "written out"),
        ('?x odk:intersectsBox «(»0 0 1e999 1)', "east side of a box is from"),
        ('?x odk:textMatch "sel" «BY» ?y', "not expected here"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_search_is_refused_where_it_stands(graph: Graph, where: str, message: str) -> None:
    start = where.index("«")
    query = f"{PROLOGUE}SELECT * {{\n  {where.replace('«', '').replace('»', '')}\n}}"
    with pytest.raises(QueryRefusedError, match=message) as caught:
        expand(query, graph.index, ODK)
    line = PROLOGUE.count("\n") + 2
    assert (caught.value.line, caught.value.column) == (line, start + 3)


@pytest.mark.parametrize(
    "query",
    [
        'CONSTRUCT { ?x odk:textMatch "sel" } WHERE { ?x a ?c }',
        'CONSTRUCT WHERE { ?x odk:textMatch "sel" }',
        'SELECT * { ?x odk:textMatch "sel" ',
        'SELECT * { ?x odk:textMatch "sel" } }',
        'SELECT * { ?x odk:textMatch',
        'SELECT * { ?x odk:textMatch "sel" ; dct:title ?t {| odk:p ?q |} }',
        'SELECT * { ?x odk:textMatch "sel" FILTER(?y > 1 }',
        'SELECT (1 AS { ?x odk:textMatch "sel" }',
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(graph: Graph, query: str) -> None:
    with pytest.raises(QueryRefusedError) as caught:
        expand(PROLOGUE + query, graph.index, ODK)
    assert caught.value.line == PROLOGUE.count("\n") + 1


def test_too_many_words_are_refused(graph: Graph) -> None:
    for words in (" ".join(["sel"] * 101), "a" * 10_000):
        with pytest.raises(QueryRefusedError, match="is the most"):
            expand(f'{PROLOGUE} SELECT * {{ ?x odk:textMatch "{words}" }}', graph.index, ODK)
    assert graph.rows(f'{PROLOGUE} SELECT * {{ ?x odk:textMatch "{" ".join(["sel"] * 100)}" }}') == []


def test_a_query_nested_without_end_is_refused(graph: Graph) -> None:
    for begin, end in ("{}", "()", "[]"):
        deep = f'?x odk:textMatch "sel" . {"?y ?p " if begin != "{" else ""}{begin * 5_000}{end * 5_000}'
        with pytest.raises(QueryRefusedError):
            expand(f"{PROLOGUE} SELECT * {{ {deep} }}", graph.index, ODK)


def test_more_things_than_a_query_takes_in_are_refused_and_never_cut(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(property_functions, "MOST_THINGS", 2)
    with pytest.raises(QueryRefusedError, match=r'3 things match these words, more than the 2 .*"temperature" 1000'):
        expand(f'{PROLOGUE} SELECT * {{ ?x odk:textMatch "temperature" }}', graph.index, ODK)


def test_more_boxes_than_are_worth_listing_are_compared_instead(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    query = f"{PROLOGUE} SELECT ?x {{ ?x odk:intersectsBox (-180 -90 180 90) }}"
    listed = graph.rows(query)
    monkeypatch.setattr(property_functions, "_MOST_BOXES", 2)
    assert "FILTER" in expand(query, graph.index, ODK).text
    assert graph.rows(query) == listed


def test_without_an_index_the_refusal_says_what_to_write(graph: Graph) -> None:
    for call in ('?x odk:textMatch "temp"', "?x odk:intersectsBox (-20 40 0 50)"):
        query = f"{PROLOGUE} SELECT DISTINCT ?x {{ {call} }}"
        with pytest.raises(QueryRefusedError, match="in plain SPARQL: ") as caught:
            expand(query, None, ODK)
        plain = str(caught.value).partition("in plain SPARQL: ")[2]
        assert rows(graph.store, f"SELECT DISTINCT ?x {{ {plain} }}") == graph.rows(query) != []


def test_a_release_without_boxes_is_to_be_built_again(graph: Graph, tmp_path: Path) -> None:
    textindex.build(graph.store, tmp_path / "text.sqlite", ODK)
    with pytest.raises(QueryRefusedError, match="build it again"):
        expand(f"{PROLOGUE} SELECT * {{ ?x odk:intersectsBox (0 0 1 1) }}", tmp_path / "text.sqlite", ODK)


@pytest.mark.parametrize(
    "after", ["?x dtc:title ?t", "?x dct:title ?t FILTER(?t = = 1)", "?x dct:title ?t BIND(1 AS ?x)"]
)
@pytest.mark.parametrize("newline", ["\n", " "])
def test_a_mistake_elsewhere_is_told_with_its_place_in_the_query_as_it_was_sent(
    graph: Graph, after: str, newline: str
) -> None:
    begin = f"{PROLOGUE}SELECT * {{{newline}{{ ?y a dcat:Dataset }}{newline}"
    search = f'?x odk:textMatch "temperature" .{newline}?p odk:intersectsBox (0 0 1 1) .{newline}'
    same = search.replace("odk:textMatch", "odk:textOther").replace("odk:intersectsBox", "odk:intersectsBux")
    places = []
    for query in (begin + search + after + "}", begin + same + after + "}"):
        expanded = expand(query, graph.index, ODK)
        with pytest.raises(SyntaxError) as caught:
            graph.store.query(expanded.text)
        error = expanded.explain(str(caught.value))
        places.append((error.line, error.column, str(error)))
    assert places[0] == places[1]


# The same rows as plain SPARQL


def plain(graph_pattern: str, variable: str) -> str:
    """A search in plain SPARQL; it selects ?g because a sub-query within `GRAPH ?g` would lose it (Oxigraph 0.5)."""
    return f"{{ SELECT DISTINCT {variable} ?g {{ {graph_pattern} }} }}"


LETTERS = "aeioutsrlnmdé'ÉœŒæßÀç\u0301-._/#0129 ʼ²½ñİıſK中и\u200b"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_words_find_in_the_demonstration_what_plain_sparql_finds(
    demo: Built, texts: list[str], data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, max(0, len(text) - 3)))
    words = text[start : start + data.draw(st.integers(1, 25))]
    change = data.draw(
        st.sampled_from([str, str.upper, str.title, lambda one: one + data.draw(st.text(LETTERS, max_size=3))])
    )
    parts = change(words).split()
    words = " ".join(data.draw(st.permutations(parts))) if data.draw(st.booleans()) else change(words)
    assume(phrases(words))
    string = "".join(f"\\u{ord(one):04X}" if ord(one) < 0x10000 else one for one in words)
    query = f'{PROLOGUE} SELECT ?x {{ ?x odk:textMatch "{string}" }}'
    store = ox.Store.read_only(str(demo.release.store))
    odk = demo.release.odk
    pattern = text_pattern(
        "?x", phrases(words), textindex.indexed_classes(odk), textindex.indexed_properties(), odk, "_"
    )
    found = rows(store, expand(query, demo.release.text_index, odk).text)
    assert found == rows(store, f"SELECT DISTINCT ?x {{ {pattern} }}")


@pytest.fixture(scope="module")
def texts(demo: Built) -> list[str]:
    with closing(textindex.connect(demo.release.text_index)) as db:
        found = [text for (text,) in db.execute("SELECT name FROM exact")]
    store = ox.Store.read_only(str(demo.release.store))
    found += [row["t"].value for row in store.query(f"{PROLOGUE} SELECT ?t {{ ?s dct:description ?t }}")]  # type: ignore[union-attr]
    assert len(found) > 300
    return sorted(found)


@settings(max_examples=100, deadline=None)
@given(
    words=st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=3),
    text=st.text(LETTERS, min_size=1, max_size=30),
)
def test_any_text_is_searched_as_plain_sparql_searches_it(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], text: str
) -> None:
    searched = " ".join(words)
    assume(phrases(searched))
    store = ox.Store()
    class_, title = (ox.NamedNode(PREFIXES[prefix] + name) for prefix, name in (("dcat", "Dataset"), ("dct", "title")))
    for number, value in enumerate((text, searched, f"{text}{searched}", f"{words[0]} {text}")):
        thing = ox.NamedNode(f"{ID}{number}")
        store.add(ox.Quad(thing, ox.NamedNode(PREFIXES["rdf"] + "type"), class_))
        store.add(ox.Quad(thing, title, ox.Literal(value)))
    index = tmp_path_factory.mktemp("any") / "text.sqlite"
    textindex.build(store, index, ODK)
    pattern = text_pattern("?x", phrases(searched), [class_.value], [title.value], ODK, "_")
    found = sorted(f"x=<{hit.iri}>" for hit in textindex.search(index, searched)[1])
    assert found == rows(store, f"SELECT DISTINCT ?x {{ {pattern} }}")


SIDE = st.one_of(
    st.sampled_from(["-180", "180", "-90", "90", "0", "-10", "48.5"]), st.decimals(-180, 180, places=2).map(str)
)


@settings(max_examples=100, deadline=None)
@given(st.tuples(SIDE, SIDE, SIDE, SIDE))
def test_boxes_find_in_the_demonstration_what_plain_sparql_finds(demo: Built, sides: tuple[str, str, str, str]) -> None:
    try:
        box = Box.of(sides)
    except ValueError:
        assume(False)
    store = ox.Store.read_only(str(demo.release.store))
    query = f"{PROLOGUE} SELECT ?x {{ ?x odk:intersectsBox ({' '.join(sides)}) }}"
    found = rows(store, expand(query, demo.release.text_index, demo.release.odk).text)
    assert found == rows(store, f"SELECT DISTINCT ?x {{ {box_pattern('?x', box, demo.release.odk, '_')} }}")


# Queries made up: each is written twice, with searches and with plain SPARQL in their place


VARIABLES = ("?x", "?y", "?p")
SUBJECTS = st.sampled_from([*VARIABLES, "id:a", "id:west", f"<{ID}b>"])
OTHERS = st.sampled_from(
    ["a dcat:Dataset", "dct:spatial ?p", "dct:relation ?y", "dct:relation/dct:title ?t", "dct:title ?t", "a ?c , ?k",
     "dct:relation [ a dcat:Dataset ; dct:title ?t ]", "^dct:relation ?y", "dct:title 'a', \"b\"@fr , -5 , true , ( 1 ?y )"]
)  # fmt: skip
FILTERS = st.sampled_from(
    ["FILTER(?x != ?y)", "FILTER(1 < 2 && !(?x = id:a)) .", "FILTER(STRLEN(STR(?x)) > 3)", "FILTER isIRI(?p)", "VALUES ?x { id:a id:d }",
     "VALUES (?x ?y) { (id:a UNDEF) (UNDEF id:c) } .", "BIND(IF(true, \"}\", ?x) AS ?z1)"]
)  # fmt: skip
SPACE = st.sampled_from([" ", "\n", ' # odk:textMatch } "\n', "\t"])
Two = tuple[str, str]


@st.composite
def search(draw: st.DrawFn, subject: str) -> Two:
    """A predicate with its objects, and the pattern of its plain equivalent."""
    variable = subject if subject[0] == "?" else "?subject"
    if draw(st.booleans()):
        words = draw(st.lists(st.sampled_from(list(SEARCHES)[:-1]), min_size=1, max_size=2))
        classes, properties = textindex.indexed_classes(ODK), textindex.indexed_properties()
        patterns = [
            text_pattern(variable, phrases(one.strip("\"'")), classes, properties, ODK, f"_{number}")
            for number, one in enumerate(words)
        ]
        name = draw(st.sampled_from(["odk:textMatch", f"<{ODK}textMatch>"]))
        written = f"{name}{draw(SPACE)}{draw(st.sampled_from([',', ' , '])).join(words)}"
    else:
        box = draw(st.sampled_from(list(BOXES)))
        patterns = [box_pattern(variable, Box.of(box.strip("()").split()), ODK, "_")]
        written = f"odk:intersectsBox{draw(SPACE)}{box}"
    if variable == subject:
        return written, " ".join(plain(pattern, variable) for pattern in patterns)
    tests = (f"FILTER EXISTS {{ VALUES ?subject {{ {subject} }} {pattern} }}" for pattern in patterns)
    return written, " ".join(tests)


@st.composite
def triples(draw: st.DrawFn) -> Two:
    subject = draw(SUBJECTS)
    parts: list[str] = []
    kept: list[str] = []
    patterns: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            written, pattern = draw(search(subject))
            parts.append(written)
            patterns.append(pattern)
        else:
            kept.append(draw(OTHERS))
            parts.append(kept[-1])
    semicolon = draw(st.sampled_from([" ; ", ";", " ;; "]))
    end = draw(st.sampled_from([" .", " ; ."]))
    return (
        f"{subject}{draw(SPACE)}{semicolon.join(parts)}{end}",
        " ".join(patterns) + (f" {subject} {' ; '.join(kept)} ." if kept else ""),
    )


def both(begin: str, inside: Two, end: str) -> Two:
    return f"{begin}{inside[0]}{end}", f"{begin}{inside[1]}{end}"


@st.composite
def group(draw: st.DrawFn, depth: int = 2) -> Two:
    elements: list[Two] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 11 if depth else 4))
        if kind <= 3:
            elements.append(draw(triples()))
        elif kind == 4:
            one = draw(FILTERS)
            if "BIND" not in one or not any("BIND" in other for other, _ in elements):
                elements.append((one, one))
        elif kind == 5:
            elements.append(both("OPTIONAL {", draw(group(depth - 1)), "}"))
        elif kind == 6:
            elements.append(both("MINUS {", draw(group(depth - 1)), "} ."))
        elif kind == 7:
            left, right = draw(group(depth - 1)), draw(group(depth - 1))
            elements.append((f"{{{left[0]}}} UNION {{{right[0]}}}", f"{{{left[1]}}} UNION {{{right[1]}}}"))
        elif kind == 8:
            word = draw(st.sampled_from(["FILTER EXISTS {", "FILTER NOT EXISTS {"]))
            elements.append(both(word, draw(group(0)), "}"))
        elif kind == 9:
            elements.append(both("FILTER((1 < 2) && EXISTS {", draw(group(0)), "} || ?x = ?y)"))
        elif kind == 10:
            elements.append(both("{ SELECT DISTINCT ?x ?p WHERE {", draw(group(depth - 1)), "} ORDER BY ?x ?p }"))
        else:
            elements.append(both(draw(st.sampled_from(["GRAPH id:g1 {", "GRAPH ?g {"])), draw(group(depth - 1)), "}"))
    joint = draw(SPACE)
    return joint.join(one for one, _ in elements), " ".join(two for _, two in elements)


@settings(max_examples=400, deadline=None)
@given(
    group(), st.sampled_from(["SELECT * WHERE {", "SELECT DISTINCT ?x ?y ?p {", "ASK {", "SELECT (COUNT(*) AS ?n) {"])
)
def test_a_made_up_query_gives_the_rows_of_its_plain_equivalent(graph: Graph, inside: Two, form: str) -> None:
    query, equivalent = both(f"{PROLOGUE}{form}", inside, "}")
    try:
        wanted = rows(graph.store, equivalent)
    except SyntaxError:
        expanded = expand(query, graph.index, ODK)
        with pytest.raises(SyntaxError):
            graph.store.query(expanded.text)
        return
    assert graph.rows(query) == wanted


@settings(max_examples=300, deadline=None)
@given(group(), st.data())
def test_a_mutilated_query_is_refused_or_means_what_it_says(graph: Graph, inside: Two, data: st.DataObject) -> None:
    query = f"SELECT * {{ {inside[0]} }}"
    start = data.draw(st.integers(0, len(query)))
    end = min(len(query), start + data.draw(st.integers(0, 8)))
    put_in: Sequence[str] = [
        "",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ";",
        ".",
        ",",
        "<<",
        "{|",
        '"',
        "'",
        "<",
        "^",
        "a",
        "?x",
        "\\u0041",
        "#",
        "*",
    ]
    query = PROLOGUE + query[:start] + data.draw(st.sampled_from(put_in)) + query[end:]
    try:
        expanded = expand(query, graph.index, ODK)
    except QueryRefusedError:
        return
    try:
        graph.store.query(expanded.text)
        is_query = True
    except SyntaxError:
        is_query = False
    try:
        graph.store.query(query)
        was_query = True
    except SyntaxError:
        was_query = False
    assert is_query == was_query
    left = [token for token in expanded.text.split() if token.startswith(("odk:textMatch", "odk:intersectsBox"))]
    if is_query and query != expanded.text:
        comments = query.count("# odk:textMatch")
        assert len(left) <= comments, expanded.text


def test_a_search_may_be_asked_about_like_any_other_thing() -> None:
    """Listed for a variable that is no predicate: our own pages ask for the names of many things so."""
    for text in (
        f"{PROLOGUE}SELECT * {{ VALUES ?x {{ odk:textMatch }} ?x ?p ?o }}",
        f"{PROLOGUE}SELECT * {{ VALUES ?x {{ odk:textMatch }} ?x ?q ?o BIND(dct:title AS ?p) }}",
    ):
        assert expand(text, None, ODK).text == text
