"""Harvesting configured sources, from a server over HTTP to the ledger and the release: nothing lost, nothing doubled."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings, load
from odatis_kg.harvest.verification import verify
from odatis_kg.pipeline.building import harvest, sync
from odatis_kg.pipeline.harvesting import Outcome, Wanted
from odatis_kg.pipeline.status import statuses
from odatis_kg.store.release import ReleaseError, Releases
from tests.conftest import ROOT, serving
from tests.harvest.oai_server import Parameters, Record, Repository, records
from tests.harvest.raw_server import RawServer, answer, raw_server
from tests.support import quiet

KILLS = 30
PROV = "http://www.w3.org/ns/prov#"


def settings_of(tmp_path: Path, *servers: RawServer, **more: Any) -> Settings:
    sources = {
        f"s{number}": {"protocol": "oai-pmh", "url": f"{server.address}oai", "delay_seconds": 0, "tries": 1}
        for number, server in enumerate(servers, 1)
    }
    return load(data_dir=tmp_path / "data", sources=sources, release={"shacl": False}, **more)


def run(settings: Settings, **wanted: bool) -> list[Outcome]:
    return harvest(dict(settings.sources), settings, Wanted(**wanted), quiet, lambda *_: None)


def states(settings: Settings) -> dict[str, str]:
    with sqlite3.connect(settings.data_dir / "ledger.sqlite") as db:
        rows = db.execute("SELECT key, state FROM record ORDER BY key").fetchall()
    db.close()
    return {key.removeprefix("dc:oai:test:"): state for key, state in rows}


def counts(outcome: Outcome) -> dict[str, int]:
    names = ("new", "changed", "missing", "gone", "quarantined")
    return {name: getattr(outcome.walk, name) for name in names if getattr(outcome.walk, name)}


def test_a_second_harvest_asks_only_for_what_changed(tmp_path: Path) -> None:
    repository = Repository(records(7))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        (first,) = run(settings)
        assert (first.walk.extent, first.walk.items, counts(first)) == ("full", 7, {"new": 7})
        repository.records[3] = replace(repository.records[3], title="Another title", datestamp="2099-01-01T00:00:00Z")
        repository.records.append(Record("oai:test:08", "2099-01-02T00:00:00Z"))
        (second,) = run(settings)
        assert (second.walk.extent, counts(second)) == ("changes", {"new": 1, "changed": 1})
        assert second.walk.items == 2
        (third,) = run(settings, full=True)
        assert (third.walk.extent, third.walk.items, counts(third)) == ("full", 8, {})
    assert set(states(settings).values()) == {"current"}
    assert not verify(settings.data_dir).faults


def test_unchanged_records_are_looked_up_and_written_no_more(tmp_path: Path) -> None:
    with raw_server(Repository(records(6))) as server:
        settings = settings_of(tmp_path, server)
        run(settings)
        blobs = sorted((settings.data_dir / "raw").rglob("*.gz"))
        run(settings, full=True)
        added = set((settings.data_dir / "raw").rglob("*.gz")) - set(blobs)
    with sqlite3.connect(settings.data_dir / "ledger.sqlite") as db:
        assert db.execute("SELECT count(*) FROM fetch").fetchone() == (6,)
        assert db.execute("SELECT count(*) FROM version").fetchone() == (6,)
    db.close()
    assert len(added) == 2, "the answers themselves, which say when they were given; no record"


def test_a_record_is_gone_when_two_whole_harvests_did_not_see_it(tmp_path: Path) -> None:
    repository = Repository(records(10))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        run(settings)
        lost = repository.records.pop(4)
        (only_changes,) = run(settings)
        assert counts(only_changes) == {}, "a harvest of changes cannot see that something is gone"
        (first,) = run(settings, full=True)
        assert counts(first) == {"missing": 1}
        assert states(settings)["05"] == "missing"
        repository.records.insert(4, lost)
        (back,) = run(settings, full=True)
        assert counts(back) == {"new": 1}
        repository.records.pop(4)
        run(settings, full=True)
        (last,) = run(settings, full=True)
        assert counts(last) == {"gone": 1}
        assert states(settings)["05"] == "gone"


def test_what_the_source_says_is_deleted_is_gone_at_once(tmp_path: Path) -> None:
    repository = Repository(records(10))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        run(settings)
        repository.records[1] = replace(repository.records[1], deleted=True, datestamp="2099-01-01T00:00:00Z")
        (outcome,) = run(settings)
        assert (outcome.walk.extent, counts(outcome)) == ("changes", {"gone": 1})
        repository.records[1] = replace(repository.records[1], deleted=False, datestamp="2099-01-02T00:00:00Z")
        (again,) = run(settings)
        assert counts(again) == {"new": 1}
        assert states(settings)["02"] == "current"


def test_a_harvest_that_did_not_see_everything_drops_nothing(tmp_path: Path) -> None:
    repository = Repository(records(6), size=2)
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        run(settings)
        repository.records = repository.records[:3]
        repository.announce = lambda whole: whole + 5
        for _ in range(3):
            (outcome,) = run(settings, full=True)
            assert outcome.walk.state in ("incomplete", "failed")
            assert outcome.reason
        assert set(states(settings).values()) == {"current"}


def test_a_harvest_that_would_drop_too_much_stops_and_asks(tmp_path: Path) -> None:
    repository = Repository(records(10))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        run(settings)
        repository.records = repository.records[:7]
        run(settings, full=True)
        (held,) = run(settings, full=True)
        assert held.walk.state == "held"
        assert not held.succeeded
        assert "3 of 10" in held.reason
        assert "--accept-drop" in held.reason
        assert list(states(settings).values()).count("gone") == 0
        (told,) = statuses(settings)
        assert told.state == "held"
        (accepted,) = run(settings, full=True, accept_drop=True)
        assert counts(accepted) == {"gone": 3}


def test_a_drop_that_waits_stays_in_sight_and_is_accepted_with_nothing_but_the_flag(tmp_path: Path) -> None:
    repository = Repository(records(10))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        run(settings)
        repository.records = repository.records[:7]
        run(settings, full=True)
        run(settings, full=True)
        (still,) = run(settings)
        assert (still.walk.extent, still.walk.state) == ("full", "held")
        (accepted,) = run(settings, accept_drop=True)
        assert (accepted.walk.state, counts(accepted)) == ("complete", {"gone": 3})
        (after,) = run(settings)
        assert after.walk.extent == "changes"


def folder_of(tmp_path: Path, number: int) -> tuple[Settings, Path]:
    """A source of files, one record each."""
    folder = tmp_path / "records"
    folder.mkdir()
    for record in records(number):
        (folder / f"{record.identifier[-2:]}.xml").write_text(record.element, "utf-8")
    sources = {"files": {"protocol": "folder", "paths": [str(folder)]}}
    return load(data_dir=tmp_path / "data", sources=sources, release={"shacl": False}), folder


def test_a_folder_that_loses_too_much_is_held_and_waits(tmp_path: Path) -> None:
    settings, folder = folder_of(tmp_path, 5)
    run(settings)
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    for file in list(kept)[:4]:
        file.unlink()
    (missed,) = run(settings)
    assert counts(missed) == {"missing": 4}
    for _ in range(2):
        (held,) = run(settings)
        assert (held.walk.state, counts(held), held.succeeded) == ("held", {}, False)
        assert "4 of 5" in held.reason
        assert "odatis-kg harvest files --accept-drop" in held.reason
    for file, content in list(kept.items())[:1]:
        file.write_bytes(content)
    (accepted,) = run(settings, accept_drop=True)
    assert counts(accepted) == {"new": 1, "gone": 3}


def test_a_file_that_cannot_be_read_any_more_is_kept_apart_and_its_record_stays(tmp_path: Path) -> None:
    settings, folder = folder_of(tmp_path, 5)
    packed = folder / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("06.xml", records(6)[5].element)
    run(settings)
    good, whole = (folder / "02.xml").read_bytes(), packed.read_bytes()
    (folder / "02.xml").write_bytes(b"<broken")
    packed.write_bytes(whole[:40])
    for _ in range(3):
        (outcome,) = run(settings)
        assert counts(outcome) == {"quarantined": 2}
    (told,) = statuses(settings)
    assert (told.quarantined, told.records) == (2, 6)
    packed.write_bytes(whole)
    (folder / "01.xml").unlink()
    (again,) = run(settings, retry_quarantine=True)
    assert (again.walk.items, counts(again)) == (2, {"quarantined": 1})
    assert set(states(settings).values()) == {"current"}, "a look at the quarantine misses nothing"
    (folder / "02.xml").write_bytes(good)
    (mended,) = run(settings)
    assert counts(mended) == {"missing": 1}
    assert statuses(settings)[0].quarantined == 0


def test_a_look_at_the_quarantine_is_no_harvest_to_go_on_with(tmp_path: Path) -> None:
    repository = Repository(records(6), size=2, fault=lambda asked: failing if "resumptionToken" in asked else None)
    failing = answer("503 Service Unavailable", Retry_After="0")
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        (first,) = run(settings)
        assert (first.walk.state, first.walk.items) == ("failed", 2)
        run(settings, retry_quarantine=True)
        repository.fault = lambda _: None
        (rest,) = run(settings)
        assert (rest.walk.state, rest.walk.id, counts(rest)) == ("complete", first.walk.id, {"new": 6})


def test_one_bad_record_is_kept_apart_with_its_bytes_and_can_be_tried_again(tmp_path: Path) -> None:
    repository = Repository(records(4))
    good = repository.records[1]

    class Bad(Record):
        @property
        def element(self) -> str:
            return f"<record>{self.header}<metadata><what/></metadata></record>"

    repository.records[1] = Bad("oai:test:02", good.datestamp)
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        (first,) = run(settings)
        assert counts(first) == {"new": 3, "quarantined": 1}
        assert first.succeeded, "one bad record never stops a run"
        (told,) = statuses(settings)
        assert told.quarantined == 1
        (waiting,) = told.quarantine
        assert waiting.item == "oai:test:02"
        assert waiting.reason
        with sqlite3.connect(settings.data_dir / "ledger.sqlite") as db:
            ((identifier, sha256, size, reason),) = db.execute(
                "SELECT identifier, sha256, bytes, reason FROM quarantine"
            )
        db.close()
        assert identifier == "oai:test:02"
        assert len(sha256) == 64
        assert size
        assert reason
        (still,) = run(settings, retry_quarantine=True)
        assert counts(still) == {"quarantined": 1}
        repository.records[1] = good
        (healed,) = run(settings, retry_quarantine=True)
        assert counts(healed) == {"new": 1}
        assert statuses(settings)[0].quarantined == 0
        # What the source has no more does not wait in quarantine for ever.
        repository.records.append(Bad("oai:test:99", "2026-01-05T12:00:00Z"))
        run(settings, full=True)
        assert statuses(settings)[0].quarantined == 1
        repository.records.pop()
        time.sleep(1.1)  # times are noted to the second
        run(settings, full=True)
        assert statuses(settings)[0].quarantined == 0
        # It was good once: it stays as it was while it is bad.
        repository.records[1] = Bad("oai:test:02", good.datestamp)
        run(settings, full=True)
        run(settings, full=True)
        assert states(settings)["02"] == "current"


def test_a_harvest_that_was_cut_off_goes_on_after_its_last_page(tmp_path: Path) -> None:
    down = [True]

    def fault(asked: Parameters) -> bytes | None:
        return (
            answer("503 Service Unavailable") if down[0] and asked.get("resumptionToken", "").endswith("|6") else None
        )

    repository = Repository(records(10), size=3, fault=fault)
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        (cut,) = run(settings)
        assert cut.walk.state == "failed"
        assert len(states(settings)) == 6
        down[0] = False
        repository.asked.clear()
        (rest,) = run(settings)
        assert rest.walk.state == "complete"
        assert rest.walk.id == cut.walk.id
        assert [asked["resumptionToken"][-2:] for asked in repository.asked if "resumptionToken" in asked] == [
            "|6",
            "|9",
        ]
        assert len(states(settings)) == 10
        assert set(states(settings).values()) == {"current"}


def test_one_bad_source_does_not_stop_the_others(tmp_path: Path) -> None:
    with raw_server(Repository(records(3))) as good, raw_server(lambda _: answer("404 Not Found")) as bad:
        settings = settings_of(tmp_path, bad, good)
        first, second = run(settings)
    assert first.walk.state == "failed"
    assert "404" in first.reason
    assert second.succeeded
    told = {one.source: one for one in statuses(settings)}
    assert told["s1"].state == "failed"
    assert told["s1"].is_due
    assert told["s2"].records == 3
    assert not told["s2"].is_due


def test_a_release_says_of_each_record_which_request_brought_it(tmp_path: Path) -> None:
    repository = Repository(records(4))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        outcomes, build = sync(dict(settings.sources), settings, Wanted(), quiet, lambda *_: None)
        assert build is not None
        assert outcomes[0].succeeded
        store = ox.Store.read_only(str(build.release.store))
        rows = list(
            store.query(
                f"""PREFIX odk: <{settings.iris.odk}> SELECT * {{
                ?version a odk:SourceRecord ; <{PROV}hadPrimarySource> ?answer .
                ?answer a odk:Answer ; odk:requestUrl ?url ; odk:httpStatus ?status ; <{PROV}generatedAtTime> ?time ;
                  odk:archivedAs ?archived ; <{PROV}wasGeneratedBy> ?harvest }}"""
            )
        )
        assert len(rows) == 4
        for row in rows:
            assert row["url"].value.startswith(f"{server.address}oai?verb=ListRecords")
            assert row["status"].value == "200"
            assert (settings.data_dir / "raw" / row["archived"].value).is_file()
        _, again = sync(dict(settings.sources), settings, Wanted(full=True), quiet, lambda *_: None)
        assert again is not None
        assert not again.is_new, "nothing has changed, so nothing is published"


def test_a_gone_record_leaves_a_tombstone_with_its_last_version(tmp_path: Path) -> None:
    repository = Repository(records(8))
    with raw_server(repository) as server:
        settings = settings_of(tmp_path, server)
        _, first = sync(dict(settings.sources), settings, Wanted(), quiet, lambda *_: None)
        assert first is not None
        (graph,) = [name for name in first.release.graph_digests() if "/graph/record/" in name and "08" in name]
        repository.records.pop()
        sync(dict(settings.sources), settings, Wanted(full=True), quiet, lambda *_: None)
        _, last = sync(dict(settings.sources), settings, Wanted(full=True), quiet, lambda *_: None)
    assert last is not None
    assert graph not in last.release.graph_digests()
    store = ox.Store.read_only(str(last.release.store))
    (row,) = store.query(
        f"""PREFIX odk: <{settings.iris.odk}> PREFIX prov: <{PROV}> SELECT * {{
        ?thing odk:tombstone ?stone ; prov:invalidatedAtTime ?time .
        ?stone a odk:Tombstone ; prov:wasDerivedFrom/odk:archivedAs ?archived }}"""
    )
    assert (settings.data_dir / "raw" / row["archived"].value).is_file()
    titles = {quad.object.value for quad in store.quads_for_pattern(row["thing"], None, None, ox.DefaultGraph())}
    assert "A title" in titles
    gone, kept = (urlsplit(row["thing"].value.replace("test:08", f"test:{one}")).path for one in ("08", "07"))
    with serving(settings.data_dir) as running:
        for extension, word in (("html", "This is gone"), ("ttl", "tombstone"), ("jsonld", "tombstone")):
            answer = running.get(gone.replace("/id/", "/doc/") + f".{extension}")
            assert answer.status_code == 410
            assert word in answer.text
            assert running.get(kept.replace("/id/", "/doc/") + f".{extension}").status_code == 200
        page = running.get(f"lineage?iri={settings.base_url.rstrip('/')}{kept}", Accept="text/html").text
        assert "came in the answer to GET http" in page
        assert "verb=ListRecords" in page
        assert "(HTTP 200)" in page


def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    with raw_server(Repository(records(1))) as server:
        settings = settings_of(tmp_path, server)
        with Releases(settings.data_dir).building(), pytest.raises(ReleaseError, match="at work"):
            run(settings)
        assert run(settings)[0].succeeded


@pytest.mark.filterwarnings("default")
def test_killing_a_harvest_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    repository = Repository(records(28), size=1)

    def slowly(asked: Any) -> Any:
        time.sleep(0.03)
        return repository(asked)

    chance = random.Random(7)  # a fixed seed, so that a failure can be repeated
    with raw_server(slowly) as server:
        settings = settings_of(tmp_path, server)
        config = tmp_path / "odatis-kg.toml"
        config.write_text(
            f'data_dir = "{settings.data_dir}"\n[sources.s1]\nprotocol = "oai-pmh"\nurl = "{server.address}oai"\ndelay_seconds = 0\n'
        )
        killed, resumed, finished = 0, 0, 0
        while killed < KILLS:
            repository.asked.clear()
            process = subprocess.Popen(
                [sys.executable, "-m", "odatis_kg", "--config", str(config), "harvest", "--full"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            # Most of the time goes by before the first request: the kills are spread over the pages instead.
            pages = chance.randrange(0, 12)
            deadline = time.monotonic() + 60
            while len(repository.asked) < pages and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
            killed += process.wait() == -signal.SIGKILL
            finished += process.returncode == 0
            resumed += "resumptionToken" in next((one for one in repository.asked if one["verb"] == "ListRecords"), {})
            found = verify(settings.data_dir) if (settings.data_dir / "ledger.sqlite").exists() else None
            assert not found or not found.faults
        (last,) = run(settings, full=True)
    assert last.succeeded
    assert resumed > 5, "a harvest goes on where it was cut off"
    assert states(settings) == {f"{number:02}": "current" for number in range(1, 29)}
    with sqlite3.connect(settings.data_dir / "ledger.sqlite") as db:
        assert db.execute("SELECT count(*) FROM version").fetchone() == (28,)
        assert db.execute("SELECT count(*) FROM change WHERE what = 'new'").fetchone() == (28,)
    db.close()
    assert json.dumps({"killed": killed, "finished": finished})
