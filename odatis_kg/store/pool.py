"""The embedded engine: a pool of worker processes on the current release, each of which can be killed.

A query begins in the prompt lane. When it is not done after `prompt_ms`, it becomes a long one: its process gives way
to all others, and there are few places for such; where none is free, it is stopped and begun again when its turn comes. So
whatever visitors ask, a light query finds a place within that time, and most of the processor. Clients that are known for
light queries do not even wait so long: a place and a process are kept for them.

What must stay true: visitors' queries never take the last kept process, which is for our own pages; a query ends at its
deadline, because its process is killed; when a client leaves, its query is stopped; when a release is published, new
workers open it beside the old ones, and the old ones finish what they do; the event loop never touches a store.
"""

import asyncio
import json
import logging
import os
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, Final, TypeVar

from odatis_kg.config import QuerySettings
from odatis_kg.store.engine import (
    Answer,
    Begun,
    EngineFaultError,
    EngineState,
    EngineUnavailableError,
    NotAcceptableError,
    OverloadedError,
    Query,
    QueryTimeoutError,
    ResultTooLargeError,
    UnwritableResultError,
    retry_after,
)
from odatis_kg.store.evaluation import LEFT_ALONE_SECONDS, Evaluation
from odatis_kg.store.processes import Mode, Nursery, Rank, Worker
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.shares import Shares, Usage
from odatis_kg.store.syntax import Form, QueryRefusedError

_POLL_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 0.5
# Processes beyond those at work, so that one that became long or was killed leaves no gap while another is forked.
_SPARE: Final = 1
_KEPT: Final = 1
_STOP_SECONDS: Final = 5.0
_REMEMBERED: Final = 1_000
_PARKED_FOR_EACH_PLACE: Final = 8
# Memory of a statement of a release, in named and default graph together, in a process that reads all of it (bytes).
_STATEMENT_BYTES: Final = 1_000
_QUICKLY_READ: Final = 150_000  # statements
_ALLOCATORS: Final = ("/usr/lib/*/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2")

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Generation:
    """The workers of one release."""

    release: Release
    nursery: Nursery
    held: ExitStack
    idle: dict[Rank, deque[Worker]] = field(default_factory=lambda: {rank: deque() for rank in Rank})
    workers: set[Worker] = field(default_factory=set)
    starting: Counter[Rank] = field(default_factory=Counter)

    def number(self, rank: Rank) -> int:
        """The workers of a rank, those being started included."""
        return sum(worker.rank is rank for worker in self.workers) + self.starting[rank]

    @property
    def all_idle(self) -> list[Worker]:
        """Those that have nothing to do."""
        return [worker for idle in self.idle.values() for worker in idle]


class WorkerPool:
    """See the module's docstring. `start` it inside the event loop that will use it."""

    def __init__(self, releases: Releases, settings: QuerySettings, workers: int) -> None:
        self._releases = releases
        self.settings = settings
        # Processes of their own for our pages, and for visitors of light queries: they do not wait behind those of others, nor
        # for one to be forked, and get the processor first.
        self._wanted = {Rank.KEPT: 1 + _KEPT, Rank.COMMON: workers + _SPARE, Rank.SLOW: settings.long_places}
        self.usage = Usage()
        self.prompt = Shares(workers + _KEPT, settings.queue, self.usage, kept=_KEPT, light=LEFT_ALONE_SECONDS)
        self.long = Shares(settings.long_places, settings.queue, self.usage)
        self.prompting: set[Evaluation] = set()
        self.prompt_seconds = settings.prompt_ms / 1_000
        self.known_long: OrderedDict[int, None] = OrderedDict()
        self._frames: dict[tuple[object, ...], str] = {}
        self.current: Generation | None = None
        self._generations: set[Generation] = set()
        self._waiting: deque[tuple[asyncio.Future[None], bool]] = deque()  # and whether one that is kept will do
        self._tasks: set[asyncio.Task[object]] = set()
        self._following: asyncio.Task[None] | None = None
        self._stopped = False
        self._failed_in_memory = ""
        self._parked: list[Evaluation] = []
        self.kills: Counter[str] = Counter()
        self.refused = 0

    @property
    def release(self) -> str | None:
        """The id of the release being served."""
        return self.current.release.id if self.current else None

    def state(self) -> EngineState:
        """See `SparqlEngine.state`."""
        now = self.current
        busy = len(now.workers) - len(now.all_idle) if now else 0
        return EngineState(
            mode=now.nursery.mode if now else "disk",
            places=self.prompt.places + self.long.places,
            busy=busy,
            waiting=self.prompt.waiting + self.long.waiting + len(self._waiting),
            kills=dict(self.kills),
            refused=self.refused,
            network_lock=now.nursery.network_lock if now else False,
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
        self.current = await self._open(release, self._mode(release) if quick else "disk")
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
        self.current = None
        for generation in list(self._generations):  # one that was being left may be among them
            await self._close(generation)
        for waiter, _ in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    # Answering

    def begin(self, query: Query, told: Callable[[], None]) -> Evaluation | None:
        """See `SparqlEngine.begin`."""
        evaluation = Evaluation(self, query, self._seconds_of(query))
        return evaluation if evaluation.begin_now(told) else None

    @asynccontextmanager
    async def query(self, query: Query, begun: Begun | None = None) -> AsyncIterator[Answer]:
        """See `SparqlEngine.query`."""
        assert begun is None or isinstance(begun, Evaluation)
        evaluation = begun or Evaluation(self, query, self._seconds_of(query))
        reason = "left"
        try:
            yield await evaluation.begin()
        except QueryTimeoutError:
            reason = "deadline"
            raise
        finally:
            await evaluation.close(reason)

    def _seconds_of(self, query: Query) -> float:
        most = self.settings.timeout_seconds
        return min(query.timeout, most) if query.timeout else most

    def end_soon(self, evaluation: Evaluation) -> None:
        """Stop a query that nobody waits for."""
        self._spawn_task(evaluation.close("left"))

    def frame_of(self, query: Query) -> bytes:
        """A query as a worker reads it."""
        # Most of it is the same from query to query; the text is written by the function the `json` module has for it.
        asked = (query.table, query.graph, query.default_graphs, query.named_graphs, query.base)
        rest = self._frames.get(asked)
        if rest is None:
            if len(self._frames) > _REMEMBERED:
                self._frames.clear()
            rest = self._frames[asked] = json.dumps(
                {
                    "table": query.table.value if query.table else None,
                    "graph": query.graph.value if query.graph else None,
                    "default_graphs": query.default_graphs,
                    "named_graphs": query.named_graphs,
                    "base": query.base,
                    "nesting": self.settings.nesting,
                    "service_allow": self.settings.service_allow,
                    "result_bytes": self.settings.result_mb * 1_000_000,
                }
            ).removeprefix("{")
        return f'{{"text": {encode_basestring_ascii(query.text)}, {rest}'.encode()

    def error_of(self, message: dict[str, Any]) -> Exception:
        """The error that a worker tells of."""
        kind = message["kind"]
        if kind == "refused":
            return QueryRefusedError(message["message"], **message["place"])
        if kind == "not-acceptable":
            return NotAcceptableError(Form(message["form"]))
        if kind == "unwritable":
            return UnwritableResultError(message["message"])
        if kind == "too-large":
            return ResultTooLargeError(self.settings.result_mb)
        if kind == "fault":
            return EngineFaultError(f"the engine failed on this query: {message['message']}")
        return EngineUnavailableError(message["message"])

    def remember(self, key: int) -> None:
        """This query is a long one: it will wait with its like the next time."""
        self.known_long[key] = None
        self.known_long.move_to_end(key)
        if len(self.known_long) > _REMEMBERED:
            self.known_long.popitem(last=False)

    def park(self, evaluation: Evaluation) -> None:
        """Keep a long answer whose reader is slow, or for which there is no place now; but not any number of them."""
        self._parked = [one for one in self._parked if one.is_parked]
        self._parked.append(evaluation)
        if len(self._parked) > _PARKED_FOR_EACH_PLACE * self.long.places:
            counted = Counter(one.client for one in self._parked)
            most = counted.most_common(1)[0][0]
            first = next(one for one in self._parked if one.client == most)
            self._parked.remove(first)
            self.count("parked")
            first.abandon()

    def lane_for(self, client: str, key: int) -> Shares:
        """Where a query begins: what is known to be long among its like, and, when there is no place for all, the queries of
        a client that has asked long ones of late.
        """
        heavy = self.prompt.free <= _KEPT and self.usage.of(client) > self.prompt_seconds
        return self.long if heavy or key in self.known_long else self.prompt

    def prompt_time(self, client: str) -> float:
        """How long a query may take to be a prompt one, in seconds: where a client of light queries has one that takes longer,
        it is rather the machine that is busy.
        """
        return self.prompt_seconds * (10 if self.is_light(client) else 1)

    def make_way(self, client: str) -> None:
        """A client of light queries waits for a place in the prompt lane: another one who is at it for a while leaves it."""
        if self.usage.of(client) < LEFT_ALONE_SECONDS:
            heavy = [one for one in self.prompting if not self.usage.is_light(one.client, LEFT_ALONE_SECONDS)]
            oldest = min(heavy, key=lambda one: one.since, default=None)
            if oldest and asyncio.get_running_loop().time() - oldest.since >= LEFT_ALONE_SECONDS:
                oldest.overdue()

    def count(self, reason: str) -> None:
        """Note that a worker was killed, and why."""
        self.kills[reason] += 1

    # Workers

    async def worker_for(
        self, deadline: float, seconds: float, *, kept: bool, slow: bool, fresh: bool
    ) -> tuple[Generation, Worker]:
        """A worker that does nothing else: a new one when asked `fresh`, one that runs behind all others when `slow`, also one
        of those that are kept if `kept`.
        """
        while True:
            generation = self.current
            if generation is None:
                raise EngineUnavailableError("the service is stopping")
            if slow or fresh:
                worker = await self._slow_or_fresh(generation, slow=slow, fresh=fresh)
            else:
                worker = self.idle_worker(generation, kept=kept)
            if worker:
                return generation, worker
            await self._wait(deadline, seconds, kept=kept)

    def is_light(self, client: str) -> bool:
        """Whether this is a client for whom places and workers are kept."""
        return self.usage.is_light(client, LEFT_ALONE_SECONDS)

    def idle_worker(self, generation: Generation, *, kept: bool) -> Worker | None:
        """A worker for the prompt lane, if one has nothing to do: one of those that are kept before others, or none of them."""
        for rank in (Rank.KEPT, Rank.COMMON) if kept else (Rank.COMMON,):
            idle = generation.idle[rank]
            while idle:
                worker = idle.pop()
                if not worker.lost:
                    return worker
                self.dismiss(generation, worker)
        return None

    async def _slow_or_fresh(self, generation: Generation, *, slow: bool, fresh: bool) -> Worker | None:
        idle = generation.idle[Rank.SLOW]
        while not fresh and idle:
            worker = idle.pop()
            if not worker.lost:
                return worker
            self.dismiss(generation, worker)
        try:
            worker = await generation.nursery.fork(Rank.SLOW if slow else Rank.COMMON)
        except EngineUnavailableError:
            if generation is self.current and not generation.nursery.lost:
                raise
            await asyncio.sleep(0.05)  # another generation takes over
            return None
        generation.workers.add(worker)
        return worker

    async def _wait(self, deadline: float, seconds: float, *, kept: bool) -> None:
        """Until there may be an idle worker."""
        if len(self._waiting) >= self.settings.queue + self._wanted[Rank.KEPT] + self._wanted[Rank.COMMON]:
            self.refused += 1
            raise OverloadedError(retry_after(seconds))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, kept))
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except (TimeoutError, asyncio.CancelledError) as reason:
            if (turn, kept) in self._waiting:
                self._waiting.remove((turn, kept))
            else:
                self._wake(Rank.KEPT if kept else Rank.COMMON)  # it was this one's turn: the next in line has it now
            if isinstance(reason, TimeoutError):
                self.refused += 1
                raise OverloadedError(retry_after(seconds)) from None
            raise

    def _wake(self, rank: Rank) -> None:
        """There is a worker of this rank: let the first who can use it know."""
        for waiter in self._waiting:
            turn, kept = waiter
            if not turn.done() and (kept or rank is Rank.COMMON):
                self._waiting.remove(waiter)
                turn.set_result(None)
                return

    def give_back(self, generation: Generation, worker: Worker) -> None:
        """A worker has nothing to do: keep it where it is of use."""
        idle = generation.idle[worker.rank]
        if generation is not self.current or self._stopped or len(idle) >= self._wanted[worker.rank]:
            self.dismiss(generation, worker)
            return
        idle.append(worker)
        if worker.rank is not Rank.SLOW:
            self._wake(worker.rank)

    def replenish(self, generation: Generation) -> None:
        """Fork workers until there are as many of each rank as there should be; long queries have theirs forked when it is
        their turn.
        """
        if generation is self.current and not self._stopped:
            for rank in (Rank.KEPT, Rank.COMMON):
                for _ in range(self._wanted[rank] - generation.number(rank)):
                    generation.starting[rank] += 1
                    self._spawn_task(self._fork(generation, rank))

    async def _fork(self, generation: Generation, rank: Rank) -> None:
        try:
            worker = await generation.nursery.fork(rank)
        except EngineUnavailableError as error:
            _log.warning("no query worker could be started: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
            generation.starting[rank] -= 1
            if not generation.nursery.lost:
                self.replenish(generation)
            return
        generation.starting[rank] -= 1
        generation.workers.add(worker)
        self.give_back(generation, worker)

    def dismiss(self, generation: Generation, worker: Worker) -> Awaitable[int]:
        """End a worker for good, and fork another in its place; to be awaited for how it ended (see `Nursery.reap`).

        All of it is done even if whoever awaits it is cancelled.
        """
        generation.workers.discard(worker)
        worker.close()
        self.replenish(generation)
        return asyncio.shield(self._spawn_task(self._reap(generation, worker)))

    async def _reap(self, generation: Generation, worker: Worker) -> int:
        status = await generation.nursery.reap(worker)
        if not generation.workers and generation is not self.current:
            await self._close(generation)
        return status

    # Releases

    async def _open(self, release: Release, mode: Mode) -> Generation:
        held = ExitStack()
        held.enter_context(release.in_use())
        nursery: Nursery | None = None
        try:
            nursery = await Nursery.start(
                release,
                mode,
                self.settings.memory_mb,
                _allocator(self.settings.allocator),
                sockets=bool(self.settings.service_allow),
            )
            generation = Generation(release, nursery, held)
            for rank in (Rank.KEPT, Rank.COMMON):
                for _ in range(self._wanted[rank]):
                    worker = await nursery.fork(rank)
                    generation.workers.add(worker)
                    generation.idle[rank].append(worker)
        except BaseException:
            if nursery:
                await nursery.end()
            held.close()
            raise
        self._generations.add(generation)
        return generation

    async def _close(self, generation: Generation) -> None:
        if generation not in self._generations:
            return  # it is being closed
        self._generations.discard(generation)
        workers, generation.workers = generation.workers, set()
        for worker in workers:
            worker.close()
        await generation.nursery.end()
        generation.held.close()

    async def _follow(self) -> None:
        """Serve what the pointer names, in the mode it is to be served in, whatever happens to processes."""
        while True:
            now = self.current
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

    async def _try(self, step: Coroutine[Any, Any, object], release: Release) -> bool:
        """Whether something went well; an unreadable release is tried again, and the old one goes on."""
        try:
            await step
        except (EngineUnavailableError, OSError, TimeoutError) as error:
            _log.warning("release %s could not be opened: %s", release.id, error)
            return False
        return True

    def _mode(self, release: Release) -> Mode:
        """How a release is to be served."""
        if self.settings.mode == "disk" or release.id == self._failed_in_memory:
            return "disk"
        processes = 1 + sum(self._wanted.values())
        needed = release.manifest.quads * _STATEMENT_BYTES * processes
        budget = self.settings.memory_budget_mb * 1_000_000 or _memory() // 2
        return "memory" if self.settings.mode == "memory" or needed <= budget else "disk"

    async def _switch(self, release: Release, mode: Mode) -> None:
        generation = await self._open(release, mode)
        old, self.current = self.current, generation
        if old and old.release.id != release.id:
            self.known_long.clear()
        for worker in generation.all_idle:
            self._wake(worker.rank)
        if old is not None:
            idle = old.all_idle
            for of_rank in old.idle.values():
                of_rank.clear()
            for worker in idle:
                await self.dismiss(old, worker)
            if not idle and not old.workers:
                await self._close(old)

    def _spawn_task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


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
