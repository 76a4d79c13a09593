"""Releases: whole or not there, switched by one rename, kept while in use."""

import json
from pathlib import Path

import pytest

from odatis_kg.store.dump import DumpWriter
from odatis_kg.store.release import Manifest, ReleaseError, Releases, difference

GRAPH = "http://localhost:8000/graph/record/a/{}"


def publish(releases: Releases, name: str, graphs: dict[str, list[str]]) -> None:
    with releases.building(), releases.draft(name) as draft:
        writer = DumpWriter(draft.path)
        for graph, lines in graphs.items():
            writer.write(graph, [f"{line} <{graph}> ." for line in lines])
        dump, digest = writer.close()
        manifest = Manifest(
            id=name, created="2026-01-01T00:00:00Z", base_url="http://localhost:8000/", software="odatis-kg 0", mappings="0",
            fingerprint=name, quads=dump.quads, graphs=len(dump.entries), dump_sha256=digest, previous=None, kinds={}, checks={},
        )  # fmt: skip
        releases.publish(draft, manifest)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    found = Releases(tmp_path)
    for name in ("r1", "r2", "r3"):
        publish(found, name, {GRAPH.format(1): [f'<a:a> <a:b> "{name}"'], GRAPH.format(name): ['<a:a> <a:b> "same"']})
    return found


def test_the_last_one_published_is_the_current_one(releases: Releases) -> None:
    assert releases.current_id() == "r3"
    assert [release.id for release in releases.all()] == ["r1", "r2", "r3"]


def test_rollback_is_the_same_switch(releases: Releases) -> None:
    assert releases.rollback().id == "r2"
    assert releases.current_id() == "r2"
    assert releases.rollback("r1").id == "r1"
    assert releases.rollback("r3").id == "r3"


def test_there_is_nothing_before_the_first(releases: Releases) -> None:
    releases.rollback("r1")
    with pytest.raises(ReleaseError, match="no release before"):
        releases.rollback()


def test_a_name_that_means_none_or_several_is_an_error(releases: Releases) -> None:
    with pytest.raises(ReleaseError, match="several"):
        releases.get("r")
    with pytest.raises(ReleaseError, match="no release 'x'"):
        releases.get("x")


def test_prune_keeps_the_newest_the_current_and_those_in_use(releases: Releases) -> None:
    releases.rollback("r1")
    with releases.get("r2").in_use():
        assert releases.prune(1) == []
    assert releases.prune(1) == ["r2"]
    assert [release.id for release in releases.all()] == ["r1", "r3"]


def test_the_difference_names_the_graphs(releases: Releases) -> None:
    found = difference(releases.get("r1"), releases.get("r2"))
    assert found.added == {GRAPH.format("r2"): 1}
    assert found.removed == {GRAPH.format("r1"): 1}
    assert found.changed == {GRAPH.format(1): (1, 1)}


def test_two_builds_at_once_are_refused_and_the_second_says_who_is_first(releases: Releases) -> None:
    with (
        releases.building(),
        pytest.raises(ReleaseError, match="another run"),
        Releases(releases.data_dir).building(),
    ):
        pass


def test_what_a_killed_build_left_is_cleared_by_the_next(releases: Releases) -> None:
    leftover = releases.folder / ".building-killed"
    leftover.mkdir()
    (leftover / "quads.nq").write_text("half a li")
    pointer = releases.data_dir / ".current-12345"
    pointer.symlink_to("releases/killed")
    assert "killed" not in [release.id for release in releases.all()]
    with releases.building():
        assert not leftover.exists()
        assert not pointer.is_symlink()


def test_a_release_without_a_whole_manifest_is_none(releases: Releases) -> None:
    path = releases.folder / "r2" / "manifest.json"
    path.write_text(path.read_text()[:50])
    assert [release.id for release in releases.all()] == ["r1", "r3"]


def test_the_manifest_says_what_the_release_is(releases: Releases) -> None:
    content = json.loads((releases.folder / "r1" / "manifest.json").read_text())
    assert content["id"] == "r1"
    assert content["quads"] == 2
