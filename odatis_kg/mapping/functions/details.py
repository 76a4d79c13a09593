"""What no other row reads: kept word for word as property and value, so that nothing a record says is lost."""

from collections.abc import Mapping
from typing import Any, Final

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import meant
from odatis_kg.mapping.json import JsonReader, Node
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader


def details(context: Context, node: Any, options: Mapping[str, str]) -> None:
    """Every leaf below a node that has not been read yet, as `schema:additionalProperty` of what the row speaks of."""
    about = context.subjects[options["of"]]
    if isinstance(context.reader, JsonReader):
        _state_json_details(context, node, about)
    else:
        state_details(context, node, about)


def _state_json_details(context: Context, node: Node, about: Term) -> None:
    """The same for JSON: named by the members on the way, without the numbers of items."""
    reader: JsonReader = context.reader
    for leaf in reader.unread(node):
        if "/@type" in leaf.path:
            reader.ignore(leaf)  # what kind of node it is shows in what became of it
            continue
        name = " ".join(step for step in leaf.path.split("/") if not step.isdigit())
        if said := meant(reader.text(leaf, multiline=True)):
            _state_detail(context, about, name, said, "")


def state_details(context: Context, node: Element, about: Term) -> None:
    """State every leaf below a node that has not been read yet as a property of `about`.

    The name is the path of the property elements, e.g. "axisDimensionProperties dimensionSize"; type elements
    (MD_Dimension) and value elements (gco:Integer) say nothing more and are left out of it.
    """
    reader: XmlReader = context.reader
    for leaf in node.below:
        if leaf in reader.consumed or leaf in reader.ignored or not leaf.value:
            continue
        unit = (leaf.get("uom") or "").strip()
        prop = _property_of(leaf, node)
        name = _name(prop, node)
        said: Localised = (
            [(leaf.value, None)] if unit else reader.text(prop, multiline=True) if prop is not node else []
        )
        if not said:
            said = [(leaf.value, None)]
        reader.consumed.add(leaf)
        if said := meant(said):
            bare = [
                (words.removesuffix(f" {unit}"), language if _in_words(leaf, words) else None)
                for words, language in said
            ]
            _state_detail(context, about, name, bare, unit)


def _state_detail(context: Context, about: Term, name: str, said: list[tuple[str, str | None]], unit: str) -> None:
    detail = context.part(about, "detail", about, name, unit, *(words for words, _ in said))
    context.add(about, "schema:additionalProperty", detail)
    context.type(detail, "schema:PropertyValue")
    context.add(detail, "schema:name", values.text(name))
    context.texts(detail, "schema:value", said)
    if unit:
        context.add(detail, "schema:unitText", values.text(unit))


# Value elements that hold no words (ISO 19103, ISO 19139 section 9, GML 3.2 section 14).
_NO_WORDS: Final = frozenset(
    {"Binary", "Boolean", "Date", "DateTime", "Decimal", "Integer", "Number", "Real", "TM_PeriodDuration", "URL",
     "UnlimitedInteger", "beginPosition", "duration", "endPosition", "timePosition"}
)  # fmt: skip


def _in_words(leaf: Element, text: str) -> bool:
    """Whether a value is words of a language, rather than a number, a date or an address."""
    return leaf.name not in _NO_WORDS and any(sign.isalpha() for sign in text)


def _property_of(leaf: Element, top: Element) -> Element:
    """The property element a leaf is the value of: the nearest one above the value or translation elements."""
    element = leaf
    while element is not top:
        if element.name[:1].islower() and element.name != "textGroup":
            return element
        parent = element.parent
        assert parent is not None
        element = parent
    return top


def _name(prop: Element, top: Element) -> str:
    names = []
    element: Element | None = prop
    while element is not None and element is not top:
        if element.name[:1].islower():
            names.append(element.name)
        element = element.parent
    if not names or top.name[:1].islower():
        names.append(top.name)
    return " ".join(reversed(names))
