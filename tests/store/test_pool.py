"""Worker processes: each can be killed, by a limit or from outside, and the service goes on."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from odatis_kg.config import QuerySettings, Settings
from odatis_kg.pipeline.building import build
from odatis_kg.store.engine import OverloadedError, Query, QueryMemoryError, QueryTimeoutError, rows
from odatis_kg.store.pool import WorkerPool
from odatis_kg.store.release import Releases
from tests.conftest import Built
from tests.support import answer_of, iso, quiet, start

SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
GREEDY = "SELECT ?a ?d ?g WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f"
ONE = "SELECT ?x { VALUES ?x { 1 } }"
Make = Callable[..., Awaitable[WorkerPool]]


@pytest.fixture
async def make(demo: Built) -> AsyncIterator[Make]:
    async with AsyncExitStack() as ending:

        async def started(workers: int = 1, releases: Releases | None = None, **bounds: object) -> WorkerPool:
            found = releases or Releases(demo.settings.data_dir)
            return await start(WorkerPool(found, QuerySettings(**bounds), workers), ending)  # type: ignore[arg-type]

        yield started


def processes() -> set[int]:
    """The worker processes of this test process."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in found.splitlines()[1:]]
    return {int(pid) for pid, parent, what in lines if parent == str(os.getpid()) and "odatis_kg.store.worker" in what}


async def test_a_query_that_wants_too_much_memory_is_stopped_and_the_next_is_answered(make: Make) -> None:
    pool = await make(memory_mb=150, timeout_seconds=60)
    with pytest.raises(QueryMemoryError):
        await answer_of(pool, GREEDY)
    assert await answer_of(pool, ONE) == b"x\r\n1\r\n"


async def test_at_the_deadline_the_process_is_gone(make: Make) -> None:
    pool = await make(timeout_seconds=0.5)
    before = processes()
    with pytest.raises(QueryTimeoutError):
        await answer_of(pool, SLOW)
    assert len(before - processes()) == 1
    assert await answer_of(pool, ONE) == b"x\r\n1\r\n"
    assert len(processes()) == 2


async def test_a_query_whose_client_leaves_is_stopped(make: Make) -> None:
    pool = await make(timeout_seconds=60)
    before = processes()
    asked = asyncio.create_task(answer_of(pool, SLOW))
    await asyncio.sleep(0.3)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert len(before - processes()) == 1
    assert await answer_of(pool, ONE) == b"x\r\n1\r\n"


async def test_an_idle_worker_killed_from_outside_costs_nobody_an_answer(make: Make) -> None:
    pool = await make(workers=2)
    for pid in processes():
        os.kill(pid, signal.SIGKILL)
    assert await asyncio.gather(*(answer_of(pool, ONE) for _ in range(4))) == [b"x\r\n1\r\n"] * 4


async def test_a_busy_worker_killed_from_outside_is_asked_once_more(make: Make) -> None:
    pool = await make(timeout_seconds=60)
    asked = asyncio.create_task(
        rows(pool, "SELECT (COUNT(*) AS ?n) WHERE { { SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 3000000 } }")
    )
    await asyncio.sleep(0.3)
    for pid in processes():
        os.kill(pid, signal.SIGKILL)
    (row,) = await asked
    assert int(row["n"].value) > 0


async def test_those_who_cannot_wait_are_told_to_come_back(make: Make) -> None:
    pool = await make(timeout_seconds=2, queue=2)
    slow = [asyncio.create_task(answer_of(pool, SLOW)) for _ in range(3)]
    await asyncio.sleep(0.2)
    with pytest.raises(OverloadedError) as caught:
        await answer_of(pool, ONE)
    assert caught.value.retry_after >= 1
    outcomes = await asyncio.gather(*slow, return_exceptions=True)
    assert all(isinstance(outcome, QueryTimeoutError | OverloadedError) for outcome in outcomes)


async def test_pages_are_answered_while_visitors_queries_fill_every_place(make: Make) -> None:
    pool = await make(workers=2, timeout_seconds=30)
    slow = [asyncio.ensure_future(answer_of(pool, SLOW)) for _ in range(6)]
    await asyncio.sleep(0.5)
    started = time.monotonic()
    for _ in range(20):
        assert await rows(pool, ONE)
    assert time.monotonic() - started < 10, "they waited for visitors' queries"
    assert not any(one.done() for one in slow)
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert await answer_of(pool, ONE) == b"x\r\n1\r\n"


async def test_a_client_that_reads_slowly_gets_everything(make: Make) -> None:
    pool = await make()
    total = 0
    async with pool.query(Query("SELECT * { GRAPH ?g { ?s ?p ?o } }")) as answer:
        assert answer.length is None
        async for chunk in answer.chunks():
            total += len(chunk)
            await asyncio.sleep(0.002)
    assert total == len(await answer_of(pool, Query("SELECT * { GRAPH ?g { ?s ?p ?o } }")))
    assert total > 1_000_000


async def test_a_new_release_is_taken_up_while_the_old_one_is_still_being_read(
    settings: Settings, tmp_path: Path, make: Make
) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.xml").write_bytes(iso(key=f"r{number}", title="Old"))
    first = build([folder], settings, quiet).release
    releases = Releases(settings.data_dir)
    pool = await make(releases=releases)
    asked = "SELECT (COUNT(*) AS ?n) { ?s <http://purl.org/dc/terms/title> 'New'@fr }"
    async with pool.query(Query("SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 400000")) as answer:
        chunks = answer.chunks()
        await anext(chunks)
        for number in range(30):
            (folder / f"{number}.xml").write_bytes(iso(key=f"r{number}", title="New"))
        second = await asyncio.to_thread(lambda: build([folder], settings, quiet).release)
        for _ in range(100):
            await asyncio.sleep(0.1)
            if pool.release == second.id:
                break
        assert pool.release == second.id != first.id
        (row,) = await rows(pool, asked)
        assert row["n"].value == "30"
        assert releases.prune(1) == [], "a release that is being read must not be deleted"
        async for _chunk in chunks:
            pass
    for _ in range(100):
        await asyncio.sleep(0.1)
        if removed := releases.prune(1):
            break
    assert removed == [first.id]
    assert len(processes()) == 2


def test_no_worker_outlives_a_server_that_is_killed(demo: Built) -> None:
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from odatis_kg.config import QuerySettings\n"
        "from odatis_kg.store.pool import WorkerPool\n"
        "from odatis_kg.store.release import Releases\n"
        "async def main():\n"
        "    pool = WorkerPool(Releases(Path(sys.argv[1])), QuerySettings(), 2)\n"
        "    await pool.start()\n"
        "    print(*[worker.process.pid for worker in pool._current.workers], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(demo.settings.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    workers = [int(pid) for pid in server.stdout.readline().split()]
    assert len(workers) == 3, "two for visitors, one for the pages"
    server.kill()
    server.wait()
    server.stdout.close()
    for _ in range(50):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            break
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
