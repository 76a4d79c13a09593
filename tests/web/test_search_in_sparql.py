"""Searches in SPARQL over HTTP: rows, places of mistakes, datasets of the request; and the examples of the documentation."""

import re
from itertools import pairwise

import pytest

from odatis_kg.store.plain_search import Box, box_pattern
from odatis_kg.store.textindex import search
from tests.conftest import BASE, ROOT, Built, Server

ODK = f"PREFIX odk: <{BASE}def/odk#>\nPREFIX dct: <http://purl.org/dc/terms/>\n"
EXAMPLES = re.findall(r"```sparql\n(.*?)```", (ROOT / "docs" / "search.md").read_text(encoding="utf-8"), re.DOTALL)


def rows(server: Server, query: str, **more: str) -> list[dict[str, str]]:
    response = server.ask(query, **more)
    assert response.status_code == 200, response.text
    return [{name: term["value"] for name, term in row.items()} for row in response.json()["results"]["bindings"]]


def test_words_find_what_the_search_page_finds_in_the_same_order(server: Server, demo: Built) -> None:
    found = rows(server, f'{ODK} SELECT ?x ?rank {{ (?x ?rank) odk:textMatch "temp" }} ORDER BY ?rank')
    total, hits = search(demo.release.text_index, "temp", limit=1_000)
    assert [row["x"] for row in found] == [hit.iri for hit in hits]
    assert len(found) == total > 20
    assert [row["rank"] for row in found] == [str(number) for number in range(1, total + 1)]
    best = rows(server, f'{ODK} SELECT ?x {{ ?x odk:textMatch ("temp" 3) }}')
    assert {row["x"] for row in best} == {hit.iri for hit in hits[:3]}


def test_a_box_finds_data_sets_by_their_places(server: Server) -> None:
    begin = f"{ODK} SELECT DISTINCT ?d ?place {{ ?d dct:spatial ?place . "
    found = rows(server, f"{begin} ?place odk:intersectsBox (-10 43 0 49) }}")
    box = box_pattern("?place", Box.of(["-10", "43", "0", "49"]), f"{BASE}def/odk#", "_")
    plain = rows(server, f"{begin} {box} }}")
    assert sorted(map(str, found)) == sorted(map(str, plain))
    assert len(found) > 10


def test_get_and_direct_post_search_too(server: Server) -> None:
    query = f'{ODK} ASK {{ ?x odk:textMatch "temperature" }}'
    assert server.get("sparql?" + f"query={query}".replace("#", "%23").replace("\n", "%20")).json()["boolean"] is True


def test_a_mistake_in_a_search_is_told_with_its_place(server: Server) -> None:
    response = server.ask(f"{ODK}SELECT * {{\n  ?x odk:textMatch ?words }}")
    assert response.status_code == 400
    problem = response.json()
    assert (problem["line"], problem["column"]) == (4, 20)
    assert "written out" in problem["detail"]


def test_a_mistake_after_a_search_is_told_with_its_place_in_what_was_sent(server: Server) -> None:
    response = server.ask(f'{ODK}SELECT * {{\n  ?x odk:textMatch "temp" . ?x dtc:title ?t }}')
    assert response.status_code == 400
    assert (response.json()["line"], response.json()["column"]) == (4, 32)


def test_the_dataset_of_the_request_is_what_is_searched(server: Server) -> None:
    query = f'{ODK} SELECT ?x {{ ?x odk:textMatch "temp" }}'
    (row,) = rows(server, f'{ODK} SELECT ?g {{ GRAPH ?g {{ ?x odk:textMatch "temp" }} }} ORDER BY ?g LIMIT 1')
    inside = rows(server, query, **{"default-graph-uri": row["g"]})
    assert 0 < len(inside) < len(rows(server, query))
    assert rows(server, query, **{"default-graph-uri": "http://a/nothing"}) == []


def test_the_search_page_folds_as_queries_do(server: Server) -> None:
    plain, shouted = (server.get(f"search?q={word}").text for word in ("donnees", "DONN%C3%89ES"))
    things = re.findall(r"/id/[^\"<]+", plain)
    assert len(things) > 10
    assert re.findall(r"/id/[^\"<]+", shouted) == things


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_of_the_documentation_give_rows(server: Server, number: int) -> None:
    assert len(EXAMPLES) == 4
    query = EXAMPLES[number]
    for name, side in {"west": "-10", "south": "43", "east": "0", "north": "49"}.items():
        query = query.replace(f"${name}", side)
    found = rows(server, query)
    assert found
    if "$west" in EXAMPLES[number]:
        searched = rows(server, f"{ODK} SELECT DISTINCT ?place {{ ?place odk:intersectsBox (-10 43 0 49) }}")
        assert sorted(map(str, found)) == sorted(map(str, searched))
    if "REGEX" in query:
        searched = rows(
            server,
            f'{ODK} SELECT ?thing {{ ?thing odk:textMatch "sel" ; a dcat:Dataset }}'.replace(
                "PREFIX", "PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX", 1
            ),
        )
        assert {row["thing"] for row in found} <= {row["thing"] for row in searched}
    if "ORDER BY ?rank" in query:
        assert all(int(one["rank"]) <= int(two["rank"]) for one, two in pairwise(found))
