"""One sitemap (sitemaps.org protocol 0.9): the pages it lists, or the sitemaps that an index lists."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

from odatis_kg.harvest.client import HarvestError
from odatis_kg.harvest.zipped import UnreadableArchiveError, gunzipped
from odatis_kg.mapping import xml
from odatis_kg.mapping.errors import RefusedError

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that a sitemap lists, its `lastmod` as stated, and the latest moment that it may mean; None when none."""

    address: str
    modified: str = ""
    changed: datetime | None = None


def read(content: bytes, address: str, most_mb: int) -> tuple[list[Entry], list[str]]:
    """The pages that a sitemap lists, and the sitemaps that an index lists; one in gzip is opened out up to `most_mb`.

    Raises:
        HarvestError: it is damaged, too large, or neither XML of the protocol nor text with one address a line.
    """
    content = _decompressed(content, most_mb)
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
        if not all(re.match(r"https?://\S+$", line) for line in lines[:100]):
            raise HarvestError(f"{address} is not a sitemap: neither XML nor text with one address a line")
        return [Entry(found) for line in lines if (found := _address(line, address))], []
    if re.match(rb"<!doctype\s+html|<html", text, re.IGNORECASE):
        raise HarvestError(
            f"{address} is not a sitemap: it is a web page; give the address of the sitemap, or of the site"
        )
    try:
        root = xml.parse(content)
    except RefusedError as error:
        raise HarvestError(f"{address} is not a sitemap: {error}") from None
    name = xml.local_name(root)
    if name not in ("urlset", "sitemapindex"):
        raise HarvestError(f"{address} is not a sitemap: <{name}> where <urlset> or <sitemapindex> is expected")
    entries = []
    for element in root.iterchildren("{*}url", "{*}sitemap"):
        location = _address(" ".join((element.findtext("{*}loc") or "").split()), address)
        if location:
            stated = (element.findtext("{*}lastmod") or "").strip()
            entries.append(Entry(location, stated, moment(stated)))
    return ([], [one.address for one in entries]) if name == "sitemapindex" else (entries, [])


def moment(text: str) -> datetime | None:
    """The latest moment that a W3C date and time may mean (a day ends last in the zone UTC-12); None when it is none."""
    if found := _DATE.fullmatch(text):
        year, month, day = (int(part) if part else 0 for part in found.groups())
        try:
            if not month:
                last = datetime(year + 1, 1, 1, tzinfo=UTC)
            elif not day:
                last = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            else:
                last = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
            return last + timedelta(hours=12)
        except (ValueError, OverflowError):
            return None
    try:
        exact = datetime.fromisoformat(text)
        return exact.astimezone(UTC) if exact.tzinfo else exact.replace(tzinfo=UTC) + timedelta(hours=12)
    except (ValueError, OverflowError):
        return None


def _address(text: str, base: str) -> str:
    """An address that a sitemap lists, without fragment; empty when it is none."""
    try:
        found = urldefrag(urljoin(base, text)).url if text else ""
        return found if urlsplit(found).scheme in ("http", "https") and host_of(found) else ""
    except ValueError:
        return ""


def host_of(address: str) -> str:
    """The host of an address, with its port unless it is the usual one."""
    parts = urlsplit(address)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.hostname or ''}{port}"


def _decompressed(content: bytes, most_mb: int) -> bytes:
    """A sitemap opened out when it is gzip.

    Raises:
        HarvestError: it is damaged, or larger than allowed.
    """
    most = most_mb * 1_000_000
    try:
        taken = gunzipped(content, most)
    except UnreadableArchiveError as error:
        raise HarvestError(f"a sitemap in gzip is {error}") from None
    if len(taken) > most:
        raise HarvestError(f"a sitemap is larger than {most_mb} MB once decompressed (answer_mb)")
    return taken
