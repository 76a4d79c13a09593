"""The store of a release: loaded whole from its dump, or made of the one before by replacing the graphs that changed.

The default graph holds every statement of the named graphs once, as SPARQL wants it. (An engine that makes the union while
it answers gives a statement of several graphs several times: oxigraph issue 1919.) What must stay true: both ways make the
same store, statement for statement.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.namespaces import PREFIXES
from odatis_kg.store.dump import Dump

_TYPE: Final = ox.NamedNode(PREFIXES["rdf"] + "type")
_DEFAULT: Final = ox.DefaultGraph()


@dataclass(slots=True)
class Changes:
    """What changed in the default graph: the subjects of statements that came or went, those whose classes are others now, and
    the properties and values of what came and of what went. `quads` is how many more statements the named graphs hold.
    """

    subjects: set[str] = field(default_factory=set)
    retyped: set[str] = field(default_factory=set)
    came: set[tuple[str, Any]] = field(default_factory=set)
    went: set[tuple[str, Any]] = field(default_factory=set)
    quads: int = 0

    def note(self, quad: ox.Quad, pairs: set[tuple[str, Any]]) -> None:
        """Note a statement that came or went (`pairs` is one of the two)."""
        subject = str(quad.subject.value)  # type: ignore[union-attr]
        self.subjects.add(subject)
        pairs.add((quad.predicate.value, quad.object))
        if quad.predicate == _TYPE:
            self.retyped.add(subject)


def load(dump: Dump, path: Path) -> ox.Store:
    """A new store of everything in a dump."""
    store = ox.Store(str(path))
    quads_path, union_path = path.with_name("quads.nq"), path.with_name("union.nt")
    with quads_path.open("wb") as quads, union_path.open("wb") as union:
        for graph, content in dump.unpacked():
            quads.write(content)
            union.write(content.replace(f" <{graph}> .\n".encode(), b" .\n"))
    # `lenient`: these lines are ours and valid (tests parse them strictly); it is a sixth faster.
    store.bulk_load(path=str(quads_path), format=ox.RdfFormat.N_QUADS, lenient=True)
    store.bulk_load(path=str(union_path), format=ox.RdfFormat.N_TRIPLES, lenient=True)
    store.flush()
    quads_path.unlink()
    union_path.unlink()
    return store


def load_changed(before: Path, path: Path, old: Dump, new: Dump, graphs: Iterable[str]) -> tuple[ox.Store, Changes]:
    """The store in `before` copied to `path` (by hard links where it can be) with some graphs replaced, and what changed."""
    ox.Store.read_only(str(before)).backup(str(path))
    store = ox.Store(str(path))
    changes = Changes()
    for graph in sorted(graphs):
        was, now = set(old.lines(graph)), set(new.lines(graph))
        for quad in _quads(was - now):
            changes.quads -= quad in store
            store.remove(quad)
            everywhere = store.quads_for_pattern(quad.subject, quad.predicate, quad.object, None)
            if all(other.graph_name == _DEFAULT for other in everywhere):
                store.remove(_without_graph(quad))
                changes.note(quad, changes.went)
        come = list(_quads(now - was))
        fresh = [union for quad in come if (union := _without_graph(quad)) not in store]
        changes.quads += sum(quad not in store for quad in come)
        store.extend([*come, *fresh])
        for quad in fresh:
            changes.note(quad, changes.came)
    store.flush()
    return store, changes


def _quads(lines: set[str]) -> Iterable[ox.Quad]:
    return ox.parse("\n".join(sorted(lines)).encode("utf-8"), format=ox.RdfFormat.N_QUADS)


def _without_graph(quad: ox.Quad) -> ox.Quad:
    return ox.Quad(quad.subject, quad.predicate, quad.object, _DEFAULT)
