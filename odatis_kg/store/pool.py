"""The embedded engine: a pool of worker processes on the current release, each of which can be killed.

A query begins in the prompt lane. When it is not done after `prompt_ms`, it becomes a long one: its process runs only when
nothing else wants the processor, and there are few places for such; where none is free, it is stopped and begun again
when its turn comes. So whatever visitors ask, a light query finds a place within that time, and processor time at once.

What must stay true: visitors' queries never take the last prompt process, which is for our own pages; a query ends at its
deadline, because its process is killed; when a client leaves, its query is stopped; when a release is published, new
workers open it beside the old ones, and the old ones finish what they do; the event loop never touches a store.
"""

import asyncio
import hashlib
import json
import logging
import math
import os
import signal
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from odatis_kg.config import QuerySettings
from odatis_kg.store.engine import (
    Answer,
    EngineState,
    EngineUnavailableError,
    Format,
    GraphFormat,
    NotAcceptableError,
    OverloadedError,
    Query,
    QueryMemoryError,
    QueryTimeoutError,
    ResultTooLargeError,
    TableFormat,
    UnwritableResultError,
)
from odatis_kg.store.processes import Mode, Nursery, Worker, WorkerDiedError
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.shares import QueueFullError, Shares, Usage
from odatis_kg.store.syntax import Form, QueryRefusedError

_POLL_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 0.5
# Processes beyond those at work, so that one that became long or was killed leaves no gap while another is forked.
_SPARE: Final = 1
_STOP_SECONDS: Final = 5.0
_REMEMBERED: Final = 1_000
_PARKED_FOR_EACH_PLACE: Final = 8
_SLOW_READER_SECONDS: Final = 0.1
# Memory of a statement of a release, in named and default graph together, in a process that reads all of it (bytes).
_STATEMENT_BYTES: Final = 1_000
_QUICKLY_READ: Final = 150_000  # statements
_ALLOCATORS: Final = ("/usr/lib/*/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2")

_log = logging.getLogger(__name__)


class _OverdueError(Exception):
    """The query has had its time in the prompt lane."""


class _BeginAgainError(Exception):
    """The query is to be evaluated again, on another process."""


@dataclass(eq=False, slots=True)
class _Generation:
    """The workers of one release."""

    release: Release
    nursery: Nursery
    held: ExitStack
    idle: deque[Worker] = field(default_factory=deque)
    idle_slow: deque[Worker] = field(default_factory=deque)
    workers: set[Worker] = field(default_factory=set)
    starting: int = 0

    @property
    def prompt(self) -> int:
        """The workers for the prompt lane, those being started included."""
        return sum(not worker.slow for worker in self.workers) + self.starting


class _Whole:
    """A small answer, already read: its worker does something else by now."""

    def __init__(self, form: Form, format_: Format, content: list[bytes]) -> None:
        self.form = form
        self.format = format_
        self.length: int | None = sum(map(len, content))
        self._content = content

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._content:
            yield piece


class _Evaluation:
    """One query at work; when it has more than 64 kB to say, the answer that is being read from its worker."""

    def __init__(self, pool: "WorkerPool", query: Query, seconds: float) -> None:
        self.form = Form.SELECT
        self.format: Format = TableFormat.JSON
        self.length: int | None = None
        self._pool = pool
        self._own = query.own
        self.client = query.client
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._deadline = self._loop.time() + seconds
        self._body = pool._frame(query)
        self._key = hashlib.sha256(self._body).digest()
        self._lane: Shares | None = None
        self._since = 0.0
        self._streaming = False
        self._parked = False
        self._reader: asyncio.TimerHandle | None = None  # runs while the one who reads does something else
        self._worker: Worker | None = None
        self._generation: _Generation | None = None
        self._timers: list[asyncio.TimerHandle] = []

    async def begin(self) -> Answer:
        """Find a place and a worker, and wait for the beginning of the answer."""
        fresh = False
        wanted = self._pool._prompt if self._key not in self._pool._long_queries else self._pool._long
        while True:
            if not self._own:
                await self._enter(wanted)
            try:
                return await self._evaluate(fresh=fresh)
            except _BeginAgainError:
                wanted = self._pool._long
            except WorkerDiedError:
                assert self._worker and self._generation
                status = await self._generation.nursery.reap(self._worker)
                killed = status == -signal.SIGKILL  # from outside: it may have been dead before the query came
                self._pool._count("outside" if killed else "memory")
                await self._let_go()
                if fresh or not killed:
                    raise QueryMemoryError(self._pool._settings.memory_mb) from None
                fresh = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """The rest of the answer, piece by piece."""
        while self._worker:
            try:
                kind, body = await self._receive()
            except WorkerDiedError:
                self._pool._count("memory")
                raise QueryMemoryError(self._pool._settings.memory_mb) from None
            if kind == b"D":
                self._wait_for_reader()
                yield body
                continue
            self._give_back()
            if kind != b"E":
                raise self._pool._error(json.loads(body))

    async def close(self, reason: str) -> None:
        """Stop whatever is still going on."""
        if self._worker:
            self._pool._count(reason)
        await self._let_go()

    @property
    def is_parked(self) -> bool:
        """Whether it waits, half answered, for a place or for its reader."""
        return self._parked and self._worker is not None

    async def _evaluate(self, *, fresh: bool) -> Answer:
        long = self._lane is self._pool._long
        self._generation, self._worker = await self._pool._worker(self._deadline, self._seconds, slow=long, fresh=fresh)
        worker = self._worker
        worker.send(b"Q", self._body)
        self._timers = [self._loop.call_at(self._deadline, worker.interrupt, QueryTimeoutError(self._seconds))]
        if not self._own and not long and self._pool._prompt_seconds < self._seconds:
            self._timers.append(self._loop.call_later(self._pool._prompt_seconds, self._overdue))
        kind, reply = await self._receive()
        message = json.loads(reply)
        if kind != b"H":
            self._give_back()
            raise self._pool._error(message)
        self._streaming = True
        self.form = Form(message["form"])
        self.format = (GraphFormat if self.form.makes_graph else TableFormat)(message["format"])
        if message["length"] is None:
            self._wait_for_reader()
            return self
        return _Whole(self.form, self.format, [piece async for piece in self.chunks()])

    async def _receive(self) -> tuple[bytes, bytes]:
        assert self._worker
        if self._reader:
            self._reader.cancel()
            self._reader = None
        if self._parked:
            await self._enter(self._pool._long)  # meanwhile nobody reads what the worker writes, and it waits
            self._parked = False
        try:
            return await self._worker.receive()
        except _OverdueError:
            self._pool._count("postponed")
            await self._let_go()
            raise _BeginAgainError from None

    def _overdue(self) -> None:
        """Leave the prompt lane: as it is where a long place is free or bytes have been sent, else to begin again later."""
        pool, worker = self._pool, self._worker
        if worker is None or self._generation is None:
            return
        pool._remember(self._key)
        if not self._reader and pool._long.try_acquire(self.client):
            self._leave()
            self._lane, self._since = pool._long, self._loop.time()
        elif self._streaming:
            self._leave()
            self._parked = True
            pool._park(self)
        else:
            worker.interrupt(_OverdueError())
            return
        worker.slow_down()
        pool._replenish(self._generation)

    def _wait_for_reader(self) -> None:
        self._reader = self._loop.call_later(_SLOW_READER_SECONDS, self._reader_is_slow)

    def _reader_is_slow(self) -> None:
        """Whoever reads takes longer than the worker: let others have the place meanwhile."""
        if self._worker and self._lane is self._pool._long:
            self._leave()
            self._parked = True
            self._pool._park(self)

    def abandon(self) -> None:
        """End it for want of room; who reads it is told when it goes on reading."""
        if self._worker:
            self._worker.interrupt(OverloadedError(self._pool._retry_after(self._seconds)))
            self._worker.kill()

    async def _enter(self, lane: Shares) -> None:
        try:
            await lane.acquire(self.client, self._deadline)
        except (QueueFullError, TimeoutError):
            self._pool.refused += 1
            raise OverloadedError(self._pool._retry_after(self._seconds)) from None
        self._lane, self._since = lane, self._loop.time()

    def _leave(self) -> None:
        if self._lane:
            lane, self._lane = self._lane, None
            lane.release(self.client, self._loop.time() - self._since)

    def _give_back(self) -> None:
        """The worker has said all it had to say."""
        self._stop_timers()
        if self._worker and self._generation:
            worker, self._worker = self._worker, None
            self._pool._give_back(self._generation, worker)
        self._leave()

    async def _let_go(self) -> None:
        """End the worker, if there still is one, and leave the lane."""
        self._stop_timers()
        self._leave()
        if self._worker and self._generation:
            worker, self._worker = self._worker, None
            await self._pool._dismiss(self._generation, worker)
            self._pool._replenish(self._generation)

    def _stop_timers(self) -> None:
        if self._reader:
            self._reader.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class WorkerPool:
    """See the module's docstring. `start` it inside the event loop that will use it."""

    def __init__(self, releases: Releases, settings: QuerySettings, workers: int) -> None:
        self._releases = releases
        self._settings = settings
        # One process more than visitors' queries may fill: our own pages never wait behind them.
        self._size = workers + 1
        usage = Usage()
        self._prompt = Shares(workers, settings.queue, usage)
        self._long = Shares(settings.long_places, settings.queue, usage)
        self._prompt_seconds = settings.prompt_ms / 1_000
        self._long_queries: OrderedDict[bytes, None] = OrderedDict()
        self._current: _Generation | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None
        self._stopped = False
        self._failed_in_memory = ""
        self._parked: list[_Evaluation] = []
        self.kills: Counter[str] = Counter()
        self.refused = 0

    @property
    def release(self) -> str | None:
        """The id of the release being served."""
        return self._current.release.id if self._current else None

    def state(self) -> EngineState:
        """See `SparqlEngine.state`."""
        now = self._current
        busy = len(now.workers) - len(now.idle) - len(now.idle_slow) if now else 0
        locks = {worker.network_lock for worker in now.workers} if now else set()
        return EngineState(
            mode=now.nursery.mode if now else "disk",
            places=self._prompt.places + self._long.places,
            busy=busy,
            waiting=self._prompt.waiting + self._long.waiting + len(self._waiting),
            kills=dict(self.kills),
            refused=self.refused,
            network_lock=locks == {True},
        )

    async def start(self) -> None:
        """Open the current release, and follow the pointer from then on.

        Where it is to be served from memory, and is not read in about a second, it is served from disk until it has been.

        Raises:
            EngineUnavailableError: there is no release yet, or it cannot be opened.
        """
        release = self._releases.current()
        if release is None:
            raise EngineUnavailableError(
                f"there is no release in {self._releases.data_dir}; build one first: odatis-kg build PATH..."
            )
        quick = release.manifest.quads < _QUICKLY_READ
        self._current = await self._open(release, self._mode(release) if quick else "disk")
        self._following = asyncio.ensure_future(self._follow())

    async def stop(self) -> None:
        """Kill every worker."""
        self._stopped = True
        if self._following:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=_STOP_SECONDS)
        if self._current:
            generation, self._current = self._current, None
            await self._close(generation)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    # Answering

    @asynccontextmanager
    async def query(self, query: Query) -> AsyncIterator[Answer]:
        """See `SparqlEngine.query`."""
        evaluation = _Evaluation(self, query, min(query.timeout or math.inf, self._settings.timeout_seconds))
        reason = "left"
        try:
            yield await evaluation.begin()
        except QueryTimeoutError:
            reason = "deadline"
            raise
        finally:
            await evaluation.close(reason)

    def _frame(self, query: Query) -> bytes:
        return json.dumps(
            {
                "text": query.text,
                "table": query.table.value if query.table else None,
                "graph": query.graph.value if query.graph else None,
                "default_graphs": query.default_graphs,
                "named_graphs": query.named_graphs,
                "base": query.base,
                "nesting": self._settings.nesting,
                "service_allow": self._settings.service_allow,
                "result_bytes": self._settings.result_mb * 1_000_000,
            }
        ).encode("utf-8", "surrogatepass")

    def _error(self, message: dict[str, Any]) -> Exception:
        kind = message["kind"]
        if kind == "refused":
            return QueryRefusedError(message["message"], **message["place"])
        if kind == "not-acceptable":
            return NotAcceptableError(Form(message["form"]))
        if kind == "unwritable":
            return UnwritableResultError(message["message"])
        if kind == "too-large":
            return ResultTooLargeError(self._settings.result_mb)
        return EngineUnavailableError(message["message"])

    def _remember(self, key: bytes) -> None:
        """This query is a long one: it will wait with its like the next time."""
        self._long_queries[key] = None
        self._long_queries.move_to_end(key)
        if len(self._long_queries) > _REMEMBERED:
            self._long_queries.popitem(last=False)

    def _park(self, evaluation: _Evaluation) -> None:
        """Keep a long answer whose reader is slow, or for which there is no place now; but not any number of them."""
        self._parked = [one for one in self._parked if one.is_parked]
        self._parked.append(evaluation)
        if len(self._parked) > _PARKED_FOR_EACH_PLACE * self._long.places:
            counted = Counter(one.client for one in self._parked)
            most = counted.most_common(1)[0][0]
            first = next(one for one in self._parked if one.client == most)
            self._parked.remove(first)
            self._count("parked")
            first.abandon()

    def _retry_after(self, seconds: float) -> int:
        return max(1, round(seconds / 4))

    def _count(self, reason: str) -> None:
        self.kills[reason] += 1

    # Workers

    async def _worker(self, deadline: float, seconds: float, *, slow: bool, fresh: bool) -> tuple[_Generation, Worker]:
        """A worker that does nothing else: a new one when asked `fresh`, one that runs behind all others when `slow`."""
        while True:
            generation = self._current
            if generation is None:
                raise EngineUnavailableError("the service is stopping")
            if slow or fresh:
                worker = await self._slow_or_fresh(generation, slow=slow, fresh=fresh)
            else:
                while generation.idle and generation.idle[-1].lost:
                    await self._dismiss(generation, generation.idle.pop())
                    self._replenish(generation)
                worker = generation.idle.pop() if generation.idle else None
            if worker:
                return generation, worker
            await self._wait(deadline, seconds)

    async def _slow_or_fresh(self, generation: _Generation, *, slow: bool, fresh: bool) -> Worker | None:
        while not fresh and generation.idle_slow:
            worker = generation.idle_slow.pop()
            if not worker.lost:
                return worker
            await self._dismiss(generation, worker)
        try:
            worker = await generation.nursery.fork()
        except EngineUnavailableError:
            if generation is self._current and not generation.nursery.lost:
                raise
            await asyncio.sleep(0.05)  # another generation takes over
            return None
        generation.workers.add(worker)
        if slow:
            worker.slow_down()
        return worker

    async def _wait(self, deadline: float, seconds: float) -> None:
        """Until there may be an idle worker."""
        if len(self._waiting) >= self._settings.queue + self._size:
            self.refused += 1
            raise OverloadedError(self._retry_after(seconds))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except (TimeoutError, asyncio.CancelledError) as reason:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._wake()  # it was this one's turn: the next in line has it now
            if isinstance(reason, TimeoutError):
                self.refused += 1
                raise OverloadedError(self._retry_after(seconds)) from None
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _give_back(self, generation: _Generation, worker: Worker) -> None:
        """A worker has nothing to do: keep it where it is of use."""
        idle, most = (
            (generation.idle_slow, self._long.places) if worker.slow else (generation.idle, self._size + _SPARE)
        )
        if generation is not self._current or self._stopped or len(idle) >= most:
            worker.close()
            self._spawn_task(self._dismiss(generation, worker))
            return
        idle.append(worker)
        if not worker.slow:
            self._wake()

    def _replenish(self, generation: _Generation) -> None:
        """Fork workers until there are as many for the prompt lane as there should be."""
        if generation is self._current and not self._stopped:
            for _ in range(self._size + _SPARE - generation.prompt):
                generation.starting += 1
                self._spawn_task(self._fork(generation))

    async def _fork(self, generation: _Generation) -> None:
        try:
            worker = await generation.nursery.fork()
        except EngineUnavailableError as error:
            _log.warning("no query worker could be started: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
            generation.starting -= 1
            if not generation.nursery.lost:
                self._replenish(generation)
            return
        generation.starting -= 1
        generation.workers.add(worker)
        self._give_back(generation, worker)

    async def _dismiss(self, generation: _Generation, worker: Worker) -> None:
        generation.workers.discard(worker)
        await generation.nursery.reap(worker)
        if not generation.workers and generation is not self._current:
            await self._close(generation)

    # Releases

    async def _open(self, release: Release, mode: Mode) -> _Generation:
        held = ExitStack()
        held.enter_context(release.in_use())
        nursery: Nursery | None = None
        try:
            nursery = await Nursery.start(
                release,
                mode,
                self._settings.memory_mb,
                _allocator(self._settings.allocator),
                sockets=bool(self._settings.service_allow),
            )
            generation = _Generation(release, nursery, held)
            workers = [await nursery.fork() for _ in range(self._size + _SPARE)]
        except BaseException:
            if nursery:
                await nursery.end()
            held.close()
            raise
        generation.workers.update(workers)
        generation.idle.extend(workers)
        return generation

    async def _close(self, generation: _Generation) -> None:
        workers, generation.workers = generation.workers, set()
        for worker in workers:
            worker.close()
        await generation.nursery.end()
        generation.held.close()

    async def _follow(self) -> None:
        """Serve what the pointer names, in the mode it is to be served in, whatever happens to processes."""
        while True:
            now = self._current
            assert now
            release = now.release
            if self._releases.current_id() != now.release.id:
                release = self._releases.current() or now.release
            wanted = self._mode(release)
            if now.nursery.lost:
                _log.warning("the process that starts query workers has ended; starting another")
                await self._try(self._switch(now.release, "disk"), now.release)
            elif (release.id, wanted) != (now.release.id, now.nursery.mode):
                done = await self._try(self._switch(release, wanted), release)
                if not done and wanted == "memory":
                    self._failed_in_memory = release.id
                    continue
            await asyncio.sleep(_POLL_SECONDS)

    async def _try(self, step: Coroutine[Any, Any, None], release: Release) -> bool:
        """Whether something went well; an unreadable release is tried again, and the old one goes on."""
        try:
            await step
        except (EngineUnavailableError, OSError, TimeoutError) as error:
            _log.warning("release %s could not be opened: %s", release.id, error)
            return False
        return True

    def _mode(self, release: Release) -> Mode:
        """How a release is to be served."""
        if self._settings.mode == "disk" or release.id == self._failed_in_memory:
            return "disk"
        processes = 1 + self._size + _SPARE + self._long.places
        needed = release.manifest.quads * _STATEMENT_BYTES * processes
        budget = self._settings.memory_budget_mb * 1_000_000 or _memory() // 2
        return "memory" if self._settings.mode == "memory" or needed <= budget else "disk"

    async def _switch(self, release: Release, mode: Mode) -> None:
        generation = await self._open(release, mode)
        old, self._current = self._current, generation
        if old and old.release.id != release.id:
            self._long_queries.clear()
        for _ in range(len(generation.idle)):
            self._wake()
        if old is not None:
            idle = [*old.idle, *old.idle_slow]
            old.idle.clear()
            old.idle_slow.clear()
            for worker in idle:
                await self._dismiss(old, worker)
            if not idle and not old.workers:
                await self._close(old)

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _memory() -> int:
    """The memory of this machine, or of the container it is, in bytes."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        found = min(found, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return found


def _allocator(stated: str) -> Path | None:
    """The memory allocator to put under the workers."""
    if stated == "auto":
        return next((path for pattern in _ALLOCATORS for path in Path("/").glob(pattern[1:])), None)
    return Path(stated) if stated != "system" else None
