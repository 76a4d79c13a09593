"""`/sparql` asked by the clients that people use, each as it is: they read what our own engine gives, and never half of it."""

import csv
import http.client
import io
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import SPARQLWrapper

from odatis_kg.config import load
from odatis_kg.pipeline.building import build
from odatis_kg.resources import folder
from odatis_kg.web.negotiation import GRAPHS, TABLES
from tests.conftest import Built, Server, serving
from tests.contract.conftest import serving_natively
from tests.support import quiet
from tests.web.comunica import Comunica, installed
from tests.web.test_formats import CLIENTS

NAMES = """PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX ex: <http://example.org/>
"""
SELECT = NAMES + "SELECT ?dataset ?title { ?dataset a dcat:Dataset ; dct:title ?title }"
CONSTRUCT = NAMES + "CONSTRUCT { ?dataset dct:title ?title } WHERE { ?dataset a dcat:Dataset ; dct:title ?title }"
ASK = NAMES + "ASK { ?dataset a dcat:Dataset }"
COMPARE = NAMES + "SELECT ?dataset ?title ?note { ?dataset ex:note ?note ; dct:title ?title }"
CROSS = "SELECT * { ?a ?b ?c . ?d ?e ?f }"
TABLE_SYNTAX = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}

Row = tuple[str, ...]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose public address is where it listens, for clients that follow what it says of itself."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/"
    settings = load(data_dir=tmp_path_factory.mktemp("own"), source="demo", base_url=base, release={"shacl": False})
    build([folder("demo")], settings, quiet)
    with serving(settings.data_dir, "--port", str(port), ODATIS_KG_BASE_URL=base) as running:
        yield Server(running.process, base)


@pytest.fixture(scope="module")
def small(demo: Built) -> Iterator[Server]:
    """A server that gives no more than 1 MB."""
    with serving(demo.settings.data_dir, "--workers", "1", ODATIS_KG_QUERY__RESULT_MB="1") as running:
        yield running


@pytest.fixture(scope="session")
def comunica(tmp_path_factory: pytest.TempPathFactory) -> Comunica:
    """Installed once for all processes of the run."""
    place = tmp_path_factory.getbasetemp()
    return installed(place.parent if "PYTEST_XDIST_WORKER" in os.environ else place)


@pytest.fixture(scope="module")
def notes(own: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Turtle file of a visitor's: a note on two data sets of ours, and one on a thing that we do not know."""
    path = tmp_path_factory.mktemp("notes") / "notes.ttl"
    path.write_text(
        f"@prefix ex: <http://example.org/> . @prefix dataset: <{own.address}id/dataset/demo/> .\n"
        'dataset:magest ex:note "relu le 3 février"@fr .\n'
        'dataset:argo-gdac ex:note "seen" .\n'
        'ex:elsewhere ex:note "not of ours" .\n'
    )
    return path


@pytest.fixture(scope="module")
def compared(own: Server, notes: Path) -> list[Row]:
    """The rows of `COMPARE` on our graph and the notes, as one store evaluates them that holds both."""
    both = ox.Store()
    titles = own.ask(CONSTRUCT, "application/n-triples").content
    both.load(titles, ox.RdfFormat.N_TRIPLES)
    both.load(path=notes)
    rows = rows_of(both.query(COMPARE))
    assert len({row[0] for row in rows}) == 2
    return rows


def rows_of(solutions: Iterable[ox.QuerySolution]) -> list[Row]:
    """The rows of a result, each a tuple of N-Triples terms, sorted."""
    return sorted(tuple("" if term is None else str(term) for term in solution) for solution in solutions)


def rows_in(content: bytes | str, media_type: str = TABLES[0]) -> list[Row]:
    """The rows of a written result; those of CSV are bare values."""
    if media_type == "text/csv":
        text = content if isinstance(content, str) else content.decode()
        return sorted(tuple(row) for row in list(csv.reader(io.StringIO(text, newline="")))[1:])
    return rows_of(ox.parse_query_results(content, TABLE_SYNTAX[media_type]))  # type: ignore[arg-type]


def values_in(rows: list[Row]) -> list[Row]:
    """The rows as CSV has them."""
    terms = (tuple(ox.parse(f"<x:s> <x:p> {term} .", ox.RdfFormat.N_TRIPLES) for term in row) for row in rows)
    return sorted(tuple(next(iter(triple)).object.value for triple in row) for row in terms)  # type: ignore[union-attr]


def triples_in(content: bytes | str, media_type: str, server: Server) -> set[str]:
    """The triples of a graph; JSON-LD with the context that it names, which the server has."""
    if media_type == "application/ld+json":
        document = json.loads(content)
        context = server.get("context/" + document["@context"].rpartition("/")[2]).json()
        content = json.dumps({**document, **context})
    syntax = ox.RdfFormat.from_media_type(media_type)
    assert syntax is not None
    return {str(quad.triple) for quad in ox.parse(content, syntax)}


@pytest.fixture(scope="module")
def rows(own: Server) -> list[Row]:
    return rows_in(own.ask(SELECT).content)


@pytest.fixture(scope="module")
def triples(own: Server) -> set[str]:
    found = triples_in(own.ask(CONSTRUCT, "application/n-triples").content, "application/n-triples", own)
    assert len(found) > 50
    return found


# curl

# What people write after -H 'Accept: ', and what each gets for a SELECT and for a CONSTRUCT.
WRITTEN = {
    **{media_type: (media_type, None) for media_type in TABLES if media_type != "application/geo+json"},
    **{media_type: (None, media_type) for media_type in GRAPHS},
    "application/json": (TABLES[0], "application/ld+json"),
    "application/xml": (TABLES[1], "application/rdf+xml"),
    "text/xml": (TABLES[1], "application/rdf+xml"),
    "text/plain": (None, "application/n-triples"),
    "text/n3": (None, "text/turtle"),
    "text/rdf+n3": (None, "text/turtle"),
    "application/x-turtle": (None, "text/turtle"),
    "text/*": ("text/csv", "text/turtle"),
    "application/*": (TABLES[0], "application/n-triples"),
    "text/html": ("text/html", "text/html"),
    **{header: (table, graph) for header, table, graph in CLIENTS.values()},
}


def curl(*flags: str) -> tuple[str, str, bytes]:
    """The status, the media type and the body that curl got."""
    command = ["curl", "-sS", "--max-time", "30", "-w", "\n%{http_code} %{content_type}", *flags]
    content, _, said = subprocess.run(command, capture_output=True, check=True, timeout=40).stdout.rpartition(b"\n")
    status, _, media_type = said.decode().partition(" ")
    return status, media_type.partition(";")[0], content


@pytest.mark.parametrize("accept", WRITTEN)
def test_curl_gets_what_its_header_asks_for(own: Server, rows: list[Row], triples: set[str], accept: str) -> None:
    # Without a value, curl leaves its own header out.
    for query, expected in zip((SELECT, CONSTRUCT), WRITTEN[accept], strict=True):
        status, media_type, content = curl(
            f"{own.address}sparql", "-H", f"Accept: {accept}".strip(), "--data-urlencode", f"query={query}"
        )
        if expected is None:
            assert (status, media_type) == ("406", "application/problem+json")
            assert json.loads(content)["offers"]
            continue
        assert (status, media_type) == ("200", expected)
        if expected == "text/html":
            assert content.rstrip().endswith(b"</html>")
        elif expected == "text/csv":
            assert rows_in(content, expected) == values_in(rows)
        elif query is SELECT:
            assert rows_in(content, expected) == rows
        else:
            assert triples_in(content, expected, own) == triples


@pytest.mark.parametrize(
    "flags",
    [
        ["-G", "--data-urlencode", f"query={SELECT}"],
        ["--data-urlencode", f"query={SELECT}"],
        ["-F", f"query={SELECT}"],
        ["--data-binary", SELECT, "-H", "Content-Type: application/sparql-query"],
        ["-X", "QUERY", "--data-binary", SELECT, "-H", "Content-Type: application/sparql-query"],
        ["-G", "--data-urlencode", f"query={SELECT}", "--compressed"],
        ["-G", "--data-urlencode", f"query={SELECT}", "--http1.0"],
        ["-G", "--data-urlencode", f"query={SELECT}", "-d", "format=json", "-L"],
    ],
    ids=["get", "form", "multipart", "direct", "query", "compressed", "http1.0", "format"],
)
def test_curl_asks_in_every_way(own: Server, rows: list[Row], flags: list[str]) -> None:
    status, media_type, content = curl(f"{own.address}sparql", *flags)
    if "-F" in flags:
        assert (status, media_type) == ("415", "application/problem+json")
        assert "multipart/form-data" in json.loads(content)["detail"]
    else:
        assert (status, media_type) == ("200", TABLES[0])
        assert rows_in(content) == rows


def test_curl_that_is_to_fail_on_errors_does(own: Server) -> None:
    for query, code in ((SELECT, 0), ("SELECT * {", 22)):
        command = ["curl", "-sf", "-o", "/dev/null", f"{own.address}sparql", "--data-urlencode", f"query={query}"]
        assert subprocess.run(command, timeout=30).returncode == code


# SPARQLWrapper


@pytest.mark.parametrize("way", ["GET", "POST urlencoded", "POST postdirectly"])
@pytest.mark.parametrize("name", ["json", "xml", "csv", "tsv"])
def test_sparqlwrapper_reads_tables(own: Server, rows: list[Row], name: str, way: str) -> None:
    client = wrapper(own, name, way)
    client.setQuery(SELECT)
    found = client.queryAndConvert()
    if name == "json":
        assert rows_in(json.dumps(found)) == rows
    elif name == "xml":
        assert rows_in(found.toxml(), TABLES[1]) == rows
    else:
        assert rows_in(found, {"csv": "text/csv", "tsv": TABLES[3]}[name]) == (
            rows if name == "tsv" else values_in(rows)
        )


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Sending Accept header:RuntimeWarning")  # it then asks by its parameters alone
@pytest.mark.parametrize("way", ["GET", "POST urlencoded", "POST postdirectly"])
@pytest.mark.parametrize("name", ["json", "xml", "turtle", "n3", "rdf", "rdf+xml", "json-ld"])
def test_sparqlwrapper_reads_graphs(own: Server, triples: set[str], name: str, way: str) -> None:
    client = wrapper(own, name, way)
    client.setQuery(CONSTRUCT)
    found = client.queryAndConvert()
    if isinstance(found, rdflib.Graph):
        assert triples_in(found.serialize(format="nt"), "application/n-triples", own) == triples
    else:
        assert triples_in(found, "text/turtle", own) == triples


def test_sparqlwrapper_reads_answers_to_ask(own: Server) -> None:
    for query, answer in ((ASK, True), ("ASK { ?x <http://example.org/none> ?y }", False)):
        client = wrapper(own, "json", "GET")
        client.setQuery(query)
        assert client.queryAndConvert()["boolean"] is answer


def wrapper(server: Server, name: str, way: str) -> SPARQLWrapper:
    client = SPARQLWrapper(f"{server.address}sparql", returnFormat=name)
    method, _, request = way.partition(" ")
    client.setMethod(method)
    if request:
        client.setRequestMethod(request)
    return client


# rdflib


def of_rdflib(found: Iterable[Iterable[rdflib.term.Identifier]]) -> list[Row]:
    """Rows of rdflib as `rows_of` gives them, by way of N-Triples."""
    written = (
        tuple(ox.NamedNode(str(one)) if isinstance(one, rdflib.URIRef) else _literal(one) for one in row)
        for row in found
    )
    return sorted(tuple(map(str, row)) for row in written)


def _literal(one: rdflib.term.Identifier) -> ox.Literal:
    assert isinstance(one, rdflib.Literal)
    return ox.Literal(str(one), language=one.language)


@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
@pytest.mark.parametrize("name", ["xml", "json", "csv", "tsv"])
def test_the_store_of_rdflib_asks_in_every_way(own: Server, rows: list[Row], name: str, method: str) -> None:
    store = SPARQLStore(f"{own.address}sparql", method=method, returnFormat=name)
    found = list(store.query(SELECT))
    if name == "csv":
        assert sorted(tuple(map(str, row)) for row in found) == values_in(rows)
    else:
        assert of_rdflib(found) == rows


def test_the_store_of_rdflib_is_a_graph(own: Server, triples: set[str]) -> None:
    graph = rdflib.Graph(SPARQLStore(f"{own.address}sparql"))
    magest, title = rdflib.URIRef(f"{own.address}id/dataset/demo/magest"), rdflib.DCTERMS.title
    said = {str(ox.NamedNode(str(magest))) + " " + row[0] for row in of_rdflib([[one] for one in graph[magest:title]])}
    assert said == {
        triple.replace(f" {ox.NamedNode(str(title))} ", " ") for triple in triples if str(magest) + ">" in triple
    }
    assert (magest, rdflib.RDF.type, rdflib.DCAT.Dataset) in graph
    assert (magest, rdflib.RDF.type, rdflib.FOAF.Person) not in graph
    assert len(graph) == int(own.ask("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "text/csv").text.split()[1])
    bound = graph.query(SELECT, initBindings={"dataset": magest})
    assert {str(row[1]) for row in bound} == {str(one) for one in graph[magest:title]}
    built = graph.query(CONSTRUCT).graph
    assert built is not None
    assert triples_in(built.serialize(format="nt"), "application/n-triples", own) == triples


def test_the_store_of_rdflib_sees_the_named_graphs(own: Server) -> None:
    name = f"{own.address}graph/record/demo/magest"
    store = SPARQLStore(f"{own.address}sparql")
    found = set(rdflib.Graph(store, rdflib.URIRef(name)).triples((None, rdflib.DCTERMS.title, None)))
    count = f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{name}> {{ ?s <{rdflib.DCTERMS.title}> ?o }} }}"
    assert len(found) == int(own.ask(count, "text/csv").text.split()[1]) > 0
    named = own.ask("SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }", "text/csv").text.split()[1:]
    assert {str(one) for one in store.contexts()} == set(named)
    assert name in named


def test_rdflib_calls_it_as_a_service(own: Server, notes: Path, compared: list[Row]) -> None:
    graph = rdflib.Graph().parse(notes)
    assert of_rdflib(graph.query(calling(own))) == compared


# Oxigraph


def calling(server: Server) -> str:
    """`COMPARE`, with the titles from a server of ours and the notes from where it is asked."""
    return COMPARE.replace("; dct:title ?title", f"SERVICE <{server.address}sparql> {{ ?dataset dct:title ?title }}")


def test_oxigraph_calls_it_as_a_service(own: Server, notes: Path, compared: list[Row]) -> None:
    store = ox.Store()
    store.load(path=notes)
    assert rows_of(store.query(calling(own))) == compared


def test_a_search_by_words_works_from_inside_a_service(own: Server) -> None:
    words = f"?dataset <{own.address}def/odk#textMatch> 'estuaire'"
    found = rows_of(ox.Store().query(f"SELECT ?dataset {{ SERVICE <{own.address}sparql> {{ {words} }} }}"))
    assert found == rows_in(own.ask(f"SELECT ?dataset {{ {words} }}").content)
    assert (f"<{own.address}id/dataset/demo/magest>",) in found


def test_oxigraph_tells_why_it_was_refused(own: Server) -> None:
    with pytest.raises(OSError, match=r"400 Bad Request.*\n.*SERVICE is not allowed"):
        list(ox.Store().query(f"SELECT * {{ SERVICE <{own.address}sparql> {{ SERVICE <x:y> {{ ?s ?p ?o }} }} }}"))


@pytest.fixture
def native(notes: Path, tmp_path: Path) -> Iterator[str]:
    """The address of Oxigraph's own server on the notes."""
    store = ox.Store(tmp_path / "notes")
    store.load(path=notes)
    store.flush()
    del store
    with serving_natively(tmp_path / "notes") as address:
        yield address


def test_the_server_of_oxigraph_calls_it_as_a_service(own: Server, native: str, compared: list[Row]) -> None:
    status, _, content = curl(native, "-H", f"Accept: {TABLES[0]}", "--data-urlencode", f"query={calling(own)}")
    assert status == "200", content
    assert rows_in(content) == compared


def test_where_it_is_allowed_we_call_the_server_of_oxigraph(demo: Built, native: str) -> None:
    asked = f"SELECT ?dataset ?note {{ SERVICE <{native}> {{ ?dataset <http://example.org/note> ?note }} }}"
    with serving(demo.settings.data_dir, "--workers", "1", ODATIS_KG_QUERY__SERVICE_ALLOW=json.dumps([native])) as ours:
        answer = ours.ask(asked)
        assert answer.status_code == 200, answer.text
        assert rows_in(answer.content) == rows_in(curl(native, "--data-urlencode", f"query={asked}")[2])
        assert len(rows_in(answer.content)) == 3
        assert ours.ask(asked.replace(native, f"{native}/more")).status_code == 400


# Comunica


@pytest.fixture(scope="module")
def answered(own: Server, notes: Path, comunica: Comunica) -> dict[str, dict[str, object]]:
    """What Comunica answers to each query, from us alone and together with the notes; asked once, as Node starts slowly."""
    service = f"{own.address}sparql"
    alone, joined = _comunica_alone(own), {"joined": COMPARE, "bound": BOUND, "named": NAMED, "searched": searched(own)}
    answers = [
        *comunica.ask(list(alone.values()), [service]),
        *comunica.ask(list(joined.values()), [service], [notes]),
        *comunica.ask([calling(own)], [], [notes]),
    ]
    return dict(zip((*alone, *joined, "called"), answers, strict=True))


# All that is said of what has a note: which half comes from where is for Comunica to find out.
BOUND = NAMES + "SELECT ?thing ?note ?property ?value { ?thing ex:note ?note ; ?property ?value }"
NAMED = NAMES + "SELECT ?graph ?dataset ?title { ?dataset ex:note ?note . GRAPH ?graph { ?dataset dct:title ?title } }"


def searched(own: Server) -> str:
    """The notes on what a search by words finds. Only we can search, as the description of the service says."""
    return NAMES + f"SELECT ?dataset ?note {{ ?dataset <{own.address}def/odk#textMatch> 'estuaire' ; ex:note ?note }}"


def _comunica_alone(own: Server) -> dict[str, str]:
    return {
        "select": SELECT,
        "construct": CONSTRUCT,
        "ask": ASK,
        "ask in vain": "ASK { ?x <http://example.org/none> ?y }",
        "describe": f"DESCRIBE <{own.address}id/dataset/demo/magest>",
        "count": "SELECT ?graph (COUNT(*) AS ?n) { GRAPH ?graph { ?s ?p ?o } } GROUP BY ?graph",
        "from": f"SELECT ?s ?p FROM <{own.address}graph/record/demo/magest> {{ ?s ?p ?o }}",
        "words": f"SELECT ?dataset {{ ?dataset <{own.address}def/odk#textMatch> 'estuaire' }}",
        "function": NAMES
        + """SELECT ?place { ?place dcat:bbox ?box FILTER(<http://www.opengis.net/def/function/geosparql/sfWithin>(?box,
        'POLYGON((-180 0,180 0,180 90,-180 90,-180 0))'^^<http://www.opengis.net/ont/geosparql#wktLiteral>)) }""",
        "refused": "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    }


def of_comunica(answer: dict[str, object], query: str) -> list[Row]:
    """Its rows with the columns as the query has them; it adds figures of its own to JSON results."""
    assert answer.get("kind") == "bindings", answer
    document = json.loads(str(answer["content"]))
    columns = re.findall(r"\?(\w+)", query[query.index("SELECT") :].partition("{")[0])
    assert set(document["head"]["vars"]) == set(columns)
    return rows_in(json.dumps({"head": {"vars": columns}, "results": document["results"]}))


@pytest.mark.parametrize("name", ["select", "count", "from", "words", "function"])
def test_comunica_reads_our_tables(own: Server, answered: dict[str, dict[str, object]], name: str) -> None:
    answer, query = answered[name], _comunica_alone(own)[name]
    expected = rows_in(own.ask(query).content)
    assert of_comunica(answer, query) == expected
    assert expected
    # The query went to the service whole: it was not taken apart, nor answered from the description of the service.
    assert len(answer["asked"]) <= 2  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["construct", "describe"])
def test_comunica_reads_our_graphs(own: Server, answered: dict[str, dict[str, object]], name: str) -> None:
    answer = answered[name]
    assert answer.get("kind") == "quads", answer
    ours = own.ask(_comunica_alone(own)[name], "application/n-triples").content
    expected = triples_in(ours, "application/n-triples", own)
    assert triples_in(str(answer["content"]), "application/n-triples", own) == expected
    assert expected


def test_comunica_reads_our_answers_to_ask(answered: dict[str, dict[str, object]]) -> None:
    for name, expected in (("ask", True), ("ask in vain", False)):
        assert json.loads(str(answered[name]["content"]))["boolean"] is expected, answered[name]


@pytest.mark.parametrize("name", ["joined", "called"])
def test_comunica_joins_us_with_a_file(answered: dict[str, dict[str, object]], compared: list[Row], name: str) -> None:
    assert of_comunica(answered[name], COMPARE) == compared


def test_comunica_leaves_searches_to_us(
    own: Server, answered: dict[str, dict[str, object]], compared: list[Row]
) -> None:
    found = {row[0] for row in rows_in(own.ask(_comunica_alone(own)["words"]).content)}
    expected = sorted({(row[0], row[2]) for row in compared if row[0] in found})
    assert of_comunica(answered["searched"], searched(own)) == expected
    assert len(expected) == 1


def test_comunica_finds_out_what_is_ours_and_what_is_of_the_file(
    own: Server, notes: Path, answered: dict[str, dict[str, object]]
) -> None:
    both = ox.Store()
    both.bulk_load(own.get("graphs?default", Accept="application/n-triples").content, ox.RdfFormat.N_TRIPLES)
    both.load(path=notes)
    expected = rows_of(both.query(BOUND))
    assert of_comunica(answered["bound"], BOUND) == expected
    noted = " ".join(f"<{own.address}id/dataset/demo/{key}>" for key in ("magest", "argo-gdac"))
    expected = rows_in(own.ask(NAMED.replace("?dataset ex:note ?note .", f"VALUES ?dataset {{ {noted} }}")).content)
    assert of_comunica(answered["named"], NAMED) == expected
    assert len(expected) >= 2


def test_comunica_tells_why_it_was_refused(answered: dict[str, dict[str, object]]) -> None:
    assert "SERVICE is not allowed" in str(answered["refused"].get("error"))


# Half of a result


def test_no_client_takes_half_of_a_result_for_the_whole(small: Server) -> None:
    address = f"{small.address}sparql"
    assert small.ask("ASK {}").status_code == 200
    client = SPARQLWrapper(address, returnFormat="json")
    client.setQuery(CROSS)
    with pytest.raises(http.client.IncompleteRead):
        client.queryAndConvert()
    with pytest.raises(http.client.IncompleteRead):
        SPARQLStore(address).query(CROSS)
    with pytest.raises((OSError, RuntimeError)):
        list(ox.Store().query(f"SELECT * {{ SERVICE <{address}> {{ ?a ?b ?c . ?d ?e ?f }} }}"))


def test_comunica_does_not_either(small: Server, comunica: Comunica) -> None:
    source = {"type": "sparql", "value": f"{small.address}sparql"}
    (answer,) = comunica.ask([CROSS], [source])
    assert "error" in answer, len(answer["content"])
    assert any(str(one).startswith(small.address) for one in answer["asked"])
