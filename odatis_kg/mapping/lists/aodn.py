"""Trees of concepts as AODN's portal caches its vocabularies (JSON)."""

import re

from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.json import document_of
from odatis_kg.mapping.listing import ListReader
from odatis_kg.mapping.lists.entries import Entries, sha
from odatis_kg.mapping.vocabularies import VocabularyName


def read_aodn(content: bytes) -> ListReader:
    """A tree of concepts as AODN's portal caches its vocabularies: each has its own address and what is below it."""
    found = Entries()
    pending = [(one, "") for one in reversed(document_of(content))]
    first = canonical(str(pending[-1][0].get("about") or "")) or ""
    version = str(pending[-1][0].get("version") or "")
    while pending:
        one, parent = pending.pop()
        about = canonical(str(one.get("about") or ""))
        number = found.entry(about, str(one.get("label") or ""))
        narrower = one.get("narrower")
        below = [child for child in narrower if isinstance(child, dict)] if isinstance(narrower, list) else []
        pending.extend((child, about or parent) for child in reversed(below))
        if number is None:
            continue
        found.add(number, "broader", parent)
        for column, value in one.items():
            for text in value if isinstance(value, list) else [value]:
                if column not in ("about", "narrower"):
                    found.add(number, column, text)
    tree = re.search(r"/def/([\w-]+)/", first)
    name = VocabularyName("aodn", tree[1] if tree else "concepts", version.replace("/", "_") or sha(content))
    return found.reader(name, "")
