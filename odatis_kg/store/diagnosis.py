"""Why a query is not SPARQL, found from its tokens and told so that a person can act on it.

The engine's own place is that of the furthest thing it tried, often far from the fault, so what can be told for certain from
the tokens comes first.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from odatis_kg.namespaces import AUTHORITY_PREFIXES, PREFIXES
from odatis_kg.store.patterns import KEYWORDS, every, read_groups, shown_of
from odatis_kg.store.tokens import QueryRefusedError, Token, after, place_of, refused, tokens

_KNOWN_PREFIXES: Final = {**PREFIXES, **AUTHORITY_PREFIXES}
_FUNCTIONS: Final = frozenset(
    """ABS AVG BNODE BOUND CEIL COALESCE CONCAT CONTAINS COUNT DATATYPE DAY ENCODE_FOR_URI FLOOR GROUP_CONCAT HOURS IF IRI
    ISBLANK ISIRI ISLITERAL ISNUMERIC ISURI LANG LANGMATCHES LCASE MAX MD5 MIN MINUTES MONTH NOW RAND REGEX REPLACE ROUND
    SAMETERM SAMPLE SECONDS SHA1 SHA256 SHA384 SHA512 STR STRAFTER STRBEFORE STRDT STRENDS STRLANG STRLEN STRSTARTS STRUUID
    SUBSTR SUM TIMEZONE TRIPLE TZ UCASE URI UUID YEAR ADJUST HASLANG HASLANGDIR ISTRIPLE LANGDIR OBJECT PREDICATE STRLANGDIR
    SUBJECT""".split()  # noqa: SIM905
)
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}
_POSITION: Final = re.compile(r"error at (\d+):(\d+): ?(.*)", re.DOTALL)
_RARE_WORDS: Final = frozenset(("LATERAL", "SERVICE", "{|", "~", "<<", "<<("))
_EXPECTED_WORD: Final = re.compile(r"^(?:[A-Z_]{2,}|\"[^\"]+\")$")
_SPACED_IRI: Final = re.compile(r"<[a-z]{2,8}:[^<>\s]*(?: [^<>\s]+)+>")
_SENTENCE: Final = re.compile(r"^[A-Z][\w' ]+ [\w' ]+$")


# What is wrong


def explain(text: str, message: str) -> QueryRefusedError:
    """A syntax error as the engine reports it, made readable: where, what was found, what was expected, what to write."""
    try:
        found = list(tokens(text))
    except QueryRefusedError as error:
        return error
    if "Prefix not found" in message and (unknown := _unknown_prefix(text, found)):
        return unknown
    for look in (_brackets, _spaced_iri, _words, _projection, _triples, _bound_again):
        if error_found := look(text, found):
            return error_found
    return _as_told(text, found, message)


def no_function(text: str, iri: str) -> QueryRefusedError:
    """The refusal of a call to a function that there is not, where it is written."""
    message = f"there is no function <{iri[:200]}> here; those of SPARQL 1.1, GeoSPARQL and XML Schema are known"
    for token in tokens(text):
        name = token.text.partition(":")[2]
        if token.text == f"<{iri}>" or (token.kind == "name" and name and iri.endswith(name)):
            return refused(text, token, message)
    return QueryRefusedError(message)


def near_word(word: str, *, function: bool = False) -> str | None:
    """The word of SPARQL that a misspelt one is nearest to."""
    if len(word) < 3:
        return None
    known = _FUNCTIONS if function else KEYWORDS
    near = difflib.get_close_matches(word.upper()[:30], known, n=1, cutoff=0.6)
    return near[0] if near else None


def _unknown_prefix(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    declared: set[str] = set()
    for position, token in enumerate(found):
        prefix = token.text.partition(":")[0]
        if token.kind != "name" or prefix == "_":
            continue
        if position and found[position - 1].text.upper() == "PREFIX":
            declared.add(prefix)
        elif prefix not in declared:
            suggestion, hint = _prefix_suggestion(prefix, declared)
            return refused(text, token, f"the prefix '{prefix}:' is not declared{hint}", suggestion)
    return None


def _prefix_suggestion(prefix: str, declared: set[str]) -> tuple[str | None, str]:
    if prefix in _KNOWN_PREFIXES:
        line = f"PREFIX {prefix}: <{_KNOWN_PREFIXES[prefix]}>"
        return line, f"; add {line}"
    candidates = [*sorted(declared), *_KNOWN_PREFIXES]
    near = [one for one in candidates if sorted(one) == sorted(prefix)]  # two letters have changed places
    near = near or difflib.get_close_matches(prefix, candidates, n=1, cutoff=0.5)
    if not near:
        return None, ""
    if near[0] in declared:
        return f"{near[0]}:", f"; did you mean {near[0]}:?"
    line = f"PREFIX {near[0]}: <{_KNOWN_PREFIXES[near[0]]}>"
    return line, f"; did you mean {near[0]}? Its declaration is {line}"


def _brackets(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    opened: list[Token] = []
    for token in found:
        if token.kind != "mark":
            continue
        if token.text in _BRACKETS:
            opened.append(token)
        elif token.text in _BRACKETS.values():
            if not opened:
                return refused(text, token, f"this '{token.text}' closes nothing", f"remove {token.text}")
            last = opened.pop()
            wanted = _BRACKETS[last.text]
            if wanted != token.text:
                line, column = place_of(text, last.start)
                said = f"the '{last.text}' of line {line}, column {column} is still open here: '{wanted}' is expected"
                return refused(text, token, said, wanted)
    if opened:
        last = opened[-1]
        wanted = _BRACKETS[last.text]
        many = f" ({len(opened)} brackets are open at the end)" if len(opened) > 1 else ""
        return refused(text, last, f"this '{last.text}' is never closed: '{wanted}' is missing{many}", wanted)
    return None


def _spaced_iri(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    for spaced in _SPACED_IRI.finditer(text):
        token = next((one for one in found if one.start == spaced.start()), None)
        if token and token.text == "<":
            return refused(text, token, "this IRI holds a space", spaced.group().replace(" ", "%20")[:200])
    return None


def _bound_again(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    """BIND to a variable that the group has used already (SPARQL 1.1, section 18.2.1)."""
    used: list[set[str]] = [set()]
    for position, token in enumerate(found):
        if token.text == "{":
            used.append(set())
        elif token.text == "}" and len(used) > 1:
            inner = used.pop()
            used[-1] |= inner
        elif token.kind == "variable":
            before = found[position - 1].text.upper() if position else ""
            if before == "AS" and token.text[1:] in used[-1] and len(used) > 1:
                return refused(text, token, f"{token.text} has a value already: BIND needs a variable of its own")
            used[-1].add(token.text[1:])
    return None


def _words(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    """Outside names, variables and texts, only words of SPARQL can stand: any other is a fault for certain."""
    for position, token in enumerate(found):
        if token.kind != "word" or token.text == "a":
            continue
        word = token.text.upper()
        if word in KEYWORDS or word in _FUNCTIONS:
            continue
        called = position + 1 < len(found) and found[position + 1].text == "("
        near = near_word(word, function=called) or near_word(word, function=not called)
        what = "function" if called and near not in KEYWORDS else "word"
        hint = f"; did you mean {near}?" if near else ": a variable begins with '?', a text stands in quotes"
        return refused(text, token, f"'{token.text[:40]}' is no {what} of SPARQL{hint}", near)
    return None


def _projection(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    """Commas between the variables of SELECT, and expressions without a name."""
    for begin, token in enumerate(found):
        if token.kind != "word" or token.text.upper() != "SELECT":
            continue
        here = begin + 1
        while here < len(found) and found[here].text != "{" and found[here].text.upper() not in ("WHERE", "FROM"):
            if found[here].text == ",":
                return refused(text, found[here], "variables of SELECT are separated by spaces, not by commas", " ")
            if found[here].text == "(":
                end = after(found, here)
                if not any(one.kind == "word" and one.text.upper() == "AS" for one in found[here:end]):
                    written = text[found[here].start : found[end - 1].start]
                    return refused(text, found[here], "an expression needs a name", f"{written} AS ?name)"[:200])
                here = end
            else:
                here += 1
    return None


def _triples(text: str, found: Sequence[Token]) -> QueryRefusedError | None:
    """Triples with too few or too many terms: most often a '.' where ';' is meant, or neither."""
    for group in every(read_groups(found)):
        for number, statement in enumerate(group.statements):
            if any(one.text in "<|" and one.kind == "mark" for one in statement.tokens):
                continue  # reified triples have rules of their own, and paths with alternatives are counted below
            for chunk, first in _chunks(statement.tokens):
                terms = _terms(chunk)
                wanted = 3 if first else 2
                if len(terms) == 2 and first and number and _may_be_predicate(chunk) and statement.stop:
                    said = f"'{shown_of(text, chunk)}' has no subject: after the same subject, ';' stands before it, not '.'"
                    return refused(text, statement.stop, said, ";")
                if terms and len(terms) < wanted:
                    said = (
                        f"'{shown_of(text, chunk)}' is not a whole triple: subject, predicate and object are expected"
                    )
                    return refused(text, chunk[-1], said)
                if len(terms) > wanted:
                    said = f"something is missing before '{terms[wanted].text[:40]}': ';' for the same subject, '.' for another"
                    return refused(text, terms[wanted], said, f"; {terms[wanted].text[:40]}")
    return None


def _may_be_predicate(chunk: Sequence[Token]) -> bool:
    return chunk[0].kind in ("name", "iri") or chunk[0].text == "a"


def _chunks(found: Sequence[Token]) -> Iterator[tuple[list[Token], bool]]:
    """Subject, predicate and first object; then each predicate with its first object. Further objects are left out."""
    chunk: list[Token] = []
    first, skipping = True, False
    here = 0
    while here < len(found):
        token = found[here]
        if token.text == ";" and token.kind == "mark":
            if chunk:
                yield chunk, first
            chunk, first, skipping = [], False, False
            here += 1
        elif token.text == "," and token.kind == "mark":
            skipping = True
            here += 1
        else:
            end = after(found, here) if token.kind == "mark" and token.text in "([{" else here + 1
            if not skipping:
                chunk.extend(found[here:end])
            here = end
    if chunk:
        yield chunk, first


def _terms(chunk: Sequence[Token]) -> list[Token]:
    """The terms of a piece of a statement, each by its first token: a path is one, and so is what stands in brackets."""
    terms: list[Token] = []
    here = 0
    while here < len(chunk):
        token = chunk[here]
        before = "".join(one.text for one in chunk[max(0, here - 2) : here] if one.kind == "mark")
        joined = before.endswith(("/", "|", "^^")) or (before in ("/^", "|^", "|!", "/!"))
        if token.kind == "mark" and token.text in "([":
            end = after(chunk, here)
            joined = joined or (token.text == "(" and before.endswith("!"))
            terms += [] if joined else [token]
            here = end
            continue
        if token.kind not in ("mark", "language") and not joined:
            terms.append(token)
        here += 1
    # `[ ... ]` alone is a whole triple.
    return terms if not (len(terms) == 1 and terms[0].text == "[") else []


def _as_told(text: str, found: Sequence[Token], message: str) -> QueryRefusedError:
    """What the engine says, at the token it was at. It lists every character class it would have accepted: only words and
    marks that a person can type, and whole sentences, are kept.
    """
    told = _POSITION.search(message)
    if not told:
        return QueryRefusedError(f"the query cannot be parsed: {message[:300]}")
    line, column, rest = int(told[1]), int(told[2]), told[3]
    items = [
        item.strip() for item in re.split(r", |\n\| ", rest.removeprefix("expected one of ").removeprefix("expected "))
    ]
    sentences = [item for item in items if _SENTENCE.match(item)]
    words = {item.strip('"') for item in items if _EXPECTED_WORD.match(item)}
    lines = text.split("\n")
    offset = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
    longest = max((len(word) for word in words if word.isupper()), default=0)
    # The place is that of the end of the longest word tried.
    token = next((one for one in found if one.start + len(one.text) > offset - longest), None)
    typed = [f"'{word}'" for word in sorted(words - _RARE_WORDS)]
    if any("variable that is unbound" in sentence for sentence in sentences):
        return QueryRefusedError("SELECT names a variable that is neither in GROUP BY nor within an aggregate")
    if sentences and token:
        return refused(text, token, f"the query cannot be parsed: {sentences[0]}")
    if token is None:
        line, column = place_of(text, len(text.rstrip()))
        return QueryRefusedError(
            f"the end of the query is not expected here{_wanted(typed)}", line, column, suggestion=None
        )
    return refused(text, token, f"'{token.text[:30]}' is not expected here{_wanted(typed)}")


def _wanted(typed: Sequence[str]) -> str:
    return f"; expected {'one of ' if len(typed) > 1 else ''}{', '.join(typed[:12])}" if typed else ""
