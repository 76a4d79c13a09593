"""No query makes the service call another: every spelling that the engine would follow is tried against a listening socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pyoxigraph as ox
import pytest

from tests.conftest import Server
from tests.store.test_syntax import SERVICE

# Spellings that only a tokeniser could take for a call; the engine takes them for a fault or for something else.
HARMLESS = (
    "SELECT * { \\u0053ERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { \u017fERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { ＳＥＲＶＩＣＥ <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p 'x'@enSERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
    "SELECT * { SERVICE\u00a0<http://127.0.0.1:1/> { ?s ?p ?o } }",
)
# Other ways in which a query might make somebody fetch something.
OTHERS = (
    "SELECT * FROM <http://127.0.0.1:1/> { ?s ?p ?o }",
    "SELECT * FROM NAMED <http://127.0.0.1:1/> { GRAPH ?g { ?s ?p ?o } }",
    "DESCRIBE <http://127.0.0.1:1/>",
    "LOAD <http://127.0.0.1:1/>",
    "LOAD SILENT <http://127.0.0.1:1/> INTO GRAPH <x:y>",
)


@dataclass
class Probe:
    """A listening socket, and how often it was called."""

    listener: socket.socket
    calls: list[str] = field(default_factory=list)

    def aimed(self, query: str) -> str:
        """The query with the address of the probe in it."""
        return query.replace("127.0.0.1:1", f"127.0.0.1:{self.listener.getsockname()[1]}")

    def listen(self) -> None:
        while True:
            try:
                connection, address = self.listener.accept()
            except OSError:
                return
            self.calls.append(str(address))
            connection.close()


@pytest.fixture
def probe() -> Iterator[Probe]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Probe(listener)
        thread = threading.Thread(target=made.listen)
        thread.start()
        yield made
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("query", [*SERVICE, *HARMLESS, *OTHERS])
def test_a_query_is_answered_or_refused_and_nobody_is_called(server: Server, probe: Probe, query: str) -> None:
    aimed = probe.aimed(query)
    answers = [
        server.ask(aimed, "*/*"),
        server.get("/sparql?query=" + "".join(f"%{byte:02X}" for byte in aimed.encode())),
    ]
    for answer in answers:
        assert answer.status_code in ((200,) if query in OTHERS[:3] else (400, 403)), answer.text
    assert probe.calls == []


def test_the_probe_is_called_by_an_engine_that_nobody_guards(probe: Probe) -> None:
    """Else the test above could not fail."""
    for query in SERVICE[:5]:
        before = len(probe.calls)
        with suppress(OSError, RuntimeError):
            list(ox.Store().query(probe.aimed(query)))
        assert len(probe.calls) > before, query
