"""Statistics of a release, counted once when it is built."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyoxigraph as ox

from odatis_kg.iris import Iris
from odatis_kg.store.loading import Changes


def count(store: ox.Store, graphs: Mapping[str, tuple[int, str]], iris: Iris) -> dict[str, Any]:
    """Instances by class, statements by predicate, graphs and statements by graph family."""
    return {
        "classes": _table(store, "SELECT ?key (COUNT(DISTINCT ?thing) AS ?n) WHERE { ?thing a ?key } GROUP BY ?key"),
        "predicates": _table(store, "SELECT ?key (COUNT(*) AS ?n) WHERE { ?s ?key ?o } GROUP BY ?key"),
        "families": _families(graphs, iris),
    }


def update(
    before: Mapping[str, Any], changes: Changes, graphs: Mapping[str, tuple[int, str]], iris: Iris
) -> dict[str, Any]:
    """The same as `count`, from the statistics of the release before and what has changed since."""
    return {
        "classes": _changed(before["classes"], changes.classes),
        "predicates": _changed(before["predicates"], changes.predicates),
        "families": _families(graphs, iris),
    }


def _changed(before: Mapping[str, int], steps: Mapping[str, int]) -> dict[str, int]:
    after = Counter(before)
    after.update(steps)
    return {key: number for key, number in sorted(after.items()) if number}


def _families(graphs: Mapping[str, tuple[int, str]], iris: Iris) -> dict[str, dict[str, int]]:
    families: dict[str, dict[str, int]] = {}
    for graph, (quads, _) in sorted(graphs.items()):
        family = graph.removeprefix(f"{iris.base}graph/").partition("/")[0]
        entry = families.setdefault(family, {"graphs": 0, "quads": 0})
        entry["graphs"] += 1
        entry["quads"] += quads
    return families


def _table(store: ox.Store, query: str) -> dict[str, int]:
    solutions = store.query(query)
    assert isinstance(solutions, ox.QuerySolutions)
    counted: Counter[str] = Counter()
    for solution in solutions:
        key, number = solution["key"], solution["n"]
        if isinstance(key, ox.NamedNode) and isinstance(number, ox.Literal):
            counted[key.value] = int(number.value)
    return dict(sorted(counted.items()))
