"""CSW: the records of a catalogue service, page by page, counted against what the service announces.

What must stay true: a walk ends normally only when as many distinct records were seen as the service says it has, each
handed over or named as failing; paging is believed neither in its order nor in what it says comes next. All requests go
through `Http`, which is why no CSW library is used here: those at hand bring connections and a parser of their own.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Final

from odatis_kg.harvest.client import HarvestError, Item, Page, Start
from odatis_kg.harvest.csw_messages import Query
from odatis_kg.harvest.csw_service import CswService, Failed, Received
from odatis_kg.harvest.csw_walk import Stop, Walk, position_after
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.sources import CswSource

_MOST_FAILURES: Final = 10  # records in a row that cannot be had: then it is the server that fails, not the records
_POSITION: Final = "position "


class CswClient:
    """A client for one catalogue; a part of a catalogue (a portal) has an address of its own."""

    incremental = True  # where a service does not know dates of change, everything is asked for

    def __init__(self, source: CswSource, http: Http) -> None:
        self._source = source
        self._service = CswService(source, http)

    # The walk

    def pages(self, start: Start) -> Iterator[Page]:
        """See `Client.pages`. `since` is compared by day, with a day in reserve."""
        walk = self._resumed(start) or Walk(self._settings(start.since), self._service.queries(start.since)[0])
        while True:
            while not walk.is_over:
                yield from self._page(walk, start.since)
            if not walk.is_short or walk.number == 2:
                break
            walk.start_again()
        self._judge(walk)

    def _judge(self, walk: Walk) -> None:
        if walk.is_short:
            raise HarvestError(
                f"incomplete: {self._service.url} announces {walk.expected:,} records (numberOfRecordsMatched), and"
                f" {walk.accounted:,} distinct ones were received in two passes; the last ended because {walk.stop}"
            )
        if walk.nameless:
            raise HarvestError(
                f"incomplete: {walk.nameless:,} record(s) of {self._service.url} cannot be had, and the server does not tell"
                " their identifiers"
            )

    def _page(self, walk: Walk, since: str) -> Iterator[Page]:
        position, size = walk.next, self._size(walk)
        outcome = self._service.ask(walk.query, position, size)
        remarks: tuple[str, ...] = ()
        if isinstance(outcome, Failed):
            if walk.settled:
                self._must_answer(walk, outcome)
            else:
                outcome, remarks = self._settle(walk, outcome, position, size, since)
        walk.settled = True
        if isinstance(outcome, Failed):
            yield from self._bisect(walk, position, max(1, walk.within(position, size)), outcome)
        else:
            yield self._take(walk, outcome, position, size, remarks)

    def _size(self, walk: Walk) -> int:
        """Records to ask for. The second pass has other page boundaries: what fell between two pages is then within one."""
        size = self._source.page_size
        return size if walk.number == 1 else max(1, size * 2 // 3)

    def _take(
        self,
        walk: Walk,
        received: Received,
        position: int,
        size: int,
        remarks: tuple[str, ...] = (),
        part: bool = False,
    ) -> Page:
        """What a page, or part of one, brought; the walk moves on after it."""
        results, items = received.results, received.items
        walk.note(results.matched)
        following, stop = position_after(position, size, len(items), results)
        digest = _page_digest(items)
        if items and digest == walk.page:
            stop = Stop.REPEATED
        walk.page, walk.failing = digest, 0 if items else walk.failing
        said = list(remarks)
        for identifier, more in (doubles := _namesakes(items)).items():
            said.append(f"{more + 1} different records of one page have the identifier {identifier}")
        if stop is None and results.matched is not None and not 0 < (results.next or 0) <= results.matched:
            said.append(f"nextRecord is {results.next or 0} after record {following - 1:,} of {results.matched:,}")
        fresh = [item for item in items if walk.number == 1 or not walk.has_seen(item.identifier)]
        walk.see(item.identifier for item in items)
        walk.doubles += doubles.total()
        # Fewer than there should be, by the server's own account or at the end of the list; a page cut to the server's own
        # size goes on right after it.
        own = position + len(items)
        is_end = results.next != own and (results.matched is None or position + size > results.matched)
        if len(items) < walk.within(position, size) and (is_end or part or following > own):
            fresh += self._left_out(walk, position, size)
        if part:
            walk.go_to(position + size)
        else:
            walk.next, walk.stop = following, stop
        return Page(received.answer, tuple(fresh), walk.checkpoint(), remarks=tuple(said), total=results.matched)

    def _left_out(self, walk: Walk, position: int, size: int) -> list[Item]:
        """The records that a page lacks although the server lists them in brief."""
        brief = self._service.brief(walk.query, position, walk.within(position, size))
        named = {item.identifier for item in brief.items} if brief else set()
        missing = sorted(name for name in named if not walk.has_seen(name))
        walk.see(missing)
        reason = "the server lists the record, and leaves it out of its page"
        return [Item(name, None, reason=reason) for name in missing]

    # A page that fails

    def _bisect(self, walk: Walk, position: int, size: int, failed: Failed) -> Iterator[Page]:
        """The records of a page that fails as a whole, down to those that fail alone."""
        if size <= 1:
            yield self._lost(walk, position, failed)
            return
        half = size // 2
        for start, count in ((position, half), (position + half, size - half)):
            if walk.stop is not None:
                return
            outcome = self._service.ask(walk.query, start, count)
            if isinstance(outcome, Failed):
                yield from self._bisect(walk, start, count, outcome)
            else:
                yield self._take(walk, outcome, start, count, part=True)

    def _lost(self, walk: Walk, position: int, failed: Failed) -> Page:
        """A record that cannot be had, by its identifier where a brief request tells it."""
        brief = self._service.brief(walk.query, position, 1)
        if brief is None or not brief.items:
            self._must_answer(walk, failed)
        walk.failing += 1
        if walk.failing > _MOST_FAILURES:
            raise HarvestError(
                f"{walk.failing} records in a row of {self._service.url} cannot be had, the last at position {position:,}:"
                f" {failed.error}"
            )
        identifier = brief.items[0].identifier if brief and brief.items else ""
        if identifier:
            walk.see([identifier])
        else:
            walk.nameless += 1
        walk.go_to(position + 1)
        item = Item(identifier or f"{_POSITION}{position}", None, reason=str(failed.error))
        return Page(failed.answer, (item,), walk.checkpoint(), total=walk.matched[1] if walk.matched else None)

    def _must_answer(self, walk: Walk, failed: Failed) -> None:
        """Make sure that the server is well and takes the query, so that a failure lies with the records."""
        outcome = self._service.ask(walk.query, 1, 0)
        if isinstance(outcome, Failed):
            raise self._service.error_of(failed)
        walk.note(outcome.results.matched)

    def _settle(
        self, walk: Walk, first: Failed, position: int, size: int, since: str
    ) -> tuple[Received | Failed, tuple[str, ...]]:
        """Find a way of asking that the server takes, when it does not take the first."""
        asked = walk.query
        for query in self._service.queries(since):
            outcome = first if query == asked else self._service.ask(query, position, size)
            if isinstance(outcome, Failed):
                if outcome.refusal:
                    continue
                count = self._service.ask(query, 1, 0)
                if isinstance(count, Failed):
                    if isinstance(count.error, FetchError) and count.error.temporary:
                        break  # it is down, or overloaded
                    continue
                walk.note(count.results.matched)
            walk.query = query
            return outcome, _concessions(asked, query, first) if query != asked else ()
        raise self._service.error_of(first)

    # One record again

    def one(self, identifier: str) -> Page:
        """See `Client.one`. For a position it is what stands there now; the position itself is then nothing that could fail."""
        query = self._service.queries("")[0]
        position = identifier.removeprefix(_POSITION)
        if identifier.startswith(_POSITION) and position.isdecimal():
            outcome = self._service.ask(query, int(position), 1)
            if isinstance(outcome, Failed):
                return self._not_had(query, identifier, outcome)
            named = (*outcome.items, Item(identifier, None)) if outcome.items else ()
            return Page(outcome.answer, named)
        found = self._service.record(query, identifier)
        if isinstance(found, Failed):
            return self._not_had(query, identifier, found)
        answer, item = found
        return Page(answer, (item,) if item else ())

    def _not_had(self, query: Query, identifier: str, failed: Failed) -> Page:
        """A record that still cannot be had, from a server that is well otherwise."""
        if isinstance(self._service.ask(query, 1, 0), Failed):
            raise self._service.error_of(failed)
        return Page(failed.answer, (Item(identifier, None, reason=str(failed.error)),))

    def _settings(self, since: str) -> str:
        """What a checkpoint is good for: another question has other pages."""
        source = self._source
        asked = [source.url, source.version, source.output_schema, source.cql, source.type_names, since]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]

    def _resumed(self, start: Start) -> Walk | None:
        if not start.checkpoint:
            return None
        try:
            walk = Walk.after(start.checkpoint)
        except (KeyError, TypeError, ValueError):
            return None
        return walk if walk.settings == self._settings(start.since) and not walk.is_futile else None


def _page_digest(items: tuple[Item, ...]) -> str:
    return hashlib.sha256(b"\0".join(item.content or b"" for item in items)).hexdigest()[:16]


def _namesakes(items: tuple[Item, ...]) -> Counter[str]:
    """How many more different records of one page have the same identifier: no slip of paging can bring that about."""
    different = Counter(identifier for identifier, _ in {(item.identifier, item.content) for item in items})
    return Counter({identifier: number - 1 for identifier, number in sorted(different.items()) if number > 1})


def _concessions(asked: Query, taken: Query, failed: Failed) -> tuple[str, ...]:
    """What was given up because the server refused, for the record."""
    given_up = [
        said
        for said, is_so in (
            (f"the output schema {asked.schema} for {taken.schema}", asked.schema != taken.schema),
            ("the order by identifier", bool(asked.sort) and not taken.sort),
            (f"{asked.compared} for {taken.compared}", bool(taken.since) and asked.compared != taken.compared),
            ("the limit to what changed", bool(asked.since) and not taken.since),
        )
        if is_so
    ]
    return (f"given up: {', '.join(given_up)}, because {failed.error}",)
