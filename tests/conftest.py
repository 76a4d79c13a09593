"""What several tests share: the demonstration graph built once, a real server on it, and the real records where present."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from odatis_kg.config import Settings, load
from odatis_kg.iris import Iris
from odatis_kg.mapping.engine import Mappings
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.releasing import Build
from odatis_kg.pipeline.stages import load_mappings
from odatis_kg.resources import folder
from odatis_kg.store.release import Release
from tests.support import quiet

ROOT = Path(__file__).parent.parent
BASE = "http://localhost:8000/"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """The settings of whoever runs the tests must not leak into them."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ODATIS_KG_")}
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def iris() -> Iris:
    return Iris(BASE)


@pytest.fixture(scope="session")
def mappings(iris: Iris) -> Mappings:
    return load_mappings(iris)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data directory of their own."""
    return load(data_dir=tmp_path / "data", release={"shacl": False})


@dataclass(frozen=True)
class Built:
    """A graph that was built: its settings and the outcome."""

    settings: Settings
    outcome: Build

    @property
    def release(self) -> Release:
        return self.outcome.release


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The demonstration graph, built once for all tests that only read it."""
    settings = load(data_dir=tmp_path_factory.mktemp("demo"), source="demo")
    return Built(settings, build([folder("demo")], settings, quiet))


@dataclass(frozen=True)
class Server:
    """A running `odatis-kg serve`."""

    process: subprocess.Popen[str]
    address: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET a path, redirects not followed; underscores in header names stand for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(self.address + path.lstrip("/"), headers=sent, timeout=60)

    def ask(self, query: str, accept: str = "application/sparql-results+json", **more: str) -> httpx.Response:
        """POST a query as a form."""
        fields = {"query": query, **more}
        return httpx.post(f"{self.address}sparql", data=fields, headers={"Accept": accept}, timeout=60)


@contextmanager
def serving(data_dir: Path, *flags: str, **environment: str) -> Iterator[Server]:
    """`odatis-kg serve` in a process of its own, on a port the system chooses."""
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "odatis_kg", "serve", "--data-dir", str(data_dir), "--port", "0", *flags],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            said = ""
            for line in process.stderr:
                said += line
                if found := re.search(r"Serving at (\S+)", line):
                    break
            else:
                pytest.fail(f"the server did not start: {said}")
            # What it says later must not fill the pipe and stop it.
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=complaints)
            yield Server(process, found[1])
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                process.stderr.close()
                if "drain" in locals():
                    drain.wait(10)


@pytest.fixture(scope="session")
def server(demo: Built) -> Iterator[Server]:
    """A server on the demonstration graph."""
    with serving(demo.settings.data_dir) as running:
        yield running


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real records, which the project does not contain; tests that need it are skipped where it is absent."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the shared real records are not on this machine (../shared/data)")
    return path


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `odatis-kg` as a user does, in a folder of its own."""

    def run(*arguments: str | Path, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "odatis_kg", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            timeout=120,
        )

    return run
