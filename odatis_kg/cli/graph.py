"""Commands that make the graph and serve it."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from odatis_kg.cli.shared import (
    BASE_URL,
    DATA_DIR,
    JOBS,
    SOURCE,
    check_writable,
    fail,
    print_refusals,
    progress,
    settings_of,
    write_report,
)
from odatis_kg.config import Settings
from odatis_kg.harvest.folder import UnreadableFileError
from odatis_kg.pipeline.building import build
from odatis_kg.pipeline.releasing import Build, BuildError
from odatis_kg.quality.reports import NO_KIND, summarise
from odatis_kg.resources import folder
from odatis_kg.store.release import ReleaseError, Releases


@click.command("build")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), help="File for a JSON report on each file.")
@click.option(
    "--anew", is_flag=True, help="Make everything from nothing, and take nothing over from the release before."
)
@click.option("--strict", is_flag=True, help="Exit with 1 when any record was refused, for scheduled runs.")
@SOURCE
@DATA_DIR
@BASE_URL
@JOBS
@click.pass_context
def build_command(
    context: click.Context,
    paths: tuple[Path, ...],
    report: Path | None,
    anew: bool,
    strict: bool,
    source: str,
    data_dir: Path | None,
    base_url: str | None,
    jobs: int | None,
) -> None:
    """Bring records in and publish a release of the whole graph.

    Files and folders are archived byte for byte, mapped, enriched, checked and published; what earlier builds brought in
    stays. A record that two builds of its folder no longer find leaves the graph. Without PATHS, what is already known
    is built again, which is needed after a change of the mapping tables. When nothing has changed, nothing is published.
    """
    settings = settings_of(context, source=source, data_dir=data_dir, base_url=base_url, input={"jobs": jobs})
    check_writable(report, "--report")
    if paths and settings.source in settings.sources:
        fail(
            f"'{settings.source}' is the name of a source of the settings, whose harvests would count these files as gone; give"
            " them another name with --source, or harvest that source",
            code=2,
        )
    warn_of_new_names(settings)
    outcome = _build(list(paths), settings, anew=anew)
    write_report(report, outcome.reports)
    print_refusals(outcome.reports)
    print_build(outcome)
    if strict and any(one.refused for one in outcome.reports):
        sys.exit(1)


def warn_of_new_names(settings: Settings) -> None:
    """Another base address renames every IRI of ours: whoever does that should know."""
    current = Releases(settings.data_dir).current()
    if current is not None and current.manifest.base_url != settings.base_url:
        click.echo(
            f"Note: the current release was built for {current.manifest.base_url}; this one is for {settings.base_url},"
            " and every IRI of ours gets another name.",
            err=True,
        )


def _build(paths: list[Path], settings: Settings, *, anew: bool = False) -> Build:
    try:
        with progress() as stage:
            return build(paths, settings, stage, anew=anew)
    except (BuildError, ReleaseError, UnreadableFileError, OSError) as error:
        fail(str(error))


def print_build(outcome: Build) -> None:
    """Tell what a build did."""
    console = Console(stderr=True)
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for column in ("kind", "files", "records", "mapped", "refused", "quads", "seconds"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    lines = [line for line in summarise(outcome.reports) if line.mapped or line.refused or line.kind != NO_KIND]
    for line in lines:
        counts = (line.files, line.records, line.mapped, line.refused, line.quads)
        table.add_row(line.kind, *(f"{count:,}" for count in counts), f"{line.seconds:.2f}")
    if lines:
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


@click.command()
@DATA_DIR
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
@click.option("--port", type=int, help="Port to listen on. Default: 8000.")
@click.option("--workers", type=int, help="Query worker processes. Default: 2.")
@BASE_URL
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
    settings = settings_of(context, data_dir=data_dir, base_url=base_url, server=server)
    _serve(settings)


def _serve(settings: Settings) -> None:
    from odatis_kg.web.server import ServeError, run  # the web side is not loaded by the other commands

    try:
        run(settings)
    except ServeError as error:
        fail(str(error))


@click.command()
@click.option("--port", type=int, help="Port to listen on. Default: 8000.")
@DATA_DIR
@click.pass_context
def demo(context: click.Context, port: int | None, data_dir: Path | None) -> None:
    """Build the graph of the bundled demonstration records and serve it: the whole system in one command."""
    chosen = settings_of(context, data_dir=data_dir, server={"port": port})
    base_url = chosen.base_url if port is None else f"http://localhost:{port}/"
    settings = settings_of(
        context,
        data_dir=data_dir or chosen.data_dir / ("demo" if base_url == chosen.base_url else f"demo-{port}"),
        base_url=base_url,
        source="demo",
        server={"port": port},
    )
    outcome = _build([folder("demo")], settings)
    print_build(outcome)
    _serve(settings)
