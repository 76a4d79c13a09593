"""Releases: immutable directories built aside, and the one pointer that says which is served.

A release `{data_dir}/releases/{id}/` holds the RocksDB store (`store/`), the text index (`text.sqlite`), statistics
(`statistics.json`), a dump (`dump.nq.gz`) with the digest and place of every named graph in it (`graphs.tsv.gz`), the
checks (`checks.json`), its description of itself (`void.nq.gz`) and, written last, `manifest.json`. `{data_dir}/current` is
a symbolic link to the served one. What must stay true: a directory with a manifest is whole; publishing and rolling back
are each one atomic rename; killed at any instant, either the old or the new release is current.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from odatis_kg.iris import Iris
from odatis_kg.store.dump import DESCRIPTION, Dump

CURRENT: Final = "current"
_DRAFT: Final = ".building-"
_MANIFEST: Final = "manifest.json"
_IN_USE: Final = "in-use"  # locked (shared) by whoever serves the release


class ReleaseError(Exception):
    """Something asked of the releases cannot be done; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release is made of."""

    id: str
    created: str
    base_url: str
    software: str
    mappings: str
    fingerprint: str
    quads: int
    graphs: int
    dump_sha256: str
    previous: str | None
    kinds: dict[str, dict[str, float]] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    basis: str = ""


@dataclass(frozen=True)
class Release:
    """A published release."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """The id, which is the run that built it and begins with the UTC time of that run."""
        return self.manifest.id

    @property
    def store(self) -> Path:
        """The RocksDB directory."""
        return self.path / "store"

    @cached_property
    def text_index(self) -> Path:
        """The SQLite file of the text index and the box index."""
        return self.path / "text.sqlite"

    @cached_property
    def odk(self) -> str:
        """The namespace of our own terms in it."""
        return Iris(self.manifest.base_url).odk

    @property
    def statements(self) -> Dump:
        """The N-Quads dump, graph by graph."""
        return Dump(self.path)

    @property
    def dump(self) -> Path:
        """The file of the N-Quads dump."""
        return self.statements.path

    @property
    def description(self) -> Path:
        """What the release says of itself (`store.void`), as N-Quads; in the store, and no part of the dump."""
        return self.path / DESCRIPTION

    def statistics(self) -> dict[str, Any]:
        """Counts of the release, without its description of itself (`store.statistics`)."""
        loaded: dict[str, Any] = json.loads((self.path / "statistics.json").read_text(encoding="utf-8"))
        return loaded

    def report(self) -> list[dict[str, Any]]:
        """What became of each file of the run that built it (`quality.reports.FileReport`)."""
        loaded: list[dict[str, Any]] = json.loads((self.path / "report.json").read_text(encoding="utf-8"))
        return loaded

    def graph_digests(self) -> dict[str, tuple[int, str]]:
        """Each named graph with its number of quads and the digest of its sorted statements."""
        return self.statements.digests

    def checks(self) -> dict[str, Any]:
        """What the shapes said of its records: `graphs` that were checked, and `remarks` by graph."""
        loaded: dict[str, Any] = json.loads((self.path / "checks.json").read_text(encoding="utf-8"))
        return loaded

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While inside, `prune` leaves this release alone."""
        with (self.path / _IN_USE).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield


@dataclass(frozen=True, slots=True)
class Draft:
    """A release being built, in a directory nobody reads."""

    path: Path
    id: str

    @property
    def store(self) -> Path:
        """Where the RocksDB store goes."""
        return self.path / "store"

    def write_json(self, name: str, content: object) -> None:
        """Write one JSON file of the release."""
        (self.path / name).write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


class Releases:
    """The releases of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / "releases"

    @contextmanager
    def building(self) -> Iterator[None]:
        """The right to build here, for one process at a time; leftovers of killed builds are cleared away.

        Raises:
            ReleaseError: another process is building in this data directory.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "building.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise ReleaseError(
                    f"another run (process {lock.read().strip() or '?'}) is at work in {self.data_dir}; wait for it to end"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            for leftover in self.folder.glob(f"{_DRAFT}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            for pointer in self.data_dir.glob(f".{CURRENT}-*"):
                pointer.unlink()
            yield

    @contextmanager
    def draft(self, release: str) -> Iterator[Draft]:
        """A new draft, inside `building`; what is not published when the context is left is thrown away."""
        path = self.folder / f"{_DRAFT}{release}"
        path.mkdir(parents=True)
        try:
            yield Draft(path, release)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def publish(self, draft: Draft, manifest: Manifest) -> Release:
        """Make a draft a release, and the current one."""
        (draft.path / _IN_USE).touch()
        draft.write_json(_MANIFEST, asdict(manifest))
        _sync(draft.path / _MANIFEST)
        _sync(draft.path)
        path = self.folder / draft.id
        draft.path.rename(path)
        _sync(self.folder)
        release = Release(path, manifest)
        self._point_to(release)
        return release

    def current_id(self) -> str | None:
        """The id the pointer names; None before the first release."""
        try:
            return (self.data_dir / CURRENT).readlink().name
        except OSError:
            return None

    def current(self) -> Release | None:
        """The release the pointer names; None before the first one."""
        current = self.current_id()
        return self.open(self.folder / current) if current else None

    def get(self, release: str) -> Release:
        """A release by id, or by any beginning of one that is unambiguous.

        Raises:
            ReleaseError: there is none, or there are several.
        """
        found = [one for one in self.all() if one.id.startswith(release)] if release else []
        exact = [one for one in found if one.id == release]
        if len(exact or found) == 1:
            return (exact or found)[0]
        problem = f"several releases begin with '{release}'" if found else f"there is no release '{release}'"
        raise ReleaseError(f"{problem}; `odatis-kg releases list` shows them")

    def all(self) -> list[Release]:
        """Every whole release, the oldest first."""
        paths = sorted(path for path in self.folder.glob("*") if not path.name.startswith(".") and path.is_dir())
        return [release for path in paths if (release := self.open(path)) is not None]

    def rollback(self, release: str | None = None) -> Release:
        """Point to a release again: the one named, else the one before the current one.

        Raises:
            ReleaseError: there is no such release.
        """
        if release is None:
            current = self.current()
            older = [one for one in self.all() if current is not None and one.id < current.id]
            if not older:
                raise ReleaseError("there is no release before the current one to go back to")
            target = older[-1]
        else:
            target = self.get(release)
        self._point_to(target)
        return target

    def prune(self, keep: int) -> list[str]:
        """Delete the oldest releases so that `keep` remain; the current one and those being served stay. Ids deleted."""
        current = self.current()
        removed = []
        releases = self.all()
        for release in releases[: max(0, len(releases) - keep)]:
            if current is not None and release.id == current.id:
                continue
            with (release.path / _IN_USE).open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                # Out of the way first, by a rename, so that nobody sees half of it.
                aside = self.folder / f"{_DRAFT}pruned-{release.id}"
                release.path.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
            removed.append(release.id)
        return removed

    def _point_to(self, release: Release) -> None:
        aside = self.data_dir / f".{CURRENT}-{os.getpid()}"
        aside.unlink(missing_ok=True)
        aside.symlink_to(Path("releases") / release.id)
        aside.replace(self.data_dir / CURRENT)
        _sync(self.data_dir)

    @staticmethod
    def open(path: Path) -> Release | None:
        """The release in a directory; None when it is not a whole one."""
        try:
            manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
            return Release(path.resolve(), Manifest(**manifest))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one release to another, by named graph."""

    added: dict[str, int]
    removed: dict[str, int]
    changed: dict[str, tuple[int, int]]


def difference(before: Release, after: Release) -> Difference:
    """The named graphs that are only in one of two releases, or hold other statements."""
    old, new = before.graph_digests(), after.graph_digests()
    return Difference(
        added={graph: new[graph][0] for graph in sorted(new.keys() - old.keys())},
        removed={graph: old[graph][0] for graph in sorted(old.keys() - new.keys())},
        changed={
            graph: (old[graph][0], new[graph][0])
            for graph in sorted(old.keys() & new.keys())
            if old[graph][1] != new[graph][1]
        },
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
