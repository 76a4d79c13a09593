"""Harvest: the records of files and folders into the archive and the ledger."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from odatis_kg.config import Settings
from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.folder import File, UnreadableFileError, places, walk
from odatis_kg.harvest.ledger import Ledger, Run, Version
from odatis_kg.mapping.kinds import SCANNER_VERSION
from odatis_kg.pipeline.stages import Stage, now, scan_safely
from odatis_kg.quality.reports import FileReport


@dataclass(slots=True)
class HarvestedFile:
    """A file of this run and the record versions found in it."""

    report: FileReport
    versions: list[Version]


@dataclass(slots=True)
class Harvest:
    """What a run brought in: its files, and the records that have gone missing, with their new state."""

    files: list[HarvestedFile]
    missing: list[tuple[str, str]]


class _Seen(NamedTuple):
    """A version seen in a file; compared by the record's date of change, then by order."""

    modified: str
    number: int
    version: Version
    file: File


def harvest(paths: list[Path], settings: Settings, ledger: Ledger, archive: Archive, run: Run, stage: Stage) -> Harvest:
    """Bring the records of some files in.

    Records seen in these paths by an earlier run and not by this one become missing, and gone when a second run misses
    them too.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    files = list(walk(paths))
    harvested: dict[Path, HarvestedFile] = {}
    newest: dict[str, _Seen] = {}
    with stage("Reading", len(files)) as advance:
        for number, file in enumerate(files):
            found = harvested[file.path] = _harvest_file(file, settings, ledger, archive, run.id)
            for version in found.versions:
                seen = _Seen(version.modified, number, version, file)
                before = newest.get(version.key, seen)
                older, newer = sorted((before, seen), key=lambda one: one[:2])
                newest[version.key] = newer
                if older.version.sha256 != newer.version.sha256:
                    harvested[older.file.path].report.superseded(
                        version.kind, version.key, newer.file.shown, same_date=older.modified == newer.modified
                    )
            advance(1)
    with ledger.transaction():
        for seen in newest.values():
            ledger.set_current(run.id, seen.version, seen.file.location)
        missing = ledger.note_unseen(run.id, settings.source, places(paths))
    return Harvest(list(harvested.values()), missing)


def _harvest_file(file: File, settings: Settings, ledger: Ledger, archive: Archive, run: str) -> HarvestedFile:
    """Read one file; when its bytes are known, the ledger already knows what is in it."""
    report = FileReport(file.shown)
    try:
        content = file.read(settings.input.file_mb * 1_000_000)
    except UnreadableFileError as error:
        report.refuse(str(error))
        return HarvestedFile(report, [])
    sha256, location = archive.put(content), file.location
    # What a scan finds depends on the scanner and on the largest record it takes.
    scanner = f"{SCANNER_VERSION}/{settings.input.record_mb}"
    fetch = ledger.known_fetch(settings.source, location, sha256, scanner)
    if fetch is None:
        scanned = scan_safely(content, settings)
        versions = [
            (one.key, one.kind, archive.put(one.content), one.modified, len(one.content), one.warning)
            for one in scanned.records
        ]
        with ledger.transaction():
            fetch = ledger.add_fetch(
                run=run,
                source=settings.source,
                location=location,
                name=file.name,
                retrieved=now(),
                sha256=sha256,
                size=len(content),
                scanner=scanner,
                versions=versions,
                refusals=scanned.refusals,
            )
    report.scanned(fetch.records, fetch.refusals)
    return HarvestedFile(report, ledger.sightings(fetch.id))
