"""What enrichment needs to remember of each mapped record while records stream past; small, and nothing is concluded here."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

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

    def add(self, mapped: Mapped) -> None:
        """Remember what matters of one record."""
        if mapped.record.kind.is_vocabulary:
            self._add_vocabulary(mapped)
        elif mapped.record.kind is Kind.ORCID:
            for work in orcid.works(mapped.record.content):
                self.authors[values.iri(work)].add(Term(f"<{mapped.subject}>"))
        else:
            self._add_record(mapped)

    def _add_vocabulary(self, mapped: Mapped) -> None:
        for statement in mapped.statements:
            if statement.predicate in (_PREF_LABEL, _ALT_LABEL):
                self.concept_labels[statement.subject].add(statement.object)
            elif statement.predicate == _DEPRECATED and statement.object.startswith('"true"'):
                self.deprecated.add(statement.subject)

    def _add_record(self, mapped: Mapped) -> None:
        keyword_property, thesaurus, kind = (
            Term(f"<{self.odk}{n}>") for n in ("sourceKeyword", "thesaurus", "keywordType")
        )
        part_of = _term("dct:isPartOf")
        main = Term(f"<{mapped.subject}>")
        resource = self.resources.setdefault(main, Resource(mapped.graph, mapped.record.key))
        own = {s.object for s in mapped.statements if s.predicate == keyword_property}
        linked = {s.subject for s in mapped.statements if s.predicate == _EXACT_MATCH}
        users = {s.subject for s in mapped.statements if s.object in own - linked}
        stated = frozenset(
            (s.predicate, s.object) for s in mapped.statements if s.subject in users and s.object.startswith("<http")
        )
        for subject, predicate, object_, *_ in mapped.statements:
            if predicate == keyword_property:
                if object_ not in linked:
                    self.uses.append(KeywordUse(mapped.graph, subject, object_, stated))
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
            elif predicate == part_of:
                self.part_of.append(DoiLink(mapped.graph, subject, predicate, object_))
            if object_.startswith(_DOI) and predicate != _SAME_AS:
                self.doi_links.append(DoiLink(mapped.graph, subject, predicate, object_))
