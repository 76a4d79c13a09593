"""What the graph says of itself: true, found where clients look for it, and enough for an editor that completes queries."""

import gzip
import time

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.store.engine import GraphFormat
from odatis_kg.store.partitions import TARGETS
from tests.conftest import Built, Server
from tests.support import triples_in

VOID = "http://rdfs.org/ns/void#"
WHOLE = "http://localhost:8000/void#dataset"
NOT_ITSELF = 'FILTER(!STRSTARTS(STR(?s), "http://localhost:8000/void") && ?s != <http://localhost:8000/graph/void>)'
PREFIXES = """PREFIX void: <http://rdfs.org/ns/void#> PREFIX ext: <http://ldf.fi/void-ext#>
PREFIX sh: <http://www.w3.org/ns/shacl#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX sd: <http://www.w3.org/ns/sparql-service-description#>
"""
# Questions of the shape that an editor asks to complete queries: which classes have which properties with which values.
PARTITIONS = """SELECT DISTINCT ?class ?property ?value ?datatype {
  { ?c void:class ?class ; void:propertyPartition ?p . ?p void:property ?property
    OPTIONAL { { ?p void:classPartition [ void:class ?value ] } UNION { ?p ext:datatypePartition [ ext:datatype ?datatype ] } } }
  UNION { ?l void:subjectsTarget [ void:class ?class ] ; void:linkPredicate ?property ; void:objectsTarget [ void:class ?value ] }
}"""
WITH_LABELS = """SELECT DISTINCT ?graph ?class ?property ?value ?datatype ?n ?name ?said ?named ?told ?called {
  { OPTIONAL { ?graph sd:graph ?g . OPTIONAL { ?graph rdfs:label ?title } ?g void:classPartition ?c }
    ?c void:class ?class ; void:propertyPartition ?p .
    OPTIONAL { ?class rdfs:label ?name } OPTIONAL { ?class rdfs:comment ?said }
    ?p void:property ?property . OPTIONAL { ?p void:triples ?n }
    OPTIONAL { ?property rdfs:label ?named } OPTIONAL { ?property rdfs:comment ?told }
    OPTIONAL {
      { ?p void:classPartition [ void:class ?value ] OPTIONAL { ?value rdfs:label ?called } }
      UNION { ?p ext:datatypePartition [ ext:datatype ?datatype ] } } }
  UNION { ?l void:subjectsTarget [ void:class ?class ] ; void:linkPredicate ?property ; void:objectsTarget [ void:class ?value ] }
} ORDER BY ?class ?value ?datatype ?graph ?n"""
NAMESPACES = "SELECT DISTINCT ?prefix ?namespace { [] sh:namespace ?namespace ; sh:prefix ?prefix } ORDER BY ?prefix"
EXAMPLES = """SELECT DISTINCT ?query ?comment ?text {
  ?query a sh:SPARQLExecutable ; rdfs:comment ?comment ; sh:select|sh:ask|sh:construct|sh:describe ?text } ORDER BY ?query"""


def asked(server: Server, query: str) -> list[dict[str, str]]:
    answer = server.ask(PREFIXES + query)
    assert answer.status_code == 200, answer.text
    return [{name: term["value"] for name, term in row.items()} for row in answer.json()["results"]["bindings"]]


def number(server: Server, query: str) -> int:
    (row,) = asked(server, query)
    return int(row["n"])


@pytest.fixture(scope="module")
def said(server: Server) -> dict[str, int]:
    rows = asked(server, f"SELECT ?p ?o {{ <{WHOLE}> ?p ?o FILTER(ISNUMERIC(?o)) }}")
    return {row["p"].removeprefix(VOID): int(row["o"]) for row in rows}


def test_the_counts_of_the_whole_are_those_of_the_graph_without_its_description(
    server: Server, said: dict[str, int]
) -> None:
    counted = {
        "triples": "SELECT (COUNT(*) AS ?n) { ?s ?p ?o %s }",
        "distinctSubjects": "SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s ?p ?o %s }",
        "distinctObjects": "SELECT (COUNT(DISTINCT ?o) AS ?n) { ?s ?p ?o %s }",
        "entities": "SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s a ?c %s }",
        "classes": "SELECT (COUNT(DISTINCT ?c) AS ?n) { ?s a ?c %s }",
        "properties": "SELECT (COUNT(DISTINCT ?p) AS ?n) { ?s ?p ?o %s }",
        "documents": "SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { ?s ?p ?o } %s }",
    }
    assert said == {name: number(server, query % NOT_ITSELF) for name, query in counted.items()}


def test_the_partitions_of_data_sets_are_true(server: Server) -> None:
    """Every property of data sets, with its statements, its things, and the classes and datatypes of its values."""
    partitions = asked(
        server,
        "SELECT ?property ?n ?things { ?c void:class dcat:Dataset ; void:entities 45 ; void:propertyPartition ?p ."
        " ?p void:property ?property ; void:triples ?n ; void:distinctSubjects ?things } ORDER BY ?property",
    )
    counted = asked(
        server,
        "SELECT ?property (COUNT(*) AS ?n) (COUNT(DISTINCT ?s) AS ?things) { ?s a dcat:Dataset ; ?property ?o }"
        " GROUP BY ?property ORDER BY ?property",
    )
    assert partitions == counted
    values = asked(
        server,
        "SELECT ?property ?class ?n { [] void:class dcat:Dataset ; void:propertyPartition ?p . ?p void:property ?property ;"
        " void:classPartition [ void:class ?class ; void:triples ?n ] } ORDER BY ?property ?class",
    )
    assert values == asked(
        server,
        "SELECT ?property ?class (COUNT(*) AS ?n) { ?s a dcat:Dataset ; ?property ?o . ?o a ?class }"
        " GROUP BY ?property ?class ORDER BY ?property ?class",
    )
    datatypes = asked(
        server,
        "SELECT ?property ?type ?n { [] void:class dcat:Dataset ; void:propertyPartition ?p . ?p void:property ?property ;"
        " ext:datatypePartition [ ext:datatype ?type ; void:triples ?n ] } ORDER BY ?property ?type",
    )
    assert datatypes == asked(
        server,
        "SELECT ?property ?type (COUNT(*) AS ?n) { ?s a dcat:Dataset ; ?property ?o . FILTER(ISLITERAL(?o)) }"
        " GROUP BY ?property (DATATYPE(?o) AS ?type) ORDER BY ?property ?type",
    )


def test_the_links_to_what_others_keep_are_counted_by_target_and_property(server: Server) -> None:
    sets = asked(
        server,
        "SELECT ?begins ?property ?n { ?l a void:Linkset ; void:objectsTarget/void:uriSpace ?begins ;"
        f" void:subjectsTarget <{WHOLE}> ; void:linkPredicate ?property ; void:triples ?n }}",
    )
    assert {row["begins"] for row in sets} >= {"http://vocab.nerc.ac.uk/", "https://orcid.org/", "https://doi.org/"}
    for row in sets:
        if row["begins"] in (TARGETS["orcid"][0], TARGETS["edmo"][0], TARGETS["gcmd"][0]):
            begins = row["begins"]
            query = (
                f'SELECT (COUNT(*) AS ?n) {{ ?s <{row["property"]}> ?o FILTER(STRSTARTS(STR(?o), "{begins}")'
                f' && !STRSTARTS(STR(?s), "{begins}")) }}'
            )
            assert number(server, query) == int(row["n"]), row


def test_subsets_tell_the_families_and_the_sources(server: Server, demo: Built) -> None:
    rows = asked(server, f"SELECT ?n {{ <{WHOLE}> void:subset ?part . ?part void:documents ?n }}")
    statistics = demo.release.statistics()
    shares = [*statistics["families"].values(), *statistics["sources"].values()]
    assert sorted(int(row["n"]) for row in rows) == sorted(share["graphs"] for share in shares)


@pytest.mark.parametrize(
    ("query", "least"), [(PARTITIONS, 800), (WITH_LABELS, 2_000), (NAMESPACES, 30), (EXAMPLES, 60)]
)
def test_the_questions_of_an_editor_are_answered_at_once(server: Server, query: str, least: int) -> None:
    before = time.monotonic()
    assert len(asked(server, query)) >= least
    assert time.monotonic() - before < 5, "an editor waits five seconds"


@pytest.mark.parametrize("path", [".well-known/void", "void", "graph/void"])
@pytest.mark.parametrize("format_", list(GraphFormat), ids=lambda one: one.name)
def test_it_is_given_in_every_format_where_clients_look_for_it(server: Server, path: str, format_: GraphFormat) -> None:
    answer = server.get(path, Accept=format_.value)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == format_.value
    triples = triples_in(answer.content, format_.value)
    assert (
        ox.Triple(ox.NamedNode(WHOLE), ox.NamedNode(f"{VOID}uriSpace"), ox.Literal("http://localhost:8000/")) in triples
    )


def test_what_is_served_holds_what_is_in_the_store(server: Server) -> None:
    served = {str(one) for one in triples_in(server.get("void.nt").content, "application/n-triples")}
    graph = server.get("graph/void", Accept="application/n-triples")
    stored = {str(one) for one in triples_in(graph.content, "application/n-triples")}
    assert stored <= served
    more = {line for line in served - stored if "dcat#" not in line}
    assert len(more) == 1, "what the served document adds is the catalogue's view, and the title of the service"


def test_a_program_gets_turtle_at_the_well_known_address_and_a_person_a_page(server: Server) -> None:
    assert server.get(".well-known/void").headers["content-type"].startswith("text/turtle")
    page = server.get("void", Accept="text/html,*/*;q=0.8")
    assert page.headers["content-type"].startswith("text/html")
    assert "About this graph" in page.text
    assert "http://www.w3.org/ns/dcat#Dataset" in page.text
    assert server.get("void.ttl").headers["content-type"].startswith("text/turtle")
    assert server.get("void", Accept="image/png").status_code == 406


def test_it_is_not_sent_again_to_who_has_it(server: Server) -> None:
    etag = server.get(".well-known/void", Accept="text/turtle").headers["etag"]
    again = server.get(".well-known/void", Accept="text/turtle", If_None_Match=etag)
    assert again.status_code == 304
    assert again.content == b""
    assert httpx.head(f"{server.address}.well-known/void").content == b""


def test_every_page_points_at_it(server: Server) -> None:
    for path in ("", "sparql", "search", "queries", "id/dataset/demo/argo-bgc"):
        page = httpx.get(f"{server.address}{path}", headers={"Accept": "text/html"}, follow_redirects=True)
        assert 'rel="describedby"' in page.text, path
        assert 'href="/void"' in page.text, path


def test_the_dump_it_points_at_is_the_whole_graph(server: Server, demo: Built) -> None:
    (row,) = asked(server, f"SELECT ?dump {{ <{WHOLE}> void:dataDump ?dump }}")
    content = server.get(row["dump"].removeprefix("http://localhost:8000/")).content
    assert len(gzip.decompress(content).splitlines()) == demo.release.manifest.quads


def test_examples_and_vocabularies_are_real(server: Server) -> None:
    rows = asked(server, f"SELECT ?example {{ <{WHOLE}> void:exampleResource ?example . ?example ?p ?o }}")
    assert len({row["example"] for row in rows}) == 4
    spaces = {row["v"] for row in asked(server, f"SELECT ?v {{ <{WHOLE}> void:vocabulary ?v }}")}
    assert {"http://www.w3.org/ns/dcat#", "http://localhost:8000/def/odk#", "http://www.w3.org/ns/prov#"} <= spaces
    classes = asked(server, f"SELECT DISTINCT ?c {{ ?s a ?c {NOT_ITSELF} }}")
    assert not [row["c"] for row in classes if not row["c"].startswith(tuple(spaces))]


def test_the_data_sets_of_the_graph_stay_those_of_the_records(server: Server) -> None:
    assert number(server, "SELECT (COUNT(*) AS ?n) { ?s a dcat:Dataset }") == 45
