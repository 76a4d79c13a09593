"""Mapping files on their own: records in, N-Quads out, nothing kept."""

import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

from odatis_kg.config import Settings
from odatis_kg.harvest.folder import File, UnreadableFileError, read, walk
from odatis_kg.mapping.kinds import Found, SourceRecord
from odatis_kg.pipeline.stages import Stage, load_mappings, map_safely, scan_safely
from odatis_kg.quality.reports import FileReport


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
