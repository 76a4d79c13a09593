"""Writing: every named graph of a release into its dump; what is as it was in the release before is taken over."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import pyoxigraph as ox

from odatis_kg.config import Settings
from odatis_kg.enrich.conclusions import Conclusions, conclude, enriched_graph, mapping_statements
from odatis_kg.enrich.evidence import Evidence
from odatis_kg.harvest.archive import ArchiveError
from odatis_kg.harvest.journal import Journal
from odatis_kg.harvest.ledger import Gone, Run, Version
from odatis_kg.harvest.local_graphs import LocalGraph, graph_iri
from odatis_kg.lineage.local import LocalProvenance
from odatis_kg.lineage.runs import MappedGraph, Origin, lines
from odatis_kg.mapping.directory import Directory
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import Kind, SourceRecord
from odatis_kg.pipeline.intake import Intake
from odatis_kg.pipeline.parallel import Item, map_records
from odatis_kg.pipeline.results import Result, Results
from odatis_kg.pipeline.stages import Stage, map_safely, note, note_again
from odatis_kg.quality.reports import FileReport
from odatis_kg.queries import publication
from odatis_kg.resources import folder
from odatis_kg.store.dump import DumpWriter

MATCHES: Final = ("mappings", "keywords")
# Our own vocabularies, each in a named graph of its own, and what the graph is called.
_VOCABULARIES: Final = {
    "odk": ("The vocabulary of odatis-kg", "Le vocabulaire d'odatis-kg"),
    "terms": ("Names of the terms of other vocabularies", "Noms des termes d'autres vocabulaires"),
}


class Sources(NamedTuple):
    """What a release is written from."""

    settings: Settings
    intake: Intake
    run: Run
    mappings: Mappings
    directory: Directory
    results: Results
    local: list[tuple[LocalGraph, list[str]]]


class Writer:
    """Writes the graphs of one release."""

    def __init__(
        self, sources: Sources, dump: DumpWriter, report_of: Callable[[Version], FileReport | None], stage: Stage
    ) -> None:
        self._settings, self._intake, self._run, self._mappings, self._directory, self._results, self._local = sources
        self._iris = self._settings.iris
        self._dump = dump
        self._report_of = report_of
        self._stage = stage
        self._provenance = LocalProvenance(
            self._iris, self._mappings.prefixes, self._mappings.version, self._mappings.digest
        )
        self._matches = self._iris.graph(*MATCHES)

    def write(self, versions: list[Version], gone: list[Gone]) -> list[MappedGraph]:
        """Every graph; the record graphs among them are returned, in the order of their versions."""
        self._map(versions)
        mapped, evidence = [], Evidence(self._iris.odk)
        for version in versions:
            result = self._results.of(version)
            if result is not None and result.graph in self._dump.entries:
                evidence.add(result.evidence())
                mapped.append(MappedGraph(result.graph, result.subject, result.quads, version, result.run))
        with self._stage("Enriching", None):
            conclusions = conclude(evidence, self._iris, self._mappings.registers, self._mappings.prefixes)
            concluded = self._write_conclusions(conclusions)
        self._write_shipped()
        self._write_local()
        with self._stage("Tracing", len(mapped)) as advance:
            for one in mapped:
                self._write_origin(one, concluded)
                advance(1)
        self._write_tombstones(gone)
        self._write_runs(mapped, set(concluded.values()))
        return mapped

    # Records

    def _map(self, versions: list[Version]) -> None:
        """The record graphs: those made before on the same basis are taken over, the others are made."""
        with self._stage("Mapping", len(versions)) as advance:
            bounds = self._settings.input
            for (record, version), outcome in map_records(
                self._items(versions, advance), self._mappings, bounds.record_seconds, bounds.jobs
            ):
                if report := self._report_of(version):
                    note(report, record, outcome, version.warning)
                if outcome.mapped:
                    graph = outcome.mapped.graph
                    if self._dump.write(graph, outcome.mapped.nquads()):
                        digest = self._dump.entries[graph].digest
                        made = Result.made(self._run.id, outcome.mapped, digest, self._iris.odk)
                        self._results.keep(version, made)
                advance(1)

    def _items(self, versions: list[Version], advance: Callable[[int], None]) -> Iterator[Item[Version]]:
        """The records that have to be mapped."""
        for version in versions:
            result, report = self._results.of(version), self._report_of(version)
            if result is not None and self._dump.keep(result.graph, digest=result.digest):
                if report:
                    note_again(report, version, result.quads, *result.remarks())
                advance(1)
                continue
            try:
                yield Item(self._record(version), version)
            except ArchiveError as error:
                if report:
                    report.refuse(str(error))

    def _record(self, version: Version) -> SourceRecord:
        return SourceRecord(version.source, version.key, version.kind, self._intake.archive.get(version.sha256))

    def _write_conclusions(self, conclusions: Conclusions) -> dict[str, str]:
        """The enriched graphs, and the matches behind them; the run that first concluded each enriched graph."""
        concluded = {}
        for graph, statements in sorted(conclusions.statements.items()):
            self._dump.write(graph, lines(statements, graph))
            concluded[graph] = self._results.concluded(graph, self._dump.entries[graph].digest, self._run.id)
        rows = mapping_statements(conclusions.matches, self._iris, self._mappings.prefixes)
        self._dump.write(self._matches, lines(rows, self._matches))
        return concluded

    def _write_shipped(self) -> None:
        """What travels with the software: our vocabularies, the directory of ODATIS and the query library."""
        for name in _VOCABULARIES:
            graph = self._iris.graph("ontology", name)
            quads = ox.parse(path=str(folder("ontologies") / f"{name}.ttl"), base_iri=self._iris.base)
            triples = ((str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads)
            self._dump.write(graph, lines(triples, graph))
        for name in self._directory.files:
            graph = self._iris.graph("register", name)
            self._dump.write(graph, lines(self._directory.statements(name, self._iris), graph))
        graph = self._iris.graph(publication.GRAPH)
        self._dump.write(graph, lines(publication.statements(self._iris), graph))

    def _write_local(self) -> None:
        """What the operator states, or once stated; told apart from all else by its family."""
        for one, said in self._local:
            graph, beside = graph_iri(self._iris, one.name), self._provenance.beside(graph_iri(self._iris, one.name))
            if one.is_gone:
                gone = self._iris.graph("gone", "local", one.name)
                self._dump.write(gone, lines(self._provenance.local_tombstone(one), gone))
                continue
            self._dump.write(graph, sorted(f"{line[:-1]}<{graph}> ." for line in said), one.sha256)
            self._dump.write(beside, lines(self._provenance.local(one), beside))

    # Where it all comes from

    def _write_origin(self, mapped: MappedGraph, concluded: dict[str, str]) -> None:
        version, graph = mapped.version, self._provenance.beside(mapped.graph)
        enriched = enriched_graph(self._iris, mapped.graph)
        run = concluded.get(enriched) if enriched != mapped.graph else None
        inputs = f"{version.sha256} {version.fetch} {mapped.run} {run or ''}"
        if not self._dump.keep(graph, inputs=inputs):
            concluded_in = (enriched, run) if run else None
            triples = self._provenance.record(mapped, self._origin(version), concluded_in, self._matches)
            self._dump.write(graph, lines(triples, graph), inputs)

    def _origin(self, version: Version) -> Origin:
        fetch = self._intake.ledger.fetches([version.fetch])[version.fetch]
        if fetch.answer is None:
            return Origin(fetch)
        return Origin(fetch, Journal(self._intake.ledger).answers([fetch.answer])[fetch.answer])

    def _write_tombstones(self, gone: list[Gone]) -> None:
        """What is left of a record that is gone; nothing of a person, whose removal may have been asked for."""
        for one in gone:
            if one.version.kind is Kind.ORCID:
                continue
            result = self._results.of(one.version) or self._result_of(one.version)
            if result is None or result.graph in self._dump.entries:
                continue
            graph = self._iris.graph("gone", *result.graph.rpartition("/graph/")[2].split("/"))
            titles = [o for s, _, o in result.evidence().statements if s == f"<{result.subject}>" and o.startswith('"')]
            triples = self._provenance.tombstone(one, result.subject, titles, self._origin(one.version))
            self._dump.write(graph, lines(triples, graph))

    def _result_of(self, version: Version) -> Result | None:
        """What the last version of a gone record becomes on the present basis; None when that cannot be found out."""
        try:
            record = self._record(version)
        except ArchiveError:
            return None
        outcome = map_safely(record, self._mappings, self._settings.input.record_seconds)
        if outcome.mapped is None:
            return None
        return self._results.keep(version, Result.made(self._run.id, outcome.mapped, "", self._iris.odk))

    def _write_runs(self, mapped: Iterable[MappedGraph], concluded_in: set[str]) -> None:
        """One graph for each run that brought in, mapped or concluded something of this release, and for this run."""
        kinds: dict[str, set[Kind]] = defaultdict(set)
        for one in mapped:
            kinds[one.run].add(one.version.kind)
        ledger, provenance = self._intake.ledger, self._provenance
        for run in ledger.runs({*ledger.harvest_runs(), *kinds, *concluded_in, self._run.id}):
            triples = provenance.run(run) + provenance.mapping(run, kinds[run.id])
            if run.id == self._run.id:
                own = {self._iris.graph("ontology", name): called for name, called in _VOCABULARIES.items()}
                own |= {self._iris.graph("register", name): called for name, called in self._directory.titles().items()}
                own[self._iris.graph(publication.GRAPH)] = publication.TITLES
                triples += provenance.matches(run, self._matches) + provenance.shipped(run, own)
                triples += provenance.release(run)
            if run.id in concluded_in or run.id == self._run.id:
                triples += provenance.enrichment(run)
            graph = provenance.graph(run.id)
            self._dump.write(graph, lines(triples, graph))
