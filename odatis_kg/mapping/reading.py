"""What the engine asks of a reader, whatever the format of the record."""

from collections.abc import Iterator, Set
from enum import StrEnum
from typing import Any, Protocol

from odatis_kg.mapping.values import Term


class State(StrEnum):
    """What became of a place of a record that says something."""

    CONSUMED = "consumed"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class Reader(Protocol):
    """What the engine needs of a reader: nodes by compiled path, their texts and codes, and where they are."""

    def select(self, path: Any, /) -> list[Any]:
        """The nodes of the record at a compiled path."""

    def text(self, node: Any, /, *, multiline: bool = False) -> list[tuple[str, str | None]]:
        """The texts of a node with their languages."""

    def string(self, node: Any, /) -> str:
        """The text of a node on one line."""

    def code(self, node: Any, /) -> str:
        """The code of a node."""

    def href(self, node: Any, /) -> str:
        """The link of a node."""

    def subject(self, node: Any, /) -> Term | None:
        """The subject a node itself names, where the format has one (RDF); None elsewhere."""

    def ignore(self, node: Any, /) -> None:
        """Note a node as left out on purpose."""

    @property
    def consumed(self) -> Set[Any]:
        """What has been read so far, each by its key."""

    @property
    def ignored(self) -> Set[Any]:
        """What has been left out on purpose so far, each by its key."""

    def leaves(self) -> Iterator[tuple[Any, Any, State]]:
        """Every place of the record that says something, with its key and what became of it."""

    def where(self, node: Any, /) -> str:
        """The path of a node."""

    def line(self, node: Any, /) -> int:
        """The line of a node, 0 when the format has none."""
