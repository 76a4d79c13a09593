"""The text index: words in any order and accents, the thing itself before what mentions it, nothing in a request is syntax."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odatis_kg.namespaces import PREFIXES, expand
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


WORDS = st.sampled_from(["mer", "d'Iroise", "Mer", "temp", "été", "x", "œuf", "http", "a b"])
THINGS_MADE = st.dictionaries(
    st.sampled_from("abcdef"),
    st.tuples(st.sampled_from(["dcat:Dataset", "skos:Concept", "dct:Location"]), st.lists(WORDS)),
)


def add(store: ox.Store, name: str, class_: str, texts: list[str]) -> None:
    thing = ox.NamedNode(f"http://localhost:8000/id/{name}")
    store.add(ox.Quad(thing, ox.NamedNode(PREFIXES["rdf"] + "type"), ox.NamedNode(expand(class_, PREFIXES))))
    for number, text in enumerate(texts):
        property_ = expand(("dct:title", "dct:description", "dcat:keyword")[number % 3], PREFIXES)
        store.add(ox.Quad(thing, ox.NamedNode(property_), ox.Literal(text)))


@settings(max_examples=60, deadline=None)
@given(THINGS_MADE, THINGS_MADE, st.sets(st.sampled_from("abcdef")), st.lists(WORDS, min_size=1, max_size=3))
def test_an_index_brought_up_to_date_finds_the_same_in_the_same_order_as_one_built_anew(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, tuple[str, list[str]]],
    after: dict[str, tuple[str, list[str]]],
    gone: set[str],
    words: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("index")
    old, new = ox.Store(), ox.Store()
    for name, (class_, texts) in before.items():
        add(old, name, class_, texts)
    for name, (class_, texts) in ({name: thing for name, thing in before.items() if name not in gone} | after).items():
        add(new, name, class_, texts)
    changed = [f"http://localhost:8000/id/{name}" for name in gone | after.keys()]
    textindex.build(old, folder / "before", ODK)
    counted = textindex.update(new, old, folder / "before", folder / "updated", ODK, changed)
    assert counted == textindex.build(new, folder / "anew", ODK)
    for text in (*words, " ".join(words), "localhost"):
        assert textindex.search(folder / "updated", text) == textindex.search(folder / "anew", text)


def test_a_phrase_is_found_within_one_text_only(tmp_path: Path) -> None:
    store = ox.Store()
    add(store, "a", "dcat:Dataset", ["la mer d", "x", "x", "Iroise"])
    textindex.build(store, tmp_path / "index", ODK)
    assert textindex.search(tmp_path / "index", "d Iroise")[0] == 1
    assert textindex.search(tmp_path / "index", "d'Iroise")[0] == 0
    assert textindex.search(tmp_path / "index", "mer-d")[0] == 1
