"""Fair shares: places given out among clients, first to who has none and whose work is light.

What must stay true: no more than `places` are out at a time; no more than `most_waiting` wait, and when that many do, the
client with most of them waiting loses its latest one rather than another client being turned away.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_HALF_LIFE_SECONDS: Final = 10.0
_KNOWN: Final = 3.0  # queries of late after which a client has a name
_MOST_CLIENTS: Final = 10_000
# A second of waiting weighs as much as a tenth of a second of work, so that nobody waits for ever.
_PATIENCE: Final = 0.1


class QueueFullError(Exception):
    """Too many are waiting already."""


class Usage:
    """How long the work of each client takes of late: the mean seconds of one query, in which what was ten seconds ago counts
    half, and twenty seconds ago a quarter. Of who is not known, nothing but good is thought.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: dict[str, tuple[float, float, float]] = {}

    def add(self, client: str, seconds: float) -> None:
        """Count one query."""
        now = self._clock()
        spent, number, since = self._used.get(client, (0.0, 0.0, now))
        kept = 0.5 ** ((now - since) / _HALF_LIFE_SECONDS)
        self._used[client] = (spent * kept + seconds, number * kept + 1, now)
        if len(self._used) > _MOST_CLIENTS:
            recent = now - 10 * _HALF_LIFE_SECONDS
            self._used = {one: entry for one, entry in self._used.items() if entry[2] > recent}
            if len(self._used) > _MOST_CLIENTS:
                self._used.clear()

    def of(self, client: str) -> float:
        """The mean seconds of a query of this client."""
        spent, number, _ = self._used.get(client, (0.0, 1.0, 0.0))
        return spent / number

    def is_light(self, client: str, seconds: float) -> bool:
        """Whether a client is known for queries that take less than so many seconds."""
        _, number, _ = self._used.get(client, (0.0, 0.0, 0.0))
        return number > _KNOWN and self.of(client) < seconds


@dataclass(slots=True)
class _Client:
    """Who has places or waits for one."""

    held: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    since: float = 0.0  # when it was given a place, or began to wait for one


class Shares:
    """Places among which clients share; to be used inside one event loop."""

    def __init__(self, places: int, most_waiting: int, usage: Usage) -> None:
        self.places = places
        self.free = places
        self.waiting = 0
        self._most_waiting = most_waiting
        self._usage = usage
        self._clients: dict[str, _Client] = {}

    def try_acquire(self, client: str) -> bool:
        """Take a place if there is one that nobody waits for."""
        if self.free <= 0 or self.waiting:
            return False
        self._take(client)
        return True

    async def acquire(self, client: str, deadline: float) -> None:
        """Take a place, at once or when it is this client's turn, but not after `deadline` (of the loop's clock, seconds).

        Raises:
            QueueFullError: too many are waiting, or others have come who wait for less.
            TimeoutError: no place became free in time.
        """
        if self.try_acquire(client):
            return
        if self.waiting >= self._most_waiting:
            self._make_room(client)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        entry = self._clients.setdefault(client, _Client())
        if not entry.waiting:
            entry.since = time.monotonic()
        entry.waiting.append(turn)
        self.waiting += 1
        timer = loop.call_at(deadline, _too_late, turn)  # `asyncio.timeout_at` would cost ten times as much
        try:
            await turn
        except BaseException:
            if turn in entry.waiting:
                entry.waiting.remove(turn)
                self.waiting -= 1
            elif turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release(client)  # it had been given a place in the same instant
            self._forget(client)
            raise
        finally:
            timer.cancel()

    def release(self, client: str, seconds: float = 0.0) -> None:
        """Give a place back after so many seconds of work."""
        if seconds:
            self._usage.add(client, seconds)
        self._clients[client].held -= 1
        self._forget(client)
        self.free += 1
        self._give()

    def _take(self, client: str) -> None:
        self.free -= 1
        self._clients.setdefault(client, _Client()).held += 1

    def _give(self) -> None:
        while self.free > 0 and self.waiting:
            waiting = [(name, entry) for name, entry in self._clients.items() if entry.waiting]
            name, entry = waiting[0]
            if len(waiting) > 1:
                now = time.monotonic()
                name, entry = min(waiting, key=lambda item: (item[1].held, self._weight(item[0], item[1], now)))
            entry.since = time.monotonic()
            turn = entry.waiting.popleft()
            self.waiting -= 1
            if not turn.done():
                self._take(name)
                turn.set_result(None)

    def _weight(self, client: str, entry: _Client, now: float) -> float:
        return self._usage.of(client) - _PATIENCE * (now - entry.since)

    def _make_room(self, client: str) -> None:
        most, entry = max(self._clients.items(), key=lambda item: len(item[1].waiting), default=("", _Client()))
        mine = self._clients.get(client)
        if len(entry.waiting) <= (len(mine.waiting) if mine else 0) + 1 or most == client:
            raise QueueFullError
        turn = entry.waiting.pop()
        self.waiting -= 1
        if not turn.done():
            turn.set_exception(QueueFullError())

    def _forget(self, client: str) -> None:
        entry = self._clients.get(client)
        if entry and not entry.held and not entry.waiting:
            del self._clients[client]


def _too_late(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
