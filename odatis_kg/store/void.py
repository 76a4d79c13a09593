"""VoID (W3C Note, Describing Linked Datasets): what a release says of itself, made of its statistics.

The description is the named graph `{base}graph/void`, so that SPARQL finds it, and is no part of the dump: it counts what is
in the dump, which cannot count itself. Values of partitions are said with void-ext (http://ldf.fi/void-ext#), as editors
that complete queries ask for them. What must stay true: the same statistics make the same statements, and the subjects of the
description begin as `partitions.describes_itself` says.
"""

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES
from odatis_kg.store.partitions import TARGETS

EXTENSION: Final = "http://ldf.fi/void-ext#"
_NAMES: Final = {
    "en": "The knowledge graph of French ocean data",
    "fr": "Le graphe de connaissances des données océaniques françaises",
}
_ABOUT: Final = {
    "en": "What the catalogues, cruise reports, ORCID and the vocabularies say of the ocean data of ODATIS, and what was"
    " concluded from it, one named graph for each record. The counts are of the default graph, which holds every statement"
    " of the named graphs once, without this description.",
    "fr": "Ce que les catalogues, les rapports de campagne, ORCID et les vocabulaires disent des données océaniques d'ODATIS,"
    " et ce qui en a été conclu, un graphe nommé par fiche. Les comptes sont ceux du graphe par défaut, qui contient une"
    " fois chaque énoncé des graphes nommés, sans la présente description.",
}
_RIGHTS: Final = {
    "en": "Each record keeps the licence its publisher gave it: see dct:license and dct:rights of the thing in question.",
    "fr": "Chaque fiche garde la licence que lui a donnée son éditeur : voir dct:license et dct:rights de la chose en question.",
}
_FAMILIES: Final = {
    "record": ("What the records say", "Ce que disent les fiches"),
    "enriched": ("What was concluded from the records", "Ce qui a été conclu des fiches"),
    "vocab": ("Vocabularies", "Vocabulaires"),
    "orcid": ("What ORCID says of people", "Ce qu'ORCID dit des personnes"),
    "prov": ("Where the other graphs come from", "D'où viennent les autres graphes"),
    "mappings": ("Keywords matched to concepts", "Mots-clés rapprochés de concepts"),
    "ontology": ("Our own vocabularies", "Nos propres vocabulaires"),
    "register": ("The directory of ODATIS", "L'annuaire d'ODATIS"),
    "queries": ("The query library", "La bibliothèque de requêtes"),
    "local": ("Statements put there by those who run this service", "Énoncés ajoutés par ceux qui tiennent ce service"),
    "gone": ("What is gone", "Ce qui a disparu"),
}
TITLES: Final = {
    "nvs": ("NERC Vocabulary Server", "https://vocab.nerc.ac.uk/"),
    "gcmd": ("GCMD keywords", "https://gcmd.earthdata.nasa.gov/"),
    "edmo": ("European Directory of Marine Organisations", "https://edmo.seadatanet.org/"),
    "edmed": ("European Directory of Marine Environmental Data", "https://edmed.seadatanet.org/"),
    "edmerp": ("European Directory of Marine Environmental Research Projects", "https://edmerp.seadatanet.org/"),
    "csr": ("Cruise Summary Reports of SeaDataNet", "https://csr.seadatanet.org/"),
    "orcid": ("ORCID", "https://orcid.org/"),
    "ror": ("Research Organization Registry", "https://ror.org/"),
    "doi": ("Digital Object Identifiers", "https://www.doi.org/"),
    "wikidata": ("Wikidata", "https://www.wikidata.org/"),
    "marineregions": ("Marine Regions", "https://www.marineregions.org/"),
    "geonames": ("GeoNames", "https://www.geonames.org/"),
    "eu-authorities": ("Authority tables of the European Union", "https://op.europa.eu/en/web/eu-vocabularies"),
    "inspire": ("INSPIRE registry", "https://inspire.ec.europa.eu/registry"),
    "licences": ("Licences", "https://creativecommons.org/"),
}
_EXAMPLES: Final = ("dcat:Dataset", "odk:Cruise", "foaf:Person", "skos:Concept")
_NAMESPACE: Final = re.compile(r"(.*[#/])[^#/]*")


def graph_name(iris: Iris) -> str:
    """The named graph of the description."""
    return iris.graph("void")


def dataset(iris: Iris) -> str:
    """The IRI of the graph as a data set of its own."""
    return f"{iris.base}void#dataset"


def describe(
    statistics: Mapping[str, Any], release: str, modified: str, examples: Iterable[str], iris: Iris
) -> list[str]:
    """The description as sorted N-Quads lines, of statistics as in `statistics.count`, a release and its time (ISO 8601)."""
    name = graph_name(iris)
    triples = _Description(iris, statistics).triples(release, modified, examples)
    return sorted({f"{s} {p} {o} <{name}> ." for s, p, o in triples})


def families(iris: Iris, statistics: Mapping[str, Any]) -> Iterator[tuple[Term, Term, Term]]:
    """The families of named graphs, with the number of graphs and of statements of each."""
    return _Description(iris, statistics).families()


class _Description:
    def __init__(self, iris: Iris, statistics: Mapping[str, Any]) -> None:
        self._iris = iris
        self._statistics = statistics
        self._itself = f"{iris.base}void"
        self._dataset = values.iri(dataset(iris))
        self._counts: dict[tuple[str, ...], int] = {tuple(row[:-1]): row[-1] for row in statistics["partitions"]}

    def triples(self, release: str, modified: str, examples: Iterable[str]) -> Iterator[tuple[Term, Term, Term]]:
        whole, document = self._dataset, values.iri(self._itself)
        yield document, RDF_TYPE, _void("DatasetDescription")
        yield document, _name("foaf:primaryTopic"), whole
        yield from _said(document, "dct:title", {"en": "About this graph", "fr": "À propos de ce graphe"})
        graph = values.iri(graph_name(self._iris))
        yield graph, RDF_TYPE, _name("prov:Entity")
        yield from _said(
            graph, "rdfs:label", {"en": "What this graph says of itself", "fr": "Ce que ce graphe dit de lui-même"}
        )
        yield graph, _name("foaf:primaryTopic"), whole
        yield graph, _name("prov:wasGeneratedBy"), values.iri(self._iris.activity(release, "publish"))
        yield whole, RDF_TYPE, _void("Dataset")
        yield from _said(whole, "dct:title", _NAMES)
        yield from _said(whole, "dct:description", _ABOUT)
        yield from _said(whole, "dct:rights", _RIGHTS)
        yield whole, _name("dct:publisher"), values.iri(self._iris.thing("infrastructure", "odatis", "odatis"))
        yield whole, _name("dct:modified"), values.typed(modified, "dateTime")
        yield whole, _name("dcat:version"), values.text(release)
        yield whole, _void("sparqlEndpoint"), values.iri(f"{self._iris.base}sparql")
        yield whole, _void("dataDump"), values.iri(f"{self._iris.base}dump.nq.gz")
        yield whole, _void("feature"), values.iri("http://www.w3.org/ns/formats/N-Quads")
        yield whole, _void("uriSpace"), values.text(self._iris.base)
        for example in examples:
            yield whole, _void("exampleResource"), values.iri(example)
        for namespace in self._vocabularies():
            yield whole, _void("vocabulary"), values.iri(namespace)
        for key, name in (("statements", "triples"), ("things", "distinctSubjects"), ("entities", "entities")):
            yield whole, _void(name), values.integer(self._counts.get((key,), 0))
        yield whole, _void("distinctObjects"), values.integer(self._statistics["distinct_objects"])
        yield whole, _void("classes"), values.integer(len(self._statistics["classes"]))
        yield whole, _void("properties"), values.integer(len(self._statistics["predicates"]))
        documents = sum(share["graphs"] for share in self._statistics["families"].values())
        yield whole, _void("documents"), values.integer(documents)
        yield from self._partitions()
        yield from self._subsets()
        yield from self._linksets()

    def _partitions(self) -> Iterator[tuple[Term, Term, Term]]:
        """By property, by class, and by property, value class and datatype inside each class."""
        distinct = self._statistics["objects"]
        for key, number in self._counts.items():
            match key:
                case ("property", name):
                    node = self._part("property", name)
                    yield self._dataset, _void("propertyPartition"), node
                    yield node, _void("property"), values.iri(name)
                    yield node, _void("triples"), values.integer(number)
                    yield node, _void("distinctObjects"), values.integer(distinct[name])
                case ("subjects", name):
                    yield self._part("property", name), _void("distinctSubjects"), values.integer(number)
                case ("class", class_):
                    node = self._part("class", class_)
                    yield self._dataset, _void("classPartition"), node
                    yield node, _void("class"), values.iri(class_)
                    yield node, _void("entities"), values.integer(number)
                case ("within", class_, name):
                    node = self._part("class", class_, name)
                    yield self._part("class", class_), _void("propertyPartition"), node
                    yield node, _void("property"), values.iri(name)
                    yield node, _void("triples"), values.integer(number)
                case ("about", class_, name):
                    yield self._part("class", class_, name), _void("distinctSubjects"), values.integer(number)
                case ("to", class_, name, value):
                    node = self._part("class", class_, name, value)
                    yield self._part("class", class_, name), _void("classPartition"), node
                    yield node, _void("class"), values.iri(value)
                    yield node, _void("triples"), values.integer(number)
                case ("of", class_, name, datatype):
                    node = self._part("datatype", class_, name, datatype)
                    yield self._part("class", class_, name), _ext("datatypePartition"), node
                    yield node, _ext("datatype"), values.iri(datatype)
                    yield node, _void("triples"), values.integer(number)

    def _subsets(self) -> Iterator[tuple[Term, Term, Term]]:
        """By family of named graphs, and the record graphs by source; statements of several graphs count in each."""
        yield from self.families()
        for source, share in self._statistics["sources"].items():
            called = {"en": f"What the records of {source} say", "fr": f"Ce que disent les fiches de {source}"}
            yield from self._subset(self._part("source", source), called, f"record/{source}", share)

    def families(self) -> Iterator[tuple[Term, Term, Term]]:
        """The families of named graphs."""
        for family, share in self._statistics["families"].items():
            english, french = _FAMILIES.get(family, (family, family))
            yield from self._subset(self._part("family", family), {"en": english, "fr": french}, family, share)

    def _subset(
        self, node: Term, called: Mapping[str, str], begins: str, share: Mapping[str, int]
    ) -> Iterator[tuple[Term, Term, Term]]:
        yield self._dataset, _void("subset"), node
        yield node, RDF_TYPE, _void("Dataset")
        yield from _said(node, "dct:title", called)
        yield node, _void("triples"), values.integer(share["quads"])
        yield node, _void("documents"), values.integer(share["graphs"])
        names = f"{self._iris.base}graph/{begins}"
        said = {"en": f"Named graphs that begin with {names}", "fr": f"Graphes nommés qui commencent par {names}"}
        yield from _said(node, "dct:description", said)

    def _linksets(self) -> Iterator[tuple[Term, Term, Term]]:
        """The links to what others keep: one set for each target and property."""
        for key, number in self._counts.items():
            if key[0] != "link":
                continue
            target, name = key[1:]
            title, page = TITLES[target]
            node, other = self._part("linkset", target, name), self._part("target", target)
            yield self._dataset, _void("subset"), node
            yield node, RDF_TYPE, _void("Linkset")
            yield node, _void("subjectsTarget"), self._dataset
            yield node, _void("objectsTarget"), other
            yield node, _void("linkPredicate"), values.iri(name)
            yield node, _void("triples"), values.integer(number)
            yield other, RDF_TYPE, _void("Dataset")
            yield other, _name("dct:title"), values.text(title, "en")
            yield other, _name("foaf:homepage"), values.iri(page)
            for begins in TARGETS[target]:
                yield other, _void("uriSpace"), values.text(begins)

    def _vocabularies(self) -> list[str]:
        """The namespaces of the classes and properties in use: declared ones, else what stands before the last # or /."""
        declared = sorted((*PREFIXES.values(), self._iris.odk), key=len, reverse=True)
        found = set()
        for name in (*self._statistics["classes"], *self._statistics["predicates"]):
            known = next((namespace for namespace in declared if name.startswith(namespace)), None)
            cut = _NAMESPACE.fullmatch(name)
            if known or cut:
                found.add(known or cut[1])  # type: ignore[index]
        return sorted(found)

    def _part(self, kind: str, *key: str) -> Term:
        return values.iri(self._iris.part(self._itself, kind, *key))


def examples(store: ox.Store, iris: Iris) -> list[str]:
    """A thing of each of the main kinds, the first by its IRI among those of our own, or of all where there are none."""
    found = []
    for name in _EXAMPLES:
        class_ = iris.odk + name[4:] if name.startswith("odk:") else _name(name)[1:-1]
        quads = store.quads_for_pattern(None, ox.NamedNode(RDF_TYPE[1:-1]), ox.NamedNode(class_), ox.DefaultGraph())
        things = (str(quad.subject.value) for quad in quads)  # type: ignore[union-attr]
        first = min(things, key=lambda thing: (not thing.startswith(iris.base), thing), default=None)
        if first:
            found.append(first)
    return found


def write(store: ox.Store, path: Path, lines: list[str], before: Path | None) -> None:
    """Put the description into a store and into a file; `before` is that of the description the store holds already."""
    old, new = set(read(before) if before else ()), set(lines)
    for quad in _quads(old - new):
        store.remove(quad)
        store.remove(ox.Quad(quad.subject, quad.predicate, quad.object))
    come = list(_quads(new - old))
    store.extend([*come, *(ox.Quad(quad.subject, quad.predicate, quad.object) for quad in come)])
    store.flush()
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))


def read(path: Path) -> list[str]:
    """The lines of the file of a description."""
    return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()


def _quads(lines: set[str]) -> Iterator[ox.Quad]:
    return iter(ox.parse("\n".join(sorted(lines)).encode("utf-8"), format=ox.RdfFormat.N_QUADS))


def _void(name: str) -> Term:
    return Term(f"<{PREFIXES['void']}{name}>")


def _ext(name: str) -> Term:
    return Term(f"<{EXTENSION}{name}>")


def _name(name: str) -> Term:
    prefix, _, local = name.partition(":")
    return Term(f"<{PREFIXES[prefix]}{local}>")


def _said(node: Term, name: str, texts: Mapping[str, str]) -> Iterator[tuple[Term, Term, Term]]:
    for language, said in texts.items():
        yield node, _name(name), values.text(said, language)
