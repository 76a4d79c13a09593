"""PANGAEA metadata (pan_md): authors, references, depths, events and the columns of the data as variables."""

from collections.abc import Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.extents import state_box, state_period
from odatis_kg.mapping.functions.parties import Party, state_agent, state_attribution, state_maker, state_organisation
from odatis_kg.mapping.functions.resource import NO_VALUES, name_record, state_doi, state_identifier
from odatis_kg.mapping.functions.rights import state_licence, state_statement
from odatis_kg.mapping.identifiers import canonical, doi, orcid
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import XmlReader


def identity(context: Context) -> None:
    """The data set of a pan_md record; PANGAEA writes in English."""
    context.reader.language = "en"
    record = name_record(context)
    resource = context.subjects["resource"] = context.thing("dataset", context.record.source, context.record.key)
    context.type(resource, "dcat:Dataset", "prov:Entity")
    context.add(record, "foaf:primaryTopic", resource)


def _person(context: Context, node: Element, role: str) -> Term | None:
    reader: XmlReader = context.reader
    for private in reader.find(node, "eMail"):
        reader.ignore(private)
    name = " ".join(part for part in (reader.string_at(node, "firstName"), reader.string_at(node, "lastName")) if part)
    person = state_agent(context, Party(role, person=name, person_iri=orcid(reader.string_at(node, "orcid"))))
    page = values.repaired_iri(reader.string_at(node, "URI"))
    if person and page and page.startswith("http"):
        context.add(person, "foaf:page", values.iri(page))
    return person


def person(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """An author of the data, in order."""
    if term := _person(context, node, options["role"]):
        state_maker(context, term, options["role"])


def identifier(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The DOI of the data, in any spelling."""
    words = context.reader.string(node)
    if bare := doi(words):
        state_doi(context, context.subjects["resource"], bare)
    elif words:
        state_identifier(context, context.subjects["resource"], words)


def institution(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The institution the data come from, in words."""
    words = context.reader.string(node)
    organisation = state_organisation(context, Party("originator", organisation=[(words, None)])) if words else None
    if organisation:
        resource = context.subjects["resource"]
        state_attribution(context, resource, organisation, "originator")
        context.add(resource, "geodcatap:originator", organisation)


def reference(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A publication: one the data supplement or that gives details refers to them, others are referred to."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    relation = (node.get("relationType") or "").strip()
    stated, title = reader.string_at(node, "URI"), reader.string_at(node, "title")
    found = canonical(stated)
    known = found if found and values.is_iri(found) and found.startswith(("http", "hdl:", "urn:")) else None
    if not (known or title):
        return
    work = values.iri(known) if known else context.part(resource, "document", title)
    supplements = relation.lower() in ("supplement to", "further details", "original version", "documentation")
    context.add(resource, "dct:isReferencedBy" if supplements else "dct:references", work)
    context.type(work, "foaf:Document")
    if title:
        context.add(work, "dct:title", values.text(title, "en"))
    if source := reader.string_at(node, "source"):
        context.add(work, "dct:bibliographicCitation", values.text(source, "en"))
    if date := values.temporal(reader.string_at(node, "year")):
        context.add(work, "dct:issued", date)
    for author in reader.find(node, "author"):
        if term := _person(context, author, "author"):
            context.add(work, "dct:creator", term)


def period(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The period of the data, from the first to the last date and time."""
    reader: XmlReader = context.reader
    state_period(context, reader.string_at(node, "minDateTime"), reader.string_at(node, "maxDateTime"))


def depth(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A vertical extent: a depth in water is one in metres below the surface; other axes keep their name."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    name, unit = (node.get("name") or "").strip(), (node.get("unit") or "").strip()
    low, high = (values.number(reader.string_at(node, path)) for path in ("min", "max"))
    if low is None or high is None:
        return
    extent = context.part(resource, "vertical", name, values.plain(low), values.plain(high), unit)
    context.add(resource, "odk:verticalExtent", extent)
    context.type(extent, "odk:VerticalExtent")
    context.add(extent, "odk:minimumValue", values.decimal(low))
    context.add(extent, "odk:maximumValue", values.decimal(high))
    if name:
        context.add(extent, "schema:name", values.text(name))
    if unit:
        context.add(extent, "schema:unitText", values.text(unit))
    if name.lower() == "depth, water" and unit == "m" and low >= 0:
        for holder in (resource, extent):
            context.add(holder, "odk:minimumDepth", values.decimal(low))
            context.add(holder, "odk:maximumDepth", values.decimal(high))


def position(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """The position of an event, or the box between its start and its end."""
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    south, west = (values.number(reader.string_at(node, path)) for path in ("latitude", "longitude"))
    north, east = (values.number(reader.string_at(node, path)) for path in ("latitude2", "longitude2"))
    if south is None or west is None:
        return
    north, east = south if north is None else north, west if east is None else east
    west, east = min(west, east), max(west, east)
    if east - west > 180:  # from start to end the short way, over the antimeridian
        west, east = east, west
    state_box(context, about, west, east, min(south, north), max(south, north))


def variable(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A column of the data: its parameter with unit, method and remark; the investigator answers for the data set."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    name, unit = reader.string_at(node, "parameter/name"), reader.string_at(node, "parameter/unit")
    caption = reader.string_at(node, "caption")
    if not (name or caption):
        return
    term = context.part(resource, "variable", name, unit, caption)
    context.add(resource, "schema:variableMeasured", term)
    context.type(term, "odk:Variable", "schema:PropertyValue")
    context.add(term, "schema:name", values.text(name or caption, "en"))
    for path, predicate in (
        ("parameter/shortName", "skos:altLabel"),
        ("comment", "rdfs:comment"),
        ("method/name", "dct:description"),
    ):
        if words := reader.string_at(node, path):
            context.add(term, predicate, values.text(words, "en"))
    if unit:
        context.add(term, "schema:unitText", values.text(unit))
    if group := reader.string_at(node, "parameter/group"):
        context.add(term, "odk:contentType", values.text(group))
    for path in ("parameter/URI", "method/URI"):
        if (page := values.repaired_iri(reader.string_at(node, path))) and page.startswith("http"):
            context.add(term, "rdfs:seeAlso", values.iri(page))
    for investigator in reader.find(node, "PI"):
        if agent := _person(context, investigator, "principalInvestigator"):
            state_attribution(context, resource, agent, "principalInvestigator")
            context.add(resource, "geodcatap:principalInvestigator", agent)
    for rest in reader.find(node, "method/optionalName"):
        reader.ignore(rest)


def licence(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The licence: by its address or name."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    words = " ".join(reader.string_at(node, path) for path in ("label", "name", "URI")).strip()
    if not state_licence(context, resource, words) and words and words.lower() not in NO_VALUES:
        state_statement(context, resource, [(words, "en")], "", words)
