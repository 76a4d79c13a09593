"""The log: one JSON line for each request, and one for each slow query.

What is written down holds no personal data: no address, no agent, no referrer, no path with a query; of a query its hash,
and its text only where a setting says so, for a text may name a person. Lines are written by a thread of their own, so that
a disk or a terminal that stalls never stalls an answer; when it stalls for long, lines are dropped and counted.
"""

import contextlib
import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Final

from odatis_kg.config import LogSettings
from odatis_kg.web.exchange import Exchange
from odatis_kg.web.metrics import Metrics, outcome_of

_MOST_WAITING: Final = 10_000  # lines
_STDERR: Final = "-"


class AccessLog:
    """Writes lines to where the settings say."""

    def __init__(self, settings: LogSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._lines: Queue[str | None] = Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._descriptor: int | None = None

    def start(self) -> None:
        """Open the file, when there is one.

        Raises:
            OSError: it cannot be written to.
        """
        access = self._settings.access
        if access and access != _STDERR:
            # Appending, so that a rotation by copying and cutting leaves nothing half.
            self._descriptor = os.open(Path(access), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, for a second at most."""
        if self._thread is not None:
            with contextlib.suppress(Full):
                self._lines.put(None, timeout=1)
            self._thread.join(1)
            self._thread = None

    def note(self, exchange: Exchange) -> None:
        """Write a request down that is over."""
        slow = self._settings.slow_seconds
        is_slow = bool(slow) and exchange.query is not None and exchange.seconds >= slow
        if not self._settings.access and not is_slow:
            return
        entry: dict[str, object] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "method": exchange.method if exchange.method.isalpha() and len(exchange.method) < 10 else "other",
            "route": exchange.route,
            "status": exchange.status,
            "bytes": exchange.sent,
            "ms": round(exchange.seconds * 1000, 2),
        }
        if exchange.query is not None:
            entry |= _of_query(exchange, exchange.query)
        if self._settings.access:
            self._put({"event": "request", **entry})
        if is_slow:
            text = {"text": exchange.query} if self._settings.slow_text else {}
            self._put({"event": "slow query", **entry, **text})

    def _put(self, entry: Mapping[str, object]) -> None:
        try:
            self._lines.put_nowait(json.dumps(entry, ensure_ascii=True))
        except Full:
            self._metrics.log_dropped += 1

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            lines = [line]
            last = False
            with contextlib.suppress(Empty):
                while len(lines) < 1_000 and not last:
                    more = self._lines.get_nowait()
                    last = more is None
                    lines += [more] if more is not None else []
            descriptor = self._descriptor if self._descriptor is not None else sys.stderr.fileno()
            try:
                _write_all(descriptor, ("\n".join(lines) + "\n").encode("ascii"))
            except OSError:  # a full disk: the service goes on
                self._metrics.log_dropped += len(lines)
            if last:
                break
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _of_query(exchange: Exchange, text: str) -> dict[str, object]:
    found: dict[str, object] = {
        "query": query_hash(text),
        "outcome": outcome_of(exchange),
        "form": exchange.form.value if exchange.form else None,
        "format": exchange.format.value if exchange.format else None,
        "release": exchange.release,
    }
    if exchange.first is not None:
        found["first_ms"] = round(exchange.first * 1000, 2)
    return found


def query_hash(text: str) -> str:
    """The name of a query in logs: the first 16 hexadecimal digits of the SHA-256 of its text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
