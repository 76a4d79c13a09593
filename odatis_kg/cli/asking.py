"""Commands that ask the current release."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from odatis_kg.cli.shared import DATA_DIR, fail, settings_of
from odatis_kg.config import Settings
from odatis_kg.lineage.documents import as_json, as_ntriples, as_text
from odatis_kg.lineage.graph import graphs_of, lineage_of
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.store.adapters import engine_for
from odatis_kg.store.engine import EngineError, GraphFormat, Query, SparqlEngine, TableFormat
from odatis_kg.store.serialise import triples_as
from odatis_kg.store.syntax import QueryRefusedError

_T = TypeVar("_T")
_FORMATS: dict[str, TableFormat | GraphFormat] = {
    "json": TableFormat.JSON,
    "xml": TableFormat.XML,
    "csv": TableFormat.CSV,
    "tsv": TableFormat.TSV,
    "turtle": GraphFormat.TURTLE,
    "ntriples": GraphFormat.NTRIPLES,
    "jsonld": GraphFormat.JSONLD,
    "rdfxml": GraphFormat.RDFXML,
}


@click.command("query")
@click.argument("query")
@click.option(
    "--format", "format_", type=click.Choice(sorted(_FORMATS)), help="Default: csv for tables, turtle for graphs."
)
@DATA_DIR
@click.pass_context
def query_command(context: click.Context, query: str, format_: str | None, data_dir: Path | None) -> None:
    """Ask the current release in SPARQL; QUERY is the text, or - to read it from standard input.

    The default graph is the union of all named graphs.
    """
    text = sys.stdin.buffer.read().decode("utf-8", "replace") if query == "-" else query
    settings = settings_of(context, data_dir=data_dir)
    wanted = _FORMATS[format_] if format_ else None
    table = wanted if isinstance(wanted, TableFormat) else None if wanted else TableFormat.CSV
    graph = wanted if isinstance(wanted, GraphFormat) else None if wanted else GraphFormat.TURTLE

    async def ask(engine: SparqlEngine) -> None:
        async with engine.query(Query(text, table=table, graph=graph)) as answer:
            last = b""
            async for chunk in answer.chunks():
                sys.stdout.buffer.write(chunk)
                last = chunk or last
        if not last.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()

    _with_engine(settings, ask)


@click.command()
@click.argument("iri")
@click.option("--format", "format_", type=click.Choice(["text", "turtle", "json"]), default="text", show_default=True)
@DATA_DIR
@click.pass_context
def lineage(context: click.Context, iri: str, format_: str, data_dir: Path | None) -> None:
    """Say where the statements about IRI come from: record, source, time, checksum, mapping, run."""
    settings = settings_of(context, data_dir=data_dir)
    if not values.is_iri(iri):
        fail(f"'{iri}' is not an absolute IRI", code=2)

    async def tell(engine: SparqlEngine) -> str | None:
        if format_ == "turtle":
            found = await as_ntriples(engine, settings.iris, await graphs_of(engine, settings.iris, iri))
            prefixes = all_prefixes(settings.iris)
            return triples_as(GraphFormat.TURTLE, found, prefixes).decode() if found else None
        result = await lineage_of(engine, settings.iris, iri, settings.languages)
        if result is None:
            return None
        return as_text(result) if format_ == "text" else as_json(result, settings.iris)

    told = _with_engine(settings, tell)
    if told is None:
        fail(f"the graph says nothing about {iri}")
    click.echo(told, nl=False)


def _with_engine(settings: Settings, work: Callable[[SparqlEngine], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        engine = engine_for(settings, workers=1)
        await engine.start()
        try:
            return await work(engine)
        finally:
            await engine.stop()

    try:
        return asyncio.run(run())
    except QueryRefusedError as error:
        where = f"line {error.line}, column {error.column}: " if error.line else ""
        fail(f"{where}{error}")
    except EngineError as error:
        fail(str(error))
