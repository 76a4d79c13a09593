"""Reports: what became of each file, and the summary by kind, as data that scripts read and people see."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from odatis_kg.mapping.engine import Coverage
from odatis_kg.mapping.kinds import Refusal

NO_KIND = "unknown"


@dataclass(slots=True)
class FileReport:
    """What became of one file: mapped (`ok`, when at least one record of it was) or refused, and why."""

    path: str
    kind: str = NO_KIND
    records: int = 0
    status: Literal["ok", "refused"] = "refused"
    reason: str = ""
    quads: int = 0
    warnings: list[str] = field(default_factory=list)
    coverage: dict[str, Any] = field(default_factory=dict)
    mapped: int = 0
    refused: int = 0
    elsewhere: int = 0
    seconds: float = 0.0

    def refuse(self, reason: str) -> None:
        """Note that the file, or one record of it, was not mapped."""
        self.refused += 1
        self.reason = f"{self.reason}; {reason}" if self.reason else reason

    def scanned(self, records: int, refusals: Iterable[Refusal]) -> None:
        """Note what was found in the file before any of it is mapped."""
        self.records = records
        for refusal in refusals:
            self.refuse(str(refusal))
        if not records and not self.refused:
            self.refuse("there is no record in it")

    def superseded(self, kind: str, key: str, by: str, *, same_date: bool) -> None:
        """Note that another version of a record of this file was found elsewhere: this one is understood, and not published."""
        self.status = "ok"
        self.kind = kind
        self.elsewhere += 1
        why = "another version of it with the same date, and was read later;" if same_date else "a newer version of it;"
        self.warnings.append(f"record {key}: {by} holds {why} that one is used instead of this one")

    def accept(self, kind: str, quads: int, warnings: Iterable[str], coverage: Coverage) -> None:
        """Note that a record of the file was mapped."""
        self.status = "ok"
        self.kind = kind
        self.mapped += 1
        self.quads += quads
        self.warnings += warnings
        total = self.coverage or {"leaves": 0, "consumed": 0, "ignored": 0, "unknown": {}}
        unknown = dict(total["unknown"])
        for path, count in coverage.unknown.items():
            unknown[path] = unknown.get(path, 0) + count
        self.coverage = {
            "leaves": total["leaves"] + coverage.leaves,
            "consumed": total["consumed"] + coverage.consumed,
            "ignored": total["ignored"] + coverage.ignored,
            "unknown": dict(sorted(unknown.items())),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "FileReport":
        """The report a release was published with."""
        return cls(**content)

    def as_json(self) -> dict[str, Any]:
        """The members scripts rely on; without the time it took, so that the same input gives the same report."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("mapped", "refused", "elsewhere", "seconds")
        }


@dataclass(slots=True)
class KindSummary:
    """Totals of one kind of record."""

    kind: str
    files: int = 0
    records: int = 0
    mapped: int = 0
    refused: int = 0
    quads: int = 0
    seconds: float = 0.0


def summarise(reports: Iterable[FileReport]) -> list[KindSummary]:
    """One line for each kind met, in alphabetical order, files of no known kind last.

    `mapped` and `refused` count records; a file that no record could be read from counts as one refused.
    """
    kinds: dict[str, KindSummary] = {}
    for report in reports:
        line = kinds.setdefault(report.kind, KindSummary(report.kind))
        line.files += 1
        line.records += report.records
        line.mapped += report.mapped
        line.refused += report.refused
        line.quads += report.quads
        line.seconds += report.seconds
    return sorted(kinds.values(), key=lambda line: (line.kind == NO_KIND, line.kind))
