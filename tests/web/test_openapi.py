"""The description at /openapi.json: whole, and true of a running server."""

import time
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from odatis_kg.web.errors import PROBLEMS
from tests.conftest import Server

_SECONDS = 22.0  # for all operations together


def no_fault(ctx: Any, response: Any, case: Any) -> None:
    """A limit reached is an answer as described (a `timeout` of a nanosecond may be asked for); a fault is none."""
    assert response.status_code != 500, response.text


_CHECKS = (no_fault, status_code_conformance, content_type_conformance, response_schema_conformance)


def described(server: Server) -> dict[str, Any]:
    document: dict[str, Any] = server.get("openapi.json").json()
    return document


def test_every_route_is_described_with_its_media_types_and_problems(server: Server) -> None:
    paths = described(server)["paths"]
    wanted = {
        "/sparql", "/graphs", "/resource", "/def/odk", "/lineage", "/problems", "/problems/{name}", "/context/v1.jsonld",
        "/id/{kind}/{authority}/{key}", "/doc/{kind}/{authority}/{key}", "/graph/{family}/{source}/{key}",
        "/.well-known/void", "/void", "/void.ttl", "/dump.nq.gz", "/queries", "/queries/{name}", "/prefixes",
        "/search", "/health/live", "/health/ready", "/metrics",
    }  # fmt: skip
    assert wanted <= set(paths)
    for path, methods in paths.items():
        assert "head" in methods, path
        names = [operation["operationId"] for operation in methods.values()]
        assert len(set(names)) == len(names)
        for operation in methods.values():
            assert operation["summary"]
            assert "400" in operation["responses"]
    result = paths["/sparql"]["get"]["responses"]["200"]["content"]
    assert {"text/csv", "application/geo+json", "text/turtle", "application/n-quads", "text/html"} <= set(result)
    assert {"query", "format", "timeout", "default-graph-uri"} <= {
        one["name"] for one in paths["/sparql"]["get"]["parameters"]
    }


def test_every_type_of_problem_is_described_and_has_a_page_for_people_and_programs(server: Server) -> None:
    types = described(server)["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert len(types) == len(PROBLEMS)
    for address in types:
        path = address.removeprefix("http://localhost:8000/")
        page = server.get(path, Accept="text/html")
        assert page.status_code == 200
        entry = server.get(path, Accept="application/json").json()
        assert entry["type"] == address
        assert entry["title"] in page.text
    listed = server.get("problems", Accept="application/json").json()["problems"]
    assert [one["type"] for one in listed] == types
    assert server.get("problems/none").status_code == 404


def test_what_is_described_is_what_the_server_does(server: Server) -> None:
    """Requests made up from the description, right ones and wrong ones, are answered as described; within a bounded time."""
    schema = schemathesis.openapi.from_url(f"{server.address}openapi.json")
    begun = time.monotonic()
    # HEAD is GET without a body, see below.
    operations = [found.ok() for found in schema.exclude(method="HEAD").get_all_operations()]
    for number, operation in enumerate(operations):
        until = begun + _SECONDS * (number + 1) / len(operations)
        assert ask_as_described(operation, server.address.rstrip("/"), until) > 0


def ask_as_described(operation: Any, address: str, until: float) -> int:
    """Make requests for an operation and check the answers; how many were made until then."""
    asked = 0

    @hypothesis.settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal asked
        if not asked or time.monotonic() < until:
            asked += 1
            case.call_and_validate(base_url=address, checks=_CHECKS, timeout=20)

    ask()
    return asked


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("sparql", {"GET", "HEAD", "POST", "QUERY", "OPTIONS"}),
        ("graphs", {"GET", "HEAD", "OPTIONS"}),
        ("problems/timeout", {"GET", "HEAD", "OPTIONS"}),
        ("context/v1.jsonld", {"GET", "HEAD", "OPTIONS"}),
        ("search", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_names_the_methods_of_the_route(server: Server, path: str, allowed: set[str]) -> None:
    answer = httpx.options(f"{server.address}{path}")
    assert answer.status_code == 204
    assert {one.strip() for one in answer.headers["Allow"].split(",")} == allowed


def test_head_is_get_without_a_body_on_every_route(server: Server) -> None:
    for path in (
        "", "search", "problems", "problems/timeout", "context/v1.jsonld", "openapi.json", "def/odk", "sparql",
        "graphs?default", "health/live", "health/ready", "metrics", "static/style.css",
    ):  # fmt: skip
        got = server.get(path)
        answer = httpx.head(f"{server.address}{path}", timeout=60)
        assert answer.status_code == got.status_code == 200, path
        assert answer.content == b""
        assert answer.headers["content-type"] == got.headers["content-type"]
