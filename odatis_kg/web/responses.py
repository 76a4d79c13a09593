"""Sending responses: the headers every one of them carries, and problems in the form a client reads."""

import hashlib
import json
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from odatis_kg import __version__
from odatis_kg.web.errors import Problem
from odatis_kg.web.negotiation import HTML, negotiate

_PROBLEM: Final = "application/problem+json"
_POLICY: Final = (
    b"default-src 'none'; style-src 'self'; img-src 'self' data: https:; script-src 'self'; connect-src 'self';"
    b" form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Link, ETag, Location, Retry-After"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"content-security-policy", _POLICY),
)


class CommonHeaders:
    """Adds the headers of every response, on success and on errors alike, and answers CORS preflights.

    The path of the public base address (`/ocean/` of `https://example.org/ocean/`) is taken off the path of a request, so
    that the server works behind a proxy that leaves it there as well as behind one that takes it off.
    """

    def __init__(self, app: ASGIApp, root: str = "/") -> None:
        self._app = app
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._root != "/" and scope["path"].startswith(self._root):
            scope = {**scope, "path": scope["path"][len(self._root) - 1 :]}
        if scope["method"] == "OPTIONS":
            headers = {
                "Allow": "GET, HEAD, POST, QUERY, OPTIONS",
                "Access-Control-Allow-Methods": "GET, HEAD, POST, QUERY, OPTIONS",
                "Access-Control-Allow-Headers": "Accept, Content-Type, Accept-Language",
                "Access-Control-Max-Age": "86400",
            }
            await respond(scope, self._adding(send), 204, b"", "", headers)
            return
        await self._app(scope, receive, self._adding(send))

    @staticmethod
    def _adding(send: Send) -> Send:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _ALWAYS if pair[0] not in present)]
            await send(message)

        return add


async def respond(
    scope: Scope, send: Send, status: int, content: bytes, media_type: str, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole response; a request whose `If-None-Match` names its ETag gets 304 (RFC 9110, section 13)."""
    every = {name.lower(): value for name, value in (headers or {}).items()}
    etag = every.get("etag")
    asked = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
    if etag and status == 200 and scope["method"] in ("GET", "HEAD") and _matches(asked, etag):
        status, content = 304, b""
    elif status not in (204, 304):
        textual = media_type.startswith("text/") or media_type == HTML
        every["content-type"] = f"{media_type}; charset=utf-8" if textual else media_type
        every["content-length"] = str(len(content))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _matches(asked: str, etag: str) -> bool:
    return asked.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in asked.split(","))


def etag_of(*parts: str | None) -> str:
    """A strong ETag of everything a representation depends on, this software included."""
    everything = "\n".join([__version__, *(part or "" for part in parts)])
    return f'"{hashlib.sha256(everything.encode("utf-8", "replace")).hexdigest()[:24]}"'


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
