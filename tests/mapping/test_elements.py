"""A path through the elements of a record finds what XPath finds, each element once, in document order."""

import gc
import re
from pathlib import Path
from weakref import ref

import pytest
from lxml import etree

from odatis_kg.mapping import elements, xml
from odatis_kg.mapping.table import every_row, read_tables
from odatis_kg.resources import folder

FIXTURES = Path(__file__).parents[1] / "fixtures" / "records"
RECORDS = ["everything.iso19139.xml", "everything.iso19115-3.xml", "service.iso19139.xml", "cruise.csr.xml"]
IDENTIFICATION = re.compile(r"(^|\| )ID(?=[/\[]|$)")


def written_paths() -> list[str]:
    """Every path of the tables for XML, with the identification sections of both encodings."""
    found = set()
    for rows in read_tables(folder("mappings")).values():
        for row in every_row(rows):
            stated = row.words.get("from")
            for profile, path in stated.items() if isinstance(stated, dict) else ():
                if profile in ("iso19139", "iso19115-3", "dublin-core", "pangaea"):
                    prefix = "mdb" if profile == "iso19115-3" else "gmd"
                    found.add(
                        IDENTIFICATION.sub(lambda at, p=prefix: f"{at[1]}{p}:identificationInfo/*", path)  # type: ignore[misc]
                    )
    return sorted(found)


def written_local_paths() -> list[str]:
    """Every path of local names in the tables and in the functions."""
    found = {
        row.words["from"]
        for rows in read_tables(folder("mappings")).values()
        for row in every_row(rows)
        if isinstance(row.words.get("from"), str)
    }
    for source in (folder("mappings").parent / "odatis_kg" / "mapping" / "functions").glob("*.py"):
        code = source.read_text()
        if "import Element" in code:
            found |= set(re.findall(r'(?:find|first|string_at|texts_at)\([^"()]*, "([^"]+)"', code))
    return sorted(found)


def by_xpath(path: str) -> str:
    """A path of local names as XPath."""
    steps = re.compile(r"[^/|\s]+")
    return steps.sub(lambda s: s[0] if s[0] in ("*", ".") else f"*[local-name()='{s[0]}']", path)


@pytest.mark.parametrize("name", RECORDS)
def test_every_path_of_the_tables_finds_what_xpath_finds(name: str) -> None:
    parsed = xml.parse((FIXTURES / name).read_bytes())
    every = elements.elements(parsed)
    found = 0
    for path in written_paths():
        expected = etree.XPath(path, namespaces=xml.NAMESPACES)(parsed)
        assert [one.source for one in elements.compile_path(path)(every[0])] == expected, path
        found += len(expected)
    assert found > 20


@pytest.mark.parametrize("name", RECORDS)
def test_every_path_of_local_names_finds_what_xpath_finds_below_every_element(name: str) -> None:
    every = elements.elements(xml.parse((FIXTURES / name).read_bytes()))
    paths = written_local_paths()
    assert len(paths) > 100
    found = 0
    for path in paths:
        xpath = etree.XPath(by_xpath(path))
        for element in every:
            expected = xpath(element.source)
            assert [one.source for one in elements.local_path(path)(element)] == expected, path
            found += len(expected)
    assert found > 100


@pytest.mark.parametrize(
    "path",
    [
        "gmd:a//gmd:b",
        "gmd:a//gmd:b//gmd:b",
        "gmd:a//*/gmd:c",
        "gmd:a//gmd:c | gmd:a/gmd:b | *",
        "gmd:a/*[gmd:c]",
        "gmd:a/*[not(gmd:c)] | gmd:a/gmd:b",
        "gmd:a/*[1]",
        "gmd:a/*[last()]",
        "gmd:a//*[count(*)]",
        "gmd:a//*[count(*) > 1]",
        "gmd:a/*[local-name()='b' or . = '|']",
        "gmd:a/*[2 - 1]",
        "*[gmd:b]/gmd:b",
        "self::*/gmd:a",
        "//gmd:c",
        ".",
    ],
)
def test_nesting_conditions_and_places_are_those_of_xpath(path: str) -> None:
    parsed = xml.parse(
        b'<r xmlns="http://www.isotc211.org/2005/gmd"><a><b><b><c/></b><c/></b><d/></a><a><d>|</d><b/></a><b/></r>'
    )
    every = elements.elements(parsed)
    expected = etree.XPath(path, namespaces=xml.NAMESPACES)(parsed)
    assert expected
    assert [one.source for one in elements.compile_path(path)(every[0])] == expected


def test_an_element_knows_what_is_around_and_below_it_as_long_as_the_root_is_held() -> None:
    parsed = xml.parse(b"<r>\n  <a x='1'><b>text</b><b/></a> <c/></r>")
    every = elements.elements(parsed)
    assert [one.name for one in every] == ["r", "a", "b", "b", "c"]
    assert [one.source for one in every] == list(parsed.iter())
    _, a, b, other, _ = every
    assert a.below == [a, b, other]
    assert list(other.above) == [a, every[0]]
    assert (a.text, b.text, a.get("x"), b.get("x"), a.words) == ("", "text", "1", None, "text")
    assert every[0].parent is None
    del every
    assert a.parent is None
    assert b.parent is a


def test_elements_make_no_circles_so_that_their_memory_is_free_at_once() -> None:

    gc.disable()
    try:
        every = elements.elements(xml.parse(b"<r><a><b/></a></r>"))
        gone = [ref(one) for one in every]
        every.clear()
        assert [one() for one in gone] == [None, None, None]
    finally:
        gc.enable()
