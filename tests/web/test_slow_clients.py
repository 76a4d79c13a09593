"""Clients that take their time, send too much or say nothing: each is bounded, and the others are answered as ever."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from odatis_kg.config import load
from odatis_kg.web.app import create_app
from odatis_kg.web.connections import Connections
from odatis_kg.web.protocol import client_of
from odatis_kg.web.server import configure
from tests.conftest import Built, Server, serving
from tests.web.front import Engine

CROSS = "SELECT * { ?a ?b ?c . ?d ?e ?f }"
# More than what the kernel takes for a client that reads nothing: some 15 MB.
LARGE = "SELECT * { GRAPH ?g { ?s ?p ?o } { SELECT ?d { ?d ?e ?f } LIMIT 5 } }"


def connected(server: Server) -> socket.socket:
    parts = urlsplit(server.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def said(client: socket.socket) -> bytes:
    """Everything the server says until it closes."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 20):
            received += piece
    return bytes(received)


def one_answer(client: socket.socket) -> bytes:
    """One response that has a length."""
    received = b""
    while not (found := re.search(rb"content-length: (\d+)\r\n(?:.*\r\n)*?\r\n", received)):
        received += client.recv(4_096)
    while len(received) < found.end() + int(found[1]):
        received += client.recv(4_096)
    return received


def problem_in(answer: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers and problem of a refusal, which has what all responses have."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert headers["content-type"] == "application/problem+json"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"
    return int(status.split()[1]), headers, json.loads(body)


@pytest.fixture(scope="module")
def hasty(demo: Built) -> Iterator[Server]:
    """A server with little patience."""
    with serving(
        demo.settings.data_dir,
        ODATIS_KG_SERVER__HEAD_SECONDS="1",
        ODATIS_KG_SERVER__BODY_SECONDS="1",
        ODATIS_KG_SERVER__SEND_SECONDS="2",
        ODATIS_KG_SERVER__KEEP_ALIVE_SECONDS="1",
    ) as running:
        yield running


def test_a_thousand_idle_connections_and_slow_ones_stop_nobody(demo: Built) -> None:
    with serving(demo.settings.data_dir, ODATIS_KG_QUERY__RESULT_MB="20") as server, ExitStack() as stack:

        def light() -> float:
            before = time.monotonic()
            assert httpx.get(f"{server.address}sparql", params={"query": "ASK {}"}, timeout=10).status_code == 200
            return time.monotonic() - before

        light()
        for _ in range(1_000):
            stack.enter_context(connected(server))
        slow = [stack.enter_context(connected(server)) for _ in range(50)]
        asked = urlencode({"query": CROSS})
        for _ in range(10):  # takes a large result, and reads nothing of it
            reader = stack.enter_context(connected(server))
            reader.sendall(f"GET /sparql?{asked}&x={time.monotonic()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        times = []
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for client in slow:
                client.sendall(b"a" if times else b"GET /")
            times.append(light())
        assert len(times) > 20
        assert sorted(times)[len(times) // 2] < 0.2


def test_beyond_the_most_connections_the_one_idle_for_longest_makes_room(demo: Built) -> None:
    with serving(demo.settings.data_dir, ODATIS_KG_SERVER__CONNECTIONS="20") as server, ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(30)]
        assert server.get("health/live").status_code == 200
        assert said(clients[0]) == b""
        clients[29].sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[29].recv(100).startswith(b"HTTP/1.1 200")


def test_a_connection_that_says_nothing_is_closed(hasty: Server) -> None:
    with connected(hasty) as client:
        before = time.monotonic()
        assert said(client) == b""
        assert 0.5 < time.monotonic() - before < 4


def test_a_connection_is_kept_for_a_while_and_then_closed(hasty: Server) -> None:
    with connected(hasty) as client:
        for _ in range(3):
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert one_answer(client).startswith(b"HTTP/1.1 200")
        before = time.monotonic()
        assert said(client) == b""
        assert 0.5 < time.monotonic() - before < 4


@pytest.mark.parametrize("first", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_headers_that_come_one_by_one_have_a_deadline(hasty: Server, first: bytes) -> None:
    with connected(hasty) as client:
        if first:
            client.sendall(first)
            one_answer(client)
        client.sendall(b"GET /sparql HTTP/1.1\r\nHost: x\r\n")
        before = time.monotonic()
        with suppress(OSError):
            for number in range(15):
                client.sendall(b"X-%d: y\r\n" % number)
                time.sleep(0.1)
        status, headers, problem = problem_in(said(client))
        assert time.monotonic() - before < 5
    assert (status, problem["status"], headers["connection"]) == (408, 408, "close")


def test_a_body_that_comes_slowly_has_a_deadline_and_is_not_taken_for_whole(hasty: Server) -> None:
    with connected(hasty) as client:
        client.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\nContent-Length: 99\r\n\r\nASK {}"
        )
        status, _, problem = problem_in(said(client))
    assert status == 408
    assert "body" in str(problem["detail"])


def test_a_client_that_takes_nothing_is_cut_off(hasty: Server) -> None:
    with connected(hasty) as client:
        client.sendall(f"GET /sparql?{urlencode({'query': LARGE})} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(6)
        received = said(client)
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")
    assert 'odatis_kg_connections_closed_total{reason="reading"}' in hasty.get("metrics").text


def test_a_client_that_reads_slowly_but_reads_gets_everything(server: Server) -> None:
    everything = urlencode({"query": LARGE})
    with connected(server) as client:
        client.sendall(f"GET /sparql?{everything} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        time.sleep(2.5)  # longer than it may hold a place in the engine
        received = said(client)
    assert received.endswith(b"0\r\n\r\n")
    quick = httpx.get(f"{server.address}sparql?{everything}", headers={"Accept-Encoding": "identity"}, timeout=60)
    assert len(received) > len(quick.content)  # and the sizes of the chunks


def test_a_body_without_an_end_is_cut(server: Server) -> None:
    with connected(server) as client:
        client.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: application/sparql-query\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        before = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - before < 10:
                client.sendall(b"10000\r\n" + b"#" * 65_536 + b"\r\n")
                sent += 65_536
        assert time.monotonic() - before < 10
        with suppress(OSError):
            assert said(client).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"GET /" + b"y" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_a_head_that_is_too_large_is_refused_early(server: Server, head: bytes) -> None:
    with connected(server) as client:
        with suppress(OSError):
            client.sendall(head)
        status, _, problem = problem_in(said(client))
    assert status == 431
    assert "64 kB" in str(problem["detail"])


def test_a_long_query_in_the_address_is_still_read(server: Server) -> None:
    query = "ASK {} #" + "x" * 60_000
    assert server.get(f"sparql?{urlencode({'query': query})}").status_code == 200


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  \r\n\r\n"]
)
def test_what_is_not_http_is_told_so_in_the_form_of_all_problems(server: Server, sent: bytes) -> None:
    with connected(server) as client:
        client.sendall(sent)
        status, _, problem = problem_in(said(client))
    assert (status, problem["status"]) == (400, 400)


def test_requests_sent_one_after_the_other_are_answered_in_order(server: Server) -> None:
    def asking(text: str) -> bytes:
        return f"GET /sparql?{urlencode({'query': text, 'format': 'csv'})} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    numbers = [3, 1, 2, 1, 3, 1, 1, 2]  # some are in memory by then, and must not overtake the others
    queries = [f"SELECT ({number} AS ?n) {{}}" for number in numbers]
    for _ in range(3):
        with connected(server) as client:
            client.sendall(b"".join(map(asking, queries[:-1])))
            client.sendall(asking(queries[-1]).replace(b"Host: x", b"Host: x\r\nConnection: close"))
            received = said(client)
        answers = received.split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert [int(answer.partition(b"\r\n\r\n")[2].split()[1]) for answer in answers] == numbers


def test_a_flood_of_requests_in_one_breath_is_cut_off(server: Server) -> None:
    slow = urlencode({"query": "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"})
    with connected(server) as client:
        client.sendall(f"GET /sparql?{slow} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with suppress(OSError):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000)
        assert said(client) == b""
    assert server.get("health/live").status_code == 200


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        ((), "127.0.0.1"),
        (("10.0.0.0/8",), "127.0.0.1"),
        (("127.0.0.1",), "192.0.2.9"),
        (("127.0.0.0/8",), "192.0.2.9"),
    ],
)
async def test_forwarded_headers_are_believed_only_from_proxies_that_are_trusted(
    trusted: tuple[str, ...], client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # of uvicorn's own, which is not asked
    settings = load(server={"trusted_proxies": trusted})
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(client_of(scope["client"]))

    application = create_app(settings, Engine())
    connections = Connections(settings.server, application.metrics, application.direct, settings.base_url, 10)
    config = configure(settings, app, connections)
    config.load()
    scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": [(b"x-forwarded-for", b"203.0.113.1, 192.0.2.9")]}
    await config.loaded_app(scope, None, None)  # type: ignore[arg-type]
    assert seen == [client]
