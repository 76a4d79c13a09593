"""Where a walk through the lists of an OAI-PMH repository is: what a checkpoint holds.

What must stay true: every step that is taken again (a list begun again, a page seen again, a page without records) is
counted, so that a walk ends whatever the repository does.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page
from odatis_kg.harvest.oaipmh_answers import BrokenError, Header, next_of
from odatis_kg.mapping import xml

_MOST_PAGES: Final = 100_000  # of one list
_MOST_EMPTY: Final = 20  # pages without a record, one after the other
_MOST_AGAIN: Final = 3  # times a list is begun again without having come further
_MOST_REMEMBERED: Final = 50_000  # identifiers that a checkpoint holds, in 12 bytes each


@dataclass(slots=True)
class Walk:
    """Where a walk is; all but `remarks` is in the checkpoint.

    `of` says of what it is a walk: with other settings, a checkpoint leads nowhere. `since` is the `from` of the walk,
    `place` that of the present list, `chosen` the number of its set. Lists are numbered as they are `begun`, one that is
    begun again is a new one; `first_begun` is the first of this set, and `seen` says of each identifier (by its hash) in
    which list it was seen last. `stage` is what to do next: go on with the records, judge the list that has ended, find by
    ListIdentifiers what was missing in it, or go on to the next set.
    """

    of: str
    since: str = ""
    place: str = ""
    chosen: int = 0
    stage: Literal["records", "judge", "mend", "done"] = "records"
    token: str = ""
    repeats: bool = False
    begun: int = 0
    first_begun: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    forgotten: bool = False
    count: int = 0
    total: int | None = None
    pages: int = 0
    empty: int = 0
    again: int = 0
    furthest: str = ""
    first: str = ""
    last: str = ""
    ordered: bool = True
    jumped: bool = False
    lost: bool = False
    mended: bool = False
    turned: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def after(cls, checkpoint: Mapping[str, Any]) -> "Walk":
        """The walk as it was after a page."""
        packed = checkpoint["seen"].items()
        seen = {text[at : at + 12]: int(number) for number, text in packed for at in range(0, len(text), 12)}
        return cls(**{**checkpoint, "seen": seen, "turned": [*checkpoint["turned"]]})

    def page(self, answer: Answer, items: Iterable[Item] = (), total: int | None = None) -> Page:
        """A page to hand over, with what there is to say and where to go on after it."""
        said, self.remarks = tuple(self.remarks), []
        packed: dict[str, list[str]] = {}
        kept = len(self.seen) <= _MOST_REMEMBERED
        if kept:
            for key, number in self.seen.items():
                packed.setdefault(str(number), []).append(key)
        checkpoint = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "remarks"} | {
            "seen": {number: "".join(keys) for number, keys in packed.items()},
            "turned": [*self.turned],
            "forgotten": self.forgotten or not kept,
        }
        return Page(answer, tuple(items), checkpoint, remarks=said, total=total)

    @property
    def is_short(self) -> bool:
        """Whether fewer records came than were announced."""
        return self.total is not None and self.count < self.total

    @property
    def has_all(self) -> bool:
        """Whether exactly as many records came as were announced, so that nothing is lost when the list breaks off here."""
        return self.count == self.total

    def knows(self, identifier: str) -> bool:
        """Whether a record came, in any list."""
        return _digest(identifier) in self.seen

    def see(self, identifier: str) -> bool:
        """Count a record; whether it has to be handed over: it is in no earlier list.

        One that comes twice in the same list was changed in between, or is another one under the same identifier.
        """
        key = _digest(identifier)
        before = self.seen.get(key)
        if before is None or before < self.first_begun:
            self.count += 1
        self.seen[key] = self.begun
        return before is None or before == self.begun

    def turn(self, headers: list[Header], body: xml.Parsed) -> bool:
        """Take a page of a list: where it goes on, and in which order it comes; False when it came before.

        Raises:
            HarvestError: the repository repeats itself or does not come to an end.
        """
        self._step()
        self.empty = 0 if headers else self.empty + 1
        if headers and not self._is_new("\n".join(header.identifier for header in headers)):
            if not self.has_all:
                raise HarvestError(f"the repository gives the same page of its list again: {self._where}")
            self.stage = "judge"
            return False
        if self.empty > _MOST_EMPTY:
            raise HarvestError(f"the repository gives one page without records after the other: {self._where}")
        self.token, size = next_of(body)
        if size is not None and (self.stage == "mend" or self.place == self.since):
            self.total = size
        if self.stage == "records":
            for header in headers:
                self.ordered = self.ordered and bool(header.modified) and header.modified >= self.last
                self.first = self.first or header.modified
                self.last = header.modified
        if not self.token:
            self.stage = "judge"
        return True

    def lose(self, error: BrokenError) -> None:
        """Go on after a page that cannot be read, if it says where."""
        self._step()
        self.lost = True
        self.token = error.token if error.token and self._is_new(f"token {error.token}") else ""
        if not self.token:
            self.stage = "judge"
        self.remarks.append(f"a page is lost, its records are asked for one by one: {error}")

    def begin_again(self, reason: str) -> None:
        """Begin the list again: where it had come to when it is in the order of its datestamps, else from its start.

        Raises:
            HarvestError: that was done already, and brought nothing.
        """
        self.begun += 1
        self.token, self.turned = "", []
        place = self.since
        if self.stage != "mend":
            if self.ordered and self.first < self.last:
                place, self.jumped = self.last, True
            else:
                self.first = self.last = ""
                self.ordered = True
            self.place, self.stage = place, "records"
        self.again = 0 if place > self.furthest else self.again + 1
        self.furthest = max(self.furthest, place)
        if self.again > _MOST_AGAIN:
            raise HarvestError(f"{reason}; the list was begun {self.again} times, in vain: {self._where}")
        self.remarks.append(f"the list is begun again{f' from {place}' if place else ''}: {reason}")

    def mend(self) -> None:
        """Look for what is missing in the list."""
        self.stage, self.mended = "mend", True
        self.token, self.turned, self.again = "", [], 0

    def next_set(self) -> "Walk":
        """The walk at the beginning of the next set."""
        number = self.begun + 1
        return Walk(
            self.of, self.since, self.since, self.chosen + 1, repeats=self.repeats, begun=number, first_begun=number,
            seen=self.seen, forgotten=self.forgotten, remarks=self.remarks,
        )  # fmt: skip

    def _step(self) -> None:
        self.pages += 1
        if self.pages > _MOST_PAGES:
            raise HarvestError(f"the list does not end: {self._where}")

    def _is_new(self, what: str) -> bool:
        digest = _digest(what)
        if digest in self.turned:
            return False
        self.turned.append(digest)
        return True

    @property
    def _where(self) -> str:
        announced = "" if self.total is None else f" of {self.total:,} announced"
        return f"page {self.pages:,}, after {self.count:,} records{announced}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.blake2b(text.encode(), digest_size=9).digest()).decode()
