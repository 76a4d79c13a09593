"""Content codings (RFC 9110, section 8.4): which one a client wants, and compressing with it.

Levels were chosen on results of 4 kB to 8 MB (JSON and CSV, one core): zstd 3 reaches 430 to 900 MB/s, brotli 3 160 to 260,
gzip 3 120 to 320, for 9 to 18 times fewer bytes; higher levels cost twice the time or more for a tenth less.
"""

import asyncio
import zlib
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import brotli
import zstandard

CODINGS: Final = ("zstd", "br", "gzip")  # the best first, for clients that do not mind
SMALLEST: Final = 1_000  # bytes: less fits in one packet as it is
# Bytes that are compressed where they are (0.1 to 0.4 ms); handing work to a thread and back costs 0.1 ms too.
_INLINE: Final = 65_536
_LEVEL: Final = 3


class Choice(NamedTuple):
    """The coding for an answer ("" is none), and whether the client refuses an answer without one."""

    coding: str
    needed: bool = False


_PLAIN: Final = Choice("")


def choose(accept_encoding: str | None) -> Choice | None:
    """The coding a client wants (RFC 9110, section 12.5.3); None when it accepts nothing that we can do."""
    if not accept_encoding:
        return _PLAIN
    # What is remembered must stay small, whatever clients send.
    return _choose(accept_encoding) if len(accept_encoding) < 200 else _choose.__wrapped__(accept_encoding)


@lru_cache(maxsize=512)
def _choose(header: str) -> Choice | None:
    stated: dict[str, float] = {}
    for item in header.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = min(1.0, max(0.0, float(parameter[2:])))
                except ValueError:
                    quality = 0.0
        if name:
            stated["gzip" if name == "x-gzip" else name] = quality
    others = stated.get("*", 0.0)
    coding = max(CODINGS, key=lambda one: stated.get(one, others))  # of equals the first
    quality = stated.get(coding, others)
    # Without a word about it, identity is acceptable, and anything named is better.
    plain = stated.get("identity", 0.0 if stated.get("*") == 0 else 0.0001)
    if quality == 0 and plain == 0:
        return None
    return Choice(coding, needed=plain == 0) if quality > 0 and quality >= plain else _PLAIN


class Encoder(Protocol):
    """Compresses a stream."""

    def feed(self, data: bytes) -> bytes:
        """The bytes that let a client read everything so far."""

    def end(self) -> bytes:
        """The last bytes."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.compressobj(_LEVEL, wbits=31)

    def feed(self, data: bytes) -> bytes:
        return self._inner.compress(data) + self._inner.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._inner.flush()


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Compressor(quality=_LEVEL)

    def feed(self, data: bytes) -> bytes:
        return bytes(self._inner.process(data) + self._inner.flush())

    def end(self) -> bytes:
        return bytes(self._inner.finish())


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdCompressor(level=_LEVEL).compressobj()

    def feed(self, data: bytes) -> bytes:
        return self._inner.compress(data) + self._inner.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._inner.flush()


_ENCODERS: Final[dict[str, type[_Gzip | _Brotli | _Zstd]]] = {"zstd": _Zstd, "br": _Brotli, "gzip": _Gzip}


def encoder(coding: str) -> Encoder:
    """An encoder for one stream."""
    return _ENCODERS[coding]()


def compress_now(content: bytes, coding: str) -> bytes:
    """Whole content in a coding."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_LEVEL).compress(content)
    if coding == "br":
        return bytes(brotli.compress(content, quality=_LEVEL))
    return zlib.compress(content, _LEVEL, wbits=31)


async def compress(content: bytes, coding: str) -> bytes:
    """Whole content in a coding; what takes long is done beside the event loop."""
    if len(content) <= _INLINE:
        return compress_now(content, coding)
    return await asyncio.to_thread(compress_now, content, coding)


async def feed(inner: Encoder, data: bytes) -> bytes:
    """A piece of a stream, compressed; what takes long is done beside the event loop."""
    if len(data) <= _INLINE // 4:
        return inner.feed(data)
    return await asyncio.to_thread(inner.feed, data)
