"""schema.org JSON-LD as web pages embed it: the blocks of a page, and what of them describes something a catalogue holds.

Nothing is fetched: a page's contexts are taken for what they say they are (`mapping.schema_org`).
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree

from odatis_kg.mapping import schema_org
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.json import document_of

_LD_JSON: Final = re.compile(r"\s*application/ld\+json\s*(;.*)?", re.IGNORECASE | re.DOTALL)
# What pages write around a script so that old or strict readers of HTML do not stumble over it.
_OPENING: Final = re.compile(r"\s*(?://|/\*)?\s*(?:<!\[CDATA\[|<!--)\s*(?:\*/)?")
_CLOSING: Final = re.compile(r"(?://|/\*)?\s*(?:\]\]>|-->)\s*(?:\*/)?\s*$")


def contents(content: bytes, media_type: str) -> Iterator[tuple[int, bytes]]:
    """What a page holds for us: its records, in one document, with number 0; and each block that is not JSON, with its own.

    Blocks are counted from 1; a broken one that is the only one has number 0 as well. A page without any record gives
    nothing.
    """
    if media_type.endswith(("/json", "+json")):
        yield 0, _whole(content)
        return
    blocks = blocks_of(content)
    told: list[tuple[bytes, Any, list[Any]]] = []
    for number, block in enumerate(blocks, 1):
        try:
            document = document_of(block)
        except RefusedError:
            yield 0 if len(blocks) == 1 else number, block
            continue
        if nodes := _nodes(document):
            told.append((block, document, nodes))
    if len(told) == 1 and _is_record(told[0][1]):
        yield 0, told[0][0]
    elif told:
        yield 0, _together([node for _, _, nodes in told for node in nodes])


def blocks_of(content: bytes) -> list[bytes]:
    """The JSON-LD blocks of an HTML page, in document order, in UTF-8."""
    try:
        content.decode("utf-8")
        encoding = "utf-8"  # what the header or the page says besides is not needed
    except UnicodeDecodeError:
        encoding = None
    parser = etree.HTMLParser(encoding=encoding, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return []
    if root is None:
        return []
    texts = [script.text or "" for script in root.iter("script") if _LD_JSON.fullmatch(script.get("type") or "")]
    bare = [_CLOSING.sub("", text[opening.end() :] if (opening := _OPENING.match(text)) else text) for text in texts]
    return [text.strip().encode("utf-8", "replace") for text in bare if text.strip()]


def _whole(content: bytes) -> bytes:
    """A JSON-LD document as it is; a list of several brought into one."""
    try:
        document = document_of(content)
    except RefusedError:
        return content
    nodes = _nodes(document)
    return _together(nodes) if nodes and not _is_record(document) else content


def _is_record(document: Any) -> bool:
    return schema_org.is_schema_org(document) and next(schema_org.records(document), None) is not None


def _nodes(document: Any) -> list[Any]:
    """The nodes of a document of which one at least is a record; a page that is about a record stands for it."""
    nodes = list(_described(document))
    return nodes if any(schema_org.types_of(node) & schema_org.RECORD_TYPES for node in nodes) else []


def _described(document: Any) -> Iterator[Any]:
    if isinstance(document, list):
        for item in document:
            yield from _described(item)
        return
    if not schema_org.is_schema_org(document):
        return
    nodes = document.get("@graph", [document])
    for node in nodes if isinstance(nodes, list) else [nodes]:
        if not isinstance(node, dict):
            continue
        entity = node.get("mainEntity")
        if isinstance(entity, dict) and not schema_org.types_of(node) & schema_org.RECORD_TYPES:
            node = entity
        yield {name: value for name, value in node.items() if name != "@context"}


def _together(nodes: list[Any]) -> bytes:
    return json.dumps({"@context": "https://schema.org/", "@graph": nodes}, ensure_ascii=False).encode("utf-8")
