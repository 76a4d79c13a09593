"""Behind nginx as deploy/nginx.conf has it, and as a careless one would: half a result never passes for the whole."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.conftest import ROOT, Built, Server, serving

CROSS = "SELECT * { ?a ?b ?c . ?d ?e ?f }"
SLOW = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
EVERYTHING = "SELECT * { GRAPH ?g { ?s ?p ?o } }"

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed (Debian: apt install nginx)"
)


@contextmanager
def proxied(server: Server, folder: Path, change: tuple[str, str] = ("", "")) -> Iterator[str]:
    """The address of an nginx before the server: the file of deploy/, without HTTPS, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ours = (ROOT / "deploy" / "nginx.conf").read_text()
    ours = re.sub(r" +ssl_certificate.*\n", "", ours)
    ours = ours.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    ours = ours.replace("127.0.0.1:8000;", f"127.0.0.1:{urlsplit(server.address).port};").replace(*change)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{ours}\n}}\n"
    )
    process = subprocess.Popen(
        ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            pytest.fail((folder / "error.log").read_text())
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def small(demo: Built) -> Iterator[Server]:
    """A server of one place, which gives no more than 30 MB and trusts its proxy."""
    with serving(
        demo.settings.data_dir, "--workers", "1",
        ODATIS_KG_QUERY__RESULT_MB="30", ODATIS_KG_SERVER__TRUSTED_PROXIES='["127.0.0.1"]',
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="module")
def front(small: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with proxied(small, tmp_path_factory.mktemp("nginx")) as address:
        yield address


def curl(address: str, query: str, *flags: str) -> tuple[int, str]:
    """What curl ends with, and the status it saw."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", *flags]
    ran = subprocess.run(
        [*command, f"{address}sparql?{urlencode({'query': query})}"], capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout


def test_a_large_result_comes_through_whole_and_in_the_coding_asked_for(small: Server, front: str) -> None:
    direct = small.get(f"sparql?{urlencode({'query': EVERYTHING, 'format': 'csv'})}")
    for coding in ("identity", "gzip", "br"):
        address = f"{front}sparql?{urlencode({'query': EVERYTHING, 'format': 'csv'})}"
        answer = httpx.get(address, headers={"Accept-Encoding": coding}, timeout=30)
        assert answer.headers.get("content-encoding", "identity") == coding
        if coding != "br":
            assert answer.content == direct.content


def test_a_late_failure_is_seen_through_the_proxy(front: str) -> None:
    code, status = curl(front, CROSS)
    assert (code, status) == (18, "200")


def test_through_a_proxy_that_speaks_the_old_protocol_it_is_an_error(small: Server, tmp_path: Path) -> None:
    with proxied(small, tmp_path, ("proxy_http_version 1.1;", "proxy_http_version 1.0;")) as address:
        assert curl(address, CROSS) == (0, "422")
        assert curl(address, EVERYTHING) == (0, "200")


def test_a_client_of_the_proxy_that_leaves_stops_its_query(small: Server, front: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{front}sparql", params={"query": SLOW}, timeout=0.5)
    before = time.monotonic()
    assert small.ask("ASK {}").status_code == 200
    assert time.monotonic() - before < 5


def test_long_queries_and_other_methods_come_through(front: str) -> None:
    long = "ASK {} #" + "x" * 50_000
    assert httpx.get(f"{front}sparql", params={"query": long}).status_code == 200
    headers = {"Content-Type": "application/sparql-query"}
    assert httpx.request("QUERY", f"{front}sparql", content=b"ASK {}", headers=headers).status_code == 200
    assert httpx.options(f"{front}sparql").status_code == 204


def test_metrics_stay_inside(small: Server, front: str) -> None:
    assert httpx.get(f"{front}metrics").status_code == 404
    assert small.get("metrics").status_code == 200
