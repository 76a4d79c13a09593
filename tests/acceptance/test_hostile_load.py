"""Under attack the service ends every attack as it announces, answers others as usual, and is afterwards what it was.

The attacks are those of `benchmarks.attacks`, from loopback addresses of their own. `python -m benchmarks.hostile` measures
the same at length; here the times are bounds that a slow machine keeps and a service that stands still does not.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks import hostile, servers, synthetic
from benchmarks.attacks import ATTACKS
from benchmarks.client import Seen, ask
from benchmarks.hostile import Assault, Outcome
from benchmarks.servers import Server

LIMITS = {"timeout_seconds": 2, "memory_mb": 256, "result_mb": 20, "cache_mb": 0}
KEPT = 2  # workers that are kept for long queries, by default
# What still is "as usual" on a slow machine, where five times the idle time is less than that, in milliseconds: well below the
# deadline, which is when queries are given up that wait for a place behind the attackers.
USUAL = 1_500


@dataclass
class Running:
    """The service under test, and what it was like before."""

    server: Server
    requests: list[str]
    idle: Seen
    memory: float
    processes: int
    descriptors: int

    def light(self, seconds: float) -> Seen:
        return ask(hostile.light(self.server, self.requests, seconds))

    def is_as_usual(self, seen: Seen) -> bool:
        return seen.p99 <= max(5 * self.idle.p99, USUAL)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = synthetic.make("200", tmp_path_factory.mktemp("corpora"))
    datasets = synthetic.subjects(made, "http://www.w3.org/ns/dcat#Dataset")
    with servers.ours(made.data_dir, environment=servers.query_settings(**LIMITS)) as server:
        requests = hostile.light_requests(server.path, datasets)
        ask(hostile.light(server, requests, 0.5))
        idle = ask(hostile.light(server, requests, 2))
        assert idle.statuses.keys() == {"200"}
        yield Running(server, requests, idle, server.memory(), len(server.processes()), server.descriptors())


def attacked(running: Running, assault: Assault) -> tuple[Seen, Outcome]:
    seen, outcome, _ = hostile.beside(running.server, running.requests, assault)
    return seen, outcome


def test_each_attack_ends_as_announced_and_in_time(running: Running) -> None:
    server = running.server
    assault = Assault(server.port, server.path, list(ATTACKS), seconds=4, at_a_time=3, grace=30)
    _, outcome = attacked(running, assault)
    assert outcome.unexpected(crowd=False) == {}
    late = {name: seconds for name, seconds in outcome.longest.items() if seconds > 5 * LIMITS["timeout_seconds"]}
    assert late == {}, "seconds, where the deadline is two"


def test_light_queries_from_elsewhere_are_answered_as_usual_while_everything_is_attacked(running: Running) -> None:
    seen, outcome = attacked(running, hostile.crowd(running.server, 6, grace=8))
    assert outcome.unexpected(crowd=True) == {}
    assert seen.rate >= 0.95 * seen.answered / seen.seconds, (
        f"others are turned away because of attackers: {seen.statuses}"
    )
    assert running.is_as_usual(seen), f"p99 {seen.p99:.0f} ms, idle {running.idle.p99:.0f} ms"


def test_afterwards_there_are_as_many_processes_descriptors_and_as_much_memory_as_before(running: Running) -> None:
    server = running.server
    end = time.monotonic() + 5
    while time.monotonic() < end and (
        len(server.processes()) > running.processes + KEPT or server.descriptors() > running.descriptors + 3
    ):
        time.sleep(0.1)
    assert running.processes <= len(server.processes()) <= running.processes + KEPT
    assert server.descriptors() <= running.descriptors + 3
    # What a query took is gone with its process or given back; what the front holds does not grow with what it was sent.
    assert server.memory() < 1.5 * running.memory + 64
    assert running.is_as_usual(running.light(1))
