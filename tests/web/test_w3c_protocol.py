"""The entries of the W3C test suite for the SPARQL 1.1 Protocol, each under its name: queries are answered, updates refused.

The entries ask for datasets that they upload first. Here nothing is uploaded: two graphs of the demonstration stand for
theirs, and the answers are compared with what the graphs hold.
"""

import json
from collections.abc import Sequence

import httpx
import pytest

from tests.conftest import Server

ONE = "http://localhost:8000/graph/record/demo/magest"
OTHER = "http://localhost:8000/graph/record/demo/coriolis-cora"
COUNT = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
NAMED = "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g"
_FORM = "application/x-www-form-urlencoded"
_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"
_RESULTS = ("application/sparql-results+json", "application/sparql-results+xml")
_GRAPHS = ("text/turtle", "application/rdf+xml", "application/n-triples", "application/ld+json")

Fields = Sequence[tuple[str, str]]


def get(server: Server, fields: Fields, accept: str = "*/*") -> httpx.Response:
    return httpx.get(f"{server.address}sparql", params=list(fields), headers={"Accept": accept})


def post(server: Server, fields: Fields, accept: str = "*/*") -> httpx.Response:
    content = str(httpx.QueryParams(list(fields)))
    return httpx.post(f"{server.address}sparql", content=content, headers={"Accept": accept, "Content-Type": _FORM})


def send(server: Server, body: bytes, media_type: str | None, fields: Fields = ()) -> httpx.Response:
    headers = {"Content-Type": media_type} if media_type else {}
    return httpx.post(f"{server.address}sparql", params=list(fields), content=body, headers=headers)


def values(answer: httpx.Response, name: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row[name]["value"] for row in answer.json()["results"]["bindings"]]


def size(server: Server, *graphs: str) -> int:
    """The number of statements of the union of graphs, asked for in another way than by the parameters of the protocol."""
    union = " UNION ".join(f"{{ GRAPH <{graph}> {{ ?s ?p ?o }} }}" for graph in graphs)
    return int(
        values(get(server, [("query", f"SELECT (COUNT(*) AS ?n) {{ SELECT DISTINCT * {{ {union} }} }}")]), "n")[0]
    )


def answered_yes(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] in _RESULTS
    assert answer.json()["boolean"] is True


def refused(answer: httpx.Response, status: int, name: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"http://localhost:8000/problems/{name}"


# Queries


def test_query_get(server: Server) -> None:
    answered_yes(get(server, [("query", "ASK {}")]))


def test_query_post_form(server: Server) -> None:
    answered_yes(post(server, [("query", "ASK {}")]))


def test_query_post_direct(server: Server) -> None:
    answered_yes(send(server, b"ASK {}", _QUERY))


@pytest.mark.parametrize("ask", [get, post])
def test_query_dataset_default_graph(server: Server, ask: object) -> None:
    answer = ask(server, [("query", COUNT), ("default-graph-uri", ONE)])  # type: ignore[operator]
    assert values(answer, "n") == [str(size(server, ONE))]


def both(ask: object, server: Server) -> None:
    answer = ask(server, [("query", COUNT), ("default-graph-uri", ONE), ("default-graph-uri", OTHER)])  # type: ignore[operator]
    assert values(answer, "n") == [str(size(server, ONE, OTHER))]
    assert size(server, ONE, OTHER) > size(server, ONE)


def test_query_dataset_default_graphs_get(server: Server) -> None:
    both(get, server)


def test_query_dataset_default_graphs_post(server: Server) -> None:
    both(post, server)
    answer = send(server, COUNT.encode(), _QUERY, [("default-graph-uri", ONE), ("default-graph-uri", OTHER)])
    assert values(answer, "n") == [str(size(server, ONE, OTHER))]


def test_query_dataset_named_graphs_get(server: Server) -> None:
    answer = get(server, [("query", NAMED), ("named-graph-uri", ONE), ("named-graph-uri", OTHER)])
    assert values(answer, "g") == sorted([ONE, OTHER])


def test_query_dataset_named_graphs_post(server: Server) -> None:
    answer = post(server, [("query", NAMED), ("named-graph-uri", ONE), ("named-graph-uri", OTHER)])
    assert values(answer, "g") == sorted([ONE, OTHER])


def test_query_dataset_full(server: Server) -> None:
    fields = [("default-graph-uri", ONE), ("named-graph-uri", OTHER)]
    assert values(post(server, [("query", COUNT), *fields]), "n") == [str(size(server, ONE))]
    assert values(post(server, [("query", NAMED), *fields]), "g") == [OTHER]


def test_query_multiple_dataset(server: Server) -> None:
    """The dataset of the protocol is taken, not that of the query (section 2.1.4)."""
    query = f"SELECT (COUNT(*) AS ?n) FROM <{OTHER}> WHERE {{ ?s ?p ?o }}"
    assert values(get(server, [("query", query), ("default-graph-uri", ONE)]), "n") == [str(size(server, ONE))]
    assert values(get(server, [("query", query)]), "n") == [str(size(server, OTHER))]


def test_with_a_default_graph_alone_there_are_no_named_graphs(server: Server) -> None:
    assert values(get(server, [("query", NAMED), ("default-graph-uri", ONE)]), "g") == []
    inside = NAMED.replace("WHERE", f"FROM NAMED <{OTHER}> WHERE")
    assert values(get(server, [("query", inside), ("default-graph-uri", ONE)]), "g") == []


def test_with_named_graphs_alone_the_default_graph_is_empty(server: Server) -> None:
    assert values(get(server, [("query", COUNT), ("named-graph-uri", ONE)]), "n") == ["0"]


def test_query_content_type_select(server: Server) -> None:
    answer = get(server, [("query", "SELECT (1 AS ?value) {}")])
    assert answer.status_code == 200
    assert answer.headers["content-type"] in _RESULTS


def test_query_content_type_ask(server: Server) -> None:
    answered_yes(get(server, [("query", "ASK {}")]))


def test_query_content_type_describe(server: Server) -> None:
    answer = get(server, [("query", "DESCRIBE <http://example.org/>")])
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in _GRAPHS


def test_query_content_type_construct(server: Server) -> None:
    answer = get(server, [("query", "CONSTRUCT { <s> <p> 1 } WHERE {}".replace("<s> <p>", "<x:s> <x:p>"))])
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in _GRAPHS


# Queries that are none


def test_bad_query_method(server: Server) -> None:
    answer = httpx.put(f"{server.address}sparql", params={"query": "ASK {}"})
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST, QUERY, OPTIONS"


def test_bad_multiple_queries(server: Server) -> None:
    refused(get(server, [("query", "ASK {}"), ("query", "SELECT * {}")]), 400, "bad-request")
    refused(post(server, [("query", "ASK {}"), ("query", "SELECT * {}")]), 400, "bad-request")
    refused(send(server, b"ASK {}", _QUERY, [("query", "SELECT * {}")]), 400, "bad-request")


def test_bad_query_wrong_media_type(server: Server) -> None:
    answer = send(server, b"ASK {}", "text/plain")
    refused(answer, 415, "unsupported-media-type")
    assert _QUERY in answer.headers["Accept-Post"]
    assert _QUERY in answer.headers["Accept-Query"]


def test_bad_query_missing_form_type(server: Server) -> None:
    refused(send(server, b"query=ASK%20%7B%7D", None), 415, "unsupported-media-type")


def test_bad_query_missing_direct_type(server: Server) -> None:
    refused(send(server, b"ASK {}", None), 415, "unsupported-media-type")


def test_bad_query_non_utf8(server: Server) -> None:
    refused(send(server, "ASK {}".encode("utf-16"), f"{_QUERY}; charset=UTF-16"), 415, "unsupported-media-type")
    refused(send(server, 'ASK { BIND("é" AS ?x) }'.encode("latin-1"), _QUERY), 400, "bad-request")


def test_bad_query_syntax(server: Server) -> None:
    refused(get(server, [("query", "ASK {")]), 400, "bad-query")


# Updates: each is refused, whatever graphs it means

INSERT = "INSERT DATA { <x:s> <x:p> 1 }"


@pytest.mark.parametrize(
    "entry",
    [
        ("update_dataset_default_graph", [("using-graph-uri", ONE)]),
        ("update_dataset_default_graphs", [("using-graph-uri", ONE), ("using-graph-uri", OTHER)]),
        ("update_dataset_named_graphs", [("using-named-graph-uri", ONE), ("using-named-graph-uri", OTHER)]),
        ("update_dataset_full", [("using-graph-uri", ONE), ("using-named-graph-uri", OTHER)]),
        ("update_post_form", []),
        ("update_post_direct", []),
        ("update_base_uri", []),
        ("bad_multiple_updates", [("update", "CLEAR ALL")]),
        ("bad_update_dataset_conflict", [("using-named-graph-uri", ONE)]),
    ],
    ids=lambda entry: entry[0],
)
def test_update(server: Server, entry: tuple[str, Fields]) -> None:
    name, fields = entry
    text = {
        "update_base_uri": f"BASE <x:> {INSERT}",
        "bad_update_dataset_conflict": f"INSERT {{ ?s ?p ?o }} USING <{ONE}> WHERE {{ ?s ?p ?o }}",
    }.get(name, INSERT)
    if name != "update_post_direct":
        refused(post(server, [("update", text), *fields]), 403, "read-only")
    if name != "update_post_form":
        refused(send(server, text.encode(), _UPDATE, fields), 403, "read-only")
    assert values(get(server, [("query", "SELECT (COUNT(*) AS ?n) { <x:s> ?p ?o }")]), "n") == ["0"]


def test_bad_update_get(server: Server) -> None:
    refused(get(server, [("update", INSERT)]), 403, "read-only")


def test_bad_update_non_utf8(server: Server) -> None:
    refused(send(server, INSERT.encode("utf-16"), f"{_UPDATE}; charset=UTF-16"), 403, "read-only")


def test_bad_update_syntax(server: Server) -> None:
    refused(send(server, b"INSERT", _UPDATE), 403, "read-only")


def test_bad_update_wrong_media_type(server: Server) -> None:
    """Nothing says that this is an update: the media type is refused before anyone reads it."""
    refused(send(server, INSERT.encode(), "text/plain"), 415, "unsupported-media-type")


def test_bad_update_missing_form_type(server: Server) -> None:
    refused(send(server, f"update={INSERT}".encode(), None), 415, "unsupported-media-type")


# HTTP QUERY: safe like GET, with the body of a POST


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"ASK {}", _QUERY), (b"query=ASK%20%7B%7D&unknown=1", _FORM), (b"ASK {}", f"{_QUERY};charset=UTF-8")],
)
def test_the_query_method_takes_the_same_bodies(server: Server, body: bytes, media_type: str) -> None:
    answer = httpx.request("QUERY", f"{server.address}sparql", content=body, headers={"Content-Type": media_type})
    assert json.loads(answer.content)["boolean"] is True


def test_an_update_in_the_query_method_is_refused(server: Server) -> None:
    answer = httpx.request(
        "QUERY", f"{server.address}sparql", content=INSERT.encode(), headers={"Content-Type": _UPDATE}
    )
    refused(answer, 403, "read-only")
