"""Results kept in memory for those who ask the same again, and queries under way that several ask at the same time.

What must stay true: only whole results are kept; what is kept is forgotten when the release changes; its bytes, and those
of what leads to it, stay below a bound; a query whose answer is not a function of the release is never kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple

from odatis_kg.store.engine import Format, Query
from odatis_kg.store.syntax import Form, QueryRefusedError, tokens
from odatis_kg.web.compression import Choice

# Functions that give something else each time, and what is asked of others.
_CHANGING: Final = ("NOW", "RAND", "UUID", "BNODE", "SERVICE")
_LONGEST_TEXT: Final = 65_536  # characters: a longer query is hardly asked twice, and looking at it takes time
_LARGEST_SHARE: Final = 16  # one result takes at most a sixteenth of the cache
_OVERHEAD: Final = 1_500  # bytes that objects take beside their content
_HEADERS: Final = 3_000  # of one variant, as objects and as they are sent
_MOST_ADDRESSES: Final = 4  # of one result: a client that varies unknown parameters must not fill the memory
_LONGEST_ADDRESS: Final = 4_096
# Headers of a request that may change what it is answered, beside the two that an `Address` holds.
_DECIDING: Final = frozenset(
    (b"if-none-match", b"content-length", b"transfer-encoding", b"content-type", b"expect", b"upgrade", b"range",
     b"accept-profile", b"accept-datetime", b"prefer", b"authorization")
)  # fmt: skip
# By exclusion, so that whatever else a query may come to say is part of the key.
_DECISIVE: Final = tuple(one.name for one in fields(Query) if one.name not in ("text", "timeout", "own", "client"))


def is_repeatable(text: str) -> bool:
    """Whether the answer to a query is a function of the release alone; when in doubt, it is not."""
    if len(text) > _LONGEST_TEXT:
        return False
    upper = text.upper()
    # Written out, for a loop over them costs three times as much; of every query this is asked.
    if not ("NOW" in upper or "RAND" in upper or "UUID" in upper or "BNODE" in upper or "SERVICE" in upper):
        return True
    try:
        for token in tokens(text):
            # What looks like an IRI may be a comparison: `?a<?b&&RAND()>0`.
            if token.kind == "word" or (token.kind == "iri" and "(" in token.text):
                word = token.text.upper()
                if any(one in word for one in _CHANGING):
                    return False
    except QueryRefusedError:
        return False
    return True


class Key(NamedTuple):
    """Everything a result depends on; `rest` is what a query has beside its text: formats and dataset."""

    release: str
    text: str
    rest: tuple[object, ...]
    before: bytes
    headers: tuple[tuple[str, str], ...]


def key_of(release: str, query: Query, before: bytes, headers: Mapping[str, str]) -> Key:
    """The key of a query: who asks, and how long the answer may take, change nothing of it."""
    rest = tuple(getattr(query, name) for name in _DECISIVE)
    return Key(release, query.text, rest, before, tuple(headers.items()))


class Address(NamedTuple):
    """A GET request by what is read of it: its target, and the headers that choose the representation."""

    target: bytes
    accept: bytes
    accept_encoding: bytes


def address_of(target: bytes, headers: list[tuple[bytes, bytes]]) -> Address | None:
    """A GET request by what is read of it; None when it has headers that may change its answer."""
    accept = accept_encoding = b""
    for name, value in headers:
        if name == b"accept":
            accept = accept + b", " + value if accept else value
        elif name == b"accept-encoding":
            accept_encoding = accept_encoding + b", " + value if accept_encoding else value
        elif name in _DECIDING:
            return None
    return Address(target, accept, accept_encoding)


@dataclass(slots=True)
class Variant:
    """A result in one coding."""

    etag: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    _head: bytes = b""

    @property
    def head(self) -> bytes:
        """Its headers, as they are sent."""
        if not self._head:
            self._head = b"".join([b"%s: %s\r\n" % pair for pair in self.headers]) + b"\r\n"
        return self._head


@dataclass(slots=True, eq=False)
class Held:
    """A whole result."""

    key: Key
    form: Form
    format: Format
    body: bytes
    variants: dict[Choice, Variant] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)
    size: int = 0


class Flights(dict["Key", "Flight"]):
    """The queries under way, by what they ask."""

    def begin(self, key: Key) -> "Flight":
        """One more."""
        flight = self[key] = Flight()
        return flight

    def end(self, key: Key, flight: "Flight", outcome: "Held | Exception | None") -> None:
        """One less; see `Flight.end`."""
        flight.end(outcome)
        if self.get(key) is flight:
            del self[key]


class Cache:
    """Whole results, the one asked for least recently forgotten first."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.largest = most_bytes // _LARGEST_SHARE
        self._release: str | None = None
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self._addresses: dict[Address, tuple[Held, Choice]] = {}
        self.bytes = 0
        self.hits = self.misses = self.evictions = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> Held | None:
        """A result."""
        if not self.has(key):
            return None
        self.hits += 1
        self._held.move_to_end(key)
        return self._held[key]

    def at(self, address: Address, release: str | None) -> tuple[Held, Variant] | None:
        """A result by the request that asked for it before."""
        if release != self._release:
            return None
        found = self._addresses.get(address)
        if found is None:
            return None
        held, choice = found
        self.hits += 1
        self._held.move_to_end(held.key)
        return held, held.variants[choice]

    def has(self, key: Key) -> bool:
        """Whether a result is kept; that it is not counts as a miss."""
        if key.release != self._release:
            self.forget(key.release)
        found = key in self._held
        self.misses += not found
        return found

    def put(self, held: Held) -> bool:
        """Keep a result, when it is small enough and of the release being served."""
        if held.key.release != self._release or len(held.body) > self.largest or held.key in self._held:
            return False
        key = held.key
        held.size = _OVERHEAD + len(held.body) + 2 * len(key.text) + len(key.before) + 2 * len(repr(key.rest))
        held.size += sum(_size(held, variant) for variant in held.variants.values())
        self._held[key] = held
        self._grow(held.size)
        return True

    def add(self, held: Held, choice: Choice, variant: Variant) -> None:
        """A result in another coding."""
        if choice in held.variants:
            return
        held.variants[choice] = variant
        self._weigh(held, _size(held, variant))

    def remember(self, address: Address, held: Held, choice: Choice) -> None:
        """The request that asked for a result, to be answered at once the next time."""
        if (
            held.key in self._held
            and address not in self._addresses
            and len(held.addresses) < _MOST_ADDRESSES
            and sum(map(len, address)) <= _LONGEST_ADDRESS
        ):
            held.addresses.append(address)
            self._addresses[address] = (held, choice)
            self._weigh(held, sum(map(len, address)) + 300)

    def forget(self, release: str | None) -> None:
        """Forget everything; from now on, results of this release are kept."""
        self._release = release
        self._held.clear()
        self._addresses.clear()
        self.bytes = 0

    def _weigh(self, held: Held, more: int) -> None:
        if self._held.get(held.key) is held:
            held.size += more
            self._grow(more)

    def _grow(self, more: int) -> None:
        self.bytes += more
        while self.bytes > self._most and self._held:
            _, old = self._held.popitem(last=False)
            self.bytes -= old.size
            self.evictions += 1
            for address in old.addresses:
                del self._addresses[address]


def _size(held: Held, variant: Variant) -> int:
    return _HEADERS + (len(variant.body) if variant.body is not held.body else 0)


class Flight:
    """A query under way: who evaluates it ends it, and the others wait for what comes of it.

    It ends with the whole result; with the error; or with None, when what comes of it cannot be shared. `alone` says that
    the others do better each by itself: the result is too large to be kept, or takes its time.
    """

    __slots__ = ("_ended", "_outcome", "_waiting", "alone")

    def __init__(self) -> None:
        self.alone = False
        self._outcome: Held | Exception | None = None
        self._ended = False
        self._waiting: list[asyncio.Future[None]] = []

    def end(self, outcome: Held | Exception | None) -> None:
        """Tell the others; the first word stands."""
        if self._ended:
            return
        self._ended = True
        self._outcome = outcome
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    def give_up(self) -> None:
        """Let the others go on by themselves."""
        if not self._ended:
            self.alone = True
            self.end(None)

    async def wait(self, deadline: float) -> Held | Exception | None:
        """What came of it.

        Raises:
            TimeoutError: it was not over at the deadline (in the time of the event loop).
        """
        if not self._ended:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            async with asyncio.timeout_at(deadline):
                await turn
        return self._outcome
