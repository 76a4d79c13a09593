"""pycsw as a peer: a real catalogue on loopback with an SQLite repository, in a process of its own.

    python -m tests.harvest.pycsw_server RECORDS DATABASE PAGE NUMBER

loads the files of the folder RECORDS into a new DATABASE, copies them under other identifiers (`ab12`, `ab12-1`, ...) until
there are NUMBER, says at which address it listens, and answers with PAGE records at a time at most until its standard input
is closed. It speaks CSW 2.0.2 and 3.0, and has OAI-PMH at `?mode=oaipmh`.
"""

import logging
import os
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


@contextmanager
def pycsw(records: Path, database: Path, page: int, number: int = 0) -> Iterator[str]:
    """The address of a pycsw that has the records of a folder, and copies of them when a larger number is wanted."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harvest.pycsw_server", str(records), str(database), str(page), str(number)],
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


def _settings(database: Path, page: int, url: str) -> dict[str, dict[str, str]]:
    return {
        "server": {
            "home": ".",
            "url": url,
            "mimetype": "application/xml; charset=UTF-8",
            "encoding": "UTF-8",
            "language": "en-US",
            "maxrecords": str(page),
            "profiles": "apiso",
        },
        "manager": {"transactions": "true", "allowed_ips": "127.0.0.1"},
        "metadata:main": {
            "identification_title": "A catalogue of the tests",
            "identification_keywords": "ocean",
            "identification_keywords_type": "theme",
            "contact_email": "data@kg.example.org",
        },
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


def _serve(records: Path, database: Path, page: int, number: int) -> None:
    warnings.simplefilter("ignore")
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    from pycsw import server
    from pycsw.core import admin, config

    logging.disable()
    admin.setup_db(f"sqlite:///{database}", "records", str(database.parent), create_plpythonu_functions=False)
    admin.load_records(config.StaticContext(), f"sqlite:///{database}", "records", str(records))
    with closing(sqlite3.connect(database)) as repository, repository:
        _multiply(repository, number)
    settings: dict[str, dict[str, str]] = {}
    one_at_a_time = threading.Lock()  # pycsw changes what its requests share

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with one_at_a_time:
            status, content = server.Csw(settings, environ).dispatch_wsgi()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
        return [content]

    class Threaded(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, application, Threaded, Quiet) as httpd:
        address = f"http://127.0.0.1:{httpd.server_port}/"
        settings.update(_settings(database, page, address))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
