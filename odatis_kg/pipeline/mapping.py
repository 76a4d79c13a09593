"""Mapping files on their own: records in, N-Quads out, nothing kept."""

import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from odatis_kg.config import Settings
from odatis_kg.harvest.folder import File, UnreadableFileError, walk
from odatis_kg.mapping.coverage import Survey
from odatis_kg.mapping.documentation import pages
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.functions import FUNCTIONS
from odatis_kg.mapping.kinds import Found, SourceRecord
from odatis_kg.mapping.lint import Fault, faults, functions_with_cases
from odatis_kg.pipeline.parallel import Item, map_records
from odatis_kg.pipeline.stages import Stage, load_mappings, note, scan_safely
from odatis_kg.quality.reports import FileReport
from odatis_kg.resources import folder


class _Place(NamedTuple):
    """Where the statements of a record are in the spool; compared by the record's date of change, then by order."""

    modified: str
    offset: int
    length: int
    file: int


def map_files(paths: list[Path], settings: Settings, out: BinaryIO, stage: Stage) -> list[FileReport]:
    """Map the records of some files to N-Quads, one named graph a record.

    Records come in the order of their files. When two files hold the same record, the newest is written (by its own date
    of change, then by order) and the other one's report says so.

    Raises:
        UnreadableFileError: a path does not exist.
    """
    mappings = load_mappings(settings.iris)
    files = list(walk(paths))
    reports = [FileReport(file.shown) for file in files]
    written: dict[bytes, _Place] = {}  # by a digest of the graph's name, for there may be millions
    with tempfile.TemporaryFile() as spool, stage("Mapping", len(files)) as advance:

        def items() -> Iterator[Item[tuple[int, Found]]]:
            for number, file in enumerate(files):
                for found in _records(file, settings, reports[number]):
                    yield Item(SourceRecord(settings.source, found.key, found.kind, found.content), (number, found))
                advance(1)

        for (record, (file, found)), outcome in map_records(
            items(), mappings, settings.input.record_seconds, settings.input.jobs
        ):
            note(reports[file], record, outcome, found.warning)
            if outcome.mapped is None:
                continue
            text = outcome.mapped.text()
            place = _Place(found.modified, spool.tell(), len(text), file)
            spool.write(text)
            name = sha256(outcome.mapped.graph.encode()).digest()
            before = written.get(name, place)
            older, newer = sorted((before, place))
            if older is not newer:
                reports[older.file].superseded(
                    found.kind, found.key, files[newer.file].shown, same_date=older.modified == newer.modified
                )
            written[name] = newer
        for place in sorted(written.values(), key=lambda one: one.offset):
            spool.seek(place.offset)
            out.write(spool.read(place.length))
    return reports


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


def lint_tables(paths: list[Path], settings: Settings, cases: Path | None = None) -> list[Fault]:
    """The faults of the shipped mapping tables, with the records of some files to show them at work.

    With a folder of `cases`, every function must have one there.
    """
    mappings = load_mappings(settings.iris)
    tested = functions_with_cases(cases) if cases else FUNCTIONS.keys()
    return list(faults(folder("mappings"), folder("ontologies"), mappings, _all_records(paths, settings), tested))


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
        content = file.read(settings.input.file_mb * 1_000_000)
    except UnreadableFileError as error:
        report.refuse(str(error))
        return ()
    started = time.perf_counter()
    found = scan_safely(content, settings)
    report.seconds += time.perf_counter() - started
    report.scanned(len(found.records), found.refusals)
    return found.records
