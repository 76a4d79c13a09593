"""Statements as one document: the same bytes for the same statements, whatever the order, the parts and the names of nameless nodes."""

import random

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.harvest.statements import Statement, document, iri, literal, read, value_of
from odatis_kg.mapping.errors import RefusedError

TERMS = st.one_of(st.sampled_from(["_:a", "_:b", "_:c"]), st.sampled_from([f"<http://a/{name}>" for name in "xyz"]))


def triples(content: bytes) -> list[tuple[str, str, str]]:
    return [
        (str(quad.subject), str(quad.predicate), str(quad.object))
        for quad in ox.parse(content, ox.RdfFormat.N_TRIPLES, lenient=True)
    ]


@given(st.text(), st.sampled_from([None, "en", "fr-FR"]))
def test_any_text_comes_back_from_a_document(text: str, language: str | None) -> None:
    (quad,) = ox.parse(document([("<http://a>", "<http://p>", literal(text, language))]), ox.RdfFormat.N_TRIPLES)
    assert quad.object == (ox.Literal(text, language=language) if language else ox.Literal(text))
    assert value_of(literal(text, language)) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_address_comes_back_from_a_document(text: str) -> None:
    (found,) = read(document([("<http://a>", "<http://p>", iri(f"http://a/{text}"))]))
    assert found[2] == iri(f"http://a/{text}")
    assert value_of(found[2]) == f"http://a/{text}"


@given(st.lists(st.tuples(TERMS, st.sampled_from(["<http://p>", "<http://q>"]), TERMS)), st.randoms())
def test_order_and_names_of_nameless_nodes_make_no_difference(given_: list[Statement], chance: random.Random) -> None:
    names = {"_:a": "_:n7", "_:b": "_:n1", "_:c": "_:a"}
    other = [(names.get(one, one), predicate, names.get(last, last)) for one, predicate, last in given_]
    chance.shuffle(other)
    assert document(other) == document([*given_, *given_[:1]])


def test_nameless_nodes_that_say_the_same_of_two_things_stay_two() -> None:
    one, other = "<http://a/1>", "<http://a/2>"
    content = document(
        [
            (one, "<http://p>", "_:a"),
            ("_:a", "<http://q>", '"t"'),
            (other, "<http://p>", "_:b"),
            ("_:b", "<http://q>", '"t"'),
        ]
    )
    assert len(triples(content)) == 4
    assert len({object_ for _, _, object_ in triples(content) if object_.startswith("_:")}) == 2


def test_a_web_of_nameless_nodes_is_named_in_bounded_time() -> None:
    web = [
        (f"_:n{n}", predicate, f"_:n{(n + 1) % 300}") for n in range(300) for predicate in ("<http://p>", "<http://q>")
    ]
    assert len(triples(document(web))) <= 600
    assert document(web) == document(reversed(web))


def test_a_language_tag_no_document_may_hold_is_put_right() -> None:
    assert literal("a", "fr_FR") == '"a"@fr-FR'
    assert literal("a", "not a tag") == '"a"'
    assert literal("5", None, "http://www.w3.org/2001/XMLSchema#int") == '"5"^^<http://www.w3.org/2001/XMLSchema#int>'


RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="http://a/">
<rdf:Description rdf:about="one"><a:p>text</a:p><a:q>more</a:q></rdf:Description>
</rdf:RDF>"""


def test_relative_addresses_are_completed() -> None:
    assert {one for one, _, _ in read(RDF, "http://base/")} == {"<http://base/one>"}


@pytest.mark.parametrize("cut", [b"</rdf:RDF>", b"ore</a:q>", b"</rdf:Description>"])
def test_xml_that_ends_too_early_is_told_wherever_it_ends(cut: bytes) -> None:
    with pytest.raises(RefusedError, match="cut off or damaged"):
        list(read(RDF[: RDF.index(cut)], "http://base/"))


def test_xml_that_is_nested_too_deep_or_no_rdf_is_refused() -> None:
    deep = RDF.replace(b"text", b"<a:x>" * 300 + b"</a:x>" * 300)
    with pytest.raises(RefusedError, match="deep"):
        list(read(deep))
    with pytest.raises(RefusedError, match="not RDF"):
        list(read(b"<html><body/></html>"))
