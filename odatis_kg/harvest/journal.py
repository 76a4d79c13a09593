"""The journal of harvests, in the ledger's file: walks through sources, the answers they got, and the items in those.

A *harvest* is one walk through one source; one that was cut off goes on in a later run. An *answer* is what a server
answered to one request. An *item* is what a source lists under an identifier of its own; one that could not be read is in
quarantine, with its bytes in the archive, and its records stay as they were. What must stay true: a harvest's checkpoint is
written together with what came before it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from odatis_kg.harvest.client import Answer, Validators
from odatis_kg.harvest.ledger import Change, Ledger

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS harvest (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, source TEXT NOT NULL, extent TEXT NOT NULL,
    since TEXT NOT NULL, started TEXT NOT NULL, ended TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    checkpoint TEXT NOT NULL, pages INTEGER NOT NULL, items INTEGER NOT NULL, new INTEGER NOT NULL,
    changed INTEGER NOT NULL, missing INTEGER NOT NULL, gone INTEGER NOT NULL, quarantined INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS harvest_source ON harvest (source);
CREATE TABLE IF NOT EXISTS answer (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, harvest INTEGER NOT NULL REFERENCES harvest,
    source TEXT NOT NULL, method TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, status INTEGER NOT NULL,
    retrieved TEXT NOT NULL, media_type TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
    sha256 TEXT NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS item (
    source TEXT NOT NULL, identifier TEXT NOT NULL, fetch INTEGER, scanner TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, deleted INTEGER NOT NULL, PRIMARY KEY (source, identifier)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    source TEXT NOT NULL, identifier TEXT NOT NULL, run TEXT NOT NULL, noted TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (source, identifier)) WITHOUT ROWID;
"""

# `full`: everything the source has; `changes`: what changed since a time; `places`: the files named on the command line;
# `quarantine`: the items in quarantine.
Extent = Literal["full", "changes", "places", "quarantine"]
# `held`: complete, but it would have dropped too much; `incomplete`: it ended before it had seen everything.
State = Literal["running", "complete", "held", "incomplete", "failed", "abandoned"]


@dataclass(slots=True)
class Walk:
    """A harvest: one walk through a source, as far as it has come."""

    id: int
    run: str
    source: str
    extent: Extent
    since: str
    started: str
    ended: str = ""
    state: State = "running"
    reason: str = ""
    checkpoint: Mapping[str, Any] | None = None
    pages: int = 0
    items: int = 0
    new: int = 0
    changed: int = 0
    missing: int = 0
    gone: int = 0
    quarantined: int = 0

    def count(self, what: Change | None) -> None:
        """Count what became of a record; one that is back counts as new."""
        if what:
            name = "new" if what == "back" else what
            setattr(self, name, getattr(self, name) + 1)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is kept: what was asked in which run, and what came; the bytes are in the archive."""

    id: int
    run: str
    source: str
    method: str
    url: str
    status: int
    retrieved: str
    media_type: str
    etag: str
    last_modified: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An item that could not be read: when, why, and its bytes by their SHA-256 (empty when none came)."""

    source: str
    identifier: str
    run: str
    noted: str
    sha256: str
    bytes: int
    reason: str


class Journal:
    """The tables of harvests in a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db
        self._db.executescript(_SCHEMA)

    # Walks

    def begin(self, run: str, source: str, extent: Extent, since: str, started: str) -> Walk:
        """Note that a walk begins; an earlier one that never ended is abandoned, but not for a look at the quarantine."""
        self._db.execute(
            "UPDATE harvest SET state = 'abandoned', ended = ? WHERE source = ? AND state = 'running'"
            " AND (extent = 'quarantine' OR ? <> 'quarantine')",
            (started, source, extent),
        )
        cursor = self._db.execute(
            "INSERT INTO harvest (run, source, extent, since, started, ended, state, reason, checkpoint, pages, items, new,"
            " changed, missing, gone, quarantined) VALUES (?, ?, ?, ?, ?, '', 'running', '', 'null', 0, 0, 0, 0, 0, 0, 0)",
            (run, source, extent, since, started),
        )
        return Walk(int(cursor.lastrowid or 0), run, source, extent, since, started)

    def fail(self, run: str, source: str, reason: str, at: str) -> Walk:
        """Note that a walk ended by a fault; the one under way, or one that never came to begin."""
        walk = next((one for one in self.walks(source)[:1] if one.state == "running"), None)
        walk = walk or self.begin(run, source, "full", "", at)
        walk.state, walk.reason, walk.ended = "failed", reason, at
        self.save(walk)
        return walk

    def save(self, walk: Walk) -> None:
        """Write how far a walk has come."""
        self._db.execute(
            "UPDATE harvest SET ended = :ended, state = :state, reason = :reason, checkpoint = :checkpoint, pages = :pages,"
            " items = :items, new = :new, changed = :changed, missing = :missing, gone = :gone, quarantined = :quarantined"
            " WHERE id = :id",
            {**asdict(walk), "checkpoint": json.dumps(walk.checkpoint, ensure_ascii=False)},
        )

    def walks(self, source: str) -> list[Walk]:
        """The walks through a source, the latest first."""
        rows = self._db.execute(
            "SELECT id, run, source, extent, since, started, ended, state, reason, checkpoint, pages, items, new, changed,"
            " missing, gone, quarantined FROM harvest WHERE source = ? ORDER BY id DESC",
            (source,),
        )
        return [_walk(row) for row in rows]

    def sources(self) -> list[str]:
        """The names of the sources ever harvested, sorted."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT source FROM harvest ORDER BY source")]

    # Answers

    def add_answer(self, run: str, walk: Walk, answer: Answer, sha256: str) -> KeptAnswer:
        """Note an answer; its bytes are in the archive."""
        kept = (run, answer.method, answer.url, answer.status, answer.retrieved, answer.media_type, answer.etag)
        cursor = self._db.execute(
            "INSERT INTO answer (run, method, url, status, retrieved, media_type, etag, harvest, source, body,"
            " last_modified, sha256, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *kept,
                walk.id,
                walk.source,
                answer.body.decode("utf-8", "replace"),
                answer.last_modified,
                sha256,
                len(answer.content),
            ),
        )
        return self.answers([int(cursor.lastrowid or 0)])[int(cursor.lastrowid or 0)]

    def answers(self, ids: list[int]) -> dict[int, KeptAnswer]:
        """Some answers, by number."""
        found = {}
        for number in sorted(set(ids)):
            row = self._db.execute(
                "SELECT id, run, source, method, url, status, retrieved, media_type, etag, last_modified, sha256, bytes"
                " FROM answer WHERE id = ?",
                (number,),
            ).fetchone()
            if row:
                found[number] = KeptAnswer(*row)
        return found

    # Items

    def hold(self, source: str, identifier: str, fetch: int, scanner: str, validators: Validators) -> None:
        """Note that an item is held, read by a scanner in a fetch; it leaves the quarantine."""
        self._db.execute(
            "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, 0)",
            (source, identifier, fetch, scanner, validators.etag, validators.last_modified),
        )
        self.release(source, identifier)

    def fetch_of(self, source: str, identifier: str) -> int | None:
        """The last fetch in which an item could be read."""
        row = self._db.execute(
            "SELECT fetch FROM item WHERE source = ? AND identifier = ?", (source, identifier)
        ).fetchone()
        return row[0] if row else None

    def fetches_within(self, source: str, place: str) -> list[int]:
        """The last fetches in which a file, or the files of a folder or an archive, could be read."""
        rows = self._db.execute(
            "SELECT fetch FROM item WHERE source = ? AND substr(identifier || '/', 1, ?) = ? AND fetch IS NOT NULL"
            " ORDER BY identifier",
            (source, len(place) + 1, f"{place}/"),
        )
        return [row[0] for row in rows]

    def validators(self, source: str, identifier: str, scanner: str) -> Validators:
        """What a conditional request for an item may say; nothing when it must be read again."""
        row = self._db.execute(
            "SELECT etag, last_modified FROM item i WHERE source = ? AND identifier = ? AND scanner = ? AND NOT deleted"
            " AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.source = i.source AND q.identifier = i.identifier)",
            (source, identifier, scanner),
        ).fetchone()
        return Validators(*row) if row else Validators()

    def delete(self, source: str, identifier: str) -> None:
        """Note that the source says that an item is deleted."""
        self._db.execute("UPDATE item SET deleted = 1 WHERE source = ? AND identifier = ?", (source, identifier))

    def deleted(self, source: str) -> list[int]:
        """The last fetches of the items that the source says are deleted."""
        rows = self._db.execute(
            "SELECT fetch FROM item WHERE source = ? AND deleted AND fetch IS NOT NULL ORDER BY identifier", (source,)
        )
        return [row[0] for row in rows]

    # Quarantine

    def quarantine(self, item: Quarantined) -> None:
        """Keep an item that could not be read."""
        self._db.execute(
            "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)",
            (item.source, item.identifier, item.run, item.noted, item.sha256, item.bytes, item.reason),
        )

    def release(self, source: str, identifier: str) -> None:
        """Let an item out of the quarantine."""
        self._db.execute("DELETE FROM quarantine WHERE source = ? AND identifier = ?", (source, identifier))

    def release_unseen(self, source: str, since: str) -> None:
        """Let the items go that were put into quarantine before a time: a whole harvest begun then did not see them any more."""
        self._db.execute("DELETE FROM quarantine WHERE source = ? AND noted < ?", (source, since))

    def quarantined(self, source: str) -> list[Quarantined]:
        """The items of a source in quarantine, by identifier."""
        rows = self._db.execute(
            "SELECT source, identifier, run, noted, sha256, bytes, reason FROM quarantine WHERE source = ? ORDER BY identifier",
            (source,),
        )
        return [Quarantined(*row) for row in rows]


def _walk(row: tuple[Any, ...]) -> Walk:
    values = (*row[:9], json.loads(row[9]), *row[10:])
    return Walk(*values)
