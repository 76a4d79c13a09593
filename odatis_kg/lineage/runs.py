"""The provenance of the pipeline as PROV-O: one named graph a run, from any named graph back to the raw bytes.

The chain, as property paths: graph `prov:wasDerivedFrom` source record version `spdx:checksum/spdx:checksumValue` and
`odk:archivedAs`; version `prov:hadPrimarySource` the file it was found in, `prov:wasGeneratedBy` the harvest, which is
`dct:isPartOf` the run; graph `prov:wasGeneratedBy` the mapping activity, whose `prov:qualifiedAssociation` names the
software and the mapping set (`prov:hadPlan`) with their versions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from odatis_kg import __version__
from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.ledger import Fetch, Run, Version
from odatis_kg.iris import Iris, digest
from odatis_kg.mapping import values
from odatis_kg.mapping.kinds import Kind
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import expand

Triples = list[tuple[Term, Term, Term]]

SHA256: Final = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"


@dataclass(frozen=True, slots=True)
class MappedGraph:
    """A record graph of a release: its name, what it is about, its size, and the source record version it says."""

    graph: str
    subject: str
    quads: int
    version: Version


class ProvenanceWriter:
    """Writes the provenance of runs for one deployment."""

    def __init__(self, iris: Iris, prefixes: dict[str, str], mappings: str, mappings_digest: str) -> None:
        self._iris = iris
        self._prefixes = prefixes
        self._mappings = mappings
        self._digest = mappings_digest

    def graph(self, run: str) -> str:
        """The named graph of a run."""
        return self._iris.graph("prov", run)

    def account(self, run: Run) -> Triples:
        """What the graph of a run is: the pipeline's own account of it."""
        graph = values.iri(self.graph(run.id))
        return [
            *self._types(graph, "prov:Entity"),
            *self._labels(graph, f"Provenance of run {run.id}", f"Provenance de l'exécution {run.id}"),
            (graph, self._name("prov:wasGeneratedBy"), self._activity(run.id)),
        ]

    def shipped(self, run: Run, graphs: Mapping[str, tuple[str, str]]) -> Triples:
        """The named graphs of what travels with the software (vocabularies, directory), with names in English and French."""
        triples: Triples = []
        for name, (english, french) in graphs.items():
            graph = values.iri(name)
            triples += [
                *self._types(graph, "prov:Entity"),
                *self._labels(graph, english, french),
                (graph, self._name("prov:wasAttributedTo"), self._software(run.software)),
            ]
        return triples

    def harvest(self, run: Run, fetched: Iterable[tuple[Version, Fetch]]) -> Triples:
        """A run and the source record versions it brought in first."""
        triples = self._run(run)
        harvest = self._activity(run.id, "harvest")
        triples += [
            *self._types(harvest, "prov:Activity"),
            (harvest, self._name("dct:isPartOf"), self._activity(run.id)),
            (harvest, self._name("rdfs:label"), values.text(f"Harvest of run {run.id}", "en")),
            (harvest, self._name("prov:startedAtTime"), values.typed(run.started, "dateTime")),
            (harvest, self._name("prov:wasAssociatedWith"), self._software(run.software)),
        ]
        for version, fetch in fetched:
            triples += self._version(version, fetch, harvest)
        return triples

    def mapping(self, run: Run, graphs: Iterable[MappedGraph]) -> Triples:
        """The mapping of record graphs in a run: one activity for each kind of record."""
        triples: Triples = []
        kinds: set[Kind] = set()
        for mapped in graphs:
            kinds.add(mapped.version.kind)
            graph = values.iri(mapped.graph)
            triples += [
                *self._types(graph, "prov:Entity", "odk:RecordGraph"),
                *self._labels(
                    graph,
                    f"What the record {mapped.version.key} of {mapped.version.source} says",
                    f"Ce que dit la fiche {mapped.version.key} de {mapped.version.source}",
                ),
                (graph, self._name("prov:wasDerivedFrom"), self.version(mapped.version)),
                (graph, self._name("prov:wasGeneratedBy"), self._activity(run.id, f"map-{mapped.version.kind}")),
                (graph, self._name("foaf:primaryTopic"), values.iri(mapped.subject)),
                (graph, self._name("odk:quads"), values.integer(mapped.quads)),
            ]
        for kind in sorted(kinds):
            triples += self._mapping_activity(run, kind)
        return triples

    def enrichment(self, run: Run, graphs: Iterable[tuple[str, str]], mappings_graph: str) -> Triples:
        """The enrichment of a run: each enriched graph with the record graph it is about."""
        activity = self._activity(run.id, "enrich")
        triples: Triples = [
            *self._types(activity, "prov:Activity"),
            (activity, self._name("dct:isPartOf"), self._activity(run.id)),
            (activity, self._name("rdfs:label"), values.text(f"Enrichment in run {run.id}", "en")),
            (activity, self._name("prov:startedAtTime"), values.typed(run.started, "dateTime")),
            (activity, self._name("prov:wasAssociatedWith"), self._software(run.software)),
        ]
        for enriched, record in graphs:
            graph = values.iri(enriched)
            triples += [
                *self._types(graph, "prov:Entity", "odk:EnrichedGraph"),
                *self._labels(
                    graph,
                    f"What was concluded about {enriched.rpartition('/graph/enriched/')[2]}",
                    f"Ce qui a été conclu sur {enriched.rpartition('/graph/enriched/')[2]}",
                ),
                (graph, self._name("prov:wasDerivedFrom"), values.iri(record)),
                (graph, self._name("prov:wasDerivedFrom"), values.iri(mappings_graph)),
                (graph, self._name("prov:wasGeneratedBy"), activity),
            ]
        mappings = values.iri(mappings_graph)
        triples += [
            *self._types(mappings, "prov:Entity"),
            *self._labels(mappings, "Keywords matched to concepts", "Mots-clés rapprochés de concepts"),
            (mappings, self._name("prov:wasGeneratedBy"), activity),
        ]
        return triples

    def release(self, run: Run) -> Triples:
        """The release a run published."""
        release = values.iri(self._iris.thing("release", "odatis-kg", run.id))
        publish = self._activity(run.id, "publish")
        return [
            *self._types(publish, "prov:Activity"),
            (publish, self._name("dct:isPartOf"), self._activity(run.id)),
            (publish, self._name("rdfs:label"), values.text(f"Publication of run {run.id}", "en")),
            *self._types(release, "prov:Entity", "odk:Release"),
            (release, self._name("rdfs:label"), values.text(f"Release {run.id}", "en")),
            (release, self._name("prov:wasGeneratedBy"), publish),
        ]

    def version(self, version: Version) -> Term:
        """The node of a source record version."""
        return values.iri(self._iris.thing("source-record", version.source, version.key, version.sha256[:16]))

    def enrich_activity(self, run: str) -> str:
        """The IRI of the enrichment of a run."""
        return self._iris.activity(run, "enrich")

    # Parts

    def _run(self, run: Run) -> Triples:
        node = self._activity(run.id)
        software = self._software(run.software)
        name, _, version = run.software.partition(" ")
        return [
            *self._types(node, "prov:Activity", "odk:Run"),
            (node, self._name("rdfs:label"), values.text(f"Run {run.id}", "en")),
            (node, self._name("prov:startedAtTime"), values.typed(run.started, "dateTime")),
            (node, self._name("prov:wasAssociatedWith"), software),
            *self._types(software, "prov:SoftwareAgent"),
            (software, self._name("foaf:name"), values.text(name)),
            (software, self._name("dcat:version"), values.text(version)),
        ]

    def _version(self, version: Version, fetch: Fetch, harvest: Term) -> Triples:
        node = self.version(version)
        file = values.iri(self._iris.thing("source-file", fetch.source, fetch.location))
        checksum = self._part(node, "sha256")
        return [
            *self._types(node, "prov:Entity", "odk:SourceRecord"),
            *self._labels(
                node,
                f"Record {version.key} of {version.source}, version {version.sha256[:8]}",
                f"Fiche {version.key} de {version.source}, version {version.sha256[:8]}",
            ),
            (node, self._name("odk:source"), values.text(version.source)),
            (node, self._name("odk:recordKey"), values.text(version.key)),
            (node, self._name("dct:conformsTo"), values.text(version.kind)),
            (node, self._name("prov:wasGeneratedBy"), harvest),
            (node, self._name("prov:generatedAtTime"), values.typed(fetch.retrieved, "dateTime")),
            (node, self._name("prov:hadPrimarySource"), file),
            (node, self._name("dcat:byteSize"), values.typed(str(version.bytes), "nonNegativeInteger")),
            (node, self._name("odk:archivedAs"), values.text(Archive.name(version.sha256))),
            (node, self._name("spdx:checksum"), checksum),
            *self._checksum(checksum, version.sha256),
            *self._types(file, "prov:Entity", "odk:SourceFile"),
            (file, self._name("rdfs:label"), values.text(fetch.name)),
            (file, self._name("odk:source"), values.text(fetch.source)),
        ]

    def _mapping_activity(self, run: Run, kind: Kind) -> Triples:
        activity = self._activity(run.id, f"map-{kind}")
        association = self._part(activity, "by")
        plan = values.iri(self._iris.thing("mapping-spec", kind, self._mappings, self._digest[:16]))
        checksum = self._part(plan, "sha256")
        software = self._software(run.software)
        return [
            *self._types(activity, "prov:Activity"),
            (activity, self._name("rdfs:label"), values.text(f"Mapping of {kind} in run {run.id}", "en")),
            (activity, self._name("dct:isPartOf"), self._activity(run.id)),
            (activity, self._name("prov:startedAtTime"), values.typed(run.started, "dateTime")),
            (activity, self._name("prov:wasAssociatedWith"), software),
            (activity, self._name("prov:qualifiedAssociation"), association),
            *self._types(association, "prov:Association"),
            (association, self._name("prov:agent"), software),
            (association, self._name("prov:hadPlan"), plan),
            *self._types(plan, "prov:Plan", "prov:Entity", "odk:MappingSet"),
            (plan, self._name("rdfs:label"), values.text(f"Mapping of {kind}, version {self._mappings}", "en")),
            (plan, self._name("dcat:version"), values.text(self._mappings)),
            (plan, self._name("spdx:checksum"), checksum),
            *self._checksum(checksum, self._digest),
        ]

    def _checksum(self, node: Term, value: str) -> Triples:
        return [
            *self._types(node, "spdx:Checksum"),
            (node, self._name("spdx:algorithm"), values.iri(SHA256)),
            (node, self._name("spdx:checksumValue"), values.typed(value, "hexBinary")),
        ]

    def _software(self, software: str) -> Term:
        name, _, version = software.partition(" ")
        return values.iri(self._iris.thing("software", name, version))

    def _activity(self, run: str, *step: str) -> Term:
        return values.iri(self._iris.activity(run, *step))

    def _part(self, owner: Term, name: str) -> Term:
        return values.iri(self._iris.part(owner[1:-1], name))

    def _labels(self, node: Term, english: str, french: str) -> Triples:
        label = self._name("rdfs:label")
        return [(node, label, values.text(english, "en")), (node, label, values.text(french, "fr"))]

    def _types(self, node: Term, *classes: str) -> Triples:
        return [(node, RDF_TYPE, self._name(one)) for one in classes]

    def _name(self, prefixed: str) -> Term:
        return Term(f"<{expand(prefixed, self._prefixes)}>")


def software() -> str:
    """Name and version of this software, as runs are stamped with."""
    return f"odatis-kg {__version__}"


def lines(triples: Iterable[tuple[Term, Term, Term]], graph: str) -> list[str]:
    """Triples as sorted, distinct N-Quads lines of a graph."""
    return sorted({f"{s} {p} {o} <{graph}> ." for s, p, o in triples})


def by_run(versions: Iterable[Version], fetches: Mapping[int, Fetch]) -> dict[str, list[tuple[Version, Fetch]]]:
    """Source record versions by the run that brought them in first."""
    runs: dict[str, list[tuple[Version, Fetch]]] = {}
    for version in versions:
        fetch = fetches[version.fetch]
        runs.setdefault(fetch.run, []).append((version, fetch))
    return runs


def fingerprint(parts: Iterable[str]) -> str:
    """A digest of everything that decides what a release contains."""
    return digest(*parts, length=64)
