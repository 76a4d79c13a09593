"""The SPARQL 1.1 Service Description of `/sparql`: what it is, what it answers, and nothing it does not.

Named graphs are described by family and number, and not one by one: there is one for each record, and a client that starts
by reading the description must not be given a hundred thousand of them. Everything else about the data is in the VoID
description, which the default graph points at.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from odatis_kg.config import Settings
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import publication
from odatis_kg.store import void
from odatis_kg.store.engine import GraphFormat, SparqlEngine, TableFormat
from odatis_kg.store.property_functions import INTERSECTS_BOX, TEXT_MATCH
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.serialise import triples_as

_FORMATS: Final = {
    "application/sparql-results+json": "SPARQL_Results_JSON",
    "application/sparql-results+xml": "SPARQL_Results_XML",
    "text/csv": "SPARQL_Results_CSV",
    "text/tab-separated-values": "SPARQL_Results_TSV",
    "text/turtle": "Turtle",
    "application/n-triples": "N-Triples",
    "application/rdf+xml": "RDF_XML",
    "application/ld+json": "JSON-LD",
    "application/trig": "TriG",
    "application/n-quads": "N-Quads",
}
GEOSPARQL: Final = "http://www.opengis.net/def/function/geosparql/"
# The functions of GeoSPARQL 1.1 that the engine evaluates; a test asks for each.
FUNCTIONS: Final = (
    *(f"sf{name}" for name in ("Contains", "Crosses", "Disjoint", "Equals", "Intersects", "Overlaps", "Touches", "Within")),
    *(f"eh{name}" for name in ("Contains", "CoveredBy", "Covers", "Disjoint", "Equals", "Inside", "Meet", "Overlap")),
    *(f"rcc8{name}" for name in ("dc", "ec", "eq", "ntpp", "ntppi", "po", "tpp", "tppi")),
    "asGeoJSON", "centroid", "convexHull", "coordinateDimension", "difference", "dimension", "distance", "envelope",
    "getSRID", "intersection", "isEmpty", "isSimple", "length", "perimeter", "relate", "spatialDimension", "symDifference",
    "union",
)  # fmt: skip


class ServiceDescription:
    """Describes one service; a description is made once for each release and format."""

    def __init__(self, settings: Settings, engine: SparqlEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._releases = Releases(settings.data_dir)
        self._made = lru_cache(maxsize=2 * len(GraphFormat))(self._describe)

    def __call__(self, format_: GraphFormat) -> bytes:
        """The description in a graph format."""
        return self._made(format_, self._engine.release)

    def _describe(self, format_: GraphFormat, served: str | None) -> bytes:
        release = self._releases.open(self._releases.folder / served) if served else self._releases.current()
        triples = [*self._service(), *self._dataset(release)]
        lines = "".join(f"{s} {p} {o} .\n" for s, p, o in triples)
        return triples_as(format_, lines.encode(), all_prefixes(self._settings.iris))

    def _service(self) -> Iterator[tuple[Term, Term, Term]]:
        base = self._settings.base_url
        service = values.iri(f"{base}sparql")
        yield service, RDF_TYPE, _sd("Service")
        yield service, _sd("endpoint"), service
        yield service, _sd("supportedLanguage"), _sd("SPARQL11Query")
        yield service, _sd("feature"), _sd("UnionDefaultGraph")
        if self._settings.query.service_allow:
            yield service, _sd("feature"), _sd("BasicFederatedQuery")
        for media_type in (*TableFormat, *GraphFormat):
            if media_type.value in _FORMATS:
                yield (
                    service,
                    _sd("resultFormat"),
                    values.iri(f"http://www.w3.org/ns/formats/{_FORMATS[media_type.value]}"),
                )
        for name in FUNCTIONS:
            function = values.iri(GEOSPARQL + name)
            yield service, _sd("extensionFunction"), function
            yield function, RDF_TYPE, _sd("Function")
        for name in (TEXT_MATCH, INTERSECTS_BOX):
            lookup = values.iri(self._settings.iris.odk + name)
            yield service, _sd("propertyFeature"), lookup
            yield lookup, RDF_TYPE, _sd("Feature")
        yield service, _sd("defaultDataset"), values.iri(f"{base}sparql#dataset")
        yield service, Term(f"<{PREFIXES['rdfs']}seeAlso>"), values.iri(f"{base}queries")

    def _dataset(self, release: Release | None) -> Iterator[tuple[Term, Term, Term]]:
        """The default graph with its size, the families of named graphs, and the few that describe the others."""
        iris = self._settings.iris
        dataset, default = values.iri(f"{iris.base}sparql#dataset"), values.iri(void.dataset(iris))
        yield dataset, RDF_TYPE, _sd("Dataset")
        yield dataset, _sd("defaultGraph"), default
        yield default, RDF_TYPE, _sd("Graph")
        yield default, RDF_TYPE, _void("Dataset")
        yield default, Term(f"<{PREFIXES['rdfs']}seeAlso>"), values.iri(f"{iris.base}.well-known/void")
        if release is not None:
            statistics = release.statistics()
            yield default, _void("triples"), values.integer(sum(statistics["predicates"].values()))
            yield default, _void("classes"), values.integer(len(statistics["classes"]))
            yield default, _void("properties"), values.integer(len(statistics["predicates"]))
            yield from void.families(iris, statistics)
        for name in (void.graph_name(iris), iris.graph(publication.GRAPH)):
            node = values.iri(f"{iris.base}sparql#{name.rpartition('/')[2]}")
            yield dataset, _sd("namedGraph"), node
            yield node, RDF_TYPE, _sd("NamedGraph")
            yield node, _sd("name"), values.iri(name)


def _sd(name: str) -> Term:
    return Term(f"<{PREFIXES['sd']}{name}>")


def _void(name: str) -> Term:
    return Term(f"<{PREFIXES['void']}{name}>")
