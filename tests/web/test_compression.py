"""Content codings: negotiated, worth it, and never between a client and the first rows of its result."""

import asyncio
import gzip
import json
import socket
import zlib
from urllib.parse import urlencode, urlsplit

import brotli
import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.web.compression import CODINGS, Choice, choose, encoder
from odatis_kg.web.delivery import Delivery
from odatis_kg.web.errors import Problem
from tests.conftest import Server
from tests.web.front import Client, Engine, settings_of

EVERYTHING = "SELECT * { GRAPH ?g { ?s ?p ?o } }"


def decoded(content: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return {"gzip": gzip.decompress, "br": brotli.decompress}.get(coding, bytes)(content)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, Choice("")),
        ("", Choice("")),
        ("gzip, deflate, br, zstd", Choice("zstd")),
        ("gzip, deflate, br", Choice("br")),
        ("gzip, deflate", Choice("gzip")),
        ("x-gzip", Choice("gzip")),
        ("GZip", Choice("gzip")),
        ("gzip;q=1.0, br;q=0.5", Choice("gzip")),
        ("br;q=0, *", Choice("zstd")),
        ("zstd;q=0, br;q=0, *;q=0.3", Choice("gzip")),
        ("deflate", Choice("")),
        ("identity", Choice("")),
        ("identity;q=0.9, gzip;q=0.5", Choice("")),
        ("gzip;q=0.9, identity;q=0.5", Choice("gzip")),
        ("gzip;q=0", Choice("")),
        ("gzip, identity;q=0", Choice("gzip", needed=True)),
        ("br, *;q=0", Choice("br", needed=True)),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("deflate, identity;q=0", None),
        ("gzip;q=nonsense, identity;q=0", None),
        ("*;q=0, identity", Choice("")),
    ],
)
def test_the_coding_is_the_one_the_client_likes_best(header: str | None, chosen: Choice | None) -> None:
    assert choose(header) == chosen


@given(st.text(max_size=300))
def test_any_header_leads_to_a_coding_or_to_none(header: str) -> None:
    choice = choose(header)
    assert choice is None or choice.coding in ("", *CODINGS)


@given(st.lists(st.binary(max_size=5_000), max_size=5), st.sampled_from(CODINGS))
def test_what_is_compressed_as_a_stream_is_read_again(pieces: list[bytes], coding: str) -> None:
    inner = encoder(coding)
    assert decoded(b"".join([*map(inner.feed, pieces), inner.end()]), coding) == b"".join(pieces)


@pytest.mark.parametrize("coding", CODINGS)
def test_every_piece_can_be_read_as_soon_as_it_is_there(coding: str) -> None:
    inner, readers = (
        encoder(coding),
        {
            "gzip": lambda: zlib.decompressobj(31).decompress,
            "br": lambda: brotli.Decompressor().process,
            "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
        },
    )
    read = readers[coding]()
    for row in (b"the first row\n", b"the second row\n"):
        assert read(inner.feed(row)) == row


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("coding", ["", *CODINGS])
async def test_a_result_comes_in_the_coding_asked_for(coding: str, streams: bool) -> None:
    content = b'{"boolean":true}' * 5_000
    client = Client(Delivery(Engine(pieces=(content,) * 2, streams=streams), settings_of()))
    for _ in range(2):  # evaluated, then kept
        got = await client.ask("ASK {}", accept_encoding=coding)
        assert got.headers.get("content-encoding", "") == coding
        assert decoded(got.body, coding) == content * 2
        assert got.headers["vary"] == "Accept, Accept-Encoding"
        assert coding == "" or len(got.body) < len(content)


async def test_every_coding_has_an_etag_of_its_own() -> None:
    client = Client(Delivery(Engine(pieces=(b"x" * 5_000,)), settings_of()))
    etags = {(await client.ask("ASK {}", accept_encoding=coding)).headers["etag"] for coding in ("", *CODINGS)}
    assert len(etags) == 4
    for coding in ("", *CODINGS):
        got = [await client.ask("ASK {}", accept_encoding=coding, if_none_match=etag) for etag in sorted(etags)]
        assert sorted(one.status for one in got) == [200, 200, 200, 304]


async def test_what_fits_in_one_packet_is_not_compressed_unless_it_must() -> None:
    client = Client(Delivery(Engine(), settings_of()))
    assert "content-encoding" not in (await client.ask("ASK {}", accept_encoding="gzip")).headers
    got = await client.ask("ASK {}", accept_encoding="gzip, identity;q=0")
    assert got.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in (await client.ask("ASK {}", accept_encoding="gzip")).headers


async def test_a_client_that_accepts_no_coding_is_told_which_there_are() -> None:
    engine = Engine()
    with pytest.raises(Problem) as told:
        await Client(Delivery(engine, settings_of())).ask("ASK {}", accept_encoding="identity;q=0, deflate")
    assert told.value.kind.status == 406
    assert "gzip" in told.value.members["offers"]
    assert engine.asked == []


async def test_a_large_result_does_not_hold_the_event_loop_up() -> None:
    client = Client(
        Delivery(Engine(pieces=tuple(bytes([n]) * 20_000_000 for n in range(3)), streams=True), settings_of())
    )
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    await client.ask("ASK {}", accept_encoding="gzip")  # takes a good 0.1 s
    ticking.cancel()
    assert longest < 0.08


# On the real server


@pytest.mark.parametrize("coding", ["identity", *CODINGS])
def test_the_same_rows_come_in_every_coding(server: Server, coding: str) -> None:
    address = f"{server.address}sparql?{urlencode({'query': EVERYTHING})}"
    with httpx.stream("GET", address, headers={"Accept-Encoding": coding}, timeout=60) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding", "identity") == coding
    assert len(json.loads(decoded(raw, coding))["results"]["bindings"]) > 14_000


@pytest.mark.parametrize(
    "path", ["", "search?q=sea", "doc/dataset/demo/magest", "doc/dataset/demo/magest.ttl", "problems"]
)
def test_pages_and_documents_are_compressed_too(server: Server, path: str) -> None:
    plain, coded = server.get(path, Accept_Encoding="identity"), server.get(path, Accept_Encoding="gzip")
    assert coded.headers["content-encoding"] == "gzip"
    assert int(coded.headers["content-length"]) < len(plain.content) / 2
    assert coded.content == plain.content
    assert "Accept-Encoding" in coded.headers["vary"]
    if "etag" in coded.headers:
        assert coded.headers["etag"] != plain.headers["etag"]
        again = server.get(path, Accept_Encoding="gzip", If_None_Match=coded.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
        assert server.get(path, Accept_Encoding="gzip", If_None_Match=plain.headers["etag"]).status_code == 200


def test_the_first_rows_come_before_the_last_ones_exist(server: Server) -> None:
    parts = urlsplit(server.address)
    asked = urlencode({"query": "SELECT ?g ?a ?d { GRAPH ?g { ?a ?b ?c . ?d ?e ?f } }", "format": "csv"})
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall(f"GET /sparql?{asked} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        stream = client.makefile("rb")
        while stream.readline().strip():
            pass
        read = zlib.decompressobj(31)
        rows = b""
        while rows.count(b"\r\n") < 10:
            size = int(stream.readline(), 16)
            rows += read.decompress(stream.read(size + 2)[:-2])
    assert rows.startswith(b"g,a,d\r\n")
