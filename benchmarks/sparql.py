"""The SPARQL service measured against Oxigraph's own server and rdflib-endpoint: same store, same machine, taking turns.

`python -m benchmarks.sparql` takes about 20 minutes, `--short` three. Each figure is the median of several rounds, with its
range; in each round the servers take turns. Every query differs from the one before, and our cache of results is off, but
for `repeated`. Answers of all servers are compared before anything is timed.
"""

import argparse
import http.client
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Final
from urllib.parse import urlencode

from benchmarks import servers, synthetic
from benchmarks.client import Asked, Seen, ask, get
from benchmarks.servers import MemoryWatch, Server
from benchmarks.synthetic import Made
from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import read
from odatis_kg.store.syntax import bind

_JSON: Final = "application/sparql-results+json"
_CSV: Final = "text/csv"
_TRIPLES: Final = "application/n-triples"
_ROWS: Final = 100_000
_NATIVE: Final = "oxigraph"
_RDFLIB: Final = "rdflib-endpoint"
_CACHED: Final = "odatis-kg, cache"
_HEAD: Final = "".join(
    f"PREFIX {name}: <{PREFIXES[name]}> " for name in ("dcat", "dct", "schema", "skos", "foaf", "prov")
)
_ODK: Final = f"PREFIX odk: <{Iris(synthetic.BASE).odk}> "
# Every server is asked for so long before it is timed. One from memory needs it most: a forked process makes the pages that it
# reads its own (reference counts), which is slow where memory is virtual, and is done once.
_WARM_SECONDS: Final = 10.0
_MIX: Final = ("point", "labels", "keyword", "path")


@dataclass(frozen=True, slots=True)
class Cell:
    """What is asked: different queries for one purpose, the format, and with how many connections it is worth asking."""

    queries: Sequence[str]
    accept: str = _JSON
    connections: tuple[int, ...] = (1, 8, 32)
    cached: bool = False
    in_short: bool = False
    # With a LIMIT and no order each server may choose its rows.
    any_rows: bool = False


def cells(made: Made) -> dict[str, Cell]:
    """The cells of the table, on subjects that are in the store."""
    iris = Iris(synthetic.BASE)
    chance = Random("cells")
    datasets = synthetic.subjects(made, f"{PREFIXES['dcat']}Dataset")
    keywords = synthetic.texts(made, f"{PREFIXES['dcat']}keyword")
    begins = [(one, iris.parts_begin(one)) for one in datasets]

    def each(template: str, things: Iterable[str]) -> list[str]:
        return [_HEAD + template.replace("THING", thing) for thing in things]

    def boxes() -> list[str]:
        found = []
        for _ in range(500):
            west, south = chance.randrange(-40, 60) / 4, chance.randrange(160, 200) / 4
            found.append(
                f"{_HEAD}{_ODK} SELECT ?d ?w ?s {{ ?d a dcat:Dataset ; dct:spatial ?e . ?e odk:west ?w ; odk:east ?x ;"
                f" odk:south ?s ; odk:north ?n FILTER(?w <= {west + 2} && ?x >= {west} && ?s <= {south + 2} && ?n >= {south}) }}"
            )
        return found

    def page(thing: str, begin: str) -> str:
        bindings = {"thing": values.iri(thing), "begins": values.text(begin), "most": values.Term("5001")}
        return bind(read("pages/describe", iris).text, bindings)

    small = {
        "point": each("SELECT ?t { <THING> dct:title ?t }", datasets),
        "labels": each("SELECT ?v ?l { <THING> schema:variableMeasured ?v . ?v skos:prefLabel ?l }", datasets),
        "keyword": each("SELECT ?d ?t { ?d dcat:keyword THING ; dct:title ?t }", keywords),
        "path": each(
            "SELECT ?g ?l { <THING> schema:variableMeasured/skos:broader+ ?g . ?g skos:prefLabel ?l }", datasets
        ),
    }
    mix = [query for several in zip(*(small[name] for name in _MIX), strict=False) for query in several]
    numbers = range(500)
    return {
        # Different each time: equal queries at the same time are evaluated once.
        "ask": Cell([f"ASK {{ VALUES ?n {{ {number} }} }}" for number in range(5_000)]),
        "point": Cell(small["point"]),
        "labels": Cell(small["labels"]),
        "keyword": Cell(small["keyword"]),
        "path": Cell(small["path"]),
        "mix": Cell(mix, in_short=True),
        "describe": Cell(each("DESCRIBE <THING>", datasets), _TRIPLES, in_short=True),
        "page": Cell([page(*one) for one in begins]),
        "box": Cell(boxes(), connections=(4,), in_short=True),
        "aggregate": Cell(
            [f"{_HEAD} SELECT ?p (COUNT(?d) AS ?n) {{ ?d a dcat:Dataset ; dct:publisher ?p }} GROUP BY ?p"
             f" HAVING (COUNT(?d) > {number})" for number in numbers],
            connections=(4,),
        ),
        "rows, JSON": Cell(
            [f"SELECT ?s ?p ?o {{ ?s ?p ?o }} LIMIT {_ROWS + number}" for number in numbers],
            connections=(1, 8), in_short=True, any_rows=True,
        ),
        "rows, CSV": Cell(
            [f"SELECT ?s ?p ?o {{ ?s ?p ?o }} LIMIT {_ROWS + number}" for number in numbers], _CSV,
            connections=(1, 8), any_rows=True,
        ),
        "repeated": Cell(mix[:20], connections=(16,), cached=True, in_short=True),
    }  # fmt: skip


# Measuring


def _fetch(server: Server, query: str, accept: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    try:
        connection.request("GET", f"{server.path}?{urlencode({'query': query})}", headers={"Accept": accept})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} instead of an answer to {query[:200]}: {content[:300]!r}")
    return content


def _content(answer: bytes, cell: Cell) -> object:
    """What an answer says, whatever its order: its rows, or how many there are."""
    if cell.accept == _JSON:
        found = json.loads(answer)
        if "boolean" in found:
            return found["boolean"]
        rows = [json.dumps(row, sort_keys=True) for row in found["results"]["bindings"]]
    else:
        rows = answer.decode().splitlines()
    return len(rows) if cell.any_rows else sorted(rows)


def compare(running: dict[str, Server], name: str, cell: Cell) -> None:
    """Check that all servers answer the same to the first queries of a cell.

    Raises:
        RuntimeError: they do not.
    """
    for query in cell.queries[: 1 if cell.any_rows else 3]:
        answers = {label: _content(_fetch(server, query, cell.accept), cell) for label, server in running.items()}
        first = next(iter(answers.values()))
        if different := [label for label, answer in answers.items() if answer != first]:
            raise RuntimeError(f"{name}: {different} answer other than the first to: {query}")


def _rounds(
    running: dict[str, Server], cell: Cell, connections: int, seconds: float, rounds: int
) -> dict[str, list[Seen]]:
    requests = {
        label: [get(server.path, one, cell.accept) for one in cell.queries] for label, server in running.items()
    }
    seen: dict[str, list[Seen]] = {label: [] for label in running}
    for label, server in running.items():
        ask(Asked(server.port, requests[label], connections, _WARM_SECONDS))
    for _ in range(rounds):
        for label, server in running.items():
            seen[label].append(ask(Asked(server.port, requests[label], connections, seconds)))
    return seen


def _row(name: str, connections: int, label: str, seen: list[Seen], peer: list[Seen], *, streams: bool) -> str:
    def figure(of: Callable[[Seen], float], form: str = ",.1f") -> str:
        found = [of(one) for one in seen]
        return f"{median(found):{form}} ({min(found):{form}}-{max(found):{form}})"

    def measure(one: Seen) -> float:
        return one.megabytes if streams else one.rate

    rate = figure(measure) + " MB/s" if streams else figure(measure, ",.0f") + "/s"
    ratios = [measure(one) / measure(other) for one, other in zip(seen, peer, strict=True) if measure(other)]
    ratio = "" if seen is peer or not ratios else f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    wrong = {status: times for one in seen for status, times in one.statuses.items() if status != "200"}
    times = [figure(lambda one: one.p50), figure(lambda one: one.p99), figure(lambda one: one.first_byte)]
    return " | ".join(
        [f"| {name}", str(connections), label, f"{rate}{f' {wrong}' if wrong else ''}", *times, f"{ratio} |"]
    )


def measure(running: dict[str, Server], chosen: dict[str, Cell], asked: argparse.Namespace) -> None:
    """Print a table of the cells, for the servers in turns."""
    print("| Query | Connections | Server | Rate | p50, ms | p99, ms | First byte, ms | Ratio to oxigraph |")
    print("|---|---|---|---|---|---|---|---|")
    for name, cell in chosen.items():
        others = {label: server for label, server in running.items() if (label == _CACHED) == cell.cached}
        turns = others | {_NATIVE: running[_NATIVE]}
        if name not in (*_MIX, "mix", "ask"):
            turns.pop(_RDFLIB, None)  # it is too slow for all, and describes things otherwise
        compare(turns, name, cell)
        for connections in asked.connections or cell.connections:
            seen = _rounds(turns, cell, connections, asked.seconds, asked.rounds)
            for label, several in seen.items():
                print(_row(name, connections, label, several, seen[_NATIVE], streams=cell.any_rows), flush=True)


def measure_memory(running: dict[str, Server], cell: Cell, seconds: float) -> None:
    """Print what memory each server holds idle, and at most while eight clients are sent large results."""
    print(
        "\n| Server | Memory, MB (shared pages once) | Most while eight clients are sent 100,000 rows each |\n|---|---|---|"
    )
    for label, server in running.items():
        idle = server.memory()
        with MemoryWatch(server) as watch:
            ask(Asked(server.port, [get(server.path, one, cell.accept) for one in cell.queries], 8, seconds))
        print(f"| {label} | {idle:,.0f} | {watch.peak:,.0f} |", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sparql", description=__doc__)
    parser.add_argument("--size", default="4m", help=f"of the store: {', '.join(synthetic.SIZES)}, or data sets")
    parser.add_argument("--corpora", type=Path, default=synthetic.default_place(), help="where stores are kept")
    parser.add_argument("--cells", nargs="*", metavar="QUERY", help="only these queries")
    parser.add_argument("--connections", nargs="*", type=int, help="instead of those of each query")
    parser.add_argument(
        "--seconds", type=float, default=4, help="for each server, query, number of connections and round"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="query workers of our server")
    parser.add_argument("--modes", nargs="*", default=["memory", "disk"], help="modes of our server: memory, disk")
    parser.add_argument("--rdflib", action="store_true", help="rdflib-endpoint too, on a small store (pip install it)")
    parser.add_argument(
        "--short", action="store_true", help="the most telling cells, 8 connections, 2 s: three minutes"
    )
    asked = parser.parse_args()
    made = synthetic.make(asked.size, asked.corpora)
    every = cells(made)
    if unknown := set(asked.cells or ()) - every.keys():
        parser.error(f"there is no query {unknown}; there are {', '.join(every)}")
    chosen = {name: cell for name, cell in every.items() if name in (asked.cells or every)}
    if asked.short:
        chosen = {name: cell for name, cell in chosen.items() if cell.in_short}
        asked.seconds, asked.connections = 2.0, asked.connections or [8]
    modes = asked.modes if servers.has_setting("mode") else asked.modes[-1:]
    if not servers.has_setting("mode"):
        print("This version has one mode, from disk.")
    with ExitStack() as ending:
        running = {_NATIVE: ending.enter_context(servers.native(made.release.store))}
        flags = ("--workers", str(asked.workers))
        for mode in modes:
            settings = servers.query_settings(mode=mode, cache_mb=0)
            started = servers.ours(made.data_dir, *flags, environment=settings)
            running[f"odatis-kg, {mode}"] = ending.enter_context(started)
        if any(cell.cached for cell in chosen.values()):
            settings = servers.query_settings(mode="disk")
            running[_CACHED] = ending.enter_context(servers.ours(made.data_dir, *flags, environment=settings))
        if asked.rdflib:
            running[_RDFLIB] = ending.enter_context(servers.rdflib_endpoint(made.release.dump))
        print(f"{made.quads:,} statements in {made.release.manifest.graphs:,} named graphs, and their union\n")
        measure(running, chosen, asked)
        measure_memory(running, every["rows, JSON"], asked.seconds)


if __name__ == "__main__":
    main()
