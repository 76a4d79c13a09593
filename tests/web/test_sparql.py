"""`/sparql` over HTTP: the SPARQL 1.1 Protocol as real clients speak it."""

import json
import socket
import time
from urllib.parse import urlencode, urlsplit

import httpx
import pyoxigraph as ox
import pytest
from SPARQLWrapper import SPARQLWrapper

from odatis_kg.store.engine import GraphFormat
from tests.conftest import Built, Server, serving
from tests.support import triples_in

COUNT = "SELECT (COUNT(*) AS ?n) WHERE { ?s a <http://www.w3.org/ns/dcat#Dataset> }"
CONSTRUCT = "CONSTRUCT { ?s a ?c } WHERE { ?s a ?c } LIMIT 5"
SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
TABLES = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}


def ways(server: Server, query: str, accept: str) -> list[httpx.Response]:
    """The three ways of the protocol to ask."""
    address, headers = f"{server.address}sparql", {"Accept": accept}
    return [
        httpx.get(address, params={"query": query}, headers=headers),
        httpx.post(address, data={"query": query}, headers=headers),
        httpx.post(address, content=query.encode(), headers={**headers, "Content-Type": "application/sparql-query"}),
    ]


@pytest.mark.parametrize("accept", TABLES)
def test_the_three_ways_give_the_same_table_in_every_format(server: Server, accept: str) -> None:
    answers = ways(server, COUNT, accept)
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == accept
        (row,) = ox.parse_query_results(answer.content, TABLES[accept])
        assert int(row["n"].value) == 45
    assert len({answer.content for answer in answers}) == 1


def test_csv_has_its_header_line_and_its_line_ends(server: Server) -> None:
    assert server.ask(COUNT, "text/csv").content == b"n\r\n45\r\n"


@pytest.mark.parametrize("accept", [format_.value for format_ in GraphFormat])
def test_a_graph_comes_in_every_format(server: Server, accept: str) -> None:
    for answer in ways(server, CONSTRUCT, accept):
        assert answer.headers["content-type"].partition(";")[0] == accept
        content = answer.content
        if accept == "application/ld+json":
            named = json.loads(content)["@context"]
            assert named == "http://localhost:8000/context/v1.jsonld"
            served = server.get(named.removeprefix("http://localhost:8000/"))
            content = json.dumps({**json.loads(content), **served.json()}).encode()
        assert len(triples_in(content, accept)) == 5


def test_a_format_can_be_named_in_the_address(server: Server) -> None:
    answer = httpx.get(f"{server.address}sparql", params={"query": COUNT, "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")


def test_what_is_decoded_is_decoded_once(server: Server) -> None:
    query = 'SELECT ?x { BIND("100%25 + é & =" AS ?x) }'
    for answer in ways(server, query, "application/sparql-results+json"):
        assert answer.json()["results"]["bindings"][0]["x"]["value"] == "100%25 + é & ="


def test_an_ordinary_client_library_understands_it(server: Server) -> None:
    client = SPARQLWrapper(f"{server.address}sparql", returnFormat="json")
    client.setQuery(COUNT)
    assert client.queryAndConvert()["results"]["bindings"][0]["n"]["value"] == "45"
    client.setMethod("POST")
    assert client.queryAndConvert()["results"]["bindings"][0]["n"]["value"] == "45"
    client.setQuery(CONSTRUCT)
    client.setReturnFormat("turtle")
    assert list(ox.parse(client.query().convert(), ox.RdfFormat.TURTLE))


def test_a_dataset_in_the_request_is_respected(server: Server) -> None:
    graph = "http://localhost:8000/graph/record/demo/magest"
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    named = f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
    answer = server.ask(count, "text/csv", **{"default-graph-uri": graph})
    assert answer.content == server.ask(named, "text/csv").content
    assert server.ask(count, **{"default-graph-uri": "not an iri"}).status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * WHERE { ?s ?p", "never closed"),
        ("SELECT * WHERE { ?s dct:title ?o }", "prefix 'dct:' is not declared"),
        ("INSERT DATA { <a:a> <a:b> <a:c> }", "update"),
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "SERVICE"),
        ("", "empty"),
        ("SELECT * " + "{" * 5_000, "nested"),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_problem_that_says_why(server: Server, query: str, said: str) -> None:
    answer = server.ask(query)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 400
    assert problem["type"].startswith("http://localhost:8000/problems/")
    assert said in problem["detail"], problem


def test_a_syntax_error_has_its_line_and_column(server: Server) -> None:
    problem = server.ask("SELECT *\nWHERE { ?s ?p ?o ?x }").json()
    assert problem["line"] == 2
    assert problem["column"] > 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "DELETE", "url": "sparql"}, 405),
        ({"method": "POST", "url": "sparql", "content": b"x", "headers": {"Content-Type": "text/plain"}}, 415),
        (
            {
                "method": "POST",
                "url": "sparql",
                "content": b"DROP ALL",
                "headers": {"Content-Type": "application/sparql-update"},
            },
            403,
        ),
        ({"method": "POST", "url": "sparql", "data": {"update": "DROP ALL"}}, 403),
        ({"method": "GET", "url": "sparql?query=ASK%20%7B%7D&query=ASK%20%7B%7D"}, 400),
        ({"method": "GET", "url": "sparql?query=%FF"}, 400),
        ({"method": "GET", "url": "sparql", "params": {"query": COUNT}, "headers": {"Accept": "image/png"}}, 406),
        ({"method": "GET", "url": "sparql", "params": {"query": CONSTRUCT}, "headers": {"Accept": "text/csv"}}, 406),
        ({"method": "GET", "url": "sparql", "params": {"query": COUNT, "timeout": "soon"}}, 400),
        ({"method": "POST", "url": "sparql", "data": {"query": "#" * 1_100_000}}, 413),
        (
            {
                "method": "POST",
                "url": "sparql",
                "content": b"\xff\xfe",
                "headers": {"Content-Type": "application/sparql-query"},
            },
            400,
        ),
    ],
)
def test_a_request_that_is_wrong_has_the_right_status(server: Server, request_: dict[str, object], status: int) -> None:
    asked = {**request_, "url": server.address + str(request_["url"])}
    answer = httpx.request(**asked)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_browser_gets_a_page_with_the_rows_and_a_wrong_query_back(server: Server) -> None:
    page = httpx.get(f"{server.address}sparql", params={"query": COUNT}, headers={"Accept": "text/html"})
    assert ">45<" in page.text
    wrong = httpx.get(f"{server.address}sparql", params={"query": "SELECT <b>"}, headers={"Accept": "text/html"})
    assert "SELECT &lt;b&gt;" in wrong.text
    assert wrong.status_code == 400
    assert "The query cannot be answered" in wrong.text


def test_without_a_query_machines_get_the_service_description(server: Server) -> None:
    quads = list(ox.parse(server.get("sparql", Accept="text/turtle").content, ox.RdfFormat.TURTLE))
    sd = "http://www.w3.org/ns/sparql-service-description#"
    objects = {quad.predicate.value.removeprefix(sd): quad.object.value for quad in quads}
    assert objects["endpoint"] == "http://localhost:8000/sparql"
    assert f"{sd}UnionDefaultGraph" in {quad.object.value for quad in quads}


def test_other_sites_may_ask(server: Server) -> None:
    answer = httpx.options(
        f"{server.address}sparql", headers={"Origin": "https://a.org", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    answer = httpx.head(f"{server.address}sparql", params={"query": COUNT})
    assert answer.status_code == 200
    assert answer.content == b""


def test_a_deadline_really_stops_the_work_and_says_so(demo: Built) -> None:
    with serving(demo.settings.data_dir, "--workers", "1", ODATIS_KG_QUERY__TIMEOUT_SECONDS="1") as server:
        before = time.monotonic()
        answer = server.ask(SLOW)
        assert time.monotonic() - before < 5
        assert answer.status_code == 504
        assert answer.json()["type"].endswith("/problems/timeout")
        assert server.ask(COUNT, "text/csv").content == b"n\r\n45\r\n"


def test_a_client_that_leaves_frees_its_worker(demo: Built) -> None:
    with serving(demo.settings.data_dir, "--workers", "1") as server:
        parts = urlsplit(server.address)
        with socket.create_connection((parts.hostname, parts.port)) as client:
            asked = urlencode({"query": SLOW})
            client.sendall(f"GET /sparql?{asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.5)
        before = time.monotonic()
        assert server.ask(COUNT, "text/csv").content == b"n\r\n45\r\n"
        assert time.monotonic() - before < 5


def test_a_large_result_is_streamed_whole(server: Server) -> None:
    answer = server.ask("SELECT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } }", "application/sparql-results+json")
    assert len(json.loads(answer.content)["results"]["bindings"]) > 14_000
