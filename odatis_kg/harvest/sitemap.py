"""Web pages with embedded schema.org JSON-LD, found through a sitemap (sitemaps.org protocol 0.9; the ODIS pattern).

What must stay true: robots.txt is asked first and obeyed; only pages of hosts that the sitemap may speak for are asked; a
walk in which a part of the sitemap could not be read does not end as if it were whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

from odatis_kg.harvest import embedded, robots
from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.sitemap_file import Entry, host_of, read
from odatis_kg.sources import SitemapSource

_ACCEPT: Final = {"Accept": "application/ld+json, text/html;q=0.9, application/xhtml+xml;q=0.9, */*;q=0.1"}
_DEEPEST: Final = 3  # an index may not list indexes (section "Using Sitemap index files"); some do
_MOST_SITEMAPS: Final = 5_000
_LONGEST_PAUSE: Final = 3_600.0  # seconds between two requests; a site that asks for more does not want to be read
_MOST_FAILURES: Final = 5  # pages in a row that the server does not answer, before the harvest is put off
_MOST_HELD: Final = 1_000  # pages left as they are, before they are handed over
_MOST_NAMED: Final = 5


@dataclass(slots=True)
class _Listing:
    """What the sitemaps of a source list."""

    answer: Answer
    entries: list[Entry] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Held:
    """What there is to say before the next answer that brings something."""

    items: list[Item] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


class SitemapClient:
    """The pages of one site; an item is what a page says of data sets and publications, named by the page's address.

    A page with several blocks of JSON-LD is one item that holds them together; a block that is not JSON is an item of its
    own, named by the page's address and the number of the block (`#2`), so that somebody learns of it.
    """

    def __init__(self, source: SitemapSource, http: Http) -> None:
        self._source = source
        self._http = http
        self._include = re.compile(source.include) if source.include else None
        self._robots: dict[str, robots.Robots] = {}
        self._hosts = {host_of(source.url), *(host.lower() for host in source.hosts)}

    @property
    def incremental(self) -> bool:
        """True: pages whose `lastmod` is older than asked for are left out."""
        return True

    def pages(self, start: Start) -> Iterator[Page]:
        """One page for each web page that was asked for, by address.

        Pages whose `lastmod` is not newer than the answer known are unchanged, and are not asked for.

        Raises:
            HarvestError: no sitemap, robots.txt shuts us out or cannot be had, or a part of it all could not be read.
            FetchError: the server cannot be reached.
        """
        listing = self._listing()
        since = datetime.fromisoformat(start.since) if start.since else None
        after = str((start.checkpoint or {}).get("after", ""))
        entries = [
            one
            for one in listing.entries
            if one.address > after and not (since and one.changed and one.changed < since)
        ]
        remarks, held, failed = tuple(listing.remarks), _Held(), 0
        position = {"after": after}
        for entry in entries:
            known = start.known.validators(entry.address)
            page = None
            if _is_known(entry, known):
                held.unchanged.append(entry.address)
            else:
                try:
                    answer = self._ask(entry.address, known)
                    page = _page(entry, answer)
                    failed = 0
                except FetchError as error:
                    failed = failed + 1 if error.temporary else 0
                    if failed == _MOST_FAILURES:
                        raise HarvestError(f"{failed} pages in a row were not answered, the last so: {error}") from None
                    held.items.append(_failure(entry, error))
            position = {"after": entry.address}
            if page is None and len(held.unchanged) + len(held.items) < _MOST_HELD:
                continue
            yield Page(
                answer=page.answer if page else listing.answer,
                items=(*held.items, *(page.items if page else ())),
                checkpoint=position,
                unchanged=(*held.unchanged, *(page.unchanged if page else ())),
                remarks=remarks,
                total=len(listing.entries),
            )
            remarks, held = (), _Held()
        if remarks or held.items or held.unchanged:
            yield Page(
                listing.answer, tuple(held.items), position, tuple(held.unchanged), remarks, len(listing.entries)
            )
        if listing.failures:
            raise HarvestError(f"the sitemap could not be read whole: {'; '.join(listing.failures[:_MOST_NAMED])}")

    def one(self, identifier: str) -> Page:
        """A page again, with all that is in it.

        Raises:
            HarvestError: it is not of this site, or robots.txt does not allow it.
            FetchError: the server cannot be reached, or has no such page.
        """
        address = urldefrag(identifier).url
        if host_of(address) not in self._hosts:
            raise HarvestError(f"{address} is not a page of {self._source.url}")
        if not self._robots_of(address).allows(address):
            raise HarvestError(f"the robots.txt of {host_of(address)} does not allow {address}")
        return _page(Entry(address), self._ask(address, Validators()))

    def _ask(self, address: str, known: Validators) -> Answer:
        return self._http.get(address, headers=_ACCEPT, etag=known.etag, last_modified=known.last_modified)

    # robots.txt

    def _robots_of(self, address: str) -> robots.Robots:
        """What the robots.txt of an address's host says; one that is not there allows everything (RFC 9309, 2.3.1)."""
        host = host_of(address)
        if host not in self._robots:
            url = urljoin(address, "/robots.txt")
            try:
                found = robots.read(self._http.get(url).content)
            except FetchError as error:
                if not 400 <= error.status < 500 or error.temporary:
                    raise HarvestError(f"what may be read is not known, so the harvest is put off: {error}") from None
                found = robots.Robots()
            if found.delay > _LONGEST_PAUSE:
                raise HarvestError(
                    f"{url} asks for a pause of {found.delay:,.0f} seconds between two requests, which comes near to no"
                )
            self._http.slow_down(found.delay)
            self._robots[host] = found
        return self._robots[host]

    # The sitemap

    def _listing(self) -> _Listing:
        """All pages that may be asked for, by address, each once.

        Raises:
            HarvestError: there are none, or more than allowed.
        """
        site = self._robots_of(self._source.url)
        if urlsplit(self._source.url).path.removesuffix("robots.txt") in ("", "/"):
            first = list(site.sitemaps) or [urljoin(self._source.url, "/sitemap.xml")]
            # A site may keep its sitemap elsewhere when its robots.txt says so ("Sitemaps & Cross Submits").
            self._hosts |= {host_of(one) for one in site.sitemaps}
        else:
            first = [self._source.url]
        listing = self._walk(first, set(site.sitemaps))
        if not listing.entries:
            why = f": {'; '.join(listing.failures[:_MOST_NAMED])}" if listing.failures else ""
            raise HarvestError(f"the sitemap {first[0]} lists no page{why}")
        listed, listing.entries = listing.entries, self._chosen(listing)
        if not listing.entries:
            why = "; ".join(listing.remarks)
            raise HarvestError(f"none of the {len(listed):,} pages that {first[0]} lists can be asked for: {why}")
        return listing

    def _walk(self, first: list[str], invited: set[str]) -> _Listing:
        listing: _Listing | None = None
        failures: list[str] = []
        pending = [(address, 0) for address in reversed(first)]
        seen = set(first)
        found: dict[str, Entry] = {}
        while pending:
            address, depth = pending.pop()
            try:
                if address not in invited and not self._robots_of(address).allows(address):
                    raise HarvestError(f"the robots.txt of {host_of(address)} does not allow {address}")
                answer = self._http.get(address)
                entries, inner = read(answer.content, address, self._source.answer_mb)
            except (HarvestError, FetchError) as error:
                if listing is None and not pending:
                    raise
                failures.append(str(error))
                continue
            listing = listing or _Listing(answer)
            if inner and depth == _DEEPEST:
                failures.append(f"{address} is an index of indexes, more than {_DEEPEST} deep")
                inner = []
            for one in reversed(inner):
                if host_of(one) not in self._hosts:
                    failures.append(f"{address} lists the sitemap {one} of another host")
                elif one not in seen and len(seen) == _MOST_SITEMAPS:
                    failures.append(f"there are more than {_MOST_SITEMAPS:,} sitemaps")
                    break
                elif one not in seen:
                    seen.add(one)
                    pending.append((one, depth + 1))
            for entry in entries:
                before = found.setdefault(entry.address, entry)
                if before.changed and (entry.changed is None or entry.changed > before.changed):
                    found[entry.address] = entry
            if len(found) > self._source.most_pages:
                raise HarvestError(
                    f"the sitemap lists more than {self._source.most_pages:,} pages, the most that are asked (most_pages)"
                )
        if listing is None:
            raise HarvestError(f"no sitemap could be read: {'; '.join(failures[:_MOST_NAMED])}")
        listing.entries = sorted(found.values(), key=lambda one: one.address)
        listing.failures = failures
        return listing

    def _chosen(self, listing: _Listing) -> list[Entry]:
        """The pages of this site that are wanted and that robots.txt allows; what is left out is remarked."""
        ours = [one for one in listing.entries if host_of(one.address) in self._hosts]
        wanted = [one for one in ours if self._include is None or self._include.search(one.address)]
        allowed = [one for one in wanted if self._robots_of(one.address).allows(one.address)]
        strange = [host_of(one.address) for one in listing.entries if host_of(one.address) not in self._hosts]
        if strange:
            named = ", ".join(sorted(set(strange))[:_MOST_NAMED])
            listing.remarks.append(
                f"{len(strange):,} pages of other hosts ({named}) are left out; name the hosts to have them (hosts)"
            )
        if not wanted and ours:
            listing.remarks.append(f"no address matches the expression {self._source.include!r} (include)")
        if len(allowed) < len(wanted):
            listing.remarks.append(f"{len(wanted) - len(allowed):,} pages are left out because robots.txt says so")
        return allowed


# What a page says


def _page(entry: Entry, answer: Answer) -> Page:
    if answer.status == 304:
        return Page(answer, unchanged=(entry.address,))
    items = tuple(
        Item(f"{entry.address}#{number}" if number else entry.address, content, entry.modified)
        for number, content in embedded.contents(answer.content, answer.media_type)
    )
    return Page(answer, items)


def _failure(entry: Entry, error: FetchError) -> Item:
    """What became of a page that the sitemap lists and that could not be had; 410 means that it was taken away on purpose."""
    return Item(entry.address, None, reason="" if error.status == 410 else str(error))


def _is_known(entry: Entry, known: Validators) -> bool:
    """Whether a page has not changed since the answer that is known, by what the sitemap and that answer said."""
    if entry.changed is None or not known.last_modified:
        return False
    try:
        return entry.changed <= parsedate_to_datetime(known.last_modified).astimezone(UTC)
    except ValueError:
        return False
