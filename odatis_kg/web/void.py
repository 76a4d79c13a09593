"""What the graph says of itself (VoID, W3C Note "Describing Linked Datasets"), over HTTP: `/.well-known/void`, which the Note
names (section 7.2), `/void` and its formats, and the dump it points at.

The description was made with the release and is only given out here: nothing is evaluated, whatever the engine.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.labels import labels
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES
from odatis_kg.store import void
from odatis_kg.store.engine import GraphFormat
from odatis_kg.store.release import Release
from odatis_kg.store.serialise import triples_as
from odatis_kg.web.errors import problem
from odatis_kg.web.negotiation import GRAPHS, HTML, NAMES, document_format, graph_format
from odatis_kg.web.pages.site import Site
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.responses import etag_of, respond

WELL_KNOWN: Final = ".well-known/void"
DUMP: Final = "dump.nq.gz"
ROUTES: Final = (WELL_KNOWN, DUMP, "void", *(f"void.{ending}" for ending in ("html", "ttl", "nt", "jsonld", "rdf")))
_VARY: Final = "Accept, Accept-Language"


class VoidPages:
    """The routes of the description."""

    def __init__(self, settings: Settings, site: Site, templates: Templates) -> None:
        self._settings = settings
        self._site = site
        self._templates = templates
        self._written = lru_cache(maxsize=2 * len(GraphFormat))(self._write)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called with `/.well-known/void`, `/void`, `/void.ttl` and the like, `/dump.nq.gz`."""
        path = scope["path"].lstrip("/")
        release = self._release()
        if path == DUMP:
            await FileResponse(release.dump, media_type="application/gzip", filename=f"odatis-kg-{release.id}.nq.gz")(
                scope, receive, send
            )
            return
        await self._describe(scope, send, path, release)

    async def _describe(self, scope: Scope, send: Send, path: str, release: Release) -> None:
        accept = _wanted(scope, path)
        # Those who ask the well-known address are programs; a browser goes to the page.
        chosen = graph_format(accept) if path == WELL_KNOWN else document_format(accept)
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[*GRAPHS, HTML])
        languages = self._site.languages(scope)
        if chosen == HTML:
            content = await self._page(release, languages)
        else:
            content = self._written(GraphFormat(chosen), release.id)
        headers = {"Vary": _VARY, "ETag": etag_of(release.id, "void", chosen, *languages)}
        await respond(scope, send, 200, content, chosen, headers)

    def _release(self) -> Release:
        release = self._site.release()
        if release is None or not release.description.is_file():
            raise problem("not-found", "the release being served has no description; it is made by the next build")
        return release

    def _write(self, format_: GraphFormat, _: str) -> bytes:
        release = self._release()
        end = f" <{void.graph_name(self._settings.iris)}> ."
        lines = [line.removesuffix(end) + " ." for line in void.read(release.description)]
        lines += [f"{s} {p} {o} ." for s, p, o in self._catalogue(release)]
        prefixes = {**all_prefixes(self._settings.iris), "void-ext": void.EXTENSION}
        return triples_as(format_, "\n".join(lines).encode(), prefixes)

    def _catalogue(self, release: Release) -> Iterator[tuple[Term, Term, Term]]:
        """The same in DCAT 3, for catalogues; not in the store, where only the data sets of others are data sets."""
        base, dcat, dct = self._settings.base_url, PREFIXES["dcat"], PREFIXES["dct"]
        whole = values.iri(void.dataset(self._settings.iris))
        dump, service = values.iri(f"{base}void#dump"), values.iri(f"{base}sparql")
        yield whole, RDF_TYPE, Term(f"<{dcat}Dataset>")
        yield whole, Term(f"<{dcat}landingPage>"), values.iri(base)
        yield whole, Term(f"<{dcat}distribution>"), dump
        yield dump, RDF_TYPE, Term(f"<{dcat}Distribution>")
        yield dump, Term(f"<{dcat}downloadURL>"), values.iri(f"{base}{DUMP}")
        yield dump, Term(f"<{dcat}accessURL>"), values.iri(f"{base}{DUMP}")
        yield dump, Term(f"<{dcat}byteSize>"), values.integer(release.dump.stat().st_size)
        media_types = "https://www.iana.org/assignments/media-types/application/"
        yield dump, Term(f"<{dcat}mediaType>"), values.iri(f"{media_types}n-quads")
        yield dump, Term(f"<{dcat}compressFormat>"), values.iri(f"{media_types}gzip")
        yield service, RDF_TYPE, Term(f"<{dcat}DataService>")
        yield service, Term(f"<{dcat}endpointURL>"), service
        yield service, Term(f"<{dcat}servesDataset>"), whole
        yield service, Term(f"<{dct}title>"), values.text("SPARQL", "en")

    async def _page(self, release: Release, languages: tuple[str, ...]) -> bytes:
        statistics = release.statistics()
        counts = {tuple(row[:-1]): row[-1] for row in statistics["partitions"]}
        named = await labels(
            self._site.engine, self._settings.iris, [*statistics["classes"], *statistics["predicates"]], languages
        )
        return self._templates.render(
            "void.html",
            languages,
            manifest=release.manifest,
            statistics=statistics,
            things=counts.get(("things",), 0),
            statements=counts.get(("statements",), 0),
            classes=_ranked(statistics["classes"]),
            properties=_ranked(statistics["predicates"]),
            links_out=_links(counts),
            names={iri: label.text for iri, label in named.items()},
            formats=[
                (kind, f"void.{ending}")
                for kind, ending in (("Turtle", "ttl"), ("JSON-LD", "jsonld"), ("N-Triples", "nt"))
            ],
        )


def _wanted(scope: Scope, path: str) -> str | None:
    """The media types asked for: by the ending of the address, by `?format=`, or in `Accept`."""
    _, dot, ending = path.rpartition("void")[2].partition(".")
    named = ending if dot else QueryParams(scope["query_string"]).get("format", "")
    return NAMES.get(named, named) if named else Headers(scope=scope).get("accept")


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _links(counts: Mapping[tuple[str, ...], int]) -> list[tuple[str, str, int]]:
    """Links to what others keep: title of the target, its address, number; the most linked first."""
    totals: dict[str, int] = {}
    for key, number in counts.items():
        if key[0] == "link":
            totals[key[1]] = totals.get(key[1], 0) + number
    return [(*void.TITLES[target], number) for target, number in _ranked(totals)]
