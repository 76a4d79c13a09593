"""Connections of a careful guest: no answer outlasts its deadline, and a guarded one never speaks to the local network.

What must stay true: a deadline holds for every byte of an answer, its head as well as its body; a guarded connection is
judged by the peer it really has, so that no second look-up of the name can differ.
"""

import http.client
import io
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class PrivateAddressError(Exception):
    """The peer is in the local network; nothing was sent to it."""


class Deadline:
    """When the answer that is being taken must have ended."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends = 0.0

    def begin(self) -> None:
        """A request is about to be sent: its time starts now."""
        self._ends = self._clock() + self._seconds

    def left(self) -> float:
        """Seconds until the deadline.

        Raises:
            TimeoutError: it has passed.
        """
        left = self._ends - self._clock()
        if left <= 0:
            raise TimeoutError(f"the answer did not end within {self._seconds:g} seconds (answer_seconds)")
        return left


def careful_session(agent: str, deadline: Deadline, *, guarded: bool) -> requests.Session:
    """A session whose answers end with the deadline, and which, when `guarded`, speaks to public addresses only."""
    session = _Session()
    adapter = _Adapter(deadline, guarded=guarded)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers["User-Agent"] = agent
    session.headers["Accept-Encoding"] = "gzip"
    session.auth = lambda request: request  # else ~/.netrc would put other credentials over ours
    return session


class _Session(requests.Session):
    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[Any]:
        """Nothing: else a redirect's body is read to its end, however large, even when redirects are not followed."""
        return iter(())


class _Adapter(HTTPAdapter):
    def __init__(self, deadline: Deadline, *, guarded: bool) -> None:
        self._pools = _pools(deadline, guarded=guarded)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also when it wraps an IPv4 address (RFC 4291, 3056, 4380)."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        wrapped = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if wrapped is not None:
            return wrapped.is_global
    return parsed.is_global


def _pools(deadline: Deadline, *, guarded: bool) -> dict[str, Any]:
    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
            super().__init__(sock, *arguments, **named)
            self.fp: Any = io.BufferedReader(_TimedReader(sock, self.fp.detach(), deadline))

    class Connection:
        proxy: Any
        response_class: Any = Response

        def _new_conn(self) -> socket.socket:
            peer: socket.socket = super()._new_conn()  # type: ignore[misc]
            # Behind a proxy, the proxy decides.
            if guarded and self.proxy is None and not is_public(peer.getpeername()[0]):
                peer.close()
                raise PrivateAddressError
            return peer

    class PlainConnection(Connection, HTTPConnection):
        pass

    class SecureConnection(Connection, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}


class _TimedReader(io.RawIOBase):
    """What a socket gives, until the deadline: a timeout of the socket alone would begin anew with every byte."""

    def __init__(self, sock: socket.socket, raw: Any, deadline: Deadline) -> None:
        self._socket = sock
        self._silence = sock.gettimeout()
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left()
        self._socket.settimeout(left if self._silence is None else min(self._silence, left))
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            self._deadline.left()  # says so when it was the deadline that passed
            raise TimeoutError(f"silent for {self._silence:g} seconds (timeout_seconds)") from None
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
