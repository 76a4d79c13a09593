"""robots.txt (RFC 9309): what a site lets us read, how slowly, and where its sitemaps are.

Python's own `urllib.robotparser` takes the first rule that matches and knows no `*` or `$` in paths, which most sites use;
the standard wants the longest match (section 2.2.2).
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

NAME: Final = "odatis-kg"  # our product token (section 2.2.1)
_MOST_BYTES: Final = 512_000  # section 2.5: at least 500 KiB must be read
_MOST_RULES: Final = 10_000
_KEPT: Final = "/?&=;:@!$'()*+,-._~%#[]|"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A path that is allowed or not: its steps between `*`, and whether a `$` says that it ends with the last one."""

    steps: tuple[str, ...]
    ends: bool
    length: int
    allows: bool

    def matches(self, path: str) -> bool:
        first, *rest = self.steps
        if not path.startswith(first):
            return False
        at = len(first)
        for step in rest[:-1] if self.ends else rest:
            found = path.find(step, at)
            if found < 0:
                return False
            at = found + len(step)
        if not self.ends:
            return True
        return path.endswith(rest[-1]) and at + len(rest[-1]) <= len(path) if rest else at == len(path)


@dataclass(frozen=True, slots=True)
class Robots:
    """What a robots.txt says to us: rules, seconds between requests (0 when it says none), addresses of sitemaps."""

    rules: tuple[_Rule, ...] = ()
    delay: float = 0.0
    sitemaps: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether an address may be asked: by the longest rule that matches, and an Allow before a Disallow as long."""
        parts = urlsplit(url)
        path = _plain(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        best = max(
            (rule for rule in self.rules if rule.matches(path)),
            key=lambda rule: (rule.length, rule.allows),
            default=None,
        )
        return best is None or best.allows


@dataclass(slots=True)
class _Group:
    agents: set[str] = field(default_factory=set)
    rules: list[_Rule] = field(default_factory=list)
    delay: float = 0.0


def read(content: bytes) -> Robots:
    """The rules of a robots.txt for us: those of the groups that name us, else those for everybody (section 2.2.1)."""
    groups: list[_Group] = []
    sitemaps: list[str] = []
    naming = False
    for line in content[:_MOST_BYTES].decode("utf-8", "replace").lstrip("\ufeff").splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name == "sitemap":
            # A `#` may be a part of this one; nobody writes a comment behind it without a blank.
            sitemaps.append(re.split(r"\s", line.partition(":")[2].strip())[0])
        elif name == "user-agent":
            if not naming:
                groups.append(_Group())
            groups[-1].agents.add(value.partition("/")[0].strip().lower())
            naming = True
        elif groups and name in ("allow", "disallow", "crawl-delay"):
            naming = False
            if name == "crawl-delay":
                groups[-1].delay = max(groups[-1].delay, _seconds(value))
            elif value and len(groups[-1].rules) < _MOST_RULES:
                groups[-1].rules.append(_rule(value, allows=name == "allow"))
    ours = [group for group in groups if NAME in group.agents] or [group for group in groups if "*" in group.agents]
    return Robots(
        rules=tuple(rule for group in ours for rule in group.rules),
        delay=max((group.delay for group in ours), default=0.0),
        sitemaps=tuple(dict.fromkeys(one for one in sitemaps if one)),
    )


def _rule(value: str, *, allows: bool) -> _Rule:
    path = _plain(value)
    ends = path.endswith("$")
    return _Rule(tuple(path.removesuffix("$").split("*")), ends, len(path), allows)


def _plain(path: str) -> str:
    """A path in one spelling: what is not ASCII percent-encoded, and the digits of percent-encodings in upper case."""
    encoded = quote(path, safe=_KEPT)
    return re.sub(r"%[0-9A-Fa-f]{2}", lambda found: _decoded(found[0]), encoded)


def _decoded(octet: str) -> str:
    sign = chr(int(octet[1:], 16))
    return sign if (sign.isascii() and sign.isalnum()) or sign in "-._~" else octet.upper()


def _seconds(value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        return 0.0
    return found if 0 <= found < 1e9 else 0.0
