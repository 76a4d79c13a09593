"""How a row types its values: each way of typing, by the name tables call it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.errors import TableError
from odatis_kg.mapping.functions.keywords import sdn_concept
from odatis_kg.mapping.functions.resource import NO_VALUES, coded
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import Term

_VALUE_WORDS: Final = {"as", "language", "lines", "register", "otherwise"}

Conversion = Callable[[Context, Any], list[Term]]


def conversion(words: Any, where: str, known_registers: Mapping[str, Register]) -> Conversion:
    """How a row types its values. The list is closed: text, concept, temporal, iri, code, decimal, boolean, duration."""
    if not isinstance(words, dict) or not words.keys() <= _VALUE_WORDS or "as" not in words:
        raise TableError(
            f"{where}: 'value' must be like {{as: text}}, with words among {', '.join(sorted(_VALUE_WORDS))}"
        )
    way = words["as"]
    if way == "text":
        return _as_text(lines=words.get("lines") == "many", tagged=words.get("language") != "none")
    if way == "code" and "register" not in words:
        return _as_code_text
    if way == "code":
        register = known_registers.get(str(words.get("register")))
        if register is None:
            raise TableError(f"{where}: there is no register '{words.get('register')}'")
        return _as_code(register, drop=words.get("otherwise") == "drop")
    if way == "concept":
        return _as_concept
    typed: dict[str, tuple[Callable[[str], Term | None], str]] = {
        "temporal": (values.temporal, "no date"),
        "boolean": (values.boolean, "neither true nor false"),
        "duration": (values.duration, "no ISO 8601 duration"),
        "decimal": (_decimal, "no number"),
        "iri": (_iri, "no address or identifier"),
    }
    if way not in typed:
        raise TableError(
            f"{where}: a value cannot be typed as '{way}'; known: text, code, concept, {', '.join(sorted(typed))}"
        )
    return _as_typed(*typed[way], link=way == "iri")


def _decimal(text: str) -> Term | None:
    number = values.number(text)
    return values.decimal(number) if number is not None else None


def _iri(text: str) -> Term | None:
    found = canonical(text)
    return values.iri(found) if found and values.is_iri(found) else None


def _as_text(*, lines: bool, tagged: bool) -> Conversion:
    def convert(context: Context, node: Any) -> list[Term]:
        localised = context.reader.text(node, multiline=lines)
        return [values.text(words, language if tagged else None) for words, language in localised]

    return convert


def _as_code(register: Register, *, drop: bool) -> Conversion:
    def convert(context: Context, node: Any) -> list[Term]:
        code = context.reader.code(node)
        if not code:
            return []
        row = coded(context, register, node)
        if row and row.get("iri"):
            return [values.iri(row["iri"])]
        if row and row.get("name"):
            return [values.text(row["name"])]
        if row or drop:
            return []
        if values.is_iri(code) and code.rpartition("/")[0] in {
            known.get("iri", "").rpartition("/")[0] for known in register.rows
        }:
            return [values.iri(code)]  # of the authority's list, as the record itself says, but not in our part of it
        context.warn(f"the code '{code[:60]}' is not in the register {register.name}; kept as text")
        return [values.text(code)]

    return convert


def _as_code_text(context: Context, node: Any) -> list[Term]:
    """A code as it stands, where there is no list to look it up in."""
    code = context.reader.code(node)
    return [values.text(code)] if code and code.lower() not in NO_VALUES else []


def _as_concept(context: Context, node: Any) -> list[Term]:
    """The concept a node names by a link or a code; without one, its text."""
    if code := context.reader.sdn_code(node):
        context.reader.text(node)
        concept = sdn_concept(context, *code)
        return [concept] if concept else []
    link = context.reader.href(node)
    found = canonical(link) if link else None
    if found and values.is_iri(found):
        context.reader.text(node)
        return [values.iri(found)]
    return [values.text(words, language) for words, language in context.reader.text(node)]


def _as_typed(convert_text: Callable[[str], Term | None], lack: str, *, link: bool) -> Conversion:
    def convert(context: Context, node: Any) -> list[Term]:
        text = (context.reader.href(node) if link else "") or context.reader.string(node)
        if not text:
            return []
        term = convert_text(text)
        if term is None:
            context.warn(f"'{text[:80]}' is {lack}; kept as text")
            return [values.text(text)]
        return [term]

    return convert
