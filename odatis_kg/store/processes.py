"""The server's side of the nursery and its workers: starting, asking, slowing down and ending processes.

What must stay true: nothing here waits for a process without an end; a worker that is let go is dead, and its number is not
another's yet when it is killed.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import Final, Literal, cast

from odatis_kg.store.engine import EngineUnavailableError
from odatis_kg.store.nursery import MESSAGE
from odatis_kg.store.release import Release
from odatis_kg.store.worker import HEADER

Mode = Literal["disk", "memory"]

# An answer that nobody reads is left in the worker beyond this.
_MOST_UNREAD_BYTES: Final = 1 << 18
# How long a process may take to begin; reading a release into memory has its own limit.
_START_SECONDS: Final = 30.0
_LOAD_SECONDS: Final = 3_600.0
# What asks jemalloc and glibc for huge pages: forking beside a gigabyte takes 2 ms with them and 12 to 17 without.
_HUGE_PAGES: Final = {"MALLOC_CONF": "thp:always", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Rank(IntEnum):
    """What a worker is for, in the order in which they get the processor; the number is how nice the process is.

    The weights that Linux gives: a common one has a third of the time of a kept one that competes with it, a slow one a tenth.
    """

    KEPT = 0  # our own pages, and clients of light queries
    COMMON = 5
    SLOW = 10  # long queries


class WorkerDiedError(Exception):
    """The worker's process is gone."""


class Worker(asyncio.Protocol):
    """One query process: frames to it and from it (see `worker`), in order."""

    def __init__(self) -> None:
        self.process = 0
        self.lost = False
        self.rank = Rank.KEPT
        self.ended: asyncio.Future[int] | None = None  # how it ended, once it has been asked to
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._frames: deque[tuple[bytes, bytes]] = deque()
        self._unread = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._interruption: Exception | None = None
        self._listener: Callable[[], None] | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.Transport", transport)  # those of uvloop have no such base

    def data_received(self, data: bytes) -> None:
        """Some bytes have come: part of a frame, or several."""
        buffer = self._buffer
        buffer += data
        start, size = 0, len(buffer)
        while size - start >= HEADER.size:
            kind, length = HEADER.unpack_from(buffer, start)
            end = start + HEADER.size + length
            if end > size:
                break
            self._frames.append((kind, bytes(buffer[start + HEADER.size : end])))
            self._unread += length
            start = end
        if start:
            del buffer[:start]
            self._wake()
        if self._unread > _MOST_UNREAD_BYTES and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The process has ended."""
        self.lost = True
        self._wake()

    # What the pool calls

    def listen(self, told: Callable[[], None]) -> None:
        """Call this once, when there is a frame to take or the process has ended, in place of waking who waits."""
        self._listener = told

    @property
    def next_kind(self) -> bytes:
        """The kind of the next frame; empty when it has not come yet."""
        return self._frames[0][0] if self._frames else b""

    def take(self) -> tuple[bytes, bytes] | None:
        """The next frame, when it has come already."""
        self._listener = None
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._unread -= len(frame[1])
        if self._paused and self._unread < _MOST_UNREAD_BYTES // 2 and self._transport:
            self._paused = False
            self._transport.resume_reading()
        return frame

    def send(self, kind: bytes, body: bytes) -> None:
        """Send a frame."""
        if self.lost or self._transport is None:
            raise WorkerDiedError
        self._interruption = None
        self._transport.write(HEADER.pack(kind, len(body)) + body)

    async def receive(self) -> tuple[bytes, bytes]:
        """The next frame.

        Raises:
            WorkerDiedError: there is none, for the process has ended.
            Exception: what `interrupt` was given.
        """
        while (frame := self.take()) is None:
            if self._interruption is not None:
                raised, self._interruption = self._interruption, None
                raise raised
            if self.lost:
                raise WorkerDiedError
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return frame

    def interrupt(self, error: Exception) -> None:
        """Make `receive` raise this instead of waiting any longer."""
        self._interruption = error
        self._wake()

    def kill(self) -> None:
        """End the process at once; it is still to be reaped."""
        if self.ended is None or not self.ended.done():  # not before it is reaped is its number another's
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)

    def lower(self, rank: Rank) -> None:
        """From now on, give way to what else wants the processor (for good: the kernel lets nobody become less nice).

        Not all the way, as the idle class would: a child that is starved while it ends holds locks on the pages it shares with
        the nursery, and forks wait for those.
        """
        if self.rank >= rank:
            return
        self.rank = rank
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process, rank)

    def close(self) -> None:
        """Close the socket to it."""
        if self._transport:
            self._transport.abort()

    def _wake(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Nursery:
    """A nursery process of a release (see `nursery`)."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, mode: Mode) -> None:
        self.mode = mode
        self.lost = False
        self.network_lock = False
        self._process = process
        self._control = control
        self._forks: deque[asyncio.Future[int]] = deque()
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, release: Release, mode: Mode, memory_mb: int, allocator: Path | None, *, sockets: bool
    ) -> "Nursery":
        """Start one, and wait until it is ready.

        Raises:
            EngineUnavailableError: it ended, or could not read the release.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a millisecond, and asyncio's own needs a watcher
                [
                    sys.executable, "-m", "odatis_kg.store.nursery", str(theirs.fileno()), mode, str(release.path),
                    str(memory_mb), "sockets" if sockets else "none", str(os.getpid()),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={
                    **(_HUGE_PAGES if mode == "memory" else {}),
                    **os.environ,
                    **({"LD_PRELOAD": str(allocator)} if allocator else {}),
                },
            )  # fmt: skip
        ours.setblocking(False)
        nursery = cls(process, ours, mode)
        try:
            async with asyncio.timeout(_LOAD_SECONDS if mode == "memory" else _START_SECONDS):
                kind, _, _ = await nursery._read()
                if kind != b"R":
                    said = await asyncio.get_running_loop().sock_recv(ours, 1_000)
                    raise EngineUnavailableError(f"{release.path} cannot be read: {said.decode('utf-8', 'replace')}")
        except ConnectionError:
            await nursery.end()
            raise EngineUnavailableError(f"the process that reads {release.path} ended while starting") from None
        except BaseException:
            await nursery.end()
            raise
        nursery._listening = asyncio.ensure_future(nursery._listen())
        return nursery

    async def fork(self, rank: Rank) -> Worker:
        """A new worker, ready for a query.

        Raises:
            EngineUnavailableError: it could not begin.
        """
        if self.lost:
            raise EngineUnavailableError("the process that starts query workers has ended")
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        forked: asyncio.Future[int] = loop.create_future()
        with theirs:
            try:
                socket.send_fds(self._control, [MESSAGE.pack(b"F", rank, 0)], [theirs.fileno()])
            except OSError:
                ours.close()
                raise EngineUnavailableError("the process that starts query workers does not answer") from None
            self._forks.append(forked)
        try:
            process = await asyncio.shield(forked)
            _, worker = await loop.create_unix_connection(Worker, sock=ours)
        except BaseException:
            ours.close()  # so that it ends
            forked.add_done_callback(self._unwanted)
            raise
        worker.process, worker.rank = process, rank
        try:
            async with asyncio.timeout(_START_SECONDS):
                kind, body = await worker.receive()
        except (WorkerDiedError, TimeoutError):
            await self.reap(worker)
            raise EngineUnavailableError("a query worker ended while starting") from None
        except BaseException:
            worker.close()
            self._unwanted(forked)
            raise
        if kind != b"R":
            await self.reap(worker)
            raise EngineUnavailableError(body.decode("utf-8", "replace"))
        self.network_lock = b"true" in body
        return worker

    def _unwanted(self, forked: asyncio.Future[int]) -> None:
        """A worker that nobody waits for any more: without being asked to, the nursery would keep what is left of it."""
        if not forked.cancelled() and forked.exception() is None:
            with suppress(OSError):
                self._control.send(MESSAGE.pack(b"E", forked.result(), 0))

    async def reap(self, worker: Worker) -> int:
        """Kill a worker, whatever it is doing, and wait until it is gone; how it ended (a signal below zero)."""
        worker.close()
        if worker.ended is None:
            worker.ended = asyncio.get_running_loop().create_future()
            if self.lost:
                worker.ended.set_result(-signal.SIGKILL)  # the nursery is gone, and its children with it
            else:
                self._ends[worker.process] = worker.ended
                worker.kill()
                with suppress(OSError):
                    self._control.send(MESSAGE.pack(b"E", worker.process, 0))
        return await asyncio.shield(worker.ended)

    async def end(self) -> None:
        """Kill the nursery, and its workers with it."""
        self.lost = True
        self._process.kill()
        if self._listening:
            self._listening.cancel()
        self._forget()
        self._control.close()
        await asyncio.shield(asyncio.to_thread(self._process.wait))

    async def _listen(self) -> None:
        try:
            while True:
                kind, process, status = await self._read()
                if kind == b"F":
                    self._forks.popleft().set_result(process)
                elif kind == b"E" and (waiter := self._ends.pop(process, None)) and not waiter.done():
                    waiter.set_result(status)
        except OSError:
            self.lost = True
            self._forget()

    def _forget(self) -> None:
        for fork in self._forks:
            if not fork.done():
                fork.set_exception(EngineUnavailableError("the process that starts query workers has ended"))
        self._forks.clear()
        for ended in self._ends.values():
            if not ended.done():
                ended.set_result(-signal.SIGKILL)
        self._ends.clear()

    async def _read(self) -> tuple[bytes, int, int]:
        loop = asyncio.get_running_loop()
        received = b""
        while len(received) < MESSAGE.size:
            piece = await loop.sock_recv(self._control, MESSAGE.size - len(received))
            if not piece:
                raise ConnectionResetError
            received += piece
        kind, process, status = MESSAGE.unpack(received)
        return kind, process, status
