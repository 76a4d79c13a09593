"""The remote engine: any SPARQL 1.1 endpoint (Oxigraph server, Virtuoso, a cluster), behind the same port.

The default graph of the endpoint must be the union of its named graphs: `oxigraph serve-read-only` on the store of a
release has it so, Virtuoso does so by itself. What must stay true: the same limits, shares, formats and errors as with the
embedded engine. At the deadline the connection is closed, and whether the endpoint stops is up to it; what endpoints do
differently is in docs/remote-engines.md.
"""

import asyncio
import math
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from odatis_kg.config import QuerySettings
from odatis_kg.mapping.values import Term, text
from odatis_kg.store import virtuoso
from odatis_kg.store.conversion import Conversion
from odatis_kg.store.endpoint import Endpoint
from odatis_kg.store.engine import (
    Answer,
    Begun,
    EngineError,
    EngineState,
    EngineUnavailableError,
    NotAcceptableError,
    OverloadedError,
    Query,
    parse_rows,
    retry_after,
)
from odatis_kg.store.property_functions import Expanded, expand
from odatis_kg.store.release import Releases
from odatis_kg.store.shares import QueueFullError, Shares, Usage
from odatis_kg.store.syntax import Inspection, QueryRefusedError, bind, inspect

# The run that a store was published by, as its own account names it (see `lineage.runs`).
_RELEASES: Final = (
    "SELECT DISTINCT ?release { GRAPH ?g { ?release a $class } FILTER(STRSTARTS(STR(?g), $accounts)) } LIMIT 2"
)
_RELEASE_ID: Final = re.compile(r"[0-9A-Za-z]+Z-[0-9a-f]{4}")
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_RELEASE_SECONDS: Final = 5.0  # how long the question may take


@dataclass(frozen=True, slots=True)
class _Open:
    """What there is between start and stop."""

    endpoint: Endpoint
    threads: ThreadPoolExecutor
    visitors: Shares
    own: Shares


class RemoteEngine:
    """See the module's docstring. `base_url` is that of the graph, by which a release is known; `releases` are those on this
    machine, whose text index searches in SPARQL need.
    """

    def __init__(self, settings: QuerySettings, base_url: str = "", releases: Releases | None = None) -> None:
        self._settings = settings
        self._releases = releases
        self._base_url = base_url
        self._open: _Open | None = None
        self._following: asyncio.Task[None] | None = None
        self._release: str | None = None
        self._refused = 0

    @property
    def release(self) -> str | None:
        """The id of the release that the endpoint last said it holds; None when it did not say."""
        return self._release

    def state(self) -> EngineState:
        """See `SparqlEngine.state`."""
        if self._open is None:
            return EngineState("remote", 0, refused=self._refused)
        both = (self._open.visitors, self._open.own)
        return EngineState(
            "remote",
            sum(shares.places for shares in both),
            sum(shares.places - shares.free for shares in both),
            sum(shares.waiting for shares in both),
            refused=self._refused,
        )

    async def start(self) -> None:
        """Get ready, and ask the endpoint which release it holds; that it does not answer yet is no error.

        Raises:
            EngineUnavailableError: no endpoint is configured.
        """
        if not self._settings.endpoint:
            raise EngineUnavailableError('engine = "sparql" needs the address of an endpoint (query.endpoint)')
        places, queue = self._settings.remote_places, self._settings.queue
        self._open = _Open(
            Endpoint(self._settings),
            # A thread for each answer on its way: those of our own pages have places of their own.
            ThreadPoolExecutor(2 * places, thread_name_prefix="remote"),
            Shares(places, queue, Usage()),
            Shares(places, queue, Usage()),
        )
        await self._look()
        self._following = asyncio.ensure_future(self._follow())

    async def stop(self) -> None:
        """Close the connections."""
        if self._following:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
            self._following = None
        if self._open:
            opened, self._open = self._open, None
            await opened.endpoint.close()
            opened.threads.shutdown(wait=False, cancel_futures=True)

    def begin(self, query: Query, told: Callable[[], None]) -> None:
        """See `SparqlEngine.begin`: the way to an endpoint always has its waits."""

    @asynccontextmanager
    async def query(self, query: Query, begun: Begun | None = None) -> AsyncIterator[Answer]:
        """See `SparqlEngine.query`."""
        assert begun is None
        opened = self._open
        if opened is None:
            raise EngineUnavailableError("the service is stopping")
        seen, expanded = await asyncio.to_thread(self._inspect, query)
        format_ = query.graph if seen.form.makes_graph else query.table
        if format_ is None:
            raise NotAcceptableError(seen.form)
        seconds = min(query.timeout or math.inf, self._settings.timeout_seconds)
        deadline = asyncio.get_running_loop().time() + seconds
        async with self._place(opened.own if query.own else opened.visitors, query.client, deadline, seconds):
            body = await opened.endpoint.ask(
                expanded, seen.form, query.default_graphs, query.named_graphs, deadline, seconds
            )
            answer = Conversion(body, seen.form, format_, query.base, self._settings.result_mb, deadline, seconds)
            try:
                await answer.begin(opened.threads)
                yield answer
            finally:
                answer.close()

    @asynccontextmanager
    async def _place(self, shares: Shares, client: str, deadline: float, seconds: float) -> AsyncIterator[None]:
        try:
            await shares.acquire(client, deadline)
        except (QueueFullError, TimeoutError):
            self._refused += 1
            raise OverloadedError(retry_after(seconds)) from None
        taken = time.monotonic()
        try:
            yield
        finally:
            shares.release(client, time.monotonic() - taken)

    def _inspect(self, query: Query) -> tuple[Inspection, Expanded]:
        """Look at a query as it is, and as it is to an endpoint that reads escapes first (SPARQL 1.1, section 19.2)."""
        plain = _ESCAPE.sub(_character, query.text)
        seen = self._checked(query.text)
        if plain != query.text:
            self._checked(plain)
        named = bool(query.default_graphs or query.named_graphs)
        return seen, expand(query.text, self._text_index(), f"{self._base_url}def/odk#", dataset=named, apart=False)

    def _checked(self, text: str) -> Inspection:
        virtuoso.refuse_extensions(text)
        return inspect(text, most_depth=self._settings.nesting, service_allow=self._settings.service_allow)

    def _text_index(self) -> Path | None:
        """The text index of the release that the endpoint holds, when that release is here too."""
        if self._releases is None or self._release is None:
            return None
        local = self._releases.open(self._releases.folder / self._release)
        return local.text_index if local else None

    # Which release it is

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._settings.remote_seconds)
            await self._look()

    async def _look(self) -> None:
        """Ask which release the endpoint holds. While that is unknown nothing is kept of its answers."""
        if not self._base_url:
            return
        begins = f"{self._base_url}id/release/odatis-kg/"
        # What others say in the same store, such as a local graph, is not the release's own account.
        values = {"class": Term(f"<{self._base_url}def/odk#Release>"), "accounts": text(f"{self._base_url}graph/prov/")}
        asking = bind(_RELEASES, values)
        try:
            async with self.query(Query(asking, graph=None, own=True, timeout=_RELEASE_SECONDS)) as answer:
                found = parse_rows(b"".join([chunk async for chunk in answer.chunks()]))
        except (EngineError, QueryRefusedError):
            found = []
        named = [row["release"].value.removeprefix(begins) for row in found]
        self._release = named[0] if len(named) == 1 and _RELEASE_ID.fullmatch(named[0]) else None


def _character(escape: re.Match[str]) -> str:
    number = int(escape[1] or escape[2], 16)
    return chr(number) if number <= sys.maxunicode else " "
