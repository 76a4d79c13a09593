"""Cruise summary reports (SeaDataNet CSR): the cruise, the report about it and the record are three nodes (table 2b)."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.extents import date_or_text, read_period
from odatis_kg.mapping.functions.keywords import (
    keyword_group,
    sdn_concept,
    state_ship,
)
from odatis_kg.mapping.functions.lineage import state_association
from odatis_kg.mapping.functions.parties import (
    Party,
    read_parties,
    state_agent,
    state_attribution,
    state_further,
    state_organisation,
)
from odatis_kg.mapping.functions.resource import name_record, set_languages
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader

_LOCAL_URN = re.compile(r"urn:SDN:CSR:LOCAL:(?P<code>.+)", re.IGNORECASE)
# EDMERP names carry their acronym, organisation and country in braces: NAME {acronym="..." organisation="..." country="..."}
_PROJECT_DETAILS = re.compile(r"\s*\{\s*acronym=.*\}\s*$", re.DOTALL)
_PARTY_ROLES = {
    "chief": "odk:chiefScientist",
    "laboratory": "odk:responsibleLaboratory",
    "collator": "odk:collatingCentre",
}


class _Coded(NamedTuple):
    """A keyword given by a SeaDataNet code (a port, perhaps by name alone): element, code, type of its group, labels."""

    element: str
    code: str
    kind: str
    labels: Localised

    @property
    def end(self) -> str:
        """Which end of the cruise a port or country is: `departure` or `arrival`."""
        return self.kind.partition("_")[0]


def identity(context: Context) -> None:
    """The cruise by its CSR code (the local part of the URN), the report about it, and the record about the report."""
    set_languages(context)
    record = name_record(context)
    found = _LOCAL_URN.fullmatch(context.record.key)
    code = found["code"] if found else context.record.key
    cruise = context.subjects["resource"] = context.thing("cruise", "csr", code)
    report = context.subjects["report"] = context.thing("document", "csr", code)
    context.type(cruise, "odk:Cruise", "prov:Activity", "ssn:Deployment")
    context.type(report, "odk:CruiseSummaryReport", "foaf:Document", "prov:Entity")
    context.add(report, "foaf:primaryTopic", cruise)
    context.add(record, "foaf:primaryTopic", report)
    context.add(cruise, "dct:identifier", values.text(code))


def cruise_keywords(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """All keyword groups of a CSR: ship, ports, project, sea areas, Marsden squares, parameters, instruments, by their code."""
    reader: XmlReader = context.reader
    coded: list[_Coded] = []
    for group in reader.find(node, "descriptiveKeywords/*"):
        context.node = group
        kind = reader.code(reader.first(group, "type"))
        keywords = reader.find(group, "keyword")
        found = [
            _Coded(*code, kind, reader.text(keyword)) for keyword in keywords if (code := reader.sdn_code(keyword))
        ]
        if found:
            coded.extend(found)
        elif kind in ("departure_place", "arrival_place"):
            coded.extend(_Coded("SDN_PortCode", "", kind, reader.text(keyword)) for keyword in keywords)
        else:
            keyword_group(context, group, options)
    ship: Term | None = None
    ports: dict[str, Term] = {}
    for one in coded:
        if one.element == "SDN_PlatformCode":
            ship = state_ship(context, one.code, one.labels)
            context.add(context.subjects["resource"], "ssn:deployedOnPlatform", ship)
        elif one.element == "SDN_PortCode":
            ports[one.end] = _state_port(context, one)
    for one in coded:
        _state_code(context, one, ship, ports)


def _state_port(context: Context, one: _Coded) -> Term:
    """A port: a place of ours that its code (C38) is about; a port given by name alone is a place of this cruise."""
    cruise = context.subjects["resource"]
    name = one.labels[0][0] if one.labels else ""
    port = context.thing("place", "c38", one.code) if one.code else context.part(cruise, "port", name)
    context.type(port, "dct:Location")
    context.texts(port, "skos:prefLabel", one.labels)
    if one.code and (concept := sdn_concept(context, one.element, one.code)):
        context.add(concept, "foaf:focus", port)
    arrival = one.end == "arrival"
    context.add(cruise, "odk:arrivalPort" if arrival else "odk:departurePort", port)
    moment = context.part(cruise, "end" if arrival else "start")
    context.add(cruise, "prov:qualifiedEnd" if arrival else "prov:qualifiedStart", moment)
    context.type(moment, "prov:End" if arrival else "prov:Start")
    context.add(moment, "prov:atLocation", port)
    return port


# SeaDataNet code element -> how a cruise is linked to the concept.
_CODE_PROPERTIES: Final = {
    "SDN_WaterBodyCode": "dct:spatial",
    "SDN_MarsdenCode": "odk:marsdenSquare",
    "SDN_ParameterDiscoveryCode": "ssn:forProperty",
    "SDN_DeviceCategoryCode": "odk:instrumentCategory",
}


def _state_code(context: Context, one: _Coded, ship: Term | None, ports: dict[str, Term]) -> None:
    cruise = context.subjects["resource"]
    if one.element in ("SDN_PlatformCode", "SDN_PortCode"):
        return
    concept = sdn_concept(context, one.element, one.code)
    if concept is None:
        return
    if one.element == "SDN_PlatformCategoryCode":
        context.add(ship or cruise, "dct:type" if ship else "odk:platformCategory", concept)
    elif one.element == "SDN_CountryCode":
        if port := ports.get(one.end):
            context.add(port, "dct:isPartOf", concept)
    elif one.element == "SDN_EDMERPCode":
        context.add(cruise, "odk:project", concept)
        context.type(concept, "odk:Project")
        names = [(_PROJECT_DETAILS.sub("", name), tag) for name, tag in one.labels]
        context.texts(concept, "skos:prefLabel", names)
    else:
        context.add(cruise, _CODE_PROPERTIES.get(one.element, "dct:subject"), concept)


def performer(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """Who did an operation of a cruise: person and laboratory, with the role stated."""
    operation = context.subjects[options["of"]]
    for stated in read_parties(context, node):
        person, laboratory = state_agent(context, stated), state_organisation(context, stated)
        for agent in (person, laboratory):
            if agent is not None:
                context.add(operation, "prov:wasAssociatedWith", agent)
        if person:
            state_further(context, state_association(context, operation, person, stated.role), stated)


def cruise_event(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Start or end of a cruise as an event (MI_Event): its date, where the extent of the report has stated none."""
    cruise = context.subjects["resource"]
    reader: XmlReader = context.reader
    text = reader.string_at(node, "time")
    kind = reader.string_at(node, "identifier/*/code")
    predicate = {"cruise-start": "schema:startDate", "cruise-end": "schema:endDate"}.get(kind)
    for said in reader.find(node, "trigger | context | sequence"):
        reader.ignore(said)
    if predicate and text and not context.objects(cruise, predicate):
        context.add(cruise, predicate, date_or_text(context, text))


def cruise_period(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """When the cruise began and ended: as stated, and as PROV times where a time of day is given."""
    cruise = context.subjects["resource"]
    start, end, _, _ = read_period(context, node)
    for text, plain, prov in (
        (start, "schema:startDate", "prov:startedAtTime"),
        (end, "schema:endDate", "prov:endedAtTime"),
    ):
        if text:
            term = date_or_text(context, text)
            context.add(cruise, plain, term)
            if term.endswith("#dateTime>"):
                context.add(cruise, prov, term)


def cruise_party(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A party of a cruise, in the part option `of` names: `chief` (scientist), `laboratory` or `collator`.

    The SeaDataNet profile gives the chief scientists as points of contact of the resource, the responsible laboratories
    as cited responsible parties, and the collating centre as the contact of the record.
    """
    cruise = context.subjects["resource"]
    for stated in read_parties(context, node):
        agent = state_agent(context, stated)
        if agent is None:
            continue
        part = options["of"]
        if part == "chief" and not stated.person and not stated.person_iri:
            part = "laboratory"
        role = _PARTY_ROLES[part]
        context.add(cruise, "prov:wasAssociatedWith", agent)
        state_further(context, state_association(context, cruise, agent, "", context.name(role)), stated)
        if part == "chief":
            context.add(cruise, "odk:chiefScientist", agent)
            _state_employer(context, cruise, stated)
        if part == "collator":
            state_attribution(context, context.subjects["record"], agent, stated.role)


def _state_employer(context: Context, cruise: Term, stated: Party) -> None:
    if organisation := state_organisation(context, stated):
        context.add(cruise, "prov:wasAssociatedWith", organisation)
