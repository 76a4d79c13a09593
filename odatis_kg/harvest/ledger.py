"""The ledger: what is known of every record of every source, in one SQLite file.

A *fetch* is one look at one place (a file, later an answer of a server) in a run. A *version* is one content of a record,
by SHA-256. A *record* is what a source calls by one key; it is `current`, `missing` (one complete run did not see it) or
`gone` (two did). What must stay true: nothing is ever deleted from it, a run that is killed leaves it consistent, and an
unchanged place costs one look-up.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from odatis_kg.mapping.kinds import Kind, Refusal

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, software TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fetch (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, source TEXT NOT NULL, location TEXT NOT NULL,
    name TEXT NOT NULL, retrieved TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, scanner TEXT NOT NULL,
    records INTEGER NOT NULL, refusals TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS fetch_place ON fetch (source, location, sha256, scanner);
CREATE TABLE IF NOT EXISTS record (
    source TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, sha256 TEXT NOT NULL,
    location TEXT NOT NULL, first_run TEXT NOT NULL, last_run TEXT NOT NULL,
    PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (
    source TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL, modified TEXT NOT NULL,
    bytes INTEGER NOT NULL, fetch INTEGER NOT NULL REFERENCES fetch, warning TEXT NOT NULL,
    PRIMARY KEY (source, key, sha256)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sighting (
    fetch INTEGER NOT NULL REFERENCES fetch, source TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (fetch, source, key, sha256)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One look at one place (`location` on this machine or in the web, `name` for lineage), and what it held."""

    id: int
    run: str
    source: str
    location: str
    name: str
    retrieved: str
    sha256: str
    bytes: int
    records: int
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a record, and where it was first seen."""

    source: str
    key: str
    kind: Kind
    sha256: str
    modified: str
    bytes: int
    fetch: int
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the pipeline."""

    id: str
    software: str
    started: str
    ended: str
    state: str


class Ledger:
    """The ledger file of a data directory; a context manager that closes it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is written together or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Runs

    def begin_run(self, run: Run) -> None:
        """Note that a run began; runs that never ended were killed, and are marked so."""
        with self.transaction():
            self._db.execute("UPDATE run SET state = 'killed' WHERE state = 'running'")
            self._db.execute(
                "INSERT INTO run VALUES (?, ?, ?, NULL, ?)", (run.id, run.software, run.started, run.state)
            )

    def end_run(self, run: str, ended: str, state: str) -> None:
        """Note how a run ended: `published`, `unchanged` or `failed`."""
        self._db.execute("UPDATE run SET ended = ?, state = ? WHERE id = ?", (ended, state, run))

    def runs(self, ids: Iterable[str]) -> list[Run]:
        """Some runs, in order of their start."""
        wanted = set(ids)
        rows = self._db.execute(
            "SELECT id, software, started, coalesce(ended, ''), state FROM run ORDER BY started, id"
        )
        return [Run(*row) for row in rows if row[0] in wanted]

    # What was seen

    def known_fetch(self, source: str, location: str, sha256: str, scanner: str) -> Fetch | None:
        """The first look at a place that found the same bytes, read by the same scanner; None when they are new."""
        row = self._db.execute(
            "SELECT id, run, source, location, name, retrieved, sha256, bytes, records, refusals FROM fetch"
            " WHERE source = ? AND location = ? AND sha256 = ? AND scanner = ? ORDER BY id LIMIT 1",
            (source, location, sha256, scanner),
        ).fetchone()
        return _fetch(row) if row else None

    def add_fetch(
        self,
        run: str,
        source: str,
        location: str,
        name: str,
        retrieved: str,
        sha256: str,
        size: int,
        scanner: str,
        versions: list[tuple[str, Kind, str, str, int, str]],
        refusals: tuple[Refusal, ...],
    ) -> Fetch:
        """Note a new look at a place, with the records it held as (key, kind, sha256, modified, bytes, warning)."""
        refused = json.dumps([asdict(refusal) for refusal in refusals], ensure_ascii=False)
        cursor = self._db.execute(
            "INSERT INTO fetch (run, source, location, name, retrieved, sha256, bytes, scanner, records, refusals)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, source, location, name, retrieved, sha256, size, scanner, len(versions), refused),
        )
        fetch = int(cursor.lastrowid or 0)
        for key, kind, content, modified, length, warning in versions:
            self._db.execute(
                "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (source, key, content, kind, modified, length, fetch, warning),
            )
            self._db.execute("INSERT OR IGNORE INTO sighting VALUES (?, ?, ?, ?)", (fetch, source, key, content))
        return Fetch(fetch, run, source, location, name, retrieved, sha256, size, len(versions), refusals)

    def sightings(self, fetch: int) -> list[Version]:
        """The record versions a look at a place found."""
        rows = self._db.execute(
            "SELECT v.source, v.key, v.kind, v.sha256, v.modified, v.bytes, v.fetch, v.warning FROM sighting s"
            " JOIN version v USING (source, key, sha256) WHERE s.fetch = ? ORDER BY v.key",
            (fetch,),
        )
        return [_version(row) for row in rows]

    def fetches(self, ids: Iterable[int]) -> dict[int, Fetch]:
        """Some looks, by id."""
        found = {}
        for number in sorted(set(ids)):
            row = self._db.execute(
                "SELECT id, run, source, location, name, retrieved, sha256, bytes, records, refusals FROM fetch WHERE id = ?",
                (number,),
            ).fetchone()
            if row:
                found[number] = _fetch(row)
        return found

    # Records

    def set_current(self, run: str, version: Version, location: str) -> None:
        """Make a version the current one of its record, seen in this run at this place."""
        self._db.execute(
            "INSERT INTO record VALUES (?, ?, ?, 'current', ?, ?, ?, ?) ON CONFLICT (source, key) DO UPDATE SET"
            " kind = excluded.kind, state = 'current', sha256 = excluded.sha256, location = excluded.location,"
            " last_run = excluded.last_run",
            (version.source, version.key, version.kind, version.sha256, location, run, run),
        )

    def note_unseen(self, run: str, source: str, places: Iterable[str]) -> list[tuple[str, str]]:
        """After a complete look at some places: records last seen there and not in this run become `missing`, then `gone`.

        A place is a file's name, or a folder's with a final `/`. Returns (key, new state) of each record that changed.
        """
        complete = tuple(places)
        changed = []
        for key, state, location in self._db.execute(
            "SELECT key, state, location FROM record WHERE source = ? AND last_run <> ? AND state <> 'gone' ORDER BY key",
            (source, run),
        ).fetchall():
            if any(location == place or (place.endswith("/") and location.startswith(place)) for place in complete):
                new = "gone" if state == "missing" else "missing"
                self._db.execute("UPDATE record SET state = ? WHERE source = ? AND key = ?", (new, source, key))
                changed.append((key, new))
        return changed

    def current(self) -> list[Version]:
        """The current version of every record that is not gone, by source and key."""
        rows = self._db.execute(
            "SELECT v.source, v.key, v.kind, v.sha256, v.modified, v.bytes, v.fetch, v.warning FROM record r"
            " JOIN version v USING (source, key, sha256) WHERE r.state <> 'gone' ORDER BY v.source, v.key"
        )
        return [_version(row) for row in rows]


def _fetch(row: tuple[int, str, str, str, str, str, str, int, int, str]) -> Fetch:
    refusals = tuple(Refusal(**refusal) for refusal in json.loads(row[9]))
    return Fetch(*row[:9], refusals)


def _version(row: tuple[str, str, str, str, str, int, int, str]) -> Version:
    source, key, kind, sha256, modified, size, fetch, warning = row
    return Version(source, key, Kind(kind), sha256, modified, size, fetch, warning)
