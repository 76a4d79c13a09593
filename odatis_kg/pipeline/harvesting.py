"""Harvest of files and folders: their records into the archive and the ledger."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from odatis_kg.harvest.folder import File, UnreadableFileError, places, walk
from odatis_kg.harvest.journal import Extent, Journal, Walk
from odatis_kg.harvest.ledger import Version
from odatis_kg.pipeline.intake import Intake, Place
from odatis_kg.pipeline.stages import Stage, now
from odatis_kg.quality.reports import FileReport


@dataclass(slots=True)
class HarvestedFile:
    """A file of this run, or a source, and the record versions found in it."""

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


def harvest_files(paths: list[Path], source: str, intake: Intake, stage: Stage, extent: Extent = "places") -> Harvest:
    """Bring the records of some files in.

    Records seen in these paths by an earlier run and not by this one become missing, and gone when a second run misses
    them too.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    files = list(walk(paths))
    journal, ledger = Journal(intake.ledger), intake.ledger
    this = journal.begin(intake.run, source, extent, "", now())
    harvested: dict[str, HarvestedFile] = {}
    newest: dict[str, _Seen] = {}
    with stage("Reading", len(files)) as advance:
        for number, file in enumerate(files):
            found = harvested[file.location] = _harvest_file(file, source, intake)
            for version in found.versions:
                seen = _Seen(version.modified, number, version, file)
                before = newest.get(version.key, seen)
                older, newer = sorted((before, seen), key=lambda one: one[:2])
                newest[version.key] = newer
                if older.version.sha256 != newer.version.sha256:
                    harvested[older.file.location].report.superseded(
                        version.kind, version.key, newer.file.shown, same_date=older.modified == newer.modified
                    )
            advance(1)
    with ledger.transaction():
        for seen in newest.values():
            count(this, ledger.see(intake.run, this.id, seen.version, seen.file.location, now()))
        missing: list[tuple[str, str]] = []
        for key, state in ledger.unseen(this.id, source, places(paths)):
            new: Literal["missing", "gone"] = "gone" if state == "missing" else "missing"
            ledger.lose(intake.run, source, key, new, now())
            count(this, new)
            missing.append((key, new))
        this.pages = this.items = len(files)
        this.quarantined = sum(bool(one.report.refused) for one in harvested.values())
        this.state, this.ended = "complete", now()
        journal.save(this)
    return Harvest(list(harvested.values()), missing)


def count(walk: Walk, what: str | None) -> None:
    """Count what became of a record in its walk; one that is back counts as new."""
    name = "new" if what == "back" else what
    if name:
        setattr(walk, name, getattr(walk, name) + 1)


def _harvest_file(file: File, source: str, intake: Intake) -> HarvestedFile:
    """Read one file; when its bytes are known, the ledger already knows what is in it."""
    report = FileReport(file.shown)
    try:
        content = file.read(intake.settings.input.file_mb * 1_000_000)
    except UnreadableFileError as error:
        report.refuse(str(error))
        return HarvestedFile(report, [])
    looked = intake.look(Place(source, file.location, file.name), content)
    with intake.ledger.transaction():
        taken = intake.note(looked)
    report.scanned(taken.fetch.records, taken.fetch.refusals)
    return HarvestedFile(report, taken.versions)
