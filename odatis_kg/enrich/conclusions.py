"""What is concluded from the evidence, and how sure it is: keywords matched to concepts, identifiers to things, works to persons.

Of the ladder of reconciliation (design, table 2d) the rungs that need no human stand here: 2, the concept that another
record gives for the same keyword of the same thesaurus (1.00); 3, the exact label inside the thesaurus the record names
(0.98); and 4, the exact label, in the right language, of exactly one concept of a list the keyword's type allows (0.95).
What must stay true: everything concluded is in an enriched graph, each match is a mapping
with its evidence (SSSOM), and a withdrawn concept is never concluded.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from odatis_kg.enrich.evidence import Evidence
from odatis_kg.iris import Iris, digest
from odatis_kg.mapping import values
from odatis_kg.mapping.functions.keywords import concept_property
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import RDF_TYPE, Term, language_of, lexical
from odatis_kg.namespaces import expand

# The lists a keyword of a type may be matched in when its record names no thesaurus we know (rung 4).
_LISTS_BY_TYPE: Final = {
    "parameter": ("http://vocab.nerc.ac.uk/collection/P02/", "http://vocab.nerc.ac.uk/collection/P01/"),
    "instrument": ("http://vocab.nerc.ac.uk/collection/L05/", "http://vocab.nerc.ac.uk/collection/L22/"),
    "platform": ("http://vocab.nerc.ac.uk/collection/C17/",),
    "platform_class": ("http://vocab.nerc.ac.uk/collection/L06/",),
    "place": ("http://vocab.nerc.ac.uk/collection/C19/", "http://vocab.nerc.ac.uk/collection/C16/"),
}


@dataclass(frozen=True, slots=True)
class KeywordMatch:
    """One SSSOM row: a keyword is the same as a concept, because its words are a label of it or because a record says so."""

    keyword: Term
    concept: Term
    confidence: str
    words: str
    justification: str = "semapv:LexicalMatching"


@dataclass(frozen=True, slots=True)
class Conclusions:
    """What was concluded: statements by enriched graph, and the mapping rows behind the matches."""

    statements: dict[str, set[tuple[Term, Term, Term]]]
    matches: tuple[KeywordMatch, ...]


def conclude(
    evidence: Evidence, iris: Iris, registers: Mapping[str, Register], prefixes: dict[str, str]
) -> Conclusions:
    """Everything that follows."""
    statements: dict[str, set[tuple[Term, Term, Term]]] = defaultdict(set)
    matches = {match.keyword: match for match in match_keywords(evidence, registers)}
    for use in evidence.uses:
        if match := matches.get(use.keyword):
            name = concept_property(registers, match.concept, evidence.keywords[use.keyword].kind)
            predicate = Term(f"<{expand(name, prefixes)}>")
            if (predicate, match.concept) not in use.stated:
                statements[enriched_graph(iris, use.graph)].add((use.resource, predicate, match.concept))
    works = find_works(evidence, iris)
    things_by_doi: dict[Term, set[Term]] = defaultdict(set)
    for thing, resource in evidence.resources.items():
        for doi in resource.dois:
            things_by_doi[doi].add(thing)
    for link in evidence.doi_links:
        things = things_by_doi.get(link.doi, set()) - {link.subject}
        if things and not link.subject.startswith("<https://doi.org/"):
            # Several records describe what the DOI names: what links to the DOI links to the work they share.
            target = next(iter(things)) if len(things) == 1 else works[min(things)].term
            statements[enriched_graph(iris, link.graph)].add((link.subject, link.predicate, target))
    creator = Term(f"<{prefixes['dct']}creator>")
    for doi, persons in evidence.authors.items():
        for thing in things_by_doi.get(doi, ()):
            graph = enriched_graph(iris, evidence.resources[thing].graph)
            statements[graph] |= {(thing, creator, person) for person in persons}
    for thing, work in works.items():
        graph = enriched_graph(iris, evidence.resources[thing].graph)
        statements[graph] |= {(thing, Term(f"<{iris.odk}work>"), work.term), *work.statements(iris, prefixes)}
    in_series = Term(f"<{prefixes['dcat']}inSeries>")
    for link in evidence.part_of:
        if link.doi in evidence.series:
            statements[enriched_graph(iris, link.graph)].add((link.subject, in_series, link.doi))
    return Conclusions(dict(statements), tuple(sorted(matches.values(), key=lambda match: match.keyword)))


@dataclass(frozen=True, slots=True)
class Work:
    """What several records describe, each in its own words: they are grouped, never merged (design, table 2e)."""

    term: Term
    identifier: str
    dois: frozenset[Term]
    titles: tuple[Term, ...]

    def statements(self, iris: Iris, prefixes: Mapping[str, str]) -> Iterable[tuple[Term, Term, Term]]:
        """What is said of the work itself."""
        yield self.term, RDF_TYPE, Term(f"<{iris.odk}Work>")
        yield self.term, Term(f"<{prefixes['dct']}identifier>"), values.text(self.identifier)
        for doi in self.dois:
            yield self.term, Term(f"<{prefixes['schema']}sameAs>"), doi
        for title in self.titles:
            yield self.term, Term(f"<{prefixes['rdfs']}label>"), title


def find_works(evidence: Evidence, iris: Iris) -> dict[Term, Work]:
    """The work of each thing that shares it with another: by an equal DOI, or by the identifier of the record where that is
    one in the whole world (a UUID).
    """
    groups: dict[str, set[Term]] = defaultdict(set)
    for thing, resource in evidence.resources.items():
        for doi in resource.dois:
            groups[doi].add(thing)
        key = resource.key.removeprefix("dc:").lower()
        if _UUID.search(key):
            groups[key].add(thing)
    together: dict[Term, set[Term]] = {}
    for members in groups.values():
        if len(members) > 1:
            joined = members.union(*(together.get(one, set()) for one in members))
            for one in joined:
                together[one] = joined
    return {thing: _work(members, evidence, iris) for thing, members in together.items()}


_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _work(members: Iterable[Term], evidence: Evidence, iris: Iris) -> Work:
    resources = [evidence.resources[one] for one in members]
    dois = frozenset(doi for one in resources for doi in one.dois)
    if dois:
        identifier = min(dois)[1:-1].removeprefix("https://doi.org/")
        prefix, _, suffix = identifier.partition("/")
        term = values.iri(iris.thing("work", prefix, suffix))
    else:
        identifier = min(one.key.removeprefix("dc:").lower() for one in resources)
        term = values.iri(iris.thing("work", "record", identifier))
    titles: dict[str, Term] = {}
    for title in sorted((title for one in resources for title in one.titles), key=lambda one: (len(one), one)):
        titles.setdefault(language_of(title) or "", title)
    return Work(term, identifier, dois, tuple(sorted(titles.values())))


def enriched_graph(iris: Iris, record_graph: str) -> str:
    """The graph of what is concluded about a record, beside the graph of the record."""
    return record_graph.replace(f"{iris.base}graph/record/", f"{iris.base}graph/enriched/", 1)


def match_keywords(evidence: Evidence, registers: Mapping[str, Register]) -> Iterable[KeywordMatch]:
    """The concepts of the keywords that a record gives without one: exactly one each, or none."""
    by_label: dict[str, set[tuple[Term, str | None]]] = defaultdict(set)
    for concept, labels in evidence.concept_labels.items():
        if concept not in evidence.deprecated:
            for label in labels:
                by_label[lexical(label)].add((concept, language_of(label)))
    for node in sorted({use.keyword for use in evidence.uses}):
        keyword = evidence.keywords[node]
        if keyword.concepts:
            if len(keyword.concepts) == 1:
                words = lexical(min(keyword.labels, default=Term("")))
                yield KeywordMatch(node, min(keyword.concepts), "1.00", words, "semapv:ManualMappingCuration")
            continue
        row = registers["thesauri"].match(keyword.thesaurus) if keyword.thesaurus else None
        lists = (row["begins"],) if row else _LISTS_BY_TYPE.get(keyword.kind, ())
        found: dict[Term, str] = {}
        for label in sorted(keyword.labels):
            for concept, language in by_label.get(lexical(label), ()):
                right_language = row is not None or language is None or language_of(label) in (None, language)
                if concept[1:].startswith(lists) and right_language and lists:
                    found[concept] = lexical(label)
        if len(found) == 1:
            concept, words = next(iter(found.items()))
            yield KeywordMatch(node, concept, "0.98" if row else "0.95", words)


def mapping_statements(
    matches: Iterable[KeywordMatch], iris: Iris, prefixes: dict[str, str]
) -> list[tuple[Term, Term, Term]]:
    """The matches as RDF: the match itself, and an `owl:Axiom` that annotates it with its evidence (SSSOM, RDF form)."""

    def name(prefixed: str) -> Term:
        return Term(f"<{expand(prefixed, prefixes)}>")

    statements = []
    for match in matches:
        row = values.iri(iris.thing("mapping", "keywords", digest(match.keyword, match.concept, length=16)))
        statements += [
            (match.keyword, name("skos:exactMatch"), match.concept),
            (row, RDF_TYPE, name("owl:Axiom")),
            (row, name("owl:annotatedSource"), match.keyword),
            (row, name("owl:annotatedProperty"), name("skos:exactMatch")),
            (row, name("owl:annotatedTarget"), match.concept),
            (row, name("sssom:confidence"), values.typed(match.confidence, "decimal")),
            (row, name("sssom:mapping_justification"), name(match.justification)),
            (row, name("sssom:match_string"), values.text(match.words)),
        ]
    return statements
