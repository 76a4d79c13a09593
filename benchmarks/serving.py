"""Small queries a second over HTTP, eight connections, against the native `oxigraph serve-read-only`, in turns."""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pyoxigraph as ox

from benchmarks.loading import native
from odatis_kg.config import load
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.stages import silent
from odatis_kg.resources import folder

_ROUNDS = 3
_SECONDS = 3.0
_CLIENTS = 8
_PREFIXES = (
    "PREFIX dct: <http://purl.org/dc/terms/> PREFIX schema: <https://schema.org/> "
    "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> PREFIX dcat: <http://www.w3.org/ns/dcat#> "
)
_KINDS = {
    "title of a data set": ("SELECT ?t {{ <{0}> dct:title ?t }}", "application/sparql-results+json"),
    "parameters with names": (
        "SELECT ?v ?l {{ <{0}> schema:variableMeasured ?v . ?v skos:prefLabel ?l }}", "application/sparql-results+json"),
    "description of a data set": ("DESCRIBE <{0}>", "application/n-triples"),
}  # fmt: skip


def measure() -> list[tuple[str, str, str]]:
    """One line for each kind of query: what was measured, the figure, the ratio."""
    with tempfile.TemporaryDirectory() as place:
        settings = load(data_dir=Path(place), source="demo", release={"shacl": False})
        release = build([folder("demo")], settings, silent).release
        store = ox.Store.read_only(str(release.store))
        asked = store.query(
            f"{_PREFIXES} SELECT ?d {{ ?d a dcat:Dataset ; dct:title ?t ; schema:variableMeasured ?v }}"
        )
        datasets = sorted({row["d"].value for row in asked})  # type: ignore[union-attr]
        del store
        lines = []
        with _ours(Path(place)) as our_port, _native(release.store) as their_port:
            for name, (template, accept) in _KINDS.items():
                queries = [_PREFIXES + template.format(dataset) for dataset in datasets]
                ours, theirs = [], []
                for _ in range(_ROUNDS):
                    ours.append(_rate(our_port, "/sparql", queries, accept))
                    theirs.append(_rate(their_port, "/query", queries, accept))
                rate, peer = median(one[0] for one in ours), median(one[0] for one in theirs)
                slow, their_slow = median(one[1] for one in ours), median(one[1] for one in theirs)
                note = f"{rate / peer:.2f} of the native server ({peer:,.0f}/s; p99 {their_slow * 1000:.1f} ms)"
                lines.append((f"Query: {name}", f"{rate:,.0f}/s, p99 {slow * 1000:.1f} ms", note))
        return lines


def _rate(port: int, path: str, queries: list[str], accept: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.client", "127.0.0.1", str(port), str(_SECONDS)]
    asked = json.dumps([path, queries, accept])
    clients = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(_CLIENTS)
    ]
    for client in clients:
        assert client.stdin is not None
        client.stdin.write(asked)
        client.stdin.close()
    told = [json.loads(client.stdout.read()) for client in clients if client.stdout is not None]
    for client in clients:
        client.wait()
    return sum(one["answered"] for one in told) / _SECONDS, max(one["p99"] for one in told)


@contextmanager
def _ours(data_dir: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "odatis_kg", "serve", "--data-dir", str(data_dir), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r":(\d+)/", said)
        if found is None:
            raise RuntimeError(f"the server did not start: {said}")
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _native(store: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [native(), "serve-read-only", "--location", str(store), "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()
