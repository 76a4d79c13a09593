"""Looking at a query before it is evaluated: no update, no hidden SERVICE, values bound and never pasted."""

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.mapping import values
from odatis_kg.store.syntax import QueryRefusedError, bind, explain, inspect, tokens

SERVICE = [
    "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { service <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { SeRvIcE SILENT <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { SERVICE# comment\n<http://127.0.0.1:1/> { ?s ?p ?o } }",
    "PREFIX x: <http://127.0.0.1:1/> SELECT * { SERVICE x: { ?s ?p ?o } }",
    "SELECT * { BIND(<http://127.0.0.1:1/> AS ?e) SERVICE ?e { ?s ?p ?o } }",
    "SELECT * { {SERVICE<http://127.0.0.1:1/>{?s ?p ?o}} }",
    "SELECT * { FILTER(1<2) SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { ?a ?b ?c FILTER(?a<?b)SERVICE<http://127.0.0.1:1/>{?s ?p ?o} }",
    "SELECT * { FILTER(?a<?b)SERVICE <http://127.0.0.1:1/#>{?s ?p ?o} }",
    "SELECT * { BIND(true as ?x)SERVICE<http://127.0.0.1:1/>{?s ?p ?o} }",
    "SELECT * { ?s ?p 1SERVICE <http://127.0.0.1:1/>{?s ?p ?o} }",
    "SELECT * { FILTER EXISTS { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } } }",
    "SELECT * { FILTER NOT EXISTS { ?a ?b ?c MINUS { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } } } }",
    "SELECT * { SERVICE\t#<x>\n\tSILENT#\r<http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p trueSERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p 'x'SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p <x:y>SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { OPTIONAL { { SELECT * { GRAPH ?g { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } } } } } }",
    "ASK { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "CONSTRUCT { ?s ?p ?o } { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "DESCRIBE ?s { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "BASE <http://127.0.0.1:1/> SELECT * { SERVICE <> { ?s ?p ?o } }",
    "PREFIX SERVICE: <http://127.0.0.1:1/> SELECT * { SERVICE SERVICE: { ?s ?p ?o } }",
]


@pytest.mark.parametrize("query", SERVICE)
def test_a_call_to_another_service_is_refused_however_it_is_written(query: str) -> None:
    with pytest.raises(QueryRefusedError, match="SERVICE"):
        inspect(query)


def test_it_is_allowed_where_the_operator_allows_the_address() -> None:
    for query in (SERVICE[0], SERVICE[1], SERVICE[2], SERVICE[3], SERVICE[6], SERVICE[7]):
        inspect(query, service_allow=["http://127.0.0.1:1/"])


@pytest.mark.parametrize("query", [SERVICE[4], SERVICE[5], SERVICE[9]])
def test_an_address_that_is_not_written_out_stays_refused(query: str) -> None:
    with pytest.raises(QueryRefusedError, match="SERVICE"):
        inspect(query, service_allow=["http://127.0.0.1:1/"])


def test_an_allowed_address_allows_no_other() -> None:
    with pytest.raises(QueryRefusedError, match="SERVICE"):
        inspect("SELECT * { SERVICE <http://127.0.0.1:1/x> {} }", service_allow=["http://127.0.0.1:1/"])


@pytest.mark.parametrize(
    "query",
    [
        'SELECT * { ?s ?p "SERVICE <http://a/>" }',
        "SELECT * { ?s ?p 'it is a SERVICE' } # SERVICE",
        'SELECT * { ?s <http://a/SERVICE> """SERVICE\n"SERVICE" """ }',
        "SELECT ?service { ?service a <http://www.w3.org/ns/dcat#DataService> }",
        "PREFIX dcat: <http://www.w3.org/ns/dcat#> SELECT * { ?s a dcat:DataService ; dcat:accessService ?service }",
        "SELECT * { ?s ?p ?o FILTER(?o < 5 && ?o > 3) }",
    ],
)
def test_the_word_in_a_text_a_name_or_a_comment_calls_nobody(query: str) -> None:
    ox.Store().query(query)
    inspect(query)


@pytest.mark.parametrize(
    "text",
    ["INSERT DATA { <a:a> <a:b> <a:c> }", "DELETE WHERE { ?s ?p ?o }", "DROP ALL", "CLEAR GRAPH <a:b>", "LOAD <http://a/>",
     "PREFIX x: <a:> INSERT { x:a x:b x:c } WHERE {}"],
)  # fmt: skip
def test_an_update_is_refused_as_an_update(text: str) -> None:
    with pytest.raises(QueryRefusedError, match="is an update"):
        inspect(text)


@pytest.mark.parametrize("text", ["", "  ", "# nothing", "PREFIX a: <http://a/>"])
def test_no_query_at_all_is_told_as_that(text: str) -> None:
    with pytest.raises(QueryRefusedError, match="empty"):
        inspect(text)


def test_nesting_without_end_is_refused_before_a_parser_sees_it() -> None:
    with pytest.raises(QueryRefusedError, match="nested more than 200 deep"):
        inspect("SELECT * " + "{" * 100_000)


def test_an_error_says_line_and_column_and_what_was_expected() -> None:
    query = "SELECT * WHERE {\n  ?s ?p\n}"
    with pytest.raises(SyntaxError) as caught:
        ox.Store().query(query)
    readable = explain(query, str(caught.value))
    assert readable.line == 2
    assert "not a whole triple" in str(readable)
    with pytest.raises(SyntaxError) as caught:
        ox.Store().query("SELECT * {\n  ?s dct:title }")
    readable = explain("SELECT * {\n  ?s dct:title }", str(caught.value))
    assert readable.line == 2
    assert "PREFIX dct: <http://purl.org/dc/terms/>" in str(readable)


@given(st.text(max_size=80))
def test_looking_at_any_text_ends_and_never_fails(text: str) -> None:
    try:
        list(tokens(text))
        inspect(text)
    except QueryRefusedError:
        pass


@given(st.text())
def test_a_bound_text_is_that_text_and_nothing_else(text: str) -> None:
    term = values.text(values.clean(text))
    query = bind("SELECT ?x { BIND($value AS ?x) }", {"value": term})
    (row,) = list(ox.Store().query(query))
    assert row["x"].value == values.clean(text)


def test_binding_touches_no_text_no_name_and_no_other_variable() -> None:
    query = bind(
        'SELECT ?iri { ?iri ?p "$iri ?iri" ; <http://a/?iri> ?iri2 } # ?iri', {"iri": values.iri("http://a/b")}
    )
    assert '"$iri ?iri"' in query
    assert "<http://a/?iri>" in query
    assert "?iri2" in query
    assert "<http://a/b> ?p" in query


def test_a_list_is_bound_as_the_values_of_a_variable() -> None:
    query = bind(
        "SELECT ?x { VALUES ?x { $things } }", {"things": [values.iri("http://a/1"), values.iri("http://a/2")]}
    )
    assert len(list(ox.Store().query(query))) == 2
