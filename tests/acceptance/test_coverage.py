"""Coverage on real records: at least 97 % of what they say is read or left out for a stated reason, and its words are found again."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from odatis_kg.config import load
from odatis_kg.iris import Iris
from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import map_record
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.kinds import SourceRecord, scan
from odatis_kg.mapping.xml_reader import XmlReader
from odatis_kg.pipeline.mapping import survey_files
from odatis_kg.pipeline.stages import load_mappings
from tests.support import quiet

pytestmark = pytest.mark.real
FAMILIES = ("iso19139", "iso19115-3", "cdi", "csr")
# Elements whose values have to be found in the output, by what they are for.
WORDS = {
    "title": "titles", "alternateTitle": "titles", "abstract": "abstracts", "purpose": "abstracts",
    "individualName": "names", "organisationName": "names", "name": "names", "keyword": "keywords", "code": "identifiers",
    "fileIdentifier": "identifiers", "date": "dates", "dateStamp": "dates", "beginPosition": "dates", "endPosition": "dates",
    "westBoundLongitude": "extents", "eastBoundLongitude": "extents", "southBoundLatitude": "extents",
    "northBoundLatitude": "extents", "minimumValue": "extents", "maximumValue": "extents", "linkage": "links",
    "statement": "lineage", "description": "lineage",
}  # fmt: skip


def records(real: Path) -> Iterator[SourceRecord]:
    for family in FAMILIES:
        for path in sorted((real / family).rglob("*.xml")):
            for found in scan(path.read_bytes()).records:
                yield SourceRecord("real", found.key, found.kind, found.content)


def test_nearly_everything_is_read_or_left_out_for_a_reason(real: Path) -> None:
    survey, _ = survey_files([real / family for family in FAMILIES], load(), quiet)
    leaves = sum(total.leaves for total in survey.totals.values())
    known = sum(total.consumed + total.ignored for total in survey.totals.values())
    assert leaves > 50_000
    assert known / leaves >= 0.97
    assert sum(total.ignored for total in survey.totals.values()) / leaves < 0.15


def test_the_words_of_records_are_found_in_the_output(real: Path) -> None:
    mappings = load_mappings(Iris("http://localhost:8000/"))
    total: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for record in records(real):
        result = map_record(record, mappings)
        said = {values.lexical(one.object) for one in result.statements}
        folded = {" ".join(text.split()).casefold() for text in said}
        everything = "\n".join(folded)
        readers: list[XmlReader] = []
        map_record(record, mappings, watch=lambda context, found=readers: found.append(context.reader))  # type: ignore[misc]
        reader = readers[0]
        for element in reader.every:
            kind = _kind(element) if element not in reader.ignored else None
            words = element.value
            if not kind or not words or words.casefold() in ("", "unknown", "none", "n/a", "-", "missing", "null"):
                continue
            total[kind] += 1
            if not _found(words, folded, everything):
                lost[kind] += 1
    assert total.total() > 10_000
    assert 1 - lost.total() / total.total() >= 0.98, {kind: (lost[kind], total[kind]) for kind in total}


def _kind(element: Element) -> str | None:
    """What a leaf is for, by the property element it is the value of."""
    parent = element.parent
    if parent is None or element.name[:1].islower():
        return None
    return WORDS.get(parent.name)


def _found(words: str, folded: set[str], everything: str) -> bool:
    text = " ".join(words.split()).casefold()
    number = values.number(text)
    date = values.temporal(words)
    link = canonical(words) or ""
    return (
        text in folded
        or (number is not None and values.plain(number) in folded)
        or (date is not None and values.lexical(date).casefold() in folded)
        or (bool(link) and link.casefold() in folded)
        or re.sub(r"\s+", " ", text) in everything
    )
