"""The dataset that a query is asked of, where the engine does not make it as SPARQL wants it.

A default graph of several graphs is their merge: a set, in which a statement of two of them stands once (SPARQL 1.1,
section 13.2). The engine gives it once for each (oxigraph issue 1919), so that counts are wrong. Such a dataset is made in
memory for the query; the bounds of memory and time hold for that, too.
"""

from collections.abc import Sequence

import pyoxigraph as ox

from odatis_kg.mapping.values import is_iri
from odatis_kg.store.query_cursor import Cursor
from odatis_kg.store.syntax import Form, first_form

Graphs = list[ox.NamedNode | ox.BlankNode]
DefaultGraphs = list[ox.NamedNode | ox.BlankNode | ox.DefaultGraph]


def dataset_of(
    store: ox.Store, text: str, default: Sequence[str], named: Sequence[str]
) -> tuple[ox.Store, DefaultGraphs | None, Graphs | None]:
    """The store to ask, and what to pass as default graph and named graphs; None where the query and the store decide.

    A dataset of the request, `default` and `named`, replaces that of the query (SPARQL 1.1 Protocol, section 2.1.4).
    """
    asked = bool(default or named)
    if not asked:
        default, named = _stated(text)
    if len(set(default)) < 2:
        if not asked:
            return store, None, None
        return store, [ox.NamedNode(graph) for graph in set(default)], [ox.NamedNode(graph) for graph in named]
    merged = ox.Store()
    for graph in dict.fromkeys(default):
        found = store.quads_for_pattern(None, None, None, ox.NamedNode(graph))
        merged.extend(ox.Quad(quad.subject, quad.predicate, quad.object) for quad in found)
    graphs: Graphs = [ox.NamedNode(graph) for graph in dict.fromkeys(named)]
    for graph_name in graphs:
        merged.extend(store.quads_for_pattern(None, None, None, graph_name))
    return merged, [ox.DefaultGraph()], graphs


def _stated(text: str) -> tuple[list[str], list[str]]:
    """The graphs of FROM and of FROM NAMED; none when one is named in a way that only the engine can read."""
    if "FROM" not in text.upper():
        return [], []  # as most queries: they are not to be read token by token once more
    default: list[str] = []
    named: list[str] = []
    form = first_form(text)
    cursor = Cursor(text, ())
    while cursor.token.kind != "end" and cursor.word != "WHERE":
        if cursor.word == "{" and (form is not Form.CONSTRUCT or default or named):
            break
        if cursor.word in ("PREFIX", "BASE") and cursor.declaration():
            continue
        if cursor.next().text.upper() == "FROM":
            graphs = named if cursor.word == "NAMED" else default
            if graphs is named:
                cursor.next()
            iri = cursor.iri(cursor.next())
            if iri is None or not is_iri(iri):
                return [], []
            graphs.append(iri)
    return default, named
