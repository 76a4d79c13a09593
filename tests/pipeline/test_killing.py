"""`SIGKILL` at any moment leaves the old or the new release, whole, and the next run works."""

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyoxigraph as ox

from odatis_kg.config import load
from odatis_kg.pipeline.building import build
from odatis_kg.store import void
from odatis_kg.store.release import Releases
from tests.conftest import ROOT
from tests.support import iso, quiet

KILLS = 32
RECORDS = 40
TITLES = "SELECT DISTINCT ?title { GRAPH ?g { ?s a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?title } }"


def write_records(folder: Path, number: int) -> None:
    """Every record says which round it is of, so that a mixture would show."""
    folder.mkdir(exist_ok=True)
    for key in range(RECORDS):
        (folder / f"{key}.xml").write_bytes(iso(key=f"r{key}", title=f"Round {number}"))


def start(folder: Path, data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "odatis_kg", "build", str(folder), "--data-dir", str(data_dir)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ODATIS_KG_RELEASE__SHACL": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def round_of(data_dir: Path) -> str:
    """The round the current release is of; it fails when the release is not whole."""
    release = Releases(data_dir).current()
    assert release is not None
    store = ox.Store.read_only(str(release.store))
    found = [row["title"].value for row in store.query(TITLES)]
    assert len(found) == 1, f"a mixture of rounds: {found}"
    (count,) = store.query("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }")
    # What the release says of itself stands beside the dump.
    assert int(count["n"].value) == release.manifest.quads + len(void.read(release.description))
    dump = gzip.decompress((release.path / "dump.nq.gz").read_bytes())
    assert dump.count(b"\n") == release.manifest.quads
    assert not list((release.path).glob("*.nt")), "the union file is scaffolding and must not stay"
    return found[0]


def test_killing_at_random_moments(tmp_path: Path) -> None:
    folder, data_dir = tmp_path / "records", tmp_path / "data"
    settings = load(data_dir=data_dir, release={"shacl": False})
    write_records(folder, 0)
    build([folder], settings, quiet)
    before = time.monotonic()
    write_records(folder, 1)
    assert start(folder, data_dir).wait(60) == 0
    usual = time.monotonic() - before
    known = {"Round 1"}
    chance = random.Random(20)  # a fixed seed, so that a failure can be repeated
    killed = number = 0
    while killed < KILLS and number < 3 * KILLS:
        number += 1
        write_records(folder, number + 1)
        process = start(folder, data_dir)
        # From the first moment to a little after the last one; half of the kills in the second half, where it writes.
        time.sleep(usual * chance.choice((chance.uniform(0, 1.1), chance.uniform(0.5, 1.0))))
        os.killpg(process.pid, signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            killed += 1
        else:
            usual *= 0.95  # it had ended: the machine has become faster
        known.add(f"Round {number + 1}")
        assert round_of(data_dir) in known
    assert killed == KILLS
    # The next run works, clears what the killed ones left, and knows which runs never ended.
    outcome = build([folder], settings, quiet)
    assert round_of(data_dir) == f"Round {number + 1}"
    assert not list((data_dir / "releases").glob(".building-*"))
    assert not list((data_dir).glob(".current-*"))
    assert outcome.release.id == Releases(data_dir).current_id()


def test_the_next_run_knows_which_runs_were_killed(tmp_path: Path) -> None:
    import sqlite3

    folder, data_dir = tmp_path / "records", tmp_path / "data"
    write_records(folder, 0)
    process = start(folder, data_dir)
    ledger = data_dir / "ledger.sqlite"
    for _ in range(600):
        if ledger.exists() and ledger.stat().st_size:
            with sqlite3.connect(ledger, timeout=5) as db:
                if (
                    db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'run'").fetchone()[0]
                    and db.execute("SELECT count(*) FROM run").fetchone()[0]
                ):
                    break
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    build([folder], load(data_dir=data_dir, release={"shacl": False}), quiet)
    with sqlite3.connect(ledger) as db:
        states = sorted(row[0] for row in db.execute("SELECT state FROM run"))
    db.close()
    assert states in (["killed", "published"], ["published", "unchanged"], ["published", "published"])
