"""The tokens of a SPARQL query (SPARQL 1.1, section 19.8): comments, IRIs, strings, names, variables, words, marks.

This is a tokeniser, not a parser, and errs on the side of refusing. What must stay true: its time is linear in the text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple


class QueryRefusedError(ValueError):
    """A query that is not evaluated: the message says why; line and column (from 1), the token there, and what to write
    instead, where that is known.
    """

    def __init__(
        self,
        message: str,
        line: int | None = None,
        column: int | None = None,
        token: str | None = None,
        suggestion: str | None = None,
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.token = token
        self.suggestion = suggestion

    @property
    def place(self) -> dict[str, Any]:
        """Line, column, token and suggestion, as far as they are known."""
        named = {"line": self.line, "column": self.column, "token": self.token, "suggestion": self.suggestion}
        return {name: value for name, value in named.items() if value is not None}


class Token(NamedTuple):
    """A token: its kind, its text, where it begins."""

    kind: str
    text: str
    start: int


# Every alternative is linear: possessive repeats, bounded prefixes, and an unclosed string ends the reading.
_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>\#[^\n\r]*)
  | (?P<iri><[^<>"{}|^`\\\x00-\x20]*+>)
  | (?P<string>\"{3}(?:\"{0,2}+(?:[^"\\]|\\.))*+\"{3} | '{3}(?:'{0,2}+(?:[^'\\]|\\.))*+'{3}
              | "(?:[^"\\\n\r]|\\.)*+" | '(?:[^'\\\n\r]|\\.)*+')
  | (?P<unclosed>["'])
  | (?P<variable>[?$]\w+)
  | (?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
  | (?P<name>(?:[^\W\d_](?:[\w.-]{0,100}\w)?|_)?:(?:(?:[\w.:-]|%[0-9A-Fa-f]{2}|\\.)*(?:[\w:-]|%[0-9A-Fa-f]{2}|\\.))?)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*+)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a query, spaces and comments left out.

    Raises:
        QueryRefusedError: a string is not closed.
    """
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "mark"
        if kind == "unclosed":
            token = Token(kind, found.group(), found.start())
            message = "this string is not closed (or put a space after a '<' that compares)"
            raise refused(text, token, message, f"close it with {token.text}")
        if kind not in ("space", "comment"):
            yield Token(kind, found.group(), found.start())


def refused(text: str, token: Token, message: str, suggestion: str | None = None) -> QueryRefusedError:
    """A refusal at a token."""
    line, column = place_of(text, token.start)
    return QueryRefusedError(message, line, column, token.text[:100], suggestion)


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def after(found: Sequence[Token], position: int) -> int:
    """The position behind the bracket that closes the one at `position`; that of the end when it is not closed."""
    depth = 0
    for here in range(position, len(found)):
        token = found[here]
        if token.kind == "mark":
            depth += (token.text in "([{") - (token.text in ")]}")
            if depth == 0:
                return here + 1
    return len(found)
