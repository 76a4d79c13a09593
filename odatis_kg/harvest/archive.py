"""The raw archive: every byte ever received, by SHA-256, compressed, never rewritten.

What must stay true: a blob that exists is whole (it is written aside and renamed), and what `get` returns has the hash it
was asked for by.
"""

import gzip
import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path


class ArchiveError(Exception):
    """A blob is missing or damaged; the message names it."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Blobs under a folder: `{first two digits}/{sha256}.gz`."""

    folder: Path

    def put(self, content: bytes) -> str:
        """Keep some bytes; their SHA-256 in hexadecimal is returned. Bytes already kept cost one look at the disk."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{sha256}.{os.getpid()}-{threading.get_ident()}")
            # mtime=0 so that the same bytes make the same file.
            with aside.open("wb") as raw:
                with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as packed:
                    packed.write(content)
                raw.flush()
                os.fsync(raw.fileno())
            aside.replace(path)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes with a hash.

        Raises:
            ArchiveError: there are none, or they no longer have that hash.
        """
        try:
            content = gzip.decompress(self.path(sha256).read_bytes())
        except FileNotFoundError:
            raise ArchiveError(f"the raw archive has no record with SHA-256 {sha256}") from None
        except (OSError, EOFError, gzip.BadGzipFile) as error:
            raise ArchiveError(f"the archived record {self.name(sha256)} cannot be read: {error}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ArchiveError(f"the archived record {self.name(sha256)} is damaged: its bytes have another SHA-256")
        return content

    def path(self, sha256: str) -> Path:
        """Where the blob of a hash is kept."""
        return self.folder / self.name(sha256)

    @staticmethod
    def name(sha256: str) -> str:
        """The name of a blob within the archive, as lineage states it."""
        return f"{sha256[:2]}/{sha256}.gz"
