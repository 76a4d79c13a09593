"""Reads a query as far as it takes to find the triples whose predicate is a property function.

A forward reader of SPARQL 1.1 (section 19.8, from rule 1 on): it knows groups, triples with their lists and brackets,
paths, expressions, data blocks and sub-queries, and nothing of what they mean. What must stay true: a property function is
either found as the whole predicate of a triple in a group, or the query is refused, with its place; what the reader does
not understand, it refuses.
"""

from collections.abc import Collection
from dataclasses import replace

from odatis_kg.store.query_cursor import mentions
from odatis_kg.store.tokens import QueryRefusedError, Token, refused
from odatis_kg.store.triples_reader import ENDS, Call, Place, Reading, TriplesReader

__all__ = ["Call", "Reading", "mentions", "read"]


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


class _Reader(TriplesReader):
    """Reads a whole query: its clauses and groups."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        super().__init__(text, functions)
        # A function that is named in an expression or in data could come to be a predicate by a variable.
        self.named: Token | None = None
        # One in VALUES can only be a predicate by the variables it is listed for, or by one that has their values.
        self.listed: Token | None = None
        self.listed_for: set[str] = set()
        self.copies = False

    # The query (rules 1 to 18)

    def query(self) -> None:
        self.prologue()
        form = self.next()
        match form.text.upper():
            case "SELECT":
                self.select_clause(Place())
            case "CONSTRUCT":
                if self.word == "{":
                    self.group(Place(template=True))
                else:
                    self.dataset()
                    if self.word == "WHERE":
                        self.next()
                    self.group(Place(template=True))
                    self.modifiers(Place())
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
            self.group(Place())
        self.modifiers(Place())
        self.end()
        return None

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.lost()
        if self.listed and (self.copies or self.listed_for & self.predicates):
            self.named = self.named or self.listed
        if self.named and self.predicates:
            raise refused(
                self.text,
                self.named,
                "a search has to be written as the predicate of a triple, not bound to a variable",
            )

    def dataset(self) -> None:
        while self.word == "FROM":
            self.found.has_dataset = True
            self.next()
            if self.word == "NAMED":
                self.next()
            self.next()

    def select_clause(self, place: Place) -> None:
        while self.word not in ("{", "WHERE", "FROM"):
            if self.word == "(":
                self.brackets(place)
            elif self.token.kind == "variable" or self.word in ("*", "DISTINCT", "REDUCED"):
                self.next()
            else:
                raise self.lost()

    def modifiers(self, place: Place) -> None:
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

    def group(self, place: Place) -> None:
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

    def inner(self, place: Place) -> None:
        """A group within a group."""
        self.group(replace(place, block=None))

    def element(self, place: Place) -> None:
        word = self.word
        if word == "FILTER":
            self.next()
            self.constraint(place)
            if self.word == ".":
                self.next()
            return  # a filter does not end a block of triples
        if word not in ENDS and word != "{":
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
                self.inner(replace(place, apart=place.apart or word == "MINUS"))
        if self.word == ".":
            self.next()

    def constraint(self, place: Place) -> None:
        if self.word == "NOT":
            self.next()
        if self.word == "EXISTS":
            self.next()
            self.inner(replace(place, apart=True))
            return
        if self.word != "(":
            self.mention(self.next())  # the name of a function
        self.brackets(place)

    def brackets(self, place: Place) -> None:
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
                self.inner(replace(place, apart=True))
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
