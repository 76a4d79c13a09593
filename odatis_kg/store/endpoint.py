"""One exchange with a SPARQL endpoint over HTTP: what is asked, what may come back, and when that is not an answer.

What must stay true: an answer is read to its announced end and within its deadline, or there is an error; redirects are not
followed; nothing of what is sent or received is kept or logged.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import aiohttp

from odatis_kg.config import QuerySettings
from odatis_kg.store import virtuoso
from odatis_kg.store.engine import (
    EngineError,
    EngineUnavailableError,
    OverloadedError,
    QueryTimeoutError,
    ResultTooLargeError,
    retry_after,
)
from odatis_kg.store.property_functions import Expanded
from odatis_kg.store.syntax import Form

# What is asked for, the best first; whatever the client wants is written from these.
TABLES: Final = {"application/sparql-results+json": 1.0, "application/sparql-results+xml": 0.5}
GRAPHS: Final = {"application/n-triples": 1.0, "text/turtle": 0.5, "application/rdf+xml": 0.3}

_ENDLESS: Final = frozenset(("application/n-triples", "text/turtle"))  # which do not say in themselves that they end
_TAIL: Final = 400  # bytes of the end of an answer that are looked at when it is not whole
_STOPPED: Final = re.compile(rb"[^\n}>]*(?:cancel|time ?out|timed out|time limit)[^\n]*$", re.IGNORECASE)
_ENDED: Final = re.compile(r"\bS1T00\b|\bS1TAT\b|estimated execution time|timeout|timed out", re.IGNORECASE)
_MOST_WAIT: Final = 600  # seconds of a Retry-After that are passed on


class RowsCutError(ResultTooLargeError):
    """The endpoint cuts results at a number of rows, and this one has as many."""

    def __init__(self, rows: int) -> None:
        EngineError.__init__(
            self, f"the result has {rows:,} rows or more, of which the store behind this service gives no more than that;"
            " add LIMIT and OFFSET, or fetch the dump"
        )  # fmt: skip


class Endpoint:
    """An endpoint, and the connections to it."""

    def __init__(self, settings: QuerySettings) -> None:
        self._settings = settings
        self._is_virtuoso = False
        headers = {"Accept-Encoding": "identity", "User-Agent": "odatis-kg"}
        user, password = settings.remote_user, settings.remote_password.get_secret_value()
        if token := settings.remote_token.get_secret_value():
            headers["Authorization"] = f"Bearer {token}"
        elif user:
            headers["Authorization"] = aiohttp.encode_basic_auth(user, password)
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=8_190,
            max_field_size=8_190,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def ask(
        self,
        query: Expanded,
        form: Form,
        default_graphs: Sequence[str],
        named_graphs: Sequence[str],
        deadline: float,
        seconds: float,
    ) -> "Body":
        """Send a query; the answer has begun, and says of itself that it is one. `deadline` is of the loop's clock.

        Raises:
            QueryRefusedError: the endpoint does not take the query.
            EngineError: it does not answer it; each kind says why.
        """
        fields = [("query", query.text)]
        fields += [("default-graph-uri", graph) for graph in default_graphs]
        fields += [("named-graph-uri", graph) for graph in named_graphs]
        if self._is_virtuoso:
            # Virtuoso gives what it has by then, as if it were all. A second after we have gone that deceives nobody, and
            # the query does not go on for ever.
            fields.append(("timeout", str(round(seconds * 1_000) + 1_000)))
        body = await self._send(query, fields, GRAPHS if form.makes_graph else TABLES, deadline, seconds)
        if form.makes_graph and self._is_virtuoso and (behind := virtuoso.rows_behind(query.text)):
            try:
                rows = [("query", behind), *fields[1:]]
                (await self._send(query, rows, {"text/csv": 1.0}, deadline, seconds)).close()
            except BaseException:
                body.close()
                raise
        return body

    async def _send(
        self,
        query: Expanded,
        fields: Sequence[tuple[str, str]],
        wanted: Mapping[str, float],
        deadline: float,
        seconds: float,
    ) -> "Body":
        accept = ", ".join(f"{name};q={quality}" for name, quality in wanted.items())
        started = time.monotonic()
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._session.post(
                    self._settings.endpoint,
                    data=aiohttp.FormData(fields),
                    headers={"Accept": accept},
                    allow_redirects=False,
                )
        except TimeoutError:
            raise QueryTimeoutError(seconds) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise EngineUnavailableError(f"the SPARQL endpoint cannot be reached ({type(error).__name__})") from None
        try:
            self._is_virtuoso = virtuoso.is_virtuoso(response.headers)
            await self._check(query, response, wanted, deadline, seconds, time.monotonic() - started)
        except BaseException:
            response.close()
            raise
        return Body(response, deadline, seconds)

    async def _check(
        self,
        query: Expanded,
        response: aiohttp.ClientResponse,
        wanted: Mapping[str, float],
        deadline: float,
        seconds: float,
        elapsed: float,
    ) -> None:
        if response.status != 200:
            said = await _beginning(response, deadline)
            raise self._error(query, response, said, seconds, elapsed)
        if virtuoso.is_partial(response.headers):
            raise QueryTimeoutError(min(seconds, round(elapsed, 1)))
        if (cut := virtuoso.most_rows(response.headers)) is not None:
            raise RowsCutError(cut)
        if response.content_type not in wanted:
            raise EngineUnavailableError(
                f"the SPARQL endpoint answered with {response.content_type[:60]} where {next(iter(wanted))} was asked for"
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise EngineUnavailableError("the SPARQL endpoint compressed its answer though that was not asked for")
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if response.content_length is None and not chunked and response.content_type in _ENDLESS:
            # Its end would be the end of the connection, which is also how an answer is broken off (RFC 9112, 6.3).
            raise EngineUnavailableError("the SPARQL endpoint does not say how long its answer is")

    def _error(
        self, query: Expanded, response: aiohttp.ClientResponse, said: str, seconds: float, elapsed: float
    ) -> Exception:
        status, line = response.status, " ".join(said.split("\n", 1)[0].split())[:200]
        if self._is_virtuoso and (refused := virtuoso.refusal(query, said)):
            return refused
        if status == 400:
            return query.explain(said)
        if 300 <= status < 400:
            return EngineUnavailableError(
                f"the SPARQL endpoint answered {status}, a redirection, which is not followed; set query.endpoint to where"
                " it leads"
            )
        if status in (401, 403, 407):
            return EngineUnavailableError(
                f"the SPARQL endpoint answered {status}: it wants to know who asks (query.remote_user and"
                " query.remote_password, or query.remote_token)"
            )
        if status in (429, 503):
            wait = response.headers.get("Retry-After", "")
            return OverloadedError(min(int(wait), _MOST_WAIT) if wait.isdecimal() else retry_after(seconds))
        if status in (408, 504) or (status >= 500 and _ENDED.search(said[:2_000])):
            return QueryTimeoutError(min(seconds, round(elapsed, 1)))
        return EngineUnavailableError(f"the SPARQL endpoint answered {status}: {line}")


async def _beginning(response: aiohttp.ClientResponse, deadline: float) -> str:
    said = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout_at(deadline):
            while len(said) < 10_000 and (piece := await response.content.readany()):
                said += piece
    return said[:10_000].decode("utf-8", "replace")


class Body:
    """The body of an answer, read as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, deadline: float, seconds: float) -> None:
        self.media_type = response.content_type
        self._response = response
        self._deadline = deadline
        self._seconds = seconds
        self._started = time.monotonic()
        self._tail = b""
        self.is_virtuoso = virtuoso.is_virtuoso(response.headers)
        self._restoring = virtuoso.Restoring() if self.is_virtuoso and self.media_type.endswith("json") else None

    async def read(self) -> bytes:
        """The next piece; nothing at the end that was announced.

        Raises:
            QueryTimeoutError: the deadline has passed.
            EngineUnavailableError: it broke off.
        """
        if self._restoring is None:
            return await self._read()
        while piece := await self._read():
            if restored := self._restoring.take(piece):
                return restored
        return self._restoring.take(b"")

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline):
                piece = await self._response.content.readany()
        except TimeoutError:
            raise QueryTimeoutError(self._seconds) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise EngineUnavailableError(f"the SPARQL endpoint broke off its answer ({type(error).__name__})") from None
        self._tail = (self._tail + piece)[-_TAIL:]
        return piece

    def fault(self) -> Exception:
        """What it means that the body is not a whole document: some endpoints write why into it, after status 200."""
        if _STOPPED.search(self._tail):
            return QueryTimeoutError(min(self._seconds, round(time.monotonic() - self._started, 1)))
        return EngineUnavailableError("the SPARQL endpoint gave an answer that is not whole, or not what it says it is")

    def close(self) -> None:
        """Whatever is left is not wanted: the connection is closed, which tells the endpoint so."""
        self._response.close()
