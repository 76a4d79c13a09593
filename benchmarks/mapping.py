"""Records mapped per second, against parsing the same records and doing nothing else."""

import time
from statistics import median

from lxml import etree

from benchmarks.corpus import mappings, records
from odatis_kg.mapping.engine import map_record

_ROUNDS = 5


def measure(copies: int = 20) -> list[tuple[str, str, str]]:
    """One line: what was measured, the figure, the ratio."""
    tables, found = mappings(), list(records(copies))
    parsing, mapping = [], []
    quads = 0
    for _ in range(_ROUNDS):  # in turns, so that both see the same machine
        started = time.perf_counter()
        for record in found:
            etree.fromstring(record.content)
        parsing.append(time.perf_counter() - started)
        started = time.perf_counter()
        quads = sum(len(map_record(record, tables).text().splitlines()) for record in found)
        mapping.append(time.perf_counter() - started)
    rate, peer = len(found) / median(mapping), len(found) / median(parsing)
    figure = f"{rate:,.0f} records/s, {quads / median(mapping):,.0f} quads/s"
    return [("Mapping ISO records to N-Quads", figure, f"{rate / peer:.2f} of lxml only parsing them ({peer:,.0f}/s)")]
