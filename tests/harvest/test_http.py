"""HTTP against servers that misbehave in every way we know of."""

import gzip
import itertools
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from odatis_kg.harvest.connections import is_public
from odatis_kg.harvest.http import FetchError, Http, Pace
from odatis_kg.sources import SitemapSource
from tests.harvest.raw_server import Asked, answer, in_turn, raw_server

GOOD = answer(body=b"good", Content_Type="text/plain; charset=utf-8")


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@contextmanager
def asking(url: str, clock: Clock | None = None, pace: Pace | None = None, **settings: Any) -> Iterator[Http]:
    clock = clock or Clock()
    source = SitemapSource(protocol="sitemap", url=url, **{"delay_seconds": 0, "tries": 1, **settings})
    http = Http(source, "mailto:data@kg.example.org", pace, clock.sleep, clock)
    try:
        yield http
    finally:
        http.close()


def refused(call: Callable[[], object]) -> FetchError:
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value


# What is sent and what comes back


def test_an_answer_says_what_was_asked_and_what_the_server_said() -> None:
    sent = answer(
        body=b"good", Content_Type="Text/XML; charset=utf-8", ETag='"v1"', Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT"
    )
    with raw_server(sent) as server, asking(server.address) as http:
        got = http.get(f"{server.address}csw?a=1", {"q": "température & salinité"})
    assert got.content == b"good"
    assert (got.status, got.media_type, got.etag) == (200, "text/xml", '"v1"')
    assert got.last_modified == "Wed, 21 Oct 2015 07:28:00 GMT"
    assert got.url == f"{server.address}csw?a=1&q=temp%C3%A9rature+%26+salinit%C3%A9"
    assert f"/{got.url.removeprefix(server.address)}" == server.asked[0].path
    assert abs(datetime.now(UTC) - datetime.fromisoformat(got.retrieved)) < timedelta(seconds=60)


def test_the_user_agent_names_the_software_and_a_contact() -> None:
    with raw_server(GOOD) as server, asking(server.address) as http:
        http.get(server.address)
    assert server.asked[0].headers["user-agent"].startswith("odatis-kg/")
    assert "mailto:data@kg.example.org" in server.asked[0].headers["user-agent"]


def test_a_contact_that_no_header_can_hold_stops_nothing() -> None:
    source = SitemapSource(protocol="sitemap", url="http://127.0.0.1/", tries=1)
    with raw_server(GOOD) as server:
        http = Http(source.model_copy(update={"url": server.address}), "Zoë\r\nX-Evil: 1 漢", sleep=lambda _: None)
        http.get(server.address)
        http.close()
    assert "x-evil" not in server.asked[0].headers
    assert server.asked[0].headers["user-agent"].endswith("Zo? X-Evil: 1 ?)")


def test_post_sends_a_body_and_its_type() -> None:
    with raw_server(GOOD) as server, asking(server.address) as http:
        got = http.post(server.address, b"<GetRecords/>", "application/xml")
    assert (got.method, got.body) == ("POST", b"<GetRecords/>")
    assert (server.asked[0].method, server.asked[0].body) == ("POST", b"<GetRecords/>")
    assert server.asked[0].headers["content-type"] == "application/xml"


def test_validators_become_a_conditional_request() -> None:
    with raw_server(answer("304 Not Modified", ETag='"v1"')) as server, asking(server.address) as http:
        got = http.get(server.address, etag='"v1"', last_modified="Wed, 21 Oct 2015 07:28:00 GMT")
        dated = http.get(server.address, last_modified="Wed, 21 Oct 2015 07:28:00 GMT")
    assert (got.status, got.content, dated.status) == (304, b"", 304)
    assert server.asked[0].headers["if-none-match"] == '"v1"'
    assert "if-modified-since" not in server.asked[0].headers
    assert server.asked[1].headers["if-modified-since"] == "Wed, 21 Oct 2015 07:28:00 GMT"


def test_not_modified_is_refused_when_nothing_was_asked_conditionally() -> None:
    with raw_server(answer("304 Not Modified")) as server, asking(server.address) as http:
        assert refused(lambda: http.get(server.address)).status == 304


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "301 Moved Permanently", "404 Not Found"])
def test_what_is_not_an_answer_is_refused_and_not_tried_again(status: str) -> None:
    clock = Clock()
    with raw_server(answer(status, b"why")) as server, asking(server.address, clock, tries=5) as http:
        error = refused(lambda: http.get(server.address))
    assert status in str(error)
    assert (error.status, error.temporary, error.url) == (int(status[:3]), False, server.address)
    assert error.content == (b"" if status.startswith("204") else b"why")
    assert len(server.asked) == 1
    assert not clock.slept


def test_of_a_refusal_at_most_64_kb_are_kept_even_compressed() -> None:
    packed = gzip.compress(b"x" * 5_000_000)
    sent = in_turn(answer("404 Not Found", b"y" * 200_000), answer("404 Not Found", packed, Content_Encoding="gzip"))
    with raw_server(sent) as server, asking(server.address) as http:
        assert refused(lambda: http.get(server.address)).content == b"y" * 65_536
        small = refused(lambda: http.get(server.address)).content
    assert small.startswith(b"xxxx")
    assert len(small) <= 65_536


# Patience


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_overloaded_server_is_asked_again_after_a_growing_pause_with_jitter(status: int) -> None:
    clock = Clock()
    bad = answer(f"{status} Busy")
    with raw_server(in_turn(bad, bad, bad, GOOD)) as server, asking(server.address, clock, tries=5) as http:
        assert http.get(server.address).content == b"good"
    assert len(clock.slept) == 3
    for attempt, pause in enumerate(clock.slept):
        assert 2**attempt <= pause <= 2 * 2**attempt


def test_the_pause_has_an_upper_bound() -> None:
    clock = Clock()
    with raw_server(answer("503 Busy")) as server, asking(server.address, clock, tries=20) as http:
        refused(lambda: http.get(server.address))
    assert len(clock.slept) == 19
    assert max(clock.slept) <= 120
    assert len(set(clock.slept[8:])) > 1  # jitter


def test_when_all_tries_fail_the_error_says_so_and_keeps_what_came() -> None:
    with raw_server(answer("503 Busy", b"<error/>")) as server, asking(server.address, tries=3) as http:
        error = refused(lambda: http.get(server.address))
    assert "503 Busy (3 tries)" in str(error)
    assert (error.status, error.content, error.temporary, len(server.asked)) == (503, b"<error/>", True, 3)


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7", 7, 7),
        (" 0 ", 0, 0),
        (500, 300, 500),  # a date
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0),  # in the past
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0, 0),
        ("soon", 1, 2),
        ("-5", 1, 2),
        ("1.5", 1, 2),
        ("²", 1, 2),
        ("Fri, 99 Foo 9999 99:99:99 GMT", 1, 2),
    ],
)
def test_a_server_that_asks_for_a_pause_gets_it(said: str | int, least: float, most: float) -> None:
    clock = Clock()
    busy = answer("503 Busy", Retry_After=said if isinstance(said, str) else date_in(said))
    with raw_server(in_turn(busy, GOOD)) as server, asking(server.address, clock, tries=2) as http:
        assert http.get(server.address).content == b"good"
    assert least <= sum(clock.slept) <= most


@pytest.mark.parametrize("said", ["86400", "9" * 5000, 3600, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_pause_puts_the_harvest_off(said: str | int) -> None:
    clock = Clock()
    busy = answer("429 Slow", Retry_After=said if isinstance(said, str) else date_in(said))
    with raw_server(busy) as server, asking(server.address, clock, tries=5) as http:
        error = refused(lambda: http.get(server.address))
    assert "put off" in str(error)
    assert error.temporary
    assert not clock.slept


def test_a_refused_connection_is_tried_again_and_said_in_short() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"http://127.0.0.1:{door.getsockname()[1]}/"
    clock = Clock()
    with asking(address, clock, tries=2) as http:
        error = refused(lambda: http.get(address))
    assert str(error) == f"{address} cannot be reached: [Errno 111] Connection refused (2 tries)"
    assert (error.temporary, error.status, len(clock.slept)) == (True, 0, 1)


def test_a_host_without_address_is_said_in_short() -> None:
    with asking("http://nowhere.invalid/") as http:
        error = refused(lambda: http.get("http://nowhere.invalid/"))
    assert str(error).startswith("http://nowhere.invalid/ cannot be reached: [Errno -")
    assert "HTTPConnectionPool" not in str(error)


def test_a_host_name_with_accents_is_asked_by_its_ascii_form() -> None:
    with asking("http://données.invalid/") as http:
        assert "http://xn--donnes-eva.invalid/ cannot" in str(refused(lambda: http.get("http://données.invalid/")))


@pytest.mark.parametrize(
    "url",
    [
        "catalogue.example.org/csw",
        "",
        "http://",
        "http://exa mple/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        f"http://{'a' * 70}.example/",
        "http://.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/",
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(url: str) -> None:
    clock = Clock()
    with asking("http://127.0.0.1:9/", clock, tries=5) as http:
        get, post = refused(lambda: http.get(url)), refused(lambda: http.post(url, b"", "text/xml"))
    assert not get.temporary
    assert "not an address that can be asked" in str(get)
    assert str(post) == str(get)
    assert not clock.slept


def test_a_header_that_cannot_be_sent_is_refused_at_once() -> None:
    with raw_server(GOOD) as server, asking(server.address, tries=5) as http:
        assert not refused(lambda: http.get(server.address, headers={"Accept": "a\r\nb"})).temporary
    assert not server.asked


def test_a_very_long_address_is_sent_and_the_refusal_of_the_server_is_told() -> None:
    with raw_server(answer("414 URI Too Long")) as server, asking(server.address) as http:
        assert refused(lambda: http.get(server.address, {"q": "x" * 60_000})).status == 414
    assert len(server.asked[0].path) > 60_000


# Pace


def test_between_two_requests_is_a_pause_and_before_the_first_is_none() -> None:
    clock = Clock()
    with raw_server(GOOD) as server, asking(server.address, clock, delay_seconds=2.5) as http:
        http.get(server.address)
        assert clock.slept == []
        http.get(server.address)
        clock.now += 1
        http.get(server.address)
        clock.now += 9
        http.get(server.address)
    assert clock.slept == [2.5, 1.5]


def test_a_server_may_ask_for_longer_pauses_but_not_for_shorter_ones() -> None:
    clock = Clock()
    with raw_server(GOOD) as server, asking(server.address, clock, delay_seconds=2) as http:
        http.slow_down(1)
        http.get(server.address)
        http.slow_down(5)
        http.get(server.address)
        http.get(server.address)
    assert clock.slept == [2, 5]


def test_sources_that_share_a_host_share_the_pause_also_after_a_failure() -> None:
    clock, pace = Clock(), Pace()
    sent = in_turn(answer("404 Gone"), answer("503 Busy", Retry_After="30"), GOOD)
    with (
        raw_server(sent) as server,
        asking(server.address, clock, pace, delay_seconds=1) as one,
        asking(server.address, clock, pace, delay_seconds=1) as other,
    ):
        refused(lambda: one.get(server.address))
        refused(lambda: other.get(server.address))
        one.get(server.address)
    assert clock.slept == [1, 1]


def test_while_a_server_wants_to_be_left_alone_no_source_asks_it() -> None:
    clock, pace = Clock(), Pace()
    sent = in_turn(answer("503 Busy", Retry_After="30"), GOOD)
    with (
        raw_server(sent) as server,
        asking(server.address, clock, pace, tries=2) as one,
        asking(server.address, clock, pace) as other,
    ):
        waiting = threading.Event()
        first_sleep = one._sleep

        def sleep(seconds: float) -> None:
            waiting.set()
            assert not came.wait(0.1)
            first_sleep(seconds)

        one._sleep = sleep
        came = threading.Event()
        thread = threading.Thread(target=lambda: (waiting.wait(5), other.get(server.address), came.set()))
        thread.start()
        one.get(server.address)
        thread.join(5)
    assert came.is_set()
    assert clock.slept == [30]


def test_threads_that_share_a_pace_ask_one_at_a_time() -> None:
    pace = Pace()
    together = []
    busy = threading.Semaphore(1)

    def answering(_: Asked) -> Iterator[bytes | float]:
        together.append(busy.acquire(blocking=False))
        yield 0.02
        busy.release()
        yield GOOD

    with (
        raw_server(answering) as server,
        asking(server.address, pace=pace) as one,
        asking(server.address, pace=pace) as other,
    ):
        threads = [threading.Thread(target=http.get, args=(server.address,)) for http in (one, other, one, other, one)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert together == [True] * 5


# Redirects


def redirect(status: int, target: str) -> bytes:
    return answer(f"{status} Elsewhere", b"elsewhere", Location=target)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_and_the_answer_keeps_the_address_asked(status: int) -> None:
    def answering(asked: Asked) -> bytes:
        return redirect(status, "/b?é=1") if asked.path == "/a" else GOOD

    with raw_server(answering) as server, asking(server.address) as http:
        got = http.get(f"{server.address}a", headers={"Accept": "text/xml"})
    assert (got.content, got.url) == (b"good", f"{server.address}a")
    assert server.asked[1].path == "/b?%C3%A9=1"
    assert server.asked[1].headers["accept"] == "text/xml"


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_redirected_post_stays_one_only_where_the_standard_says_so(status: int, method: str) -> None:
    with raw_server(in_turn(redirect(status, "/b"), GOOD)) as server, asking(server.address) as http:
        http.post(server.address, b"<q/>", "application/xml")
    assert server.asked[1].method == method
    assert server.asked[1].body == (b"<q/>" if method == "POST" else b"")
    assert ("content-type" in server.asked[1].headers) == (method == "POST")


def test_a_redirect_that_is_not_to_be_followed_says_where_it_leads() -> None:
    with raw_server(redirect(301, "/b")) as server, asking(server.address) as http:
        error = refused(lambda: http.get(f"{server.address}a", follow=False))
    assert (error.status, error.location, len(server.asked)) == (301, f"{server.address}b", 1)
    assert (error.as_answer().status, error.as_answer().url) == (301, f"{server.address}a")


def test_a_redirect_in_a_circle_ends() -> None:
    clock = Clock()
    with raw_server(lambda _: redirect(302, "/")) as server, asking(server.address, clock, tries=5) as http:
        assert "more than 5 redirects" in str(refused(lambda: http.get(server.address)))
    assert len(server.asked) == 6


def test_the_body_of_a_redirect_is_not_read() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n"
    sent = in_turn(itertools.chain([head], itertools.repeat(b"x" * 65_536)), [head, 5.0], GOOD)
    with raw_server(sent) as server, asking(server.address, answer_mb=1, timeout_seconds=3) as http:
        began = time.monotonic()
        assert http.get(server.address).content == b"good"
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("ftp://127.0.0.1/", "neither http nor https"),
        ("javascript:alert(1)", "neither http nor https"),
        ("http://[::1", "leads to http://[::1"),
        ("http://127.0.0.1:99999/", "leads to http://127.0.0.1:99999/"),
    ],
)
def test_a_redirect_to_somewhere_else_than_the_web_is_refused(target: str, said: str) -> None:
    with raw_server(redirect(302, target)) as server, asking(server.address, tries=3) as http:
        error = refused(lambda: http.get(server.address))
    assert said in str(error)
    assert not error.temporary
    assert len(server.asked) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_local_network_is_closed_unless_the_operator_opens_it(host: str) -> None:
    with (
        raw_server(GOOD, "::1" if host == "::1" else "127.0.0.1") as private,
        raw_server(lambda _: redirect(302, elsewhere)) as server,
    ):
        port = private.address.rpartition(":")[2]
        elsewhere = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        with asking(server.address, tries=3) as http:
            for url in (server.address, elsewhere):  # a redirect, and an address a server gave as its next page
                error = refused(lambda url=url: http.get(url))
                assert "is in the local network" in str(error)
                assert "allow_private" in str(error)
            assert not private.asked  # not even a request was sent
        with asking(server.address, allow_private=True) as http:
            assert http.get(server.address).content == b"good"
        assert len(private.asked) == 1


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:0a00:0001::1", False),  # 6to4 of 10.0.0.1
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_token_goes_to_the_server_it_was_given_for_and_to_no_other() -> None:
    with (
        raw_server(GOOD) as other,
        raw_server(in_turn(redirect(302, "/here"), redirect(302, other.address))) as server,
        asking(server.address, allow_private=True) as http,
    ):
        http.get(server.address, headers={"authorization": "Bearer secret", "Accept": "text/xml"})
    assert [one.headers.get("authorization") for one in server.asked] == ["Bearer secret"] * 2
    assert "authorization" not in other.asked[0].headers
    assert other.asked[0].headers["accept"] == "text/xml"


def test_credentials_of_this_machine_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with raw_server(GOOD) as server, asking(server.address) as http:
        http.get(server.address)
        http.get(server.address, headers={"Authorization": "Bearer ours"})
    assert [one.headers.get("authorization") for one in server.asked] == [None, "Bearer ours"]


# Time


def drip(head: bytes, piece: bytes) -> Callable[[Asked], Iterator[bytes | float]]:
    def answering(_: Asked) -> Iterator[bytes | float]:
        yield head
        while True:
            yield piece
            yield 0.02

    return answering


OPEN = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X"),
        (b"HTTP/1.1 200 OK\r\n", b"X-1: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OPEN, b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: x\r\n"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", b"x"),
    ],
    ids=["status", "header", "headers", "continue", "body", "length", "chunks", "size", "trailers", "refusal"],
)
def test_an_answer_that_drips_is_given_up_at_the_deadline(head: bytes, piece: bytes) -> None:
    with raw_server(drip(head, piece)) as server, asking(server.address, answer_seconds=0.3) as http:
        began = time.monotonic()
        error = refused(lambda: http.get(server.address))
        assert 0.2 < time.monotonic() - began < 3
    if b"503" in head:
        assert error.status == 503
    else:
        assert "within 0.3 seconds (answer_seconds)" in str(error)
    assert error.temporary


def test_a_silent_server_is_given_up_and_asked_again() -> None:
    sent = in_turn([5.0], [OPEN, b"begun", 5.0], GOOD)
    with raw_server(sent) as server, asking(server.address, timeout_seconds=0.2, tries=3) as http:
        began = time.monotonic()
        assert http.get(server.address).content == b"good"
        assert time.monotonic() - began < 3


def test_silence_is_told_apart_from_slowness() -> None:
    for sent in ([5.0], [OPEN, b"begun", 5.0]):
        with raw_server(in_turn(sent)) as server, asking(server.address, timeout_seconds=0.2) as http:
            assert "silent for 0.2 seconds (timeout_seconds)" in str(refused(lambda: http.get(server.address)))


def test_a_slow_answer_within_its_time_is_taken() -> None:
    sent = [OPEN, *itertools.chain.from_iterable((b"x", 0.01) for _ in range(20))]
    with raw_server(in_turn(sent)) as server, asking(server.address, timeout_seconds=0.5, answer_seconds=5) as http:
        assert http.get(server.address).content == b"x" * 20


def test_a_connection_is_used_again_and_each_answer_has_its_own_deadline() -> None:
    ports = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            peer, port = door.accept()
            with peer:
                for _ in range(4):
                    while b"\r\n\r\n" not in peer.recv(4096):
                        pass
                    ports.append(port)
                    done.wait(0.15)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{door.getsockname()[1]}/"
        with asking(address, answer_seconds=0.4, timeout_seconds=0.4) as http:
            assert [http.get(address).content for _ in range(4)] == [b"ok"] * 4
        thread.join(5)
    assert len(ports) == 4
    assert len(set(ports)) == 1


# Size


def endless(head: bytes) -> Callable[[Asked], Iterator[bytes]]:
    return lambda _: itertools.chain([head], itertools.repeat(b"x" * 65_536))


@pytest.mark.parametrize(
    "head", [OPEN, b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"], ids=["unannounced", "announced"]
)
def test_an_endless_answer_is_given_up(head: bytes) -> None:
    with raw_server(endless(head)) as server, asking(server.address, answer_mb=2, tries=3) as http:
        error = refused(lambda: http.get(server.address))
    assert "more than 2 MB (answer_mb)" in str(error)
    assert not error.temporary
    assert len(server.asked) == 1


def test_what_is_announced_as_too_large_is_not_read() -> None:
    sent = [b"HTTP/1.1 200 OK\r\nContent-Length: 2000001\r\n\r\n", 5.0]
    with raw_server(in_turn(sent)) as server, asking(server.address, answer_mb=2, timeout_seconds=3) as http:
        began = time.monotonic()
        assert "answer_mb" in str(refused(lambda: http.get(server.address)))
        assert time.monotonic() - began < 2


def test_an_answer_of_exactly_the_largest_size_is_taken() -> None:
    body = b"x" * 1_000_000
    sent = in_turn(
        answer(body=body),
        OPEN + body,
        answer(body=gzip.compress(body), Content_Encoding="gzip"),
        OPEN + body + b"x",
        answer(body=gzip.compress(body + b"x"), Content_Encoding="gzip"),
    )
    with raw_server(sent) as server, asking(server.address, answer_mb=1) as http:
        for _ in range(3):
            assert http.get(server.address).content == body
        for _ in range(2):
            assert "answer_mb" in str(refused(lambda: http.get(server.address)))


def test_a_gzip_bomb_fills_no_memory() -> None:
    bomb = gzip.compress(b"\0" * 100_000_000, 9)
    with raw_server(answer(body=bomb, Content_Encoding="gzip")) as server, asking(server.address, answer_mb=2) as http:
        tracemalloc.start()
        error = refused(lambda: http.get(server.address))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "answer_mb" in str(error)
    assert peak < 20_000_000


# Broken answers


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nfive!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfive!",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"five!" * 1000)[:-9],
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"five!" * 1000)[:-4] + b"0000",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8bno gzip at all",
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=["length", "last chunk", "chunk", "chunk size", "gzip", "gzip sum", "no gzip", "nothing", "status", "header"],
)
def test_a_broken_answer_is_never_taken_for_a_whole_one(sent: bytes) -> None:
    with raw_server(in_turn(sent, GOOD)) as server, asking(server.address, tries=2) as http:
        assert http.get(server.address).content == b"good"
    with raw_server(sent) as server, asking(server.address) as http:
        error = refused(lambda: http.get(server.address))
    assert error.temporary


def test_gzip_is_asked_for_and_read_also_in_pieces() -> None:
    body = b"<records/>" * 1000
    packed = gzip.compress(body)
    dripped = [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\n\r\n",
        *(packed[at : at + 1] for at in range(len(packed))),
    ]
    chunked = b"HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    sent = in_turn(dripped, chunked % (len(packed), packed), answer(body=b"", Content_Encoding="gzip"))
    with raw_server(sent) as server, asking(server.address) as http:
        assert http.get(server.address).content == body
        assert http.get(server.address).content == body
        assert http.get(server.address).content == b""
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_an_encoding_that_is_named_but_not_used_does_no_harm() -> None:
    with raw_server(answer(body=b"<plain/>", Content_Encoding="gzip")) as server, asking(server.address) as http:
        assert http.get(server.address).content == b"<plain/>"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "nonsense"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with raw_server(answer(body=b"x", Content_Encoding=encoding)) as server, asking(server.address) as http:
        error = refused(lambda: http.get(server.address))
    assert f"encoding {encoding}, which was not asked for" in str(error)
    assert not error.temporary


# TLS


def test_https_to_a_server_that_speaks_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            peer, _ = door.accept()
            with peer:
                peer.sendall(answer("400 Bad Request"))
                peer.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"https://127.0.0.1:{door.getsockname()[1]}/"
        with asking(address) as http:
            error = refused(lambda: http.get(address))
        thread.join(5)
    assert str(error).startswith(f"{address} cannot be reached: [SSL")


def test_a_certificate_of_nobody_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
             "-addext", "subjectAltName=DNS:localhost",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not on this machine")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            for _ in range(2):
                peer, _address = door.accept()
                with peer:
                    try:
                        with context.wrap_socket(peer, server_side=True) as secure:
                            secure.recv(4096)
                            secure.sendall(b"HTTP/1.1 200 OK\r\n")
                            for _ in range(200):
                                secure.sendall(b"X")
                                time.sleep(0.02)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"https://localhost:{door.getsockname()[1]}/"
        with asking(address, clock, tries=3) as http:
            error = refused(lambda: http.get(address))
        assert "cannot be trusted" in str(error)
        assert "self-signed certificate" in str(error)
        assert not error.temporary
        assert not clock.slept
        # Trusted by the operator; the deadline holds within TLS too.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with asking(address, answer_seconds=0.5) as http:
            began = time.monotonic()
            assert "answer_seconds" in str(refused(lambda: http.get(address)))
            assert time.monotonic() - began < 3
        thread.join(10)
