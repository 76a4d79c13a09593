"""Every named query on stores of several sizes: how long it takes in the engine, and how many rows it gives.

`python -m benchmarks.queries [--sizes 100k 10m] [GROUP/NAME ...]`. Each query is bound to things that are in the store, five
times to different ones where it has parameters; the median and the longest time are shown. A query is marked when it takes
more than a tenth of a second on the largest store and far longer than on the smallest, though it gives no more rows: its plan
reads what it does not need.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import synthetic
from benchmarks.evaluation import Evaluator
from benchmarks.synthetic import Made
from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.values import Term
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import NamedQuery, read
from odatis_kg.resources import folder
from odatis_kg.store.syntax import bind

_IRIS: Final = Iris(synthetic.BASE)
_TIMES: Final = 5
_SLOW_SECONDS: Final = 0.1
_Bindings = Mapping[str, Term | Sequence[Term]]


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds that a query took, by the things it was bound to, and its rows; no times when none came to an end."""

    times: Sequence[float]
    rows: float

    def shown(self) -> str:
        """As it stands in the table."""
        if not self.times:
            return "not within the time"
        longest = f" (max {1e3 * max(self.times):,.1f})" if len(self.times) > 1 else ""
        return f"{1e3 * median(self.times):,.1f} ms{longest}, {self.rows:,.0f} rows"


# Things to bind


def things(made: Made) -> list[dict[str, Term | Sequence[Term]]]:
    """For each of some runs a value for every parameter that named queries have; more are ignored."""
    classes = {
        "dataset": f"{PREFIXES['dcat']}Dataset", "concept": f"{PREFIXES['skos']}Concept", "cruise": f"{_IRIS.odk}Cruise",
        "person": f"{PREFIXES['foaf']}Person", "organisation": f"{PREFIXES['foaf']}Organization",
        "ship": f"{PREFIXES['sosa']}Platform", "graph": f"{_IRIS.odk}RecordGraph",
    }  # fmt: skip
    found = {name: synthetic.subjects(made, class_, 4 * _TIMES) for name, class_ in classes.items()}
    names = {"data": "dataset", "product": "dataset", "thing": "dataset", "platform": "ship", "variable": "concept"}
    picks = []
    for number in range(_TIMES):
        one: dict[str, Term | Sequence[Term]] = {name: values.iri(some[number]) for name, some in found.items()}
        one |= {name: one[other] for name, other in names.items()}
        one["things"] = [values.iri(some[number + step]) for some in found.values() for step in range(4)]
        one["graphs"] = [values.iri(graph) for graph in found["graph"][number : number + 4]]
        one["begins"] = values.text(_IRIS.parts_begin(found["dataset"][number]))
        one["family"] = values.text(f"{_IRIS.base}graph/prov/")
        one["most"] = values.Term("5001")
        picks.append(one)
    return picks


def bound(query: NamedQuery, picks: Sequence[_Bindings]) -> list[str]:
    """The texts to measure: one where nothing is to be bound, else one for each pick; what is not picked has its default."""
    texts = []
    for pick in picks if query.parameters else [{}]:
        terms: dict[str, Term | Sequence[Term]] = {}
        for parameter in query.parameters:
            terms |= parameter.bindings(parameter.default, _IRIS)
        terms |= {name: pick[name] for name in terms if name in pick}
        texts.append(bind(query.text, terms))
    return list(dict.fromkeys(texts))


# Measuring


def names(wanted: Sequence[str]) -> Iterator[str]:
    """The names of the queries in all groups, or those that begin as wanted."""
    for path in sorted(folder("queries").rglob("*.rq")):
        name = f"{path.parent.name}/{path.stem}"
        if not wanted or name.startswith(tuple(wanted)):
            yield name


def measure(evaluate: Evaluator, texts: Sequence[str]) -> Figure:
    """The figure of one query; the first run, which reads from the disk, is not counted when there are others.

    Raises:
        RuntimeError: the engine does not answer it.
    """
    evaluate(texts[0])
    taken, rows = [], []
    for text in texts:
        if (told := evaluate(text)) is None:
            continue
        if isinstance(told.content, str):
            raise RuntimeError(f"{told.content}: {text}")
        taken.append(told.seconds)
        rows.append(int(told.content) if told.kind != "boolean" else 1)
    return Figure(taken, median(rows) if rows else 0)


def wants_attention(figures: Sequence[Figure]) -> bool:
    """Whether a query grows with the store and not with what it gives."""
    first, last = figures[0], figures[-1]
    if not last.times:
        return True
    if len(figures) < 2 or not first.times or median(last.times) < _SLOW_SECONDS:
        return False
    return median(last.times) / median(first.times) > 5 * max(1.0, last.rows / max(1.0, first.rows))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="GROUP/NAME", help="queries, or beginnings of their names; default: all"
    )
    parser.add_argument(
        "--sizes", nargs="+", default=["100k", "10m"], help=f"{', '.join(synthetic.SIZES)}, or data sets"
    )
    parser.add_argument("--corpora", type=Path, default=synthetic.default_place(), help="where stores are kept")
    parser.add_argument("--seconds", type=float, default=60, help="the most that one evaluation may take")
    asked = parser.parse_args()
    releases = [synthetic.make(size, asked.corpora) for size in asked.sizes]
    evaluators = [Evaluator(made.release.store, asked.seconds) for made in releases]
    picks = [things(made) for made in releases]
    print(
        "| Query |"
        + "".join(f" {made.quads:,} statements |" for made in releases)
        + " |\n|---|"
        + "---|" * len(releases)
        + "---|"
    )
    for name in names(asked.names):
        query = read(name, _IRIS)
        figures = [measure(one, bound(query, some)) for one, some in zip(evaluators, picks, strict=True)]
        mark = " **grows** " if wants_attention(figures) else " "
        print(f"| {name} |" + "".join(f" {figure.shown()} |" for figure in figures) + f"{mark}|", flush=True)
    for evaluator in evaluators:
        evaluator.close()


if __name__ == "__main__":
    main()
