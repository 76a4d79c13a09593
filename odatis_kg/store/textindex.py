"""The text index of a release: names, titles, abstracts and identifiers in SQLite FTS5, accents folded.

Oxigraph has no text index; this one is built with the release and opened read-only beside it.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from odatis_kg.namespaces import PREFIXES, expand

NAME_PROPERTIES: Final = ("skos:prefLabel", "dct:title", "foaf:name", "rdfs:label", "vcard:fn")
_OTHER_NAMES: Final = ("skos:altLabel", "dct:alternative", "skos:notation", "dct:identifier", "dcat:keyword")
_TEXTS: Final = ("dct:description", "skos:definition")
_SCHEMA: Final = """
CREATE TABLE thing (id INTEGER PRIMARY KEY, iri TEXT NOT NULL, class TEXT NOT NULL, name TEXT NOT NULL, weight INTEGER NOT NULL);
CREATE INDEX thing_iri ON thing (iri);
CREATE TABLE exact (name TEXT NOT NULL, thing INTEGER NOT NULL, PRIMARY KEY (name, thing)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (
    names, others, texts, content = '', tokenize = "unicode61 remove_diacritics 2");
"""
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
    classes: dict[str, tuple[int, str]] = {}
    for class_, weight in weights.items():
        for quad in store.quads_for_pattern(None, _RDF_TYPE, ox.NamedNode(class_), ox.DefaultGraph()):
            iri = quad.subject.value  # type: ignore[union-attr]
            if _is_worth_finding(iri, odk):
                classes[iri] = max(classes.get(iri, (0, "")), (weight, class_))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
        db.execute("BEGIN")
        for number, (iri, (weight, class_)) in enumerate(sorted(classes.items()), 1):
            _insert(db, number, store, iri, class_, weight)
        db.execute("COMMIT")
        db.execute("INSERT INTO words (words) VALUES ('optimize')")
        return _count(db)


def update(store: ox.Store, before: Path, path: Path, odk: str, subjects: Iterable[str]) -> dict[str, int] | None:
    """The index of the release before, with some things indexed again; counts as in `build`.

    The words of what is indexed again stay in the full-text table, where nothing leads from them to a thing any more; when
    they are more than a fifth of it, None is returned, and the index is to be built anew.
    """
    weights = _weights(odk)
    shutil.copyfile(before, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        db.execute("BEGIN")
        (number,) = db.execute(
            "SELECT max(coalesce(max(rowid), 0), (SELECT coalesce(max(id), 0) FROM thing)) FROM words"
        ).fetchone()
        for iri in sorted(subjects):
            if not _is_worth_finding(iri, odk):
                continue
            db.execute("DELETE FROM thing WHERE iri = ?", (iri,))
            types = store.quads_for_pattern(ox.NamedNode(iri), _RDF_TYPE, None, ox.DefaultGraph())
            found = [(weights[name], name) for quad in types if (name := str(quad.object.value)) in weights]  # type: ignore[union-attr]
            if found:
                number += 1
                weight, class_ = max(found)
                _insert(db, number, store, iri, class_, weight)
        db.execute("COMMIT")
        counted = _count(db)
        return counted if number <= 1.2 * sum(counted.values()) + 100 else None


def _weights(odk: str) -> dict[str, int]:
    return {(odk + name if ":" not in name else expand(name, PREFIXES)): weight for name, weight in _WEIGHTS.items()}


def _is_worth_finding(iri: str, odk: str) -> bool:
    return "#" not in iri or not iri.startswith(odk.removesuffix("def/odk#"))


def _insert(db: sqlite3.Connection, number: int, store: ox.Store, iri: str, class_: str, weight: int) -> None:
    names = _values(store, iri, NAME_PROPERTIES)
    others, texts = _values(store, iri, _OTHER_NAMES), _values(store, iri, _TEXTS)
    name = names[0] if names else iri
    db.execute("INSERT INTO thing VALUES (?, ?, ?, ?, ?)", (number, iri, class_, name, weight))
    db.execute(
        "INSERT INTO words (rowid, names, others, texts) VALUES (?, ?, ?, ?)",
        (number, " | ".join(names), " | ".join([*others, iri]), " | ".join(texts)),
    )
    whole = {text.casefold() for text in (*names, *others, iri)}
    db.executemany("INSERT INTO exact VALUES (?, ?)", [(text, number) for text in sorted(whole)])


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


def search(path: Path, words: str, kind: str | None = None, limit: int = 25, offset: int = 0) -> tuple[int, list[Hit]]:
    """How many things match all of some words (the last may be begun only), and a page of them, the best first.

    A thing whose name, code or address is just the words comes before all others, then names before other texts.
    With `kind` (the IRI of a class) only things of that class; without words, all of them by name.
    """
    query = " ".join(f'"{word}"' for word in _words(words))
    of_kind, kinds = (" AND t.class = ?", [kind]) if kind else ("", [])
    if query:
        begins = "FROM words w JOIN thing t ON t.id = w.rowid WHERE words MATCH ?"
        values: list[str] = [f"{query}*", *kinds]
        exact = "EXISTS (SELECT 1 FROM exact WHERE name = ? AND thing = t.id)"
        order = f"{exact} DESC, bm25(words, 8.0, 3.0, 1.0) - t.weight / 3.0, t.iri"
        ranking = [words.strip().casefold()]
    elif kind:
        begins, values = "FROM thing t WHERE 1 = 1", list(kinds)
        order, ranking = "t.name COLLATE NOCASE, t.iri", []
    else:
        return 0, []
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        total = db.execute(f"SELECT count(*) {begins}{of_kind}", values).fetchone()[0]
        rows = db.execute(
            f"SELECT t.iri, t.class, t.name {begins}{of_kind} ORDER BY {order} LIMIT ? OFFSET ?",
            [*values, *ranking, limit, offset],
        ).fetchall()
    return int(total), [Hit(*row) for row in rows]


def _words(text: str) -> Iterator[str]:
    """The words of a request, quoted by the caller so that nothing in them is FTS5 syntax."""
    for word in re.split(r'[\s"\x00]+', text)[:20]:
        if any(sign.isalnum() for sign in word):
            yield word
