"""The SPARQL 1.1 Graph Store HTTP Protocol, read side: `/graphs?graph=` and `/graphs?default`.

Graphs whose IRI is ours also have their own address, `/graph/...` (direct identification, section 4.1), see `linked_data`.
Nothing is written: PUT, POST, PATCH and DELETE are refused with 403.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.mapping import values
from odatis_kg.queries import read
from odatis_kg.store.engine import GraphFormat, Query, SparqlEngine
from odatis_kg.store.syntax import bind
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.errors import problem
from odatis_kg.web.negotiation import GRAPHS, graph_format, named_format
from odatis_kg.web.protocol import client_of, decoded

WRITING: Final = ("PUT", "POST", "PATCH", "DELETE")
_READING: Final = ("GET", "HEAD")


class GraphStore:
    """`/graphs`."""

    def __init__(self, engine: SparqlEngine, delivery: Delivery, settings: Settings) -> None:
        self._engine = engine
        self._delivery = delivery
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        if method in WRITING:
            raise problem("read-only", f"{method} would change a graph, and this service is read-only")
        if method not in _READING:
            raise problem("method-not-allowed", f"{method} is not offered", headers={"Allow": "GET, HEAD, OPTIONS"})
        fields = decoded(scope["query_string"], "query string")
        graph = _graph(fields)
        format_ = next((value for name, value in fields if name == "format" and value), None)
        accept = (named_format(format_) or format_) if format_ else Headers(scope=scope).get("accept")
        chosen = graph_format(accept, html=False)
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=list(GRAPHS))
        if graph is None:
            text = read("pages/default-graph", self._settings.iris).text
        else:
            named = {"graph": values.iri(graph)}
            if not await self._exists(bind(read("pages/graph-exists", self._settings.iris).text, named)):
                raise problem("not-found", f"there is no named graph {graph}")
            text = bind(read("pages/graph-content", self._settings.iris).text, named)
        query = Query(
            text,
            table=None,
            graph=GraphFormat(chosen),
            client=client_of(scope.get("client")),
            base=self._settings.base_url,
        )
        await self._delivery.deliver(scope, receive, send, query)

    async def _exists(self, text: str) -> bool:
        async with self._engine.query(Query(text, graph=None, own=True)) as answer:
            return b"true" in b"".join([chunk async for chunk in answer.chunks()])


def _graph(fields: list[tuple[str, str]]) -> str | None:
    """The graph that is meant (section 4.2); None is the default graph."""
    named = [value for name, value in fields if name == "graph"]
    default = any(name == "default" for name, _ in fields)
    if len(named) + default != 1:
        raise problem("bad-request", "name one graph: /graphs?graph=IRI, or /graphs?default for the union of all")
    if default:
        return None
    if not values.is_iri(named[0]):
        raise problem("bad-request", f"graph '{named[0][:100]}' is not an absolute IRI")
    return named[0]
