"""Queries on a store without a server: evaluated in a process of their own, so that each can be stopped in time."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pyoxigraph as ox


class Told(NamedTuple):
    """What the engine says of a query, and after how many seconds.

    `kind` is `boolean`, `statements` or `rows`, with the truth value, or the number of different statements or of rows, as
    `content`; or it is `syntax` or `failed`, with what the engine complains of.
    """

    kind: str
    content: bool | int | str
    seconds: float


class Evaluator:
    """Evaluates queries on a store, each for so many seconds at most."""

    def __init__(self, store: Path, seconds: float) -> None:
        self._store, self._seconds = store, seconds
        self._start()

    def _start(self) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._pipe, other = spawning.Pipe()
        self._process = spawning.Process(target=_evaluate, args=(str(self._store), other), daemon=True)
        self._process.start()
        other.close()

    def __call__(self, text: str) -> Told | None:
        """What the engine says; None when it took too long, or died of it."""
        try:
            self._pipe.send(text)
            if self._pipe.poll(self._seconds):
                told: Told = self._pipe.recv()
                return told
        except (OSError, EOFError):
            pass
        self.close()
        self._start()
        return None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _evaluate(store_path: str, pipe: Connection) -> None:
    store = ox.Store.read_only(store_path)
    while True:
        text = pipe.recv()
        begun = time.perf_counter()
        kind, content = _told(store, text)
        pipe.send(Told(kind, content, time.perf_counter() - begun))


def _told(store: ox.Store, text: str) -> tuple[str, bool | int | str]:
    try:
        found = store.query(text)
        if isinstance(found, ox.QueryBoolean):
            return "boolean", bool(found)
        if isinstance(found, ox.QueryTriples):
            return "statements", len(set(found))
        return "rows", sum(1 for _ in found)
    except SyntaxError as error:
        return "syntax", str(error)
    except Exception as error:
        return "failed", str(error)
