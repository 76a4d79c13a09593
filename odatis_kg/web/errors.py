"""Errors as problem details (RFC 9457): one table from what went wrong to what a client is told.

The layers below know nothing of HTTP; this table is the only place that does. Each type of problem has a page at
`/problems/{name}`, made from the table.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final

from odatis_kg.store.engine import (
    EngineError,
    EngineFaultError,
    EngineUnavailableError,
    NotAcceptableError,
    OverloadedError,
    QueryMemoryError,
    QueryTimeoutError,
    ResultTooLargeError,
    UnwritableResultError,
)
from odatis_kg.store.patterns import narrow
from odatis_kg.store.syntax import QueryRefusedError
from odatis_kg.web.negotiation import GRAPHS, TABLES

_log: Final = logging.getLogger(__name__)
# Characters of a query that is looked at for what makes it slow: looking takes a millisecond for each thousand.
_LOOKED_AT: Final = 20_000


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: its status, its title, and what a client can do."""

    name: str
    status: int
    title: str
    advice: str


PROBLEMS: Final = {
    problem.name: problem
    for problem in (
        ProblemType("bad-query", 400, "The query cannot be answered",
            "Correct it at the line and column given; `suggestion`, where there is one, is what to write there."),
        ProblemType("bad-request", 400, "The request cannot be understood",
            "Compare it with the SPARQL 1.1 Protocol or with our pages."),
        ProblemType("read-only", 403, "Nothing can be changed here",
            "This service answers queries only; operators change graphs on their own machine, with odatis-kg graph."),
        ProblemType("not-found", 404, "There is nothing here",
            "Check the address, or search from the home page."),
        ProblemType("method-not-allowed", 405, "This method is not offered here",
            "Use one of the methods in the Allow header."),
        ProblemType("not-acceptable", 406, "None of the formats asked for is offered",
            "Ask for one of the formats in `offers`."),
        ProblemType("unwritable-result", 406, "The result cannot be written in this format",
            "Ask for another format; the detail says which one can hold it, or what the format needs."),
        ProblemType("request-timeout", 408, "The request took too long to arrive",
            "Send it faster; the limits are the settings server.head_seconds and server.body_seconds."),
        ProblemType("too-large", 413, "The request is too large",
            "Shorten the query; the limit is the setting query.request_kb."),
        ProblemType("unsupported-media-type", 415, "This kind of request body is not read",
            "Send application/sparql-query or application/x-www-form-urlencoded."),
        ProblemType("result-too-large", 422, "The result is too large",
            "Add LIMIT and OFFSET, or take the dump of the release."),
        ProblemType("head-too-large", 431, "The request line and headers are too large",
            "Send long queries by POST; the limit is the setting server.head_kb."),
        ProblemType("fault", 500, "A fault of ours",
            "Please report it with the time and the address."),
        ProblemType("unavailable", 503, "The service cannot answer now",
            "Try again later."),
        ProblemType("overloaded", 503, "Too many queries are waiting",
            "Try again after the seconds in Retry-After."),
        ProblemType("timeout", 504, "The query took too long",
            "Narrow it where `narrow` says, or bind a subject or a class, ask for one graph, add LIMIT."),
        ProblemType("out-of-memory", 507, "The query needs too much memory",
            "Sort, group or join fewer rows."),
    )
}  # fmt: skip


class Problem(Exception):  # noqa: N818 - the name RFC 9457 gives it
    """A problem to tell a client: its kind, the detail of this occurrence, further members, and headers to send."""

    def __init__(self, kind: ProblemType, detail: str, members: dict[str, Any], headers: dict[str, str]) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.members = members
        self.headers = headers

    def document(self, base: str) -> dict[str, Any]:
        """The problem document (RFC 9457, section 3)."""
        return {
            "type": address_of(self.kind, base),
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **self.members,
        }


def address_of(kind: ProblemType, base: str) -> str:
    """The type of a problem as an IRI, which is the address of a page about it."""
    return f"{base}problems/{kind.name}"


def problem(name: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> Problem:
    """A problem of a kind of the table."""
    return Problem(PROBLEMS[name], detail, members, headers or {})


def problem_of(error: Exception) -> Problem:
    """What a client is told of an error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, QueryRefusedError):
        return Problem(PROBLEMS["bad-query"], str(error), error.place, {})
    if isinstance(error, NotAcceptableError):
        return problem("not-acceptable", str(error), offers=list(GRAPHS if error.form.makes_graph else TABLES))
    if isinstance(error, OverloadedError):
        return problem("overloaded", str(error), headers={"Retry-After": str(error.retry_after)})
    if isinstance(error, QueryTimeoutError):
        return problem("timeout", str(error), seconds=error.seconds)
    names: dict[type[EngineError], str] = {
        UnwritableResultError: "unwritable-result",
        ResultTooLargeError: "result-too-large",
        QueryMemoryError: "out-of-memory",
        EngineUnavailableError: "unavailable",
        EngineFaultError: "fault",
    }
    for kind, name in names.items():
        if isinstance(error, kind):
            return problem(name, str(error))
    _log.error("a fault while answering", exc_info=error)
    return problem("fault", f"{type(error).__name__} while answering")


async def problem_with(error: Exception, text: str) -> Problem:
    """What a client is told of an error of its query: of one that took too long, also what to narrow in it."""
    found = problem_of(error)
    if (
        isinstance(error, QueryTimeoutError)
        and len(text) <= _LOOKED_AT
        and (hints := await asyncio.to_thread(narrow, text))
    ):
        found.detail = f"{found.detail}. In this query, {hints[0]}"
        found.members["narrow"] = hints
    return found
