"""Mutated records: whatever is done to a file, it is mapped or refused, and what leaves is valid RDF.

`python -m tests.fuzz [--minutes 60] [--seed N] PATH...` mutates every file below the paths, round after round. A case is
one file and one seed, and nothing else: `--seed N --only FILE` runs the same mutations again. Nothing is written.
"""

import argparse
import json
import re
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final

import pyoxigraph as ox
from lxml import etree

from odatis_kg.harvest.folder import UnreadableFileError, read, walk
from odatis_kg.iris import Iris
from odatis_kg.mapping.engine import Mapped, Mappings, map_record
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.kinds import Found, SourceRecord, scan
from odatis_kg.mapping.values import is_iri
from odatis_kg.pipeline.stages import load_mappings

LARGEST: Final = 300_000  # bytes; larger files have the same structure more often, and cost the time of many cases
SLOWEST: Final = 10.0  # seconds one record may take

WORDS: Final = (
    '"', "'", "\\", '\\"', '"@fr', '"^^<x>', "<", ">", "<>", "</", "]]>", "&", "&#0;", "&#xD800;", "&eacute;", "%", "%zz",
    "%00", "\x00", "\x01", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\ud800", "\udfff", "\u200f", "\u202e", "\u0301",
    "\U0001f41f", "\U000e0001", "\t", "\r", "\n", " . ", "{", "}", "^", "`", "|", "_:b0", "#", "#a#b", "//", "://", ":", "@",
    "javascript:alert(1)", "data:text/html,<b>", "http://", "http://[", "http://[::1", "http://[1]/x", "http://[::1]/x", "http://x℀y.org/z", "https://x[/registries/vocabularies/?id=http://y", "http://a b/", "http://%zz/", "https:",
    "http://example.org:99999999/", "http://user:secret@example.org/", "http://example.org/{id}", "http://éxample.org/\u202e",
    "mailto:", "mailto:a b@c", "urn:", "urn:x", "file:///etc/passwd", "10.1234/", "10.1234/<>\"", "https://doi.org/10.1/\\",
    "https://doi.org/10.1234/%zz%20%0a", "SDN:P01::", "SDN:P01::<", "SDN:EDMO::²", "http://vocab.nerc.ac.uk/collection/P01/",
    "https://edmo.seadatanet.org/report/٣", "https://orcid.org/0000-0000-0000-0000", "٢٠٢٠-٠١-٠١", "²", "½", "٣", "true", "-",
    "NaN", "-inf", "1e309", "POLYGON((", "EPSG:", "EPSG:٤٣٢٦", "wgs84id=http://[", "/registries/vocabularies/id=http://[",
    "x" * 5_000, "é" * 5_000, "a " * 2_500, "9" * 5_000,
)  # fmt: skip
DATES: Final = (
    "0000-00-00", "2020-13-45", "2020-02-30", "9999-12-31T24:00:00Z", "2020-01-01T00:00:60Z", "99999999", "20201345", "2020-",
    "-2020", "2020-01-01/2019-01-01", "/", "now", "P", "PT", "P1Y2", "2020-01-01T00:00:00+99:99", "٢٠٢٠-٠١-٠١", "0001-01-01",
)  # fmt: skip
NUMBERS: Final = (
    "NaN", "inf", "-inf", "1e309", "999", "-999", "1e-400", "-0", "+", ".", "1,5", "1.2.3", "0x10", "1_0", "٣", "²", "9" * 50,
    "1E+14", "1e-29", "1e999999", "0e99999999", "1e-999999", "sNaN", "NaN123",
)  # fmt: skip
LANGUAGES: Final = (
    "",
    "x",
    "zxx",
    "fre",
    "fr_FR",
    "en-",
    "-",
    "fr-" + "x" * 9,
    "日本",
    "123",
    "en fr",
    "#FR",
    "#",
    "i",
)
JSON_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, float("nan"), float("inf"), -float("inf"), 10**30, "", [], {}, [[]], [None], [[{}]], {"": ""},
    {"value": None}, {"value": {"value": []}}, {"@id": ["x"]}, {"@value": {}}, ["a", 1, None, {}], {"a/b": {"*": 1}},
)  # fmt: skip

Mutation = Callable[[Any, Random], tuple[Any, str]]


# Mutations of bytes


def _flip(content: bytes, chance: Random) -> tuple[bytes, str]:
    at, sign = chance.randrange(len(content)), chance.randrange(256)
    return content[:at] + bytes([sign]) + content[at + 1 :], f"byte {at} becomes {sign:#04x}"


def _cut(content: bytes, chance: Random) -> tuple[bytes, str]:
    at = chance.randrange(len(content))
    length = min(len(content) - at, chance.choice((1, 10, 100, 1000, len(content))))
    return content[:at] + content[at + length :], f"{length} bytes cut at {at}"


def _insert(content: bytes, chance: Random) -> tuple[bytes, str]:
    # Nearly always inside a text or an attribute: elsewhere an insertion mostly ends in a syntax error.
    places = [found.end() for found in re.finditer(rb'[>"][^<>"]{0,3}', content)] or [0]
    at, word = chance.choice(places), chance.choice(WORDS)
    return content[:at] + word.encode("utf-8", "surrogatepass") + content[at:], f"{word[:40]!a} inserted at byte {at}"


def _replace_word(content: bytes, chance: Random) -> tuple[bytes, str]:
    places = list(re.finditer(rb'[^\s<>"]{2,200}', content))
    if not places:
        return _insert(content, chance)
    place, word = chance.choice(places), chance.choice(WORDS + DATES + NUMBERS)
    changed = content[: place.start()] + word.encode("utf-8", "surrogatepass") + content[place.end() :]
    return changed, f"the word at byte {place.start()} becomes {word[:40]!a}"


_OF_BYTES: Final[tuple[Mutation, ...]] = (_flip, _cut, _insert, _insert, _replace_word, _replace_word)


# Mutations of XML


def _parsed(content: bytes) -> Any:
    try:
        return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _elements(root: Any) -> list[Any]:
    return [element for element in root.iter() if isinstance(element.tag, str)]


def _path(element: Any) -> str:
    return str(element.getroottree().getpath(element))


def _set_text(element: Any, word: str) -> None:
    try:
        element.text = word
    except ValueError:  # no XML can hold it; what is left of it is hostile enough
        element.text = re.sub("[^\t\n\r\x20-\x7e\x85-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", word)


def _with_text(root: Any, pattern: str = r"\S") -> list[Any]:
    return [one for one in _elements(root) if one.text and re.search(pattern, one.text)] or [root]


def _duplicate(root: Any, chance: Random) -> tuple[Any, str]:
    element, times = chance.choice(_elements(root)[1:] or [root]), chance.choice((1, 1, 2, 30))
    if element is not root:
        copy = etree.tostring(element, with_tail=False)
        for _ in range(times if len(copy) < 5_000 else 1):
            element.addnext(etree.fromstring(copy))
    return root, f"{_path(element)} {times} times more"


def _delete(root: Any, chance: Random) -> tuple[Any, str]:
    element = chance.choice(_elements(root))
    said = f"{_path(element)} deleted"
    if element.getparent() is not None:
        element.getparent().remove(element)
    return root, said


def _move(root: Any, chance: Random) -> tuple[Any, str]:
    element, other = chance.choice(_elements(root)), chance.choice(_elements(root))
    said = f"{_path(element)} moved into {_path(other)}"
    if element is not root and element not in (other, *other.iterancestors()):
        other.insert(chance.randrange(len(other) + 1), element)
    return root, said


def _swap(root: Any, chance: Random) -> tuple[Any, str]:
    element = chance.choice(_elements(root))
    if (after := element.getnext()) is not None:
        after.addnext(element)
    return root, f"{_path(element)} moved behind its neighbour"


def _rename(root: Any, chance: Random) -> tuple[Any, str]:
    element, other = chance.choice(_elements(root)), chance.choice(_elements(root))
    said = f"{_path(element)} named like {_path(other)}"
    element.tag = other.tag
    return root, said


def _empty(root: Any, chance: Random) -> tuple[Any, str]:
    element = chance.choice(_elements(root))
    said = f"{_path(element)} emptied"
    if chance.random() < 0.3 and element is not root:
        element.clear()
    else:
        element.text = chance.choice((None, "", " \n "))
    return root, said


def _text_of_another(root: Any, chance: Random) -> tuple[Any, str]:
    element, other = chance.choice(_with_text(root)), chance.choice(_with_text(root))
    element.text = other.text
    return root, f"{_path(element)} says what {_path(other)} does"


def _other_text(root: Any, chance: Random) -> tuple[Any, str]:
    pattern, words = chance.choice(
        ((r"\S", WORDS), (r"\S", WORDS), (r"\d{4}-\d\d|^\d{4}$", DATES), (r"^\s*[-+]?\d+(\.\d+)?\s*$", NUMBERS))
    )
    element, word = chance.choice(_with_text(root, pattern)), chance.choice(words)
    if chance.random() < 0.3 and element.text:
        at = chance.randrange(len(element.text) + 1)
        word = element.text[:at] + word + element.text[at:]
    _set_text(element, word)
    return root, f"{_path(element)} says {word[:60]!a}"


def _other_attribute(root: Any, chance: Random) -> tuple[Any, str]:
    element = chance.choice([one for one in _elements(root) if one.attrib] or [root])
    name = chance.choice(sorted(map(str, element.attrib)) or ["{http://www.w3.org/XML/1998/namespace}lang"])
    word = chance.choice(LANGUAGES + WORDS if chance.random() < 0.5 else WORDS + NUMBERS)
    try:
        element.set(name, word)
    except ValueError:
        element.attrib.pop(name, None)
    return root, f"{_path(element)}/@{name} becomes {word[:40]!a}"


def _other_language(root: Any, chance: Random) -> tuple[Any, str]:
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    found = [(one, name) for one in _elements(root) for name in ("locale", "codeListValue", lang) if one.get(name)]
    element, name = chance.choice(found or [(chance.choice(_elements(root)), lang)])
    word = chance.choice(LANGUAGES)
    element.set(name, word)
    return root, f"{_path(element)}/@{name} becomes {word!a}"


_OF_XML: Final[tuple[Mutation, ...]] = (
    _duplicate, _delete, _move, _swap, _rename, _empty, _text_of_another, _other_text, _other_text, _other_text,
    _other_attribute, _other_language,
)  # fmt: skip


# Mutations of JSON


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, as a list or an object and the index or name in it."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in members:
        yield value, name
        yield from _places(inner)


def _json_place(document: Any, chance: Random) -> tuple[Any, Any]:
    return chance.choice(list(_places(document)) or [([document], 0)])


def _json_value(document: Any, chance: Random) -> tuple[Any, str]:
    (owner, name), kind = _json_place(document, chance), chance.randrange(4)
    old = owner[name]
    if kind == 0:
        owner[name] = json.loads(json.dumps(chance.choice(JSON_VALUES)))
    elif kind == 1:
        owner[name] = chance.choice(([old], {"value": old}, [old, old], {"x": {"y": old}}, str(old)))
    elif isinstance(old, str) and kind == 2 and old:
        at = chance.randrange(len(old) + 1)
        owner[name] = old[:at] + chance.choice(WORDS) + old[at:]
    else:
        owner[name] = chance.choice(WORDS + DATES + NUMBERS + LANGUAGES)
    return document, f"member {name!a} becomes {str(owner[name])[:60]!a}"


def _json_of_another(document: Any, chance: Random) -> tuple[Any, str]:
    (owner, name), (other, other_name) = _json_place(document, chance), _json_place(document, chance)
    owner[name] = json.loads(json.dumps(other[other_name]))
    return document, f"member {name!a} becomes a copy of {other_name!a}"


def _json_member(document: Any, chance: Random) -> tuple[Any, str]:
    owner, name = _json_place(document, chance)
    if chance.random() < 0.5:
        del owner[name]
        return document, f"member {name!a} deleted"
    if isinstance(owner, dict):
        new = chance.choice([*map(str, owner), *WORDS])
        owner[new] = owner.pop(name)
        return document, f"member {name!a} named {new[:40]!a}"
    owner.extend([owner[name]] * 3)
    return document, f"item {name} three times more"


_OF_JSON: Final[tuple[Mutation, ...]] = (_json_value, _json_value, _json_value, _json_of_another, _json_member)


# Cases


def mutated(content: bytes, seed: int) -> tuple[bytes, list[str]]:
    """The content with one to four mutations, or thirty, and what they were; the same for the same content and seed."""
    chance = Random(f"{seed} {sha256(content).hexdigest()}")
    count, said = chance.choice((1, 1, 2, 3, 4, 30)), list[str]()
    if chance.random() < 0.7:
        if (root := _parsed(content)) is not None:
            for _ in range(count):
                root, what = chance.choice(_OF_XML)(root, chance)
                said.append(what)
            content = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
            count = 0
        elif content.lstrip()[:1] in (b"{", b"["):
            document = json.loads(content)
            for _ in range(count):
                document, what = chance.choice(_OF_JSON)(document, chance)
                said.append(what)
            content = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
            count = 0
    for _ in range(count):
        if content:
            content, what = chance.choice(_OF_BYTES)(content, chance)
            said.append(what)
    return content, said


class BrokenPromiseError(Exception):
    """Something that mapping promises of every input, and did not keep."""


class TooSlowError(BaseException):
    """The time for one file is spent. Not an Exception, so that no handler on the way takes it for a fault of its own."""


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# The lexical forms of XSD 1.1, part 2, for the datatypes that mapping writes.
_ZONE: Final = r"(Z|[+-][0-9]{2}:[0-9]{2})?"
_LEXICAL: Final = {
    "decimal": r"-?[0-9]+(\.[0-9]+)?",
    "integer": "-?[0-9]+",
    "nonNegativeInteger": "[0-9]+",
    "boolean": "true|false",
    "date": rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_ZONE}",
    "gYear": rf"[0-9]{{4}}{_ZONE}",
    "gYearMonth": rf"[0-9]{{4}}-[0-9]{{2}}{_ZONE}",
    "dateTime": rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?{_ZONE}",
    "duration": r"-?P[0-9YMDTHS.]+",
    "http://www.opengis.net/ont/geosparql#wktLiteral": (
        r"(<[^>]+> )?(POINT|LINESTRING|POLYGON|MULTI[A-Z]+|GEOMETRYCOLLECTION) ?[A-Z0-9 (),.-]+"
    ),
}
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # not allowed in XML 1.0, section 2.2
_XSD: Final = "http://www.w3.org/2001/XMLSchema#"


def _quads(result: Mapped) -> list[ox.Quad]:
    try:
        return list(ox.parse(result.text(), ox.RdfFormat.N_QUADS, lenient=False))
    except SyntaxError as error:
        line = result.nquads()[(error.lineno or 1) - 1]
        raise BrokenPromiseError(f"no N-Quads: {error.msg}: {line[:500]}") from None


def check_output(result: Mapped) -> None:
    """Check that what a record became is strict N-Quads: only valid IRIs and literals, and each literal one of its datatype.

    Raises:
        BrokenPromiseError: it is not.
    """
    for quad in _quads(result):
        for term in (quad.subject, quad.predicate, quad.object, quad.graph_name):
            if isinstance(term, ox.NamedNode):
                if not is_iri(term.value):
                    raise BrokenPromiseError(f"no IRI: {term}")
            elif isinstance(term, ox.Literal):
                name = term.datatype.value.removeprefix(_XSD)
                if not is_iri(term.datatype.value) or not re.fullmatch(_LEXICAL.get(name, "(?s:.*)"), term.value):
                    raise BrokenPromiseError(f"no literal of its datatype: {str(term)[:200]}")
                if _UNPRINTABLE.search(term.value):
                    raise BrokenPromiseError(f"a text that no XML can hold: {str(term)[:200]!a}")
            else:
                raise BrokenPromiseError(f"a blank node or the default graph: {quad}")


def _outcome(found: Found, mappings: Mappings) -> tuple[Mapped | None, list[str]]:
    """What a record became, and what is said about it in a report."""
    started = time.perf_counter()
    try:
        result = map_record(SourceRecord("fuzz", found.key, found.kind, found.content), mappings)
    except RefusedError as error:
        return None, [str(error)]
    if (seconds := time.perf_counter() - started) > SLOWEST:
        raise BrokenPromiseError(f"mapping one record took {seconds:.0f} s")
    return result, [found.key, found.modified, found.warning, *result.warnings, *result.coverage.unknown]


def check(content: bytes, mappings: Mappings) -> int:
    """Check all that is promised of any bytes; the number of records that were mapped.

    Raises:
        BrokenPromiseError: something promised was not kept; any other exception is a fault where it was raised.
    """
    first, second = scan(content), scan(content)
    # What a parser says of a fault may name one of several; what comes of the bytes may not differ.
    if (first.records, len(first.refusals)) != (second.records, len(second.refusals)):
        raise BrokenPromiseError("two scans of the same bytes differ")
    said, count = [text for refusal in first.refusals for text in (refusal.reason, refusal.where)], 0
    for found in first.records:
        result, about = _outcome(found, mappings)
        said += about
        if result is None:
            continue
        count += 1
        check_output(result)
        again, about_again = _outcome(found, mappings)
        if again is None or again.text() != result.text() or about_again != about:
            raise BrokenPromiseError("two mappings of the same record differ")
    "\n".join(said).encode("utf-8")  # reports and lineage are files in UTF-8
    return count


@dataclass(frozen=True)
class Failure:
    """A case that failed: what was raised, where, and all that is needed to see it again."""

    kind: str
    place: str
    shown: str


def run_case(path: Path, content: bytes, seed: int, mappings: Mappings) -> tuple[int, Failure | None]:
    """One mutated file checked: the number of records mapped, and the failure if there is one."""
    changed, mutations = mutated(content, seed)
    try:
        with _alarm(6 * SLOWEST):
            return check(changed, mappings), None
    except (Exception, TooSlowError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if "odatis_kg" in Path(frame.filename).parts] or frames
        place = f"{Path(inside[-1].filename).name}:{inside[-1].lineno} {inside[-1].name}"
        last = "".join(traceback.format_exception(error)).splitlines()[-8:]
        lines = [f"{type(error).__name__} at {place}: --seed {seed} --only {path}", *mutations, *last]
        return 0, Failure(
            type(error).__name__, place, "\n    ".join(lines).encode("ascii", "backslashreplace").decode()
        )


def inputs(paths: list[Path]) -> list[tuple[Path, bytes]]:
    """The files below some paths that are not too large, with their content."""
    found = []
    for file in walk(paths):
        try:
            content = read(file.path, LARGEST)
        except UnreadableFileError:
            continue
        if content:
            found.append((file.path, content))
    return found


def main() -> int:
    """Run cases until the time is over; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1, help="the first round's seed; each round adds one")
    parser.add_argument("--only", type=Path, help="run the one case of this file and the seed")
    parser.add_argument("paths", nargs="*", type=Path)
    given = parser.parse_args()
    mappings = load_mappings(Iris("http://localhost:8000/"))
    files = inputs([given.only] if given.only else given.paths)
    if not files:
        parser.error("there is no file to mutate: name files or folders")
    end = time.monotonic() + 60 * given.minutes
    seed, cases, records, failures = given.seed, 0, 0, Counter[tuple[str, str]]()
    while time.monotonic() < end:
        for path, content in files:
            count, failure = run_case(path, content, seed, mappings)
            cases, records = cases + 1, records + count
            if failure:
                failures[failure.kind, failure.place] += 1
                if failures[failure.kind, failure.place] <= 3:
                    sys.stdout.write(f"{failure.shown}\n")
                    sys.stdout.flush()
            if time.monotonic() > end:
                break
        if given.only:
            break
        seed += 1
    sys.stdout.write(f"{cases:,} mutated files (seeds from {given.seed} to {seed}), {records:,} records mapped\n")
    for (kind, place), times in failures.most_common():
        sys.stdout.write(f"{times:6,}  {kind} at {place}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
