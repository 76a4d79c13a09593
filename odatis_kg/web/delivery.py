"""Delivering the result of a query over HTTP, whole or not at all.

The status line waits for the first bytes of the result; what fails after that breaks the connection off, so that no client
takes half a result for a whole one. A query whose client has left is stopped.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from odatis_kg.store.engine import Query, SparqlEngine

_SEND_SECONDS: Final = 60.0  # a client that takes nothing for so long has gone


class Delivery:
    """The way of results from the engine to clients, for `/sparql` and for whatever else answers with a result."""

    def __init__(self, engine: SparqlEngine) -> None:
        self._engine = engine

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
        """
        work = asyncio.ensure_future(self._send(scope, send, query, headers or {}, before))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        if not work.cancelled():
            work.result()

    async def _send(self, scope: Scope, send: Send, query: Query, headers: Mapping[str, str], before: bytes) -> None:
        async with self._engine.query(query) as answer:
            every = {"Vary": "Accept", **headers}
            if answer.length is not None:
                every["Content-Length"] = str(len(before) + answer.length)
            media_type = answer.format.value
            if media_type.startswith("text/"):
                media_type += "; charset=utf-8"
            started = {"type": "http.response.start", "status": 200, "headers": _raw(every, media_type)}
            await send(started)
            body = scope["method"] != "HEAD"
            try:
                if before and body:
                    await _send_body(send, before)
                async for chunk in answer.chunks():
                    if body:
                        await _send_body(send, chunk)
            except Exception:
                return  # without the end of the body: the server breaks the connection off
            await _send_body(send, b"", more=False)


async def _send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw(headers: Mapping[str, str], media_type: str) -> list[tuple[bytes, bytes]]:
    every = {"Content-Type": media_type, **headers}
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]
