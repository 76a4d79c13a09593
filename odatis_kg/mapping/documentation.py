"""The mapping tables as pages for people: each row with its source, its target, an example from the fixtures, and its notes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from odatis_kg.mapping import values
from odatis_kg.mapping.compiling import RawRow
from odatis_kg.mapping.engine import Mappings, Statement, map_record
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.kinds import SourceRecord
from odatis_kg.mapping.table import RawKind, read_kinds, read_tables
from odatis_kg.namespaces import compact

_LONGEST_EXAMPLE = 90


def pages(folder: Path, mappings: Mappings, records: Iterable[SourceRecord]) -> Iterator[tuple[str, str]]:
    """The pages in Markdown, by file name: one for each table, and `README.md` that leads to them.

    `records` are those that show the rows at work: what each row states of them, and its example, are taken from there.
    """
    tables = read_tables(folder)
    shown = _shown_at_work(mappings, records)
    kinds = read_kinds(folder)
    yield "README.md", _index(kinds, tables, mappings.version)
    for name, rows in tables.items():
        yield f"{name.replace('/', '-')}.md", _page(name, rows, kinds, shown, mappings)


@dataclass(slots=True)
class _Shown:
    """A row at work: the most telling of its statements, the first of equals; every property and class of them."""

    example: Statement
    properties: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)


def _shown_at_work(mappings: Mappings, records: Iterable[SourceRecord]) -> dict[str, _Shown]:
    found: dict[str, _Shown] = {}
    for record in records:
        try:
            statements = map_record(record, mappings).statements
        except RefusedError:
            continue
        for statement in statements:
            shown = found.setdefault(statement.row, _Shown(statement))
            if _tells(statement, mappings) > _tells(shown.example, mappings):
                shown.example = statement
            if statement.predicate == values.RDF_TYPE:
                shown.classes.add(_short(statement.object, mappings))
            else:
                shown.properties.add(_short(statement.predicate, mappings))
    return found


def _tells(statement: Statement, mappings: Mappings) -> int:
    """How much a statement tells a reader: its class little, a link to a part of the same record not much more."""
    if statement.predicate == values.RDF_TYPE:
        return 0
    return 1 if statement.object.startswith(f"<{mappings.iris.base}id/") and "#" in statement.object else 2


def _short(iri: str, mappings: Mappings) -> str:
    return compact(iri[1:-1], mappings.prefixes) or iri


def _index(kinds: Sequence[RawKind], tables: Mapping[str, Sequence[RawRow]], version: str) -> str:
    lines = [
        "# What is mapped to what",
        "",
        f"Made from the mapping tables, version {version}, with `make docs`; change the tables, not these pages.",
        "",
        "| Kind of record | Fiches | Tables, in order |",
        "|---|---|---|",
    ]
    for kind in kinds:
        title = kind.words["title"]
        links = ", ".join(f"[{name}]({name.replace('/', '-')}.md)" for name in kind.words["tables"])
        lines.append(f"| {title['en']} | {title['fr']} | {links} |")
    listed = {name for kind in kinds for name in kind.words["tables"]}
    shared = ", ".join(f"[{name}]({name.replace('/', '-')}.md)" for name in tables if name not in listed)
    lines += ["", f"Tables that rows of others refer to: {shared}.", ""]
    return "\n".join(lines)


def _page(
    name: str, rows: Sequence[RawRow], kinds: Sequence[RawKind], shown: Mapping[str, _Shown], mappings: Mappings
) -> str:
    used_by = [kind.words["title"]["en"] for kind in kinds if name in kind.words["tables"]]
    lines = [f"# {name}", "", f"For: {'; '.join(used_by)}." if used_by else "Referred to by rows of other tables.", ""]
    for raw in rows:
        lines += _row(raw, shown, mappings, 2)
    return "\n".join(lines)


def _row(raw: RawRow, shown: Mapping[str, _Shown], mappings: Mappings, level: int) -> list[str]:
    words, doc = raw.words, raw.words["doc"]
    lines = [f"{'#' * min(level, 5)} {raw.id}", "", f"**{doc['en']}**  ", f"*{doc['fr']}*", ""]
    lines += [f"- {where}" for where in _sources(words["from"])]
    at_work = shown.get(raw.id)
    lines.append(f"- To: {_target(words)}{_made(at_work) if at_work and 'node' in words else ''}")
    if at_work:
        lines.append(f"- Example: {_written(at_work.example, mappings)}")
    for name in ("normative", "note"):
        if name in words:
            lines.append(f"- {name.capitalize()}: {words[name]}")
    lines.append("")
    for inner in raw.inner:
        lines += _row(inner, shown, mappings, level + 1)
    return lines


def _sources(sources: Any) -> Iterator[str]:
    if isinstance(sources, str):
        yield f"From: `{sources}`" if sources != "." else "From: the same place"
        return
    for profile, path in sources.items():
        yield f"From ({profile}): `{path}`"


def _target(words: Mapping[str, Any]) -> str:
    subject = f", of the {words['subject']}" if "subject" in words else ""
    if "ignore" in words:
        return f"nothing, on purpose. {words['ignore']}"
    if "predicate" in words:
        value = words["value"]
        register = f" by the register `{value['register']}`" if "register" in value else ""
        return f"`{words['predicate']}`, as {value['as']}{register}{subject}"
    if "node" in words:
        return f"what the function `{words['node']['function']}` makes of it{subject}"
    if "part" in words:
        part = words["part"]
        kinds = f", a `{part['class']}`" if "class" in part else ""
        below = words.get("rows")
        then = f"; then [{below}]({below.replace('/', '-')}.md)" if isinstance(below, str) else ""
        return f"a part linked by `{part['link']}`{kinds}{subject}{then}"
    below = words["rows"]
    return f"[{below}]({below.replace('/', '-')}.md)" if isinstance(below, str) else "the rows below"


def _made(shown: _Shown) -> str:
    """What a function states, by the names of the properties and classes."""
    made = ", ".join(f"`{name}`" for name in sorted(shown.properties))
    classes = ", ".join(f"`{name}`" for name in sorted(shown.classes))
    return (f": {made}" if made else "") + (f"; of class {classes}" if classes else "")


def _written(statement: Statement, mappings: Mappings) -> str:
    predicate = compact(values.lexical(statement.predicate), mappings.prefixes) or statement.predicate
    shown = statement.object
    if shown.startswith("<"):
        iri = values.lexical(shown)
        shown = values.Term(compact(iri, mappings.prefixes) or iri.removeprefix(mappings.iris.base))
    text = shown.replace(f"^^<{values.XSD}", "^^xsd:").replace("|", "\\|").replace("`", "'")
    if "^^xsd:" in text:
        text = text.removesuffix(">")
    return f"`{predicate} {text if len(text) <= _LONGEST_EXAMPLE else text[:_LONGEST_EXAMPLE] + '…'}`"
