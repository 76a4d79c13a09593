"""Identifiers of the marine world: every spelling met in real records, one canonical IRI each.

Each function takes any spelling and gives the canonical form or None; `canonical` takes anything and finds the scheme by
itself. Canonical forms: `http://vocab.nerc.ac.uk/collection/P02/current/TEMP/` (NVS: http, final slash, current version),
`https://edmo.seadatanet.org/report/486`, `https://doi.org/10.17882/42182` (lower case), `https://orcid.org/...`,
`https://ror.org/...`, `https://gcmd.earthdata.nasa.gov/kms/concept/{uuid}`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from json import detect_encoding
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from odatis_kg.mapping.values import repaired_iri

NVS: Final = "http://vocab.nerc.ac.uk/collection/"

_URN: Final = re.compile(
    r"(?:https?://(?:www\.)?seadatanet\.org/urnurl/|urn:)?SDN:(?P<list>[A-Z0-9]{2,12})"
    r"(?::(?P<version>[^:/\s]*):(?P<code>[^:/\s]+))?/?",
    re.IGNORECASE,
)
# NVS 1.0 called P02 "P021": a fourth digit told the sub-list, and its codes went on unchanged.
_NVS_LIST: Final = re.compile(r"(?P<list>[A-Z][0-9]{2})[0-9]|[A-Z]{1,2}[0-9]{1,2}|EXV", re.IGNORECASE)
_NVS: Final = re.compile(
    r"https?://vocab\.nerc\.ac\.uk/collection/(?P<list>[A-Z0-9]{2,4})(?:/(?P<version>current|accepted|[0-9]+)"
    r"(?:/(?P<code>[^/\s?#]+)(?:/[0-9]+)?)?)?/?",
    re.IGNORECASE,
)
_NVS_1: Final = re.compile(
    r"https?://vocab\.ndg\.nerc\.ac\.uk/(?:term|list)/(?P<list>[A-Z][0-9]{2})[0-9]?(?:/(?P<version>current|[0-9]+)"
    r"(?:/(?P<code>[^/\s?#]+))?)?/?",
    re.IGNORECASE,
)
_STANDARD_NAME: Final = re.compile(
    r"https?://(?:www\.)?vocab\.nerc\.ac\.uk/standard_name/(?P<name>\w+)/?", re.IGNORECASE
)
_EDMO: Final = re.compile(
    r"https?://(?:(?:www\.)?edmo\.seadatanet\.org/(?:report/|v_edmo/print\.asp\?n_code=)?|"
    r"linked\.seadatanet\.org/edmo/|seadatanet\.maris2?\.nl/v_edmo/(?:print|browse_step)\.asp\?n_code=)(?P<code>\d+)/?",
    re.IGNORECASE | re.ASCII,
)
_DOI: Final = re.compile(
    r"(?:(?:info:|urn:)?doi\s*[:/]?\s*)?(?:(?:https?://)?(?:(?:dx\.|www\.)?doi\.org|doi\.pangaea\.de)/(?:doi:\s*)?)?"
    r"(?P<doi>10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+)",
    re.IGNORECASE,
)
_ORCID: Final = re.compile(
    r"(?P<scheme>(?:https?://)?(?P<host>(?:www\.|sandbox\.)?orcid\.org)/|orcid\s*:?\s*)?"
    r"(?P<id>\d{4}-?\d{4}-?\d{4}-?\d{3}[\dX])/?",
    re.IGNORECASE | re.ASCII,
)
# ISNI gives numbers of the same form and check digit to others; these ranges are kept for ORCID (its page "Structure of the
# ORCID identifier").
_ORCID_RANGES: Final = ((15_000_000, 35_000_000), (900_000_000_000, 900_100_000_000))
_HYPHEN: Final = "[-\u2010-\u2013\u2212]"  # typographers write other hyphens, and dashes
# An iD anywhere in a text; what stands before decides whether it is one (see `cited_persons_in`). It begins with signs to look
# for, and no condition on what is before, which makes the search four times as fast.
_CITED: Final = re.compile(
    rf"000[09](?P<hyphen>{_HYPHEN}?)[0-9]{{4}}(?P=hyphen)[0-9]{{4}}(?P=hyphen)[0-9]{{3}}[0-9Xx](?!\w|{_HYPHEN}\w)"
)
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")  # RFC 8259, section 7
_BEGINS: Final = re.compile(rf"(?:^|orcid_?|%[0-9a-f]{{2}}|\\[bfnrt]|(?:(?<!\d)\.|(?!{_HYPHEN}|\.)\W))$", re.IGNORECASE)
_OF_OTHERS: Final = re.compile(
    r"(?:(?:sandbox|qa)\.orcid\.org\S*|isni\W{0,3}(?:org\W{1,2}(?:isni\W{1,2})?)?)$", re.IGNORECASE
)
_LABELLED: Final = re.compile(r"orcid(?:\.org|[ _-]?id)?(?:\W|%[0-9a-f]{2}){0,4}$", re.IGNORECASE)
_ROR: Final = re.compile(
    r"(?:(?:https?://)?(?:www\.)?ror\.org/|ror:\s*)(?P<id>0[a-z0-9]{6}[0-9]{2})/?", re.IGNORECASE | re.ASCII
)
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_GCMD: Final = re.compile(
    rf"https?://(?:gcmd(?:services)?\.(?:earthdata\.|gsfc\.)?nasa\.gov)/kms/concept/(?P<id>{_UUID})(?:[/?].*)?",
    re.IGNORECASE,
)
_EPSG: Final = re.compile(
    r"epsg\b\D{0,20}?(?:(?:0|\d+(?:\.\d+)+)[:/])?(?P<code>\d{4,6})(?!\d|-\d)", re.IGNORECASE | re.ASCII
)
_COMPOUND_URN: Final = re.compile(r"(?P<begin>urn:(?:x-)?ogc:def:)crs,(?P<parts>[^,]+(?:,[^,]+)+)", re.IGNORECASE)
_COMPOUND_CODES: Final = re.compile(r"epsg:(\d{4,5})\+(?:epsg:)?(\d{4,5})", re.IGNORECASE | re.ASCII)
_CRS84: Final = re.compile(r"\bCRS:?84\b", re.IGNORECASE)
# Systems met by their name alone -> EPSG code of the two-dimensional geographic system that bears it. "ETRS89-GRS80" is the
# name of INSPIRE (Technical Guidelines Annex I, coordinate reference systems, table 2).
_NAMED: Final = (
    (r"(?:world geodetic system|wgs)[ _-]*(?:19)?84(?: ?[(/]?(?:geographic|géographiques?|2d|dd|lat/lon)\)?)?", "4326"),
    (r"etrs[ _-]*(?:19)?89(?:-grs80)?", "4258"),
    (r"gda[ _-]*(?:19)?94", "4283"),
)
# Geographic systems that differ from WGS 84 by less than two metres: WGS 84, ETRS89, GDA94, in two and three dimensions.
_GEOGRAPHIC: Final = frozenset({"4326", "4979", "4258", "4937", "4283", "4939"})
_IN_ORDER_OF_EPSG: Final = re.compile(r"urn:(?:x-)?ogc:def:crs|/def/crs/|/ref/epsg/", re.IGNORECASE)
# Directories of SeaDataNet that are not NVS collections: list name in a URN -> address of its reports.
_DIRECTORIES: Final = {
    "EDMO": "https://edmo.seadatanet.org/report/",
    "EDMERP": "https://edmerp.seadatanet.org/report/",
    "EDMED": "https://edmed.seadatanet.org/report/",
    "EDIOS": "https://edios.seadatanet.org/report/",
}


@dataclass(frozen=True, slots=True)
class NvsTerm:
    """A collection of the NERC Vocabulary Server (`code` None) or a concept of it."""

    collection: str
    code: str | None

    @property
    def iri(self) -> str:
        """The canonical IRI: http, current version, final slash."""
        tail = f"{quote(unquote(self.code), safe='~._-', errors='replace')}/" if self.code else ""
        return f"{NVS}{self.collection}/current/{tail}"


def nvs(text: str) -> NvsTerm | None:
    """The NVS collection or concept that any spelling names: address, URN, urnurl, NVS 1.0, registry wrapper."""
    candidate = _unwrapped(text.strip())
    if (found := _URN.fullmatch(candidate)) and (known := _NVS_LIST.fullmatch(found["list"])):
        return NvsTerm((known["list"] or found["list"]).upper(), found["code"])
    if found := _NVS.fullmatch(candidate) or _NVS_1.fullmatch(candidate):
        return NvsTerm(found["list"].upper(), found["code"])
    return None


def nvs_concept(collection: str, code: str) -> str:
    """The IRI of a concept given by list and bare code, as `sdn:SDN_*Code` elements do."""
    return NvsTerm(collection.strip().upper(), code.strip()).iri


def directory_entry(directory: str, code: str) -> str | None:
    """The IRI of an entry of EDMO, EDMERP, EDMED or EDIOS given by its number."""
    address = _DIRECTORIES.get(directory.upper())
    return f"{address}{code.strip()}" if address and re.fullmatch("[0-9]+", code.strip()) else None


def edmo(text: str) -> str | None:
    """The IRI of an organisation of the European Directory of Marine Organisations, from an address or a URN."""
    candidate = text.strip()
    if found := _EDMO.fullmatch(candidate):
        return _DIRECTORIES["EDMO"] + found["code"]
    if (found := _URN.fullmatch(candidate)) and found["list"].upper() == "EDMO" and found["code"]:
        return directory_entry("EDMO", found["code"])
    return None


def doi(text: str) -> str | None:
    """The bare DOI, lower-cased (DOI Handbook, section 2.4), without the punctuation or the final slash it stood with."""
    candidate = text.strip()
    found = _DOI.fullmatch(unquote(candidate) if candidate.lower().startswith("http") else candidate)
    if not found:
        return None
    bare = found["doi"].lower()
    while bare[-1] in "/.,;:'\"»”" or (bare.endswith(")") and bare.count("(") < bare.count(")")):
        bare = bare[:-1]
    return bare if "/" in bare and not any(sign.isspace() or not sign.isprintable() for sign in bare) else None


def doi_iri(bare: str) -> str:
    """The address of a bare DOI, percent-encoded where an IRI needs it (DOI Handbook, section 3.8)."""
    return "https://doi.org/" + quote(bare, safe="/:;()._-~!$&'*+,=@")


def orcid(text: str) -> str | None:
    """The IRI of a person in ORCID, when the check digit is right (ISO 7064 MOD 11-2); None otherwise.

    A number with nothing to say whose it is must lie in the ranges of ORCID: others are ISNIs.
    An iD of the ORCID sandbox keeps its host: it is not the iD of the same number in the registry.
    """
    found = _ORCID.fullmatch(text.strip())
    if not found:
        return None
    digits = found["id"].replace("-", "").upper()
    if not found["scheme"] and not _is_for_orcid(digits):
        return None
    if orcid_check_digit(digits[:15]) != digits[15] or int(digits[:15]) == 0:
        return None
    host = "sandbox.orcid.org" if (found["host"] or "").lower() == "sandbox.orcid.org" else "orcid.org"
    return f"https://{host}/{_in_fours(digits)}"


def cited_persons_in(content: bytes) -> frozenset[str]:
    """The ORCID iDs (`0000-0002-1825-0097`) that the bytes of a record cite, in whatever member or sentence they stand.

    An iD is in the ranges of ORCID, has the right check digit (ISO 7064 MOD 11-2) and stands for itself: not inside a longer
    number or name such as a UUID, not on the sandbox, not as an ISNI. Sixteen digits without hyphens are one only after the
    word ORCID or as the whole of a value. A person's own ORCID record cites the person too, and others: it is not to be asked.
    """
    text = content.decode(detect_encoding(content), "replace")
    if "\\u" in text:
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    found = set()
    for match in _CITED.finditer(text):
        digits = re.sub(_HYPHEN, "", match[0]).upper()
        if not _is_for_orcid(digits) or orcid_check_digit(digits[:15]) != digits[15]:
            continue
        before, after = text[max(0, match.start() - 60) : match.start()], text[match.end() : match.end() + 1]
        if not _BEGINS.search(before) or _OF_OTHERS.search(before):
            continue
        alone = before[-1:] in ("", '"', "'", ">") and after in ("", '"', "'", "<")
        if match["hyphen"] or alone or _LABELLED.search(before):
            found.add(_in_fours(digits))
    return frozenset(found)


def _is_for_orcid(digits: str) -> bool:
    """Whether sixteen digits are of the ranges that are kept for ORCID."""
    return any(first <= int(digits[:15]) <= last for first, last in _ORCID_RANGES)


def _in_fours(digits: str) -> str:
    return "-".join(digits[start : start + 4] for start in (0, 4, 8, 12))


def orcid_check_digit(digits: str) -> str:
    """The 16th character of an ORCID iD from the first 15 (ISO 7064 MOD 11-2)."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    return "X" if rest == 10 else str(rest)


def ror(text: str) -> str | None:
    """The IRI of an organisation in the Research Organization Registry, from its address."""
    found = _ROR.fullmatch(text.strip())
    return f"https://ror.org/{found['id'].lower()}" if found else None


def gcmd(text: str) -> str | None:
    """The IRI of a GCMD keyword, from its address on any of the hosts it has had."""
    found = _GCMD.fullmatch(text.strip())
    return f"https://gcmd.earthdata.nasa.gov/kms/concept/{found['id'].lower()}" if found else None


@lru_cache(maxsize=1 << 12)
def crs(text: str) -> str | None:
    """The IRI of a coordinate reference system, horizontal or vertical: an EPSG code in any spelling, CRS84, NVS L10 and L11.

    The canonical form is the address of the OGC definition server (OGC 09-048r5). "WGS 84" by name is EPSG 4326. Codes
    above 32767 are not EPSG's and give None, like the address of a list of systems, and like a compound of two, which is
    neither of them (see `crs_components`).
    """
    candidate = text.strip()
    if len(crs_components(candidate)) > 1:
        return None
    if (term := nvs(candidate)) and term.collection in ("L10", "L11") and term.code:
        if term.collection == "L11" or not re.fullmatch("[0-9]+", term.code):
            return term.iri
        candidate = term.code  # the numbers of L10 are EPSG's
    if _CRS84.search(candidate):
        return "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    found = _EPSG.search(candidate)
    code = found["code"] if found else candidate if re.fullmatch("[0-9]{4,5}", candidate) else ""
    if not code:
        code = next((known for name, known in _NAMED if re.fullmatch(name, candidate, re.IGNORECASE)), "")
    return f"http://www.opengis.net/def/crs/EPSG/0/{code}" if code and 1024 <= int(code) <= 32767 else None


def crs_components(text: str) -> list[str]:
    """The names of the systems a compound one is made of, the horizontal one first and the vertical one last.

    A compound system is a URN that lists them (OGC 07-092r3), the address of OGC that has them as parameters
    (OGC 11-135r2), or two codes of EPSG with `+`; any other name is its own only component.
    """
    candidate = text.strip()
    if found := _COMPOUND_URN.search(candidate):
        return [f"{found['begin']}{one.strip()}" for one in found["parts"].split(",")]
    if "/def/crs-compound?" in candidate:
        parameters = parse_qs(candidate.partition("?")[2])
        return [parameters[name][0] for name in sorted(parameters) if name.isdecimal()] or [candidate]
    if found := _COMPOUND_CODES.search(candidate):
        return [f"EPSG:{found[1]}", f"EPSG:{found[2]}"]
    return [candidate]


def latitude_first(text: str) -> bool:
    """Whether a reference system, as it is named here, has latitude as its first axis.

    As URN or address of OGC the order of EPSG holds (OGC Axis Order Policy, 08-038r7); `EPSG:4326`, `epsg.xml#4326` and
    `CRS:84` go with longitude first. A compound has the axes of its horizontal system first.
    """
    horizontal = crs_components(text)[0]
    found = crs(horizontal) or ""
    return found.rpartition("/")[2] in _GEOGRAPHIC and _IN_ORDER_OF_EPSG.search(horizontal) is not None


def is_geographic(system: str) -> bool:
    """Whether a reference system, by its canonical IRI, has degrees of longitude and latitude that are those of WGS 84."""
    return system.rpartition("/")[2] in {"CRS84", *_GEOGRAPHIC}


@lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str | None:
    """The canonical IRI of anything that names one thing in one of the schemes above; else a repaired IRI; else None."""
    candidate = _unwrapped(text.strip())
    if term := nvs(candidate):
        return term.iri
    for normaliser in (edmo, gcmd, orcid, ror):
        if found := normaliser(candidate):
            return found
    if (urn := _URN.fullmatch(candidate)) and urn["code"]:
        return directory_entry(urn["list"], urn["code"])
    if bare := doi(candidate):
        return doi_iri(bare)
    if name := _STANDARD_NAME.fullmatch(candidate):
        return f"http://vocab.nerc.ac.uk/standard_name/{name['name']}/"
    repaired = repaired_iri(candidate)
    return repaired if repaired in (None, candidate) else canonical(repaired)


def end_point(address: str) -> str:
    """The address of a service without the query of one request; any other IRI without query and fragment."""
    scheme, colon, rest = address.partition(":")
    return scheme.lower() + colon + rest.partition("#")[0].partition("?")[0]


def _unwrapped(text: str) -> str:
    """The concept that a GeoNetwork registry address carries in its `id=` parameter, or the text itself."""
    while "id=http" in text and ("/registries/vocabularies/" in text or "thesaurus" in text):
        inner = parse_qs(text.partition("?")[2].partition("#")[0]).get("id", [])
        if not inner:
            return text
        text = inner[0].split(",")[0].strip()
    return text
