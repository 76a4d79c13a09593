"""The NERC Vocabulary Server: whole collections as it serves them, or their concepts and mappings asked for by SPARQL.

Both ways give one item for each collection, named by the collection's IRI, and both map to the same concepts, withdrawn
ones included. What must stay true: a collection is handed over whole or not at all, and one that cannot be had never
hides the others, nor lets a walk end as if everything had been seen.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urljoin

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.sparql import Endpoint, Found, Question, is_statement
from odatis_kg.harvest.statements import Statement, document, is_nameless, read, syntax_of
from odatis_kg.harvest.vocabulary import Listed, one, walk
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import NvsTerm, nvs
from odatis_kg.namespaces import PREFIXES
from odatis_kg.sources import NvsSource

_ACCEPT: Final = "text/turtle, application/rdf+xml;q=0.8, application/ld+json;q=0.6"
# How the server is asked for a syntax by parameters where it, or a proxy before it, does not heed Accept.
_BY_PARAMETERS: Final = {"_profile": "nvs", "_mediatype": "text/turtle"}
_SKOS: Final = PREFIXES["skos"]
_MEMBER: Final = f"<{_SKOS}member>"
_TYPE: Final = f"<{PREFIXES['rdf']}type>"
_CONCEPT: Final = f"<{_SKOS}Concept>"


class NvsClient:
    """A client of the NERC Vocabulary Server."""

    def __init__(self, source: NvsSource, http: Http) -> None:
        self._source = source
        self._http = http
        self._base = source.url.rstrip("/") + "/"
        self._endpoint = Endpoint(urljoin(self._base, source.endpoint), http)

    @property
    def incremental(self) -> bool:
        """Never: a collection is asked for as a whole, on condition that it changed."""
        return False

    def pages(self, start: Start) -> Iterator[Page]:
        """See `Client.pages`: downloads give a page a collection, SPARQL several, the item with the last."""
        names = {code.upper(): NvsTerm(code.upper(), None).iri for code in self._source.collections}
        return walk(names, start, self._collection)

    def one(self, identifier: str) -> Page:
        """One collection again, asked for in full."""
        term = nvs(identifier)
        if term is None or term.code:
            raise HarvestError(f"{identifier} is not the address of a collection of NVS")
        return one(term.iri, self._collection(term.collection, term.iri, Validators()))

    def _collection(self, code: str, identifier: str, validators: Validators) -> Iterator[Listed]:
        if self._source.way == "sparql":
            return self._asked(identifier)
        return self._downloaded(code, identifier, validators)

    # Download

    def _downloaded(self, code: str, identifier: str, validators: Validators) -> Iterator[Listed]:
        address = f"{self._base}collection/{quote(code, safe='')}/current/"
        try:
            answer = self._http.get(
                address,
                headers={"Accept": _ACCEPT},
                etag=validators.etag,
                last_modified=validators.last_modified,
            )
        except FetchError as error:
            if error.status != 406:
                raise
            answer = error.as_answer()
        if answer.status == 304:
            yield Listed(answer, unchanged=(identifier,))
            return
        if syntax_of(answer.content) is None:
            yield Listed(answer, remark=f"{code} came as {answer.media_type or 'something unnamed'}, not as RDF")
            answer = self._http.get(address, _BY_PARAMETERS, {"Accept": _ACCEPT})
        yield _looked_at(answer, identifier)

    # SPARQL

    def _asked(self, identifier: str) -> Iterator[Listed]:
        collection = f"<{identifier}>"
        question = Question(
            state=f"SELECT ?property ?value WHERE {{ {collection} ?property ?value FILTER(?property != {_MEMBER}) }}",
            things=f"{collection} {_MEMBER} ?thing . FILTER(isIRI(?thing))",
            about="OPTIONAL { ?thing ?property ?value }",  # a member of which nothing is said is a member all the same
        )
        for step in self._endpoint.walk(question, self._source.page_size):
            if step.found is None:
                yield Listed(step.answer, remark=step.remark)
            elif not step.found.things:
                reason = f"{identifier} has no member at the SPARQL endpoint"
                yield Listed(step.answer, Item(identifier, None, reason=reason))
            else:
                statements, nameless = _statements(collection, step.found)
                remark = f"{nameless:,} statements with nameless nodes are left out; downloads have them"
                yield Listed(step.answer, Item(identifier, document(statements)), remark if nameless else "")


def _looked_at(answer: Answer, identifier: str) -> Listed:
    """A download, if it is the whole collection that was asked for: a part must not take the place of the whole."""
    collection = f"<{identifier}>"
    members: set[str] = set()
    concepts: set[str] = set()
    try:
        for subject, predicate, object_ in read(answer.content):
            if subject == collection and predicate == _MEMBER:
                members.add(object_)
            elif predicate == _TYPE and object_ == _CONCEPT and subject.startswith(collection[:-1]):
                concepts.add(subject)
    except RefusedError as error:
        return Listed(answer, Item(identifier, None, reason=f"{answer.url} answered with {error}"))
    if not concepts:
        return Listed(answer, Item(identifier, None, reason=f"{answer.url} answered with no concept of {identifier}"))
    unsaid = len(members - concepts)
    return Listed(
        answer,
        Item(identifier, answer.content),
        f"nothing is said of {unsaid:,} of the {len(members):,} members of {identifier}" if unsaid else "",
    )


def _statements(collection: str, found: Found) -> tuple[set[Statement], int]:
    """What a collection and its members say, as the download says it; and how much of it cannot be named."""
    said = {(collection, row["property"], row["value"]) for row in found.state if is_statement(row)}
    said |= {(row["thing"], row["property"], row["value"]) for row in found.rows if is_statement(row)}
    named = {one for one in said if not is_nameless(one[2])}
    return named | {(collection, _MEMBER, row["thing"]) for row in found.rows}, len(said) - len(named)
