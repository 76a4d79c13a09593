"""A client that costs little: one process drives many connections, with requests written beforehand.

Run as `python -m benchmarks.client`, what to do as JSON on standard input (the fields of `Asked`); prints what was seen as
JSON (`Seen`). Answers are read to their end and counted; answers other than 200 and broken ones are counted apart.
"""

import gc
import json
import math
import re
import select
import socket
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import urlencode

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_READ = 1 << 18


@dataclass(frozen=True, slots=True)
class Asked:
    """What to do: so many connections from an address, each sending the next request as soon as it has its answer.

    With a `pause` (seconds) each connection means to ask so often and waits between answers; an answer that took longer
    counts also for the requests that could not be sent meanwhile, so that a standstill is not seen as one slow answer.
    """

    port: int
    requests: Sequence[str]
    connections: int = 1
    seconds: float = 3.0
    source: str = ""
    pause: float = 0.0
    # An answer not there after so many seconds is given up.
    patience: float = 60.0


@dataclass(slots=True)
class Seen:
    """What was seen. Times are milliseconds from sending to the end of the answer, whatever its status; requests that had
    waited longer than any other when time was up count too.
    """

    seconds: float = 0.0
    answered: int = 0
    bytes: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    p50: float = 0.0
    p99: float = 0.0
    slowest: float = 0.0
    first_byte: float = 0.0

    @property
    def rate(self) -> float:
        """Answers with status 200 a second."""
        return self.statuses.get("200", 0) / self.seconds if self.seconds else 0.0

    @property
    def megabytes(self) -> float:
        """Megabytes a second, heads included."""
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0


def get(path: str, query: str, accept: str) -> str:
    """A GET request of the SPARQL protocol."""
    return (
        f"GET {path}?{urlencode({'query': query})} HTTP/1.1\r\nHost: localhost:8000\r\nAccept: {accept}\r\n"
        "User-Agent: odatis-kg-benchmark\r\n\r\n"
    )


def ask(asked: Asked) -> Seen:
    """Drive the connections from a process of its own."""
    return finish(start(asked))


def start(asked: Asked) -> "subprocess.Popen[str]":
    """The process that drives the connections, begun; `finish` waits for what it saw."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    json.dump(asdict(asked), process.stdin)
    process.stdin.close()
    return process


def finish(process: "subprocess.Popen[str]") -> Seen:
    """What the process saw."""
    with process:
        assert process.stdout is not None
        told = process.stdout.read()
    if process.returncode:
        raise RuntimeError("the client failed; its complaint is above")
    return Seen(**json.loads(told))


class _Connection:
    """One connection and the answer being read from it."""

    __slots__ = ("buffer", "chunked", "first", "left", "sent", "socket", "status")

    def __init__(self, asked: Asked) -> None:
        source = (asked.source, 0) if asked.source else None
        self.socket = socket.create_connection(("127.0.0.1", asked.port), 10, source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0.0
        self.reset()

    def reset(self) -> None:
        self.buffer = b""
        self.status = ""
        self.chunked = False
        self.left = -1  # bytes of the body or chunk still to come; -1: the head is not whole
        self.first = 0.0

    def take(self, data: bytes) -> bool:
        """Take what has arrived; whether the answer is whole now."""
        if self.left < 0:
            data = self.buffer + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return False
            head = data[: end + 2]
            self.status = head[9:12].decode("latin-1")
            body = data[end + 4 :]
            self.buffer = b""
            if length := _LENGTH.search(head):
                self.left = int(length[1]) - len(body)
                return self.left <= 0
            if not _CHUNKED.search(head):
                self.left = 0
                return self.status in ("204", "304")
            self.chunked, self.left, data = True, 0, body
        if not self.chunked:
            self.left -= len(data)
            return self.left <= 0
        return self._take_chunks(data)

    def _take_chunks(self, data: bytes) -> bool:
        data = self.buffer + data
        at = 0
        while True:
            if self.left:
                step = min(self.left, len(data) - at)
                at += step
                self.left -= step
                if self.left:
                    break
            line = data.find(b"\r\n", at)
            if line < 0:
                break
            size = int(data[at:line].split(b";")[0], 16)
            if size == 0:
                if data.find(b"\r\n\r\n", line) < 0:
                    break
                return True
            at, self.left = line + 2, size + 2
        self.buffer = data[at:]
        return False


class _Driver:
    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.requests = [request.encode("utf-8") for request in asked.requests]
        self.next = 0
        self.epoll = select.epoll()
        self.open: dict[int, _Connection] = {}
        self.resting: list[tuple[float, _Connection]] = []
        self.times = array("d")
        self.firsts = array("d")
        self.seen = Seen()
        self.statuses: Counter[str] = Counter()

    def send(self, connection: _Connection) -> None:
        connection.reset()
        request = self.requests[self.next]
        self.next = (self.next + 1) % len(self.requests)
        connection.sent = time.perf_counter()
        try:
            connection.socket.sendall(request)
        except OSError:
            self.broken(connection)

    def connect(self) -> bool:
        """Whether the server takes connections; one that has ended does not."""
        try:
            connection = _Connection(self.asked)
        except OSError:
            self.statuses["refused"] += 1
            time.sleep(0.01)
            return False
        self.open[connection.socket.fileno()] = connection
        self.epoll.register(connection.socket, select.EPOLLIN)
        self.send(connection)
        return True

    def close(self, connection: _Connection) -> None:
        self.open.pop(connection.socket.fileno(), None)
        connection.socket.close()

    def broken(self, connection: _Connection) -> None:
        self.statuses["broken"] += 1
        self.close(connection)

    def run(self) -> Seen:
        gc.disable()
        clock = time.perf_counter
        begun = clock()
        end = begun + self.asked.seconds
        looked = begun
        while (now := clock()) < end:
            while len(self.open) + len(self.resting) < self.asked.connections and self.connect():
                pass
            while self.resting and self.resting[0][0] <= now:
                self.send(self.resting.pop(0)[1])
            wait = self.resting[0][0] - now if self.resting else 0.1
            for descriptor, _ in self.epoll.poll(max(0.0, min(wait, end - now, 0.1))):
                connection = self.open.get(descriptor)
                if connection is not None:
                    self.read(connection)
            if now > looked + 0.5:
                looked = now
                for connection in [
                    one for one in self.open.values() if one.sent and now - one.sent > self.asked.patience
                ]:
                    self.statuses["given up"] += 1
                    self.close(connection)
        self.seen.seconds = clock() - begun
        return self.told()

    def read(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self.broken(connection)
            return
        now = time.perf_counter()
        if not connection.first:
            connection.first = now
            self.firsts.append(now - connection.sent)
        self.seen.bytes += len(data)
        if not connection.take(data):
            return
        self.statuses[connection.status] += 1
        self.times.append(now - connection.sent)
        if self.asked.pause:
            connection.sent = 0.0
            self.resting.append((now + self.asked.pause, connection))
            self.resting.sort(key=lambda one: one[0])
        else:
            self.send(connection)

    def told(self) -> Seen:
        seen = self.seen
        seen.statuses = dict(self.statuses)
        times = list(self.times)
        seen.answered = len(times)
        now, slowest = time.perf_counter(), max(times, default=0.0)
        waiting = [now - one.sent for one in self.open.values() if one.sent]
        times += [wait for wait in waiting if wait > slowest]
        if pause := self.asked.pause:
            times += [took - step * pause for took in times for step in range(1, int(took / pause))]
        times = sorted(times) or [math.inf]  # a server that has ended answers nobody
        seen.p50 = 1e3 * times[len(times) // 2]
        seen.p99 = 1e3 * times[min(len(times) - 1, int(len(times) * 0.99))]
        seen.slowest = 1e3 * times[-1]
        if self.firsts:
            seen.first_byte = 1e3 * sorted(self.firsts)[len(self.firsts) // 2]
        return seen


def main() -> None:
    """Ask for some seconds."""
    print(json.dumps(asdict(_Driver(Asked(**json.load(sys.stdin))).run())))


if __name__ == "__main__":
    main()
