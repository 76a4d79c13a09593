"""Connections: what a client may take of time and memory before and after its request is answered.

uvicorn bounds neither the time nor the size of a request's head, nor the time of its body, nor the number of connections; it
goes on reading a body that was refused, and waits for ever for a client that takes nothing of its answer. And a result that
is held in memory, or that a worker gives at once, is written from here, which spares the objects, the task and the timers
that uvicorn makes for a request: they are most of the work of such an answer.
"""

import asyncio
import json
import math
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from odatis_kg.config import ServerSettings
from odatis_kg.web.caching import Variant
from odatis_kg.web.direct import KEY, Direct
from odatis_kg.web.errors import problem
from odatis_kg.web.exchange import ALWAYS, BEGUN
from odatis_kg.web.metrics import Metrics

_MOST_PIPELINED: Final = 100
_LINGER_SECONDS: Final = 2.0  # for the client to read a refusal before the connection is reset
_SWEEP_SECONDS: Final = 1.0
# How often one looks whether what is answered without the application's task is light indeed.
_LOOK_SECONDS: Final = 0.02

Headers = list[tuple[bytes, bytes]]


Peer = tuple[str, int] | None


class Answering(Protocol):
    """Gives what a GET request is answered with, or what was begun to answer it (see `Application.direct`)."""

    def __call__(
        self, target: bytes, headers: Headers, peer: Peer, told: Callable[[], None], /
    ) -> Variant | Direct | None:
        """For the target of a request, its headers and who is connected; `told` is called when what was begun has an answer."""


class Connections:
    """All connections of a server."""

    def __init__(self, settings: ServerSettings, metrics: Metrics, direct: Answering, base_url: str, most: int) -> None:
        self.settings = settings
        self.metrics = metrics
        self.direct = direct
        self._most = most
        self._base_url = base_url
        self._open: set[Connection] = set()
        # Those between two requests, or before their first, and since when: the one that has been so for longest comes first.
        self._idle: dict[Connection, float] = {}
        # Those whose request is answered without a task.
        self._begun: set[Connection] = set()
        self._swept = 0.0
        self._dates: list[tuple[bytes, bytes]] = []
        self._date = b""

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
        self._idle[connection] = math.inf  # it has a timer of its own
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
        self._idle[connection] = connection.loop.time()

    def begun(self, connection: "Connection") -> None:
        """Its request is being answered; where it turns out not to be light, it goes on as others do."""
        if not self._begun:
            connection.loop.call_later(_LOOK_SECONDS, self._look_at_begun)
        self._begun.add(connection)

    def ended(self, connection: "Connection") -> None:
        """That is over."""
        self._begun.discard(connection)

    def _look_at_begun(self) -> None:
        for connection in list(self._begun):
            connection.look_at_begun()
        if self._begun:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_at_begun)

    def date(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The headers that the server adds, its date, as they are sent; uvicorn makes new ones each second."""
        if headers is not self._dates:
            self._dates, self._date = headers, b"".join(b"%s: %s\r\n" % pair for pair in headers)
        return self._date

    def sweep(self, now: float) -> None:
        """Cut off the clients that take nothing of what is sent to them, and those that ask no more; to be called now and then
        (in loop time).
        """
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        for connection in list(self._open):
            connection.look_at_writing(now)
        for connection, since in list(self._idle.items()):
            if now - since > self.settings.keep_alive_seconds:
                connection.transport.close()

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
        self._answer: Variant | None = None
        self._direct: Direct | None = None
        self._handed: Direct | None = None
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
        if self._direct is not None:
            self._all.ended(self)
            direct, self._direct = self._direct, None  # from now on there is nothing to go on with
            direct.leave()
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
        self.go_on()  # with the one before
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
        found = self._all.direct(self.url, self.headers, self.client, self._told) if self._can_answer() else None
        if isinstance(found, Variant):
            self._answer = found
            return
        self._all.busy(self)
        if found is not None:
            self._direct = found
            self._all.begun(self)
            return
        super().on_headers_complete()

    def _has_ended(self) -> bool:
        return self._over or self.transport.is_closing()

    def _has_request(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first
        return self._direct is not None or (cycle is not None and not cycle.response_complete)

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
        if self._answer is None and self._direct is None and not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._in_head = False
        self._wait_no_more()
        if self._answer is not None:
            answer, self._answer = self._answer, None
            self._write(answer)
        elif self._direct is None and not self._over:
            super().on_message_complete()

    # Answering without the application's task

    def _told(self) -> None:
        """There is something to see of the request that was begun."""
        answer = self._direct.response() if self._direct is not None else None
        if answer is None:
            self.go_on()
            return
        self._direct = None
        self._all.ended(self)
        self._write(answer)

    def _write(self, answer: Variant) -> None:
        """Send a whole answer; what follows is as after any other."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        date = self._all.date(self.server_state.default_headers)
        self.transport.writelines((STATUS_LINE[200], date, answer.head, answer.body))
        self._all.idle(self)

    def go_on(self) -> None:
        """Answer the request that was begun as others are; there may be none."""
        if self._direct is None:
            return
        self._all.ended(self)
        self._handed, self._direct = self._direct, None
        path, _, query_string = self.url.partition(b"?")
        scope = cast("Scope", self.scope)
        scope.update(
            method="GET", path=path.decode("ascii"), raw_path=path, query_string=query_string,
            **{KEY: self._handed, BEGUN: self._handed.exchange.begun},
        )  # fmt: skip
        self.cycle = RequestResponseCycle(
            self.scope, self.transport, self.flow, self.logger, self.access_logger, self.access_log,
            self.server_state.default_headers, asyncio.Event(), expect_100_continue=False, keep_alive=True,
            on_response=self.on_response_complete,
        )  # fmt: skip
        self.cycle.more_body = False
        self.cycle.message_event.set()
        self._start_asgi_task(self.cycle, self.app)

    def look_at_begun(self) -> None:
        """See whether the request that was begun is light indeed."""
        if self._direct is not None and not self._direct.is_light():
            self.go_on()

    def shutdown(self) -> None:
        """The server stops: what is being answered is answered to its end."""
        self.go_on()
        super().shutdown()

    def on_response_complete(self) -> None:
        """A request is answered by the application."""
        super().on_response_complete()
        if self._handed is not None:
            self._handed.leave()  # had nobody taken it over, it would go on
            self._handed = None
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
