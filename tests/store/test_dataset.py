"""A default graph of several graphs is their merge, however they are named."""

import pyoxigraph as ox
import pytest

from odatis_kg.store.dataset import dataset_of

ONE, OTHER = "http://a/one", "http://a/other"


@pytest.fixture
def store() -> ox.Store:
    """Two graphs that share a statement, and one statement that is in neither."""
    found = ox.Store()
    for graph, values in ((ONE, "12"), (OTHER, "23")):
        found.extend(
            ox.Quad(ox.NamedNode("x:s"), ox.NamedNode("x:p"), ox.Literal(one), ox.NamedNode(graph)) for one in values
        )
    found.add(ox.Quad(ox.NamedNode("x:s"), ox.NamedNode("x:p"), ox.Literal("9")))
    return found


def count(store: ox.Store, text: str, default: list[str], named: list[str]) -> int:
    asked, default_graph, named_graphs = dataset_of(store, text, default, named)
    (row,) = asked.query(text, default_graph=default_graph, named_graphs=named_graphs)
    return int(row["n"].value)


_TRIPLES = "SELECT (COUNT(*) AS ?n) {} {{ ?s ?p ?o }}"
_GRAPHS = "SELECT (COUNT(DISTINCT ?g) AS ?n) {} {{ GRAPH ?g {{ ?s ?p ?o }} }}"


def test_graphs_of_the_request_are_merged(store: ox.Store) -> None:
    text = _TRIPLES.format("")
    assert count(store, text, [], []) == 1
    assert count(store, text, [ONE], []) == 2
    assert count(store, text, [ONE, OTHER], []) == 3
    assert count(store, text, [ONE, ONE], []) == 2
    assert count(store, text, [], [ONE]) == 0


def test_named_graphs_stay_what_they_are(store: ox.Store) -> None:
    text = _GRAPHS.format("")
    assert count(store, text, [], []) == 2
    assert count(store, text, [ONE, OTHER], []) == 0
    assert count(store, text, [ONE, OTHER], [OTHER]) == 1


@pytest.mark.parametrize(
    "clause",
    [
        f"FROM <{ONE}> FROM <{OTHER}>",
        f"from <{ONE}>\nfrom <{OTHER}> # FROM <x:>\n",
        f"FROM <{ONE}> FROM NAMED <{ONE}> FROM <{OTHER}> WHERE",
    ],
)
def test_graphs_of_the_query_are_merged(store: ox.Store, clause: str) -> None:
    assert count(store, _TRIPLES.format(clause), [], []) == 3


def test_names_and_bases_are_followed(store: ox.Store) -> None:
    prologue = "PREFIX a: <http://a/> BASE <http://a/x> "
    assert count(store, prologue + _TRIPLES.format("FROM a:one FROM <other>"), [], []) == 3
    assert count(store, prologue + _GRAPHS.format("FROM a:one FROM a:other FROM NAMED a:other"), [], []) == 1
    assert count(store, prologue + _TRIPLES.format("FROM a:one FROM <other>"), [ONE], []) == 2


def test_a_construct_is_read_as_well(store: ox.Store) -> None:
    text = f"CONSTRUCT {{ ?s ?p ?o }} FROM <{ONE}> FROM <{OTHER}> WHERE {{ ?s ?p ?o }}"
    asked, default, named = dataset_of(store, text, [], [])
    assert len(list(asked.query(text, default_graph=default, named_graphs=named))) == 3
