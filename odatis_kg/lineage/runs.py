"""The provenance of the pipeline as PROV-O: from any named graph back to the raw bytes.

A run has a named graph of its own, and so has each record: beside `graph/record/...` stands `graph/prov/record/...`, which
changes only when the record does, so that a release can take over what did not change.

The chain, as property paths: graph `prov:wasDerivedFrom` source record version `spdx:checksum/spdx:checksumValue` and
`odk:archivedAs`; version `prov:hadPrimarySource` the file or the server's answer it was found in, `prov:wasGeneratedBy` the
harvest, which is `dct:isPartOf` the run; graph `prov:wasGeneratedBy` the mapping activity, whose
`prov:qualifiedAssociation` names the software and the mapping set (`prov:hadPlan`) with their versions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from odatis_kg import __version__
from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.journal import KeptAnswer
from odatis_kg.harvest.ledger import Fetch, Gone, Run, Version
from odatis_kg.iris import Iris, digest
from odatis_kg.mapping import values
from odatis_kg.mapping.kinds import Kind
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import expand

Triples = list[tuple[Term, Term, Term]]

SHA256: Final = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"


@dataclass(frozen=True, slots=True)
class MappedGraph:
    """A record graph of a release: its name, what it is about, its size, the source record version it says, the run that
    made it so.
    """

    graph: str
    subject: str
    quads: int
    version: Version
    run: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a source record version was found first: the fetch, and the answer of a server that brought it, if one did."""

    fetch: Fetch
    answer: KeptAnswer | None = None


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

    def beside(self, graph: str) -> str:
        """The named graph of the provenance of a record graph."""
        begins = f"{self._iris.base}graph/"
        return f"{begins}prov/{graph.removeprefix(begins)}"

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

    def run(self, run: Run) -> Triples:
        """A run, and its harvest."""
        node, harvest, software = (
            self._activity(run.id),
            self._activity(run.id, "harvest"),
            self._software(run.software),
        )
        name, _, version = run.software.partition(" ")
        return [
            *self._account(
                self.graph(run.id), node, f"Provenance of run {run.id}", f"Provenance de l'exécution {run.id}"
            ),
            *self._types(node, "prov:Activity", "odk:Run"),
            (node, self._name("rdfs:label"), values.text(f"Run {run.id}", "en")),
            (node, self._name("prov:startedAtTime"), values.typed(run.started, "dateTime")),
            (node, self._name("prov:wasAssociatedWith"), software),
            *self._types(software, "prov:SoftwareAgent"),
            (software, self._name("foaf:name"), values.text(name)),
            (software, self._name("dcat:version"), values.text(version)),
            *self._step(run, harvest, f"Harvest of run {run.id}"),
        ]

    def mapping(self, run: Run, kinds: Iterable[Kind]) -> Triples:
        """The mapping of some kinds of record in a run: one activity for each."""
        return [triple for kind in sorted(set(kinds)) for triple in self._mapping_activity(run, kind)]

    def enrichment(self, run: Run) -> Triples:
        """The enrichment of a run."""
        return self._step(run, self._activity(run.id, "enrich"), f"Enrichment in run {run.id}")

    def matches(self, run: Run, mappings_graph: str) -> Triples:
        """The graph of the keywords that were matched in a run."""
        mappings = values.iri(mappings_graph)
        return [
            *self._types(mappings, "prov:Entity"),
            *self._labels(mappings, "Keywords matched to concepts", "Mots-clés rapprochés de concepts"),
            (mappings, self._name("prov:wasGeneratedBy"), self._activity(run.id, "enrich")),
        ]

    def record(
        self, mapped: MappedGraph, origin: Origin, enriched: tuple[str, str] | None, mappings_graph: str
    ) -> Triples:
        """What a record graph comes from, and the enriched graph beside it, as (name, run that concluded it)."""
        graph, version = values.iri(mapped.graph), mapped.version
        activity = self._activity(mapped.run, f"map-{version.kind}")
        name = mapped.graph.removeprefix(f"{self._iris.base}graph/")
        triples: Triples = [
            *self._account(self.beside(mapped.graph), activity, f"Provenance of {name}", f"Provenance de {name}"),
            *self._types(graph, "prov:Entity", "odk:RecordGraph"),
            *self._labels(
                graph,
                f"What the record {version.key} of {version.source} says",
                f"Ce que dit la fiche {version.key} de {version.source}",
            ),
            (graph, self._name("prov:wasDerivedFrom"), self.version(version)),
            (graph, self._name("prov:wasGeneratedBy"), activity),
            (graph, self._name("foaf:primaryTopic"), values.iri(mapped.subject)),
            (graph, self._name("odk:quads"), values.integer(mapped.quads)),
            *self._version(version, origin),
        ]
        if enriched:
            concluded, run = values.iri(enriched[0]), enriched[1]
            about = enriched[0].rpartition("/graph/enriched/")[2]
            triples += [
                *self._types(concluded, "prov:Entity", "odk:EnrichedGraph"),
                *self._labels(concluded, f"What was concluded about {about}", f"Ce qui a été conclu sur {about}"),
                (concluded, self._name("prov:wasDerivedFrom"), graph),
                (concluded, self._name("prov:wasDerivedFrom"), values.iri(mappings_graph)),
                (concluded, self._name("prov:wasGeneratedBy"), self._activity(run, "enrich")),
            ]
        return triples

    def tombstone(self, gone: Gone, subject: str, titles: Iterable[Term], origin: Origin) -> Triples:
        """What is left of a record that is gone: what it was about, when that was found out, and its last version."""
        version = gone.version
        node = values.iri(self._iris.thing("tombstone", version.source, version.key))
        thing, activity = values.iri(subject), self._activity(gone.run, "harvest")
        at = values.typed(gone.at, "dateTime")
        return [
            *self._types(node, "prov:Entity", "odk:Tombstone"),
            *self._labels(
                node,
                f"The record {version.key} of {version.source} is gone",
                f"La fiche {version.key} de {version.source} n'existe plus",
            ),
            (node, self._name("foaf:primaryTopic"), thing),
            (node, self._name("odk:source"), values.text(version.source)),
            (node, self._name("odk:recordKey"), values.text(version.key)),
            (node, self._name("prov:generatedAtTime"), at),
            (node, self._name("prov:wasGeneratedBy"), activity),
            (node, self._name("prov:wasDerivedFrom"), self.version(version)),
            *self._types(thing, "prov:Entity"),
            (thing, self._name("odk:tombstone"), node),
            (thing, self._name("prov:invalidatedAtTime"), at),
            (thing, self._name("prov:wasInvalidatedBy"), activity),
            *((thing, self._name("rdfs:label"), title) for title in titles),
            *self._version(version, origin),
        ]

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

    # Parts

    def _account(self, graph: str, activity: Term, english: str, french: str) -> Triples:
        """What a graph of provenance is: the pipeline's own account."""
        node = values.iri(graph)
        return [
            *self._types(node, "prov:Entity"),
            *self._labels(node, english, french),
            (node, self._name("prov:wasGeneratedBy"), activity),
        ]

    def _step(self, run: Run, activity: Term, label: str) -> Triples:
        return [
            *self._types(activity, "prov:Activity"),
            (activity, self._name("dct:isPartOf"), self._activity(run.id)),
            (activity, self._name("rdfs:label"), values.text(label, "en")),
            (activity, self._name("prov:startedAtTime"), values.typed(run.started, "dateTime")),
            (activity, self._name("prov:wasAssociatedWith"), self._software(run.software)),
        ]

    def _version(self, version: Version, origin: Origin) -> Triples:
        node, fetch = self.version(version), origin.fetch
        source, found = self._answer(origin.answer) if origin.answer else self._file(fetch)
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
            (node, self._name("prov:wasGeneratedBy"), self._activity(fetch.run, "harvest")),
            (node, self._name("prov:generatedAtTime"), values.typed(fetch.retrieved, "dateTime")),
            (node, self._name("prov:hadPrimarySource"), source),
            (node, self._name("dcat:byteSize"), values.typed(str(version.bytes), "nonNegativeInteger")),
            (node, self._name("odk:archivedAs"), values.text(Archive.name(version.sha256))),
            (node, self._name("spdx:checksum"), checksum),
            *self._checksum(checksum, version.sha256),
            *found,
        ]

    def _file(self, fetch: Fetch) -> tuple[Term, Triples]:
        file = values.iri(self._iris.thing("source-file", fetch.source, fetch.location))
        return file, [
            *self._types(file, "prov:Entity", "odk:SourceFile"),
            (file, self._name("rdfs:label"), values.text(fetch.name)),
            (file, self._name("odk:source"), values.text(fetch.source)),
        ]

    def _answer(self, answer: KeptAnswer) -> tuple[Term, Triples]:
        node = values.iri(self._iris.thing("answer", answer.source, str(answer.id)))
        checksum = self._part(node, "sha256")
        said = [
            (node, self._name(name), values.text(text))
            for name, text in (("odk:entityTag", answer.etag), ("odk:lastModified", answer.last_modified))
            if text
        ]
        return node, [
            *self._types(node, "prov:Entity", "odk:SourceFile", "odk:Answer"),
            (node, self._name("rdfs:label"), values.text(f"{answer.method} {answer.url}")),
            (node, self._name("odk:source"), values.text(answer.source)),
            (node, self._name("odk:requestMethod"), values.text(answer.method)),
            (node, self._name("odk:requestUrl"), values.typed(answer.url, "anyURI")),
            (node, self._name("odk:httpStatus"), values.integer(answer.status)),
            (node, self._name("prov:wasGeneratedBy"), self._activity(answer.run, "harvest")),
            (node, self._name("prov:generatedAtTime"), values.typed(answer.retrieved, "dateTime")),
            (node, self._name("dcat:byteSize"), values.typed(str(answer.bytes), "nonNegativeInteger")),
            (node, self._name("odk:archivedAs"), values.text(Archive.name(answer.sha256))),
            (node, self._name("spdx:checksum"), checksum),
            *self._checksum(checksum, answer.sha256),
            *said,
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


def lines(triples: Iterable[tuple[str, str, str]], graph: str) -> list[str]:
    """Triples as sorted, distinct N-Quads lines of a graph."""
    return sorted({f"{s} {p} {o} <{graph}> ." for s, p, o in triples})


def fingerprint(parts: Iterable[str]) -> str:
    """A digest of everything that decides what a release contains."""
    return digest(*parts, length=64)
