"""Commands about releases."""

import json
from pathlib import Path

import click

from odatis_kg.cli.shared import DATA_DIR, Group, fail, settings_of
from odatis_kg.store.release import Release, ReleaseError, Releases, difference


@click.group(cls=Group)
def releases() -> None:
    """List, compare, go back to and clear away releases."""


@releases.command("list")
@DATA_DIR
@click.pass_context
def list_releases(context: click.Context, data_dir: Path | None) -> None:
    """List the releases, the oldest first; the current one is marked with *."""
    found = Releases(settings_of(context, data_dir=data_dir).data_dir)
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
@DATA_DIR
@click.pass_context
def rollback(context: click.Context, release: str | None, data_dir: Path | None) -> None:
    """Make RELEASE (default: the one before) the current one; a running server takes it up by itself."""
    try:
        chosen = Releases(settings_of(context, data_dir=data_dir).data_dir).rollback(release)
    except ReleaseError as error:
        fail(str(error))
    click.echo(f"{chosen.id} is now the current release.")


@releases.command()
@click.argument("before", required=False)
@click.argument("after", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@DATA_DIR
@click.pass_context
def diff(context: click.Context, before: str | None, after: str | None, format_: str, data_dir: Path | None) -> None:
    """Show which named graphs changed from release BEFORE to AFTER (default: from the one before to the current one)."""
    found = Releases(settings_of(context, data_dir=data_dir).data_dir)
    try:
        old, new = _two_releases(found, before, after)
    except ReleaseError as error:
        fail(str(error))
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
@DATA_DIR
@click.pass_context
def prune(context: click.Context, keep: int | None, data_dir: Path | None) -> None:
    """Delete the oldest releases; the current one and those being served stay."""
    settings = settings_of(context, data_dir=data_dir)
    removed = Releases(settings.data_dir).prune(keep or settings.release.keep)
    for release in removed:
        click.echo(f"deleted {release}")
    if not removed:
        click.echo("nothing to delete")
