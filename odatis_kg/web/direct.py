"""A light query answered on its connection: without the scope, the task and the timers of a request, which cost more than it.

What turns out to be more than that - it takes longer, it fails, its result is large - goes on from where it is as any other
request does; see `Connection` for who decides when, and `Delivery.begin` for what may be begun so.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from odatis_kg.store.engine import Begun
from odatis_kg.web.caching import Address, Cache, Flight, Flights, Variant
from odatis_kg.web.compression import compress_now
from odatis_kg.web.exchange import Exchange, nowhere
from odatis_kg.web.representation import Represented

# Where the scope of a request that goes on as others do holds what was begun.
KEY: Final = "odatis_kg.direct"
Observers = Sequence[Callable[[Exchange], None]]


class Direct:
    """A query under way, and how its result is represented to the client that asked."""

    __slots__ = (
        "_address",
        "_cache",
        "_flights",
        "_observers",
        "_release",
        "begun",
        "exchange",
        "flight",
        "represented",
    )

    def __init__(
        self,
        represented: Represented,
        begun: Begun,
        flight: Flight,
        address: Address,
        cache: Cache,
        flights: Flights,
        observers: Observers,
        release: Callable[[], str | None],
    ) -> None:
        self.represented = represented
        self.begun: Begun | None = begun
        self.flight = flight
        self.exchange = Exchange(nowhere)
        self._address = address
        self._cache = cache
        self._flights = flights
        self._observers = observers
        self._release = release  # that is being served

    def is_light(self) -> bool:
        """See `Begun.is_light`."""
        return self.begun is not None and self.begun.is_light()

    def response(self) -> Variant | None:
        """What is to be sent, when the whole of it is there; None when the request is to go on as others do."""
        answer = self.begun.answer() if self.begun is not None else None
        if answer is None:
            return None
        self.begun = None
        represented, exchange, cache, key = self.represented, self.exchange, self._cache, self.represented.key
        exchange.first = time.perf_counter() - exchange.begun
        assert key is not None
        if self._release() != key.release:
            represented.key = None  # a new release came in between: this may be of either
        held = represented.hold(answer, answer.content)
        coding = represented.coding(len(held.body))
        body = compress_now(held.body, coding) if coding else held.body
        variant = represented.variant(held, coding, body)
        if represented.key is not None and cache.put(held):
            cache.add(held, represented.choice, variant)
            cache.remember(self._address, held, represented.choice)
        self._flights.end(key, self.flight, held if represented.key is not None else None)
        exchange.take(held, len(body), "fresh")
        exchange.seconds = time.perf_counter() - exchange.begun
        for observe in self._observers:
            observe(exchange)
        return variant

    def hand_over(self) -> Begun | None:
        """What was begun, for whoever goes on with it; None when it is over already."""
        begun, self.begun = self.begun, None
        return begun

    def leave(self) -> None:
        """The client has gone, or nobody went on with it: it is stopped."""
        begun, self.begun = self.begun, None
        if begun is not None:
            begun.leave()
            assert self.represented.key is not None
            self._flights.end(self.represented.key, self.flight, None)
