"""Which client speaks the protocol of a source."""

from odatis_kg.harvest.client import Client
from odatis_kg.harvest.csw import CswClient
from odatis_kg.harvest.datacite import DataCiteClient
from odatis_kg.harvest.dcat import DcatClient
from odatis_kg.harvest.edmo import EdmoClient
from odatis_kg.harvest.gcmd import GcmdClient
from odatis_kg.harvest.http import Http
from odatis_kg.harvest.nvs import NvsClient
from odatis_kg.harvest.oaipmh import OaiPmhClient
from odatis_kg.harvest.orcid import OrcidClient
from odatis_kg.harvest.sitemap import SitemapClient
from odatis_kg.sources import (
    CswSource,
    DataCiteSource,
    DcatSource,
    EdmoSource,
    GcmdSource,
    NvsSource,
    OaiPmhSource,
    OrcidSource,
    SitemapSource,
    WebSource,
)


def client_for(source: WebSource, http: Http) -> Client:
    """The client of a source.

    Raises:
        TypeError: no client speaks its protocol (a fault of ours: a test looks at every protocol).
    """
    match source:
        case CswSource():
            return CswClient(source, http)
        case OaiPmhSource():
            return OaiPmhClient(source, http)
        case DataCiteSource():
            return DataCiteClient(source, http)
        case OrcidSource():
            return OrcidClient(source, http)
        case NvsSource():
            return NvsClient(source, http)
        case GcmdSource():
            return GcmdClient(source, http)
        case EdmoSource():
            return EdmoClient(source, http)
        case DcatSource():
            return DcatClient(source, http)
        case SitemapSource():
            return SitemapClient(source, http)
    raise TypeError(f"no client for {type(source).__name__}")
