"""The answers of OAI-PMH 2.0, read: what a page lists, where the list goes on, and why there is none.

What must stay true: only the places and names of elements count, since repositories err in namespaces, prefixes and in
what they repeat of the request; a record is cut out with its header and the namespaces it inherits, and nothing of what
surrounds it, so that it has the same bytes whenever and on whichever page it comes.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import unescape

from odatis_kg.harvest.client import Answer, Item
from odatis_kg.mapping import xml
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.kinds import content_key

_TOKEN: Final = re.compile(rb"<(?:[\w.-]+:)?resumptionToken[^<>]*>\s*([^<>]*?)\s*</")


class BrokenError(Exception):
    """An answer that cannot be read; `token` is what can be seen of where the list goes on."""

    def __init__(self, message: str, answer: Answer, token: str = "") -> None:
        super().__init__(message)
        self.answer = answer
        self.token = token


class RefusalError(Exception):
    """An answer with error codes (section 3.6), here in lower case."""

    def __init__(self, message: str, codes: frozenset[str], answer: Answer) -> None:
        super().__init__(message)
        self.codes = codes
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Header:
    """What a list says of a record."""

    identifier: str
    modified: str = ""
    is_deleted: bool = False


def read(answer: Answer, verb: str) -> xml.Parsed:
    """The element of an answer that is named like the verb.

    Raises:
        RefusalError: there are errors instead of it.
        BrokenError: not well-formed, or not an answer to this verb.
    """
    try:
        root = xml.parse_as_sent(answer.content.lstrip(b" \t\r\n"))
    except RefusedError as error:
        tokens = _TOKEN.findall(answer.content)
        token = unescape(tokens[-1].decode("utf-8", "replace")) if tokens else ""
        raise BrokenError(f"the answer to {verb} cannot be read: {error}", answer, token) from None
    body, errors = root.find(f"{{*}}{verb}"), root.findall("{*}error")
    if xml.local_name(root) != "OAI-PMH" or (body is None and not errors):
        raise BrokenError(f"the answer to {verb} is <{xml.local_name(root)}> without it", answer)
    if body is not None and (len(body) or not errors):
        return body
    codes = [(error.get("code") or "").strip() for error in errors]
    said = "; ".join(f"{code}: {text(error)}".rstrip(": ") for code, error in zip(codes, errors, strict=True))
    raise RefusalError(said[:500], frozenset(code.lower() for code in codes), answer)


def items_of(body: xml.Parsed) -> list[Item]:
    """The records of a page, in its order."""
    records = [element for element in body if xml.local_name(element) == "record"]
    stated = Counter(header_of(record).identifier for record in records)
    return [_item(record, stated) for record in records]


def headers_of(body: xml.Parsed) -> list[Header]:
    """The headers of a page of ListIdentifiers, some of which come wrapped as records."""
    return [header_of(element) for element in body if xml.local_name(element) in ("header", "record")]


def header_of(element: xml.Parsed) -> Header:
    """The header that an element is or has."""
    header = element.find("{*}header") if xml.local_name(element) == "record" else element
    if header is None:
        return Header("")
    found = {xml.local_name(child).lower(): text(child) for child in header}
    deleted = (header.get("status") or "").strip().lower() == "deleted"
    return Header(found.get("identifier", ""), found.get("datestamp", ""), deleted)


def next_of(body: xml.Parsed) -> tuple[str, int | None]:
    """The resumption token, empty when the list is at its end, and the size of the whole list where it is announced."""
    token = body.find("{*}resumptionToken")
    if token is None:
        return "", None
    size = (token.get("completeListSize") or "").strip()
    return text(token), int(size) if re.fullmatch(r"[0-9]{1,12}", size) else None


def text(element: xml.Parsed | None) -> str:
    """The text of an element on one line, empty when there is none."""
    return "" if element is None else " ".join(xml.all_text(element).split())


def _item(record: xml.Parsed, stated: Counter[str]) -> Item:
    header = header_of(record)
    metadata = record.find("{*}metadata")
    if header.is_deleted:
        return Item(header.identifier, None, header.modified)
    content = xml.on_its_own(record)
    identifier = header.identifier
    if metadata is not None and stated[identifier] > 1:
        # pycsw 2.6 writes the header of the first record of a page over all of them.
        own = metadata.iter("{*}fileIdentifier", "{*}metadataIdentifier", "{*}identifier", "{*}Identifier")
        identifier = next((words for one in own if (words := text(one))), identifier)
    identifier = identifier or content_key(content)
    if metadata is None or not len(metadata):
        return Item(identifier, None, header.modified, "the repository lists it, without metadata in this format")
    return Item(identifier, content, header.modified)
