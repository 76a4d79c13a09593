"""JSON-LD 1.1 in compact form, streamed: flat nodes of one subject each, with our published context.

The context (`ontologies/context.jsonld`) declares the prefixes and, for properties whose values are all of one kind, that
kind. It is served at `/context/v1.jsonld`; a change that would alter what old documents mean needs a new version. What must
stay true: a document expands to exactly the triples it was written from.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, Final, Protocol

import pyoxigraph as ox

from odatis_kg.namespaces import PREFIXES
from odatis_kg.resources import folder
from odatis_kg.store.engine import UnwritableResultError

CONTEXT_PATH: Final = "context/v1.jsonld"

_XSD: Final = PREFIXES["xsd"]
_TYPE: Final = PREFIXES["rdf"] + "type"
_STATEMENTS: Final = 1_000  # a subject with more of them in a row is written as several nodes with one `@id`
_INTEGER: Final = re.compile(r"(?:0|-?[1-9]\d{0,14})")  # what every reader of JSON keeps exact
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class _Out(Protocol):
    def write(self, data: bytes, /) -> int: ...


@lru_cache(maxsize=4)
def context(base: str = "") -> Mapping[str, Any]:
    """The published context; `odk`, and the properties with that prefix, are in it when the public base address is given."""
    document = json.loads((folder("ontologies") / "context.jsonld").read_text(encoding="utf-8"))
    declared: dict[str, Any] = document["@context"]
    if base:
        return {"odk": f"{base}def/odk#", **declared}
    return {name: value for name, value in declared.items() if not name.startswith("odk:")}


def context_document(base: str) -> bytes:
    """The document to serve at `CONTEXT_PATH`."""
    return json.dumps({"@context": context(base)}, ensure_ascii=False, indent=1).encode() + b"\n"


def write(triples: Iterable[ox.Triple], out: _Out, base: str = "") -> None:
    """Write triples as one JSON-LD document; with a base address the context is named, without one it is written out.

    Raises:
        UnwritableResultError: a triple term or a text with a base direction, which JSON-LD has no exact form for.
    """
    writer = _Compact(context(base))
    begin = f"{base}{CONTEXT_PATH}" if base else context(base)
    out.write(f'{{"@context":{_ENCODE(begin)},"@graph":['.encode())
    before = b"\n"
    for _, statements in groupby(triples, key=lambda triple: triple.subject):
        while run := list(islice(statements, _STATEMENTS)):
            out.write(before + _ENCODE(writer.node(run)).encode())
            before = b",\n"
    out.write(b"\n]}\n")


@dataclass(slots=True)
class _Confused(Exception):  # noqa: N818 - a signal, not a fault
    """An IRI such as `geo:48.2,-4.5` whose scheme is one of our prefixes: readers would take it for a short name."""


class _Compact:
    """Writes terms as the context reads them."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._prefixes = {name: value for name, value in context.items() if isinstance(value, str) and ":" not in name}
        self._kinds: dict[str, str] = {}
        for name, value in context.items():
            if isinstance(value, dict):
                prefix, _, local = name.partition(":")
                kind: str = value["@type"]
                self._kinds[name] = kind if kind.startswith("@") else self._full(kind)
                assert prefix in self._prefixes
                assert local
        self._keys: dict[str, str] = {}

    def node(self, statements: list[ox.Triple]) -> dict[str, Any]:
        """The node of statements about one subject."""
        try:
            return self._node(statements)
        except _Confused:
            return _expanded(statements)

    def _node(self, statements: list[ox.Triple]) -> dict[str, Any]:
        subject = statements[0].subject
        node: dict[str, Any] = {"@id": self._reference(subject)}
        for _, predicate, value in statements:
            if predicate.value == _TYPE and not isinstance(value, ox.Literal):
                key = "@type"
                written: Any = self._key(value.value) if isinstance(value, ox.NamedNode) else _reference(value)
            else:
                key = self._key(predicate.value)
                written = self._value(value, self._kinds.get(key, ""))
            if key not in node:
                node[key] = written
            elif isinstance(node[key], list):
                node[key].append(written)
            else:
                node[key] = [node[key], written]
        return node

    def _value(self, value: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple, kind: str) -> Any:
        if not isinstance(value, ox.Literal):
            reference = self._reference(value)
            return reference if kind == "@id" else {"@id": reference}
        _check(value)
        if value.language:
            return {"@language": value.language, "@value": value.value}
        datatype = value.datatype.value
        if datatype == kind:
            return value.value
        if datatype == f"{_XSD}string":
            return {"@value": value.value} if kind else value.value
        if kind in ("", "@id"):
            if datatype == f"{_XSD}integer" and _INTEGER.fullmatch(value.value):
                return int(value.value)
            if datatype == f"{_XSD}boolean" and value.value in ("true", "false"):
                return value.value == "true"
        return {"@type": self._key(datatype), "@value": value.value}

    def _reference(self, term: object) -> str:
        reference = _reference(term)
        if reference.partition(":")[0] in self._prefixes and not isinstance(term, ox.BlankNode):
            raise _Confused
        return reference

    def _key(self, iri: str) -> str:
        """The short name of a property, class or datatype; its IRI when it has none."""
        known = self._keys.get(iri)
        if known is None:
            if len(self._keys) > 10_000:
                self._keys.clear()
            known = self._keys[iri] = self._short(iri)
        return known

    def _short(self, iri: str) -> str:
        for prefix, namespace in self._prefixes.items():
            local = iri[len(namespace) :]
            if iri.startswith(namespace) and local and not local.startswith("//"):
                return f"{prefix}:{local}"
        if iri.partition(":")[0] in self._prefixes:
            raise _Confused
        return iri

    def _full(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        return self._prefixes[prefix] + local


def _expanded(statements: list[ox.Triple]) -> dict[str, Any]:
    """The same in expanded form: nothing in it can be taken for a short name."""
    node: dict[str, Any] = {"@context": None, "@id": _reference(statements[0].subject)}
    for _, predicate, value in statements:
        if isinstance(value, ox.Literal):
            _check(value)
            kind = {"@language": value.language} if value.language else {"@type": value.datatype.value}
            written: dict[str, str] = {**kind, "@value": value.value}
        else:
            written = {"@id": _reference(value)}
        node.setdefault(predicate.value, []).append(written)
    return node


def _reference(term: object) -> str:
    if isinstance(term, ox.NamedNode):
        return term.value
    if isinstance(term, ox.BlankNode):
        return f"_:{term.value}"
    raise UnwritableResultError("JSON-LD has no way to write a triple within a triple; ask for N-Triples")


def _check(value: ox.Literal) -> None:
    if value.direction is not None:
        raise UnwritableResultError("JSON-LD has no exact way to write a text with a direction; ask for N-Triples")
