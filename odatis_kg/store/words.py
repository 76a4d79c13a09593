"""What a word is: texts are compared by their words, with case and accents folded, in the index and in plain SPARQL alike.

A word is a run of letters, digits and combining marks (Unicode general categories L, N and M). It is folded letter by
letter: without accents (canonical decomposition, Unicode Standard Annex 15), without marks, in lower case; œ, æ and ß are
oe, ae and ss. What must stay true: `pattern` finds in a text exactly what `words` makes of it.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

_TWO_LETTERS: Final = {"œ": "oe", "æ": "ae", "ß": "ss"}
_MARKS: Final = r"\p{M}*"
_OUTSIDE: Final = r"[^\p{L}\p{N}\p{M}]"
# Letters of these blocks have all their variants below U+2200; others are looked for everywhere (half a second, once).
_USUAL_BLOCKS: Final = ((0x30, 0x7A), (0x370, 0x3FF), (0x400, 0x4FF))
_USUAL_END: Final = 0x2200


class _Folding(dict[int, str]):
    """What each character becomes, found when it is first met; a space is a break between words."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


@cache
def _folding() -> _Folding:
    return _Folding()


def _fold(character: str) -> str:
    category = unicodedata.category(character)[0]
    if category == "M":
        return ""
    if category not in "LN":
        return " "
    before = ""
    while character != before:
        before = character
        first, *rest = list(unicodedata.normalize("NFD", character))
        if all(unicodedata.category(mark)[0] == "M" for mark in rest):
            character = first
        for lower in (character.casefold(), character.lower()):
            if len(lower) == 1:
                character = lower
                break
    return _TWO_LETTERS.get(character, character)


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return text.translate(_folding()).split()


def phrases(text: str) -> list[list[str]]:
    """What is searched for, as its spaces part it: each a word, or several that must follow each other (`d'Iroise`)."""
    return [found for part in text.split() if (found := words(part))]


def pattern(phrase: Sequence[str], *, begun: bool) -> str:
    """A regular expression (XPath and XQuery Functions 3.1, section 5.6, flag `i`) for the words of a phrase in a text.

    The text must have `two_letters` replaced before. With `begun`, the last word may go on.
    """
    spelled = [_MARKS + "".join(f"{_variants(letter)}{_MARKS}" for letter in word) for word in phrase]
    return f"(^|{_OUTSIDE})" + f"({_OUTSIDE}+{_MARKS})+".join(spelled) + ("" if begun else f"($|{_OUTSIDE})")


def two_letters() -> list[tuple[str, str]]:
    """The letters that are folded to two, as (regular expression, replacement), in the order they are replaced."""
    return [(_variants(letter, folded), folded) for letter, folded in _TWO_LETTERS.items()]


@cache
def _variants(letter: str, folded: str | None = None) -> str:
    """The regular expression of all letters that are folded to one (or, with `folded`, to those), for the flag `i`."""
    wanted, code = folded or letter, ord(letter)
    usual = folded is not None or any(first <= code <= last for first, last in _USUAL_BLOCKS)
    found = [
        other
        for number in range(_USUAL_END if usual else 0x110000)
        if (other := chr(number)) == letter or _fold(other) == wanted
    ]
    lower = [other for other in found if other.lower() == other or other.lower() not in found]
    return lower[0] if len(lower) == 1 else f"[{''.join(lower)}]"
