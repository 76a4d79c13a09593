"""The SPARQL 1.1 Protocol, query side, as a raw ASGI application: the route where every layer shows in the rate.

Requests are read here and formats chosen; `delivery` sends the results.
"""

import hashlib
import re
from binascii import a2b_qp
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.mapping.values import is_iri
from odatis_kg.store.engine import Format, GraphFormat, Query, QueryTimeoutError, TableFormat
from odatis_kg.store.syntax import first_form
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.errors import Problem, problem, problem_with
from odatis_kg.web.negotiation import EXTENSIONS, GRAPHS, HTML, NAMES, TABLES, graph_format, named_format, table_format
from odatis_kg.web.responses import respond

_METHODS: Final = ("GET", "HEAD", "POST", "QUERY", "OPTIONS")
_BODIES: Final = "application/sparql-query, application/x-www-form-urlencoded"
_READ_BODIES: Final = {"Accept-Post": _BODIES, "Accept-Query": _BODIES}
# How libraries name the format beside the Accept header. A value of `format` that we do not know is an error; the other two
# mean other things to other servers, so that one of theirs says nothing.
_FORMAT_PARAMETERS: Final = ("format", "output", "results")
_BOM: Final = b"\xef\xbb\xbf"
_STRAY: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MOST_FIELDS: Final = 1_000
_TRUE: Final = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the protocol: the query (None when there is none) and its dataset; the format and the time it names, if
    it does; whether CSV is for Excel, and whether the result is to be saved as a file.
    """

    query: str | None
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    format: str | None = None
    timeout: float | None = None
    excel: bool = False
    download: bool = False


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
        if scope["method"] not in _METHODS:
            raise problem(
                "method-not-allowed", f"{scope['method']} is not offered", headers={"Allow": ", ".join(_METHODS)}
            )
        headers = _headers(scope)
        request = await self._read(scope, headers, receive)
        accept = request.format or headers.get("accept")
        if request.query is None:
            await self._describe(scope, send, accept, request)
            return
        table, graph = table_format(accept), graph_format(accept)
        form = first_form(request.query) if _depends_on_form(request, table, graph) else None
        if (graph if form and form.makes_graph else table) == HTML:
            status, content = await self._page(scope, request)
            await respond(scope, send, status, content, HTML, {"Vary": "Accept, Accept-Language"})
            return
        query = self._query(request, request.query, table, graph, client_of(scope.get("client")))
        if query.table is None and query.graph is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[*TABLES, *GRAPHS, HTML])
        chosen = query.graph if form and form.makes_graph else query.table
        more = {}
        if request.download and form and chosen:
            more["Content-Disposition"] = f'attachment; filename="{file_name(request.query, chosen)}"'
        before = _BOM if request.excel and chosen is TableFormat.CSV else b""
        try:
            await self._delivery.deliver(scope, receive, send, query, headers=more, before=before)
        except QueryTimeoutError as error:
            raise await problem_with(error, request.query) from None

    def plain(self, query_string: bytes, accept: bytes, client: str) -> Query | None:
        """The query of a GET request that is answered by its result and nothing else; None for any other, and for mistakes."""
        try:
            request = self._request(decoded(query_string, "query string"))
        except Problem:
            return None
        accepted = request.format or accept.decode("latin-1")
        table, graph = table_format(accepted), graph_format(accepted)
        if request.query is None or (table is graph is None) or _depends_on_form(request, table, graph):
            return None
        return self._query(request, request.query, table, graph, client)

    def _query(self, request: Request, text: str, table: str | None, graph: str | None, client: str) -> Query:
        return Query(
            text,
            table=TableFormat(table) if table and table != HTML else None,
            graph=GraphFormat(graph) if graph and graph != HTML else None,
            default_graphs=request.default_graphs,
            named_graphs=request.named_graphs,
            timeout=request.timeout,
            client=client,
            base=self._settings.base_url,
        )

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
        described = f'<{self._settings.base_url}.well-known/void>; rel="describedby"'
        await respond(scope, send, status, content, wanted, {"Vary": "Accept, Accept-Language", "Link": described})

    async def _read(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Request:
        """The request, decoded exactly once (SPARQL 1.1 Protocol, section 2.1)."""
        fields = decoded(scope["query_string"], "query string")
        body_query: list[str] = []
        if scope["method"] in ("POST", "QUERY"):
            kind = _body_type(headers)
            body = await self._body(headers, receive)
            if kind == "application/x-www-form-urlencoded":
                fields += decoded(body, "form")
            else:
                body_query.append(_utf8(body))
        return self._request(fields, body_query)

    def _request(self, fields: list[tuple[str, str]], body_query: Sequence[str] = ()) -> Request:
        """The request that fields, and the query in a body, make.

        Raises:
            Problem: they make none.
        """
        if len(fields) == 1 and fields[0][0] == "query" and not body_query:
            return Request(fields[0][1])  # as most are
        if any(name == "update" for name, _ in fields):
            raise _read_only()
        queries = [*body_query] + [value for name, value in fields if name == "query"]
        if len(queries) > 1:
            raise problem("bad-request", f"exactly one query is expected, {len(queries)} were sent")
        return Request(
            query=queries[0] if queries else None,
            default_graphs=_graphs(fields, "default-graph-uri"),
            named_graphs=_graphs(fields, "named-graph-uri"),
            format=_format(fields),
            timeout=_timeout(fields),
            excel=_flag(fields, "excel"),
            download=_flag(fields, "download"),
        )

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        most = self._settings.query.request_kb * 1_000
        length = headers.get("content-length", "0").strip()
        if not (length.isascii() and length.isdigit()):
            raise problem("bad-request", f"Content-Length '{length[:40]}' is not a number of bytes")
        body = bytearray()
        while True:
            if len(body) > most or len(length) > 18 or int(length) > most:
                raise problem("too-large", f"the request has more than {self._settings.query.request_kb:,} kB")
            message: MutableMapping[str, Any] = await receive()
            if message["type"] == "http.disconnect":
                raise problem("bad-request", "the connection ended before the request was whole")
            body += message.get("body", b"")
            if not message.get("more_body") and len(body) <= most:
                return bytes(body)


def file_name(query: str, format_: Format) -> str:
    """What the result of a query is called as a file: the same query in the same format, the same name."""
    return f"odatis-kg-{hashlib.sha256(query.encode('utf-8', 'replace')).hexdigest()[:8]}.{EXTENSIONS[format_]}"


def _depends_on_form(request: Request, table: str | None, graph: str | None) -> bool:
    """Whether the answer depends on the form of the query before the engine has looked at it."""
    return request.excel or request.download or HTML in (table, graph)


def _body_type(headers: dict[str, str]) -> str:
    """The media type of a body that we read, in UTF-8 and in no coding (SPARQL 1.1 Protocol, sections 2.1.2 and 2.1.3)."""
    kind, *parameters = (part.strip().lower() for part in headers.get("content-type", "").split(";"))
    if kind == "application/sparql-update":
        raise _read_only()
    if kind not in ("application/sparql-query", "application/x-www-form-urlencoded"):
        raise problem("unsupported-media-type", f"a body of type '{kind or 'none'}' is not read", headers=_READ_BODIES)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"')
        if name.strip() == "charset" and charset not in ("utf-8", "utf8"):
            raise problem(
                "unsupported-media-type", f"charset '{charset[:40]}' is not read: send UTF-8", headers=_READ_BODIES
            )
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise problem(
            "unsupported-media-type",
            f"a body in the coding '{coding[:40]}' is not read: send it as it is",
            headers={"Accept-Encoding": "identity"},
        )
    return kind


def _read_only() -> Problem:
    return problem("read-only", "updates are not offered: this service is read-only")


def client_of(address: tuple[str, int] | None) -> str:
    """Who asks, for fair shares alone: an IPv4 address or an IPv6 /64 network; never logged, never kept."""
    host = address[0] if address else ""
    return ":".join(host.split(":")[:4]) if ":" in host else host


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def decoded(encoded: bytes, where: str) -> list[tuple[str, str]]:
    """Fields and their values, percent-decoded once; `where` they stand is told when they cannot be.

    Raises:
        Problem: they are not percent-encoded UTF-8, or too many.
    """
    if encoded.count(b"&") >= _MOST_FIELDS:
        raise problem("bad-request", f"the {where} has more than {_MOST_FIELDS:,} fields")
    try:
        parted = [field.partition(b"=") for field in encoded.split(b"&") if field]
        return [(_percent_decoded(name), _percent_decoded(value)) for name, _, value in parted]
    except UnicodeDecodeError as error:
        raise problem("bad-request", f"the {where} is not percent-encoded UTF-8: {error}") from None


def _percent_decoded(encoded: bytes) -> str:
    """One name or value; a sign of percent without two digits stands for itself, as everywhere on the Web."""
    if b"%" in encoded:
        spaced = encoded.replace(b"+", b" ")
        if b"=" in spaced or _STRAY.search(spaced):
            return unquote_to_bytes(spaced).decode("utf-8")
        # Quoted-printable is the same with another sign, and its decoder is in C: a tenth of the time of reading a request.
        return a2b_qp(spaced.replace(b"%", b"=")).decode("utf-8")
    return encoded.replace(b"+", b" ").decode("utf-8")


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise problem("bad-request", f"the query is not UTF-8: {error}") from None


def _graphs(fields: list[tuple[str, str]], parameter: str) -> tuple[str, ...]:
    # A form on a page sends a field that was left empty, too.
    graphs = tuple(value for name, value in fields if name == parameter and value)
    for graph in graphs:
        if not is_iri(graph):
            raise problem("bad-request", f"{parameter} '{graph[:100]}' is not an absolute IRI")
    return graphs


def _format(fields: list[tuple[str, str]]) -> str | None:
    """The media type, or ranges of them, that the first parameter to name one names."""
    for parameter in _FORMAT_PARAMETERS:
        value = next((value for name, value in fields if name == parameter and value.strip()), None)
        if value is None:
            continue
        named = named_format(value)
        if named is not None:
            return named
        if parameter == "format":
            raise problem(
                "not-acceptable",
                f"format '{value[:40]}' is not offered",
                offers=[*TABLES, *GRAPHS, HTML],
                names=sorted(NAMES),
            )
    return None


def _flag(fields: list[tuple[str, str]], parameter: str) -> bool:
    return any(name == parameter and value.strip().lower() in _TRUE for name, value in fields)


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
