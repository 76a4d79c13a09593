"""Harvest of files and folders: their records into the archive and the ledger."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from odatis_kg.config import Settings
from odatis_kg.harvest.client import Validators
from odatis_kg.harvest.folder import File, UnreadableFileError, places, walk
from odatis_kg.harvest.journal import Extent, Journal, Quarantined, Walk
from odatis_kg.harvest.ledger import Fetch, Ledger, Loss, Version
from odatis_kg.pipeline.intake import Intake, Place
from odatis_kg.pipeline.stages import Stage
from odatis_kg.quality.reports import FileReport
from odatis_kg.times import now


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a harvest."""

    full: bool = False
    accept_drop: bool = False
    retry_quarantine: bool = False

    def most_drop(self, settings: Settings) -> float:
        """The share of a source's records that may be dropped."""
        return 1.0 if self.accept_drop else settings.harvest.most_drop


@dataclass(slots=True)
class Outcome:
    """What became of one source: its walk, the files or records it brought, and the records that went missing."""

    source: str
    walk: Walk
    harvested: list[HarvestedFile] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why it is not all well; empty when it is."""
        return self.walk.reason

    @property
    def succeeded(self) -> bool:
        """Whether everything the source has was seen, and nothing waits for a decision."""
        return self.walk.state == "complete"


class _Looked(NamedTuple):
    """A file of this run, and the look at its bytes; None when it could not be opened."""

    file: HarvestedFile
    fetch: Fetch | None


class _Seen(NamedTuple):
    """A version seen in a file; compared by the record's date of change, then by order."""

    modified: str
    number: int
    version: Version
    file: File


def harvest_files(
    paths: list[Path], source: str, intake: Intake, stage: Stage, extent: Extent = "places", most_drop: float = 1.0
) -> Harvest:
    """Bring the records of some files in.

    Records seen in these paths by an earlier run and not by this one become missing, and gone when a second run misses
    them too. A walk through a whole source (`full`) keeps what it cannot read in quarantine and its records as they were,
    and drops nothing when it would drop more than the share `most_drop`; `quarantine` reads only what is in there again.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    files = list(walk(paths))
    journal, ledger = Journal(intake.ledger), intake.ledger
    if extent == "quarantine":
        waiting = [item.identifier for item in journal.quarantined(source)]
        files = [file for file in files if any(f"{file.location}/".startswith(f"{place}/") for place in waiting)]
    this = journal.begin(intake.run, source, extent, "", now())
    harvested: dict[str, _Looked] = {}
    newest: dict[str, _Seen] = {}
    with stage("Reading", len(files)) as advance:
        for number, file in enumerate(files):
            found, _ = harvested[file.location] = _harvest_file(file, source, intake)
            as_before = [] if found.versions or extent == "places" else _as_before(file, source, journal, intake)
            for version in [*found.versions, *as_before]:
                seen = _Seen(version.modified, number, version, file)
                before = newest.get(version.key, seen)
                older, newer = sorted((before, seen), key=lambda one: one[:2])
                newest[version.key] = newer
                if older.version.sha256 != newer.version.sha256:
                    harvested[older.file.location].file.report.superseded(
                        version.kind, version.key, newer.file.shown, same_date=older.modified == newer.modified
                    )
            advance(1)
    with ledger.transaction():
        for seen in newest.values():
            this.count(ledger.see(intake.run, this.id, seen.version, seen.file.location, now()))
        if extent != "places":
            _set_apart(source, harvested, journal, intake)
        missing: list[tuple[str, str]] = []
        this.state = "complete"
        if extent != "quarantine":
            unseen = ledger.unseen(this.id, source, places(paths) if extent == "places" else None)
            once, twice = ([key for key, was in unseen if was == state] for state in ("current", "missing"))
            missing = drop(this, ledger, intake.run, once, twice, most_drop)
        this.pages = this.items = len(files)
        this.quarantined = sum(bool(one.file.report.refused) for one in harvested.values())
        this.ended = now()
        journal.save(this)
    return Harvest([one.file for one in harvested.values()], missing)


def drop(
    walk: Walk,
    ledger: Ledger,
    run: str,
    missing: Iterable[str],
    gone: Iterable[str],
    most_drop: float,
    certain: Collection[str] = (),
) -> list[tuple[str, str]]:
    """Note the records that a complete walk found missing and gone, as (key, state) by key; of the gone ones, when they are
    more than the share `most_drop` of what the source has, only those that are `certain`: the walk is then held.
    """
    gone, held = list(gone), ledger.count(walk.source)
    doubtful = sum(key not in certain for key in gone)
    if doubtful > most_drop * held:
        gone = [key for key in gone if key in certain]
        walk.state = "held"
        walk.reason = (
            f"{doubtful:,} of {held:,} records are gone, more than {most_drop:.0%} (harvest.most_drop): none is dropped. If"
            f" that is right: odatis-kg harvest {walk.source} --accept-drop"
        )
    states: dict[str, Loss] = dict.fromkeys(missing, "missing")
    for key in gone:
        states[key] = "gone"
    for key, state in sorted(states.items()):
        ledger.lose(run, walk.source, key, state, now())
        walk.count(state)
    return sorted(states.items())


def _harvest_file(file: File, source: str, intake: Intake) -> _Looked:
    """Read one file; when its bytes are known, the ledger already knows what is in it."""
    report = FileReport(file.shown)
    try:
        content = file.read(intake.settings.input.file_mb * 1_000_000)
    except UnreadableFileError as error:
        report.refuse(str(error))
        return _Looked(HarvestedFile(report, []), None)
    looked = intake.look(Place(source, file.location, file.name), content)
    with intake.ledger.transaction():
        taken = intake.note(looked)
    report.scanned(taken.fetch.records, taken.fetch.refusals)
    return _Looked(HarvestedFile(report, taken.versions), taken.fetch)


def _as_before(file: File, source: str, journal: Journal, intake: Intake) -> list[Version]:
    """The records of a file that cannot be read, or of the archive it was, as they last could be read."""
    fetches = journal.fetches_within(source, file.location)
    return [version for fetch in fetches for version in intake.ledger.sightings(fetch)]


def _set_apart(source: str, harvested: dict[str, _Looked], journal: Journal, intake: Intake) -> None:
    """Note which files could be read, and keep the others in quarantine; what is not there any more leaves it."""
    for item in journal.quarantined(source):
        journal.release(source, item.identifier)
    for location, (found, fetch) in harvested.items():
        if fetch is not None and found.versions:
            journal.hold(source, location, fetch.id, intake.scanner, Validators())
        if found.report.refused:
            sha256, size = (fetch.sha256, fetch.bytes) if fetch else ("", 0)
            reason = found.report.reason
            journal.quarantine(Quarantined(source, location, intake.run, now(), sha256, size, reason))
