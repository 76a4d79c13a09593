"""Words: folded the same by the index and by the regular expressions of plain SPARQL, letter by letter."""

import unicodedata

import pyoxigraph as ox
import pytest

from odatis_kg.store.words import pattern, phrases, two_letters, words

# Assigned where the tests run, but the one mark that is a letter to a regular expression without regard to case.
CHARACTERS = [
    one
    for code in range(1, 0x20000)
    if unicodedata.category(one := chr(code)) not in ("Cn", "Cs", "Co") and one != "\N{COMBINING GREEK YPOGEGRAMMENI}"
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Température de l'eau", ["temperature", "de", "l", "eau"]),
        ("Œuvre ÆGIR Straße", ["oeuvre", "aegir", "strasse"]),
        ("e\u0301te\u0301 \u0301 ΆΩΣς Ёжик", ["ete", "αωσσ", "ежик"]),
        ("CO2_x-1.5", ["co2", "x", "1", "5"]),
        ("\x00\"*'", []),
    ],
)
def test_words_are_folded(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_phrases_are_what_spaces_part() -> None:
    assert phrases("mer d'Iroise -- 2.5\t\x00") == [["mer"], ["d", "iroise"], ["2", "5"]]


@pytest.mark.parametrize("letters", ["a", "e", "i", "o", "s", "k", "z", "oe", "ae", "ss", "0", "α", "ω", "ж"])
def test_a_regular_expression_finds_every_variant_of_a_letter_and_no_other(letters: str) -> None:
    escaped = " ".join(str(ox.Literal(one)) for one in CHARACTERS)
    folded = "?text"
    for expression, replacement in two_letters():
        folded = f'REPLACE({folded}, "{expression}", "{replacement}", "i")'
    expression = pattern([letters], begun=False).replace("\\", "\\\\")
    query = f'SELECT ?text {{ VALUES ?text {{ {escaped} }} FILTER(REGEX({folded}, "{expression}", "i")) }}'
    found = {row["text"].value for row in ox.Store().query(query)}  # type: ignore[union-attr]
    assert found == {one for one in CHARACTERS if words(one) == [letters]}
    assert len(found) > 1 or letters == "0"
