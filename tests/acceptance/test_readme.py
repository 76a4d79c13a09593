"""The README keeps its word: its queries give the answers it shows, its commands and files exist."""

import re
import subprocess

import pyoxigraph as ox
import pytest

from tests.conftest import ROOT, Built

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.compile(
    r"### (?P<title>[^\n]+)\n.*?```sparql\n(?P<query>.*?)```\n\n(?P<table>\|.*?)\n\n(?:(?P<total>\d+) rows in all\.)?",
    re.DOTALL,
)
SECTIONS = list(SECTION.finditer(README))


@pytest.fixture(scope="module")
def store(demo: Built) -> ox.Store:
    return ox.Store.read_only(str(demo.release.store))


def test_there_are_five_questions() -> None:
    assert len(SECTIONS) == 5


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section["title"])
def test_a_question_has_the_answer_that_is_shown(section: re.Match[str], store: ox.Store) -> None:
    header, _, *lines = section["table"].split("\n")
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    shown = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines]
    found = [
        [row[column].value if row[column] is not None else "" for column in columns]
        for row in store.query(section["query"])
    ]
    assert found[: len(shown)] == shown
    assert len(found) == int(section["total"] or len(shown))


def test_every_file_it_points_at_is_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_the_pages_of_docs_point_at_files_that_are_there() -> None:
    for page in (*(ROOT / "docs").glob("*.md"), ROOT / "mappings" / "README.md", ROOT / "deploy" / "README.md"):
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


def test_the_two_commands_are_those_of_the_makefile_and_of_ci() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert subprocess.run(["make", "-n", "help"], cwd=ROOT, capture_output=True).returncode == 0


def test_it_speaks_of_no_machine_but_the_readers_own() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*")):
        if page.is_file():
            assert not re.search(r"/(?:work|root|home)/", page.read_text(encoding="utf-8")), page
