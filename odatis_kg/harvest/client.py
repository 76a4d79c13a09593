"""The port of the harvest: what a client of a protocol is given, and what it hands over page by page.

A client knows a protocol and nothing of archives, ledgers or runs. What must stay true: a client never gives a record it
has not received, and ends a walk without an exception only when it has seen everything it asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request: what was asked, when it came (UTC), and what the server said of it.

    `status` is 200, 304 with no content, that of a refusal that says something of a record, or 0 with no content when
    nothing was asked because the settings have the answer. `body` is what was sent with a POST, empty for a GET.
    """

    url: str
    status: int
    retrieved: str
    content: bytes = field(repr=False)
    media_type: str = ""
    etag: str = ""
    last_modified: str = ""
    method: str = "GET"
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """What a source lists under one identifier of its own: a record, or a file or list of several.

    `content` is None when the source says that it is deleted, or when it could not be had, with the `reason`. `modified`
    is the source's own date of it, empty when it says none.
    """

    identifier: str
    content: bytes | None = field(repr=False)
    modified: str = ""
    reason: str = ""

    @property
    def is_deleted(self) -> bool:
        """Whether the source says that it is deleted."""
        return self.content is None and not self.reason


@dataclass(frozen=True, slots=True)
class Page:
    """An answer taken apart, and where to go on after it.

    `checkpoint` is JSON-able and private to the client: handed back after a kill, it leads to the next page. `unchanged`
    are identifiers the source said it still has as they were (HTTP 304). `total` is how many items the source says it has
    in all, when it says so.
    """

    answer: Answer
    items: tuple[Item, ...] = ()
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Validators:
    """What the last answer with an item said for conditional requests; empty when it said nothing (RFC 9110, section 8.8)."""

    etag: str = ""
    last_modified: str = ""


class Known(Protocol):
    """What is known from earlier harvests of a source."""

    def validators(self, identifier: str) -> Validators:
        """For a conditional request for an item that is current and readable; empty when it has to be asked for in full."""

    def cited_persons(self) -> list[str]:
        """The ORCID iDs (`0000-0002-1825-0097`) that records of any source cite, sorted."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a walk begins: anew, or after the page of a checkpoint; `since` is a UTC time (`2026-01-31T00:00:00Z`), empty
    when everything is wanted.
    """

    known: Known
    checkpoint: Mapping[str, Any] | None = None
    since: str = ""


class HarvestError(Exception):
    """A walk that cannot go on, or that did not see everything: what was handed over is kept, and nothing counts as gone."""


class Client(Protocol):
    """A client of one protocol for one source."""

    @property
    def incremental(self) -> bool:
        """Whether the source can be asked for what changed since a time."""

    def pages(self, start: Start) -> Iterator[Page]:
        """The pages from the start on, in a stable order.

        Raises:
            HarvestError: the server refuses, cannot be understood, or did not give everything it announced.
            FetchError: the server cannot be reached.
        """

    def one(self, identifier: str) -> Page:
        """One item again, for the quarantine; with no item in it when the protocol cannot ask for one.

        Raises:
            HarvestError, FetchError: as for `pages`.
        """
