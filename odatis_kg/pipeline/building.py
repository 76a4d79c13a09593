"""Building: everything the ledger holds mapped, enriched, checked and published as a release."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from odatis_kg.config import Settings
from odatis_kg.enrich.conclusions import Conclusions, conclude, mapping_statements
from odatis_kg.enrich.evidence import Evidence
from odatis_kg.harvest.archive import Archive, ArchiveError
from odatis_kg.harvest.ledger import Ledger, Run, Version
from odatis_kg.lineage.runs import MappedGraph, ProvenanceWriter, by_run, fingerprint, lines, software
from odatis_kg.mapping import directory, registers
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import SourceRecord
from odatis_kg.pipeline.harvesting import Harvest, harvest_files
from odatis_kg.pipeline.intake import Intake
from odatis_kg.pipeline.parallel import Item, map_records
from odatis_kg.pipeline.stages import Stage, load_mappings, new_run_id, note, now
from odatis_kg.pipeline.walking import Outcome, Tell, Wanted, harvest_sources
from odatis_kg.quality.demands import demands
from odatis_kg.quality.integrity import failures
from odatis_kg.quality.reports import FileReport, summarise
from odatis_kg.quality.shacl import Shapes
from odatis_kg.resources import PACKAGE, folder
from odatis_kg.sources import AnySource
from odatis_kg.store import statistics, textindex
from odatis_kg.store.release import Draft, GraphWriter, Manifest, Release, Releases

MAPPINGS_GRAPH: Final = ("mappings", "keywords")


class BuildError(Exception):
    """A build that cannot go on; the message says why. The release before it is untouched."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a build did: the release now current, whether it is new, and what became of each file."""

    release: Release
    is_new: bool
    reports: list[FileReport]
    missing: list[tuple[str, str]]
    kept: int
    held_back: Release | None = None


def build(paths: list[Path], settings: Settings, stage: Stage) -> Build:
    """Harvest some paths, then map, enrich, check and publish everything the ledger holds; without paths, only the latter.

    Raises:
        BuildError: there is nothing to build from, or the release failed its checks.
        ReleaseError: another build is at work.
        UnreadableFileError: a path does not exist.
    """
    with _run(settings) as work:
        harvested = harvest_files(paths, settings.source, work.intake, stage) if paths else Harvest([], [])
        return work.publish(harvested, stage)


def harvest(
    sources: Mapping[str, AnySource], settings: Settings, wanted: Wanted, stage: Stage, tell: Tell
) -> list[Outcome]:
    """Harvest some sources; nothing is published.

    Raises:
        ReleaseError: another run is at work.
    """
    with _run(settings) as work:
        outcomes = harvest_sources(sources, settings, work.run.id, wanted, stage, tell)
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
        outcomes = harvest_sources(sources, settings, work.run.id, wanted, stage, tell)
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

    def publish(self, harvested: Harvest, stage: Stage) -> Build:
        outcome = _Builder(self.settings, self.releases, self.intake, self.run, harvested, stage).build()
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


# Our own vocabularies, each in a named graph of its own, and what the graph is called.
_VOCABULARIES: Final = {
    "odk": ("The vocabulary of odatis-kg", "Le vocabulaire d'odatis-kg"),
    "terms": ("Names of the terms of other vocabularies", "Noms des termes d'autres vocabulaires"),
}


class _Builder:
    """One build: what its stages share."""

    def __init__(
        self,
        settings: Settings,
        releases: Releases,
        intake: Intake,
        run: Run,
        harvested: Harvest,
        stage: Stage,
    ) -> None:
        self.settings = settings
        self.iris = settings.iris
        self.releases = releases
        self.ledger = intake.ledger
        self.archive = intake.archive
        self.run = run
        self.harvested = harvested
        self.stage = stage
        self.mappings: Mappings = load_mappings(settings.iris)
        self.directory = directory.load(folder("mappings") / "registers" / "directory")
        self.reports = [file.report for file in harvested.files]
        self._report_of = {(v.source, v.key, v.sha256): file.report for file in harvested.files for v in file.versions}

    def build(self) -> Build:
        """The release of what the ledger holds: a new one, or the current one when nothing has changed."""
        versions = self._one_of_each(self.ledger.current())
        if not versions:
            raise BuildError(self._nothing())
        mark = self._fingerprint(versions)
        current = self.releases.current()
        if current is not None and (known := self._release_of(mark, current)) is not None:
            return Build(
                current,
                is_new=False,
                reports=self._known(known),
                missing=self.harvested.missing,
                kept=0,
                held_back=known if known.id != current.id else None,
            )
        with self.releases.draft(self.run.id) as draft:
            writer = GraphWriter(draft.path)
            try:
                mapped = self._write(versions, writer)
            finally:
                writer.close()
            store = self._load(draft, writer)
            checks = self._check(draft, store, writer, mapped)
            self._index(draft, store, writer)
            del store
            release = self._publish(draft, writer, mark, checks, current)
        seen = {(version.source, version.key) for file in self.harvested.files for version in file.versions}
        kept = sum((graph.version.source, graph.version.key) not in seen for graph in mapped)
        return Build(release, is_new=True, reports=self.reports, missing=self.harvested.missing, kept=kept)

    def _release_of(self, mark: str, current: Release) -> Release | None:
        """The release that already is what would be built: the current one, or the newest one when it was rolled back."""
        newest = self.releases.all()[-1]
        return next((one for one in (current, newest) if one.manifest.fingerprint == mark), None)

    def _known(self, current: Release) -> list[FileReport]:
        """The reports of this run's files as the current release has them, for nothing was mapped again."""
        known = {str(content["path"]): FileReport.from_json(content) for content in current.report()}
        return [known.get(report.path, report) for report in self.reports]

    def _nothing(self) -> str:
        if not self.reports:
            return "there is nothing to build from yet; give files or folders of records: odatis-kg build PATH..."
        reasons = [f"{report.path}: {report.reason}" for report in self.reports if report.reason]
        more = [f"... and {len(reasons) - 10} more"] if len(reasons) > 10 else []
        return "\n  ".join(["none of the files holds a record that can be mapped:", *reasons[:10], *more])

    def _one_of_each(self, versions: list[Version]) -> list[Version]:
        """The versions to publish: a person or a vocabulary is one record whichever source has it; the newest is taken."""
        newest: dict[tuple[str, ...], Version] = {}
        for version in versions:
            is_global = version.kind.is_global
            name = (version.kind, version.key) if is_global else (version.kind, version.key, version.source)
            before = newest.get(name, version)
            older, newer = sorted((before, version), key=lambda one: (one.modified, one.source))
            newest[name] = newer
            if older is not newer and (report := self._report_of.get((older.source, older.key, older.sha256))):
                report.superseded(
                    older.kind, older.key, f"the source '{newer.source}'", same_date=older.modified == newer.modified
                )
        return sorted(newest.values(), key=lambda version: (version.source, version.key))

    def _fingerprint(self, versions: list[Version]) -> str:
        """Everything that decides what a release contains, apart from its times."""
        code = registers.digest([PACKAGE], suffixes=(".py", ".rq"))
        ontologies = registers.digest([folder("ontologies")], suffixes=(".ttl",))
        bounds = [self.settings.release.model_dump(exclude={"keep"}), self.settings.input.model_dump(exclude={"jobs"})]
        records = (f"{v.source}\n{v.key}\n{v.kind}\n{v.sha256}" for v in versions)
        return fingerprint(
            [self.settings.base_url, software(), code, self.mappings.digest, ontologies, repr(bounds), *records]
        )

    # The statements

    def _write(self, versions: list[Version], writer: GraphWriter) -> list[MappedGraph]:
        """Every graph of the release into one N-Quads file."""
        evidence = Evidence(self.iris.odk)
        mapped: list[MappedGraph] = []
        bounds = self.settings.input
        with self.stage("Mapping", len(versions)) as advance:
            items = self._items(versions)
            for (record, version), outcome in map_records(items, self.mappings, bounds.record_seconds, bounds.jobs):
                note(self._report(version), record, outcome, version.warning)
                if outcome.mapped:
                    writer.write(outcome.mapped.graph, outcome.mapped.nquads())
                    evidence.add(outcome.mapped)
                    mapped.append(
                        MappedGraph(outcome.mapped.graph, outcome.mapped.subject, outcome.mapped.quads, version)
                    )
                advance(1)
        if not mapped:
            raise BuildError(self._nothing())
        with self.stage("Enriching", None):
            conclusions = conclude(evidence, self.iris, self.mappings.registers, self.mappings.prefixes)
            self._write_conclusions(conclusions, writer)
        for name in _VOCABULARIES:
            graph = self.iris.graph("ontology", name)
            quads = ox.parse(path=str(folder("ontologies") / f"{name}.ttl"), base_iri=self.iris.base)
            writer.write(
                graph, sorted({f"{quad.subject} {quad.predicate} {quad.object} <{graph}> ." for quad in quads})
            )
        for name in self.directory.files:
            graph = self.iris.graph("register", name)
            writer.write(graph, lines(self.directory.statements(name, self.iris), graph))
        self._write_provenance(mapped, conclusions, writer)
        return mapped

    def _items(self, versions: list[Version]) -> Iterator[Item[Version]]:
        for version in versions:
            try:
                content = self.archive.get(version.sha256)
            except ArchiveError as error:
                self._report(version).refuse(str(error))
            else:
                yield Item(SourceRecord(version.source, version.key, version.kind, content), version)

    def _report(self, version: Version) -> FileReport:
        """The report of the file of this run that holds a version; one that nobody reads when an earlier run brought it in."""
        return self._report_of.get((version.source, version.key, version.sha256)) or FileReport(version.key, records=1)

    def _write_conclusions(self, conclusions: Conclusions, writer: GraphWriter) -> None:
        for graph, statements in sorted(conclusions.statements.items()):
            writer.write(graph, lines(statements, graph))
        graph = self.iris.graph(*MAPPINGS_GRAPH)
        activity = self.iris.activity(self.run.id, "enrich")
        rows = mapping_statements(conclusions.matches, self.iris, self.mappings.prefixes, activity)
        writer.write(graph, lines(rows, graph))

    def _write_provenance(self, mapped: list[MappedGraph], conclusions: Conclusions, writer: GraphWriter) -> None:
        """One graph for each run that brought in a record of this release, and for this run."""
        provenance = ProvenanceWriter(self.iris, self.mappings.prefixes, self.mappings.version, self.mappings.digest)
        versions = [graph.version for graph in mapped]
        harvests = by_run(versions, self.ledger.fetches(version.fetch for version in versions))
        for run in self.ledger.runs([*harvests, self.run.id]):
            triples = provenance.account(run) + provenance.harvest(run, harvests.get(run.id, []))
            if run.id == self.run.id:
                triples += provenance.mapping(run, mapped)
                enriched = conclusions.record_graphs(self.iris)
                triples += provenance.enrichment(run, enriched, self.iris.graph(*MAPPINGS_GRAPH))
                triples += provenance.release(run)
                own = {self.iris.graph("ontology", name): called for name, called in _VOCABULARIES.items()}
                own |= {self.iris.graph("register", name): called for name, called in self.directory.titles().items()}
                triples += provenance.shipped(run, own)
            graph = provenance.graph(run.id)
            writer.write(graph, lines(triples, graph))

    # The release

    def _load(self, draft: Draft, writer: GraphWriter) -> ox.Store:
        with self.stage("Loading", None):
            store = ox.Store(str(draft.store))
            # `lenient`: these lines are ours and valid (tests parse them strictly); it is a sixth faster.
            store.bulk_load(path=str(writer.quads_path), format=ox.RdfFormat.N_QUADS, lenient=True)
            store.bulk_load(path=str(writer.union_path), format=ox.RdfFormat.N_TRIPLES, lenient=True)
            store.flush()
            writer.union_path.unlink()
            return store

    def _check(self, draft: Draft, store: ox.Store, writer: GraphWriter, mapped: list[MappedGraph]) -> dict[str, int]:
        """Check the built store; counts of what was found are returned, the findings are in `checks.json`.

        Raises:
            BuildError: the release must not be published.
        """
        found = list(failures(store, self.iris, writer.quads))
        if found:
            shown = "\n  ".join(f"{failure.check}: {failure.detail}" for failure in found[:10])
            raise BuildError(f"the release failed its checks and is not published; the one before stays:\n  {shown}")
        records = [graph for graph in mapped if not graph.version.kind.is_global]
        every = max(1, -(-len(records) // self.settings.release.shacl_records))
        sample = records[::every] if self.settings.release.shacl else []
        remarks: dict[str, list[dict[str, str]]] = {}
        with self.stage("Checking", len(sample)) as advance:
            shapes = Shapes(folder("ontologies"), self.iris, demands(self.mappings.registers))
            for graph in sample:
                quads = store.quads_for_pattern(None, None, None, ox.NamedNode(graph.graph))
                noted = shapes.remarks((str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads)
                if noted:
                    remarks[graph.graph] = [asdict(remark) for remark in noted]
                advance(1)
        draft.write_json("checks.json", {"checked": len(sample), "remarks": remarks})
        severities = [remark["severity"] for several in remarks.values() for remark in several]
        return {
            "checked": len(sample),
            "with_remarks": len(remarks),
            "violations": severities.count("Violation"),
            "warnings": severities.count("Warning"),
        }

    def _index(self, draft: Draft, store: ox.Store, writer: GraphWriter) -> None:
        with self.stage("Indexing", None):
            counted = statistics.count(store, writer.graphs, self.iris)
            counted["things"] = textindex.build(store, draft.path / "text.sqlite", self.iris.odk)
            draft.write_json("statistics.json", counted)
            draft.write_graphs(writer.graphs)

    def _publish(
        self, draft: Draft, writer: GraphWriter, mark: str, checks: dict[str, int], current: Release | None
    ) -> Release:
        with self.stage("Publishing", None):
            draft.write_json("report.json", [asdict(report) for report in self.reports])
            manifest = Manifest(
                id=self.run.id,
                created=self.run.started,
                base_url=self.settings.base_url,
                software=self.run.software,
                mappings=self.mappings.version,
                fingerprint=mark,
                quads=writer.quads,
                graphs=len(writer.graphs),
                dump_sha256=draft.write_dump(writer.quads_path),
                previous=current.id if current else None,
                kinds={line.kind: {"records": line.records, "quads": line.quads} for line in summarise(self.reports)},
                checks=checks,
            )
            return self.releases.publish(draft, manifest)
