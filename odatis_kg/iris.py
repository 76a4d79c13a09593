"""The IRI scheme: how a thing, a part of it, its document and its named graph are called.

This is the only module that joins IRIs. What must stay true:

- every IRI is made from the source's own identifier, never from a counter or a random number, so that the same record
  gives the same IRIs on every machine and in every run (R1, R5);
- a key is used as it stands when it is safe everywhere an IRI travels (a path segment, a file name, a log line, a proxy
  that decodes `%2F`), and replaced by a UUIDv5 of (kind, authority, identifier) otherwise. Nothing is percent-encoded,
  because percent-encoded keys do not survive proxies and are compared as different strings (RFC 3986, section 6.2.2);
- an IRI under `/id/` names the thing, the same path under `/doc/` its document (W3C "Cool URIs for the Semantic Web").
"""

import hashlib
import json
import re
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Final

# Endings that name a representation of a document; a key that ends so would be ambiguous under /doc/.
DOCUMENT_EXTENSIONS: Final = ("html", "ttl", "jsonld", "nt")

_BASE: Final = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?/(?:[A-Za-z0-9._~-]+/)*")
_SAFE_KEY: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._~:-]{0,78}[A-Za-z0-9_~-])?")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_UUID_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://www.odatis-ocean.fr/odatis-kg/keys")
_ENDS_LIKE_A_DOCUMENT: Final = re.compile(r"\.(?:" + "|".join((*DOCUMENT_EXTENSIONS, "rdf", "trig", "json")) + r")$")

_AS_JSON: Final = json.JSONEncoder(ensure_ascii=False).encode


def digest(*natural_key: str, length: int = 10) -> str:
    """A short, stable name for a natural key: `length` hexadecimal digits of SHA-256 over its parts, in order.

    Ten digits (40 bits) keep the chance of two parts of one record sharing a name below 1 in 200,000
    for a record with 3,000 parts.
    """
    canonical = ", ".join([_AS_JSON(unicodedata.normalize("NFC", part)) for part in natural_key])  # a list in JSON
    return hashlib.sha256(f"[{canonical}]".encode("utf-8", "surrogatepass")).hexdigest()[:length]


def key_segment(kind: str, authority: str, identifier: str) -> str:
    """The path segment that stands for an identifier: itself when safe, else a UUIDv5 of (kind, authority, identifier).

    Safe means: 1 to 80 letters, digits, `.`, `_`, `~`, `:` or `-`, beginning with a letter or digit, not ending with
    `.` or `:` nor like a file name of ours. UUIDs are lower-cased, as they are the same in both cases (RFC 9562,
    section 4); any other identifier keeps its case, as two identifiers that differ only by case may be two records.
    """
    text = unicodedata.normalize("NFC", identifier).strip()
    if _UUID.fullmatch(text):
        return text.lower()
    if _SAFE_KEY.fullmatch(text) and not _ENDS_LIKE_A_DOCUMENT.search(text):
        return text
    name = "\n".join((kind, authority, text))
    return str(uuid.uuid5(_UUID_NAMESPACE, name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")))


def is_segment(name: str) -> bool:
    """Whether a name (of a source, a kind, an authority) can be a path segment as it stands."""
    return _SEGMENT.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Iris:
    """The IRIs of one deployment, all under its public base address (which ends with `/`)."""

    base: str

    def __post_init__(self) -> None:
        if not _BASE.fullmatch(self.base.rstrip("/") + "/"):
            raise ValueError(
                f"base_url '{self.base}' must be an http or https address such as http://localhost:8000/,"
                " with plain letters, digits and - . _ ~ only"
            )
        if not self.base.endswith("/"):
            raise ValueError(f"base_url '{self.base}' must end with '/'")

    # Names of things

    def thing(self, kind: str, authority: str, identifier: str, *version: str) -> str:
        """`{base}id/{kind}/{authority}/{key}`, followed by further safe segments (a version, a step) if any.

        Raises:
            ValueError: kind, authority or version is not a plain path segment (a fault of the caller, not of the data).
        """
        return self._path("id", kind, authority, key_segment(kind, authority, identifier), *version)

    def part(self, thing: str, name: str, *natural_key: str) -> str:
        """`{thing}#{name}-{digest of the natural key}`: a node that exists only as part of a thing.

        The natural key is what makes the part itself (URL and protocol of a distribution, agent and role of an
        attribution), so that reordering a record moves no IRI. Without a key there can be only one: `{thing}#{name}`.
        """
        begin = self.parts_begin(thing)
        return f"{begin}{name}-{digest(*natural_key)}" if natural_key else f"{begin}{name}"

    def step(self, thing: str, name: str, number: int) -> str:
        """`{thing}#{name}-{number}`: a part whose order is its key, such as a process step (1 is the first)."""
        return f"{self.parts_begin(thing)}{name}-{number}"

    def parts_begin(self, thing: str) -> str:
        """What the IRIs of the parts of a thing begin with; nothing is ever named in somebody else's space."""
        owner = thing.partition("#")[0] if thing.startswith(self.base) else self.about(thing)
        return f"{owner}#"

    def about(self, foreign: str) -> str:
        """`{base}id/about/{host}/{key}`: our page about a thing that has its IRI elsewhere, such as an ORCID person."""
        host, _, path = foreign.partition("://")[2].partition("/")
        return self.thing("about", host if is_segment(host) else "elsewhere", path if is_segment(host) else foreign)

    def owner(self, iri: str) -> str:
        """The thing that a part belongs to; any other IRI itself."""
        if not iri.startswith(self.base):
            return iri
        thing = iri.partition("#")[0]
        host, _, key = thing.removeprefix(f"{self.base}id/about/").partition("/")
        foreign = f"https://{host}/{key}"
        return foreign if key and self.about(foreign) == thing else thing

    def activity(self, run: str, *step: str) -> str:
        """`{base}id/activity/{run}[/{step}]`: a run of the pipeline, or one activity of it."""
        return self._path("id", "activity", run, *step)

    # Named graphs

    def graph(self, family: str, *segments: str) -> str:
        """`{base}graph/{family}/{segment}/...`: a named graph; see `mapping.kinds` and `lineage.runs` for the families."""
        return self._path("graph", family, *segments)

    # Terms of our own ontology

    @property
    def odk(self) -> str:
        """The namespace of our own few terms, `{base}def/odk#`."""
        return f"{self.base}def/odk#"

    # Documents

    def document(self, thing: str, extension: str = "") -> str:
        """The address of the document about one of our things; with an extension, of one representation of it."""
        owner = thing.partition("#")[0]
        if not self.is_thing(owner):
            raise ValueError(f"{thing} is not a thing of this graph: its IRI does not begin with {self.base}id/")
        address = f"{self.base}doc/{owner[len(self.base) + 3 :]}"
        return f"{address}.{extension}" if extension else address

    def is_thing(self, iri: str) -> bool:
        """Whether an IRI names a thing of ours (begins with `{base}id/`)."""
        return iri.startswith(f"{self.base}id/")

    def is_graph(self, iri: str) -> bool:
        """Whether an IRI names a graph of ours (begins with `{base}graph/`)."""
        return iri.startswith(f"{self.base}graph/")

    def from_path(self, space: str, rest: str) -> str | None:
        """The IRI that a request path `/{space}/{rest}` asks for, or None when no IRI of ours can look like that."""
        segments = rest.split("/")
        if (len(segments) < 2 and space != "graph") or not all(_SAFE_KEY.fullmatch(segment) for segment in segments):
            return None
        return f"{self.base}{space}/{rest}"

    def _path(self, *segments: str) -> str:
        for segment in segments:
            if not _SAFE_KEY.fullmatch(segment):
                raise ValueError(f"'{segment}' cannot be part of an IRI of ours")
        return self.base + "/".join(segments)
