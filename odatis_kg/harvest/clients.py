"""Which client speaks the protocol of a source."""

from odatis_kg.harvest.client import Client
from odatis_kg.harvest.dcat import DcatClient
from odatis_kg.harvest.http import Http
from odatis_kg.harvest.sitemap import SitemapClient
from odatis_kg.sources import DcatSource, SitemapSource, WebSource


def client_for(source: WebSource, http: Http) -> Client:
    """The client of a source.

    Raises:
        TypeError: no client speaks its protocol (a fault of ours: a test looks at every protocol).
    """
    if isinstance(source, DcatSource):
        return DcatClient(source, http)
    if isinstance(source, SitemapSource):
        return SitemapClient(source, http)
    raise TypeError(f"no client for {type(source).__name__}")
