"""Runs: what may be asked of the pipeline, one at a time in a data directory: build, harvest, sync, local graphs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from odatis_kg.config import Settings
from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.ledger import Ledger, Run
from odatis_kg.harvest.local_graphs import Author, LocalGraph, LocalGraphError, LocalGraphs, checked_name
from odatis_kg.iris import is_segment
from odatis_kg.lineage.runs import software
from odatis_kg.pipeline.harvesting import Harvest, Outcome, Wanted, harvest_files
from odatis_kg.pipeline.intake import Intake
from odatis_kg.pipeline.releasing import Build, BuildError, Releasing
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


@dataclass(frozen=True, slots=True)
class LocalChange:
    """What became of a local graph: how it is now, whether that is new, and the build that published it, if one did."""

    graph: LocalGraph
    is_new: bool
    build: Build | None


def put_graph(
    settings: Settings, name: str, files: Sequence[Path], stage: Stage, *, by: str = "", publish: bool = True
) -> LocalChange:
    """Make a local graph of what some files state, and publish; when it cannot be published it is as it was before.

    Raises:
        LocalGraphError: the name or a file cannot be used.
        BuildError: the release failed its checks.
        ReleaseError: another run is at work.
    """
    with _run(settings) as work:
        archive, bound = work.intake.archive, settings.input.file_mb
        return work.change_graph(
            name,
            lambda graphs, author: graphs.put(name, files, settings.iris, archive, author, bound),
            by,
            publish,
            stage,
        )


def delete_graph(settings: Settings, name: str, stage: Stage, *, by: str = "", publish: bool = True) -> LocalChange:
    """Delete a local graph, and publish; errors as for `put_graph`."""
    with _run(settings) as work:
        return work.change_graph(name, lambda graphs, author: graphs.delete(name, author), by, publish, stage)


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

    def change_graph(
        self, name: str, change: Callable[[LocalGraphs, Author], LocalGraph], by: str, publish: bool, stage: Stage
    ) -> LocalChange:
        if by and not is_segment(by):
            raise LocalGraphError(f"'{by}' cannot be the name of an account: 1 to 64 letters, digits, '.', '_' or '-'")
        graphs = LocalGraphs(self.settings.data_dir / "local")
        before = graphs.get(checked_name(name))
        after = change(graphs, Author(self.run.id, self.run.software, by))
        self.state, built = "kept", None
        # Without a single record there is nothing to publish it with yet.
        if publish and self.intake.ledger.current():
            self.state = "failed"
            try:
                built = self.publish(Harvest([], []), stage)
            except BuildError:
                graphs.restore(name, before)
                raise
        graphs.tidy()
        return LocalChange(after, after != before, built)


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
