"""A release made from the one before holds what one made from nothing holds, statement for statement."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings, load
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.releasing import Build
from odatis_kg.store import boxindex, statistics, textindex, void
from odatis_kg.store.release import Release
from odatis_kg.store.textindex import search
from tests.conftest import ROOT
from tests.support import iso, quiet


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """The demonstration records, and one of our own."""
    folder = tmp_path / "records"
    shutil.copytree(ROOT / "odatis_kg" / "demo", folder)
    (folder / "own.xml").write_bytes(iso(key="own", title="Sea temperature off Brest"))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data", release={"shacl_records": 20})


def named_graphs(release: Release, but: set[str]) -> tuple[dict[str, tuple[int, str]], set[str]]:
    """The named graphs of a release with their digests, and their statements, without the accounts of some runs and
    without the description that counts those, too.
    """
    digests = release.graph_digests()
    left_out = {name for name in digests if any(name.endswith(f"/graph/prov/{run}") for run in but)}
    left_out.add("http://localhost:8000/graph/void")
    store = ox.Store.read_only(str(release.store))
    kept = {
        str(quad)
        for quad in store
        if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value not in left_out
    }
    return {name: found for name, found in digests.items() if name not in left_out}, kept


def is_whole(release: Release, settings: Settings) -> None:
    """The store, the dump, the statistics and the text index of a release tell the same."""
    store = ox.Store.read_only(str(release.store))
    dump = release.statements
    quads = list(store)
    itself = ox.NamedNode(void.graph_name(settings.iris))
    named = {str(quad) for quad in quads if quad.graph_name not in (ox.DefaultGraph(), itself)}
    lines = [line for graph in dump.entries for line in dump.lines(graph)]
    loaded = ox.Store()
    loaded.load("\n".join(lines).encode(), format=ox.RdfFormat.N_QUADS)
    assert len(lines) == len(named) == release.manifest.quads
    assert {str(quad) for quad in loaded} == named
    union = {quad.triple for quad in quads if quad.graph_name == ox.DefaultGraph()}
    assert union == {quad.triple for quad in quads if quad.graph_name != ox.DefaultGraph()}
    counted = release.statistics()
    things = counted.pop("things")
    said = {f"{quad} ." for quad in quads if quad.graph_name == itself}
    manifest, shown = release.manifest, void.examples(store, settings.iris)
    assert said == set(void.read(release.description))
    assert said == set(void.describe(counted, manifest.id, manifest.created, shown, settings.iris))
    assert counted == statistics.count(store, release.graph_digests(), settings.iris)
    with TemporaryDirectory() as folder:
        anew = Path(folder) / "text.sqlite"
        assert things == textindex.build(store, anew, settings.iris.odk)
        boxindex.build(store, anew, settings.iris.odk)
        assert indexed(release.text_index) == indexed(anew)
        for words in ("off Brest", "temp", "mer d", "a", "2", "http"):
            assert search(release.text_index, words, limit=1000) == search(anew, words, limit=1000)


def indexed(path: Path) -> list[list[object]]:
    """What an index holds, whatever the numbers of its rows."""
    with closing(textindex.connect(path)) as db:
        return [
            sorted(db.execute(query))
            for query in (
                "SELECT iri, class, name, weight FROM thing",
                "SELECT e.name, t.iri FROM exact e LEFT JOIN thing t ON t.id = e.thing",
                "SELECT place, west, south, east, north FROM extent",
                "SELECT x.place, b.west, b.east, b.south, b.north FROM box b LEFT JOIN extent x ON x.id = b.id >> 1",
                "SELECT count(*) FROM words",
            )
        ]


def same_as_anew(settings: Settings, outcome: Build) -> None:
    """The release is what a release made from nothing is."""
    anew = build([], settings, quiet, anew=True)
    assert anew.is_new
    own = {outcome.release.id, anew.release.id}
    ours, theirs = named_graphs(outcome.release, own), named_graphs(anew.release, own)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    assert outcome.release.manifest.kinds == anew.release.manifest.kinds
    assert outcome.release.checks() == anew.release.checks()
    is_whole(outcome.release, settings)
    is_whole(anew.release, settings)


def test_after_a_change_an_addition_and_a_loss_the_release_is_what_it_would_be_from_nothing(
    records: Path, settings: Settings
) -> None:
    first = build([records], settings, quiet)
    same_as_anew(settings, first)
    changed = next(records.glob("iso19139/magest.xml"))
    changed.write_bytes(changed.read_bytes().replace(b"MAGEST", b"MAGEST II"))
    (records / "new.xml").write_bytes(iso(key="new", title="Salinity off Brest"))
    (records / "own.xml").unlink()
    for vocabulary in sorted(records.glob("vocabularies/*"))[:1]:
        vocabulary.unlink()
    second = build([records], settings, quiet)
    assert {state for _, state in second.missing} == {"missing"}
    same_as_anew(settings, second)
    third = build([records], settings, quiet)
    assert {state for _, state in third.missing} == {"gone"}
    same_as_anew(settings, third)
    assert search(third.release.text_index, "off Brest")[0] >= 1
    assert not any(
        "off Brest" in hit.name and "temperature" in hit.name
        for hit in search(third.release.text_index, "off Brest")[1]
        if "/id/dataset/" in hit.iri
    )


def test_only_what_changed_is_mapped_and_written_again(
    records: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build([records], settings, quiet)
    from odatis_kg.pipeline import stages

    mapped: list[str] = []
    real = stages.map_record

    def spy(record: object, *rest: object, **named: object) -> object:
        mapped.append(record.key)  # type: ignore[attr-defined]
        return real(record, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "map_record", spy)
    (records / "own.xml").write_bytes(iso(key="own", title="Sea temperature off Ouessant"))
    second = build([records], settings, quiet)
    assert mapped == ["own"]
    before, after = first.release.graph_digests(), second.release.graph_digests()
    changed = {name.partition("/graph/")[2] for name in after if before.get(name) != after[name]}
    runs = {name for name in changed if name.startswith("prov/2")}
    assert changed - runs == {"record/local/own", "prov/record/local/own"}
    linked = {path.name for path in first.release.store.glob("*.sst")} & {
        path.name for path in second.release.store.glob("*.sst")
    }
    assert linked, "the store of the release before is shared, not copied"


def test_a_report_tells_of_unchanged_records_as_before(records: Path, settings: Settings) -> None:
    first = {report.path: report.as_json() for report in build([records], settings, quiet).reports}
    (records / "own.xml").write_bytes(iso(key="own", title="Another title"))
    second = {report.path: report.as_json() for report in build([records], settings, quiet).reports}
    changed = {path for path in first if first[path] != second[path]}
    assert changed <= {str(records / "own.xml")}
    assert json.dumps(second)


def test_another_basis_makes_everything_again(records: Path, settings: Settings) -> None:
    build([records], settings, quiet)
    bounds = settings.input.model_copy(update={"record_seconds": 29.0})
    second = build([], settings.model_copy(update={"input": bounds}), quiet)
    assert second.is_new
    run = second.release.manifest.id
    store = ox.Store.read_only(str(second.release.store))
    generated = ox.NamedNode("http://www.w3.org/ns/prov#wasGeneratedBy")
    graph = ox.NamedNode("http://localhost:8000/graph/record/local/own")
    assert run in next(store.quads_for_pattern(graph, generated, None)).object.value
