"""What is measured with: the demonstration records, many times over, each time under other identifiers."""

import re
from collections.abc import Iterator
from pathlib import Path

from odatis_kg.harvest.folder import read, walk
from odatis_kg.iris import Iris
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import SourceRecord, scan
from odatis_kg.pipeline.stages import load_mappings
from odatis_kg.resources import folder

_KEY = re.compile(
    rb"(<gmd:fileIdentifier>\s*<gco:CharacterString>|<mdb:metadataIdentifier>.*?<gco:CharacterString>)([^<]+)",
    re.DOTALL,
)


def mappings() -> Mappings:
    """The shipped tables, for the default base address."""
    return load_mappings(Iris("http://localhost:8000/"))


def records(copies: int) -> Iterator[SourceRecord]:
    """The XML records of the demonstration, `copies` times, no two with the same identifier."""
    found = [record for file in walk([folder("demo")]) for record in scan(read(file.path, 1 << 30)).records]
    written = [
        record for record in found if record.content.lstrip().startswith(b"<?xml") and not record.kind.is_vocabulary
    ]
    for copy in range(copies):
        for record in written:
            key = f"{record.key}-{copy}"
            content = _KEY.sub(lambda match, key=key: match[1] + key.encode(), record.content, count=1)  # type: ignore[misc]
            yield SourceRecord("bench", key, record.kind, content)


def real_records(paths: list[Path]) -> list[SourceRecord]:
    """The XML records of some files and folders, each once; what cannot be read is left out."""
    found: dict[str, SourceRecord] = {}
    for file in walk(paths):
        for one in scan(read(file.path, 1 << 30)).records:
            if one.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and not one.kind.is_vocabulary:
                found.setdefault(one.key, SourceRecord("bench", one.key, one.kind, one.content))
    return list(found.values())
