"""Which client speaks the protocol of a source."""

from odatis_kg.harvest.client import Client
from odatis_kg.harvest.http import Http
from odatis_kg.sources import WebSource


def client_for(source: WebSource, http: Http) -> Client:  # noqa: ARG001
    """The client of a source.

    Raises:
        TypeError: no client speaks its protocol (a fault of ours: a test looks at every protocol).
    """
    raise TypeError(f"no client for {type(source).__name__}")
