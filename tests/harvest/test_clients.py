"""Every source that can be configured has a client that speaks its protocol; the example settings are such sources."""

from pathlib import Path
from typing import get_args

import pytest

from odatis_kg.config import load
from odatis_kg.harvest.clients import client_for
from odatis_kg.harvest.http import Http
from odatis_kg.sources import FolderSource, Source, WebSource
from tests.conftest import ROOT

EXAMPLE = load(ROOT / "deploy" / "odatis-kg.toml")
# What the mission names: each of these services has a source in the example.
SERVICES = (
    "sextant.ifremer.fr", "seanoe.org", "api.datacite.org", "seadatanet", "edmo.seadatanet.org", "pub.orcid.org",
    "vocab.nerc.ac.uk", "earthdata.nasa.gov",
)  # fmt: skip


def test_each_protocol_has_a_client() -> None:
    for model in get_args(get_args(Source)[0]):
        if model is FolderSource:
            continue
        needed = {
            "collections": ("P02",),
            "url": "https://example.org/",
            "protocol": get_args(model.model_fields["protocol"].annotation)[0],
        }
        source = model(**{name: value for name, value in needed.items() if name in model.model_fields})
        http = Http(source)
        client = client_for(source, http)
        assert isinstance(client.incremental, bool)
        http.close()


@pytest.mark.parametrize("name", EXAMPLE.sources)
def test_each_source_of_the_example_has_a_client(name: str) -> None:
    source = EXAMPLE.sources[name]
    assert source.enabled in (True, False)
    if isinstance(source, FolderSource):
        assert all(isinstance(path, Path) for path in source.paths)
        return
    assert isinstance(source, WebSource)
    http = Http(source, EXAMPLE.harvest.contact)
    assert client_for(source, http) is not None
    http.close()


@pytest.mark.parametrize("service", SERVICES)
def test_the_example_names_the_services_of_odatis_and_its_neighbours(service: str) -> None:
    addresses = [source.url for source in EXAMPLE.sources.values() if isinstance(source, WebSource)]
    assert any(service in address for address in addresses), service
