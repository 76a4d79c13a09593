"""The raw archive: whole or not there, and never other bytes than those asked for."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.harvest.archive import Archive, ArchiveError


@given(st.binary(max_size=200))
def test_what_is_put_in_comes_out(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    archive = Archive(tmp_path_factory.mktemp("raw"))
    assert archive.get(archive.put(content)) == content


def test_a_blob_is_never_written_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    name = archive.put(b"a")
    before = archive.path(name).stat()
    assert archive.put(b"a") == name
    after = archive.path(name).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_same_bytes_make_the_same_file(tmp_path: Path) -> None:
    one, other = Archive(tmp_path / "a"), Archive(tmp_path / "b")
    name = one.put(b"record")
    other.put(b"record")
    assert one.path(name).read_bytes() == other.path(name).read_bytes()


def test_a_damaged_blob_is_told_and_not_returned(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    name = archive.put(b"a")
    archive.path(name).write_bytes(gzip.compress(b"b"))
    with pytest.raises(ArchiveError, match="damaged"):
        archive.get(name)
    archive.path(name).write_bytes(b"not gzip")
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive.get(name)


def test_a_blob_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="0" * 64):
        Archive(tmp_path).get("0" * 64)
