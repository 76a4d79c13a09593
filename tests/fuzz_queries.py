"""Queries made from the grammar and mutated ones, asked of a real server: whatever is asked, what comes is an answer or a problem.

`python -m tests.fuzz_queries [--minutes 10] [--seed N] [--only CASE]` serves the demonstration graph with short limits and asks
case after case; a case is a seed and a number and nothing else. Checked are: statuses, problem documents, results that parse and
have the same rows in each format and in the engine without a server, that no query ever calls elsewhere, and that the server
holds no more files and memory than before.
"""

import argparse
import http.client
import json
import re
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import pyoxigraph as ox

from benchmarks import servers
from benchmarks.evaluation import Evaluator
from benchmarks.servers import Server
from odatis_kg.config import load
from odatis_kg.iris import Iris
from odatis_kg.mapping.values import Term
from odatis_kg.namespaces import PREFIXES
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.stages import silent
from odatis_kg.queries import read
from odatis_kg.queries.parameters import Type
from odatis_kg.resources import folder
from odatis_kg.store.release import Release
from odatis_kg.store.syntax import bind
from tests.query_grammar import Grammar, Names, is_repeatable, mutated
from tests.support import triples_in

BASE: Final = "http://localhost:8000/"
# Short, so that a case that is too much costs little time.
LIMITS: Final = {"timeout_seconds": 1.0, "memory_mb": 256, "result_mb": 5, "request_kb": 200, "cache_mb": 0}
# The kinds of problem that may answer a query, by status; all others are faults of ours.
_PROBLEMS: Final = {
    400: ("bad-query", "bad-request"),
    403: ("bad-query", "update-refused"),
    406: ("not-acceptable", "unwritable-result"),
    413: ("too-large",),
    422: ("result-too-large",),
    503: ("overloaded",),
    504: ("timeout",),
    507: ("out-of-memory",),
}
_TABLES: Final = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": None,  # a row is a line: what the engine writes is not read by the engine
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
_GRAPHS: Final = ("application/n-triples", "text/turtle", "application/rdf+xml", "application/ld+json")
# A query of ours that the engine alone does not understand, or that is refused by decision.
_NOT_COMPARED: Final = re.compile(r"SERVICE|textMatch|intersectsBox|LATERAL", re.IGNORECASE)
_CUT: Final = re.compile(r"\b(?:LIMIT|OFFSET)\b", re.IGNORECASE)
_REFUSED_BY_DECISION: Final = re.compile(r"SERVICE|nested|deep|not closed|update|too long", re.IGNORECASE)
# Where a JSON-LD document names our context, which a reader without a network cannot fetch.
_CONTEXT: Final = re.compile(rb'(?<="@context":)\s*"http://localhost:8000/[^"]*"')
_ENGINE_SECONDS: Final = 3.0
# An answer broken off after so many bytes may have met a limit on the way; before them, the status tells.
_HELD_BYTES: Final = 60_000


class FaultError(Exception):
    """Something that is promised of every request, and was not kept."""


# Where no query may ever go


class Probe:
    """A listening socket that nobody has a reason to call."""

    def __init__(self) -> None:
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def close(self) -> None:
        self._listener.close()


# Requests


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read to its end: status, media type, body, and whether it was broken off."""

    status: int
    kind: str
    body: bytes
    cut: bool
    seconds: float


class Client:
    """One connection that is opened again when it is broken."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        begun = time.monotonic()
        for again in (True, False):
            try:
                self._connection.request(method, target, body, headers)
                answer = self._connection.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                self._connection.close()
                if not again:
                    raise FaultError("the connection was broken before a status") from None
        cut = False
        try:
            content = answer.read()
        except (http.client.IncompleteRead, ConnectionError) as error:
            content = error.partial if isinstance(error, http.client.IncompleteRead) else b""
            cut = True
            self._connection.close()
        kind = (answer.getheader("content-type") or "").partition(";")[0]
        return Reply(answer.status, kind, content, cut, time.monotonic() - begun)

    def ask(self, query: str, accept: str, chance: Random) -> Reply:
        """Send a query in one of the ways of the protocol."""
        path, text = self._server.path, query.encode("utf-8", "surrogatepass")
        form = urlencode({"query": text}).encode()
        way = chance.randrange(4)
        headers = {"Accept": accept}
        if way == 0 and len(form) < 50_000:
            return self.send("GET", f"{path}?{form.decode()}", None, headers)
        if way == 1:
            return self.send("POST", path, form, headers | {"Content-Type": "application/x-www-form-urlencoded"})
        return self.send(
            "QUERY" if way == 2 else "POST", path, text, headers | {"Content-Type": "application/sparql-query"}
        )

    def close(self) -> None:
        self._connection.close()


# Checks


def check_problem(reply: Reply) -> str:
    """Check an answer that is no result; the kind of problem is returned.

    Raises:
        FaultError: it is not one of those that are announced, or not a whole problem document.
    """
    if reply.status not in _PROBLEMS:
        raise FaultError(f"status {reply.status}: {reply.body[:300]!r}")
    if reply.kind != "application/problem+json" or reply.cut:
        raise FaultError(
            f"status {reply.status} with '{reply.kind}' instead of a problem document: {reply.body[:200]!r}"
        )
    document = json.loads(reply.body)
    kind = str(document.get("type")).rpartition("#")[2].rpartition("/")[2]
    if document.get("status") != reply.status or not document.get("title") or not document.get("detail"):
        raise FaultError(f"a problem document that is not whole: {document}")
    if kind not in _PROBLEMS[reply.status]:
        raise FaultError(f"{reply.status} {kind}: {document['detail'][:300]}")
    return kind


def counted(reply: Reply, accept: str, context: bytes) -> tuple[str, Any]:
    """What a result says: a truth value, or how many rows or different statements; JSON-LD in the `context` it names.

    Raises:
        FaultError: it is not in the format it says, or not the one that was asked for.
    """
    if reply.kind != accept:
        raise FaultError(f"'{reply.kind}' where '{accept}' was asked for")
    try:
        if accept in _GRAPHS:
            return "statements", len(triples_in(_CONTEXT.sub(lambda _: context, reply.body, count=1), accept, BASE))
        reader = _TABLES[accept]
        if reader is None:
            return _counted_csv(reply.body)
        found = ox.parse_query_results(reply.body, reader)
        if isinstance(found, ox.QueryBoolean):
            return "boolean", bool(found)
        return "rows", sum(1 for _ in found)
    except (SyntaxError, ValueError, OSError) as error:
        raise FaultError(f"{accept} that cannot be read: {error}: {reply.body[:300]!r}") from None


def _counted_csv(body: bytes) -> tuple[str, Any]:
    text = body.decode("utf-8")
    if text.strip() in ("true", "false"):
        return "boolean", text.strip() == "true"
    quoted = re.sub(r'"(?:[^"]|"")*"', "", text)
    return "rows", quoted.count("\n") - 1


@dataclass
class Tally:
    """What has become of the cases so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    shown: dict[str, str] = field(default_factory=dict)


class Fuzzing:
    """A server, the engine beside it, the probe, and the cases."""

    def __init__(self, server: Server, release: Release, probe: Probe, seed: int) -> None:
        self._client = Client(server)
        self._engine = Evaluator(release.store, _ENGINE_SECONDS)
        self._server = server
        self._probe = probe
        self._seed = seed
        self._names = names_of(release, probe.address)
        self._library = library(self._names, Random(seed))
        self._context = self._context_of()
        self.tally = Tally()

    def _context_of(self) -> bytes:
        """What our JSON-LD context says, without the document around it."""
        document = json.loads(self._client.send("GET", "/context/v1.jsonld", None, {}).body)
        return json.dumps(document["@context"]).encode()

    def query(self, number: int) -> str:
        """The query of a case."""
        chance = Random(f"{self._seed} {number}")
        grammar = Grammar(chance, self._names)
        kind = chance.random()
        if kind < 0.55:
            return grammar.query()
        if kind < 0.75:
            return mutated(chance.choice(self._library), chance, grammar)
        if kind < 0.95:
            return mutated(grammar.query(), chance, grammar)
        text = f"SELECT * {{ ?s ?p ?o . {grammar.service()} }}"
        return grammar.prologue(text) + text

    def run(self, number: int) -> None:
        """One case: asked, checked and counted."""
        query, chance = self.query(number), Random(f"formats {self._seed} {number}")
        calls = self._probe.calls
        try:
            outcome = self._check(query, chance)
            if self._probe.calls > calls:
                raise FaultError("the query called another service")
            self.tally.outcomes[outcome] += 1
        except FaultError as fault:
            kind = re.sub(r"\d+|'[^']*'|<[^>]*>|\"[^\"]*\"", "_", str(fault))[:90]
            self.tally.faults[kind] += 1
            if self.tally.faults[kind] == 1:
                self.tally.shown[kind] = str(fault)
                told = f"{fault}\n  --seed {self._seed} --only {number}\n  {query!a}\n"
                sys.stdout.write(told[:3_000] + "\n")
                sys.stdout.flush()

    def _check(self, query: str, chance: Random) -> str:
        wanted = [chance.choice(list(_TABLES)), chance.choice(list(_GRAPHS))]
        chance.shuffle(wanted)
        reply = self._client.ask(query, ", ".join(wanted), chance)
        if reply.seconds > 10 * LIMITS["timeout_seconds"]:
            raise FaultError(
                f"answered after {reply.seconds:.0f} s, where the deadline is {LIMITS['timeout_seconds']} s"
            )
        if reply.status != 200:
            kind = check_problem(reply)
            if kind == "bad-query":
                self._check_refusal(query, json.loads(reply.body)["detail"])
            return kind
        if reply.cut:
            if len(reply.body) < _HELD_BYTES:
                raise FaultError(f"broken off after {len(reply.body)} bytes")
            return "cut"
        accept = reply.kind
        if accept not in wanted:
            raise FaultError(f"'{accept}' where {wanted} were asked for")
        said = counted(reply, accept, self._context)
        if is_repeatable(query) and reply.seconds < 0.5:
            self._check_others(query, accept, said, chance)
        return said[0]

    def _check_refusal(self, query: str, detail: str) -> None:
        """What is refused as no query must be none for the engine either, but for what is refused by decision."""
        if (
            _REFUSED_BY_DECISION.search(detail)
            or re.search("textMatch|intersectsBox", query)
            or "\ud800" <= max(query, default="") <= "\udfff"
        ):
            return
        try:
            told = self._engine(query.encode("utf-8").decode("utf-8"))
        except UnicodeError:
            return
        if told is not None and told.kind not in ("syntax", "failed"):
            raise FaultError(f"refused, where the engine has an answer: {detail}")

    def _check_others(self, query: str, accept: str, said: tuple[str, Any], chance: Random) -> None:
        """The same from another format, and from the engine itself."""
        others = [one for one in (_GRAPHS if accept in _GRAPHS else _TABLES) if one != accept]
        other = chance.choice(others)
        reply = self._client.ask(query, other, chance)
        if reply.status != 200:
            check_problem(reply)
        elif not reply.cut and (counted_again := counted(reply, other, self._context)) != said:
            raise FaultError(f"{said} as {accept} and {counted_again} as {other}")
        if not _NOT_COMPARED.search(query):
            told = self._engine(query)
            # Which rows are left by LIMIT is for each store to choose, and what comes of them may be more or less.
            alike = 1 if _CUT.search(query) else 2
            if told is not None and told[:alike] != said[:alike]:
                raise FaultError(f"{said} from the server and {told[:2]} from the engine")

    def held(self) -> tuple[int, float]:
        """How many descriptors the front has open, and the memory of all processes in megabytes, at rest."""
        time.sleep(1.5 * LIMITS["timeout_seconds"])
        return self._server.descriptors(), self._server.memory()

    def close(self) -> None:
        """Close the connection and end the engine."""
        self._client.close()
        self._engine.close()


def names_of(release: Release, service: str) -> Names:
    """Names that are in a store, taken evenly."""
    store = ox.Store.read_only(str(release.store))
    chance = Random(0)
    quads = sorted(store.quads_for_pattern(None, None, None, None), key=str)
    sample = chance.sample(quads, min(len(quads), 4_000))

    def some(found: Iterator[Any], most: int = 300) -> tuple[str, ...]:
        return tuple(sorted({str(term) for term in found})[:most])

    classes = (quad.object for quad in sample if quad.predicate.value == f"{PREFIXES['rdf']}type")
    return Names(
        subjects=some(quad.subject for quad in sample),
        predicates=some(quad.predicate for quad in sample),
        classes=some(classes),
        graphs=some(quad.graph_name for quad in sample if isinstance(quad.graph_name, ox.NamedNode)),
        literals=some(
            quad.object for quad in sample if isinstance(quad.object, ox.Literal) and len(quad.object.value) < 99
        ),
        services=(service,),
        own_patterns=(
            'odk:textMatch "argo"',
            'odk:textMatch ("temp sal" 10)',
            "odk:textMatch ?words",
            'odk:textMatch "*\\""',
            "odk:intersectsBox (-10 40 10 50)",
            "odk:intersectsBox (170 -90.0 -170 9e1)",
            "odk:intersectsBox (1 2)",
        ),
        prefixes={**PREFIXES, "odk": Iris(BASE).odk},
    )


def library(names: Names, chance: Random) -> list[str]:
    """The named queries, with things of the store where they have parameters."""
    found = []
    for path in sorted(folder("queries").rglob("*.rq")):
        query = read(f"{path.parent.name}/{path.stem}", Iris(BASE))
        found.append(query.example)
        terms: dict[str, Term | Sequence[Term]] = {}
        for parameter in query.parameters:
            terms |= parameter.bindings(parameter.default, Iris(BASE))
            if parameter.type is Type.IRI:
                terms[parameter.name] = Term(chance.choice(names.subjects))
        found.append(bind(query.text, terms))
    return found


@contextmanager
def fuzzing(seed: int) -> Iterator[Fuzzing]:
    """A server on the demonstration graph, and everything a case needs."""
    probe = Probe()
    with tempfile.TemporaryDirectory() as place:
        settings = load(data_dir=Path(place), source="demo", release={"shacl": False})
        release = build([folder("demo")], settings, silent).release
        with servers.ours(Path(place), environment=servers.query_settings(**LIMITS)) as server:
            made = Fuzzing(server, release, probe, seed)
            try:
                yield made
            finally:
                made.close()
                probe.close()


def main() -> int:
    """Run cases until the time is over; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_queries", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the one case of this number")
    given = parser.parse_args()
    with fuzzing(given.seed) as run:
        if given.only is not None:
            sys.stdout.write(f"{run.query(given.only)}\n\n")
            run.run(given.only)
            sys.stdout.write(f"{dict(run.tally.outcomes)}\n")
            return 1 if run.tally.faults else 0
        end = time.monotonic() + 60 * given.minutes
        number = 0
        before: tuple[int, float] | None = None
        while time.monotonic() < end:
            run.run(number)
            number += 1
            if number == 300:  # warm by now
                before = run.held()
        sys.stdout.write(f"{number:,} queries, seed {given.seed}: {dict(run.tally.outcomes.most_common())}\n")
        if before is not None:
            after = run.held()
            sys.stdout.write(f"descriptors {before[0]} -> {after[0]}, memory {before[1]:.0f} -> {after[1]:.0f} MB\n")
            if after[0] > before[0] + 5 or after[1] > 1.5 * before[1] + 50:
                run.tally.faults["descriptors or memory were not given back"] += 1
        for kind, times in run.tally.faults.most_common():
            sys.stdout.write(f"{times:6,}  {kind}\n")
        return 1 if run.tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
