"""GCMD keywords from the Keyword Management Service (KMS 2): every page of every scheme, united into one document a scheme.

The service cuts a scheme after 2,000 concepts. Pages are united because the hierarchy runs across them: a keyword's path
needs the wider keywords of other pages, and pages shift when a concept is added. RDF is asked for, not CSV, which has no
definitions, other labels, references or notes. What must stay true: a scheme is handed over only when as many concepts
came as the service says it has, all of one version.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import Http
from odatis_kg.harvest.statements import Statement, document, is_nameless, read
from odatis_kg.harvest.vocabulary import Listed, one, walk
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.vocabularies import DUMP_PREFIXES
from odatis_kg.sources import GcmdSource

_SCHEMES: Final = "https://gcmd.earthdata.nasa.gov/kms/concepts/concept_scheme/"
_CONCEPTS: Final = "https://gcmd.earthdata.nasa.gov/kms/concept/"
_GCMD: Final = DUMP_PREFIXES["gcmd"]
_TYPE: Final = f"<{DUMP_PREFIXES['rdf']}type>"
_CONCEPT: Final = f"<{DUMP_PREFIXES['skos']}Concept>"
_ABOUT_ANSWER: Final = f"<{_GCMD}gcmd>"
_OF_ONE_PAGE: Final = {f"<{_GCMD}{name}>" for name in ("hits", "page_num", "page_size")}
_ATTEMPTS: Final = 3  # times a scheme is begun when it changes while it is read


class GcmdClient:
    """A client of the Keyword Management Service."""

    def __init__(self, source: GcmdSource, http: Http) -> None:
        self._source = source
        self._http = http

    @property
    def incremental(self) -> bool:
        """Never: the service does not say what changed."""
        return False

    def pages(self, start: Start) -> Iterator[Page]:
        """See `Client.pages`: the item comes with the last page of its scheme."""
        return walk({scheme: _SCHEMES + scheme for scheme in self._source.schemes}, start, self._scheme)

    def one(self, identifier: str) -> Page:
        """One scheme again."""
        scheme = identifier.removeprefix(_SCHEMES)
        if not scheme or scheme == identifier:
            raise HarvestError(f"{identifier} is not the address of a concept scheme of GCMD")
        return one(identifier, self._scheme(scheme, identifier, Validators()))

    def _scheme(self, scheme: str, identifier: str, validators: Validators) -> Iterator[Listed]:  # noqa: ARG002
        wrong = ""
        for _ in range(_ATTEMPTS):
            begun: _Scheme | None = None
            wrong_before, wrong = wrong, ""
            for number in range(1, 1_000_000):
                answer = self._page(scheme, number)
                page = _read(answer)
                wrong = page if isinstance(page, str) else "" if begun is None else begun.differs(page, number)
                if wrong or isinstance(page, str):
                    yield Listed(answer, remark=f"{identifier} is read again: {wrong}")
                    break
                begun = begun or _Scheme(page.about, page.hits)
                is_new = begun.take(page)
                if len(begun.concepts) < begun.hits and is_new:
                    yield Listed(answer, remark=wrong_before if number == 1 else "")
                    continue
                if len(begun.concepts) != begun.hits:
                    wrong = f"{len(begun.concepts):,} concepts of {begun.hits:,} came"
                    yield Listed(answer, remark=f"{identifier} is read again: {wrong}")
                    break
                yield Listed(answer, begun.item(identifier))
                return
        raise HarvestError(f"{identifier} could not be read as a whole in {_ATTEMPTS} attempts; at last, {wrong}")

    def _page(self, scheme: str, number: int) -> Answer:
        size = self._source.page_size
        address = f"{self._source.url.rstrip('/')}/concepts/concept_scheme/{quote(scheme, safe='')}"
        return self._http.get(address, {"format": "rdf", "page_num": str(number), "page_size": str(size)})


@dataclass(frozen=True, slots=True)
class _Answered:
    """A page taken apart: what the service says of itself and of the answer, and the concepts."""

    hits: int
    number: int
    about: frozenset[tuple[str, str]]
    statements: frozenset[Statement]
    concepts: frozenset[str]


class _Scheme:
    """A scheme as far as it has come; `about` is what each of its pages must say of itself: version, terms of use."""

    def __init__(self, about: frozenset[tuple[str, str]], hits: int) -> None:
        self.about = about
        self.hits = hits
        self.concepts: set[str] = set()
        self._statements: set[Statement] = set()

    def differs(self, page: _Answered, number: int) -> str:
        """Why a page is not the next one of the same scheme in the same version; empty when it is."""
        if page.number != number:
            return f"page {page.number} came where page {number} was asked for"
        changed = sorted(other for _, other in page.about - self.about)
        if changed or self.about - page.about:
            return f"it changed while it was read: {', '.join(changed)}"
        return "" if page.hits == self.hits else f"it grew or shrank from {self.hits:,} to {page.hits:,} concepts"

    def take(self, page: _Answered) -> bool:
        """Take a page in; whether there was a new concept in it."""
        before = len(self.concepts)
        self.concepts |= page.concepts
        self._statements |= page.statements
        return len(self.concepts) > before

    def item(self, identifier: str) -> Item:
        """The whole scheme as one document."""
        if not self.concepts:
            return Item(identifier, None, reason=f"the service has no concept in {identifier}")
        return Item(identifier, document(self._statements))


def _read(answer: Answer) -> _Answered | str:
    """A page taken apart, or why it cannot be."""
    try:
        statements = set(read(answer.content, _CONCEPTS))
    except RefusedError as error:
        return f"{answer.url} answered with {error}"
    abouts = {one for one, predicate, other in statements if predicate == _TYPE and other == _ABOUT_ANSWER}
    said = {predicate: other for one, predicate, other in statements if one in abouts}
    numbers = {
        name: int(text)
        for name in ("hits", "page_num")
        if (text := said.get(f"<{_GCMD}{name}>", "").strip('"')).isdecimal()
    }
    if not abouts or "hits" not in numbers:
        return f"{answer.url} does not say how many concepts there are (gcmd:hits)"
    about = {(predicate, other) for predicate, other in said.items() if predicate not in _OF_ONE_PAGE}
    return _Answered(
        numbers["hits"],
        numbers.get("page_num", 1),
        frozenset(one for one in about if not is_nameless(one[1])),
        frozenset(one for one in statements if one[0] not in abouts or one[1] not in _OF_ONE_PAGE),
        frozenset(one for one, predicate, other in statements if predicate == _TYPE and other == _CONCEPT),
    )
