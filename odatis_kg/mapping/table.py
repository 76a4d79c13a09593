"""Mapping tables: YAML rows a data manager reads, checked word by word and compiled once.

A table is a list of rows; a row says where a value is (`from`), of what it is said (`subject`), with which property
(`predicate`) and how it is typed (`value`), or names the Python function that maps it (`node`), or what part of the
subject it describes (`part`), or why it is left out (`ignore`). `rows` are applied below the place a row found: a list, or
the name of a table that several rows share.
`mappings/README.md` is the manual. What must stay true: an unknown word in a row is an error, row ids are
unique over all tables, every path and every name is checked when the tables are loaded.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from odatis_kg.iris import Iris
from odatis_kg.mapping import datacite_xml, dcat_reader, elements, json, lists, rdf, registers, schema_org, xml
from odatis_kg.mapping.compiling import Compiler, RawRow
from odatis_kg.mapping.engine import (
    Mappings,
    Names,
    Opener,
    Spec,
    all_prefixes,
)
from odatis_kg.mapping.errors import RefusedError, TableError
from odatis_kg.mapping.functions import IDENTITIES
from odatis_kg.mapping.kinds import Kind
from odatis_kg.mapping.reading import Reader
from odatis_kg.mapping.xml_reader import XmlReader

_ROW_WORDS: Final = {
    "id", "doc", "from", "subject", "predicate", "value", "node", "part", "rows", "ignore", "cardinality", "normative",
    "note", "examples",
}  # fmt: skip
_KIND_WORDS: Final = {"title", "reader", "profile", "identity", "tables"}


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
    _check_profiles(tables, {str(raw.words["profile"]) for raw in kinds})
    listed = {str(name) for raw in kinds for name in raw.words["tables"]}
    for raw in kinds:
        if raw.words["reader"] not in _READERS:
            raise TableError(f"kinds.yaml, {raw.kind}: there is no reader '{raw.words['reader']}'")
        opener, dialect = _READERS[raw.words["reader"]]
        compiler = Compiler(tables, str(raw.words["profile"]), dialect, prefixes, known_registers)
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
        names=Names(prefixes),
        registers=known_registers,
        specs=specs,
    )


def _tables_of(raw: "RawKind", tables: Mapping[str, object]) -> list[str]:
    names = [str(name) for name in raw.words["tables"]]
    if unknown := [name for name in names if name not in tables]:
        raise TableError(f"kinds.yaml, {raw.kind}: there is no table '{unknown[0]}'")
    return names


def _check_profiles(tables: Mapping[str, Iterable[RawRow]], known: set[str]) -> None:
    """Refuse a path for a profile that no kind of record has: it would never be followed."""
    for raw in (one for rows in tables.values() for one in every_row(rows)):
        sources = raw.words.get("from")
        for profile in sources if isinstance(sources, dict) else ():
            if profile not in known:
                where = f"{raw.table}, row {raw.id}"
                raise TableError(f"{where}: there is no profile '{profile}'; known: {', '.join(sorted(known))}")


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


def every_row(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """Some rows and those below them."""
    for raw in rows:
        yield raw
        yield from every_row(raw.inner)


def ignore_reasons(folder: Path) -> dict[str, str]:
    """Why each row that leaves something out on purpose does so, by its id."""
    return {
        raw.id: str(raw.words["ignore"])
        for rows in read_tables(folder).values()
        for raw in every_row(rows)
        if "ignore" in raw.words
    }


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


# The same loader written in C is ten times as fast, where PyYAML was built with it; every command loads the tables first.
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TableError(f"{path.name} is not YAML: {error}") from None


# Readers


def _open_xml(content: bytes) -> Reader:
    return XmlReader(elements.elements(xml.parse(content)))


def _open_orcid(content: bytes) -> Reader:
    return json.read(content, public_only=True)


def _open_datacite(content: bytes) -> Reader:
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return json.JsonReader(json.Node(datacite_xml.as_json(xml.parse(content)), ""))
    return json.read(content, envelope=("data", "attributes"))


def _open_schema_org(content: bytes) -> Reader:
    document = json.read(content).root.value
    plain = next(iter(schema_org.records(document)), None) if isinstance(document, dict) else None
    if plain is None:
        raise RefusedError("schema.org JSON-LD without a data set or publication")
    return json.JsonReader(json.Node(plain, ""))


def _open_rdf(content: bytes) -> Reader:
    return rdf.read(content, rdf.syntax_of(content))


# The readers `kinds.yaml` may name, and the dialect of paths each understands.
_READERS: Final[dict[str, tuple[Opener, str]]] = {
    "xml": (_open_xml, "xpath"),
    "orcid": (_open_orcid, "members"),
    "datacite": (_open_datacite, "members"),
    "schema-org": (_open_schema_org, "members"),
    "rdf": (_open_rdf, "predicates"),
    "dcat": (dcat_reader.read, "members"),
    **{kind: (opener, "columns") for kind, opener in lists.READERS.items()},
}
