"""How a result looks over HTTP: its headers, its coding, its ETag."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from starlette.types import Scope, Send

from odatis_kg.store.engine import Answer, Format, Query
from odatis_kg.web.caching import Held, Key, Variant
from odatis_kg.web.compression import SMALLEST, Choice, compress
from odatis_kg.web.exchange import Exchange, Prepared, prepared
from odatis_kg.web.responses import etag_of, matches


@dataclass(slots=True)
class Represented:
    """A query, and how its result looks to a client: the coding it wants, and what is added to every result.

    `key` is None when the result may be something else each time: it has no ETag, and is not kept.
    """

    query: Query
    choice: Choice
    key: Key | None
    more: Mapping[str, str]
    before: bytes
    _etag: str = field(default="", init=False)

    def coding(self, length: int | None) -> str:
        """The coding of a body; None is a length not known, which is a large one."""
        pays = length is None or length >= SMALLEST or self.choice.needed
        return self.choice.coding if pays else ""

    @property
    def etag(self) -> str:
        """The strong ETag of the representation (RFC 9110, section 8.8.3).

        It depends on what is asked, so that it is known without evaluating.
        """
        key = self.key
        assert key is not None
        if not self._etag:
            asked = _told(key.rest, key.headers, key.before)
            self._etag = etag_of(key.release, self.choice.coding, asked, key.text)
        return self._etag

    def headers(self, format_: Format, coding: str, length: int | None) -> Prepared:
        """The headers of the response; `length` is that of the body as it is sent."""
        headers = Prepared(_always(format_, coding, tuple(self.more.items()) if self.more else ()))
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        if self.key is not None:
            headers.append((b"etag", self.etag.encode("ascii")))
            # Always asked again, so that a new release shows at once; the answer is a 304 without evaluation.
            headers.append((b"cache-control", b"public, no-cache"))
        else:
            headers.append((b"cache-control", b"no-store"))
        return headers

    def hold(self, answer: Answer, body: bytes) -> Held:
        """A result that is whole."""
        key = self.key or Key("", self.query.text, (), b"", ())
        return Held(key, answer.form, answer.format, body)

    def variant(self, held: Held, coding: str, body: bytes) -> Variant:
        """A whole result in a coding, in which it is `body`."""
        return Variant(self.etag if self.key is not None else "", self.headers(held.format, coding, len(body)), body)


@dataclass(slots=True)
class Delivered(Represented):
    """The result for one request: the ETags its client has, and the way to it."""

    scope: Scope
    send: Send
    exchange: Exchange
    asked: str
    started: bool = field(default=False, init=False)
    ended: bool = field(default=False, init=False)

    async def in_coding(self, held: Held) -> Variant:
        """A whole result in the coding that this client wants."""
        coding = self.coding(len(held.body))
        return self.variant(held, coding, await compress(held.body, coding) if coding else held.body)

    def unchanged(self) -> bool:
        """Whether the client has what it would get; `*` says nothing as long as there may be no result."""
        return bool(self.asked) and self.asked != "*" and self.key is not None and matches(self.asked, self.etag)

    # Sending

    async def start(self, headers: list[tuple[bytes, bytes]], status: int = 200) -> None:
        """The status line and the headers."""
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def send_piece(self, piece: bytes, seconds: float) -> bool:
        """A piece of the body; whether the client took it in time, and nothing of it is sent when not."""
        try:
            async with asyncio.timeout(seconds):
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            return False
        return True

    async def end(self, body: bytes = b"") -> None:
        """The end of the response."""
        self.ended = True
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def send_whole(self, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A whole response."""
        await self.start(headers)
        await self.end(b"" if self.scope["method"] == "HEAD" else body)

    async def send_unchanged(self) -> None:
        """304, with the headers that a cache may renew (RFC 9110, section 15.4.5)."""
        self.exchange.outcome = "unchanged"
        await self.start(
            [
                (b"etag", self.etag.encode("ascii")),
                (b"cache-control", b"public, no-cache"),
                (b"vary", b"Accept, Accept-Encoding"),
            ],
            304,
        )
        await self.end()


@lru_cache(maxsize=256)
def _told(*asked: object) -> str:
    """What is asked beside the text, in words."""
    return repr(asked)


@lru_cache(maxsize=256)
def _always(format_: Format, coding: str, more: tuple[tuple[str, str], ...]) -> Prepared:
    """The headers that depend on the format, the coding and the route alone."""
    media_type = format_.value
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    every = {"content-type": media_type, "vary": "Accept"}
    every |= {name.lower(): value for name, value in more}
    every["vary"] += ", Accept-Encoding"
    if coding:
        every["content-encoding"] = coding
    return prepared([(name.encode("latin-1"), value.encode("latin-1")) for name, value in every.items()])
