"""The port: what the rest of the system asks of whatever answers SPARQL, and the errors it may get.

Two adapters implement it: `pool.WorkerPool` (processes on the release's files) and `remote.RemoteEngine` (any SPARQL 1.1
endpoint). One contract test class runs on both. What must stay true: a result is whole or an error is raised; errors know
nothing of HTTP; nothing of an adapter shows through.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from odatis_kg.mapping import values
from odatis_kg.mapping.values import Term
from odatis_kg.store.syntax import Form, bind


class TableFormat(StrEnum):
    """Formats of SELECT and ASK results, by their media type."""

    JSON = "application/sparql-results+json"
    XML = "application/sparql-results+xml"
    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    GEOJSON = "application/geo+json"  # of a SELECT with a geometry


class GraphFormat(StrEnum):
    """Formats of CONSTRUCT and DESCRIBE results, by their media type."""

    TURTLE = "text/turtle"
    NTRIPLES = "application/n-triples"
    JSONLD = "application/ld+json"
    RDFXML = "application/rdf+xml"
    TRIG = "application/trig"
    NQUADS = "application/n-quads"


Format = TableFormat | GraphFormat


@dataclass(frozen=True, slots=True)
class Query:
    """A query to evaluate.

    `table` and `graph` are the formats wanted for the two families of forms; None says that no format of that family is
    acceptable. Named datasets (by request or by `FROM`) replace the default one, which is the union of all graphs. `own`
    marks a query of our own library: it does not wait behind those of visitors. `client` is who asks, by any name: the places
    are shared fairly among clients. `base` is the public base address, for formats that name it (prefixes, the context of
    JSON-LD); without it, the context is written out.
    """

    text: str
    table: TableFormat | None = TableFormat.JSON
    graph: GraphFormat | None = GraphFormat.NTRIPLES
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    timeout: float | None = None
    own: bool = False
    client: str = ""
    base: str = ""


class Answer(Protocol):
    """A result on its way: its form and format are known and its first bytes exist."""

    form: Form
    format: Format
    # The number of bytes, when the whole result is already there.
    length: int | None

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the result; an `EngineError` in the middle means that what came before is not whole."""


class Whole:
    """A small answer, already there: whatever evaluated it does something else by now."""

    __slots__ = ("content", "form", "format", "length")

    def __init__(self, form: Form, format_: Format, content: bytes) -> None:
        self.form = form
        self.format = format_
        self.content = content
        self.length: int | None = len(content)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content."""
        yield self.content


class Begun(Protocol):
    """A query that was begun without a task of its own (see `SparqlEngine.begin`)."""

    def is_light(self) -> bool:
        """Whether it is still to be taken for a light one: to be asked now and then, and to go on in `query` when it is not."""

    def answer(self) -> Whole | None:
        """The answer, when it is small and all there, and the query is over then; None when there is more to wait for."""

    def leave(self) -> None:
        """Stop it: nobody wants its answer any more."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """How an engine is doing: `mode` (`disk`, `memory` or `remote`), the most queries it evaluates at a time, those at work
    and those waiting now, and counts since it started: processes killed, by reason, and queries turned away.
    `network_lock` says whether what evaluates queries is kept from opening sockets; None where that is not ours to say.
    """

    mode: str
    places: int
    busy: int = 0
    waiting: int = 0
    kills: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0
    network_lock: bool | None = None


class SparqlEngine(Protocol):
    """Answers queries."""

    @property
    def release(self) -> str | None:
        """The id of the release being served; None when the engine does not know."""

    def state(self) -> EngineState:
        """How it is doing, for those who watch over it."""

    async def start(self) -> None:
        """Get ready to answer."""

    async def stop(self) -> None:
        """Stop answering; queries at work are ended."""

    def begin(self, query: Query, told: Callable[[], None]) -> Begun | None:
        """Begin a query; None when this engine has no way to. `told` is called once, when its `answer` is to be looked at.

        This is for light queries, with which every task and timer shows; it has no deadline. What turns out not to be one goes
        on in `query`.
        """

    def query(self, query: Query, begun: Begun | None = None) -> AbstractAsyncContextManager[Answer]:
        """Evaluate a query, or go on with one that was begun; leaving the context before the last chunk ends the evaluation.

        Raises:
            QueryRefusedError: the query is not one we answer, or not SPARQL.
            EngineError: it cannot be answered; each kind says why.
        """


class EngineError(Exception):
    """A query that could not be answered."""


class NotAcceptableError(EngineError):
    """No acceptable format for a result of this form."""

    def __init__(self, form: Form) -> None:
        kind = "graph" if form.makes_graph else "table"
        super().__init__(f"{form} gives a {kind}, and none of the formats asked for is one of a {kind}")
        self.form = form


class UnwritableResultError(EngineError):
    """The result holds something that its format has no way to say; the message says what, and which format can."""


class QueryTimeoutError(EngineError):
    """The query took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the query was stopped after {seconds:g} seconds, the most it may take; narrow it: bind a subject or a class,"
            " add LIMIT, or ask for one graph"
        )
        self.seconds = seconds


class ResultTooLargeError(EngineError):
    """The result is larger than it may be."""

    def __init__(self, megabytes: int) -> None:
        super().__init__(
            f"the result is larger than {megabytes:,} MB, the most that is given; add LIMIT and OFFSET, or fetch the dump"
        )


class QueryMemoryError(EngineError):
    """The query used more memory than it may, or crashed the process that evaluated it."""

    def __init__(self, megabytes: int) -> None:
        super().__init__(
            f"the query needed more than the {megabytes:,} MB of memory it may use; sort or group fewer rows"
        )


class OverloadedError(EngineError):
    """Too many queries are waiting."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many queries are waiting; try again shortly")
        self.retry_after = retry_after


def retry_after(seconds: float) -> int:
    """When to come again, in seconds, where a query may take so many."""
    return max(1, round(seconds / 4))


class EngineFaultError(EngineError):
    """The engine has a fault that this query brought to light."""


class EngineUnavailableError(EngineError):
    """There is nothing to answer from."""


# Small results for our own use


@dataclass(frozen=True, slots=True)
class Value:
    """A term of a result row."""

    kind: Literal["iri", "literal", "blank"]
    value: str
    language: str = ""
    datatype: str = ""

    @property
    def term(self) -> Term:
        """The same term in N-Triples form."""
        if self.kind == "iri":
            return Term(f"<{self.value}>")
        if self.kind == "blank":
            return Term(f"_:{self.value}")
        if self.language:
            return values.text(self.value, self.language)
        return values.typed(self.value, self.datatype) if self.datatype else values.text(self.value)


Row = dict[str, Value]


async def rows(
    engine: SparqlEngine, text: str, bindings: Mapping[str, Term | Sequence[Term]] | None = None
) -> list[Row]:
    """The rows of a SELECT query of ours, read whole; values enter by `bindings` only."""
    async with engine.query(Query(bind(text, bindings or {}), graph=None, own=True)) as answer:
        content = b"".join([chunk async for chunk in answer.chunks()])
    return parse_rows(content)


async def graph(engine: SparqlEngine, text: str, bindings: Mapping[str, Term | Sequence[Term]] | None = None) -> bytes:
    """The statements of a CONSTRUCT query of ours as N-Triples, read whole."""
    async with engine.query(Query(bind(text, bindings or {}), table=None, own=True)) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])


def parse_rows(content: bytes) -> list[Row]:
    """The rows of a result in SPARQL 1.1 Query Results JSON Format (section 3.2)."""
    bindings = json.loads(content).get("results", {}).get("bindings", [])
    return [parse_row(binding) for binding in bindings]


def parse_row(binding: Mapping[str, Mapping[str, str]]) -> Row:
    """One row of it."""
    return {name: _value(term) for name, term in binding.items()}


def _value(term: Mapping[str, str]) -> Value:
    kind = term["type"]
    if kind == "uri":
        return Value("iri", term["value"])
    if kind == "bnode":
        return Value("blank", term["value"])
    datatype = term.get("datatype", "")
    return Value(
        "literal", term["value"], term.get("xml:lang", ""), "" if datatype == f"{values.XSD}string" else datatype
    )
