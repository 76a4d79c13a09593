"""Records that something happened to: a few hundred mutations of `tests.fuzz` with fixed seeds; the long run is by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.values import Term, typed
from odatis_kg.resources import folder
from tests import fuzz
from tests.mapping.test_golden import FIXTURES
from tests.support import iso, mapped

SEEDS = 8  # of each file


def failures_of(paths: list[Path], seeds: range, mappings: Mappings, step: int = 1) -> list[str]:
    found = []
    for path, content in fuzz.inputs(paths)[::step]:
        for seed in seeds:
            _, failure = fuzz.run_case(path, content, seed, mappings)
            found += [failure.shown] if failure else []
    return found


def test_whatever_is_done_to_a_record_it_is_mapped_to_valid_rdf_or_refused(mappings: Mappings) -> None:
    assert not failures_of([FIXTURES, folder("demo")], range(1, 1 + SEEDS), mappings)


@pytest.mark.real
def test_so_it_is_with_real_records(real: Path, mappings: Mappings) -> None:
    assert not failures_of([real], range(1, 2), mappings, step=8)


def test_a_seed_tells_the_mutations_and_another_seed_tells_others() -> None:
    content = iso(title="Température")
    assert fuzz.mutated(content, 1) == fuzz.mutated(content, 1)
    assert len({fuzz.mutated(content, seed)[0] for seed in range(20)}) > 15


@pytest.mark.parametrize(
    "broken",
    [
        "_:b0",
        "<relative>",
        "<http://a b/>",
        "<http://[1]/>",
        '"x"@i',
        typed("2020-13-45T", "date"),
        typed("NaN", "decimal"),
    ],
)
def test_what_is_no_valid_rdf_is_a_failure(broken: str, mappings: Mappings) -> None:
    result = mapped(iso(), mappings)
    fuzz.check_output(result)
    (first, *others) = result.statements
    changed = replace(result, statements=(first._replace(object=Term(broken)), *others))
    with pytest.raises(fuzz.BrokenPromiseError):
        fuzz.check_output(changed)


def test_a_failure_says_how_to_see_it_again(mappings: Mappings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(content: bytes, mappings: Mappings) -> int:
        raise KeyError("titel")

    monkeypatch.setattr(fuzz, "check", fail)
    _, failure = fuzz.run_case(Path("a.xml"), iso(), 7, mappings)
    assert failure is not None
    assert "--seed 7 --only a.xml" in failure.shown
    assert "KeyError: 'titel'" in failure.shown
