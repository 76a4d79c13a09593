"""DCAT catalogues in RDF: in pages linked by the Hydra vocabulary, or in one piece; each resource becomes one item.

Source: Hydra Core Vocabulary (W3C community group draft), section 5.2, and its older `PagedCollection`. What must stay
true: a catalogue that gives less than it announces, or the same page again, does not look as if it were whole.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urljoin

import pyoxigraph as ox

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start
from odatis_kg.harvest.http import Http
from odatis_kg.mapping import dcat
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.rdf import Syntax, syntax_of
from odatis_kg.sources import DcatSource

_ACCEPT: Final = {
    "Accept": "text/turtle, application/n-triples;q=0.9, application/rdf+xml;q=0.8, application/ld+json;q=0.7"
}
_SYNTAXES: Final = {
    "text/turtle": Syntax.TURTLE,
    "application/x-turtle": Syntax.TURTLE,
    "application/n-triples": Syntax.TURTLE,
    "application/rdf+xml": Syntax.RDF_XML,
    "application/ld+json": Syntax.JSON_LD,
}
_HYDRA: Final = "http://www.w3.org/ns/hydra/core#"
_NEXT: Final = (_HYDRA + "next", _HYDRA + "nextPage")
_TOTAL: Final = _HYDRA + "totalItems"
_NOT_DESCRIBED: Final = "the catalogue lists it, and no page describes it with a class and a title"
_MOST_PAGES: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a walk has come: where it goes on, and what the pages so far were.

    `pages` are their addresses and contents, by digest; `awaited` is what they list and do not describe; `total` is how
    many resources they announce, 0 when they do not.
    """

    following: str
    pages: tuple[str, ...] = ()
    items: int = 0
    total: int = 0
    awaited: tuple[str, ...] = ()

    @property
    def is_again(self) -> bool:
        """Whether the next page is one that has been seen."""
        return _digest(self.following) in self.pages


class DcatClient:
    """The datasets, series and services of one catalogue; an item is the bounded description of one, in N-Triples."""

    def __init__(self, source: DcatSource, http: Http) -> None:
        self._source = source
        self._http = http
        self._last: Page | None = None

    @property
    def incremental(self) -> bool:
        """False: neither DCAT nor Hydra can ask for what changed."""
        return False

    def pages(self, start: Start) -> Iterator[Page]:
        """The pages of the catalogue, from its address on or after a checkpoint, until one has no next page.

        Raises:
            HarvestError: a page is no DCAT, comes again, or fewer resources came than were announced.
            FetchError: the server cannot be reached.
        """
        progress = _Progress(self._source.url)
        if start.checkpoint:
            found = start.checkpoint
            progress = _Progress(**{**found, "pages": tuple(found["pages"]), "awaited": tuple(found["awaited"])})
        while (address := progress.following) and not progress.is_again:
            if len(progress.pages) > 2 * _MOST_PAGES:
                raise HarvestError(f"the catalogue has more than {_MOST_PAGES:,} pages")
            page, progress = self._page(address, progress)
            yield page
        if progress.items < progress.total:
            raise HarvestError(f"the catalogue announces {progress.total:,} resources and gave {progress.items:,}")
        if progress.following and not progress.total:
            raise HarvestError(f"the last page leads back to {progress.following}, which has been seen already")
        if not progress.items:
            raise HarvestError(f"{self._source.url} holds no dataset and no service")

    def one(self, identifier: str) -> Page:
        """One resource again, if the catalogue has it: from its page, for what its own address answers need not be the same.

        Raises:
            HarvestError, FetchError: as for `pages`.
        """
        page, progress = self._last, _Progress(self._source.url)
        while True:
            found = tuple(item for item in page.items if item.identifier == identifier) if page else ()
            if page and (found or not progress.following or progress.is_again):
                return Page(page.answer, found)
            page, progress = self._page(progress.following, progress)
            self._last = page  # several of one page are asked for one after the other

    def _page(self, address: str, before: _Progress) -> tuple[Page, _Progress]:
        answer = self._http.get(address, headers=_ACCEPT)
        graph = _graph(answer)
        items = {one.name: _item(one) for one in dcat.descriptions(graph)}
        content = _digest("\n".join(sorted(f"{name} {_digest(one.content or b'')}" for name, one in items.items())))
        if items and content in before.pages:
            raise HarvestError(f"{address} holds the same resources as a page before: the server gives one page again")
        awaited = (dcat.listed(graph) | set(before.awaited)) - items.keys()
        following = _next(graph, address)
        if not following:
            for name in sorted(awaited):
                items[name] = Item(name, None, reason=_NOT_DESCRIBED)
        total = _total(graph)
        progress = _Progress(
            following=following,
            pages=(*before.pages, _digest(address), *((content,) if items else ())),
            items=before.items + len(items),
            total=max(before.total, total or 0),
            awaited=tuple(sorted(awaited)) if following else (),
        )
        return Page(answer, tuple(items.values()), asdict(progress), total=total), progress


def _graph(answer: Answer) -> dcat.Graph:
    syntax = _SYNTAXES.get(answer.media_type)
    try:
        if answer.media_type in ("text/html", "application/xhtml+xml"):
            raise RefusedError("an HTML page where RDF is expected")
        graph = dcat.parse(answer.content, syntax or syntax_of(answer.content), answer.url)
    except RefusedError as error:
        raise HarvestError(f"{answer.url} cannot be read: {error}") from None
    if not dcat.is_catalogue(graph) and not _total(graph) and not _links(graph):
        raise HarvestError(f"{answer.url} holds RDF without any catalogue or dataset (DCAT)")
    return graph


def _item(one: dcat.Description) -> Item:
    if one.refusal:
        return Item(one.name, None, one.modified, one.refusal)
    return Item(one.name, one.content, one.modified)


def _links(graph: dcat.Graph) -> dict[str, str]:
    """The next pages that a document names, by the page that they follow."""
    return {
        subject.value: object_.value
        for statements in graph.by_subject.values()
        for subject, name, object_ in statements
        if name.value in _NEXT and not isinstance(object_, ox.BlankNode)
    }


def _next(graph: dcat.Graph, address: str) -> str:
    """The address of the next page; empty on the last one.

    Raises:
        HarvestError: a document names several, and none for the page asked for.
    """
    links = _links(graph)
    named = {links[address]} if address in links else set(links.values())
    if len(named) > 1:
        raise HarvestError(f"{address} names {len(named)} next pages, and none of them for itself")
    return urljoin(address, next(iter(named), ""), allow_fragments=True) if named else ""


def _total(graph: dcat.Graph) -> int | None:
    """How many resources the catalogue says it has in all; None when it does not say."""
    stated = [
        object_.value.strip()
        for statements in graph.by_subject.values()
        for _, name, object_ in statements
        if name.value == _TOTAL and isinstance(object_, ox.Literal)
    ]
    numbers = [int(text) for text in stated if text.isdigit() and text.isascii() and len(text) < 12]
    return max(numbers, default=None)


def _digest(text: str | bytes) -> str:
    return sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:16]
