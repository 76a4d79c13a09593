"""Results kept aside for clients that cannot take them as they come: in memory at first, then in a file without a name."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from typing import IO, Final, Self

from odatis_kg.store.engine import OverloadedError

_IN_MEMORY: Final = 1_000_000  # bytes of one result
_PIECE: Final = 65_536
_RETRY_SECONDS: Final = 30


class Spools:
    """How much is kept aside in all."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.bytes = 0

    def take(self, size: int) -> None:
        """Make room.

        Raises:
            OverloadedError: there is none.
        """
        if self.bytes + size > self._most:
            raise OverloadedError(_RETRY_SECONDS)
        self.bytes += size


class Spool:
    """One result; closed by leaving its context."""

    def __init__(self, spools: Spools) -> None:
        self._spools = spools
        self._file: IO[bytes] | None = None
        self.length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._spools.bytes -= self.length

    async def write(self, piece: bytes) -> None:
        """Add bytes at the end.

        Raises:
            OverloadedError: too much is kept aside already.
        """
        self._spools.take(len(piece))
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `__exit__`
        self.length += len(piece)
        if self.length <= _IN_MEMORY:
            self._file.write(piece)
        else:
            await asyncio.to_thread(self._file.write, piece)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Everything, from the beginning."""
        if self._file is None:
            return
        self._file.seek(0)
        while piece := await asyncio.to_thread(self._file.read, _PIECE):
            yield piece
