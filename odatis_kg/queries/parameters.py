"""Parameters of named queries: what a value may be, and the only way from a text somebody wrote to terms that are bound.

A value is checked against its type before `syntax.bind` puts it in the place of its variable, so that whatever it says, it
is one term: it cannot end a string, close a bracket or add a pattern.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.values import Term

_MOST_CHARACTERS: Final = 2_000
_MOST_ITEMS: Final = 200
_NEVER_IN_AN_IRI: Final = re.compile(r"[\s<>\"{}|^`\\\x00-\x20]")  # SPARQL 1.1, section 19.8, IRIREF
_EDGES: Final = ("West", "South", "East", "North")


class ParameterError(ValueError):
    """A value that a parameter cannot take; the message says which parameter, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"parameter '{name}': {reason}")
        self.name = name


class Type(StrEnum):
    """What a value is: one IRI or several, a text, a calendar year, a whole number, the four edges of a box in degrees."""

    IRI = "iri"
    IRIS = "iris"
    STRING = "string"
    YEAR = "year"
    INTEGER = "integer"
    BBOX = "bbox"

    @property
    def datatype(self) -> str:
        """The XSD datatype it is written in; a year is compared as the text it begins dates with."""
        if self in (Type.IRI, Type.IRIS):
            return "anyURI"
        return {Type.YEAR: "gYear", Type.INTEGER: "integer"}.get(self, "string")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable that is bound from outside: its names for people, the value of the example, and the query that lists the
    values it may well take (`?value` with a `?label`), if there is one.
    """

    name: str
    type: Type
    label: Mapping[str, str]
    default: str
    choices: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of the query it binds: its own name, or one for each edge of a box."""
        return tuple(f"{self.name}{edge}" for edge in _EDGES) if self.type is Type.BBOX else (self.name,)

    def bindings(self, given: str, iris: Iris) -> dict[str, Term | tuple[Term, ...]]:
        """The terms to bind for a value as somebody wrote it.

        Raises:
            ParameterError: it is not a value of the type.
        """
        text = given.strip()
        if len(text) > _MOST_CHARACTERS:
            raise ParameterError(
                self.name, f"a value has at most {_MOST_CHARACTERS:,} characters, this one {len(text):,}"
            )
        try:
            terms = _READERS[self.type](text, iris)
        except ValueError as error:
            raise ParameterError(self.name, str(error)) from None
        if self.type is Type.IRIS:
            return {self.name: terms}
        return dict(zip(self.variables, terms, strict=True))


def parse(line: str, iris: Iris) -> Parameter:
    """A parameter as the head of a query describes it: `name type; English; French; default; choices`.

    A default that is an IRI of ours is written without the base address, or with `{base}` for it.
    """
    fields = [field.strip() for field in line.split(";")]
    name, _, kind = fields[0].partition(" ")
    english, french, default, choices = (*fields[1:], "", "")[:4]
    type_ = Type(kind.strip())
    if type_ in (Type.IRI, Type.IRIS) and "://" not in default:
        default = iris.base + default
    return Parameter(name, type_, {"en": english, "fr": french}, default.replace("{base}", iris.base), choices)


def _iri(text: str, iris: Iris) -> tuple[Term, ...]:
    if _NEVER_IN_AN_IRI.search(text):
        raise ValueError(f"'{text[:100]}' is not an IRI, nor an identifier whose form is known")
    found = text if text.startswith(iris.base) and values.is_iri(text) else canonical(text)
    if found is None or not values.is_iri(found):
        raise ValueError(f"'{text[:100]}' is not an IRI, nor an identifier whose form is known")
    return (values.iri(found),)


def _iris(text: str, iris: Iris) -> tuple[Term, ...]:
    items = text.split()
    if not 0 < len(items) <= _MOST_ITEMS:
        raise ValueError(f"1 to {_MOST_ITEMS} IRIs are expected, {len(items)} were given")
    return tuple(_iri(item, iris)[0] for item in items)


def _string(text: str, _: Iris) -> tuple[Term, ...]:
    return (values.text(text),)


def _year(text: str, _: Iris) -> tuple[Term, ...]:
    if not re.fullmatch(r"[0-9]{4}", text, re.ASCII):
        raise ValueError(f"'{text[:40]}' is not a year of four digits, such as 2022")
    return (values.text(text),)


def _integer(text: str, _: Iris) -> tuple[Term, ...]:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise ValueError(f"'{text[:40]}' is not a whole number between 0 and 999,999,999")
    return (Term(str(int(text))),)  # bare digits, which LIMIT wants


def _bbox(text: str, _: Iris) -> tuple[Term, ...]:
    edges = [values.number(item) for item in text.split(",")]
    if len(edges) != 4 or any(edge is None for edge in edges):
        raise ValueError(f"'{text[:60]}' is not four numbers: west,south,east,north in degrees, such as -10,43,-1,48")
    west, south, east, north = (edge for edge in edges if edge is not None)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError(f"'{text[:60]}': longitudes are -180 to 180, latitudes -90 to 90, south before north")
    if west > east:
        raise ValueError(f"'{text[:60]}': a box over the antimeridian is asked for as two boxes, west before east")
    return tuple(values.decimal(Decimal(edge)) for edge in (west, south, east, north))


_READERS: Final[Mapping[Type, Callable[[str, Iris], tuple[Term, ...]]]] = {
    Type.IRI: _iri,
    Type.IRIS: _iris,
    Type.STRING: _string,
    Type.YEAR: _year,
    Type.INTEGER: _integer,
    Type.BBOX: _bbox,
}
