"""schema.org JSON-LD, as web pages embed it (ODIS, Google Dataset Search), brought to one plain form without any fetching.

Only what those pages use of JSON-LD is understood: `@graph`, `@id` references inside the document, `@list`, `@set`, value
objects, types and members written with or without the namespace or the prefix `schema:`. No context is ever fetched: the
names of schema.org are the context.
"""

from collections.abc import Iterator
from typing import Any, Final

Json = Any

_NAMESPACES: Final = ("https://schema.org/", "http://schema.org/", "schema:", "sdo:", "so:")
# Types that describe one thing a catalogue holds; other types are parts of these, or no records.
RECORD_TYPES: Final = {
    "Dataset", "ScholarlyArticle", "Article", "Report", "Book", "Thesis", "CreativeWork", "DataCatalog",
    "SoftwareApplication",
}  # fmt: skip
_DEEPEST: Final = 40


def is_schema_org(document: Json) -> bool:
    """Whether a JSON document says that its names are those of schema.org."""
    return isinstance(document, dict) and "schema.org" in str(document.get("@context", ""))


def records(document: Json) -> Iterator[Json]:
    """The records of a document, in one plain form: local names, references within the document followed."""
    nodes = document.get("@graph", document) if isinstance(document, dict) else document
    items = nodes if isinstance(nodes, list) else [nodes]
    by_id = {item["@id"]: item for item in items if isinstance(item, dict) and isinstance(item.get("@id"), str)}
    for item in items:
        if isinstance(item, dict) and types_of(item) & RECORD_TYPES:
            yield _plain(item, by_id, 0)


def types_of(node: Json) -> set[str]:
    """The types of a node by their local names."""
    stated = node.get("@type", node.get("type", ()))
    return {_local(str(one)) for one in (stated if isinstance(stated, list) else [stated])}


def _plain(value: Json, by_id: dict[str, Json], depth: int) -> Json:
    if isinstance(value, list):
        return [_plain(item, by_id, depth) for item in value]
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    for wrapper in ("@list", "@set"):
        if wrapper in value:
            return _plain(value[wrapper], by_id, depth)
    reference = value.get("@id")
    if len(value) == 1 and isinstance(reference, str) and reference in by_id and depth:
        value = by_id[reference]
        by_id = {name: node for name, node in by_id.items() if name != reference}  # a circle ends where it closes
    found: dict[str, Json] = {}
    for name, inner in value.items():
        local = _local(name)
        if local == "@type":
            found[local] = sorted(types_of(value))
        elif local != "@context":
            found[local] = _plain(inner, by_id, depth + 1)
    return found


def _local(name: str) -> str:
    return next((name[len(begin) :] for begin in _NAMESPACES if name.startswith(begin)), name)


def names(record: Json) -> Iterator[str]:
    """The texts that may name a record in the whole world, the most certain first: identifiers, then addresses."""
    stated = record.get("identifier")
    for one in stated if isinstance(stated, list) else [stated]:
        if isinstance(one, dict):
            yield from (str(one.get(name) or "") for name in ("value", "url", "@id"))
        else:
            yield str(one or "")
    for name in ("@id", "sameAs", "url"):
        found = record.get(name)
        yield from (str(one) for one in (found if isinstance(found, list) else [found]) if isinstance(one, str))
