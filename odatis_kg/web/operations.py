"""What operators and their tools ask: whether the service lives, whether it answers queries, and its metrics."""

import asyncio
import json
import time
from ipaddress import ip_address
from typing import Any, Final

from fastapi import FastAPI, Request, Response

from odatis_kg.config import Settings
from odatis_kg.store.engine import EngineError, Query, SparqlEngine
from odatis_kg.web.caching import Cache
from odatis_kg.web.errors import problem
from odatis_kg.web.metrics import Metrics
from odatis_kg.web.responses import Page

_JSON: Final = "application/json"
# Readiness is found out by a query of our own; nobody can have us ask more often than this.
_FRESH_SECONDS: Final = 1.0
_READY_SECONDS: Final = 5.0
# A proxy that passes a request on says so in one of these.
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host", "x-forwarded-proto")


def add_operations(app: FastAPI, engine: SparqlEngine, settings: Settings, metrics: Metrics, cache: Cache) -> None:
    """Add `/health/live`, `/health/ready` and `/metrics`."""
    readiness = Readiness(engine)

    @app.head("/health/live", include_in_schema=False)
    @app.get("/health/live", summary="Whether the server runs", operation_id="live")
    async def live() -> Response:
        return _json(200, {"status": "live"})

    @app.head("/health/ready", include_in_schema=False)
    @app.get("/health/ready", summary="Whether queries are answered", operation_id="ready")
    async def ready() -> Response:
        why = await readiness.find_out()
        state = engine.state()
        return _json(
            503 if why else 200,
            {
                "status": "not ready" if why else "ready",
                **({"reason": why} if why else {}),
                "release": engine.release,
                "mode": state.mode,
                "places": state.places,
                "network_lock": state.network_lock,
            },
        )

    @app.head("/metrics", include_in_schema=False)
    @app.get("/metrics", summary="Metrics for Prometheus", operation_id="metrics")
    async def scrape(request: Request) -> Response:
        if not _may_read(request, settings.server.metrics):
            raise problem("not-found", "there is no page at this address")
        return Page(
            metrics.render(engine, cache), media_type="text/plain; version=0.0.4", headers={"Cache-Control": "no-store"}
        )


class Readiness:
    """Whether queries are answered, as of a moment ago."""

    def __init__(self, engine: SparqlEngine) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self._asked = -_FRESH_SECONDS
        self._why: str | None = None

    async def find_out(self) -> str | None:
        """Why they are not; None when they are."""
        async with self._lock:
            if time.monotonic() - self._asked >= _FRESH_SECONDS:
                self._why = await self._ask()
                self._asked = time.monotonic()
            return self._why

    async def _ask(self) -> str | None:
        try:
            async with (
                asyncio.timeout(_READY_SECONDS + 1),
                self._engine.query(Query("ASK {}", timeout=_READY_SECONDS, own=True)) as answer,
            ):
                async for _ in answer.chunks():
                    pass
        except EngineError as error:
            return str(error)
        except TimeoutError:
            return f"a query was not answered within {_READY_SECONDS:g} seconds"
        return None


def _may_read(request: Request, who: str) -> bool:
    if who != "loopback":
        return who == "on"
    try:
        address = ip_address(request.client.host) if request.client else None
    except ValueError:
        return False
    return address is not None and address.is_loopback and not any(name in request.headers for name in _FORWARDED)


def _json(status: int, content: dict[str, Any]) -> Response:
    return Page(json.dumps(content), status, {"Cache-Control": "no-store"}, _JSON)
