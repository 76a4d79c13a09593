"""Which adapter the settings ask for."""

from odatis_kg.config import Settings
from odatis_kg.store.engine import SparqlEngine
from odatis_kg.store.release import Releases


def engine_for(settings: Settings, *, workers: int | None = None) -> SparqlEngine:
    """The engine of `settings.engine`, not started yet; `workers` overrides the number of worker processes."""
    if settings.engine == "sparql":
        from odatis_kg.store.remote import RemoteEngine  # only who asks for it waits for aiohttp

        return RemoteEngine(settings.query, settings.base_url, Releases(settings.data_dir))
    from odatis_kg.store.pool import WorkerPool  # nor those who ask for nothing, such as --help

    return WorkerPool(Releases(settings.data_dir), settings.query, workers or settings.server.workers)
