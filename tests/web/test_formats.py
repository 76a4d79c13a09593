"""Formats as real clients ask for them: by headers of theirs, by parameters of theirs, as files, for a spreadsheet."""

import csv
import io
import json

import httpx
import pyoxigraph as ox
import pytest
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import SPARQLWrapper

from odatis_kg.web.negotiation import GRAPHS, NAMES, TABLES, graph_format, named_format, table_format
from tests.conftest import ROOT, Server

SELECT = 'SELECT ?x ?y { VALUES (?x ?y) { ("é;à"@fr 1) ("b" UNDEF) } }'
CONSTRUCT = "CONSTRUCT { ?s a ?c } WHERE { ?s a ?c } LIMIT 5"
PLACES = "PREFIX dcat: <http://www.w3.org/ns/dcat#> SELECT ?place ?box { ?place dcat:bbox ?box } LIMIT 7"

_JSON, _XML, _CSV = TABLES[:3]
_TURTLE, _NTRIPLES, _JSONLD, _RDFXML = GRAPHS[:4]
_HTML = "text/html"
# What clients send, and what each gets for a SELECT and for a CONSTRUCT.
CLIENTS = {
    "curl": ("*/*", _JSON, _TURTLE),
    "nothing": ("", _JSON, _TURTLE),
    "rapper": ("application/rdf+xml, text/rdf, text/turtle;q=0.9, application/x-turtle;q=0.9, */*;q=0.1", _JSON, _RDFXML),
    "OWL API": ("application/rdf+xml, application/xml; q=0.7, text/xml; q=0.6, text/plain; q=0.1, */*; q=0.09", _XML, _RDFXML),
    "rdflib": ("application/rdf+xml,text/rdf+n3;q=0.9,application/xhtml+xml;q=0.5, */*;q=0.1", _HTML, _RDFXML),
    "rdflib SPARQLStore": ("application/sparql-results+xml, application/rdf+xml", _XML, _RDFXML),
    "SPARQLWrapper": ("application/sparql-results+xml", _XML, None),
    "SPARQLWrapper for graphs": ("application/rdf+xml,text/turtle,application/ld+json,*/*;q=0.1", _JSON, _TURTLE),
    "Jena": (
        ("application/sparql-results+json, application/sparql-results+xml;q=0.9, text/tab-separated-values;q=0.7,"
        " text/csv;q=0.5, application/json;q=0.2, application/xml;q=0.2, */*;q=0.1"), _JSON, _JSONLD,
    ),
    "Jena for graphs": (
        "text/turtle,application/n-triples;q=0.9,application/ld+json;q=0.8,application/rdf+xml;q=0.7,*/*;q=0.3",
        _JSON, _TURTLE,
    ),
    "RDF4J": (
        ("application/sparql-results+xml;q=0.8, application/xml;q=0.8, application/x-binary-rdf-results-table,"
        " application/sparql-results+json;q=0.8, application/json;q=0.8, text/csv;q=0.8"), _JSON, _JSONLD,
    ),
    "RDF4J for graphs": (
        ("application/rdf+xml;q=0.8, application/n-triples;q=0.8, text/plain;q=0.8, text/turtle;q=0.8,"
        " application/x-turtle;q=0.8, application/ld+json;q=0.8, application/x-binary-rdf"), None, _TURTLE,
    ),
    "Comunica": (
        ("application/n-quads,application/trig;q=0.95,application/ld+json;q=0.9,application/n-triples;q=0.8,"
        "text/turtle;q=0.6,application/rdf+xml;q=0.5,text/n3;q=0.35,application/xml;q=0.3,text/html;q=0.2"),
        _XML, "application/n-quads",
    ),
    "Comunica for tables": (
        "application/sparql-results+json;q=1.0,application/sparql-results+xml;q=0.7,text/html;q=0.2", _JSON, _HTML,
    ),
    "YASGUI": ("application/sparql-results+json,*/*;q=0.9", _JSON, _TURTLE),
    "YASGUI for graphs": ("text/turtle,*/*;q=0.9", _JSON, _TURTLE),
    "httr": ("application/json, text/xml, application/xml, */*", _JSON, _JSONLD),
    "Firefox": ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", _HTML, _HTML),
    "Chrome": (
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
        "application/signed-exchange;v=b3;q=0.7"), _HTML, _HTML,
    ),
    "Safari": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", _HTML, _HTML),
    "with a profile": ('application/ld+json;profile="http://a/x, y;q=0.1";q=0.9, text/turtle;q=0.8', None, _JSONLD),
    "with a version": ("text/turtle; version=1.1, application/rdf+xml;q=0.5", None, _TURTLE),
    "nothing of ours": ("image/png, text/turtle;q=0", None, None),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_gets_what_it_asks_for(server: Server, client: str) -> None:
    accept, table, graph = CLIENTS[client]
    for query, expected in ((SELECT, table), (CONSTRUCT, graph)):
        answer = server.ask(query, accept)
        if expected is None:
            assert answer.status_code == 406
            offers = answer.json()["offers"]
            assert set(offers) & {*TABLES, *GRAPHS}
        else:
            assert answer.status_code == 200
            assert answer.headers["content-type"].partition(";")[0] == expected
        assert "accept" in answer.headers["vary"].lower()


@pytest.mark.parametrize("parameter", ["format", "output", "results"])
@pytest.mark.parametrize("name", NAMES)
def test_every_habitual_name_names_a_format(server: Server, parameter: str, name: str) -> None:
    query = PLACES if table_format(NAMES[name]) else CONSTRUCT
    answer = server.ask(query, "image/png", **{parameter: name.upper()})
    assert answer.status_code == 200
    expected = table_format(NAMES[name]) if query is PLACES else graph_format(NAMES[name])
    assert answer.headers["content-type"].partition(";")[0] == expected


def test_json_and_xml_are_those_of_the_result(server: Server) -> None:
    assert server.ask(CONSTRUCT, format="json").headers["content-type"] == _JSONLD
    assert server.ask(CONSTRUCT, format="xml").headers["content-type"] == _RDFXML
    assert server.ask(SELECT, format="xml").headers["content-type"] == _XML


@pytest.mark.parametrize("value", [*TABLES[:4], "application/sparql-results json", "Text/CSV;charset=utf-8"])
def test_a_whole_media_type_is_a_name_too(server: Server, value: str) -> None:
    answer = server.ask(SELECT, "image/png", format=value)
    assert answer.headers["content-type"].partition(";")[0] == value.replace(" ", "+").lower().partition(";")[0]


def test_an_unknown_format_is_an_error_and_an_unknown_output_says_nothing(server: Server) -> None:
    answer = server.ask(SELECT, format="xlsx")
    assert answer.status_code == 406
    assert "csv" in answer.json()["names"]
    assert named_format("xlsx") is None
    assert server.ask(SELECT, _CSV, output="xlsx", results="rows").headers["content-type"].startswith("text/csv")
    assert server.ask(SELECT, _JSON, output="auto", results="csv").headers["content-type"].startswith("text/csv")
    assert server.ask(SELECT, format="image/png").status_code == 406
    assert server.ask(CONSTRUCT, format="csv").status_code == 406
    assert server.ask(SELECT, format="").status_code == 200


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("json", _JSON), ("xml", _XML), ("csv", _CSV), ("tsv", TABLES[3]), ("turtle", _TURTLE), ("json-ld", _JSONLD)],
)
def test_the_library_that_names_its_format_three_times_is_understood(
    server: Server, name: str, media_type: str
) -> None:
    client = SPARQLWrapper(f"{server.address}sparql", returnFormat=name)
    client.setQuery(SELECT if media_type in TABLES else CONSTRUCT)
    answer = client.query().response
    assert answer.headers["Content-Type"].partition(";")[0] == media_type
    assert answer.read()


def test_rdflib_asks_as_a_store(server: Server) -> None:
    store = SPARQLStore(f"{server.address}sparql", method="POST")
    ((value, number),) = [row for row in store.query(SELECT) if row[1] is not None]
    assert (str(value), value.language, int(number)) == ("é;à", "fr", 1)


def test_csv_for_a_spreadsheet_begins_with_its_mark_and_is_the_same_otherwise(server: Server) -> None:
    plain = server.ask(SELECT, _CSV).content
    marked = server.ask(SELECT, _CSV, excel="1").content
    assert marked == b"\xef\xbb\xbf" + plain
    assert next(csv.reader(io.StringIO(plain.decode()))) == ["x", "y"]
    assert server.ask(SELECT, _JSON, excel="1").content == server.ask(SELECT, _JSON).content
    assert server.ask(CONSTRUCT, f"{_CSV}, {_NTRIPLES}", excel="1").content.startswith(b"<")
    assert server.ask(SELECT, _CSV, excel="0").content == plain


def test_a_result_to_save_has_a_name(server: Server) -> None:
    said = [
        server.ask(query, format=name, download="1").headers["content-disposition"]
        for query, name in ((SELECT, "csv"), (SELECT, "csv"), (CONSTRUCT, "ttl"), (SELECT, "json"))
    ]
    assert said[0] == said[1]
    assert [one.rpartition(".")[2] for one in said] == ['csv"', 'csv"', 'ttl"', 'json"']
    assert all(one.startswith('attachment; filename="odatis-kg-') for one in said)
    assert "content-disposition" not in server.ask(SELECT, _CSV).headers


def test_geojson_of_places_opens_as_features(server: Server) -> None:
    answer = server.ask(PLACES, format="geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    document = answer.json()
    assert len(document["features"]) == 7
    assert all(one["geometry"]["type"] == "Polygon" for one in document["features"])
    assert all(set(one["properties"]) == {"place"} for one in document["features"])


def test_geojson_without_a_geometry_is_406_and_says_what_is_needed(server: Server) -> None:
    answer = server.ask(SELECT, format="geojson")
    assert answer.status_code == 406
    assert answer.json()["type"].endswith("/problems/unwritable-result")
    assert "wktLiteral" in answer.json()["detail"]


def test_what_a_format_cannot_say_is_406_and_says_which_can(server: Server) -> None:
    # A character that XML has no way to write, made from one that a query may hold.
    query = 'SELECT (SUBSTR(STR(?x), 1) AS ?y) { VALUES ?x { "a\\u0001b" } }'
    answer = server.ask(query, _XML)
    assert answer.status_code == 406
    assert "JSON" in answer.json()["detail"]
    assert server.ask(query, _JSON).json()["results"]["bindings"][0]["y"]["value"] == "a\x01b"
    answer = server.ask("CONSTRUCT { <x:s> <http://example.org/1> 1 } {}", _RDFXML)
    assert (answer.status_code, answer.json()["type"][-17:]) == (406, "unwritable-result")


def test_the_context_is_served_for_good(server: Server) -> None:
    answer = server.get("context/v1.jsonld")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "immutable" in answer.headers["cache-control"]
    assert server.get("context/v1.jsonld", If_None_Match=answer.headers["etag"]).status_code == 304
    content = server.ask(CONSTRUCT, _JSONLD).json()
    assert content["@context"] == "http://localhost:8000/context/v1.jsonld"
    merged = json.dumps({**content, **answer.json()}).encode()
    assert len(list(ox.parse(merged, ox.RdfFormat.JSON_LD))) == 5


# Requests that are none


def test_a_body_without_a_length_is_cut_off_while_it_is_read(server: Server) -> None:
    def endless() -> object:
        for _ in range(400):
            yield b"#" * 10_000

    answer = httpx.post(
        f"{server.address}sparql",
        content=endless(),
        headers={"Content-Type": "application/sparql-query"},
        timeout=30,  # type: ignore[arg-type]
    )
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/problems/too-large")


@pytest.mark.parametrize("kind", ["application/sparql-query", "application/x-www-form-urlencoded"])
def test_a_body_in_a_coding_or_a_charset_that_is_not_read_is_415(server: Server, kind: str) -> None:
    for headers, said in (
        ({"Content-Type": kind, "Content-Encoding": "gzip"}, "gzip"),
        ({"Content-Type": f"{kind}; charset=iso-8859-1"}, "iso-8859-1"),
    ):
        answer = httpx.post(f"{server.address}sparql", content=b"ASK {}", headers=headers)
        assert answer.status_code == 415
        assert said in answer.json()["detail"]
    for charset in ("utf-8", '"UTF-8"', "utf8"):
        body = b"ASK {}" if kind.endswith("query") else b"query=ASK%7B%7D"
        answer = httpx.post(
            f"{server.address}sparql", content=body, headers={"Content-Type": f"{kind}; charset={charset}"}
        )
        assert answer.status_code == 200


def test_a_length_that_is_no_number_is_400(server: Server) -> None:
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\nContent-Type: application/sparql-query\r\n\r\nASK {}"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_query_that_takes_too_long_is_told_what_to_narrow(server: Server) -> None:
    answer = server.ask("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", timeout="0.4")
    assert answer.status_code == 504
    problem = answer.json()
    assert problem["seconds"] == pytest.approx(0.4)
    assert "nothing joins '?a ?b ?c' with '?d ?e ?f'" in problem["detail"]
    assert len(problem["narrow"]) >= 2


def test_an_error_has_its_token_and_a_suggestion(server: Server) -> None:
    problem = server.ask("SELECT * {\n  ?s a dcta:Dataset }").json()
    assert problem["line"] == 2
    assert problem["column"] == 8
    assert problem["token"] == "dcta:Dataset"
    assert problem["suggestion"] == "PREFIX dcat: <http://www.w3.org/ns/dcat#>"


def test_the_page_for_clients_names_every_format_and_problem_it_should() -> None:
    page = (ROOT / "docs" / "sparql.md").read_text(encoding="utf-8")
    assert all(f"`{media_type}`" in page for media_type in (*TABLES, *GRAPHS))
    listed = next(line for line in page.splitlines() if line.startswith("`json xml"))
    assert set(listed.split("`")[1].split()) | {"rdf-xml", "rdf/xml"} == set(NAMES)
    assert all(
        f"`{name}`" in page for name in ("timeout", "out-of-memory", "result-too-large", "too-large", "overloaded")
    )
