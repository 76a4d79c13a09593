"""HTTP as a polite and careful guest: paced, bounded, patient with an overloaded server, and never led into the local network.

What must stay true: no answer is taken that is larger or slower than allowed, compressed or not; a host gets one request
at a time with a pause between two; an address that a server gives (a redirect, a next page) is followed only to http(s),
and to a private address only on the configured server itself or when the operator allows it.
"""

import gzip
import io
import random
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from odatis_kg import __version__
from odatis_kg.harvest.client import Answer
from odatis_kg.harvest.connections import Deadline, PrivateAddressError, careful_session
from odatis_kg.sources import WebSource
from odatis_kg.times import now

_TEMPORARY: Final = {408, 425, 429, 500, 502, 503, 504}
_MOST_REDIRECTS: Final = 5
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 120.0  # seconds, of the exponential back-off
_MOST_PATIENCE: Final = 900.0  # seconds a server may ask to wait with Retry-After before the harvest is put off
_CHUNK: Final = 1 << 16


class FetchError(Exception):
    """A request that got no usable answer; the message says which and why.

    `status` is 0 when there was no answer at all; `content` is what came with a refusal, at most 64 kB of it; `temporary`
    says that a later try may succeed; `location` is where a redirect leads that was not to be followed.
    """

    def __init__(
        self,
        message: str,
        url: str,
        status: int = 0,
        content: bytes = b"",
        *,
        temporary: bool = False,
        location: str = "",
    ) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
        self.content = content
        self.temporary = temporary
        self.location = location

    def as_answer(self) -> Answer:
        """The refusal as an answer, for a client to whom it says something: that a record is gone, for example."""
        return Answer(self.url, self.status, now(), self.content)


@dataclass(slots=True)
class Pace:
    """The pace of requests to one host, shared by all sources on it: one at a time, with a pause after each."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ready: float = 0.0  # on the monotonic clock


class Http:
    """The way to one source over HTTP.

    urllib3's Retry knows neither a pace that several sources share nor a limit to a server's Retry-After, and its
    redirects no guard; so tries and redirects are counted here.
    """

    def __init__(
        self,
        source: WebSource,
        contact: str = "",
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._pace = pace or Pace()
        self._sleep = sleep
        self._clock = clock
        self._delay = source.delay_seconds
        self._deadline = Deadline(source.answer_seconds)
        who = f"; {' '.join(contact.split())}" if contact else ""
        agent = f"odatis-kg/{__version__} (metadata harvester{who})".encode("ascii", "replace").decode()
        self._session = careful_session(agent, self._deadline, guarded=False)
        self._abroad = careful_session(agent, self._deadline, guarded=not source.allow_private)

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
        *,
        follow: bool = True,
    ) -> Answer:
        """GET an address; with validators of an earlier answer, one with status 304 may come back.

        Raises:
            FetchError: no usable answer, after as many tries as the source allows; or a redirect when none is to be followed.
        """
        conditions = {"If-None-Match": etag} if etag else {"If-Modified-Since": last_modified} if last_modified else {}
        return self._patiently("GET", _address(url, parameters), {**(headers or {}), **conditions}, follow=follow)

    def post(self, url: str, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a request that changes nothing.

        Raises:
            FetchError: as for `get`.
        """
        return self._patiently("POST", _address(url), {**(headers or {}), "Content-Type": media_type}, body)

    def _patiently(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, follow: bool = True
    ) -> Answer:
        for attempt in range(1, self._source.tries + 1):
            with self._pace.lock:
                self._wait_for_turn()
                wait = 0.0
                try:
                    return self._follow(method, url, headers, body, _MOST_REDIRECTS if follow else 0)
                except _TryLaterError as error:
                    if attempt == self._source.tries:
                        what = f"{error.what} ({attempt} tries)" if attempt > 1 else error.what
                        raise FetchError(what, url, error.status, error.content, temporary=True) from None
                    wait = _back_off(error, attempt, url)
                finally:
                    # It is the host that needs the pause: all sources on it wait.
                    self._pace.ready = self._clock() + max(wait, self._delay)
        raise AssertionError("a source allows one try at least")

    def _wait_for_turn(self) -> None:
        pause = self._pace.ready - self._clock()
        if pause > 0:
            self._sleep(pause)

    def _follow(self, method: str, url: str, headers: Mapping[str, str], body: bytes, most: int) -> Answer:
        address = url
        for _ in range(most + 1):
            answer = self._ask(method, address, headers, body, url)
            if isinstance(answer, Answer):
                return answer
            try:
                target = urljoin(address, answer.target)
                same = _is_same_server(address, target)
                scheme = urlsplit(target).scheme
            except ValueError as error:
                raise FetchError(f"{address} leads to {answer.target[:200]}: {error}", url) from None
            if most == 0:
                raise FetchError(f"{url} leads to {target[:200]}", url, answer.status, location=target)
            if scheme not in ("http", "https"):
                raise FetchError(f"{address} leads to {target[:200]}, which is neither http nor https", url)
            dropped = set()
            if answer.status == 303 or (method == "POST" and answer.status in (301, 302)):
                method, body = "GET", b""
                dropped.add("content-type")
            if not same:
                dropped.add("authorization")  # a token is for the server it was given for
            headers = {name: value for name, value in headers.items() if name.lower() not in dropped}
            address = target
        raise FetchError(f"{url} leads on and on: more than {most} redirects", url)

    def _ask(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes, asked: str
    ) -> "Answer | _Redirect":
        self._deadline.begin()
        try:
            session = self._session if _is_same_server(self._source.url, address) else self._abroad
            response = session.request(
                method,
                address,
                data=body or None,
                headers=dict(headers),
                timeout=self._source.timeout_seconds,
                allow_redirects=False,
                stream=True,
            )
        except PrivateAddressError:
            raise FetchError(
                f"{address} is in the local network, where only the source's own server is asked (allow_private)", asked
            ) from None
        except ValueError as error:  # of requests, urllib3 and the codecs of host names alike
            raise FetchError(f"{address[:200]} is not an address that can be asked: {error}", asked) from None
        except (requests.exceptions.RequestException, HTTPError, OSError) as error:
            reason = _innermost(error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise FetchError(f"{address} cannot be trusted: {_in_short(reason)}", asked) from None
            raise _TryLaterError(f"{address} cannot be reached: {_in_short(reason)}") from None
        with response:
            status = response.status_code
            if target := session.get_redirect_target(response):
                return _Redirect(status, target)
            conditional = any(name.lower() in ("if-none-match", "if-modified-since") for name in headers)
            if status != 200 and not (status == 304 and conditional):
                self._refuse(response, address, asked)
            return Answer(
                url=asked,
                status=status,
                retrieved=now(),
                content=b"" if status == 304 else self._body(response, address, asked),
                media_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                etag=response.headers.get("ETag", ""),
                last_modified=response.headers.get("Last-Modified", ""),
                method=method,
                body=body,
            )

    def _refuse(self, response: requests.Response, address: str, asked: str) -> None:
        status = response.status_code
        try:
            content = self._body(response, address, asked, _CHUNK)
        except (FetchError, _TryLaterError):
            content = b""
        what = f"{address} answered {status} {response.reason or ''}".rstrip()
        if status in _TEMPORARY:
            raise _TryLaterError(what, status, content, _retry_after(response.headers.get("Retry-After", "")))
        raise FetchError(what, asked, status, content)

    def _body(self, response: requests.Response, address: str, asked: str, enough: int | None = None) -> bytes:
        """The body, decompressed; at most `enough` bytes of it, or an error when it is larger than allowed."""
        most = self._source.answer_mb * 1_000_000 if enough is None else enough
        too_large = f"{address} answers with more than {self._source.answer_mb} MB (answer_mb)"
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise FetchError(f"{address} answers in the encoding {encoding[:40]}, which was not asked for", asked)
        if enough is None and (response.raw.length_remaining or 0) > most:
            raise FetchError(too_large, asked)
        content = bytearray()
        try:
            # `read1` returns what is there. A body shorter than its Content-Length, or without its last chunk, is an error.
            while len(content) <= most and (chunk := response.raw.read1(_CHUNK, decode_content=False)):
                content += chunk
            # Some servers name an encoding that they do not use.
            if encoding.endswith("gzip") and content[:2] == b"\x1f\x8b" and (enough or len(content) <= most):
                with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                    content = bytearray(packed.read(most + 1) if enough is None else packed.read1(enough))
        except (HTTPError, OSError, EOFError, zlib.error) as error:
            raise _TryLaterError(f"{address} broke its answer off: {_in_short(_innermost(error))}") from None
        if len(content) > most and enough is None:
            raise FetchError(too_large, asked)
        return bytes(content if enough is None else content[:most])


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


def _address(url: str, parameters: Mapping[str, str] | None = None) -> str:
    """An address with parameters, as it is sent (RFC 3986, host names by IDNA)."""
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(url, dict(parameters or {}))
    except ValueError as error:
        raise FetchError(f"{url[:200]} is not an address that can be asked: {error}", url) from None
    return prepared.url or url


def _back_off(error: _TryLaterError, attempt: int, url: str) -> float:
    """Seconds to wait before the next try: as long as the server asks, else longer each time."""
    if error.wait is None:
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1))
        # Jitter keeps several guests from coming back all at once.
        return random.uniform(longest / 2, longest)  # noqa: S311
    if error.wait > _MOST_PATIENCE:
        put_off = f"{error.what}; the server asks to wait for {error.wait:,.0f} seconds, so the harvest is put off"
        raise FetchError(put_off, url, error.status, error.content, temporary=True)
    return error.wait


def _retry_after(value: str) -> float | None:
    """The seconds a Retry-After header asks to wait (RFC 9110, section 10.2.3: seconds or a date); None when it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


def _is_same_server(asked: str, other: str) -> bool:
    """Whether two addresses are on one server; https where http was asked for, on the usual ports, is the same."""
    one, two = urlsplit(asked), urlsplit(other)
    if (one.hostname or "").lower() != (two.hostname or "").lower():
        return False
    ways = [(one.scheme, _port(one)), (two.scheme, _port(two))]
    return ways[0] == ways[1] or ways == [("http", 80), ("https", 443)]


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _innermost(error: BaseException) -> BaseException:
    """The reason at the bottom: what libraries wrap around it helps nobody."""
    for inner in (getattr(error, "reason", None), error.__cause__, *error.args):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    return error


def _in_short(reason: BaseException) -> str:
    return (str(reason).rpartition(">: ")[2] or type(reason).__name__)[:300]
