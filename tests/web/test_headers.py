"""What every response carries, on success and on every error, and what none does."""

import httpx
import pytest

from odatis_kg.config import load
from odatis_kg.web.app import create_app
from tests.conftest import Server
from tests.web.front import Engine

ALWAYS = {
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 200),
        ("GET", "sparql?query=ASK%20%7B%7D", 200),
        ("HEAD", "sparql?query=ASK%20%7B%7D", 200),
        ("GET", "sparql?query=ASK%20%7B%7D&format=nonsense", 400),
        ("GET", "sparql?query=nonsense", 400),
        ("GET", "sparql?query=%FF", 400),
        ("DELETE", "sparql", 405),
        ("POST", "sparql", 415),
        ("POST", "doc/dataset/demo/magest", 405),
        ("GET", "id/dataset/demo/magest", 303),
        ("GET", "doc/dataset/demo/nothing", 404),
        ("GET", "nothing", 404),
        ("GET", "static/style.css", 200),
        ("GET", "static/nothing", 404),
        ("GET", "health/live", 200),
        ("GET", "search?page=0", 400),
        ("OPTIONS", "sparql", 204),
        ("OPTIONS", "nothing", 204),
    ],
)
def test_every_response_has_the_headers_of_all(server: Server, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, server.address + path)
    assert answer.status_code in ((status, 406) if "nonsense" in path else (status,))
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert len(answer.headers.get_list("access-control-allow-origin")) == 1
    if answer.status_code >= 400:
        assert answer.headers["cache-control"] == "no-store"


async def test_a_fault_of_ours_has_them_too_and_tells_nothing_of_the_inside() -> None:
    engine = Engine(fails=[RuntimeError("secret of the inside")] * 2)
    transport = httpx.ASGITransport(create_app(load(), engine), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/sparql?query=ASK%20%7B%7D", "/doc/dataset/demo/magest"):
            answer = await client.get(path)
            assert answer.status_code == 500
            assert ALWAYS.items() <= dict(answer.headers).items()
            assert "secret" not in answer.text
            assert answer.headers["content-type"] == "application/problem+json"


def test_a_script_of_another_site_may_ask_what_is_on_a_fixed_list(server: Server) -> None:
    asked = {
        "Origin": "https://a.org",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "x-made-up, content-type",
    }
    sparql = httpx.options(f"{server.address}sparql", headers=asked)
    assert sparql.status_code == 204
    assert "QUERY" in sparql.headers["access-control-allow-methods"]
    assert "DELETE" not in sparql.headers["access-control-allow-methods"]
    assert "Content-Type" in sparql.headers["access-control-allow-headers"]
    document = httpx.options(f"{server.address}doc/dataset/demo/magest", headers=asked)
    assert document.headers["allow"] == document.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    for answer in (sparql, document):
        assert "x-made-up" not in str(answer.headers).lower()
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "path", ["sparql?query=ASK%20%7B%7D", "nothing", "doc/dataset/demo/magest", "sparql?query=made-up", ""]
)
def test_nothing_of_a_request_comes_back_in_a_header(server: Server, path: str) -> None:
    sent = {
        "Origin": "https://made-up.org", "X-Made-Up": "made-up", "Accept-Language": "made-up", "Forwarded": "host=made-up",
        "X-Forwarded-Host": "made-up.org", "Host": "made-up.org", "User-Agent": "made-up",
    }  # fmt: skip
    answer = httpx.get(f"{server.address}{path}{'&' if '?' in path else '?'}x=made-up", headers=sent)
    assert "made-up" not in str(answer.headers).lower()
