"""HTTP as a polite and careful guest: paced, bounded, patient with an overloaded server, and never led into the local network.

What must stay true: no answer is taken that is larger or slower than allowed, compressed or not; a host gets one request
at a time with a pause between two; an address that a server gives (a redirect, a next page) is followed only to http(s),
and to a private address only on the configured server itself or when the operator allows it.
"""

import ipaddress
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from odatis_kg import __version__
from odatis_kg.sources import WebSource

_TEMPORARY: Final = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS: Final = {301, 302, 303, 307, 308}
_MOST_REDIRECTS: Final = 5
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 120.0  # seconds, of the exponential back-off
_MOST_PATIENCE: Final = 900.0  # seconds a server may ask to wait with Retry-After before the harvest is put off
_CHUNK: Final = 1 << 16


class FetchError(Exception):
    """A request that got no usable answer; the message says which and why.

    `status` is 0 when there was no answer at all; `content` is what came with a refusal, at most 64 kB of it; `temporary`
    says that a later try may succeed.
    """

    def __init__(
        self, message: str, url: str, status: int = 0, content: bytes = b"", *, temporary: bool = False
    ) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
        self.content = content
        self.temporary = temporary


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request: what was asked, when it came (UTC), and what the server said of it.

    `status` is 200, or 304 with no content. `body` is what was sent with a POST, empty for a GET.
    """

    url: str
    status: int
    retrieved: str
    content: bytes = field(repr=False)
    media_type: str = ""
    etag: str = ""
    last_modified: str = ""
    method: str = "GET"
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Pace:
    """The pace of requests to one host, shared by all sources on it: one at a time, with a pause after each."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ready: float = 0.0  # on the monotonic clock


class Http:
    """The way to one source over HTTP."""

    def __init__(
        self,
        source: WebSource,
        contact: str = "",
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._pace = pace or Pace()
        self._sleep = sleep
        self._delay = source.delay_seconds
        self._home = _authority(source.url)
        self._session = requests.Session()
        self._abroad = requests.Session()
        if not source.allow_private:
            self._abroad.mount("http://", _PublicAdapter())
            self._abroad.mount("https://", _PublicAdapter())
        who = f"; {contact}" if contact else ""
        for session in (self._session, self._abroad):
            session.headers["User-Agent"] = f"odatis-kg/{__version__} (metadata harvester{who})"
            session.headers["Accept-Encoding"] = "gzip, deflate"

    def slow_down(self, seconds: float) -> None:
        """Pause so long at least between two requests: what the server itself asks for."""
        self._delay = max(self._delay, seconds)

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()
        self._abroad.close()

    def get(
        self,
        url: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str = "",
        last_modified: str = "",
    ) -> Answer:
        """GET an address; with validators of an earlier answer, one with status 304 may come back.

        Raises:
            FetchError: no usable answer, after as many tries as the source allows.
        """
        address = requests.Request("GET", url, params=parameters).prepare().url or url
        conditions = {"If-None-Match": etag} if etag else {"If-Modified-Since": last_modified} if last_modified else {}
        return self._patiently("GET", address, {**(headers or {}), **conditions})

    def post(self, url: str, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a request that changes nothing.

        Raises:
            FetchError: as for `get`.
        """
        return self._patiently("POST", url, {**(headers or {}), "Content-Type": media_type}, body)

    def _patiently(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        for attempt in range(1, self._source.tries + 1):
            try:
                with self._pace.lock:
                    self._wait_for_turn()
                    try:
                        return self._follow(method, url, headers, body)
                    finally:
                        self._pace.ready = time.monotonic() + self._delay
            except _TryLaterError as error:
                if attempt == self._source.tries:
                    raise FetchError(
                        f"{error.what} ({attempt} tries)", url, error.status, error.content, temporary=True
                    ) from None
                self._wait(error, attempt, url)
        raise AssertionError("a source allows one try at least")

    def _wait_for_turn(self) -> None:
        pause = self._pace.ready - time.monotonic()
        if pause > 0:
            self._sleep(pause)

    def _wait(self, error: "_TryLaterError", attempt: int, url: str) -> None:
        if error.wait is not None and error.wait > _MOST_PATIENCE:
            raise FetchError(
                f"{error.what}; the server asks to wait for {error.wait:,.0f} seconds, so the harvest is put off",
                url,
                error.status,
                error.content,
                temporary=True,
            )
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1))
        # Jitter keeps several guests from coming back all at once.
        self._sleep(error.wait if error.wait is not None else random.uniform(longest / 2, longest))  # noqa: S311

    def _follow(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        address = url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._ask(method, address, headers, body, url)
            if isinstance(answer, Answer):
                return answer
            target = urljoin(address, answer.target)
            if urlsplit(target).scheme not in ("http", "https"):
                raise FetchError(f"{address} leads to {target[:200]}, which is neither http nor https", url)
            if answer.status == 303 or (method == "POST" and answer.status in (301, 302)):
                method, body = "GET", b""
            if _authority(target) != _authority(address):
                # A token is for the server it was given for.
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            address = target
        raise FetchError(f"{url} leads on and on: more than {_MOST_REDIRECTS} redirects", url)

    def _ask(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes, asked: str
    ) -> "Answer | _Redirect":
        session = self._session if _authority(address) == self._home else self._abroad
        deadline = time.monotonic() + self._source.answer_seconds
        try:
            response = session.request(
                method,
                address,
                data=body or None,
                headers=dict(headers),
                timeout=self._source.timeout_seconds,
                allow_redirects=False,
                stream=True,
            )
        except _PrivateAddressError:
            raise FetchError(
                f"{address} is in the local network, where only the source's own server is asked (allow_private)", asked
            ) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError) as error:
            raise FetchError(f"{address[:200]} is not an address that can be asked: {error}", asked) from None
        except requests.exceptions.RequestException as error:
            raise _TryLaterError(f"{address} cannot be reached: {_in_short(error)}") from None
        with response:
            status = response.status_code
            target = response.headers.get("Location", "")
            if status in _REDIRECTS and target:
                return _Redirect(status, target)
            if status not in (200, 304):
                self._refuse(response, address, asked, deadline)
            return Answer(
                url=asked,
                status=status,
                retrieved=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                content=b"" if status == 304 else self._body(response, address, asked, deadline),
                media_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                etag=response.headers.get("ETag", ""),
                last_modified=response.headers.get("Last-Modified", ""),
                method=method,
                body=body,
            )

    def _refuse(self, response: requests.Response, address: str, asked: str, deadline: float) -> None:
        status = response.status_code
        try:
            content = self._body(response, address, asked, deadline, _CHUNK)
        except (FetchError, _TryLaterError):
            content = b""
        what = f"{address} answered {status} {response.reason or ''}".rstrip()
        if status in _TEMPORARY:
            raise _TryLaterError(what, status, content, _retry_after(response.headers.get("Retry-After", "")))
        raise FetchError(what, asked, status, content)

    def _body(
        self, response: requests.Response, address: str, asked: str, deadline: float, enough: int | None = None
    ) -> bytes:
        """The body, decompressed; at most `enough` bytes of it, or an error when it is larger than allowed."""
        most = self._source.answer_mb * 1_000_000
        announced = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
        taken, received = bytearray(), 0
        try:
            # `read1` returns what is there: a server that sends a byte now and then is noticed.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                taken += chunk
                if enough is not None and len(taken) >= enough:
                    return bytes(taken[:enough])
                if len(taken) > most:
                    raise FetchError(f"{address} answers with more than {self._source.answer_mb} MB (answer_mb)", asked)
                if time.monotonic() > deadline:
                    raise _TryLaterError(
                        f"{address} did not end its answer within {self._source.answer_seconds:g} seconds (answer_seconds)"
                    )
            received = len(taken)
        except (HTTPError, OSError) as error:
            raise _TryLaterError(f"{address} broke its answer off: {_in_short(error)}") from None
        if announced.isdigit() and not encoded and received != int(announced):
            raise _TryLaterError(f"{address} broke its answer off after {received:,} of {int(announced):,} bytes")
        return bytes(taken)


@dataclass(frozen=True, slots=True)
class _Redirect:
    status: int
    target: str


class _TryLaterError(Exception):
    def __init__(self, what: str, status: int = 0, content: bytes = b"", wait: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.status = status
        self.content = content
        self.wait = wait


def _retry_after(value: str) -> float | None:
    """The seconds a Retry-After header asks to wait (RFC 9110, section 10.2.3: seconds or a date); None when it says nothing."""
    text = value.strip()
    if text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _authority(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), _port(parts.port, parts.scheme)


def _port(port: int | None, scheme: str) -> int:
    return port or (443 if scheme == "https" else 80)


def _in_short(error: BaseException) -> str:
    """The innermost reason: what libraries wrap around it helps nobody."""
    reason: Any = error
    while True:
        inner = (
            getattr(reason, "reason", None)
            or reason.__cause__
            or next((one for one in getattr(reason, "args", ()) if isinstance(one, BaseException)), None)
        )
        if not isinstance(inner, BaseException):
            text = str(reason).rpartition(">: ")[2] or type(reason).__name__
            return text[:300]
        reason = inner


# Connections to public addresses only: looked at once connected, so that no second look-up of the name can differ.


class _PrivateAddressError(Exception):
    pass


class _Guard:
    """Refuses, before anything is sent, a peer in the local network; behind a proxy, the proxy decides."""

    proxy: Any

    def _new_conn(self) -> socket.socket:
        peer: socket.socket = super()._new_conn()  # type: ignore[misc]
        address = ipaddress.ip_address(peer.getpeername()[0].partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if self.proxy is None and not address.is_global:
            peer.close()
            raise _PrivateAddressError
        return peer


class _GuardedHttp(_Guard, HTTPConnection):
    pass


class _GuardedHttps(_Guard, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHttps


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
