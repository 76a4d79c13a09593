"""What remote engines do otherwise than our own processes: each difference of docs/remote-engines.md, shown on the server.

A test here that fails is good news or bad: the page is no longer true.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.config import QuerySettings
from odatis_kg.store.endpoint import RowsCutError
from odatis_kg.store.engine import (
    EngineUnavailableError,
    GraphFormat,
    Query,
    QueryTimeoutError,
    ResultTooLargeError,
    TableFormat,
    rows,
)
from odatis_kg.store.remote import RemoteEngine
from odatis_kg.store.syntax import QueryRefusedError
from tests.conftest import Built
from tests.contract.virtuoso import found
from tests.contract.virtuoso import virtuoso as running_virtuoso
from tests.support import answer_of, start

TITLE = "<http://purl.org/dc/terms/title>"


@pytest.fixture
async def engine(virtuoso: str, demo: Built) -> AsyncIterator[RemoteEngine]:
    """An engine on Virtuoso."""
    async with AsyncExitStack() as ending:
        settings = QuerySettings(endpoint=virtuoso)  # type: ignore[call-arg]
        yield await start(RemoteEngine(settings, demo.settings.base_url), ending)


@pytest.fixture(scope="module")
def short(demo: Built) -> Iterator[str]:
    """A Virtuoso that cuts results at 100 rows, as many public ones do at some number."""
    if found() is None:
        pytest.skip("Virtuoso is not on this machine: `make virtuoso` unpacks Debian's package beside the tests")
    with running_virtuoso(demo.release.dump, rows=100) as address:
        yield address


async def test_its_default_graph_has_a_statement_once_for_each_graph_that_says_it(engine: RemoteEngine) -> None:
    query = f"SELECT ?s ?t (COUNT(DISTINCT ?g) AS ?n) {{ GRAPH ?g {{ ?s {TITLE} ?t }} }} GROUP BY ?s ?t HAVING (COUNT(DISTINCT ?g) > 1) LIMIT 1"
    (row,) = await rows(engine, query)
    again = [one["t"] for one in await rows(engine, f"SELECT ?t {{ <{row['s'].value}> {TITLE} ?t }}")]
    assert again.count(row["t"]) == int(row["n"].value) > 1
    once = [one["t"] for one in await rows(engine, f"SELECT DISTINCT ?t {{ <{row['s'].value}> {TITLE} ?t }}")]
    assert once.count(row["t"]) == 1


async def test_its_own_graphs_are_among_the_named_graphs(engine: RemoteEngine) -> None:
    own = "ASK { GRAPH <http://www.openlinksw.com/schemas/virtrdf#> { ?s ?p ?o } }"
    assert b"true" in await answer_of(engine, Query(own))


async def test_truth_values_that_are_computed_are_integers(engine: RemoteEngine) -> None:
    (row,) = await rows(engine, 'SELECT (REGEX("abc", "B", "i") AS ?x) {}')
    assert row["x"].datatype == "http://www.w3.org/2001/XMLSchema#integer"


async def test_numbers_and_language_tags_come_in_their_plainest_form(engine: RemoteEngine) -> None:
    found = await rows(engine, 'SELECT ?x { VALUES ?x { 1.50 "a"@fr-FR } }')
    assert [(row["x"].value, row["x"].language) for row in found] == [("1.5", ""), ("a", "fr-fr")]


async def test_a_text_has_no_type_whether_one_was_stated_or_not(engine: RemoteEngine) -> None:
    content = await answer_of(engine, Query('SELECT (STRDT("a", <http://www.w3.org/2001/XMLSchema#string>) AS ?x) {}'))
    assert json.loads(content)["results"]["bindings"] == [{"x": {"type": "literal", "value": "a"}}]


async def test_describe_gives_statements_about_and_statements_that_point_to(engine: RemoteEngine) -> None:
    thing = "http://localhost:8000/id/dataset/demo/argo-gdac"
    content = await answer_of(engine, Query(f"DESCRIBE <{thing}>", graph=GraphFormat.NTRIPLES))
    subjects = {quad.subject.value for quad in ox.parse(content, ox.RdfFormat.N_TRIPLES)}
    assert thing in subjects
    assert len(subjects) > 1


async def test_a_path_of_any_length_needs_one_end_that_is_known(engine: RemoteEngine) -> None:
    broader = "<http://www.w3.org/2004/02/skos/core#broader>"
    with pytest.raises(EngineUnavailableError, match="transitive start not given"):
        await rows(engine, f"SELECT ?x {{ ?x {broader}+ ?y }} LIMIT 2")
    bound = f"SELECT ?y {{ ?x a <http://www.w3.org/2004/02/skos/core#Concept> . ?x {broader}+ ?y }} LIMIT 2"
    assert await rows(engine, bound)


@pytest.mark.parametrize(
    "query",
    ["SELECT (BNODE() AS ?x) {}", "SELECT (GROUP_CONCAT(?x) AS ?all) { VALUES ?x { 1 2 } }"],
)
async def test_some_of_sparql_is_not_there(engine: RemoteEngine, query: str) -> None:
    with pytest.raises((QueryRefusedError, EngineUnavailableError)):
        await rows(engine, query)


async def test_an_error_that_only_virtuoso_finds_has_a_line_and_no_column(engine: RemoteEngine) -> None:
    with pytest.raises(QueryRefusedError, match="PREFIX dcat:") as caught:
        await rows(engine, "SELECT * WHERE {\n ?s a dcat:Dataset }")
    assert (caught.value.line, caught.value.column) == (2, 7)
    with pytest.raises(QueryRefusedError) as caught:
        await rows(engine, "SELECT * WHERE {\n ?s a ?c . FILTER(<http://a/f>(?c) ?c) }")
    assert (caught.value.line, caught.value.column) == (2, None)


async def test_a_table_cut_at_the_most_rows_is_an_error_and_one_that_is_not_is_whole(short: str) -> None:
    async with AsyncExitStack() as ending:
        engine = await start(RemoteEngine(QuerySettings(endpoint=short)), ending)  # type: ignore[call-arg]
        for text in ("SELECT * { ?s ?p ?o }", "SELECT * { ?s ?p ?o } LIMIT 1000"):
            with pytest.raises(RowsCutError, match="100"):
                await answer_of(engine, Query(text))
        assert (await answer_of(engine, "SELECT ?s { ?s ?p ?o } LIMIT 99")).count(b"\n") == 100
        assert issubclass(RowsCutError, ResultTooLargeError)


async def test_a_graph_made_from_cut_rows_is_an_error_though_virtuoso_does_not_say_so(short: str) -> None:
    every = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
    raw = await asyncio.to_thread(httpx.post, short, data={"query": every}, headers={"Accept": "application/n-triples"})
    assert raw.status_code == 200
    assert "X-SPARQL-MaxRows" not in raw.headers
    assert raw.text.count("\n") < 200
    async with AsyncExitStack() as ending:
        engine = await start(RemoteEngine(QuerySettings(endpoint=short)), ending)  # type: ignore[call-arg]
        for text in (
            every,
            "CONSTRUCT WHERE { ?s ?p ?o }",
            "PREFIX a: <http://a/> CONSTRUCT { [] a:p ?o . ?s a:q {} } WHERE { ?s ?p ?o }".replace("{}", "?o"),
            "DESCRIBE ?s WHERE { ?s ?p ?o }",
        ):
            with pytest.raises(RowsCutError):
                await answer_of(engine, Query(text, graph=GraphFormat.TURTLE))
        content = await answer_of(engine, Query(f"{every} LIMIT 50", graph=GraphFormat.NTRIPLES))
        assert content.count(b"\n") == 50
        assert await answer_of(engine, Query("DESCRIBE <http://localhost:8000/id/dataset/demo/magest>"))


async def test_what_virtuoso_has_at_its_own_time_limit_is_no_result(virtuoso: str) -> None:
    slow = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    raw = await asyncio.to_thread(
        httpx.post,
        virtuoso,
        data={"query": slow, "timeout": "1000"},
        headers={"Accept": "application/sparql-results+json"},
        timeout=30,
    )
    # It gives what it has, with a header, or on a slow machine, where it has nothing yet, an error.
    if raw.status_code == 200:
        assert raw.headers["X-SQL-State"] == "S1TAT"
    else:
        assert re.search("S1T00|S1TAT|estimated execution time", raw.text), raw.text
    async with AsyncExitStack() as ending:
        bounds = QuerySettings(endpoint=virtuoso, timeout_seconds=1.2)  # type: ignore[call-arg]
        engine = await start(RemoteEngine(bounds), ending)
        with pytest.raises(QueryTimeoutError):
            await answer_of(engine, Query(slow, table=TableFormat.JSON))


async def test_oxigraph_answers_as_our_own_processes_do_byte_for_byte(oxigraph: str, demo: Built) -> None:
    from odatis_kg.store.pool import WorkerPool
    from odatis_kg.store.release import Releases

    queries = [
        "SELECT ?s ?t { ?s <http://purl.org/dc/terms/title> ?t } ORDER BY ?s ?t",
        'SELECT ?x ?y { VALUES (?x ?y) { (1 UNDEF) ("a,\\"b\\"\\n"@fr true) (1.50 <http://a/b>) } }',
        "ASK { ?s ?p ?o }",
        "CONSTRUCT { ?s <http://purl.org/dc/terms/title> ?t } { ?s <http://purl.org/dc/terms/title> ?t } ORDER BY ?s ?t",
    ]
    async with AsyncExitStack() as ending:
        ours = await start(WorkerPool(Releases(demo.settings.data_dir), QuerySettings(mode="disk"), workers=1), ending)  # type: ignore[call-arg]
        theirs = await start(RemoteEngine(QuerySettings(endpoint=oxigraph)), ending)  # type: ignore[call-arg]
        for text in queries:
            for table in (TableFormat.JSON, TableFormat.XML, TableFormat.CSV, TableFormat.TSV):
                for graph in (GraphFormat.TURTLE, GraphFormat.NTRIPLES, GraphFormat.JSONLD):
                    query = Query(text, table=table, graph=graph, base=demo.settings.base_url)
                    assert await answer_of(theirs, query) == await answer_of(ours, query)
