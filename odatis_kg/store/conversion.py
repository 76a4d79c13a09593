"""An endpoint's answer read to its end, checked, and written in the format asked for, piece by piece.

Every answer is parsed and written anew, also when the format stays the same: a document that is not whole is found out, and
all endpoints write alike (JSON of Virtuoso has types that no standard knows; texts in its TSV are not escaped). That costs
about 20 ms a megabyte. What must stay true: memory does not grow with the result; whoever leaves ends the work.
"""

import asyncio
import io
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.store import results, virtuoso
from odatis_kg.store.endpoint import Body
from odatis_kg.store.engine import (
    EngineUnavailableError,
    Format,
    QueryTimeoutError,
    ResultTooLargeError,
    UnwritableResultError,
)
from odatis_kg.store.syntax import Form
from odatis_kg.store.worker import HELD_BYTES

_PIECES: Final = 4  # pieces of `HELD_BYTES` that wait for a slow client
_YES: Final = b'{"head":{},"boolean":true}'
_NO: Final = b'{"head":{},"boolean":false}'


class Conversion:
    """An `Answer` made from the body of an endpoint's answer; to be used inside one event loop, and closed at the end."""

    def __init__(
        self, body: Body, form: Form, format_: Format, base: str, most_mb: int, deadline: float, seconds: float
    ) -> None:
        self.form = form
        self.format = format_
        self.length: int | None = None
        self._body = body
        self._base = base
        self._most_mb = most_mb
        self._deadline = deadline
        self._seconds = seconds
        self._total = 0
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES)
        self._work: asyncio.Future[None] | None = None
        self._pending: Future[Any] | None = None
        self._closed = False
        self._first: list[bytes] = []

    async def begin(self, executor: Executor) -> None:
        """Go on until a small result is whole, or the first piece of a large one is there.

        Raises:
            EngineError: there is no result, or not the whole of it.
        """
        received = bytearray()
        while len(received) < HELD_BYTES:
            if not (piece := await self._body.read()):
                out = io.BytesIO()
                self._convert(io.BytesIO(bytes(received)), out)
                content = out.getvalue()
                self._count(len(content))
                self._first, self.length = [content] if content else [], len(content)
                return
            received += piece
        loop = asyncio.get_running_loop()
        reader, out_ = _Reader(self, loop, bytes(received)), _Writer(self, loop)
        self._work = asyncio.ensure_future(loop.run_in_executor(executor, self._stream, reader, out_))
        if (first := await self._next()) is not None:
            self._first = [first]

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Answer.chunks`."""
        for piece in self._first:
            yield piece
        if self._work is None:
            return
        while (following := await self._next()) is not None:
            yield following

    def close(self) -> None:
        """End the work, wherever it is."""
        self._closed = True
        self._body.close()
        if self._pending is not None:
            self._pending.cancel()
        if self._work is not None:
            self._work.add_done_callback(_forget)

    async def _next(self) -> bytes | None:
        """The next piece of a streamed result, None at its end."""
        assert self._work is not None
        while self._pieces.empty() and not self._work.done():
            taking = asyncio.ensure_future(self._pieces.get())
            try:
                async with asyncio.timeout_at(self._deadline):
                    await asyncio.wait((taking, self._work), return_when=asyncio.FIRST_COMPLETED)
            except TimeoutError:
                raise QueryTimeoutError(self._seconds) from None
            finally:
                if not taking.done():
                    taking.cancel()
            if taking.done() and not taking.cancelled():
                return taking.result()
        if not self._pieces.empty():
            return self._pieces.get_nowait()
        self._work.result()
        return None

    # In a thread of its own

    def _stream(self, reader: "_Reader", out: "_Writer") -> None:
        self._convert(reader, out)
        out.end()

    def _convert(self, source: Any, out: Any) -> None:
        try:
            results.write(self._parsed(source), self.form, self.format.value, out, base=self._base)
        except (SyntaxError, UnicodeDecodeError):
            raise self._body.fault() from None
        except UnwritableResultError:
            raise
        except ValueError as error:
            raise EngineUnavailableError(f"the SPARQL endpoint gave an answer that cannot be read: {error}") from None

    def _parsed(self, source: Any) -> results.Results:
        media_type = self._body.media_type
        if self.form.makes_graph:
            format_ = ox.RdfFormat.from_media_type(media_type)
            assert format_ is not None
            triples = (quad.triple for quad in ox.parse(source, format_))
            return virtuoso.restored(triples) if self._body.is_virtuoso else triples
        table = ox.QueryResultsFormat.from_media_type(media_type)
        assert table is not None
        parsed = ox.parse_query_results(source, table)
        if self.form is Form.ASK and isinstance(parsed, ox.QuerySolutions):
            # Virtuoso answers with a table of one row for yes, and of none for no.
            parsed = ox.parse_query_results(_YES if next(parsed, None) else _NO, ox.QueryResultsFormat.JSON)
        if isinstance(parsed, ox.QueryBoolean) is not (self.form is Form.ASK):
            raise ValueError("a table came where a truth value was asked for, or the other way round")
        return parsed

    def _count(self, size: int) -> None:
        self._total += size
        if self._total > self._most_mb * 1_000_000:
            raise ResultTooLargeError(self._most_mb)

    # What the thread asks of the event loop

    def _await(self, loop: asyncio.AbstractEventLoop, work: Any) -> Any:
        """The result of work in the event loop; an error once the result is not wanted any more."""
        self._pending = asyncio.run_coroutine_threadsafe(work, loop)
        if self._closed:
            self._pending.cancel()
        try:
            return self._pending.result()
        except CancelledError:
            raise EngineUnavailableError("nobody waits for the answer any more") from None

    async def _put(self, piece: bytes | None) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._pieces.put(piece)
        except TimeoutError:
            raise QueryTimeoutError(self._seconds) from None


class _Reader:
    """What the parser reads from: the pieces of the body as they come."""

    def __init__(self, owner: Conversion, loop: asyncio.AbstractEventLoop, first: bytes) -> None:
        self._owner = owner
        self._loop = loop
        self._held = first

    def read(self, size: int = -1) -> bytes:
        if not self._held:
            self._held = self._owner._await(self._loop, self._owner._body.read())
        if size < 0:
            size = len(self._held)
        piece, self._held = self._held[:size], self._held[size:]
        return piece


class _Writer:
    """What the serialiser writes to: pieces of some size are handed on, and counted."""

    def __init__(self, owner: Conversion, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._owner._count(len(data))
        self._held += data
        if len(self._held) >= HELD_BYTES:
            self._hand_on()
        return len(data)

    def flush(self) -> None:
        """Pieces are handed on when they are large enough."""

    def end(self) -> None:
        """Hand on what is left, and the end."""
        if self._held:
            self._hand_on()
        self._owner._await(self._loop, self._owner._put(None))

    def _hand_on(self) -> None:
        piece = bytes(self._held)
        self._held.clear()
        self._owner._await(self._loop, self._owner._put(piece))


def _forget(work: "asyncio.Future[None]") -> None:
    """What becomes of work that nobody waits for is not told."""
    if not work.cancelled():
        work.exception()
