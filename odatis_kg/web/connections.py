"""Connections: what a client may take of time and memory before and after its request is answered.

uvicorn bounds neither the time nor the size of a request's head, nor the time of its body, nor the number of connections; it
goes on reading a body that was refused, and waits for ever for a client that takes nothing of its answer. And a result that
is held in memory is written from here, which spares the objects and the task that uvicorn makes for a request: that is
most of the work of such an answer.
"""

import asyncio
import json
from asyncio.events import TimerHandle
from typing import Any, Final, Protocol

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from odatis_kg.config import ServerSettings
from odatis_kg.web.errors import problem
from odatis_kg.web.exchange import ALWAYS
from odatis_kg.web.metrics import Metrics

_MOST_PIPELINED: Final = 100
_LINGER_SECONDS: Final = 2.0  # for the client to read a refusal before the connection is reset
_SWEEP_SECONDS: Final = 1.0

Headers = list[tuple[bytes, bytes]]


class Ready(Protocol):
    """Gives what a GET request is answered with, where that is in memory: the headers, written out, and the body."""

    def __call__(self, target: bytes, headers: Headers) -> tuple[bytes, bytes] | None:
        """For the target of a request and its headers."""


class Connections:
    """All connections of a server."""

    def __init__(self, settings: ServerSettings, metrics: Metrics, ready: Ready, base_url: str, most: int) -> None:
        self.settings = settings
        self.metrics = metrics
        self.ready = ready
        self._most = most
        self._base_url = base_url
        self._open: set[Connection] = set()
        # Those between two requests, or before their first: the one that has been so for longest comes first.
        self._idle: dict[Connection, None] = {}
        self._swept = 0.0

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "Connection":
        """A new connection, as uvicorn asks for one."""
        return Connection(self, config, server_state, app_state, _loop)

    def came(self, connection: "Connection") -> None:
        """There is one more; beyond the most there may be, the one idle for longest makes room."""
        self._open.add(connection)
        self._idle[connection] = None
        if len(self._open) > self._most:
            next(iter(self._idle)).cut("most")
        self.metrics.open_connections = len(self._open)

    def went(self, connection: "Connection") -> None:
        """There is one less."""
        self._open.discard(connection)
        self._idle.pop(connection, None)
        self.metrics.open_connections = len(self._open)

    def busy(self, connection: "Connection") -> None:
        """It has a request."""
        self._idle.pop(connection, None)

    def idle(self, connection: "Connection") -> None:
        """Its request is answered."""
        self._idle.pop(connection, None)
        self._idle[connection] = None

    def sweep(self, now: float) -> None:
        """Cut off the clients that take nothing of what is sent to them; to be called now and then (in loop time)."""
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        for connection in list(self._open):
            connection.look_at_writing(now)

    def refusal(self, name: str, detail: str) -> bytes:
        """A response to a request that did not reach the application, in the form of all others."""
        found = problem(name, detail)
        body = json.dumps(found.document(self._base_url)).encode() + b"\n"
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
            *ALWAYS,
        ]
        return STATUS_LINE[found.kind.status] + b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n" + body


class Connection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, all_: Connections, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._all = all_
        self._settings = all_.settings
        self._most_head = all_.settings.head_kb * 1_000
        self._in_head = True
        self._in_body = False
        # Two counts of the head being read: of the bytes that came, for one that never ends, and of what the parser found,
        # for one that comes at once together with what follows it.
        self._received = 0
        self._found = 0
        self._timer: TimerHandle | None = None
        self._over = False
        self._refusal = ("bad-request", "this is not a request of HTTP/1.1")
        self._too_large = ("head-too-large", f"the request line and headers have more than {self._settings.head_kb} kB")
        self._answer: tuple[bytes, bytes] | None = None
        self._unsent = 0
        self._unsent_since = 0.0

    # The life of a connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come; it has some time to say what it wants."""
        super().connection_made(transport)
        self._all.came(self)
        self._wait("head", self._settings.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._wait_no_more()
        self._all.went(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._over:
            return  # what still comes after a refusal
        if self._in_head:
            self._received += len(data)
        super().data_received(data)
        if self._has_ended():
            return
        if self._in_head and self._received > self._most_head:
            self._refuse(*self._too_large)
        elif self._timer is None and (self._in_head or self._in_body):
            if self._in_head:
                self._wait("head", self._settings.head_seconds)
            else:
                self._wait("body", self._settings.body_seconds)

    # What the parser finds

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._received = max(1, self._received)
        self._found = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._in_body = True
        self._received = 0
        self._wait_no_more()
        if len(self.pipeline) >= _MOST_PIPELINED:
            self.cut("pipelined")
            return
        if self._can_answer() and (found := self._all.ready(self.url, self.headers)) is not None:
            self._answer = found
            return
        self._all.busy(self)
        super().on_headers_complete()

    def _has_ended(self) -> bool:
        return self._over or self.transport.is_closing()

    def _has_request(self) -> bool:
        """Whether the application is answering a request; there is none before the first."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _can_answer(self) -> bool:
        """Whether nothing but the answer matters: no other request before this one, no body, nothing after it."""
        return (
            not self._has_request()
            and not self.flow.write_paused
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._answer is None and not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._in_head = False
        self._wait_no_more()
        if self._answer is None:
            if not self._over:
                super().on_message_complete()
            return
        (head, body), self._answer = self._answer, None
        date = b"".join(b"%s: %s\r\n" % pair for pair in self.server_state.default_headers)
        self.transport.writelines((STATUS_LINE[200], date, head, body))
        self._all.idle(self)
        super().on_response_complete()

    def on_response_complete(self) -> None:
        """A request is answered by the application."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._has_request():
            return  # another request is being answered already
        if self._in_body:
            self._linger()  # answered before its body was whole, so refused: nobody reads the rest
        else:
            self._all.idle(self)

    # Refusing

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what uvicorn says of it is less
        """The parser gave up, or was made to."""
        self._refuse(*self._refusal)

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self._all.metrics.connections[reason] += 1
        self._over = True
        self.transport.abort()

    def look_at_writing(self, now: float) -> None:
        """See whether the client takes what is sent to it."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self._settings.send_seconds:
            self.cut("reading")

    def _count(self, size: int) -> None:
        self._found += size
        if self._found > self._most_head:
            self._refusal = self._too_large
            raise ValueError  # the parser gives up, see `send_400_response`

    def _refuse(self, name: str, detail: str) -> None:
        """Say why, where that can be said, and close."""
        self._over = True
        self._all.metrics.connections[name] += 1
        if self._has_request():
            self.transport.close()
            return
        self.transport.write(self._all.refusal(name, detail))
        self._linger()

    def _linger(self) -> None:
        """Close so that the client can still read what was sent: a reset would throw it away."""
        self._over = True
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    # Time

    def _wait(self, what: str, seconds: float) -> None:
        self._wait_no_more()
        self._timer = self.loop.call_later(seconds, self._late, what, seconds)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self, what: str, seconds: float) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused or (what == "head" and self._has_request()):
            self._wait(what, seconds)  # we do not read at present: it is not the client that is late
            return
        self._all.metrics.connections[f"slow {what}"] += 1
        if what == "head" and not self._received:
            self.transport.close()  # nothing was asked
            return
        self.transport.write(
            self._all.refusal("request-timeout", f"the {what} of the request was not whole after {seconds:g} seconds")
        )
        self._linger()
