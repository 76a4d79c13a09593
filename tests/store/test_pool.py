"""Worker processes: each can be killed, by a limit or from outside, and the service goes on."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.config import QuerySettings, Settings
from odatis_kg.pipeline.building import build
from odatis_kg.store.engine import (
    EngineError,
    EngineUnavailableError,
    OverloadedError,
    Query,
    QueryMemoryError,
    QueryTimeoutError,
    Row,
    TableFormat,
    parse_rows,
)
from odatis_kg.store.nursery import read_into_memory
from odatis_kg.store.pool import WorkerPool
from odatis_kg.store.processes import Rank
from odatis_kg.store.release import Releases
from odatis_kg.store.syntax import QueryRefusedError
from odatis_kg.store.worker import answer, receive
from tests.conftest import Built
from tests.support import answer_of, iso, quiet, start

SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
GREEDY = "SELECT ?a ?d ?g WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f"
ONE = "SELECT ?x { VALUES ?x { 1 } }"


async def rows(pool: WorkerPool, text: str, client: str = "") -> list[Row]:
    """The rows of a visitor's query."""
    return parse_rows(await answer_of(pool, Query(text, client=client)))


Make = Callable[..., Awaitable[WorkerPool]]


@pytest.fixture(params=["disk", "memory"])
async def make(request: pytest.FixtureRequest, demo: Built) -> AsyncIterator[Make]:
    async with AsyncExitStack() as ending:

        async def started(workers: int = 1, releases: Releases | None = None, **bounds: object) -> WorkerPool:
            bounds = {"mode": request.param, **bounds}
            found = releases or Releases(demo.settings.data_dir)
            return await start(WorkerPool(found, QuerySettings(**bounds), workers), ending)  # type: ignore[arg-type]

        yield started


def processes(of: str = "workers") -> set[int]:
    """The processes of this test process: the nurseries (one for each release that is open), or the workers they forked."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,stat,args"], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 3) for line in found.splitlines()[1:]]
    ours = {int(pid): int(parent) for pid, parent, stat, what in lines if "odatis_kg.store.nursery" in what}
    nurseries = {pid for pid, parent in ours.items() if parent == os.getpid()}
    return nurseries if of == "nurseries" else {pid for pid, parent in ours.items() if parent in nurseries}


async def settled(number: int) -> None:
    """Wait until there are so many workers."""
    for _ in range(400):
        if len(processes()) == number:
            return
        await asyncio.sleep(0.05)
    assert len(processes()) == number


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
    await settled(4)


async def test_a_worker_that_nobody_waits_for_any_more_is_reaped(make: Make) -> None:
    pool = await make()
    assert pool.current
    for turn in range(8):
        forking = asyncio.create_task(pool.current.nursery.fork(Rank.COMMON))
        await asyncio.sleep(turn * 0.002)
        forking.cancel()
        with suppress(asyncio.CancelledError):
            await pool.current.nursery.reap(await forking)
    (nursery,) = processes("nurseries")
    for _ in range(100):
        if len(children := _children(nursery)) == 4:
            return
        await asyncio.sleep(0.05)
    assert len(children) == 4


def _children(process: int) -> list[str]:
    """Those that have ended and were not waited for included."""
    command = ["ps", "--ppid", str(process), "-o", "stat="]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


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


async def test_a_query_that_is_cancelled_while_it_is_being_ended_leaves_as_many_workers(make: Make) -> None:
    pool = await make(timeout_seconds=60)
    for number in range(4):
        asked = asyncio.create_task(answer_of(pool, f"{SLOW} #{number}"))
        await asyncio.sleep(0.05)
        for _ in range(3):
            asked.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await asked
    await settled(4)
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


async def test_those_who_cannot_wait_are_told_to_come_back_and_light_queries_are_answered(make: Make) -> None:
    pool = await make(timeout_seconds=3, queue=2, long_places=1)
    slow = []
    for number in range(6):
        slow.append(asyncio.create_task(answer_of(pool, Query(f"{SLOW}#{number}", client=f"client {number}"))))
        await asyncio.sleep(0.15)
    assert await answer_of(pool, Query(ONE, table=TableFormat.CSV, client="another")) == b"x\r\n1\r\n"
    assert sum(not one.done() for one in slow) >= 1, "it was answered while a long one went on"
    outcomes = await asyncio.gather(*slow, return_exceptions=True)
    assert all(isinstance(outcome, QueryTimeoutError | OverloadedError) for outcome in outcomes)
    turned_away = [outcome for outcome in outcomes if isinstance(outcome, OverloadedError)]
    assert 3 <= len(turned_away) < 6
    assert all(outcome.retry_after >= 1 for outcome in turned_away)
    assert pool.state().waiting == 0


async def test_a_long_query_waits_for_its_place_and_is_answered(make: Make) -> None:
    pool = await make(timeout_seconds=60, long_places=1, prompt_ms=20)
    some = "SELECT (COUNT(*) AS ?n) WHERE { { SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT %d } }"
    answers = await asyncio.gather(*(rows(pool, some % n, client=str(n)) for n in (600_001, 600_002, 600_003)))
    assert [int(row["n"].value) for (row,) in answers] == [600_001, 600_002, 600_003]
    assert pool.state().kills["postponed"] >= 1
    assert (await rows(pool, some % 600_001, client="again"))[0]["n"].value == "600001"


async def test_a_long_result_of_one_client_leaves_the_prompt_lane_to_others(make: Make) -> None:
    pool = await make(timeout_seconds=30, long_places=1, prompt_ms=20)
    async with pool.query(Query("SELECT * { ?a ?b ?c . ?d ?e ?f }", client="one")) as answer:
        chunks = answer.chunks()
        for _ in range(20):
            await anext(chunks)
            await asyncio.sleep(0.01)
        for _ in range(5):
            assert await answer_of(pool, Query(ONE, table=TableFormat.CSV, client="other")) == b"x\r\n1\r\n"
        assert await anext(chunks)


async def test_those_who_ask_for_much_and_read_nothing_keep_nobody_waiting_and_lose_the_first_of_it(make: Make) -> None:
    pool = await make(timeout_seconds=30, long_places=1)
    everything = [Query(f"SELECT * {{ ?a ?b ?c . ?d ?e ?f }} #{number}", client="greedy") for number in range(12)]
    async with AsyncExitStack() as reading:
        answers = [await reading.enter_async_context(pool.query(query)) for query in everything]
        for answer in answers:
            await anext(answer.chunks())
        await asyncio.sleep(0.5)
        assert len(processes()) <= 3 + 1 + 8
        assert await answer_of(pool, Query(ONE, table=TableFormat.CSV, client="other")) == b"x\r\n1\r\n"
        (row,) = await rows(pool, "SELECT (COUNT(*) AS ?n) { { SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 2000000 } }")
        assert row["n"].value == "2000000"
        with pytest.raises(OverloadedError):
            async for _ in answers[0].chunks():
                pass
    await settled(5)  # the one for long queries stays for the next of them


async def test_in_memory_and_on_disk_there_are_the_same_statements(demo: Built) -> None:
    held = read_into_memory(demo.release)
    stored = ox.Store.read_only(str(demo.release.store))
    assert set(held) == set(stored)


async def test_the_process_that_starts_workers_is_replaced_when_it_is_killed(make: Make) -> None:
    pool = await make(prompt_ms=60_000)  # on a busy machine, no query is taken for a long one
    for pid in processes("nurseries"):
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while True:
            try:
                assert await answer_of(pool, ONE) == b"x\r\n1\r\n"
                break
            except EngineError:
                await asyncio.sleep(0.1)
    await settled(4)


async def test_a_store_that_is_deleted_while_it_is_served_is_answered_from_all_the_same(
    demo: Built, tmp_path: Path, make: Make
) -> None:
    shutil.copytree(demo.settings.data_dir, tmp_path / "data", symlinks=True)
    releases = Releases(tmp_path / "data")
    pool = await make(releases=releases)
    release = releases.current()
    assert release
    shutil.rmtree(release.store)
    for _ in range(5):
        assert await answer_of(pool, ONE) == b"x\r\n1\r\n"


async def test_workers_open_no_socket_even_when_the_query_gets_through(make: Make) -> None:
    """The second lock, with the first one opened: the tokeniser lets the address pass, the kernel does not."""
    pool = await make()
    assert pool.state().network_lock is True
    with socket.create_server(("127.0.0.1", 0)) as probe:
        probe.settimeout(0.2)
        address = f"http://127.0.0.1:{probe.getsockname()[1]}/"
        pool.frame_of = unlocked(pool.frame_of, address)
        with pytest.raises(EngineUnavailableError, match="denied"):
            await answer_of(pool, f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}")
        with pytest.raises(TimeoutError):
            probe.accept()


def unlocked(frame: Callable[[Query], bytes], address: str) -> Callable[[Query], bytes]:
    """The frame of a query with an address that may be called, which the settings do not allow."""
    return lambda query: frame(query).replace(b'"service_allow": []', f'"service_allow": ["{address}"]'.encode())


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
    await settled(4)
    assert len(processes("nurseries")) == 1


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
        "    print(*[worker.process for worker in pool.current.workers], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(demo.settings.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    workers = [int(pid) for pid in server.stdout.readline().split()]
    assert len(workers) == 5, "two for visitors, one for light queries, one for the pages, one to spare"
    server.kill()
    server.wait()
    server.stdout.close()
    for _ in range(50):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers):
            break
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT (<http://example.org/f>(1) AS ?x) { ?s ?p ?o }", "there is no function <http://example.org/f>"),
        ("ASK FROM <> { ?s ?p ?o }", "not expected here"),
        ("(PREFIX <x:y>: <http://a/> SELECT * FROM <a:a> {}", "never closed"),
        (f"ASK {{ FILTER({'!' * 200_000}true) }}", "too deep"),
    ],
)
async def test_what_only_the_engine_finds_wrong_is_a_wrong_query(make: Make, text: str, said: str) -> None:
    pool = await make()
    with pytest.raises(QueryRefusedError, match=said):
        await answer_of(pool, text)


def test_a_panic_of_the_engine_is_told_as_a_fault_of_it(demo: Built) -> None:
    """pyo3 raises panics as a `BaseException`; the worker goes on, as memory is safe after one."""

    class PanicException(BaseException):
        pass

    class Panicking:
        def query(self, *_: object, **__: object) -> None:
            raise PanicException("user-provided comparison function does not correctly implement a total order")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = json.loads(WorkerPool(Releases(demo.settings.data_dir), QuerySettings(), 1).frame_of(Query(ONE)))
        answer(Panicking(), theirs, request, demo.release)  # type: ignore[arg-type]
        received = receive(ours.makefile("rb"))
    assert received is not None
    kind, body = received
    assert kind == b"X"
    assert json.loads(body)["kind"] == "fault"
    assert "total order" in json.loads(body)["message"]
