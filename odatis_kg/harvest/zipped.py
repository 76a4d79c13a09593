"""What is compressed: bytes in gzip, and archives of files (`.zip`), whose members are read one by one, none larger, more
numerous or elsewhere than is safe.

What must stay true: nothing is written to the file system, a member's name is only a name, and a member that cannot be
read says why without keeping the others from being read.
"""

import gzip
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MOST_MEMBERS: Final = 200_000
_MOST_DIRECTORY: Final = 40_000_000  # bytes: 200 for each member
_TOO_MANY: Final = f"the archive has more than the {MOST_MEMBERS:,} members that are read; divide it"
MOST_BYTES: Final = (
    16_000_000_000  # of all members together, decompressed; what an archive says of more is not believed
)
_GZIP: Final = b"\x1f\x8b"
_STARTS: Final = (b"PK\x03\x04", b"PK\x05\x06")  # a member, or the directory of an archive without any
_ENCRYPTED: Final = 1  # bit of the general purpose flags (APPNOTE.TXT 6.3.10, section 4.4.4)
_LONGEST_NAME: Final = 1_000
_CHUNK: Final = 1 << 20


class UnreadableArchiveError(Exception):
    """An archive or a member of it that cannot be read; the message says why and what would help."""


@dataclass(slots=True)
class _Door:
    """One archive of the file system, open while members of it are read."""

    path: Path
    archive: zipfile.ZipFile | None = None
    left: int = 0  # members still to be read, before it is closed

    def open(self) -> zipfile.ZipFile:
        if self.archive is None:
            self.archive = _archive(self.path)
        return self.archive

    def close_after_last(self) -> None:
        self.left -= 1
        if self.left <= 0 and self.archive is not None:
            self.archive.close()
            self.archive = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive."""

    door: _Door = field(repr=False)
    header: zipfile.ZipInfo

    def read(self, most_bytes: int) -> bytes:
        """Its bytes, at most one more than `most_bytes`.

        Raises:
            UnreadableArchiveError: it is encrypted, damaged, compressed in an unknown way, or an archive itself.
        """
        try:
            return self._content(most_bytes)
        finally:
            self.door.close_after_last()

    def _content(self, most_bytes: int) -> bytes:
        if self.header.flag_bits & _ENCRYPTED:
            raise UnreadableArchiveError("the member is encrypted; give the archive without a password")
        try:
            with self.door.open().open(self.header) as file:
                content = bytearray()
                while len(content) <= most_bytes and (chunk := file.read(min(_CHUNK, most_bytes + 1 - len(content)))):
                    content += chunk
        except NotImplementedError as error:
            raise UnreadableArchiveError(f"the member cannot be decompressed: {error}") from None
        except _DAMAGES as error:
            raise UnreadableArchiveError(f"the member is damaged: {_in_words(error)}") from None
        if content.startswith(_STARTS):
            raise UnreadableArchiveError("an archive within an archive, which is not entered; unpack it first")
        return bytes(content)


def gunzipped(content: bytes, most_bytes: int) -> bytes:
    """Bytes opened out when they are gzip (told by their content), at most one more than `most_bytes`; else as they are.

    Raises:
        UnreadableArchiveError: they are damaged or cut off.
    """
    if content[:2] != _GZIP:
        return content
    try:
        # Reading one byte more than allowed ends a decompression bomb early.
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            return packed.read(most_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableArchiveError(f"damaged or cut off: {error}") from None


def looks_like_zip(path: Path) -> bool:
    """Whether a file begins as an archive does; False when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _STARTS
    except OSError:
        return False


def members(path: Path) -> Iterator[tuple[str, Member]]:
    """The members of an archive by name, in alphabetical order; folders and hidden ones are left out.

    A name is made harmless: no `..`, no root, no control character; two members of one name get numbers.

    Raises:
        UnreadableArchiveError: the archive is damaged, or holds more than is allowed.
    """
    door = _Door(path)
    with _archive(path) as archive:
        headers = [one for one in archive.infolist() if not one.is_dir()]
    announced = sum(one.file_size for one in headers)
    if announced > MOST_BYTES:
        raise UnreadableArchiveError(
            f"the archive holds {announced:,} bytes decompressed, more than the {MOST_BYTES:,} that are read; divide it"
        )
    named: dict[str, Member] = {}
    for header in headers:
        name = _harmless(header.filename)
        if any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
            continue
        number = 1
        unique = name
        while unique in named:
            number += 1
            unique = f"{name} ({number})"
        named[unique] = Member(door, header)
    door.left = len(named)
    yield from sorted(named.items())


_DAMAGES: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
)


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        if _directory_bytes(path) > _MOST_DIRECTORY:
            raise UnreadableArchiveError(_TOO_MANY)
        archive = zipfile.ZipFile(path)
    except NotImplementedError as error:
        raise UnreadableArchiveError(f"the archive cannot be opened: {error}") from None
    except _DAMAGES as error:
        raise UnreadableArchiveError(f"the archive is damaged or cut off: {_in_words(error)}") from None
    if len(archive.filelist) > MOST_MEMBERS:
        archive.close()
        raise UnreadableArchiveError(_TOO_MANY)
    return archive


def _directory_bytes(path: Path) -> int:
    """The largest size that the end of an archive says of its directory, looked at before the directory is read.

    Source: APPNOTE.TXT 6.3.10, sections 4.3.14 (zip64 record), 4.3.15 and 4.3.16.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65_557 - 20 - 56))
        end = file.read()
        at = end.rfind(b"PK\x05\x06")
        if at < 0 or len(end) < at + 22:
            raise zipfile.BadZipFile("it has no directory at its end")
        stated = struct.unpack_from("<I", end, at + 12)[0]
        sizes = [stated if stated != 0xFFFF_FFFF else 0]
        locator = end[max(0, at - 20) : at]
        if locator[:4] == b"PK\x06\x07":
            file.seek(min(struct.unpack_from("<Q", locator, 8)[0], size))
            records = (file.read(56), end[max(0, at - 76) : at - 20])
            sizes += [
                struct.unpack_from("<Q", record, 40)[0]
                for record in records
                if len(record) == 56 and record[:4] == b"PK\x06\x06"
            ]
        return int(max(sizes))


def _harmless(name: str) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    text = "/".join(parts)[:_LONGEST_NAME] or "without a name"
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "replace").decode("ascii") for sign in text
    )


def _in_words(error: Exception) -> str:
    return str(error) or type(error).__name__
