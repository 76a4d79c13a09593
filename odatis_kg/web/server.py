"""Running the application: one front process, as many query workers as asked for."""

import logging
import socket

import click
import uvicorn

from odatis_kg.config import Settings
from odatis_kg.store.adapters import engine_for
from odatis_kg.store.release import Releases
from odatis_kg.web.app import create_app


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
    config = uvicorn.Config(
        app,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        lifespan="on",
    )
    server = _Server(
        config, f"Serving at http://{shown}:{port}/ — SPARQL at http://{shown}:{port}/sparql (Ctrl+C stops)"
    )
    server.run(sockets=[listener])
    if not server.started:
        raise ServeError("the server could not start; the reason is above")


class _Server(uvicorn.Server):
    """Says where to look, once there is something to see."""

    def __init__(self, config: uvicorn.Config, welcome: str) -> None:
        super().__init__(config)
        self._welcome = welcome

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then welcome."""
        await super().startup(sockets)
        if self.started:
            click.echo(self._welcome, err=True)


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServeError(f"cannot listen on {host} port {port}: {reason}; choose another with --port") from None
