"""RDF terms: the one place where text becomes an IRI, a tagged string, a date or a number.

A term is held in its canonical N-Triples form (RDF 1.1 N-Triples, section 4), because mapped records leave as sorted
N-Quads lines: writing text costs a third less than building term objects first. What must stay true: a term made here is
accepted by a strict RDF parser, every literal has a language tag or a datatype (R2), and nothing that is not an IRI
becomes one (R3).
"""

import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NewType
from urllib.parse import quote, urlsplit

from odatis_kg.namespaces import PREFIXES

Term = NewType("Term", str)

XSD: Final = PREFIXES["xsd"]
RDF_TYPE: Final = Term(f"<{PREFIXES['rdf']}type>")

# IRIs

_UCS: Final = (
    "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
    "\U00010000-\U0001fffd\U00020000-\U0002fffd\U00030000-\U0003fffd\U00040000-\U0004fffd\U00050000-\U0005fffd"
    "\U00060000-\U0006fffd\U00070000-\U0007fffd\U00080000-\U0008fffd\U00090000-\U0009fffd\U000a0000-\U000afffd"
    "\U000b0000-\U000bfffd\U000c0000-\U000cfffd\U000d0000-\U000dfffd\U000e1000-\U000efffd"
)
_PCT: Final = "%[0-9A-Fa-f]{2}"
_PCHAR: Final = rf"(?:[A-Za-z0-9._~!$&'()*+,;=:@{_UCS}-]|{_PCT})"
_HOST: Final = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;={_UCS}-]|{_PCT})*)"
_USER: Final = rf"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:{_UCS}-]|{_PCT})*@)?"
_IRI: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://{_USER}{_HOST}(?::[0-9]*)?(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|"
    rf"{_PCHAR}+(?:/{_PCHAR}*)*)(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
)
_WEB_ADDRESS: Final = re.compile(r"(?P<host>(?:https?|ftps?|sftp)://[^/?#]+)(?P<rest>.*)", re.IGNORECASE)
_NO_HOST: Final = re.compile(r"(?:https?|ftps?|sftp):(?!//[^/?#])", re.IGNORECASE)  # templates say "http://"
_PASSWORD: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#@\s]*:[^/?#@\s]*@")
_PASSWORD_WITHIN: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#@\s]*:[^/?#@\s]*@")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEEP_IN_WEB_ADDRESS: Final = "!$&'()*+,;=:@/?#%~-._"


@lru_cache(maxsize=1 << 16)
def is_iri(text: str) -> bool:
    """Whether a text is an absolute IRI (RFC 3987, section 2.2) that every RDF parser accepts."""
    return _IRI.fullmatch(text) is not None and ((text.isascii() and "[" not in text) or _has_host(text))


def _has_host(text: str) -> bool:
    """Whether the host of an address is one: a real IPv6 address, no sign that a resolver takes for `/` or `@` (`℀`)."""
    try:
        host = urlsplit(text).hostname or ""
        return "[" not in text or bool(IPv6Address(host))
    except ValueError:
        return False


def iri(text: str) -> Term:
    """The term of an IRI that is known to be one (minted by us or taken from a register).

    Raises:
        ValueError: it is not an absolute IRI.
    """
    if not is_iri(text):
        raise ValueError(f"not an absolute IRI: {text!r}")
    return Term(f"<{text}>")


def repaired_iri(text: str) -> str | None:
    """The IRI that a source meant, or None (R3).

    A user name with a password is never published and is left out. Repairs what does not change the meaning: blanks
    around, blanks and forbidden characters after the host of a web address (percent-encoded), a lone `%`, `\\` for `/`,
    a second `#`. A host is never repaired: no server answers to a name with blanks or brackets in it. An address without
    a scheme is not completed.
    """
    candidate = _PASSWORD.sub(r"\1", text.strip())
    if is_iri(candidate):
        return None if _NO_HOST.match(candidate) else candidate
    found = _WEB_ADDRESS.fullmatch(candidate.replace("\\", "/"))
    if not found or any(ord(sign) < 0x20 for sign in candidate):
        return None
    before, mark, after = _BAD_PERCENT.sub("%25", found["rest"]).partition("#")
    safe = before + mark + after.replace("#", "%23")
    candidate = found["host"] + "".join(
        sign if sign in _KEEP_IN_WEB_ADDRESS or sign.isalnum() else quote(sign, safe="", errors="replace")
        for sign in safe
    )
    return candidate if is_iri(candidate) else None


# Literals

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
# Not allowed in XML 1.0, so no RDF/XML or SPARQL results XML could carry them: C0 controls, surrogates, non-characters.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BLANKS_IN_LINE: Final = re.compile(r"[ \t\u00a0]+")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
# RFC 5646, section 2.1, without the tags of before 2006 that it keeps for old data.
_LANGUAGE_TAG: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+",
    re.IGNORECASE | re.ASCII,
)


def clean(text: str) -> str:
    """The text a person meant: NFC, no control characters, layout blanks of XML folded, line and paragraph breaks kept."""
    if text.isascii() and "\n" not in text and "\t" not in text and "  " not in text and text.isprintable():
        return text.strip()
    composed = unicodedata.normalize("NFC", _UNPRINTABLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))
    lines = (_BLANKS_IN_LINE.sub(" ", line).strip() for line in composed.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def one_line(text: str) -> str:
    """A cleaned text on one line: for titles, names, keywords and codes, where a line break is only layout."""
    return _short_line(text) if len(text) < 200 else " ".join(clean(text).split())


@lru_cache(maxsize=20_000)  # the same names, codes and units come again in every record of a catalogue
def _short_line(text: str) -> str:
    return " ".join(clean(text).split())


@lru_cache(maxsize=1 << 10)
def is_language_tag(tag: str) -> bool:
    """Whether a text is a well-formed language tag (RFC 5646, section 2.2.9), as strict RDF parsers ask for."""
    return _LANGUAGE_TAG.fullmatch(tag) is not None


def text(value: str, language: str | None = None) -> Term:
    """A literal: `rdf:langString` when a language is given (a BCP 47 tag), `xsd:string` otherwise.

    A user name with a password in an address is left out, as in IRIs, and so is what no XML can hold.
    """
    if not value.isprintable():
        value = _UNPRINTABLE.sub("", value)
    if "@" in value and "://" in value:
        value = _PASSWORD_WITHIN.sub(r"\1", value)
    escaped = _escaped(value)
    if language:
        if not is_language_tag(language):
            raise ValueError(f"not a language tag: {language!r}")
        return Term(f'"{escaped}"@{language.lower()}')
    return Term(f'"{escaped}"')


def _escaped(value: str) -> str:
    """The text as it stands in a literal. Looking for what is rare takes a tenth of the time of going through it all."""
    special = "\\" in value or '"' in value or "\n" in value or "\r" in value
    return value.translate(_ESCAPES) if special else value


def typed(value: str, datatype: str) -> Term:
    """A literal of an XSD datatype given by its local name, or of any datatype given by its IRI."""
    return Term(f'"{_escaped(value)}"^^<{datatype if ":" in datatype else XSD + datatype}>')


def boolean(value: str) -> Term | None:
    """`xsd:boolean` of true, false, 1 or 0 in any case; None for anything else."""
    known = {"true": "true", "1": "true", "false": "false", "0": "false"}
    found = known.get(value.strip().lower())
    return typed(found, "boolean") if found else None


# Python reads more as a number than people mean by one: `1_0`, `nan`, digits of any script.
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


def number(value: str) -> Decimal | None:
    """The decimal number a text holds, or None. A decimal comma is accepted; a thousands separator is not."""
    if not (found := _NUMBER.fullmatch(value.strip())):
        return None
    parsed = Decimal(found[0].replace(",", "."))
    # By the exponents, without arithmetic: 0e999 has a thousand digits when it is written out.
    in_bounds = parsed.adjusted() < 15 and parsed.as_tuple().exponent > -30  # type: ignore[operator]
    return parsed if in_bounds else None


def plain(value: Decimal) -> str:
    """A number as people write it: no exponent, no trailing zeros, no minus zero."""
    shown = format(value, "f")
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "0") else shown


def decimal(value: Decimal) -> Term:
    """`xsd:decimal`, in canonical form (XSD 1.1 part 2, section 3.3.3)."""
    return typed(plain(value), "decimal")


def integer(value: int) -> Term:
    """`xsd:integer`."""
    return typed(str(value), "integer")


# Dates

_ZONE: Final = r"(?P<zone>Z|[+-]\d{2}:?\d{2})?"
_TEMPORAL: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?)?)?)?" + _ZONE,
    re.ASCII,  # else `\d` is any digit of Unicode, and XSD knows ten
)
_COMPACT_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_DURATION: Final = re.compile(
    r"-?P(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?",
    re.ASCII,
)


def temporal(value: str) -> Term | None:
    """The date a text holds, with the precision it has, or None when it is no real date.

    `2016` is an `xsd:gYear`, `2016-05` an `xsd:gYearMonth`, `2016-05-01` an `xsd:date`, anything with a time of day an
    `xsd:dateTime`; a zone is kept. Repaired: a blank for `T`, missing seconds, `+0200` for `+02:00`, `20160501`.
    Not repaired, because it would be guessing: day/month order, two-digit years, ranges.
    """
    candidate = value.strip()
    if compact := _COMPACT_DATE.fullmatch(candidate):
        candidate = "-".join(compact.groups())
    found = _TEMPORAL.fullmatch(candidate)
    if not found or found["year"] == "0000":
        return None
    zone = _zone(found["zone"])
    if zone is None or (found["day"] is None and re.fullmatch(r"[+-]\d{4}", found["zone"] or "")):
        return None  # `2016-0512`: a zone, or a day written badly
    if found["month"] is None:
        return typed(found["year"] + zone, "gYear")
    if found["day"] is None:
        return (
            typed(f"{found['year']}-{found['month']}{zone}", "gYearMonth") if "01" <= found["month"] <= "12" else None
        )
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"])).isoformat()
    except ValueError:
        return None
    if found["hour"] is None:
        return typed(day + zone, "date")
    second, point, fraction = (found["second"] or "00").partition(".")
    fraction = fraction.rstrip("0")
    if int(found["hour"]) > 23 or int(found["minute"]) > 59 or int(second) > 59:
        return None
    return typed(
        f"{day}T{found['hour']}:{found['minute']}:{second}{point if fraction else ''}{fraction}{zone}", "dateTime"
    )


def _zone(zone: str | None) -> str | None:
    if zone is None:
        return ""
    if zone == "Z":
        return "Z"
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours == minutes == 0:
        return "Z"
    return f"{zone[0]}{hours:02}:{minutes:02}" if hours * 60 + minutes <= 14 * 60 and minutes < 60 else None


def duration(value: str) -> Term | None:
    """`xsd:duration` of an ISO 8601 duration such as `P1M`, or None."""
    candidate = value.strip()
    return typed(candidate, "duration") if _DURATION.fullmatch(candidate) else None


def lexical(term: Term) -> str:
    """What a term says, without its datatype or language: the IRI itself, or the text of a literal."""
    if term.startswith("<"):
        return term[1:-1]
    body = term[1 : term.rindex('"')]
    if "\\" not in body:
        return body
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), body)


def language_of(term: Term) -> str | None:
    """The language tag of a literal, or None."""
    _, quote_mark, tail = term.rpartition('"')
    return tail[1:] if quote_mark and tail.startswith("@") else None
