"""Local graphs: an operator's own statements enter a release, stay through every build, and leave when they are deleted."""

import json
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings, load
from odatis_kg.harvest.local_graphs import LocalGraphError, LocalGraphs
from odatis_kg.pipeline.building import build, delete_graph, put_graph
from odatis_kg.pipeline.releasing import BuildError
from odatis_kg.store.release import Release, ReleaseError, Releases, difference
from odatis_kg.store.textindex import search
from tests.conftest import BASE, serving
from tests.pipeline.test_incremental import same_as_anew
from tests.support import iso, quiet

GRAPH = f"{BASE}graph/local/corrections"
TURTLE = """
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
<http://localhost:8000/id/dataset/local/record-1> dct:title "Profils CTD de la rade de Brest"@fr ;
  dct:relation <https://example.org/rade>, [ foaf:name "Inner" ; dct:relation [ foaf:name "Innermost é\\n" ] ] .
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data", release={"shacl_records": 5})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "corrections.ttl"
    path.write_text(TURTLE, encoding="utf-8")
    return path


@pytest.fixture
def first(settings: Settings, tmp_path: Path) -> Release:
    """A release of one record."""
    (tmp_path / "record.xml").write_bytes(iso())
    return build([tmp_path / "record.xml"], settings, quiet).release


def stated(release: Release, graph: str = GRAPH) -> set[str]:
    store = ox.Store.read_only(str(release.store))
    return {str(quad.triple) for quad in store.quads_for_pattern(None, None, None, ox.NamedNode(graph))}


def test_a_graph_that_is_put_is_published_at_once_and_found_in_every_part_of_the_release(
    settings: Settings, first: Release, file: Path
) -> None:
    change = put_graph(settings, "corrections", [file], quiet, by="jdupont")
    assert change.is_new
    assert change.build
    release = change.build.release
    assert release.id != first.id
    changed = difference(first, release)
    assert set(changed.added) - {name for name in changed.added if "/graph/prov/2" in name} == {
        GRAPH, f"{BASE}graph/prov/local/corrections",
    }  # fmt: skip
    assert not any("/graph/record/" in name for name in changed.changed)
    assert len(stated(release)) == change.graph.statements == 6
    assert not any("_:" in line for line in stated(release))
    assert {line.replace(f" <{GRAPH}> .", "") for line in release.statements.lines(GRAPH)} == stated(release)
    assert search(release.text_index, "rade de Brest")[0] == 1
    assert release.statistics()["families"]["local"] == {"graphs": 1, "quads": 6}
    same_as_anew(settings, change.build)


def test_it_stays_through_later_builds_and_the_release_is_what_it_would_be_from_nothing(
    settings: Settings, first: Release, file: Path, tmp_path: Path
) -> None:
    put_graph(settings, "corrections", [file], quiet)
    (tmp_path / "other.xml").write_bytes(iso(key="other", title="Salinity"))
    later = build([tmp_path / "other.xml"], settings, quiet)
    assert len(stated(later.release)) == 6
    file.write_text(TURTLE.replace("Inner", "Outer"), encoding="utf-8")
    changed = put_graph(settings, "corrections", [file], quiet)
    assert changed.build
    assert any("Outer" in line for line in stated(changed.build.release))
    assert not any("Inner" in line for line in stated(changed.build.release))
    same_as_anew(settings, changed.build)
    assert len(list((settings.data_dir / "local").glob("*.nt"))) == 1
    gone = delete_graph(settings, "corrections", quiet)
    assert gone.build
    assert stated(gone.build.release) == set()
    same_as_anew(settings, gone.build)


def test_the_same_statements_are_the_same_graph_in_any_syntax_order_and_labels(
    settings: Settings, tmp_path: Path, file: Path
) -> None:
    put = put_graph(settings, "one", [file], quiet, publish=False).graph
    quads = sorted(ox.parse(TURTLE.encode(), ox.RdfFormat.TURTLE, rename_blank_nodes=True), key=str, reverse=True)
    for suffix, format_ in (
        ("nt", ox.RdfFormat.N_TRIPLES),
        ("rdf", ox.RdfFormat.RDF_XML),
        ("jsonld", ox.RdfFormat.JSON_LD),
    ):
        other = tmp_path / f"other.{suffix}"
        other.write_bytes(ox.serialize((quad.triple for quad in quads), format=format_))
        assert put_graph(settings, "one", [other], quiet, publish=False).graph.sha256 == put.sha256


def test_two_files_make_one_graph_and_keep_their_blank_nodes_apart(settings: Settings, tmp_path: Path) -> None:
    for name, text in (("a.ttl", '_:x <http://a/p> "1" .'), ("b.ttl", '_:x <http://a/p> "2" .')):
        (tmp_path / name).write_text(text)
    graph = put_graph(settings, "two", [tmp_path / "a.ttl", tmp_path / "b.ttl"], quiet, publish=False).graph
    lines = LocalGraphs(settings.data_dir / "local").lines(graph)
    assert len({line.split()[0] for line in lines}) == 2
    assert all(line.startswith(f"<{BASE}id/local-graph/odatis-kg/two#node-") for line in lines)


def test_putting_the_same_again_changes_nothing(settings: Settings, first: Release, file: Path) -> None:
    once = put_graph(settings, "corrections", [file], quiet)
    again = put_graph(settings, "corrections", [file], quiet)
    assert not again.is_new
    assert again.graph == once.graph
    assert again.build
    assert not again.build.is_new


def test_what_is_not_published_yet_is_by_the_next_build(settings: Settings, first: Release, file: Path) -> None:
    change = put_graph(settings, "corrections", [file], quiet, publish=False)
    assert change.build is None
    assert Releases(settings.data_dir).current_id() == first.id
    assert len(stated(build([], settings, quiet).release)) == 6


def test_its_provenance_leads_to_the_files_and_names_nobody_who_was_not_named(
    settings: Settings, first: Release, file: Path
) -> None:
    for by in ("", "jdupont"):
        if by:
            delete_graph(settings, "corrections", quiet, publish=False)
        change = put_graph(settings, "corrections", [file], quiet, by=by)
        assert change.build
        store = ox.Store.read_only(str(change.build.release.store))
        (row,) = store.query(
            "PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX spdx: <http://spdx.org/rdf/terms#>"
            f"SELECT ?sha256 ?at ?archived {{ <{GRAPH}> prov:wasDerivedFrom ?file ; prov:wasGeneratedBy ?activity ."
            " ?file spdx:checksum/spdx:checksumValue ?sha256 ; <http://localhost:8000/def/odk#archivedAs> ?archived ."
            " ?activity a prov:Activity ; prov:startedAtTime ?at }"
        )
        assert row["sha256"].value == change.graph.files[0].sha256
        archived = settings.data_dir / "raw" / row["archived"].value
        assert archived.is_file()
        agents = {str(quad.object.value) for quad in store.quads_for_pattern(None, ox.NamedNode("http://www.w3.org/ns/prov#wasAttributedTo"), None, None) if quad.subject == ox.NamedNode(GRAPH)}  # fmt: skip
        assert agents == ({f"{BASE}id/operator/odatis-kg/jdupont"} if by else set())


def test_a_deleted_graph_answers_410_and_a_new_one_of_that_name_200(
    settings: Settings, first: Release, file: Path
) -> None:
    put_graph(settings, "corrections", [file], quiet)
    with serving(settings.data_dir) as server:
        path = "graph/local/corrections"
        assert server.get(path, accept="text/turtle").status_code == 200
        page = server.get(f"lineage?iri={BASE}id/dataset/local/record-1", accept="text/html")
        assert "graph/local/corrections" in page.text
        delete_graph(settings, "corrections", quiet)
        _wait_for(server.address, Releases(settings.data_dir).current_id())
        for accept in ("text/turtle", "text/html"):
            assert server.get(path, accept=accept).status_code == 410
        assert server.get("graph/local/never", accept="text/turtle").status_code == 404
        put_graph(settings, "corrections", [file], quiet)
        _wait_for(server.address, Releases(settings.data_dir).current_id())
        for accept in ("text/turtle", "text/html"):
            assert server.get(path, accept=accept).status_code == 200


def _wait_for(address: str, release: str | None) -> None:
    import time

    for _ in range(200):
        if httpx.get(f"{address}health/ready", timeout=10).json()["release"] == release:
            return
        time.sleep(0.05)
    pytest.fail("the release was not taken up")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.ttl", "<http://a/s> <http://a/p>\n<http://a/o> ;\n ; oops .", "line 3"),
        ("a.ttl", "<http://a/s> <http://a/p> <relative> .", "absolute IRI"),
        ("a.nq", "<http://a/s> <http://a/p> <http://a/o> <http://a/g> .", "http://a/g"),
        ("a.ttl", "", "state nothing"),
        ("a.txt", "hello", "ending"),
        ("a.ttl", "<http://a/s> <http://a/p> <<( <http://a/s> <http://a/p> <http://a/o> )>> .", "1.2"),
        ("a.jsonld", '{"@context": "http://127.0.0.1:1/c", "@id": "http://a/s", "p": 1}', "a.jsonld"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place_and_changes_nothing(
    settings: Settings, tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(LocalGraphError, match=said):
        put_graph(settings, "one", [tmp_path / name], quiet)
    assert LocalGraphs(settings.data_dir / "local").all() == []


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", "x.ttl", "é", "-", "a" * 80])
def test_a_name_that_cannot_be_part_of_an_iri_is_refused(settings: Settings, file: Path, name: str) -> None:
    with pytest.raises(LocalGraphError, match="name"):
        put_graph(settings, name, [file], quiet)
    with pytest.raises(LocalGraphError):
        delete_graph(settings, name, quiet)


def test_a_graph_that_a_release_cannot_be_made_with_is_not_kept(
    settings: Settings, first: Release, file: Path, tmp_path: Path
) -> None:
    put_graph(settings, "corrections", [file], quiet)
    before = Releases(settings.data_dir).current_id()
    bad = tmp_path / "bad.ttl"
    bad.write_text(f"<{BASE}id/dataset/local/record-1> <http://www.w3.org/ns/dcat#distribution> <{BASE}id/never> .")
    with pytest.raises(BuildError, match="nothing is said of it"):
        put_graph(settings, "corrections", [bad], quiet)
    assert Releases(settings.data_dir).current_id() == before
    kept = LocalGraphs(settings.data_dir / "local").get("corrections")
    assert kept
    assert kept.statements == 6
    assert len(LocalGraphs(settings.data_dir / "local").lines(kept)) == 6
    assert not build([], settings, quiet).is_new


def test_a_file_changed_by_hand_is_found_out(settings: Settings, first: Release, file: Path) -> None:
    put_graph(settings, "corrections", [file], quiet, publish=False)
    (path,) = (settings.data_dir / "local").glob("*.nt")
    path.write_text(path.read_text().replace("Brest", "Quimper"))
    with pytest.raises(LocalGraphError, match="by hand"):
        build([], settings, quiet)
    assert Releases(settings.data_dir).current_id() == first.id


def test_one_run_at_a_time(settings: Settings, first: Release, file: Path) -> None:
    with Releases(settings.data_dir).building(), pytest.raises(ReleaseError, match="another run"):
        put_graph(settings, "corrections", [file], quiet)


def test_before_the_first_record_a_graph_waits(settings: Settings, file: Path) -> None:
    assert put_graph(settings, "corrections", [file], quiet).build is None
    said = json.loads((settings.data_dir / "local" / "corrections.json").read_text())
    assert said["statements"] == 6
    assert said["by"] == ""
