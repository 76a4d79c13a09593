"""Integrity: what must be true of every release, checked in the built store before it is published.

A failure here is a fault of ours, not of a record: the release is not published and the one before it stays.
"""

from collections.abc import Iterator
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


def failures(store: ox.Store, iris: Iris, quads: int) -> Iterator[Failure]:
    """Every failure found; at most a few examples of each."""
    solutions = store.query(read("checks/count", iris).text)
    assert isinstance(solutions, ox.QuerySolutions)
    count = int(next(solutions)["quads"].value)
    if count != quads:
        yield Failure("complete", f"{quads:,} statements were written and {count:,} are in the store")
    derived = ox.NamedNode(PREFIXES["prov"] + "wasDerivedFrom")
    for graph in store.named_graphs():
        if (
            isinstance(graph, ox.NamedNode)
            and graph.value.startswith(
                (f"{iris.base}graph/record/", f"{iris.base}graph/enriched/", f"{iris.base}graph/vocab/")
            )
            and next(store.quads_for_pattern(graph, derived, None), None) is None
        ):
            yield Failure("lineage", f"nothing says where the graph {graph.value} comes from")
    for name in (
        "union-is-whole",
        "record-is-not-resource",
        "person-is-not-organisation",
        "parts-are-described",
    ):
        query = read(f"checks/{name}", iris)
        solutions = store.query(query.text)
        assert isinstance(solutions, ox.QuerySolutions)
        for solution in solutions:
            yield Failure(name, f"{query.title}: {solution['thing']}")
