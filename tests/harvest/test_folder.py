"""Files and folders as they really are: gzip, hidden, twice, unreadable, badly named."""

import gzip
import os
from pathlib import Path

import pytest

from odatis_kg.harvest.folder import UnreadableFileError, read, walk


def test_files_come_in_a_stable_order_without_hidden_ones_and_none_twice(tmp_path: Path) -> None:
    for name in ("b.xml", "a.xml", ".hidden.xml", "sub/c.xml", "sub/.git/config"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = [file.name for file in walk([tmp_path, tmp_path / "a.xml", tmp_path / "sub"])]
    assert found == [f"{tmp_path.name}/{name}" for name in ("a.xml", "b.xml", "sub/c.xml")]


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no such file"):
        list(walk([tmp_path / "nothing"]))


def test_lineage_names_the_folder_and_not_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.xml").write_text("x")
    (file,) = walk([tmp_path / "records"])
    assert file.name == "records/a.xml"


def test_a_name_that_is_not_utf8_is_text_all_the_same(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xe9t\xe9.xml")).write_text("x")
    (file,) = walk([tmp_path])
    assert file.name == f"{tmp_path.name}/\\xe9t\\xe9.xml"
    file.shown.encode()
    file.location.encode()
    assert read(file.path, 10) == b"x"


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "record.xml"
    path.write_bytes(gzip.compress(b"<a/>"))
    assert read(path, 100) == b"<a/>"


def test_a_gzip_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.gz"
    path.write_bytes(gzip.compress(b"<a/>" * 1000)[:30])
    with pytest.raises(UnreadableFileError, match="cut off"):
        read(path, 100_000)


def test_a_gzip_bomb_is_refused_without_being_opened_out(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(200_000_000), 9))
    with pytest.raises(UnreadableFileError, match="larger than 1 MB"):
        read(path, 1_000_000)


def test_a_file_too_large_is_refused_with_the_name_of_the_setting(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(2_000_001))
    with pytest.raises(UnreadableFileError, match=r"input\.file_mb"):
        read(path, 2_000_000)
