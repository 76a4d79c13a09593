"""Where local graphs come from, as PROV-O: who put which files there, when, with which software.

The account of a graph stands in `graph/prov/local/NAME` and needs no other: it names no run of the pipeline.
"""

from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.local_graphs import LocalGraph, graph_iri
from odatis_kg.lineage.runs import ProvenanceWriter, Triples
from odatis_kg.mapping import values
from odatis_kg.mapping.values import Term


class LocalProvenance(ProvenanceWriter):
    """Writes the provenance of local graphs."""

    def local(self, graph: LocalGraph) -> Triples:
        """What a local graph comes from."""
        name = graph_iri(self._iris, graph.name)
        node = values.iri(name)
        activity, made = self._change(graph, f"Local graph {graph.name} put", f"Graphe local {graph.name} déposé")
        triples: Triples = [
            *self._account(
                self.beside(name), activity, f"Provenance of local/{graph.name}", f"Provenance de local/{graph.name}"
            ),
            *self._types(node, "prov:Entity", "odk:LocalGraph"),
            *self._labels(node, f"Local graph {graph.name}", f"Graphe local {graph.name}"),
            (node, self._name("prov:wasGeneratedBy"), activity),
            (node, self._name("prov:generatedAtTime"), values.typed(graph.at, "dateTime")),
            (node, self._name("odk:quads"), values.integer(graph.statements)),
            *made,
        ]
        if graph.by:
            triples.append((node, self._name("prov:wasAttributedTo"), self._operator(graph.by)))
        for file in graph.files:
            key = f"{graph.name}/{file.name}"
            source = values.iri(self._iris.thing("source-file", "local-graphs", key, file.sha256[:16]))
            checksum = self._part(source, "sha256")
            triples += [
                (node, self._name("prov:wasDerivedFrom"), source),
                *self._types(source, "prov:Entity", "odk:SourceFile"),
                (source, self._name("rdfs:label"), values.text(file.name)),
                (source, self._name("dcat:byteSize"), values.typed(str(file.bytes), "nonNegativeInteger")),
                (source, self._name("odk:archivedAs"), values.text(Archive.name(file.sha256))),
                (source, self._name("spdx:checksum"), checksum),
                *self._checksum(checksum, file.sha256),
            ]
        return triples

    def local_tombstone(self, graph: LocalGraph) -> Triples:
        """What is left of a local graph that was deleted."""
        gone = values.iri(graph_iri(self._iris, graph.name))
        node = values.iri(self._iris.thing("tombstone", "local-graphs", graph.name))
        activity, made = self._change(graph, f"Local graph {graph.name} deleted", f"Graphe local {graph.name} supprimé")
        at = values.typed(graph.at, "dateTime")
        return [
            *self._types(node, "prov:Entity", "odk:Tombstone"),
            *self._labels(
                node, f"The local graph {graph.name} was deleted", f"Le graphe local {graph.name} a été supprimé"
            ),
            (node, self._name("foaf:primaryTopic"), gone),
            (node, self._name("prov:generatedAtTime"), at),
            (node, self._name("prov:wasGeneratedBy"), activity),
            *self._types(gone, "prov:Entity"),
            *self._labels(gone, f"Local graph {graph.name}", f"Graphe local {graph.name}"),
            (gone, self._name("odk:tombstone"), node),
            (gone, self._name("prov:invalidatedAtTime"), at),
            (gone, self._name("prov:wasInvalidatedBy"), activity),
            *made,
        ]

    def _change(self, graph: LocalGraph, english: str, french: str) -> tuple[Term, Triples]:
        """The activity that put or deleted a graph, and what is said of it and of who is behind it."""
        activity, software = self._activity(graph.run, f"local-{graph.name}"), self._software(graph.software)
        name, _, version = graph.software.partition(" ")
        triples: Triples = [
            *self._types(activity, "prov:Activity"),
            *self._labels(activity, english, french),
            (activity, self._name("prov:startedAtTime"), values.typed(graph.at, "dateTime")),
            (activity, self._name("prov:wasAssociatedWith"), software),
            *self._types(software, "prov:SoftwareAgent"),
            (software, self._name("foaf:name"), values.text(name)),
            (software, self._name("dcat:version"), values.text(version)),
        ]
        if graph.by:
            operator = self._operator(graph.by)
            triples += [
                (activity, self._name("prov:wasAssociatedWith"), operator),
                *self._types(operator, "prov:Agent"),
                (operator, self._name("foaf:name"), values.text(graph.by)),
            ]
        return activity, triples

    def _operator(self, account: str) -> Term:
        return values.iri(self._iris.thing("operator", "odatis-kg", account))
