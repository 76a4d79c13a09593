"""Mapping on several cores gives what one core gives, and loses nothing when a process is killed."""

import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path

import pytest

from odatis_kg.config import Settings
from odatis_kg.mapping.kinds import Kind, SourceRecord
from odatis_kg.pipeline import parallel
from odatis_kg.pipeline.mapping import map_files
from odatis_kg.pipeline.parallel import Item, map_records
from odatis_kg.pipeline.stages import load_mappings, silent
from odatis_kg.resources import folder
from tests.conftest import ROOT
from tests.support import iso

SETTINGS = Settings()


def records(number: int) -> list[Item[int]]:
    return [
        Item(SourceRecord("test", f"k{i}", Kind.ISO19139, iso(key=f"k{i}", title=f"Data set {i}")), i)
        for i in range(number)
    ]


def mapped_with(jobs: int) -> tuple[bytes, list[dict[str, object]]]:
    settings = SETTINGS.model_copy(update={"input": SETTINGS.input.model_copy(update={"jobs": jobs})})
    out = io.BytesIO()
    reports = map_files([ROOT / "tests" / "fixtures" / "records", folder("demo")], settings, out, silent)
    return out.getvalue(), [report.as_json() for report in reports]


def test_several_processes_give_the_same_bytes_and_the_same_report() -> None:
    assert mapped_with(jobs=3) == mapped_with(jobs=1)


def test_a_record_that_cannot_be_read_is_refused_in_its_place() -> None:
    items = records(70)
    items[40] = Item(SourceRecord("test", "bad", Kind.ISO19139, b"<gmd:MD_Metadata"), 40)
    outcomes = list(map_records(items, load_mappings(SETTINGS.iris), 30, 2))
    assert [item.owner for item, _ in outcomes] == list(range(70))
    assert [item.owner for item, outcome in outcomes if outcome.mapped is None] == [40]
    assert "not well-formed" in outcomes[40][1].reason


def test_killed_processes_lose_no_record() -> None:
    items = records(400)
    outcomes = map_records(items, load_mappings(SETTINGS.iris), 30, 2)
    subjects = []
    for number, (item, outcome) in enumerate(outcomes):
        assert item.owner == number
        assert outcome.mapped, outcome.reason
        subjects.append(outcome.mapped.subject)
        if number in (0, 150):
            for child in active_children():
                os.kill(child.pid or 0, signal.SIGKILL)
    assert len(set(subjects)) == 400


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_no_process_outlives_a_command_that_is_killed(tmp_path: Path) -> None:
    for item in records(4_000):
        (tmp_path / f"{item.owner}.xml").write_bytes(item.record.content)
    command = [sys.executable, "-m", "odatis_kg", "map", "--jobs", "2", str(tmp_path), "--out", os.devnull]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 60
        while len(children(parent.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        started = children(parent.pid)
        assert len(started) >= 2
        parent.kill()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in started if alive(pid)]


def children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_pool_that_forgets_a_task_when_it_breaks_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CPython's executor does when its processes die in the middle of a submission, made to happen."""
    monkeypatch.setattr(parallel, "_PATIENCE_SECONDS", 0.1)
    pool = ProcessPoolExecutor(1, get_context("spawn"))
    try:
        pool.submit(os.getpid).result()
        for child in active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        with pytest.raises(BrokenProcessPool):
            pool.submit(os.getpid).result()
        with pytest.raises(BrokenProcessPool):
            parallel._result(pool, Future())
    finally:
        pool.shutdown()
