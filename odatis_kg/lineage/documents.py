"""Lineage for readers: plain sentences, and PROV documents (PROV-O, PROV-JSON)."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from odatis_kg.iris import Iris
from odatis_kg.lineage.graph import Lineage, Match, Origin
from odatis_kg.mapping import values
from odatis_kg.mapping.values import Term
from odatis_kg.queries import read
from odatis_kg.store.engine import SparqlEngine, graph

if TYPE_CHECKING:
    from prov.model import ProvDocument


def sentences(origin: Origin) -> list[str]:
    """Where one named graph comes from, in plain words."""
    if origin.family == "enriched":
        were = _was(origin, "it was", "they were")
        derived = f"derived from the record graph {origin.concluded_from} in run {origin.run}"
        return [f"{_statements(origin)} concluded, not stated by any record: {were} {derived}."]
    if not origin.version:
        what = {
            "ontology": "the vocabulary of odatis-kg itself",
            "prov": "the pipeline's own account of a run",
            "register": "the reviewed directory of odatis-kg",
            "local": "a local graph, put there by those who run this service",
            "gone": "what is left of a record that its source has no more",
            "queries": "the query library of odatis-kg",
            "void": "what this release says of itself",
        }
        return [f"{_statements(origin)} from {what.get(origin.family, 'odatis-kg itself')} ({origin.graph})."]
    where = f"was read from {origin.file}"
    if origin.request:
        tag = f", ETag {origin.etag}" if origin.etag else ""
        where = f"came in the answer to {origin.method} {origin.request} (HTTP {origin.status}{tag})"
    read_on = f"The record {where} on {_moment(origin.retrieved)}, in run {origin.harvest_run}"
    as_bytes = f"{origin.bytes:,} bytes, SHA-256 {origin.sha256}; kept in the raw archive as {origin.archived}"
    by_what = f"the mapping {origin.mapping} version {origin.mapping_version}, with {origin.software}"
    return [
        f"{_statements(origin)} from the record '{origin.key}' of the source '{origin.source}'.",
        f"{read_on}: {as_bytes}.",
        f"It was mapped by {by_what}, on {_moment(origin.mapped)}, in run {origin.run}.",
    ]


def _statements(origin: Origin) -> str:
    if not origin.statements:
        return "Its statements come" if origin.version else "Its statements are"
    number = f"{origin.statements:,} statement{'' if origin.statements == 1 else 's'}"
    verb = _was(origin, "comes", "come") if origin.family != "enriched" else _was(origin, "was", "were")
    return f"{number} {verb}"


def _was(origin: Origin, one: str, many: str) -> str:
    return one if origin.statements == 1 else many


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment.day} {moment:%B %Y} at {moment:%H:%M:%S} UTC"


def match_sentence(match: Match) -> str:
    """Why a concept was concluded, in plain words."""
    why = f"the keyword '{match.words}' {match.reason} '{match.concept_label}'"
    return f"{why} (confidence {match.confidence})"


def as_text(lineage: Lineage) -> str:
    """The lineage of a thing for a terminal."""
    lines = [lineage.label, lineage.thing] if lineage.label != lineage.thing else [lineage.thing]
    lines.append("")
    if not lineage.origins:
        lines.append("Nothing is stated about it; it is only mentioned:")
    for number, origin in enumerate(lineage.origins or lineage.mentions, 1):
        first, *others = sentences(origin)
        lines.append(f"{number}. {first}")
        lines += [f"   {sentence}" for sentence in others]
        if origin.family == "enriched":
            for match in lineage.matches:
                lines.append(f"   - {match_sentence(match)}: {match.concept}")
        lines.append(f"   Graph: {origin.graph}")
    return "\n".join(lines) + "\n"


def as_json(lineage: Lineage, iris: Iris) -> str:
    """The lineage of a thing as JSON: the facts, the sentences, and a PROV-JSON document."""
    content: dict[str, Any] = asdict(lineage)
    for kind in ("origins", "mentions"):
        for shown, origin in zip(content[kind], getattr(lineage, kind), strict=True):
            shown["sentences"] = sentences(origin)
    content["prov"] = json.loads(as_prov(lineage, iris).serialize(format="json") or "{}")
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_prov(lineage: Lineage, iris: Iris) -> "ProvDocument":
    """The lineage of a thing as a document of the PROV data model (PROV-DM)."""
    from prov.model import ProvDocument  # a fifth of a second that only these documents need

    document = ProvDocument()
    kg = document.add_namespace("kg", iris.base)
    document.add_namespace("dct", "http://purl.org/dc/terms/")

    def name(iri: str) -> Any:
        return kg[iri.removeprefix(iris.base)]

    for origin in lineage.origins or lineage.mentions:
        document.entity(name(origin.graph), {"prov:label": f"{origin.statements} statements about {lineage.label}"})
        if origin.version:
            version, run = name(origin.version), name(iris.activity(origin.run, f"map-{origin.kind}"))
            document.entity(
                version, {"prov:label": f"{origin.key} of {origin.source}", "dct:identifier": origin.sha256}
            )
            document.activity(run, startTime=origin.mapped)
            document.agent(
                name(iris.thing("software", *origin.software.split(" ", 1))), {"prov:label": origin.software}
            )
            document.wasDerivedFrom(name(origin.graph), version, activity=run)
            document.wasGeneratedBy(name(origin.graph), run)
            document.wasAssociatedWith(run, name(iris.thing("software", *origin.software.split(" ", 1))))
            harvest = name(iris.activity(origin.harvest_run, "harvest"))
            document.activity(harvest)
            document.wasGeneratedBy(version, harvest, time=origin.retrieved)
        elif origin.concluded_from:
            document.entity(name(origin.concluded_from))
            document.wasDerivedFrom(name(origin.graph), name(origin.concluded_from))
    return document


async def as_ntriples(engine: SparqlEngine, iris: Iris, graphs: list[str]) -> bytes:
    """The provenance of some named graphs as PROV-O, in N-Triples."""
    if not graphs:
        return b""
    bindings: dict[str, Term | list[Term]] = {
        "graphs": [values.iri(one) for one in graphs],
        "family": values.text(f"{iris.base}graph/prov/"),
    }
    return await graph(engine, read("lineage/document", iris).text, bindings)
