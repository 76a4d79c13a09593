"""Running the application: one front process, as many query workers as asked for."""

import asyncio
import contextlib
import gc
import logging
import resource
import socket
from typing import Final, cast

import click
import uvicorn
from starlette.types import ASGIApp

from odatis_kg.config import Settings
from odatis_kg.store.adapters import engine_for
from odatis_kg.store.release import Releases
from odatis_kg.web.app import create_app
from odatis_kg.web.connections import Connections

_FILES: Final = 1 << 20
# What requests leave behind is freed without the collector; going through all that is kept takes many milliseconds.
_COLLECTING: Final = (50_000, 20, 100)
_OTHER_FILES: Final = 200  # than those of connections: of workers, temporary results, the log


class ServeError(Exception):
    """The server cannot start; the message says why and what to do."""


def run(settings: Settings) -> None:
    """Serve until interrupted.

    Raises:
        ServeError: there is nothing to serve, or the address is taken.
    """
    if settings.engine == "embedded":
        release = Releases(settings.data_dir).current()
        if release is None:
            raise ServeError(f"there is no release in {settings.data_dir} yet; build one: odatis-kg build PATH...")
        if release.manifest.base_url != settings.base_url:
            raise ServeError(
                f"the release was built for {release.manifest.base_url}, and base_url is {settings.base_url}: no IRI of"
                f" it would open. Serve it with --base-url {release.manifest.base_url}, or build it again"
            )
    listener = _listen(settings)
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host  # noqa: S104
    app = create_app(settings, engine_for(settings))
    connections = Connections(settings.server, app.metrics, app.direct, settings.base_url, _raise_limit(settings))
    server = _Server(
        configure(settings, app, connections),
        connections,
        f"Serving at http://{shown}:{port}/ — SPARQL at http://{shown}:{port}/sparql (Ctrl+C stops)",
    )
    server.run(sockets=[listener])
    if not server.started:
        raise ServeError("the server could not start; the reason is above")


def configure(settings: Settings, app: ASGIApp, connections: Connections) -> uvicorn.Config:
    """How uvicorn runs the application."""
    trusted = list(settings.server.trusted_proxies)
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", connections.protocol),
        ws="none",
        log_level=logging.ERROR,  # a warning for each wrong request would be a way to fill disks
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),  # who asks is who is connected, unless a proxy that we trust says otherwise
        forwarded_allow_ips=trusted,
        timeout_keep_alive=settings.server.keep_alive_seconds,
        timeout_graceful_shutdown=5,
        lifespan="on",
    )


class _Server(uvicorn.Server):
    """Says where to look, once there is something to see; looks after its connections."""

    def __init__(self, config: uvicorn.Config, connections: Connections, welcome: str) -> None:
        super().__init__(config)
        self._connections = connections
        self._welcome = welcome

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then welcome."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTING)
        if self.started:
            click.echo(self._welcome, err=True)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        self._connections.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)


def _raise_limit(settings: Settings) -> int:
    """Let this process open as many files as it may, and say how many connections there can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard if hard != resource.RLIM_INFINITY else _FILES, max(soft, _FILES))
    if wanted > soft:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(1, min(settings.server.connections, soft - _OTHER_FILES))


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServeError(f"cannot listen on {host} port {port}: {reason}; choose another with --port") from None
