"""From any graph, by property paths alone, to the raw bytes, the mapping, the software and the run."""

import gzip
import hashlib
import json
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings
from odatis_kg.pipeline.building import build
from tests.conftest import ROOT, Built
from tests.support import iso, quiet

PROV = "PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX spdx: <http://spdx.org/rdf/terms#> PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/> PREFIX odk: <http://localhost:8000/def/odk#> PREFIX foaf: <http://xmlns.com/foaf/0.1/>\n"
CHAIN = (
    PROV
    + """SELECT ?graph ?sha ?archived ?size ?file ?retrieved ?mapping ?software ?run ?harvestRun {
  { SELECT DISTINCT ?graph { GRAPH ?graph { ?s ?p ?o } FILTER(REGEX(STR(?graph), "/graph/(record|vocab|orcid)/")) } }
  ?graph prov:wasDerivedFrom ?version ; prov:wasGeneratedBy ?activity .
  ?version spdx:checksum/spdx:checksumValue ?sha ; odk:archivedAs ?archived ; dcat:byteSize ?size ;
           prov:hadPrimarySource ?file ; prov:generatedAtTime ?retrieved ; prov:wasGeneratedBy/dct:isPartOf ?harvestRun .
  ?activity prov:qualifiedAssociation/prov:hadPlan/dcat:version ?mapping ;
            prov:wasAssociatedWith/foaf:name ?software ; dct:isPartOf ?run .
}"""
)

MAPPINGS_VERSION = (ROOT / "mappings" / "VERSION").read_text().strip()


@pytest.fixture(scope="module")
def store(demo: Built) -> ox.Store:
    return ox.Store.read_only(str(demo.release.store))


def test_from_every_graph_to_the_raw_bytes_is_a_chain_of_property_paths(store: ox.Store, demo: Built) -> None:
    rows = list(store.query(CHAIN))
    graphs = {
        name
        for name in demo.release.graph_digests()
        if any(f"/graph/{family}/" in name for family in ("record", "vocab", "orcid"))
    }
    assert len(graphs) == 68
    assert {row["graph"].value for row in rows} == graphs
    assert len(rows) == len(graphs), "each graph has exactly one source record version, one mapping and one run"
    for row in rows:
        blob = demo.settings.data_dir / "raw" / row["archived"].value
        content = gzip.decompress(blob.read_bytes())
        assert hashlib.sha256(content).hexdigest() == row["sha"].value
        assert len(content) == int(row["size"].value)
        assert row["mapping"].value == MAPPINGS_VERSION
        assert row["software"].value == "odatis-kg"


def test_every_graph_but_the_pipelines_own_says_where_it_comes_from(store: ox.Store, demo: Built) -> None:
    derived = ox.NamedNode("http://www.w3.org/ns/prov#wasDerivedFrom")
    generated = ox.NamedNode("http://www.w3.org/ns/prov#wasGeneratedBy")
    for graph in demo.release.graph_digests():
        if any(f"/graph/{family}/" in f"{graph}/" for family in ("prov", "ontology", "register", "queries")):
            continue
        assert any(store.quads_for_pattern(ox.NamedNode(graph), generated, None)), graph
        if "/graph/mappings/" not in graph:
            assert any(store.quads_for_pattern(ox.NamedNode(graph), derived, None)), graph


def test_what_was_concluded_is_in_other_graphs_than_what_was_stated(store: ox.Store) -> None:
    query = (
        PROV
        + """SELECT ?record ?concluded { ?concluded a odk:EnrichedGraph ; prov:wasDerivedFrom ?record . ?record a odk:RecordGraph }"""
    )
    rows = list(store.query(query))
    assert len(rows) > 5
    for row in rows:
        stated = set(store.quads_for_pattern(None, None, None, row["record"]))
        concluded = set(store.quads_for_pattern(None, None, None, row["concluded"]))
        assert concluded
        assert not {quad.triple for quad in stated} & {quad.triple for quad in concluded}


def test_a_record_fetched_in_one_run_and_mapped_in_another_says_both(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(iso(key="a"))
    first = build([path], settings, quiet).release
    other = tmp_path / "b.xml"
    other.write_bytes(iso(key="b"))
    second = build([other], settings, quiet).release
    bounds = settings.input.model_copy(update={"record_seconds": 29.0})
    third = build([], settings.model_copy(update={"input": bounds}), quiet).release
    for release, mapped_in in ((second, {"a": first, "b": second}), (third, {"a": third, "b": third})):
        store = ox.Store.read_only(str(release.store))
        rows = {row["graph"].value.rpartition("/")[2]: row for row in store.query(CHAIN)}
        assert rows["a"]["harvestRun"].value.endswith(first.id)
        assert rows["b"]["harvestRun"].value.endswith(second.id)
        for name, run in mapped_in.items():
            assert rows[name]["run"].value.endswith(run.id), (
                f"{name}, mapped again only when something decides otherwise"
            )


def test_provenance_is_one_graph_a_run_and_one_beside_each_record_graph_and_valid_prov(
    store: ox.Store, demo: Built
) -> None:
    graphs = demo.release.graph_digests()
    base = "http://localhost:8000/graph/"
    names = {name for name in graphs if "/graph/prov/" in name}
    records = {name for name in graphs if name.removeprefix(base).split("/")[0] in ("record", "vocab", "orcid")}
    assert names == {f"{base}prov/{demo.release.id}", *(name.replace(base, f"{base}prov/") for name in records)}
    prov = "http://www.w3.org/ns/prov#"
    account = [quad for name in names for quad in store.quads_for_pattern(None, None, None, ox.NamedNode(name))]
    kinds: dict[str, set[str]] = {}
    for quad in account:
        if quad.predicate.value.endswith("#type"):
            kinds.setdefault(quad.subject.value, set()).add(quad.object.value)
    ranges = {
        "wasGeneratedBy": "Activity",
        "wasDerivedFrom": "Entity",
        "hadPlan": "Plan",
        "agent": "SoftwareAgent",
        "wasAssociatedWith": "SoftwareAgent",
        "hadPrimarySource": "Entity",
    }
    for name, kind in ranges.items():
        found = [quad for quad in account if quad.predicate.value == prov + name]
        assert found, name
        for quad in found:
            assert prov + kind in kinds[quad.object.value], quad


def test_lineage_as_text_json_and_prov_say_the_same(run_cli: object, demo: Built) -> None:
    thing = "http://localhost:8000/id/dataset/demo/magest"
    flags = ("--data-dir", demo.settings.data_dir)
    text = run_cli("lineage", thing, *flags).stdout
    content = json.loads(run_cli("lineage", thing, *flags, "--format", "json").stdout)
    turtle = run_cli("lineage", thing, *flags, "--format", "turtle").stdout
    (record, enriched) = content["origins"]
    assert (record["source"], record["key"], record["kind"], record["mapping_version"]) == (
        "demo",
        "magest",
        "iso19139",
        MAPPINGS_VERSION,
    )
    assert enriched["family"] == "enriched"
    for said in (
        record["sha256"],
        "demo/iso19139/magest.xml",
        demo.release.id,
        f"version {MAPPINGS_VERSION}",
        "odatis-kg",
    ):
        assert said in text, said
    assert record["sha256"] in turtle
    assert list(ox.parse(turtle.encode(), ox.RdfFormat.TURTLE))
    from prov.model import ProvDocument

    document = ProvDocument.deserialize(content=json.dumps(content["prov"]), format="json")
    assert len(list(document.get_records())) > 5
    assert "in another record of the source" in text


def test_lineage_of_what_the_graph_does_not_know_is_an_error(run_cli: object, demo: Built) -> None:
    outcome = run_cli("lineage", "http://localhost:8000/id/dataset/demo/nothing", "--data-dir", demo.settings.data_dir)
    assert outcome.returncode == 1
    assert "says nothing about" in outcome.stderr
    assert outcome.stdout == ""
