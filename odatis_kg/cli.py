"""The command line: one verb a command; what they do is elsewhere."""

import asyncio
import csv
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from odatis_kg import __version__
from odatis_kg.config import ConfigurationError, Settings, describe, describe_in_markdown, load
from odatis_kg.harvest.folder import UnreadableFileError
from odatis_kg.lineage.documents import as_json, as_ntriples, as_text
from odatis_kg.lineage.graph import graphs_of, lineage_of
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.mapping.table import ignore_reasons
from odatis_kg.pipeline.building import Build, BuildError, build
from odatis_kg.pipeline.mapping import document_tables, lint_tables, map_files, survey_files
from odatis_kg.pipeline.stages import Advance
from odatis_kg.quality.reports import FileReport, summarise
from odatis_kg.resources import folder
from odatis_kg.store.adapters import engine_for
from odatis_kg.store.engine import EngineError, GraphFormat, Query, SparqlEngine, TableFormat
from odatis_kg.store.release import Release, ReleaseError, Releases, difference
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
_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
_DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of the archive, the ledger and the releases."
)
_BASE_URL = click.option("--base-url", help="Public address that every IRI of ours begins with.")
_SOURCE = click.option("--source", help="Name of the source the files belong to; part of their IRIs. Default: local.")


class _Group(click.Group):
    """Lists commands in the order of the work."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings come from odatis-kg.toml and ODATIS_KG_... variables; see `odatis-kg settings`.",
)
@click.version_option(__version__, prog_name="odatis-kg")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file to use instead of ./odatis-kg.toml.")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Ocean catalogue records, cruises, people and vocabularies as one knowledge graph.

    \b
    To see it at work:        odatis-kg demo
    With your own records:    odatis-kg build FOLDER, then odatis-kg serve
    To look at one mapping:   odatis-kg map RECORD.xml
    To ask:                   odatis-kg query 'SELECT * WHERE { ?s a ?class } LIMIT 5'
    Where it comes from:      odatis-kg lineage IRI
    """
    context.obj = config


def _settings(context: click.Context, **flags: Any) -> Settings:
    try:
        return load(context.find_root().obj, **flags)
    except ConfigurationError as error:
        _fail(str(error), code=2)


def _writable(path: Path | None, flag: str) -> None:
    """Refuse a file that cannot be written, before any work is done for it."""
    if path is None:
        return
    if path.is_dir():
        _fail(f"{flag} {path} is a folder; give the name of a file", code=2)
    if not path.absolute().parent.is_dir():
        _fail(f"{flag} {path}: the folder {path.absolute().parent} does not exist; make it first", code=2)
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        _fail(f"{flag} {path}: it may not be written by this user", code=2)


def _fail(message: str, code: int = 1) -> NoReturn:
    click.echo(f"odatis-kg: {message}", err=True)
    sys.exit(code)


@contextmanager
def _progress() -> Iterator[Callable[[str, int | None], Any]]:
    """Progress bars on a terminal; one line a stage elsewhere."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        @contextmanager
        def stage(name: str, total: int | None) -> Iterator[Advance]:
            task = progress.add_task(name, total=total)

            def advance(steps: int = 1, /) -> None:
                progress.advance(task, steps)

            yield advance
            progress.update(task, total=total or 1, completed=total or 1)
            if not console.is_terminal:
                click.echo(f"{name}: done" if total is None else f"{name}: {total:,} done", err=True)

        yield stage


@main.command("map")
@_PATHS
@click.option("--out", type=click.Path(path_type=Path), help="File for the N-Quads. Default: standard output.")
@click.option("--report", type=click.Path(path_type=Path), help="File for a JSON report on each file.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any record was refused, for scheduled runs.")
@_SOURCE
@_BASE_URL
@click.pass_context
def map_command(
    context: click.Context,
    paths: tuple[Path, ...],
    out: Path | None,
    report: Path | None,
    strict: bool,
    source: str,
    base_url: str,
) -> None:
    """Map records to N-Quads, one named graph a record, without keeping anything.

    PATHS are files and folders: ISO 19139, 19115-2 and 19115-3 (alone or inside CSW and OAI-PMH answers), SeaDataNet CDI
    and CSR, ORCID JSON, DataCite JSON, SKOS in Turtle or RDF/XML; .gz is read too. The same input gives the same bytes.
    """
    settings = _settings(context, source=source, base_url=base_url)
    _writable(out, "--out")
    _writable(report, "--report")
    try:
        with _progress() as stage:
            if out:
                with out.open("wb") as file:
                    reports = map_files(list(paths), settings, file, stage)
            else:
                reports = map_files(list(paths), settings, sys.stdout.buffer, stage)
    except (UnreadableFileError, OSError) as error:
        _fail(str(error))
    _write_report(report, reports)
    _print_refusals(reports)
    if not reports:
        _fail("there is no file to map in what was given; give files or folders of records")
    click.echo(_in_short(reports), err=True)
    whole = not any(one.refused for one in reports)
    sys.exit(0 if any(one.status == "ok" for one in reports) and (whole or not strict) else 1)


def _in_short(reports: list[FileReport]) -> str:
    """One line on what was mapped."""
    mapped, refused = sum(one.mapped for one in reports), sum(one.refused for one in reports)
    again = sum(one.elsewhere for one in reports)
    doubles = f", {again:,} of them also found elsewhere and left out here" if again else ""
    quads = sum(one.quads for one in reports)
    return f"{mapped:,} records mapped{doubles}, {refused:,} refused; {quads:,} statements. --report FILE says more."


@main.command()
@_PATHS
@click.option("--format", "format_", type=click.Choice(["text", "csv"]), default="text", show_default=True)
@click.option("--most", type=click.IntRange(min=0), default=30, show_default=True, help="Elements to list, as text.")
@click.pass_context
def coverage(context: click.Context, paths: tuple[Path, ...], format_: str, most: int) -> None:
    """Show how much of the records in PATHS is read, by which rows of the mapping tables, and what is not.

    An element is consumed (a row states something of it), ignored on purpose (a row says why), or unknown. As text: a line
    for each kind of record, then the elements that are not or not always consumed, the most frequent first. As CSV: every
    element with the rows that read it.
    """
    settings = _settings(context)
    try:
        with _progress() as stage:
            survey, reports = survey_files(list(paths), settings, stage)
    except UnreadableFileError as error:
        _fail(str(error))
    _print_refusals(reports)
    if format_ == "csv":
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(["kind", "element", "count", "unknown", "consumed by", "ignored by"])
        for one in sorted(survey.elements.values(), key=lambda one: (one.kind, one.path)):
            out.writerow([one.kind, one.path, one.count, one.unknown, " ".join(one.rows), " ".join(one.ignored)])
        return
    for total in sorted(survey.totals.values(), key=lambda total: total.kind):
        share = [part / max(1, total.leaves) for part in (total.consumed, total.ignored, total.unknown)]
        click.echo(
            f"{total.kind:<12} {total.records:>6,} records  {total.leaves:>8,} values  consumed {share[0]:7.2%}"
            f"  ignored {share[1]:7.2%}  unknown {share[2]:7.2%}"
        )
    reasons = ignore_reasons(folder("mappings"))
    open_ends = [one for one in survey.elements.values() if one.unknown or one.ignored]
    for one in sorted(open_ends, key=lambda one: (-one.unknown, -one.ignored.total(), one.path))[:most]:
        click.echo(
            f"\n{one.kind} {one.path}: {one.count:,} values, {one.unknown:,} unknown, {one.ignored.total():,} ignored"
        )
        for row, number in one.ignored.most_common():
            click.echo(f"    {row}, {number:,} times: {reasons.get(row, 'left out by the function of this row')}")


@main.command("lint-mappings")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_context
def lint_mappings(context: click.Context, paths: tuple[Path, ...]) -> None:
    """Check the mapping tables for what loading them cannot see.

    The demonstration records and those in PATHS have to show every row at work; every property and class has to be
    declared with its names in the ontologies. Exits with 1 when there is a fault.
    """
    settings = _settings(context)
    found = lint_tables([folder("demo"), *paths], settings)
    for fault in found:
        click.echo(f"{fault.where}: {fault.what}")
    click.echo(f"{len(found)} faults in the mapping tables." if found else "The mapping tables are sound.", err=True)
    sys.exit(1 if found else 0)


@main.command("document-mappings")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_context
def document_mappings(context: click.Context, out: Path, paths: tuple[Path, ...]) -> None:
    """Write pages about the mapping tables into the folder OUT, with examples from the records in PATHS and the demonstration."""
    settings = _settings(context)
    out.mkdir(parents=True, exist_ok=True)
    written = document_tables([*paths, folder("demo")], settings)
    for name, text in written:
        (out / name).write_text(text, encoding="utf-8")
    for stale in sorted(set(out.glob("*.md")) - {out / name for name, _ in written}):
        stale.unlink()
    click.echo(f"{len(written)} pages in {out}.", err=True)


def _write_report(path: Path | None, reports: list[FileReport]) -> None:
    if path:
        content = [report.as_json() for report in reports]
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _print_refusals(reports: list[FileReport]) -> None:
    refused = [report for report in reports if report.refused]
    for report in refused[:20]:
        click.echo(f"refused  {report.path}: {report.reason}", err=True)
    if len(refused) > 20:
        click.echo(f"refused  ... and {len(refused) - 20} more files; --report FILE lists them all", err=True)


@main.command("build")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), help="File for a JSON report on each file.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any record was refused, for scheduled runs.")
@_SOURCE
@_DATA_DIR
@_BASE_URL
@click.pass_context
def build_command(
    context: click.Context,
    paths: tuple[Path, ...],
    report: Path | None,
    strict: bool,
    source: str,
    data_dir: Path | None,
    base_url: str | None,
) -> None:
    """Bring records in and publish a release of the whole graph.

    Files and folders are archived byte for byte, mapped, enriched, checked and published; what earlier builds brought in
    stays. A record that two builds of its folder no longer find leaves the graph. Without PATHS, what is already known
    is built again, which is needed after a change of the mapping tables. When nothing has changed, nothing is published.
    """
    settings = _settings(context, source=source, data_dir=data_dir, base_url=base_url)
    _writable(report, "--report")
    _warn_of_new_names(settings)
    outcome = _build(list(paths), settings)
    _write_report(report, outcome.reports)
    _print_refusals(outcome.reports)
    _print_summary(outcome)
    if strict and any(one.refused for one in outcome.reports):
        sys.exit(1)


def _warn_of_new_names(settings: Settings) -> None:
    """Another base address renames every IRI of ours: whoever does that should know."""
    current = Releases(settings.data_dir).current()
    if current is not None and current.manifest.base_url != settings.base_url:
        click.echo(
            f"Note: the current release was built for {current.manifest.base_url}; this one is for {settings.base_url},"
            " and every IRI of ours gets another name.",
            err=True,
        )


def _build(paths: list[Path], settings: Settings) -> Build:
    try:
        with _progress() as stage:
            return build(paths, settings, stage)
    except (BuildError, ReleaseError, UnreadableFileError, OSError) as error:
        _fail(str(error))


def _print_summary(outcome: Build) -> None:
    console = Console(stderr=True)
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for column in ("kind", "files", "records", "mapped", "refused", "quads", "seconds"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for line in summarise(outcome.reports):
        counts = (line.files, line.records, line.mapped, line.refused, line.quads)
        table.add_row(line.kind, *(f"{count:,}" for count in counts), f"{line.seconds:.2f}")
    if outcome.reports:
        console.print(table)
    manifest = outcome.release.manifest
    if again := sum(report.elsewhere for report in outcome.reports):
        click.echo(f"{again:,} records are in several files; the newest version of each is used.", err=True)
    for key, state in outcome.missing[:10]:
        what = (
            "left the graph"
            if state == "gone"
            else "stays for now, and leaves the graph if the next build misses it too"
        )
        click.echo(f"record {key} was not found any more: it {what}", err=True)
    if outcome.kept:
        click.echo(f"{outcome.kept:,} records of earlier builds are in the release too.", err=True)
    checks = manifest.checks
    if outcome.is_new and checks.get("checked"):
        found = f"{checks['violations']:,} violations, {checks['warnings']:,} warnings"
        where = outcome.release.path / "checks.json"
        click.echo(
            f"Checks: {checks['with_remarks']:,} of {checks['checked']:,} records have remarks ({found}): {where}",
            err=True,
        )
    if outcome.held_back:
        click.echo(
            f"Nothing has changed since release {outcome.held_back.id}, from which {manifest.id} was gone back to; that"
            f" one stays. To take the other up again: odatis-kg releases rollback {outcome.held_back.id}",
            err=True,
        )
        return
    verb = "Published" if outcome.is_new else "Nothing has changed since"
    click.echo(
        f"{verb} release {manifest.id}: {manifest.quads:,} statements in {manifest.graphs:,} named graphs.", err=True
    )


@main.command()
@_DATA_DIR
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
@click.option("--port", type=int, help="Port to listen on. Default: 8000.")
@click.option("--workers", type=int, help="Query worker processes. Default: 2.")
@_BASE_URL
@click.pass_context
def serve(
    context: click.Context,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    base_url: str | None,
) -> None:
    """Serve the current release: SPARQL at /sparql, a page for every IRI, lineage.

    A release published meanwhile is taken up by itself, and no request fails because of it.
    """
    server = {"host": host, "port": port, "workers": workers}
    settings = _settings(context, data_dir=data_dir, base_url=base_url, server=server)
    _serve(settings)


def _serve(settings: Settings) -> None:
    from odatis_kg.web.server import ServeError, run  # the web side is not loaded by the other commands

    try:
        run(settings)
    except ServeError as error:
        _fail(str(error))


@main.command()
@click.option("--port", type=int, help="Port to listen on. Default: 8000.")
@_DATA_DIR
@click.pass_context
def demo(context: click.Context, port: int | None, data_dir: Path | None) -> None:
    """Build the graph of the bundled demonstration records and serve it: the whole system in one command."""
    chosen = _settings(context, data_dir=data_dir, server={"port": port})
    base_url = chosen.base_url if port is None else f"http://localhost:{port}/"
    settings = _settings(
        context,
        data_dir=data_dir or chosen.data_dir / ("demo" if base_url == chosen.base_url else f"demo-{port}"),
        base_url=base_url,
        source="demo",
        server={"port": port},
    )
    outcome = _build([folder("demo")], settings)
    _print_summary(outcome)
    _serve(settings)


@main.group(cls=_Group)
def releases() -> None:
    """List, compare, go back to and clear away releases."""


@releases.command("list")
@_DATA_DIR
@click.pass_context
def list_releases(context: click.Context, data_dir: Path | None) -> None:
    """List the releases, the oldest first; the current one is marked with *."""
    found = Releases(_settings(context, data_dir=data_dir).data_dir)
    current = found.current_id()
    everything = found.all()
    for release in everything:
        mark = "*" if release.id == current else " "
        manifest = release.manifest
        click.echo(
            f"{mark} {release.id}  {manifest.created}  {manifest.quads:>12,} statements  {manifest.graphs:>8,} graphs"
        )
    if not everything:
        click.echo(f"There is no release in {found.data_dir} yet; build one: odatis-kg build PATH...", err=True)


@releases.command()
@click.argument("release", required=False)
@_DATA_DIR
@click.pass_context
def rollback(context: click.Context, release: str | None, data_dir: Path | None) -> None:
    """Make RELEASE (default: the one before) the current one; a running server takes it up by itself."""
    try:
        chosen = Releases(_settings(context, data_dir=data_dir).data_dir).rollback(release)
    except ReleaseError as error:
        _fail(str(error))
    click.echo(f"{chosen.id} is now the current release.")


@releases.command()
@click.argument("before", required=False)
@click.argument("after", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_DATA_DIR
@click.pass_context
def diff(context: click.Context, before: str | None, after: str | None, format_: str, data_dir: Path | None) -> None:
    """Show which named graphs changed from release BEFORE to AFTER (default: from the one before to the current one)."""
    found = Releases(_settings(context, data_dir=data_dir).data_dir)
    try:
        old, new = _two_releases(found, before, after)
    except ReleaseError as error:
        _fail(str(error))
    changes = difference(old, new)
    if format_ == "json":
        click.echo(
            json.dumps(
                {
                    "before": old.id,
                    "after": new.id,
                    "added": changes.added,
                    "removed": changes.removed,
                    "changed": {graph: {"before": a, "after": b} for graph, (a, b) in changes.changed.items()},
                },
                indent=1,
            )
        )
        return
    click.echo(
        f"{old.id} -> {new.id}: {len(changes.added)} graphs added, {len(changes.removed)} removed,"
        f" {len(changes.changed)} changed"
    )
    for graph, quads in changes.added.items():
        click.echo(f"+ {graph}  {quads:,} statements")
    for graph, quads in changes.removed.items():
        click.echo(f"- {graph}  {quads:,} statements")
    for graph, (quads_before, quads_after) in changes.changed.items():
        click.echo(f"~ {graph}  {quads_before:,} -> {quads_after:,} statements")


def _two_releases(found: Releases, before: str | None, after: str | None) -> tuple[Release, Release]:
    everything = found.all()
    new = found.get(after) if after else found.current()
    if new is None:
        raise ReleaseError("there is no release yet")
    if before:
        return found.get(before), new
    older = [release for release in everything if release.id < new.id]
    if not older:
        raise ReleaseError(f"there is no release before {new.id} to compare with")
    return older[-1], new


@releases.command()
@click.option("--keep", type=click.IntRange(min=1), help="How many to keep. Default: the setting release.keep.")
@_DATA_DIR
@click.pass_context
def prune(context: click.Context, keep: int | None, data_dir: Path | None) -> None:
    """Delete the oldest releases; the current one and those being served stay."""
    settings = _settings(context, data_dir=data_dir)
    removed = Releases(settings.data_dir).prune(keep or settings.release.keep)
    for release in removed:
        click.echo(f"deleted {release}")
    if not removed:
        click.echo("nothing to delete")


@main.command("query")
@click.argument("query")
@click.option(
    "--format", "format_", type=click.Choice(sorted(_FORMATS)), help="Default: csv for tables, turtle for graphs."
)
@_DATA_DIR
@click.pass_context
def query_command(context: click.Context, query: str, format_: str | None, data_dir: Path | None) -> None:
    """Ask the current release in SPARQL; QUERY is the text, or - to read it from standard input.

    The default graph is the union of all named graphs.
    """
    text = sys.stdin.buffer.read().decode("utf-8", "replace") if query == "-" else query
    settings = _settings(context, data_dir=data_dir)
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


@main.command()
@click.argument("iri")
@click.option("--format", "format_", type=click.Choice(["text", "turtle", "json"]), default="text", show_default=True)
@_DATA_DIR
@click.pass_context
def lineage(context: click.Context, iri: str, format_: str, data_dir: Path | None) -> None:
    """Say where the statements about IRI come from: record, source, time, checksum, mapping, run."""
    settings = _settings(context, data_dir=data_dir)
    if not values.is_iri(iri):
        _fail(f"'{iri}' is not an absolute IRI", code=2)

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
        _fail(f"the graph says nothing about {iri}")
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
        _fail(f"{where}{error}")
    except EngineError as error:
        _fail(str(error))


@main.command("settings")
@click.option("--markdown", is_flag=True, help="The page docs/settings.md instead: every setting with its default.")
@click.pass_context
def settings_command(context: click.Context, markdown: bool) -> None:
    """Show every setting with the value in force."""
    if markdown:
        click.echo(describe_in_markdown(), nl=False)
        return
    chosen = _settings(context)
    for name, kind, default, description in describe():
        value: Any = chosen
        for part in name.split("."):
            value = getattr(value, part)
        click.echo(f"{name} = {value!s}\n    {description}\n    {kind}; default {default}")
