"""Reads the triples of a query, with their lists, paths and brackets, and finds the calls of property functions in them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from odatis_kg.store.query_cursor import Cursor
from odatis_kg.store.tokens import Token, refused

# What ends the triples of a subject, beside marks.
ENDS: Final = frozenset(("FILTER", "BIND", "VALUES", "OPTIONAL", "MINUS", "GRAPH", "SERVICE", "LATERAL", "UNION"))


class Span(NamedTuple):
    """A part of the text, from its first character to the one after its last."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Call:
    """A triple whose predicate is a property function.

    `subject` and each of `objects` are the tokens of a node, a list with its brackets; `at` is where what stands for it can
    be written; `graph` is the name after the GRAPH it is in, if any: a variable, or the token of an IRI; `apart` says
    that it is in a group of EXISTS or MINUS.
    """

    function: str
    verb: Token
    subject: tuple[Token, ...]
    objects: tuple[tuple[Token, ...], ...]
    at: int
    graph: str | None
    apart: bool


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
class Place:
    """Where triples are: in a template, in GRAPH, in SERVICE; and where the triples block began."""

    template: bool = False
    graph: str | None = None
    in_service: bool = False
    apart: bool = False
    block: int | None = None


class TriplesReader(Cursor):
    """Reads triples (rules 75 to 106); what it finds is in `found`."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        super().__init__(text, functions)
        self.found = Reading(iri=self.iri)
        self.predicates: set[str] = set()  # variables that are predicates

    def triples(self, place: Place) -> None:
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
            call = Call(self.iri(verb) or "", verb, subject, tuple(objects), at, place.graph, place.apart)
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

    def check(self, verb: Token, subject: tuple[Token, ...], place: Place) -> None:
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
        return self.word in (".", "}", "{", "]") or self.word in ENDS or self.token.kind == "end"

    def cut(self, first: int, after: int) -> None:
        """Leave out the tokens from `first` to the one before `after`."""
        last = self.tokens[after - 1]
        self.found.cuts.append(Span(self.tokens[first].start, last.start + len(last.text)))

    def cut_some(self, begin: int, spans: list[Span]) -> None:
        """Leave out some predicates with their objects, and the `;` before them, or after them where they are the first."""
        for start, end in spans:
            after = end
            if start == begin:
                while self.tokens[after].text == ";":
                    after += 1
                begin = after
            while start > begin and self.tokens[start - 1].text == ";":
                start -= 1
            self.cut(start, after)

    def verb(self) -> Token | None:
        """A predicate: a function by its token, anything else as None."""
        token = self.token
        if token.kind == "variable":
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

    def node(self, place: Place) -> tuple[Token, ...]:
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

    def blank_node(self, place: Place) -> None:
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
