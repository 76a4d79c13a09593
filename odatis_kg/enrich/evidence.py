"""What enrichment needs to remember of each mapped record while records stream past; small, and nothing is concluded here."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Mapped
from odatis_kg.mapping.functions import orcid
from odatis_kg.mapping.kinds import Kind
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES


def _term(name: str) -> Term:
    prefix, _, local = name.partition(":")
    return Term(f"<{PREFIXES[prefix]}{local}>")


_PREF_LABEL: Final = _term("skos:prefLabel")
_ALT_LABEL: Final = _term("skos:altLabel")
_EXACT_MATCH: Final = _term("skos:exactMatch")
_DEPRECATED: Final = _term("owl:deprecated")
_SAME_AS: Final = _term("schema:sameAs")
_SERIES: Final = _term("dcat:DatasetSeries")
_TITLE: Final = _term("dct:title")
_PART_OF: Final = _term("dct:isPartOf")
_DOI: Final = "<https://doi.org/"


@dataclass(frozen=True, slots=True)
class KeywordUse:
    """A keyword of a record that the record itself links to no concept; and what the record says of the resource."""

    graph: str
    resource: Term
    keyword: Term
    stated: frozenset[tuple[Term, Term]]


@dataclass(slots=True)
class Keyword:
    """A keyword node: its labels, the thesaurus its records name, its type, and the concepts that records gave for it."""

    labels: set[Term] = field(default_factory=set)
    thesaurus: str = ""
    kind: str = ""
    concepts: set[Term] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class DoiLink:
    """A statement of a record whose object is a DOI."""

    graph: str
    subject: Term
    predicate: Term
    doi: Term


@dataclass(slots=True)
class Resource:
    """What a record is about: the record's graph and identifier, the DOIs it is the same as, its titles."""

    graph: str
    key: str
    dois: set[Term] = field(default_factory=set)
    titles: set[Term] = field(default_factory=set)


class Gleaned(NamedTuple):
    """What enrichment needs of one mapped record: small, and all that is kept of a record that is not mapped again.

    `works` are DOIs of the works a person's record lists.
    """

    kind: Kind
    graph: str
    key: str
    subject: str
    statements: tuple[tuple[Term, Term, Term], ...]
    works: tuple[str, ...] = ()

    def packed(self) -> str:
        """The same as JSON text."""
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def unpacked(cls, text: str) -> "Gleaned":
        """What `packed` made a text of."""
        kind, graph, key, subject, statements, works = json.loads(text)
        triples = tuple((Term(s), Term(p), Term(o)) for s, p, o in statements)
        return cls(Kind(kind), graph, key, subject, triples, tuple(works))


def glean(mapped: Mapped, odk: str) -> Gleaned:
    """What enrichment needs of a record."""
    record = mapped.record
    begin = (record.kind, mapped.graph, record.key, mapped.subject)
    triples = ((s.subject, s.predicate, s.object) for s in mapped.statements)
    if record.kind is Kind.ORCID:
        return Gleaned(*begin, (), tuple(sorted(orcid.works(record.content))))
    if record.kind.is_vocabulary:
        kept = {one for one in triples if one[1] in (_PREF_LABEL, _ALT_LABEL, _DEPRECATED)}
    else:
        kept = set(_relevant(list(triples), Term(f"<{mapped.subject}>"), Term(f"<{odk}sourceKeyword>")))
    return Gleaned(*begin, tuple(sorted(kept)))


def _relevant(
    triples: list[tuple[Term, Term, Term]], main: Term, source_keyword: Term
) -> Iterator[tuple[Term, Term, Term]]:
    own = {o for _, p, o in triples if p == source_keyword}
    users = {s for s, _, o in triples if o in own}
    for subject, predicate, object_ in triples:
        if (
            predicate in (source_keyword, _PART_OF, _EXACT_MATCH)
            or subject in own
            or (subject == main and predicate in (_SAME_AS, _TITLE, _PREF_LABEL))
            or (predicate == RDF_TYPE and object_ == _SERIES)
            or object_.startswith(_DOI)
            or (subject in users and object_.startswith("<http"))
        ):
            yield subject, predicate, object_


@dataclass(slots=True)
class Evidence:
    """What was seen in all records so far."""

    odk: str
    concept_labels: dict[Term, set[Term]] = field(default_factory=lambda: defaultdict(set))
    deprecated: set[Term] = field(default_factory=set)
    keywords: dict[Term, Keyword] = field(default_factory=lambda: defaultdict(Keyword))
    uses: list[KeywordUse] = field(default_factory=list)
    resources: dict[Term, Resource] = field(default_factory=dict)
    doi_links: list[DoiLink] = field(default_factory=list)
    part_of: list[DoiLink] = field(default_factory=list)
    series: set[Term] = field(default_factory=set)
    authors: dict[Term, set[Term]] = field(default_factory=lambda: defaultdict(set))

    def add(self, gleaned: Gleaned) -> None:
        """Remember what matters of one record."""
        if gleaned.kind.is_vocabulary:
            self._add_vocabulary(gleaned)
        elif gleaned.kind is Kind.ORCID:
            for work in gleaned.works:
                self.authors[values.iri(work)].add(Term(f"<{gleaned.subject}>"))
        else:
            self._add_record(gleaned)

    def _add_vocabulary(self, gleaned: Gleaned) -> None:
        for subject, predicate, object_ in gleaned.statements:
            if predicate in (_PREF_LABEL, _ALT_LABEL):
                self.concept_labels[subject].add(object_)
            elif predicate == _DEPRECATED and object_.startswith('"true"'):
                self.deprecated.add(subject)

    def _add_record(self, gleaned: Gleaned) -> None:
        keyword_property, thesaurus, kind = (
            Term(f"<{self.odk}{n}>") for n in ("sourceKeyword", "thesaurus", "keywordType")
        )
        main = Term(f"<{gleaned.subject}>")
        resource = self.resources.setdefault(main, Resource(gleaned.graph, gleaned.key))
        triples = gleaned.statements
        own = {o for _, p, o in triples if p == keyword_property}
        linked = {s for s, p, _ in triples if p == _EXACT_MATCH}
        users = {s for s, _, o in triples if o in own - linked}
        stated = frozenset((p, o) for s, p, o in triples if s in users and o.startswith("<http"))
        for subject, predicate, object_ in triples:
            if predicate == keyword_property:
                if object_ not in linked:
                    self.uses.append(KeywordUse(gleaned.graph, subject, object_, stated))
            elif subject in own:
                keyword = self.keywords[subject]
                if predicate == _PREF_LABEL:
                    keyword.labels.add(object_)
                elif predicate == thesaurus:
                    keyword.thesaurus = object_[1:-1]
                elif predicate == kind:
                    keyword.kind = object_[1:-1]
                elif predicate == _EXACT_MATCH:
                    keyword.concepts.add(object_)
            elif predicate == _SAME_AS and object_.startswith(_DOI) and subject == main:
                resource.dois.add(object_)
            elif predicate in (_TITLE, _PREF_LABEL) and subject == main:
                resource.titles.add(object_)
            elif predicate == RDF_TYPE and object_ == _SERIES:
                self.series.add(subject)
            elif predicate == _PART_OF:
                self.part_of.append(DoiLink(gleaned.graph, subject, predicate, object_))
            if object_.startswith(_DOI) and predicate != _SAME_AS:
                self.doi_links.append(DoiLink(gleaned.graph, subject, predicate, object_))
