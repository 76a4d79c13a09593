"""Queries nobody would write: made from the grammar of SPARQL 1.1 (section 19.8), or mutated from others.

All choices come from one `Random`, so that a seed gives the same query again. Names are those of a real store where given, so
that many queries have answers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from odatis_kg.namespaces import PREFIXES

_XSD: Final = PREFIXES["xsd"]
_TEXTS: Final = (
    "", "a", "Température", "Argo", "mer d'Iroise", 'says "so"', "back\\slash", "tab\tline\nend\r", "😀", "e\u0301", "\u202eright",
    "\ufeff", "SERVICE <http://127.0.0.1/>", "# no comment", "}", "?x", "$x", "'''", '"""', "%2F", "\u00a0", "ＳＥＲＶＩＣＥ", "0" * 300,
)  # fmt: skip
_LANGUAGES: Final = ("en", "fr", "fr-FR", "EN", "x-klingon", "zh-Hant-TW")
_DATATYPES: Final = (
    "integer", "decimal", "double", "float", "boolean", "string", "date", "dateTime", "duration", "gYear", "negativeInteger",
    "dayTimeDuration", "time", "anyURI", "hexBinary", "byte",
)  # fmt: skip
_LEXICAL: Final = (
    "1",
    "-1",
    "1.5",
    "1e400",
    "NaN",
    "INF",
    "true",
    "2020-02-30",
    "2020-01-01T00:00:00Z",
    "P1Y",
    "",
    "x",
    "-0",
    "９",
)
_NUMBERS: Final = (
    "0", "1", "-1", "42", "1.5", "-0.0", ".5", "1e6", "1E-400", "99999999999999999999", "0.1234567890123456789", "+7", "1.e3",
)  # fmt: skip
# Functions by how many arguments they take; the engine knows those of SPARQL 1.1 and some more.
_FUNCTIONS: Final = (
    ("STR", 1), ("LANG", 1), ("LANGMATCHES", 2), ("DATATYPE", 1), ("IRI", 1), ("URI", 1), ("ABS", 1), ("CEIL", 1), ("FLOOR", 1),
    ("ROUND", 1), ("CONCAT", 3), ("CONCAT", 0), ("STRLEN", 1), ("UCASE", 1), ("LCASE", 1), ("ENCODE_FOR_URI", 1), ("CONTAINS", 2),
    ("STRSTARTS", 2), ("STRENDS", 2), ("STRBEFORE", 2), ("STRAFTER", 2), ("YEAR", 1), ("MONTH", 1), ("DAY", 1), ("HOURS", 1),
    ("MINUTES", 1), ("SECONDS", 1), ("TIMEZONE", 1), ("TZ", 1), ("MD5", 1), ("SHA1", 1), ("SHA256", 1), ("SHA384", 1),
    ("SHA512", 1), ("COALESCE", 3), ("IF", 3), ("STRLANG", 2), ("STRDT", 2), ("sameTerm", 2), ("isIRI", 1), ("isURI", 1),
    ("isBLANK", 1), ("isLITERAL", 1), ("isNUMERIC", 1), ("REGEX", 2), ("REGEX", 3), ("SUBSTR", 2), ("SUBSTR", 3), ("REPLACE", 3),
    ("REPLACE", 4), ("RAND", 0), ("NOW", 0), ("UUID", 0), ("STRUUID", 0), ("BNODE", 0), ("BNODE", 1),
    ("<http://www.w3.org/2001/XMLSchema#integer>", 1), ("<http://www.w3.org/2001/XMLSchema#dateTime>", 1),
    ("<http://www.opengis.net/def/function/geosparql/sfIntersects>", 2), ("<http://example.org/nobody>", 1),
)  # fmt: skip
_AGGREGATES: Final = ("COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT")
_PATTERNS: Final = (r"^a", "(a+)+$", "[", "\\\\d{2,}", ".*", "(?i)x", "(", "\\\\p{L}+")
_OPERATORS: Final = ("=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "&&", "||")
# Between tokens: what the grammar calls white space and comments.
_SPACES: Final = (" ", " ", " ", " ", "\n", "\t", "\r\n", "  ", " # comment\n", " # SERVICE <x:y> {\n", "#\r")
# A query with one of these may rightly have another answer the second time.
_BY_CHANCE: Final = re.compile(r"RAND|UUID|NOW|BNODE|SAMPLE|GROUP_CONCAT|REDUCED|LIMIT|OFFSET", re.IGNORECASE)


def is_repeatable(query: str) -> bool:
    """Whether a query certainly has one answer: nothing by chance, and a LIMIT nowhere but at the end."""
    end = query.rfind("}") + 1
    tail = re.sub(r"\b(?:LIMIT|OFFSET)\s+\d+", " ", query[end:], flags=re.IGNORECASE)
    return _BY_CHANCE.search(query[:end] + tail) is None


@dataclass(slots=True)
class Names:
    """IRIs that the store knows, as `<...>`, and the addresses of services that must never be called."""

    subjects: Sequence[str] = ("<http://localhost:8000/id/dataset/demo/argo-gdac>",)
    predicates: Sequence[str] = ("<http://purl.org/dc/terms/title>",)
    classes: Sequence[str] = ("<http://www.w3.org/ns/dcat#Dataset>",)
    graphs: Sequence[str] = ("<http://localhost:8000/graph/ontology/odk>",)
    literals: Sequence[str] = ('"Argo"@en',)
    services: Sequence[str] = ("http://127.0.0.1:1/",)
    # Predicates of ours that ask an index, with their objects.
    own_patterns: Sequence[str] = ()
    prefixes: dict[str, str] = field(default_factory=lambda: dict(PREFIXES))


class Grammar:
    """Makes queries."""

    def __init__(self, chance: Random, names: Names) -> None:
        self._chance = chance
        self._names = names
        self._deep = 0

    # Small things

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _space(self) -> str:
        return self._chance.choice(_SPACES)

    def _join(self, *parts: str) -> str:
        return "".join(part + self._space() for part in parts if part)

    def _word(self, word: str) -> str:
        if self._maybe(0.9):
            return word
        return "".join(self._chance.choice((letter.lower(), letter.upper())) for letter in word)

    def variable(self) -> str:
        sign = "?" if self._maybe(0.9) else "$"
        return sign + self._chance.choice("aabbbcccdddsspoo") if self._maybe(0.95) else f"{sign}é_1"

    def iri(self, known: Sequence[str]) -> str:
        if self._maybe(0.9):
            return self._short(self._chance.choice(known))
        odd = ("<>", "<#a>", "<http://example.org/é>", "<x:y>", "<../..>", "rdf:type", "dcat:Dataset", "skos:prefLabel",
               "<http://example.org/%C3%A9>", "<urn:uuid:0>", "nowhere:x", ":", "dct:a\\,b", "dct:%20")  # fmt: skip
        return self._chance.choice(odd)

    def _short(self, iri: str) -> str:
        """A prefixed name where one can be written."""
        if self._maybe(0.5):
            for prefix, namespace in self._names.prefixes.items():
                local = iri[1:-1].removeprefix(namespace)
                if f"<{namespace}{local}>" == iri and re.fullmatch(r"[A-Za-z]\w*", local):
                    return f"{prefix}:{local}"
        return iri

    def literal(self) -> str:
        chance = self._chance
        kind = chance.randrange(6)
        if kind == 0:
            return chance.choice(_NUMBERS)
        if kind == 1:
            return chance.choice(("true", "false", "TRUE"))
        if kind == 2:
            return chance.choice(self._names.literals)
        if kind == 3:
            return f'"{chance.choice(_LEXICAL)}"^^<{_XSD}{chance.choice(_DATATYPES)}>'
        text = self.text()
        return text + (f"@{chance.choice(_LANGUAGES)}" if kind == 4 else "")

    def text(self) -> str:
        value = self._chance.choice(_TEXTS)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        if self._maybe(0.2):
            escaped = "".join(f"\\u{ord(sign):04X}" if ord(sign) < 0x10000 else sign for sign in value)
        if self._maybe(0.2):
            return f'"""{escaped}"""'
        if self._maybe(0.2) and "'" not in escaped:
            return f"'{escaped}'"
        return f'"{escaped}"'

    def term(self) -> str:
        kind = self._chance.random()
        if kind < 0.55:
            return self.variable()
        if kind < 0.75:
            return self.iri(self._names.subjects)
        if kind < 0.93:
            return self.literal()
        if kind < 0.96:
            return self._chance.choice(("[]", "_:b", "()", "[ a dcat:Dataset ]"))
        return f"( {self.term()} {self.literal()} )"

    # Patterns

    def path(self, depth: int = 0) -> str:
        chance = self._chance
        kind = chance.random()
        if depth > 2 or kind < 0.6:
            return "a" if self._maybe(0.1) else self.iri(self._names.predicates)
        if kind < 0.68:
            return f"{self.path(depth + 1)}/{self.path(depth + 1)}"
        if kind < 0.75:
            return f"({self.path(depth + 1)}|{self.path(depth + 1)})"
        if kind < 0.82:
            return f"^({self.path(depth + 1)})"
        if kind < 0.92:
            return f"({self.path(depth + 1)}){chance.choice('*+?')}"
        return f"!({self.iri(self._names.predicates)}|^{self.iri(self._names.predicates)})"

    def verb(self) -> str:
        if self._maybe(0.15):
            return self.variable()
        return self.path() if self._maybe(0.3) else self.iri(self._names.predicates)

    def triples(self, *, simple: bool = False) -> str:
        subject = self.variable() if self._maybe(0.8) else self.term()
        verb = self.iri(self._names.predicates) if simple else self.verb()
        text = self._join(subject, verb, self.term())
        if self._names.own_patterns and not simple and self._maybe(0.04):
            text = self._join(subject, self._chance.choice(self._names.own_patterns))
        while self._maybe(0.3):
            more = self._join(";", self.iri(self._names.predicates) if simple else self.verb(), self.term())
            text += more if self._maybe(0.8) else self._join(",", self.term())
        if self._maybe(0.3):
            text += self._join(".", self.variable(), "a", self.iri(self._names.classes))
        return text

    def group(self) -> str:
        self._deep += 1
        parts = [self.triples()] if self._maybe(0.85) else []
        for _ in range(self._chance.choice((0, 0, 1, 1, 2, 3))):
            parts.append(self.pattern() if self._deep < 4 else self.triples())
        self._deep -= 1
        return "{" + self._space() + self._chance.choice((" . ", " .\n")).join(parts) + self._space() + "}"

    def pattern(self) -> str:
        kind = self._chance.randrange(16)
        if kind <= 2:
            return self._join(self._word("FILTER"), f"({self.expression()})")
        if kind == 3:
            return self._join(self._word("OPTIONAL"), self.group())
        if kind == 4:
            return self._join(self.group(), self._word("UNION"), self.group())
        if kind == 5:
            return self._join(self._word("MINUS"), self.group())
        if kind in (6, 7):
            name = self.variable() if self._maybe(0.5) else self.iri(self._names.graphs)
            return self._join(self._word("GRAPH"), name, self.group())
        if kind in (8, 9):
            return self._join(self._word("BIND"), f"({self.expression()} AS ?new{self._chance.randrange(4)})")
        if kind == 10:
            return self.values()
        if kind == 11:
            return "{" + self.select(inner=True) + "}"
        if kind == 12:
            return self._join(self._word("FILTER"), self._chance.choice(("EXISTS", "NOT EXISTS")), self.group())
        if kind == 13 and self._maybe(0.4):
            return self.service()
        if kind == 14 and self._maybe(0.3):
            return self._join("LATERAL", self.group())
        return self.triples()

    def values(self) -> str:
        chance = self._chance
        if self._maybe(0.5):
            items = " ".join(self._value() for _ in range(chance.randrange(4)))
            return self._join(self._word("VALUES"), self.variable(), "{" + items + "}")
        rows = " ".join(f"({self._value()} {self._value()})" for _ in range(chance.randrange(4)))
        return self._join(self._word("VALUES"), "(?a ?b)", "{" + rows + "}")

    def _value(self) -> str:
        return self._chance.choice(
            ("UNDEF", self.iri(self._names.subjects), self.literal(), self.iri(self._names.classes))
        )

    def service(self) -> str:
        """A call to another service, in a spelling that might be overlooked."""
        chance = self._chance
        address = chance.choice(self._names.services)
        word = chance.choice((
            "SERVICE", "service", "SeRvIcE", "\\u0053ERVICE", "\u017fervice", "ＳＥＲＶＩＣＥ", "SERVICE SILENT", "SERVICE\tsilent",
            "SERVICE#c\n", "SERVICE#c\r", "SERVICE\n#<x>\n", "SERVICE\u00a0", "SERVICE\x0b", "SERVICE\x00",
        ))  # fmt: skip
        target = chance.choice((
            f"<{address}>", f" <{address}>", f" <{address}#>", f"\n<{address}?a=>", " probe:", " probe:x", f" <{address[5:]}>", " ?a",
            f"<\\u0068ttp{address[4:]}>", f" <HTTP{address[4:]}>",
        ))  # fmt: skip
        before = chance.choice((
            "", "}{", "FILTER(1<2)", "FILTER(?a<?b)", "FILTER(true)", "BIND(true AS ?t)", "?s ?p 1", "?s ?p true", "?s ?p 'x'",
            "?s ?p 'x'@en", "?s ?p 1.", "?s ?p :", "?s ?p <x:y>", "?s ?p ?o.", "FILTER(?a<?b && ?c>?d)", "FILTER(1<?a)",
            "BIND('<' AS ?x)", "BIND('''it's''' AS ?x)", 'BIND("\\\\" AS ?x)', "BIND(\"'\" AS ?x)", "VALUES ?v {<x:#>}",
        ))  # fmt: skip
        return f"{before}{word}{target}{chance.choice(('', ' '))}{{ ?s ?p ?o }}"

    # Expressions

    def expression(self, depth: int = 0) -> str:
        chance = self._chance
        kind = chance.random()
        if depth > 3 or kind < 0.3:
            return self.variable() if self._maybe(0.6) else self.literal()
        if kind < 0.5:
            return f"{self.expression(depth + 1)} {chance.choice(_OPERATORS)} {self.expression(depth + 1)}"
        if kind < 0.85:
            name, count = chance.choice(_FUNCTIONS)
            arguments = [self.expression(depth + 1) for _ in range(count)]
            if name in ("REGEX", "REPLACE"):
                arguments[1] = f'"{chance.choice(_PATTERNS)}"'
            return f"{self._word(name) if name[0] != '<' else name}({', '.join(arguments)})"
        if kind < 0.89:
            return f"({self.expression(depth + 1)})"
        if kind < 0.93:
            return f"{chance.choice('!-+')}({self.expression(depth + 1)})"
        if kind < 0.96:
            return f"{self.variable()} {chance.choice(('IN', 'NOT IN'))} ({self.literal()}, {self.iri(self._names.subjects)})"
        if kind < 0.98 and self._deep < 4:
            return f"{chance.choice(('EXISTS', 'NOT EXISTS'))} {self.group()}"
        return f"BOUND({self.variable()})"

    def aggregate(self) -> str:
        name = self._chance.choice(_AGGREGATES)
        inside = "*" if name == "COUNT" and self._maybe(0.5) else self.expression(3)
        ending = "; SEPARATOR = ', '" if name == "GROUP_CONCAT" and self._maybe(0.5) else ""
        return f"{name}({'DISTINCT ' if self._maybe(0.3) else ''}{inside}{ending})"

    # Queries

    def select(self, *, inner: bool = False) -> str:
        what, group, having = "*", "", ""
        kind = self._chance.random()
        if kind < 0.3:
            what = " ".join(sorted({self.variable() for _ in range(3)}))
        elif kind < 0.45:
            what = f"{self.variable()} ({self.expression()} AS ?calculated)"
        elif kind < 0.65:
            key = self.variable()
            group = "" if self._maybe(0.3) else f"GROUP BY {key}"
            having = f"HAVING ({self.aggregate()} > {self.literal()})" if self._maybe(0.2) else ""
            what = f"{key if group else ''} ({self.aggregate()} AS ?n) ({self.aggregate()} AS ?m)"
        modified = self._chance.choice(("", "", "", "DISTINCT", "REDUCED"))
        order = (
            f"ORDER BY {self._chance.choice((self.variable(), f'DESC({self.expression(2)})'))}"
            if self._maybe(0.3)
            else ""
        )
        limit = f"LIMIT {self._chance.choice((0, 1, 10, 1000))}" if self._maybe(0.5) else ""
        offset = f"OFFSET {self._chance.choice((0, 3, 10**6))}" if self._maybe(0.15) else ""
        where = self._word("WHERE") if self._maybe(0.5) else ""
        dataset = "" if inner else self._dataset()
        after = self.values() if self._maybe(0.05) else ""
        return self._join(
            self._word("SELECT"),
            modified,
            what,
            dataset,
            where,
            self.group(),
            group,
            having,
            order,
            limit,
            offset,
            after,
        )

    def _dataset(self) -> str:
        clauses = ""
        while self._maybe(0.12):
            clauses += self._join("FROM", "NAMED" if self._maybe(0.4) else "", self.iri(self._names.graphs))
        return clauses

    def query(self) -> str:
        """A whole query."""
        kind = self._chance.random()
        if kind < 0.6:
            text = self.select()
        elif kind < 0.75:
            text = self._join(self._word("ASK"), self._dataset(), self.group())
        elif kind < 0.9:
            made = " . ".join(self.triples(simple=True) for _ in range(self._chance.randrange(1, 3)))
            text = self._join(self._word("CONSTRUCT"), "{" + made + "}", self._dataset(), "WHERE", self.group())
            text += f"LIMIT {self._chance.choice((0, 5, 500))}" if self._maybe(0.6) else ""
        else:
            thing = self._chance.choice((self.iri(self._names.subjects), "*", self.variable()))
            text = self._join(self._word("DESCRIBE"), thing, self.group() if self._maybe(0.7) or thing != "*" else "")
        return self.prologue(text) + text

    def prologue(self, text: str) -> str:
        """Declarations of the prefixes a query uses; now and then one too few, one too many or a base."""
        used = sorted({name for name in re.findall(r"([A-Za-z]\w*):", text) if name in self._names.prefixes})
        lines = [f"PREFIX {name}: <{self._names.prefixes[name]}>" for name in used if self._maybe(0.99)]
        lines.append(f"PREFIX probe: <{self._chance.choice(self._names.services)}>")
        if self._maybe(0.05):
            lines.insert(0, "BASE <http://example.org/base/>")
        return self._join(*lines)


_ODDITIES: Final = (
    "{", "}", "(", ")", "<", ">", '"', "'", "\\", ".", ";", ",", "?", "$", "*", "|", "^", "!", "@", "#", "\n", "\x00", "\ud83d", "é",
    "UNION", "OPTIONAL", "SERVICE", "GRAPH", "FILTER", "SELECT", "WHERE", "LIMIT 1", "a", "1", "?s", "<x:y>", "FROM", "AS", "[]",
    "DESCRIBE", "INSERT DATA {", "LOAD <http://127.0.0.1/>", "\u2028", "\u0085",
)  # fmt: skip
_PIECES: Final = re.compile(r"<[^<>\s]*>|\"[^\"\n]*\"|\w+|\s+|.", re.DOTALL)


def mutated(query: str, chance: Random, grammar: Grammar) -> str:
    """The query with one to five changes."""
    pieces = _PIECES.findall(query) or [" "]
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        at = chance.randrange(len(pieces))
        kind = chance.randrange(8)
        if kind == 0:
            del pieces[at]
        elif kind == 1:
            pieces.insert(at, chance.choice(_ODDITIES))
        elif kind == 2:
            pieces[at] = chance.choice(_ODDITIES)
        elif kind == 3:
            other = chance.randrange(len(pieces))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == 4:
            end = min(len(pieces), at + chance.randrange(1, 12))
            pieces[at:at] = pieces[at:end]
        elif kind == 5:
            pieces.insert(at, chance.choice((grammar.pattern, grammar.expression, grammar.term, grammar.service))())
        elif kind == 6:
            pieces[at] = pieces[at].swapcase()
        else:
            pieces[at] = chance.choice(("?s", "?p", grammar.literal(), grammar.iri(("<x:y>",))))
        if not pieces:
            pieces = [" "]
    return "".join(pieces)
