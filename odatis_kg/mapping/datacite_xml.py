"""DataCite XML (kernels 2 to 4) as the JSON that the DataCite REST API answers, so that both forms are mapped by one table.

The members are those of the REST API (`attributes`); what the XML writes as an attribute becomes a member, with `URI`
spelt `Uri`. Boxes and points of kernel 3, which are texts of numbers, become those of kernel 4.
"""

from typing import Any, Final

from odatis_kg.mapping.values import clean
from odatis_kg.mapping.xml import Parsed, all_text, local_name

Json = dict[str, Any]

_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
# Lists of simple items: container -> (item, member that holds the item's own text).
_LISTS: Final = {
    "titles": "title",
    "subjects": "subject",
    "dates": "date",
    "alternateIdentifiers": "alternateIdentifier",
    "relatedIdentifiers": "relatedIdentifier",
    "rightsList": "rights",
    "descriptions": "description",
}
_BOX: Final = ("southBoundLatitude", "westBoundLongitude", "northBoundLatitude", "eastBoundLongitude")
_POINT: Final = ("pointLatitude", "pointLongitude")


def is_datacite(element: Parsed) -> bool:
    """Whether an element is the root of a DataCite record."""
    return local_name(element) == "resource" and "datacite.org/schema/kernel" in element.tag


def as_json(root: Parsed) -> Json:
    """The record as the `attributes` of the REST API."""
    found: Json = {}
    for child in root:
        name, words = local_name(child), _words(child)
        if name == "identifier":
            found["identifiers"] = [{"identifier": words, **_attributes(child)}]
            if child.get("identifierType", "").upper() == "DOI":
                found["doi"] = words
        elif name in ("creators", "contributors"):
            found[name] = [_agent(agent) for agent in child]
        elif name in _LISTS:
            found[name] = [{_LISTS[name]: _words(item), **_attributes(item)} for item in child]
        elif name in ("sizes", "formats"):
            found[name] = [_words(item) for item in child]
        elif name == "resourceType":
            found["types"] = {"resourceType": words, **_attributes(child)}
        elif name == "publisher":
            found["publisher"] = {"name": words, **_attributes(child)}
        elif name == "geoLocations":
            found[name] = [_place(place) for place in child]
        elif name in ("fundingReferences", "relatedItems"):
            found[name] = [_plain(item) for item in child]
        elif words:
            found[name] = words
    return found


def _words(element: Parsed) -> str:
    """The text of an element; `<br/>` of a description is a line break."""
    for line_break in element.iter("{*}br"):
        line_break.tail = "\n" + (line_break.tail or "")
    return clean(all_text(element))


def _attributes(element: Parsed) -> Json:
    found = {}
    for name, value in element.attrib.items():
        member = "lang" if name == _XML_LANG else str(name).rpartition("}")[2].replace("URI", "Uri")
        if not str(name).startswith("{http://www.w3.org/2001/XMLSchema-instance}") and str(value).strip():
            found[member] = str(value).strip()
    return found


def _agent(element: Parsed) -> Json:
    found: Json = {"nameIdentifiers": [], "affiliation": [], **_attributes(element)}
    for child in element:
        name, words = local_name(child), _words(child)
        if name in ("creatorName", "contributorName"):
            found |= {"name": words, **_attributes(child)}
        elif name == "nameIdentifier":
            found["nameIdentifiers"].append({"nameIdentifier": words, **_attributes(child)})
        elif name == "affiliation":
            found["affiliation"].append({"name": words, **_attributes(child)})
        else:
            found[name] = words
    return {name: value for name, value in found.items() if value}


def _place(element: Parsed) -> Json:
    found: Json = {}
    for child in element:
        name, words = local_name(child), _words(child)
        numbers = words.replace(",", " ").split()
        if name == "geoLocationPolygon":
            points = [{local_name(point): _plain(point)} for point in child]
            found.setdefault(name, []).append(points)
        elif len(child):
            found[name] = _plain(child)
        elif name == "geoLocationBox" and len(numbers) == 4:
            found[name] = dict(zip(_BOX, numbers, strict=True))
        elif name == "geoLocationPoint" and len(numbers) == 2:
            found[name] = dict(zip(_POINT, numbers, strict=True))
        elif words:
            found[name] = words
    return found


def _plain(element: Parsed) -> Json:
    """An element with children as an object; a child that comes again makes a list."""
    found: Json = _attributes(element)
    for child in element:
        value: Any = _plain(child) if len(child) else _words(child)
        name = local_name(child)
        if name in found:
            before = found[name]
            found[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            found[name] = value
        for attribute, said in _attributes(child).items() if not len(child) else ():
            found.setdefault(attribute, said)
    return found
