"""Commands about local graphs: an operator's own statements."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from odatis_kg.cli.graph import print_build
from odatis_kg.cli.shared import DATA_DIR, Group, fail, progress, settings_of
from odatis_kg.config import Settings
from odatis_kg.harvest.local_graphs import LocalGraph, LocalGraphs, graph_iri
from odatis_kg.pipeline.building import LocalChange, delete_graph, put_graph
from odatis_kg.pipeline.releasing import BuildError
from odatis_kg.pipeline.stages import Stage
from odatis_kg.store.release import ReleaseError, Releases

_BY = click.option("--by", default="", help="Name of the account to say it of; without it, nobody is named.")
_NO_PUBLISH = click.option("--no-publish", is_flag=True, help="Leave it to the next build to publish.")


@click.group("graph", cls=Group)
def graph() -> None:
    """Put, delete and show local graphs: statements of your own that every build keeps."""


@graph.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_BY
@_NO_PUBLISH
@DATA_DIR
@click.pass_context
def put(
    context: click.Context, name: str, files: tuple[Path, ...], by: str, no_publish: bool, data_dir: Path | None
) -> None:
    """Make the local graph NAME of what FILES state, in place of what it held, and publish.

    Files are Turtle, N-Triples, RDF/XML or JSON-LD (.ttl .nt .rdf .jsonld). Blank nodes get names that stay the same.
    """
    settings = settings_of(context, data_dir=data_dir)
    _change(settings, lambda stage: put_graph(settings, name, files, stage, by=by, publish=not no_publish))


@graph.command()
@click.argument("name")
@_BY
@_NO_PUBLISH
@DATA_DIR
@click.pass_context
def delete(context: click.Context, name: str, by: str, no_publish: bool, data_dir: Path | None) -> None:
    """Delete the local graph NAME, and publish; its address answers 410 from then on."""
    settings = settings_of(context, data_dir=data_dir)
    _change(settings, lambda stage: delete_graph(settings, name, stage, by=by, publish=not no_publish))


@graph.command()
@click.argument("name", required=False)
@DATA_DIR
@click.pass_context
def show(context: click.Context, name: str | None, data_dir: Path | None) -> None:
    """List the local graphs, or write the statements of NAME as N-Triples."""
    settings = settings_of(context, data_dir=data_dir)
    graphs = LocalGraphs(settings.data_dir / "local")
    if name is None:
        _list(settings, [one for one in graphs.all() if not one.is_gone])
        return
    found = graphs.get(name)
    if found is None or found.is_gone:
        fail(f"there is no local graph '{name}'; `odatis-kg graph show` lists them")
    sys.stdout.buffer.write("".join(f"{line}\n" for line in graphs.lines(found)).encode("utf-8"))


def _list(settings: Settings, graphs: list[LocalGraph]) -> None:
    release = Releases(settings.data_dir).current()
    published = release.statements.entries if release else {}
    for one in graphs:
        said = f"  by {one.by}" if one.by else ""
        files = ", ".join(file.name for file in one.files)
        entry = published.get(graph_iri(settings.iris, one.name))
        waits = "" if entry and entry.inputs == one.sha256 else "  (waits for the next build)"
        click.echo(
            f"{one.name}  {one.statements:,} statements  {one.bytes:,} bytes  {one.at}{said}  from {files}{waits}"
        )
    if not graphs:
        click.echo(
            f"There is no local graph in {settings.data_dir}; make one: odatis-kg graph put NAME FILE...", err=True
        )


def _change(settings: Settings, work: Callable[[Stage], LocalChange]) -> None:
    try:
        with progress() as stage:
            change = work(stage)
    except (BuildError, ReleaseError, OSError) as error:
        fail(str(error))
    one = change.graph
    what = "is deleted" if one.is_gone else f"holds {one.statements:,} statements"
    click.echo(f"{graph_iri(settings.iris, one.name)} {what}{'' if change.is_new else ', as before'}.", err=True)
    if change.build is None:
        click.echo("It is published with the next build: odatis-kg build", err=True)
    else:
        print_build(change.build)
