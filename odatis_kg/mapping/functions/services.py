"""Services (srv:SV_ServiceIdentification): where they answer, and which data they serve."""

from collections.abc import Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES, reference
from odatis_kg.mapping.identifiers import canonical, end_point
from odatis_kg.mapping.xml_reader import XmlReader


def operation(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An operation (SV_OperationMetadata): its connect points are end points; that of GetCapabilities describes them."""
    reader: XmlReader = context.reader
    service = context.subjects["resource"]
    name = reader.string_at(node, "operationName")
    for prop in reader.find(node, "connectPoint/*"):
        stated = reader.string_at(prop, "linkage")
        for said in reader.find(prop, "protocol | function | applicationProfile | name"):
            reader.ignore(said)
        for said in reader.find(prop, "description"):
            reader.ignore(said)
        address = values.repaired_iri(stated)
        if stated.lower() in NO_VALUES or address is None:
            continue
        context.add(service, "dcat:endpointURL", values.iri(end_point(address)))
        if name.lower() in ("getcapabilities", "getcapabilties") or "getcapabilities" in address.lower():
            context.add(service, "dcat:endpointDescription", values.iri(address))
    if name and name.lower() not in NO_VALUES:
        context.add(service, "odk:operation", values.text(name))


def operates_on(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Data a service operates on: by the record's address or identifier (`operatesOn`, `coupledResource`)."""
    reader: XmlReader = context.reader
    service = context.subjects["resource"]
    identifier = (node.get("uuidref") or "").strip()
    link = reader.href(node)
    if identifier or link:
        reader.consumed.add(node)
    text = reader.string_at(node, "*/identifier/*/code | identifier") or reader.string_at(node, "*/title")
    target = None
    if identifier:
        target = reference(context, identifier)
    elif text:
        target = reference(context, text)
    elif link and (found := canonical(link)) and values.is_iri(found):
        target = values.iri(found)
    if target is None:
        return
    context.add(service, "dcat:servesDataset", target)
    if link and (found := canonical(link)) and values.is_iri(found) and values.iri(found) != target:
        context.add(target, "foaf:page", values.iri(found))
