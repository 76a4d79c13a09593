"""Records mapped per second, on one core and on all, against other ways through the same records; and memory.

The peers: parsing the records and doing nothing else (what no mapping can beat), and the XSLT of GeoDCAT-AP
(SEMICeu/iso-19139-to-dcat-ap, not part of this project: name its file with `--xslt`, and install saxonche).
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from lxml import etree

from benchmarks.corpus import mappings, real_records, records
from odatis_kg.harvest.folder import UnreadableFileError
from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.mapping.kinds import Kind, SourceRecord
from odatis_kg.pipeline.parallel import Item, map_records

_ROUNDS = 5
_FEW, _MANY = 5_000, 50_000
_ENVELOPE = 500

Figures = list[tuple[str, str, str]]


def measure(paths: list[Path], xslt: Path | None) -> Figures:
    """Lines of what was measured, the figure, the ratio; on the demonstration records unless `paths` has others."""
    tables = mappings()
    found = real_records(paths) if paths else list(records(20))
    whose = "records given" if paths else "demonstration records"
    quads = 0

    def parse() -> None:
        for record in found:
            etree.fromstring(record.content)

    def map_all() -> None:
        nonlocal quads
        quads = sum(mapped.quads for mapped in _mapped(found, tables))

    parsing, mapping = _in_turns(parse, map_all)
    rate = len(found) / mapping
    figure = f"{rate:,.0f} records/s, {quads / mapping:,.0f} quads/s, {quads / len(found):,.0f} quads a record"
    figures = [(f"Mapping to N-Quads, one core, {whose}", figure, f"{parsing / mapping:.2f} of lxml only parsing them")]
    if xslt is not None:
        figures += _against_xslt([record for record in found if record.kind is Kind.ISO19139], xslt)
    return figures + _cores(paths, len(found))


def _against_xslt(found: list[SourceRecord], xslt: Path) -> Figures:
    """The rate on ISO 19139 records, and the statements made of them, against the stylesheet through Saxon."""
    from saxonche import PySaxonProcessor  # type: ignore[import-not-found]  # installed by who measures this

    tables = mappings()
    theirs: list[str] = []
    with PySaxonProcessor(license=False) as saxon:
        stylesheet = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(xslt.resolve()))

        def transform() -> None:
            theirs.clear()
            for record in found:
                node = saxon.parse_xml(xml_text=record.content.decode("utf-8", "replace"))
                theirs.append(stylesheet.transform_to_string(xdm_node=node) or "")

        def map_all() -> None:
            for mapped in _mapped(found, tables):
                mapped.text()

        transforming, mapping = _in_turns(transform, map_all)
    figure = f"{len(found) / mapping:,.0f} records/s to N-Quads"
    other = (
        f"{len(found) / transforming:,.0f} records/s, to RDF/XML of {sum(map(len, theirs)) / len(found) / 1000:,.0f} kB"
    )
    return [("Mapping ISO 19139, one core", figure, f"{transforming / mapping:.2f} of {xslt.name} ({other})")]


def _mapped(found: list[SourceRecord], tables: Mappings) -> Iterator[Mapped]:
    """The records mapped in this process, as the command does it with `--jobs 1`."""
    for _, outcome in map_records((Item(record, None) for record in found), tables, float("inf"), 1):
        assert outcome.mapped is not None, outcome.reason
        yield outcome.mapped


def _in_turns(*works: Callable[[], None]) -> list[float]:
    """The median time of each work in seconds; in turns, so that all see the same machine."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(_ROUNDS):
        for work, taken in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    return [median(taken) for taken in times]


def _cores(paths: list[Path], number: int) -> Figures:
    """`--jobs` with every core against `--jobs 1`, by the command itself, start included."""
    with tempfile.TemporaryDirectory() as folder:
        given = [str(path) for path in paths] or [str(_written(Path(folder), _FEW))]
        one, all_cores = (_run(given, jobs)[0] for jobs in (1, os.cpu_count() or 1))
    number = number if paths else _FEW
    figure = f"{number / all_cores:,.0f} records/s, start included"
    return [(f"`odatis-kg map --jobs {os.cpu_count()}`", figure, f"{one / all_cores:.2f} of `--jobs 1`")]


def measure_memory() -> Figures:
    """The most memory `odatis-kg map` uses for ten times as many records."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = (_run([str(_written(Path(folder, str(number)), number))], 1) for number in (_FEW, _MANY))
    figure = f"{many[1] / 1000:,.0f} MB, {many[0]:,.0f} s"
    return [(f"Memory to map {_MANY:,} records", figure, f"{many[1] / few[1]:.2f} of that for {_FEW:,}")]


def _written(folder: Path, number: int) -> Path:
    """A folder of answers of a catalogue with so many records in all."""
    folder.mkdir(exist_ok=True)
    envelope: list[bytes] = []
    for count, record in enumerate(records(number // 30 + 1), 1):
        envelope.append(re.sub(rb"^\s*<\?xml.*?\?>", b"", record.content))
        if len(envelope) == _ENVELOPE or count == number:
            (folder / f"{count:08}.xml").write_bytes(b"<records>" + b"".join(envelope) + b"</records>")
            envelope.clear()
        if count == number:
            return folder
    raise UnreadableFileError("too few demonstration records")


def _run(paths: list[str], jobs: int) -> tuple[float, int]:
    """Seconds and kilobytes (the most at any time, of the command itself) of mapping some files."""
    command = [sys.executable, "-m", "odatis_kg", "map", *paths, "--jobs", str(jobs), "--out", os.devnull]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - started, used.ru_maxrss
