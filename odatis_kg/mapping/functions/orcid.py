"""ORCID records: the person under their own iD, public data only, no e-mail and no biography (table 2c, R7)."""

from collections.abc import Mapping
from typing import Final

from odatis_kg.iris import key_segment
from odatis_kg.mapping import json, values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.parties import Party, state_organisation
from odatis_kg.mapping.functions.resource import state_identifier
from odatis_kg.mapping.identifiers import doi, ror
from odatis_kg.mapping.json import JsonReader, Node

_WORKS: Final = "activities-summary/works/group/*/work-summary/*/external-ids/external-id/*"


def identity(context: Context) -> None:
    """The person by the ORCID iD; the graph is the person's own, so that one removal request is one graph."""
    key = context.record.key
    address = f"https://{key.replace(':', '/')}" if ":" in key else f"https://orcid.org/{key}"
    context.graph = context.iris.graph("orcid", key_segment("orcid", "orcid", key))
    person = context.subjects["resource"] = values.iri(address)
    context.type(person, "foaf:Person", "prov:Person", "schema:Person")
    context.add(person, "dct:identifier", values.text(key.rpartition(":")[2]))


def works(content: bytes) -> set[str]:
    """The DOIs of the works a record lists as the person's own (relation `self`), in canonical form."""
    reader = json.read(content, public_only=True)
    found = set()
    for listed in reader.select(json.compile_path(_WORKS)):
        if reader.string_at(listed, "external-id-type").lower() == "doi":
            bare = doi(reader.string_at(listed, "external-id-value"))
            if bare and reader.string_at(listed, "external-id-relationship").lower() in ("self", ""):
                found.add(f"https://doi.org/{bare}")
    return found


def name(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The names of a person: the published name first, else given and family name together."""
    reader: JsonReader = context.reader
    person = context.subjects["resource"]
    given = reader.string_at(node, "given-names/value")
    family = reader.string_at(node, "family-name/value")
    credit = reader.string_at(node, "credit-name/value")
    full = credit or " ".join(part for part in (given, family) if part)
    if full:
        context.add(person, "foaf:name", values.text(full))
    if given:
        context.add(person, "foaf:givenName", values.text(given))
    if family:
        context.add(person, "foaf:familyName", values.text(family))


def external_identifier(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An identifier of the person elsewhere (IdRef, Scopus, ResearcherID ...)."""
    reader: JsonReader = context.reader
    kind = reader.string_at(node, "external-id-type")
    value = reader.string_at(node, "external-id-value")
    if value:
        person = context.subjects["resource"]
        stated = state_identifier(context, person, value, kind)
        if link := values.repaired_iri(reader.string_at(node, "external-id-url/value")):
            context.add(stated, "rdfs:seeAlso", values.iri(link))


def page(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A page the person points at."""
    reader: JsonReader = context.reader
    link = values.repaired_iri(reader.string_at(node, "url/value"))
    title = reader.string_at(node, "url-name")
    if link:
        context.add(context.subjects["resource"], "foaf:page", values.iri(link))
        if title:
            context.add(values.iri(link), "dct:title", values.text(title))


def employment(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An employment made public: a membership with organisation, role and period (version 3.0 and 2.0 shapes)."""
    reader: JsonReader = context.reader
    person = context.subjects["resource"]
    label = reader.string_at(node, "organization/name")
    number = reader.string_at(node, "organization/disambiguated-organization/disambiguated-organization-identifier")
    stated = Party(role="", organisation=[(label, None)] if label else [], organisation_iri=ror(number))
    organisation = state_organisation(context, stated)
    if organisation is None:
        return
    start, end = _date(reader, node, "start-date"), _date(reader, node, "end-date")
    title = reader.string_at(node, "role-title")
    membership = context.part(person, "membership", organisation, title, start, end)
    context.type(membership, "org:Membership")
    context.add(person, "org:hasMembership", membership)
    context.add(membership, "org:member", person)
    context.add(membership, "org:organization", organisation)
    if title:
        context.add(membership, "schema:roleName", values.text(title))
    for text, predicate in ((start, "schema:startDate"), (end, "schema:endDate")):
        term = values.temporal(text) if text else None
        if term:
            context.add(membership, predicate, term)


def _date(reader: JsonReader, node: Node, path: str) -> str:
    """A partial ORCID date `{year: {value}, month: ..., day: ...}` as ISO 8601 text."""
    parts = [reader.string_at(node, f"{path}/{part}/value") for part in ("year", "month", "day")]
    text = parts[0]
    for part in parts[1:]:
        if not part:
            break
        text += f"-{part.zfill(2)}"
    return text
