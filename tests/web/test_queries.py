"""The query library: every query works as it stands, takes only values of the right type, and is found where clients look."""

import re
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.iris import Iris
from odatis_kg.queries import NamedQuery, library, names, prefixes_of, publication, read
from odatis_kg.queries.parameters import Parameter, ParameterError, Type, parse
from odatis_kg.store.syntax import Form, inspect
from tests.conftest import BASE, ROOT, Built, Server

IRIS = Iris(BASE)
QUERIES = {query.name: query for query in library(IRIS)}
PUBLISHED = {query.short_name: query for query in publication.published(IRIS)}
# Nothing in the demonstration graph is of this kind: the right answer is no row at all.
EMPTY = {"deprecated-concepts-in-use"}
HOSTILE = [
    '" } UNION { ?s ?p ?o } #',
    "> ?p ?o . SERVICE <http://127.0.0.1/> { ?s ?p ?o } <http://a/",
    "http://a/> } ; DROP ALL #",
    "'''\n} SELECT * { ?s ?p ?o",
    '2022" || true || "',
    "-10,43,-1,48) || (1=1",
    "\\u003e } { ?s ?p ?o",
    "$concept",
    "?s",
    "\u0000",
    "a" * 3_000,
]


@pytest.fixture(scope="module")
def store(demo: Built) -> ox.Store:
    return ox.Store.read_only(str(demo.release.store))


def answer(store: ox.Store, text: str) -> list[str] | bool:
    result = store.query(text)
    return bool(result) if isinstance(result, ox.QueryBoolean) else [str(row) for row in result]  # type: ignore[union-attr]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_is_documented_in_both_languages(query: NamedQuery) -> None:
    assert query.title
    assert query.titre
    assert query.title != query.titre
    for parameter in query.parameters:
        assert parameter.label["en"]
        assert parameter.label["fr"]
        assert parameter.default
        assert parameter.name not in ("run", "format")
        for variable in parameter.variables:
            assert re.search(rf"[?$]{variable}\b", query.text), "a parameter that the query does not use"
    bound = {variable for parameter in query.parameters for variable in parameter.variables}
    assert set(re.findall(r"\$(\w+)", query.text)) <= bound, "a variable that no parameter binds"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_question_has_an_answer_with_the_values_its_parameters_have_by_default(name: str, store: ox.Store) -> None:
    query = PUBLISHED[name]
    assert query.comment
    assert query.commentaire
    assert query.keywords
    found = answer(store, query.example)
    if query.form is Form.ASK:
        assert found is True
        return
    assert isinstance(found, list)
    assert bool(found) == (name not in EMPTY)
    assert len(set(found)) == len(found), "no row twice"


@pytest.mark.parametrize(
    "query", [query for query in QUERIES.values() if query.name not in PUBLISHED], ids=lambda q: q.name
)
def test_every_other_named_query_is_answered_too(query: NamedQuery, store: ox.Store) -> None:
    answer(store, query.example)


@pytest.mark.parametrize("query", PUBLISHED.values(), ids=PUBLISHED)
def test_a_question_is_plain_sparql_1_1(query: NamedQuery) -> None:
    """No word of a later version, no function of an engine, and nothing optional before what is required."""
    assert not re.search(r"\b(LATERAL|ADJUST|TRIPLE|bif:)\b", query.text)
    body = query.text[query.text.index("{") :]
    first = re.search(r"\b(OPTIONAL|FILTER|MINUS|BIND)\b", body)
    pattern = re.search(r"[?$<][^\s]+ [^\s{}]+ [^\s{}]+", body)
    assert pattern
    assert first is None or pattern.start() < first.start()


def test_what_is_asked_of_parameters_has_an_answer(store: ox.Store) -> None:
    """Other values than the default ones, whose answers are known."""

    def rows(name: str, **given: str) -> list[str]:
        found = answer(store, PUBLISHED[name].bound(given))
        assert isinstance(found, list)
        return found

    assert {row.split("DEMO")[1][:4] for row in rows("cruises-of-a-year", year="2019")} == {"2019"}
    assert rows("cruises-of-a-year", year="1919") == []
    elsewhere = "orcid.org/0000-0002-7319-2192"
    assert rows("cruises-of-a-person", person=f"https://{elsewhere}") == [], "the same number in another registry"
    assert "DEMO2023AUS" in rows("cruises-of-a-person", person=f"https://sandbox.{elsewhere}")[0]
    everywhere = rows("data-by-variable-place-time", box="-180,-90,180,90", **{"from": "1900", "to": "2100"})
    somewhere = rows("data-by-variable-place-time", box="3,42,10,44", **{"from": "1900", "to": "2100"})
    assert set(somewhere) < set(everywhere)
    assert answer(store, PUBLISHED["is-there-data"].bound({"box": "100,70,110,80"})) is not None


def test_a_deprecated_concept_in_use_is_found() -> None:
    store = ox.Store()
    store.load(
        b"""@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
        @prefix dct: <http://purl.org/dc/terms/> . @prefix schema: <https://schema.org/> . @prefix : <http://a.org/> .
        :old owl:deprecated true ; skos:prefLabel "Old"@en ; dct:isReplacedBy :new . :new skos:prefLabel "New"@en .
        :data schema:variableMeasured :old . :list skos:member :old . :other schema:variableMeasured :new .""",
        format=ox.RdfFormat.TURTLE,
    )
    (row,) = store.query(PUBLISHED["deprecated-concepts-in-use"].example)  # type: ignore[union-attr,misc]
    assert [row[name].value for name in ("user", "replacement")] == ["http://a.org/data", "http://a.org/new"]  # type: ignore[index,union-attr]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize(
    "query", [query for query in PUBLISHED.values() if query.parameters], ids=lambda q: q.short_name
)
def test_no_value_of_a_parameter_becomes_a_part_of_the_query(query: NamedQuery, hostile: str) -> None:
    for parameter in query.parameters:
        with pytest.raises(ParameterError, match=f"parameter '{parameter.name}'"):
            query.bound({parameter.name: hostile})


@given(st.text(max_size=80))
def test_a_text_stays_one_literal_whatever_it_says(text: str) -> None:
    parameter = Parameter("words", Type.STRING, {"en": "Words", "fr": "Mots"}, "a")
    (term,) = parameter.bindings(text, IRIS).values()
    query = f"SELECT ({term} AS ?words) {{}}"
    assert inspect(query).form is Form.SELECT
    (row,) = ox.Store().query(query)  # type: ignore[union-attr,misc]
    literal = row["words"]  # type: ignore[index]
    assert isinstance(literal, ox.Literal)
    assert literal.datatype.value.endswith("#string")


@pytest.mark.parametrize(
    ("kind", "wrong", "why"),
    [
        (Type.YEAR, "22", "four digits"),
        (Type.YEAR, "٢٠٢٢", "four digits"),
        (Type.INTEGER, "-1", "whole number"),
        (Type.INTEGER, "1e9", "whole number"),
        (Type.BBOX, "1,2,3", "four numbers"),
        (Type.BBOX, "0,50,10,40", "south before north"),
        (Type.BBOX, "170,-10,-170,10", "antimeridian"),
        (Type.BBOX, "0,0,200,10", "longitudes"),
        (Type.BBOX, "nan,0,1,1", "four numbers"),
        (Type.IRI, "not an iri", "not an IRI"),
        (Type.IRIS, "", "1 to 200"),
    ],
)
def test_a_wrong_value_says_which_parameter_and_why(kind: Type, wrong: str, why: str) -> None:
    with pytest.raises(ParameterError, match=rf"parameter 'one': .*{why}"):
        Parameter("one", kind, {}, "").bindings(wrong, IRIS)


def test_an_unknown_parameter_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="no such parameter \\(it has: ship\\)"):
        PUBLISHED["cruises-of-a-ship"].bound({"boat": "x"})


def test_a_default_of_ours_follows_the_base_address() -> None:
    there = parse("ship iri; Ship; Navire; id/platform/c17/35MV", Iris("https://example.org/kg/"))
    assert there.default == "https://example.org/kg/id/platform/c17/35MV"


def test_values_to_choose_from_are_values_that_work(store: ox.Store) -> None:
    for query in PUBLISHED.values():
        for parameter in query.parameters:
            if parameter.choices:
                rows = store.query(read(parameter.choices, IRIS).text)
                offered = {row["value"].value for row in rows}  # type: ignore[union-attr,index]
                assert parameter.default in offered, (query.name, parameter.name)
                for value in sorted(offered)[:3]:
                    answer(store, query.bound({parameter.name: value}))


# In the store and on the web


def test_the_library_is_in_the_store_as_it_is_in_the_files(store: ox.Store) -> None:
    graph = ox.NamedNode(f"{BASE}graph/queries")
    stored = {str(quad.triple) for quad in store.quads_for_pattern(None, None, None, graph)}
    lines = "".join(f"{s} {p} {o} .\n" for s, p, o in publication.statements(IRIS))
    assert stored == {str(quad.triple) for quad in ox.parse(lines, ox.RdfFormat.N_TRIPLES)}


@pytest.mark.parametrize("query", PUBLISHED.values(), ids=PUBLISHED)
def test_a_published_query_runs_as_it_was_published(query: NamedQuery, store: ox.Store) -> None:
    node, sh = ox.NamedNode(publication.address(query)), "http://www.w3.org/ns/shacl#"
    about: dict[str, set[str]] = {}
    for quad in store.quads_for_pattern(node, None, None, ox.DefaultGraph()):
        about.setdefault(quad.predicate.value.removeprefix(sh), set()).add(quad.object.value)  # type: ignore[union-attr]
    kind = f"{sh}SPARQL{query.form.capitalize()}Executable"
    assert about["http://www.w3.org/1999/02/22-rdf-syntax-ns#type"] == {f"{sh}SPARQLExecutable", kind}
    (text,) = about[query.form.lower()]
    assert answer(store, text) == answer(store, query.example)
    assert about["https://schema.org/target"] == {f"{BASE}sparql"}
    assert len(about["http://www.w3.org/2000/01/rdf-schema#label"]) == 2
    assert len(about["http://www.w3.org/2000/01/rdf-schema#comment"]) == 2
    assert about["https://schema.org/keywords"] == set(query.keywords)


def test_every_prefix_of_every_query_is_declared(server: Server) -> None:
    declared = server.get("prefixes?format=json").json()
    for query in QUERIES.values():
        for prefix, namespace in prefixes_of(query).items():
            assert declared[prefix] == namespace
    quads = ox.parse(server.get("prefixes", Accept="text/turtle").content, ox.RdfFormat.TURTLE)
    spaces = {quad.object.value for quad in quads if quad.predicate.value.endswith("#namespace")}  # type: ignore[union-attr]
    assert spaces == set(declared.values())
    assert "http://www.w3.org/ns/dcat#" in server.get("prefixes", Accept="text/html").text
    assert server.get("prefixes", Accept="application/json").json() == declared


def test_the_list_is_a_page_and_a_graph(server: Server) -> None:
    page = server.get("queries", Accept="text/html").text
    for query in PUBLISHED.values():
        assert f'href="/queries/{query.short_name}?run=1"' in page
    french = server.get("queries", Accept="text/html", Accept_Language="fr").text
    assert "Quelles campagnes un navire a-t-il faites" in french
    for accept, format_ in (("text/turtle", ox.RdfFormat.TURTLE), ("application/ld+json", ox.RdfFormat.JSON_LD)):
        quads = list(ox.parse(server.get("queries", Accept=accept).content, format_))
        assert len(quads) == len(publication.statements(IRIS))


def test_a_query_is_a_file_a_graph_and_a_form(server: Server) -> None:
    for answered in (
        server.get("queries/cruises-of-a-ship.rq"),
        server.get("queries/cruises-of-a-ship", Accept="application/sparql-query"),
    ):
        assert answered.headers["content-type"].startswith("application/sparql-query")
        assert "# parameter: ship iri; Ship; Navire;" in answered.text
        assert "$ship" in answered.text
        assert inspect(answered.text).form is Form.SELECT
    graph = server.get("queries/cruises-of-a-ship", Accept="text/turtle")
    assert "SPARQLSelectExecutable" in graph.text
    form = server.get("queries/cruises-of-a-ship", Accept="text/html").text
    assert '<select id="ship" name="ship">' in form
    assert "Marion Dufresne" in form
    assert "<script" not in form
    assert server.get("queries/nothing").status_code == 404
    assert server.get("queries/../checks/count").status_code == 404


def test_a_query_is_run_from_its_page_and_from_a_program(server: Server) -> None:
    address, given = f"{server.address}queries/cruises-of-a-year", {"year": "2023"}
    page = httpx.get(address, params=given, headers={"Accept": "text/html"})
    assert "DEMO-AUSTRAL 2023" in page.text
    assert "1 row" in page.text
    for name, kind in (
        ("csv", "text/csv"),
        ("json", "application/sparql-results+json"),
        ("xml", "application/sparql-results+xml"),
    ):
        answered = httpx.get(address, params={**given, "format": name})
        assert answered.headers["content-type"].partition(";")[0] == kind
        assert "DEMO-AUSTRAL 2023" in answered.text
    by_header = httpx.get(address, params=given, headers={"Accept": "text/csv"})
    assert by_header.text == httpx.get(address, params={**given, "format": "csv"}).text
    card = httpx.get(f"{server.address}queries/card-of-a-data-set", params={"run": "1", "format": "nt"})
    assert list(ox.parse(card.content, ox.RdfFormat.N_TRIPLES))
    truth = httpx.get(f"{server.address}queries/is-there-data", params={"run": "1", "format": "json"})
    assert truth.json()["boolean"] is True


def test_a_wrong_parameter_is_a_problem_that_says_which_and_why(server: Server) -> None:
    address = f"{server.address}queries/cruises-of-a-year"
    machine = httpx.get(address, params={"year": "22", "format": "json"})
    assert machine.status_code == 400
    assert machine.headers["content-type"] == "application/problem+json"
    assert "parameter 'year'" in machine.json()["detail"]
    person = httpx.get(address, params={"year": '"><script>'}, headers={"Accept": "text/html"})
    assert person.status_code == 400
    assert "<script>" not in person.text
    assert "four digits" in person.text
    assert httpx.get(address, params={"month": "1", "format": "json"}).status_code == 400
    assert httpx.get(address, params={"run": "1"}, headers={"Accept": "image/png"}).status_code == 406


def test_every_query_can_be_run_over_http(server: Server) -> None:
    for name, query in PUBLISHED.items():
        format_ = "nt" if query.form.makes_graph else "json"
        answered = httpx.get(f"{server.address}queries/{name}", params={"run": "1", "format": format_}, timeout=30)
        assert answered.status_code == 200, (name, answered.text)
        page = httpx.get(
            f"{server.address}queries/{name}", params={"run": "1"}, headers={"Accept": "text/html"}, timeout=30
        )
        assert page.status_code == 200, name


def test_every_file_of_the_library_is_in_a_group_that_is_read() -> None:
    files = {
        path.relative_to(ROOT / "odatis_kg" / "queries") for path in (ROOT / "odatis_kg" / "queries").rglob("*.rq")
    }
    assert files == {Path(f"{name}.rq") for name in QUERIES}
    assert set(names("questions")) == {query.name for query in PUBLISHED.values()}
