"""Releasing: what the ledger holds, mapped, enriched, checked and published; only what changed is made again.

What must stay true: a release made from the one before holds the same statements as one made from nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyoxigraph as ox

from odatis_kg.config import Settings
from odatis_kg.harvest.ledger import Run, Version
from odatis_kg.harvest.local_graphs import LocalGraphs
from odatis_kg.iris import digest
from odatis_kg.lineage.runs import MappedGraph, fingerprint, software
from odatis_kg.mapping import directory, registers
from odatis_kg.mapping.engine import Mappings
from odatis_kg.pipeline.harvesting import Harvest
from odatis_kg.pipeline.intake import Intake
from odatis_kg.pipeline.results import Results
from odatis_kg.pipeline.stages import Stage, load_mappings
from odatis_kg.pipeline.writing import Sources, Writer
from odatis_kg.quality.demands import demands
from odatis_kg.quality.integrity import Failure, failures, whole_failures
from odatis_kg.quality.reports import FileReport
from odatis_kg.quality.shacl import Shapes
from odatis_kg.resources import PACKAGE, folder
from odatis_kg.store import boxindex, statistics, textindex, void
from odatis_kg.store.dump import DESCRIPTION, Dump, DumpWriter
from odatis_kg.store.loading import Changes, load, load_changed
from odatis_kg.store.release import Draft, Manifest, Release, Releases

# When more of the statements are in changed graphs, loading all of them is sooner done than replacing those.
_MOST_CHANGED = 0.3


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


class Releasing:
    """The making of one release: what its stages share. `anew` makes everything from nothing."""

    def __init__(
        self, settings: Settings, releases: Releases, intake: Intake, run: Run, harvested: Harvest, stage: Stage,
        *, anew: bool = False,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.iris = settings.iris
        self.releases = releases
        self.intake = intake
        self.run = run
        self.harvested = harvested
        self.stage = stage
        self.anew = anew
        self.mappings: Mappings = load_mappings(settings.iris)
        self.directory = directory.load(folder("mappings") / "registers" / "directory")
        self.local = LocalGraphs(settings.data_dir / "local")
        self.basis = self._basis()
        self.reports = [file.report for file in harvested.files]
        self._report_of = {(v.source, v.key, v.sha256): file.report for file in harvested.files for v in file.versions}

    def build(self) -> Build:
        """The release of what the ledger holds: a new one, or the current one when nothing has changed."""
        versions = self._one_of_each(self.intake.ledger.current())
        if not versions:
            raise BuildError(self._nothing())
        mark = self._mark(versions)
        current = self.releases.current()
        if current is not None and not self.anew and (known := self._release_of(mark, current)) is not None:
            return Build(
                current,
                is_new=False,
                reports=self._known(known),
                missing=self.harvested.missing,
                kept=0,
                held_back=known if known.id != current.id else None,
            )
        local = self.local.whole()
        base = current if current and not self.anew and current.manifest.basis == self.basis else None
        with self.releases.draft(self.run.id) as draft:
            writer = DumpWriter(draft.path, base.statements if base else None)
            sources = Sources(
                self.settings,
                self.intake,
                self.run,
                self.mappings,
                self.directory,
                Results(self.intake.ledger, self.basis),
                local,
            )
            mapped = Writer(sources, writer, self._report, self.stage).write(versions, self.intake.ledger.gone())
            if not mapped:
                raise BuildError(self._nothing())
            dump, sha256 = writer.close()
            store, changes = self._load(draft, dump, writer, base)
            checks = self._check(draft, store, dump, writer, mapped, changes, base)
            self._index(draft, store, dump, changes, base)
            del store
            release = self._publish(draft, dump, sha256, mark, mapped, checks, current)
        seen = {(version.source, version.key) for file in self.harvested.files for version in file.versions}
        kept = sum((graph.version.source, graph.version.key) not in seen for graph in mapped)
        return Build(release, is_new=True, reports=self.reports, missing=self.harvested.missing, kept=kept)

    # What is known already

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
            if older is not newer and (report := self._report(older)):
                report.superseded(
                    older.kind, older.key, f"the source '{newer.source}'", same_date=older.modified == newer.modified
                )
        return sorted(newest.values(), key=lambda version: (version.source, version.key))

    def _basis(self) -> str:
        """Everything but the record that decides what becomes of a record."""
        code = registers.digest([PACKAGE], suffixes=(".py", ".rq"))
        ontologies = registers.digest([folder("ontologies")], suffixes=(".ttl",))
        bounds = repr(self.settings.input.model_dump(exclude={"jobs"}))
        return fingerprint([self.settings.base_url, software(), code, self.mappings.digest, ontologies, bounds])

    def _mark(self, versions: list[Version]) -> str:
        """Everything that decides what a release contains, apart from its times."""
        records = (f"{v.source}\n{v.key}\n{v.kind}\n{v.sha256}" for v in versions)
        gone = (f"gone\n{one.version.source}\n{one.version.key}\n{one.at}" for one in self.intake.ledger.gone())
        local = (f"local\n{graph.mark}" for graph in self.local.all())
        bounds = repr(self.settings.release.model_dump(exclude={"keep"}))
        return fingerprint([self.basis, bounds, *records, *gone, *local])

    def _report(self, version: Version) -> FileReport | None:
        """The report of the file of this run that holds a version; None when an earlier run brought it in."""
        return self._report_of.get((version.source, version.key, version.sha256))

    # The release

    def _load(
        self, draft: Draft, dump: Dump, writer: DumpWriter, base: Release | None
    ) -> tuple[ox.Store, Changes | None]:
        """The store, and what changed in it when it was made from that of the release before."""
        with self.stage("Loading", None):
            if base is not None and writer.before is not None:
                graphs, before = writer.changed | writer.removed, writer.before
                size = sum(
                    entries[graph].quads
                    for entries in (dump.entries, before.entries)
                    for graph in graphs & entries.keys()
                )
                if size <= _MOST_CHANGED * dump.quads:
                    return load_changed(base.store, draft.store, before, dump, graphs)
            return load(dump, draft.store), None

    def _check(
        self,
        draft: Draft,
        store: ox.Store,
        dump: Dump,
        writer: DumpWriter,
        mapped: list[MappedGraph],
        changes: Changes | None,
        base: Release | None,
    ) -> dict[str, int]:
        """Check the built store; counts of what was found are returned, the findings are in `checks.json`.

        Raises:
            BuildError: the release must not be published.
        """
        found: list[Failure] = list(failures(store, self.iris, dump.entries))
        if changes is None or base is None:
            found += whole_failures(store, self.iris, dump.quads)
        elif base.manifest.quads + changes.quads != dump.quads:
            found.append(
                Failure("complete", f"{base.manifest.quads:,} {changes.quads:+,} is not {dump.quads:,} statements")
            )
        if found:
            shown = "\n  ".join(f"{failure.check}: {failure.detail}" for failure in found[:10])
            raise BuildError(f"the release failed its checks and is not published; the one before stays:\n  {shown}")
        records = [graph.graph for graph in mapped if not graph.version.kind.is_global]
        # By a digest of the name: as good as chance, and the same ones again when some records come or go.
        most = self.settings.release.shacl_records if self.settings.release.shacl else 0
        sample = sorted(sorted(records, key=digest)[:most])
        noted = self._remarks(store, sample, writer.changed, base.checks() if base else {})
        draft.write_json("checks.json", {"checked": len(sample), "graphs": sample, "remarks": noted})
        severities = [remark["severity"] for several in noted.values() for remark in several]
        return {
            "checked": len(sample),
            "with_remarks": len(noted),
            "violations": severities.count("Violation"),
            "warnings": severities.count("Warning"),
        }

    def _remarks(
        self, store: ox.Store, sample: Iterable[str], changed: set[str], before: Mapping[str, Any]
    ) -> dict[str, list[dict[str, Any]]]:
        """What the shapes say of each record graph that has remarks; unchanged ones have those of the release before."""
        known = (set(before.get("graphs", ())) - changed).intersection(sample)
        todo = [graph for graph in sample if graph not in known]
        remarks = {graph: noted for graph, noted in before.get("remarks", {}).items() if graph in known}
        with self.stage("Checking", len(todo)) as advance:
            shapes = Shapes(folder("ontologies"), self.iris, demands(self.mappings.registers)) if todo else None
            for graph in todo:
                assert shapes is not None
                quads = store.quads_for_pattern(None, None, None, ox.NamedNode(graph))
                noted = shapes.remarks((str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads)
                if noted:
                    remarks[graph] = [asdict(remark) for remark in noted]
                advance(1)
        return remarks

    def _index(self, draft: Draft, store: ox.Store, dump: Dump, changes: Changes | None, base: Release | None) -> None:
        with self.stage("Indexing", None):
            path, odk = draft.path / "text.sqlite", self.iris.odk
            if changes is None or base is None:
                counted = statistics.count(store, dump.digests, self.iris)
                things = textindex.build(store, path, odk)
                boxindex.build(store, path, odk)
            else:
                before = ox.Store.read_only(str(base.store))
                counted = statistics.update(base.statistics(), before, store, changes, dump.digests, self.iris)
                things = textindex.update(store, before, base.text_index, path, odk, changes.subjects)
                boxindex.update(store, path, odk, changes.subjects)
                del before
            draft.write_json("statistics.json", counted | {"things": things})
            said = void.describe(counted, self.run.id, self.run.started, void.examples(store, self.iris), self.iris)
            void.write(store, draft.path / DESCRIPTION, said, base.description if base and changes else None)
            if changes is None:
                # Loading and describing leave layers that every look-up on disk goes through: without them a join takes half
                # to three quarters of the time. It takes 3 s for a million statements, which a few changes are not worth.
                store.optimize()

    def _publish(
        self,
        draft: Draft,
        dump: Dump,
        sha256: str,
        mark: str,
        mapped: list[MappedGraph],
        checks: dict[str, int],
        current: Release | None,
    ) -> Release:
        with self.stage("Publishing", None):
            draft.write_json("report.json", [asdict(report) for report in self.reports])
            kinds: dict[str, dict[str, float]] = {}
            for graph in mapped:
                kind = kinds.setdefault(graph.version.kind, {"records": 0, "quads": 0})
                kind["records"] += 1
                kind["quads"] += graph.quads
            manifest = Manifest(
                id=self.run.id,
                created=self.run.started,
                base_url=self.settings.base_url,
                software=self.run.software,
                mappings=self.mappings.version,
                fingerprint=mark,
                basis=self.basis,
                quads=dump.quads,
                graphs=len(dump.entries),
                dump_sha256=sha256,
                previous=current.id if current else None,
                kinds=dict(sorted(kinds.items())),
                checks=checks,
            )
            return self.releases.publish(draft, manifest)
