"""One query at work in the pool: from its place in a lane, over a worker, to the pieces of its answer.

What must stay true: whatever happens - an error, a deadline, a client that leaves, a worker that dies - the place is given
back, and the worker is either idle and whole or dead.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from odatis_kg.store.engine import (
    Answer,
    Format,
    GraphFormat,
    OverloadedError,
    Query,
    QueryMemoryError,
    QueryTimeoutError,
    TableFormat,
    Whole,
    retry_after,
)
from odatis_kg.store.processes import Rank, Worker, WorkerDiedError
from odatis_kg.store.shares import QueueFullError, Shares, Turn
from odatis_kg.store.syntax import Form, QueryRefusedError
from odatis_kg.store.worker import LENGTH

if TYPE_CHECKING:
    from odatis_kg.store.pool import Generation, WorkerPool

_SLOW_READER_SECONDS: Final = 0.1
# How long a query that was begun without a task waits for its turn so.
_MOST_WAIT_SECONDS: Final = 1.0
# Nobody is sent out of the prompt lane before, however many wait.
LEFT_ALONE_SECONDS: Final = 0.02
# What a parser that calls itself does with a very long chain: it runs out of stack, and the process ends.
_TOO_DEEP: Final = "the query is too deep, or has too long a chain of operators; simplify it"


def _nobody() -> None:
    """Nobody is to be told."""


class _OverdueError(Exception):
    """The query has had its time in the prompt lane."""


class _BeginAgainError(Exception):
    """The query is to be evaluated again, on another process."""


@lru_cache(maxsize=256)
def _head(reply: bytes) -> tuple[Form, Format]:
    message = json.loads(reply)
    form = Form(message["form"])
    return form, (GraphFormat if form.makes_graph else TableFormat)(message["format"])


def _whole(reply: bytes) -> Whole:
    end = LENGTH.size + LENGTH.unpack_from(reply)[0]
    return Whole(*_head(reply[LENGTH.size : end]), reply[end:])


class Evaluation:
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
        self._body = pool.frame_of(query)
        self._key = hash((query.text, query.default_graphs, query.named_graphs))
        self._lane: Shares | None = None
        self._turn: Turn | None = None  # in the prompt lane
        self._told = _nobody
        self.since = 0.0
        self._streaming = False
        self._parked = False
        self._reader: asyncio.TimerHandle | None = None  # runs while the one who reads does something else
        self._worker: Worker | None = None
        self._generation: Generation | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def begin_now(self, told: Callable[[], None]) -> bool:
        """Begin in the prompt lane, or wait there for its turn; `told` is called when there is something to see."""
        lane = self._pool.lane_for(self.client, self._key)
        if lane is not self._pool.prompt:
            return False
        self._told = told
        try:
            self._turn = lane.ask(self.client, self._its_turn)
        except QueueFullError:
            return False
        if self._turn:
            self._pool.make_way(self.client)
        else:
            self._start()
        return True

    def _its_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn and turn.granted:
            self._start()
        else:
            self._told()

    def _start(self) -> None:
        """Evaluate on a worker that has nothing to do; where there is none, that is something to see."""
        pool, generation = self._pool, self._pool.current
        self._take_place(pool.prompt)
        worker = pool.idle_worker(generation, kept=pool.is_light(self.client)) if generation else None
        if worker is None:
            self._loop.call_soon(self._told)
            return
        self._generation, self._worker = generation, worker
        worker.listen(self._told)
        worker.send(b"Q", self._body)

    def is_light(self) -> bool:
        """See `Begun.is_light`."""
        now = self._loop.time()
        if self._turn:
            self._pool.make_way(self.client)
            return now < self._deadline - self._seconds + _MOST_WAIT_SECONDS
        return now < self.since + LEFT_ALONE_SECONDS

    def answer(self) -> Whole | None:
        """See `Begun.answer`."""
        worker = self._worker
        if worker is None or worker.next_kind != b"W":
            return None
        found = worker.take()
        assert found
        self._give_back()
        return _whole(found[1])

    def leave(self) -> None:
        """See `Begun.leave`."""
        self._told = _nobody
        self._pool.end_soon(self)

    async def begin(self) -> Answer:
        """Find a place and a worker, unless that was done, and wait for the beginning of the answer."""
        fresh = False
        wanted = self._pool.prompt if self._turn else self._pool.lane_for(self.client, self._key)
        self._told = _nobody
        while True:
            try:
                if not self._own and self._lane is None:
                    await self._enter(wanted)
                if self._worker is None:
                    await self._send(fresh=fresh)
                return await self._reply()
            except _BeginAgainError:
                wanted = self._pool.long
            except WorkerDiedError:
                status = await self._let_go()
                killed = status == -signal.SIGKILL  # from outside: it may have been dead before the query came
                self._pool.count("outside" if killed else "memory")
                if status == -signal.SIGSEGV:
                    raise QueryRefusedError(_TOO_DEEP) from None
                if fresh or not killed:
                    raise QueryMemoryError(self._pool.settings.memory_mb) from None
                fresh = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """The rest of the answer, piece by piece."""
        while self._worker:
            try:
                kind, body = await self._receive()
            except WorkerDiedError:
                self._pool.count("memory")
                raise QueryMemoryError(self._pool.settings.memory_mb) from None
            if kind == b"D":
                self._wait_for_reader()
                yield body
                continue
            self._give_back()
            if kind != b"E":
                raise self._pool.error_of(json.loads(body))

    async def close(self, reason: str) -> None:
        """Stop whatever is still going on."""
        if self._worker:
            self._pool.count(reason)
        await self._let_go()

    @property
    def is_parked(self) -> bool:
        """Whether it waits, half answered, for a place or for its reader."""
        return self._parked and self._worker is not None

    async def _send(self, *, fresh: bool) -> None:
        self._generation, self._worker = await self._pool.worker_for(
            self._deadline,
            self._seconds,
            kept=self._own or self._pool.is_light(self.client),
            slow=self._lane is self._pool.long,
            fresh=fresh,
        )
        self._worker.send(b"Q", self._body)

    async def _reply(self) -> Answer:
        self._timers = [self._loop.call_at(self._deadline, self._out_of_time)]
        prompt = self._pool.prompt_time(self.client)
        if self._lane is self._pool.prompt and prompt < self._seconds:
            self._timers.append(self._loop.call_at(self.since + prompt, self.overdue))
        kind, reply = await self._receive()
        if kind == b"W":
            self._give_back()
            return _whole(reply)
        if kind != b"H":
            self._give_back()
            raise self._pool.error_of(json.loads(reply))
        self._streaming = True
        self.form, self.format = _head(reply)
        self._wait_for_reader()
        return self

    async def _receive(self) -> tuple[bytes, bytes]:
        assert self._worker
        if self._reader:
            self._reader.cancel()
            self._reader = None
        if self._parked:
            await self._enter(self._pool.long)  # meanwhile nobody reads what the worker writes, and it waits
            self._parked = False
        try:
            return await self._worker.receive()
        except _OverdueError:
            self._pool.count("postponed")
            await self._let_go()
            raise _BeginAgainError from None

    def _out_of_time(self) -> None:
        if self._worker:
            self._worker.interrupt(QueryTimeoutError(self._seconds))

    def overdue(self) -> None:
        """Leave the prompt lane: as it is where a long place is free or bytes have been sent, else to begin again later."""
        pool, worker = self._pool, self._worker
        if worker is None or self._generation is None or self._lane is not pool.prompt:
            return
        pool.remember(self._key)
        if not self._reader and pool.long.try_acquire(self.client):
            self._leave()
            self._lane, self.since = pool.long, self._loop.time()
        elif self._streaming:
            self._leave()
            self._parked = True
            pool.park(self)
        else:
            worker.interrupt(_OverdueError())
            return
        worker.lower(Rank.SLOW)
        pool.replenish(self._generation)

    def _wait_for_reader(self) -> None:
        self._reader = self._loop.call_later(_SLOW_READER_SECONDS, self._reader_is_slow)

    def _reader_is_slow(self) -> None:
        """Whoever reads takes longer than the worker: let others have the place meanwhile."""
        if self._worker and self._lane is self._pool.long:
            self._leave()
            self._parked = True
            self._pool.park(self)

    def abandon(self) -> None:
        """End it for want of room; who reads it is told when it goes on reading."""
        if self._worker:
            self._worker.interrupt(OverloadedError(retry_after(self._seconds)))
            self._worker.kill()

    async def _enter(self, lane: Shares) -> None:
        pool = self._pool
        try:
            if self._turn or not lane.try_acquire(self.client):
                way = None
                if lane is pool.prompt:
                    pool.make_way(self.client)
                    way = self._loop.call_later(LEFT_ALONE_SECONDS, pool.make_way, self.client)
                try:
                    turn, self._turn = self._turn or lane.ask(self.client, _nobody), None
                    if turn:
                        await lane.wait(turn, self._deadline)
                finally:
                    if way:
                        way.cancel()
        except (QueueFullError, TimeoutError):
            pool.refused += 1
            raise OverloadedError(retry_after(self._seconds)) from None
        self._take_place(lane)

    def _take_place(self, lane: Shares) -> None:
        self._lane, self.since = lane, self._loop.time()
        if lane is self._pool.prompt:
            self._pool.prompting.add(self)

    def _leave(self) -> None:
        if self._turn:
            turn, self._turn = self._turn, None
            self._pool.prompt.leave(turn)
        if self._lane:
            lane, self._lane = self._lane, None
            self._pool.prompting.discard(self)
            lane.release(self.client, self._loop.time() - self.since)

    def _give_back(self) -> None:
        """The worker has said all it had to say."""
        self._stop_timers()
        if self._lane is self._pool.long and self._loop.time() - self.since < self._pool.prompt_seconds:
            self._pool.known_long.pop(self._key, None)  # it was slow only because the machine was busy
        if self._worker and self._generation:
            worker, self._worker = self._worker, None
            self._pool.give_back(self._generation, worker)
        self._leave()

    async def _let_go(self) -> int | None:
        """End the worker, if there still is one, and leave the lane; how the worker ended (see `Nursery.reap`)."""
        self._stop_timers()
        self._leave()
        status = None
        if self._worker and self._generation:
            worker, self._worker = self._worker, None
            status = await self._pool.dismiss(self._generation, worker)
        return status

    def _stop_timers(self) -> None:
        if self._reader:
            self._reader.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
