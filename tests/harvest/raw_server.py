"""A server of plain sockets that sends whatever bytes a test wants, well-formed or not, at whatever pace."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


# What is sent: bytes, one after the other; a number is a pause in seconds.
Sent = bytes | Iterable[bytes | float]
Answering = Callable[[Asked], Sent]


@dataclass
class RawServer:
    """A running server; `asked` are the requests so far, `address` ends with `/`."""

    address: str
    asked: list[Asked] = field(default_factory=list)


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """A well-formed answer that ends the connection; underscores in header names stand for hyphens."""
    fields = {"Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def in_turn(*answers: Sent) -> Answering:
    """Answers one after the other, the last one again and again."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def raw_server(answering: Answering | bytes, host: str = "127.0.0.1") -> Iterator[RawServer]:
    """A server on a port that the system chooses, ended with the block."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ended = threading.Event()
    talks: list[threading.Thread] = []
    with socket.create_server((host, 0), family=family) as door:
        shown = f"[{host}]" if ":" in host else host
        server = RawServer(f"http://{shown}:{door.getsockname()[1]}/")

        def talk(peer: socket.socket) -> None:
            with peer, suppress(OSError), peer.makefile("rb") as reading:
                peer.settimeout(10)
                if not (line := reading.readline().decode("latin-1").split()):
                    return
                headers = {}
                while (header := reading.readline().decode("latin-1").strip()) and not ended.is_set():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = reading.read(int(headers.get("content-length", 0)))
                server.asked.append(Asked(line[0], line[1], headers, body))
                sent = answering if isinstance(answering, bytes) else answering(server.asked[-1])
                for piece in [sent] if isinstance(sent, bytes) else sent:
                    if ended.is_set():
                        return
                    if isinstance(piece, bytes):
                        peer.sendall(piece)
                    else:
                        ended.wait(piece)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = door.accept()
                    talks.append(threading.Thread(target=talk, args=(peer,), daemon=True))
                    talks[-1].start()

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        try:
            yield server
        finally:
            ended.set()
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            serving.join(5)
            for one in talks:
                one.join(5)
