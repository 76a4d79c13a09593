"""What operators watch, in the text format of Prometheus (version 0.0.4).

Counting is a few additions on the event loop, and a scrape writes what was counted. Labels come from fixed lists.
"""

import os
import resource
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Final

from odatis_kg import __version__
from odatis_kg.store.engine import SparqlEngine
from odatis_kg.web.caching import Cache
from odatis_kg.web.exchange import Exchange

_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS, seconds)] += 1
        self.sum += seconds


def outcome_of(exchange: Exchange) -> str:
    """How a query ended: as delivered, or `refused`, `overloaded`, `timeout`, `failed`, by its status."""
    if exchange.outcome:
        return exchange.outcome
    named = {503: "overloaded", 504: "timeout"}
    return named.get(exchange.status) or ("refused" if 400 <= exchange.status < 500 else "failed")


class Metrics:
    """Counts since the start."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.connections: Counter[str] = Counter()
        self.open_connections = 0
        self.log_dropped = 0
        self._begun = time.time()
        self._sent = 0
        self._requests: Counter[tuple[str, int]] = Counter()
        self._routes: dict[str, _Histogram] = {}
        self._queries: dict[tuple[str, str], _Histogram] = {}
        self._first = _Histogram()

    def observe(self, exchange: Exchange) -> None:
        """Count a request that is over."""
        self._sent += exchange.sent
        self._requests[exchange.route, exchange.status] += 1
        route = self._routes.get(exchange.route)
        if route is None:
            route = self._routes[exchange.route] = _Histogram()
        route.add(exchange.seconds)
        if exchange.query is not None:
            named = (exchange.form.value if exchange.form else "unknown", outcome_of(exchange))
            query = self._queries.get(named)
            if query is None:
                query = self._queries[named] = _Histogram()
            query.add(exchange.seconds)
            if exchange.first is not None:
                self._first.add(exchange.first)

    def render(self, engine: SparqlEngine, cache: Cache) -> bytes:
        """The page that is scraped."""
        state = engine.state()
        lines: list[str] = []
        add = lines.append

        def family(name: str, kind: str, what: str, samples: Iterable[tuple[Mapping[str, object], float]]) -> None:
            add(f"# HELP odatis_kg_{name} {what}")
            add(f"# TYPE odatis_kg_{name} {kind}")
            lines.extend(f"odatis_kg_{name}{_labels(labels)} {value}" for labels, value in samples)

        def histogram(name: str, what: str, samples: Iterable[tuple[Mapping[str, object], _Histogram]]) -> None:
            add(f"# HELP odatis_kg_{name} {what}")
            add(f"# TYPE odatis_kg_{name} histogram")
            for labels, one in samples:
                running = list(accumulate(one.counts))
                for bound, count in zip((*map(str, _BOUNDS), "+Inf"), running, strict=True):
                    add(f"odatis_kg_{name}_bucket{_labels({**labels, 'le': bound})} {count}")
                add(f"odatis_kg_{name}_sum{_labels(labels)} {one.sum:.6f}")
                add(f"odatis_kg_{name}_count{_labels(labels)} {running[-1]}")

        ready = int(engine.release is not None or state.mode == "remote")
        release = {"release": engine.release or "", "mode": state.mode, "version": __version__}
        family("release_info", "gauge", "What is served.", [(release, ready)])
        if state.network_lock is not None:
            family("network_lock", "gauge", "Whether workers cannot open sockets.", [({}, int(state.network_lock))])
        family(
            "requests_total",
            "counter",
            "Requests, by route and status; status 0: the client left first.",
            [({"route": route, "status": status}, count) for (route, status), count in self._requests.items()],
        )
        histogram(
            "request_seconds",
            "Time until a response was sent, by route.",
            [({"route": route}, one) for route, one in self._routes.items()],
        )
        histogram(
            "query_seconds",
            "Time until the result of a query was sent, by form and outcome.",
            [({"form": form, "outcome": outcome}, one) for (form, outcome), one in self._queries.items()],
        )
        histogram(
            "engine_first_seconds", "Time until the engine had the first bytes, waiting included.", [({}, self._first)]
        )
        family("requests_in_flight", "gauge", "Requests being answered.", [({}, self.in_flight)])
        family("sent_bytes_total", "counter", "Bytes of response bodies.", [({}, self._sent)])
        family("engine_places", "gauge", "Queries that are evaluated at a time, at most.", [({}, state.places)])
        family("engine_busy", "gauge", "Queries being evaluated.", [({}, state.busy)])
        family("engine_waiting", "gauge", "Queries that wait to be evaluated.", [({}, state.waiting)])
        family("engine_refused_total", "counter", "Queries turned away, as too many waited.", [({}, state.refused)])
        family(
            "engine_kills_total",
            "counter",
            "Worker processes killed, by reason.",
            [({"reason": reason}, count) for reason, count in state.kills.items()],
        )
        family("cache_hits_total", "counter", "Results given from the cache.", [({}, cache.hits)])
        family("cache_misses_total", "counter", "Results looked for in the cache in vain.", [({}, cache.misses)])
        family("cache_evictions_total", "counter", "Results that made room for others.", [({}, cache.evictions)])
        family("cache_bytes", "gauge", "Memory of the cache.", [({}, cache.bytes)])
        family("cache_results", "gauge", "Results in the cache.", [({}, len(cache))])
        family("connections", "gauge", "Open connections.", [({}, self.open_connections)])
        family(
            "connections_closed_total",
            "counter",
            "Connections cut off, by reason.",
            [({"reason": reason}, count) for reason, count in self.connections.items()],
        )
        family("log_dropped_total", "counter", "Lines of the log that could not be written.", [({}, self.log_dropped)])
        for name, kind, value in self._process():
            add(f"# TYPE process_{name} {kind}")
            add(f"process_{name} {value}")
        return ("\n".join(lines) + "\n").encode()  # fmt: skip

    def _process(self) -> Iterable[tuple[str, str, float]]:
        """The front process, under the names that are usual."""
        yield "start_time_seconds", "gauge", round(self._begun, 2)
        used = resource.getrusage(resource.RUSAGE_SELF)
        yield "cpu_seconds_total", "counter", round(used.ru_utime + used.ru_stime, 3)
        yield "max_fds", "gauge", resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        proc = Path("/proc/self")
        if proc.exists():  # Linux
            yield "open_fds", "gauge", len(os.listdir(proc / "fd"))  # noqa: PTH208 - names are enough
            pages = int((proc / "statm").read_text(encoding="ascii").split()[1])
            yield "resident_memory_bytes", "gauge", pages * resource.getpagesize()


def _labels(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    written = (
        '{}="{}"'.format(name, str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for name, value in labels.items()
    )
    return "{" + ",".join(written) + "}"
