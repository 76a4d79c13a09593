"""A word in a table that nobody understands is an error that names the table and the row."""

import re
import shutil
from pathlib import Path

import pytest

from odatis_kg.iris import Iris
from odatis_kg.mapping import table
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.registers import RegisterError
from odatis_kg.namespaces import PREFIXES, expand
from odatis_kg.resources import folder
from tests.support import iso, mapped

IRIS = Iris("http://localhost:8000/")
ROW = """- id: {id}
  doc: {{en: "A", fr: "B"}}
  from: {{iso19139: "{path}"}}
  {rest}
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A copy of the shipped tables to spoil."""
    shutil.copytree(folder("mappings"), tmp_path / "mappings")
    return tmp_path / "mappings"


def spoil(
    tables: Path, *, row_id: str = "X-1", path: str = "gmd:a", rest: str = "predicate: dct:title\n  value: {as: text}"
) -> Path:
    with (tables / "iso" / "rights.yaml").open("a") as file:
        file.write(ROW.format(id=row_id, path=path, rest=rest))
    return tables


def test_a_new_row_is_taken_up(tables: Path) -> None:
    loaded = table.load(spoil(tables), IRIS)
    assert "X-1" in {row.id for row in loaded.specs[table.Kind.ISO19139].rows}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"row_id": "ISO-TITLE"}, "already used in iso/identification"),
        ({"path": "gmd:a["}, "not a usable XPath"),
        ({"path": "nowhere:a"}, "not a usable XPath"),
        ({"rest": "predicate: nowhere:title\n  value: {as: text}"}, "nowhere"),
        ({"rest": "predicate: dct:title\n  value: {as: number}"}, "cannot be typed as 'number'"),
        ({"rest": "predicate: dct:title\n  value: {as: code, register: none}"}, "no register 'none'"),
        ({"rest": "predicate: dct:title"}, "'value' must be like"),
        ({"rest": "node: {function: nobody}"}, "no function 'nobody'"),
        ({"rest": "node: {function: party}\n  ignore: because"}, "exactly one of"),
        ({"rest": "predicat: dct:title"}, "unknown word 'predicat'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(change: dict[str, str], said: str, tables: Path) -> None:
    with pytest.raises(table.TableError) as caught:
        table.load(spoil(tables, **change), IRIS)
    assert said in str(caught.value)
    assert change.get("row_id", "X-1") in str(caught.value)


def test_a_path_for_a_profile_that_does_not_exist_is_an_error(tables: Path) -> None:
    with (tables / "iso" / "rights.yaml").open("a") as file:
        file.write('- {id: X-1, doc: {en: A, fr: B}, from: {iso19193: "gmd:a"}, ignore: "because"}\n')
    with pytest.raises(table.TableError, match=r"iso/rights, row X-1: .*'iso19193'.* iso19139"):
        table.load(tables, IRIS)


def test_a_table_that_is_not_yaml_is_named(tables: Path) -> None:
    (tables / "iso" / "rights.yaml").write_text("- id: [")
    with pytest.raises(table.TableError, match=r"rights\.yaml"):
        table.load(tables, IRIS)


def test_a_kind_without_tables_is_an_error(tables: Path) -> None:
    text = (tables / "kinds.yaml").read_text()
    (tables / "kinds.yaml").write_text(text.replace("tables: [skos/concepts]", "tables: [skos/nothing]"))
    with pytest.raises(table.TableError, match="skos/nothing"):
        table.load(tables, IRIS)


def test_a_register_with_an_iri_that_is_none_is_an_error(tables: Path) -> None:
    with (tables / "registers" / "statuses.csv").open("a") as file:
        file.write("odd,not an iri,nobody\n")
    with pytest.raises(RegisterError, match="statuses"):
        table.load(tables, IRIS)


def test_every_row_says_what_it_maps_in_both_languages() -> None:
    rows = [raw for rows in table.read_tables(folder("mappings")).values() for raw in rows]
    for raw in rows:
        assert raw.words["doc"]["en"], raw.id
        assert raw.words["doc"]["fr"], raw.id


EXAMPLES = [
    (raw, example)
    for rows in table.read_tables(folder("mappings")).values()
    for raw in rows
    for example in raw.words.get("examples", [])
]


@pytest.mark.parametrize(
    ("raw", "example"), EXAMPLES, ids=[f"{raw.id}-{number}" for number, (raw, _) in enumerate(EXAMPLES)]
)
def test_the_examples_of_a_row_are_true(raw: table.RawRow, example: dict[str, str], mappings: Mappings) -> None:
    """`in` is what the record says; `out` is the object of the statement, with prefixed names."""
    name = str(raw.words["from"]["skos"]) if "skos" in raw.words["from"] else ""
    if name:
        concept = "http://vocab.nerc.ac.uk/collection/P02/current/TEMP/"
        content = f"<{concept}> a <{PREFIXES['skos']}Concept> ; <{expand(name.partition('|')[0].strip(), PREFIXES)}> {example['in']} .".encode()
    else:
        step = str(raw.words["from"]["iso19139"]).replace("ID/gmd:citation/*/", "")
        content = (
            iso(title=example["in"])
            if "title" in step
            else iso(
                f"<gmd:citation><gmd:CI_Citation><gmd:date><gmd:CI_Date><gmd:date><gco:Date>{example['in']}</gco:Date></gmd:date><gmd:dateType><gmd:X codeListValue='publication'/></gmd:dateType></gmd:CI_Date></gmd:date></gmd:CI_Citation></gmd:citation>"
            )
        )
    result = mapped(content, mappings)
    written = re.sub(r"\^\^(\w+:\w+)$", lambda found: f"^^<{expand(found[1], PREFIXES)}>", example["out"])
    assert written in {statement.object for statement in result.statements if statement.row == raw.id}


def test_changing_a_table_changes_the_digest_that_lineage_shows(tables: Path) -> None:
    before = table.load(tables, IRIS).digest
    assert table.load(spoil(tables), IRIS).digest != before
