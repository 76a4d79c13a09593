"""The text index: words in any order and accents, the thing itself before what mentions it, nothing in a request is syntax."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.namespaces import PREFIXES
from odatis_kg.store import textindex
from tests.conftest import Built

ODK = "http://localhost:8000/def/odk#"
THINGS = f"""
@prefix dcat: <{PREFIXES["dcat"]}> . @prefix dct: <{PREFIXES["dct"]}> . @prefix skos: <{PREFIXES["skos"]}> .
@prefix foaf: <{PREFIXES["foaf"]}> . @prefix odk: <{ODK}> . @base <http://localhost:8000/id/> .
<a> a dcat:Dataset ; dct:title "Température de la mer d'Iroise"@fr , "Temperature of the Iroise Sea"@en .
<b> a dcat:Dataset ; dct:title "Salinity"@en ; dct:description "Measured with temperature in the Iroise Sea."@en .
<c> a skos:Concept ; skos:prefLabel "Temperature"@en ; skos:notation "TEMP" .
<d> a foaf:Person ; foaf:name "Ærøskøbing Œuvré" .
<a#contact> a foaf:Person ; foaf:name "Temperature desk" .
<e> a odk:Cruise .
""" + "\n".join(f'<z{number}> a dcat:Dataset ; dct:title "Mooring {number}" .' for number in range(60))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = ox.Store()
    store.load(THINGS.encode(), ox.RdfFormat.TURTLE)
    path = tmp_path_factory.mktemp("index") / "text.sqlite"
    counts = textindex.build(store, path, ODK)
    assert counts == {
        PREFIXES["dcat"] + "Dataset": 62,
        PREFIXES["foaf"] + "Person": 1,
        PREFIXES["skos"] + "Concept": 1,
        ODK + "Cruise": 1,
    }
    return path


def found(index: Path, words: str, kind: str | None = None) -> list[str]:
    return [hit.iri.removeprefix("http://localhost:8000/id/") for hit in textindex.search(index, words, kind)[1]]


@pytest.mark.parametrize(
    ("words", "things"),
    [
        ("temperature", {"a", "b", "c"}),
        ("TEMPÉRATURE", {"a", "b", "c"}),
        ("iroise temp", {"a", "b"}),
        ("sea iroise salin", {"b"}),
        ("d'iroise", {"a"}),
        ("oeuvre", {"d"}),  # as it is typed where the keyboard has no œ
        ("œuvre", {"d"}),
        ("whale", set()),
        ("", set()),
        ("   ", set()),
        ('"', set()),
        ("*", set()),
    ],
)
def test_words_find_things(index: Path, words: str, things: set[str]) -> None:
    assert set(found(index, words)) == things


def test_a_thing_of_that_name_comes_before_one_that_mentions_it(index: Path) -> None:
    assert found(index, "temperature")[-1] == "b"


def test_a_code_and_an_address_find_their_thing(index: Path) -> None:
    assert found(index, "TEMP")[0] == "c"
    assert "e" in found(index, "http://localhost:8000/id/e")


def test_a_kind_narrows_and_alone_lists(index: Path) -> None:
    assert found(index, "temperature", PREFIXES["skos"] + "Concept") == ["c"]
    assert found(index, "", PREFIXES["dcat"] + "Dataset")[:2] == ["z0", "z1"]
    assert found(index, "", PREFIXES["dcat"] + "Nothing") == []


def test_pages_follow_each_other_without_gap_or_double(demo: Built) -> None:
    path = demo.release.path / "text.sqlite"
    total, everything = textindex.search(path, "a", limit=1000)
    pages = [hit for start in range(0, total, 7) for hit in textindex.search(path, "a", limit=7, offset=start)[1]]
    assert pages == everything
    assert len(set(pages)) == total > 20


@given(st.text(max_size=80))
def test_no_request_is_an_error(demo: Built, words: str) -> None:
    total, hits = textindex.search(demo.release.path / "text.sqlite", words, limit=5)
    assert len(hits) == min(total, 5)
