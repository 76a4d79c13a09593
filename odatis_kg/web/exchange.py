"""One request and its response, as those who watch over the service see it: no address, no agent, no referrer.

Every response passes here, so that this is where the headers are added that all of them carry.
"""

import time
from collections.abc import Iterable
from typing import Any, Final

from starlette.types import Message, Scope, Send

from odatis_kg.store.engine import Format
from odatis_kg.store.syntax import Form
from odatis_kg.web.caching import Held

_KEY: Final = "odatis_kg.exchange"
BEGUN: Final = "odatis_kg.begun"  # when it began, where that was before (`time.perf_counter`)
_POLICY: Final = (
    b"default-src 'none'; style-src 'self'; img-src 'self' data: https:; script-src 'self'; connect-src 'self';"
    b" form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Link, ETag, Location, Retry-After"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"content-security-policy", _POLICY),
)


class Routes:
    """The routes of the application, by which requests are counted and written down: paths themselves, which clients make up,
    are not. `exact` are whole paths, `below` the first segments of those that have more behind them.
    """

    __slots__ = ("_below", "_exact")

    def __init__(self, exact: Iterable[str], below: Iterable[str]) -> None:
        self._exact = frozenset(exact)
        self._below = {first: f"/{first}" for first in below}

    def of(self, path: str) -> str:
        """The route of a path: the path, `/` and its first segment, or `other`."""
        return path if path in self._exact else self._below.get(path[1:].partition("/")[0], "other")


class Prepared(list[tuple[bytes, bytes]]):
    """Headers that have those of every response already."""


class Exchange:
    """What is told of a request: `query` and what follows only when one was delivered.

    `outcome` is `fresh`, `cached`, `shared` (with someone who asked the same at the same time), `unchanged` (304), `left`
    (the client went away) or `broken` (it failed after the first bytes); "" until there is one. Times are in seconds;
    `first` runs until the engine has the first bytes: waiting for a place and evaluating.
    """

    __slots__ = (
        "_send", "begun", "first", "form", "format", "method", "outcome", "query", "release", "route",
        "seconds", "sent", "status", "whole",
    )  # fmt: skip

    def __init__(self, send: Send, method: str = "GET", route: str = "other") -> None:
        self._send = send
        self.method = method
        self.route = route
        self.begun = time.perf_counter()
        self.seconds = 0.0
        self.status = 0
        self.sent = 0
        self.whole = False
        self.query: str | None = None
        self.form: Form | None = None
        self.format: Format | None = None
        self.outcome = ""
        self.first: float | None = None
        self.release: str | None = None

    def take(self, held: Held, size: int, outcome: str) -> None:
        """Be the exchange of a request for a result that was sent in one piece."""
        self.route, self.status, self.sent, self.outcome = "/sparql", 200, size, outcome
        self.query, self.form, self.format, self.release = held.key.text, held.form, held.format, held.key.release
        self.whole = True

    async def send(self, message: Message) -> None:
        """Pass a message of the response on."""
        if message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
        elif message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            if type(headers) is not Prepared:
                message["headers"] = prepared(headers)
        await self._send(message)


def prepared(headers: Any) -> Prepared:
    """Headers, and those of every response that are not among them."""
    every = Prepared(headers)
    present = {name for name, _ in every}
    every += [pair for pair in ALWAYS if pair[0] not in present]
    return every


def begin(scope: Scope, send: Send, routes: Routes) -> Exchange:
    """The exchange of a request, which handlers find in its scope."""
    exchange = scope[_KEY] = Exchange(send, scope["method"], routes.of(scope["path"]))
    exchange.begun = scope.get(BEGUN, exchange.begun)
    return exchange


def exchange_of(scope: Scope) -> Exchange:
    """The exchange of a request; one that nobody looks at, where a handler is used by itself."""
    found = scope.get(_KEY)
    return found if found is not None else Exchange(nowhere)


async def nowhere(message: Message) -> None:
    """Where an exchange that is only looked at sends."""
    raise AssertionError(f"an exchange of its own sends nothing: {message['type']}")
