"""The linter: the shipped tables are sound, and each kind of fault is found."""

import shutil
from collections.abc import Iterator, Set
from pathlib import Path

import pytest

from odatis_kg.harvest.folder import read, walk
from odatis_kg.iris import Iris
from odatis_kg.mapping import table
from odatis_kg.mapping.errors import TableError
from odatis_kg.mapping.functions import FUNCTIONS
from odatis_kg.mapping.kinds import SourceRecord, scan
from odatis_kg.mapping.lint import Fault, faults, functions_with_cases
from odatis_kg.resources import folder
from tests.mapping.test_golden import FIXTURES

IRIS = Iris("http://localhost:8000/")


def records() -> Iterator[SourceRecord]:
    for file in walk([folder("demo"), FIXTURES]):
        for found in scan(read(file.path, 1 << 30)).records:
            yield SourceRecord("test", found.key, found.kind, found.content)


def lint(tables: Path, tested: Set[str] = FUNCTIONS.keys()) -> list[Fault]:
    return list(faults(tables, folder("ontologies"), table.load(tables, IRIS), records(), tested))


def test_the_shipped_tables_are_sound_and_every_row_is_shown_at_work() -> None:
    rows = [raw for rows in table.read_tables(folder("mappings")).values() for raw in table.every_row(rows)]
    assert len(rows) > 250
    assert lint(folder("mappings")) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            'from: {iso19139: "gmd:dateStamp"}, predicate: "dct:nobodyDeclaredThis", value: {as: text}',
            "dct:nobodyDeclaredThis has no name in en and fr",
        ),
        (
            'from: {iso19139: "gmd:dateStamp"}, part: {name: x, link: "dct:relation", class: "foaf:NobodyDeclaredThis"}',
            "foaf:NobodyDeclaredThis has no name in en and fr",
        ),
        ('from: {iso19139: "gmd:nowhere"}, predicate: "dct:title", value: {as: text}', "no record of the fixtures"),
        ('from: {iso19139: "gmd:nowhere"}, ignore: "because"', "no record of the fixtures"),
        (
            'from: {iso19139: "gmd:contact"}, node: {function: bounding_box}',
            "states nothing of it",
        ),
    ],
)
def test_a_fault_is_found(row: str, said: str, tmp_path: Path) -> None:
    tables = tmp_path / "mappings"
    shutil.copytree(folder("mappings"), tables)
    with (tables / "iso" / "rights.yaml").open("a", encoding="utf-8") as file:
        file.write(f'- {{id: X-1, doc: {{en: "A", fr: "B"}}, {row}}}\n')
    (fault,) = lint(tables)
    assert fault.where == "iso/rights, row X-1"
    assert said in fault.what


def test_a_function_no_row_calls_is_found(tmp_path: Path) -> None:
    tables = tmp_path / "mappings"
    shutil.copytree(folder("mappings"), tables)
    path = tables / "iso" / "rights.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("function: constraints", "function: details"), encoding="utf-8"
    )
    assert Fault("function constraints", "no row calls it") in lint(tables)


def test_a_function_without_a_test_and_a_test_without_a_function_are_found() -> None:
    assert lint(folder("mappings"), (FUNCTIONS.keys() - {"parent"}) | {"grandparent"}) == [
        Fault("function parent", "it has no test of its own; give it a case"),
        Fault("function grandparent", "there is a case for it, and no such function"),
    ]


@pytest.mark.parametrize("content", ["parent: []", "- parent", "parent: yes", "parent: {case: x}"])
def test_a_file_of_cases_without_cases_is_an_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "iso.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(TableError, match=r"iso\.yaml"):
        functions_with_cases(tmp_path)
