"""How much of real records is read: which row read each element, what is left out and why, what nobody reads.

One pass over the records with the engine's `watch`: after each row, what became read since the row before is that row's.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from odatis_kg.mapping.engine import Context, Mappings, map_record
from odatis_kg.mapping.kinds import SourceRecord
from odatis_kg.mapping.reading import State


@dataclass(slots=True)
class Element:
    """A place of one kind of record, by its path: how often it says something, and what became of that."""

    kind: str
    path: str
    count: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: int = 0


@dataclass(slots=True)
class KindTotal:
    """All places of a kind of record."""

    kind: str
    records: int = 0
    leaves: int = 0
    consumed: int = 0
    ignored: int = 0

    @property
    def unknown(self) -> int:
        """Places nobody read."""
        return self.leaves - self.consumed - self.ignored


class Survey:
    """Gathers the coverage of many records."""

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings
        self.elements: dict[tuple[str, str], Element] = {}
        self.totals: dict[str, KindTotal] = {}

    def add(self, record: SourceRecord) -> None:
        """Map a record and note who read what.

        Raises:
            RefusedError: the record cannot be read.
        """
        readers: list[Any] = []
        read: dict[Any, str] = {}
        left_out: dict[Any, str] = {}

        def watch(context: Context) -> None:
            readers[:] = [context.reader]
            for noted, keys in ((read, context.reader.consumed), (left_out, context.reader.ignored)):
                if len(keys) > len(noted):
                    for key in keys - noted.keys():
                        noted[key] = context.row

        map_record(record, self._mappings, watch=watch)
        (reader,) = readers
        kind = str(record.kind)
        total = self.totals.setdefault(kind, KindTotal(kind))
        total.records += 1
        for node, key, state in reader.leaves():
            path = reader.where(node)
            element = self.elements.setdefault((kind, path), Element(kind, path))
            element.count += 1
            total.leaves += 1
            if state is State.CONSUMED:
                total.consumed += 1
                element.rows[read.get(key, "")] += 1
            elif state is State.IGNORED:
                total.ignored += 1
                element.ignored[left_out.get(key) or _above(key, left_out)] += 1
            else:
                element.unknown += 1


def _above(key: Any, left_out: dict[Any, str]) -> str:
    """The row that left out something above a place: of JSON only the top of what is left out is noted."""
    path = key if isinstance(key, str) else ""
    while path:
        if path in left_out:
            return left_out[path]
        path = path.rpartition("/")[0]
    return ""
