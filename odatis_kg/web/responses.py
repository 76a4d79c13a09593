"""Sending responses: the headers every one of them carries, and problems in the form a client reads."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from odatis_kg import __version__
from odatis_kg.web.compression import CODINGS, SMALLEST, Choice, choose, compress
from odatis_kg.web.errors import Problem, problem, problem_of
from odatis_kg.web.exchange import Exchange, Routes, begin
from odatis_kg.web.metrics import Metrics
from odatis_kg.web.negotiation import HTML, negotiate

_PROBLEM: Final = "application/problem+json"
_READING: Final = "GET, HEAD, OPTIONS"
_ASKING: Final = "GET, HEAD, POST, QUERY, OPTIONS"
# What a script of another site may send: a fixed list, whatever it asks for.
_ALLOWED_HEADERS: Final = (
    "Accept, Accept-Language, Content-Language, Content-Type, Cache-Control, If-None-Match, Pragma, User-Agent,"
    " X-Requested-With"
)
_COMPRESSED: Final = ("text/", "application/", "image/svg+xml")


class CommonHeaders:
    """Adds the headers of every response, on success and on errors alike, answers CORS preflights, tells clients of the errors
    that handlers raise, and the observers of every exchange that is over.

    The path of the public base address (`/ocean/` of `https://example.org/ocean/`) is taken off the path of a request, so
    that the server works behind a proxy that leaves it there as well as behind one that takes it off.
    """

    def __init__(
        self,
        app: ASGIApp,
        base_url: str,
        routes: Routes,
        metrics: Metrics,
        observers: Sequence[Callable[[Exchange], None]],
    ) -> None:
        self._app = app
        self._routes = routes
        self._metrics = metrics
        self._base_url = base_url
        self._root = urlsplit(base_url).path
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._root != "/" and scope["path"].startswith(self._root):
            scope = {**scope, "path": scope["path"][len(self._root) - 1 :]}
        exchange = begin(scope, send, self._routes)
        self._metrics.in_flight += 1
        try:
            if scope["method"] == "OPTIONS":
                await self._preflight(scope, exchange.send)
            else:
                await self._app(scope, receive, exchange.send)
        except Exception as error:
            if exchange.status:
                raise  # too late to say anything: the server breaks the connection off
            await respond_problem(scope, exchange.send, problem_of(error), self._base_url)
        finally:
            self._metrics.in_flight -= 1
            exchange.seconds = time.perf_counter() - exchange.begun
            for observe in self._observers:
                observe(exchange)

    async def _preflight(self, scope: Scope, send: Send) -> None:
        methods = _ASKING if scope["path"] == "/sparql" else _READING
        headers = {
            "Allow": methods,
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": "86400",
        }
        await respond(scope, send, 204, b"", "", headers)


async def respond(
    scope: Scope, send: Send, status: int, content: bytes, media_type: str, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole response, compressed where that pays.

    A request whose `If-None-Match` names its ETag gets 304 (RFC 9110, section 13); each coding has an ETag of its own.

    Raises:
        Problem: the client accepts no coding that we can do, and not the content as it is.
    """
    every = {name.lower(): value for name, value in (headers or {}).items()}
    asked = dict(scope["headers"])
    if media_type.startswith(_COMPRESSED) and content:
        every["vary"] = f"{every['vary']}, Accept-Encoding" if "vary" in every else "Accept-Encoding"
        # An error is told to everyone, whatever codings they accept.
        choice = coding_of(asked.get(b"accept-encoding", b"").decode("latin-1"), strict=status < 400)
        if choice.coding and (len(content) >= SMALLEST or choice.needed):
            content = await compress(content, choice.coding)
            every["content-encoding"] = choice.coding
            if "etag" in every:
                every["etag"] = f'{every["etag"][:-1]}-{choice.coding}"'
    etag = every.get("etag")
    if etag:
        every.setdefault("cache-control", "no-cache")  # a new release shows at once; asking again costs a 304
    asked_etag = asked.get(b"if-none-match", b"").decode("latin-1")
    if etag and status == 200 and scope["method"] in ("GET", "HEAD") and matches(asked_etag, etag):
        status, content = 304, b""
        every.pop("content-encoding", None)
    elif status not in (204, 304):
        textual = media_type.startswith("text/") or media_type == HTML
        every["content-type"] = f"{media_type}; charset=utf-8" if textual else media_type
        every["content-length"] = str(len(content))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


class Page(Response):
    """A page of the framework's routes, sent as all others are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        kept = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.raw_headers
            if name not in (b"content-type", b"content-length")
        }
        await respond(scope, send, self.status_code, bytes(self.body), self.media_type or "", kept)


def coding_of(accept_encoding: str, *, strict: bool = True) -> Choice:
    """The coding for a client.

    Raises:
        Problem: it accepts none that we can do; when `strict` is not, it gets the content as it is.
    """
    choice = choose(accept_encoding)
    if choice is None:
        if strict:
            raise problem("not-acceptable", "no coding in Accept-Encoding is offered", offers=[*CODINGS, "identity"])
        return Choice("")
    return choice


def matches(asked: str, etag: str) -> bool:
    """Whether `If-None-Match` names an ETag (the weak comparison of RFC 9110, section 13.1.2)."""
    return asked.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in asked.split(","))


def etag_of(*parts: str | None) -> str:
    """A strong ETag of everything a representation depends on, this software included."""
    everything = "\n".join([__version__, *(part or "" for part in parts)])
    return f'"{hashlib.sha256(everything.encode("utf-8", "replace")).hexdigest()[:24]}"'


def tagged(release: str | None, *parts: str) -> dict[str, str]:
    """The ETag header of a representation made from a release; none when it is not known which release that is."""
    return {} if release is None else {"ETag": etag_of(release, *parts)}


async def respond_problem(scope: Scope, send: Send, found: Problem, base_url: str) -> None:
    """Send a problem: as a problem document, or as a page to a browser."""
    accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    document = found.document(base_url)
    headers = {**found.headers, "Vary": "Accept", "Cache-Control": "no-store"}
    if accept and negotiate(accept, (_PROBLEM, "application/json", HTML)) == HTML:
        page = problem_page(document, found, urlsplit(base_url).path)
        await respond(scope, send, found.kind.status, page, HTML, headers)
        return
    content = json.dumps(document, ensure_ascii=False).encode("utf-8") + b"\n"
    await respond(scope, send, found.kind.status, content, _PROBLEM, headers)


def problem_page(document: Mapping[str, object], found: Problem, root: str) -> bytes:
    """A problem for people, without anything that could fail in turn."""
    place = f" (line {document['line']}, column {document['column']})" if "line" in document else ""
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(found.kind.title)}</title><link rel=stylesheet href='{root}static/style.css'></head><body>"
        f"<main class=narrow><p class=kind>{found.kind.status}</p><h1>{escape(found.kind.title)}</h1>"
        f"<p>{escape(found.detail)}{place}</p><p>{escape(found.kind.advice)}</p>"
        f"<p><a href='{root}'>Home</a> · <a href='{root}sparql'>SPARQL</a></p></main></body></html>\n"
    ).encode()
