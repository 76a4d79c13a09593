"""Goes through the tokens of a query and tells what IRIs they stand for: prefixes, base, relative IRIs (SPARQL 1.1, 4.1.1)."""

from collections.abc import Collection

import pyoxigraph as ox

from odatis_kg.store.tokens import QueryRefusedError, Token, refused, tokens


def mentions(text: str, functions: Collection[str]) -> int:
    """How many tokens of a query name a function, or could hide one."""
    reader = Cursor(text, functions)
    number = 0
    while reader.token.kind != "end":
        if reader.word in ("PREFIX", "BASE") and reader.declaration():
            continue
        # `?a<?b)...>` is one IRI to a tokeniser, and to a parser a comparison with something after it.
        number += reader.is_function(reader.token) or (reader.token.kind == "iri" and ")" in reader.token.text)
        reader.next()
    return number


class Cursor:
    """Where we are in the tokens of a query, and what its prologue declared."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self.text = text
        self.functions = functions
        self.tokens = [*tokens(text), Token("end", "", len(text))]
        self.position = 0
        self.base = ""
        self.prefixes: dict[str, str] = {}

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

    # The prologue (rules 4 to 6)

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


def _unescape(local: str) -> str:
    """A local name without its backslashes (rule 173)."""
    pieces = local.split("\\")
    return pieces[0] + "".join(pieces[1:])
