"""Delivering the result of a query over HTTP, whole or not at all.

The status line waits for the first bytes of the result; what fails after that breaks the connection off, so that no client
takes half a result for a whole one. A query whose client has left is stopped. What was whole is kept for those who ask the
same again; those who ask it at the same time share one evaluation.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.store.engine import (
    Answer,
    Begun,
    EngineError,
    NotAcceptableError,
    Query,
    QueryMemoryError,
    QueryTimeoutError,
    ResultTooLargeError,
    SparqlEngine,
)
from odatis_kg.store.syntax import QueryRefusedError
from odatis_kg.web.caching import (
    Address,
    Cache,
    Flight,
    Flights,
    Held,
    Key,
    Variant,
    address_of,
    is_repeatable,
    key_of,
)
from odatis_kg.web.compression import choose, encoder, feed
from odatis_kg.web.direct import KEY, Direct, Observers
from odatis_kg.web.exchange import exchange_of
from odatis_kg.web.representation import Delivered, Represented
from odatis_kg.web.responses import coding_of, matches
from odatis_kg.web.spooling import Spool, Spools

# Most answers come sooner, and a task that looks out for the client to leave costs as much as a small query's way here.
_UNWATCHED_SECONDS: Final = 0.02
# Others wait so long for a result that streams to one client, for it streams no faster than that client reads.
_STREAM_PATIENCE: Final = 1.0
# A client that takes longer than so many seconds for a piece of 64 kB reads slowly.
_SLOW_SECONDS: Final = 1.0
# Errors that anyone gets who asks the same of the same release.
_SHARED_ERRORS: Final = (QueryRefusedError, NotAcceptableError, ResultTooLargeError, QueryMemoryError)
_SAFE: Final = (
    "GET",
    "HEAD",
    "QUERY",
)  # for others, the condition would mean something else (RFC 9110, section 13.1.2)


class Delivery:
    """The way of results from the engine to clients, for `/sparql` and for whatever else answers with a result."""

    def __init__(self, engine: SparqlEngine, settings: Settings) -> None:
        self._engine = engine
        self._seconds = settings.query.timeout_seconds
        self._send_seconds = settings.server.send_seconds
        self.cache = Cache(settings.query.cache_mb * 1_000_000)
        self.spools = Spools(settings.server.spool_mb * 1_000_000)
        self._flights = Flights()

    async def deliver(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        query: Query,
        *,
        headers: Mapping[str, str] | None = None,
        before: bytes = b"",
    ) -> None:
        """Evaluate and send, for as long as the client is there; `headers` are added, `before` precedes the result.

        Raises:
            QueryRefusedError, EngineError: nothing has been sent yet, and nothing will be.
            Problem: the client accepts no coding that we can do.
        """
        exchange = exchange_of(scope)
        exchange.query = query.text
        exchange.release = self._engine.release
        asked = accepted = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = accepted + b", " + value if accepted else value
            elif name == b"if-none-match" and scope["method"] in _SAFE:
                asked = asked + b", " + value if asked else value
        more = headers or {}
        delivered = Delivered(
            query, coding_of(accepted.decode("latin-1")), self._key(query, more, before), more, before,
            scope, send, exchange, asked.decode("latin-1"),
        )  # fmt: skip
        direct: Direct | None = scope.get(KEY)
        if delivered.key is not None and direct is None:
            held = self.cache.get(delivered.key)
            if held is not None:
                exchange.outcome = "cached"
                await self._send_held(delivered, held)
                self._remember(delivered, held)
                return
            if delivered.unchanged():
                await delivered.send_unchanged()
                return
        watch = _Watch(receive)
        try:
            if direct is not None and (begun := direct.hand_over()) is not None:
                await self._fly(delivered, query, direct.flight, begun)
            else:
                await self._evaluate(delivered)
        except asyncio.CancelledError:
            if not watch.left or watch.task.uncancel():
                raise
            exchange.outcome = "left"
        except _ClientGoneError:
            exchange.outcome = "left"
        finally:
            watch.end()

    def at(self, address: Address) -> tuple[Held, Variant] | None:
        """What a GET request that was answered before is answered with, found without reading the query again."""
        return self.cache.at(address, self._engine.release)

    def begin(self, query: Query, address: Address, told: Callable[[], None], observers: Observers) -> Direct | None:
        """Begin a query, for a GET request at an address; None when its request is to go as others do.

        `told` is called when there is something to look at. The query has no deadline before it is handed over.
        """
        key = self._key(query, {}, b"")
        choice = choose(address.accept_encoding.decode("latin-1"))
        if key is None or choice is None or key in self._flights:
            return None
        begun = None if self.cache.has(key) else self._engine.begin(query, told)
        if begun is None:
            return None
        represented = Represented(query, choice, key, {}, b"")
        return Direct(
            represented, begun, self._flights.begin(key), address, self.cache, self._flights, observers,
            lambda: self._engine.release,
        )  # fmt: skip

    def _key(self, query: Query, headers: Mapping[str, str], before: bytes) -> Key | None:
        """Everything the result depends on; None when it may be something else each time."""
        release = self._engine.release
        if release is None or not is_repeatable(query.text):
            return None
        return key_of(release, query, before, headers)

    # Results that are whole

    async def _send_held(self, delivered: Delivered, held: Held) -> None:
        delivered.exchange.form, delivered.exchange.format = held.form, held.format
        variant = held.variants.get(delivered.choice)
        if variant is None:
            variant = await delivered.in_coding(held)
            self.cache.add(held, delivered.choice, variant)
        if delivered.asked and delivered.key is not None and matches(delivered.asked, variant.etag):
            await delivered.send_unchanged()
            return
        await delivered.send_whole(variant.headers, variant.body)

    def _remember(self, delivered: Delivered, held: Held) -> None:
        scope = delivered.scope
        if scope["method"] != "GET":
            return
        target = scope.get("raw_path", b"")
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        address = address_of(target, scope["headers"])
        if address:
            self.cache.remember(address, held, delivered.choice)

    # Evaluating

    async def _evaluate(self, delivered: Delivered) -> None:
        """Evaluate, or wait for someone who evaluates the same at this moment."""
        query, key = delivered.query, delivered.key
        if key is None:
            await self._lead(delivered, query, Flight())
            return
        seconds = min(query.timeout or math.inf, self._seconds)
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while (flight := self._flights.get(key)) is not None:
            try:
                outcome = await flight.wait(deadline)
            except TimeoutError:
                raise QueryTimeoutError(seconds) from None
            if isinstance(outcome, Held):
                delivered.exchange.outcome = "shared"
                await self._send_held(delivered, outcome)
                return
            if isinstance(outcome, _SHARED_ERRORS):
                raise outcome.with_traceback(None)
            remaining = deadline - clock()
            if remaining <= 0 or (isinstance(outcome, QueryTimeoutError) and remaining <= outcome.seconds):
                raise QueryTimeoutError(seconds)
            query = replace(query, timeout=remaining)
            if flight.alone:
                await self._lead(delivered, query, Flight())
                return
        await self._fly(delivered, query, self._flights.begin(key))

    async def _fly(self, delivered: Delivered, query: Query, flight: Flight, begun: Begun | None = None) -> None:
        """Evaluate, while others may wait for what comes of it."""
        key = delivered.key
        assert key is not None
        outcome: Exception | None = None
        try:
            await self._lead(delivered, query, flight, begun)
        except (QueryRefusedError, EngineError) as error:
            outcome = error
            raise
        finally:
            self._flights.end(key, flight, outcome)

    async def _lead(self, delivered: Delivered, query: Query, flight: Flight, begun: Begun | None = None) -> None:
        """Evaluate, or go on with what was begun, and send."""
        exchange = delivered.exchange
        since = exchange.begun if begun else time.perf_counter()
        with Spool(self.spools) as spool:
            try:
                async with self._engine.query(query, begun) as answer:
                    exchange.first = time.perf_counter() - since
                    exchange.form, exchange.format = answer.form, answer.format
                    if delivered.key is not None and self._engine.release != delivered.key.release:
                        delivered.key = None  # a new release came in between: this may be of either
                    if answer.length is None:
                        body = await self._stream(delivered, answer, flight, spool)
                    else:
                        body = delivered.before + b"".join([chunk async for chunk in answer.chunks()])
            except _ClientGoneError:
                raise
            except Exception as error:
                if not delivered.started:
                    raise
                # Without the end of the body: the server breaks the connection off.
                exchange.outcome = "broken"
                flight.end(error)
                return
            # Whatever is still to be sent, the place in the engine is free again.
            exchange.outcome = exchange.outcome or "fresh"
            held = delivered.hold(answer, body) if body is not None else None
            if held is not None and delivered.key is not None:
                self.cache.put(held)
                flight.end(held)
            if answer.length is not None:
                assert held is not None
                await self._send_held(delivered, held)
            elif not delivered.ended:
                await self._send_spool(delivered, answer, spool)

    # Results that stream

    async def _stream(self, delivered: Delivered, answer: Answer, flight: Flight, spool: Spool) -> bytes | None:
        """Send a result as it comes, all but its end; the body, where it is small enough to be kept.

        What the client cannot take as it comes is put into the spool, so that nobody holds a place of the engine by reading
        slowly. To HTTP/1.0 all goes there: without chunks, the end of the connection is the end of the body, and half of a
        result would pass for the whole; it is sent with its length, once it is whole.
        """
        headers = delivered.headers(answer.format, delivered.coding(None), None)
        if delivered.asked == "*" and delivered.key is not None:
            await delivered.send_unchanged()
            return None
        if delivered.scope["method"] == "HEAD":
            await delivered.send_whole(headers, b"")
            return None
        kept = _Kept(self.cache.largest if delivered.key is not None else 0)
        patience = asyncio.get_running_loop().call_later(_STREAM_PATIENCE, flight.give_up)
        aside = delivered.scope["http_version"] == "1.0"
        try:
            if not aside:
                await delivered.start(headers)
            async with aclosing(self._pieces(delivered, answer, kept, flight)) as pieces:
                async for piece in pieces:
                    aside = aside or not await delivered.send_piece(piece, _SLOW_SECONDS)
                    if aside:
                        await spool.write(piece)
        finally:
            patience.cancel()
        return b"".join(kept.pieces) if kept.whole else None

    async def _pieces(
        self, delivered: Delivered, answer: Answer, kept: "_Kept", flight: Flight
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of the response: what precedes the result with its first chunk, all of it in its coding."""
        coding = delivered.coding(None)
        inner = encoder(coding) if coding else None
        before = delivered.before
        async for chunk in answer.chunks():
            whole = before + chunk if before else chunk
            before = b""
            if not kept.add(whole):
                flight.give_up()
            yield await feed(inner, whole) if inner else whole
        if inner:
            yield inner.end()

    async def _send_spool(self, delivered: Delivered, answer: Answer, spool: Spool) -> None:
        """What was kept aside, at the client's pace, and the end of the response."""
        if not delivered.started:
            await delivered.start(delivered.headers(answer.format, delivered.coding(None), spool.length))
        async with aclosing(spool.pieces()) as pieces:
            async for piece in pieces:
                if not await delivered.send_piece(piece, self._send_seconds):
                    raise _ClientGoneError
        await delivered.end()


class _ClientGoneError(Exception):
    """The client takes no more."""


class _Kept:
    """What has been sent of a result, as long as it is small enough to be kept."""

    def __init__(self, most: int) -> None:
        self.pieces: list[bytes] = []
        self.whole = most > 0
        self._room = most

    def add(self, piece: bytes) -> bool:
        """Whether it can still be kept."""
        self._room -= len(piece)
        if self._room < 0:
            self.whole = False
            self.pieces.clear()
        elif self.whole:
            self.pieces.append(piece)
        return self.whole


class _Watch:
    """Cancels the task that made it when its client leaves, once that task has taken a while."""

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.left = False
        self._looking: asyncio.Task[None] | None = None
        self._timer = loop.call_later(_UNWATCHED_SECONDS, self._begin, receive)

    def end(self) -> None:
        """Look no longer."""
        self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _begin(self, receive: Receive) -> None:
        self._looking = asyncio.ensure_future(self._look(receive))

    async def _look(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left = True
        self.task.cancel()
