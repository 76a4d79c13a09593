"""What earlier runs made of record versions, in the ledger's file, so that what is unchanged is not made again.

A result holds as long as the *basis* is the same: everything but the record that decides what becomes of it (base address,
code, tables, bounds). A graph keeps the run that first made it as it is, so that a release built from nothing says the
same of it as one that took it over.
"""

import json
import zlib
from dataclasses import asdict, dataclass
from typing import Final

from odatis_kg.enrich.evidence import Gleaned, glean
from odatis_kg.harvest.ledger import Ledger, Version
from odatis_kg.mapping.engine import Coverage, Mapped

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS mapped (
    source TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL, basis TEXT NOT NULL, run TEXT NOT NULL,
    graph TEXT NOT NULL, subject TEXT NOT NULL, quads INTEGER NOT NULL, digest TEXT NOT NULL,
    gleaned BLOB NOT NULL, noted BLOB NOT NULL,
    PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS concluded (
    graph TEXT PRIMARY KEY, basis TEXT NOT NULL, digest TEXT NOT NULL, run TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a record version became: its graph, what that is about, its size and digest, the run that first made it so, what
    enrichment needs of it, and what a report says of it; the last two are packed.
    """

    run: str
    graph: str
    subject: str
    quads: int
    digest: str
    gleaned: bytes
    noted: bytes

    @classmethod
    def made(cls, run: str, mapped: Mapped, digest: str, odk: str) -> "Result":
        """The result of mapping a record in a run."""
        said = {"warnings": mapped.warnings, "coverage": asdict(mapped.coverage)}
        gleaned, noted = _pack(glean(mapped, odk).packed()), _pack(json.dumps(said, ensure_ascii=False))
        return cls(run, mapped.graph, mapped.subject, mapped.quads, digest, gleaned, noted)

    def evidence(self) -> Gleaned:
        """What enrichment needs of the record."""
        return Gleaned.unpacked(zlib.decompress(self.gleaned).decode("utf-8"))

    def remarks(self) -> tuple[list[str], Coverage]:
        """The warnings about the record, and how much of it was read."""
        said = json.loads(zlib.decompress(self.noted))
        return said["warnings"], Coverage(**said["coverage"])


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8"), 1)


class Results:
    """The results of earlier runs, on the basis of this one."""

    def __init__(self, ledger: Ledger, basis: str) -> None:
        self._db = ledger.db
        self._db.executescript(_SCHEMA)
        self._basis = basis

    def of(self, version: Version) -> Result | None:
        """What a record version became before, on the same basis."""
        row = self._db.execute(
            "SELECT run, graph, subject, quads, digest, gleaned, noted FROM mapped"
            " WHERE source = ? AND key = ? AND sha256 = ? AND basis = ?",
            (version.source, version.key, version.sha256, self._basis),
        ).fetchone()
        return Result(*row) if row else None

    def keep(self, version: Version, result: Result) -> Result:
        """Note what a record version became; when it was the same before, on the same basis, the earlier run made it."""
        before = self.of(version)
        if before is not None and before.digest == result.digest:
            return before
        self._db.execute(
            "INSERT OR REPLACE INTO mapped VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                version.source,
                version.key,
                version.sha256,
                self._basis,
                result.run,
                result.graph,
                result.subject,
                result.quads,
                result.digest,
                result.gleaned,
                result.noted,
            ),
        )
        return result

    def concluded(self, graph: str, digest: str, run: str) -> str:
        """The run that first concluded what an enriched graph says: an earlier one, or this one."""
        row = self._db.execute("SELECT basis, digest, run FROM concluded WHERE graph = ?", (graph,)).fetchone()
        if row and row[:2] == (self._basis, digest):
            return str(row[2])
        self._db.execute("INSERT OR REPLACE INTO concluded VALUES (?, ?, ?, ?)", (graph, self._basis, digest, run))
        return run
