"""Commands that bring records from their sources."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from odatis_kg.cli.graph import print_build, warn_of_new_names
from odatis_kg.cli.shared import DATA_DIR, JOBS, events, fail, settings_of, write_report
from odatis_kg.config import CONFIG_FILE, Settings
from odatis_kg.harvest.verification import verify
from odatis_kg.pipeline.building import harvest, sync
from odatis_kg.pipeline.harvesting import Outcome, Wanted
from odatis_kg.pipeline.releasing import BuildError
from odatis_kg.pipeline.status import SourceStatus, statuses
from odatis_kg.sources import AnySource
from odatis_kg.store.release import ReleaseError

_WIDTH = 120  # characters that the table of `status` may need
_MOST_SHOWN = 10  # items in quarantine, of each source

_NAMES = click.argument("sources", nargs=-1, metavar="[SOURCE]...")
_FULL = click.option("--full", is_flag=True, help="Ask for everything, not only for what changed.")
_DUE = click.option("--due", is_flag=True, help="Only sources whose time has come (every_hours), for schedulers.")
_ACCEPT = click.option(
    "--accept-drop", is_flag=True, help="Drop gone records even when they are more than harvest.most_drop allows."
)


@click.command("harvest")
@_NAMES
@_FULL
@_DUE
@_ACCEPT
@click.option("--retry-quarantine", is_flag=True, help="Only try the items in quarantine again.")
@DATA_DIR
@click.pass_context
def harvest_command(
    context: click.Context,
    sources: tuple[str, ...],
    full: bool,
    due: bool,
    accept_drop: bool,
    retry_quarantine: bool,
    data_dir: Path | None,
) -> None:
    """Bring records from their sources into the archive; publish nothing.

    SOURCE is the name of a table [sources.NAME] of the settings; without one, all enabled sources are harvested. A harvest
    that was cut off goes on where it stopped. A record is gone when two complete harvests did not find it, or when its
    source says so. Exits with 1 when a source could not be harvested whole; the others are.
    """
    settings = settings_of(context, data_dir=data_dir)
    chosen = _chosen(settings, sources, due=due)
    try:
        with events() as (stage, tell):
            outcomes = harvest(chosen, settings, Wanted(full, accept_drop, retry_quarantine), stage, tell)
    except (ReleaseError, OSError) as error:
        fail(str(error))
    _print(outcomes)
    if not all(outcome.succeeded for outcome in outcomes):
        sys.exit(1)


@click.command("sync")
@_NAMES
@_FULL
@_DUE
@_ACCEPT
@click.option("--report", type=click.Path(path_type=Path), help="File for a JSON report on each source.")
@DATA_DIR
@JOBS
@click.pass_context
def sync_command(
    context: click.Context,
    sources: tuple[str, ...],
    full: bool,
    due: bool,
    accept_drop: bool,
    report: Path | None,
    data_dir: Path | None,
    jobs: int | None,
) -> None:
    """Harvest sources, map what changed and publish it as a release.

    Safe to run from cron or systemd, and twice at once: the second one says so and ends. Exits with 1 when a source could
    not be harvested whole; what the others brought is published all the same.
    """
    settings = settings_of(context, data_dir=data_dir, input={"jobs": jobs})
    chosen = _chosen(settings, sources, due=due)
    warn_of_new_names(settings)
    try:
        with events() as (stage, tell):
            outcomes, build = sync(chosen, settings, Wanted(full, accept_drop), stage, tell)
    except (BuildError, ReleaseError, OSError) as error:
        fail(str(error))
    _print(outcomes)
    if build:
        write_report(report, build.reports)
        print_build(build)
    if not all(outcome.succeeded for outcome in outcomes):
        sys.exit(1)


@click.command("status")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@DATA_DIR
@click.pass_context
def status_command(context: click.Context, format_: str, data_dir: Path | None) -> None:
    """Show each source: its last harvest, its records, what changed, what is in quarantine, when it is due next."""
    settings = settings_of(context, data_dir=data_dir)
    found = statuses(settings)
    if format_ == "json":
        click.echo(json.dumps([one.as_json() for one in found], indent=1, ensure_ascii=False))
        return
    if not found:
        click.echo(f"No source is configured (in {CONFIG_FILE}: a table [sources.NAME]) and none was harvested yet.")
        return
    console = Console()
    # Never so narrow that a time or a name would be cut.
    Console(width=max(console.width, _WIDTH) if console.is_terminal else 200).print(_table(found))
    for one in found:
        if one.reason:
            click.echo(f"{one.source}: {one.reason}")
        for waiting in one.quarantine[:_MOST_SHOWN]:
            click.echo(f"{one.source}: in quarantine: {waiting.item}: {waiting.reason}")
        if one.quarantined > _MOST_SHOWN:
            click.echo(
                f"{one.source}: ... and {one.quarantined - _MOST_SHOWN:,} more in quarantine; --format json has all"
            )


@click.command("verify")
@DATA_DIR
@click.pass_context
def verify_command(context: click.Context, data_dir: Path | None) -> None:
    """Check that the archive holds every byte the ledger knows of, undamaged, and that the ledger agrees with itself."""
    settings = settings_of(context, data_dir=data_dir)
    found = verify(settings.data_dir)
    for fault in found.faults:
        click.echo(fault)
    click.echo(
        f"{found.blobs:,} blobs and {found.records:,} records checked: {len(found.faults):,} faults;"
        f" {found.orphans:,} blobs that nothing refers to",
        err=True,
    )
    if found.faults:
        sys.exit(1)


def _chosen(settings: Settings, names: tuple[str, ...], *, due: bool) -> dict[str, AnySource]:
    """The sources to harvest; ends the command when one is not configured."""
    known = settings.sources
    if not known:
        fail(f"no source is configured; write tables [sources.NAME] into {CONFIG_FILE}, see docs/settings.md", code=2)
    for name in names:
        if name not in known:
            fail(f"there is no source '{name}'; configured are: {', '.join(sorted(known))}", code=2)
    chosen: dict[str, AnySource] = {name: known[name] for name in names or known if names or known[name].enabled}
    if due:
        waiting = {one.source for one in statuses(settings) if not one.is_due}
        chosen = {name: source for name, source in chosen.items() if name not in waiting}
    return chosen


def _print(outcomes: list[Outcome]) -> None:
    console = Console(stderr=True)
    if not console.is_terminal:
        return  # the events said it all
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("source", "state", "items", "new", "changed", "missing", "gone", "quarantined"):
        table.add_column(column, justify="left" if column in ("source", "state") else "right")
    for outcome in outcomes:
        walk = outcome.walk
        counts = (walk.items, walk.new, walk.changed, walk.missing, walk.gone, walk.quarantined)
        table.add_row(outcome.source, walk.state, *(f"{count:,}" for count in counts))
    console.print(table)
    for outcome in outcomes:
        if outcome.reason:
            click.echo(f"{outcome.source}: {outcome.reason}", err=True)


def _table(found: list[SourceStatus]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns: dict[str, Any] = {
        "source": lambda one: one.source,
        "last harvest (UTC)": lambda one: _minute(one.last) or "never",
        "state": lambda one: one.state,
        "records": lambda one: f"{one.records:,}",
        "new": lambda one: f"{one.new:,}",
        "changed": lambda one: f"{one.changed:,}",
        "gone": lambda one: f"{one.gone:,}",
        "quarantined": lambda one: f"{one.quarantined:,}",
        "next due": lambda one: "now" if one.is_due and one.next_due else _minute(one.next_due),
    }
    for column in columns:
        table.add_column(
            column,
            overflow="fold",
            justify="right" if column in ("records", "new", "changed", "gone", "quarantined") else "left",
        )
    for one in found:
        table.add_row(*(value(one) for value in columns.values()))
    return table


def _minute(moment: str) -> str:
    """A time in UTC as people read it: `2026-01-31 06:00`."""
    return moment[:16].replace("T", " ")
