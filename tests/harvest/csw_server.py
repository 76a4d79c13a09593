"""pycsw as a peer: a real CSW 2.0.2 and 3.0 server on loopback with an SQLite repository, in a process of its own.

    python -m tests.harvest.csw_server RECORDS DATABASE NUMBER

loads the files of the folder RECORDS into a new DATABASE, copies them under other identifiers (`ab12`, `ab12-1`, ...) up
to NUMBER, says at which address it listens, and answers until its standard input is closed. Records are changed and deleted
by CSW transactions.
"""

import contextlib
import logging
import os
import re
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from lxml import etree

from tests.conftest import ROOT


@contextmanager
def pycsw(records: Path, database: Path, number: int) -> Iterator[str]:
    """The address of a pycsw that has the records of a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harvest.csw_server", str(records), str(database), str(number)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "pycsw did not start"
        yield address
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Asked:
    """A request as it came, and what it asks for, the same for both methods."""

    method: str
    query: str
    body: bytes
    says: dict[str, str]

    @property
    def name(self) -> str:
        return self.says.get("request", "")

    @property
    def is_full_page(self) -> bool:
        return self.name == "GetRecords" and self.says.get("elementsetname") == "full" and self.size > 0

    @property
    def start(self) -> int:
        return int(self.says.get("startposition", 1))

    @property
    def size(self) -> int:
        return 0 if self.says.get("resulttype") == "hits" else int(self.says.get("maxrecords", 10))

    @property
    def positions(self) -> range:
        return range(self.start, self.start + self.size)


def asked(method: str, query: str, body: bytes) -> Asked:
    says = {name.lower(): value for name, value in parse_qsl(query)}
    if body:
        root = etree.fromstring(body)
        says = {str(name).lower(): str(value) for name, value in root.attrib.items()}
        says["request"] = etree.QName(root).localname
        for element in root.iter():
            name = etree.QName(element).localname.lower()
            says[name] = " ".join("".join(element.itertext()).split())
            if "typeNames" in element.attrib:
                says["typenames"] = str(element.get("typeNames"))
    return Asked(method, query, body, says)


Reply = tuple[int, bytes]


@dataclass
class Between:
    """A server between a client and another server (or none), that answers as a test wants."""

    upstream: str
    behave: "Callable[[Asked, Between], Reply]"
    address: str = ""
    requests: list[Asked] = field(default_factory=list)

    def forward(self, request: Asked, start: int | None = None) -> Reply:
        """The answer of the server behind, to the same request or to one for another position."""
        query, body = request.query, request.body
        if start is not None:
            query = re.sub(r"startPosition=\d+", f"startPosition={start}", query)
            body = re.sub(rb'startPosition="\d+"', b'startPosition="%d"' % start, body)
        headers = {"Accept": "application/xml", "Content-Type": "application/xml"}
        address = f"{self.upstream}?{query}"
        answer = requests.request(request.method, address, data=body or None, headers=headers, timeout=30)
        return answer.status_code, answer.content


@contextmanager
def between(upstream: str, behave: Callable[[Asked, Between], Reply]) -> Iterator[Between]:
    """A server of one's own wishes on loopback."""
    state = Between(upstream, behave)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = asked(self.command, urlsplit(self.path).query, body)
            state.requests.append(request)
            status, content = state.behave(request, state)
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        state.address = f"http://127.0.0.1:{httpd.server_port}/csw"
        try:
            yield state
        finally:
            httpd.shutdown()
            thread.join(10)


def _settings(database: Path, url: str) -> dict[str, dict[str, str]]:
    return {
        "server": {
            "home": ".",
            "url": url,
            "mimetype": "application/xml; charset=UTF-8",
            "encoding": "UTF-8",
            "language": "en-US",
            "maxrecords": "1000",
            "profiles": "apiso",
        },
        "manager": {"transactions": "true", "allowed_ips": "127.0.0.1"},
        "metadata:main": {"identification_keywords": "ocean", "identification_keywords_type": "theme"},
        "repository": {"database": f"sqlite:///{database}", "table": "records"},
    }


def _multiply(repository: sqlite3.Connection, number: int) -> None:
    """Copies of what was loaded, until there are as many records as wanted."""
    (loaded,) = repository.execute("SELECT count(*) FROM records").fetchone()
    columns = [name for _, name, *_ in repository.execute("PRAGMA table_info(records)")]
    copied = {
        "identifier": "identifier || '-' || :copy",
        "xml": "replace(xml, '>' || identifier || '<', '>' || identifier || '-' || :copy || '<')",
    }
    values = ", ".join(copied.get(name, name) for name in columns)
    for copy in range(1, number // loaded + 1):
        left = min(loaded, number - copy * loaded)
        repository.execute(
            f"INSERT INTO records SELECT {values} FROM (SELECT * FROM records ORDER BY rowid LIMIT :loaded) LIMIT :left",
            {"copy": copy, "loaded": loaded, "left": left},
        )


def _serve(records: Path, database: Path, number: int) -> None:
    warnings.simplefilter("ignore")
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    from pycsw import server
    from pycsw.core import admin, config

    logging.disable()
    admin.setup_db(f"sqlite:///{database}", "records", str(database.parent), create_plpythonu_functions=False)
    admin.load_records(config.StaticContext(), f"sqlite:///{database}", "records", str(records))
    with contextlib.closing(sqlite3.connect(database)) as repository, repository:
        _multiply(repository, number)
    settings: dict[str, dict[str, str]] = {}
    one_at_a_time = threading.Lock()  # pycsw changes what its requests share

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with one_at_a_time:
            csw = server.Csw(settings, environ, version="3.0.0")
            status, content = csw.dispatch_wsgi()
        start_response(status, [("Content-Type", str(csw.contenttype)), ("Content-Length", str(len(content)))])
        return [content]

    class Threaded(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, application, Threaded, Quiet) as httpd:
        address = f"http://127.0.0.1:{httpd.server_port}/csw"
        settings.update(_settings(database, address))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
