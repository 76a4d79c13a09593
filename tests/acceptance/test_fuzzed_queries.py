"""A few hundred queries that nobody would write; `python -m tests.fuzz_queries` asks them for as long as one likes."""

from benchmarks import servers
from tests.conftest import Built
from tests.fuzz_queries import LIMITS, Fuzzing, Probe

CASES = 300


def test_whatever_is_asked_is_answered_or_a_problem_and_nobody_else_is_called(demo: Built) -> None:
    probe = Probe()
    with servers.ours(demo.settings.data_dir, environment=servers.query_settings(**LIMITS)) as server:
        run = Fuzzing(server, demo.release, probe, seed=1)
        try:
            for number in range(CASES):
                run.run(number)
        finally:
            run.close()
            probe.close()
    assert run.tally.shown == {}
    assert run.tally.outcomes.total() == CASES
    assert {"rows", "statements", "boolean", "bad-query"} <= run.tally.outcomes.keys(), "every kind of answer came"
    assert probe.calls == 0
