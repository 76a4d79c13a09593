"""What can be told of a query without evaluating it: its form, its dataset clause, its federation, its depth.

Only tokens are looked at. The engine parses afterwards and has the last word on syntax.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from odatis_kg.mapping.values import Term
from odatis_kg.store.diagnosis import explain, near_word
from odatis_kg.store.tokens import QueryRefusedError, Token, refused, tokens

__all__ = [
    "Form",
    "Inspection",
    "QueryRefusedError",
    "bind",
    "explain",
    "first_form",
    "inspect",
    "page_after",
    "tokens",
]


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


_UPDATES: Final = frozenset(["INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"])
_PROLOGUE: Final = frozenset(("PREFIX", "BASE", "VERSION"))
# `?a<?b)SERVICE:x#>` is an IRI to a tokeniser and a comparison followed by SERVICE to a parser. A comparison can only be
# left through a closing bracket, so an IRI with ")...service" in it is taken for the latter.
_HIDDEN_SERVICE: Final = re.compile(r"\).*service", re.IGNORECASE)


# The prologue and the form of a query that is written in the usual way.
_PLAIN: Final = re.compile(
    r"(?:\s++|\#[^\n\r]*+|PREFIX\s++[\w.-]*+:\s*+<[^<>\"{}|^`\\\x00-\x20]*+>)*+(SELECT|ASK|CONSTRUCT|DESCRIBE)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a query is."""

    form: Form


def inspect(text: str, *, most_depth: int = 200, service_allow: Sequence[str] = ()) -> Inspection:
    """Look at a query before it is evaluated.

    Raises:
        QueryRefusedError: an update, no query at all, brackets nested deeper than `most_depth`, or SERVICE to an address
            that is not in `service_allow`.
    """
    plain = _PLAIN.match(text)
    if plain and "service" not in text.lower() and text.count("(") + text.count("[") + text.count("{") <= most_depth:
        return Inspection(Form(plain[1].upper()))  # nothing to look for token by token, as with most queries
    form: Form | None = None
    depth = 0
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
            raise refused(text, token, "SERVICE is not allowed here")
        elif token.kind == "mark":
            if token.text in "([{":
                depth += 1
                if depth > most_depth:
                    raise refused(
                        text,
                        token,
                        f"brackets are nested more than {most_depth} deep (query.nesting); simplify the query",
                    )
            elif token.text in ")]}":
                depth -= 1
    if form is None:
        raise QueryRefusedError("the query is empty: SELECT, ASK, CONSTRUCT or DESCRIBE is expected")
    return Inspection(form)


def first_form(text: str) -> Form | None:
    """The form a query seems to have, by its first word that is one; None when it has none. Nothing is checked."""
    try:
        for token in tokens(text):
            if token.kind == "word" and token.text.upper() not in _PROLOGUE:
                return next((form for form in Form if token.text.upper().startswith(form)), None)
    except QueryRefusedError:
        pass
    return None


def page_after(text: str, shown: int, most: int) -> str | None:
    """The same query for the rows after the first `shown` of its result, at most `most` of them; None when the query states
    no order, as the rows of two evaluations need not come alike, or when it ends with VALUES.
    """
    depth = 0
    ordered = False
    limit: int | None = None
    offset, cuts = 0, list[tuple[int, int]]()
    found = list(tokens(text))
    for token, following in zip(found, [*found[1:], None], strict=True):
        if token.kind == "mark":
            depth += (token.text in "([{") - (token.text in ")]}")
        word = token.text.upper() if token.kind == "word" and depth == 0 else ""
        if word == "ORDER":
            ordered = True
        elif word == "VALUES":
            return None
        elif word in ("LIMIT", "OFFSET") and following and following.text.isdigit():
            number = int(following.text)
            limit, offset = (number, offset) if word == "LIMIT" else (limit, number)
            cuts.append((token.start, following.start + len(following.text)))
    left = most if limit is None else min(most, max(limit - shown, 0) or limit)
    if not ordered or not left:
        return None
    for begin, end in reversed(cuts):
        text = text[:begin].rstrip() + text[end:]
    return f"{text.rstrip()}\nLIMIT {left} OFFSET {offset + shown}\n"


def _form(text: str, token: Token, word: str) -> Form:
    for form in Form:
        if word.startswith(form):
            return form
    if word in _UPDATES:
        raise refused(text, token, f"{word} is an update; this service only answers queries")
    near = near_word(word)
    message = f"'{token.text[:40]}' begins no query: SELECT, ASK, CONSTRUCT or DESCRIBE is expected"
    raise refused(text, token, f"{message}; did you mean {near}?" if near else message, near)


def _check_service(text: str, all_tokens: list[Token], position: int, allowed: Sequence[str]) -> None:
    token = all_tokens[position]
    following = all_tokens[position + 1 :]
    if following and following[0].kind == "word" and following[0].text.upper() == "SILENT":
        following = following[1:]
    if following and following[0].kind == "iri" and following[0].text[1:-1] in allowed:
        return
    if allowed:
        shown = ", ".join(f"<{address}>" for address in allowed)
        raise refused(text, token, f"SERVICE may only call {shown}, written as a whole IRI")
    raise refused(text, token, "SERVICE is not allowed: this service answers from its own graph only")


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
