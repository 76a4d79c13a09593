"""What is measured with: the demonstration records, many times over, each time under other identifiers."""

import re
from collections.abc import Iterator

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
    written = [record for record in found if record.content.lstrip().startswith(b"<?xml") and record.kind != "skos"]
    for copy in range(copies):
        for record in written:
            key = f"{record.key}-{copy}"
            content = _KEY.sub(lambda match, key=key: match[1] + key.encode(), record.content, count=1)  # type: ignore[misc]
            yield SourceRecord("bench", key, record.kind, content)
