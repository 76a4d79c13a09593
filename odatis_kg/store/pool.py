"""The embedded engine: a pool of worker processes on the current release, each of which can be killed.

What must stay true: visitors' queries never take the last process, which is for our own pages; a query ends at its
deadline, because its process is killed; when a client leaves, its query is stopped; when a release is published, new
workers open it beside the old ones, and the old ones finish what they do; the event loop never touches a store.
"""

import asyncio
import json
import math
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

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
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.syntax import Form, QueryRefusedError
from odatis_kg.store.worker import HEADER

_POLL_SECONDS = 0.5


class _WorkerDiedError(Exception):
    """The worker's process is gone."""


@dataclass(eq=False, slots=True)
class _Worker:
    """One process and the socket to it."""

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, kind: bytes, body: bytes) -> None:
        try:
            self.writer.write(HEADER.pack(kind, len(body)) + body)
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            raise _WorkerDiedError from None

    async def receive(self) -> tuple[bytes, bytes]:
        try:
            kind, length = HEADER.unpack(await self.reader.readexactly(HEADER.size))
            return kind, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _WorkerDiedError from None

    async def end(self) -> None:
        """Kill the process, whatever it is doing."""
        self.process.kill()
        self.writer.close()
        await asyncio.shield(asyncio.to_thread(self.process.wait))
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None and not self.reader.at_eof()


@dataclass(eq=False, slots=True)
class _Generation:
    """The workers of one release."""

    release: Release
    held: ExitStack
    idle: deque[_Worker] = field(default_factory=deque)
    workers: set[_Worker] = field(default_factory=set)


class _Streaming:
    """An answer being read from a worker."""

    def __init__(
        self, pool: "WorkerPool", worker: _Worker, head: dict[str, Any], deadline: float, seconds: float
    ) -> None:
        self.form = Form(head["form"])
        self.format: Format = (GraphFormat if self.form.makes_graph else TableFormat)(head["format"])
        self.length: int | None = head["length"]
        self.finished = False
        self._pool = pool
        self._worker = worker
        self._deadline = deadline
        self._seconds = seconds

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            kind, body = await self._pool._next(self._worker, self._deadline, self._seconds)
            if kind == b"D":
                yield body
            elif kind == b"E":
                self.finished = True
                return
            else:
                self.finished = True
                raise self._pool._error(json.loads(body))


class WorkerPool:
    """See the module's docstring. `start` it inside the event loop that will use it."""

    def __init__(self, releases: Releases, settings: QuerySettings, workers: int) -> None:
        self._releases = releases
        self._settings = settings
        # One process more than visitors' queries may fill: our own pages never wait behind them.
        self._size = workers + 1
        self._places = asyncio.Semaphore(workers)
        self._visitors_waiting = 0
        self._current: _Generation | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.kills = 0

    @property
    def release(self) -> str | None:
        """The id of the release being served."""
        return self._current.release.id if self._current else None

    def state(self) -> EngineState:
        """See `SparqlEngine.state`."""
        idle = len(self._current.idle) if self._current else 0
        return EngineState(
            "disk", self._size, self._size - idle, self._visitors_waiting + len(self._waiting), {"any": self.kills}
        )

    async def start(self) -> None:
        """Open the current release in every worker, and follow the pointer from then on.

        Raises:
            EngineUnavailableError: there is no release yet, or it cannot be opened.
        """
        release = self._releases.current()
        if release is None:
            raise EngineUnavailableError(
                f"there is no release in {self._releases.data_dir}; build one first: odatis-kg build PATH..."
            )
        self._current = await self._open(release)
        self._spawn_task(self._follow())

    async def stop(self) -> None:
        """Kill every worker."""
        self._stopped = True
        for task in list(self._tasks):
            task.cancel()
        for task in list(self._tasks):
            with suppress(asyncio.CancelledError):
                await task
        if self._current:
            generation, self._current = self._current, None
            for worker in list(generation.workers):
                await self._dismiss(generation, worker)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    # Answering

    @asynccontextmanager
    async def query(self, query: Query) -> AsyncIterator[Answer]:
        """See `SparqlEngine.query`."""
        seconds = min(query.timeout or math.inf, self._settings.timeout_seconds)
        deadline = asyncio.get_running_loop().time() + seconds
        body = json.dumps(
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
        if not query.own:
            await self._take_place(deadline, seconds)
        try:
            generation, worker, head = await self._begin(body, deadline, seconds)
            answer = _Streaming(self, worker, head, deadline, seconds)
            try:
                yield answer
            finally:
                if answer.finished:
                    self._give_back(generation, worker)
                elif head["length"] is not None and worker.alive:
                    # The whole result is in the socket already: reading it costs less than a new process.
                    await self._drain(generation, worker, answer)
                else:
                    await self._replace(generation, worker)
        finally:
            if not query.own:
                self._places.release()

    async def _take_place(self, deadline: float, seconds: float) -> None:
        """Wait for one of the places that visitors' queries have."""
        if self._places.locked() and self._visitors_waiting >= self._settings.queue:
            raise OverloadedError(max(1, round(seconds / 4)))
        self._visitors_waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError:
            raise OverloadedError(max(1, round(seconds / 4))) from None
        finally:
            self._visitors_waiting -= 1

    async def _begin(self, body: bytes, deadline: float, seconds: float) -> tuple[_Generation, _Worker, dict[str, Any]]:
        """Hand a query to a worker and wait for the head of its answer; a worker found dead is replaced once."""
        for last_try in (False, True):
            generation, worker = await self._acquire(deadline, seconds)
            try:
                await worker.send(b"Q", body)
                kind, reply = await self._next(worker, deadline, seconds)
            except _WorkerDiedError:
                code = worker.process.wait()
                await self._replace(generation, worker)
                if code == -9 and not last_try:
                    continue  # killed from outside, perhaps before the query came: once more
                raise QueryMemoryError(self._settings.memory_mb) from None
            except BaseException:
                await self._replace(generation, worker)
                raise
            message = json.loads(reply)
            if kind == b"H":
                return generation, worker, message
            self._give_back(generation, worker)
            raise self._error(message)
        raise AssertionError("unreachable")

    async def _next(self, worker: _Worker, deadline: float, seconds: float) -> tuple[bytes, bytes]:
        try:
            async with asyncio.timeout_at(deadline):
                return await worker.receive()
        except TimeoutError:
            raise QueryTimeoutError(seconds) from None

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

    async def _drain(self, generation: _Generation, worker: _Worker, answer: _Streaming) -> None:
        try:
            async for _ in answer.chunks():
                pass
            self._give_back(generation, worker)
        except Exception:
            await self._replace(generation, worker)

    # Workers

    async def _acquire(self, deadline: float, seconds: float) -> tuple[_Generation, _Worker]:
        loop = asyncio.get_running_loop()
        while True:
            generation = self._current
            if generation is None:
                raise EngineUnavailableError("the service is stopping")
            while generation.idle:
                worker = generation.idle.pop()
                if worker.alive:
                    return generation, worker
                await self._replace(generation, worker)
            if len(self._waiting) >= self._settings.queue:
                raise OverloadedError(max(1, round(seconds / 4)))
            turn: asyncio.Future[None] = loop.create_future()
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
                    raise OverloadedError(max(1, round(seconds / 4))) from None
                raise

    def _give_back(self, generation: _Generation, worker: _Worker) -> None:
        if generation is not self._current or self._stopped:
            self._spawn_task(self._dismiss(generation, worker))
            return
        generation.idle.append(worker)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _replace(self, generation: _Generation, worker: _Worker) -> None:
        """Kill a worker; a new one takes its place when its release is still the current one."""
        self.kills += 1
        await self._dismiss(generation, worker)
        if generation is self._current and not self._stopped:
            self._spawn_task(self._respawn(generation))

    async def _respawn(self, generation: _Generation) -> None:
        worker = await self._launch(generation.release)
        generation.workers.add(worker)
        self._give_back(generation, worker)

    async def _dismiss(self, generation: _Generation, worker: _Worker) -> None:
        await worker.end()
        generation.workers.discard(worker)
        if not generation.workers and (generation is not self._current):
            generation.held.close()

    async def _open(self, release: Release) -> _Generation:
        held = ExitStack()
        held.enter_context(release.in_use())
        generation = _Generation(release, held)
        launched = await asyncio.gather(*(self._launch(release) for _ in range(self._size)), return_exceptions=True)
        workers = [worker for worker in launched if isinstance(worker, _Worker)]
        failures = [failure for failure in launched if isinstance(failure, BaseException)]
        generation.workers.update(workers)
        if failures:
            for worker in workers:
                await self._dismiss(generation, worker)
            held.close()
            raise failures[0]
        generation.idle.extend(workers)
        return generation

    async def _launch(self, release: Release) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a millisecond, and asyncio's own needs a watcher
                [
                    sys.executable, "-m", "odatis_kg.store.worker",
                    str(theirs.fileno()), str(release.store), str(self._settings.memory_mb),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        writer = None
        try:
            reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 18)
            worker = _Worker(process, reader, writer)
            kind, body = await worker.receive()
            if kind != b"R":
                raise self._error(json.loads(body))
        except BaseException as error:
            process.kill()
            (writer or ours).close()
            code = process.wait()  # a process that has hardly begun: no time passes here
            if isinstance(error, _WorkerDiedError):
                raise EngineUnavailableError(f"a query worker ended with code {code} while starting") from None
            raise
        return worker

    # Following the pointer

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._releases.current_id() == self.release:
                continue
            release = self._releases.current()
            if release is None:
                continue
            with suppress(EngineUnavailableError):  # an unreadable release is tried again; the old one goes on
                await self._switch(release)

    async def _switch(self, release: Release) -> None:
        generation = await self._open(release)
        old, self._current = self._current, generation
        for _ in range(len(generation.idle)):
            self._wake()
        if old is not None:
            while old.idle:
                await self._dismiss(old, old.idle.pop())

    def _spawn_task(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
