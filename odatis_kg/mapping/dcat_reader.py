"""Reading the description of one DCAT resource: statements hung below it as a tree, so that tables address them by path.

A member is a property by its prefixed name (`dct:title`), its value a list of literals, addresses, and nodes that the
description says more of; `@id` is a node's address, `@type` its classes, `@record` the catalogue records about the
resource. What must stay true: a node that leads back to one above it is an address there, so that the tree ends.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.mapping import dcat
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.json import JsonReader, Node
from odatis_kg.mapping.rdf import Syntax, respelt, tag
from odatis_kg.mapping.values import clean, one_line
from odatis_kg.mapping.vocabularies import DUMP_PREFIXES
from odatis_kg.namespaces import PREFIXES, compact

_DEEPEST: Final = 8
_MOST_NODES: Final = 100_000  # a tree repeats what several nodes refer to
_TYPE: Final = PREFIXES["rdf"] + "type"
_ABOUT: Final = {PREFIXES["foaf"] + name for name in ("primaryTopic", "isPrimaryTopicOf")}
_PREFIXES: Final = {**DUMP_PREFIXES, "hydra": "http://www.w3.org/ns/hydra/core#"}


class Literal(str):
    """A literal, with its language and its datatype (the address of it)."""

    __slots__ = ("datatype", "language")

    language: str | None
    datatype: str

    def __new__(cls, words: str, language: str | None, datatype: str) -> "Literal":
        """Make one."""
        made = super().__new__(cls, words)
        made.language, made.datatype = language, datatype
        return made


class Address(str):
    """The address of something of which nothing more is said."""

    __slots__ = ()


@dataclass(slots=True)
class DcatReader(JsonReader):
    """The description of one resource being read."""

    languages: dict[str, str] = field(default_factory=dict)  # of tags as they are written: `fre` is met

    def text(self, node: Node, *, multiline: bool = False) -> list[tuple[str, str | None]]:
        """A literal with its language, or an address; nothing for a node and for what is empty."""
        value = node.value
        if isinstance(value, dict | list):
            return []
        self.consumed.add(node.path)
        words = (clean if multiline else one_line)(str(value))
        language = value.language if isinstance(value, Literal) else None
        return [(words, self.languages.get(language or "", language))] if words else []

    def string(self, node: Node | None) -> str:
        """A literal on one line, or the address of a node; empty when there is neither."""
        if node is not None and isinstance(node.value, dict):
            return self.string_at(node, "@id")
        return one_line(self._scalar(node)) if node is not None else ""

    code = string

    def href(self, node: Node | None) -> str:
        """The address of a node; empty for a literal."""
        return "" if node is None or isinstance(node.value, Literal) else self.string(node)


def read(content: bytes) -> DcatReader:
    """The description of one resource, as `dcat.descriptions` makes them.

    Raises:
        RefusedError: no resource is described, or its nodes refer to each other so much that no tree can be made.
    """
    graph = dcat.parse(content, Syntax.TURTLE)
    root = next(iter(dcat.records(graph)), None)
    if root is None:
        raise RefusedError("RDF that describes no dataset, series or service (DCAT) with a title")
    tree = _Tree(graph)
    document = tree.node(root, ())
    records = [tree.node(one, (root,)) for one in dcat.records_about(graph, root)]
    if records:
        document["@record"] = records
    reader = DcatReader(Node(document, ""))
    reader.languages = {name: name for name in tree.languages}
    return reader


@dataclass(slots=True)
class _Tree:
    graph: dcat.Graph
    made: int = 0
    languages: set[str] = field(default_factory=set)

    def node(self, node: dcat.Node, above: tuple[dcat.Node, ...]) -> dict[str, Any]:
        """A node with all that is said of it, in the order of the description."""
        self.made += 1
        if self.made > _MOST_NODES:
            raise RefusedError(f"its nodes refer to each other so often that it has more than {_MOST_NODES:,} of them")
        found: dict[str, Any] = {}
        if isinstance(node, ox.NamedNode):
            found["@id"] = node.value
        for _, predicate, object_ in self.graph.by_subject.get(node, ()):
            if predicate.value == _TYPE:
                if isinstance(object_, ox.NamedNode):
                    found.setdefault("@type", []).append(_name(object_.value))
                continue
            if predicate.value in _ABOUT and (object_ in above or not above):
                continue  # catalogue records hang below `@record`
            value = self.value(object_, (*above, node))
            if value is not None:
                found.setdefault(_name(predicate.value), []).append(value)
        return found

    def value(self, object_: Any, above: tuple[dcat.Node, ...]) -> Any:
        """The value of a property; None for a node without a name that leads back or says nothing."""
        if isinstance(object_, ox.Literal):
            language = tag(object_.language)
            if language:
                self.languages.add(language)
            return Literal(object_.value, language, object_.datatype.value)
        is_new = object_ not in above and len(above) < _DEEPEST and object_ in self.graph.by_subject
        if is_new:
            return self.node(object_, above)
        return Address(object_.value) if isinstance(object_, ox.NamedNode) else None


def _name(iri: str) -> str:
    """The prefixed name of a property or class; of one in a namespace that is not declared, its host and its last step."""
    spelt = respelt(iri)
    steps = [step for step in re.split("[/#:?]+", spelt) if step]
    return compact(spelt, _PREFIXES) or ":".join([*steps[1:2], *steps[2:][-1:]]) or "property"
