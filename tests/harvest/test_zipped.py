"""Archives as people make them, and as somebody with bad intentions would: every member on its own, nothing opened out."""

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pyoxigraph as ox
import pytest

from odatis_kg.config import Settings
from odatis_kg.harvest import zipped
from odatis_kg.harvest.folder import File, UnreadableFileError, places, walk
from odatis_kg.pipeline.building import build
from tests.support import iso, quiet

Members = dict[str, bytes]


def archive(path: Path, members: Members, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


def only(path: Path) -> File:
    (file,) = walk([path])
    return file


def test_each_member_is_a_file_of_its_own_by_name(tmp_path: Path) -> None:
    archive(tmp_path / "a.zip", {"b.xml": b"<b/>", "sub/c.xml.gz": gzip.compress(b"<c/>"), "a.xml": b"<a/>"})
    files = list(walk([tmp_path / "a.zip"]))
    assert [file.name for file in files] == ["a.zip/a.xml", "a.zip/b.xml", "a.zip/sub/c.xml.gz"]
    assert [file.read(100) for file in files] == [b"<a/>", b"<b/>", b"<c/>"]
    assert [file.location for file in files] == [f"{tmp_path}/{file.name}" for file in files]
    assert [file.read(100) for file in reversed(files)] == [b"<c/>", b"<b/>", b"<a/>"]  # again, in another order


def test_an_archive_in_a_folder_is_walked_in_its_place_and_once(tmp_path: Path) -> None:
    archive(tmp_path / "b.ZIP", {"x.xml": b"<x/>"})
    (tmp_path / "a.xml").write_text("<a/>")
    (tmp_path / "c.xml").write_text("<c/>")
    found = [file.name for file in walk([tmp_path, tmp_path / "b.ZIP"])]
    assert found == [f"{tmp_path.name}/{name}" for name in ("a.xml", "b.ZIP/x.xml", "c.xml")]


def test_folders_and_hidden_members_are_left_out(tmp_path: Path) -> None:
    members = {"in/": b"", ".hidden.xml": b"x", "in/.git/config": b"x", "__MACOSX/a.xml": b"x", "in/a.xml": b"x"}
    assert [file.name for file in walk([archive(tmp_path / "a.zip", members)])] == ["a.zip/in/a.xml"]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\a\\..\\b.xml", "C:/a/b.xml"),
        ("bell\x07\x1b[2J.xml", "bell\\x07\\x1b[2J.xml"),
        ("été.xml", "été.xml"),
        ("..", "without a name"),
        ("a" * 5_000, "a" * 1_000),
    ],
)
def test_a_name_is_only_a_name(tmp_path: Path, stored: str, shown: str) -> None:
    file = only(archive(tmp_path / "a.zip", {stored: b"content"}))
    assert file.name == f"a.zip/{shown}"
    assert file.location == f"{tmp_path}/a.zip/{shown}"
    assert file.read(100) == b"content"


def test_a_name_that_is_not_utf8_is_text_all_the_same(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"ete.xml": b"<a/>"})
    path.write_bytes(path.read_bytes().replace(b"ete.xml", b"\xe9t\xe9.xml"))
    file = only(path)
    file.name.encode()
    assert file.read(100) == b"<a/>"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.xml", b"first")
        out.writestr("a.xml", b"second")
    assert {file.name: file.read(100) for file in walk([path])} == {
        "a.zip/a.xml": b"first",
        "a.zip/a.xml (2)": b"second",
    }


def test_an_encrypted_member_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.xml": b"<a/>", "b.xml": b"<b/>"})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # of the first member, in both its headers
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    first, second = walk([path])
    with pytest.raises(UnreadableFileError, match="encrypted"):
        first.read(100)
    assert second.read(100) == b"<b/>"


def test_a_damaged_member_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.xml": b"<a>intact</a>", "b.xml": b"<b/>"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"intact", b"broken"))
    first, second = walk([path])
    with pytest.raises(UnreadableFileError, match=r"damaged.*CRC"):
        first.read(100)
    assert second.read(100) == b"<b/>"


def test_an_archive_cut_off_is_one_file_that_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.xml": b"<a/>" * 100})
    path.write_bytes(path.read_bytes()[:-30])
    file = only(path)
    assert file.name == "a.zip"
    with pytest.raises(UnreadableFileError, match="damaged or cut off"):
        file.read(100)


def test_every_archive_cut_or_changed_anywhere_is_read_or_refused_with_a_reason(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.xml": b"<a>a</a>", "b/c.xml": b"<c>" + b"c" * 100 + b"</c>"})
    whole = path.read_bytes()
    variants = [whole[:end] for end in range(len(whole))]
    variants += [
        whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in (1, 255)
    ]
    refused = 0
    for variant in variants:
        path.write_bytes(variant)
        for file in walk([path]):
            try:
                file.read(1_000)
            except UnreadableFileError as error:
                assert str(error)
                refused += 1
    assert refused > len(variants) / 4


def test_an_archive_within_an_archive_is_not_entered(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner.zip", {"a.xml": b"<a/>"}).read_bytes()
    with pytest.raises(UnreadableFileError, match="not entered"):
        only(archive(tmp_path / "a.zip", {"inner.zip": inner})).read(10_000)


def test_a_bomb_is_refused_without_being_opened_out(tmp_path: Path) -> None:
    bomb = only(archive(tmp_path / "a.zip", {"a.xml": bytes(200_000_000)}))
    with pytest.raises(UnreadableFileError, match=r"larger than 1 MB.*input\.file_mb"):
        bomb.read(1_000_000)
    twice = only(archive(tmp_path / "b.zip", {"a.xml.gz": gzip.compress(bytes(200_000_000), 9)}))
    with pytest.raises(UnreadableFileError, match="larger than 1 MB"):
        twice.read(1_000_000)


def test_too_many_members_or_bytes_refuse_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "a.zip", {f"{number}.xml": b"x" * 100 for number in range(5)})
    monkeypatch.setattr(zipped, "MOST_MEMBERS", 4)
    with pytest.raises(UnreadableFileError, match="members that are read"):
        only(path).read(1_000)
    monkeypatch.setattr(zipped, "MOST_MEMBERS", 5)
    monkeypatch.setattr(zipped, "MOST_BYTES", 499)
    with pytest.raises(UnreadableFileError, match="holds 500 bytes"):
        only(path).read(1_000)
    monkeypatch.setattr(zipped, "MOST_BYTES", 500)
    assert len(list(walk([path]))) == 5


def test_a_directory_too_long_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "a.zip", {"a.xml": b"<a/>"})
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, len(content) - 10, 1_000_000_000)
    path.write_bytes(content)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(UnreadableFileError, match="members that are read"):
        only(path).read(100)


def test_what_is_called_zip_and_is_none_is_read_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(iso())
    assert only(tmp_path / "a.zip").read(10_000) == iso()


def test_a_walk_covers_an_archive_with_its_members(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.xml": b"<a/>"})
    assert places([path, tmp_path]) == [str(path), f"{path}/", f"{tmp_path}/"]


# The commands


def test_an_archive_is_mapped_and_what_is_bad_in_it_is_reported(
    run_cli: Callable[..., "CompletedProcess[str]"], tmp_path: Path
) -> None:
    members = {"a.xml": iso(key="a"), "bad.xml": iso()[:150], "b.xml.gz": gzip.compress(iso(key="b"))}
    outcome = run_cli("map", archive(tmp_path / "x.zip", members))
    assert outcome.returncode == 0, outcome.stderr
    graphs = {quad.graph_name.value for quad in ox.parse(outcome.stdout.encode(), ox.RdfFormat.N_QUADS)}
    assert graphs == {f"http://localhost:8000/graph/record/local/{key}" for key in "ab"}
    assert "x.zip/bad.xml" in outcome.stderr


def test_an_archive_is_built_and_a_member_that_left_it_is_missing(tmp_path: Path, settings: Settings) -> None:
    path = archive(tmp_path / "x.zip", {f"{key}.xml": iso(key=key, title=f"Title {key}") for key in "abc"})
    first = build([path], settings, quiet)
    assert [report.as_json()["status"] for report in first.reports] == ["ok"] * 3
    archive(path, {f"{key}.xml": iso(key=key, title=f"Title {key}") for key in "ab"})
    build([path], settings, quiet)
    last = build([path], settings, quiet)  # seen in neither of two runs: gone
    store = ox.Store.read_only(str(last.release.store))
    rows = store.query(
        "SELECT ?t { GRAPH ?g { ?s a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?t } }"
    )
    assert sorted(row["t"].value for row in rows) == ["Title a", "Title b"]
