"""A refused query is told what is wrong, where, and what to write; a slow one, what to narrow."""

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.store.patterns import narrow
from odatis_kg.store.syntax import QueryRefusedError, explain, inspect

_PROLOGUE = "PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/>\n"


def refusal(query: str) -> QueryRefusedError:
    """What is told of a query that is not SPARQL."""
    try:
        inspect(query)
        ox.Store().query(query)
    except SyntaxError as error:
        return explain(query, str(error))
    except QueryRefusedError as error:
        return error
    raise AssertionError("this is SPARQL")


@pytest.mark.parametrize(
    ("query", "column", "token", "suggestion", "said"),
    [
        ("SELECT * { ?s a dcta:Dataset }", 17, "dcta:Dataset", "dcat:", "did you mean dcat:?"),
        ("SELECT * { ?s dtc:title ?t }", 15, "dtc:title", "dct:", "did you mean dct:?"),
        (
            "SELECT * { ?s foa:name ?t }", 15, "foa:name",
            "PREFIX foaf: <http://xmlns.com/foaf/0.1/>", "did you mean foaf?",
        ),
        (
            "SELECT * { ?s skos:prefLabel ?t }", 15, "skos:prefLabel",
            "PREFIX skos: <http://www.w3.org/2004/02/skos/core#>", "add PREFIX skos:",
        ),
        ("SELCT * { ?s ?p ?o }", 1, "SELCT", "SELECT", "begins no query"),
        ("SELECT * { ?s a dcat:Dataset FITLER(?s = 1) }", 30, "FITLER", "FILTER", "did you mean FILTER?"),
        ("SELECT * { ?s a ?c . OPTINAL { ?s dct:title ?t } }", 22, "OPTINAL", "OPTIONAL", "did you mean OPTIONAL?"),
        ("SELECT * WHRE { ?s a ?c }", 10, "WHRE", "WHERE", "did you mean WHERE?"),
        ("SELECT * { ?s ?p ?o } ORDR BY ?s", 23, "ORDR", "ORDER", "did you mean ORDER?"),
        ("SELECT * { ?s ?p ?o FILTER(STRLENGTH(?o) > 1) }", 28, "STRLENGTH", "STRLEN", "no function"),
        ("SELECT * { ?s ?p ?o FILTER NOT EXIST { ?s a ?c } }", 32, "EXIST", "EXISTS", "did you mean EXISTS?"),
        ("SELECT (COUNT(?s) AS n) { ?s ?p ?o }", 22, "n", None, "a variable begins with '?'"),
        ("SELECT * { ?s a ?c ", 10, "{", "}", "never closed"),
        ("SELECT * { OPTIONAL { ?s a ?c }", 10, "{", "}", "never closed"),
        ("SELECT * { FILTER(?a > 1 }", 26, "}", ")", "line 2, column 18"),
        ("SELECT * { ?s a ?c } }", 22, "}", "remove }", "closes nothing"),
        ("SELECT * { ?s ?p 'x }", 18, "'", "close it with '", "not closed"),
        ("SELECT * { ?s a ?c . dct:title ?t }", 20, ".", ";", "';' stands before it, not '.'"),
        ("SELECT * { ?s a ?c dct:title ?t }", 20, "dct:title", "; dct:title", "something is missing"),
        ("SELECT * { ?s dct:title }", 15, "dct:title", None, "not a whole triple"),
        ("SELECT ?s, ?p { ?s ?p ?o }", 10, ",", " ", "spaces, not by commas"),
        ("SELECT (COUNT(?s)) { ?s ?p ?o }", 8, "(", "(COUNT(?s) AS ?name)", "needs a name"),
        ("SELECT * { ?s ?p <http://a/b c> }", 18, "<", "<http://a/b%20c>", "holds a space"),
        ("SELECT * { ?s ?p ?o BIND(1 AS ?s) }", 31, "?s", None, "has a value already"),
        ("SELECT * { ?s ?p ?o } GROUP ?s", 29, "?s", None, "expected 'BY'"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_what_to_write(
    query: str, column: int, token: str, suggestion: str | None, said: str
) -> None:
    found = refusal(_PROLOGUE + query)
    assert said in str(found)
    assert (found.line, found.column, found.token, found.suggestion) == (2, column, token, suggestion)


def test_a_full_stop_is_found_on_the_line_where_it_stands() -> None:
    found = refusal(f"{_PROLOGUE}SELECT * {{\n  ?s a dcat:Dataset .\n  dct:title ?t ;\n  dct:issued ?d }}")
    assert (found.line, found.column) == (3, 21)


def test_a_variable_that_is_not_grouped_is_told_as_that() -> None:
    assert "GROUP BY" in str(refusal("SELECT ?s (COUNT(?p) AS ?n) { ?s ?p ?o }"))


WHOLE = [
    "SELECT * { ?s dct:title/dct:issued|^dct:source ?t ; a dcat:Dataset, dcat:Resource ; . }",
    "SELECT * { ?s !(a|^dct:title)* \"x\"@en, 'y'^^dct:type, -5 . [ dct:title ?x ] dct:issued ?d . [ a ?z ] }",
    "SELECT * { (1 2) dct:title ?x ; FILTER(?x IN (1, 2)) VALUES (?x ?y) { (1 UNDEF) } BIND(IF(?x, 1, 2) AS ?w) }",
    "SELECT * { { SELECT ?s (MAX(?o) AS ?m) { ?s ?p ?o } GROUP BY ?s HAVING (MAX(?o) > 1) ORDER BY DESC(?s) LIMIT 1 } ?s a ?c }",
    "CONSTRUCT { ?s dct:title ?o . ?s a [] } WHERE { GRAPH ?g { ?s ?p ?o } MINUS { ?s a ?c } }",
    "ASK { ?s (dct:title/dct:source)+ ?o . ?o dct:title? ?z ; dct:type+ _:b }",
    "DESCRIBE dct:title",
]


@pytest.mark.parametrize("query", WHOLE)
def test_what_is_well_written_is_never_blamed(query: str) -> None:
    """With a fault put at the very end, nothing before it is named."""
    ox.Store().query(_PROLOGUE + query)
    found = refusal(f"{_PROLOGUE}{query}\nLIMT 5")
    assert (found.token, found.suggestion, found.line) == ("LIMT", "LIMIT", 3)


@given(st.data())
def test_any_mutation_gets_an_answer(data: st.DataObject) -> None:
    query = _PROLOGUE + data.draw(st.sampled_from(WHOLE))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(query)))
        cut = data.draw(st.integers(0, 5))
        query = query[:at] + data.draw(st.text("{}()[].;,<>?$\"'a:/^| \n1", max_size=3)) + query[at + cut :]
    narrow(query)
    try:
        found = refusal(query)
    except AssertionError:
        return
    assert str(found)
    if found.line is not None and found.column is not None:
        lines = query.split("\n")
        assert found.line <= len(lines)
        assert found.column <= len(lines[found.line - 1]) + 1


def test_many_tokens_are_looked_at_in_reasonable_time() -> None:
    explain("SELECT * { " + "?s ?p ?o . " * 30_000, "error at 1:1: expected x")
    explain("SELECT * { " + "{ " * 190 + "?s ?p " * 50_000 + "}" * 191, "error at 1:1: expected x")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * { ?a a ?b . ?c a ?d }", "nothing joins '?a a ?b' with '?c a ?d'"),
        ("SELECT * { ?a a ?b . ?c a ?d FILTER(?b = ?d) }", "nothing joins"),
        ("SELECT * { ?a a ?b OPTIONAL { ?c a ?d } }", "nothing joins"),
        ("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "'?s ?p ?o' matches every statement"),
    ],
)
def test_what_to_narrow_is_named(query: str, said: str) -> None:
    assert said in " ".join(narrow(query))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?a a ?b ; a ?c . OPTIONAL { ?a a ?d } GRAPH ?g { ?a a ?e } BIND(?e AS ?f) }",
        "SELECT * { { ?a a ?b } UNION { ?c a ?d } }",
        "SELECT * { VALUES ?x { 1 } ?x a ?y MINUS { ?z a ?w } FILTER EXISTS { ?u a ?v } }",
        "CONSTRUCT { ?a a ?b . ?c a ?d } { ?a a ?b ; a ?c, ?d }",
        "not a query at all {",
    ],
)
def test_what_is_joined_is_not_blamed(query: str) -> None:
    assert narrow(query) == []
