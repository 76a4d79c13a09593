"""RDF statements out of answers, and one document made of the statements of several answers.

What must stay true: the same statements make the same bytes, in whatever order and parts they came, and whatever an
answer happened to call its nameless nodes; nothing is loaded that an answer refers to.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final
from xml.parsers import expat

import pyoxigraph as ox

from odatis_kg.mapping import rdf, xml
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.values import is_language_tag

# Subject, predicate and object as N-Triples terms; a nameless node begins with `_:`.
Statement = tuple[str, str, str]

# No IRI holds these (RFC 3987, section 2.2), real dumps do; N-Triples escapes them.
_NOT_IN_IRIS: Final = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_NAMELESS: Final = "_:"
# How far a chain of nameless nodes is followed when they are named by what they say.
_DEEPEST: Final = 32


def syntax_of(content: bytes) -> rdf.Syntax | None:
    """The RDF syntax of an answer, told from its beginning; None when it is something else, such as a page of HTML."""
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if rdf.looks_like_turtle(start):
        return rdf.Syntax.TURTLE
    if rdf.looks_like_rdf_xml(start):
        return rdf.Syntax.RDF_XML
    return rdf.Syntax.JSON_LD if start[:1] in (b"{", b"[") else None


def read(content: bytes, base: str = "") -> Iterator[Statement]:
    """The statements of an answer, one after the other; relative addresses are completed with `base`.

    Raises:
        RefusedError: not RDF, or cut off or damaged (met when everything before has been handed over).
    """
    syntax = syntax_of(content)
    if syntax is None:
        raise RefusedError("not RDF in Turtle, RDF/XML or JSON-LD")
    if syntax is rdf.Syntax.RDF_XML:
        xml.refuse_dtd(content)
        xml.refuse_deep(content)
        _refuse_cut_off(content)
    try:
        for quad in ox.parse(
            content.removeprefix(b"\xef\xbb\xbf"),
            syntax.value,
            base_iri=base or None,
            rename_blank_nodes=True,
            lenient=True,
        ):
            if not isinstance(quad.object, ox.Triple):
                yield _term(quad.subject), _term(quad.predicate), _term(quad.object)
    except (SyntaxError, ValueError) as error:
        raise RefusedError(f"cut off or damaged RDF: {error}") from None


def _refuse_cut_off(content: bytes) -> None:
    """Refuse XML that is not well-formed to its end: the RDF parser takes no notice when it ends between two tags."""
    try:
        expat.ParserCreate().Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise RefusedError(f"cut off or damaged RDF: {error}") from None


def _term(term: ox.NamedNode | ox.BlankNode | ox.Literal) -> str:
    if isinstance(term, ox.NamedNode):
        return iri(term.value)
    if isinstance(term, ox.BlankNode):
        return str(term)
    return literal(term.value, term.language, term.datatype.value)


def iri(text: str) -> str:
    """The term of an IRI as it was received, however illegal: what it means is for mapping to say."""
    return f"<{_NOT_IN_IRIS.sub(_escaped, text)}>"


def _escaped(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign[0]):04X}"


def literal(text: str, language: str | None = None, datatype: str | None = None) -> str:
    """The term of a literal; `fr_FR`, which no RDF document may hold, is written `fr-FR`."""
    quoted = str(ox.Literal(text))
    tag = (language or "").replace("_", "-")
    if tag and is_language_tag(tag):
        return f"{quoted}@{tag}"
    plain = datatype in (None, ox.Literal("").datatype.value) or language
    return quoted if plain else f"{quoted}^^{iri(datatype or '')}"


def value_of(term: str) -> str:
    """The IRI, or the text of a literal without its language or datatype, of a term that is not nameless."""
    (quad,) = ox.parse(f"<a:> <a:> {term} .", ox.RdfFormat.N_TRIPLES, lenient=True)
    return quad.object.value  # type: ignore[no-any-return]  # neither nameless nor a triple


def is_nameless(term: str) -> bool:
    """Whether a term is a nameless (blank) node."""
    return term.startswith(_NAMELESS)


def document(statements: Iterable[Statement]) -> bytes:
    """Statements as N-Triples, each once, sorted; nameless nodes are named by what they say and what refers to them."""
    given = set(statements)
    names = _Names(given)
    lines = {f"{names.of(one)} {predicate} {names.of(other)} .\n" for one, predicate, other in given}
    return "".join(sorted(lines)).encode()


class _Names:
    """Names for nameless nodes that depend on nothing but the statements they stand in."""

    def __init__(self, statements: set[Statement]) -> None:
        self._below: dict[str, list[tuple[str, str]]] = {}
        self._above: dict[str, list[tuple[str, str]]] = {}
        for one, predicate, other in statements:
            if is_nameless(one):
                self._below.setdefault(one, []).append((predicate, other))
            if is_nameless(other):
                self._above.setdefault(other, []).append((predicate, one))
        self._below_said: dict[tuple[str, int], str] = {}
        self._above_said: dict[tuple[str, int], str] = {}

    def of(self, term: str) -> str:
        """The name of a term: its own, or one made from what is around it up to the nodes that have one."""
        if not is_nameless(term):
            return term
        below = _said(term, self._below, self._below_said, _DEEPEST)
        above = _said(term, self._above, self._above_said, _DEEPEST)
        return f"{_NAMELESS}b{_digest(below + above)[:32]}"


def _said(node: str, around: dict[str, list[tuple[str, str]]], known: dict[tuple[str, int], str], depth: int) -> str:
    if not is_nameless(node):
        return node
    if depth == 0:
        return ""
    if (node, depth) not in known:
        inner = (f"{predicate} {_said(other, around, known, depth - 1)}" for predicate, other in around.get(node, ()))
        known[node, depth] = _digest("\n".join(sorted(inner)))
    return known[node, depth]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
