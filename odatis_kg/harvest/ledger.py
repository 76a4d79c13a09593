"""The ledger: what is known of every record of every source, in one SQLite file.

A *fetch* is one look at one place (a file, an item of a server's answer) in a run. A *version* is one content of a record,
by SHA-256. A *record* is what a source calls by one key; it is `current`, `missing` (one complete harvest did not see it)
or `gone` (two did, or the source said so). What must stay true: nothing is ever deleted from it, a run that is killed
leaves it consistent, and an unchanged place costs one look-up. `harvest.journal` keeps the walks through the sources here.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from odatis_kg.mapping.kinds import Kind, Refusal

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, software TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fetch (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, source TEXT NOT NULL, location TEXT NOT NULL,
    name TEXT NOT NULL, retrieved TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, scanner TEXT NOT NULL,
    records INTEGER NOT NULL, refusals TEXT NOT NULL, answer INTEGER);
CREATE INDEX IF NOT EXISTS fetch_place ON fetch (source, location, sha256, scanner);
CREATE TABLE IF NOT EXISTS record (
    source TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, sha256 TEXT NOT NULL,
    location TEXT NOT NULL, first_run TEXT NOT NULL, last_run TEXT NOT NULL, harvest INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, source TEXT NOT NULL, key TEXT NOT NULL, what TEXT NOT NULL,
    sha256 TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS change_record ON change (source, key);
CREATE TABLE IF NOT EXISTS citation (
    person TEXT NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (person, source, key, sha256)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (
    source TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL, modified TEXT NOT NULL,
    bytes INTEGER NOT NULL, fetch INTEGER NOT NULL REFERENCES fetch, warning TEXT NOT NULL,
    PRIMARY KEY (source, key, sha256)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sighting (
    fetch INTEGER NOT NULL REFERENCES fetch, source TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (fetch, source, key, sha256)) WITHOUT ROWID;
"""

_LATER_COLUMNS: Final = (("fetch", "answer", "INTEGER"), ("record", "harvest", "INTEGER NOT NULL DEFAULT 0"))
_PATIENCE: Final = 60.0  # seconds a writer waits for another one

# What can become of a record; `back` is a missing or gone one seen again.
Loss = Literal["missing", "gone"]
Change = Literal["new", "changed", "back"] | Loss

_FETCH: Final = "SELECT id, run, source, location, name, retrieved, sha256, bytes, records, refusals, answer FROM fetch"


@dataclass(frozen=True, slots=True)
class Fetch:
    """One look at one place (`location` on this machine or the source's name of the item, `name` for lineage), and what it
    held; `answer` is the number of the answer of a server that brought it (`harvest.journal`), None for a file.
    """

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
    answer: int | None = None


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


class Sighted(NamedTuple):
    """A record version as a scan found it, its bytes in the archive; `persons` are the ORCID iDs that it cites."""

    key: str
    kind: Kind
    sha256: str
    modified: str
    bytes: int
    warning: str = ""
    persons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """A record that is gone: its last version, when that was found out (UTC), and in which run."""

    version: Version
    at: str
    run: str


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
        self._db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)
        self._add_columns()

    def _add_columns(self) -> None:
        """Bring a ledger of an earlier version up to this one; nothing in it changes."""
        for table, column, definition in _LATER_COLUMNS:
            if column not in {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")

    @property
    def db(self) -> sqlite3.Connection:
        """The database, for the rooms that keep tables of their own in it."""
        return self._db

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
        """Note how a run ended: `published`, `unchanged`, `harvested` or `failed`."""
        self._db.execute("UPDATE run SET ended = ?, state = ? WHERE id = ?", (ended, state, run))

    def runs(self, ids: Iterable[str]) -> list[Run]:
        """Some runs, in order of their start."""
        wanted = set(ids)
        rows = self._db.execute(
            "SELECT id, software, started, coalesce(ended, ''), state FROM run ORDER BY started, id"
        )
        return [Run(*row) for row in rows if row[0] in wanted]

    def harvest_runs(self) -> list[str]:
        """The runs that first brought in a current version of a record, sorted."""
        rows = self._db.execute(
            "SELECT DISTINCT f.run FROM record r JOIN version v USING (source, key, sha256) JOIN fetch f ON f.id = v.fetch"
            " ORDER BY f.run"
        )
        return [row[0] for row in rows]

    # What was seen

    def known_fetch(self, source: str, location: str, sha256: str, scanner: str) -> Fetch | None:
        """The first look at a place that found the same bytes, read by the same scanner; None when they are new."""
        row = self._db.execute(
            f"{_FETCH} WHERE source = ? AND location = ? AND sha256 = ? AND scanner = ? ORDER BY id LIMIT 1",
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
        versions: Iterable[Sighted],
        refusals: tuple[Refusal, ...],
        answer: int | None = None,
    ) -> Fetch:
        """Note a new look at a place, with the records it held."""
        versions = list(versions)
        refused = json.dumps([asdict(refusal) for refusal in refusals], ensure_ascii=False)
        cursor = self._db.execute(
            "INSERT INTO fetch (run, source, location, name, retrieved, sha256, bytes, scanner, records, refusals,"
            " answer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, source, location, name, retrieved, sha256, size, scanner, len(versions), refused, answer),
        )
        fetch = int(cursor.lastrowid or 0)
        for key, kind, content, modified, length, warning, persons in versions:
            self._db.execute(
                "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (source, key, content, kind, modified, length, fetch, warning),
            )
            self._db.execute("INSERT OR IGNORE INTO sighting VALUES (?, ?, ?, ?)", (fetch, source, key, content))
            self._db.executemany(
                "INSERT OR IGNORE INTO citation VALUES (?, ?, ?, ?)",
                [(person, source, key, content) for person in persons],
            )
        return Fetch(fetch, run, source, location, name, retrieved, sha256, size, len(versions), refusals, answer)

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
            row = self._db.execute(f"{_FETCH} WHERE id = ?", (number,)).fetchone()
            if row:
                found[number] = _fetch(row)
        return found

    # Records

    def see(self, run: str, harvest: int, version: Version, location: str, at: str) -> Change | None:
        """Note that a harvest sees a version of a record at a place, and make it the current one; what changed is returned.

        When one harvest sees two versions of a record, the one that says the later date of change stays.
        """
        row = self._db.execute(
            "SELECT r.state, r.sha256, r.harvest, v.modified FROM record r JOIN version v USING (source, key, sha256)"
            " WHERE source = ? AND key = ?",
            (version.source, version.key),
        ).fetchone()
        state, sha256, seen, modified = row or ("", "", 0, "")
        if row and sha256 != version.sha256 and seen == harvest and version.modified < modified:
            return None
        what: Change | None = None
        if not row:
            what = "new"
        elif state != "current":
            what = "back"
        elif sha256 != version.sha256:
            what = "changed"
        self._db.execute(
            "INSERT INTO record VALUES (?, ?, ?, 'current', ?, ?, ?, ?, ?) ON CONFLICT (source, key) DO UPDATE SET"
            " kind = excluded.kind, state = 'current', sha256 = excluded.sha256, location = excluded.location,"
            " last_run = excluded.last_run, harvest = excluded.harvest",
            (version.source, version.key, version.kind, version.sha256, location, run, run, harvest),
        )
        if what:
            self._note(run, version.source, version.key, what, version.sha256, at)
        return what

    def unseen(self, harvest: int, source: str, places: Iterable[str] | None = None) -> list[tuple[str, str]]:
        """The records of a source that are not gone and that a harvest did not see, as (key, state), by key.

        `places` limits them to those last seen there: a file's name, or a folder's with a final `/`.
        """
        complete = None if places is None else tuple(places)
        rows = self._db.execute(
            "SELECT key, state, location FROM record WHERE source = ? AND harvest <> ? AND state <> 'gone' ORDER BY key",
            (source, harvest),
        )
        return [
            (key, state)
            for key, state, location in rows
            if complete is None
            or any(location == place or (place.endswith("/") and location.startswith(place)) for place in complete)
        ]

    def lose(self, run: str, source: str, key: str, state: Loss, at: str) -> None:
        """Note that a record is missing or gone."""
        self._db.execute("UPDATE record SET state = ? WHERE source = ? AND key = ?", (state, source, key))
        sha256 = self._db.execute("SELECT sha256 FROM record WHERE source = ? AND key = ?", (source, key)).fetchone()
        self._note(run, source, key, state, sha256[0], at)

    def _note(self, run: str, source: str, key: str, what: Change, sha256: str, at: str) -> None:
        self._db.execute(
            "INSERT INTO change (run, source, key, what, sha256, at) VALUES (?, ?, ?, ?, ?, ?)",
            (run, source, key, what, sha256, at),
        )

    def count(self, source: str) -> int:
        """How many records of a source are not gone."""
        row = self._db.execute("SELECT count(*) FROM record WHERE source = ? AND state <> 'gone'", (source,)).fetchone()
        return int(row[0])

    def current(self) -> list[Version]:
        """The current version of every record that is not gone, by source and key."""
        rows = self._db.execute(
            "SELECT v.source, v.key, v.kind, v.sha256, v.modified, v.bytes, v.fetch, v.warning FROM record r"
            " JOIN version v USING (source, key, sha256) WHERE r.state <> 'gone' ORDER BY v.source, v.key"
        )
        return [_version(row) for row in rows]

    def gone(self) -> list[Gone]:
        """The last version of every record that is gone, by source and key."""
        rows = self._db.execute(
            "SELECT v.source, v.key, v.kind, v.sha256, v.modified, v.bytes, v.fetch, v.warning, c.at, c.run FROM record r"
            " JOIN version v USING (source, key, sha256) JOIN change c ON c.id = (SELECT max(id) FROM change"
            " WHERE source = r.source AND key = r.key AND what = 'gone') WHERE r.state = 'gone' ORDER BY v.source, v.key"
        )
        return [Gone(_version(row[:8]), *row[8:]) for row in rows]

    def cited_persons(self) -> list[str]:
        """The ORCID iDs that the current versions of all records cite, sorted."""
        rows = self._db.execute(
            "SELECT DISTINCT c.person FROM citation c JOIN record r USING (source, key, sha256) WHERE r.state <> 'gone'"
            " ORDER BY c.person"
        )
        return [row[0] for row in rows]


def _fetch(row: tuple[int, str, str, str, str, str, str, int, int, str, int | None]) -> Fetch:
    refusals = tuple(Refusal(**refusal) for refusal in json.loads(row[9]))
    return Fetch(*row[:9], refusals, row[10])


def _version(row: tuple[str, str, str, str, str, int, int, str]) -> Version:
    source, key, kind, sha256, modified, size, fetch, warning = row
    return Version(source, key, Kind(kind), sha256, modified, size, fetch, warning)
