"""Where a walk through a CSW stands: what was announced, who was seen, and which page comes next or why none does.

What must stay true: a checkpoint holds all of it; a server is believed neither in its order nor in what it says comes next.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from odatis_kg.harvest.csw_messages import Query, Results

_NAME_BYTES: Final = 6  # of a digest that stands for an identifier: of 100,000, two are alike once in 50,000 walks


class Stop(StrEnum):
    """Why there is no next page."""

    ZERO = "nextRecord is 0"
    ABSENT = "nextRecord is absent"
    BEYOND = "nextRecord is greater than numberOfRecordsMatched"
    EMPTY = "a page has no record"
    REPEATED = "a page is the same as the one before"
    COUNTED = "all positions up to numberOfRecordsMatched were read"


@dataclass(slots=True)
class Walk:
    """Where a walk stands. Of `seen` identifiers only short digests are kept, so that a checkpoint can hold them.

    `matched` is the largest and the last number announced in this pass; `doubles` counts records that share a page and an
    identifier with another, different one, `nameless` those that failed without telling who they are.
    """

    settings: str
    query: Query
    number: int = 1
    next: int = 1
    matched: tuple[int, int] | None = None
    seen: set[bytes] = field(default_factory=set)
    doubles: int = 0
    nameless: int = 0
    page: str = ""
    stop: Stop | None = None
    settled: bool = False
    failing: int = 0

    @property
    def accounted(self) -> int:
        """How many records were received or are known to fail, no record counted twice."""
        return len(self.seen) + self.doubles + self.nameless

    @property
    def expected(self) -> int:
        """The largest number announced, since a record that went away meanwhile may have moved another one past us; at the
        end of a second pass, the number announced last.
        """
        if self.matched is None:
            return 0
        return self.matched[1] if self.number == 2 and self.stop else self.matched[0]

    @property
    def is_over(self) -> bool:
        """Whether the pass is: at its end, or in a second one as soon as nothing is missing."""
        return self.stop is not None or (self.number == 2 and self.accounted >= self.expected)

    @property
    def is_short(self) -> bool:
        return self.accounted < self.expected

    @property
    def is_futile(self) -> bool:
        """Whether going on from here could only end as it did: incomplete."""
        return self.is_over and (self.is_short if self.number == 2 else self.nameless > 0 and not self.is_short)

    def has_seen(self, identifier: str) -> bool:
        """Whether a record was handed over, or named as failing."""
        return _digest(identifier) in self.seen

    def see(self, identifiers: Iterable[str]) -> None:
        """Note records as handed over, or named as failing."""
        self.seen.update(map(_digest, identifiers))

    def start_again(self) -> None:
        """A second pass; who was seen in the first is remembered."""
        self.number, self.next, self.page, self.stop = 2, 1, "", None
        self.doubles = self.nameless = 0

    def go_to(self, position: int) -> None:
        """Go on at a position, if there is one such."""
        self.next = position
        self.stop = Stop.COUNTED if self.matched and position > self.matched[1] else None

    def note(self, matched: int | None) -> None:
        """Note the number of records that the server announces."""
        if matched is not None:
            self.matched = (max(matched, self.matched[0] if self.matched else 0), matched)

    def within(self, position: int, size: int) -> int:
        """Of some positions, those that exist by the number announced last."""
        return size if self.matched is None else min(size, self.matched[1] - position + 1)

    def checkpoint(self) -> dict[str, Any]:
        """All of it, JSON-able: 8 bytes for each record seen, and a few hundred."""
        return {
            "settings": self.settings,
            "query": {name: getattr(self.query, name) for name in Query.__slots__},
            "pass": self.number,
            "next": self.next,
            "matched": self.matched and list(self.matched),
            "seen": base64.b64encode(b"".join(sorted(self.seen))).decode(),
            "doubles": self.doubles,
            "nameless": self.nameless,
            "page": self.page,
            "stop": self.stop,
        }

    @staticmethod
    def after(checkpoint: Mapping[str, Any]) -> "Walk":
        """The walk that goes on after a checkpoint.

        Raises:
            KeyError, ValueError, TypeError: it is not a checkpoint of ours.
        """
        seen = base64.b64decode(checkpoint["seen"], validate=True)
        matched = checkpoint["matched"]
        return Walk(
            settings=checkpoint["settings"],
            query=Query(**checkpoint["query"]),
            number=checkpoint["pass"],
            next=checkpoint["next"],
            matched=(matched[0], matched[1]) if matched else None,
            seen={seen[at : at + _NAME_BYTES] for at in range(0, len(seen), _NAME_BYTES)},
            doubles=checkpoint["doubles"],
            nameless=checkpoint["nameless"],
            page=checkpoint["page"],
            stop=Stop(checkpoint["stop"]) if checkpoint["stop"] else None,
            settled=True,
        )


def position_after(position: int, asked: int, got: int, results: Results) -> tuple[int, Stop | None]:
    """The position of the next page, or why there is none.

    What was received is counted; the server's nextRecord is followed only where it says that positions of this page were
    skipped. That there is nothing more is believed when the count does not contradict.
    """
    matched, following = results.matched, results.next
    is_gap = following is not None and position + got < following <= position + asked
    if got == 0:
        return (following or 0, None) if is_gap and matched and (following or 0) <= matched else (position, Stop.EMPTY)
    own = position + got
    if matched is not None and own <= matched:
        return (following or own, None) if is_gap and (following or 0) <= matched else (own, None)
    if following is None:
        return own, Stop.ABSENT
    if following == 0:
        return own, Stop.ZERO
    if matched is None:
        return (following if is_gap else own), None
    return own, Stop.BEYOND if following > matched else Stop.COUNTED


def _digest(identifier: str) -> bytes:
    return hashlib.sha256(identifier.encode()).digest()[:_NAME_BYTES]
