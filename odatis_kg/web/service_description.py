"""The SPARQL 1.1 Service Description of `/sparql`: what it is, what it answers, and nothing it does not."""

from typing import Final

from odatis_kg.config import Settings
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.mapping.values import RDF_TYPE
from odatis_kg.store.engine import GraphFormat
from odatis_kg.store.serialise import triples_as

_FORMATS: Final = (
    "SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV",
    "Turtle", "N-Triples", "JSON-LD", "RDF_XML",
)  # fmt: skip


def describe(settings: Settings, format_: GraphFormat) -> bytes:
    """The description in a graph format."""
    prefixes = all_prefixes(settings.iris)
    service = f"<{settings.base_url}sparql>"
    dataset = f"<{settings.base_url}sparql#dataset>"

    def sd(name: str) -> str:
        return f"<{prefixes['sd']}{name}>"

    lines = [
        f"{service} {RDF_TYPE} {sd('Service')} .",
        f"{service} {sd('endpoint')} {service} .",
        f"{service} {sd('supportedLanguage')} {sd('SPARQL11Query')} .",
        f"{service} {sd('feature')} {sd('UnionDefaultGraph')} .",
        f"{service} {sd('defaultDataset')} {dataset} .",
        f"{dataset} {RDF_TYPE} {sd('Dataset')} .",
        *(f"{service} {sd('resultFormat')} <http://www.w3.org/ns/formats/{name}> ." for name in _FORMATS),
    ]
    return triples_as(format_, "\n".join(lines).encode(), prefixes)
