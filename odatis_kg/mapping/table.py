"""Mapping tables: YAML rows a data manager reads, checked word by word and compiled once.

A table is a list of rows; a row says where a value is (`from`), of what it is said (`subject`), with which property
(`predicate`) and how it is typed (`value`), or names the Python function that maps it (`node`), or what part of the
subject it describes (`part`), or why it is left out (`ignore`). `rows` are applied below the place a row found: a list, or
the name of a table that several rows share.
`mappings/README.md` is the manual. What must stay true: an unknown word in a row is an error, row ids are
unique over all tables, every path and every name is checked when the tables are loaded.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from odatis_kg.iris import Iris
from odatis_kg.mapping import json, rdf, registers, values, xml
from odatis_kg.mapping.engine import (
    Action,
    Context,
    Mappings,
    Opener,
    Reader,
    Row,
    Spec,
    all_prefixes,
)
from odatis_kg.mapping.functions import FUNCTIONS, IDENTITIES
from odatis_kg.mapping.functions.keywords import sdn_concept
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.kinds import Kind
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import Term
from odatis_kg.namespaces import expand

_ROW_WORDS: Final = {
    "id", "doc", "from", "subject", "predicate", "value", "node", "part", "rows", "ignore", "cardinality", "normative",
    "note", "examples",
}  # fmt: skip
_VALUE_WORDS: Final = {"as", "language", "lines", "register", "otherwise"}
_PART_WORDS: Final = {"name", "link", "class", "iri"}
_KIND_WORDS: Final = {"title", "reader", "profile", "identity", "tables"}


class TableError(ValueError):
    """A mapping table that cannot be used; the message says which file, which row, and why."""


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


@dataclass(frozen=True, slots=True)
class RawKind:
    """A kind of record as `kinds.yaml` describes it."""

    kind: Kind
    words: Mapping[str, Any]


def load(folder: Path, iris: Iris) -> Mappings:
    """The tables of a folder, compiled for a base address.

    Raises:
        TableError, registers.RegisterError: something in the folder cannot be used.
    """
    prefixes = all_prefixes(iris)
    known_registers = registers.load(folder / "registers")
    tables = read_tables(folder)
    specs = {}
    kinds = read_kinds(folder)
    listed = {str(name) for raw in kinds for name in raw.words["tables"]}
    for raw in kinds:
        if raw.words["reader"] not in _READERS:
            raise TableError(f"kinds.yaml, {raw.kind}: there is no reader '{raw.words['reader']}'")
        opener, dialect = _READERS[raw.words["reader"]]
        compiler = _Compiler(tables, str(raw.words["profile"]), dialect, prefixes, known_registers)
        rows = [row for name in _tables_of(raw, tables) for row in compiler.rows(tables[name])]
        if dialect == "xpath":
            for name in tables.keys() - listed:
                compiler.share(name)
        identity = raw.words["identity"]
        if identity not in IDENTITIES:
            raise TableError(f"kinds.yaml, {raw.kind}: there is no identity function '{identity}'")
        specs[raw.kind] = Spec(
            raw.kind,
            opener,
            IDENTITIES[identity],
            f"IDENTITY-{identity.upper().replace('_', '-')}",
            tuple(rows),
            compiler.shared,
        )
    missing = set(Kind) - specs.keys()
    if missing:
        raise TableError(f"kinds.yaml says nothing of {', '.join(sorted(missing))}")
    return Mappings(
        version=(folder / "VERSION").read_text(encoding="utf-8").strip(),
        digest=registers.digest([folder]),
        iris=iris,
        prefixes=prefixes,
        registers=known_registers,
        specs=specs,
    )


def _tables_of(raw: "RawKind", tables: Mapping[str, object]) -> list[str]:
    names = [str(name) for name in raw.words["tables"]]
    if unknown := [name for name in names if name not in tables]:
        raise TableError(f"kinds.yaml, {raw.kind}: there is no table '{unknown[0]}'")
    return names


def read_kinds(folder: Path) -> list[RawKind]:
    """The kinds of `kinds.yaml`, in file order."""
    content = _yaml(folder / "kinds.yaml")
    if not isinstance(content, dict):
        raise TableError("kinds.yaml must hold one entry for each kind of record")
    kinds = []
    for name, words in content.items():
        if name not in set(Kind) or not isinstance(words, dict) or words.keys() != _KIND_WORDS:
            raise TableError(f"kinds.yaml, {name}: a kind of record has exactly {', '.join(sorted(_KIND_WORDS))}")
        kinds.append(RawKind(Kind(name), words))
    return kinds


def read_tables(folder: Path) -> dict[str, list[RawRow]]:
    """Every table of a folder by its name (`iso/core`), as written; words and ids are checked.

    Raises:
        TableError: not a list of rows, an unknown word, an id missing or there twice.
    """
    tables: dict[str, list[RawRow]] = {}
    seen: dict[str, str] = {}
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name == "kinds":
            continue
        content = _yaml(path)
        if not isinstance(content, list):
            raise TableError(f"{name}: a table is a list of rows")
        tables[name] = [_raw_row(name, words, seen) for words in content]
    return tables


def _raw_row(table: str, words: Any, seen: dict[str, str]) -> RawRow:
    row_id = words.get("id") if isinstance(words, dict) else None
    if not isinstance(row_id, str):
        raise TableError(f"{table}: a row without id: {str(words)[:80]}")
    if unknown := words.keys() - _ROW_WORDS:
        raise TableError(f"{table}, row {row_id}: unknown word '{min(unknown)}'")
    if row_id in seen:
        raise TableError(f"{table}, row {row_id}: the id is already used in {seen[row_id]}")
    seen[row_id] = table
    below = words.get("rows")
    inner = tuple(_raw_row(table, one, seen) for one in below) if isinstance(below, list) else ()
    return RawRow(table, words, inner)


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError(f"{path.name} is not YAML: {error}") from None


# Readers


def _open_xml(content: bytes) -> Reader:
    return xml.XmlReader(xml.parse(content))


def _open_orcid(content: bytes) -> Reader:
    return json.read(content, public_only=True)


def _open_datacite(content: bytes) -> Reader:
    return json.read(content, envelope=("data", "attributes"))


def _open_rdf(content: bytes) -> Reader:
    turtle = rdf.looks_like_turtle(content[:4096].lstrip(b"\xef\xbb\xbf"))
    return rdf.read(content, rdf.Syntax.TURTLE if turtle else rdf.Syntax.RDF_XML)


# The readers `kinds.yaml` may name, and the dialect of paths each understands.
_READERS: Final[dict[str, tuple[Opener, str]]] = {
    "xml": (_open_xml, "xpath"),
    "orcid": (_open_orcid, "members"),
    "datacite": (_open_datacite, "members"),
    "rdf": (_open_rdf, "predicates"),
}


# Rows

_ID: Final = re.compile(r"(^|\| )ID(?=[/\[]|$)")
_IDENTIFICATION: Final = {"iso19139": "gmd:identificationInfo/*", "iso19115-3": "mdb:identificationInfo/*"}


class _Compiler:
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
                return xml.local_path(path)
            root = _IDENTIFICATION[self._profile]
            return xml.compile_path(_ID.sub(lambda found: found[1] + root, path))
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
            convert = _conversion(words.get("value"), where, self._registers)
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
    """The address or identifier by which a part names itself, the first that is one."""
    for prop in context.reader.find(node, paths):
        for text in (context.reader.href(prop), context.reader.string(prop)):
            if (found := canonical(text)) and values.is_iri(found) and found.startswith(("http:", "https:", "urn:")):
                return found
    return None


def _below(below: "Callable[[Context], tuple[Row, ...]]", subject: str) -> Action:
    def go_on(context: Context, node: Any) -> None:
        if about := context.subjects.get(subject):
            context.apply(below(context), node, about)

    return go_on


def _statement(predicate: str, convert: "Conversion", subject: str) -> Action:
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


Conversion = Callable[[Context, Any], list[Term]]


def _conversion(words: Any, where: str, known_registers: Mapping[str, Register]) -> Conversion:
    """How a row types its values. The list is closed: text, concept, temporal, iri, code, decimal, boolean, duration."""
    if not isinstance(words, dict) or not words.keys() <= _VALUE_WORDS or "as" not in words:
        raise TableError(
            f"{where}: 'value' must be like {{as: text}}, with words among {', '.join(sorted(_VALUE_WORDS))}"
        )
    way = words["as"]
    if way == "text":
        return _as_text(lines=words.get("lines") == "many", tagged=words.get("language") != "none")
    if way == "code" and "register" not in words:
        return _as_code_text
    if way == "code":
        register = known_registers.get(str(words.get("register")))
        if register is None:
            raise TableError(f"{where}: there is no register '{words.get('register')}'")
        return _as_code(register, drop=words.get("otherwise") == "drop")
    if way == "concept":
        return _as_concept
    typed: dict[str, tuple[Callable[[str], Term | None], str]] = {
        "temporal": (values.temporal, "no date"),
        "boolean": (values.boolean, "neither true nor false"),
        "duration": (values.duration, "no ISO 8601 duration"),
        "decimal": (_decimal, "no number"),
        "iri": (_iri, "no address or identifier"),
    }
    if way not in typed:
        raise TableError(
            f"{where}: a value cannot be typed as '{way}'; known: text, code, concept, {', '.join(sorted(typed))}"
        )
    return _as_typed(*typed[way], link=way == "iri")


def _decimal(text: str) -> Term | None:
    number = values.number(text)
    return values.decimal(number) if number is not None else None


def _iri(text: str) -> Term | None:
    found = canonical(text)
    return values.iri(found) if found and values.is_iri(found) else None


def _as_text(*, lines: bool, tagged: bool) -> Conversion:
    def convert(context: Context, node: Any) -> list[Term]:
        localised = context.reader.text(node, multiline=lines)
        return [values.text(words, language if tagged else None) for words, language in localised]

    return convert


def _as_code(register: Register, *, drop: bool) -> Conversion:
    def convert(context: Context, node: Any) -> list[Term]:
        code = context.reader.code(node)
        if not code:
            return []
        row = register.get(code) or register.get(code.split(";")[0])
        if row and row["iri"]:
            return [values.iri(row["iri"])]
        if row or drop:
            return []
        context.warn(f"the code '{code[:60]}' is not in the register {register.name}; kept as text")
        return [values.text(code)]

    return convert


def _as_code_text(context: Context, node: Any) -> list[Term]:
    """A code as it stands, where there is no list to look it up in."""
    code = context.reader.code(node)
    return [values.text(code)] if code and code.lower() not in NO_VALUES else []


def _as_concept(context: Context, node: Any) -> list[Term]:
    """The concept a node names by a link or a code; without one, its text."""
    if code := context.reader.sdn_code(node):
        context.reader.text(node)
        concept = sdn_concept(context, *code)
        return [concept] if concept else []
    link = context.reader.href(node)
    found = canonical(link) if link else None
    if found and values.is_iri(found):
        context.reader.text(node)
        return [values.iri(found)]
    return [values.text(words, language) for words, language in context.reader.text(node)]


def _as_typed(convert_text: Callable[[str], Term | None], lack: str, *, link: bool) -> Conversion:
    def convert(context: Context, node: Any) -> list[Term]:
        text = (context.reader.href(node) if link else "") or context.reader.string(node)
        if not text:
            return []
        term = convert_text(text)
        if term is None:
            context.warn(f"'{text[:80]}' is {lack}; kept as text")
            return [values.text(text)]
        return [term]

    return convert
