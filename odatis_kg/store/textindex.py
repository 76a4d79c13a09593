"""The text index of a release: names, titles, abstracts and identifiers in SQLite FTS5, accents folded.

Oxigraph has no text index; this one is built with the release and opened read-only beside it. What must stay true: an
index that was brought up to date finds the same things in the same order as one built from nothing.
"""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from odatis_kg.namespaces import PREFIXES, expand
from odatis_kg.store.words import phrases, words

NAME_PROPERTIES: Final = ("skos:prefLabel", "dct:title", "foaf:name", "rdfs:label", "vcard:fn")
_OTHER_NAMES: Final = ("skos:altLabel", "dct:alternative", "skos:notation", "dct:identifier", "dcat:keyword")
_TEXTS: Final = ("dct:description", "skos:definition")
_SCHEMA: Final = """
CREATE TABLE thing (id INTEGER PRIMARY KEY, iri TEXT NOT NULL, class TEXT NOT NULL, name TEXT NOT NULL, weight INTEGER NOT NULL);
CREATE INDEX thing_iri ON thing (iri);
CREATE TABLE exact (name TEXT NOT NULL, thing INTEGER NOT NULL, PRIMARY KEY (name, thing)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (
    names, others, texts, content = '', tokenize = "ascii");
"""
# Between two texts, so that no phrase is found across them: a token of its own to FTS5, and in no word.
_BETWEEN: Final = " \u00b7 "
_RDF_TYPE: Final = ox.NamedNode(PREFIXES["rdf"] + "type")
# Classes worth finding, the most wanted first.
_WEIGHTS: Final = {
    "dcat:Dataset": 9, "dcat:DatasetSeries": 9, "dcat:DataService": 6, "Cruise": 9, "foaf:Person": 8,
    "foaf:Organization": 7, "sosa:Platform": 7, "skos:Concept": 6, "skos:Collection": 6, "skos:ConceptScheme": 6,
    "Project": 7, "schema:ScholarlyArticle": 7, "DataCentre": 9, "ObservingNetwork": 9, "ExpertConsortium": 7,
    "NetworkVariable": 2, "ResearchInfrastructure": 8, "dcat:Catalog": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A thing found: its IRI, its main class, its name."""

    iri: str
    kind: str
    name: str


def build(store: ox.Store, path: Path, odk: str) -> dict[str, int]:
    """Index every named thing of a store that is not a mere part; the number of things of each class is returned."""
    weights = _weights(odk)
    found: set[str] = set()
    for class_ in weights:
        for quad in store.quads_for_pattern(None, _RDF_TYPE, ox.NamedNode(class_), ox.DefaultGraph()):
            found.add(quad.subject.value)  # type: ignore[union-attr]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
        db.execute("BEGIN")
        things = (thing for iri in sorted(found) if (thing := _thing(store, iri, odk, weights)))
        for number, thing in enumerate(things, 1):
            _insert(db, number, thing)
        db.execute("COMMIT")
        db.execute("INSERT INTO words (words) VALUES ('optimize')")
        return _count(db)


def update(
    store: ox.Store, store_before: ox.Store, before: Path, path: Path, odk: str, subjects: Iterable[str]
) -> dict[str, int]:
    """The index of the release before, with some things indexed again; counts as in `build`.

    The full-text table keeps no texts: what a thing's words were, to take them out, is read from the store before.
    """
    weights = _weights(odk)
    shutil.copyfile(before, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        db.execute("BEGIN")
        (number,) = db.execute("SELECT coalesce(max(id), 0) FROM thing").fetchone()
        for iri in sorted(subjects):
            known = db.execute("SELECT id FROM thing WHERE iri = ?", (iri,)).fetchone()
            if known and (was := _thing(store_before, iri, odk, weights)):
                _remove(db, known[0], was)
            if now := _thing(store, iri, odk, weights):
                number += 1
                _insert(db, number, now)
        db.execute("COMMIT")
        return _count(db)


def indexed_classes(odk: str) -> list[str]:
    """The classes whose things are found by words, as IRIs."""
    return list(_weights(odk))


def indexed_properties() -> list[str]:
    """The properties whose values, as far as they are literals, are searched; so is the IRI of a thing itself."""
    return [expand(name, PREFIXES) for name in (*NAME_PROPERTIES, *_OTHER_NAMES, *_TEXTS)]


def _weights(odk: str) -> dict[str, int]:
    return {(odk + name if ":" not in name else expand(name, PREFIXES)): weight for name, weight in _WEIGHTS.items()}


def _is_worth_finding(iri: str, odk: str) -> bool:
    return "#" not in iri or not iri.startswith(odk.removesuffix("def/odk#"))


@dataclass(frozen=True, slots=True)
class _Thing:
    """What the index holds of a thing."""

    iri: str
    class_: str
    weight: int
    names: list[str]
    others: list[str]
    texts: list[str]

    def words(self) -> tuple[str, str, str]:
        """A row of the full-text table."""
        columns = (self.names, [*self.others, self.iri], self.texts)
        names, others, texts = (_BETWEEN.join(" ".join(words(text)) for text in column) for column in columns)
        return names, others, texts

    def exact(self) -> list[str]:
        """What, searched for just so, puts the thing before all others."""
        return sorted({text.casefold() for text in (*self.names, *self.others, self.iri)})


def _thing(store: ox.Store, iri: str, odk: str, weights: dict[str, int]) -> _Thing | None:
    """A thing as a store has it; None when it is not one to be found."""
    if not _is_worth_finding(iri, odk):
        return None
    types = store.quads_for_pattern(ox.NamedNode(iri), _RDF_TYPE, None, ox.DefaultGraph())
    found = [(weights[name], name) for quad in types if (name := str(quad.object.value)) in weights]  # type: ignore[union-attr]
    if not found:
        return None
    weight, class_ = max(found)
    names, others, texts = (_values(store, iri, which) for which in (NAME_PROPERTIES, _OTHER_NAMES, _TEXTS))
    return _Thing(iri, class_, weight, names, others, texts)


def _insert(db: sqlite3.Connection, number: int, thing: _Thing) -> None:
    name = thing.names[0] if thing.names else thing.iri
    db.execute("INSERT INTO thing VALUES (?, ?, ?, ?, ?)", (number, thing.iri, thing.class_, name, thing.weight))
    db.execute("INSERT INTO words (rowid, names, others, texts) VALUES (?, ?, ?, ?)", (number, *thing.words()))
    db.executemany("INSERT INTO exact VALUES (?, ?)", [(text, number) for text in thing.exact()])


def _remove(db: sqlite3.Connection, number: int, thing: _Thing) -> None:
    db.execute("DELETE FROM thing WHERE id = ?", (number,))
    # A table without content forgets a row when it is told what was in it (SQLite FTS5, section 6.3).
    db.execute(
        "INSERT INTO words (words, rowid, names, others, texts) VALUES ('delete', ?, ?, ?, ?)", (number, *thing.words())
    )
    db.executemany("DELETE FROM exact WHERE name = ? AND thing = ?", [(text, number) for text in thing.exact()])


def _count(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("SELECT class, count(*) FROM thing GROUP BY class ORDER BY class"))


def _values(store: ox.Store, iri: str, properties: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for name in properties:
        quads = store.quads_for_pattern(
            ox.NamedNode(iri), ox.NamedNode(expand(name, PREFIXES)), None, ox.DefaultGraph()
        )
        texts = sorted(quad.object.value for quad in quads if isinstance(quad.object, ox.Literal))
        found += [text for text in texts if text not in found]
    return found


def connect(path: Path) -> sqlite3.Connection:
    """The index of a release, read-only: no lock is taken, for a published release never changes.

    Raises:
        sqlite3.OperationalError: there is none.
    """
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def search(path: Path, text: str, kind: str | None = None, limit: int = 25, offset: int = 0) -> tuple[int, list[Hit]]:
    """How many things match all words of a text (the last may be begun only), and a page of them, the best first.

    A thing whose name, code or address is just the text comes before all others, then names before other texts.
    With `kind` (the IRI of a class) only things of that class; without words, all of them by name.
    """
    # Letters and digits within quotes: nothing of a request is FTS5 syntax.
    query = " ".join(f'"{" ".join(phrase)}"' for phrase in phrases(text))
    of_kind, kinds = (" AND t.class = ?", [kind]) if kind else ("", [])
    if query:
        begins = "FROM words w JOIN thing t ON t.id = w.rowid WHERE words MATCH ?"
        values: list[str] = [f"{query} *", *kinds]
        exact = "EXISTS (SELECT 1 FROM exact WHERE name = ? AND thing = t.id)"
        order = f"{exact} DESC, bm25(words, 8.0, 3.0, 1.0) - t.weight / 3.0, t.iri"
        ranking = [text.strip().casefold()]
    elif kind:
        begins, values = "FROM thing t WHERE 1 = 1", list(kinds)
        order, ranking = "t.name COLLATE NOCASE, t.iri", []
    else:
        return 0, []
    with closing(connect(path)) as db:
        total = db.execute(f"SELECT count(*) {begins}{of_kind}", values).fetchone()[0]
        rows = db.execute(
            f"SELECT t.iri, t.class, t.name {begins}{of_kind} ORDER BY {order} LIMIT ? OFFSET ?",
            [*values, *ranking, limit, offset],
        ).fetchall()
    return int(total), [Hit(*row) for row in rows]
