"""A web site on the loopback, in the process of the test: it answers what it is told to and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """An answer of the site."""

    content: bytes | str = b""
    media_type: str = "text/html"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request the site got."""

    path: str
    headers: Mapping[str, str]


Answers = dict[str, "Reply | Callable[[Asked], Reply]"]


@dataclass
class Site:
    """A running site: `{address}` in an answer stands for its own address. What it does not know is 404."""

    address: str
    answers: Answers = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        """What was asked since the last look, in order."""
        found = [one.path for one in self.asked]
        self.asked.clear()
        return found

    def answer(self, request: Asked) -> tuple[Reply, bytes]:
        self.asked.append(request)
        found = self.answers.get(request.path, Reply("not here", status=404))
        reply = found if isinstance(found, Reply) else found(request)
        content = reply.content.encode() if isinstance(reply.content, str) else reply.content
        content = content.replace(b"{address}", self.address.encode())
        etag = reply.headers.get("ETag")
        if etag and request.headers.get("if-none-match") == etag:
            return Reply(status=304, headers=reply.headers), b""
        return reply, content


@contextmanager
def running(answers: Answers | None = None) -> Iterator[Site]:
    """A site on a port that the system chooses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
            reply, content = site.answer(asked)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value.replace("{address}", site.address))
            if reply.status != 304:
                self.send_header("Content-Type", reply.media_type)
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_port}", answers or {})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
