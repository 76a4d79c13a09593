"""Registers: the small reviewed CSV lists of `mappings/registers/`, each row with the source of the fact it states."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from odatis_kg.mapping.values import is_iri
from odatis_kg.namespaces import PREFIXES, expand

# Texts from here on are not remembered, so that what is remembered stays below 10 MB.
_LONG = 2000


class RegisterError(ValueError):
    """A register file that cannot be used; the message says which line and why."""


@dataclass(frozen=True, slots=True)
class Register:
    """One register: rows by column name, in file order, and the line where each ends; the first column is the key."""

    name: str
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]
    _by_key: dict[str, dict[str, str]] = field(repr=False, compare=False)
    _first_match: Callable[[str], dict[str, str] | None] = field(repr=False, compare=False)

    def get(self, key: str) -> dict[str, str] | None:
        """The row whose key is `key`, whatever the case; None when there is none."""
        return self._by_key.get(key.strip().casefold())

    def match(self, text: str) -> dict[str, str] | None:
        """The first row whose key, taken as a regular expression, is found in `text` (case does not matter)."""
        return self._first_match(text)


def load(folder: Path) -> dict[str, Register]:
    """Every register of a folder, by name.

    Raises:
        RegisterError: a file without header or `source` column, a row of the wrong length, a key twice, a cell that is not
            what its column holds (address, name of a term, pattern, source).
    """
    return {path.stem: _load(path) for path in sorted(folder.glob("*.csv"))}


def _load(path: Path) -> Register:
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        header = next(reader, [])
        if not header or "source" not in header:
            raise RegisterError(f"{path.name}: the first line must name the columns, 'source' among them")
        rows: list[dict[str, str]] = []
        numbers: list[int] = []
        for line in reader:
            if len(line) != len(header):
                raise RegisterError(
                    f"{path.name}, line {reader.line_num}: {len(line)} values where {len(header)} are expected"
                )
            rows.append(dict(zip(header, line, strict=True)))
            numbers.append(reader.line_num)
    by_key: dict[str, dict[str, str]] = {}
    for row, number in zip(rows, numbers, strict=True):
        key = row[header[0]].casefold()
        if not key or key in by_key:
            raise RegisterError(f"{path.name}, line {number}: the key '{row[header[0]]}' is empty or there twice")
        by_key[key] = row
        for column, text in row.items():
            if problem := _problem(column, text):
                raise RegisterError(f"{path.name}, line {number}, row '{row[header[0]]}': {problem}")
    patterns = [(re.compile(row[header[0]], re.IGNORECASE), row) for row in rows] if header[0] == "pattern" else []
    return Register(path.stem, tuple(rows), tuple(numbers), by_key, _first_match(patterns))


def _first_match(patterns: list[tuple[re.Pattern[str], dict[str, str]]]) -> Callable[[str], dict[str, str] | None]:
    """Finds the first row whose pattern is in a text; remembered, as all records of a source state the same conditions."""

    def find(text: str) -> dict[str, str] | None:
        return next((row for pattern, row in patterns if pattern.search(text)), None)

    remembered = lru_cache(maxsize=4096)(find)
    return lambda text: remembered(text) if len(text) < _LONG else find(text)


# What the cells of a column are, by its name: addresses, names of terms, patterns. All may be empty.
_IRI_COLUMNS = {"iri", "begins", "standard"}
_TERM_COLUMNS = {"property", "class", "shortcut"}
_PATTERN_COLUMNS = {"pattern", "protocol", "address", "function"}


def _problem(column: str, text: str) -> str:
    if not text:
        return "the source of the fact is missing" if column == "source" else ""
    if column in _IRI_COLUMNS and not is_iri(text):
        return f"'{text}' is not an IRI"
    if column in _TERM_COLUMNS:
        for name in text.split():
            try:
                expand(name, {**PREFIXES, "odk": "odk:"})
            except ValueError as error:
                return str(error)
    if column in _PATTERN_COLUMNS:
        try:
            re.compile(text)
        except re.error as error:
            return f"'{text}' is not a regular expression: {error}"
    return ""


def digest(folders: Iterable[Path], suffixes: tuple[str, ...] = (".yaml", ".csv", ".tsv")) -> str:
    """SHA-256 over the names and bytes of the files of some kinds in some folders: what a version really contains."""
    total = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes and path.is_file():
                total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()
