"""Collecting the entries and cells of a list while it is read."""

import hashlib

from odatis_kg.mapping import xml
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.listing import Cell, ListReader
from odatis_kg.mapping.vocabularies import VocabularyName


class Entries:
    """Entries and cells as they are found; an identifier met again goes on with the same entry."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.cells: dict[Cell, None] = {}
        self.nameless: list[str] = []

    def entry(self, identifier: str | None, shown: str = "") -> int | None:
        """The number of an entry; None when it has no identifier, which is remembered."""
        if not identifier:
            self.nameless.append(shown)
            return None
        return self.numbers.setdefault(identifier, len(self.numbers))

    def add(self, entry: int, column: str, text: object, language: str | None = None, at: xml.Parsed | int = 0) -> None:
        """A cell, unless there is nothing in it; `at` is the element or the line it stands on."""
        if isinstance(text, bool):
            text = "true" if text else "false"
        if isinstance(text, str) and text.strip():
            line = at if isinstance(at, int) else int(at.sourceline or 0)  # type: ignore[call-overload, truthy-bool]  # the stubs lack its type
            self.cells[Cell(entry, column, text, language, line)] = None

    def reader(
        self, name: VocabularyName, modified: str, scheme: str = "", entry_class: str = "skos:Concept"
    ) -> ListReader:
        """What was found, as a reader.

        Raises:
            RefusedError: no entry has an identifier.
        """
        if not self.numbers:
            raise RefusedError("a list without any entry that has an identifier")
        remarks = []
        if self.nameless:
            shown = ", ".join(f"'{one[:40]}'" for one in self.nameless[:3])
            remarks.append(f"{len(self.nameless):,} entries without a usable identifier are left out: {shown}")
        return ListReader(name, modified, scheme, tuple(self.numbers), tuple(self.cells), entry_class, tuple(remarks))


def sha(content: bytes) -> str:
    """The version of a list that says none: made from its content."""
    return f"sha-{hashlib.sha256(content).hexdigest()[:12]}"
