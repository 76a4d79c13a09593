"""Where the statements about a thing come from, read from the graph itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from odatis_kg.iris import Iris
from odatis_kg.labels import Label, labels
from odatis_kg.mapping import values
from odatis_kg.queries import read
from odatis_kg.store.engine import Row, SparqlEngine, rows


@dataclass(frozen=True, slots=True)
class Match:
    """A keyword that was matched to a concept, and how sure that is (0 to 1)."""

    words: str
    concept: str
    concept_label: str
    confidence: str
    justification: str

    @property
    def reason(self) -> str:
        """Why, as words between the keyword and the concept."""
        if self.justification.endswith("ManualMappingCuration"):
            return "is, in another record of the source,"
        return "has the same words as a label of"


@dataclass(frozen=True, slots=True)
class Origin:
    """One named graph that says something of the thing, and where that graph comes from.

    Empty fields are not known to the graph: a graph of ours (an ontology) has no source record, an enriched graph has the
    record graph it was concluded from instead; `request` and what follows are of the answer a record came in, and empty for
    one from a file.
    """

    graph: str
    statements: int
    family: str
    source: str = ""
    key: str = ""
    kind: str = ""
    version: str = ""
    file: str = ""
    retrieved: str = ""
    sha256: str = ""
    bytes: int = 0
    archived: str = ""
    mapping: str = ""
    mapping_version: str = ""
    software: str = ""
    run: str = ""
    harvest_run: str = ""
    mapped: str = ""
    concluded_from: str = ""
    request: str = ""
    method: str = ""
    status: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the statements about a thing come from."""

    thing: str
    label: str
    origins: tuple[Origin, ...]
    matches: tuple[Match, ...] = ()
    mentions: tuple[Origin, ...] = field(default=())


async def lineage_of(engine: SparqlEngine, iris: Iris, thing: str, languages: Sequence[str]) -> Lineage | None:
    """The lineage of a thing, or of a named graph; None when the graph neither says nor mentions anything of it."""
    term = values.iri(thing)
    if iris.is_graph(thing):
        found = await _origins(engine, iris, {thing: 0})
        named = await labels(engine, iris, [thing], languages)
        return Lineage(thing, named.get(thing, Label(thing)).text, tuple(found)) if found else None
    said = await _counts(engine, iris, "lineage/graphs", thing)
    mentioned = {} if said else await _counts(engine, iris, "lineage/mentions", thing)
    if not said and not mentioned:
        return None
    origins = await _origins(engine, iris, said)
    rows_of_matches: list[Row] = []
    if any(origin.family == "enriched" for origin in origins):
        rows_of_matches = await rows(engine, read("lineage/matches", iris).text, {"thing": term})
    concepts = [row["concept"].value for row in rows_of_matches]
    named = await labels(engine, iris, [thing, *concepts], languages)
    matches = tuple(
        Match(
            row["words"].value,
            row["concept"].value,
            named.get(row["concept"].value, Label(row["concept"].value)).text,
            row["confidence"].value,
            row["justification"].value,
        )
        for row in rows_of_matches
    )
    label = named.get(thing, Label(thing)).text
    return Lineage(thing, label, tuple(origins), matches, tuple(await _origins(engine, iris, mentioned)))


async def graphs_of(engine: SparqlEngine, iris: Iris, thing: str) -> list[str]:
    """The named graphs that say something of a thing, or the graph itself.

    Provenance graphs are left out, but for things that only they speak of, such as a release.
    """
    if iris.is_graph(thing):
        return [thing]
    counts = await _counts(engine, iris, "lineage/graphs", thing)
    return [graph for graph in counts if not graph.startswith(f"{iris.base}graph/prov/")] or list(counts)


async def _counts(engine: SparqlEngine, iris: Iris, name: str, thing: str) -> dict[str, int]:
    found = await rows(engine, read(name, iris).text, {"thing": values.iri(thing)})
    return {row["graph"].value: int(row["statements"].value) for row in found if "graph" in row}


async def _origins(engine: SparqlEngine, iris: Iris, counts: Mapping[str, int]) -> list[Origin]:
    if not counts:
        return []
    graphs = [values.iri(graph) for graph in counts]
    found = await rows(engine, read("lineage/provenance", iris).text, {"graphs": graphs})
    known = {row["graph"].value: row for row in found}
    origins = [_origin(iris, graph, number, known.get(graph, {})) for graph, number in counts.items()]
    order = ("record", "orcid", "vocab", "enriched", "mappings", "register", "local", "ontology", "prov")
    return sorted(origins, key=lambda one: (order.index(one.family) if one.family in order else 9, one.graph))


def _origin(iris: Iris, graph: str, statements: int, row: Row) -> Origin:
    def said(name: str) -> str:
        return row[name].value if name in row else ""

    def last(name: str) -> str:
        return said(name).rpartition("/")[2]

    return Origin(
        graph=graph,
        statements=statements,
        family=graph.removeprefix(f"{iris.base}graph/").partition("/")[0] if iris.is_graph(graph) else "",
        source=said("source"),
        key=said("key"),
        kind=said("kind"),
        version=said("version"),
        file=said("file"),
        retrieved=said("retrieved"),
        sha256=said("sha256"),
        bytes=int(said("bytes") or 0),
        archived=said("archived"),
        mapping=said("kind"),
        mapping_version=said("mappingVersion"),
        software=f"{said('softwareName')} {said('softwareVersion')}".strip(),
        run=last("run"),
        harvest_run=last("harvestRun"),
        mapped=said("mapped"),
        concluded_from=said("record"),
        request=said("request"),
        method=said("method"),
        status=said("status"),
        etag=said("etag"),
    )
