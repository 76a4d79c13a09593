"""Asking a SPARQL endpoint for everything it says of many things, page by page, and knowing that it was everything.

SPARQLWrapper makes up the requests and reads the results; our own `Http` sends them, so that an endpoint is treated as
politely, and trusted as little, as any other server. What must stay true: a page begins where the last one ended by the
name of a thing (never by an offset, which shifts when a thing is added), and what was read is only handed over when the
endpoint announced as much and did not change meanwhile.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPResponse
from typing import Any, Final, cast

from SPARQLWrapper import JSON, SPARQLWrapper

from odatis_kg.harvest.client import Answer, HarvestError
from odatis_kg.harvest.http import Http
from odatis_kg.harvest.statements import iri, is_nameless, literal, value_of

# A row of a result: N-Triples terms by variable, without those that are unbound.
Row = dict[str, str]

_RESULTS: Final = {"application/sparql-results+json", "application/json"}
_ATTEMPTS: Final = 3  # times a walk is begun when what it reads changes under it


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as pieces of SPARQL 1.1.

    `things` is a graph pattern that binds `?thing` to IRIs; `about` one that goes on from `?thing` to `?property` and
    `?value`, and to `?node` when they are not the thing's own; `state` a whole SELECT whose rows differ when anything
    was published in between.
    """

    state: str
    things: str
    about: str
    prefixes: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found: the rows of `state`, and of all pages (`thing`, `node`, `property`, `value`)."""

    state: list[Row] = field(repr=False)
    rows: list[Row] = field(repr=False)
    things: int


@dataclass(frozen=True, slots=True)
class Step:
    """An answer on the way; the last one comes with what was found."""

    answer: Answer
    found: Found | None = None
    remark: str = ""


class Endpoint:
    """A SPARQL 1.1 endpoint."""

    def __init__(self, address: str, http: Http) -> None:
        self._wrapper = _Wrapper(address, http)

    def select(self, query: str) -> tuple[Answer, list[Row]]:
        """The answer to a SELECT, and its rows in the order they came.

        Raises:
            HarvestError: the answer is no result in JSON, or it is cut off.
            FetchError: the endpoint refuses, or cannot be reached.
        """
        return self._wrapper.select(query)

    def walk(self, question: Question, page_size: int) -> Iterator[Step]:
        """Everything about all things, `page_size` of them at a time, each answer as a step.

        Three requests are added to those of the pages: what is announced, and the state before and after.

        Raises:
            HarvestError: as for `select`; or it changed, or was not what had been announced, three times.
            FetchError: as for `select`.
        """
        wrong = ""
        for _ in range(_ATTEMPTS):
            answer, before = self.select(question.prefixes + question.state)
            yield Step(answer, remark=wrong and f"read again: {wrong}")
            answer, counted = self.select(_announcing(question))
            yield Step(answer)
            announced = _counts(counted)
            seen: set[str] = set()
            rows: list[Row] = []
            last = ""
            while True:
                answer, page = self.select(_page(question, last, page_size))
                yield Step(answer)
                rows += (row for row in page if "thing" in row)
                new = {row["thing"] for row in page if "thing" in row} - seen
                seen |= new
                if len(new) < page_size or len(seen) > announced["things"]:
                    break
                last = max(map(value_of, new))
            answer, after = self.select(question.prefixes + question.state)
            came = {"things": len(seen), "statements": sum(map(is_statement, rows))}
            wrong = "it changed while it was read"
            if _same(before, after):
                wrong = "; ".join(
                    f"{came[name]:,} {name} of {announced[name]:,} came"
                    for name in came
                    if came[name] != announced[name]
                )
            if not wrong:
                yield Step(answer, Found(before, rows, len(seen)))
                return
            yield Step(answer)
        raise HarvestError(f"the endpoint could not be read as a whole in {_ATTEMPTS} attempts; at last, {wrong}")


def is_statement(row: Row) -> bool:
    """Whether a row says something: a thing of which nothing is said has a row too."""
    return "property" in row and "value" in row


def _announcing(question: Question) -> str:
    return (
        f"{question.prefixes}SELECT (COUNT(DISTINCT ?thing) AS ?things) (COUNT(?property) AS ?statements) WHERE {{"
        f" SELECT DISTINCT ?thing ?node ?property ?value WHERE {{ {question.things} {question.about} }} }}"
    )


def _page(question: Question, last: str, size: int) -> str:
    return (
        f"{question.prefixes}SELECT DISTINCT ?thing ?node ?property ?value WHERE {{"
        f" {{ SELECT DISTINCT ?thing WHERE {{ {question.things} FILTER(STR(?thing) > {literal(last)}) }}"
        f" ORDER BY STR(?thing) LIMIT {size} }} {question.about} }}"
    )


def _counts(rows: list[Row]) -> dict[str, int]:
    row = rows[0] if rows else {}
    texts = {name: value_of(row[name]) if name in row else "" for name in ("things", "statements")}
    if not all(text.isdecimal() for text in texts.values()):
        raise HarvestError("the endpoint did not count what it has (COUNT of SPARQL 1.1)")
    return {name: int(text) for name, text in texts.items()}


def _same(before: list[Row], after: list[Row]) -> bool:
    def comparable(rows: list[Row]) -> list[list[tuple[str, str]]]:
        # Nameless nodes are called differently in each answer.
        return sorted(sorted((name, term) for name, term in row.items() if not is_nameless(term)) for row in rows)

    return comparable(before) == comparable(after)


class _Wrapper(SPARQLWrapper):
    """SPARQLWrapper, with our `Http` to send what it made up: `_query` is where it would open a connection of its own.

    Queries are sent by GET: short enough for it, and a redirect (http to https) keeps a query that is in the address.
    """

    def __init__(self, address: str, http: Http) -> None:
        super().__init__(address, returnFormat=JSON)
        self._http = http
        self._answer: Answer | None = None

    def select(self, query: str) -> tuple[Answer, list[Row]]:
        self.setQuery(query)
        try:
            converted: Any = self.query().convert()
            bindings = converted["results"]["bindings"]
            rows = [{name: _term(value) for name, value in binding.items()} for binding in bindings]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HarvestError(
                f"{self.endpoint} gave a result that cannot be read ({error}), cut off at its own time limit perhaps:"
                " ask for fewer at a time (page_size)"
            ) from None
        assert self._answer is not None
        return self._answer, rows

    def _query(self) -> tuple[HTTPResponse, str]:
        request = self._createRequest()
        accept = request.get_header("Accept") or "application/sparql-results+json"
        self._answer = self._http.get(request.full_url, headers={"Accept": accept})
        if self._answer.media_type not in _RESULTS:
            said = self._answer.media_type or "something unnamed"
            raise HarvestError(f"{self.endpoint} answered with {said} where a SPARQL result in JSON was asked for")
        return cast("HTTPResponse", _Received(self._answer)), self.returnFormat


class _Received(io.BytesIO):
    """An answer as SPARQLWrapper wants to read it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.content)
        self._answer = answer

    def info(self) -> Message:
        headers = Message()
        headers["Content-Type"] = self._answer.media_type
        return headers

    def geturl(self) -> str:
        return self._answer.url


def _term(value: dict[str, str]) -> str:
    """A value of a result (SPARQL 1.1 Query Results JSON Format, section 3.2.2) as an N-Triples term."""
    kind, text = value["type"], value["value"]
    if kind == "uri":
        return iri(text)
    if kind == "bnode":
        return f"_:{text}"
    return literal(text, value.get("xml:lang"), value.get("datatype"))
