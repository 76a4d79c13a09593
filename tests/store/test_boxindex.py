"""The box index: every place that touches a box and no other, over the antimeridian and at the poles, also after changes."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odatis_kg.mapping.values import XSD
from odatis_kg.store import boxindex, textindex
from odatis_kg.store.plain_search import Box

ODK = "http://localhost:8000/def/odk#"
Sides = tuple[str, str, str, str]


def state(store: ox.Store, name: str, sides: Sides, datatype: str = "decimal") -> None:
    for side, value in zip(boxindex.SIDES, sides, strict=True):
        literal = ox.Literal(value, datatype=ox.NamedNode(XSD + datatype))
        store.add(ox.Quad(ox.NamedNode(f"x:{name}"), ox.NamedNode(ODK + side), literal))


def forget(store: ox.Store, name: str) -> None:
    for quad in list(store.quads_for_pattern(ox.NamedNode(f"x:{name}"), None, None)):
        store.remove(quad)


def touching(path: Path, *sides: str, most: int = 1_000) -> set[str] | None:
    with closing(textindex.connect(path)) as db:
        found = boxindex.touching(db, Box.of(sides), most)
    return None if found is None else {iri.removeprefix("x:") for iri in found}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index ?#%.sqlite"


@pytest.mark.parametrize(
    ("place", "box", "touches"),
    [
        (("0", "0", "10", "10"), ("5", "5", "6", "6"), True),
        (("0", "0", "10", "10"), ("10", "10", "20", "20"), True),
        (("0", "0", "10", "10"), ("10.000000000001", "0", "20", "20"), False),
        (("0", "0", "0.1", "0.1"), ("0.100000000001", "0", "1", "1"), False),
        (("0.1", "0.1", "0.1", "0.1"), ("0.1", "0.1", "0.1", "0.1"), True),
        # over the antimeridian: the place, the box, both
        (("170", "0", "-170", "10"), ("175", "5", "176", "6"), True),
        (("170", "0", "-170", "10"), ("-176", "5", "-175", "6"), True),
        (("170", "0", "-170", "10"), ("-160", "5", "160", "6"), False),
        (("175", "5", "176", "6"), ("170", "0", "-170", "10"), True),
        (("0", "5", "1", "6"), ("170", "0", "-170", "10"), False),
        (("179", "0", "-179", "10"), ("170", "0", "-170", "10"), True),
        (("179", "0", "-179", "10"), ("170", "20", "-170", "30"), False),
        # on it: 180 and -180 are one meridian
        (("170", "0", "180", "10"), ("-180", "0", "-170", "10"), True),
        (("-180", "0", "-170", "10"), ("170", "0", "180", "10"), True),
        (("180", "0", "180", "0"), ("-180", "-5", "-180", "5"), True),
        (("170", "0", "179.9", "10"), ("-180", "0", "-170", "10"), False),
        # a pole is one point
        (("0", "80", "10", "90"), ("100", "85", "110", "90"), True),
        (("0", "80", "10", "89.9"), ("100", "85", "110", "90"), False),
        (("0", "-90", "0", "-90"), ("100", "-90", "110", "-80"), True),
        # what cannot be right: its numbers are compared all the same, but a south above its north is nowhere
        (("0", "10", "10", "0"), ("-180", "-90", "180", "90"), False),
        (("0", "0", "400", "10"), ("50", "0", "60", "10"), True),
        (("0.0000000000000000001", "0", "1", "1"), ("-180", "-90", "180", "90"), False),
    ],
)  # fmt: skip
def test_a_place_touches_a_box_where_they_share_a_point(path: Path, place: Sides, box: Sides, touches: bool) -> None:
    store = ox.Store()
    state(store, "a", place)
    textindex.build(store, path, ODK)
    boxindex.build(store, path, ODK)
    assert touching(path, *box) == ({"a"} if touches else set())
    if (
        all(-180 <= Decimal(side) <= 180 for side in place)
        and Decimal(place[1]) <= Decimal(place[3])
        and len(place[0]) < 9
    ):
        assert Box.of(place).touches(*map(Decimal, box)) == touches


def test_a_place_is_found_once_whichever_of_its_numbers_touch(path: Path) -> None:
    store = ox.Store()
    state(store, "a", ("0", "0", "1", "1"))
    state(store, "a", ("5", "5", "6", "6"))
    state(store, "b", ("0", "0", "1", "1"), "integer")
    state(store, "c", ("0", "0", "1", "1"), "string")
    store.add(ox.Quad(ox.NamedNode("x:d"), ox.NamedNode(f"{ODK}west"), ox.Literal(0)))
    textindex.build(store, path, ODK)
    boxindex.build(store, path, ODK)
    assert touching(path, "0", "0", "1", "1") == {"a", "b"}
    assert touching(path, "5.5", "5.5", "7", "7") == {"a"}


def test_more_than_are_wanted_are_none(path: Path) -> None:
    store = ox.Store()
    for number in range(20):
        state(store, str(number), (str(number), "0", str(number), "0"))
    textindex.build(store, path, ODK)
    boxindex.build(store, path, ODK)
    assert touching(path, "-180", "-90", "180", "90", most=19) is None
    assert len(touching(path, "-180", "-90", "180", "90", most=40) or ()) == 20
    assert touching(path, "3", "0", "4", "0", most=2) == {"3", "4"}


SIDE = st.one_of(st.sampled_from(["-180", "180", "-90", "90", "0"]), st.decimals(-90, 90, places=1).map(str))
PLACES = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(SIDE, SIDE, SIDE, SIDE))


@settings(max_examples=60, deadline=None)
@given(PLACES, PLACES, st.sets(st.sampled_from("abcdefgh")), st.lists(st.tuples(SIDE, SIDE, SIDE, SIDE), max_size=5))
def test_an_index_brought_up_to_date_is_the_one_built_anew(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, Sides],
    after: dict[str, Sides],
    gone: set[str],
    boxes: list[Sides],
) -> None:
    folder = tmp_path_factory.mktemp("boxes")
    store = ox.Store()
    for name, sides in before.items():
        state(store, name, sides)
    for path in (folder / "updated", folder / "anew"):
        textindex.build(ox.Store(), path, ODK)
    boxindex.build(store, folder / "updated", ODK)
    for name in gone | after.keys():
        forget(store, name)
    for name, sides in after.items():
        state(store, name, sides)
    boxindex.update(store, folder / "updated", ODK, (f"x:{name}" for name in gone | after.keys()))
    boxindex.build(store, folder / "anew", ODK)
    for box in [*boxes, ("-180", "-90", "180", "90"), ("-180", "-90", "0", "0")]:
        if Decimal(box[1]) <= Decimal(box[3]) and max(abs(Decimal(box[1])), abs(Decimal(box[3]))) <= 90:
            found = touching(folder / "updated", *box)
            assert found == touching(folder / "anew", *box)
            assert found == {
                name
                for name, sides in ({name: sides for name, sides in before.items() if name not in gone} | after).items()
                if Box.of(box).touches(*map(Decimal, sides))
            }


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (("1", "2", "3"), "these are 3"),
        (("-180.1", "0", "0", "0"), "west side"),
        (("0", "0", "0", "91"), "north side"),
        (("0", "nan", "0", "0"), "number of degrees"),
        (("0", "0", "Infinity", "0"), "number of degrees"),
        (("0", "0", "1_0", "0"), "number of degrees"),
        (("0", "0", "٣", "0"), "number of degrees"),
        (("0", "0", "", "0"), "number of degrees"),
        (("0", "1", "0", "0"), "above its north"),
        (("0", "0", "1e-13", "0"), "12 decimals"),
        (("0", "0", "9" * 50, "0"), "number of degrees"),
    ],
)
def test_what_is_no_box_is_refused(numbers: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Box.of(numbers)
