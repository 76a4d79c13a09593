"""The dataset that a query is asked of, where the engine does not make it as SPARQL wants it.

A default graph of several graphs is their merge: a set, in which a statement of two of them stands once (SPARQL 1.1,
section 13.2). The engine gives it once for each (oxigraph issue 1919), so that counts are wrong. Such a dataset is made in
memory for the query; the bounds of memory and time hold for that, too.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin

import pyoxigraph as ox

from odatis_kg.mapping.values import is_iri
from odatis_kg.store.syntax import first_form
from odatis_kg.store.tokens import tokens

_FROM: Final = re.compile("from", re.IGNORECASE)

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
    if not _FROM.search(text):
        return [], []  # as most queries: they are not to be read token by token once more
    prefixes: dict[str, str] = {}
    base = prefix = ""
    default: list[str] = []
    named: list[str] = []
    form = first_form(text)
    words: list[str] = []
    for token in tokens(text):
        if token.kind == "word":
            words = [*words[-1:], token.text.upper()]
            if words[-1] == "WHERE":
                break
            continue
        if token.text == "{" and (form != "CONSTRUCT" or default or named):
            break
        if words[-1:] == ["PREFIX"]:
            if token.kind == "name":
                prefix = token.text.removesuffix(":")
            elif token.kind == "iri":
                prefixes[prefix] = urljoin(base, token.text[1:-1])
                words = []
        elif words[-1:] == ["BASE"]:
            base, words = urljoin(base, token.text[1:-1]), []
        elif words[-1:] == ["FROM"] or words == ["FROM", "NAMED"]:
            if token.kind == "iri" and "\\" not in token.text:
                iri = urljoin(base, token.text[1:-1])
            elif token.kind == "name" and "\\" not in token.text and token.text.partition(":")[0] in prefixes:
                prefix, _, local = token.text.partition(":")
                iri = prefixes[prefix] + local
            else:
                return [], []
            if not is_iri(iri):
                return [], []
            (named if words[-1] == "NAMED" else default).append(iri)
            words = []
    return default, named
