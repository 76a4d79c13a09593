"""The page about a thing: its statements grouped by property, names for IRIs, the source of each, and links from elsewhere.

One query for the statements, one for what links here with its counts, one for all the names of the page, one for where the
graphs come from: their number does not grow with the thing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from odatis_kg.iris import Iris
from odatis_kg.labels import Label, labels, short_name
from odatis_kg.lineage.documents import match_sentence, sentences
from odatis_kg.lineage.graph import Lineage, Origin, lineage_of
from odatis_kg.mapping import values
from odatis_kg.namespaces import PREFIXES, expand
from odatis_kg.queries import read
from odatis_kg.store.engine import Row, SparqlEngine, Value, rows
from odatis_kg.web.links import Links

_MOST_LINKS = 400
_SHOWN_PER_PROPERTY = 25
_TYPE = PREFIXES["rdf"] + "type"

# What comes first on a page; the rest follows by name.
_FIRST = (
    "skos:prefLabel", "dct:title", "foaf:name", "dct:alternative", "skos:altLabel", "dct:description", "skos:definition",
    "rdfs:comment", "geodcatap:purpose", "dct:identifier", "schema:sameAs", "adms:identifier", "org:hasMembership",
    "org:organization", "schema:roleName", "dct:creator", "dct:publisher",
    "odk:chiefScientist", "ssn:deployedOnPlatform", "schema:startDate", "schema:endDate", "odk:departurePort",
    "odk:arrivalPort", "prov:wasGeneratedBy", "schema:variableMeasured", "ssn:forProperty", "odk:platform",
    "odk:platformCategory", "odk:instrument", "odk:instrumentCategory", "odk:project", "dct:temporal", "dct:spatial",
    "dct:license", "dct:accessRights", "dct:rights", "dcat:distribution", "dcat:landingPage", "foaf:page", "dct:provenance",
    "prov:wasDerivedFrom", "dct:isPartOf", "dct:hasPart", "skos:broader", "skos:narrower", "skos:related",
    "skos:exactMatch", "dcat:contactPoint", "prov:qualifiedAttribution", "dcat:keyword", "odk:sourceKeyword",
)  # fmt: skip


# A link from elsewhere tells nothing new where the thing itself states the inverse.
_INVERSES = {
    "skos:broader": "skos:narrower", "skos:narrower": "skos:broader", "skos:related": "skos:related",
    "skos:member": "odk:inCollection", "odk:inCollection": "skos:member", "dct:isPartOf": "dct:hasPart",
    "dct:hasPart": "dct:isPartOf", "foaf:primaryTopic": "foaf:isPrimaryTopicOf",
}  # fmt: skip


@dataclass(slots=True)
class Shown:
    """A value on the page."""

    text: str
    language: str = ""
    href: str = ""
    outside: str = ""
    marks: tuple[int, ...] = ()
    part: "list[Property] | None" = None
    order: int = 0


@dataclass(slots=True)
class Property:
    """A property with its values."""

    iri: str
    name: Label
    values: list[Shown]
    total: int


@dataclass(slots=True)
class SourceNote:
    """Where the statements with one mark come from, in sentences."""

    mark: int
    graph: str
    label: Label
    href: str
    sentences: list[str]


@dataclass(slots=True)
class Description:
    """Everything the page about a thing shows."""

    iri: str
    title: Label
    kinds: list[Label]
    properties: list[Property]
    incoming: list[Property]
    sources: list[SourceNote]
    statements: int
    cut: bool
    mentioned_only: bool = False
    matches: list[str] = field(default_factory=list)


class Describer:
    """Gathers what pages about things show."""

    def __init__(self, engine: SparqlEngine, iris: Iris, most: int) -> None:
        self._engine = engine
        self._iris = iris
        self._links = Links(iris)
        self._most = most
        prefixes = {**PREFIXES, "odk": iris.odk}
        self._first = {expand(name, prefixes): rank for rank, name in enumerate(_FIRST)}
        self._inverse = {expand(name, prefixes): expand(other, prefixes) for name, other in _INVERSES.items()}

    async def describe(self, thing: str, languages: Sequence[str]) -> Description | None:
        """The page of a thing; None when the graph knows nothing of it."""
        term = values.iri(thing)
        begins = values.text(self._iris.parts_begin(thing))
        bindings = {"thing": term, "begins": begins, "most": values.Term(str(self._most + 1))}
        found = await rows(self._engine, read("pages/describe", self._iris).text, bindings)
        incoming, counts = await self._incoming(thing)
        if not found and not incoming:
            return None
        cut = len(found) > self._most
        found = found[: self._most]
        said = {(row["property"].value, row["value"].value) for row in found if row["subject"].value == thing}
        incoming = [(name, subject) for name, subject in incoming if (self._inverse.get(name), subject) not in said]
        lineage = await lineage_of(self._engine, self._iris, thing, languages)
        mentioned = {value.value for row in found for value in row.values() if value.kind == "iri"}
        mentioned |= {
            name for property_, subject in incoming for name in (property_, self._iris.owner(subject), subject)
        }
        names = await labels(self._engine, self._iris, {thing, *mentioned}, languages)
        sources, marks = self._sources(found, lineage, names)
        by_subject: dict[str, list[Row]] = {}
        for row in found:
            by_subject.setdefault(row["subject"].value, []).append(row)
        page = _Page(self._iris, self._links, self._first, names, marks, by_subject, languages)
        kinds = _telling(row["value"].value for row in by_subject.get(thing, []) if row["property"].value == _TYPE)
        return Description(
            iri=thing,
            title=self._label(thing, names),
            kinds=list({label.text: label for label in (self._label(kind, names) for kind in kinds)}.values()),
            properties=page.properties(thing, {thing}),
            incoming=self._grouped(incoming, counts, names),
            sources=sources,
            statements=len(found),
            cut=cut,
            mentioned_only=not found,
            matches=[match_sentence(match) for match in (lineage.matches if lineage else ())],
        )

    async def _incoming(self, thing: str) -> tuple[list[tuple[str, str]], dict[str, int]]:
        """What links to a thing from outside it, as (property, subject), and how many links of each property there are."""
        bindings = {"thing": values.iri(thing), "most": values.Term(str(_MOST_LINKS))}
        found = await rows(self._engine, read("pages/incoming", self._iris).text, bindings)
        links = [
            (row["property"].value, row["subject"].value)
            for row in found
            if row["subject"].kind == "iri" and not row["subject"].value.startswith(self._iris.parts_begin(thing))
        ]
        # A part of a thing links here for the thing; where the thing itself does, that says it better.
        direct = {subject for _, subject in links if subject == self._iris.owner(subject)}
        links = [link for link in links if self._iris.owner(link[1]) not in direct - {link[1]}]
        counts: dict[str, int] = {}
        if len(found) == _MOST_LINKS:
            counted = await rows(
                self._engine, read("pages/incoming-counts", self._iris).text, {"thing": values.iri(thing)}
            )
            counts = {row["property"].value: int(row["links"].value) for row in counted}
        return links, counts

    def _label(self, iri: str, names: Mapping[str, Label]) -> Label:
        return names.get(iri) or Label(short_name(iri, self._iris))

    def _grouped(
        self, incoming: Sequence[tuple[str, str]], counts: Mapping[str, int], names: Mapping[str, Label]
    ) -> list[Property]:
        groups = []
        for property_, links in groupby(incoming, key=lambda link: link[0]):
            owners = list(dict.fromkeys(self._iris.owner(subject) for _, subject in links))
            shown = [self._link(owner, names) for owner in owners if not self._iris.is_graph(owner)]
            shown.sort(key=lambda one: one.text.casefold())
            if shown:
                name = self._label(property_, names)
                total = max(len(shown), counts.get(property_, 0))
                groups.append(Property(property_, name, shown[:_SHOWN_PER_PROPERTY], total))
        return sorted(groups, key=lambda group: (self._first.get(group.iri, 999), group.name.text))

    def _link(self, iri: str, names: Mapping[str, Label]) -> Shown:
        label = self._label(iri, names)
        return Shown(label.text, label.language, self._links.thing(iri))

    def _sources(
        self, found: Iterable[Row], lineage: Lineage | None, names: Mapping[str, Label]
    ) -> tuple[list[SourceNote], dict[str, int]]:
        graphs = {row["graph"].value for row in found}
        known = {origin.graph: origin for origin in (lineage.origins if lineage else ())}
        ordered = [graph for graph in known if graph in graphs] + sorted(graphs - known.keys())
        marks = {graph: number for number, graph in enumerate(ordered, 1)}
        notes = []
        for graph, mark in marks.items():
            family = graph.removeprefix(f"{self._iris.base}graph/").partition("/")[0]
            origin = known.get(graph, Origin(graph, 0, family))
            label = names.get(graph, Label(graph))
            notes.append(SourceNote(mark, graph, label, self._links.thing(graph), sentences(origin)))
        return notes, marks


def _telling(types: Iterable[str]) -> list[str]:
    """The classes worth showing: that something is a PROV entity tells nothing when another class says what it is."""
    found = sorted(set(types))
    return [type_ for type_ in found if not type_.startswith(PREFIXES["prov"])] or found


class _Page:
    """Turns rows into what is shown; parts of the thing are shown inside it."""

    def __init__(
        self,
        iris: Iris,
        links: Links,
        first: Mapping[str, int],
        names: Mapping[str, Label],
        marks: Mapping[str, int],
        by_subject: Mapping[str, list[Row]],
        languages: Sequence[str],
    ) -> None:
        self._iris = iris
        self._links = links
        self._first = first
        self._names = names
        self._marks = marks
        self._by_subject = by_subject
        self._languages = languages
        self._orders = {iris.odk + name for name in ("stepOrder", "order")}

    def properties(self, subject: str, above: set[str]) -> list[Property]:
        """The properties of a subject, in reading order; `above` are the subjects it is shown inside of."""
        grouped: dict[str, dict[Value, set[int]]] = {}
        for row in self._by_subject.get(subject, ()):
            value = row["value"]
            if value.kind == "iri" and value.value in above:
                continue  # back to what this is shown inside of
            graph = self._marks.get(row["graph"].value, 0)
            grouped.setdefault(row["property"].value, {}).setdefault(value, set()).add(graph)
        properties = []
        for iri, found in grouped.items():
            if iri == _TYPE:
                continue
            shown = [self._shown(value, tuple(sorted(marks)), above) for value, marks in found.items()]
            shown.sort(key=lambda one: (one.order, self._language_order(one.language), one.text.casefold()))
            name = self._names.get(iri, Label(short_name(iri, self._iris)))
            properties.append(Property(iri, name, shown[:_SHOWN_PER_PROPERTY], len(shown)))
        return sorted(properties, key=lambda one: (self._first.get(one.iri, 500), one.name.text))

    def _shown(self, value: Value, marks: tuple[int, ...], above: set[str]) -> Shown:
        if value.kind != "iri":
            return Shown(value.value, value.language, marks=marks)
        iri = value.value
        if iri in self._by_subject and iri not in above:
            part = self.properties(iri, {*above, iri})
            said = [(row["property"].value, row["value"].value) for row in self._by_subject[iri]]
            types = _telling(value for name, value in said if name == _TYPE)
            kind = next((self._names[type_].text for type_ in types if type_ in self._names), "")
            order = next((int(value) for name, value in said if name in self._orders and value.isdigit()), 0)
            text = kind or short_name(iri, self._iris)
            return Shown(f"{text} {order}" if order else text, marks=marks, part=part, order=order)
        label = self._names.get(iri)
        outside = self._links.outside(iri) or ""
        is_ours = iri.startswith(self._iris.base)
        href = self._links.thing(iri) if label is not None or is_ours else outside
        text = label.text if label else short_name(iri, self._iris)
        language = label.language if label else ""
        return Shown(text, language, href, outside if href != outside else "", marks)

    def _language_order(self, language: str) -> int:
        base = language.partition("-")[0]
        return self._languages.index(base) if base in self._languages else len(self._languages)
