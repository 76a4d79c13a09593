"""Results over HTTP: conditional requests, HEAD, old clients, failures after the first bytes."""

import asyncio
import http.client
import socket
import subprocess
import time
from urllib.parse import urlencode, urlsplit

import pytest

from odatis_kg.store.engine import Query, QueryTimeoutError, ResultTooLargeError
from odatis_kg.web.delivery import Delivery
from tests.conftest import Built, Server, serving
from tests.web.front import Client, Engine, settings_of

LARGE = (b"x" * 70_000,) * 3
CROSS = "SELECT * { ?a ?b ?c . ?d ?e ?f }"
SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


def client_of(engine: Engine, **query: object) -> Client:
    return Client(Delivery(engine, settings_of(**query)))


# Conditional requests


async def test_a_client_that_has_the_result_is_told_so_without_evaluating() -> None:
    engine = Engine()
    etag = (await client_of(engine).ask("ASK {}")).headers["etag"]
    assert etag.startswith('"')
    fresh = client_of(engine)  # with nothing in memory
    for asked in (etag, f"W/{etag}", f'"other", {etag}'):
        got = await fresh.ask("ASK {}", if_none_match=asked)
        assert (got.status, got.body) == (304, b"")
        assert got.headers["etag"] == etag
        assert got.headers["vary"] == "Accept, Accept-Encoding"
    assert len(engine.asked) == 1
    assert (await fresh.ask("ASK {}", if_none_match='"other"')).status == 200


@pytest.mark.parametrize(("method", "status"), [("GET", 304), ("HEAD", 304), ("QUERY", 304), ("POST", 200)])
async def test_only_methods_that_change_nothing_are_conditional(method: str, status: int) -> None:
    client = client_of(Engine())
    etag = (await client.ask("ASK {}")).headers["etag"]
    assert (await client.ask("ASK {}", method, if_none_match=etag)).status == status


async def test_a_new_release_shows_at_once() -> None:
    engine = Engine()
    client = client_of(engine)
    got = await client.ask("ASK {}")
    assert got.headers["cache-control"] == "public, no-cache"
    engine.release, engine.pieces = "r2", (b'{"boolean":false}',)
    again = await client.ask("ASK {}", if_none_match=got.headers["etag"])
    assert (again.status, again.body) == (200, b'{"boolean":false}')


@pytest.mark.parametrize("streams", [True, False])
async def test_any_etag_will_do_only_if_there_is_a_result(streams: bool) -> None:
    engine = Engine(streams=streams, fails=[QueryTimeoutError(1)])
    client = client_of(engine)
    with pytest.raises(QueryTimeoutError):
        await client.ask("ASK {}", if_none_match="*")
    assert (await client.ask("ASK {}", if_none_match="*")).status == 304


async def test_what_changes_by_itself_is_neither_tagged_nor_stored() -> None:
    got = await client_of(Engine()).ask("SELECT (NOW() AS ?t) {}", if_none_match="*")
    assert got.status == 200
    assert got.headers["cache-control"] == "no-store"


# HEAD


@pytest.mark.parametrize("streams", [True, False])
async def test_head_has_the_headers_of_get_and_stops_the_evaluation(streams: bool) -> None:
    engine = Engine(pieces=LARGE, streams=streams)
    head = await client_of(engine).ask("ASK {}", "HEAD")
    get = await client_of(engine).ask("ASK {}", "GET")
    assert head.headers == get.headers
    assert head.whole
    assert head.body == b""
    assert engine.at_work == 0


# HTTP/1.0


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_a_client_without_chunks_is_told_the_length(coding: str) -> None:
    engine = Engine(pieces=LARGE, streams=True)
    got = await client_of(engine).ask("ASK {}", "GET", "1.0", accept_encoding=coding)
    assert int(got.headers["content-length"]) == len(got.body)
    assert coding or got.body == b"".join(LARGE)


async def test_to_a_client_without_chunks_a_late_failure_is_an_error() -> None:
    engine = Engine(pieces=LARGE, streams=True, breaks=ResultTooLargeError(1))
    with pytest.raises(ResultTooLargeError):
        await client_of(engine).ask("ASK {}", "GET", "1.0")


async def test_a_client_without_chunks_that_reads_slowly_holds_no_place_in_the_engine() -> None:
    engine = Engine(pieces=LARGE, streams=True)
    client = client_of(engine)
    client.slow = asyncio.Event()
    task = asyncio.create_task(client.ask("ASK {}", "GET", "1.0"))
    await asyncio.sleep(0.05)
    assert (len(engine.asked), engine.at_work) == (1, 0)
    client.slow.set()
    assert (await task).body == b"".join(LARGE)


# Going away


async def test_a_client_that_leaves_stops_its_query() -> None:
    engine = Engine(gate=asyncio.Event())
    client = client_of(engine)
    task = asyncio.create_task(client.ask("ASK {}"))
    await asyncio.sleep(0.05)
    client.leave()
    assert (await task).status == 0
    assert engine.at_work == 0


async def test_being_cancelled_from_outside_is_not_taken_for_a_client_that_left() -> None:
    engine = Engine(gate=asyncio.Event())
    task = asyncio.create_task(client_of(engine).ask("ASK {}"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.at_work == 0


async def test_what_precedes_a_result_comes_first_and_is_counted() -> None:
    for engine in (Engine(pieces=(b"a\r\n",)), Engine(pieces=(b"a\r\n",), streams=True)):
        got = await client_of(engine).ask(Query("ASK {}"), before=b"\xef\xbb\xbf")
        assert got.body == b"\xef\xbb\xbfa\r\n"
        assert int(got.headers.get("content-length", 6)) == 6


# On the real server


def test_head_of_a_large_result_comes_at_once(server: Server) -> None:
    parts = urlsplit(server.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    before = time.monotonic()
    for _ in range(3):
        connection.request("HEAD", f"/sparql?{urlencode({'query': CROSS})}")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    assert time.monotonic() - before < 5
    connection.close()


@pytest.fixture(scope="module")
def small(demo: Built):
    """A server that gives no more than 1 MB."""
    with serving(demo.settings.data_dir, ODATIS_KG_QUERY__RESULT_MB="1") as running:
        yield running


def test_a_late_failure_breaks_the_connection_off(small: Server) -> None:
    parts = urlsplit(small.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
        client.sendall(f"GET /sparql?{urlencode({'query': CROSS})} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while piece := client.recv(1 << 16):
            received += piece
    assert received.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding: chunked" in received
    assert not received.endswith(b"0\r\n\r\n")


def test_curl_sees_that_a_result_is_not_whole(small: Server) -> None:
    address = f"{small.address}sparql?{urlencode({'query': CROSS})}"
    for flags in ([], ["--compressed"]):
        ran = subprocess.run(["curl", "-s", "-o", "/dev/null", *flags, address], timeout=30, check=False)
        assert ran.returncode == 18
    old = subprocess.run(
        ["curl", "-s", "-0", "-w", "%{http_code}", "-o", "/dev/null", address],
        timeout=30,
        check=False,
        capture_output=True,
    )
    assert (old.returncode, old.stdout) == (0, b"422")


def test_an_old_client_gets_a_large_result_whole(server: Server) -> None:
    address = f"{server.address}sparql?{urlencode({'query': 'SELECT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } }'})}"
    old, new = (
        subprocess.run(["curl", "-s", "-i", flag, "--max-time", "30", address], capture_output=True, check=True).stdout
        for flag in ("-0", "--http1.1")
    )
    head, _, body = old.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body == new.partition(b"\r\n\r\n")[2]


def test_a_slow_query_leaves_the_next_one_alone(demo: Built) -> None:
    with serving(demo.settings.data_dir, "--workers", "1") as server:
        parts = urlsplit(server.address)
        asked = urlencode({"query": SLOW})
        # Several clients that ask the same share one evaluation; when all have left, it ends.
        clients = [socket.create_connection((parts.hostname, parts.port)) for _ in range(5)]
        for client in clients:
            client.sendall(f"GET /sparql?{asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.5)
        for client in clients:
            client.close()
        before = time.monotonic()
        assert server.ask("ASK {}").json() == {"head": {}, "boolean": True}
        assert time.monotonic() - before < 5
