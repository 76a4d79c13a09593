"""Building: only what changed is new, nothing is lost, and a failed build leaves the release before it."""

import gzip
import json
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings, load
from odatis_kg.harvest.verification import verify
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.releasing import Build, BuildError
from odatis_kg.store import void
from odatis_kg.store.release import Releases
from tests.support import iso, quiet

TITLES = "SELECT ?title { ?s a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?title } ORDER BY ?title"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.xml").write_bytes(iso(key=f"r{number}", title=f"Title {number}"))
    return folder


def titles(outcome: Build) -> list[str]:
    store = ox.Store.read_only(str(outcome.release.store))
    return [row["title"].value for row in store.query(TITLES)]


def test_every_record_is_in_the_release(records: Path, settings: Settings) -> None:
    outcome = build([records], settings, quiet)
    assert outcome.is_new
    assert titles(outcome) == ["Title 0", "Title 1", "Title 2"]


def test_a_second_build_of_the_same_publishes_nothing(records: Path, settings: Settings) -> None:
    first = build([records], settings, quiet)
    second = build([records], settings, quiet)
    assert not second.is_new
    assert second.release.id == first.release.id
    assert [report.as_json() for report in second.reports] == [report.as_json() for report in first.reports]


def test_what_changed_is_new_and_the_version_before_stays_in_the_archive(records: Path, settings: Settings) -> None:
    build([records], settings, quiet)
    (records / "1.xml").write_bytes(iso(key="r1", title="Changed"))
    outcome = build([records], settings, quiet)
    assert titles(outcome) == ["Changed", "Title 0", "Title 2"]
    blobs = [gzip.decompress(path.read_bytes()) for path in (settings.data_dir / "raw").rglob("*.gz")]
    assert any(b"Title 1" in blob for blob in blobs)
    assert any(b"Changed" in blob for blob in blobs)


def test_the_same_input_in_another_order_and_place_gives_the_same_statements(
    records: Path, settings: Settings, tmp_path: Path
) -> None:
    def record_graphs(outcome: Build) -> dict[str, tuple[int, str]]:
        return {graph: found for graph, found in outcome.release.graph_digests().items() if "/graph/prov/" not in graph}

    one = build([records], settings, quiet)
    other = build(
        [records / f"{n}.xml" for n in (2, 0, 1)], load(data_dir=tmp_path / "other", release={"shacl": False}), quiet
    )
    assert record_graphs(one) == record_graphs(other)


def test_a_new_build_keeps_what_earlier_builds_of_other_places_brought_in(
    records: Path, settings: Settings, tmp_path: Path
) -> None:
    build([records], settings, quiet)
    other = tmp_path / "other.xml"
    other.write_bytes(iso(key="r9", title="Title 9"))
    outcome = build([other], settings, quiet)
    assert titles(outcome) == ["Title 0", "Title 1", "Title 2", "Title 9"]
    assert outcome.kept == 3


def test_a_record_leaves_after_two_looks_that_miss_it(records: Path, settings: Settings) -> None:
    build([records], settings, quiet)
    (records / "1.xml").unlink()
    once = build([records], settings, quiet)
    assert once.missing == [("r1", "missing")]
    assert "Title 1" in titles(once)
    twice = build([records], settings, quiet)
    assert twice.missing == [("r1", "gone")]
    assert titles(twice) == ["Title 0", "Title 2"]
    (records / "1.xml").write_bytes(iso(key="r1", title="Back"))
    assert "Back" in titles(build([records], settings, quiet))


def test_of_two_files_with_one_record_the_newest_is_used_and_the_other_is_told(
    records: Path, settings: Settings
) -> None:
    def dated(title: str, day: str) -> bytes:
        around = f"<gmd:dateStamp><gco:Date>{day}</gco:Date></gmd:dateStamp>"
        return iso(key="r1", title=title, around=around)

    (records / "1.xml").write_bytes(dated("Newer", "2026-02-01"))
    (records / "z.xml").write_bytes(dated("Older", "2026-01-01"))
    outcome = build([records], settings, quiet)
    assert titles(outcome) == ["Newer", "Title 0", "Title 2"]
    (told,) = [report for report in outcome.reports if report.path.endswith("z.xml")]
    assert told.status == "ok"
    assert "1.xml holds a newer version" in told.warnings[0]


def test_one_bad_file_never_stops_the_others(records: Path, settings: Settings) -> None:
    (records / "bad.xml").write_bytes(iso()[:200])
    (records / "empty.xml").write_bytes(b"")
    (records / "notes.txt").write_text("call the ship")
    outcome = build([records], settings, quiet)
    assert titles(outcome) == ["Title 0", "Title 1", "Title 2"]
    refused = {Path(report.path).name: report.reason for report in outcome.reports if report.status == "refused"}
    assert refused.keys() == {"bad.xml", "empty.xml", "notes.txt"}
    assert all(refused.values())


def test_nothing_that_can_be_mapped_is_an_error_that_says_why(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "notes.txt").write_text("call the ship")
    with pytest.raises(BuildError, match="neither XML nor JSON nor RDF"):
        build([tmp_path / "notes.txt"], settings, quiet)
    with pytest.raises(BuildError, match="odatis-kg build PATH"):
        build([], load(data_dir=tmp_path / "none"), quiet)


def test_a_larger_limit_takes_up_what_a_smaller_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    path.write_bytes(iso(key="large", title="x" * 1_200_000))
    (tmp_path / "small.xml").write_bytes(iso(key="small"))
    strict = load(data_dir=tmp_path / "data", input={"record_mb": 1}, release={"shacl": False})
    refused = [report for report in build([path, tmp_path / "small.xml"], strict, quiet).reports if report.refused]
    assert "input.record_mb" in refused[0].reason
    lenient = load(data_dir=tmp_path / "data", release={"shacl": False})
    assert not any(report.refused for report in build([path, tmp_path / "small.xml"], lenient, quiet).reports)


def test_a_damaged_archive_is_told_by_record_and_the_rest_goes_on(records: Path, settings: Settings) -> None:
    build([records], settings, quiet)
    blob = next(
        path for path in (settings.data_dir / "raw").rglob("*.gz") if b"Title 1" in gzip.decompress(path.read_bytes())
    )
    blob.write_bytes(b"damaged")
    (records / "new.xml").write_bytes(iso(key="r7", title="Title 7"))
    outcome = build([records / "new.xml"], settings, quiet)
    assert titles(outcome) == ["Title 0", "Title 1", "Title 2", "Title 7"], "what is taken over needs no archive"
    assert any("cannot be read" in fault for fault in verify(settings.data_dir).faults)
    outcome = build([], settings, quiet, anew=True)
    assert titles(outcome) == ["Title 0", "Title 2", "Title 7"]


def test_a_failed_check_publishes_nothing(records: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build([records], settings, quiet)
    from odatis_kg.pipeline import releasing
    from odatis_kg.quality.integrity import Failure

    monkeypatch.setattr(releasing, "failures", lambda *_: [Failure("complete", "made to fail")])
    (records / "new.xml").write_bytes(iso(key="r7"))
    with pytest.raises(BuildError, match="made to fail"):
        build([records], settings, quiet)
    releases = Releases(settings.data_dir)
    assert releases.current_id() == first.release.id
    assert len(releases.all()) == 1


def test_another_base_address_gives_other_iris_and_no_trace_of_the_first(records: Path, tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path / "data", base_url="https://kg.example.org/ocean/", release={"shacl": False})
    outcome = build([records], settings, quiet)
    dump = gzip.decompress((outcome.release.path / "dump.nq.gz").read_bytes()).decode()
    assert "https://kg.example.org/ocean/id/dataset/local/r1" in dump
    assert "localhost" not in dump


def test_the_dump_holds_what_the_store_holds(records: Path, settings: Settings) -> None:
    outcome = build([records], settings, quiet)
    dump = gzip.decompress((outcome.release.path / "dump.nq.gz").read_bytes())
    loaded = ox.Store()  # a store keeps an integer of any kind as xsd:integer, so both must have been through one
    loaded.load(dump, ox.RdfFormat.N_QUADS)
    store = ox.Store.read_only(str(outcome.release.store))
    named = {quad for quad in store if not isinstance(quad.graph_name, ox.DefaultGraph)}
    itself = {quad for quad in named if quad.graph_name == ox.NamedNode(void.graph_name(settings.iris))}
    assert itself, "what the release says of itself is in the store, and no part of the dump"
    assert set(loaded) == named - itself
    default = {quad.triple for quad in store if isinstance(quad.graph_name, ox.DefaultGraph)}
    assert default == {quad.triple for quad in named}
    assert outcome.release.manifest.quads == len(named - itself)


def test_the_report_of_a_release_says_what_became_of_each_file(records: Path, settings: Settings) -> None:
    outcome = build([records], settings, quiet)
    report = json.loads((outcome.release.path / "report.json").read_text())
    assert [entry["status"] for entry in report] == ["ok"] * 3
    assert all(entry["mapped"] == 1 and entry["quads"] > 5 for entry in report)


def test_shapes_are_checked_and_remarks_do_not_stop_a_release(records: Path, tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path / "data")
    outcome = build([records], settings, quiet)
    checks = json.loads((outcome.release.path / "checks.json").read_text())
    assert checks["checked"] == 3
    assert len(checks["remarks"]) == 3, "records without abstract deserve a remark"
    (remark, *_) = next(iter(checks["remarks"].values()))
    assert "abstract" in json.dumps(remark)
