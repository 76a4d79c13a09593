"""Names of things for people: one query for all the things of a page, the wanted language first, the language always told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.namespaces import AUTHORITY_PREFIXES, PREFIXES, compact
from odatis_kg.queries import read
from odatis_kg.store.engine import SparqlEngine, rows

# How good a name each property gives, the best first.
_PREFERENCE: Final = {
    PREFIXES[name.partition(":")[0]] + name.partition(":")[2]: rank
    for rank, name in enumerate(("skos:prefLabel", "dct:title", "foaf:name", "rdfs:label", "vcard:fn"))
}


@dataclass(frozen=True, slots=True)
class Label:
    """A name and its language; empty when it has none."""

    text: str
    language: str = ""


async def labels(engine: SparqlEngine, iris: Iris, things: Iterable[str], languages: Sequence[str]) -> dict[str, Label]:
    """The best name of each thing that has one, asked for in one query."""
    terms = [values.iri(thing) for thing in dict.fromkeys(things) if values.is_iri(thing)]
    if not terms:
        return {}
    best: dict[str, tuple[tuple[int, int, int, str], Label]] = {}
    for row in await rows(engine, read("lineage/label", iris).text, {"things": terms}):
        label = Label(row["label"].value, row["label"].language)
        rank = (
            _language_rank(label.language, languages),
            _PREFERENCE.get(row["property"].value, 9),
            len(label.text),
            label.text,
        )
        thing = row["thing"].value
        if thing not in best or rank < best[thing][0]:
            best[thing] = (rank, label)
    return {thing: label for thing, (_, label) in best.items()}


def _language_rank(language: str, wanted: Sequence[str]) -> int:
    """Asked-for languages in order, then none stated, then any other."""
    base = language.partition("-")[0]
    if base in wanted:
        return wanted.index(base)
    return len(wanted) if not language else len(wanted) + 1


def short_name(iri: str, iris: Iris) -> str:
    """What to show of an IRI that has no name: a prefixed name, else its last segments."""
    prefixed = compact(iri, {**PREFIXES, **AUTHORITY_PREFIXES, "odk": iris.odk})
    if prefixed:
        return prefixed
    if iri.startswith(AUTHORITY_PREFIXES["nvs"]):
        collection, _, code = iri.removeprefix(AUTHORITY_PREFIXES["nvs"]).partition("/current/")
        return f"{collection} {code.rstrip('/')}".strip()
    if iri.startswith(iris.base):
        return iri.removeprefix(iris.base)
    return iri.removeprefix("https://").removeprefix("http://")
