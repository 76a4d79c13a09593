"""The SPARQL 1.1 Graph Store HTTP Protocol, read side; the entries of the W3C suite that write are refused."""

import json

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.store.engine import GraphFormat
from tests.conftest import Built, Server
from tests.support import triples_in

ONE = "http://localhost:8000/graph/record/demo/magest"


def statements(demo: Built, graph: str | None) -> set[ox.Triple]:
    store = ox.Store.read_only(str(demo.release.store))
    name = ox.NamedNode(graph) if graph else ox.DefaultGraph()
    return {quad.triple for quad in store.quads_for_pattern(None, None, None, name)}


@pytest.mark.parametrize("format_", GraphFormat)
def test_get_of_a_named_graph_in_every_format(server: Server, demo: Built, format_: GraphFormat) -> None:
    answer = httpx.get(f"{server.address}graphs", params={"graph": ONE}, headers={"Accept": format_.value})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == format_.value
    content = answer.content
    if format_ is GraphFormat.JSONLD:
        content = json.dumps({**json.loads(content), **server.get("context/v1.jsonld").json()}).encode()
    read = triples_in(content, format_.value)
    assert read == statements(demo, ONE)
    assert len(read) > 10


def test_get_of_the_default_graph_is_the_union(server: Server, demo: Built) -> None:
    answer = server.get("graphs?default", Accept="application/n-triples")
    assert triples_in(answer.content, "application/n-triples") == statements(demo, None)


def test_get_of_default_with_an_empty_value_is_the_same(server: Server) -> None:
    head = httpx.head(f"{server.address}graphs?default=")
    assert head.status_code == 200
    assert head.content == b""


def test_direct_identification_gives_the_same_graph(server: Server) -> None:
    direct = server.get("graph/record/demo/magest", Accept="application/n-triples").content
    indirect = server.get(f"graphs?graph={ONE}", Accept="application/n-triples").content
    assert sorted(direct.splitlines()) == sorted(indirect.splitlines())


def test_get_of_a_graph_that_is_not_there_is_404(server: Server) -> None:
    answer = server.get("graphs?graph=http://example.org/none")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/problems/not-found")


def test_head_on_an_existing_graph(server: Server) -> None:
    answer = httpx.head(f"{server.address}graphs", params={"graph": ONE})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/turtle; charset=utf-8"


def test_head_on_a_non_existing_graph(server: Server) -> None:
    assert httpx.head(f"{server.address}graphs?graph=http://example.org/none").status_code == 404


@pytest.mark.parametrize(
    "asked", ["", "?graph=", "?graph=no", f"?graph={ONE}&default", f"?graph={ONE}&graph={ONE}", "?default&default=&graph=x:y",
              "?graph=x:%3E%20%7D", "?graph=%FF"],
)  # fmt: skip
def test_exactly_one_graph_is_to_be_named(server: Server, asked: str) -> None:
    assert server.get(f"graphs{asked}").status_code == 400


def test_a_format_that_no_graph_has_is_406_with_the_list(server: Server) -> None:
    answer = server.get(f"graphs?graph={ONE}", Accept="text/csv")
    assert answer.status_code == 406
    assert "text/turtle" in answer.json()["offers"]
    assert server.get(f"graphs?graph={ONE}&format=trig").headers["content-type"] == "application/trig"


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["graphs?default", f"graphs?graph={ONE}", "graphs", "graph/record/demo/magest"])
def test_nothing_is_written(server: Server, method: str, path: str) -> None:
    """PUT of an initial state, of an empty graph, POST to existing and new graphs, multipart, DELETE: all the same."""
    answer = httpx.request(
        method, f"{server.address}{path}", content=b"<x:s> <x:p> 1 .", headers={"Content-Type": "text/turtle"}
    )
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/problems/read-only")


def test_other_methods_are_405_with_those_that_are_offered(server: Server) -> None:
    answer = httpx.request("TRACE", f"{server.address}graphs?default")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
