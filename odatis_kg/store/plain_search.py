"""Searches by words and by box in plain SPARQL: slower than the indexes, the same rows, understood by any endpoint."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from odatis_kg.mapping.values import plain
from odatis_kg.store import words

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_MOST_DECIMALS: Final = 12  # a millionth of a millionth of a degree; engines keep 18


@dataclass(frozen=True, slots=True)
class Box:
    """A box in degrees of WGS 84, longitude first (CRS84); `west` above `east` when it crosses the antimeridian."""

    west: Decimal
    south: Decimal
    east: Decimal
    north: Decimal

    @classmethod
    def of(cls, numbers: Sequence[str]) -> "Box":
        """A box from four numbers as they are written.

        Raises:
            ValueError: they are not four numbers that make a box; the message says what is wrong.
        """
        if len(numbers) != 4:
            raise ValueError(f"a box has four numbers, west, south, east and north; these are {len(numbers)}")
        sides: list[Decimal] = []
        for name, text, most in zip(("west", "south", "east", "north"), numbers, (180, 90, 180, 90), strict=True):
            if not _NUMBER.fullmatch(text):
                raise ValueError(f"the {name} side of a box is a number of degrees, not '{text[:40]}'")
            side = Decimal(text)
            if abs(side) > most:
                raise ValueError(f"the {name} side of a box is from -{most} to {most} degrees, not {text[:40]}")
            if side != round(side, _MOST_DECIMALS):
                raise ValueError(f"the {name} side of a box has at most {_MOST_DECIMALS} decimals")
            sides.append(side)
        box = cls(*sides)
        if box.south > box.north:
            raise ValueError(
                f"the south of a box ({numbers[1]}) is above its north ({numbers[3]}): the order is west south east north"
            )
        return box

    def touches(self, west: Decimal, south: Decimal, east: Decimal, north: Decimal) -> bool:
        """Whether it has a point in common with the box of four sides.

        180 and -180 degrees of longitude are one meridian, and a pole is one point.
        """
        if not (south <= north and south <= self.north and north >= self.south):
            return False
        if (self.north == 90 and north >= 90) or (self.south == -90 and south <= -90):
            return True
        if self.west > self.east:
            return west > east or west <= self.east or east >= self.west
        if (self.west == -180 and east >= 180) or (self.east == 180 and west <= -180):
            return True
        if west > east:
            return west <= self.east or east >= self.west
        return west <= self.east and east >= self.west


def box_pattern(place: str, box: Box, odk: str, prefix: str) -> str:
    """The triples and the filter for the boxes that touch one; `place` is a variable or an IRI, `prefix` begins the names of
    the other variables. The filter is `Box.touches`, term by term.
    """
    west, south, east, north = (f"?{prefix}{side}" for side in ("west", "south", "east", "north"))
    w, s, e, n = (plain(side) for side in (box.west, box.south, box.east, box.north))
    if box.west > box.east:
        longitudes = [f"{west} > {east}", f"{west} <= {e}", f"{east} >= {w}"]
    else:
        longitudes = [
            f"({west} <= {e} && {east} >= {w})",
            f"({west} > {east} && ({west} <= {e} || {east} >= {w}))",
        ]
        longitudes += [f"{east} >= 180"] * (box.west == -180) + [f"{west} <= -180"] * (box.east == 180)
    longitudes += [f"{north} >= 90"] * (box.north == 90) + [f"{south} <= -90"] * (box.south == -90)
    sides = " ; ".join(
        f"<{odk}{side}> {variable}"
        for side, variable in (("west", west), ("south", south), ("east", east), ("north", north))
    )
    latitudes = f"{south} <= {north} && {south} <= {n} && {north} >= {s}"
    return f"{place} {sides} . FILTER({latitudes} && ({' || '.join(longitudes)}))"


def text_pattern(
    thing: str,
    phrases: Sequence[Sequence[str]],
    classes: Iterable[str],
    properties: Iterable[str],
    odk: str,
    prefix: str,
) -> str:
    """The triples and the filters for the things whose texts hold all phrases (the last may be begun only)."""
    class_, property_, text = (f"?{prefix}{name}" for name in ("class", "property", "text"))
    base = odk.removesuffix("def/odk#")
    wanted = " ".join(f"<{iri}>" for iri in properties)
    parts = [
        f"{thing} a {class_} . FILTER({class_} IN ({', '.join(f'<{iri}>' for iri in classes)}))",
        f'FILTER(!(CONTAINS(STR({thing}), "#") && STRSTARTS(STR({thing}), "{base}")))',
    ]
    for number, phrase in enumerate(phrases, 1):
        expression = words.pattern(phrase, begun=number == len(phrases)).replace("\\", "\\\\")
        there, own = (f'REGEX({_folded(value)}, "{expression}", "i")' for value in (text, thing))
        parts.append(
            f"FILTER({own} || EXISTS {{ VALUES {property_} {{ {wanted} }} {thing} {property_} {text} ."
            f" FILTER(isLiteral({text}) && {there}) }})"
        )
    return " ".join(parts)


def _folded(value: str) -> str:
    folded = f"STR({value})"
    for expression, letters in words.two_letters():
        folded = f'REPLACE({folded}, "{expression}", "{letters}", "i")'
    return folded
