"""Reading JSON records (ORCID, DataCite): values by a small path dialect, each value read noted as consumed.

A path is member names separated by `/`; `*` stands for every item of a list (and for the value itself where a list of one
was flattened); `|` joins several paths. With `public_only`, whatever carries a `visibility` other than public does not
exist (ORCID API 3.0).
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.reading import State
from odatis_kg.mapping.values import Term, clean, one_line

Path = tuple[tuple[str, ...], ...]
# Records met are nested at most 12 deep; ten times that is somebody's mischief.
_DEEPEST: Final = 120
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class Node(NamedTuple):
    """A value of a JSON document and the path to it, such as `person/name/given-names/value`."""

    value: Any
    path: str


@dataclass(slots=True)
class JsonReader:
    """One JSON record being read."""

    root: Node
    public_only: bool = False
    consumed: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)

    def select(self, path: Path) -> list[Node]:
        """The values at a compiled path from the root."""
        return self._follow(self.root, path)

    def find(self, node: Node, path: str) -> list[Node]:
        """The values at a path below a node."""
        return self._follow(node, compile_path(path))

    def first(self, node: Node, path: str) -> Node | None:
        """The first value at a path below a node, or None."""
        found = self.find(node, path)
        return found[0] if found else None

    def text(self, node: Node, *, multiline: bool = False) -> list[tuple[str, str | None]]:
        """The text of a value (JSON records state no language with it), or nothing when it is empty."""
        fold = clean if multiline else one_line
        words = fold(self._scalar(node))
        return [(words, None)] if words else []

    def string(self, node: Node | None) -> str:
        """The text of a value on one line; empty when there is none or it is not a simple value."""
        return one_line(self._scalar(node)) if node is not None else ""

    def string_at(self, node: Node, path: str) -> str:
        """The first non-empty text at a path below a node."""
        return next((words for found in self.find(node, path) if (words := self.string(found))), "")

    code = string
    href = string

    def subject(self, node: Node) -> Term | None:  # noqa: ARG002
        """None: a JSON value names no subject."""
        return None

    def ignore(self, node: Node) -> None:
        """Note a value and all below it as left out on purpose."""
        self.ignored.add(node.path)

    def leaves(self) -> Iterator[tuple[Node, str, State]]:
        """Every simple value, with its path, and what became of it."""
        for leaf in _leaves(self.root):
            if leaf.path in self.consumed:
                yield leaf, leaf.path, State.CONSUMED
            elif any(leaf.path == path or leaf.path.startswith(f"{path}/") for path in self.ignored):
                yield leaf, leaf.path, State.IGNORED
            else:
                yield leaf, leaf.path, State.UNKNOWN

    def unread(self, node: Node) -> list[Node]:
        """The simple values below a node that have been neither read nor left out."""
        if any(node.path == path or node.path.startswith(f"{path}/") for path in self.ignored):
            return []
        left_out = tuple(f"{path}/" for path in self.ignored)
        return [
            leaf
            for leaf in _leaves(node)
            if leaf.path not in self.consumed and leaf.path not in self.ignored and not leaf.path.startswith(left_out)
        ]

    def where(self, node: Node) -> str:
        """The path of a value, items of lists written `*`."""
        return "/".join("*" if step.isdigit() else step for step in node.path.split("/"))

    def line(self, node: Node) -> int:  # noqa: ARG002
        """Unknown: JSON parsers do not keep lines."""
        return 0

    def _scalar(self, node: Node) -> str:
        self.consumed.add(node.path)
        value = node.value
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int | float) else ""

    def _follow(self, node: Node, path: Path) -> list[Node]:
        every: list[Node] = []
        for steps in path:
            found = [node]
            for step in steps:
                found = [child for parent in found for child in self._children(parent, step)]
            every.extend(found)
        return every

    def _children(self, parent: Node, step: str) -> Iterable[Node]:
        value = parent.value
        if step == "*":
            items = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
            children = [Node(item, f"{parent.path}/{number}") for number, item in enumerate(items)]
            if not isinstance(value, list):
                children = [Node(item, parent.path) for item in items]
        elif isinstance(value, dict) and step in value:
            children = [Node(value[step], f"{parent.path}/{step}" if parent.path else step)]
        else:
            children = []
        for child in children:
            if child.value is not None and not (self.public_only and hidden(child.value)):
                yield child


def hidden(value: Any) -> bool:
    """Whether a value of an ORCID record is not for everyone to see."""
    visibility = value.get("visibility") if isinstance(value, dict) else None
    return visibility is not None and str(visibility).lower() != "public"


def _depth(document: Any) -> int:
    """How many levels of lists and objects there are, counted without recursion; stops just above the limit."""
    level, deep = [document], 0
    while level and deep <= _DEEPEST:
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        deep += 1
    return deep


def _leaves(node: Node) -> Iterable[Node]:
    if isinstance(node.value, dict):
        for name, value in node.value.items():
            yield from _leaves(Node(value, f"{node.path}/{name}" if node.path else name))
    elif isinstance(node.value, list):
        for number, value in enumerate(node.value):
            yield from _leaves(Node(value, f"{node.path}/{number}"))
    elif node.value not in (None, ""):
        yield node


@lru_cache(maxsize=1024)
def compile_path(path: str) -> Path:
    """The alternatives of a path of the dialect above, each split into its steps.

    Raises:
        ValueError: the path is empty or has an empty step.
    """
    alternatives = tuple(tuple(step.strip() for step in one.split("/")) for one in path.split("|"))
    if not all(step for steps in alternatives for step in steps):
        raise ValueError(f"'{path}' is not a usable path: it has an empty step")
    return alternatives


def document_of(content: bytes) -> Any:
    """What JSON bytes hold, every text of it valid Unicode: half a surrogate pair (RFC 8259, section 8.2) becomes `?`.

    Raises:
        RefusedError: not JSON, not in the encoding it claims, or nested too deep.
    """
    try:
        text = content.decode(json.detect_encoding(content))
        document = json.loads(text)
        if _SURROGATE.search(text):
            whole = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
            document = json.loads(whole)
    except ValueError as error:
        raise RefusedError(f"not JSON: {error}") from None
    except RecursionError:
        raise RefusedError(f"nested more than {_DEEPEST} levels deep") from None
    if _depth(document) > _DEEPEST:
        raise RefusedError(f"nested more than {_DEEPEST} levels deep")
    return document


def read(content: bytes, *, envelope: tuple[str, ...] = (), public_only: bool = False) -> JsonReader:
    """A JSON record; the members of `envelope` are only wrapping and are entered when they are there.

    Raises:
        RefusedError: not JSON, or nested too deep.
    """
    document = document_of(content)
    for member in envelope:
        if isinstance(document, list) and document:
            document = document[0]
        if isinstance(document, dict) and isinstance(document.get(member), dict | list):
            document = document[member]
    return JsonReader(Node(document, ""), public_only)
