"""Compiles the rows of mapping tables for one profile: paths to callables, words to actions."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from odatis_kg.mapping import elements, json, listing, rdf, values
from odatis_kg.mapping.conversions import Conversion, conversion
from odatis_kg.mapping.engine import Action, Context, Row
from odatis_kg.mapping.errors import TableError
from odatis_kg.mapping.functions import FUNCTIONS
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.registers import Register
from odatis_kg.namespaces import expand

_PART_WORDS: Final = {"name", "link", "class", "iri"}
_ID: Final = re.compile(r"(^|\| )ID(?=[/\[]|$)")
_IDENTIFICATION: Final = {"iso19139": "gmd:identificationInfo/*", "iso19115-3": "mdb:identificationInfo/*"}


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as written, with the table it stands in: what documentation is made from."""

    table: str
    words: Mapping[str, Any]
    inner: "tuple[RawRow, ...]" = ()

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.words["id"])


class Compiler:
    """Compiles rows for one profile; tables that rows share are compiled when they are first named."""

    def __init__(
        self,
        tables: Mapping[str, list[RawRow]],
        profile: str,
        dialect: str,
        prefixes: Mapping[str, str],
        known_registers: Mapping[str, Register],
    ) -> None:
        self.shared: dict[str, tuple[Row, ...]] = {}
        self._tables = tables
        self._profile = profile
        self._dialect = dialect
        self._prefixes = dict(prefixes)
        self._registers = known_registers

    def rows(self, written: Iterable[RawRow], subject: str = "resource") -> tuple[Row, ...]:
        """The rows that have a path for the profile; what they say is said of `subject` unless they name another."""
        return tuple(row for raw in written if (row := self._row(raw, subject)) is not None)

    def share(self, name: str) -> None:
        """Compile a table that rows refer to by name."""
        if name not in self.shared:
            self.shared[name] = ()  # a table may refer to itself
            self.shared[name] = self.rows(self._tables[name], "part")

    def _row(self, raw: RawRow, subject: str) -> Row | None:
        words = raw.words
        where = f"{raw.table}, row {raw.id}"
        sources = words.get("from")
        path: Any
        if isinstance(sources, str) and subject == "part":
            path = sources
        elif isinstance(sources, dict) and sources:
            path = sources.get(self._profile)
        else:
            raise TableError(f"{where}: 'from' must give a path for at least one profile")
        if path is None:
            return None
        doc = words.get("doc") or {}
        if not isinstance(doc, dict) or not doc.get("en") or not doc.get("fr"):
            raise TableError(f"{where}: 'doc' must say what the row maps, in English (en) and French (fr)")
        action = self._action(raw, where, subject)
        try:
            compiled = self._path(str(path), by_local_names=isinstance(sources, str))
        except ValueError as error:
            raise TableError(f"{where}: {error}") from None
        return Row(
            id=raw.id,
            english=str(doc["en"]),
            french=str(doc["fr"]),
            path=compiled,
            apply=action,
            at_most_one=str(words.get("cardinality", "0..n")) in ("0..1", "1"),
        )

    def _path(self, path: str, *, by_local_names: bool) -> Any:
        if self._dialect == "xpath":
            if by_local_names:
                return elements.local_path(path)
            root = _IDENTIFICATION.get(self._profile, "ID")
            return elements.compile_path(_ID.sub(lambda found: found[1] + root, path))
        if self._dialect == "columns":
            return listing.compile_path(path)
        return rdf.compile_path(path) if self._dialect == "predicates" else json.compile_path(path)

    def _action(self, raw: RawRow, where: str, inherited: str) -> Action:
        words = raw.words
        ways = [word for word in ("predicate", "node", "part", "ignore") if word in words] or ["rows"]
        if len(ways) != 1 or (ways == ["rows"] and "rows" not in words):
            raise TableError(
                f"{where}: a row has exactly one of 'predicate', 'node', 'part', 'ignore', or 'rows' alone"
            )
        if "rows" in words and ways not in (["rows"], ["part"]):
            raise TableError(f"{where}: 'rows' stand alone or below a 'part'")
        subject = str(words.get("subject", inherited))
        if ways == ["ignore"]:
            return _ignore
        if ways == ["node"]:
            return _function(words["node"], where, subject)
        if ways == ["predicate"]:
            self._check_name(str(words["predicate"]), where)
            convert = conversion(words.get("value"), where, self._registers)
            return _statement(str(words["predicate"]), convert, subject)
        below = self._below(raw, where)
        return self._part(words["part"], where, subject, below) if ways == ["part"] else _below(below, subject)

    def _below(self, raw: RawRow, where: str) -> "Callable[[Context], tuple[Row, ...]]":
        """The rows below a row: its own, or those of a table by name, which is looked up when it is needed."""
        named = raw.words.get("rows", [])
        if self._dialect != "xpath":
            raise TableError(f"{where}: 'part' and 'rows' are for XML")
        if isinstance(named, str):
            if named not in self._tables:
                raise TableError(f"{where}: there is no table '{named}'")
            self.share(named)
            return lambda context: context.shared[named]
        own = self.rows(raw.inner, "part")
        return lambda _: own

    def _part(self, words: Any, where: str, subject: str, below: "Callable[[Context], tuple[Row, ...]]") -> Action:
        if not isinstance(words, dict) or not {"name", "link"} <= words.keys() <= _PART_WORDS:
            raise TableError(f"{where}: 'part' must be like {{name: grid, link: odk:grid, class: odk:Grid}}")
        name, link = str(words["name"]), str(words["link"])
        classes = str(words.get("class", "")).split()
        for term in (link, *classes):
            self._check_name(term, where)
        addresses = str(words.get("iri", ""))

        def describe(context: Context, node: Any) -> None:
            values_below = context.reader.values_below(node)
            owner = context.subjects.get(subject)
            if not values_below or owner is None:
                return
            found = _own_address(context, node, addresses) if addresses else None
            part = values.iri(found) if found else context.part(owner, name, *values_below)
            context.add(owner, link, part)
            context.type(part, *classes)
            context.apply(below(context), node, part)

        return describe

    def _check_name(self, name: str, where: str) -> None:
        try:
            expand(name, self._prefixes)
        except ValueError as error:
            raise TableError(f"{where}: {error}") from None


def _own_address(context: Context, node: Any, paths: str) -> str | None:
    """The address or identifier by which a part names itself, the first that is one; what is none stays to be read."""
    for prop in context.reader.find(node, paths):
        unread = [one for one in prop.below if one not in context.reader.consumed]
        for text in (context.reader.href(prop), context.reader.string(prop)):
            if (found := canonical(text)) and values.is_iri(found) and found.startswith(("http:", "https:", "urn:")):
                return found
        context.reader.consumed.difference_update(unread)
    return None


def _below(below: "Callable[[Context], tuple[Row, ...]]", subject: str) -> Action:
    def go_on(context: Context, node: Any) -> None:
        if about := context.subjects.get(subject):
            context.apply(below(context), node, about)

    return go_on


def _statement(predicate: str, convert: Conversion, subject: str) -> Action:
    def state(context: Context, node: Any) -> None:
        about = context.reader.subject(node) or context.subjects.get(subject)
        if about is None:
            context.warn(f"this kind of record has no {subject}")
            return
        for term in convert(context, node):
            context.add(about, predicate, term)

    return state


def _ignore(context: Context, node: Any) -> None:
    context.reader.ignore(node)


def _function(words: Any, where: str, subject: str) -> Action:
    name = words.get("function") if isinstance(words, dict) else None
    if name not in FUNCTIONS:
        raise TableError(f"{where}: there is no function '{name}'")
    options = {"of": subject, **{key: str(value) for key, value in words.items() if key != "function"}}
    function = FUNCTIONS[name]

    def call(context: Context, node: Any) -> None:
        function(context, node, options)

    return call
