"""The application: every route, in one place."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from odatis_kg import __version__
from odatis_kg.config import Settings
from odatis_kg.store.engine import EngineError, SparqlEngine
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.errors import Problem, problem, problem_of
from odatis_kg.web.lineage import LineagePages
from odatis_kg.web.linked_data import LinkedData
from odatis_kg.web.negotiation import HTML
from odatis_kg.web.pages.site import Site
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.protocol import SparqlProtocol
from odatis_kg.web.queries import QueryPages
from odatis_kg.web.responses import CommonHeaders, respond_problem
from odatis_kg.web.service_description import ServiceDescription
from odatis_kg.web.void import ROUTES, VoidPages

_Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
_READ_ONLY = ("GET", "HEAD")


class _Front:
    """Hands the hot routes to raw ASGI applications, for the framework's layers cost as much as a small query does."""

    def __init__(
        self, exact: Mapping[str, _Handler], below: Mapping[str, _Handler], rest: ASGIApp, base_url: str
    ) -> None:
        self._exact = exact
        self._below = below
        self._rest = rest
        self._base_url = base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        path: str = scope["path"]
        handler = self._exact.get(path) or self._below.get(path.split("/", 2)[1])
        if handler is None:
            await self._rest(scope, receive, send)
        elif scope["method"] in _READ_ONLY or path == "/sparql":
            await handler(scope, receive, send)
        else:
            found = problem("method-not-allowed", f"{scope['method']} is not offered", headers={"Allow": "GET, HEAD"})
            await respond_problem(scope, send, found, self._base_url)


def create_app(settings: Settings, engine: SparqlEngine) -> ASGIApp:
    """The web application; the engine is started and stopped with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        await engine.start()
        try:
            yield
        finally:
            await engine.stop()

    templates = Templates(settings, engine)
    site = Site(engine, settings, templates)
    linked = LinkedData(engine, settings, templates)
    protocol = SparqlProtocol(Delivery(engine), settings, site.sparql, ServiceDescription(settings, engine))
    void, queries = VoidPages(settings, site, templates), QueryPages(engine, settings, site, templates)
    app = FastAPI(
        title="odatis-kg",
        version=__version__,
        summary="The knowledge graph of ODATIS: SPARQL, linked data and lineage.",
        lifespan=lifespan,
        docs_url=None,  # its assets come from elsewhere
        redoc_url=None,
    )
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    _add_pages(app, site, engine)
    _add_problems(app, settings)
    exact: dict[str, _Handler] = {
        "/sparql": protocol,
        "/resource": linked.resource,
        "/def/odk": linked.ontology,
        "/lineage": LineagePages(engine, settings, templates),
        "/prefixes": queries.prefixes,
        **{f"/{name}": void for name in ROUTES},
    }
    below: dict[str, _Handler] = {
        "id": linked.thing,
        "doc": linked.document,
        "graph": linked.graph,
        "queries": queries.library,
    }
    front = _Front(exact, below, app, settings.base_url)
    return CommonHeaders(front, root=urlsplit(settings.base_url).path)


def _add_pages(app: FastAPI, site: Site, engine: SparqlEngine) -> None:
    vary = {"Vary": "Accept-Language"}

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def home(request: Request) -> Response:
        return Response(site.home(request.scope), media_type=HTML, headers=vary)

    @app.head("/search", include_in_schema=False)
    @app.get("/search", summary="Find things by words or by kind", operation_id="search")
    async def search(
        request: Request,
        q: str = Query("", max_length=500, description="Words; the last one may be begun only."),
        kind: str = Query("", max_length=100, description="A kind of thing, such as dcat:Dataset."),
        page: int = Query(1, ge=1, le=10_000, description="Page of 25 results, from 1."),
    ) -> Response:
        return Response(await site.search(request.scope, q, kind, page), media_type=HTML, headers=vary)

    @app.api_route("/problems", methods=["GET", "HEAD"], include_in_schema=False)
    def problems(request: Request) -> Response:
        return Response(site.problems(request.scope), media_type=HTML, headers=vary)

    @app.get("/health/live", summary="Whether the server runs", operation_id="live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", summary="Whether queries are answered", operation_id="ready")
    async def ready() -> dict[str, Any]:
        from odatis_kg.store.engine import Query as SparqlQuery

        async with engine.query(SparqlQuery("ASK {}", timeout=5, own=True)) as answer:
            async for _ in answer.chunks():
                pass
        return {"status": "ready", "release": engine.release}


def _add_problems(app: FastAPI, settings: Settings) -> None:
    """Every error of the framework in the same form as ours."""

    async def answer(_: Request, error: Exception) -> Response:
        found = _translate(error)

        class _Sent(Response):
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
                await respond_problem(scope, send, found, settings.base_url)

        return _Sent()

    for kind in (Problem, EngineError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def _translate(error: Exception) -> Problem:
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return problem("not-found", "there is no page at this address")
        if error.status_code == 405:
            return problem("method-not-allowed", "this method is not offered here", headers=dict(error.headers or {}))
        return problem("bad-request", str(error.detail))
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return problem("bad-request", f"{first['loc'][-1]}: {first['msg']}")
    return problem_of(error)
