"""What is kept of results, for whom, and until when; and those who ask the same at the same time."""

import asyncio
import time
from urllib.parse import urlencode

import pytest

from odatis_kg.store.engine import (
    EngineUnavailableError,
    Query,
    QueryMemoryError,
    QueryTimeoutError,
    TableFormat,
)
from odatis_kg.store.syntax import Form, QueryRefusedError
from odatis_kg.web.caching import Address, Cache, Held, Key, Variant, is_repeatable
from odatis_kg.web.compression import Choice
from odatis_kg.web.delivery import Delivery
from tests.conftest import Server
from tests.web.front import Client, Engine, settings_of

PLAIN = Choice("")


def delivery(engine: Engine, **query: object) -> Delivery:
    return Delivery(engine, settings_of(**query))


# Which queries


@pytest.mark.parametrize(
    "text",
    [
        "ASK {}",
        "SELECT ?snow { ?s ?p ?snow }",
        "SELECT ?x { ?x a <http://a/NOW> }",
        "SELECT ?x { ?x a a:UUID }",
        'SELECT ?x { ?x ?p "now or rand()" }',
        "SELECT ?x { ?x ?p ?o } # NOW()",
    ],
)
def test_a_query_whose_answer_follows_from_the_release_may_be_kept(text: str) -> None:
    assert is_repeatable(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (NOW() AS ?t) {}",
        "SELECT (now() AS ?t) {}",
        "SELECT ?x { ?x ?p ?o FILTER(RAND() > 0.5) }",
        "SELECT (UUID() AS ?u) {}",
        "SELECT (STRUUID() AS ?u) {}",
        "SELECT (BNODE() AS ?b) {}",
        "SELECT * { SERVICE <http://a/> { ?s ?p ?o } }",
        "SELECT * { ?a ?b ?c FILTER(?a<?b&&RAND()>0) }",
        "SELECT * { FILTER(true&&trueNOW()) }",
        'SELECT (NOW() AS ?t) { ?s ?p "not closed }',
        "ASK {}" + " " * 70_000,
    ],
)
def test_a_query_that_may_answer_something_else_each_time_is_not(text: str) -> None:
    assert not is_repeatable(text)


# The cache


def held(text: str, size: int, release: str = "r1") -> Held:
    key = Key(release, text, (TableFormat.JSON, None), b"", ())
    body = b"x" * size
    return Held(key, Form.ASK, TableFormat.JSON, body, {PLAIN: Variant('"e"', [], body)})


def full(most: int = 1_600_000) -> Cache:
    cache = Cache(most)
    cache.forget("r1")
    return cache


def test_the_bytes_of_the_cache_stay_below_the_bound_and_the_least_asked_for_go_first() -> None:
    cache = full()
    for number in range(40):
        cache.put(held(f"q{number}", 90_000))
        cache.get(held("q0", 0).key)
        assert cache.bytes <= 1_600_000
    assert cache.get(held("q0", 0).key) is not None
    assert cache.get(held("q1", 0).key) is None
    assert cache.get(held("q39", 0).key) is not None
    assert cache.evictions > 20


def test_a_result_larger_than_its_share_is_not_kept() -> None:
    cache = full()
    cache.put(held("large", 100_001))
    assert len(cache) == 0


def test_every_coding_and_every_address_counts() -> None:
    cache = full()
    one = held("q", 1_000)
    cache.put(one)
    before = cache.bytes
    cache.add(one, Choice("gzip"), Variant('"g"', [], b"y" * 700))
    assert cache.bytes - before > 700
    before = cache.bytes
    cache.remember(Address(b"/sparql?" + b"q" * 500, b"", b""), one, PLAIN)
    assert cache.bytes - before > 500


def test_what_goes_takes_its_addresses_with_it() -> None:
    cache = full()
    one, address = held("q", 1_000), Address(b"/sparql?q", b"", b"")
    cache.put(one)
    cache.remember(address, one, PLAIN)
    assert cache.at(address, "r1") is not None
    for number in range(40):
        cache.put(held(f"q{number}", 90_000))
    assert cache.at(address, "r1") is None


def test_a_client_that_varies_its_address_adds_only_a_few() -> None:
    cache = full()
    one = held("q", 1_000)
    cache.put(one)
    for number in range(1_000):
        cache.remember(Address(b"/sparql?q&x=%d" % number, b"", b""), one, PLAIN)
    assert cache.bytes < 10_000


def test_a_new_release_forgets_everything() -> None:
    cache = full()
    cache.put(held("q", 10))
    assert cache.get(held("q", 10, "r2").key) is None
    assert (len(cache), cache.bytes) == (0, 0)
    cache.put(held("late", 10, "r1"))  # it was under way when the release changed
    assert len(cache) == 0


# Delivered


async def test_what_was_asked_before_is_not_evaluated_again() -> None:
    engine = Engine()
    client = Client(delivery(engine))
    first, second = await client.ask("ASK {}"), await client.ask("ASK {}", "POST")
    assert first == second
    assert len(engine.asked) == 1


@pytest.mark.parametrize("cache_mb", [0, 1])
async def test_without_memory_for_it_nothing_is_kept(cache_mb: int) -> None:
    engine = Engine()
    client = Client(delivery(engine, cache_mb=cache_mb))
    await client.ask("ASK {}")
    await client.ask("ASK {}")
    assert len(engine.asked) == 2 - cache_mb


async def test_another_dataset_format_prefix_or_release_is_another_result() -> None:
    engine = Engine()
    client = Client(delivery(engine))
    etags = [
        (await client.ask(query, before=before)).headers["etag"]
        for query, before in [
            (Query("ASK {}"), b""),
            (Query("ASK {}", default_graphs=("a:a",)), b""),
            (Query("ASK {}", named_graphs=("a:a",)), b""),
            (Query("ASK {}", table=TableFormat.XML), b""),
            (Query("ASK {}", default_graphs=("a:a", "b:b")), b""),
            (Query("ASK {}", default_graphs=("a:a",), named_graphs=("b:b",)), b""),
            (Query("ASK {} "), b""),
            (Query("ASK {}"), b"\xef\xbb\xbf"),
        ]
    ]
    engine.release = "r2"
    etags.append((await client.ask("ASK {}")).headers["etag"])
    assert len(set(etags)) == len(engine.asked) == 9


async def test_who_asks_and_how_long_they_would_wait_changes_nothing() -> None:
    engine = Engine()
    client = Client(delivery(engine))
    await client.ask(Query("ASK {}", client="a", timeout=3))
    await client.ask(Query("ASK {}", client="b", timeout=9))
    assert len(engine.asked) == 1


async def test_without_a_release_there_is_neither_an_etag_nor_a_copy() -> None:
    engine = Engine(release=None)
    client = Client(delivery(engine))
    got = await client.ask("ASK {}")
    await client.ask("ASK {}")
    assert "etag" not in got.headers
    assert got.headers["cache-control"] == "no-store"
    assert len(engine.asked) == 2


async def test_an_answer_under_way_while_the_release_changes_is_given_but_not_kept() -> None:
    engine = Engine(gate=asyncio.Event())
    client = Client(delivery(engine))
    task = asyncio.create_task(client.ask("ASK {}"))
    await asyncio.sleep(0.01)
    engine.release = "r2"
    engine.gate.set()
    got = await task
    assert got.whole
    assert "etag" not in got.headers
    await client.ask("ASK {}")
    assert len(engine.asked) == 2


async def test_errors_are_not_kept() -> None:
    engine = Engine(fails=[QueryTimeoutError(1)])
    client = Client(delivery(engine))
    with pytest.raises(QueryTimeoutError):
        await client.ask("ASK {}")
    assert (await client.ask("ASK {}")).status == 200


async def test_a_result_that_broke_is_not_kept() -> None:
    engine = Engine(streams=True, breaks=QueryTimeoutError(1))
    client = Client(delivery(engine))
    got = await client.ask("ASK {}")
    assert (got.status, got.whole) == (200, False)
    engine.breaks = None
    assert (await client.ask("ASK {}")).whole
    assert len(engine.asked) == 2


async def test_a_result_that_streamed_and_was_small_enough_is_kept_whole() -> None:
    engine = Engine(pieces=(b"a" * 70_000, b"b" * 70_000), streams=True)
    client = Client(delivery(engine))
    assert (await client.ask("ASK {}")).body == (await client.ask("ASK {}")).body == b"a" * 70_000 + b"b" * 70_000
    assert len(engine.asked) == 1


# At the same time


async def test_identical_queries_at_the_same_time_are_evaluated_once() -> None:
    engine = Engine(gate=asyncio.Event())
    where = delivery(engine)
    tasks = [asyncio.create_task(Client(where).ask("ASK {}")) for _ in range(20)]
    await asyncio.sleep(0.02)
    engine.gate.set()
    got = await asyncio.gather(*tasks)
    assert len(engine.asked) == 1
    assert {one.body for one in got} == {b'{"boolean":true}'}


async def test_when_the_one_who_asked_first_leaves_the_others_are_answered() -> None:
    engine = Engine(gate=asyncio.Event())
    where = delivery(engine)
    first = Client(where)
    leaving = asyncio.create_task(first.ask("ASK {}"))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(Client(where).ask("ASK {}")) for _ in range(5)]
    await asyncio.sleep(0.05)
    first.leave()
    assert (await leaving).status == 0
    await asyncio.sleep(0.01)
    assert engine.at_work == 1
    engine.gate.set()
    assert [one.status for one in await asyncio.gather(*others)] == [200] * 5
    assert len(engine.asked) == 2


async def test_when_a_follower_leaves_the_others_are_answered() -> None:
    engine = Engine(gate=asyncio.Event())
    where = delivery(engine)
    first = asyncio.create_task(Client(where).ask("ASK {}"))
    await asyncio.sleep(0.01)
    follower, other = Client(where), Client(where)
    leaving, staying = asyncio.create_task(follower.ask("ASK {}")), asyncio.create_task(other.ask("ASK {}"))
    await asyncio.sleep(0.05)
    follower.leave()
    assert (await leaving).status == 0
    engine.gate.set()
    assert (await first).status == (await staying).status == 200


async def test_a_follower_has_its_own_deadline() -> None:
    engine = Engine(gate=asyncio.Event())
    where = delivery(engine)
    first = asyncio.create_task(Client(where).ask(Query("ASK {}", timeout=30)))
    await asyncio.sleep(0.01)
    before = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        await Client(where).ask(Query("ASK {}", timeout=0.1))
    assert time.monotonic() - before < 10, "the other one has thirty seconds"
    engine.gate.set()
    assert (await first).status == 200


async def test_a_follower_with_more_time_does_not_share_a_timeout() -> None:
    engine = Engine(gate=asyncio.Event(), fails=[QueryTimeoutError(0.5)])
    where = delivery(engine)
    first = asyncio.create_task(Client(where).ask(Query("ASK {}", timeout=0.5)))
    await asyncio.sleep(0.01)
    patient = asyncio.create_task(Client(where).ask(Query("ASK {}", timeout=30)))
    hasty = asyncio.create_task(Client(where).ask(Query("ASK {}", timeout=0.4)))
    await asyncio.sleep(0.02)
    engine.gate.set()
    with pytest.raises(QueryTimeoutError, match=r"after 0\.5 seconds"):
        await first
    with pytest.raises(QueryTimeoutError, match=r"after 0\.4 seconds"):
        await hasty
    assert (await patient).status == 200
    assert len(engine.asked) == 2
    assert engine.asked[1].timeout is not None
    assert engine.asked[1].timeout < 30


@pytest.mark.parametrize(
    ("error", "evaluations"),
    [(QueryRefusedError("no"), 1), (QueryMemoryError(1), 1), (EngineUnavailableError("gone"), 4)],
)
async def test_only_errors_that_everyone_would_get_are_shared(error: Exception, evaluations: int) -> None:
    engine = Engine(gate=asyncio.Event(), fails=[error] * 4)
    where = delivery(engine)
    tasks = [asyncio.create_task(Client(where).ask("ASK {}")) for _ in range(4)]
    await asyncio.sleep(0.02)
    engine.gate.set()
    got = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in got] == [type(error)] * 4
    assert len(engine.asked) == evaluations


async def test_a_result_too_large_to_keep_is_evaluated_by_each() -> None:
    engine = Engine(gate=asyncio.Event(), pieces=(b"x" * 100_000,) * 5, streams=True)
    where = delivery(engine, cache_mb=1)
    tasks = [asyncio.create_task(Client(where).ask("ASK {}")) for _ in range(3)]
    await asyncio.sleep(0.02)
    engine.gate.set()
    assert [len(one.body) for one in await asyncio.gather(*tasks)] == [500_000] * 3
    assert len(engine.asked) == 3


async def test_one_who_reads_slowly_does_not_hold_the_others_up() -> None:
    engine = Engine(pieces=(b"x" * 70_000,) * 2, streams=True)
    where = delivery(engine)
    slow = Client(where)
    slow.slow = asyncio.Event()
    first = asyncio.create_task(slow.ask("ASK {}"))
    await asyncio.sleep(0.05)
    before = time.monotonic()
    assert (await Client(where).ask("ASK {}")).whole
    assert time.monotonic() - before < 3
    await asyncio.sleep(0.2)
    assert engine.at_work == 0  # nor does it hold a place in the engine
    slow.slow.set()
    assert (await first).body == b"x" * 140_000


# On the real server

TITLES = "SELECT ?s ?t { ?s <http://purl.org/dc/terms/title> ?t } ORDER BY ?t"


def test_a_result_from_memory_is_the_same_by_every_way(server: Server) -> None:
    path = f"sparql?{urlencode({'query': TITLES})}"
    # By evaluating, from the cache, and then before the application is asked at all.
    answers = [server.get(path) for _ in range(4)]
    for answer in answers:
        del answer.headers["date"]
    assert len({(answer.content, tuple(sorted(answer.headers.items()))) for answer in answers}) == 1
    assert server.ask(TITLES).content == answers[0].content
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    assert len(answers[0].json()["results"]["bindings"]) > 40


def test_what_is_answered_from_memory_still_depends_on_the_headers(server: Server) -> None:
    path = f"sparql?{urlencode({'query': TITLES})}"
    for _ in range(4):
        assert server.get(path, Accept="text/csv").text.startswith("s,t\r\n")
        assert server.get(path, Accept="text/tab-separated-values").text.startswith("?s\t?t\n")
        assert server.get(path, Accept="image/png").status_code == 406
        assert server.get(path, If_None_Match=server.get(path).headers["etag"]).status_code == 304
        assert server.get(f"{path}&format=csv").text.startswith("s,t\r\n")


def test_a_query_that_may_answer_something_else_does(server: Server) -> None:
    answers = [server.get(f"sparql?{urlencode({'query': 'SELECT (STRUUID() AS ?u) {}'})}") for _ in range(4)]
    assert len({answer.text for answer in answers}) == 4
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert not any("etag" in answer.headers for answer in answers)
