"""Reading XML records: hostile input refused, namespaces made uniform, every value read is noted as consumed.

What must stay true: no entity, no DTD, no network, bounded depth; and a reader never decides what a value means, it only
finds it and says where it stood.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias
from xml.parsers import expat

from lxml import etree

from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.reading import State
from odatis_kg.mapping.values import Term, clean, one_line

Element: TypeAlias = etree._Element
Localised: TypeAlias = list[tuple[str, str | None]]

NAMESPACES: Final[dict[str, str]] = {
    "gmd": "http://www.isotc211.org/2005/gmd",
    "gmi": "http://www.isotc211.org/2005/gmi",
    "gco": "http://www.isotc211.org/2005/gco",
    "gmx": "http://www.isotc211.org/2005/gmx",
    "srv": "http://www.isotc211.org/2005/srv",
    "gts": "http://www.isotc211.org/2005/gts",
    "gml": "http://www.opengis.net/gml",
    "sdn": "http://www.seadatanet.org",
    "xlink": "http://www.w3.org/1999/xlink",
    "csw": "http://www.opengis.net/cat/csw/2.0.2",
    "oai_dc": "http://www.openarchives.org/OAI/2.0/oai_dc/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dct": "http://purl.org/dc/terms/",
    "ows": "http://www.opengis.net/ows",
    "md": "http://www.pangaea.de/MetaData",
    "oai": "http://www.openarchives.org/OAI/2.0/",
    **{
        prefix: f"http://standards.iso.org/iso/19115/-3/{prefix}/{version}"
        for prefix, version in {
            "cat": "1.0", "cit": "2.0", "gcx": "1.0", "gex": "1.0", "lan": "1.0", "mac": "2.0", "mas": "1.0",
            "mcc": "1.0", "mco": "1.0", "mda": "1.0", "mdb": "2.0", "mds": "2.0", "mdt": "2.0", "mex": "1.0",
            "mmi": "1.0", "mpc": "1.0", "mrc": "2.0", "mrd": "1.0", "mri": "1.0", "mrl": "2.0", "mrs": "1.0",
            "msr": "2.0",
        }.items()
    },
    "gco3": "http://standards.iso.org/iso/19115/-3/gco/1.0",
    "srv3": "http://standards.iso.org/iso/19115/-3/srv/2.0",
    "mdq": "http://standards.iso.org/iso/19157/-2/mdq/1.0",
}  # fmt: skip

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_PREFIX: Final = re.compile(r"([\w-]+):(?!:)(?<!::)(?=[\w*])")
XLINK_HREF: Final = f"{{{NAMESPACES['xlink']}}}href"
_ISO_MODULE: Final = re.compile(r"http://standards\.iso\.org/iso/(?:19115/-3|19157/-2)/([a-z]+)/[0-9.]+")
_MODULES: Final = {found[1]: uri for uri in NAMESPACES.values() if (found := _ISO_MODULE.fullmatch(uri))}
_GML_32: Final = "http://www.opengis.net/gml/3.2"
_DEEPEST: Final = 256
_MAX_DEPTH_MESSAGE: Final = "Excessive depth"
_DOCTYPE: Final = (
    "the document has a DOCTYPE declaration, which is refused because it could define entities;"
    " export the record without it"
)


def parse(content: bytes) -> Element:
    """The root element of a document, comments and processing instructions left out, namespaces made uniform.

    Raises:
        RefusedError: not well-formed, not decodable, nested deeper than 256 elements, or carrying a DTD.
    """
    refuse_dtd(content)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise RefusedError(_explain(error, content)) from None
    except (ValueError, LookupError) as error:
        raise RefusedError(f"the XML cannot be decoded: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise RefusedError(_DOCTYPE)  # in an encoding that the first look could not read
    _uniform_namespaces(root)
    return root


def refuse_dtd(content: bytes) -> None:
    """Refuse a document with a document type declaration, before anything of it is expanded.

    A DTD is the only place where entities can be declared, so without one neither entity bombs nor external entities
    exist (OWASP, XML External Entity Prevention). Only the prolog is looked at.
    """

    class Doctype(Exception):  # noqa: N818
        pass

    class FirstElement(Exception):  # noqa: N818
        pass

    def doctype(*_: object) -> None:
        raise Doctype

    def element(*_: object) -> None:
        raise FirstElement

    prolog = expat.ParserCreate()
    prolog.StartDoctypeDeclHandler = doctype
    prolog.StartElementHandler = element
    try:
        for start in range(0, len(content), 4096):
            prolog.Parse(content[start : start + 4096], False)
    except Doctype:
        raise RefusedError(_DOCTYPE) from None
    except (FirstElement, expat.ExpatError, ValueError, LookupError):
        return  # the prolog is over, or the parser proper will say what is wrong


def refuse_deep(content: bytes) -> None:
    """Refuse a document nested deeper than `parse` allows, for documents that are read as a stream.

    What is not well-formed is left to the parser proper to explain.

    Raises:
        RefusedError: elements are nested more than 256 deep.
    """

    class TooDeep(Exception):  # noqa: N818
        pass

    depth = 0

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise TooDeep

    def end(*_: object) -> None:
        nonlocal depth
        depth -= 1

    walk = expat.ParserCreate()
    walk.StartElementHandler = start
    walk.EndElementHandler = end
    try:
        walk.Parse(content, True)
    except TooDeep:
        raise RefusedError(f"elements are nested more than {_DEEPEST} deep") from None
    except (expat.ExpatError, ValueError, LookupError):
        return


def _explain(error: etree.XMLSyntaxError, content: bytes) -> str:
    message = str(error.msg or "not well-formed").rsplit(", line ", 1)[0].strip()
    if "Entity" in message and "not defined" in message:
        name = message.split("'")[1] if "'" in message else "?"
        message = f"the entity &{name}; is not defined in XML; write the character itself or its number"
    elif _MAX_DEPTH_MESSAGE in message or "depth" in message.lower():
        message = "elements are nested more than 256 deep"
    elif "Document is empty" in message:
        message = "the document is empty or not XML"
    elif "huge" in message.lower():
        message = "one text or attribute is larger than 10 MB"
    elif "Premature end" in message or "EndTag" in message or not content.rstrip(b" \t\r\n\x00").endswith(b">"):
        message += "; the file seems to be cut off"
    line, column = error.position
    return f"not well-formed XML at line {line}, column {column}: {message}"


def _uniform_namespaces(root: Element) -> None:
    """Rename the versions of ISO 19115-3 modules and GML 3.2 to the ones our paths use; content is untouched."""
    renamed = {_GML_32: NAMESPACES["gml"]}
    if any(_ISO_MODULE.fullmatch(namespace) for namespace in root.nsmap.values() if namespace):
        for namespace in {element.tag.partition("}")[0][1:] for element in root.iter()}:
            module = _ISO_MODULE.fullmatch(namespace)
            canonical = _MODULES.get(module[1]) if module else None
            if canonical and canonical != namespace:
                renamed[namespace] = canonical
    for namespace, canonical in renamed.items():
        for element in root.iter(f"{{{namespace}}}*"):
            element.tag = f"{{{canonical}}}{element.tag.rpartition('}')[2]}"


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def all_text(element: Element) -> str:
    """The text of an element and all below it, in order."""
    return "".join(str(piece) for piece in element.itertext()) if len(element) else element.text or ""


@lru_cache(maxsize=4096)
def local_path(path: str) -> Callable[[Element], list[Element]]:
    """A compiled path of local names, such as `contactInfo/*/address/*/city`; `//` and `|` as in XPath."""
    alternatives = []
    for alternative in path.split("|"):
        steps = alternative.strip().split("/")
        alternatives.append("/".join(s if s in ("", "*", ".") else f"*[local-name()='{s}']" for s in steps))
    return etree.XPath("|".join(alternatives))  # type: ignore[return-value]


def compile_path(path: str) -> Callable[[Element], list[Element]]:
    """A row's XPath, compiled once, with the prefixes of `NAMESPACES`; `ID` stands for the identification section.

    Raises:
        ValueError: the path is not XPath 1.0 or uses an undeclared prefix.
    """
    names = _QUOTED.sub("", path)
    if undeclared := [prefix for prefix in _PREFIX.findall(names) if prefix not in NAMESPACES]:
        raise ValueError(f"'{path}' is not a usable XPath: the prefix '{undeclared[0]}' is not declared")
    try:
        return etree.XPath(path, namespaces=NAMESPACES, smart_strings=False)  # type: ignore[return-value]
    except etree.XPathError as error:
        raise ValueError(f"'{path}' is not a usable XPath: {error}") from None


@dataclass(slots=True)
class XmlReader:
    """One record being read: where its values are, in which languages, and which of them have been read so far."""

    root: Element
    language: str | None = None
    locales: dict[str, str] = field(default_factory=dict)
    consumed: set[Element] = field(default_factory=set)
    ignored: set[Element] = field(default_factory=set)

    def select(self, path: Callable[[Element], list[Element]]) -> list[Element]:
        """The elements a compiled row path finds in the record."""
        return path(self.root)

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
        found = {leaf_value(leaf) for leaf in element.iter()}
        return sorted(found - {""})

    def text(self, prop: Element, *, multiline: bool = False) -> Localised:
        """The texts of a property, each with its language: the main one and its translations, without doubles.

        Reads `CharacterString`, `Anchor`, `sdn:SDN_*Code`, any other simple content, and `PT_FreeText` (ISO 19139,
        section 9.9). GeoNetwork repeats the main text among the translations: a translation with the same words as the
        main text replaces it, because it also says which language they are in.
        """
        main, translations = "", []
        fold = clean if multiline else one_line
        for child in prop:
            if local_name(child) in ("PT_FreeText", "PT_FreeURL"):
                for translation in child.iter("{*}LocalisedCharacterString", "{*}LocalisedURL"):
                    if words := fold(translation.text or ""):
                        self.consumed.add(translation)
                        if (group := translation.getparent()) is not None and group.attrib:
                            self.ignored.add(group)  # how it was translated
                        translations.append((words, self._locale(translation.get("locale"))))
            elif not main and (words := fold(all_text(child))):
                self.consumed.update(child.iter())
                main = words
        if not len(prop) and (words := fold(prop.text or "")):
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
        for child in prop:
            if local_name(child) != "PT_FreeText" and (words := one_line(all_text(child))):
                self.consumed.update(child.iter())
                return words
        if words := one_line(prop.text or ""):
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
        for holder in (*prop, prop):
            value = (holder.get("codeListValue") or "").strip()
            words = one_line(holder.text or "") if len(holder) == 0 else ""
            if value or words:
                self.consumed.add(holder)
                return words if words and (not value or value.startswith(("http:", "https:"))) else value
        return ""

    def href(self, prop: Element) -> str:
        """The `xlink:href` of a property or of the element inside it (an Anchor); empty when there is none."""
        for holder in (*prop, prop):
            if value := (holder.get(XLINK_HREF) or "").strip():
                self.consumed.add(holder)
                return value
        return ""

    def sdn_code(self, prop: Element) -> tuple[str, str] | None:
        """The element name and code of a SeaDataNet `sdn:SDN_*Code` inside a property, e.g. ("SDN_EDMOCode", "486")."""
        for child in prop:
            name = local_name(child)
            if name.startswith("SDN_") and (value := (child.get("codeListValue") or "").strip()):
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
        below = set(element.iter())
        self.ignored |= below
        self.consumed -= below

    def leaves(self) -> Iterator[tuple[Element, Element, State]]:
        """Every element that carries something, and what became of it."""
        for element in self.root.iter():
            if not _carries_something(element):
                continue
            if element in self.consumed:
                yield element, element, State.CONSUMED
            elif element in self.ignored:
                yield element, element, State.IGNORED
            else:
                yield element, element, State.UNKNOWN

    def where(self, element: Element) -> str:
        """The path of an element by local names without positions, such as `MD_Metadata/fileIdentifier/CharacterString`."""
        names = [local_name(ancestor) for ancestor in element.iterancestors()]
        return "/".join([*reversed(names), local_name(element)])

    def line(self, element: Element) -> int:
        """The line of the record on which an element begins (1 is the first)."""
        return element.sourceline or 0  # type: ignore[truthy-bool, return-value]  # the stubs lack its type


def leaf_value(element: Element) -> str:
    """What an element itself says: its code, else its own text with its unit, else its link; empty when it says nothing."""
    if code := (element.get("codeListValue") or "").strip():
        return code
    words = one_line(element.text or "")
    if words:
        return f"{words} {unit}" if (unit := element.get("uom")) else words
    return (element.get(XLINK_HREF) or element.get("uuidref") or "").strip()


def _carries_something(element: Element) -> bool:
    text = element.text
    if text is not None and not text.isspace() and text:
        return True
    if not element.attrib:
        return False
    return bool(
        (element.get("codeListValue") and len(element) == 0) or element.get(XLINK_HREF) or element.get("uuidref")
    )
