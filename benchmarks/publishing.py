"""Publishing one per cent of changes, against building the same release from nothing."""

import tempfile
import time
from pathlib import Path

from benchmarks.corpus import records
from odatis_kg.config import Settings, load
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.releasing import Build
from odatis_kg.pipeline.stages import silent


def measure(copies: int = 80) -> list[tuple[str, str, str]]:
    """One line: what was measured, the figure, the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        files = []
        for number, record in enumerate(records(copies)):
            files.append(here / "records" / str(number % 100) / f"{number}.xml")
            files[-1].parent.mkdir(parents=True, exist_ok=True)
            files[-1].write_bytes(record.content)
        settings = load(data_dir=here / "data", input={"jobs": 1})
        build([here / "records"], settings, silent)
        changed = []
        for round_ in range(3):
            for file in files[round_::100]:
                file.write_bytes(file.read_bytes().replace(b"</gco:CharacterString>", b" II</gco:CharacterString>", 6))
            changed.append(_timed([here / "records"], settings))
        anew = [_timed([], settings, anew=True) for _ in range(2)]
    figure = f"{min(changed):.1f} s, reading all {len(files):,} files included"
    ratio = f"{min(changed) / min(anew):.2f} of building from nothing ({min(anew):.0f} s)"
    return [(f"Publishing changes to {len(files[::100]):,} of {len(files):,} records", figure, ratio)]


def _timed(paths: list[Path], settings: Settings, *, anew: bool = False) -> float:
    started = time.perf_counter()
    outcome: Build = build(paths, settings, silent, anew=anew)
    assert outcome.is_new
    return time.perf_counter() - started
