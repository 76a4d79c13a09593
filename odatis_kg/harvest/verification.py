"""Verification: whether the archive and the ledger agree, byte by byte."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from odatis_kg.harvest.archive import Archive, ArchiveError
from odatis_kg.harvest.journal import Journal
from odatis_kg.harvest.ledger import Ledger

_REFERENCES: Final = """
SELECT sha256 FROM version UNION SELECT sha256 FROM fetch UNION SELECT sha256 FROM answer
UNION SELECT sha256 FROM quarantine WHERE sha256 <> ''
"""


@dataclass(slots=True)
class Verification:
    """What was checked, what is wrong (one sentence each), and how many blobs nothing refers to (a killed run leaves some)."""

    blobs: int = 0
    records: int = 0
    orphans: int = 0
    faults: list[str] = field(default_factory=list)


def verify(data_dir: Path) -> Verification:
    """Check every blob's hash, and that every record has a version, every version a sighting and its bytes."""
    found = Verification()
    archive = Archive(data_dir / "raw")
    with Ledger(data_dir / "ledger.sqlite") as ledger:
        Journal(ledger)  # its tables may be missing in a ledger of an earlier version
        db = ledger.db
        known = {row[0] for row in db.execute(_REFERENCES)}
        for sha256 in sorted(known):
            try:
                archive.get(sha256)
            except ArchiveError as error:
                found.faults.append(str(error))
        kept = {path.name.removesuffix(".gz") for path in archive.folder.glob("??/*.gz")}
        found.blobs, found.orphans = len(known), len(kept - known)
        found.records = db.execute("SELECT count(*) FROM record").fetchone()[0]
        broken = db.execute("PRAGMA integrity_check(10)").fetchall()
        found.faults += [f"the ledger is damaged: {row[0]}" for row in broken if row[0] != "ok"]
        found.faults += [
            f"the ledger refers to nothing: {row[0]} {row[1]} to {row[2]}"
            for row in db.execute("PRAGMA foreign_key_check")
        ]
        for source, key in db.execute(
            "SELECT r.source, r.key FROM record r LEFT JOIN version v USING (source, key, sha256) WHERE v.sha256 IS NULL"
        ):
            found.faults.append(f"record {key} of {source} has no version")
        for source, key in db.execute(
            "SELECT v.source, v.key FROM version v LEFT JOIN sighting s USING (source, key, sha256) WHERE s.fetch IS NULL"
        ):
            found.faults.append(f"a version of record {key} of {source} was never seen")
    return found
