"""A query worker: one process, one release opened read-only, one query at a time, from a socket to a socket.

Forked by the nursery. It can be killed at any instant. Query and serialisation happen in the same thread, because reading
results from another one aborts the process (pyoxigraph). The first bytes are held back until 64 KiB or the end, so that
small results are whole, and late failures rare.

The protocol is frames of one type byte, a length (4 bytes, big-endian) and a body. Parent to worker: `Q` a query (JSON).
Worker to parent: `R` ready (JSON: network_lock), `W` a small result whole (the length of its head, its head, the result), or
`H` head (JSON: form, format), `D` data, `E` end; `X` error (JSON: kind, message, place in the query).
"""

import json
import re
import socket
import struct
from contextlib import suppress
from functools import lru_cache
from typing import Any, BinaryIO, Final, Protocol

import pyoxigraph as ox

from odatis_kg.store.dataset import dataset_of
from odatis_kg.store.diagnosis import no_function
from odatis_kg.store.engine import UnwritableResultError
from odatis_kg.store.property_functions import Expanded, expand
from odatis_kg.store.release import Release
from odatis_kg.store.results import write
from odatis_kg.store.syntax import Form, QueryRefusedError, inspect

HEADER: Final = struct.Struct(">cI")
LENGTH: Final = struct.Struct(">I")
HELD_BYTES: Final = 65_536
_UNKNOWN_FUNCTION: Final = re.compile("custom function <(.*)> is not supported")


class Connection(Protocol):
    """What answers are sent to."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""


class _TooLargeError(Exception):
    pass


@lru_cache(maxsize=64)
def _head(form: Form, format: str) -> bytes:  # noqa: A002 - as it is named in the frame
    return json.dumps({"form": form, "format": format}).encode()


class _Out:
    """What the serialiser writes to: holds the first bytes back, then sends frames, and counts."""

    def __init__(self, connection: Connection, head: dict[str, Any], most_bytes: int) -> None:
        self._connection = connection
        self._head = head
        self._most = most_bytes
        self._held = bytearray()
        self._total = 0
        self.sent = False

    def write(self, data: bytes) -> int:
        self._total += len(data)
        if self._total > self._most:
            raise _TooLargeError
        self._held += data
        if len(self._held) >= HELD_BYTES:
            self._send()
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        """Send what is left, and the end: a small result in one frame."""
        if self.sent:
            self._send(frame(b"E", b""))
        else:
            head = _head(**self._head)
            self._connection.sendall(frame(b"W", LENGTH.pack(len(head)) + head + self._held))

    def _send(self, after: bytes = b"") -> None:
        before = b"" if self.sent else frame(b"H", _head(**self._head))
        self.sent = True
        data = frame(b"D", bytes(self._held)) if self._held else b""
        self._held.clear()
        self._connection.sendall(before + data + after)


def frame(kind: bytes, body: bytes) -> bytes:
    """One frame of the protocol."""
    return HEADER.pack(kind, len(body)) + body


def send(connection: Connection, kind: bytes, body: bytes) -> None:
    """Send one frame."""
    connection.sendall(frame(kind, body))


def receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Receive one frame; None when the other side has closed."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, length = HEADER.unpack(header)
    body = stream.read(length)
    return (kind, body) if len(body) == length else None


def answer(store: ox.Store, connection: Connection, request: dict[str, Any], release: Release) -> None:
    """Evaluate one query and send its result, or what went wrong."""
    text = request["text"]
    query = Expanded(text, text)
    out: _Out | None = None
    try:
        seen = inspect(text, most_depth=request["nesting"], service_allow=request["service_allow"])
        media_type = request["graph"] if seen.form.makes_graph else request["table"]
        if media_type is None:
            return send(connection, b"X", json.dumps({"kind": "not-acceptable", "form": seen.form}).encode())
        out = _Out(connection, {"form": seen.form, "format": media_type}, request["result_bytes"])
        named = bool(request["default_graphs"] or request["named_graphs"])
        query = expand(text, release.text_index, release.odk, dataset=named)
        _evaluate(store, request | {"text": query.text}, seen.form, media_type, out)
        out.close()
    except QueryRefusedError as error:
        send_error(connection, "refused", str(error), error.place)
    except SyntaxError as error:
        readable = query.explain(str(error))
        send_error(connection, "refused", str(readable), readable.place)
    except UnwritableResultError as error:
        send_error(connection, "unwritable", str(error))
    except _TooLargeError:
        send_error(connection, "too-large", "")
    except (BrokenPipeError, ConnectionError):
        raise
    except RuntimeError as error:
        unknown = _UNKNOWN_FUNCTION.search(str(error))
        if unknown:
            refusal = no_function(text, unknown[1])
            send_error(connection, "refused", str(refusal), refusal.place)
        else:
            send_error(connection, "failed", str(error)[:500])
    except Exception as error:
        send_error(connection, "failed", f"{type(error).__name__}: {error}"[:500])
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of pyo3, which names no place to import it from
            raise
        send_error(connection, "fault", str(error)[:500])
    return None


def _evaluate(store: ox.Store, request: dict[str, Any], form: Form, media_type: str, out: _Out) -> None:
    writer: Any = out  # the engine wants `write`, of all that a file has
    asked, default, named = dataset_of(store, request["text"], request["default_graphs"], request["named_graphs"])
    results = asked.query(request["text"], default_graph=default, named_graphs=named)
    write(results, form, media_type, writer, base=request.get("base", ""))


def send_error(connection: Connection, kind: str, message: str, place: dict[str, Any] | None = None) -> None:
    """Say what went wrong."""
    send(connection, b"X", json.dumps({"kind": kind, "message": message, "place": place or {}}).encode())


def serve(connection: socket.socket, store: ox.Store, release: Release) -> None:
    """Answer queries until the socket closes."""
    stream = connection.makefile("rb")
    with suppress(BrokenPipeError, ConnectionError):
        while (received := receive(stream)) is not None:
            answer(store, connection, json.loads(received[1].decode("ascii")), release)
