"""Mapping files on their own: records in, N-Quads out, nothing kept."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from odatis_kg.config import Settings
from odatis_kg.harvest.folder import File, UnreadableFileError, read, walk
from odatis_kg.mapping.coverage import Survey
from odatis_kg.mapping.documentation import pages
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.kinds import Found, SourceRecord
from odatis_kg.mapping.lint import Fault, faults
from odatis_kg.pipeline.stages import Stage, load_mappings, map_safely, scan_safely
from odatis_kg.quality.reports import FileReport
from odatis_kg.resources import folder


class _Place(NamedTuple):
    """Where the statements of a record are in the spool; compared by the record's date of change, then by order."""

    modified: str
    number: int
    offset: int
    length: int
    path: str


def map_files(paths: list[Path], settings: Settings, out: BinaryIO, stage: Stage) -> list[FileReport]:
    """Map the records of some files to N-Quads, one named graph a record.

    Records come in the order of their files. When two files hold the same record, the newest is written (by its own date
    of change, then by order) and the other one's report says so.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    mappings = load_mappings(settings.iris)
    files = list(walk(paths))
    reports: dict[str, FileReport] = {}
    written: dict[str, _Place] = {}
    with tempfile.TemporaryFile() as spool, stage("Mapping", len(files)) as advance:
        number = 0
        for file in files:
            report = reports[file.shown] = FileReport(file.shown)
            started = time.perf_counter()
            for found in _records(file, settings, report):
                record = SourceRecord(settings.source, found.key, found.kind, found.content)
                mapped = map_safely(record, mappings, settings, report, found.warning)
                if mapped is None:
                    continue
                text = mapped.text()
                number += 1
                place = _Place(found.modified, number, spool.tell(), len(text), file.shown)
                spool.write(text)
                before = written.get(mapped.graph, place)
                older, newer = sorted((before, place))
                if older is not newer:
                    reports[older.path].superseded(
                        found.kind, found.key, newer.path, same_date=older.modified == newer.modified
                    )
                written[mapped.graph] = newer
            report.seconds = time.perf_counter() - started
            advance(1)
        for place in sorted(written.values(), key=lambda one: one.number):
            spool.seek(place.offset)
            out.write(spool.read(place.length))
    return list(reports.values())


def survey_files(paths: list[Path], settings: Settings, stage: Stage) -> tuple[Survey, list[FileReport]]:
    """How much of the records of some files is read, and by which rows; the reports tell of files that cannot be read.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    survey = Survey(load_mappings(settings.iris))
    reports = []
    files = list(walk(paths))
    with stage("Reading", len(files)) as advance:
        for file in files:
            report = FileReport(file.shown)
            reports.append(report)
            for found in _records(file, settings, report):
                try:
                    survey.add(SourceRecord(settings.source, found.key, found.kind, found.content))
                except RefusedError as error:
                    report.refuse(str(error))
            advance(1)
    return survey, reports


def lint_tables(paths: list[Path], settings: Settings) -> list[Fault]:
    """The faults of the shipped mapping tables, with the records of some files to show them at work."""
    mappings = load_mappings(settings.iris)
    return list(faults(folder("mappings"), folder("ontologies"), mappings, _all_records(paths, settings)))


def document_tables(paths: list[Path], settings: Settings) -> list[tuple[str, str]]:
    """The pages about the shipped mapping tables, with examples from the records of some files: (file name, Markdown)."""
    return list(pages(folder("mappings"), load_mappings(settings.iris), _all_records(paths, settings)))


def _all_records(paths: list[Path], settings: Settings) -> Iterator[SourceRecord]:
    for file in walk(paths):
        for found in _records(file, settings, FileReport(file.shown)):
            yield SourceRecord(settings.source, found.key, found.kind, found.content)


def _records(file: File, settings: Settings, report: FileReport) -> tuple[Found, ...]:
    """The records of a file; what is refused is noted in its report."""
    try:
        content = read(file.path, settings.input.file_mb * 1_000_000)
    except UnreadableFileError as error:
        report.refuse(str(error))
        return ()
    found = scan_safely(content, settings)
    report.scanned(len(found.records), found.refusals)
    return found.records
