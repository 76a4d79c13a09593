"""Local graphs: an operator's own statements (corrections, vocabularies, descriptions), kept beside what is harvested.

Under `{data_dir}/local/`, `NAME.json` says what the graph NAME holds, since when, from which files and, when that was told,
by whom; `NAME.{digest}.nt` holds its statements as sorted N-Triples. A deleted graph leaves its `NAME.json`. What must stay
true: the same statements make the same file, whatever the syntax, the order and the labels of blank nodes they came in; the
change from one state to the next is one rename.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.harvest.archive import Archive
from odatis_kg.iris import Iris, digest, is_segment, key_segment
from odatis_kg.mapping.values import is_iri
from odatis_kg.times import now

_MOST_BLANK_NODES: Final = 20_000  # making their names compares all with all in the worst case


_FORMATS: Final = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
    ".trig": ox.RdfFormat.TRIG,
    ".nq": ox.RdfFormat.N_QUADS,
}


class LocalGraphError(Exception):
    """What was asked of a local graph cannot be done; the message says why, where, and what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a local graph was read from; its bytes are in the raw archive."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class LocalGraph:
    """A local graph: the run that put it (or deleted it, when `statements` is 0), when (UTC) and, if told, by whom."""

    name: str
    run: str
    software: str
    at: str
    by: str
    statements: int
    bytes: int
    sha256: str
    files: tuple[SourceFile, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Whether it was deleted."""
        return not self.statements

    @property
    def mark(self) -> str:
        """Everything that decides what a release says of it."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Author:
    """Who puts or deletes a graph: the run, the software, and the name of an account when it was told."""

    run: str
    software: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class LocalGraphs:
    """The local graphs of a data directory. Only one process at a time may change them (`Releases.building`)."""

    folder: Path

    def all(self) -> list[LocalGraph]:
        """Every graph, the deleted ones among them, by name.

        Raises:
            LocalGraphError: a file of theirs cannot be read.
        """
        return [self._read(path) for path in sorted(self.folder.glob("*.json"))]

    def whole(self) -> list[tuple[LocalGraph, list[str]]]:
        """Every graph with its lines; errors as for `all` and `lines`."""
        return [(graph, self.lines(graph)) for graph in self.all()]

    def get(self, name: str) -> LocalGraph | None:
        """A graph by name, deleted or not; None when there never was one."""
        path = self.folder / f"{checked_name(name)}.json"
        return self._read(path) if path.exists() else None

    def lines(self, graph: LocalGraph) -> list[str]:
        """The statements of a graph as sorted N-Triples lines, without line ends.

        Raises:
            LocalGraphError: they are not there, or not as they were written.
        """
        if graph.is_gone:
            return []
        path = self._content(graph)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise LocalGraphError(
                f"{path} cannot be read ({error.strerror}); put the graph {graph.name} again"
            ) from None
        if hashlib.sha256(content).hexdigest() != graph.sha256:
            raise LocalGraphError(f"{path} was changed by hand; put the graph {graph.name} again")
        return content.decode("utf-8").split("\n")[:-1]

    def put(
        self, name: str, files: Iterable[Path], iris: Iris, archive: Archive, author: Author, most_mb: int
    ) -> LocalGraph:
        """Make a graph of what some files state, in place of what it held; the same again changes nothing.

        Raises:
            LocalGraphError: a file cannot be read, or holds something else than statements without a graph.
        """
        store, sources = ox.Dataset(), []
        for path in files:
            content = _bytes(path, most_mb)
            for quad in _parsed(path, content):
                store.add(quad)
            sources.append(SourceFile(path.name, archive.put(content), len(content)))
        lines = _canonical(store, iris, checked_name(name))
        if not lines:
            raise LocalGraphError(f"the files state nothing; to remove the graph: odatis-kg graph delete {name}")
        content = "".join(f"{line}\n" for line in lines).encode("utf-8")
        sha256 = hashlib.sha256(content).hexdigest()
        before = self.get(name)
        if before and (before.sha256, before.files) == (sha256, tuple(sources)):
            return before
        graph = LocalGraph(
            name, author.run, author.software, now(), author.by, len(lines), len(content), sha256, tuple(sources)
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._content(graph).write_bytes(content)
        self.restore(name, graph)
        return graph

    def delete(self, name: str, author: Author) -> LocalGraph:
        """Delete a graph: nothing is left of it but that there was one.

        Raises:
            LocalGraphError: there is no such graph.
        """
        before = self.get(name)
        if before is None or before.is_gone:
            known = ", ".join(graph.name for graph in self.all() if not graph.is_gone) or "none"
            raise LocalGraphError(f"there is no local graph '{name}'; there are: {known}")
        graph = LocalGraph(name, author.run, author.software, now(), author.by, 0, 0, "")
        self.restore(name, graph)
        return graph

    def restore(self, name: str, graph: LocalGraph | None) -> None:
        """Set what a graph is; None when there never was one. Statements that no graph has are left for `tidy`."""
        path = self.folder / f"{name}.json"
        if graph is None:
            path.unlink(missing_ok=True)
            return
        aside = path.with_suffix(".new")
        aside.write_text(f"{graph.mark}\n", encoding="utf-8")
        aside.replace(path)

    def tidy(self) -> None:
        """Remove the statements that no graph has any more."""
        wanted = {self._content(graph) for graph in self.all() if not graph.is_gone}
        for path in set(self.folder.glob("*.nt")) - wanted:
            path.unlink()

    def _content(self, graph: LocalGraph) -> Path:
        return self.folder / f"{graph.name}.{graph.sha256[:16]}.nt"

    def _read(self, path: Path) -> LocalGraph:
        try:
            said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return LocalGraph(**{**said, "files": tuple(SourceFile(**one) for one in said["files"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise LocalGraphError(
                f"{path} cannot be read ({error}); restore it, or remove it and put the graph again"
            ) from None


def graph_iri(iris: Iris, name: str) -> str:
    """The IRI of a local graph."""
    return iris.graph("local", name)


def checked_name(name: str) -> str:
    """The name, when a graph can have it: it is part of its IRI.

    Raises:
        LocalGraphError: it cannot.
    """
    if not is_segment(name) or key_segment("graph", "local", name) != name:
        raise LocalGraphError(
            f"'{name}' cannot be the name of a graph: a name has 1 to 64 letters, digits, '.', '_' or '-', begins with a"
            " letter or digit, and does not end like a file"
        )
    return name


def _bytes(path: Path, most_mb: int) -> bytes:
    try:
        if path.stat().st_size > most_mb * 1_000_000:
            raise LocalGraphError(f"{path} has more than {most_mb:,} MB (input.file_mb)")
        return path.read_bytes()
    except OSError as error:
        raise LocalGraphError(f"{path} cannot be read: {error.strerror}") from None


def _parsed(path: Path, content: bytes) -> Iterable[ox.Quad]:
    """The statements of a file, blank nodes kept apart from those of other files."""
    format_ = _FORMATS.get(path.suffix.lower())
    if format_ is None:
        raise LocalGraphError(f"{path}: the syntax is told by the ending, one of {', '.join(_FORMATS)}")
    try:
        for quad in ox.parse(content, format_, rename_blank_nodes=True):
            if quad.graph_name != ox.DefaultGraph():
                raise LocalGraphError(
                    f"{path} states something in the graph {quad.graph_name}; leave the names of graphs out, the name is"
                    " given on the command line"
                )
            _check(path, quad)
            yield quad
    except SyntaxError as error:
        raise LocalGraphError(f"{path}: {error}") from None
    except ValueError as error:  # not UTF-8, or a JSON-LD context that would have to be fetched
        raise LocalGraphError(f"{path} cannot be read: {error}") from None


def _check(path: Path, quad: ox.Quad) -> None:
    for term in (quad.subject, quad.predicate, quad.object):
        if isinstance(term, ox.NamedNode) and not is_iri(term.value):
            raise LocalGraphError(f"{path}: <{term.value}> is not an absolute IRI that can be served; correct it")
        if isinstance(term, ox.Triple) or (isinstance(term, ox.Literal) and term.direction):
            raise LocalGraphError(f"{path}: {term} is of RDF 1.2, and this graph is of RDF 1.1; state it otherwise")


def _canonical(store: ox.Dataset, iris: Iris, name: str) -> list[str]:
    """The statements as sorted lines; a blank node is named by its place in the whole (RDF Dataset Canonicalization 1.0)."""
    blank = {term for quad in store for term in (quad.subject, quad.object) if isinstance(term, ox.BlankNode)}
    if len(blank) > _MOST_BLANK_NODES:
        raise LocalGraphError(f"there are {len(blank):,} blank nodes, more than {_MOST_BLANK_NODES:,}; give them IRIs")
    if blank:
        store.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    owner = iris.thing("local-graph", "odatis-kg", name)

    def written(term: Any) -> str:
        return f"<{owner}#node-{digest(term.value)}>" if isinstance(term, ox.BlankNode) else str(term)

    return sorted({f"{written(quad.subject)} {quad.predicate} {written(quad.object)} ." for quad in store})
