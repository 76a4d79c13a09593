"""Sources: where records live and by which protocol they come, each a table `[sources.NAME]` of `odatis-kg.toml`.

What must stay true: a source needs nothing but its protocol and its address; every other setting has a bounded default.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http or https address is needed, such as https://catalogue.example.org/csw")
    if parts.username or parts.password:
        raise ValueError("an address with a user name or a password would be shown in the graph; leave them out")
    return value


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


Address = Annotated[str, AfterValidator(_address)]


class AnySource(BaseModel):
    """What all sources share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(True, description="Whether the source is harvested when no source is named.")
    every_hours: float = Field(24.0, ge=0, le=8_784, description="A harvest is due so many hours after the last one.")
    full_every_days: float = Field(
        7.0,
        ge=0,
        le=366,
        description="Days after which everything is asked for again, not only what changed: only then are gone records seen.",
    )


class WebSource(AnySource):
    """What all sources behind an http or https address share."""

    url: Address = Field(description="Address of the service.")
    delay_seconds: float = Field(1.0, ge=0, le=3_600, description="Pause between two requests to the host.")
    timeout_seconds: float = Field(60.0, ge=0.1, le=3_600, description="Longest silence of the server.")
    answer_seconds: float = Field(600.0, ge=0.1, le=86_400, description="Longest time one whole answer may take.")
    answer_mb: int = Field(256, ge=1, le=16_384, description="Largest answer taken, in megabytes, decompressed.")
    tries: int = Field(
        5, ge=1, le=20, description="Times a request is tried when the server is overloaded or unreachable."
    )
    allow_private: bool = Field(
        False,
        description="Whether the server may lead to addresses of the local network (redirects, next pages); its own may be one.",
    )
    page_size: int = Field(50, ge=1, le=2_000, description="Records asked for at a time.")


class CswSource(WebSource):
    """OGC Catalogue Service for the Web 2.0.2 or 3.0."""

    protocol: Literal["csw"]
    version: Literal["auto", "2.0.2", "3.0.0"] = Field("auto", description="Version asked for; auto takes 2.0.2 first.")
    output_schema: str = Field(
        "auto", description="Schema asked for; auto takes ISO 19115-3, else ISO 19139, else Dublin Core, as offered."
    )
    cql: str = Field("", description="CQL text that chooses records, as the service's queryables allow.")
    type_names: str = Field("auto", description="Type queried; auto follows the output schema.")
    method: Literal["post", "get"] = Field("post", description="How GetRecords is asked.")


class OaiPmhSource(WebSource):
    """OAI-PMH 2.0."""

    protocol: Literal["oai-pmh"]
    metadata_prefix: str = Field("oai_dc", min_length=1, description="Format asked for, one the repository lists.")
    sets: tuple[str, ...] = Field((), description="Sets to harvest; none means everything.")
    count_is_estimate: bool = Field(
        False, description="Whether a list may hold fewer records than the repository announces (completeListSize)."
    )


class DataCiteSource(WebSource):
    """DataCite REST API."""

    protocol: Literal["datacite"]
    url: Address = Field("https://api.datacite.org/", description="Address of the API.")
    client_id: str = Field("", description="Repository by its code; several with commas between.")
    prefix: str = Field("", description="DOI prefix, such as 10.17882; several with commas between.")
    query: str = Field(
        "", description="Query in the syntax of the API; what is chosen several ways must fit all of them."
    )
    page_size: int = Field(200, ge=1, le=1_000, description="DOIs asked for at a time.")


class OrcidSource(WebSource):
    """ORCID public API 3.0, only for persons that a harvested record cites."""

    protocol: Literal["orcid"]
    url: Address = Field("https://pub.orcid.org/v3.0/", description="Address of the API.")
    token_variable: str = Field(
        "ORCID_TOKEN",
        description="Environment variable with a read-public token; without one, the API is asked anonymously.",
    )
    suppressed: tuple[str, ...] = Field((), description="ORCID iDs of persons who asked not to be here.")
    suppression_file: Path | None = Field(None, description="File with such ORCID iDs, one a line.")


class NvsSource(WebSource):
    """NERC Vocabulary Server."""

    protocol: Literal["nvs"]
    url: Address = Field("https://vocab.nerc.ac.uk/", description="Address of the server.")
    collections: tuple[str, ...] = Field(min_length=1, description="Collections by their code, such as P02.")
    way: Literal["download", "sparql"] = Field("download", description="Whole collections, or concepts by SPARQL.")
    endpoint: str = Field(
        "sparql/sparql", description="Address of the SPARQL endpoint, as seen from that of the server."
    )
    page_size: int = Field(500, ge=1, le=2_000, description="Concepts asked for at a time by SPARQL.")


class GcmdSource(WebSource):
    """GCMD keywords from the Keyword Management Service."""

    protocol: Literal["gcmd"]
    url: Address = Field("https://cmr.earthdata.nasa.gov/kms/", description="Address of the service.")
    schemes: tuple[str, ...] = Field(("sciencekeywords",), min_length=1, description="Concept schemes.")
    page_size: int = Field(2_000, ge=1, le=2_000, description="Concepts asked for at a time.")


class EdmoSource(WebSource):
    """EDMO, the directory of marine organisations: by SPARQL or as a dump."""

    protocol: Literal["edmo"]
    url: Address = Field(
        "https://edmo.seadatanet.org/sparql/sparql", description="SPARQL endpoint, or address of a dump."
    )
    way: Literal["sparql", "dump"] = Field("sparql", description="How it is asked.")
    page_size: int = Field(500, ge=1, le=2_000, description="Organisations asked for at a time by SPARQL.")


class DcatSource(WebSource):
    """A DCAT catalogue in RDF, in pages (Hydra) or in one piece."""

    protocol: Literal["dcat"]


class SitemapSource(WebSource):
    """Pages with embedded schema.org JSON-LD, found through a sitemap (the ODIS pattern); robots.txt is obeyed."""

    protocol: Literal["sitemap"]
    url: Address = Field(description="Address of the sitemap, or of the site whose robots.txt names its sitemaps.")
    include: Annotated[str, AfterValidator(_expression)] = Field(
        "", description="Regular expression that page addresses must match; empty means all."
    )
    hosts: tuple[str, ...] = Field(
        (), description="Further hosts, such as www.example.org, whose pages the sitemap may list besides its own."
    )
    most_pages: int = Field(
        100_000, ge=1, le=5_000_000, description="Largest number of pages; a sitemap that lists more is refused."
    )


class FolderSource(AnySource):
    """Files and folders of this machine."""

    protocol: Literal["folder"]
    paths: tuple[Path, ...] = Field(min_length=1, description="Files, folders and .zip archives.")


Source = Annotated[
    CswSource
    | OaiPmhSource
    | DataCiteSource
    | OrcidSource
    | NvsSource
    | GcmdSource
    | EdmoSource
    | DcatSource
    | SitemapSource
    | FolderSource,
    Field(discriminator="protocol"),
]
