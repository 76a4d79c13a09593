"""The service description: the three entries of the W3C test suite, and that it claims what is true and nothing else."""

import time

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings
from odatis_kg.store.engine import GraphFormat, TableFormat
from odatis_kg.web.service_description import FUNCTIONS, GEOSPARQL, ServiceDescription
from tests.conftest import Built, Server
from tests.support import triples_in

SD = "http://www.w3.org/ns/sparql-service-description#"
VOID = "http://rdfs.org/ns/void#"
ENDPOINT = "http://localhost:8000/sparql"
# Names of the W3C for formats (https://www.w3.org/ns/formats/), the type each is asked for by, and a query that has it.
FORMATS = {
    "SPARQL_Results_JSON": ("application/sparql-results+json", "SELECT * { ?s ?p ?o } LIMIT 1"),
    "SPARQL_Results_XML": ("application/sparql-results+xml", "SELECT * { ?s ?p ?o } LIMIT 1"),
    "SPARQL_Results_CSV": ("text/csv", "SELECT * { ?s ?p ?o } LIMIT 1"),
    "SPARQL_Results_TSV": ("text/tab-separated-values", "SELECT * { ?s ?p ?o } LIMIT 1"),
    "Turtle": ("text/turtle", "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"),
    "N-Triples": ("application/n-triples", "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"),
    "RDF_XML": ("application/rdf+xml", "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"),
    "JSON-LD": ("application/ld+json", "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"),
    "TriG": ("application/trig", "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"),
    "N-Quads": ("application/n-quads", "CONSTRUCT WHERE { ?s ?p ?o } LIMIT 1"),
}
POLYGONS = '"POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))"^^geo:wktLiteral, "POLYGON((1 1, 5 1, 5 5, 1 5, 1 1))"^^geo:wktLiteral'
ONE = POLYGONS.partition(', "')[0]
POINTS = '"POINT(1 1)"^^geo:wktLiteral, "POINT(2 1)"^^geo:wktLiteral'
METRE = "<http://www.opengis.net/def/uom/OGC/1.0/metre>"
ARGUMENTS = {
    "distance": f"{POINTS}, {METRE}",
    "length": f'"LINESTRING(1 1, 2 2)"^^geo:wktLiteral, {METRE}',
    "perimeter": f"{ONE}, {METRE}",
    "relate": f'{POLYGONS}, "T********"',
}
UNARY = {
    "asGeoJSON", "centroid", "convexHull", "coordinateDimension", "dimension", "envelope", "getSRID", "isEmpty", "isSimple",
    "spatialDimension",
}  # fmt: skip


def described(server: Server) -> set[ox.Triple]:
    return triples_in(server.get("sparql", Accept="text/turtle").content, "text/turtle")


def objects(triples: set[ox.Triple], name: str, subject: str = ENDPOINT) -> set[str]:
    return {
        triple.object.value  # type: ignore[union-attr]
        for triple in triples
        if triple.subject == ox.NamedNode(subject) and triple.predicate == ox.NamedNode(SD + name)
    }


@pytest.mark.parametrize("format_", list(GraphFormat), ids=lambda one: one.name)
def test_get_without_a_query_returns_rdf(server: Server, format_: GraphFormat) -> None:
    """W3C: returns-rdf; in every format."""
    answer = server.get("sparql", Accept=format_.value)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == format_.value
    assert triples_in(answer.content, format_.value) == described(server)


def test_it_has_an_endpoint_triple_with_the_public_address(server: Server) -> None:
    """W3C: has-endpoint-triple; the address is the public one, not that of the socket."""
    assert objects(described(server), "endpoint") == {ENDPOINT}
    assert server.address != "http://localhost:8000/"


def test_it_conforms_to_the_schema(server: Server) -> None:
    """W3C: conforms-to-schema: classes and ranges of the vocabulary, one default dataset, one default graph."""
    triples = described(server)
    types = {
        triple.subject.value: {  # type: ignore[union-attr]
            other.object.value.removeprefix(SD)  # type: ignore[union-attr]
            for other in triples
            if other.subject == triple.subject and other.predicate.value.endswith("#type")
        }
        for triple in triples
    }
    assert types[ENDPOINT] == {"Service"} | (types[ENDPOINT] - {"Service"})
    (dataset,) = objects(triples, "defaultDataset")
    assert "Dataset" in types[dataset]
    (default,) = objects(triples, "defaultGraph", dataset)
    assert types[default] == {"Graph", f"{VOID}Dataset"}
    for name in objects(triples, "namedGraph", dataset):
        assert "NamedGraph" in types[name]
        assert len(objects(triples, "name", name)) == 1
    for function in objects(triples, "extensionFunction"):
        assert "Function" in types[function]
    known = {
        "endpoint", "supportedLanguage", "feature", "resultFormat", "extensionFunction", "propertyFeature", "defaultDataset",
        "defaultGraph", "namedGraph", "name",
    }  # fmt: skip
    assert {triple.predicate.value for triple in triples if triple.predicate.value.startswith(SD)} <= {
        SD + n for n in known
    }


def test_each_format_it_claims_is_given_and_each_that_is_given_is_claimed(server: Server) -> None:
    claimed = {iri.removeprefix("http://www.w3.org/ns/formats/") for iri in objects(described(server), "resultFormat")}
    for name, (media_type, query) in FORMATS.items():
        answer = server.ask(query, media_type)
        assert (answer.status_code == 200) == (name in claimed), name
        if name in claimed:
            assert answer.headers["content-type"].partition(";")[0] == media_type
    offered = {one.value for one in (*TableFormat, *GraphFormat)}
    assert {FORMATS[name][0] for name in claimed} == offered & {media_type for media_type, _ in FORMATS.values()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_it_claims_gives_a_value(server: Server, name: str) -> None:
    arguments = ARGUMENTS.get(name, ONE if name in UNARY else POLYGONS)
    answer = server.ask(
        f"PREFIX geo: <http://www.opengis.net/ont/geosparql#> SELECT (<{GEOSPARQL}{name}>({arguments}) AS ?value) {{}}"
    )
    assert answer.json()["results"]["bindings"][0]["value"]["value"], name


def test_every_function_it_claims_is_described(server: Server) -> None:
    assert objects(described(server), "extensionFunction") == {GEOSPARQL + name for name in FUNCTIONS}


def test_the_lookups_it_claims_find_something_and_are_terms_of_the_vocabulary(server: Server) -> None:
    odk = "http://localhost:8000/def/odk#"
    claimed = objects(described(server), "propertyFeature")
    asked = {
        f"{odk}textMatch": f'SELECT ?thing {{ ?thing <{odk}textMatch> "argo" }}',
        f"{odk}intersectsBox": f"SELECT ?place {{ ?place <{odk}intersectsBox> (-10 40 10 50) }}",
    }
    assert claimed == set(asked)
    for name, query in asked.items():
        assert server.ask(query).json()["results"]["bindings"], name
        assert server.ask(f"ASK {{ <{name}> a ?class }}").json()["boolean"], name


def test_the_default_graph_is_the_union_as_claimed(server: Server) -> None:
    assert objects(described(server), "feature") == {f"{SD}UnionDefaultGraph"}
    missing = "ASK { GRAPH ?g { ?s ?p ?o } FILTER NOT EXISTS { ?s ?p ?o } }"
    more = "ASK { ?s ?p ?o FILTER NOT EXISTS { GRAPH ?g { ?s ?p ?o } } }"
    assert [server.ask(query).json()["boolean"] for query in (missing, more)] == [False, False]


def test_federation_is_claimed_where_it_is_allowed_and_only_there(demo: Built) -> None:
    class NoEngine:
        release = demo.release.id

    def features(settings: Settings) -> bool:
        content = ServiceDescription(settings, NoEngine())(GraphFormat.NTRIPLES)  # type: ignore[arg-type]
        return b"BasicFederatedQuery" in content

    assert not features(demo.settings)
    allowed = demo.settings.query.model_copy(update={"service_allow": ("https://example.org/sparql",)})
    assert features(demo.settings.model_copy(update={"query": allowed}))


def test_the_families_of_named_graphs_are_told_with_their_numbers(server: Server, demo: Built) -> None:
    triples = described(server)
    documents = {
        int(triple.object.value)  # type: ignore[union-attr]
        for triple in triples
        if triple.predicate == ox.NamedNode(f"{VOID}documents")
    }
    assert documents == {share["graphs"] for share in demo.release.statistics()["families"].values()}


def test_it_is_made_once_and_then_given_at_once(server: Server) -> None:
    with httpx.Client() as client:
        for _ in range(3):
            client.get(f"{server.address}sparql", headers={"Accept": "text/turtle"})
        took = []
        for _ in range(20):
            before = time.perf_counter()
            client.get(f"{server.address}sparql", headers={"Accept": "text/turtle"})
            took.append(time.perf_counter() - before)
    assert min(took) < 0.05


def test_it_points_at_the_statistics(server: Server) -> None:
    answer = server.get("sparql", Accept="text/turtle")
    assert '<http://localhost:8000/.well-known/void>; rel="describedby"' in answer.headers["link"]
    assert "http://localhost:8000/.well-known/void" in answer.text
