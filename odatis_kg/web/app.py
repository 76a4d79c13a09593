"""The application: every route, in one place."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from odatis_kg import __version__
from odatis_kg.config import Settings
from odatis_kg.store.engine import EngineError, SparqlEngine
from odatis_kg.store.jsonld import CONTEXT_PATH
from odatis_kg.web.access_log import AccessLog
from odatis_kg.web.caching import Variant, address_of
from odatis_kg.web.context import ContextDocument
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.direct import Direct
from odatis_kg.web.errors import Problem, problem, problem_of
from odatis_kg.web.exchange import Exchange, Routes, nowhere
from odatis_kg.web.graph_store import WRITING, GraphStore
from odatis_kg.web.lineage import LineagePages
from odatis_kg.web.linked_data import LinkedData
from odatis_kg.web.metrics import Metrics
from odatis_kg.web.negotiation import HTML
from odatis_kg.web.openapi import complete
from odatis_kg.web.operations import add_operations
from odatis_kg.web.pages.site import Site
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.problems import ProblemPages
from odatis_kg.web.protocol import SparqlProtocol, client_of
from odatis_kg.web.queries import QueryPages
from odatis_kg.web.responses import CommonHeaders, Page, respond_problem
from odatis_kg.web.service_description import ServiceDescription
from odatis_kg.web.void import ROUTES, VoidPages

_Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
_READ_ONLY = ("GET", "HEAD")
_OTHER_METHODS = ("/sparql", "/graphs")  # they answer for every method themselves


class _Front:
    """Hands the hot routes to raw ASGI applications, for the framework's layers cost as much as a small query does."""

    def __init__(self, exact: Mapping[str, _Handler], below: Mapping[str, _Handler], rest: ASGIApp) -> None:
        self._exact = exact
        self._below = below
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        path: str = scope["path"]
        handler = self._exact.get(path) or self._below.get(path.split("/", 2)[1])
        if handler is None:
            await self._rest(scope, receive, send)
        elif scope["method"] in _READ_ONLY or path in _OTHER_METHODS:
            await handler(scope, receive, send)
        elif scope["method"] in WRITING and path.startswith("/graph/"):
            raise problem("read-only", f"{scope['method']} would change a graph, and this service is read-only")
        else:
            raise problem("method-not-allowed", f"{scope['method']} is not offered", headers={"Allow": "GET, HEAD"})


def create_app(settings: Settings, engine: SparqlEngine) -> "Application":
    """The web application; the engine is started and stopped with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        log.start()
        try:
            await engine.start()
            yield
        finally:
            await engine.stop()
            log.stop()

    metrics = Metrics()
    log = AccessLog(settings.log, metrics)
    delivery = Delivery(engine, settings)
    templates = Templates(settings, engine)
    site = Site(engine, settings, templates)
    linked = LinkedData(engine, settings, templates)
    protocol = SparqlProtocol(delivery, settings, site.sparql, ServiceDescription(settings, engine))
    void, queries = VoidPages(settings, site, templates), QueryPages(engine, delivery, settings, site, templates)
    app = FastAPI(
        title="odatis-kg",
        version=__version__,
        summary="The knowledge graph of ODATIS: SPARQL, linked data and lineage.",
        lifespan=lifespan,
        docs_url=None,  # its assets come from elsewhere
        redoc_url=None,
    )
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    _add_pages(app, site)
    add_operations(app, engine, settings, metrics, delivery.cache)
    _add_problems(app, settings)
    exact: dict[str, _Handler] = {
        "/sparql": protocol,
        "/graphs": GraphStore(engine, delivery, settings),
        f"/{CONTEXT_PATH}": ContextDocument(settings),
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
        "problems": ProblemPages(site, settings),
    }
    complete(app, settings, [*exact, *(f"/{name}/" for name in below)])
    front = _Front(exact, below, app)
    return Application(front, settings, _routes(exact, below, app), protocol, delivery, metrics, log)


class Application(CommonHeaders):
    """The web application, and what the server that runs it asks of it."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        routes: Routes,
        protocol: SparqlProtocol,
        delivery: Delivery,
        metrics: Metrics,
        log: AccessLog,
    ) -> None:
        self.metrics = metrics
        self._protocol = protocol
        self._delivery = delivery
        self._watching = (metrics.observe, log.note)
        self._proxies = ProxyHeadersMiddleware(app, list(settings.server.trusted_proxies)).trusted_hosts  # type: ignore[arg-type]
        # Where `/sparql` is: below the path of the public base address, or where a proxy has taken that off.
        self._sparql = tuple({b"/sparql?", f"{urlsplit(settings.base_url).path}sparql?".encode()})
        super().__init__(app, settings.base_url, routes, metrics, self._watching)

    def direct(
        self,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        peer: tuple[str, int] | None,
        told: Callable[[], None],
    ) -> Variant | Direct | None:
        """What a GET request is answered with, where that is in memory; what was begun to answer it, where that takes no
        waiting (see `Delivery.begin`); None when it is to be answered as requests usually are.
        """
        address = address_of(target, headers)
        if address is None:
            return None
        found = self._delivery.at(address)
        if found is not None:
            held, variant = found
            exchange = Exchange(nowhere)
            exchange.take(held, len(variant.body), "cached")
            for observe in self._watching:
                observe(exchange)
            return variant
        if not target.startswith(self._sparql) or b"#" in target:
            return None
        query_string = target[target.index(b"?") + 1 :]
        query = self._protocol.plain(query_string, address.accept, client_of(self._client(peer, headers)))
        return self._delivery.begin(query, address, told, self._watching) if query else None

    def _client(self, peer: tuple[str, int] | None, headers: list[tuple[bytes, bytes]]) -> tuple[str, int] | None:
        """Who asks: who is connected, unless a proxy that we trust says otherwise."""
        if peer is None or peer[0] not in self._proxies:
            return peer
        stated = b", ".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        client = self._proxies.get_trusted_client_address(stated) if stated else peer
        return client if client[0] else peer


def _routes(exact: Iterable[str], below: Iterable[str], app: FastAPI) -> Routes:
    """The routes of the front and those of the framework."""
    return Routes(
        [*exact, *(route.path for route in app.routes if isinstance(route, Route))],
        [*below, *(mount.path.strip("/") for mount in app.routes if isinstance(mount, Mount))],
    )


def _add_pages(app: FastAPI, site: Site) -> None:
    vary = {"Vary": "Accept-Language"}

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def home(request: Request) -> Response:
        return Page(site.home(request.scope), media_type=HTML, headers=vary)

    @app.head("/search", include_in_schema=False)
    @app.get("/search", summary="Find things by words or by kind", operation_id="search")
    async def search(
        request: Request,
        q: str = Query("", max_length=500, description="Words; the last one may be begun only."),
        kind: str = Query("", max_length=100, description="A kind of thing, such as dcat:Dataset."),
        page: int = Query(1, ge=1, le=10_000, description="Page of 25 results, from 1."),
    ) -> Response:
        return Page(await site.search(request.scope, q, kind, page), media_type=HTML, headers=vary)


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
