"""The groups and patterns of a query, read from its tokens, and what makes a query slow among them.

`narrow` is for a query that took too long: it names the patterns that nothing joins and those that match everything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from odatis_kg.store.tokens import QueryRefusedError, Token, after, tokens

KEYWORDS: Final = frozenset(
    """AS ASC ASK BASE BIND BY CONSTRUCT DESC DESCRIBE DISTINCT EXISTS FILTER FROM GRAPH GROUP HAVING IN LATERAL LIMIT MINUS
    NAMED NOT OFFSET OPTIONAL ORDER PREFIX REDUCED SELECT SEPARATOR SERVICE SILENT UNDEF UNION VALUES VERSION WHERE TRUE
    FALSE""".split()  # noqa: SIM905
)
_MODIFIERS: Final = frozenset(("ORDER", "GROUP", "HAVING", "LIMIT", "OFFSET"))


@dataclass(slots=True)
class Statement:
    """What stands between full stops in a group: the tokens of triples with one subject, and the full stop before them."""

    tokens: list[Token]
    stop: Token | None = None


@dataclass(slots=True)
class Group:
    """A group in braces: the word before it, its statements, the groups in it, and sets of variables that BIND or VALUES
    hold together.
    """

    word: str
    statements: list[Statement] = field(default_factory=list)
    groups: list["Group"] = field(default_factory=list)
    held: list[set[str]] = field(default_factory=list)

    @property
    def variables(self) -> set[str]:
        """Every variable in it."""
        own = {name for statement in self.statements for name in _variables(statement.tokens)}
        return own.union(*self.held, *(group.variables for group in self.groups))


def read_groups(found: Sequence[Token]) -> list[Group]:
    """The groups of a query, outermost first; what is in expressions is left out. Brackets must be balanced."""
    top = Group("")
    stack = [top]
    statement = Statement([])
    word = ""
    here = 0

    def flush(stop: Token | None = None) -> None:
        nonlocal statement
        if statement.tokens:
            stack[-1].statements.append(statement)
        statement = Statement([], stop)

    while here < len(found):
        token = found[here]
        upper = token.text.upper() if token.kind == "word" else ""
        begin, here = here, here + 1
        if token.kind == "mark" and token.text == "{":
            flush()
            group = Group(word)
            stack[-1].groups.append(group)
            stack.append(group)
            word = ""
        elif token.kind == "mark" and token.text == "}":
            flush()
            if len(stack) > 1:
                stack.pop()
            word = ""
        elif upper in ("FILTER", "BIND", "VALUES", "SELECT") or upper in _MODIFIERS:
            flush()
            word = upper
            while here < len(found) and found[here].text not in "{}(":
                here += 1
            if upper in ("FILTER", "BIND") and here < len(found) and found[here].text == "(":
                end = after(found, here)
                if upper == "BIND":
                    stack[-1].held.append(set(_variables(found[here:end])))
                here = end
            elif upper == "VALUES":
                while here < len(found) and found[here].text != "{":
                    here += 1
                stack[-1].held.append(set(_variables(found[begin:here])))
                here = after(found, here) if here < len(found) else here
            elif upper == "SELECT" or upper in _MODIFIERS:
                while here < len(found) and found[here].text not in "{}":
                    here = after(found, here) if found[here].text == "(" else here + 1
        elif upper and upper not in ("A", "TRUE", "FALSE") and upper in KEYWORDS:
            flush()
            word = upper
            if upper in ("GRAPH", "SERVICE"):
                while here < len(found) and found[here].text not in "{}":
                    if found[here].kind == "variable":
                        stack[-1].held.append({found[here].text[1:]})
                    here += 1
        elif len(stack) == 1:
            continue
        elif token.kind == "mark" and token.text == ".":
            flush(token)
        else:
            here = after(found, begin) if token.kind == "mark" and token.text in "([" else here
            statement.tokens.extend(found[begin:here])
    flush()
    return top.groups


def every(groups: Sequence[Group]) -> Iterator[Group]:
    for group in groups:
        yield group
        yield from every(group.groups)


def _variables(found: Sequence[Token]) -> list[str]:
    return [token.text[1:] for token in found if token.kind == "variable"]


def narrow(text: str) -> list[str]:
    """What to narrow in a query that took too long, as sentences: patterns that nothing joins, and patterns that match
    every statement. Empty when nothing stands out.
    """
    try:
        found = list(tokens(text))
    except QueryRefusedError:
        return []
    hints: list[str] = []
    for group in every(read_groups(found)):
        if group.word == "CONSTRUCT":
            continue
        parts = _parts(text, group)
        if len(parts) > 1:
            one, other = parts[0][1], parts[1][1]
            hints.append(
                f"nothing joins '{one}' with '{other}': every match of the one is combined with every match of the other;"
                " let them share a variable"
            )
        for statement in group.statements:
            first = statement.tokens[:3]
            if len(first) == 3 and all(token.kind == "variable" for token in first):
                hints.append(
                    f"'{shown_of(text, first)}' matches every statement of the graph: name its predicate, or bind its subject"
                )
    return list(dict.fromkeys(hints))[:5]


def _parts(text: str, group: Group) -> list[tuple[set[str], str]]:
    """The parts of a group that share no variable with each other, each with the text of a pattern in it."""
    pieces = [(set(_variables(one.tokens)), shown_of(text, one.tokens)) for one in group.statements]
    branches: set[str] = set()
    for inner in group.groups:
        if inner.word == "UNION":
            branches |= inner.variables
        elif inner.word not in ("MINUS", "FILTER"):
            pieces.append((inner.variables, _first_shown(text, inner)))
    if branches and pieces:  # the branches of a UNION are alternatives to the group before it
        pieces[-1] = (pieces[-1][0] | branches, pieces[-1][1])
    pieces += [(names, "") for names in group.held]
    parts: list[tuple[set[str], str]] = []
    for names, shown in pieces:
        if not names:
            continue
        apart = [part for part in parts if not part[0] & names]
        joined = [part for part in parts if part[0] & names]
        merged = names.union(*(part[0] for part in joined))
        parts = [*apart, (merged, next((part[1] for part in joined if part[1]), shown))]
    return [part for part in parts if part[1]]


def _first_shown(text: str, group: Group) -> str:
    for one in every([group]):
        if one.statements:
            return shown_of(text, one.statements[0].tokens)
    return ""


def shown_of(text: str, chunk: Sequence[Token]) -> str:
    return " ".join(text[chunk[0].start : chunk[-1].start + len(chunk[-1].text)].split())[:80]
