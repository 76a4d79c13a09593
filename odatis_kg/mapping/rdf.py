"""Reading vocabularies in RDF: Turtle and RDF/XML dumps of NVS, GCMD and any other SKOS, made uniform on the way in.

What must stay true: concept IRIs come out in their authority's canonical form, misspelt namespaces of real dumps are put
right, and statements about blank nodes are reported, not loaded (R1).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pyoxigraph as ox

from odatis_kg.iris import key_segment
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import canonical, nvs
from odatis_kg.mapping.reading import State
from odatis_kg.mapping.values import Term, clean, is_iri, one_line
from odatis_kg.namespaces import PREFIXES, compact, expand

# Namespaces that real dumps misspell, and what they mean (NVS dumps of 2023: https for PROV, `ont#` for I-ADOPT).
_NAMESPACES: Final = {
    "https://www.w3.org/ns/prov#": PREFIXES["prov"],
    "https://w3id.org/iadopt/ont#": PREFIXES["iop"],
    "https://qudt.org/2.1/schema/qudt#": PREFIXES["qudt"],
    "http://purl.org/dc/elements/1.1/": PREFIXES["dct"],
    "http://schema.org/": PREFIXES["schema"],
}
_TURTLE_START: Final = re.compile(
    rb"(?:\s*#[^\n]*\n)*\s*(?:@(?:prefix|base)\s|(?:prefix|base)\s|<[a-z][a-z0-9+.-]*:[^\s>]*>\s|\[\s)", re.IGNORECASE
)
_SKOS: Final = PREFIXES["skos"]
_TYPE: Final = PREFIXES["rdf"] + "type"
_CONCEPT: Final = _SKOS + "Concept"


class Syntax(Enum):
    """The syntaxes of vocabulary dumps."""

    TURTLE = ox.RdfFormat.TURTLE
    RDF_XML = ox.RdfFormat.RDF_XML


class Node(NamedTuple):
    """One statement of a dump: subject and predicate IRI, and either an IRI or a literal as object."""

    subject: str
    predicate: str
    iri: str
    literal: str
    language: str | None
    order: int


@dataclass(frozen=True, slots=True)
class VocabularyName:
    """Which vocabulary a dump is: its authority (`nvs`, `gcmd`, or a host), its list, and the list's version."""

    authority: str
    list: str
    version: str

    @property
    def key(self) -> str:
        """The name of the vocabulary whatever its version, `nvs:P02`."""
        return f"{self.authority}:{self.list}"


@dataclass(slots=True)
class RdfReader:
    """A vocabulary dump being read, statement by statement."""

    nodes: tuple[Node, ...]
    name: VocabularyName
    modified: str
    scheme: str
    concepts: frozenset[str]
    blank: int
    broken: int
    consumed: set[int] = field(default_factory=set)
    _by_predicate: dict[str, list[Node]] = field(default_factory=dict)

    def select(self, path: tuple[str, ...]) -> list[Node]:
        """The statements with one of some predicates, in document order for each."""
        if not self._by_predicate:
            for node in self.nodes:
                self._by_predicate.setdefault(node.predicate, []).append(node)
        return [node for predicate in path for node in self._by_predicate.get(predicate, ())]

    def text(self, node: Node, *, multiline: bool = False) -> list[tuple[str, str | None]]:
        """The literal of a statement with its language, or nothing when it is empty."""
        self.consumed.add(node.order)
        words = clean(node.literal) if multiline else one_line(node.literal)
        return [(words, node.language)] if words else []

    def string(self, node: Node) -> str:
        """The literal of a statement on one line, or its IRI."""
        self.consumed.add(node.order)
        return one_line(node.literal) or node.iri

    code = string

    def href(self, node: Node) -> str:
        """The IRI of a statement; empty when its object is a literal."""
        self.consumed.add(node.order)
        return node.iri

    def sdn_code(self, node: Node) -> tuple[str, str] | None:  # noqa: ARG002
        """None: SeaDataNet code elements are of XML."""
        return None

    def subject(self, node: Node) -> Term | None:
        """The subject of a statement."""
        return Term(f"<{node.subject}>")

    def ignore(self, node: Node) -> None:
        """Nothing: a statement row decides by predicate."""
        self.consumed.add(node.order)

    @property
    def ignored(self) -> frozenset[int]:
        """Nothing: a row that leaves statements out counts as having read them."""
        return frozenset()

    def leaves(self) -> Iterator[tuple[Node, int, State]]:
        """Every statement, with its number, and what became of it."""
        for node in self.nodes:
            yield node, node.order, State.CONSUMED if node.order in self.consumed else State.UNKNOWN

    def where(self, node: Node) -> str:
        """The predicate of a statement, as a prefixed name where possible."""
        return compact(node.predicate, PREFIXES) or node.predicate

    def line(self, node: Node) -> int:  # noqa: ARG002
        """Unknown: RDF parsers do not keep lines."""
        return 0


def looks_like_turtle(start: bytes) -> bool:
    """Whether the beginning of a file is Turtle (or N-Triples, a subset of it)."""
    return _TURTLE_START.match(start) is not None


def compile_path(path: str) -> tuple[str, ...]:
    """A row's path in a vocabulary: predicates as prefixed names, separated by `|`.

    Raises:
        ValueError: a prefix is not declared.
    """
    return tuple(expand(name.strip(), PREFIXES) for name in path.split("|"))


def read(content: bytes, syntax: Syntax) -> RdfReader:
    """A vocabulary dump, made uniform.

    Raises:
        RefusedError: not well-formed (with the line), or without any SKOS concept.
    """
    nodes: list[Node] = []
    blank = broken = 0
    try:
        for order, quad in enumerate(ox.parse(content.removeprefix(b"\xef\xbb\xbf"), syntax.value, lenient=True)):
            subject, predicate, object_ = quad.subject, quad.predicate, quad.object
            if not isinstance(subject, ox.NamedNode) or isinstance(object_, ox.BlankNode | ox.Triple):
                blank += 1
                continue
            about = _iri(subject)
            if not is_iri(about):
                broken += 1
            elif isinstance(object_, ox.Literal):
                nodes.append(Node(about, _predicate(predicate), "", object_.value, object_.language, order))
            else:
                nodes.append(Node(about, _predicate(predicate), _iri(object_), "", None, order))
    except (SyntaxError, ValueError) as error:
        raise RefusedError(f"not well-formed RDF: {error}") from None
    concepts = frozenset(node.subject for node in nodes if node.predicate == _TYPE and node.iri == _CONCEPT)
    if not concepts:
        raise RefusedError(
            "RDF without any SKOS concept: an ontology or a catalogue rather than a vocabulary, which is not mapped"
        )
    name, scheme = _name(nodes, concepts, content)
    dates = [node.literal for node in nodes if node.subject == scheme and node.predicate == PREFIXES["dct"] + "date"]
    return RdfReader(tuple(nodes), name, max(dates, default=""), scheme, concepts, blank, broken)


def _iri(node: ox.NamedNode) -> str:
    text = node.value
    if text.startswith("http://vocab.nerc.ac.uk/collection/") and text.endswith("/") and "/current/" in text:
        return text  # already canonical: the case of nearly every line of an NVS dump
    found = canonical(text)
    # Standards' own terms are never rewritten; an IRI beyond repair is kept as text by the rows that meet it.
    return found if found is not None else text


def _predicate(node: ox.NamedNode) -> str:
    return _respelt(node.value)


@lru_cache(maxsize=4096)
def _respelt(text: str) -> str:
    for misspelt, namespace in _NAMESPACES.items():
        if text.startswith(misspelt):
            return namespace + text[len(misspelt) :]
    return text


def _name(nodes: list[Node], concepts: frozenset[str], content: bytes) -> tuple[VocabularyName, str]:
    """The vocabulary most concepts of a dump belong to, and the IRI of its collection or scheme."""
    in_scheme = {node.subject: node.iri for node in nodes if node.predicate == _SKOS + "inScheme" and node.iri}
    owners = Counter(
        term.iri.removesuffix(f"{term.code}/")
        if (term := nvs(concept)) and term.code
        else in_scheme.get(concept, concept.rpartition("#")[0] or concept.rpartition("/")[0])
        for concept in sorted(concepts)
    )
    scheme = owners.most_common(1)[0][0]
    versions = [
        node.literal
        for node in nodes
        if node.subject == scheme and node.predicate in (PREFIXES["owl"] + "versionInfo", PREFIXES["pav"] + "version")
    ]
    version = versions[0].strip() if versions else f"sha-{hashlib.sha256(content).hexdigest()[:12]}"
    collection = nvs(scheme)
    if collection:
        return VocabularyName("nvs", collection.collection, version), scheme
    if "gcmd.earthdata.nasa.gov" in scheme:
        return VocabularyName("gcmd", scheme.rstrip("/").rpartition("/")[2], version), scheme
    host = (urlsplit(scheme).hostname or "unknown") if is_iri(scheme) else "unknown"
    last = re.split(r"[/#]", scheme.rstrip("/#"))[-1]
    return VocabularyName(host, key_segment("vocabulary", host, last or scheme), version), scheme
