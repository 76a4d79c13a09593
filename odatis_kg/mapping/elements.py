"""An XML record as plain objects, and the paths of rows through it.

lxml makes a Python object anew each time an element is touched, and the rows of a table touch every element many times: one
walk that notes name, text, attributes and place of each, and paths that are followed in these, take a third of the time.
What must stay true: a path finds what XPath 1.0 finds, each element once, in document order.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Final

from lxml import etree

from odatis_kg.mapping.values import one_line
from odatis_kg.mapping.xml import NAMESPACES, Parsed

XLINK_HREF: Final = f"{{{NAMESPACES['xlink']}}}href"
# Shared by the many elements that have none.
_NO_ATTRIBUTES: Final[dict[str, str]] = {}
_NO_CHILDREN: "Final[list[Element]]" = []


class Document:
    """All elements of a record, in document order."""

    def __init__(self) -> None:
        self.elements: list[Element] = []

    @cached_property
    def by_source(self) -> "dict[Parsed, Element]":
        """The elements by what they were made of."""
        return {element.source: element for element in self.elements}


class Element:
    """An element of a record: its name with (`tag`, as lxml writes it) and without namespace, what it says, where it stands.

    `text` is what stands before the first child; empty where that is only layout. Attributes are named as lxml does.
    """

    __slots__ = ("attributes", "children", "document", "name", "parent", "place", "source", "tag", "text")

    def __init__(self, source: Parsed, parent: "Element | None", document: Document) -> None:
        self.source = source
        self.tag, self.name = _names(source.tag)
        text = source.text
        self.text: str = "" if text is None or text.isspace() else text
        stated = source.items()
        self.attributes: dict[str, str] = dict(stated) if stated else _NO_ATTRIBUTES  # type: ignore[arg-type]  # the stubs allow bytes
        self.parent = parent
        self.children = _NO_CHILDREN
        self.document = document
        self.place = len(document.elements)

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
    def below(self) -> "list[Element]":
        """The element and all below it, in document order."""
        last = self
        while last.children:
            last = last.children[-1]
        return self.document.elements[self.place : last.place + 1]

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


def elements(root: Parsed) -> Element:
    """The root of a record that was parsed."""
    document = Document()
    above: Element | None = None
    for source in root.iter("*"):
        holder = source.getparent()
        while above is not None and above.source is not holder:
            above = above.parent
        element = Element(source, above, document)
        document.elements.append(element)
        if above is not None:
            if above.children is _NO_CHILDREN:
                above.children = [element]
            else:
                above.children.append(element)
        above = element
    return document.elements[0]


# Paths

Path = Callable[[Element], list[Element]]
_Step = Callable[[list[Element]], list[Element]]

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_PREFIX: Final = re.compile(r"([\w-]+):(?!:)(?<!::)(?=[\w*])")
_STEPS: Final = re.compile(r"(?:\*|[\w-]+:[\w-]+)(?://?(?:\*|[\w-]+:[\w-]+))*")
_place: Final = attrgetter("place")


@lru_cache(maxsize=4096)
def local_path(path: str) -> Path:
    """A compiled path of local names, such as `contactInfo/*/address/*/city`; `//` and `|` as in XPath."""
    if path == ".":
        return _itself
    return _union([_steps(alternative.strip()) for alternative in path.split("|")])


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
    alternatives = [alternative.strip() for alternative in path.split("|")]
    if all(_STEPS.fullmatch(alternative) for alternative in alternatives):
        return _union([_steps(alternative) for alternative in alternatives])

    def evaluate(element: Element) -> list[Element]:
        by_source = element.document.by_source
        return [by_source[one] for one in xpath(element.source)]  # type: ignore[index, union-attr]  # rows find elements

    return evaluate


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
        return lambda holders: _ordered([one for holder in holders for one in holder.below[1:]])
    if ":" not in name:
        return lambda holders: _ordered([one for holder in holders for one in holder.below[1:] if one.name == name])
    tag = _tag(name)
    return lambda holders: _ordered([one for holder in holders for one in holder.below[1:] if one.tag == tag])


def _tag(prefixed: str) -> str:
    prefix, _, name = prefixed.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{name}"


def _ordered(found: list[Element]) -> list[Element]:
    """Each element once, in document order."""
    return sorted(set(found), key=_place) if len(found) > 1 else found


def _union(alternatives: list[list[_Step]]) -> Path:
    """What is at the end of any of some paths, each element once, in document order."""
    paths = [_path(steps) for steps in alternatives]
    if len(paths) == 1:
        return paths[0]

    return lambda element: _ordered([one for path in paths for one in path(element)])


def _path(steps: list[_Step]) -> Path:
    if len(steps) == 1:
        (step,) = steps
        return lambda element: step([element])

    def follow(element: Element) -> list[Element]:
        found = [element]
        for step in steps:
            found = step(found)
            if not found:
                break
        return found

    return follow


def _itself(element: Element) -> list[Element]:
    return [element]
