"""Files and folders as a source: every file below the given paths, in a stable order, decompressed within bounds."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from odatis_kg.harvest.zipped import Member, UnreadableArchiveError, gunzipped, looks_like_zip, members

_GZIP: Final = b"\x1f\x8b"


class UnreadableFileError(Exception):
    """A file that cannot be read; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: one of the file system, or one within a `.zip` archive.

    `path` is where it is (`archive.zip/member.xml` for a member, which no file system knows); `shown` is the same as the
    person gave it, for messages and reports; `name` begins with the name of the given folder only, for lineage, because
    where things lie on this machine is nobody's business. `refusal` is why it cannot be read, when that is known already.
    """

    path: Path
    shown: str
    name: str
    member: Member | None = field(default=None, repr=False, compare=False)
    refusal: str = ""

    @property
    def location(self) -> str:
        """Where it is, as text."""
        return as_text(self.path)

    def read(self, most_bytes: int) -> bytes:
        """Its bytes, decompressed when it is gzip.

        Raises:
            UnreadableFileError: as for `read`; or a member of an archive that is encrypted, damaged or an archive itself.
        """
        if self.refusal:
            raise UnreadableFileError(self.refusal)
        if self.member is None:
            return read(self.path, most_bytes)
        try:
            content = self.member.read(most_bytes)
        except UnreadableArchiveError as error:
            raise UnreadableFileError(str(error)) from None
        return _decompressed(content, most_bytes)


def walk(paths: list[Path]) -> Iterator[File]:
    """The files below some paths, folders in alphabetical order, hidden ones left out; no file twice.

    A `.zip` archive is walked like a folder; one that cannot be opened is a single file with a `refusal`.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    seen: set[Path] = set()
    for given in paths:
        if given.is_dir():
            base = given.resolve()
            inside = sorted(path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file())
            files = [
                File(base / name, as_text(given / name), as_text(Path(base.name, name)))
                for name in inside
                if not _hidden(name)
            ]
        elif given.is_file():
            files = [File(given.resolve(), as_text(given), as_text(Path(given.name)))]
        else:
            raise UnreadableFileError(f"{given}: there is no such file or folder")
        for file in files:
            if file.path not in seen:
                seen.add(file.path)
                yield from _opened(file)


def places(paths: list[Path]) -> list[str]:
    """The locations that a walk of some paths covers whole: of each file, and with a final `/` of each folder or archive."""
    covered = []
    for path in paths:
        location = as_text(path.resolve())
        covered += [f"{location}/"] if path.is_dir() else [location, f"{location}/"]
    return covered


def as_text(path: Path) -> str:
    """A path as text, even one whose bytes are not UTF-8: those bytes are shown as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _opened(file: File) -> Iterator[File]:
    """The members of an archive; any other file itself."""
    if file.path.suffix.lower() != ".zip" or not looks_like_zip(file.path):
        yield file
        return
    try:
        for name, member in members(file.path):
            yield File(file.path / name, f"{file.shown}/{name}", f"{file.name}/{name}", member)
    except UnreadableArchiveError as error:
        yield File(file.path, file.shown, file.name, refusal=str(error))


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def read(path: Path, most_bytes: int) -> bytes:
    """The bytes of a file, decompressed when it is gzip (told by its content, not by its name).

    Raises:
        UnreadableFileError: not readable, a damaged gzip, or more than `most_bytes` once decompressed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise UnreadableFileError(f"the file cannot be read: {error.strerror or error}") from None
    return _decompressed(content, most_bytes)


def _decompressed(content: bytes, most_bytes: int) -> bytes:
    """Bytes of which one more than allowed was read at most, opened out when they are gzip."""
    try:
        content = gunzipped(content, most_bytes)
    except UnreadableArchiveError as error:
        raise UnreadableFileError(f"the gzip file is {error}") from None
    if len(content) > most_bytes:
        raise UnreadableFileError(
            f"the file is larger than {most_bytes // 1_000_000:,} MB, the most that is read (input.file_mb)"
        )
    return content
