"""The servers that are measured: ours, Oxigraph's own and rdflib-endpoint, each in processes of its own; and their memory."""

import gzip
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from odatis_kg.config import ENVIRONMENT_PREFIX, QuerySettings

_START_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the process that was started, its port, and the path of its SPARQL endpoint."""

    process: "subprocess.Popen[bytes]"
    port: int
    path: str

    def processes(self) -> list[int]:
        """The server's process and all below it."""
        return _tree(self.process.pid)

    def memory(self) -> float:
        """The memory that its processes hold, in megabytes; what they share is counted once (PSS)."""
        return sum(_proportional_set(pid) for pid in self.processes()) / 1e3

    def descriptors(self) -> int:
        """How many files and sockets its first process has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def has_setting(name: str) -> bool:
    """Whether this version of odatis-kg has a setting of `[query]`."""
    return name in QuerySettings.model_fields


def query_settings(**values: object) -> dict[str, str]:
    """Environment variables for settings of `[query]`; those that this version has not are left out."""
    return {
        f"{ENVIRONMENT_PREFIX}QUERY__{name.upper()}": str(value) for name, value in values.items() if has_setting(name)
    }


@contextmanager
def ours(data_dir: Path, *flags: str, environment: Mapping[str, str] = {}) -> Iterator[Server]:
    """`odatis-kg serve` on a data directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    command = [sys.executable, "-m", "odatis_kg", "serve", "--data-dir", str(data_dir), "--port", "0", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**kept, **environment})
    assert process.stderr is not None
    said = b""
    with _ended(process):
        for line in process.stderr:
            said += line
            if found := re.search(rb":(\d+)/", line):
                break
        else:
            raise RuntimeError(f"the server did not start: {said.decode()}")
        # What it says later must not fill the pipe and stop it.
        drain = threading.Thread(target=_drain, args=(process.stderr,), daemon=True)
        drain.start()
        yield Server(process, int(found[1]), "/sparql")
    drain.join(10)
    process.stderr.close()


@contextmanager
def native(store: Path, *flags: str, memory_gb: float = 0) -> Iterator[Server]:
    """`oxigraph serve-read-only` on a store, with an address space of so many gigabytes if given."""
    program = shutil.which("oxigraph") or str(Path(sysconfig.get_path("scripts")) / "oxigraph")
    port = _free_port()

    command = [program, "serve-read-only", "--location", str(store), "--bind", f"127.0.0.1:{port}", *flags]
    with _started(command, port, "/query") as server:
        if memory_gb:
            resource.prlimit(server.process.pid, resource.RLIMIT_AS, (int(memory_gb * 1e9),) * 2)
        yield server


@contextmanager
def rdflib_endpoint(dump: Path) -> Iterator[Server]:
    """`rdflib-endpoint serve` (installed by who measures it) on a file of compressed N-Quads."""
    program = shutil.which("rdflib-endpoint") or str(Path(sysconfig.get_path("scripts")) / "rdflib-endpoint")
    port = _free_port()
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place) / "dump.nq"
        with gzip.open(dump) as packed, plain.open("wb") as out:
            shutil.copyfileobj(packed, out)
        command = [program, "serve", "--host", "127.0.0.1", "--port", str(port), str(plain)]
        with _started(command, port, "/") as server:
            yield server


class MemoryWatch:
    """The most memory that a server's processes held at any time while inside, in megabytes."""

    def __init__(self, server: Server) -> None:
        self.peak = 0.0
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            self.peak = max(self.peak, self._server.memory())
            # Looking walks the page tables of gigabytes; it must not itself be what slows the server down.
            self._stop.wait(max(0.1, 20 * (time.monotonic() - begun)))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _started(command: list[str], port: int, path: str) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with _ended(process):
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} did not start")
        yield Server(process, port, path)


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _drain(stream: object) -> None:
    for _ in stream:  # type: ignore[attr-defined]  # a pipe
        pass


def _tree(pid: int) -> list[int]:
    found, todo = [pid], [pid]
    while todo:
        one = todo.pop()
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                below = [int(child) for child in (task / "children").read_text().split()]
                found += below
                todo += below
    return found


def _proportional_set(pid: int) -> int:
    """Kilobytes of the PSS of a process; 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
