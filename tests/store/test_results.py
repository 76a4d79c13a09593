"""Results in every format: what was put in is what a reader of the format gets out, and what cannot be written is an error."""

import io
import json
from contextlib import suppress
from typing import Any
from xml.parsers import expat

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from odatis_kg.store import geojson, jsonld
from odatis_kg.store.engine import GraphFormat, TableFormat, UnwritableResultError
from odatis_kg.store.results import write
from odatis_kg.store.syntax import Form
from tests.conftest import BASE, Built
from tests.support import triples_in

_XSD = "http://www.w3.org/2001/XMLSchema#"
_EVERYTHING = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"


def written(results: Any, form: Form, media_type: str, base: str = BASE) -> bytes:
    out = io.BytesIO()
    write(results, form, media_type, out, base=base)
    return out.getvalue()


def store_of(*triples: ox.Triple) -> ox.Store:
    store = ox.Store()
    store.extend(ox.Quad(*triple) for triple in triples)
    return store


def read_graph(content: bytes, format_: GraphFormat) -> set[ox.Triple]:
    if format_ is GraphFormat.JSONLD:
        document = json.loads(content)
        if document["@context"] == f"{BASE}{jsonld.CONTEXT_PATH}":  # what a reader would fetch
            document["@context"] = json.loads(jsonld.context_document(BASE))["@context"]
        content = json.dumps(document).encode()
    return triples_in(content, format_.value)


NAMES = st.text("abcxyzé0123456789_.-~%41()'&", min_size=1, max_size=8).filter(lambda text: "%" not in text)
IRIS = st.one_of(
    st.builds(lambda name: ox.NamedNode(f"http://example.org/{name}"), NAMES),
    st.builds(lambda name: ox.NamedNode(f"http://purl.org/dc/terms/{name}"), NAMES),
    st.builds(lambda name: ox.NamedNode(f"{BASE}def/odk#{name}"), NAMES),
    # Schemes that look like prefixes of ours.
    st.builds(
        lambda scheme, name: ox.NamedNode(f"{scheme}:{name}"), st.sampled_from(["geo", "time", "urn", "dct"]), NAMES
    ),
    st.sampled_from(
        [
            ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"),
            ox.NamedNode("http://www.w3.org/ns/dcat#distribution"),
            ox.NamedNode("http://www.w3.org/ns/dcat#bbox"),
            ox.NamedNode("http://purl.org/dc/terms/issued"),
            ox.NamedNode(f"{BASE}def/odk#west"),
        ]
    ),
)
# Not surrogates, which are no characters.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
LITERALS = st.one_of(
    st.builds(ox.Literal, TEXTS),
    st.builds(lambda text, tag: ox.Literal(text, language=tag), TEXTS, st.sampled_from(["en", "fr", "fr-ca"])),
    st.builds(
        lambda text, name: ox.Literal(text, datatype=ox.NamedNode(name)),
        st.one_of(TEXTS, st.sampled_from(["1", "-7", "007", "1.50", "true", "1", "2020-01-01", "1E3", "INF"])),
        st.sampled_from(
            [
                f"{_XSD}{name}"
                for name in ("integer", "decimal", "double", "boolean", "date", "dateTime", "negativeInteger")
            ]
            + [geojson.WKT, "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON", "http://example.org/type"]
        ),
    ),
)
BLANKS = st.builds(ox.BlankNode, st.sampled_from(["a", "b1"]))
TRIPLES = st.lists(
    st.builds(ox.Triple, st.one_of(IRIS, BLANKS), IRIS, st.one_of(IRIS, LITERALS)), max_size=8, unique=True
)


@pytest.mark.parametrize("format_", GraphFormat)
@given(triples=TRIPLES, base=st.sampled_from(["", BASE]))
def test_a_graph_read_back_is_the_graph_that_was_written(
    format_: GraphFormat, triples: list[ox.Triple], base: str
) -> None:
    """A store first, for it is the engine that decides what a number is called; RDF/XML may have to decline."""
    store = store_of(*triples)
    put_in = {ox.Triple(quad.subject, quad.predicate, quad.object) for quad in store}
    try:
        content = written(store.query(_EVERYTHING), Form.CONSTRUCT, format_.value, base)
    except UnwritableResultError as error:
        assert format_ is GraphFormat.RDFXML
        assert "XML has no way" in str(error)
        return
    if format_ is GraphFormat.RDFXML:
        expat.ParserCreate().Parse(content, True)
    assert ox.Dataset(ox.Quad(*one) for one in _same_blanks(put_in)) == ox.Dataset(
        ox.Quad(*one) for one in _same_blanks(read_graph(content, format_))
    )
    # The same from triples that come from elsewhere.
    if format_ is not GraphFormat.JSONLD:
        again = written(iter(list(store.query(_EVERYTHING))), Form.CONSTRUCT, format_.value, base)
        assert len(read_graph(again, format_)) == len(put_in)


def _same_blanks(triples: set[ox.Triple]) -> list[ox.Triple]:
    """Blank nodes are told apart by nothing here: their labels may change on the way."""
    blank = ox.NamedNode("blank:")
    return [ox.Triple(blank if isinstance(s, ox.BlankNode) else s, p, o) for s, p, o in triples]


@pytest.mark.parametrize("format_", [TableFormat.JSON, TableFormat.XML, TableFormat.TSV])
@given(values=st.lists(st.one_of(IRIS, LITERALS), max_size=6))
def test_a_table_read_back_is_the_table_that_was_written(format_: TableFormat, values: list[Any]) -> None:
    store = store_of(*(ox.Triple(ox.NamedNode(f"x:{n}"), ox.NamedNode("x:p"), value) for n, value in enumerate(values)))
    query = "SELECT ?s ?o { ?s ?p ?o } ORDER BY ?s"
    put_in = [row["o"] for row in store.query(query)]
    try:
        content = written(store.query(query), Form.SELECT, format_.value)
    except UnwritableResultError:
        assert format_ is TableFormat.XML
        assert any(not _is_xml(value.value) for value in put_in)
        return
    read = ox.parse_query_results(content, ox.QueryResultsFormat.from_media_type(format_.value))
    if format_ is TableFormat.XML:
        # The engine's reader trims; one of XML alone does not.
        found = etree.fromstring(content).iterfind(
            ".//{*}binding[@name='o']/*", {"": "http://www.w3.org/2005/sparql-results#"}
        )
        assert [one.text or "" for one in found] == [value.value for value in put_in]
    else:
        assert [row["o"] for row in read] == put_in


def _is_xml(text: str) -> bool:
    return all(mark in "\t\n\r" or (mark >= " " and mark not in "\ufffe\uffff") for mark in text)


def test_a_carriage_return_survives_xml() -> None:
    store = store_of(ox.Triple(ox.NamedNode("x:s"), ox.NamedNode("http://example.org/p"), ox.Literal("a\r\nb\rc")))
    for query, form, media_type in (
        ("SELECT ?o { ?s ?p ?o }", Form.SELECT, TableFormat.XML.value),
        (_EVERYTHING, Form.CONSTRUCT, GraphFormat.RDFXML.value),
    ):
        content = written(store.query(query), form, media_type)
        assert "a\r\nb\rc" in etree.fromstring(content).itertext()


@pytest.mark.parametrize("mark", ["\x01", "\x0b", "\ufffe", "\uffff"])
def test_what_xml_cannot_write_is_an_error_that_says_which_format_can(mark: str) -> None:
    store = store_of(ox.Triple(ox.NamedNode("x:s"), ox.NamedNode("x:p"), ox.Literal(f"a{mark}")))
    with pytest.raises(UnwritableResultError, match=f"U\\+{ord(mark):04X}.*JSON"):
        written(store.query("SELECT ?o { ?s ?p ?o }"), Form.SELECT, TableFormat.XML.value)


@pytest.mark.parametrize(
    "name", ["http://example.org/1", "http://purl.org/dc/terms/", "urn:x:12", "http://e.org/a?b=(1)"]
)
def test_a_property_that_ends_in_no_name_is_declined_in_rdf_xml_and_written_in_turtle(name: str) -> None:
    # Far enough in for the fault to lie on the border of two pieces, for some of them.
    for before in range(0, 9_000, 450):
        filler = ox.Triple(ox.NamedNode("x:a"), ox.NamedNode("http://example.org/p"), ox.Literal("x" * before))
        fault = ox.Triple(ox.NamedNode("x:s"), ox.NamedNode(name), ox.Literal("y"))
        with pytest.raises(UnwritableResultError, match="Turtle"):
            written(iter([filler, fault]), Form.CONSTRUCT, GraphFormat.RDFXML.value)
    content = written(iter([fault]), Form.CONSTRUCT, GraphFormat.TURTLE.value)
    assert read_graph(content, GraphFormat.TURTLE) == {fault}


def test_turtle_declares_our_prefixes_as_far_as_they_are_used() -> None:
    triple = ox.Triple(ox.NamedNode("x:s"), ox.NamedNode("http://purl.org/dc/terms/title"), ox.Literal("y"))
    text = written(iter([triple]), Form.CONSTRUCT, GraphFormat.TURTLE.value).decode()
    assert "dct:title" in text
    assert text.count("@prefix") == 1


def test_memory_does_not_grow_with_the_result() -> None:
    """Twenty thousand triples pass in pieces; nothing holds them."""

    class Counting:
        largest = total = 0

        def write(self, data: bytes, /) -> int:
            self.largest, self.total = max(self.largest, len(data)), self.total + len(data)
            return len(data)

        def flush(self) -> None:
            pass

    triple = ox.Triple(ox.NamedNode("x:s"), ox.NamedNode("http://example.org/p"), ox.Literal("value"))
    for format_ in GraphFormat:
        out = Counting()
        write((triple for _ in range(20_000)), Form.CONSTRUCT, format_.value, out)
        assert out.total > 150_000
        assert out.largest < 70_000


# JSON-LD


def test_json_ld_of_the_whole_demonstration_expands_to_the_same_triples(demo: Built) -> None:
    """By two readers that share nothing with the writer."""
    store = ox.Store.read_only(str(demo.release.store))
    put_in = set(store.query(_EVERYTHING))
    content = written(store.query(_EVERYTHING), Form.CONSTRUCT, GraphFormat.JSONLD.value)
    assert json.loads(content)["@context"] == f"{BASE}context/v1.jsonld"
    assert read_graph(content, GraphFormat.JSONLD) == put_in
    document = {**json.loads(content), "@context": jsonld.context(BASE)}
    before, rdflib.NORMALIZE_LITERALS = rdflib.NORMALIZE_LITERALS, False
    try:
        graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
    finally:
        rdflib.NORMALIZE_LITERALS = before
    again = graph.serialize(format="nt", encoding="utf-8")
    assert triples_in(again, "application/n-triples") == put_in


def test_json_ld_is_short_where_the_context_says_what_values_are(demo: Built) -> None:
    store = ox.Store.read_only(str(demo.release.store))
    query = "PREFIX dcat: <http://www.w3.org/ns/dcat#> CONSTRUCT { ?s a ?c ; dcat:distribution ?d } { ?s a dcat:Dataset, ?c ; dcat:distribution ?d }"
    for node in json.loads(written(store.query(query), Form.CONSTRUCT, GraphFormat.JSONLD.value))["@graph"]:
        if "@type" in node:
            assert node["@type"] == "dcat:Dataset" or "dcat:Dataset" in node["@type"]
        for value in node.get("dcat:distribution", []):
            assert isinstance(value, str)


def test_json_ld_without_an_address_carries_its_context() -> None:
    triple = ox.Triple(ox.NamedNode("x:s"), ox.NamedNode("http://purl.org/dc/terms/title"), ox.Literal("y"))
    content = written(iter([triple]), Form.CONSTRUCT, GraphFormat.JSONLD.value, base="")
    assert triples_in(content, "application/ld+json") == {triple}


def test_every_term_of_the_context_belongs_to_a_prefix_and_is_an_absolute_name() -> None:
    declared = jsonld.context(BASE)
    for name, value in declared.items():
        prefix, colon, _ = name.partition(":")
        assert (value[-1] in "#/") if not colon else prefix in declared


# GeoJSON


def features(query: str, store: ox.Store | None = None) -> list[dict[str, Any]]:
    content = written((store or ox.Store()).query(query), Form.SELECT, TableFormat.GEOJSON.value)
    document = json.loads(content)
    assert document["type"] == "FeatureCollection"
    found: list[dict[str, Any]] = document["features"]
    return found


def geometry(wkt: str) -> Any:
    found = geojson.from_wkt(wkt)
    return json.loads(json.dumps(found))


def test_columns_become_properties_and_rows_without_a_geometry_have_none() -> None:
    rows = features(
        f"""SELECT * {{ VALUES (?wkt ?name ?n ?yes ?iri) {{
            ("POINT(-4.5 48.4)"^^<{geojson.WKT}> "Brest"@fr 7 true <http://example.org/>)
            (UNDEF "nowhere" 1.5 UNDEF UNDEF)
            ("<http://www.opengis.net/def/crs/EPSG/0/2154> POINT(1 2)"^^<{geojson.WKT}> "projected" UNDEF UNDEF UNDEF) }} }}"""
    )
    assert rows[0]["geometry"] == {"type": "Point", "coordinates": [-4.5, 48.4]}
    assert rows[0]["properties"] == {"name": "Brest", "n": 7, "yes": True, "iri": "http://example.org/"}
    assert rows[1]["geometry"] is None
    assert rows[1]["properties"]["n"] == 1.5
    assert rows[2]["geometry"] is None
    assert rows[2]["properties"]["wkt"].endswith("POINT(1 2)"), "what was not understood is not lost"


def test_a_box_of_four_columns_is_a_geometry_and_is_cut_at_the_antimeridian() -> None:
    (row,) = features("SELECT (170 AS ?west) (-10 AS ?south) (-170 AS ?east) (10 AS ?north) (1 AS ?n) {}")
    assert row["geometry"]["type"] == "MultiPolygon"
    longitudes = [sorted({x for x, _ in rings[0]}) for rings in row["geometry"]["coordinates"]]
    assert longitudes == [[170, 180], [-180, -170]]
    assert row["properties"] == {"n": 1}


def test_no_geometry_at_all_is_an_error_that_says_what_is_needed() -> None:
    with pytest.raises(UnwritableResultError, match=r"wktLiteral.*west"):
        features("SELECT (1 AS ?x) {}")
    with pytest.raises(UnwritableResultError, match="JSON"):
        written(ox.Store().query("ASK {}"), Form.ASK, TableFormat.GEOJSON.value)
    assert features("SELECT ?x { ?x ?y ?z }") == []


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("<http://www.opengis.net/def/crs/OGC/1.3/CRS84> POINT(1 2)", {"type": "Point", "coordinates": [1, 2]}),
        ("<http://www.opengis.net/def/crs/EPSG/0/4326> POINT(48 -4)", {"type": "Point", "coordinates": [-4, 48]}),
        ("point z (1 2 -3.5)", {"type": "Point", "coordinates": [1, 2, -3.5]}),
        ("POINT M (1 2 3)", {"type": "Point", "coordinates": [1, 2]}),
        ("MULTIPOINT ((1 2), (3 4))", {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}),
        ("LINESTRING EMPTY", None),
        (
            "LINESTRING (170 0, 190 10)",
            {"type": "MultiLineString", "coordinates": [[[170, 0], [180, 5]], [[-180, 5], [-170, 10]]]},
        ),
        (  # clockwise as written, anticlockwise as it should be
            "POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))",
            {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]},
        ),
        (
            "GEOMETRYCOLLECTION (POINT (1 2), POINT EMPTY)",
            {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
        ),
    ],
)
def test_well_known_text_is_read(wkt: str, expected: object) -> None:
    assert geometry(wkt) == expected


@given(st.text("POINTLEZMSRGCAY (),.-0123456789e<>", max_size=60))
def test_any_text_is_a_geometry_or_none(text: str) -> None:
    with suppress(ValueError):
        geojson.from_wkt(text)


@given(
    st.lists(st.tuples(st.integers(-400, 400), st.integers(-90, 90)), min_size=4, max_size=8),
    st.sampled_from(["LINESTRING (%s)", "POLYGON ((%s))", "MULTIPOINT (%s)"]),
)
def test_nothing_lies_beyond_180_degrees(points: list[tuple[int, int]], form: str) -> None:
    found = geometry(form % ", ".join(f"{x} {y}" for x, y in [*points, points[0]]))

    def longitudes(value: Any) -> Any:
        if isinstance(value[0], list):
            for one in value:
                yield from longitudes(one)
        else:
            yield value[0]

    assert all(-180 <= x <= 180 for x in longitudes(found["coordinates"] or [[0, 0]]))
