"""pycsw as a peer: a real catalogue on loopback with an SQLite repository, in a process of its own.

    python -m tests.harvest.pycsw_server RECORDS DATABASE PAGE

loads the files of the folder RECORDS into a new DATABASE, says at which address it listens, and answers with PAGE records
at a time until its standard input is closed. It has OAI-PMH at `?mode=oaipmh`.
"""

import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


@contextmanager
def pycsw(records: Path, database: Path, page: int) -> Iterator[str]:
    """The address of a pycsw that has the records of a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.harvest.pycsw_server", str(records), str(database), str(page)],
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


def _serve(records: Path, database: Path, page: int) -> None:
    warnings.simplefilter("ignore")
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from pycsw import server
    from pycsw.core import admin, config

    logging.disable()
    admin.setup_db(f"sqlite:///{database}", "records", str(database.parent), create_plpythonu_functions=False)
    admin.load_records(config.StaticContext(), f"sqlite:///{database}", "records", str(records))
    settings: dict[str, dict[str, str]] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        status, content = server.Csw(settings, environ).dispatch_wsgi()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
        return [content]

    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as httpd:
        address = f"http://127.0.0.1:{httpd.server_port}/"
        settings.update(_settings(database, page, address))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        sys.stdin.read()
        httpd.shutdown()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
