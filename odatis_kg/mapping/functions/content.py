"""What is measured: the attributes, bands and dimensions of a coverage, as variables with unit and concept."""

from collections.abc import Iterator, Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.resource import NO_VALUES, texts_at
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.xml_reader import Localised, XmlReader

_NAMES = "sequenceIdentifier/*/aName | sequenceIdentifier/*/MemberName/aName | name/*/code | name | boundingName"


def variable(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """One attribute of a coverage (MD_SampleDimension, MD_Band, MD_RangeDimension): `schema:variableMeasured` a variable.

    The variable has its name, definition, unit and range as stated. A concept is linked only where the record gives its
    IRI: it is then what is measured, and the variable points at it.
    """
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    said = reader.values_below(node)
    if not said:
        return
    term = context.part(resource, "variable", *said)
    context.add(resource, "schema:variableMeasured", term)
    context.type(term, "odk:Variable", "schema:PropertyValue")
    names, definitions = _texts(reader, node, _NAMES), _texts(reader, node, "description | descriptor")
    if not names:
        names, definitions = definitions[:1], definitions[1:]
    context.texts(term, "schema:name", names)
    context.texts(term, "dct:description", definitions)
    for concept in _concepts(reader, node, "name/*/code"):
        context.add(resource, "schema:variableMeasured", values.iri(concept))
        context.add(term, "skos:exactMatch", values.iri(concept))
    for name in _texts(
        reader, node, "units/*/name | units/*/catalogSymbol | units/*/identifier | units/*/quantityType"
    ):
        if not name[0].startswith(("http:", "https:", "SDN:", "urn:")):
            context.add(term, "schema:unitText", values.text(name[0]))
    for concept in _concepts(reader, node, "units | units/*/identifier | units/*/name"):
        context.add(term, "schema:unitCode", values.iri(concept))
    for path, predicate in (("minValue", "schema:minValue"), ("maxValue", "schema:maxValue")):
        for prop in reader.find(node, path):
            if (number := values.number(reader.string(prop))) is not None:
                context.add(term, predicate, values.decimal(number))
    state_details(context, node, term)


def described_attribute(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A coverage that names what it holds in words (`attributeDescription`), and its unit, if any, as its one dimension.

    Where there is exactly one dimension, that dimension is described, not another one: name from the attribute, unit or
    definition from the dimension's descriptor.
    """
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    names = _texts(reader, node, "attributeDescription/RecordType | attributeDescription")
    dimensions = [one for one in reader.find(node, "dimension/*") if reader.values_below(one)]
    described = names and len(dimensions) == 1 and not _texts(reader, dimensions[0], _NAMES)
    if names:
        words = [name for name, _ in names]
        descriptors = _texts(reader, dimensions[0], "descriptor") if described else []
        term = context.part(resource, "variable", *words, *(text for text, _ in descriptors))
        context.add(resource, "schema:variableMeasured", term)
        context.type(term, "odk:Variable", "schema:PropertyValue")
        context.texts(term, "schema:name", [(name, None) if " " not in name else (name, tag) for name, tag in names])
        context.texts(term, "dct:description", descriptors)
        for concept in _concepts(reader, node, "attributeDescription/RecordType"):
            context.add(resource, "schema:variableMeasured", values.iri(concept))
            context.add(term, "skos:exactMatch", values.iri(concept))
        if described:
            state_details(context, dimensions[0], term)
    if not described:
        for dimension in dimensions:
            context.node = dimension
            variable(context, dimension, options)
    for code in reader.find(node, "contentType"):
        _state_content_type(context, reader.code(code))


def content_type(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """What kind of values a coverage holds (physical measurement, image, classification...)."""
    _state_content_type(context, context.reader.code(node))


def _state_content_type(context: Context, code: str) -> None:
    if code and code.lower() not in NO_VALUES:
        context.add(context.subjects["resource"], "odk:contentType", values.text(code))


def _texts(reader: XmlReader, node: Element, paths: str) -> Localised:
    return list(dict.fromkeys(texts_at(reader, node, paths)))


def _concepts(reader: XmlReader, node: Element, paths: str) -> Iterator[str]:
    """The IRIs a record gives for a name or a unit, by link or by text."""
    seen = set()
    for prop in reader.find(node, paths):
        for text in (reader.href(prop), reader.string(prop)):
            if " " in text:  # the identifier and the name of a unit, one after the other
                continue
            found = canonical(text) if text.startswith(("http:", "https:", "SDN:", "urn:")) else None
            if found and values.is_iri(found) and found not in seen:
                seen.add(found)
                yield found
