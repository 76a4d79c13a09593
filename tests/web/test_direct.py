"""Light queries answered on their connection: each gets its own answer, and what turns out not to be light goes on as others do."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from odatis_kg.config import load
from odatis_kg.store.engine import Begun, Query, Whole
from odatis_kg.store.syntax import Form
from odatis_kg.web.app import Application, create_app
from odatis_kg.web.caching import Variant
from odatis_kg.web.direct import Direct
from tests.conftest import Server
from tests.web.front import Engine

JSON = "application/sparql-results+json"
HEADERS = [(b"host", b"localhost"), (b"accept", JSON.encode())]


def request(query: str, accept: str = JSON) -> bytes:
    return f"GET /sparql?{urlencode({'query': query})} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode()


def connected(server: Server) -> socket.socket:
    parts = urlsplit(server.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


class Reader:
    """The answers that come on a connection, one after the other."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._received = b""

    def next(self) -> tuple[int, bytes]:
        while not (found := re.search(rb"content-length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n", self._received)):
            self._more()
        end = found.end() + int(found[1])
        while len(self._received) < end:
            self._more()
        whole, self._received = self._received[:end], self._received[end:]
        return int(whole.split()[1]), whole[found.end() :]

    def _more(self) -> None:
        piece = self._client.recv(1 << 16)
        assert piece, "the connection ended"
        self._received += piece


def number_in(body: bytes) -> int:
    (row,) = json.loads(body)["results"]["bindings"]
    return int(row["n"]["value"])


def test_everyone_gets_their_own_answer(server: Server) -> None:
    """More clients than places, some of whom wait for a turn, and every query another one."""
    wrong: list[str] = []

    def ask(who: int) -> None:
        try:
            with connected(server) as client:
                answers = Reader(client)
                for turn in range(25):
                    wanted = who * 1_000 + turn
                    client.sendall(request(f"SELECT ({wanted} AS ?n) {{}}"))
                    status, body = answers.next()
                    if status != 200 or number_in(body) != wanted:
                        wrong.append(f"{wanted}: {status} {body[:200]!r}")
        except (OSError, AssertionError) as error:
            wrong.append(f"{who}: {error!r}")

    clients = [threading.Thread(target=ask, args=(who,)) for who in range(24)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(60)
    assert not wrong


def test_requests_sent_before_the_answer_came_are_answered_in_order(server: Server) -> None:
    asked = [
        request("SELECT (71 AS ?n) {}"),
        request("SELECT (72 AS ?n {}"),  # wrong
        request("SELECT (COUNT(*) AS ?n) { { SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 300000 } }"),  # not so light
        request("SELECT (74 AS ?n) {}"),
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
        request("SELECT (76 AS ?n) {}"),
    ]
    with connected(server) as client:
        client.sendall(b"".join(asked))
        answers = Reader(client)
        got = [answers.next() for _ in asked]
    assert [status for status, _ in got] == [200, 400, 200, 200, 200, 200]
    assert [number_in(got[place][1]) for place in (0, 2, 3, 5)] == [71, 300_000, 74, 76]


def test_requests_that_come_in_pieces_or_two_at_a_time_are_answered(server: Server) -> None:
    one, two = request("SELECT (81 AS ?n) {}"), request("SELECT (82 AS ?n) {}")
    with connected(server) as client:
        answers = Reader(client)
        for cut in (1, 20, len(one) - 2, len(one), len(one) + 1, len(one) + len(two) - 1):
            both = one + two
            client.sendall(both[:cut])
            client.sendall(both[cut:])
            assert [number_in(answers.next()[1]) for _ in range(2)] == [81, 82]


def test_what_was_answered_so_is_counted_and_has_an_etag(server: Server) -> None:
    query = "SELECT (91 AS ?n) {}"
    before = _counted(server)
    first = httpx.get(f"{server.address}sparql", params={"query": query}, headers={"Accept": JSON})
    again = httpx.get(f"{server.address}sparql", params={"query": query}, headers={"Accept": JSON})
    unchanged = httpx.get(
        f"{server.address}sparql",
        params={"query": query},
        headers={"Accept": JSON, "If-None-Match": first.headers["ETag"]},
    )
    assert (first.status_code, again.status_code, unchanged.status_code) == (200, 200, 304)
    assert first.content == again.content
    assert {**first.headers, "date": ""} == {**again.headers, "date": ""}
    after = _counted(server)
    assert after["fresh"] == before["fresh"] + 1
    assert after["cached"] == before["cached"] + 1


def _counted(server: Server) -> dict[str, int]:
    text = httpx.get(f"{server.address}metrics").text
    found = re.findall(r'query_seconds_count\{form="SELECT",outcome="(\w+)"\} (\d+)', text)
    return {"fresh": 0, "cached": 0} | {outcome: int(count) for outcome, count in found}


def test_a_client_that_leaves_before_its_answer_frees_its_place(server: Server) -> None:
    for number in range(30):
        with connected(server) as client:
            client.sendall(request(f"SELECT (COUNT(*) + {number} AS ?n) {{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }}"))
    with connected(server) as client:
        client.sendall(request("SELECT (95 AS ?n) {}"))
        assert number_in(Reader(client).next()[1]) == 95


def test_whenever_a_client_leaves_nothing_goes_on(server: Server) -> None:
    """Before the query has a worker, while it is taken for a light one, as it goes on as others do, and after."""
    for number, seconds in enumerate((0, 0.002, 0.01, 0.018, 0.02, 0.022, 0.03, 0.04, 0.06, 0.1, 0.12) * 3):
        with connected(server) as client:
            client.sendall(request(f"SELECT (COUNT(*) + {number} AS ?n) {{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?j }}"))
            time.sleep(seconds)
    ends = time.monotonic() + 10
    while (state := _state(server)) != {"engine_busy": 0, "engine_waiting": 0, "requests_in_flight": 1}:
        assert time.monotonic() < ends, state
        time.sleep(0.1)


def _state(server: Server) -> dict[str, int]:
    text = httpx.get(f"{server.address}metrics").text
    return {
        name: int(value)
        for name, value in re.findall(
            r"^odatis_kg_(engine_busy|engine_waiting|requests_in_flight) (\d+)", text, re.MULTILINE
        )
    }


# With an engine that does what a test says


class Waiting:
    """A query that was begun: `comes` is its answer."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.told = told
        self.comes: Whole | None = None
        self.left = False

    def is_light(self) -> bool:
        return True

    def answer(self) -> Whole | None:
        return self.comes

    def leave(self) -> None:
        self.left = True


class Beginning(Engine):
    """Begins every query."""

    def begin(self, query: Query, told: Callable[[], None]) -> Begun:  # type: ignore[override]
        self.asked.append(query)
        self.begun = Waiting(told)
        return self.begun


def target(query: str, **more: str) -> bytes:
    return f"/sparql?{urlencode({'query': query, **more})}".encode()


@pytest.fixture
async def begun() -> tuple[Application, Beginning]:
    engine = Beginning()
    return create_app(
        load(server={"trusted_proxies": ["127.0.0.1"]}, base_url="https://example.org/ocean/"), engine
    ), engine


async def test_one_evaluation_at_a_time_and_what_came_of_it_is_kept(begun: tuple[Application, Beginning]) -> None:
    app, engine = begun
    first = app.direct(target("ASK {}"), HEADERS, ("192.0.2.1", 1), lambda: None)
    assert isinstance(first, Direct)
    assert app.direct(target("ASK {}"), HEADERS, ("192.0.2.1", 2), lambda: None) is None, "it is being evaluated"
    assert first.response() is None, "there is nothing yet"
    engine.begun.comes = Whole(Form.ASK, engine.asked[0].table, b'{"boolean":true}')  # type: ignore[arg-type]
    found = first.response()
    assert isinstance(found, Variant)
    assert found.body == b'{"boolean":true}'
    assert first.response() is None, "it is over"
    assert app.direct(target("ASK {}"), HEADERS, ("192.0.2.1", 3), lambda: None) is found
    assert len(engine.asked) == 1


async def test_what_may_be_of_another_release_is_not_kept(begun: tuple[Application, Beginning]) -> None:
    app, engine = begun
    first = app.direct(target("ASK {}"), HEADERS, None, lambda: None)
    assert isinstance(first, Direct)
    engine.begun.comes = Whole(Form.ASK, engine.asked[0].table, b'{"boolean":true}')  # type: ignore[arg-type]
    engine.release = "r2"
    found = first.response()
    assert found
    assert not found.etag
    assert (b"cache-control", b"no-store") in found.headers
    assert isinstance(app.direct(target("ASK {}"), HEADERS, None, lambda: None), Direct), "it is asked again"


async def test_what_nobody_waits_for_is_stopped_and_can_be_asked_again(begun: tuple[Application, Beginning]) -> None:
    app, engine = begun
    first = app.direct(target("ASK {}"), HEADERS, None, lambda: None)
    assert isinstance(first, Direct)
    first.leave()
    assert engine.begun.left
    assert isinstance(app.direct(target("ASK {}"), HEADERS, None, lambda: None), Direct)
    assert first.response() is None


@pytest.mark.parametrize(
    ("forwarded", "peer", "client"),
    [
        ("203.0.113.1, 192.0.2.9", "127.0.0.1", "192.0.2.9"),
        ("203.0.113.1, 192.0.2.9", "198.51.100.1", "198.51.100.1"),  # no proxy that is trusted
        ("2001:db8:1:2:3:4:5:6", "127.0.0.1", "2001:db8:1:2"),
        ("", "127.0.0.1", "127.0.0.1"),
    ],
)
async def test_places_are_shared_among_those_who_ask_not_among_proxies(
    begun: tuple[Application, Beginning], forwarded: str, peer: str, client: str
) -> None:
    app, engine = begun
    app.direct(target("ASK {}"), [*HEADERS, (b"x-forwarded-for", forwarded.encode())], (peer, 1), lambda: None)
    assert engine.asked[0].client == client


@pytest.mark.parametrize(
    ("asked", "headers"),
    [
        (target("ASK {}", update="CLEAR ALL"), HEADERS),
        (target("ASK {}", format="nonsense"), HEADERS),
        (target("SELECT * {}", excel="1"), HEADERS),
        (target("ASK {}", download="1"), HEADERS),
        (target("ASK { FILTER(RAND() > 0) }"), HEADERS),
        (b"/sparql?query=%FF", HEADERS),
        (b"/sparql?query=ASK%20%7B%7D&query=ASK%20%7B%7D", HEADERS),
        (b"/sparql", HEADERS),
        (b"/sparql?", HEADERS),
        (b"/sparqlx?query=ASK%20%7B%7D", HEADERS),
        (b"/elsewhere/sparql?query=ASK%20%7B%7D", HEADERS),
        (target("ASK {}"), [(b"accept", b"text/html")]),
        (target("ASK {}"), [(b"accept", b"image/png")]),
        (target("ASK {}"), [*HEADERS, (b"if-none-match", b'"x"')]),
        (target("ASK {}"), [*HEADERS, (b"content-length", b"3")]),
        (target("ASK {}"), [*HEADERS, (b"accept-encoding", b"identity;q=0, *;q=0")]),
    ],
)
async def test_whatever_is_not_a_plain_question_goes_as_others_do(
    begun: tuple[Application, Beginning], asked: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    app, engine = begun
    assert app.direct(asked, headers, None, lambda: None) is None
    assert not engine.asked
    await asyncio.sleep(0)


async def test_the_path_of_the_public_address_may_be_there_or_taken_off(begun: tuple[Application, Beginning]) -> None:
    app, engine = begun
    assert isinstance(app.direct(b"/ocean" + target("ASK { }"), HEADERS, None, lambda: None), Direct)
    assert isinstance(app.direct(target("ASK {  }"), HEADERS, None, lambda: None), Direct)
    assert [query.text for query in engine.asked] == ["ASK { }", "ASK {  }"]
