"""What is done to a SPARQL service to bring it down: queries, requests and connections, and the answers that are in order.

An attack is a request, made anew each time (so that no cache answers it), and the statuses with which a service that keeps
its promises may end it. `200 cut` is an answer that was begun and broken off. What is not a request (slow readers, bodies
without end, a thousand connections) is done by `hostile`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

# A query that is too much ends at one of the limits of a query, or the result of it is cut off at one.
TOO_MUCH: Final = frozenset({"504", "507", "422", "200 cut"})
# In a crowd any request may also be turned away or wait until its time is over.
IN_A_CROWD: Final = frozenset({"503", "504"})


@dataclass(frozen=True, slots=True)
class Attack:
    """A request, by a number that makes it different from all others, and the statuses that may end it."""

    request: Callable[[str, int], bytes]
    expected: frozenset[str]


def _head(method: str, target: str, *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost:8000", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def post(path: str, body: bytes, accept: str = "*/*") -> bytes:
    """A query sent as it is."""
    kind = "Content-Type: application/sparql-query"
    return _head("POST", path, f"Accept: {accept}", kind, f"Content-Length: {len(body)}") + body


def _query(text: str, *, expected: frozenset[str] = TOO_MUCH) -> Attack:
    """A query in which `NUMBER` stands for a number that is different each time."""
    return Attack(lambda path, number: post(path, text.replace("NUMBER", str(number)).encode()), expected)


def _either(*statuses: str) -> frozenset[str]:
    return TOO_MUCH | set(statuses)


def _values(rows: int) -> Callable[[str, int], bytes]:
    def made(path: str, number: int) -> bytes:
        values = " ".join(f"({number % 10_000 + row})" for row in range(rows))
        return post(path, f"SELECT (COUNT(*) AS ?n) {{ VALUES (?x) {{ {values} }} }}".encode())

    return made


def _doubling(expression: str, times: int) -> str:
    binds = "".join(f" BIND({expression.format(f'?x{step}')} AS ?x{step + 1})" for step in range(times))
    return f'SELECT (STRLEN(?x{times}) AS ?n) {{ BIND("aNUMBER" AS ?x0){binds} }}'


_PRODUCT: Final = "?s ?p ?o . ?a ?b ?c . ?x ?y ?z"
_DEEP: Final = 10_000

ATTACKS: Final[Mapping[str, Attack]] = {
    "product, counted": _query(f"SELECT (COUNT(*) + NUMBER AS ?n) {{ {_PRODUCT} }}"),
    "product, streamed": _query(f"SELECT * {{ {_PRODUCT} FILTER(NUMBER > 0) }}"),
    "product, filtered": _query(f"SELECT * {{ {_PRODUCT} FILTER(CONCAT(STR(?s), STR(?c)) = 'NUMBER') }}"),
    "product, absent": _query(
        "SELECT (COUNT(*) + NUMBER AS ?n) { ?s ?p ?o . ?a ?b ?c FILTER NOT EXISTS { ?a ?q ?z . ?z ?y ?s } }"),
    "product, grouped": _query(
        "SELECT ?s ?o ?c (COUNT(*) + NUMBER AS ?n) { ?s ?p ?o . ?a ?b ?c } GROUP BY ?s ?o ?c"),
    "product, sorted": _query("SELECT * { ?s ?p ?o . ?a ?b ?c } ORDER BY ?o ?c OFFSET NUMBER LIMIT 1"),
    "product, distinct": _query("SELECT DISTINCT ?s ?c { ?s ?p ?o . ?a ?b ?c } OFFSET 99999999NUMBER"),
    "product, concatenated": _query(
        "SELECT (STRLEN(GROUP_CONCAT(?o; SEPARATOR='NUMBER')) AS ?n) { ?s ?p ?o . ?a ?b ?c }"),
    "product, constructed": _query("CONSTRUCT { ?s ?p ?c . ?a ?b ?o } { ?s ?p ?o . ?a ?b ?c FILTER(NUMBER > 0) }"),
    "everything": _query("SELECT * { ?s ?p ?o FILTER(NUMBER > 0) }", expected=_either("200")),
    "everything, all graphs": _query(
        "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } FILTER(NUMBER > 0) }", expected=_either("200")),
    "everything, described": _query("DESCRIBE * { ?s ?p ?o FILTER(NUMBER > 0) }", expected=_either("200")),
    "everything, concatenated": _query(
        "SELECT (STRLEN(GROUP_CONCAT(CONCAT(STR(?s), ?o, 'NUMBER'))) AS ?n) { ?s ?p ?o }", expected=_either("200")),
    "closure of all paths": _query("SELECT (COUNT(*) + NUMBER AS ?n) { ?a (!<x:y>)* ?b }"),
    "closure both ways": _query("SELECT * { ?a ((!<x:y>)|(^!<x:y>))+ ?b FILTER(?b = <x:NUMBER>) }"),
    "closures nested": _query("SELECT (COUNT(*) + NUMBER AS ?n) { ?a ((((!<x:y>)+)*/(!<x:y>)*)+)* ?b }"),
    "regular expression": _query(
        'SELECT (COUNT(*) AS ?n) { ?s ?p ?o . ?a ?b ?c FILTER(REGEX(CONCAT(STR(?o), STR(?c)), "(a+)+(.*b)*NUMBER$", "i")) }'),
    "regular expression, huge": _query(
        'SELECT (COUNT(*) AS ?n) { ?s ?p ?o FILTER(REGEX(STR(?o), "((((a{100}){100}){100}){100}){NUMBER}")) }',
        expected=_either("200", "400")),
    "regular expression, on a long text": _query(
        'SELECT (REGEX(?x14, "(x+x+)+yNUMBER") AS ?r) { BIND("xxxxxxxxxxxxxxxx" AS ?x0)'
        + "".join(f" BIND(CONCAT(?x{step}, ?x{step}) AS ?x{step + 1})" for step in range(14)) + " }",
        expected=_either("200")),
    "text doubled": _query(_doubling("CONCAT({0}, {0})", 60)),
    "text replaced": _query(_doubling('REPLACE({0}, "a", "aaaaaaaa")', 16)),
    "text encoded": _query(_doubling("ENCODE_FOR_URI(CONCAT('é', {0}, {0}))", 40)),
    "numbers, many digits": _query("SELECT (" + "9" * 100_000 + " * NUMBER AS ?n) {}", expected=_either("200", "400")),
    "numbers, large": _query(
        "SELECT (" + " * ".join(["99999999999999999.9"] * 150) + " + 1e308 * 1e308 + NUMBER AS ?n) {}",
        expected=_either("200", "400")),
    "options in a row": _query(
        "SELECT (COUNT(*) + NUMBER AS ?n) { ?s ?p ?o "
        + " ".join(f"OPTIONAL {{ ?s ?p{step} ?o{step} }}" for step in range(12)) + " }"),
    "options apart": _query(
        "SELECT (COUNT(*) + NUMBER AS ?n) { "
        + " ".join(f"OPTIONAL {{ ?s{step} ?p{step} ?o{step} }}" for step in range(8)) + " }"),
    "alternatives to the power": _query(
        "SELECT (COUNT(*) + NUMBER AS ?n) { "
        + " ".join(f"{{ VALUES ?a{step} {{ 1 2 }} }} UNION {{ VALUES ?a{step} {{ 3 4 }} }}" for step in range(30)) + " }"),
    "lists to the power": _query(
        "SELECT (COUNT(*) + NUMBER AS ?n) { "
        + " ".join(f"VALUES ?v{step} {{ 1 2 3 4 5 6 7 8 }}" for step in range(16)) + " }"),
    "subqueries nested": _query(
        "SELECT * { " + "{ SELECT * { ?s ?p ?o . " * 60 + " ?a ?b ?c " + "} }" * 60 + " } OFFSET 99999999NUMBER"),
    "tests of absence nested": _query(
        "ASK { ?s ?p ?o " + "".join(f"FILTER NOT EXISTS {{ ?a{step} ?b{step} ?c{step} " for step in range(20))
        + "}" * 20 + " FILTER(NUMBER < 0) }", expected=_either("200")),
    "functions of nobody": _query(
        "SELECT (<http://example.org/functionNUMBER>(?s, ?o) AS ?x) { ?s ?p ?o }", expected=_either("200", "400")),
    "chance": _query(
        "SELECT (COUNT(DISTINCT ?u) + NUMBER AS ?n) { ?s ?p ?o . ?a ?b ?c BIND(CONCAT(STRUUID(), SHA512(STR(?s))) AS ?u) }"),
    "calls elsewhere": _query(
        "SELECT * { SERVICE SILENT <http://127.0.0.1:1/NUMBER> { ?s ?p ?o } }", expected=frozenset({"400"})),
    "update": _query("DELETE WHERE { ?s ?p <x:NUMBER> }", expected=frozenset({"400", "403"})),
    "list of values, below the limit": Attack(_values(90_000), _either("200")),
    "list of values, a million": Attack(_values(1_000_000), frozenset({"413", "broken"})),
    "nested deep": Attack(
        lambda path, number: post(path, b"SELECT * " + b"{" * _DEEP + b" ?s ?p %d " % number + b"}" * _DEEP),
        frozenset({"400"})),
    "brackets deep": Attack(
        lambda path, number: post(path, b"SELECT (" + b"(" * _DEEP + b"%d" % number + b")" * _DEEP + b" AS ?x) {}"),
        frozenset({"400"})),
    "signs in a row": _query("SELECT (" + "!" * 200_000 + "NUMBER AS ?x) {}", expected=_either("200", "400")),
    "minus in a row": _query("SELECT (" + "- " * 200_000 + "NUMBER AS ?x) {}", expected=_either("200", "400")),
    "sums in a row": _query("SELECT (1" + "+1" * 100_000 + "+NUMBER AS ?x) {}", expected=_either("200", "400")),
    "patterns in a row": _query(
        "ASK { " + "?a <x:y> ?b . " * 20_000 + " FILTER(NUMBER < 0) }", expected=_either("200", "400")),
    "paths in a row": _query(
        "ASK { ?a " + "/".join(["<x:y>"] * 20_000) + " NUMBER }", expected=_either("200", "400")),
    "body of ten megabytes": Attack(
        lambda path, number: post(path, b"SELECT * { ?s ?p %d } #" % number + b"x" * 10_000_000),
        frozenset({"413", "broken"})),
    "invalid UTF-8": Attack(
        lambda path, number: post(path, b'SELECT * { ?s ?p "\xff\xfe%d" }' % number), frozenset({"400"})),
    "zero bytes": Attack(
        lambda path, number: post(path, b"SELECT * { ?s ?p \x00%d }" % number), frozenset({"400"})),
    "header of a megabyte": Attack(
        lambda path, number: _head("GET", f"{path}?{urlencode({'query': f'ASK {{ ?s ?p {number} }}'})}",
                                   f"X-Long: {'x' * 1_000_000}"),
        frozenset({"200", "400", "413", "431", "broken"})),
    "no HTTP": Attack(lambda _, number: b"\x16\x03\x01%d\r\n\r\n" % number, frozenset({"400", "broken"})),
}  # fmt: skip
