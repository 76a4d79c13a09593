"""The query library and the prefixes over HTTP: `/queries`, `/queries/{name}`, `/queries/{name}.rq`, `/prefixes`.

Each is a page for people and RDF for machines. A page of a query has a form for its parameters; with parameters (or `run`)
in the address, it is the result: on the page, or in any format of `/sparql` with `format`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.mapping.values import Term
from odatis_kg.queries import PUBLISHED, NamedQuery, names, publication, read
from odatis_kg.queries.parameters import Parameter, ParameterError
from odatis_kg.store.engine import EngineError, GraphFormat, Query, SparqlEngine, TableFormat, rows
from odatis_kg.store.serialise import triples_as
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.errors import problem, problem_of
from odatis_kg.web.negotiation import (
    GRAPHS,
    HTML,
    NAMES,
    TABLES,
    document_format,
    graph_format,
    negotiate,
    table_format,
)
from odatis_kg.web.pages.site import Site
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.protocol import Request, client_of
from odatis_kg.web.responses import etag_of, respond

_VARY: Final = "Accept, Accept-Language"
# What a page shows of a result, when there is none.
_SHOWN: Final[Mapping[str, Any]] = {
    "columns": (), "rows": (), "truth": None, "graph": "", "more": False, "problem": None, "asked": False,
}  # fmt: skip
_RQ: Final = "application/sparql-query"
_OWN: Final = ("run", "format")  # parameters of ours, which no query may have


class QueryPages:
    """The routes of the library."""

    def __init__(
        self, engine: SparqlEngine, delivery: Delivery, settings: Settings, site: Site, templates: Templates
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._site = site
        self._templates = templates
        self._delivery = delivery
        self._choices: dict[tuple[str | None, str], list[tuple[str, str]]] = {}

    async def library(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called with `/queries` and `/queries/{name}`."""
        name = scope["path"].removeprefix("/queries").strip("/")
        if name:
            await self._query(scope, receive, send, name)
        else:
            await self._list(scope, send)

    async def prefixes(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/prefixes`: a page, RDF, or a JSON object of prefix and namespace."""
        accept = _accept(scope)
        chosen = "application/json" if _is_json(accept) else document_format(accept)
        known = publication.prefixes(self._settings.iris)
        if chosen == HTML:
            content = self._templates.render("prefixes.html", self._site.languages(scope), prefixes=known)
            await respond(scope, send, 200, content, HTML, {"Vary": _VARY})
        elif chosen == "application/json":
            content = json.dumps(known, indent=1).encode() + b"\n"
            await respond(
                scope, send, 200, content, "application/json", {"Vary": _VARY, "ETag": etag_of(content.decode())}
            )
        else:
            await self._send_graph(scope, send, publication.prefix_statements(self._settings.iris), chosen, accept)

    async def _list(self, scope: Scope, send: Send) -> None:
        chosen = document_format(_accept(scope))
        if chosen == HTML:
            queries = publication.published(self._settings.iris)
            content = self._templates.render("queries.html", self._site.languages(scope), queries=queries)
            await respond(scope, send, 200, content, HTML, {"Vary": _VARY})
            return
        await self._send_graph(scope, send, publication.statements(self._settings.iris), chosen, _accept(scope))

    async def _query(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        bare = name.removesuffix(".rq")
        if f"{PUBLISHED}/{bare}" not in set(names(PUBLISHED)):
            raise problem("not-found", f"there is no query '{bare[:100]}' in the library; /queries lists them")
        query = read(f"{PUBLISHED}/{bare}", self._settings.iris)
        accept = _accept(scope)
        given = QueryParams(scope["query_string"])
        asked = {key: value for key, value in given.multi_items() if key not in _OWN}
        if name != bare or negotiate(accept, (*TABLES, *GRAPHS, HTML, _RQ)) == _RQ:
            await respond(scope, send, 200, _document(query).encode(), _RQ, {"Vary": _VARY})
        elif asked or "run" in given:
            await self._run(scope, receive, send, query, asked)
        elif (chosen := document_format(accept)) == HTML:
            content = await self._form(scope, query, {}, {})
            await respond(scope, send, 200, content, HTML, {"Vary": _VARY})
        else:
            await self._send_graph(scope, send, publication.query_statements(query), chosen, accept)

    async def _run(self, scope: Scope, receive: Receive, send: Send, query: NamedQuery, asked: dict[str, str]) -> None:
        """The result, as a page or in a format of results."""
        accept = _accept(scope)
        choose = graph_format if query.form.makes_graph else table_format
        chosen = document_format(accept) if accept is None or "text/html" in accept else choose(accept)
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[HTML, *TABLES, *GRAPHS])
        try:
            text = query.bound(asked)
        except ParameterError as error:
            if chosen != HTML:
                raise problem("bad-request", str(error)) from None
            content = await self._form(scope, query, asked, {"problem": ("A parameter is wrong", str(error), {})})
            await respond(scope, send, 400, content, HTML, {"Vary": _VARY})
            return
        if chosen == HTML:
            status, result = await self._result(scope, text)
            content = await self._form(scope, query, asked, result)
            await respond(scope, send, status, content, HTML, {"Vary": _VARY})
            return
        found = Query(
            text,
            table=TableFormat(chosen) if chosen in TABLES else None,
            graph=GraphFormat(chosen) if chosen in GRAPHS else None,
            client=client_of(scope.get("client")),
            base=self._settings.base_url,
        )
        await self._delivery.deliver(scope, receive, send, found)

    async def _result(self, scope: Scope, text: str) -> tuple[int, dict[str, Any]]:
        try:
            shown = await self._site.result(Request(text), self._site.languages(scope))
            return 200, {**{name: value for name, value in shown.items() if name in _SHOWN}, "asked": True}
        except Exception as error:
            found = problem_of(error)
            return found.kind.status, {"problem": (found.kind.title, found.detail, found.members)}

    async def _form(self, scope: Scope, query: NamedQuery, asked: dict[str, str], result: dict[str, Any]) -> bytes:
        fields = [
            (parameter, asked.get(parameter.name) or parameter.default, await self._values(parameter))
            for parameter in query.parameters
        ]
        try:
            text = query.bound(asked)
        except ParameterError:
            text = query.example
        return self._templates.render(
            "query.html",
            self._site.languages(scope),
            query=query,
            text=text,
            fields=fields,
            given={**asked, "run": "1"},
            formats=("ttl", "jsonld", "nt") if query.form.makes_graph else ("csv", "json", "tsv", "xml"),
            **{**_SHOWN, **result},
        )

    async def _values(self, parameter: Parameter) -> list[tuple[str, str]]:
        """The values a parameter may well take, each with its label; asked for once in each release."""
        if not parameter.choices:
            return []
        key = (self._engine.release, parameter.choices)
        if key not in self._choices:
            if any(release != key[0] for release, _ in self._choices):
                self._choices.clear()
            try:
                found = await rows(self._engine, read(parameter.choices, self._settings.iris).text)
            except EngineError:
                return []  # the value can still be typed
            self._choices[key] = [(row["value"].value, row["label"].value) for row in found]
        return self._choices[key]

    async def _send_graph(
        self,
        scope: Scope,
        send: Send,
        triples: Iterable[tuple[Term, Term, Term]],
        chosen: str | None,
        accept: str | None,
    ) -> None:
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[HTML, *GRAPHS])
        lines = "".join(f"{s} {p} {o} .\n" for s, p, o in triples)
        content = triples_as(GraphFormat(chosen), lines.encode(), all_prefixes(self._settings.iris))
        await respond(scope, send, 200, content, chosen, {"Vary": _VARY, "ETag": etag_of(content.decode())})


def _accept(scope: Scope) -> str | None:
    named = QueryParams(scope["query_string"]).get("format", "")
    return NAMES.get(named, named) if named else Headers(scope=scope).get("accept")


def _is_json(accept: str | None) -> bool:
    """Whether JSON is asked for by its own name: `?format=json` or `application/json`."""
    named = (TableFormat.JSON.value, "application/json")
    return any(item.partition(";")[0].strip() in named for item in (accept or "").split(","))


def _document(query: NamedQuery) -> str:
    """A query as a file: what it is for and its parameters, then its text, where they are variables."""
    head = [
        f"title: {query.title}",
        f"titre: {query.titre}",
        f"comment: {query.comment}",
        f"commentaire: {query.commentaire}",
    ]
    head += [f"keywords: {', '.join(query.keywords)}", f"time: {query.time}"]
    for one in query.parameters:
        head.append(
            f"parameter: {one.name} {one.type}; {one.label['en']}; {one.label['fr']}; {one.default}; {one.choices}".rstrip(
                "; "
            )
        )
    return "".join(f"# {line}\n" for line in head) + query.text
