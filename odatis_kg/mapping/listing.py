"""Lists of terms, organisations and projects in formats of their own, read as entries with named columns.

`lists` makes one of these of each format. What must stay true: an entry is named by its authority's identifier or left out
with a remark, and every value of the file is a cell, so that what no row reads is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from odatis_kg.mapping.reading import State
from odatis_kg.mapping.values import Term, clean, one_line
from odatis_kg.mapping.vocabularies import VocabularyName

# The number of the entry that stands for the list itself.
THE_LIST = -1


class Cell(NamedTuple):
    """One value: of which entry (`THE_LIST` for the list itself), in which column, in which language if that is said."""

    entry: int
    column: str
    text: str
    language: str | None = None
    line: int = 0


@dataclass(slots=True)
class ListReader:
    """A list being read. `entries` holds what each entry is called by its authority: an IRI, or a bare code."""

    name: VocabularyName
    modified: str
    scheme: str
    entries: tuple[str, ...]
    cells: tuple[Cell, ...]
    entry_class: str = "skos:Concept"
    remarks: tuple[str, ...] = ()
    terms: dict[int, Term] = field(default_factory=dict)
    consumed: set[Cell] = field(default_factory=set)
    ignored: set[Cell] = field(default_factory=set)
    _columns: dict[str, list[Cell]] = field(default_factory=dict)
    _entries: dict[int, list[Cell]] = field(default_factory=dict)

    def select(self, path: tuple[str, ...]) -> list[Cell]:
        """The cells of some columns, in the order of the list for each."""
        if not self._columns:
            for cell in self.cells:
                self._columns.setdefault(cell.column, []).append(cell)
        return [cell for column in path for cell in self._columns.get(column, ())]

    def beside(self, cell: Cell, column: str) -> list[Cell]:
        """The cells of the same entry in another column."""
        if not self._entries:
            for one in self.cells:
                self._entries.setdefault(one.entry, []).append(one)
        return [one for one in self._entries[cell.entry] if one.column == column]

    def string_beside(self, cell: Cell, column: str) -> str:
        """The first text of the same entry in another column; empty when there is none."""
        return next((words for one in self.beside(cell, column) if (words := self.string(one))), "")

    def text(self, cell: Cell, *, multiline: bool = False) -> list[tuple[str, str | None]]:
        """The text of a cell with its language."""
        self.consumed.add(cell)
        words = clean(cell.text) if multiline else one_line(cell.text)
        return [(words, cell.language)] if words else []

    def string(self, cell: Cell) -> str:
        """The text of a cell on one line."""
        self.consumed.add(cell)
        return one_line(cell.text)

    code = string
    href = string

    def sdn_code(self, cell: Cell) -> None:  # noqa: ARG002
        """None: lists name things by addresses."""
        return

    def subject(self, cell: Cell) -> Term | None:
        """The entry of a cell; None for what is said of the list itself."""
        return self.terms.get(cell.entry)

    def ignore(self, cell: Cell) -> None:
        """Note a cell as left out on purpose."""
        self.ignored.add(cell)

    def leaves(self) -> Iterator[tuple[Cell, Cell, State]]:
        """Every cell, and what became of it."""
        for cell in self.cells:
            read, left = cell in self.consumed, cell in self.ignored
            yield cell, cell, State.CONSUMED if read else State.IGNORED if left else State.UNKNOWN

    def where(self, cell: Cell) -> str:
        """The column of a cell."""
        return cell.column

    def line(self, cell: Cell) -> int:
        """The line of the file the cell is on; 0 when the format has none."""
        return cell.line


def compile_path(path: str) -> tuple[str, ...]:
    """A row's path in a list: names of columns, separated by `|`.

    Raises:
        ValueError: a name is empty.
    """
    columns = tuple(name.strip() for name in path.split("|"))
    if not all(columns):
        raise ValueError(f"'{path}' is not a usable path: it has an empty name of a column")
    return columns
