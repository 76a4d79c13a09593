"""Partitions: what each thing of the default graph adds to the statistics, so that they can be counted whole or brought up
to date thing by thing.

Every count here is a sum over subjects: what a subject adds depends on its own statements, its classes and the classes of
what it points at. What must stay true: counting everything gives what counting the changes on top of the counts before gives.
The release's description of itself (`describes_itself`) is not counted: it would count itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.iris import Iris
from odatis_kg.namespaces import PREFIXES

_TYPE: Final = ox.NamedNode(PREFIXES["rdf"] + "type")
_DEFAULT: Final = ox.DefaultGraph()
# The collections others keep that our things point at: a short name, and what the IRIs in them begin with.
TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "nvs": ("http://vocab.nerc.ac.uk/", "https://vocab.nerc.ac.uk/"),
    "gcmd": ("https://gcmd.earthdata.nasa.gov/kms/concept/",),
    "edmo": ("https://edmo.seadatanet.org/",),
    "edmed": ("https://edmed.seadatanet.org/",),
    "edmerp": ("https://edmerp.seadatanet.org/",),
    "csr": ("https://csr.seadatanet.org/",),
    "orcid": ("https://orcid.org/",),
    "ror": ("https://ror.org/",),
    "doi": ("https://doi.org/",),
    "wikidata": ("http://www.wikidata.org/entity/",),
    "marineregions": ("http://marineregions.org/mrgid/",),
    "geonames": ("https://sws.geonames.org/",),
    "eu-authorities": ("http://publications.europa.eu/resource/authority/",),
    "inspire": ("http://inspire.ec.europa.eu/",),
    "licences": ("https://creativecommons.org/", "http://creativecommons.org/", "https://spdx.org/licenses/"),
}
_Key = tuple[str, ...]
# A value: its property, its classes or its datatype, which of the two ("to", "of"), the target it is in.
_Value = tuple[str, tuple[str, ...], str, str]


def describes_itself(iris: Iris) -> tuple[str, str]:
    """What the subjects of the release's description of itself begin with; nothing else does."""
    return f"{iris.base}void", iris.graph("void")


@dataclass(frozen=True, slots=True)
class Thing:
    """A subject with its classes and the values of its statements."""

    iri: str
    classes: tuple[str, ...]
    values: tuple[_Value, ...]


class Partitions:
    """Adds things up. Few kinds of things and of values are different, so those are counted, and taken apart at the end."""

    def __init__(self) -> None:
        self._shapes: Counter[tuple[tuple[str, ...], frozenset[str]]] = Counter()
        self._values: Counter[tuple[tuple[str, ...], str, _Value]] = Counter()

    def add(self, thing: Thing, step: int = 1) -> None:
        """Count (1) or take away (-1) a thing."""
        classes, target = thing.classes, _target_of(thing.iri)
        self._shapes[classes, frozenset([value[0] for value in thing.values])] += step
        for value in thing.values:
            self._values[classes, target, value] += step

    def counts(self) -> Counter[_Key]:
        """Counts by key, each a tuple whose first item says what is counted.

        `("things",)` distinct subjects, `("entities",)` those that have a class, `("statements",)` statements;
        `("class", C)` things of a class; `("property", P)` statements of a property, `("subjects", P)` its distinct
        subjects; `("within", C, P)` statements of a property on things of a class, `("about", C, P)` those things;
        `("to", C, P, O)` those of the statements whose value is of class O, `("of", C, P, D)` whose value is a literal of
        datatype D; `("link", T, P)` statements on something outside of the target T whose value is in it.
        """
        counts: Counter[_Key] = Counter()
        for (classes, names), number in self._shapes.items():
            counts["things",] += number
            if classes:
                counts["entities",] += number
            for class_ in classes:
                counts["class", class_] += number
                for name in names:
                    counts["about", class_, name] += number
            for name in names:
                counts["subjects", name] += number
        for (classes, own, (name, kinds, which, target)), number in self._values.items():
            counts["statements",] += number
            counts["property", name] += number
            if target and target != own:
                counts["link", target, name] += number
            for class_ in classes:
                counts["within", class_, name] += number
                for kind in kinds:
                    counts[which, class_, name, kind] += number
        return counts


def as_rows(counts: Mapping[_Key, int]) -> list[list[Any]]:
    """Counts for a JSON file, in order of their keys: each key followed by its number; nothing is said of what is 0."""
    return [[*key, number] for key, number in sorted(counts.items()) if number]


def from_rows(content: Iterable[list[Any]]) -> Counter[_Key]:
    """The counts of `as_rows`."""
    return Counter({tuple(row[:-1]): int(row[-1]) for row in content})


class Reader:
    """Reads things from a store, without the release's description of itself."""

    def __init__(self, store: ox.Store, iris: Iris) -> None:
        self._store = store
        self._itself = describes_itself(iris)
        self._classes: dict[str, tuple[str, ...]] | None = None

    @cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        """The classes of every thing; equal sets are one object, for there are few of them."""
        classes: dict[str, list[str]] = {}
        for quad in self._store.quads_for_pattern(None, _TYPE, None, _DEFAULT):
            if isinstance(quad.object, ox.NamedNode):
                classes.setdefault(quad.subject.value, []).append(quad.object.value)  # type: ignore[union-attr]
        sets: dict[tuple[str, ...], tuple[str, ...]] = {}
        return {iri: sets.setdefault(found, found) for iri, names in classes.items() if (found := tuple(sorted(names)))}

    def all(self) -> Iterator[Thing]:
        """Every thing.

        Raises:
            ValueError: the store does not give its statements subject by subject.
        """
        classes, seen = self._known, set[int]()

        def classes_of(iri: str) -> tuple[str, ...]:
            return classes.get(iri, ())

        quads = self._store.quads_for_pattern(None, None, None, _DEFAULT)
        for iri, own in groupby(quads, key=lambda quad: str(quad.subject.value)):  # type: ignore[union-attr]
            if iri.startswith(self._itself):
                continue
            if hash(iri) in seen:
                raise ValueError(f"the statements about {iri} do not follow one another in this store")
            seen.add(hash(iri))
            yield Thing(iri, classes_of(iri), tuple([_value(quad, classes_of) for quad in own]))

    def thing(self, iri: str) -> Thing | None:
        """A thing; None when nothing is said of it."""
        if iri.startswith(self._itself):
            return None
        quads = self._store.quads_for_pattern(ox.NamedNode(iri), None, None, _DEFAULT)
        values = tuple([_value(quad, self._classes_of) for quad in quads])
        return Thing(iri, self._classes_of(iri), values) if values else None

    def pointing_at(self, iri: str) -> Iterator[str]:
        """The things that point at a thing."""
        for quad in self._store.quads_for_pattern(None, None, ox.NamedNode(iri), _DEFAULT):
            yield str(quad.subject.value)  # type: ignore[union-attr]

    def _classes_of(self, iri: str) -> tuple[str, ...]:
        if self._classes is None:
            self._classes = {}
        found = self._classes.get(iri)
        if found is None:
            quads = self._store.quads_for_pattern(ox.NamedNode(iri), _TYPE, None, _DEFAULT)
            names = sorted(quad.object.value for quad in quads if isinstance(quad.object, ox.NamedNode))
            found = self._classes[iri] = tuple(names)
        return found


def _value(quad: ox.Quad, classes_of: Callable[[str], tuple[str, ...]]) -> _Value:
    value = quad.object
    if isinstance(value, ox.Literal):
        return quad.predicate.value, (value.datatype.value,), "of", ""
    iri = str(value.value)  # type: ignore[union-attr]
    return quad.predicate.value, classes_of(iri), "to", _target_of(iri)


@lru_cache(maxsize=1 << 14)
def _target_of(iri: str) -> str:
    if not iri.startswith("http"):
        return ""
    return next((name for name, begins in TARGETS.items() if iri.startswith(begins)), "")
