"""Reads a query as far as it takes to find the triples whose predicate is a property function.

A forward reader of SPARQL 1.1 (section 19.8, from rule 1 on): it knows groups, triples with their lists and brackets,
paths, expressions, data blocks and sub-queries, and nothing of what they mean. What must stay true: a property function is
either found as the whole predicate of a triple in a group, or the query is refused, with its place; what the reader does
not understand, it refuses.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import pyoxigraph as ox

from odatis_kg.store.tokens import QueryRefusedError, Token, refused, tokens

_ENDS: Final = frozenset(("FILTER", "BIND", "VALUES", "OPTIONAL", "MINUS", "GRAPH", "SERVICE", "LATERAL", "UNION"))


class Span(NamedTuple):
    """A part of the text, from its first character to the one after its last."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """A triple whose predicate is a property function.

    `subject` and each of `objects` are the tokens of a node, a list with its brackets; `at` is where what stands for it can
    be written; `graph` is the name after the GRAPH it is in, if any: a variable, or the token of an IRI.
    """

    function: str
    verb: Token
    subject: tuple[Token, ...]
    objects: tuple[tuple[Token, ...], ...]
    at: int
    graph: str | None


@dataclass(slots=True)
class Reading:
    """What was found: the calls in order, the parts of the text they take up, whether the query names a dataset, and what IRI
    a token of it stands for.
    """

    calls: list[Call] = field(default_factory=list)
    cuts: list[Span] = field(default_factory=list)
    has_dataset: bool = False
    iri: Callable[[Token], str | None] = lambda _: None


@dataclass(slots=True)
class _Place:
    """Where triples are: in a template, in GRAPH, in SERVICE; and where the triples block began."""

    template: bool = False
    graph: str | None = None
    in_service: bool = False
    block: int | None = None


def read(text: str, functions: Collection[str]) -> Reading:
    """Find the calls of some functions, given by their IRIs, in a query.

    Raises:
        QueryRefusedError: a function is where none can be, or the query is not understood.
    """
    reader = _Reader(text, functions)
    try:
        reader.query()
    except RecursionError:
        raise QueryRefusedError("the query is nested too deep for a search in it; simplify it") from None
    return reader.found


def mentions(text: str, functions: Collection[str]) -> int:
    """How many tokens of a query name a function, or could hide one."""
    reader = _Reader(text, functions)
    number = 0
    while reader.token.kind != "end":
        if reader.word in ("PREFIX", "BASE") and reader.declaration():
            continue
        # `?a<?b)...>` is one IRI to a tokeniser, and to a parser a comparison with something after it.
        number += reader.is_function(reader.token) or (reader.token.kind == "iri" and ")" in reader.token.text)
        reader.next()
    return number


class _Reader:
    """The state of reading: the tokens, where we are, the prologue."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self.text = text
        self.functions = functions
        self.tokens = [*tokens(text), Token("end", "", len(text))]
        self.position = 0
        self.base = ""
        self.prefixes: dict[str, str] = {}
        self.found = Reading(iri=self.iri)
        # A function that is named in an expression or in data could come to be a predicate by a variable.
        self.named: Token | None = None
        self.has_variable_predicate = False
        # One in VALUES can only be a predicate by the variables it is listed for, or by one that has their values.
        self.listed: Token | None = None
        self.listed_for: set[str] = set()
        self.predicates: set[str] = set()
        self.copies = False

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    @property
    def word(self) -> str:
        """The current token as a keyword, or a mark as it is."""
        token = self.token
        return token.text.upper() if token.kind == "word" else token.text if token.kind == "mark" else ""

    def next(self) -> Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def expect(self, mark: str) -> Token:
        if self.word != mark:
            raise self.lost(f"'{mark}' is expected here")
        return self.next()

    def lost(self, why: str = "", token: Token | None = None) -> QueryRefusedError:
        token = token or self.token
        shown = f"'{token.text[:40]}'" if token.text else "the end of the query"
        message = f"{shown} is not expected here, or too unusual for a query with a search in it"
        return refused(self.text, token, f"{message}; {why}" if why else message)

    def iri(self, token: Token) -> str | None:
        """The IRI a token stands for; None when it is no IRI, or one that cannot be told."""
        if token.kind == "iri":
            return self.resolve(token.text[1:-1])
        if token.kind == "name" and not token.text.startswith("_:"):
            prefix, _, local = token.text.partition(":")
            namespace = self.prefixes.get(prefix)
            return None if namespace is None else namespace + _unescape(local)
        return None

    def resolve(self, reference: str) -> str:
        head = reference.partition("/")[0].partition("?")[0].partition("#")[0]
        if ":" in head or not self.base:
            return reference
        try:  # by the library that will do it when the query is evaluated
            (triple,) = ox.parse(f"<{reference}> <p:p> <p:p> .", format=ox.RdfFormat.TURTLE, base_iri=self.base)
        except (SyntaxError, ValueError):
            return reference
        return str(triple.subject.value)

    def is_function(self, token: Token) -> bool:
        return self.iri(token) in self.functions

    # The query (rules 1 to 18)

    def query(self) -> None:
        self.prologue()
        form = self.next()
        match form.text.upper():
            case "SELECT":
                self.select_clause(_Place())
            case "CONSTRUCT":
                if self.word == "{":
                    self.group(_Place(template=True))
                else:
                    self.dataset()
                    if self.word == "WHERE":
                        self.next()
                    self.group(_Place(template=True))
                    self.modifiers(_Place())
                    return self.end()
            case "DESCRIBE":
                while self.word not in ("{", "WHERE", "FROM") and self.token.kind != "end":
                    self.next()
            case "ASK":
                pass
            case _:
                raise self.lost(token=form)
        self.dataset()
        if self.word == "WHERE":
            self.next()
        if self.word == "{":
            self.group(_Place())
        self.modifiers(_Place())
        self.end()
        return None

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.lost()
        if self.listed and (self.copies or self.listed_for & self.predicates):
            self.named = self.named or self.listed
        if self.named and self.has_variable_predicate:
            raise refused(
                self.text,
                self.named,
                "a search has to be written as the predicate of a triple, not bound to a variable",
            )

    def prologue(self) -> None:
        while self.word in ("PREFIX", "BASE", "VERSION"):
            if self.word == "VERSION":
                self.next()
                self.next()
            elif not self.declaration():
                raise self.lost("an IRI without escapes is expected after it")

    def declaration(self) -> bool:
        """Read PREFIX or BASE when it is whole."""
        position = self.position + (self.word == "PREFIX") + 1
        if position >= len(self.tokens) or self.tokens[position].kind != "iri":
            return False
        iri = self.resolve(self.tokens[position].text[1:-1])
        if self.word == "BASE":
            self.base = iri
        else:
            self.prefixes[self.tokens[position - 1].text.partition(":")[0]] = iri
        self.position = position + 1
        return True

    def dataset(self) -> None:
        while self.word == "FROM":
            self.found.has_dataset = True
            self.next()
            if self.word == "NAMED":
                self.next()
            self.next()

    def select_clause(self, place: _Place) -> None:
        while self.word not in ("{", "WHERE", "FROM"):
            if self.word == "(":
                self.brackets(place)
            elif self.token.kind == "variable" or self.word in ("*", "DISTINCT", "REDUCED"):
                self.next()
            else:
                raise self.lost()

    def modifiers(self, place: _Place) -> None:
        """GROUP BY and all that may follow it, and a VALUES after them."""
        while self.token.kind != "end" and self.word not in ("}", "VALUES"):
            if self.word == "(":
                self.brackets(place)
            elif self.word == "{" or self.word in ("[", "]", ")", "."):
                raise self.lost()
            else:
                self.mention(self.next())
        if self.word == "VALUES":
            self.data()

    # Groups (rules 53 to 68)

    def group(self, place: _Place) -> None:
        self.expect("{")
        if self.word == "|":
            raise self.lost()
        place.block = None
        if self.word == "SELECT" and not place.template:
            self.next()
            self.select_clause(place)
            if self.word == "WHERE":
                self.next()
            self.group(place)
            self.modifiers(place)
            self.expect("}")
            return
        while self.word != "}":
            self.element(place)
        self.next()

    def inner(self, place: _Place) -> None:
        """A group within a group."""
        self.group(replace(place, block=None))

    def element(self, place: _Place) -> None:
        word = self.word
        if word == "FILTER":
            self.next()
            self.constraint(place)
            if self.word == ".":
                self.next()
            return  # a filter does not end a block of triples
        if word not in _ENDS and word != "{":
            if place.block is None:
                place.block = self.token.start
            self.triples(place)
            return
        place.block = None
        if word == "{":
            self.inner(place)
            while self.word == "UNION":
                self.next()
                self.inner(place)
        elif word == "BIND":
            self.next()
            self.brackets(place)
        elif word == "VALUES":
            self.data()
        elif word == "UNION":
            raise self.lost()
        else:
            self.next()
            if word == "SERVICE" and self.word == "SILENT":
                self.next()
            if word == "GRAPH":
                self.mention(self.token)
                self.inner(replace(place, graph=self.next().text))
            elif word == "SERVICE":
                self.mention(self.next())
                self.inner(replace(place, in_service=True))
            else:
                self.inner(place)
        if self.word == ".":
            self.next()

    def constraint(self, place: _Place) -> None:
        if self.word == "NOT":
            self.next()
        if self.word == "EXISTS":
            self.next()
            self.inner(place)
            return
        if self.word != "(":
            self.mention(self.next())  # the name of a function
        self.brackets(place)

    def brackets(self, place: _Place) -> None:
        """An expression in brackets, and the groups of EXISTS in it."""
        self.expect("(")
        depth = 1
        before = self.tokens[self.position - 1]
        while depth:
            token = self.token
            if token.kind == "end" or self.word in ("}", "]"):
                raise self.lost("a bracket is not closed")
            if token.kind == "iri" and (
                before.kind in ("variable", "string", "number", "iri", "name", "language") or before.text == ")"
            ):
                raise refused(self.text, token, "put a space after a '<' that compares")
            if self.word == "{":
                if before.text.upper() != "EXISTS":
                    raise self.lost()
                self.inner(place)
                before = self.tokens[self.position - 1]
                continue
            depth += (self.word == "(") - (self.word == ")")
            # What BIND gives another variable may be what is listed, unless it is written out: `(dct:title AS ?property)`.
            written = before.kind in ("iri", "name", "string", "number") and self.tokens[self.position - 2].text == "("
            self.copies = self.copies or (self.word == "AS" and not written)
            self.mention(token)
            before = self.next()

    def data(self) -> None:
        """VALUES with its variables and rows (rule 61)."""
        self.next()
        variables: set[str] = set()
        while self.word != "{":
            if self.token.kind != "variable" and self.word not in ("(", ")"):
                raise self.lost()
            variables.add(self.next().text[1:])
        self.next()
        while self.word != "}":
            if self.token.kind == "end" or self.word in ("{", "[", "]"):
                raise self.lost()
            token = self.next()
            if self.is_function(token):
                self.listed = self.listed or token
                self.listed_for |= variables
        self.next()

    def mention(self, token: Token) -> None:
        if self.named is None and self.is_function(token):
            self.named = token

    # Triples (rules 75 to 106)

    def triples(self, place: _Place) -> None:
        """The triples of one subject, and the dot after them."""
        first = self.position
        subject = self.node(place)
        calls: list[tuple[Span, Call]] = []
        others = 0
        after = self.position
        while not self.ends_subject():
            if self.word == ";":
                self.next()
                continue
            start = self.position
            verb = self.verb()
            objects = [self.node(place)]
            while self.word == ",":
                self.next()
                objects.append(self.node(place))
            if verb is None:
                others += 1
                continue
            self.check(verb, subject, place)
            at = place.block if place.block is not None else subject[0].start
            call = Call(self.iri(verb) or "", verb, subject, tuple(objects), at, place.graph)
            calls.append((Span(start, self.position), call))
        if self.position == after and subject[0].text not in ("[", "("):
            raise self.lost("a predicate is expected here")
        if self.word == ".":
            self.next()
        if calls:
            self.found.calls += [call for _, call in calls]
            if others and subject[0].text == "(":
                verb = calls[0][1].verb
                raise refused(self.text, verb, f"beside {verb.text}, name the subject alone, without brackets and rank")
            if others:
                self.cut_some(first + len(subject), [span for span, _ in calls])
            else:
                self.cut(first, self.position)

    def check(self, verb: Token, subject: tuple[Token, ...], place: _Place) -> None:
        """Refuse a function where none can be."""
        where = ""
        if place.template:
            where = "in a template: it states nothing"
        elif place.in_service:
            where = "inside SERVICE: the index is that of this service alone"
        elif subject[0].text == "[" or subject[0].text.startswith("_:"):
            where = "of a blank node: name its subject by a variable"
        if where:
            raise refused(self.text, verb, f"{verb.text} cannot be used {where}")

    def ends_subject(self) -> bool:
        return self.word in (".", "}", "{", "]") or self.word in _ENDS or self.token.kind == "end"

    def cut(self, first: int, after: int) -> None:
        """Leave out the tokens from `first` to the one before `after`."""
        last = self.tokens[after - 1]
        self.found.cuts.append(Span(self.tokens[first].start, last.start + len(last.text)))

    def cut_some(self, begin: int, spans: list[Span]) -> None:
        """Leave out some predicates with their objects; a `;` with nothing before it goes too, others may stay."""
        for start, end in spans:
            after = end
            if start == begin:
                while self.tokens[after].text == ";":
                    after += 1
                begin = after
            self.cut(start, after)

    def verb(self) -> Token | None:
        """A predicate: a function by its token, anything else as None."""
        token = self.token
        if token.kind == "variable":
            self.has_variable_predicate = True
            self.predicates.add(self.next().text[1:])
            return None
        first = self.position
        self.path()
        parts = self.tokens[first : self.position]
        functions = [part for part in parts if self.is_function(part)]
        if not functions:
            return None
        if len(parts) > 1:
            raise refused(self.text, functions[0], f"{functions[0].text} cannot be part of a property path")
        return token

    def path(self) -> None:
        while True:
            while self.word in ("^", "!"):
                self.next()
            if self.word == "(":
                self.next()
                if self.word != ")":
                    self.path()
                self.expect(")")
            elif self.token.kind in ("iri", "name") or self.token.text == "a":
                self.next()
            else:
                raise self.lost("a predicate is expected here")
            if self.word in ("?", "*", "+"):
                self.next()
            if self.word not in ("/", "|"):
                return
            self.next()

    def node(self, place: _Place) -> tuple[Token, ...]:
        """A subject or an object; its tokens."""
        first = self.position
        token = self.next()
        if token.kind == "mark" and token.text == "(":
            while self.word != ")":
                self.node(place)
            self.next()
        elif token.kind == "mark" and token.text == "[":
            self.blank_node(place)
        elif token.kind == "mark" and token.text in "+-.":
            while self.token.kind == "mark" and self.token.text == ".":
                self.next()
            if self.next().kind != "number":
                raise self.lost(token=token)
        elif token.kind == "string":
            if self.token.kind == "language":
                self.next()
            elif self.word == "^":
                self.next()
                self.expect("^")
                if self.next().kind not in ("iri", "name"):
                    raise self.lost(token=token)
        elif token.kind == "word":
            if token.text.lower() not in ("true", "false"):
                raise self.lost(token=token)
        elif token.kind not in ("variable", "iri", "name", "number"):
            raise self.lost(token=token)
        return tuple(self.tokens[first : self.position])

    def blank_node(self, place: _Place) -> None:
        """What follows `[`, to `]`."""
        while self.word != "]":
            if self.word == ";":
                self.next()
                continue
            verb = self.verb()
            if verb is not None:
                raise refused(
                    self.text, verb, f"{verb.text} cannot be used of a blank node: name its subject by a variable"
                )
            self.node(place)
            while self.word == ",":
                self.next()
                self.node(place)
        self.next()


def _unescape(local: str) -> str:
    """A local name without its backslashes (rule 173)."""
    pieces = local.split("\\")
    return pieces[0] + "".join(pieces[1:])
