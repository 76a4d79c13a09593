"""What loading the tables cannot see: names nobody declared, rows nothing shows at work, functions without row or test."""

import inspect
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pyoxigraph as ox
import yaml

from odatis_kg.mapping import functions
from odatis_kg.mapping.compiling import RawRow
from odatis_kg.mapping.engine import Context, Mappings, map_record
from odatis_kg.mapping.errors import RefusedError, TableError
from odatis_kg.mapping.functions import FUNCTIONS
from odatis_kg.mapping.kinds import SourceRecord
from odatis_kg.mapping.table import every_row, read_tables
from odatis_kg.namespaces import expand

# Terms of authorities are republished as they are; standard vocabularies and ours have to be declared with their names.
_NAME_IN_CODE: Final = re.compile(r'"([a-z][a-z0-9]*:[A-Za-z]\w*)"')


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to put right: where, and what."""

    where: str
    what: str


def faults(
    folder: Path,
    ontologies: Path,
    mappings: Mappings,
    records: Iterable[SourceRecord],
    tested: Set[str] = FUNCTIONS.keys(),
) -> Iterator[Fault]:
    """Every fault of the tables in a folder; `records` are those that should show every row at work.

    A property or class must be declared in the ontologies, with a name in English and French; a row must state, or leave out,
    something of some record; a function must be called by a row and be among those that are `tested`. Rows that keep what
    nothing else reads (`details`) need no showing: they are there for what nobody foresaw.
    """
    rows = [raw for table in read_tables(folder).values() for raw in every_row(table)]
    yield from _undeclared(rows, ontologies, mappings)
    yield from _unshown(rows, mappings, records)
    called = {str(raw.words["node"]["function"]) for raw in rows if "node" in raw.words}
    for name in sorted(FUNCTIONS.keys() - called):
        yield Fault(f"function {name}", "no row calls it")
    for name in sorted(FUNCTIONS.keys() - tested):
        yield Fault(f"function {name}", "it has no test of its own; give it a case")
    for name in sorted(tested - FUNCTIONS.keys()):
        yield Fault(f"function {name}", "there is a case for it, and no such function")


def functions_with_cases(cases: Path) -> set[str]:
    """The functions that have cases in the YAML files of a folder, each a mapping from function to cases.

    Raises:
        TableError: a file is not that.
    """
    found: set[str] = set()
    for path in sorted(cases.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not all(
            isinstance(several, list) and several for several in content.values()
        ):
            raise TableError(f"{path.name}: cases are given as a list below the name of each function")
        found |= content.keys()
    return found


def _undeclared(rows: Iterable[RawRow], ontologies: Path, mappings: Mappings) -> Iterator[Fault]:
    declared = _declared(ontologies, mappings.iris.base)
    for where, name in [*_names_of_rows(rows), *_names_of_functions(mappings.prefixes)]:
        missing = {"en", "fr"} - declared.get(expand(name, mappings.prefixes), set())
        if missing:
            yield Fault(where, f"{name} has no name in {' and '.join(sorted(missing))} in the ontologies")


def _declared(ontologies: Path, base: str) -> dict[str, set[str]]:
    """The languages in which each term has a name."""
    found: dict[str, set[str]] = {}
    for path in sorted(ontologies.glob("*.ttl")):
        for quad in ox.parse(path=str(path), base_iri=base):
            if quad.predicate.value.endswith("rdf-schema#label") and isinstance(quad.object, ox.Literal):
                found.setdefault(quad.subject.value, set()).add(quad.object.language or "")
    return found


def _names_of_rows(rows: Iterable[RawRow]) -> Iterator[tuple[str, str]]:
    for raw in rows:
        where = f"{raw.table}, row {raw.id}"
        if "predicate" in raw.words:
            yield where, str(raw.words["predicate"])
        part: Any = raw.words.get("part") or {}
        for name in (part.get("link"), *str(part.get("class", "")).split()):
            if name:
                yield where, str(name)


def _names_of_functions(prefixes: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Prefixed names written in the code of the functions; all of them go through `Context.add` and `Context.type`."""
    for name, module in sorted(vars(functions).items()):
        if isinstance(module, ModuleType) and module.__name__.startswith(functions.__name__):
            for found in sorted(set(_NAME_IN_CODE.findall(inspect.getsource(module)))):
                if found.partition(":")[0] in prefixes:
                    yield f"functions/{name}.py", found


def _unshown(rows: Iterable[RawRow], mappings: Mappings, records: Iterable[SourceRecord]) -> Iterator[Fault]:
    seen: set[str] = set()

    def watch(context: Context) -> None:
        seen.add(context.row)

    stated: set[str] = set()
    for record in records:
        try:
            stated |= {one.row for one in map_record(record, mappings, watch=watch).statements}
        except RefusedError:
            continue
    for raw in rows:
        where = f"{raw.table}, row {raw.id}"
        if raw.words.get("node") == {"function": "details"}:
            continue
        if raw.id not in seen:
            yield Fault(where, "no record of the fixtures has anything where it looks")
        elif raw.words.keys() & {"predicate", "node", "part"} and raw.id not in stated:
            yield Fault(where, "it finds something in the fixtures and states nothing of it")
