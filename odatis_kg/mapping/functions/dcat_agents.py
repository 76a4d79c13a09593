"""Agents and contact points of DCAT records: FOAF, vCard and schema.org descriptions of persons and organisations."""

from collections.abc import Mapping
from typing import Final

from odatis_kg.mapping import values
from odatis_kg.mapping.dcat_reader import DcatReader, Literal
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.datacite import turned
from odatis_kg.mapping.functions.dcat import address_of, names_of
from odatis_kg.mapping.functions.parties import (
    Address,
    Page,
    Party,
    is_office_mailbox,
    state_attribution,
    state_maker,
    state_party,
    state_unknown_agent,
)
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.identifiers import canonical, edmo, orcid, ror
from odatis_kg.mapping.json import Node
from odatis_kg.mapping.xml_reader import Localised

# Local names of classes, of FOAF, vCard, schema.org, ORG and PROV alike.
_PERSONS: Final = {"Person", "Individual"}
_ORGANISATIONS: Final = {"Organization", "Group", "OrganizationalUnit", "FormalOrganization"}
_NAMES: Final = (
    "foaf:name | vcard:fn | schema:name | skos:prefLabel | rdfs:label | dct:title | vcard:organization-name"
    " | vcard:title"
)
_WITHIN: Final = "vcard:organization-name | vcard:organisation-name | vcard:hasOrganizationName"
# A vCard without these has the organisation in its title (Sextant).
_CALLED: Final = "foaf:name | vcard:fn | schema:name"
_OF_ORGANISATIONS: Final = ("publisher", "pointOfContact")
_AUTHORITIES: Final = ("http://publications.europa.eu/resource/authority/corporate-body/",)
_MAILS: Final = "vcard:hasEmail | vcard:email | foaf:mbox | schema:email"
_PHONES: Final = "vcard:hasTelephone | vcard:tel | foaf:phone | schema:telephone"
_PAGES: Final = "vcard:hasURL | vcard:url | foaf:homepage | foaf:workplaceHomepage | foaf:page | schema:url"
_PARTS: Final = (
    ("vcard:street-address", "locn:thoroughfare"),
    ("vcard:locality", "locn:postName"),
    ("vcard:postal-code", "locn:postCode"),
    ("vcard:region", "locn:adminUnitL2"),
    ("vcard:country-name", "locn:adminUnitL1"),
)


def agent(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """An agent in a role (option `role`)."""
    _state(context, node, options["role"], options["of"])


def contact(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A contact point; one whose vCard names a role of the register (GeoNetwork) is an agent in that role."""
    stated = context.reader.string_at(node, "vcard:role/*")
    role = _role_of(context, stated) or "pointOfContact"
    _state(context, node, role, options["of"])


def attribution(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A qualified attribution: its agent in each of its roles."""
    reader: DcatReader = context.reader
    roles = [
        role
        for one in reader.find(node, "dcat:hadRole/* | prov:hadRole/* | dct:type/*")
        if (role := _role_of(context, reader.string(one)) or reader.string(one))
    ]
    for one in reader.find(node, "dcat:hadRole/*/skos:prefLabel | dcat:hadRole/*/rdfs:label"):
        reader.ignore(one)  # the role in words
    for one in reader.find(node, "prov:agent/*"):
        for role in dict.fromkeys(roles or [""]):
            _state(context, one, role, options["of"])


def _role_of(context: Context, stated: str) -> str | None:
    """The role of the register that a code or the address of a role names."""
    for mark in "/#:":  # of addresses and of prefixed names
        stated = stated.rstrip(mark).rpartition(mark)[2]
    row = context.registers["roles"].get(stated) if stated else None
    return row["role"] if row else None


def _state(context: Context, node: Node, role: str, of: str) -> None:
    stated = _party(context, node, role)
    if stated is not None:
        state_party(context, of, stated)
        return
    names = names_of(context, node, _NAMES)
    found = address_of(context, node)
    if names:
        term = state_unknown_agent(context, names)
    elif found:
        term = values.iri(found)
        context.type(term, "foaf:Agent")
    else:
        return
    if of == "resource":
        state_maker(context, term, role)
    else:
        state_attribution(context, context.subjects[of], term, role)


def _party(context: Context, node: Node, role: str) -> Party | None:
    """The party that a node describes; None for words, for an address alone, and for an agent that may be anybody."""
    reader: DcatReader = context.reader
    if isinstance(node.value, Literal):
        return None
    own = reader.string(node)
    links = [
        own,
        *(
            reader.string(one)
            for path in (
                "dct:identifier/*",
                "schema:identifier/*",
                "adms:identifier/*/skos:notation/*",
                "owl:sameAs/*",
                "schema:sameAs/*",
            )
            for one in reader.find(node, path)
        ),
    ]
    person_iri = next((found for one in links if (found := orcid(one))), None)
    organisation_iri = next((found for one in links if (found := ror(one) or edmo(one))), None)
    if organisation_iri is None and own.startswith(_AUTHORITIES):
        organisation_iri = canonical(own)
    if not isinstance(node.value, dict):
        known = person_iri or organisation_iri
        return Party(role, person_iri=person_iri, organisation_iri=organisation_iri) if known else None
    types = {reader.string(one).rpartition(":")[2] for one in reader.find(node, "@type/*")}
    names = names_of(context, node, _NAMES)
    employers: list[str] = []
    within = names_of(context, node, _WITHIN)
    for one in reader.find(node, "vcard:org/* | org:memberOf/* | schema:affiliation/*"):
        within = within or names_of(context, one, f"{_WITHIN} | {_NAMES}")
        employers.append(reader.string(one))
    organisation_iri = organisation_iri or next((found for one in employers if (found := ror(one) or edmo(one))), None)
    stated = Party(role, person_iri=person_iri, organisation_iri=organisation_iri)
    is_organisation = bool(types & _ORGANISATIONS) and not within
    if types & _PERSONS or person_iri:
        given, family = (reader.string_at(node, f"{one}/*") for one in ("foaf:givenName", "foaf:familyName"))
        shown = names_of(context, node, "foaf:name | vcard:fn | schema:name")
        stated.person = turned(shown[0][0]) if shown else f"{given} {family}".strip()
        stated.organisation = within
    elif is_organisation or within or organisation_iri or role in _OF_ORGANISATIONS or not reader.find(node, _CALLED):
        # A name beside the one of the organisation is a person's or a post's: which of them, nothing tells.
        stated.organisation = _one_language_each(within or names)
        stated.position = [one for one in names if within and one not in within]
    else:
        return None
    if not (stated.person or stated.organisation or stated.person_iri or stated.organisation_iri):
        return None
    _read_contact(context, node, stated)
    if not is_organisation and not stated.person:
        # What is called by a word of its own name may be a person, whose mailbox is not published (R7).
        stated.emails = [one for one in stated.emails if is_office_mailbox(one, Party(role, organisation=within))]
    return stated


def _one_language_each(names: Localised) -> Localised:
    """The names of an organisation: of several without language, the first."""
    found: dict[str | None, str] = {}
    for words, language in names:
        found.setdefault(language, words)
    return [(words, language) for language, words in found.items()]


def _read_contact(context: Context, node: Node, stated: Party) -> None:
    reader: DcatReader = context.reader
    for paths, into, begin in ((_MAILS, stated.emails, "mailto:"), (_PHONES, stated.phones, "tel:")):
        for one in _below(reader, node, paths):
            text = (
                reader.string(one)
                or reader.string_at(one, "vcard:hasValue/*")
                or reader.string_at(one, "vcard:value/*")
            )
            into.append(text.removeprefix(begin).strip())
            reader.ignore(one)  # what may be published of it, `parties` decides
    for one in _below(reader, node, _PAGES):
        if (found := address_of(context, one)) and not found.startswith("mailto:"):
            (stated.own_pages if stated.person or stated.person_iri else stated.pages).append(Page(found, [], []))
    for one in _below(reader, node, "vcard:hasAddress | locn:address"):
        parts = [next((text for name in names if (text := reader.string_at(one, f"{name}/*"))), "") for names in _PARTS]
        if any(part.lower() not in NO_VALUES for part in parts) and stated.organisation:
            stated.address = Address(*("" if part.lower() in NO_VALUES else part for part in parts))
        elif not stated.organisation:
            reader.ignore(one)  # where a person lives is nobody's business


def _below(reader: DcatReader, node: Node, paths: str) -> list[Node]:
    return [one for path in paths.split("|") for one in reader.find(node, f"{path.strip()}/*")]
