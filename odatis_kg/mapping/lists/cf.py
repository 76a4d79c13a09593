"""Tables of the CF conventions: standard names, area types, regions."""

import re
from typing import Final
from urllib.parse import quote

from odatis_kg.mapping import xml
from odatis_kg.mapping.listing import THE_LIST, ListReader
from odatis_kg.mapping.lists.entries import Entries, sha
from odatis_kg.mapping.values import one_line
from odatis_kg.mapping.vocabularies import VocabularyName

_STANDARD_NAMES: Final = "http://vocab.nerc.ac.uk/standard_name/"
_CF_TABLES: Final = {
    "standard_name_table": "standard-names",
    "area_type_table": "area-types",
    "standardized_region_list": "regions",
}


def is_cf(root: xml.Parsed) -> bool:
    """Whether a document is a table of the CF conventions."""
    return xml.local_name(root) in _CF_TABLES and root.find("entry") is not None


def read_cf(content: bytes) -> ListReader:
    """A table of CF: standard names with units and aliases, area types, regions.

    A standard name is called by the address NVS serves it at; CF has no addresses for area types and regions.
    """
    root = xml.parse(content)
    table = _CF_TABLES[xml.local_name(root)]
    found = Entries()
    dates = []
    for element in root:
        name = one_line(element.get("id") or "")
        column = xml.local_name(element)
        if column in ("entry", "alias"):
            number = found.entry(_cf_name(table, name), "an entry without id")
            if number is None:
                continue
            found.add(number, "id", name, at=element)
            if column == "alias":
                found.add(number, "alias", "true", at=element)
            for child in element:
                text = "".join(str(piece) for piece in child.itertext())
                if xml.local_name(child) == "entry_id":
                    text = _cf_name(table, one_line(text)) or ""
                found.add(number, xml.local_name(child), text, at=child)
        else:
            text = _english_date(one_line(element.text or ""))
            found.add(THE_LIST, column, text, at=element)
            if column in ("date", "last_modified"):
                dates.append(text)
    version = one_line(root.findtext("version_number") or "") or sha(content)
    scheme = _STANDARD_NAMES if table == "standard-names" else ""
    return found.reader(VocabularyName("cf", table, version), max(dates, default=""), scheme)


def _cf_name(table: str, name: str) -> str:
    if table == "standard-names":
        return f"{_STANDARD_NAMES}{quote(name)}/" if name else ""
    return f"{table}:{name}" if name else ""


def _english_date(text: str) -> str:
    """`20 March 2025` as CF's editors write it, in ISO 8601; any other text unchanged."""
    found = re.fullmatch(r"(\d{1,2}) ([A-Z][a-z]+) (\d{4})", text)
    if not found or found[2] not in _MONTHS:
        return text
    return f"{found[3]}-{_MONTHS.index(found[2]) + 1:02}-{int(found[1]):02}"


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
