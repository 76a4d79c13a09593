"""The IRI scheme: every identifier, however hostile, becomes one safe IRI, always the same one."""

import re
import subprocess
import sys
from urllib.parse import urlsplit

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.iris import DOCUMENT_EXTENSIONS, Iris, digest, key_segment
from odatis_kg.mapping.values import is_iri

IRIS = Iris("https://kg.example.org/")
HOSTILE = [
    "https://sextant.ifremer.fr/record/abc",
    r"C:\records\a.xml",
    "..",
    "../../etc/passwd",
    ".",
    "a b",
    "été",
    'say "hello"',
    "<script>",
    "a/b",
    "a?b=c#d",
    "%2e%2e%2f",
    "{}",
    "\x00\x01",
    "line\nbreak",
    "",
    " ",
    "x" * 5_000,
    "record.ttl",
    "record.html",
    "ends-with-dot.",
    "-begins-with-hyphen",
    "\u202e\u200b",
    "😀",
    "\ud800",
]
identifiers = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60))


@given(identifiers)
def test_any_identifier_becomes_an_iri_that_every_part_of_the_way_accepts(identifier: str) -> None:
    iri = IRIS.thing("dataset", "sextant", identifier)
    assert is_iri(iri)
    assert ox.NamedNode(iri).value == iri
    segment = iri.rpartition("/")[2]
    assert iri == f"https://kg.example.org/id/dataset/sextant/{segment}"
    assert re.fullmatch(r"[A-Za-z0-9._~:-]{1,80}", segment)
    assert segment not in (".", "..")
    assert not segment.endswith(tuple(f".{extension}" for extension in DOCUMENT_EXTENSIONS))


@given(identifiers)
def test_the_address_of_the_document_leads_back_to_the_thing(identifier: str) -> None:
    iri = IRIS.thing("dataset", "sextant", identifier)
    path = urlsplit(IRIS.document(iri)).path
    assert IRIS.from_path("id", path.removeprefix("/doc/")) == iri
    for extension in DOCUMENT_EXTENSIONS:
        assert IRIS.document(iri, extension) == f"{IRIS.document(iri)}.{extension}"


@given(st.text(max_size=40), st.text(max_size=40))
def test_two_identifiers_share_an_iri_only_when_they_are_one_identifier(one: str, other: str) -> None:
    same = key_segment("dataset", "a", one) == key_segment("dataset", "a", other)
    if same:
        import unicodedata

        assert unicodedata.normalize("NFC", one).strip() == unicodedata.normalize("NFC", other).strip()


def test_identifiers_that_differ_only_by_case_stay_two_but_a_uuid_is_one() -> None:
    assert key_segment("dataset", "a", "ABC") != key_segment("dataset", "a", "abc")
    upper = "1E2F3A4B-0000-4000-8000-ABCDEFABCDEF"
    assert key_segment("dataset", "a", upper) == upper.lower()


def test_composed_and_decomposed_letters_are_one_identifier() -> None:
    assert key_segment("dataset", "a", "me\u0301te\u0301o") == key_segment("dataset", "a", "m\u00e9t\u00e9o")


def test_the_same_identifier_in_another_source_is_another_thing() -> None:
    assert IRIS.thing("dataset", "a", "..") != IRIS.thing("dataset", "b", "..")


def test_parts_are_named_by_what_they_are_and_not_by_their_order() -> None:
    thing = IRIS.thing("dataset", "a", "1")
    first = IRIS.part(thing, "dist", "https://example.org/a.nc", "WWW:DOWNLOAD")
    assert first == IRIS.part(thing, "dist", "https://example.org/a.nc", "WWW:DOWNLOAD")
    assert first.startswith(f"{thing}#dist-")
    assert first != IRIS.part(thing, "dist", "https://example.org/a.nc", "FTP")
    assert IRIS.part(thing, "dist", "ab", "c") != IRIS.part(thing, "dist", "a", "bc")


def test_nothing_is_named_in_somebody_elses_space() -> None:
    person = "https://orcid.org/0000-0002-1825-0097"
    part = IRIS.part(person, "membership", "x")
    assert part.startswith("https://kg.example.org/id/about/orcid.org/0000-0002-1825-0097#membership-")
    assert IRIS.owner(part) == person


@given(st.text(max_size=30))
def test_parts_of_any_foreign_thing_are_in_our_space(foreign: str) -> None:
    part = IRIS.part(f"https://example.org/{foreign}", "identifier", "x")
    assert part.startswith(IRIS.base)
    assert IRIS.owner(part)


def test_a_name_is_the_same_in_another_process() -> None:
    code = "from odatis_kg.iris import key_segment, digest; print(key_segment('d', 'a', 'é/..'), digest('a', 'b'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert other == [key_segment("d", "a", "é/.."), digest("a", "b")]


@pytest.mark.parametrize("path", ["", "a", "dataset/..", "dataset//x", "dataset/a b", "dataset/%2e%2e", "a/b/\\"])
def test_a_path_that_no_iri_of_ours_can_have_is_none(path: str) -> None:
    assert IRIS.from_path("id", path) is None


@pytest.mark.parametrize("base", ["", "kg.example.org/", "ftp://a/", "http://a", "http://a/?x=1", "http://a/#x"])
def test_a_base_address_that_cannot_be_one_is_an_error(base: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Iris(base)


def test_kind_and_authority_are_ours_and_must_be_plain() -> None:
    with pytest.raises(ValueError, match="cannot be part"):
        IRIS.thing("data/set", "a", "1")
