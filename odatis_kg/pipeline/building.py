"""Runs: what may be asked of the pipeline, one at a time in a data directory: build, harvest, sync."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from odatis_kg.config import Settings
from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.ledger import Ledger, Run
from odatis_kg.lineage.runs import software
from odatis_kg.pipeline.harvesting import Harvest, Outcome, Wanted, harvest_files
from odatis_kg.pipeline.intake import Intake
from odatis_kg.pipeline.releasing import Build, Releasing
from odatis_kg.pipeline.stages import Stage, Tell, new_run_id
from odatis_kg.sources import AnySource
from odatis_kg.store.release import Releases
from odatis_kg.times import now


def build(paths: list[Path], settings: Settings, stage: Stage, *, anew: bool = False) -> Build:
    """Harvest some paths, then map, enrich, check and publish everything the ledger holds; without paths, only the latter.

    `anew` makes everything from nothing, even when nothing has changed.

    Raises:
        BuildError: there is nothing to build from, or the release failed its checks.
        ReleaseError: another run is at work.
        UnreadableFileError: a path does not exist.
    """
    with _run(settings) as work:
        harvested = harvest_files(paths, settings.source, work.intake, stage) if paths else Harvest([], [])
        return work.publish(harvested, stage, anew=anew)


def harvest(
    sources: Mapping[str, AnySource], settings: Settings, wanted: Wanted, stage: Stage, tell: Tell
) -> list[Outcome]:
    """Harvest some sources; nothing is published.

    Raises:
        ReleaseError: another run is at work.
    """
    with _run(settings) as work:
        outcomes = work.harvest(sources, wanted, stage, tell)
        work.state = "harvested"
        return outcomes


def sync(
    sources: Mapping[str, AnySource], settings: Settings, wanted: Wanted, stage: Stage, tell: Tell
) -> tuple[list[Outcome], Build | None]:
    """Harvest some sources, then publish what changed; no release when there is no record at all and a source failed.

    Raises:
        BuildError, ReleaseError: as for `build`.
    """
    with _run(settings) as work:
        outcomes = work.harvest(sources, wanted, stage, tell)
        if not work.intake.ledger.current() and not all(outcome.succeeded for outcome in outcomes):
            return outcomes, None
        harvested = Harvest(
            [file for outcome in outcomes for file in outcome.harvested],
            [lost for outcome in outcomes for lost in outcome.missing],
        )
        return outcomes, work.publish(harvested, stage)


@dataclass(slots=True)
class _Work:
    """A run under way: the one that may write in its data directory."""

    settings: Settings
    releases: Releases
    intake: Intake
    run: Run
    state: str = "failed"

    def harvest(self, sources: Mapping[str, AnySource], wanted: Wanted, stage: Stage, tell: Tell) -> list[Outcome]:
        from odatis_kg.pipeline.walking import harvest_sources  # HTTP and its clients, which only a harvest needs

        return harvest_sources(sources, self.settings, self.run.id, wanted, stage, tell)

    def publish(self, harvested: Harvest, stage: Stage, *, anew: bool = False) -> Build:
        outcome = Releasing(self.settings, self.releases, self.intake, self.run, harvested, stage, anew=anew).build()
        self.state = "published" if outcome.is_new else "unchanged"
        return outcome


@contextmanager
def _run(settings: Settings) -> Iterator[_Work]:
    releases = Releases(settings.data_dir)
    with releases.building(), Ledger(settings.data_dir / "ledger.sqlite") as ledger:
        run = Run(new_run_id(), software(), now(), "", "running")
        ledger.begin_run(run)
        work = _Work(settings, releases, Intake(settings, ledger, Archive(settings.data_dir / "raw"), run.id), run)
        try:
            yield work
        finally:
            ledger.end_run(run.id, now(), work.state)
