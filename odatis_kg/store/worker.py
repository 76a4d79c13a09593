"""A query worker: one process, one release opened read-only, one query at a time, from a socket to a socket.

Run as `python -m odatis_kg.store.worker` by the pool. It can be killed at any instant. Query and serialisation happen in
the same thread, because reading results from another one aborts the process (pyoxigraph). The first bytes are held back
until 64 KiB or the end, so that small results are whole, and late failures rare.

The protocol is frames of one type byte, a length (4 bytes, big-endian) and a body:
parent -> worker: `Q` a query (JSON); worker -> parent: `R` ready, `H` head (JSON: form, format, length when known),
`D` data, `E` end, `X` error (JSON: kind, message, place in the query).
"""

import ctypes
import json
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyoxigraph as ox

from odatis_kg.store.engine import UnwritableResultError
from odatis_kg.store.property_functions import Expanded, expand
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.results import write
from odatis_kg.store.syntax import Form, QueryRefusedError, inspect

HEADER: Final = struct.Struct(">cI")
HELD_BYTES: Final = 65_536


class _TooLargeError(Exception):
    pass


class _Out:
    """What the serialiser writes to: holds the first bytes back, then sends frames, and counts."""

    def __init__(self, connection: socket.socket, head: dict[str, Any], most_bytes: int) -> None:
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
            self._send(None)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        """Send what is left, and the end: for a small result one message in all."""
        self._send(self._total if not self.sent else None, frame(b"E", b""))

    def _send(self, length: int | None, after: bytes = b"") -> None:
        before = b"" if self.sent else frame(b"H", json.dumps({**self._head, "length": length}).encode())
        self.sent = True
        data = frame(b"D", bytes(self._held)) if self._held else b""
        self._held.clear()
        self._connection.sendall(before + data + after)


def frame(kind: bytes, body: bytes) -> bytes:
    """One frame of the protocol."""
    return HEADER.pack(kind, len(body)) + body


def send(connection: socket.socket, kind: bytes, body: bytes) -> None:
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


def answer(store: ox.Store, connection: socket.socket, request: dict[str, Any], release: Release) -> None:
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
        _send_error(connection, "refused", str(error), error.place)
    except SyntaxError as error:
        readable = query.explain(str(error))
        _send_error(connection, "refused", str(readable), readable.place)
    except UnwritableResultError as error:
        _send_error(connection, "unwritable", str(error))
    except _TooLargeError:
        _send_error(connection, "too-large", "")
    except (BrokenPipeError, ConnectionError):
        raise
    except Exception as error:
        _send_error(connection, "failed", f"{type(error).__name__}: {error}"[:500])
    return None


def _evaluate(store: ox.Store, request: dict[str, Any], form: Form, media_type: str, out: _Out) -> None:
    default: list[Any] = [ox.NamedNode(graph) for graph in request["default_graphs"]]
    named: list[Any] = [ox.NamedNode(graph) for graph in request["named_graphs"]]
    writer: Any = out  # the engine wants `write`, of all that a file has
    if default or named:
        # SPARQL 1.1 Protocol, section 2.1.4: the dataset of the request replaces that of the query.
        results = store.query(request["text"], default_graph=default, named_graphs=named)
    else:
        results = store.query(request["text"])
    write(results, form, media_type, writer, base=request.get("base", ""))


def _send_error(connection: socket.socket, kind: str, message: str, place: dict[str, Any] | None = None) -> None:
    send(connection, b"X", json.dumps({"kind": kind, "message": message, "place": place or {}}).encode())


def bound_memory(megabytes: int) -> None:
    """Let this process use so much memory above what it uses now; beyond that, allocation fails and it aborts."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - pathlib is not worth importing here
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that no runaway query outlives the server (Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main() -> None:
    """Serve queries until the socket closes: arguments are its descriptor, the store, and the memory bound in megabytes."""
    descriptor, store_path, memory_mb = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    with socket.socket(fileno=descriptor) as connection:
        release = Releases.open(Path(store_path).parent)
        try:
            store = ox.Store.read_only(store_path)
        except OSError as error:
            _send_error(connection, "unavailable", f"the store {store_path} cannot be opened: {error}")
            return
        if release is None:
            _send_error(connection, "unavailable", f"{store_path} is not the store of a release")
            return
        if sys.platform == "linux":
            bound_memory(memory_mb)
        send(connection, b"R", b"")
        stream = connection.makefile("rb")
        while (received := receive(stream)) is not None:
            try:
                answer(store, connection, json.loads(received[1]), release)
            except (BrokenPipeError, ConnectionError):
                return


if __name__ == "__main__":
    main()
