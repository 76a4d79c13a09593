"""DCAT catalogues in RDF (W3C DCAT 3 and its profiles), taken apart: one bounded description for each resource in them.

A description holds all statements that can be reached from a dataset, a series or a service without entering another one:
what blank nodes say, and what the document says of distributions, agents, contact points, its catalogue record, and so on.
What must stay true: the same statements give the same bytes, in whichever order and under whichever labels of blank nodes
they came; a description taken apart again is itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.mapping import xml
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.rdf import Syntax
from odatis_kg.namespaces import PREFIXES

Node = ox.NamedNode | ox.BlankNode
Statement = tuple[Node, ox.NamedNode, ox.NamedNode | ox.BlankNode | ox.Literal]

NAMESPACE: Final = b"http://www.w3.org/ns/dcat#"
_DCAT: Final = PREFIXES["dcat"]
_DCT: Final = PREFIXES["dct"]
_TYPE: Final = ox.NamedNode(PREFIXES["rdf"] + "type")
_RECORD_CLASSES: Final = {ox.NamedNode(_DCAT + name) for name in ("Dataset", "DatasetSeries", "DataService")}
_SERVICE: Final = ox.NamedNode(_DCAT + "DataService")
_CATALOGUE: Final = ox.NamedNode(_DCAT + "Catalog")
_CATALOGUE_RECORD: Final = ox.NamedNode(_DCAT + "CatalogRecord")
_VOCABULARY: Final = {ox.NamedNode(PREFIXES["skos"] + name) for name in ("ConceptScheme", "Collection")}
_LISTS: Final = {_DCAT + name for name in ("dataset", "service", "resource")}
_ACCESS: Final = _DCAT + "accessService"
_TOPIC: Final = PREFIXES["foaf"] + "primaryTopic"
_TOPIC_OF: Final = PREFIXES["foaf"] + "isPrimaryTopicOf"
_TITLE: Final = _DCT + "title"
_BODY: Final = {_DCT + "description", _DCAT + "distribution", _DCAT + "endpointURL"}
# What leads out of a description: into a whole vocabulary, or back to the catalogue.
_NOT_FOLLOWED: Final = {_TYPE.value, _TOPIC, *_LISTS, _DCAT + "record", _DCAT + "catalog", _DCAT + "servesDataset"} | {
    PREFIXES["skos"] + name
    for name in ("broader", "narrower", "related", "inScheme", "topConceptOf", "hasTopConcept", "member", "exactMatch")
}
_MOST_STATEMENTS: Final = 50_000  # of one description; a large one met has 2,500
_N_TRIPLES: Final = ox.RdfFormat.N_TRIPLES
_ADMS_IDENTIFIER: Final = PREFIXES["adms"] + "identifier"
_NOTATION: Final = PREFIXES["skos"] + "notation"


@dataclass(frozen=True, slots=True)
class Description:
    """What a document says of one dataset, series or service.

    `address` is its own IRI, empty for a node without a name; `identifiers` are what it states as such; `modified` is its
    own date of change. `content` is sorted N-Triples, empty with a `refusal` when there is more of it than is taken.
    """

    address: str
    identifiers: tuple[str, ...]
    modified: str
    content: bytes = field(repr=False)
    refusal: str = ""

    @property
    def name(self) -> str:
        """What it is called: its address, else its first identifier, else something made from its content."""
        return (
            next(filter(None, (self.address, *self.identifiers)), "")
            or f"sha256-{sha256(self.content).hexdigest()[:24]}"
        )


@dataclass(slots=True)
class Graph:
    """The statements of a document by subject, and what refers to each node."""

    by_subject: dict[Node, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    by_object: dict[Node, list[Statement]] = field(default_factory=lambda: defaultdict(list))

    def objects(self, subject: Node, predicate: str) -> list[ox.NamedNode | ox.BlankNode | ox.Literal]:
        """The values of a property of a node, in document order."""
        return [object_ for _, name, object_ in self.by_subject.get(subject, ()) if name.value == predicate]

    def subjects(self, predicate: str, object_: Node) -> list[Node]:
        """The nodes that refer to a node with a property."""
        return [subject for subject, name, _ in self.by_object.get(object_, ()) if name.value == predicate]

    def types(self, node: Node) -> set[ox.NamedNode]:
        """The classes of a node."""
        found = self.objects(node, _TYPE.value)
        return {one for one in found if isinstance(one, ox.NamedNode)}


def parse(content: bytes, syntax: Syntax, base: str | None = None) -> Graph:
    """The statements of a document, whatever graphs they are in.

    Raises:
        RefusedError: not well-formed (with the line), with a DTD, or with a JSON-LD context elsewhere on the web.
    """
    if syntax is Syntax.RDF_XML:
        xml.refuse_dtd(content)
        xml.refuse_deep(content)
    graph = Graph()
    seen: set[Statement] = set()
    try:
        for quad in ox.parse(content.removeprefix(b"\xef\xbb\xbf"), syntax.value, base_iri=base, lenient=True):
            subject, object_ = quad.subject, quad.object
            if isinstance(subject, ox.Triple) or isinstance(object_, ox.Triple):
                continue
            statement = (subject, quad.predicate, object_)
            if statement in seen:
                continue
            seen.add(statement)
            graph.by_subject[subject].append(statement)
            if not isinstance(object_, ox.Literal):
                graph.by_object[object_].append(statement)
    except (SyntaxError, ValueError) as error:
        said = f"not well-formed RDF: {error}"
        if "remote context" in said:
            said = (
                "JSON-LD with a context elsewhere on the web, which is not fetched; write the context into the document"
            )
        raise RefusedError(said) from None
    return graph


def descriptions(graph: Graph) -> Iterator[Description]:
    """The description of every record of a document, in its order."""
    roots = records(graph)
    for root in roots:
        yield _description(graph, root, roots)


def records_about(graph: Graph, root: Node) -> list[Node]:
    """The catalogue records about a resource."""
    stated = [one for one in graph.objects(root, _TOPIC_OF) if not isinstance(one, ox.Literal)]
    return list(dict.fromkeys([*graph.subjects(_TOPIC, root), *stated]))


def listed(graph: Graph) -> set[str]:
    """The addresses of what the catalogues of a document say that they hold."""
    return {
        node.value
        for node, statements in graph.by_object.items()
        if isinstance(node, ox.NamedNode) and any(name.value in _LISTS for _, name, _ in statements)
    }


def is_catalogue(graph: Graph) -> bool:
    """Whether a document is about a catalogue or what one holds, even if it describes none of it."""
    return any(_is_typed(graph, node) or _CATALOGUE in graph.types(node) for node in graph.by_subject)


def _is_typed(graph: Graph, node: Node) -> bool:
    types = graph.types(node)
    return bool(types & _RECORD_CLASSES) and not types & _VOCABULARY and _CATALOGUE not in types


def records(graph: Graph) -> Collection[Node]:
    """The nodes that are records of their own, in document order.

    A service that a distribution only goes through is a part of the distribution. What another record mentions, with a
    title and no more, is no record.
    """
    candidates = dict.fromkeys(
        node
        for node in graph.by_subject
        if _is_typed(graph, node) and graph.objects(node, _TITLE) and not _is_mere_access(graph, node)
    )
    return dict.fromkeys(node for node in candidates if _stands_alone(graph, node, candidates)).keys()


def _stands_alone(graph: Graph, node: Node, candidates: Collection[Node]) -> bool:
    if _is_listed(graph, node):
        return True
    if isinstance(node, ox.NamedNode) and any(name.value in _BODY for _, name, _ in graph.by_subject[node]):
        return True
    inside = {subject for subject, _, _ in _reached(graph, node, candidates)}
    return all(subject in inside for subject, _, _ in graph.by_object.get(node, ()))


def _is_listed(graph: Graph, node: Node) -> bool:
    """Whether a catalogue lists it, or a catalogue record is about it."""
    referring = graph.by_object.get(node, ())
    return any(name.value in _LISTS or name.value == _TOPIC for _, name, _ in referring) or bool(
        graph.objects(node, _TOPIC_OF)
    )


def _is_mere_access(graph: Graph, node: Node) -> bool:
    return _SERVICE in graph.types(node) and bool(graph.subjects(_ACCESS, node)) and not _is_listed(graph, node)


def _reached(graph: Graph, root: Node, stops: Collection[Node]) -> list[Statement]:
    """The statements of a description: those of the node, of its catalogue records, and of what they lead to.

    It ends soon after the most that a description can have.
    """
    found: list[Statement] = []
    pending = [root, *graph.subjects(_TOPIC, root)]
    entered = set(pending)
    while pending:
        node = pending.pop()
        statements = graph.by_subject.get(node, [])
        found += statements
        if len(found) > _MOST_STATEMENTS:
            break
        for _, name, object_ in statements:
            if isinstance(object_, ox.Literal) or name.value in _NOT_FOLLOWED:
                continue
            if object_ not in entered and object_ not in stops and _CATALOGUE not in graph.types(object_):
                entered.add(object_)
                pending.append(object_)
    return found


def _description(graph: Graph, root: Node, records: Collection[Node]) -> Description:
    statements = _reached(graph, root, records)
    refusal = ""
    if len(statements) > _MOST_STATEMENTS:
        refusal = f"it is described by more than {_MOST_STATEMENTS:,} statements, the most that are taken"
        statements = []
    identifiers = [one.value for one in graph.objects(root, _DCT + "identifier") if isinstance(one, ox.Literal)]
    for inner in graph.objects(root, _ADMS_IDENTIFIER):
        if not isinstance(inner, ox.Literal):
            identifiers += [one.value for one in graph.objects(inner, _NOTATION) if isinstance(one, ox.Literal)]
    dates = [
        date.value
        for about in (root, *records_about(graph, root))
        for date in graph.objects(about, _DCT + "modified")
        if isinstance(date, ox.Literal)
    ]
    return Description(
        address=root.value if isinstance(root, ox.NamedNode) else "",
        identifiers=tuple(text for one in identifiers if (text := one.strip())),
        modified=max(dates, default=""),
        content=_n_triples(statements),
        refusal=refusal,
    )


def _n_triples(statements: list[Statement]) -> bytes:
    names = _canonical_names(statements)
    triples = [
        ox.Triple(names.get(subject, subject), name, names.get(object_, object_))
        for subject, name, object_ in statements
    ]
    written = ox.serialize(triples, format=_N_TRIPLES) or b""
    return b"".join(sorted(set(written.splitlines(keepends=True))))


def _canonical_names(statements: list[Statement]) -> dict[Any, ox.BlankNode]:
    """A name for each blank node, made from all that is said of and with it; those that say the same become one.

    Nodes are told apart round by round by what surrounds them (colour refinement), until a round tells no more apart.
    The standard algorithm (RDFC-1.0) may take for ever on statements made to that end; this one cannot.
    """
    colours: dict[Any, str] = {
        node: "" for subject, _, object_ in statements for node in (subject, object_) if isinstance(node, ox.BlankNode)
    }
    told_apart = 0
    while told_apart < len(set(colours.values())) or not told_apart:
        if not colours:
            break
        told_apart = len(set(colours.values()))
        around: dict[Any, set[str]] = {node: set() for node in colours}
        for subject, name, object_ in statements:
            if subject in colours:
                around[subject].add(f">{name} {colours.get(object_, object_)}")
            if object_ in colours:
                around[object_].add(f"<{name} {colours.get(subject, subject)}")
        colours = {
            node: sha256("\n".join([colours[node], *sorted(said)]).encode("utf-8", "replace")).hexdigest()[:32]
            for node, said in around.items()
        }
    return {node: ox.BlankNode(f"b{colour}") for node, colour in colours.items()}
