"""Harvest of configured sources: each one walked page by page into the archive and the ledger.

What must stay true: what a page brought and the place to go on from are written together, so that a harvest killed at any
instant loses nothing and doubles nothing; a record is gone only when two complete walks in a row did not see it, or when
its source says so; one bad record, one bad source or a fault of ours never stops the others.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from odatis_kg.config import Settings
from odatis_kg.harvest.archive import Archive, ArchiveError
from odatis_kg.harvest.client import Client, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.clients import client_for
from odatis_kg.harvest.folder import UnreadableFileError
from odatis_kg.harvest.http import FetchError, Http, Pace
from odatis_kg.harvest.journal import Extent, Journal, Quarantined, Walk
from odatis_kg.harvest.ledger import Ledger, Version
from odatis_kg.pipeline.harvesting import HarvestedFile, Outcome, Wanted, drop, harvest_files
from odatis_kg.pipeline.intake import Intake, Looked, Place
from odatis_kg.pipeline.stages import Stage, Tell
from odatis_kg.quality.reports import FileReport
from odatis_kg.sources import AnySource, FolderSource, OrcidSource, WebSource
from odatis_kg.times import now, written

_OVERLAP: Final = timedelta(hours=1)  # asked for again, for clocks differ and catalogues index late


def harvest_sources(
    sources: Mapping[str, AnySource], settings: Settings, run: str, wanted: Wanted, stage: Stage, tell: Tell
) -> list[Outcome]:
    """Harvest some sources: hosts side by side, each with one request at a time; persons last, for the others cite them."""
    outcomes: list[Outcome] = []
    persons = {name: source for name, source in sources.items() if isinstance(source, OrcidSource)}
    others = {name: source for name, source in sources.items() if name not in persons}
    for group in (others, persons):
        hosts: dict[str, list[str]] = defaultdict(list)
        for name, source in group.items():
            hosts[urlsplit(source.url).netloc.lower() if isinstance(source, WebSource) else ""].append(name)

        def harvest_host(names: list[str], group: Mapping[str, AnySource] = group) -> list[Outcome]:
            pace = Pace()
            with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
                intake = Intake(settings, ledger, Archive(settings.data_dir / "raw"), run)
                return [_harvest(name, group[name], intake, wanted, pace, stage, tell) for name in names]

        with ThreadPoolExecutor(settings.harvest.hosts) as threads:
            for found in threads.map(harvest_host, hosts.values()):
                outcomes += found
    found_of = {outcome.source: outcome for outcome in outcomes}
    return [found_of[name] for name in sources]


def _harvest(
    name: str, source: AnySource, intake: Intake, wanted: Wanted, pace: Pace, stage: Stage, tell: Tell
) -> Outcome:
    tell("harvest-began", {"source": name, "protocol": getattr(source, "protocol", "")})
    try:
        if isinstance(source, FolderSource):
            outcome = _harvest_folder(name, list(source.paths), intake, wanted, stage, tell)
        else:
            assert isinstance(source, WebSource)
            http = Http(source, intake.settings.harvest.contact, pace)
            try:
                outcome = _Walker(name, source, client_for(source, http), intake, wanted, stage, tell).walk()
            finally:
                http.close()
    except Exception as error:
        reason = f"a fault of odatis-kg, please report it: {type(error).__name__}: {error}"
        outcome = _failed(name, intake, reason)
    told = ("state", "extent", "items", "new", "changed", "missing", "gone", "quarantined")
    facts: dict[str, object] = {"source": name} | {one: getattr(outcome.walk, one) for one in told}
    tell("harvest-ended", facts | ({"reason": outcome.reason} if outcome.reason else {}))
    return outcome


def _harvest_folder(name: str, paths: list[Path], intake: Intake, wanted: Wanted, stage: Stage, tell: Tell) -> Outcome:
    extent: Extent = "quarantine" if wanted.retry_quarantine else "full"
    try:
        found = harvest_files(paths, name, intake, stage, extent, wanted.most_drop(intake.settings))
    except UnreadableFileError as error:
        return _failed(name, intake, str(error))
    for file in found.files:
        if file.report.refused:
            tell("quarantined", {"source": name, "item": file.report.path, "reason": file.report.reason})
    walk = Journal(intake.ledger).walks(name)[0]
    return Outcome(name, walk, found.files, found.missing)


def _failed(name: str, intake: Intake, reason: str) -> Outcome:
    return Outcome(name, Journal(intake.ledger).fail(intake.run, name, reason, now()))


class _Known:
    """What the ledger knows of a source, as its client may ask."""

    def __init__(self, name: str, intake: Intake, journal: Journal) -> None:
        self._name, self._intake, self._journal = name, intake, journal

    def validators(self, identifier: str) -> Validators:
        """For a conditional request."""
        return self._journal.validators(self._name, identifier, self._intake.scanner)

    def cited_persons(self) -> list[str]:
        """The ORCID iDs that records cite."""
        return self._intake.ledger.cited_persons()


class _Walker:
    """One walk through one source."""

    def __init__(
        self, name: str, source: WebSource, client: Client, intake: Intake, wanted: Wanted, stage: Stage, tell: Tell
    ) -> None:
        self.name = name
        self.source = source
        self.client = client
        self.intake = intake
        self.ledger = intake.ledger
        self.journal = Journal(intake.ledger)
        self.wanted = wanted
        self.stage = stage
        self.tell = tell
        self.report = FileReport(name)
        self.versions: list[Version] = []

    def walk(self) -> Outcome:
        """Walk, and say what came of it."""
        walk, start = self._begin()
        missing: list[tuple[str, str]] = []
        resumable = False
        try:
            pages = self._again() if self.wanted.retry_quarantine else self.client.pages(start)
            self._take_all(walk, pages)
        except HarvestError as error:
            walk.state, walk.reason = "incomplete", str(error)
        except FetchError as error:
            walk.state, walk.reason, resumable = "failed", str(error), error.temporary
        except OSError as error:
            walk.state, walk.reason, resumable = "failed", f"this machine: {error}", True
        else:
            walk.state = "complete"
        with self.ledger.transaction():
            if walk.state == "complete":
                missing = self._drop(walk)
            if not resumable:
                walk.checkpoint = None
            walk.ended = now()
            self.journal.save(walk)
        self.report.records = walk.items
        for item in self.journal.quarantined(self.name):
            self.report.refuse(f"{item.identifier}: {item.reason}")
        if walk.state != "complete":
            self.report.refuse(walk.reason)
        return Outcome(self.name, walk, [HarvestedFile(self.report, self.versions)], missing)

    # Where to begin

    def _begin(self) -> tuple[Walk, Start]:
        """The walk that was cut off, gone on with; or a new one, of everything or of what changed."""
        walks = [walk for walk in self.journal.walks(self.name) if walk.extent != "quarantine"]
        known = _Known(self.name, self.intake, self.journal)
        last = walks[0] if walks else None
        started = datetime.now(UTC)
        if self.wanted.retry_quarantine:
            return self.journal.begin(self.intake.run, self.name, "quarantine", "", now()), Start(known)
        if (
            last
            and last.state in ("running", "failed")
            and last.checkpoint is not None
            and not (self.wanted.full and last.extent != "full")
            and started - _moment(last.started) < timedelta(hours=self.intake.settings.harvest.resume_hours)
        ):
            last.state, last.reason = "running", ""
            self.tell("harvest-resumed", {"source": self.name, "items": last.items, "began": last.started})
            return last, Start(known, last.checkpoint, last.since)
        since = self._since(walks, started)
        walk = self.journal.begin(self.intake.run, self.name, "changes" if since else "full", since, now())
        return walk, Start(known, None, since)

    def _since(self, walks: list[Walk], started: datetime) -> str:
        """Since when changes are asked for; empty when everything is."""
        done = [walk for walk in walks if walk.state in ("complete", "held") and walk.extent in ("full", "changes")]
        whole = next((walk for walk in done if walk.extent == "full"), None)
        if self.wanted.full or not self.client.incremental or whole is None:
            return ""
        if whole.state == "held":  # only another look at everything shows what is gone, and that it still waits
            return ""
        if started - _moment(whole.started) >= timedelta(days=self.source.full_every_days):
            return ""
        return written(_moment(done[0].started) - _OVERLAP)

    # What comes

    def _take_all(self, walk: Walk, pages: Iterator[Page]) -> None:
        with self.stage(self.name, None) as advance:
            for page in pages:
                self._take(walk, page)
                advance(len(page.items) + len(page.unchanged))
                facts: dict[str, object] = {"source": self.name, "items": walk.items, "total": page.total}
                self.tell("page", facts | ({"remarks": list(page.remarks)} if page.remarks else {}))

    def _take(self, walk: Walk, page: Page) -> None:
        """Everything a page brought, and where to go on, in one transaction; what takes time happens before it."""
        sha256 = self.intake.archive.put(page.answer.content)
        looked = [(item, self._look(item)) for item in page.items]
        with self.ledger.transaction():
            answer = self.journal.add_answer(self.intake.run, walk, page.answer, sha256)
            alone = Validators(page.answer.etag, page.answer.last_modified) if len(looked) == 1 else Validators()
            for item, look in looked:
                self._note(walk, item, look, answer.id, alone)
            for identifier in page.unchanged:
                self._see_again(walk, identifier)
            walk.pages += 1
            walk.items += len(page.items) + len(page.unchanged)
            walk.checkpoint = page.checkpoint
            self.journal.save(walk)

    def _look(self, item: Item) -> Looked | None:
        if item.content is None:
            return None
        return self.intake.look(Place(self.name, item.identifier, item.identifier), item.content)

    def _note(self, walk: Walk, item: Item, looked: Looked | None, answer: int, validators: Validators) -> None:
        if looked is None:
            if item.is_deleted:
                self.journal.delete(self.name, item.identifier)
                self.journal.release(self.name, item.identifier)
            else:
                self._quarantine(walk, item.identifier, item.reason)
            return
        fetch, versions = self.intake.note(looked, answer)
        if versions:
            self.journal.hold(self.name, item.identifier, fetch.id, self.intake.scanner, validators)
            for version in versions:
                self._see(walk, version, item.identifier)
        if fetch.refusals or not versions:
            reason = "; ".join(map(str, fetch.refusals)) or "there is no record in it"
            self._quarantine(walk, item.identifier, reason, looked.sha256, looked.size, readable=bool(versions))

    def _see(self, walk: Walk, version: Version, identifier: str) -> None:
        what = self.ledger.see(self.intake.run, walk.id, version, identifier, now())
        walk.count(what)
        if what:
            self.versions.append(version)

    def _see_again(self, walk: Walk, identifier: str) -> None:
        """The records of an item are still there, as they last could be read."""
        fetch = self.journal.fetch_of(self.name, identifier)
        for version in self.ledger.sightings(fetch) if fetch is not None else ():
            self._see(walk, version, identifier)

    def _quarantine(
        self, walk: Walk, identifier: str, reason: str, sha256: str = "", size: int = 0, *, readable: bool = False
    ) -> None:
        walk.quarantined += 1
        if not readable:
            self._see_again(walk, identifier)
        self.journal.quarantine(Quarantined(self.name, identifier, self.intake.run, now(), sha256, size, reason))
        self.tell("quarantined", {"source": self.name, "item": identifier, "reason": reason})

    # What does not come any more

    def _drop(self, walk: Walk) -> list[tuple[str, str]]:
        """Note what a complete walk did not see, and what the source said is deleted; (key, new state) of each."""
        deleted: set[str] = set()
        for fetch in self.journal.deleted(self.name):
            deleted |= {version.key for version in self.ledger.sightings(fetch)}
        unseen = self.ledger.unseen(walk.id, self.name)
        whole = walk.extent == "full"
        if whole:
            self.journal.release_unseen(self.name, walk.started)
        gone = [key for key, state in unseen if key in deleted or (whole and state == "missing")]
        missing = [key for key, state in unseen if whole and state == "current" and key not in deleted]
        # Who asks not to be here any more does not wait for somebody to agree.
        certain = deleted if isinstance(self.source, OrcidSource) else ()
        most_drop = self.wanted.most_drop(self.intake.settings)
        return drop(walk, self.ledger, self.intake.run, missing, gone, most_drop, certain)

    # The quarantine

    def _again(self) -> Iterator[Page]:
        """The items in quarantine, asked for again where the protocol can, else read again as they came."""
        for item in self.journal.quarantined(self.name):
            page = self.client.one(item.identifier)
            if not page.items and item.sha256:
                try:
                    content = self.intake.archive.get(item.sha256)
                except ArchiveError as error:
                    raise HarvestError(str(error)) from None
                page = Page(page.answer, (Item(item.identifier, content),))
            yield page


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
