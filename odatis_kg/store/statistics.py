"""Statistics of a release, counted when it is built: whole, or from those of the release before and what has changed since.

They count the default graph, which is every statement of the named graphs once, without the release's description of itself.
Reading the store takes 3 s of processor time for 400,000 statements of it, counting them 1 to 2 s more, of the 47 s that a
build of the 624,000 statements of their named graphs takes; grouping in the engine by class, property and class of the value
takes 6 to 9 s. Bringing the counts up to date after 26 of 2,600 records have changed takes 0.2 s.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyoxigraph as ox

from odatis_kg.iris import Iris
from odatis_kg.store.loading import Changes
from odatis_kg.store.partitions import Partitions, Reader, as_rows, describes_itself, from_rows

_Graphs = Mapping[str, tuple[int, str]]


def count(store: ox.Store, graphs: _Graphs, iris: Iris) -> dict[str, Any]:
    """Partitions (see `partitions.Partitions.counts`), distinct objects, and graphs and statements by graph family and source."""
    partitions = Partitions()
    for thing in Reader(store, iris).all():
        partitions.add(thing)
    itself = f"GRAPH ?graph {{ ?subject ?key ?value }} FILTER(?graph != <{iris.graph('void')}>)"
    by_property = f"SELECT ?key (COUNT(DISTINCT ?value) AS ?n) WHERE {{ {itself} }} GROUP BY ?key"
    objects = {str(row["key"].value): int(row["n"].value) for row in _rows(store, by_property)}
    ((distinct,),) = _rows(store, f"SELECT (COUNT(DISTINCT ?value) AS ?n) WHERE {{ {itself} }}")
    return _together(partitions.counts(), objects, int(distinct.value), graphs, iris)


def update(
    before: Mapping[str, Any], old: ox.Store, new: ox.Store, changes: Changes, graphs: _Graphs, iris: Iris
) -> dict[str, Any]:
    """The same as `count` of the new store, from the statistics and the store of the release before and what has changed.

    A thing is counted again when one of its statements came or went, or when something it points at changed its classes.
    """
    was, now = Reader(old, iris), Reader(new, iris)
    touched = set(changes.subjects)
    for iri in changes.retyped:
        touched.update(was.pointing_at(iri))
        touched.update(now.pointing_at(iri))
    partitions = Partitions()
    for iri in touched:
        for reader, step in ((was, -1), (now, 1)):
            if (thing := reader.thing(iri)) is not None:
                partitions.add(thing, step)
    itself = describes_itself(iris)
    per_property, distinct = dict[str, int](before["objects"]), int(before["distinct_objects"])
    for pairs, other, step in ((changes.came, old, 1), (changes.went, new, -1)):
        for name, value in pairs:
            if not _is_said(other, ox.NamedNode(name), value, itself):
                per_property[name] = per_property.get(name, 0) + step
        distinct += step * sum(not _is_said(other, None, value, itself) for value in {value for _, value in pairs})
    counts = from_rows(before["partitions"])
    counts.update(partitions.counts())
    return _together(counts, per_property, distinct, graphs, iris)


def _together(
    counts: Mapping[tuple[str, ...], int], objects: Mapping[str, int], distinct: int, graphs: _Graphs, iris: Iris
) -> dict[str, Any]:
    rows = as_rows(counts)
    return {
        "classes": {row[1]: row[2] for row in rows if row[0] == "class"},
        "predicates": {row[1]: row[2] for row in rows if row[0] == "property"},
        "families": _shares(graphs, iris, 0),
        "sources": _shares((graph for graph in graphs.items() if "/graph/record/" in graph[0]), iris, 1),
        "partitions": rows,
        "objects": {name: number for name, number in sorted(objects.items()) if number},
        "distinct_objects": distinct,
    }


def _is_said(store: ox.Store, predicate: ox.NamedNode | None, value: Any, itself: tuple[str, str]) -> bool:
    """Whether a value stands in a statement of the default graph that is none of the description of the release."""
    quads = store.quads_for_pattern(None, predicate, value, ox.DefaultGraph())
    return any(not str(quad.subject.value).startswith(itself) for quad in quads)  # type: ignore[union-attr]


def _shares(
    graphs: _Graphs | Iterable[tuple[str, tuple[int, str]]], iris: Iris, segment: int
) -> dict[str, dict[str, int]]:
    """Graphs and statements by a segment of the graph's name: 0 is the family, 1 of a record graph is its source."""
    shares: dict[str, dict[str, int]] = {}
    for graph, (quads, _) in sorted(graphs.items() if isinstance(graphs, Mapping) else graphs):
        name = graph.removeprefix(f"{iris.base}graph/").split("/")[segment]
        entry = shares.setdefault(name, {"graphs": 0, "quads": 0})
        entry["graphs"] += 1
        entry["quads"] += quads
    return shares


def _rows(store: ox.Store, query: str) -> Iterator[Any]:
    solutions = store.query(query)
    assert isinstance(solutions, ox.QuerySolutions)
    yield from solutions
