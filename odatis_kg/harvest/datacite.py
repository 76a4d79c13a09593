"""DOIs of DataCite's REST API, by repository, prefix or query, page by page with a cursor (support.datacite.org/docs/api).

The API gives findable DOIs, oldest first whatever order is asked for, so that a DOI made during a walk comes at its end.
Its links to the next page leave out some parameters of the first one (`publisher` among them): only the cursor is taken
from a link, and each request says everything again. What must stay true: a walk ends without an exception only when as
many different DOIs came as the API announced.

A record's content is its data object of the answer without what is not the record: counts of views, downloads and
citations, which change from day to day without the record changing, and what the API adds when it is asked for one DOI
alone (the XML, the DOI in two halves, identifiers under their second name, records of other DOIs). It is written with
sorted members, because the API keeps no order between its index and its database. The answer itself is archived as it came.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import doi
from odatis_kg.mapping.json import document_of
from odatis_kg.mapping.kinds import content_key
from odatis_kg.sources import DataCiteSource

_MEDIA_TYPE: Final = "application/vnd.api+json"
_FIRST: Final = "1"  # the cursor of the first page
_ROUNDS: Final = 2
_FORM: Final = {"affiliation": "true", "publisher": "true"}  # both with their identifiers
_NOT_THE_RECORD: Final = frozenset({
    "viewCount", "viewsOverTime", "downloadCount", "downloadsOverTime", "citationCount", "citationsOverTime",
    "referenceCount", "partCount", "partOfCount", "versionCount", "versionOfCount",
    "xml", "prefix", "suffix", "alternateIdentifiers", "landingPage",
})  # fmt: skip

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far a walk is: what is asked for, the cursor of the next page (empty at the end), the round, and the count."""

    asked: Mapping[str, str] = field(default_factory=dict)
    cursor: str = _FIRST
    round: int = 1
    seen: int = 0
    total: int = 0


class DataCiteClient:
    """The client of one DataCite source."""

    incremental = True

    def __init__(self, source: DataCiteSource, http: Http) -> None:
        self._source = source
        self._http = http
        self._address = f"{source.url.rstrip('/')}/dois"

    def pages(self, start: Start) -> Iterator[Page]:
        """The DOIs of the source, those changed since `start.since` when it is given.

        Raises:
            HarvestError: nothing chooses the DOIs, the API refuses or cannot be understood, or fewer DOIs came than it announced.
            FetchError: the API cannot be reached.
        """
        asked = self._asked(start.since)
        walk = _Walk(**start.checkpoint) if start.checkpoint else _Walk(asked)
        if walk.asked != asked:
            walk = _Walk(asked)  # the settings are not those of the walk that was broken off
        known: set[str] = set()
        while walk.cursor or walk.seen < walk.total:
            if not walk.cursor:
                if walk.round == _ROUNDS:
                    raise HarvestError(
                        f"{self._address} announces {walk.total:,} DOIs and gave {walk.seen:,}, also when asked again;"
                        " nothing is taken for gone"
                    )
                walk = replace(walk, cursor=_FIRST, round=walk.round + 1, seen=0)
                known.clear()
            page, walk = self._page(walk, known)
            yield page

    def one(self, identifier: str) -> Page:
        """The record of one DOI; deleted when the API no longer shows it.

        Raises:
            HarvestError, FetchError: as for `pages`.
        """
        address = f"{self._address}/{quote(identifier)}"
        try:
            answer = self._http.get(address, _FORM, {"Accept": _MEDIA_TYPE})
        except FetchError as error:
            if error.status == 404 and _complaint(error.content):
                return Page(error.as_answer(), (Item(identifier, None),))
            raise
        return Page(answer, (_item(_Document(answer).member("data", dict)),))

    def _asked(self, since: str) -> dict[str, str]:
        source = self._source
        query = source.query
        if not (source.client_id or source.prefix or query):
            raise HarvestError(
                "a DataCite source needs a `client_id`, a `prefix` or a `query`: without any, all of DataCite would come"
            )
        if since:
            changed = f"updated:[{since} TO *]"
            query = f"({query}) AND {changed}" if query else changed
        chosen = {"client-id": source.client_id, "prefix": source.prefix, "query": query}
        return {name: value for name, value in chosen.items() if value}

    def _page(self, walk: _Walk, known: set[str]) -> tuple[Page, _Walk]:
        """The page of a walk's cursor, and the walk after it; `known` is added to."""
        paging = {"disable-facets": "true", "page[size]": str(self._source.page_size), "page[cursor]": walk.cursor}
        try:
            answer = self._http.get(self._address, {**walk.asked, **_FORM, **paging}, {"Accept": _MEDIA_TYPE})
        except FetchError as error:
            if error.status == 400 and (complaint := _complaint(error.content)):
                raise HarvestError(f"{self._address} does not understand what it is asked: {complaint}") from None
            raise
        document = _Document(answer)
        items = tuple(map(_item, document.member("data", list)))
        total = document.member("meta", dict).get("total")
        if not isinstance(total, int):
            raise HarvestError(f"{answer.url} does not say how many DOIs there are (meta.total)")
        new = {item.identifier for item in items} - known
        known |= new
        cursor = document.cursor()
        after = replace(walk, cursor=cursor, seen=walk.seen + len(new), total=total)
        if cursor and (not new or after.seen > 2 * total + len(items)):
            raise HarvestError(
                f"{answer.url} leads on to a next page although it brought no DOI that had not come before"
            )
        remarks = () if total else (f"no findable DOI is in what was asked for: {answer.url}",)
        return Page(answer, items, asdict(after), remarks=remarks, total=total), after


class _Document:
    """An answer of the API, taken apart (JSON:API, section 7)."""

    def __init__(self, answer: Answer) -> None:
        self._url = answer.url
        try:
            self._whole = document_of(answer.content)
        except RefusedError as error:
            raise HarvestError(f"{answer.url} is not an answer of DataCite's API: {error}") from None

    def member(self, name: str, kind: type[_Kind]) -> _Kind:
        """A member at the top, of the type it must have."""
        found = self._whole.get(name) if isinstance(self._whole, dict) else None
        if not isinstance(found, kind):
            raise HarvestError(f"{self._url} is not an answer of DataCite's API: its member '{name}' is missing")
        return found

    def cursor(self) -> str:
        """The cursor of the next page; empty when there is none."""
        following = self.member("links", dict).get("next")
        if not following:
            return ""
        cursor = parse_qs(urlsplit(str(following)).query).get("page[cursor]", [""])[0]
        if not cursor:
            raise HarvestError(f"{self._url} leads on without a cursor: {str(following)[:200]}")
        return cursor


def _item(data: Any) -> Item:
    """A data object as an item; deleted when its DOI is no longer findable (registered only, or a draft)."""
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(attributes, dict):
        content = _as_bytes(data)
        return Item(content_key(content), content)
    relations = data.get("relationships")
    content = _as_bytes({
        "id": data.get("id"),
        "type": data.get("type"),
        "attributes": {name: value for name, value in attributes.items() if name not in _NOT_THE_RECORD},
        "relationships": {
            name: value for name, value in (relations if isinstance(relations, dict) else {}).items() if name == "client"
        },
    })  # fmt: skip
    stated = str(data.get("id") or attributes.get("doi") or "")
    identifier = doi(stated) or stated or content_key(content)
    modified = str(attributes.get("updated") or "")
    if attributes.get("state", "findable") != "findable":
        return Item(identifier, None, modified)
    return Item(identifier, content, modified)


def _as_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()


def _complaint(content: bytes) -> str:
    """What an error document of the API says; empty when it is none (JSON:API, section 11)."""
    try:
        document = document_of(content)
    except RefusedError:
        return ""
    errors = document.get("errors") if isinstance(document, dict) else None
    said = [one.get("title") for one in (errors if isinstance(errors, list) else [errors]) if isinstance(one, dict)]
    return "; ".join(str(title) for title in said if title)[:300]
