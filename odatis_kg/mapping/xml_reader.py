"""Reading XML records: where values are, in which languages, and every value read is noted as consumed.

What must stay true: a reader never decides what a value means, it only finds it and says where it stood.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from odatis_kg.mapping.elements import XLINK_HREF, Element, Path, local_path
from odatis_kg.mapping.reading import State
from odatis_kg.mapping.values import Term, clean, one_line

Localised: TypeAlias = list[tuple[str, str | None]]


@dataclass(slots=True)
class XmlReader:
    """One record being read: all its elements in document order, in which languages, and which of them have been read so far."""

    every: list[Element]
    language: str | None = None
    locales: dict[str, str] = field(default_factory=dict)
    consumed: set[Element] = field(default_factory=set)
    ignored: set[Element] = field(default_factory=set)

    @property
    def root(self) -> Element:
        """The root of the record."""
        return self.every[0]

    def named(self, name: str) -> Iterator[Element]:
        """The elements of the record with a local name, in document order."""
        return (element for element in self.every if element.name == name)

    def select(self, path: Path) -> list[Element]:
        """The elements a compiled row path finds in the record."""
        return path(self.every[0])

    def find(self, element: Element, path: str) -> list[Element]:
        """The elements below `element` at a path of local names, in document order, whatever the namespaces."""
        return local_path(path)(element)

    def first(self, element: Element, path: str) -> Element | None:
        """The first element at a path of local names, or None."""
        found = self.find(element, path)
        return found[0] if found else None

    def values_below(self, element: Element) -> list[str]:
        """What the leaves of an element say: texts, codes, links and units, sorted and distinct.

        The same in both encodings of a record, so that a part of a thing can be named by what it says.
        """
        return sorted({leaf.value for leaf in element.below} - {""})

    def text(self, prop: Element, *, multiline: bool = False) -> Localised:
        """The texts of a property, each with its language: the main one and its translations, without doubles.

        Reads `CharacterString`, `Anchor`, `sdn:SDN_*Code`, any other simple content, and `PT_FreeText` (ISO 19139,
        section 9.9). GeoNetwork repeats the main text among the translations: a translation with the same words as the
        main text replaces it, because it also says which language they are in.
        """
        main, translations = "", []
        fold = clean if multiline else one_line
        for child in prop.children:
            if child.name in ("PT_FreeText", "PT_FreeURL"):
                for translation in child.named("LocalisedCharacterString", "LocalisedURL"):
                    if words := fold(translation.text):
                        self.consumed.add(translation)
                        if (group := translation.parent) is not None and group.attributes:
                            self.ignored.add(group)  # how it was translated
                        translations.append((words, self._locale(translation.get("locale"))))
            elif not main and (words := fold(child.words)):
                self.consumed.update(child.below)
                main = words
        if not prop.children and (words := fold(prop.text)):
            self.consumed.add(prop)
            main = words
        values: Localised = [(main, self.language)] if main and main not in {words for words, _ in translations} else []
        for value in translations:
            if value not in values:
                values.append(value)
        return values

    def string(self, prop: Element | None) -> str:
        """The main text of a property on one line, whatever its language; empty when there is none."""
        if prop is None:
            return ""
        for child in prop.children:
            if child.name != "PT_FreeText" and (words := one_line(child.words)):
                self.consumed.update(child.below)
                return words
        if words := one_line(prop.text):
            self.consumed.add(prop)
        return words

    def string_at(self, element: Element, path: str) -> str:
        """The first non-empty text at a path of local names; empty when there is none."""
        for prop in self.find(element, path):
            if words := self.string(prop):
                return words
        return ""

    def code(self, prop: Element | None) -> str:
        """The code of a code-list property: `codeListValue`, or the text when that is empty or is itself an address.

        Some catalogues put the address of the code list's entry in `codeListValue` (WMO) or leave it empty (templates).
        """
        if prop is None:
            return ""
        for holder in (*prop.children, prop):
            value = holder.attributes.get("codeListValue", "").strip()
            words = one_line(holder.text) if not holder.children else ""
            if value or words:
                self.consumed.add(holder)
                return words if words and (not value or value.startswith(("http:", "https:"))) else value
        return ""

    def href(self, prop: Element) -> str:
        """The `xlink:href` of a property or of the element inside it (an Anchor); empty when there is none."""
        for holder in (*prop.children, prop):
            if value := holder.attributes.get(XLINK_HREF, "").strip():
                self.consumed.add(holder)
                return value
        return ""

    def sdn_code(self, prop: Element) -> tuple[str, str] | None:
        """The element name and code of a SeaDataNet `sdn:SDN_*Code` inside a property, e.g. ("SDN_EDMOCode", "486")."""
        for child in prop.children:
            name = child.name
            if name.startswith("SDN_") and (value := child.attributes.get("codeListValue", "").strip()):
                self.consumed.add(child)
                return name, value
        return None

    def _locale(self, reference: str | None) -> str | None:
        if not reference:
            return self.language
        return self.locales.get(reference.rpartition("#")[2].lower())

    def subject(self, element: Element) -> Term | None:  # noqa: ARG002
        """None: an XML element names no subject."""
        return None

    # Coverage

    def ignore(self, element: Element) -> None:
        """Note an element and all below it as left out on purpose."""
        below = set(element.below)
        self.ignored |= below
        self.consumed -= below

    def leaves(self) -> Iterator[tuple[Element, Element, State]]:
        """Every element that carries something, and what became of it."""
        for element in self.every:
            if not element.text and not (element.attributes and _is_coded(element)):
                continue
            if element in self.consumed:
                yield element, element, State.CONSUMED
            elif element in self.ignored:
                yield element, element, State.IGNORED
            else:
                yield element, element, State.UNKNOWN

    def where(self, element: Element) -> str:
        """The path of an element by local names without positions, such as `MD_Metadata/fileIdentifier/CharacterString`."""
        return "/".join(reversed([element.name, *(holder.name for holder in element.above)]))

    def line(self, element: Element) -> int:
        """The line of the record on which an element begins (1 is the first)."""
        return element.line


def _is_coded(element: Element) -> bool:
    """Whether an element without text says something by a code or a link."""
    said = element.attributes
    return bool((said.get("codeListValue") and not element.children) or said.get(XLINK_HREF) or said.get("uuidref"))
