"""A client that costs little: one connection, requests written beforehand, answers read to their end and counted.

Run as `python -m benchmarks.client HOST PORT SECONDS`, requests as JSON on standard input; prints how many were answered
and the sizes of the answers, so that two servers can be seen to answer the same.
"""

import json
import socket
import sys
import time
from typing import BinaryIO
from urllib.parse import urlencode


def main() -> None:
    """Ask for some seconds."""
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    path, queries, accept = json.load(sys.stdin)
    requests = [
        f"GET {path}?{urlencode({'query': query})} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\n\r\n".encode()
        for query in queries
    ]
    answered = 0
    times: list[float] = []
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            connection.sendall(requests[answered % len(requests)])
            _read_answer(stream)
            times.append(time.perf_counter() - now)
            answered += 1
    times.sort()
    print(json.dumps({"answered": answered, "p99": times[int(len(times) * 0.99)] if times else 0}))


def _read_answer(stream: BinaryIO) -> None:
    status = stream.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"not answered: {status!r}")
    length, chunked = 0, False
    while (line := stream.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
        chunked = chunked or line == b"transfer-encoding: chunked"
    if not chunked:
        stream.read(length)
        return
    while size := int(stream.readline(), 16):
        stream.read(size + 2)
    stream.readline()


if __name__ == "__main__":
    main()
