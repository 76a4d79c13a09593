"""What can be told of a query without evaluating it: its form, its dataset clause, its federation, its depth.

This is a tokeniser, not a parser: it knows comments, IRIs, strings, names, variables and words (SPARQL 1.1, section 19.8),
and errs on the side of refusing. The engine parses afterwards and has the last word on syntax.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from odatis_kg.mapping.values import Term
from odatis_kg.namespaces import AUTHORITY_PREFIXES, PREFIXES


class QueryRefusedError(ValueError):
    """A query that is not evaluated; the message says why, and line and column (from 1) where that is known."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Form(StrEnum):
    """The forms of a query."""

    SELECT = "SELECT"
    ASK = "ASK"
    CONSTRUCT = "CONSTRUCT"
    DESCRIBE = "DESCRIBE"

    @property
    def makes_graph(self) -> bool:
        """Whether the result is a graph rather than a table or a truth value."""
        return self in (Form.CONSTRUCT, Form.DESCRIBE)


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
_UPDATES: Final = frozenset(["INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"])
_KNOWN_PREFIXES: Final = {**PREFIXES, **AUTHORITY_PREFIXES}
_PROLOGUE: Final = frozenset(("PREFIX", "BASE", "VERSION"))
# `?a<?b)SERVICE:x#>` is an IRI to a tokeniser and a comparison followed by SERVICE to a parser. A comparison can only be
# left through a closing bracket, so an IRI with ")...service" in it is taken for the latter.
_HIDDEN_SERVICE: Final = re.compile(r"\).*service", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a query is."""

    form: Form
    depth: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a query, spaces and comments left out.

    Raises:
        QueryRefusedError: a string is not closed.
    """
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "mark"
        if kind == "unclosed":
            token = Token(kind, found.group(), found.start())
            raise _refused(text, token, "this string is not closed (or put a space after a '<' that compares)")
        if kind not in ("space", "comment"):
            yield Token(kind, found.group(), found.start())


def inspect(text: str, *, most_depth: int = 200, service_allow: Sequence[str] = ()) -> Inspection:
    """Look at a query before it is evaluated.

    Raises:
        QueryRefusedError: an update, no query at all, brackets nested deeper than `most_depth`, or SERVICE to an address
            that is not in `service_allow`.
    """
    form: Form | None = None
    depth = deepest = 0
    all_tokens = list(tokens(text))
    for position, token in enumerate(all_tokens):
        if token.kind == "word":
            word = token.text.upper()
            # Words are compared by what they contain: a parser may well read `trueSERVICE` as two tokens.
            if "SERVICE" in word:
                _check_service(text, all_tokens, position, service_allow)
            if form is None and word not in _PROLOGUE:
                form = _form(text, token, word)
        elif token.kind == "iri" and _HIDDEN_SERVICE.search(token.text):
            raise _refused(text, token, "SERVICE is not allowed here")
        elif token.kind == "mark":
            if token.text in "([{":
                depth += 1
                deepest = max(deepest, depth)
                if depth > most_depth:
                    raise _refused(
                        text,
                        token,
                        f"brackets are nested more than {most_depth} deep (query.nesting); simplify the query",
                    )
            elif token.text in ")]}":
                depth -= 1
    if form is None:
        raise QueryRefusedError("the query is empty: SELECT, ASK, CONSTRUCT or DESCRIBE is expected")
    return Inspection(form, deepest)


def _form(text: str, token: Token, word: str) -> Form:
    for form in Form:
        if word.startswith(form):
            return form
    if word in _UPDATES:
        raise _refused(text, token, f"{word} is an update; this service only answers queries")
    raise _refused(text, token, f"'{token.text[:40]}' begins no query: SELECT, ASK, CONSTRUCT or DESCRIBE is expected")


def _check_service(text: str, all_tokens: list[Token], position: int, allowed: Sequence[str]) -> None:
    token = all_tokens[position]
    following = all_tokens[position + 1 :]
    if following and following[0].kind == "word" and following[0].text.upper() == "SILENT":
        following = following[1:]
    if following and following[0].kind == "iri" and following[0].text[1:-1] in allowed:
        return
    if allowed:
        shown = ", ".join(f"<{address}>" for address in allowed)
        raise _refused(text, token, f"SERVICE may only call {shown}, written as a whole IRI")
    raise _refused(text, token, "SERVICE is not allowed: this service answers from its own graph only")


def _refused(text: str, token: Token, message: str) -> QueryRefusedError:
    line = text.count("\n", 0, token.start) + 1
    column = token.start - (text.rfind("\n", 0, token.start) + 1) + 1
    return QueryRefusedError(message, line, column)


_POSITION: Final = re.compile(r"error at (\d+):(\d+): ?(.*)", re.DOTALL)
_RARE_WORDS: Final = frozenset(("LATERAL", "SERVICE", "{|", "~", "<<"))
_EXPECTED_WORD: Final = re.compile(r"^(?:[A-Z]{2,}|\"[^\"]+\")$")


def explain(text: str, message: str) -> QueryRefusedError:
    """A syntax error as the engine reports it, made readable: where, what was found, what was expected.

    The engine lists every character class it would have accepted; only words and marks a person can type are kept.
    """
    found = _POSITION.search(message)
    if not found:
        return QueryRefusedError(f"the query cannot be parsed: {message[:300]}")
    line, column, rest = int(found[1]), int(found[2]), found[3]
    lines = text.split("\n")
    here = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    if "Prefix not found" in rest:
        before = lines[line - 1][: column - 1]
        name = re.search(r"([\w-]*):[\w.%-]*$", before) or re.search(r"([\w-]*):", here)
        prefix = name[1] if name else ""
        return QueryRefusedError(f"the prefix '{prefix}:' is not declared{_suggest(prefix)}", line, column)
    expected = re.split(r", |\n\| ", rest.removeprefix("expected one of ").removeprefix("expected "))
    words = {item.strip().strip('"') for item in expected if _EXPECTED_WORD.match(item.strip())}
    typed = [f"'{word}'" for word in sorted(words - _RARE_WORDS)]
    if not here.strip() and line == len(lines) and _is_balanced(text):
        what = "something inside the braces is not complete, such as a triple without its object"
        return QueryRefusedError(f"the query cannot be parsed: {what}", line, column)
    end = "the end of the line" if line < len(lines) else "the end of the query"
    shown = f"'{here.split()[0][:30]}'" if here.split() else end
    wanted = f"; expected {'one of ' if len(typed) > 1 else ''}{', '.join(typed[:12])}" if typed else ""
    return QueryRefusedError(f"{shown} is not expected here{wanted}", line, column)


def _is_balanced(text: str) -> bool:
    marks = Counter(token.text for token in tokens(text) if token.kind == "mark")
    return all(marks[opening] == marks[closing] for opening, closing in ("()", "[]", "{}"))


def _suggest(prefix: str) -> str:
    if prefix in _KNOWN_PREFIXES:
        return f"; add PREFIX {prefix}: <{_KNOWN_PREFIXES[prefix]}>"
    near = difflib.get_close_matches(prefix, _KNOWN_PREFIXES, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}: <{_KNOWN_PREFIXES[near[0]]}>?" if near else ""


def bind(text: str, values: Mapping[str, Term | Sequence[Term]]) -> str:
    """The query with variables replaced by terms, token by token: the only way a value enters a query of ours.

    A sequence of terms is written one after another, for `VALUES ?x { $items }`. A term is in N-Triples form, which is a
    subset of SPARQL, so it cannot end early or continue as something else.
    """
    pieces: list[str] = []
    end = 0
    for token in tokens(text):
        if token.kind == "variable" and token.text[1:] in values:
            value = values[token.text[1:]]
            pieces.append(text[end : token.start])
            pieces.append(value if isinstance(value, str) else " ".join(value))
            end = token.start + len(token.text)
    pieces.append(text[end:])
    return "".join(pieces)
