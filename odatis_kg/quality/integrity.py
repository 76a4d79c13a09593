"""Integrity: what must be true of every release, checked in the built store before it is published.

A failure here is a fault of ours, not of a record: the release is not published and the one before it stays.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyoxigraph as ox

from odatis_kg.iris import Iris
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import read


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed, and what shows it."""

    check: str
    detail: str


def failures(store: ox.Store, iris: Iris, graphs: Iterable[str]) -> Iterator[Failure]:
    """What can be found out quickly in any store of the named graphs; at most a few examples of each failure."""
    derived = ox.NamedNode(PREFIXES["prov"] + "wasDerivedFrom")
    families = tuple(f"{iris.base}graph/{family}/" for family in ("record", "enriched", "vocab", "orcid"))
    for graph in graphs:
        if graph.startswith(families) and not any(store.quads_for_pattern(ox.NamedNode(graph), derived, None)):
            yield Failure("lineage", f"nothing says where the graph {graph} comes from")
    for name in ("record-is-not-resource", "person-is-not-organisation", "parts-are-described"):
        yield from _examples(store, iris, name)


def whole_failures(store: ox.Store, iris: Iris, quads: int) -> Iterator[Failure]:
    """What only a look at every statement shows, for a store that was loaded whole."""
    solutions = store.query(read("checks/count", iris).text)
    assert isinstance(solutions, ox.QuerySolutions)
    count = int(next(solutions)["quads"].value)
    if count != quads:
        yield Failure("complete", f"{quads:,} statements were written and {count:,} are in the store")
    yield from _examples(store, iris, "union-is-whole")


def _examples(store: ox.Store, iris: Iris, name: str) -> Iterator[Failure]:
    query = read(f"checks/{name}", iris)
    solutions = store.query(query.text)
    assert isinstance(solutions, ox.QuerySolutions)
    for solution in solutions:
        yield Failure(name, f"{query.title}: {solution['thing']}")
