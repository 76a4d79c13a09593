"""The servers that the remote engine is proven on, each started once for all tests of a process."""

import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import Built
from tests.contract.virtuoso import found
from tests.contract.virtuoso import virtuoso as running_virtuoso


@contextmanager
def serving_natively(store: Path, port: int = 0) -> Iterator[str]:
    """The query address of a native Oxigraph server on a store."""
    program = shutil.which("oxigraph") or str(Path(sysconfig.get_path("scripts")) / "oxigraph")
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "serve-read-only", "--location", str(store), "--bind", f"127.0.0.1:{port}", "--timeout-s", "5"],
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/query"
    try:
        for _ in range(200):
            try:
                httpx.get(address, params={"query": "ASK {}"})
                break
            except httpx.TransportError:
                time.sleep(0.05)
        else:
            pytest.fail("the native server does not answer")
        yield address
    finally:
        process.kill()  # whatever it is still at
        process.wait()


@pytest.fixture(scope="module")
def oxigraph(demo: Built) -> Iterator[str]:
    """The native Oxigraph server on the store of the demonstration; one for each module, as it goes on with what was left."""
    with serving_natively(demo.release.store) as address:
        yield address


@pytest.fixture(scope="session")
def virtuoso(demo: Built) -> Iterator[str]:
    """Virtuoso with the statements of the demonstration."""
    if found() is None:
        pytest.skip("Virtuoso is not on this machine: `make virtuoso` unpacks Debian's package beside the tests")
    with running_virtuoso(demo.release.dump) as address:
        yield address
