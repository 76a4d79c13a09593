"""The query library and the prefixes as RDF, where editors look for them: `sh:SPARQLExecutable` and `sh:declare` (SHACL,
sections 5.1 and 5.2.1), in the form of the example queries of the SIB.

The text of a query is published with its parameters bound to their default values, so that it runs as it stands.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import AUTHORITY_PREFIXES, PREFIXES, expand
from odatis_kg.queries import PUBLISHED, NamedQuery, names, read
from odatis_kg.queries.parameters import Parameter, Type
from odatis_kg.store.syntax import Form

Triples = list[tuple[Term, Term, Term]]

GRAPH: Final = "queries"
TITLES: Final = ("The query library, and the prefixes", "La bibliothèque de requêtes, et les préfixes")
_EXECUTABLES: Final = {
    Form.SELECT: ("SPARQLSelectExecutable", "select"),
    Form.ASK: ("SPARQLAskExecutable", "ask"),
    Form.CONSTRUCT: ("SPARQLConstructExecutable", "construct"),
    Form.DESCRIBE: ("SPARQLDescribeExecutable", "describe"),
}


def published(iris: Iris) -> list[NamedQuery]:
    """The queries of the library."""
    return [read(name, iris) for name in names(PUBLISHED)]


def address(query: NamedQuery) -> str:
    """The IRI of a published query, which is the address of its page."""
    return f"{query.iris.base}queries/{query.short_name}"


def prefixes(iris: Iris) -> dict[str, str]:
    """Every prefix that is declared to editors, in alphabetical order."""
    return dict(sorted({**PREFIXES, **AUTHORITY_PREFIXES, "odk": iris.odk}.items()))


def statements(iris: Iris) -> Triples:
    """The library and the prefixes, whole."""
    return [*prefix_statements(iris), *(triple for query in published(iris) for triple in query_statements(query))]


def prefix_statements(iris: Iris) -> Iterator[tuple[Term, Term, Term]]:
    """The prefixes, as declarations of `{base}prefixes`."""
    whole = values.iri(f"{iris.base}prefixes")
    yield whole, RDF_TYPE, _name("owl:Ontology")
    yield from _said(whole, "rdfs:label", "Prefixes", "Préfixes")
    for prefix, namespace in prefixes(iris).items():
        node = values.iri(f"{iris.base}prefixes#{prefix}")
        yield whole, _name("sh:declare"), node
        yield node, RDF_TYPE, _name("sh:PrefixDeclaration")
        yield node, _name("sh:prefix"), values.text(prefix)
        yield node, _name("sh:namespace"), values.typed(namespace, "anyURI")


def query_statements(query: NamedQuery) -> Iterator[tuple[Term, Term, Term]]:
    """One query."""
    node = values.iri(address(query))
    kind, text = _EXECUTABLES[query.form]
    yield node, RDF_TYPE, _name("sh:SPARQLExecutable")
    yield node, RDF_TYPE, _name(f"sh:{kind}")
    yield from _said(node, "rdfs:label", query.title, query.titre)
    yield from _said(node, "rdfs:comment", f"{query.title} {query.comment}", f"{query.titre} {query.commentaire}")
    yield node, _name(f"sh:{text}"), values.text(query.example)
    yield node, _name("sh:prefixes"), values.iri(f"{query.iris.base}prefixes")
    yield node, _name("schema:target"), values.iri(f"{query.iris.base}sparql")
    yield node, _name("rdfs:seeAlso"), values.iri(f"{address(query)}.rq")
    for keyword in query.keywords:
        yield node, _name("schema:keywords"), values.text(keyword, "en")
    for parameter in query.parameters:
        yield from _parameter(query, parameter)


def _parameter(query: NamedQuery, parameter: Parameter) -> Iterable[tuple[Term, Term, Term]]:
    node = values.iri(f"{address(query)}#parameter-{parameter.name}")
    yield values.iri(address(query)), _name("sh:parameter"), node
    yield node, RDF_TYPE, _name("sh:Parameter")
    yield node, _name("sh:path"), values.iri(f"{address(query)}#{parameter.name}")
    yield from _said(node, "sh:name", parameter.label["en"], parameter.label["fr"])
    if parameter.type in (Type.IRI, Type.IRIS):
        yield node, _name("sh:nodeKind"), _name("sh:IRI")
        yield node, _name("sh:defaultValue"), values.iri(parameter.default)
    else:
        yield node, _name("sh:datatype"), _name(f"xsd:{parameter.type.datatype}")
        yield node, _name("sh:defaultValue"), values.typed(parameter.default, parameter.type.datatype)


def _said(node: Term, name: str, english: str, french: str) -> Iterator[tuple[Term, Term, Term]]:
    yield node, _name(name), values.text(english, "en")
    yield node, _name(name), values.text(french, "fr")


def _name(name: str) -> Term:
    return values.iri(expand(name, PREFIXES))
