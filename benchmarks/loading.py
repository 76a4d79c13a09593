"""Statements loaded per second into a store that can be served, against `oxigraph load` of the same N-Quads."""

import shutil
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.corpus import mappings, records
from odatis_kg.mapping.engine import map_record
from odatis_kg.store.dump import DumpWriter
from odatis_kg.store.loading import load

_ROUNDS = 3


def native() -> str:
    """The path of Oxigraph's own program."""
    return shutil.which("oxigraph") or str(Path(sysconfig.get_path("scripts")) / "oxigraph")


def measure(copies: int = 60) -> list[tuple[str, str, str]]:
    """One line: what was measured, the figure, the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        writer = DumpWriter(here)
        tables = mappings()
        for record in records(copies):
            mapped = map_record(record, tables)
            writer.write(mapped.graph, mapped.nquads())
        dump, _ = writer.close()
        plain = here / "plain.nq"
        plain.write_bytes(b"".join(content for _, content in dump.unpacked()))
        ours, theirs = [], []
        for number in range(_ROUNDS):
            started = time.perf_counter()
            store = load(dump, here / f"ours-{number}")
            del store
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            command = [native(), "load", "--location", str(here / f"theirs-{number}"), "--file", str(plain)]
            subprocess.run(command, check=True, capture_output=True)
            theirs.append(time.perf_counter() - started)
        rate, peer = dump.quads / median(ours), dump.quads / median(theirs)
    note = f"{rate / peer:.2f} of `oxigraph load` ({peer:,.0f}/s), which makes no default graph of all graphs"
    return [(f"Loading {dump.quads:,} quads and their union", f"{rate:,.0f} quads/s", note)]
