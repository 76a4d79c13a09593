"""An XML record as plain objects, and the paths of rows through it.

lxml makes a Python object anew each time an element is touched, and the rows of a table touch every element many times: one
walk that notes name, text, attributes and place of each, and paths that are followed in these, are faster.
What must stay true: a path finds what XPath 1.0 finds, each element once, in document order.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Final
from weakref import ref

from lxml import etree

from odatis_kg.mapping.values import one_line
from odatis_kg.mapping.xml import NAMESPACES, Parsed

XLINK_HREF: Final = f"{{{NAMESPACES['xlink']}}}href"
# Shared by the many elements that have none.
_NO_ATTRIBUTES: Final[dict[str, str]] = {}
_NO_CHILDREN: "Final[list[Element]]" = []


class Element:
    """An element of a record: its name with (`tag`, as lxml writes it) and without namespace, what it says, where it stands.

    `text` is what stands before the first child; empty where that is only layout. Attributes are named as lxml does.
    An element holds those below it, and knows those above it only as long as somebody holds the root: without circles, the
    memory of a record is free for the next one as soon as it is mapped (1.0 ms for 660 elements instead of 1.8).
    """

    __slots__ = ("__weakref__", "_parent", "attributes", "children", "name", "place", "source", "tag", "text")

    def __init__(self, source: Parsed, place: int, parent: "Callable[[], Element | None]") -> None:
        self.source = source
        self.tag, self.name = _names(source.tag)
        text = source.text
        self.text: str = "" if text is None or text.isspace() else text
        stated = source.items()
        self.attributes: dict[str, str] = dict(stated) if stated else _NO_ATTRIBUTES  # type: ignore[arg-type]  # the stubs allow bytes
        self.children = _NO_CHILDREN
        self.place = place
        self._parent = parent

    def __iter__(self) -> "Iterator[Element]":
        return iter(self.children)

    def __len__(self) -> int:
        return len(self.children)

    def __bool__(self) -> bool:
        return True

    def get(self, attribute: str) -> str | None:
        """The value of an attribute, or None."""
        return self.attributes.get(attribute)

    @property
    def parent(self) -> "Element | None":
        """The element around it, None for the root."""
        return self._parent()

    @property
    def below(self) -> "list[Element]":
        """The element and all below it, in document order."""
        found = [self]
        self._gather(found)
        return found

    def _gather(self, found: "list[Element]") -> None:
        for child in self.children:
            found.append(child)
            if child.children:
                child._gather(found)

    @property
    def above(self) -> "Iterator[Element]":
        """The elements around it, from the nearest."""
        element = self.parent
        while element is not None:
            yield element
            element = element.parent

    def named(self, *names: str) -> "list[Element]":
        """The element and those below it that have one of some local names, in document order."""
        return [element for element in self.below if element.name in names]

    @property
    def words(self) -> str:
        """The text of the element and all below it, in order."""
        return "".join(map(str, self.source.itertext())) if self.children else self.text

    @property
    def line(self) -> int:
        """The line of the record on which it begins (1 is the first), 0 when it is not known."""
        return self.source.sourceline or 0  # type: ignore[truthy-bool, return-value]  # the stubs lack its type

    @property
    def value(self) -> str:
        """What it says itself: its code, else its own text with its unit, else its link; empty when it says nothing."""
        attributes = self.attributes
        if not attributes:
            return one_line(self.text) if self.text else ""
        if code := attributes.get("codeListValue", "").strip():
            return code
        if words := one_line(self.text):
            return f"{words} {unit}" if (unit := attributes.get("uom")) else words
        return (attributes.get(XLINK_HREF) or attributes.get("uuidref") or "").strip()


@lru_cache(maxsize=4096)
def _names(tag: str) -> tuple[str, str]:
    return tag, tag.rpartition("}")[2]


def _nobody() -> None:
    return None


def elements(root: Parsed) -> list[Element]:
    """The elements of a record that was parsed, in document order: the first is its root."""
    top = Element(root, 0, _nobody)
    every = [top]
    around = [top]
    for place, source in enumerate(root.iterdescendants("*"), 1):
        holder = source.getparent()
        while around[-1].source is not holder:
            around.pop()
        parent = around[-1]
        element = Element(source, place, ref(parent))
        if parent.children is _NO_CHILDREN:
            parent.children = [element]
        else:
            parent.children.append(element)
        around.append(element)
        every.append(element)
    return every


# Paths

Path = Callable[[Element], list[Element]]
_Step = Callable[[list[Element]], list[Element]]

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_PREFIX: Final = re.compile(r"([\w-]+):(?!:)(?<!::)(?=[\w*])")
_LOCAL: Final = re.compile(r"(?:\*|[A-Za-z_][\w-]*)(?://?(?:\*|[A-Za-z_][\w-]*))*")
# Steps by name, and a condition on the last that does not ask for its place among others.
_NAME: Final = r"(?:\*|[\w-]+:[\w-]+)"
_PLAIN: Final = re.compile(rf"(?P<steps>{_NAME}(?://?{_NAME})*)(?:\[(?P<condition>(?:(?!position|last|\[|\]).)+)\])?")
_place: Final = attrgetter("place")


@lru_cache(maxsize=4096)
def local_path(path: str) -> Path:
    """A compiled path of local names, such as `contactInfo/*/address/*/city`; `//` and `|` as in XPath.

    Raises:
        ValueError: it is none.
    """
    if path == ".":
        return _itself
    alternatives = [alternative.strip() for alternative in path.split("|")]
    if not all(_LOCAL.fullmatch(alternative) for alternative in alternatives):
        raise ValueError(f"'{path}' is not a usable path of local names")
    return _union([_path(alternative) for alternative in alternatives])


def compile_path(path: str) -> Path:
    """A row's XPath, compiled once, with the prefixes of `NAMESPACES`; a plain path of steps is followed without lxml.

    Raises:
        ValueError: the path is not XPath 1.0 or uses an undeclared prefix.
    """
    names = _QUOTED.sub("", path)
    if undeclared := [prefix for prefix in _PREFIX.findall(names) if prefix not in NAMESPACES]:
        raise ValueError(f"'{path}' is not a usable XPath: the prefix '{undeclared[0]}' is not declared")
    try:
        xpath = etree.XPath(path, namespaces=NAMESPACES, smart_strings=False)
    except etree.XPathError as error:
        raise ValueError(f"'{path}' is not a usable XPath: {error}") from None
    if path == ".":
        return _itself
    alternatives = [_alternative(one.strip()) for one in path.split("|")]
    plain = [one for one in alternatives if one is not None]
    if len(plain) == len(alternatives):
        return _union(plain)

    def evaluate(element: Element) -> list[Element]:
        found = xpath(element.source)
        if not found:
            return []
        by_source = {one.source: one for one in element.below}
        return [by_source[one] for one in found]  # type: ignore[index, union-attr]  # rows find elements

    return evaluate


def _alternative(path: str) -> Path | None:
    """A path of plain steps, with or without a condition on the last one; None for any other XPath."""
    found = _PLAIN.fullmatch(path)
    if not found:
        return None
    steps = _path(found["steps"])
    if not found["condition"]:
        return steps
    return None if _is_number(found["condition"]) else _where(found["condition"], steps)


def _is_number(expression: str) -> bool:
    """Whether an expression is a number, which as a condition asks for a place (XPath 1.0, section 2.4)."""
    try:
        return isinstance(etree.XPath(expression, namespaces=NAMESPACES)(etree.Element("any")), float)
    except etree.XPathError as error:
        raise ValueError(f"'{expression}' is not a usable XPath: {error}") from None


def _where(condition: str, path: Path) -> Path:
    """Those at the end of a path for which a condition holds; lxml is asked only when there are any."""
    holds = etree.XPath(f"boolean({condition})", namespaces=NAMESPACES)
    return lambda element: [one for one in path(element) if holds(one.source)]


def _steps(alternative: str) -> list[_Step]:
    """The steps of a path, each from some elements to others: to their children, or to all that is below them."""
    steps: list[_Step] = []
    deep = False
    for name in alternative.split("/"):
        if name:
            steps.append(_below(name) if deep else _children(name))
        deep = not name
    return steps


def _children(name: str) -> _Step:
    if name == "*":
        return lambda holders: [one for holder in holders for one in holder.children]
    if ":" not in name:
        return lambda holders: [one for holder in holders for one in holder.children if one.name == name]
    tag = _tag(name)
    return lambda holders: [one for holder in holders for one in holder.children if one.tag == tag]


def _below(name: str) -> _Step:
    if name == "*":
        return lambda holders: [one for holder in holders for one in holder.below[1:]]
    if ":" not in name:
        return lambda holders: [one for holder in holders for one in holder.below[1:] if one.name == name]
    tag = _tag(name)
    return lambda holders: [one for holder in holders for one in holder.below[1:] if one.tag == tag]


def _tag(prefixed: str) -> str:
    prefix, _, name = prefixed.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{name}"


def _ordered(found: list[Element]) -> list[Element]:
    """Each element once, in document order."""
    return sorted(set(found), key=_place) if len(found) > 1 else found


def _union(paths: list[Path]) -> Path:
    """What is at the end of any of some paths, each element once, in document order."""
    if len(paths) == 1:
        return paths[0]

    return lambda element: _ordered([one for path in paths for one in path(element)])


def _path(alternative: str) -> Path:
    if alternative.isalnum():  # what functions ask for most
        return lambda element: [one for one in element.children if one.name == alternative]
    steps = _steps(alternative)
    nested = "//" in alternative  # only then may steps meet in an element, or leave document order

    def follow(element: Element) -> list[Element]:
        found = [element]
        for step in steps:
            found = step(found)
            if not found:
                break
        return _ordered(found) if nested else found

    return follow


def _itself(element: Element) -> list[Element]:
    return [element]
