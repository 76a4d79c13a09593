"""The arguments of the searches in a query, read from their tokens and checked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from odatis_kg.mapping.values import XSD, is_iri
from odatis_kg.store.plain_search import Box
from odatis_kg.store.query_reader import Call
from odatis_kg.store.tokens import QueryRefusedError, Token, refused
from odatis_kg.store.words import phrases

# What an engine takes in as a list of values: 100,000 rows cost it two seconds.
MOST_THINGS: Final = 100_000
_MOST_WORDS: Final = 100
_MOST_LETTERS: Final = 2_000
_ESCAPES: Final = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Words:
    """What is searched for: a text, its phrases, and how many things are wanted at most (None: all)."""

    text: str
    phrases: list[list[str]]
    most: int | None


@dataclass(frozen=True, slots=True)
class Arguments:
    """Reads arguments in the text of a query; `iri` tells what a token names there."""

    text: str
    iri: Callable[[Token], str | None]

    def refused(self, token: Token, message: str) -> QueryRefusedError:
        """A refusal at a token."""
        return refused(self.text, token, message)

    def subject(self, call: Call) -> tuple[str, str | None]:
        """The subject, a variable or a whole IRI as it is written in a pattern, and the variable of the rank, if any."""
        first, *rest = call.subject
        if first.text != "(":
            return self._thing(call, first), None
        if len(rest) != 3 or rest[1].kind != "variable":
            raise self.refused(first, f"the subject of {call.verb.text} in brackets is (?thing ?rank)")
        thing, rank = self._thing(call, rest[0]), f"?{rest[1].text[1:]}"
        if thing == rank:
            raise self.refused(rest[1], "the thing and its rank are two variables")
        return thing, rank

    def _thing(self, call: Call, token: Token) -> str:
        if token.kind == "variable":
            return f"?{token.text[1:]}"
        iri = self.iri(token)
        if iri is None or not is_iri(iri):
            raise self.refused(token, f"the subject of {call.verb.text} is a variable or a whole IRI")
        return f"<{iri}>"

    def words(self, call: Call, node: Sequence[Token]) -> Words:
        """The object of a search by words: a string, or a list of a string and a number."""
        name, most = call.verb.text, None
        expected = f'after {name}, a string is expected, or a string and how many are wanted at most: ("words" 100)'
        if node[0].text == "(":
            *string, number = node[1:-1] or (node[0],)
            if not string or number.kind != "number":
                raise self.refused(node[0], expected)
            most = int(number.text) if re.fullmatch("[0-9]{1,9}", number.text) else 0
            if not 1 <= most <= MOST_THINGS:
                raise self.refused(number, f"how many are wanted is a whole number from 1 to {MOST_THINGS:,}")
            node = string
        if node[0].kind == "variable":
            raise self.refused(
                node[0], f"{name} needs its words written out, not in a variable: the index is asked before the query"
            )
        if node[0].kind != "string":
            raise self.refused(node[0], expected)
        if len(node) > 1 and node[1].kind == "language":
            raise self.refused(
                node[1],
                f"{name} finds words of any language: leave out {node[1].text}, and filter by LANG if it matters",
            )
        if len(node) > 1 and (len(node) != 4 or self.iri(node[3]) != f"{XSD}string"):
            raise self.refused(node[1], expected)
        return Words(*self._checked(node[0]), most)

    def _checked(self, token: Token) -> tuple[str, list[list[str]]]:
        quotes = 3 if token.text[:3] in ('"""', "'''") else 1
        searched = _unescape(token.text[quotes:-quotes])
        if len(searched) > _MOST_LETTERS:
            raise self.refused(token, f"{len(searched):,} characters are searched for; {_MOST_LETTERS:,} is the most")
        if any("\ud800" <= character <= "\udfff" for character in searched):
            raise self.refused(token, "this string holds half a character (a surrogate)")
        found = phrases(searched)
        number = sum(map(len, found))
        if number == 0:
            raise self.refused(token, "there is no word to search for: a letter or a digit is needed")
        if number > _MOST_WORDS:
            raise self.refused(token, f"{number} words are searched for; {_MOST_WORDS} is the most")
        return searched, found

    def box(self, call: Call, node: Sequence[Token]) -> Box:
        """The object of a search by box: a list of four numbers, each a token, or a sign and one."""
        if node[0].text != "(":
            raise self.refused(node[0], f"after {call.verb.text}, four numbers are expected: (west south east north)")
        numbers: list[str] = []
        end = -1  # where a number goes on that was begun by a sign
        for token in node[1:-1]:
            if token.kind == "variable":
                raise self.refused(
                    token, f"{call.verb.text} needs its numbers written out: the index is asked before the query"
                )
            if token.start == end:
                numbers[-1] += token.text
            else:
                numbers.append(token.text)
            end = token.start + len(token.text) if token.kind == "mark" else -1
        try:
            return Box.of(numbers)
        except ValueError as error:
            raise self.refused(node[0], str(error)) from None


def _unescape(text: str) -> str:
    """A string without its escapes (SPARQL 1.1, sections 19.2 and 19.7)."""

    def one(found: re.Match[str]) -> str:
        if found[3]:
            return _ESCAPES.get(found[3], found[3])
        code = int(found[1] or found[2], 16)
        return chr(code) if code < 0x110000 else found[0]

    return _ESCAPE.sub(one, text)
