"""The SPARQL 1.1 Protocol, query side, as a raw ASGI application: the route where every layer shows in the rate.

Requests are read here and formats chosen; `delivery` sends the results.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.mapping.values import is_iri
from odatis_kg.store.engine import GraphFormat, Query, TableFormat
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.errors import problem, problem_of
from odatis_kg.web.negotiation import GRAPHS, HTML, NAMES, TABLES, graph_format, table_format
from odatis_kg.web.responses import respond, respond_problem

_METHODS: Final = ("GET", "HEAD", "POST", "QUERY", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the protocol: the query (None when there is none) and its dataset."""

    query: str | None
    default_graphs: tuple[str, ...]
    named_graphs: tuple[str, ...]
    format: str | None
    timeout: float | None


class SparqlProtocol:
    """`/sparql`; pages for browsers and the service description come from the two functions it is given."""

    def __init__(
        self,
        delivery: Delivery,
        settings: Settings,
        page: Callable[[Scope, Request], Awaitable[tuple[int, bytes]]],
        description: Callable[[GraphFormat], bytes],
    ) -> None:
        self._delivery = delivery
        self._settings = settings
        self._page = page
        self._description = description

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._answer(scope, receive, send)
        except Exception as error:
            await respond_problem(scope, send, problem_of(error), self._settings.base_url)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _METHODS:
            raise problem(
                "method-not-allowed", f"{scope['method']} is not offered", headers={"Allow": ", ".join(_METHODS)}
            )
        headers = _headers(scope)
        request = await self._read(scope, headers, receive)
        accept = NAMES.get(request.format, request.format) if request.format else headers.get("accept")
        table, graph = table_format(accept), graph_format(accept)
        if request.query is None:
            await self._describe(scope, send, accept, request)
        elif HTML in (table, graph):
            status, content = await self._page(scope, request)
            await respond(scope, send, status, content, HTML, {"Vary": "Accept, Accept-Language"})
        elif table is None and graph is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[*TABLES, *GRAPHS])
        else:
            query = Query(
                request.query,
                table=TableFormat(table) if table else None,
                graph=GraphFormat(graph) if graph else None,
                default_graphs=request.default_graphs,
                named_graphs=request.named_graphs,
                timeout=request.timeout,
                client=client_of(scope),
            )
            await self._delivery.deliver(scope, receive, send, query)

    async def _describe(self, scope: Scope, send: Send, accept: str | None, request: Request) -> None:
        """A request without a query: a form for browsers, the service description for everything else."""
        if scope["method"] not in ("GET", "HEAD"):
            raise problem("bad-request", "there is no query: send it as the parameter or the body `query`")
        wanted = graph_format(accept)
        if wanted is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[*GRAPHS, HTML])
        if wanted == HTML:
            status, content = await self._page(scope, request)
        else:
            status, content = 200, self._description(GraphFormat(wanted))
        await respond(scope, send, status, content, wanted, {"Vary": "Accept, Accept-Language"})

    async def _read(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Request:
        """The request, decoded exactly once (SPARQL 1.1 Protocol, section 2.1)."""
        fields = _decode(scope["query_string"].decode("latin-1"), "query string")
        body_query: list[str] = []
        if scope["method"] in ("POST", "QUERY"):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            body = await self._body(headers, receive)
            if kind == "application/x-www-form-urlencoded":
                fields += _decode(body.decode("latin-1"), "form")
            elif kind == "application/sparql-query":
                body_query.append(_utf8(body))
            elif kind == "application/sparql-update":
                raise problem("bad-query", "updates are not offered: this service is read-only")
            else:
                raise problem(
                    "unsupported-media-type",
                    f"a body of type '{kind or 'none'}' is not read",
                    headers={"Accept-Post": "application/sparql-query, application/x-www-form-urlencoded"},
                )
        if any(name == "update" for name, _ in fields):
            raise problem("bad-query", "updates are not offered: this service is read-only")
        queries = body_query + [value for name, value in fields if name == "query"]
        if len(queries) > 1:
            raise problem("bad-request", f"exactly one query is expected, {len(queries)} were sent")
        return Request(
            query=queries[0] if queries else None,
            default_graphs=_graphs(fields, "default-graph-uri"),
            named_graphs=_graphs(fields, "named-graph-uri"),
            format=next((value for name, value in fields if name == "format" and value), None),
            timeout=_timeout(fields),
        )

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        most = self._settings.query.request_kb * 1_000
        body = bytearray()
        while True:
            message: MutableMapping[str, Any] = await receive()
            if message["type"] == "http.disconnect":
                raise problem("bad-request", "the connection ended before the request was whole")
            body += message.get("body", b"")
            if len(body) > most or int(headers.get("content-length") or 0) > most:
                raise problem("too-large", f"the request has more than {self._settings.query.request_kb:,} kB")
            if not message.get("more_body"):
                return bytes(body)


def client_of(scope: Scope) -> str:
    """Who asks, for fair shares alone: an IPv4 address or an IPv6 /64 network; never logged, never kept."""
    host = scope["client"][0] if scope.get("client") else ""
    return ":".join(host.split(":")[:4]) if ":" in host else host


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _decode(text: str, where: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1_000)
    except (UnicodeDecodeError, ValueError) as error:
        raise problem("bad-request", f"the {where} is not percent-encoded UTF-8: {error}") from None


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise problem("bad-request", f"the query is not UTF-8: {error}") from None


def _graphs(fields: list[tuple[str, str]], parameter: str) -> tuple[str, ...]:
    graphs = tuple(value for name, value in fields if name == parameter)
    for graph in graphs:
        if not is_iri(graph):
            raise problem("bad-request", f"{parameter} '{graph[:100]}' is not an absolute IRI")
    return graphs


def _timeout(fields: list[tuple[str, str]]) -> float | None:
    """The client's own limit in seconds, which can only shorten ours."""
    stated = next((value for name, value in fields if name == "timeout" and value), None)
    if stated is None:
        return None
    try:
        seconds = float(stated)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise problem("bad-request", f"timeout '{stated[:40]}' is not a number of seconds")
    return seconds
