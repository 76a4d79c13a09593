"""The dump of a release: its named graphs as N-Quads, each a gzip member of its own, so that one graph is read, compared or
taken over into the next release without touching the others.

`dump.nq.gz` is an ordinary gzip file of all statements, graphs in order of their names, lines sorted. `graphs.tsv.gz` says
of each graph: name, quads, digest of its lines, offset and length of its member, and `inputs`, what it was made from where
that tells sooner than its lines whether it must be made again. What must stay true: the same statements make the same bytes.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

DUMP: Final = "dump.nq.gz"
INDEX: Final = "graphs.tsv.gz"
DESCRIPTION: Final = "void.nq.gz"  # what the release says of itself (`store.void`), which is no part of the dump
_LEVEL: Final = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """A named graph in a dump: its size, its digest, where its member is, and what it was made from."""

    quads: int
    digest: str
    offset: int
    length: int
    inputs: str = ""


@dataclass(frozen=True)
class Dump:
    """The dump in the folder of a release."""

    folder: Path

    @property
    def path(self) -> Path:
        """The file of statements."""
        return self.folder / DUMP

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every named graph, by name."""
        with gzip.open(self.folder / INDEX, "rt", encoding="utf-8") as lines:
            rows = (line.rstrip("\n").split("\t") for line in lines)
            return {row[0]: Entry(int(row[1]), row[2], int(row[3]), int(row[4]), row[5]) for row in rows}

    @property
    def quads(self) -> int:
        """The number of statements."""
        return sum(entry.quads for entry in self.entries.values())

    @property
    def digests(self) -> dict[str, tuple[int, str]]:
        """Each named graph with its number of quads and the digest of its sorted statements."""
        return {graph: (entry.quads, entry.digest) for graph, entry in self.entries.items()}

    def lines(self, graph: str) -> list[str]:
        """The statements of a graph as N-Quads lines, sorted, without line ends; none when there is no such graph."""
        entry = self.entries.get(graph)
        if entry is None:
            return []
        with self.path.open("rb") as file:
            file.seek(entry.offset)
            return gzip.decompress(file.read(entry.length)).decode("utf-8").split("\n")[:-1]

    def unpacked(self) -> Iterator[tuple[str, bytes]]:
        """Every graph in order of its place in the file, with its lines as they are."""
        with self.path.open("rb") as file:
            for graph, entry in sorted(self.entries.items(), key=lambda item: item[1].offset):
                file.seek(entry.offset)
                yield graph, gzip.decompress(file.read(entry.length))

    def served(self) -> Iterator[tuple[str, bytes]]:
        """Everything that is served: every graph as in `unpacked`, then the release's description of itself."""
        yield from self.unpacked()
        path = self.folder / DESCRIPTION
        if path.is_file() and (content := gzip.decompress(path.read_bytes())):
            graph = content.rpartition(b" <")[2].removesuffix(b"> .\n")
            yield graph.decode("utf-8"), content


class DumpWriter:
    """Writes a dump graph by graph; a graph that is as it was in the dump `before` is taken over from there."""

    def __init__(self, folder: Path, before: Dump | None = None) -> None:
        self.folder = folder
        self.before = before
        self.entries: dict[str, Entry] = {}
        self.changed: set[str] = set()
        self._known = before.entries if before else {}
        self._path = folder / "members"
        self._members = self._path.open("wb")

    @property
    def removed(self) -> set[str]:
        """The graphs that the dump before has and this one has not."""
        return self._known.keys() - self.entries.keys()

    def write(self, graph: str, lines: Iterable[str], inputs: str = "") -> int:
        """Write the sorted N-Quads lines of a graph, once; their number is returned. An empty graph is not written."""
        if graph in self.entries:
            raise ValueError(f"the graph {graph} is written twice")
        encoded = [line.encode("utf-8") + b"\n" for line in lines]
        if not encoded:
            return 0
        content = b"".join(encoded)
        digest = hashlib.sha256(content).hexdigest()[:32]
        known = self._known.get(graph)
        if known is not None and known.digest == digest:
            self.entries[graph] = replace(known, inputs=inputs)
            return known.quads
        member = gzip.compress(content, _LEVEL, mtime=0)
        self.entries[graph] = Entry(len(encoded), digest, self._members.tell(), len(member), inputs)
        self.changed.add(graph)
        self._members.write(member)
        return len(encoded)

    def keep(self, graph: str, inputs: str = "", digest: str = "") -> bool:
        """Take a graph over as it was, when it was made from the same inputs, or has the digest; whether it was."""
        known = self._known.get(graph)
        if known is None or not (inputs or digest) or (inputs and known.inputs != inputs):
            return False
        if digest and known.digest != digest:
            return False
        if graph in self.entries:
            raise ValueError(f"the graph {graph} is written twice")
        self.entries[graph] = known
        return True

    def close(self) -> tuple[Dump, str]:
        """Put the dump together; it, and the SHA-256 of its file."""
        self._members.close()
        placed: dict[str, Entry] = {}
        digest, offset = hashlib.sha256(), 0
        with self._path.open("rb") as fresh, (self.folder / DUMP).open("wb") as out:
            old = self.before.path.open("rb") if self.before else None
            try:
                for origin, start, length in self._stretches(placed):
                    file = fresh if origin == "fresh" or old is None else old
                    for chunk in _chunks(file, start, length):
                        digest.update(chunk)
                        out.write(chunk)
                        offset += len(chunk)
            finally:
                if old:
                    old.close()
        self._path.unlink()
        self.entries = placed
        rows = (
            f"{graph}\t{one.quads}\t{one.digest}\t{one.offset}\t{one.length}\t{one.inputs}\n"
            for graph, one in placed.items()
        )
        (self.folder / INDEX).write_bytes(gzip.compress("".join(rows).encode("utf-8"), mtime=0))
        return Dump(self.folder), digest.hexdigest()

    def _stretches(self, placed: dict[str, Entry]) -> Iterator[tuple[str, int, int]]:
        """The stretches to copy, neighbours in one; `placed` is filled with where each graph goes."""
        offset = 0
        current: tuple[str, int, int] | None = None
        for graph, entry in sorted(self.entries.items()):
            origin = "fresh" if graph in self.changed else "before"
            placed[graph] = replace(entry, offset=offset)
            offset += entry.length
            if current and current[0] == origin and current[1] + current[2] == entry.offset:
                current = (origin, current[1], current[2] + entry.length)
                continue
            if current:
                yield current
            current = (origin, entry.offset, entry.length)
        if current:
            yield current


def _chunks(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    file.seek(start)
    while length:
        chunk = file.read(min(length, 1 << 20))
        if not chunk:
            raise OSError(f"{file.name} is shorter than its index says")
        length -= len(chunk)
        yield chunk
