"""The pages about the mapping tables say what the tables say now."""

from odatis_kg.config import load
from odatis_kg.pipeline.mapping import document_tables
from odatis_kg.resources import folder
from tests.conftest import ROOT
from tests.mapping.test_golden import FIXTURES

PAGES = dict(document_tables([FIXTURES, folder("demo")], load()))


def test_the_pages_of_docs_are_those_of_the_tables() -> None:
    """`make docs` writes them again."""
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "mapping").glob("*.md")}
    assert written.keys() == PAGES.keys()
    assert [name for name in written if written[name] != PAGES[name]] == []


def test_a_row_is_told_with_source_target_and_example() -> None:
    page = PAGES["iso-identification.md"]
    assert "**Title of the resource**  \n*Titre de la ressource*" in page
    assert "From (iso19139): `ID/gmd:citation/*/gmd:title`" in page
    assert '`dct:title "Profils de température du golfe"@fr`' in page
    assert all(f"]({name})" in PAGES["README.md"] for name in PAGES if name != "README.md")


def test_a_row_with_a_function_is_told_with_the_properties_it_makes() -> None:
    told = PAGES["iso-extent.md"].partition("## ISO-BBOX")[2].partition("## ")[0]
    assert "`dcat:bbox`" in told
    assert "of class `dct:Location`" in told
