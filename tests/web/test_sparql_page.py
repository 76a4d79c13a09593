"""The page of a result: without a script, honest about what it leaves out, helpful about what is wrong."""

import re
import time
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx

from odatis_kg.store.syntax import page_after
from odatis_kg.web.pages.rows import FirstRows
from tests.conftest import Server

_ALL = "SELECT ?s ?p ?o { ?s ?p ?o }"


def page(server: Server, query: str, **more: str) -> httpx.Response:
    return httpx.get(
        f"{server.address}sparql", params={"query": query, **more}, headers={"Accept": "text/html"}, timeout=60
    )


def links(answer: httpx.Response) -> dict[str, str]:
    found = re.findall(r'<a href="(/sparql\?[^"]*)"[^>]*>([^<]+)</a>', answer.text)
    return {unescape(text): unescape(href) for href, text in found}


def test_a_result_links_to_the_same_in_every_format(server: Server) -> None:
    graph = "http://localhost:8000/graph/record/demo/magest"
    answer = page(server, "SELECT ?s { ?s ?p ?o } LIMIT 3", **{"default-graph-uri": graph, "timeout": "7"})
    assert "3 rows" in answer.text
    assert "<script" not in answer.text
    assert re.search(r"Answered in \d+\.\d\d s", answer.text)
    asked = links(answer)
    for name, media_type in (("JSON", "application/sparql-results+json"), ("CSV", "text/csv"), ("TSV", "text/tab"), ("XML", "application/sparql-results+xml")):  # fmt: skip
        parameters = parse_qs(urlsplit(asked[name]).query)
        assert parameters["default-graph-uri"] == [graph]
        assert parameters["timeout"] == ["7"]
        assert server.get(asked[name]).headers["content-type"].startswith(media_type)
    assert server.get(asked["CSV for Excel"]).content.startswith(b"\xef\xbb\xbf")
    assert f'name="default-graph-uri" value="{graph}"' in answer.text


def test_a_graph_is_shown_in_turtle(server: Server) -> None:
    answer = page(server, "CONSTRUCT { ?s a ?c } { ?s a ?c } LIMIT 3")
    assert "@prefix" in answer.text
    assert {"Turtle", "JSON-LD", "RDF/XML", "N-Triples", "TriG", "N-Quads"} <= set(links(answer))


def test_what_is_left_out_is_announced_with_the_way_to_the_whole(server: Server) -> None:
    answer = page(server, _ALL)
    assert "The first 1,000 rows" in answer.text
    assert "gives the whole of it" in answer.text
    assert "ORDER BY" in answer.text
    assert answer.text.count("<tr>") == 1_001
    whole = server.get(links(answer)["CSV"]).content
    assert whole.count(b"\r\n") > 10_000
    long = page(server, "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }")
    assert "This page shows a part" in long.text
    assert len(long.content) < 1_000_000


def test_an_ordered_result_goes_on_page_by_page_without_a_gap(server: Server) -> None:
    answer = page(server, "SELECT DISTINCT ?s { ?s a ?c } ORDER BY ?s")
    following = links(answer)["Next rows"]
    (query,) = parse_qs(urlsplit(following).query)["query"]
    assert query.endswith("LIMIT 1000 OFFSET 1000\n")
    whole = server.ask("SELECT DISTINCT ?s { ?s a ?c } ORDER BY ?s", "text/csv").text.splitlines()[1:]
    assert server.ask(query, "text/csv").text.splitlines()[1:] == whole[1_000:2_000]


def test_the_page_of_a_huge_result_comes_before_the_result_is_made(server: Server) -> None:
    """16,000 times 16,000 rows would be gigabytes; reading stops at what is shown."""
    begun = time.monotonic()
    answer = page(server, "SELECT * { ?a ?b ?c . ?d ?e ?f }")
    assert time.monotonic() - begun < 15
    assert answer.status_code == 200
    assert "The first 1,000 rows" in answer.text


def test_an_error_shows_the_line_with_a_caret_under_the_fault(server: Server) -> None:
    answer = page(server, "SELECT * {\n  ?s a ?c FITLER(?c = 1)\n}")
    assert answer.status_code == 400
    text = unescape(answer.text)
    assert "  ?s a ?c FITLER(?c = 1)\n          ^^^^^^" in text
    assert "Write: <code>FILTER</code>" in text
    assert '/problems/bad-query"' in text


def test_what_a_visitor_writes_is_never_markup(server: Server) -> None:
    answer = page(server, "SELECT ('<script>alert(1)</script>' AS ?x) { } # </textarea><script>")
    assert "<script" not in answer.text
    answer = page(server, 'SELECT <script> { ?x dc"><script>')
    assert "<script" not in answer.text


def test_the_next_page_is_offered_only_where_the_order_is_stated() -> None:
    assert page_after("SELECT * { ?s ?p ?o }", 1_000, 1_000) is None
    assert page_after("SELECT * { { SELECT * { ?s ?p ?o } ORDER BY ?s } }", 1_000, 1_000) is None
    assert page_after("SELECT * { ?s ?p ?o } ORDER BY ?s VALUES ?s { 1 }", 1_000, 1_000) is None
    ordered = "SELECT * { ?s ?p ?o } ORDER BY ?s"
    assert page_after(ordered, 1_000, 1_000) == f"{ordered}\nLIMIT 1000 OFFSET 1000\n"
    assert page_after(f"{ordered} LIMIT 5000 OFFSET 7", 1_000, 1_000) == f"{ordered}\nLIMIT 1000 OFFSET 1007\n"
    assert page_after(f"{ordered} OFFSET 7 LIMIT 20", 20, 1_000) == f"{ordered}\nLIMIT 20 OFFSET 27\n"


def test_rows_are_read_from_pieces_of_any_size() -> None:
    content = '{"head":{"vars":["a","b"]},"results": { "bindings": [ {"a":{"type":"uri","value":"x:é"}} ,\n{"b":{"type":"literal","value":"]}"}},{}]}}'.encode()  # fmt: skip
    for size in (1, 2, 3, 7, 1_000):
        found = FirstRows(10, 1_000)
        for start in range(0, len(content), size):
            assert found.feed(content[start : start + size])
        assert found.columns == ["a", "b"]
        assert [{name: value.value for name, value in row.items()} for row in found.rows] == [
            {"a": "x:é"}, {"b": "]}"}, {}
        ]  # fmt: skip
        assert not found.more
    found = FirstRows(2, 1_000)
    assert not found.feed(content)
    assert found.more
    assert len(found.rows) == 2
