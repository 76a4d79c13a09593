"""The nursery: one process for a release, which never answers a query, and forks the workers that do.

In `memory` mode it holds the whole release, and its children begin with its pages, in 2 to 15 ms a gigabyte; in `disk`
mode each child opens the store read-only. Run as `python -m odatis_kg.store.nursery` by `processes.Nursery`.

The protocol on its socket: `F`, niceness, with a descriptor beside it, asks for a worker on that socket, and is answered `F`,
process; `E`, process asks for the end of a worker, answered `E`, process, status once it has ended; `R` says that it is ready
and `X` that it cannot be. A worker that has died keeps its number until `E` is asked: no other process is killed by mistake.
"""

import gc
import os
import select
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.store.release import Release, Releases
from odatis_kg.store.sandbox import bound_memory, die_with_parent, forbid_sockets
from odatis_kg.store.worker import answer, send, send_error, serve

MESSAGE: Final = struct.Struct(">cqq")
_CHUNK_BYTES: Final = 64_000_000
_REAP_SECONDS: Final = 0.01
_LIGHT: Final[dict[str, Any]] = {
    "text": "SELECT * { ?s a ?c } LIMIT 1",
    "table": "application/sparql-results+json",
    "graph": None,
    "default_graphs": [],
    "named_graphs": [],
    "nesting": 10,
    "service_allow": [],
    "result_bytes": 100_000,
}


def read_into_memory(release: Release) -> ox.Store:
    """The statements of a release, in their named graphs and once in the default graph, as its store has them on disk."""
    store = ox.Store()
    quads, union = bytearray(), bytearray()

    def load() -> None:
        store.bulk_load(input=bytes(quads), format=ox.RdfFormat.N_QUADS, lenient=True)
        store.bulk_load(input=bytes(union), format=ox.RdfFormat.N_TRIPLES, lenient=True)
        quads.clear()
        union.clear()

    for graph, content in release.statements.served():
        quads += content
        union += content.replace(f" <{graph}> .\n".encode(), b" .\n")
        if len(quads) > _CHUNK_BYTES:
            load()
    load()
    return store


def main() -> None:
    """Fork workers until the socket closes: its descriptor, the mode, the folder of the release, the memory of a query in
    megabytes and whether queries may call other services are the arguments.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    mode, folder, memory_mb, sockets = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "sockets"
    release = Releases.open(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(int(sys.argv[6]))
    if release is None:
        control.sendall(MESSAGE.pack(b"X", 0, 0) + f"{folder} is not a whole release".encode())
        return
    try:
        store = read_into_memory(release) if mode == "memory" else None
    except Exception as error:
        control.sendall(MESSAGE.pack(b"X", 0, 0) + f"{type(error).__name__}: {error}".encode()[:1_000])
        return
    gc.collect()
    gc.freeze()  # what the collector would write to, a child would have to copy
    control.sendall(MESSAGE.pack(b"R", 0, 0))
    ending: set[int] = set()
    while True:
        readable, _, _ = select.select([control], [], [], _REAP_SECONDS if ending else None)
        for process in list(ending):
            try:
                ended, status = os.waitpid(process, os.WNOHANG)
            except ChildProcessError:  # not one of ours (any more)
                ended, status = process, 0
            if ended:
                ending.discard(process)
                control.sendall(MESSAGE.pack(b"E", process, os.waitstatus_to_exitcode(status)))
        if not readable:
            continue
        received, descriptors, _, _ = socket.recv_fds(control, MESSAGE.size, 1)
        if not received:
            return
        while len(received) < MESSAGE.size:
            received += control.recv(MESSAGE.size - len(received))
        kind, number, _ = MESSAGE.unpack(received)
        if kind == b"E":
            ending.add(number)  # who asks has killed it
            continue
        nursery = os.getpid()
        child = os.fork()
        if child == 0:
            control.close()
            os.nice(number)  # before anything else: a store that is opened has threads of its own
            _work(descriptors[0], store, release, memory_mb, nursery, sockets=sockets)
        os.close(descriptors[0])
        control.sendall(MESSAGE.pack(b"F", child, 0))


class _Nowhere:
    """Where the answer to a query goes that nobody asked."""

    def sendall(self, data: bytes) -> None:
        """Take bytes."""


def _warm_up(store: ox.Store, release: Release) -> None:
    """Answer a query: the pages that every query writes to are copied now, not while someone waits for the first answer."""
    answer(store, _Nowhere(), _LIGHT, release)


def _work(
    descriptor: int, store: ox.Store | None, release: Release, memory_mb: int, nursery: int, *, sockets: bool
) -> None:
    """The life of a child."""
    status = 1
    try:
        die_with_parent(nursery)
        with socket.socket(fileno=descriptor) as connection:
            locked = not sockets and forbid_sockets()
            try:
                store = store or ox.Store.read_only(str(release.store))
            except OSError as error:
                send_error(connection, "unavailable", f"the store {release.store} cannot be opened: {error}")
            else:
                bound_memory(memory_mb)
                _warm_up(store, release)
                send(connection, b"R", b'{"network_lock": true}' if locked else b'{"network_lock": false}')
                serve(connection, store, release)
                status = 0
    finally:
        os._exit(status)  # nothing of the parent's is to be run at the end


if __name__ == "__main__":
    main()
