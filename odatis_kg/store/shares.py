"""Fair shares: places given out among clients, first to who has none and whose work is light.

What must stay true: no more than `places` are out at a time; no more than `most_waiting` wait, and when that many do, the
client with most of them waiting loses its latest one rather than another client being turned away.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
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


class Turn:
    """A client's waiting for a place: `called` is called when it has it (`granted`), or is turned away (`refused`)."""

    __slots__ = ("called", "client", "granted", "refused")

    def __init__(self, client: str, called: Callable[[], None]) -> None:
        self.client = client
        self.called = called
        self.granted = False
        self.refused = False


@dataclass(slots=True)
class _Client:
    """Who has places or waits for one."""

    held: int = 0
    waiting: deque[Turn] = field(default_factory=deque)
    since: float = 0.0  # when it was given a place, or began to wait for one


class Shares:
    """Places among which clients share; to be used inside one event loop.

    The last `kept` of them are for clients that are known for queries of less than `light` seconds.
    """

    def __init__(self, places: int, most_waiting: int, usage: Usage, *, kept: int = 0, light: float = 0.0) -> None:
        self.places = places
        self.kept = kept
        self._light = light
        self.free = places
        self.waiting = 0
        self._most_waiting = most_waiting
        self._usage = usage
        self._clients: dict[str, _Client] = {}

    def try_acquire(self, client: str) -> bool:
        """Take a place if there is one for this client that nobody waits for."""
        # While one of those that are kept is free, nobody waits who may have it.
        if self.free <= 0 or ((self.waiting or self.free <= self.kept) and not self._may_take_last(client)):
            return False
        self._take(client)
        return True

    def _may_take_last(self, client: str) -> bool:
        return self.kept > 0 and self._usage.is_light(client, self._light)

    def ask(self, client: str, called: Callable[[], None]) -> Turn | None:
        """Take a place, or begin to wait for one: None when there is nothing to wait for.

        Raises:
            QueueFullError: too many are waiting.
        """
        if self.try_acquire(client):
            return None
        if self.waiting >= self._most_waiting:
            self._make_room(client)
        turn = Turn(client, called)
        entry = self._clients.setdefault(client, _Client())
        if not entry.waiting:
            entry.since = time.monotonic()
        entry.waiting.append(turn)
        self.waiting += 1
        return turn

    def leave(self, turn: Turn) -> None:
        """Wait no longer; the place is given back if it was given in the same instant."""
        if turn.granted:
            self.release(turn.client)
        elif not turn.refused:
            self._clients[turn.client].waiting.remove(turn)
            self.waiting -= 1
        self._forget(turn.client)

    async def acquire(self, client: str, deadline: float) -> None:
        """Take a place, at once or when it is this client's turn, but not after `deadline` (of the loop's clock, seconds).

        Raises:
            QueueFullError: too many are waiting, or others have come who wait for less.
            TimeoutError: no place became free in time.
        """
        turn = self.ask(client, _nobody)
        if turn:
            await self.wait(turn, deadline)

    async def wait(self, turn: Turn, deadline: float) -> None:
        """Until it is this one's turn; see `acquire`."""
        loop = asyncio.get_running_loop()
        in_time: asyncio.Future[bool] = loop.create_future()
        turn.called = partial(_settle, in_time, True)
        if turn.granted or turn.refused:
            turn.called()
        timer = loop.call_at(deadline, _settle, in_time, False)  # `asyncio.timeout_at` would cost ten times as much
        try:
            await in_time
        except BaseException:
            self.leave(turn)
            raise
        finally:
            timer.cancel()
        if turn.refused:
            raise QueueFullError
        if not in_time.result():
            self.leave(turn)
            raise TimeoutError

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
            if self.free <= self.kept:
                waiting = [(name, entry) for name, entry in waiting if self._may_take_last(name)]
                if not waiting:
                    return
            name, entry = waiting[0]
            if len(waiting) > 1:
                now = time.monotonic()
                name, entry = min(waiting, key=lambda item: (item[1].held, self._weight(item[0], item[1], now)))
            entry.since = time.monotonic()
            turn = entry.waiting.popleft()
            self.waiting -= 1
            self._take(name)
            turn.granted = True
            turn.called()

    def _weight(self, client: str, entry: _Client, now: float) -> float:
        return self._usage.of(client) - _PATIENCE * (now - entry.since)

    def _make_room(self, client: str) -> None:
        most, entry = max(self._clients.items(), key=lambda item: len(item[1].waiting), default=("", _Client()))
        mine = self._clients.get(client)
        if len(entry.waiting) <= (len(mine.waiting) if mine else 0) + 1 or most == client:
            raise QueueFullError
        turn = entry.waiting.pop()
        self.waiting -= 1
        turn.refused = True
        turn.called()

    def _forget(self, client: str) -> None:
        entry = self._clients.get(client)
        if entry and not entry.held and not entry.waiting:
            del self._clients[client]


def _settle(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)


def _nobody() -> None:
    """Nobody is to be told yet."""
