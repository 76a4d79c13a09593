"""The dump of a release: one ordinary gzip file, graph by graph, and what is unchanged taken over byte by byte."""

import gzip
import hashlib
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.store.dump import Dump, DumpWriter
from odatis_kg.store.loading import load, load_changed

Graphs = dict[str, list[str]]


def write(folder: Path, graphs: Graphs, before: Dump | None = None) -> tuple[Dump, DumpWriter]:
    folder.mkdir()
    writer = DumpWriter(folder, before)
    for graph, statements in graphs.items():
        writer.write(graph, sorted(f"{statement} <{graph}> ." for statement in statements), inputs=f"made of {graph}")
    dump, sha256 = writer.close()
    assert hashlib.sha256(dump.path.read_bytes()).hexdigest() == sha256
    return dump, writer


FIRST: Graphs = {
    "g:c": ['<a:a> <a:b> "ends like a graph <g:c> ."', "<a:a> <a:b> <a:c>"],
    "g:a": ["<a:a> <a:b> <a:c>", "<a:x> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <a:Class>"],
    "g:b": ["<a:a> <a:b> <g:b>"],
}
SECOND: Graphs = {"g:a": ["<a:a> <a:b> <a:d>"], "g:c": FIRST["g:c"], "g:d": ["<a:a> <a:b> <g:b>", "<a:é> <a:b> <a:c>"]}


def test_a_dump_is_one_gzip_file_with_graphs_in_order(tmp_path: Path) -> None:
    dump, _ = write(tmp_path / "one", FIRST)
    lines = gzip.decompress(dump.path.read_bytes()).decode().splitlines()
    assert len(lines) == dump.quads == 5
    assert [line.rpartition("<")[2] for line in lines] == ["g:a> .", "g:a> .", "g:b> .", "g:c> .", "g:c> ."]
    assert dump.lines("g:b") == ["<a:a> <a:b> <g:b> <g:b> ."]
    assert dump.lines("g:none") == []
    assert dump.entries["g:c"].inputs == "made of g:c"


def test_the_same_graphs_make_the_same_bytes_from_nothing_and_from_the_one_before(tmp_path: Path) -> None:
    before, _ = write(tmp_path / "before", FIRST)
    taken, writer = write(tmp_path / "taken", SECOND, before)
    anew, _ = write(tmp_path / "anew", SECOND)
    assert writer.changed == {"g:a", "g:d"}
    assert writer.removed == {"g:b"}
    assert taken.path.read_bytes() == anew.path.read_bytes()
    assert taken.entries == anew.entries


def test_a_graph_is_kept_only_when_it_is_what_it_was(tmp_path: Path) -> None:
    before, _ = write(tmp_path / "before", FIRST)
    (tmp_path / "after").mkdir()
    writer = DumpWriter(tmp_path / "after", before)
    assert not writer.keep("g:a", inputs="other")
    assert not writer.keep("g:a", digest="other")
    assert not writer.keep("g:none", inputs="made of g:none")
    assert not writer.keep("g:a"), "without knowing anything of it"
    assert writer.keep("g:a", inputs="made of g:a")
    assert writer.keep("g:b", digest=before.entries["g:b"].digest)
    dump, _ = writer.close()
    assert dump.lines("g:a") == before.lines("g:a")
    assert writer.changed == set()


def test_a_graph_is_written_once(tmp_path: Path) -> None:
    writer = DumpWriter(tmp_path)
    writer.write("a:g", ["<a:a> <a:b> <a:c> <a:g> ."])
    with pytest.raises(ValueError, match="twice"):
        writer.write("a:g", [])
    assert writer.write("a:empty", []) == 0
    assert set(writer.close()[0].entries) == {"a:g"}


def quads(store: ox.Store) -> set[str]:
    return {str(quad) for quad in store}


def test_a_store_with_graphs_replaced_is_the_store_loaded_from_nothing(tmp_path: Path) -> None:
    before, _ = write(tmp_path / "before", FIRST)
    after, writer = write(tmp_path / "after", SECOND, before)
    first = load(before, tmp_path / "before" / "store")
    assert len(list(first.quads_for_pattern(None, None, None, ox.DefaultGraph()))) == 4, "each statement once"
    held = quads(first)
    del first
    store, changes = load_changed(
        tmp_path / "before" / "store", tmp_path / "after" / "store", before, after, writer.changed | writer.removed
    )
    assert quads(store) == quads(load(after, tmp_path / "anew"))
    assert quads(ox.Store.read_only(str(tmp_path / "before" / "store"))) == held, "the release before is as it was"
    assert (
        changes.quads
        == len(list(store.quads_for_pattern(None, None, None, None)))
        - len(list(store.quads_for_pattern(None, None, None, ox.DefaultGraph())))
        - 5
    )
    assert changes.subjects == {"a:a", "a:x", "a:é"}
    assert changes.retyped == {"a:x"}
    # A statement that moves from a graph to another may both go and come.
    moved = ("a:b", ox.NamedNode("g:b"))
    assert changes.came - {moved} == {("a:b", ox.NamedNode("a:d")), ("a:b", ox.NamedNode("a:c"))}
    assert {name for name, _ in changes.went - {moved}} == {"http://www.w3.org/1999/02/22-rdf-syntax-ns#type"}


def test_what_is_served_is_the_graphs_of_the_dump_and_the_description(tmp_path: Path) -> None:
    dump, _ = write(tmp_path / "one", FIRST)
    assert [name for name, _ in dump.served()] == ["g:a", "g:b", "g:c"]
    line = '<a:a> <a:b> "ends like a graph <g:c> ." <g:void> .\n'
    (tmp_path / "one" / "void.nq.gz").write_bytes(gzip.compress(line.encode()))
    assert list(dump.served())[3:] == [("g:void", line.encode())]
