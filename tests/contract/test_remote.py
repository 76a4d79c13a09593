"""The remote engine against endpoints that fail, lie, dawdle or hide, and what it tells and keeps of them."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from odatis_kg.config import QuerySettings
from odatis_kg.store.engine import (
    EngineError,
    EngineUnavailableError,
    GraphFormat,
    OverloadedError,
    Query,
    QueryTimeoutError,
    ResultTooLargeError,
    TableFormat,
)
from odatis_kg.store.remote import RemoteEngine
from odatis_kg.store.syntax import QueryRefusedError
from tests.conftest import BASE, Built, serving
from tests.contract.conftest import serving_natively
from tests.harvest.raw_server import RawServer, answer, raw_server
from tests.support import answer_of, start

JSON = "application/sparql-results+json"
ROWS = b'{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"literal","value":"1"}}]}}'
TRIPLES = b"<a:s> <a:p> <a:o> .\n"
MANY = b'{"head":{"vars":["x"]},"results":{"bindings":[' + b",".join(
    [b'{"x":{"type":"literal","value":"%d"}}' % n for n in range(20_000)]
) + b"]}}"  # fmt: skip
SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


@pytest.fixture
async def on() -> AsyncIterator[Callable[..., object]]:
    """Makes a started engine on an address; all are stopped at the end. It never asks for the release by itself."""
    async with AsyncExitStack() as ending:

        async def started(address: str, base: str = "", **bounds: object) -> RemoteEngine:
            return await start(RemoteEngine(QuerySettings(endpoint=address, **bounds), base), ending)  # type: ignore[arg-type]

        yield started


def chunked(*pieces: bytes, whole: bool = True, kind: str = JSON) -> bytes:
    """An answer in chunks, with its end or without."""
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    )
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if whole else b"")


def unmeasured(body: bytes, kind: str) -> bytes:
    """An answer that ends with its connection."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode() + body


BROKEN = {
    "a short table": answer(body=ROWS + b" " * 500, Content_Type=JSON)[:-500],
    "a table without the end of its chunks": chunked(ROWS, whole=False),
    "a table without its end": answer(body=ROWS[:-2], Content_Type=JSON),
    "a table with something after its end": answer(body=ROWS + b"The operation failed", Content_Type=JSON),
    "no table": answer(body=b"", Content_Type=JSON),
    "a long table without its end": answer(body=MANY[:-2], Content_Type=JSON),
    "a long table without the end of its chunks": chunked(MANY, whole=False),
    "a page": answer(body=b"<html>welcome</html>", Content_Type="text/html"),
    "JSON of another kind": answer(body=b'{"error": "no"}', Content_Type=JSON),
    "a truth value for a table": answer(body=b'{"head":{},"boolean":true}', Content_Type=JSON),
    "a table of no known length without its end": unmeasured(ROWS[:-2], JSON),
    "a compressed table": answer(body=ROWS, Content_Type=JSON, Content_Encoding="gzip"),
    "a redirection": answer("307 Temporary Redirect", Location="http://127.0.0.1:1/"),
    "a server error": answer("500 Internal Server Error", b"it broke", Content_Type="text/plain"),
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000,
    "texts that are not UTF-8": answer(body=ROWS.replace(b"1", b"\xff\xfe"), Content_Type=JSON),
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda name: name.replace(" ", "-"))
async def test_what_is_not_a_whole_answer_is_an_error(on: Callable[..., object], broken: str) -> None:
    with raw_server(BROKEN[broken]) as server:
        engine = await on(server.address)
        for table in (TableFormat.JSON, TableFormat.CSV):
            with pytest.raises(EngineUnavailableError):
                await answer_of(engine, Query("SELECT ?x { ?x ?y ?z }", table=table))


async def test_a_table_says_in_itself_that_it_ends(on: Callable[..., object]) -> None:
    with raw_server(unmeasured(ROWS, JSON)) as server:
        assert await answer_of(await on(server.address), "SELECT ?x { ?x ?y ?z }") == b"x\r\n1\r\n"


async def test_a_graph_that_is_not_whole_is_an_error(on: Callable[..., object]) -> None:
    kind = "application/n-triples"
    for broken in (
        answer(body=TRIPLES * 2, Content_Type=kind)[: -len(TRIPLES)],
        unmeasured(TRIPLES, kind),
        answer(body=TRIPLES + b"<a:s> <a:p>", Content_Type=kind),
        chunked(TRIPLES, whole=False, kind=kind),
    ):
        with raw_server(broken) as server:
            engine = await on(server.address)
            with pytest.raises(EngineUnavailableError):
                await answer_of(engine, Query("CONSTRUCT WHERE { ?s ?p ?o }", graph=GraphFormat.TURTLE))


async def test_a_time_limit_of_the_endpoint_that_shows_after_status_200_is_a_timeout(on: Callable[..., object]) -> None:
    for body in (ROWS[:-2], MANY[:-2]):
        with raw_server(chunked(body, b"The SPARQL operation has been cancelled")) as server:
            engine = await on(server.address)
            with pytest.raises(QueryTimeoutError):
                await answer_of(engine, Query("SELECT ?x { ?x ?y ?z }"))


async def test_an_endpoint_that_dawdles_is_left_at_the_deadline(on: Callable[..., object]) -> None:
    for sent in (
        [3.0],
        [b"HTTP/1.1 200 OK\r\n", 3.0],
        [answer(body=ROWS, Content_Type=JSON)[:-20], 3.0],
        [answer(body=MANY, Content_Type=JSON)[:-20], 3.0],
    ):
        with raw_server(lambda _, sent=sent: sent) as server:
            engine = await on(server.address, timeout_seconds=0.4)
            before = time.monotonic()
            with pytest.raises(QueryTimeoutError):
                await answer_of(engine, Query("SELECT ?x { ?x ?y ?z }"))
            assert time.monotonic() - before < 2.9


async def test_a_result_that_never_ends_is_cut_off_as_too_large(on: Callable[..., object]) -> None:
    def endless(_: object) -> object:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/n-triples\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"%x\r\n%s\r\n" % (100 * len(TRIPLES), TRIPLES * 100)

    with raw_server(endless) as server:  # type: ignore[arg-type]
        engine = await on(server.address, result_mb=1)
        with pytest.raises(ResultTooLargeError):
            await answer_of(engine, Query("CONSTRUCT WHERE { ?s ?p ?o }"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("503 Service Unavailable", OverloadedError),
        ("429 Too Many Requests", OverloadedError),
        ("504 Gateway Timeout", QueryTimeoutError),
        ("401 Unauthorized", EngineUnavailableError),
        ("404 Not Found", EngineUnavailableError),
    ],
)
async def test_what_an_endpoint_says_by_its_status_is_passed_on(
    on: Callable[..., object], status: str, kind: type[EngineError]
) -> None:
    with raw_server(answer(status, Retry_After="7")) as server:
        engine = await on(server.address)
        with pytest.raises(kind) as caught:
            await answer_of(engine, "SELECT * { ?s ?p ?o }")
        if isinstance(caught.value, OverloadedError):
            assert caught.value.retry_after == 7


async def test_an_endpoint_is_told_who_asks_and_nobody_else_is(on: Callable[..., object]) -> None:
    def asked(server: RawServer) -> str:
        return server.asked[-1].headers.get("authorization", "")

    with raw_server(answer(body=ROWS, Content_Type=JSON)) as server:
        await answer_of(await on(server.address), "SELECT ?x {}")
        assert asked(server) == ""
        bounds = {"remote_user": "odatis", "remote_password": SecretStr("sésame")}
        await answer_of(await on(server.address, **bounds), "SELECT ?x {}")
        assert asked(server).startswith("Basic ")
        token = QuerySettings(remote_token=SecretStr("jeton"))  # type: ignore[call-arg]
        assert "jeton" not in f"{token!r} {token!s} {token.remote_token!s}"
        await answer_of(await on(server.address, remote_token=SecretStr("jeton")), "SELECT ?x {}")
        assert asked(server) == "Bearer jeton"


@pytest.mark.parametrize(
    "extension",
    [
        'SELECT (bif:http_get("http://127.0.0.1:1/") AS ?x) {}',
        'SELECT (<bif:http_get>("http://127.0.0.1:1/") AS ?x) {}',
        'PREFIX b: <bif:> SELECT (b:http_get("http://127.0.0.1:1/") AS ?x) {}',
        'BASE <bif:x> SELECT (<http_get>("http://127.0.0.1:1/") AS ?x) {}',
        'SELECT (BIF:http_get("http://127.0.0.1:1/") AS ?x) {}',
        'SELECT (sql:anything("a") AS ?x) {}',
        'define get:soft "soft" SELECT * FROM <http://127.0.0.1:1/x> { ?s ?p ?o }',
        'SELECT * FROM <http://127.0.0.1:1/x> OPTION (get:soft "soft") { ?s ?p ?o }',
        "SELECT (`1` AS ?x) {}",
        'SELECT (\\u0062if:http_get("http://127.0.0.1:1/") AS ?x) {}',
        "SELECT * { \\u0053\\u0045\\u0052\\u0056ICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    ],
)
async def test_what_goes_beyond_sparql_never_reaches_an_endpoint(on: Callable[..., object], extension: str) -> None:
    """Virtuoso, for one, would go out to the network for `bif:http_get`."""
    with raw_server(answer(body=ROWS, Content_Type=JSON)) as server:
        engine = await on(server.address)
        with pytest.raises(QueryRefusedError):
            await answer_of(engine, extension)
        assert server.asked == []


async def test_an_endpoint_that_went_away_is_unavailable_and_used_again_when_it_is_back(
    on: Callable[..., object], demo: Built
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    engine = await on(f"http://127.0.0.1:{port}/query", BASE, remote_seconds=0.1)
    assert engine.release is None
    with pytest.raises(EngineUnavailableError):
        await answer_of(engine, "ASK {}")
    for _ in range(2):
        with serving_natively(demo.release.store, port):
            assert await answer_of(engine, "SELECT (1 AS ?x) {}") == b"x\r\n1\r\n"
            await _until(lambda: engine.release == demo.release.id)
            left = asyncio.ensure_future(answer_of(engine, SLOW))
            await _until(lambda: engine.state().busy >= 1)
        with pytest.raises(EngineUnavailableError):
            await left
        with pytest.raises(EngineUnavailableError):
            await answer_of(engine, "ASK {}")
        await _until(lambda: engine.release is None)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.02)


async def test_a_store_of_another_address_or_with_two_releases_has_no_release(
    on: Callable[..., object], oxigraph: str
) -> None:
    assert (await on(oxigraph, "http://elsewhere.example/")).release is None
    two = {"head": {"vars": ["release"]}, "results": {"bindings": []}}
    for ids in (["20261122T175534892Z-1b10", "20261122T175534892Z-1b11"], ["../../etc"], []):
        two["results"] = {
            "bindings": [{"release": {"type": "uri", "value": f"{BASE}id/release/odatis-kg/{one}"}} for one in ids]
        }
        with raw_server(answer(body=json.dumps(two).encode(), Content_Type=JSON)) as server:
            assert (await on(server.address, BASE)).release is None


async def test_places_are_bounded_and_our_own_queries_do_not_wait_behind_those_of_visitors(
    on: Callable[..., object], oxigraph: str
) -> None:
    engine = await on(oxigraph, remote_places=2, queue=1, timeout_seconds=2)
    assert engine.state().mode == "remote"
    assert engine.state().busy == 0
    slow = [asyncio.ensure_future(answer_of(engine, Query(SLOW, client="a"))) for _ in range(3)]
    await _until(lambda: (engine.state().busy, engine.state().waiting) == (2, 1))
    with pytest.raises(OverloadedError) as caught:
        await answer_of(engine, Query("ASK {}", client="a"))
    assert caught.value.retry_after >= 1
    assert engine.state().refused == 1
    assert b"true" in await answer_of(engine, Query("ASK {}", own=True))
    ended = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(one) for one in ended] == [QueryTimeoutError, QueryTimeoutError, OverloadedError]
    await _until(lambda: engine.state().busy == 0)
    assert b"true" in await answer_of(engine, Query("ASK {}", client="a"))


async def test_a_client_that_leaves_frees_its_place(on: Callable[..., object], oxigraph: str) -> None:
    engine = await on(oxigraph, remote_places=1)
    for _ in range(5):
        async with engine.query(Query("SELECT * { ?a ?b ?c . ?d ?e ?f }")) as answering:
            async for _chunk in answering.chunks():
                break
    gone = asyncio.ensure_future(answer_of(engine, SLOW))
    await _until(lambda: engine.state().busy == 1)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert b"1" in await answer_of(engine, "SELECT (1 AS ?x) {}")
    assert engine.state().busy == 0


def test_the_service_runs_on_an_endpoint(oxigraph: str, demo: Built, tmp_path: Path) -> None:
    """Pages, the protocol and, beside a data directory that has the release, the search; without one, no search."""
    environment = {"ODATIS_KG_ENGINE": "sparql", "ODATIS_KG_QUERY__ENDPOINT": oxigraph}
    with serving(demo.settings.data_dir, **environment) as server:
        assert server.get("health/ready").json()["release"] == demo.release.id
        assert server.ask("ASK { ?s ?p ?o }").json()["boolean"] is True
        assert server.get("id/dataset/demo/magest").status_code == 303
        assert "MAGEST" in server.get("doc/dataset/demo/magest", accept="text/html").text
        assert "MAGEST" in server.get("search?q=magest").text
        etag = server.get("doc/dataset/demo/magest.ttl").headers["etag"]
        assert server.get("doc/dataset/demo/magest.ttl", if_none_match=etag).status_code == 304
        again = {"query": "SELECT ?s { ?s ?p ?o } LIMIT 3", "accept": "text/csv"}
        assert server.ask(**again).headers["etag"] == server.ask(**again).headers["etag"]
        assert server.ask("SELECT * {").status_code == 400
    with serving(tmp_path, **environment) as server:
        assert "MAGEST" in server.get("doc/dataset/demo/magest", accept="text/html").text
        assert server.get("search?q=magest").status_code == 200


def test_without_a_known_release_nothing_says_that_it_is_as_it_was(oxigraph: str, demo: Built) -> None:
    """The service on an endpoint that does not say which release it holds: here, one that has that of another address."""
    environment = {"ODATIS_KG_ENGINE": "sparql", "ODATIS_KG_QUERY__ENDPOINT": oxigraph}
    with serving(demo.settings.data_dir, "--base-url", "http://elsewhere.example/", **environment) as server:
        iri = "iri=https://edmo.seadatanet.org/report/1002"
        for path, accept in (
            (f"resource?{iri}", "text/html"),
            (f"resource?{iri}", "text/turtle"),
            (f"lineage?{iri}", "text/html"),
        ):
            found = server.get(path, accept=accept)
            assert found.status_code == 200
            assert "etag" not in found.headers
        assert "etag" not in server.ask("ASK {}").headers
