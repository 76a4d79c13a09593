"""Reading vocabularies in RDF: Turtle, RDF/XML and JSON-LD dumps of NVS, GCMD and any other SKOS, made uniform.

What must stay true: concept IRIs come out in their authority's canonical form, misspelt namespaces of real dumps are put
right, and no blank node is loaded (R1): what one says is said of the node it belongs to, by a path of properties such as
`gcmd:reference/gcmd:text`. Of a dump that is cut off, the concepts before the cut are kept, and what is lost is told.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final

import pyoxigraph as ox

from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.json import document_of
from odatis_kg.mapping.reading import State
from odatis_kg.mapping.values import Term, clean, is_iri, is_language_tag, one_line
from odatis_kg.mapping.vocabularies import DUMP_PREFIXES, Node, VocabularyName, literals, missing, name_of, scheme_of
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
    rb"(?:\s*#[^\n]*\n)*\s*(?:@(?:prefix|base)\s|(?:prefix|base)\s|<[a-z][a-z0-9+.-]*:[^\s>]*>\s|\[\s+[^\s{\[\]\"\d-])",
    re.IGNORECASE,
)
_XML_START: Final = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)*<(?:[A-Za-z_][\w.-]*:)?RDF[\s>]", re.DOTALL)
_SKOS: Final = PREFIXES["skos"]
_TYPE: Final = PREFIXES["rdf"] + "type"
_CONCEPT: Final = _SKOS + "Concept"
_LISTS: Final = (_SKOS + "ConceptScheme", _SKOS + "Collection", _SKOS + "OrderedCollection")
# How deep blank nodes are followed: four levels are met in shapes, three in catalogues.
_DEEPEST: Final = 8


class Syntax(Enum):
    """The syntaxes of vocabulary dumps."""

    TURTLE = ox.RdfFormat.TURTLE
    RDF_XML = ox.RdfFormat.RDF_XML
    JSON_LD = ox.RdfFormat.JSON_LD


@dataclass(slots=True)
class RdfReader:
    """A vocabulary dump being read, statement by statement."""

    nodes: tuple[Node, ...]
    name: VocabularyName
    modified: str
    scheme: str
    concepts: frozenset[str]
    lists: frozenset[str]
    blank: int
    broken: int
    remarks: tuple[str, ...] = ()
    consumed: set[int] = field(default_factory=set)
    _by_predicate: dict[str, list[Node]] = field(default_factory=dict)

    def select(self, path: tuple[str, ...]) -> list[Node]:
        """The statements with one of some predicates, in document order for each."""
        if not self._by_predicate:
            for node in self.nodes:
                self._by_predicate.setdefault(node.predicate, []).append(node)
        found = []
        for predicate in path:
            if predicate.endswith("/*"):
                begin = predicate[:-1]
                found += [
                    node for name in self._by_predicate if name.startswith(begin) for node in self._by_predicate[name]
                ]
            else:
                found += self._by_predicate.get(predicate, ())
        return found

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

    def sdn_code(self, node: Node) -> None:  # noqa: ARG002
        """None: RDF names concepts by IRIs."""
        return

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
        """The predicate of a statement, as a prefixed name where possible; several for what a blank node says."""
        steps = re.split(r"/(?=https?://)", node.predicate)
        return "/".join(compact(step, DUMP_PREFIXES) or step for step in steps)

    def line(self, node: Node) -> int:  # noqa: ARG002
        """Unknown: RDF parsers do not keep lines."""
        return 0


def looks_like_turtle(start: bytes) -> bool:
    """Whether the beginning of a file is Turtle (or N-Triples, a subset of it)."""
    return _TURTLE_START.match(start) is not None


def compile_path(path: str) -> tuple[str, ...]:
    """A row's path in a vocabulary: predicates as prefixed names, separated by `|`.

    `a:b/c:d` is what a blank node in `a:b` says with `c:d`, `a:b/*` anything that blank nodes in `a:b` say.

    Raises:
        ValueError: a prefix is not declared.
    """
    return tuple(
        "/".join(step if step == "*" else expand(step.strip(), DUMP_PREFIXES) for step in one.strip().split("/"))
        for one in path.split("|")
    )


def looks_like_rdf_xml(start: bytes) -> bool:
    """Whether the root element of an XML document is rdf:RDF, told from its beginning."""
    return _XML_START.match(start) is not None


def syntax_of(content: bytes) -> Syntax:
    """The syntax of a dump that is known to be RDF."""
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"[") and not looks_like_turtle(start):
        return Syntax.JSON_LD
    return Syntax.TURTLE if looks_like_turtle(start) else Syntax.RDF_XML


def read(content: bytes, syntax: Syntax) -> RdfReader:
    """A vocabulary dump, made uniform.

    Raises:
        RefusedError: not well-formed (with the line) before the first whole concept, or nothing of SKOS in it.
    """
    quads, remarks = _whole_concepts(content, syntax)
    nodes: list[Node] = []
    blank = broken = 0
    for order, (owner, predicate, object_) in enumerate(_without_blank_nodes(quads)):
        if owner is None:
            blank += 1
            continue
        about = _iri(owner) if isinstance(owner, ox.NamedNode) else ""
        if isinstance(owner, ox.NamedNode) and not is_iri(about):
            broken += 1
        elif isinstance(object_, ox.Literal):
            nodes.append(Node(about, predicate, "", object_.value, tag(object_.language), order))
        else:
            nodes.append(Node(about, predicate, _iri(object_), "", None, order))
    concepts = frozenset(node.subject for node in nodes if node.predicate == _TYPE and node.iri == _CONCEPT)
    lists = frozenset(node.subject for node in nodes if node.predicate == _TYPE and node.iri in _LISTS)
    if not concepts and not lists:
        if remarks:
            raise RefusedError(remarks[0])
        raise RefusedError(
            "RDF without any SKOS concept and without any dataset described in DCAT: an ontology, or a catalogue that only"
            " names what it holds; neither is mapped"
        )
    scheme, described = scheme_of(nodes, concepts, lists)
    if described:
        nodes = [node._replace(subject=scheme) if node.subject == described else node for node in nodes]
        lists = frozenset({scheme})
        remarks = (
            *remarks,
            f"the scheme that the dump describes ({described}) is not the one of its concepts ({scheme})",
        )
    # What nodes without a name say of no other node, such as the page of a GCMD answer, is said of the vocabulary.
    nodes = [node if node.subject else node._replace(subject=scheme) for node in nodes]
    name = name_of(nodes, scheme, content)
    dates = literals(nodes, scheme, *(PREFIXES["dct"] + date for date in ("date", "modified", "issued")))
    modified = "" if remarks else max(dates, default="")  # a whole dump is always taken before one that is cut off
    remarks = (*remarks, *missing(nodes, concepts))
    return RdfReader(tuple(nodes), name, modified, scheme, concepts, lists, blank, broken, remarks)


_Statement = tuple[ox.NamedNode | ox.BlankNode, ox.NamedNode, ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple]


def _whole_concepts(content: bytes, syntax: Syntax) -> tuple[list[_Statement], tuple[str, ...]]:
    """The statements of a dump and, when it could not be read to its end, what was lost.

    The concept that was being read when the dump broke off is left out: half a concept may lack that it is withdrawn.
    """
    quads: list[_Statement] = []
    text = content.removeprefix(b"\xef\xbb\xbf")
    try:
        parsed = ox.parse(_unwrapped(text) if syntax is Syntax.JSON_LD else text, syntax.value, lenient=True)
        for quad in parsed:
            quads.append((quad.subject, quad.predicate, quad.object))  # noqa: PERF401
    except (SyntaxError, ValueError) as error:
        said = f"not well-formed RDF: {error}"
        if "remote context" in said:
            said = (
                "JSON-LD with a context elsewhere on the web, which is not fetched; write the context into the document"
            )
        last = quads[-1][0] if quads else None
        concept = ox.NamedNode(_CONCEPT)
        if any(one == last and about == concept for one, _, about in quads):
            quads = [quad for quad in quads if quad[0] != last]
        whole = sum(1 for _, predicate, about in quads if about == concept and predicate.value == _TYPE)
        if not whole:
            raise RefusedError(said) from None
        return quads, (
            f"{said}; the dump is cut off or damaged there: the {whole:,} concepts before that place are kept, the rest is lost",
        )
    return quads, ()


def _unwrapped(content: bytes) -> bytes:
    """The JSON-LD document itself, where it is the member `data` of an answer (argopy)."""
    document = document_of(content)
    inner = document.get("data") if isinstance(document, dict) else None
    return json.dumps(inner).encode() if isinstance(inner, dict) and "@graph" in inner else content


def _without_blank_nodes(
    quads: list[_Statement],
) -> Iterator[tuple[ox.NamedNode | str | None, str, ox.NamedNode | ox.Literal]]:
    """Each statement with the named node it is about: what a blank node says is said by the one that refers to it.

    A blank node that nothing refers to is about the dump: its owner is "" and its class the first step. Without class, it
    is None. That a blank node is in something, and of what class, is in the path and not a statement.
    """
    owners: dict[ox.BlankNode, tuple[ox.NamedNode | ox.BlankNode, str]] = {}
    classes: dict[ox.BlankNode, str] = {}
    for subject, predicate, object_ in quads:
        if isinstance(object_, ox.BlankNode):
            owners.setdefault(object_, (subject, respelt(predicate.value)))
        elif isinstance(subject, ox.BlankNode) and predicate.value == _TYPE and isinstance(object_, ox.NamedNode):
            classes.setdefault(subject, object_.value)
    for subject, predicate, object_ in quads:
        steps = [respelt(predicate.value)]
        owner: ox.NamedNode | ox.BlankNode = subject
        while isinstance(owner, ox.BlankNode) and owner in owners and len(steps) <= _DEEPEST:
            owner, step = owners[owner]
            steps.insert(0, step)
        if isinstance(object_, ox.BlankNode) or (isinstance(subject, ox.BlankNode) and steps[-1] == _TYPE):
            continue
        about: ox.NamedNode | str | None = owner if isinstance(owner, ox.NamedNode) else None
        if isinstance(owner, ox.BlankNode) and owner not in owners and owner in classes:
            about, steps = "", [classes[owner], *steps]
        if isinstance(object_, ox.Triple):
            about, object_ = None, predicate
        if isinstance(object_, ox.Literal) and isinstance(subject, ox.BlankNode) and not object_.value.strip():
            continue  # GeoNetwork writes an envelope with empty corners for every keyword
        yield about, "/".join(steps), object_


@lru_cache(maxsize=256)
def tag(stated: str | None) -> str | None:
    """A language tag as BCP 47 writes it (`fr_FR` is met, pitfall P16); None when it is no tag."""
    repaired = (stated or "").replace("_", "-")
    return repaired if is_language_tag(repaired) else None


def _iri(node: ox.NamedNode) -> str:
    text = node.value
    if text.startswith("http://vocab.nerc.ac.uk/collection/") and text.endswith("/") and "/current/" in text:
        return text  # already canonical: the case of nearly every line of an NVS dump
    found = canonical(text)
    # Standards' own terms are never rewritten; an IRI beyond repair is kept as text by the rows that meet it.
    return found if found is not None else text


def _predicate(node: ox.NamedNode) -> str:
    return respelt(node.value)


@lru_cache(maxsize=4096)
def respelt(text: str) -> str:
    """An IRI in its right namespace, where real dumps misspell it."""
    for misspelt, namespace in _NAMESPACES.items():
        if text.startswith(misspelt):
            return namespace + text[len(misspelt) :]
    return text
