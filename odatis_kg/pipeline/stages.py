"""What all stages share: their clock, the names of runs, how they tell how far they are, and mapping without accidents."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from odatis_kg.config import Settings
from odatis_kg.harvest.ledger import Version
from odatis_kg.iris import Iris
from odatis_kg.mapping import table
from odatis_kg.mapping.engine import Coverage, Mapped, Mappings, map_record
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.kinds import Limits, Refusal, Scan, SourceRecord, scan
from odatis_kg.quality.reports import FileReport
from odatis_kg.resources import folder


class Advance(Protocol):
    """Tells that so many steps of a stage are done."""

    def __call__(self, steps: int = 1, /) -> None:
        """So many more steps are done."""


# Tells of an event: its name, and facts about it.
Tell = Callable[[str, Mapping[str, object]], None]
# Opens a stage by its name and its number of steps (None when unknown); leaving the context ends it.
Stage = Callable[[str, int | None], AbstractContextManager[Advance]]


@contextmanager
def silent(name: str, steps: int | None) -> Iterator[Advance]:  # noqa: ARG001
    """A stage that tells nobody how far it is."""

    def advance(steps: int = 1, /) -> None:
        pass

    yield advance


def new_run_id() -> str:
    """A name for a run: its UTC time to the millisecond, so that names sort by time, and four random digits."""
    moment = datetime.now(UTC)
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03}Z-{os.urandom(2).hex()}"


def load_mappings(iris: Iris) -> Mappings:
    """The shipped mapping tables, compiled for a base address."""
    return table.load(folder("mappings"), iris)


def scan_safely(content: bytes, settings: Settings) -> Scan:
    """The records in some bytes; a fault of ours becomes a refusal, so that the other files go on."""
    try:
        return scan(content, Limits(record_bytes=settings.input.record_mb * 1_000_000))
    except Exception as error:
        return Scan(refusals=(Refusal(_fault(error)),))


class Outcome(NamedTuple):
    """What became of a record: mapped, or refused with a reason; and the time it took, in seconds."""

    mapped: Mapped | None
    reason: str = ""
    seconds: float = 0.0

    def portable(self) -> "Outcome":
        """The same without the bytes and the nodes of the record, to be sent to another process."""
        return self._replace(mapped=self.mapped.portable()) if self.mapped else self

    def of(self, record: SourceRecord) -> "Outcome":
        """The same as it was before it was sent."""
        return self._replace(mapped=self.mapped.of(record)) if self.mapped else self


def map_safely(record: SourceRecord, mappings: Mappings, seconds: float) -> Outcome:
    """The record mapped, or refused; a fault of ours becomes a refusal, so that the other records go on."""
    started = time.perf_counter()
    mapped, reason = None, ""
    try:
        mapped = map_record(record, mappings, seconds=seconds)
        mapped.nquads()
    except RefusedError as error:
        reason = str(error)
    except Exception as error:
        reason = _fault(error)
    return Outcome(mapped, reason, time.perf_counter() - started)


def note(report: FileReport, record: SourceRecord, outcome: Outcome, warning: str) -> None:
    """Count the outcome of a record in the report of its file; `warning` is what was remarked when it was found."""
    report.seconds += outcome.seconds
    prefix = f"record {record.key}: " if report.records > 1 else ""
    if outcome.mapped is None:
        report.refuse(f"{prefix}{outcome.reason}")
        return
    warnings = [f"{prefix}{text}" for text in (*((warning,) if warning else ()), *outcome.mapped.warnings)]
    report.accept(record.kind, outcome.mapped.quads, warnings, outcome.mapped.coverage)


def note_again(report: FileReport, version: Version, quads: int, warnings: list[str], coverage: Coverage) -> None:
    """The same of a record that was mapped by an earlier run and is taken over."""
    prefix = f"record {version.key}: " if report.records > 1 else ""
    said = [f"{prefix}{text}" for text in (*((version.warning,) if version.warning else ()), *warnings)]
    report.accept(version.kind, quads, said, coverage)


def _fault(error: Exception) -> str:
    return f"a fault of odatis-kg, please report it with the record: {type(error).__name__}: {error}"
