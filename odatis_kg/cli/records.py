"""Commands about records and the tables that map them; they keep nothing."""

import csv
import sys
from pathlib import Path

import click

from odatis_kg.cli.shared import (
    BASE_URL,
    JOBS,
    PATHS,
    SOURCE,
    check_writable,
    fail,
    print_refusals,
    progress,
    settings_of,
    write_report,
)
from odatis_kg.harvest.folder import UnreadableFileError
from odatis_kg.mapping.table import ignore_reasons
from odatis_kg.pipeline.mapping import document_tables, lint_tables, map_files, survey_files
from odatis_kg.quality.reports import FileReport
from odatis_kg.resources import folder


@click.command("map")
@PATHS
@click.option("--out", type=click.Path(path_type=Path), help="File for the N-Quads. Default: standard output.")
@click.option("--report", type=click.Path(path_type=Path), help="File for a JSON report on each file.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any record was refused, for scheduled runs.")
@SOURCE
@BASE_URL
@JOBS
@click.pass_context
def map_command(
    context: click.Context,
    paths: tuple[Path, ...],
    out: Path | None,
    report: Path | None,
    strict: bool,
    source: str,
    base_url: str,
    jobs: int | None,
) -> None:
    """Map records to N-Quads, one named graph a record, without keeping anything.

    PATHS are files and folders: ISO 19139, 19115-2 and 19115-3, SeaDataNet CDI and CSR, Dublin Core, DataCite XML and
    JSON, PANGAEA pan_md, schema.org JSON-LD (alone or inside CSW and OAI-PMH answers), ORCID JSON, SKOS in Turtle, RDF/XML
    or JSON-LD, and the lists of NVS, GCMD, CF, EDMO and EDMERP in their own formats; .gz is read too. The same input gives
    the same bytes, whatever --jobs says.
    """
    settings = settings_of(context, source=source, base_url=base_url, input={"jobs": jobs})
    check_writable(out, "--out")
    check_writable(report, "--report")
    try:
        with progress() as stage:
            if out:
                with out.open("wb") as file:
                    reports = map_files(list(paths), settings, file, stage)
            else:
                reports = map_files(list(paths), settings, sys.stdout.buffer, stage)
    except (UnreadableFileError, OSError) as error:
        fail(str(error))
    write_report(report, reports)
    print_refusals(reports)
    if not reports:
        fail("there is no file to map in what was given; give files or folders of records")
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


@click.command()
@PATHS
@click.option("--format", "format_", type=click.Choice(["text", "csv"]), default="text", show_default=True)
@click.option("--most", type=click.IntRange(min=0), default=30, show_default=True, help="Elements to list, as text.")
@click.pass_context
def coverage(context: click.Context, paths: tuple[Path, ...], format_: str, most: int) -> None:
    """Show how much of the records in PATHS is read, by which rows of the mapping tables, and what is not.

    An element is consumed (a row states something of it), ignored on purpose (a row says why), or unknown. As text: a line
    for each kind of record, then the elements that are not or not always consumed, the most frequent first. As CSV: every
    element with the rows that read it.
    """
    settings = settings_of(context)
    try:
        with progress() as stage:
            survey, reports = survey_files(list(paths), settings, stage)
    except UnreadableFileError as error:
        fail(str(error))
    print_refusals(reports)
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


@click.command("lint-mappings")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--cases",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the tests of the functions (tests/fixtures/functions): each function must have one.",
)
@click.pass_context
def lint_mappings(context: click.Context, paths: tuple[Path, ...], cases: Path | None) -> None:
    """Check the mapping tables for what loading them cannot see.

    The demonstration records and those in PATHS have to show every row at work; every property and class has to be
    declared with its names in the ontologies. Exits with 1 when there is a fault.
    """
    settings = settings_of(context)
    found = lint_tables([folder("demo"), *paths], settings, cases)
    for fault in found:
        click.echo(f"{fault.where}: {fault.what}")
    click.echo(f"{len(found)} faults in the mapping tables." if found else "The mapping tables are sound.", err=True)
    sys.exit(1 if found else 0)


@click.command("document-mappings")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_context
def document_mappings(context: click.Context, out: Path, paths: tuple[Path, ...]) -> None:
    """Write pages about the mapping tables into the folder OUT, with examples from the records in PATHS and the demonstration."""
    settings = settings_of(context)
    out.mkdir(parents=True, exist_ok=True)
    written = document_tables([*paths, folder("demo")], settings)
    for name, text in written:
        (out / name).write_text(text, encoding="utf-8")
    for stale in sorted(set(out.glob("*.md")) - {out / name for name, _ in written}):
        stale.unlink()
    click.echo(f"{len(written)} pages in {out}.", err=True)
