"""Keywords of GCMD as its keyword server exports them in tables (CSV)."""

import csv
import io
import re
from typing import Final

from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import gcmd
from odatis_kg.mapping.listing import THE_LIST, ListReader
from odatis_kg.mapping.lists.entries import Entries, sha
from odatis_kg.mapping.vocabularies import VocabularyName

_GCMD_SCHEMES: Final = "https://gcmd.earthdata.nasa.gov/kms/concepts/concept_scheme/"


def is_gcmd_csv(start: bytes) -> bool:
    """Whether the beginning of a file is an export of GCMD's keyword server: a line about it, then columns up to UUID."""
    lines = start.splitlines()[:2]
    return len(lines) == 2 and b"Keyword Version:" in lines[0] and b"UUID" in lines[1]


def read_gcmd_csv(content: bytes) -> ListReader:
    """A keyword list of GCMD: the levels of each keyword from the widest, its short and long name, its UUID."""
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        about, header, *rows = list(lines)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise RefusedError(f"a GCMD export that cannot be read: {error}") from None
    said = dict(part.split(": ", 1) for part in about if ": " in part)
    scheme = next((one[1] for part in about if (one := re.search(r"/concept_scheme/([\w-]+)", part))), "")
    if not scheme:
        raise RefusedError("a GCMD export whose first line does not say of which scheme (.../concept_scheme/...)")
    found = Entries()
    by_path: dict[tuple[str, ...], str] = {}
    read: list[tuple[int, tuple[str, ...]]] = []
    for line, cells in enumerate(rows, 3):
        row = dict(zip(header, cells, strict=False))
        concept = _gcmd_uuid(row.get("UUID", "")) if len(cells) == len(header) else None
        number = found.entry(concept, ", ".join(cells))
        if number is None or concept is None:
            continue
        names = {column: text for column, text in row.items() if column not in ("UUID", *_GCMD_NAMES)}
        short = row.get("Short_Name", "").strip()
        path = (*(text.strip() for text in names.values() if text.strip()), *([short] if short else []))
        if path:
            found.add(number, "label", path[-1], at=line)
            if len(path) > 1:
                found.add(number, "path", " > ".join(path), at=line)
            by_path.setdefault(path, concept)
            read.append((number, path))
        for column in ("Long_Name", "Data_Center_URL"):
            found.add(number, column, row.get(column), at=line)
    for number, path in read:
        if parent := by_path.get(path[:-1]):
            found.add(number, "broader", parent)
    for column, name in (("version", "Keyword Version"), ("modified", "Revision"), ("rights", "Terms Of Use")):
        found.add(THE_LIST, column, said.get(name))
    modified = said.get("Revision", "")
    version = said.get("Keyword Version", "")
    version = version if re.match(r"\d", version) else modified[:10] or sha(content)
    return found.reader(VocabularyName("gcmd", scheme, version, "csv"), modified, _GCMD_SCHEMES + scheme)


_GCMD_NAMES: Final = ("Short_Name", "Long_Name", "Data_Center_URL")


def _gcmd_uuid(text: str) -> str | None:
    return gcmd(f"https://gcmd.earthdata.nasa.gov/kms/concept/{text.strip()}")
