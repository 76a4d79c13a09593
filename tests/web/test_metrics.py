"""What operators watch: health, metrics, and what is written down of requests, which says nothing of persons."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from odatis_kg.config import LogSettings, load
from odatis_kg.store.engine import EngineUnavailableError, QueryTimeoutError
from odatis_kg.web.access_log import AccessLog, query_hash
from odatis_kg.web.app import create_app
from odatis_kg.web.exchange import Exchange, nowhere
from odatis_kg.web.metrics import Metrics
from tests.conftest import ROOT, Built, Server, serving
from tests.web.front import Engine

_SAMPLE = re.compile(r'^[a-z_]+(\{([a-z_]+="(\\.|[^"\\])*"(,|(?=\})))*\})? (-?[\d.e+-]+)$')


def samples(text: str) -> dict[str, float]:
    """The samples of a page of metrics; every line must be one, or a comment."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            assert _SAMPLE.match(line), line
            name, _, value = line.rpartition(" ")
            assert name not in found
            found[name] = float(value)
    return found


@pytest.fixture(scope="module")
def watched(demo: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that writes its log into a file."""
    log = tmp_path_factory.mktemp("log") / "access.log"
    with serving(
        demo.settings.data_dir, ODATIS_KG_LOG__ACCESS=str(log), ODATIS_KG_LOG__SLOW_SECONDS="0.000001"
    ) as server:
        yield server, log


def client_of(engine: Engine, **settings: object) -> httpx.AsyncClient:
    app = create_app(load(**settings), engine)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


# Health


def test_a_server_that_answers_is_ready_and_says_what_it_serves(server: Server, demo: Built) -> None:
    ready = server.get("health/ready")
    assert ready.status_code == 200
    assert ready.json()["release"] == demo.release.id
    assert ready.json()["mode"] in ("disk", "memory")
    assert ready.headers["cache-control"] == "no-store"
    assert httpx.head(f"{server.address}health/ready").status_code == 200


async def test_a_server_whose_engine_does_not_answer_is_not_ready_and_says_why() -> None:
    async with client_of(Engine(fails=[EngineUnavailableError("the workers are gone")])) as client:
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["status"] == "not ready"
        assert answer.json()["reason"] == "the workers are gone"
        assert (await client.get("/health/live")).status_code == 200


async def test_asking_for_health_a_thousand_times_asks_the_engine_once() -> None:
    engine = Engine()
    async with client_of(engine) as client:
        answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(engine.asked) <= 2


# Metrics


def test_queries_are_counted_by_form_and_outcome(watched: tuple[Server, Path]) -> None:
    server, _ = watched
    path = f"sparql?{urlencode({'query': 'ASK { ?counted ?p ?o }'})}"
    before = samples(server.get("metrics").text)
    answers = [server.get(path) for _ in range(4)]
    server.get(path, If_None_Match=answers[0].headers["etag"])
    server.ask("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } LIMIT 1", "text/turtle")
    server.ask("not a query")
    after = samples(server.get("metrics").text)

    def more(name: str) -> float:
        return after.get(f"odatis_kg_{name}", 0) - before.get(f"odatis_kg_{name}", 0)

    assert more('query_seconds_count{form="ASK",outcome="fresh"}') == 1
    assert more('query_seconds_count{form="ASK",outcome="cached"}') == 3
    assert more('query_seconds_count{form="ASK",outcome="unchanged"}') == 1
    assert more('query_seconds_count{form="CONSTRUCT",outcome="fresh"}') == 1
    assert more('query_seconds_count{form="unknown",outcome="refused"}') == 1
    assert more('requests_total{route="/sparql",status="200"}') == 5
    assert more('requests_total{route="/sparql",status="304"}') == 1
    assert more('requests_total{route="/sparql",status="400"}') == 1
    assert more("cache_hits_total") == 4
    assert more("cache_results") == 2
    assert more("sent_bytes_total") > 500


def test_a_histogram_adds_up(server: Server) -> None:
    found = samples(server.get("metrics").text)
    route = 'route="/metrics"'
    server.get("metrics")
    found = samples(server.get("metrics").text)
    buckets = [value for name, value in found.items() if name.startswith(f"odatis_kg_request_seconds_bucket{{{route}")]
    assert len(buckets) == 16
    assert buckets == sorted(buckets)
    assert buckets[-1] == found[f"odatis_kg_request_seconds_count{{{route}}}"] > 0


async def test_what_the_engine_says_of_itself_is_among_the_metrics() -> None:
    async with client_of(Engine(release='strange "id"\\'), server={"metrics": "on"}) as client:
        found = samples((await client.get("/metrics")).text)
    assert found['odatis_kg_engine_kills_total{reason="deadline"}'] == 3
    assert found["odatis_kg_engine_places"] == 2
    assert found["odatis_kg_network_lock"] == 1
    assert found["odatis_kg_requests_in_flight"] == 1
    (info,) = [name for name in found if name.startswith("odatis_kg_release_info")]
    assert 'release="strange \\"id\\"\\\\"' in info


async def test_every_metric_is_explained() -> None:
    async with client_of(Engine(), server={"metrics": "on"}) as client:
        await client.get("/sparql", params={"query": "ASK {}"})
        page = (await client.get("/metrics")).text
    families = set(re.findall(r"# TYPE (\S+)", page))
    explained = (ROOT / "docs" / "operating.md").read_text()
    assert len(families) > 25
    assert [name for name in families if not re.search(rf"`{name}[`{{]", explained)] == []


async def test_a_query_that_fails_is_counted_as_what_it_was() -> None:
    engine = Engine(fails=[QueryTimeoutError(1)])
    async with client_of(engine, server={"metrics": "on"}) as client:
        assert (await client.get("/sparql", params={"query": "ASK {}"})).status_code == 504
        found = samples((await client.get("/metrics")).text)
    assert found['odatis_kg_query_seconds_count{form="unknown",outcome="timeout"}'] == 1


@pytest.mark.parametrize(
    ("setting", "address", "headers", "status"),
    [
        ("loopback", "127.0.0.1", {}, 200),
        ("loopback", "::1", {}, 200),
        ("loopback", "192.0.2.1", {}, 404),
        ("loopback", "127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 404),
        ("loopback", "127.0.0.1", {"Via": "1.1 proxy"}, 404),
        ("on", "192.0.2.1", {}, 200),
        ("off", "127.0.0.1", {}, 404),
    ],
)
async def test_who_may_read_metrics_is_a_setting(
    setting: str, address: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(load(server={"metrics": setting}), Engine())
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/metrics", headers=headers)).status_code == status


async def routes_counted(*paths: str) -> set[str]:
    """The routes that metrics name after a request for each path."""
    app = create_app(load(server={"metrics": "on"}), Engine())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in paths:
            await client.get(path, headers={"Accept": "text/html"})
        page = (await client.get("/metrics")).text
    return set(re.findall(r'odatis_kg_requests_total\{route="([^"]*)"', page))


async def test_every_route_of_the_application_is_counted_as_itself(server: Server) -> None:
    described = [re.sub(r"\{\w+\}", "a", path) for path in server.get("openapi.json").json()["paths"]]
    for path in ("/", "/static/style.css", "/openapi.json", *described):
        (route,) = await routes_counted(path)
        assert route == path or path.startswith(f"{route}/"), path
        assert route not in ("other", "/") or path == "/", path


async def test_what_clients_make_up_names_no_metric() -> None:
    made_up = ("/x", "/x/y", "/sparqlx", "/sparql/x", "/health/x", "/voidx", "/.well-known/x", "/" + "a" * 1_000)
    assert await routes_counted(*made_up) == {"other"}


# The log


def lines_of(log: Path) -> list[dict[str, object]]:
    time.sleep(0.3)
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_each_request_is_a_line_without_anything_of_a_person(watched: tuple[Server, Path]) -> None:
    server, log = watched
    secret = "Jeanne Dupont"
    text = f'ASK {{ ?s ?p "{secret}" }}'
    path = f"sparql?{urlencode({'query': text})}"
    for _ in range(3):
        server.get(path, User_Agent="agent-secret", Referer="http://referrer-secret/", Cookie="secret=1")
    server.get("id/person/secret-person")
    server.get("nothing/secret-path?secret")
    lines = lines_of(log)
    assert not re.search(r"Jeanne|secret|127\.0\.0\.1|localhost", log.read_text())
    asked = [line for line in lines if line.get("query") == query_hash(text) and line["event"] == "request"]
    assert [line["outcome"] for line in asked] == ["fresh", "cached", "cached"]
    for line in asked:
        assert (line["method"], line["route"], line["status"], line["form"]) == ("GET", "/sparql", 200, "ASK")
        assert line["format"] == "application/sparql-results+json"
        assert line["release"]
        assert line["bytes"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["time"]))
    assert float(str(asked[0]["first_ms"])) <= float(str(asked[0]["ms"]))
    assert {line["route"] for line in lines} >= {"/id", "other"}


def test_a_slow_query_is_written_down_by_its_hash(watched: tuple[Server, Path]) -> None:
    server, log = watched
    server.ask("ASK { ?slow ?p ?o }")
    slow = [
        line
        for line in lines_of(log)
        if line["event"] == "slow query" and line["query"] == query_hash("ASK { ?slow ?p ?o }")
    ]
    assert len(slow) == 1
    assert "text" not in slow[0]


def written(tmp_path: Path, exchange: Exchange, **settings: object) -> list[dict[str, object]]:
    log = AccessLog(LogSettings(access=str(tmp_path / "log"), **settings), Metrics())  # type: ignore[arg-type]
    log.start()
    log.note(exchange)
    log.stop()
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def slow_exchange() -> Exchange:
    exchange = Exchange(nowhere, "GET", "/sparql")
    exchange.query, exchange.seconds, exchange.status = "ASK {}\n# é", 12.0, 200
    return exchange


def test_the_text_of_a_slow_query_is_written_only_if_the_settings_say_so(tmp_path: Path) -> None:
    assert [line["event"] for line in written(tmp_path / "..", slow_exchange(), slow_seconds=0)][-1] == "request"
    assert written(tmp_path, slow_exchange(), slow_text=True)[1]["text"] == "ASK {}\n# é"


def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-folder"):
        AccessLog(LogSettings(access=str(tmp_path / "no-folder" / "log")), Metrics()).start()  # type: ignore[call-arg]


def test_a_log_that_stalls_stalls_nobody(tmp_path: Path) -> None:
    metrics = Metrics()
    log = AccessLog(LogSettings(access=str(tmp_path / "log")), metrics)  # type: ignore[call-arg]
    before = time.monotonic()
    for _ in range(10_500):  # nothing takes them, as the thread is not running
        log.note(slow_exchange())
    assert time.monotonic() - before < 5
    assert metrics.log_dropped > 0
