"""Which vocabulary a dump is: its authority, its list, its version, and which part of the list it holds.

What must stay true: two lists never bear one name, and a part of a list never the name of the whole.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from odatis_kg.iris import is_segment, key_segment
from odatis_kg.mapping.identifiers import NVS, NvsTerm, nvs
from odatis_kg.mapping.values import is_iri
from odatis_kg.namespaces import PREFIXES

# Prefixes that only dumps use, for the paths of rows and for reports.
DUMP_PREFIXES: Final = {
    **PREFIXES,
    "gcmd": "https://gcmd.earthdata.nasa.gov/kms#",
    "gml": "http://www.opengis.net/gml#",
    "grg": "http://www.isotc211.org/schemas/grg/",
    "ldes": "https://w3id.org/ldes#",
    "tree": "https://w3id.org/tree#",
    "vann": "http://purl.org/vocab/vann/",
}
_IN_SCHEME: Final = PREFIXES["skos"] + "inScheme"


class Node(NamedTuple):
    """One statement of a dump: subject and predicate IRI, and either an IRI or a literal as object."""

    subject: str
    predicate: str
    iri: str
    literal: str
    language: str | None
    order: int


@dataclass(frozen=True, slots=True)
class VocabularyName:
    """Which vocabulary a dump is: its authority (`nvs`, `gcmd`, or a host), its list, and the list's version.

    `part` is empty for a whole list; a page or a slice of a list, and an export that says less than the dump of the same
    list, is a record of its own (`page-2`, `csv`), so that it never takes the place of the whole.
    """

    authority: str
    list: str
    version: str
    part: str = ""

    @property
    def key(self) -> str:
        """The name of the vocabulary whatever its version, `nvs:P02`, `gcmd:instruments:page-2`."""
        return ":".join(filter(None, (self.authority, self.list, self.part)))

    @property
    def edition(self) -> str:
        """The version, with the part."""
        return "-".join(filter(None, (self.version, self.part)))


def literals(nodes: list[Node], subject: str, *predicates: str) -> list[str]:
    """What is said of a subject with some predicates, as text."""
    return [node.literal.strip() for node in nodes if node.subject == subject and node.predicate in predicates]


def scheme_of(nodes: list[Node], concepts: frozenset[str], lists: frozenset[str]) -> tuple[str, str]:
    """The IRI of the collection or scheme that most concepts of a dump belong to.

    With it the IRI of the scheme the dump describes, when that is the only one and no concept is in it.
    """
    if not concepts:
        owners = Counter(_owner(one) for one in sorted(lists))
        return (next(iter(lists)) if len(lists) == 1 else owners.most_common(1)[0][0]), ""
    in_scheme = {node.subject: node.iri for node in nodes if node.predicate == _IN_SCHEME and node.iri}
    owners = Counter(_collection(one) or in_scheme.get(one) or _owner(one) for one in sorted(concepts))
    scheme = owners.most_common(1)[0][0]
    if scheme in lists or scheme.startswith(_AUTHORITIES):
        return scheme, ""
    if spelt := [one for one in sorted(lists) if one.rstrip("#/") == scheme.rstrip("#/")]:
        return spelt[0], ""
    if len(lists) == 1 and lists.isdisjoint(in_scheme.values()) and is_iri(scheme):
        return scheme, next(iter(lists))
    return scheme, ""


# Where concepts say by their addresses, or always in words, which list they are in.
_AUTHORITIES: Final = (NVS, "https://gcmd.earthdata.nasa.gov/")


def _collection(concept: str) -> str:
    """The collection of a concept of NVS; empty for any other, and for NVS's thesauri, which are over collections."""
    term = nvs(concept)
    return NvsTerm(term.collection, None).iri if term and term.code else ""


def _owner(concept: str) -> str:
    return concept.rpartition("#")[0] or concept.rstrip("/").rpartition("/")[0]


def name_of(nodes: list[Node], scheme: str, content: bytes) -> VocabularyName:
    """The name of a vocabulary: by its authority's rules for NVS and GCMD, by address and title for any other."""
    sha = hashlib.sha256(content).hexdigest()
    versions = literals(nodes, scheme, PREFIXES["owl"] + "versionInfo", PREFIXES["pav"] + "version")
    collection = nvs(scheme)
    if collection:
        older = Counter(one.decode() for one in _NVS_1_VERSION.findall(content))
        version = (versions or [one for one, _ in older.most_common(1)] or [f"sha-{sha[:12]}"])[0]
        views = sorted({node.iri for node in nodes if node.predicate == _TREE_VIEW})
        part = f"slice-{hashlib.sha256(views[0].encode()).hexdigest()[:8]}" if views else ""
        return VocabularyName("nvs", collection.collection, version, part)
    if "gcmd.earthdata.nasa.gov" in scheme:
        page = _gcmd_page(nodes)
        version = (versions or [page.version or f"sha-{sha[:12]}"])[0]
        keywords = scheme.rstrip("/").rpartition("/")[2].replace("concept_scheme", "schemes")
        return VocabularyName("gcmd", keywords, version, f"page-{page.number}" if page.size < page.hits else "")
    version = (versions or [f"sha-{sha[:12]}"])[0]
    host = (urlsplit(scheme).hostname or "unknown") if is_iri(scheme) else "unknown"
    host = host if is_segment(host) else "elsewhere"
    last = re.split(r"[/#]", scheme.rstrip("/#"))[-1]
    # Real thesauri bear addresses that were copied from one another; their titles tell them apart.
    titles = literals(nodes, scheme, PREFIXES["dct"] + "title")
    if titles and (title := _folded(titles[0])) != _folded(last):
        last = f"{last}-{title}"
    return VocabularyName(host, key_segment("vocabulary", host, last or scheme), version)


# The address of a concept in NVS 1.0 says the version of the list: .../term/L11/7/D23
_NVS_1_VERSION: Final = re.compile(rb"https?://vocab\.ndg\.nerc\.ac\.uk/term/[A-Z]\d{2,3}/(\d+)/")
# A feed of changes (W3C LDES) is cut into views: one file holds the concepts of one of them.
_TREE_VIEW: Final = DUMP_PREFIXES["tree"] + "view"


def _folded(text: str) -> str:
    """A text in small plain letters and digits, words joined by `-`."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(sign))
    return "-".join(re.findall(r"[a-z0-9]+", plain))


class _Page(NamedTuple):
    """Which page of a list an answer of GCMD's server is: it cuts lists after 2,000 concepts."""

    version: str
    hits: int
    size: int
    number: int


def _gcmd_page(nodes: list[Node]) -> _Page:
    begin = f"{DUMP_PREFIXES['gcmd']}gcmd/{DUMP_PREFIXES['gcmd']}"
    said = {node.predicate.removeprefix(begin): node.literal for node in nodes if node.predicate.startswith(begin)}
    versions = [node.literal for node in nodes if node.predicate == DUMP_PREFIXES["gcmd"] + "versionName"]
    hits, size, number = (
        int(text) if (text := said.get(name, "")).isdecimal() else 0 for name in ("hits", "page_size", "page_num")
    )
    return _Page(said.get("keywordVersion", versions[0] if versions else ""), hits, size or hits, number or 1)


def missing(nodes: list[Node], concepts: frozenset[str]) -> tuple[str, ...]:
    """A remark on the concepts that are on other pages of an answer of GCMD's server."""
    page = _gcmd_page(nodes)
    if page.size >= page.hits:
        return ()
    held = f"page {page.number} of a list of {page.hits:,} concepts: this file holds {len(concepts):,}"
    return (f"{held}; ask for the other pages too (page_num={page.number + 1})",)
