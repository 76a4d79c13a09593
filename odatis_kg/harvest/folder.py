"""Files and folders as a source: every file below the given paths, in a stable order, decompressed within bounds."""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class UnreadableFileError(Exception):
    """A file that cannot be read; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to read.

    `path` is where it is; `shown` is the same as the person gave it, for messages and reports; `name` begins with the name
    of the given folder only, for lineage, because where things lie on this machine is nobody's business.
    """

    path: Path
    shown: str
    name: str

    @property
    def location(self) -> str:
        """Where it is, as text."""
        return as_text(self.path)


def walk(paths: list[Path]) -> Iterator[File]:
    """The files below some paths, folders in alphabetical order, hidden ones left out; no file twice.

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
                yield file


def as_text(path: Path) -> str:
    """A path as text, even one whose bytes are not UTF-8: those bytes are shown as `\\xe9`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


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
    if content[:2] == b"\x1f\x8b":
        try:
            # Reading one byte more than allowed ends a decompression bomb early.
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                content = packed.read(most_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"the gzip file is damaged or cut off: {error}") from None
    if len(content) > most_bytes:
        raise UnreadableFileError(
            f"the file is larger than {most_bytes // 1_000_000:,} MB, the most that is read (input.file_mb)"
        )
    return content
