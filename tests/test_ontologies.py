"""The vocabulary files: every term the graph uses has a name in English and in French; our own terms are explained."""

import pyoxigraph as ox
import pytest

from odatis_kg.namespaces import PREFIXES
from odatis_kg.resources import folder
from tests.conftest import BASE, Built

RDFS = PREFIXES["rdfs"]
TYPE = PREFIXES["rdf"] + "type"
# Properties of vocabularies that are republished as their keepers publish them.
FOREIGN = ("http://vocab.nerc.ac.uk/", "https://gcmd.earthdata.nasa.gov/", "http://purl.org/pav/")


@pytest.fixture(scope="module")
def terms() -> ox.Store:
    store = ox.Store()
    for path in sorted(folder("ontologies").glob("*.ttl")):
        store.load(path=str(path), format=ox.RdfFormat.TURTLE, base_iri=BASE)
    return store


def names(terms: ox.Store, term: str, predicate: str = "label") -> dict[str | None, str]:
    found = [
        quad.object for quad in terms.quads_for_pattern(ox.NamedNode(term), ox.NamedNode(RDFS + predicate), None, None)
    ]
    assert len({name.language for name in found}) == len(found), f"two in one language: {term}"
    return {name.language: name.value for name in found}


def test_every_term_of_the_graph_has_a_name_in_both_languages(terms: ox.Store, demo: Built) -> None:
    store = ox.Store.read_only(str(demo.release.store))
    used = {row["p"].value for row in store.query("SELECT DISTINCT ?p { ?s ?p ?o }")}
    used |= {row["c"].value for row in store.query("SELECT DISTINCT ?c { ?s a ?c }")}
    used = {term for term in used if not term.startswith(FOREIGN)}
    assert len(used) > 150
    nameless = sorted(term for term in used if set(names(terms, term)) < {"en", "fr"})
    assert nameless == []


def test_our_own_terms_are_explained_in_both_languages(terms: ox.Store) -> None:
    ours = {
        quad.subject.value
        for quad in terms.quads_for_pattern(None, ox.NamedNode(TYPE), None, None)
        if quad.subject.value.startswith(f"{BASE}def/odk#")
    }
    assert len(ours) > 15
    for term in ours:
        assert set(names(terms, term)) == {"en", "fr"}, term
        assert set(names(terms, term, "comment")) == {"en", "fr"}, term


def test_the_mapping_uses_no_term_of_ours_that_is_not_defined(terms: ox.Store, demo: Built) -> None:
    store = ox.Store.read_only(str(demo.release.store))
    used = {row["t"] for row in store.query("SELECT DISTINCT ?t { { ?s ?t ?o } UNION { ?s a ?t } }")}
    ours = {term for term in used if term.value.startswith(f"{BASE}def/odk#")}
    assert len(ours) > 10
    for term in ours:
        assert any(True for _ in terms.quads_for_pattern(term, None, None, None)), term.value
