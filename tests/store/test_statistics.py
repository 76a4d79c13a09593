"""The statistics of a release: counted whole they are what a simple count finds, brought up to date they are the same."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odatis_kg.iris import Iris
from odatis_kg.store import statistics, void
from odatis_kg.store.dump import Dump, DumpWriter
from odatis_kg.store.loading import load, load_changed
from odatis_kg.store.partitions import TARGETS

IRIS = Iris("http://localhost:8000/")
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
THINGS = [f"<http://localhost:8000/id/thing/{number}>" for number in range(5)]
FOREIGN = ["<http://vocab.nerc.ac.uk/collection/P02/current/TEMP/>", "<https://orcid.org/0000-0002-1825-0097>"]
CLASSES = [f"<http://example.org/Class{number}>" for number in range(3)]
PROPERTIES = [f"<http://example.org/property{number}>" for number in range(3)]
LITERALS = ['"a"', '"a"@en', '"1"^^<http://www.w3.org/2001/XMLSchema#integer>']
GRAPHS = [f"http://localhost:8000/graph/{name}" for name in ("record/demo/a", "record/demo/b", "vocab/nvs/c", "prov/d")]

typed = st.tuples(st.sampled_from(THINGS + FOREIGN), st.just(TYPE), st.sampled_from(CLASSES))
said = st.tuples(
    st.sampled_from(THINGS + FOREIGN), st.sampled_from(PROPERTIES), st.sampled_from(THINGS + FOREIGN + LITERALS)
)
contents = st.dictionaries(st.sampled_from(GRAPHS), st.frozensets(typed | said, min_size=1, max_size=8), min_size=1)
Content = dict[str, frozenset[tuple[str, str, str]]]


def dumped(content: Content, folder: Path, before: Dump | None = None) -> tuple[Dump, set[str]]:
    """A dump, and the names of the graphs in it that are not as before."""
    folder.mkdir()
    writer = DumpWriter(folder, before)
    for graph, triples in content.items():
        writer.write(graph, sorted(f"{s} {p} {o} <{graph}> ." for s, p, o in triples))
    changed = writer.changed | writer.removed
    return writer.close()[0], changed


def simply_counted(content: Content) -> Counter[tuple[str, ...]]:
    """The counts as one would make them by hand."""
    union = {triple for triples in content.values() for triple in triples}
    classes = {thing: {o for s, p, o in union if s == thing and p == TYPE} for thing in {s for s, _, _ in union}}
    counts: Counter[tuple[str, ...]] = Counter()
    counts["statements",] = len(union)
    counts["things",] = len(classes)
    counts["entities",] = sum(bool(found) for found in classes.values())
    for thing, found in classes.items():
        for class_ in found:
            counts["class", class_[1:-1]] += 1
            for name in {p for s, p, _ in union if s == thing}:
                counts["about", class_[1:-1], name[1:-1]] += 1
        for name in {p for s, p, _ in union if s == thing}:
            counts["subjects", name[1:-1]] += 1
    for s, p, o in union:
        counts["property", p[1:-1]] += 1
        targets = [name for name, begins in TARGETS.items() if o[1:].startswith(begins)]
        if targets and not s[1:].startswith(TARGETS[targets[0]]):
            counts["link", targets[0], p[1:-1]] += 1
        for class_ in classes[s]:
            counts["within", class_[1:-1], p[1:-1]] += 1
            if o.startswith("<"):
                for value in classes.get(o, ()):
                    counts["to", class_[1:-1], p[1:-1], value[1:-1]] += 1
            else:
                literal = next(iter(ox.parse(f"<a:a> <a:b> {o} .", ox.RdfFormat.N_TRIPLES))).object
                assert isinstance(literal, ox.Literal)
                counts["of", class_[1:-1], p[1:-1], literal.datatype.value] += 1
    return +counts


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=contents, second=contents)
def test_counts_are_what_a_simple_count_finds_and_stay_so_when_graphs_come_change_and_go(
    first: Content, second: Content
) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        old_dump, _ = dumped(first, folder / "old")
        old = load(old_dump, folder / "old" / "store")
        before = statistics.count(old, old_dump.digests, IRIS)
        counted = {tuple(row[:-1]): row[-1] for row in before["partitions"]}
        assert counted == simply_counted(first)
        union = {triple for triples in first.values() for triple in triples}
        assert before["distinct_objects"] == len({o for _, _, o in union})
        assert before["objects"] == {p[1:-1]: len({o for _, q, o in union if q == p}) for p in {p for _, p, _ in union}}

        lines = void.describe(before, "one", "2026-01-01T00:00:00Z", [], IRIS)
        void.write(old, folder / "old" / "void", lines, None)
        assert statistics.count(old, old_dump.digests, IRIS) == before, "a description does not count itself"
        old.flush()
        del old

        new_dump, changed = dumped(second, folder / "new", old_dump)
        new, changes = load_changed(folder / "old" / "store", folder / "new" / "store", old_dump, new_dump, changed)
        was = ox.Store.read_only(str(folder / "old" / "store"))
        updated = statistics.update(before, was, new, changes, new_dump.digests, IRIS)
        assert {tuple(row[:-1]): row[-1] for row in updated["partitions"]} == simply_counted(second)
        fresh = void.describe(updated, "two", "2026-01-02T00:00:00Z", [], IRIS)
        void.write(new, folder / "new" / "void", fresh, folder / "old" / "void")
        assert updated == statistics.count(new, new_dump.digests, IRIS)
        itself = ox.NamedNode(void.graph_name(IRIS))
        assert {f"{quad} ." for quad in new.quads_for_pattern(None, None, None, itself)} == set(fresh)
        assert {quad.triple for quad in new.quads_for_pattern(None, None, None, ox.DefaultGraph())} == {
            quad.triple for quad in new if quad.graph_name != ox.DefaultGraph()
        }


def test_a_store_whose_statements_are_in_no_order_is_not_counted_wrongly(tmp_path: Path) -> None:
    class Shuffled:
        def quads_for_pattern(self, *pattern: object) -> list[ox.Quad]:
            quads = [
                ox.Quad(ox.NamedNode(f"a:{number % 2}"), ox.NamedNode("a:p"), ox.Literal(str(number)))
                for number in range(4)
            ]
            return [quad for quad in quads if pattern[1] in (None, quad.predicate)]

    with pytest.raises(ValueError, match="do not follow one another"):
        statistics.count(Shuffled(), {}, IRIS)  # type: ignore[arg-type]
