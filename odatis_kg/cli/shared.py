"""What all commands share: their options, how they read the settings, report progress and fail."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from odatis_kg.config import ConfigurationError, Settings, load
from odatis_kg.harvest.folder import UnreadableFileError
from odatis_kg.harvest.local_graphs import LocalGraphError
from odatis_kg.mapping.errors import TableError
from odatis_kg.mapping.registers import RegisterError
from odatis_kg.pipeline.stages import Advance, Stage, Tell
from odatis_kg.quality.reports import FileReport
from odatis_kg.times import now

PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of the archive, the ledger and the releases."
)
BASE_URL = click.option("--base-url", help="Public address that every IRI of ours begins with.")
SOURCE = click.option("--source", help="Name of the source the files belong to; part of their IRIs. Default: local.")
JOBS = click.option(
    "--jobs", type=int, help="Processes that map. Default: one for each core when there are many records."
)


class Group(click.Group):
    """Lists commands in the order of the work; what the user can put right ends a command with a sentence, in all of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (TableError, RegisterError) as error:
            fail(f"the mapping tables cannot be used: {error}")
        except (UnreadableFileError, LocalGraphError) as error:
            fail(str(error))


def settings_of(context: click.Context, **flags: Any) -> Settings:
    """The settings in force for a command, with its flags; ends the command with 2 when they cannot be used."""
    try:
        return load(context.find_root().obj, **flags)
    except ConfigurationError as error:
        fail(str(error), code=2)


def check_writable(path: Path | None, flag: str) -> None:
    """Refuse a file that cannot be written, before any work is done for it."""
    if path is None:
        return
    if path.is_dir():
        fail(f"{flag} {path} is a folder; give the name of a file", code=2)
    if not path.absolute().parent.is_dir():
        fail(f"{flag} {path}: the folder {path.absolute().parent} does not exist; make it first", code=2)
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        fail(f"{flag} {path}: it may not be written by this user", code=2)


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message: 2 for what was asked wrongly, 1 for what went wrong."""
    click.echo(f"odatis-kg: {message}", err=True)
    sys.exit(code)


@contextmanager
def progress() -> Iterator[Callable[[str, int | None], Any]]:
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

            done = 0

            def advance(steps: int = 1, /) -> None:
                nonlocal done
                done += steps
                progress.advance(task, steps)

            yield advance
            whole = total or done or 1
            progress.update(task, total=whole, completed=whole)
            if not console.is_terminal:
                click.echo(f"{name}: done" if total is None else f"{name}: {total:,} done", err=True)

        yield stage


def _untold(event: str, facts: Mapping[str, object]) -> None:
    """An event that the progress bars show already."""


@contextmanager
def events() -> Iterator[tuple[Stage, Tell]]:
    """What long work tells of itself: progress bars on a terminal, one line of JSON an event on standard output elsewhere."""

    def line(event: str, facts: Mapping[str, object]) -> None:
        click.echo(json.dumps({"event": event, "time": now(), **facts}, ensure_ascii=False))

    if Console(stderr=True).is_terminal:
        with progress() as bars:
            yield bars, _untold
        return

    @contextmanager
    def stage(name: str, total: int | None) -> Iterator[Advance]:
        done = 0

        def advance(steps: int = 1, /) -> None:
            nonlocal done
            done += steps

        yield advance
        line("stage", {"stage": name, "done": total if total is not None else done})

    yield stage, line


def write_report(path: Path | None, reports: list[FileReport]) -> None:
    """Write the reports of some files as JSON, when a file for them was asked for."""
    if path:
        content = [report.as_json() for report in reports]
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def print_refusals(reports: list[FileReport]) -> None:
    """Tell which files, or records in them, were refused and why; the first twenty."""
    refused = [report for report in reports if report.refused]
    for report in refused[:20]:
        click.echo(f"refused  {report.path}: {report.reason}", err=True)
    if len(refused) > 20:
        click.echo(f"refused  ... and {len(refused) - 20} more files; --report FILE lists them all", err=True)
