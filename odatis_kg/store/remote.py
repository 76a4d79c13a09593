"""The remote engine: any SPARQL 1.1 endpoint (Oxigraph server, Virtuoso, a cluster), behind the same port.

The default graph of the endpoint must be the union of its named graphs: `oxigraph serve-read-only` on the store of a
release has it so, Virtuoso does so by itself. What must stay true: the same limits and the same errors as with the
embedded engine, as far as an endpoint lets itself be bounded: at the deadline the connection is closed, and whether the
endpoint stops is up to it.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from odatis_kg.config import QuerySettings
from odatis_kg.store.engine import (
    Answer,
    EngineState,
    EngineUnavailableError,
    Format,
    NotAcceptableError,
    Query,
    QueryTimeoutError,
    ResultTooLargeError,
)
from odatis_kg.store.syntax import Form, QueryRefusedError, explain, inspect
from odatis_kg.store.worker import HELD_BYTES


class _Streaming:
    """An answer being read from an endpoint."""

    def __init__(
        self,
        form: Form,
        format_: Format,
        response: aiohttp.ClientResponse,
        deadline: float,
        seconds: float,
        most_mb: int,
    ) -> None:
        self.form = form
        self.format = format_
        self.length: int | None = None
        self._response = response
        self._deadline = deadline
        self._seconds = seconds
        self._most_mb = most_mb
        self._total = 0
        self._held = bytearray()

    async def hold(self) -> None:
        """Read the first bytes, so that a small result is whole before anyone is told of it."""
        while len(self._held) < HELD_BYTES:
            piece = await self._read()
            if not piece:
                self.length = len(self._held)
                return
            self._held += piece

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._held:
            yield bytes(self._held)
        while self.length is None and (piece := await self._read()):
            yield piece

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline):
                piece = await self._response.content.readany()
        except TimeoutError:
            raise QueryTimeoutError(self._seconds) from None
        except aiohttp.ClientError as error:
            raise EngineUnavailableError(f"the SPARQL endpoint broke off its answer: {error}") from None
        self._total += len(piece)
        if self._total > self._most_mb * 1_000_000:
            raise ResultTooLargeError(self._most_mb)
        return piece


class RemoteEngine:
    """See the module's docstring."""

    release: str | None = None

    def __init__(self, settings: QuerySettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    def state(self) -> EngineState:
        """See `SparqlEngine.state`."""
        return EngineState("remote", 0)

    async def start(self) -> None:
        """Open the connections.

        Raises:
            EngineUnavailableError: no endpoint is configured.
        """
        if not self._settings.endpoint:
            raise EngineUnavailableError('engine = "sparql" needs the address of an endpoint (query.endpoint)')
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), auto_decompress=True)

    async def stop(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def query(self, query: Query) -> AsyncIterator[Answer]:
        """See `SparqlEngine.query`."""
        if self._session is None:
            raise EngineUnavailableError("the service is stopping")
        seen = await asyncio.to_thread(
            inspect, query.text, most_depth=self._settings.nesting, service_allow=self._settings.service_allow
        )
        format_ = query.graph if seen.form.makes_graph else query.table
        if format_ is None:
            raise NotAcceptableError(seen.form)
        seconds = min(query.timeout or math.inf, self._settings.timeout_seconds)
        deadline = asyncio.get_running_loop().time() + seconds
        fields = [("query", query.text)]
        fields += [("default-graph-uri", graph) for graph in query.default_graphs]
        fields += [("named-graph-uri", graph) for graph in query.named_graphs]
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._session.post(
                    self._settings.endpoint, data=aiohttp.FormData(fields), headers={"Accept": format_.value}
                )
        except TimeoutError:
            raise QueryTimeoutError(seconds) from None
        except aiohttp.ClientError as error:
            raise EngineUnavailableError(f"the SPARQL endpoint cannot be reached: {error}") from None
        try:
            await self._check(query.text, response, format_)
            answer = _Streaming(seen.form, format_, response, deadline, seconds, self._settings.result_mb)
            await answer.hold()
            yield answer
        finally:
            response.close()  # not `release`: whatever is left of the answer is not wanted

    async def _check(self, text: str, response: aiohttp.ClientResponse, wanted: Format) -> None:
        if response.status == 400:
            said = (await response.content.read(10_000)).decode("utf-8", "replace")
            readable = explain(text, said)
            raise QueryRefusedError(str(readable), readable.line, readable.column)
        if response.status != 200:
            said = (await response.content.read(500)).decode("utf-8", "replace")
            raise EngineUnavailableError(f"the SPARQL endpoint answered {response.status}: {said}")
        if response.content_type != wanted.value:
            raise EngineUnavailableError(
                f"the SPARQL endpoint answered with {response.content_type} where {wanted.value} was asked for"
            )
