"""Which representation a client would rather have (RFC 9110, section 12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.web.negotiation import GRAPHS, HTML, TABLES, document_format, graph_format, languages, table_format

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "table", "graph", "document"),
    [
        (None, "application/sparql-results+json", "text/turtle", HTML),
        ("", "application/sparql-results+json", "text/turtle", HTML),
        ("*/*", "application/sparql-results+json", "text/turtle", HTML),
        (BROWSER, HTML, HTML, HTML),
        ("text/turtle", None, "text/turtle", "text/turtle"),
        ("application/json", "application/sparql-results+json", "application/ld+json", "application/ld+json"),
        ("text/csv;q=0.5, application/sparql-results+xml;q=0.9", "application/sparql-results+xml", None, None),
        ("text/*", "text/csv", "text/turtle", HTML),
        ("application/rdf+xml, text/turtle;q=0.9", None, "application/rdf+xml", "application/rdf+xml"),
        ("image/png", None, None, None),
        ("text/turtle;q=0, */*;q=0.1", "application/sparql-results+json", "application/n-triples", HTML),
        ("TEXT/Turtle; Q=0.5", None, "text/turtle", "text/turtle"),
        ("*/*;q=0", None, None, None),
        ("text/n3", None, "text/turtle", "text/turtle"),
        ("text/rdf+n3, application/n-triples;q=0.5", None, "text/turtle", "text/turtle"),
        ("nonsense, text/turtle", None, "text/turtle", "text/turtle"),
        ("text/turtle;charset=utf-8", None, "text/turtle", "text/turtle"),
    ],
)
def test_the_preferred_format_is_found(
    accept: str | None, table: str | None, graph: str | None, document: str | None
) -> None:
    assert table_format(accept) == table
    assert graph_format(accept) == graph
    assert document_format(accept) == document


@given(st.text(max_size=80))
def test_any_header_gives_an_offer_or_none(header: str) -> None:
    assert table_format(header) in (*TABLES, HTML, None)
    assert graph_format(header) in (*GRAPHS, HTML, None)
    assert sorted(languages(header, ("en", "fr"))) == ["en", "fr"]


@given(st.sampled_from(GRAPHS), st.sampled_from(GRAPHS))
def test_the_higher_quality_wins_whatever_the_order(first: str, second: str) -> None:
    if first != second:
        assert graph_format(f"{first};q=0.4, {second};q=0.6") == second
        assert graph_format(f"{second};q=0.6, {first};q=0.4") == second


@pytest.mark.parametrize(
    ("header", "first"),
    [
        (None, "en"),
        ("fr", "fr"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de", "en"),
        ("en;q=0.2, fr;q=0.7", "fr"),
        ("*", "en"),
    ],
)
def test_the_preferred_language_comes_first(header: str | None, first: str) -> None:
    assert languages(header, ("en", "fr"))[0] == first
