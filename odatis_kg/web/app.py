"""The application: every route, in one place."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from odatis_kg import __version__
from odatis_kg.config import Settings
from odatis_kg.store.engine import EngineError, SparqlEngine
from odatis_kg.web.errors import Problem, problem, problem_of
from odatis_kg.web.lineage import LineagePages
from odatis_kg.web.linked_data import LinkedData
from odatis_kg.web.negotiation import HTML
from odatis_kg.web.pages.site import Site
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.protocol import SparqlProtocol
from odatis_kg.web.responses import CommonHeaders, respond_problem
from odatis_kg.web.service_description import describe

_Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class _Raw:
    """A raw ASGI application as Starlette's router wants it: an object, not a function."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handler(scope, receive, send)


def create_app(settings: Settings, engine: SparqlEngine) -> FastAPI:
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
    protocol = SparqlProtocol(engine, settings, site.sparql, lambda format_: describe(settings, format_))
    app = FastAPI(
        title="odatis-kg",
        version=__version__,
        summary="The knowledge graph of ODATIS: SPARQL, linked data and lineage.",
        lifespan=lifespan,
        docs_url=None,  # its assets come from elsewhere
        redoc_url=None,
    )
    # The hot routes are raw: FastAPI's own machinery costs a quarter of a millisecond a request.
    read_only = ["GET", "HEAD"]
    app.router.routes.extend(
        [
            Route("/sparql", _Raw(protocol)),
            Route("/id/{rest:path}", _Raw(linked.thing), methods=read_only),
            Route("/doc/{rest:path}", _Raw(linked.document), methods=read_only),
            Route("/graph/{rest:path}", _Raw(linked.graph), methods=read_only),
            Route("/resource", _Raw(linked.resource), methods=read_only),
            Route("/def/odk", _Raw(linked.ontology), methods=read_only),
            Route("/lineage", _Raw(LineagePages(engine, settings, templates)), methods=read_only),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ]
    )
    _add_pages(app, site, engine)
    _add_problems(app, settings)
    app.add_middleware(CommonHeaders, root=urlsplit(settings.base_url).path)
    return app


def _add_pages(app: FastAPI, site: Site, engine: SparqlEngine) -> None:
    vary = {"Vary": "Accept-Language"}

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def home(request: Request) -> Response:
        return Response(site.home(request.scope), media_type=HTML, headers=vary)

    @app.head("/search", include_in_schema=False)
    @app.get("/search", summary="Find things by words or by kind", operation_id="search")
    def search(
        request: Request,
        q: str = Query("", max_length=500, description="Words; the last one may be begun only."),
        kind: str = Query("", max_length=100, description="A kind of thing, such as dcat:Dataset."),
        page: int = Query(1, ge=1, le=10_000, description="Page of 25 results, from 1."),
    ) -> Response:
        return Response(site.search(request.scope, q, kind, page), media_type=HTML, headers=vary)

    @app.api_route("/problems", methods=["GET", "HEAD"], include_in_schema=False)
    def problems(request: Request) -> Response:
        return Response(site.problems(request.scope), media_type=HTML, headers=vary)

    @app.get("/health/live", summary="Whether the server runs", operation_id="live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", summary="Whether queries are answered", operation_id="ready")
    async def ready() -> dict[str, Any]:
        from odatis_kg.store.engine import Query as SparqlQuery

        try:
            async with engine.query(SparqlQuery("ASK {}", timeout=5)) as answer:
                async for _ in answer.chunks():
                    pass
        except EngineError as error:
            raise problem_of(error) from error
        return {"status": "ready", "release": engine.release}


def _add_problems(app: FastAPI, settings: Settings) -> None:
    """Every error of the framework in the same form as ours."""

    async def answer(_: Request, error: Exception) -> Response:
        found = _translate(error)

        class _Sent(Response):
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
                await respond_problem(scope, send, found, settings.base_url)

        return _Sent()

    for kind in (Problem, HTTPException, RequestValidationError, Exception):
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
