"""The engine: runs the compiled rows of a table over one record and collects the statements they make.

What must stay true: a pure function of (record, tables, base address) (R5); each statement remembers the row and the
place in the record it came from; statements leave sorted and without doubles.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.kinds import Kind, SourceRecord
from odatis_kg.mapping.reading import Reader, State
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES


class Statement(NamedTuple):
    """A statement of a record, in N-Triples terms, with the mapping row that made it and the node it was read from."""

    subject: Term
    predicate: Term
    object: Term
    row: str
    node: Any


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a record was read: leaves that carry something, and the unknown ones counted by path (R4)."""

    leaves: int
    consumed: int
    ignored: int
    unknown: dict[str, int]

    @property
    def share(self) -> float:
        """Consumed or ignored leaves per leaf; 1.0 for an empty record."""
        return (self.consumed + self.ignored) / self.leaves if self.leaves else 1.0


@dataclass(frozen=True)
class Mapped:
    """What one record became."""

    record: SourceRecord
    graph: str
    subject: str
    statements: tuple[Statement, ...]
    warnings: tuple[str, ...]
    coverage: Coverage

    @cached_property
    def _lines(self) -> list[str]:
        graph = f" <{self.graph}> ."
        return sorted(
            {f"{subject} {predicate} {object_}{graph}" for subject, predicate, object_, _, _ in self.statements}
        )

    def portable(self) -> "Mapped":
        """The same without the nodes its statements were read from, which cannot leave their process, and without its bytes."""
        bare = replace(
            self,
            record=replace(self.record, content=b""),
            statements=tuple(statement._replace(node=None) for statement in self.statements),
        )
        bare.__dict__["_lines"] = self._lines
        return bare

    def of(self, record: SourceRecord) -> "Mapped":
        """The same with the bytes of its record."""
        whole = replace(self, record=record)
        whole.__dict__["_lines"] = self._lines
        return whole

    def nquads(self) -> list[str]:
        """The distinct statements as N-Quads lines, sorted, without line ends."""
        return self._lines

    def text(self) -> bytes:
        """The same as a file's content."""
        return "\n".join([*self._lines, ""]).encode("utf-8")

    @property
    def quads(self) -> int:
        """The number of distinct statements."""
        return len(self._lines)


@dataclass(slots=True)
class Context:
    """The record being mapped, as rows and functions see it."""

    record: SourceRecord
    reader: Any
    iris: Iris
    registers: Mapping[str, Register]
    names: Mapping[str, Term]
    subjects: dict[str, Term] = field(default_factory=dict)
    graph: str = ""
    row: str = ""
    node: Any = None
    statements: list[Statement] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)
    shared: Mapping[str, "tuple[Row, ...]"] = field(default_factory=dict)
    deadline: float = float("inf")
    watch: "Watch | None" = None
    _said: dict[str, dict[Term, list[Statement]]] = field(default_factory=dict)
    _said_since: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))

    def name(self, prefixed: str) -> Term:
        """The term of a prefixed name such as `dct:title`; names are written in code and tables only, never in data."""
        return self.names[prefixed]

    def add(self, subject: Term, predicate: str, object_: Term) -> None:
        """State something; the current row and node are remembered with it."""
        statement = Statement(subject, self.names[predicate], object_, self.row, self.node)
        self.statements.append(statement)
        self._said_since[predicate].append(statement)

    def said(self, predicate: str) -> Mapping[Term, list[Statement]]:
        """What has been stated so far with a predicate (other than a class), by subject, in order."""
        said = self._said.setdefault(predicate, {})
        for statement in self._said_since.pop(predicate, ()):  # sorted out when asked for: few predicates ever are
            said.setdefault(statement.subject, []).append(statement)
        return said

    def objects(self, subject: Term, predicate: str) -> list[Term]:
        """The values that a property of a thing has so far."""
        return [statement.object for statement in self.said(predicate).get(subject, ())]

    def type(self, subject: Term, *classes: str) -> None:
        """State the classes of a node, as prefixed names."""
        for name in classes:
            self.statements.append(Statement(subject, RDF_TYPE, self.names[name], self.row, self.node))

    def texts(self, subject: Term, predicate: str, localised: list[tuple[str, str | None]]) -> None:
        """State each text with its language."""
        for words, language in localised:
            self.add(subject, predicate, values.text(words, language))

    def part(self, owner: Term, name: str, *natural_key: str) -> Term:
        """The term of a part of a thing (see `Iris.part`)."""
        if not owner.startswith(f"<{self.iris.base}"):
            self.add(Term(f"<{self.iris.about(owner[1:-1])}>"), "foaf:primaryTopic", owner)
        return Term(f"<{self.iris.part(owner[1:-1], name, *natural_key)}>")

    def thing(self, kind: str, authority: str, identifier: str, *version: str) -> Term:
        """The term of a thing of ours (see `Iris.thing`)."""
        return Term(f"<{self.iris.thing(kind, authority, identifier, *version)}>")

    def warn(self, message: str, node: Any = None) -> None:
        """Report something a data manager should look at; equal messages are counted, not repeated."""
        place = node if node is not None else self.node
        where = self.reader.where(place) if place is not None else ""
        line = self.reader.line(place) if place is not None else 0
        at = f" (line {line}, {where})" if line else f" ({where})" if where else ""
        self.warnings[f"{message}{at}"] += 1

    @contextmanager
    def speaking_of(self, part: Term) -> Iterator[None]:
        """Inside, `part` is what rows and functions say their statements of when they name the subject "part"."""
        before = self.subjects.get("part")
        self.subjects["part"] = part
        try:
            yield
        finally:
            if before is None:
                del self.subjects["part"]
            else:
                self.subjects["part"] = before

    def apply(self, rows: "tuple[Row, ...]", node: Any, part: Term) -> None:
        """Apply rows below a node; what they say is said of `part`."""
        row_before, node_before = self.row, self.node
        with self.speaking_of(part):
            for row in rows:
                self.row = row.id
                for found in row.path(node):
                    self.node = found
                    row.apply(self, found)
                    if self.watch:
                        self.row = row.id
                        self.watch(self)
        self.row, self.node = row_before, node_before

    def check_time(self) -> None:
        """Stop a record that takes too long.

        Raises:
            RefusedError: the time budget of the record is spent.
        """
        if time.monotonic() > self.deadline:
            raise RefusedError("mapping it took longer than the time one record may take (input.record_seconds)")


class Names(dict[str, Term]):
    """The terms of prefixed names such as `dct:title`, each made when it is first asked for.

    Names are written in code and tables only, never in data, so there are a few hundred.
    """

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        super().__init__()
        self._prefixes = prefixes

    def __missing__(self, prefixed: str) -> Term:
        prefix, _, local = prefixed.partition(":")
        term = self[prefixed] = Term(f"<{self._prefixes[prefix]}{local}>")
        return term


def all_prefixes(iris: Iris) -> dict[str, str]:
    """The prefixes of `namespaces` and, for this base address, `odk`."""
    return {**PREFIXES, "odk": iris.odk}


Watch = Callable[["Context"], None]


def map_record(
    record: SourceRecord, mappings: "Mappings", *, seconds: float = float("inf"), watch: Watch | None = None
) -> Mapped:
    """Map one record with the tables of its kind; `watch` is called after each row, for those who want to know what it read.

    Raises:
        RefusedError: the record cannot be read, or took more than `seconds`.
    """
    spec = mappings.specs[record.kind]
    reader = spec.open(record.content)
    context = Context(
        record=record,
        reader=reader,
        iris=mappings.iris,
        registers=mappings.registers,
        names=mappings.names,
        shared=spec.shared,
        deadline=time.monotonic() + seconds,
        watch=watch,
    )
    context.row = spec.identity_row
    spec.identity(context)
    if watch:
        watch(context)
    for row in spec.rows:
        context.row = row.id
        nodes = reader.select(row.path)
        if row.at_most_one and len(nodes) > 1:
            context.warn(f"{row.id}: {len(nodes)} values where one is expected; the first is kept", nodes[1])
            nodes = nodes[:1]
        for node in nodes:
            context.node = node
            row.apply(context, node)
        if nodes:
            context.check_time()
            if watch:
                context.row = row.id
                watch(context)
    coverage = _coverage(reader)
    warnings = tuple(text if n == 1 else f"{text}, {n} times" for text, n in sorted(context.warnings.items()))
    subject = context.subjects["resource"][1:-1]
    return Mapped(record, context.graph, subject, tuple(context.statements), warnings, coverage)


def _coverage(reader: Reader) -> Coverage:
    leaves = list(reader.leaves())
    states = Counter([state for _, _, state in leaves])
    unknown = Counter([reader.where(node) for node, _, state in leaves if state is State.UNKNOWN])
    return Coverage(len(leaves), states[State.CONSUMED], states[State.IGNORED], dict(sorted(unknown.items())))


class Action(Protocol):
    """What a row does with a node it found."""

    def __call__(self, context: Context, node: Any, /) -> None:
        """State what the node says."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of a mapping table, compiled."""

    id: str
    english: str
    french: str
    path: Any
    apply: Action
    at_most_one: bool


class Opener(Protocol):
    """Makes a reader of the bytes of a record."""

    def __call__(self, content: bytes, /) -> Reader:
        """Read the record, or refuse it."""


class Identity(Protocol):
    """Names the things a record is about, and the graph it is kept in."""

    def __call__(self, context: Context, /) -> None:
        """Set `context.subjects` (at least "resource") and `context.graph`."""


@dataclass(frozen=True, slots=True)
class Spec:
    """How one kind of record is mapped: reader, identity, rows in order."""

    kind: Kind
    open: Opener
    identity: Identity
    identity_row: str
    rows: tuple[Row, ...]
    shared: Mapping[str, tuple[Row, ...]]


@dataclass(frozen=True, slots=True)
class Mappings:
    """The mapping tables of a version, compiled for one base address."""

    version: str
    digest: str
    iris: Iris
    prefixes: dict[str, str]
    names: Mapping[str, Term]
    registers: dict[str, Register]
    specs: dict[Kind, Spec]
