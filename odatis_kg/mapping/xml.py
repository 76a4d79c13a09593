"""Parsing XML: hostile input refused, namespaces made uniform.

What must stay true: no entity, no DTD, no network, bounded depth.
"""

import re
from copy import deepcopy
from typing import Any, Final, TypeAlias
from xml.parsers import expat

from lxml import etree

from odatis_kg.mapping.errors import RefusedError

# An element as lxml holds it; what rows and functions see is `elements.Element`.
Parsed: TypeAlias = etree._Element

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

_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_ISO_MODULE: Final = re.compile(r"http://standards\.iso\.org/iso/(?:19115/-3|19157/-2)/([a-z]+)/[0-9.]+")
_MODULES: Final = {found[1]: uri for uri in NAMESPACES.values() if (found := _ISO_MODULE.fullmatch(uri))}
_GML_32: Final = "http://www.opengis.net/gml/3.2"
_DEEPEST: Final = 256
_MAX_DEPTH_MESSAGE: Final = "Excessive depth"
_DOCTYPE: Final = (
    "the document has a DOCTYPE declaration, which is refused because it could define entities;"
    " export the record without it"
)


def parse(content: bytes) -> Parsed:
    """The root element of a document, comments and processing instructions left out, namespaces made uniform.

    Raises:
        RefusedError: not well-formed, not decodable, nested deeper than 256 elements, or carrying a DTD.
    """
    root = parse_as_sent(content)
    _uniform_namespaces(root)
    return root


def parse_as_sent(content: bytes) -> Parsed:
    """The same with the namespaces as they are, for what is handed on rather than read.

    Raises:
        RefusedError: as for `parse`.
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
    return root


class _Doctype(Exception):  # noqa: N818
    """The prolog has a document type declaration."""


class _FirstElement(Exception):  # noqa: N818
    """The prolog is over."""


def _at_doctype(*_: object) -> None:
    raise _Doctype


def _at_first_element(*_: object) -> None:
    raise _FirstElement


def on_its_own(element: Parsed) -> bytes:
    """An element cut out of a document, in exclusive canonical form (W3C, Exclusive XML Canonicalization 1.0).

    The bytes depend on the element alone, not on what surrounds it: a server may declare the namespaces of a record on the
    record in one answer and around it in the next, by what else the answer contains.
    """
    types = _prefixes_of_types(element)
    if types:
        # A prefix that only a value uses is declared in one place, wherever it was declared before.
        names: Any = {**types, element.prefix: etree.QName(element).namespace}
        apex = etree.Element(
            element.tag,
            {str(name): str(value) for name, value in element.attrib.items()},
            nsmap={name: uri for name, uri in names.items() if uri},
        )
        apex.text = element.text
        apex.extend(deepcopy(child) for child in element)
        element = apex
    try:
        cut = etree.tostring(
            element, method="c14n", exclusive=True, inclusive_ns_prefixes=sorted(types) or None, with_tail=False
        )
    except etree.C14NError:  # a namespace that is no absolute IRI has no canonical form
        cut = etree.tostring(element, encoding="UTF-8", with_tail=False, xml_declaration=False)
    return b"<?xml version='1.0' encoding='UTF-8'?>\n" + cut


def _prefixes_of_types(element: Parsed) -> dict[str, str]:
    """The prefixes in values of xsi:type at and below an element, with their namespaces; empty for one that has several."""
    found: dict[str, str] = {}
    for one in element.iter():
        prefix, colon, _ = (one.get(_XSI_TYPE) or "").partition(":")
        if colon and (namespace := one.nsmap.get(prefix)):
            found[prefix] = namespace if found.get(prefix, namespace) == namespace else ""
    return found


def refuse_dtd(content: bytes) -> None:
    """Refuse a document with a document type declaration, before anything of it is expanded.

    A DTD is the only place where entities can be declared, so without one neither entity bombs nor external entities
    exist (OWASP, XML External Entity Prevention). Only the prolog is looked at.
    """

    prolog = expat.ParserCreate()
    prolog.StartDoctypeDeclHandler = _at_doctype
    prolog.StartElementHandler = _at_first_element
    try:
        for start in range(0, len(content), 4096):
            prolog.Parse(content[start : start + 4096], False)
    except _Doctype:
        raise RefusedError(_DOCTYPE) from None
    except (_FirstElement, expat.ExpatError, ValueError, LookupError):
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


def _uniform_namespaces(root: Parsed) -> None:
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


def local_name(element: Parsed) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def all_text(element: Parsed) -> str:
    """The text of an element and all below it, in order."""
    return "".join(str(piece) for piece in element.itertext()) if len(element) else element.text or ""
