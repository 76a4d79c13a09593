"""Contacts: a person and an organisation are two nodes with two identifiers, joined by the role they play (pitfall P1)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.identifiers import canonical, directory_entry, edmo, orcid, ror
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml import Element, Localised, XmlReader, local_name

# Names of mailboxes that belong to an office, not to a person. A mailbox is published only when its name is one of these
# or a word of the organisation's own name (R7).
_OFFICE_MAILBOXES: Final = frozenset(
    """
    accueil admin administrator bureau catalog catalogue contact contacts contactus customer data database
    datacenter datacentre datamanagement dataservice dataservices desk direction directeur division enquiries
    enquiry geonetwork helpdesk help info information informatique inspire library mail marine metadata ocean
    office opendata portail portal postmaster products query questions research science secretariat sdi service
    services servicedesk sig support team user userdesk webmaster web
    """.split()  # noqa: SIM905
)
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_WORDS: Final = re.compile(r"[a-z0-9]+")


@dataclass(slots=True)
class Party:
    """A contact as stated in a record."""

    role: str
    person: str = ""
    person_iri: str | None = None
    position: str = ""
    organisation: Localised = field(default_factory=list)
    organisation_iri: str | None = None
    emails: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)


def party(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A responsible party of the resource or of the record (option `of`): attribution always, shortcut property by role."""
    about = context.subjects[options["of"]]
    for stated in read_parties(context, node):
        agent = state_agent(context, stated)
        if agent is None:
            continue
        state_attribution(context, about, agent, stated.role)
        if options["of"] == "resource":
            _state_shortcut(context, about, agent, stated)


def read_parties(context: Context, node: Element) -> Iterator[Party]:
    """The parties of a contact property: one in ISO 19139 (CI_ResponsibleParty), several in 19115-3 (CI_Responsibility)."""
    reader: XmlReader = context.reader
    for responsibility in node:
        role = reader.code(reader.first(responsibility, "role"))
        if reader.first(responsibility, "party") is None:
            yield _from_19139(reader, responsibility, role)
            continue
        for holder in reader.find(responsibility, "party/*"):
            if local_name(holder) == "CI_Individual":
                stated = Party(role)
                _read_individual(reader, holder, stated)
                yield stated
                continue
            people = [one for one in reader.find(holder, "individual/*") if reader.string_at(one, "name")]
            for number in range(max(1, len(people))):
                stated = Party(role)
                _read_organisation(reader, holder, stated)
                if people:
                    _read_individual(reader, people[number], stated)
                yield stated


def _from_19139(reader: XmlReader, element: Element, role: str) -> Party:
    stated = Party(role, position=_meant(reader.string_at(element, "positionName")))
    stated.organisation = _names(reader, element, "organisationName", stated)
    for name in reader.find(element, "individualName"):
        stated.person_iri = orcid(reader.href(name)) or stated.person_iri
        stated.person = _meant(reader.string(name))
    _read_contact(reader, element, stated)
    return stated


def _read_organisation(reader: XmlReader, element: Element, stated: Party) -> None:
    stated.organisation = _names(reader, element, "name", stated)
    for code in reader.find(element, "partyIdentifier/*/code"):
        stated.organisation_iri = stated.organisation_iri or _organisation_iri(reader.href(code) or reader.string(code))
    _read_contact(reader, element, stated)


def _read_individual(reader: XmlReader, element: Element, stated: Party) -> None:
    for name in reader.find(element, "name"):
        stated.person_iri = orcid(reader.href(name)) or stated.person_iri
        stated.person = _meant(reader.string(name))
    stated.position = stated.position or _meant(reader.string_at(element, "positionName"))
    for code in reader.find(element, "partyIdentifier/*/code"):
        stated.person_iri = stated.person_iri or orcid(reader.href(code)) or orcid(reader.string(code))
    _read_contact(reader, element, stated)


def _names(reader: XmlReader, element: Element, path: str, stated: Party) -> Localised:
    names: Localised = []
    for name in reader.find(element, path):
        if code := reader.sdn_code(name):
            stated.organisation_iri = directory_entry("EDMO", code[1])
        elif link := reader.href(name):
            stated.organisation_iri = _organisation_iri(link)
        names.extend(value for value in reader.text(name) if value[0].lower() not in NO_VALUES)
    return names


def _organisation_iri(text: str) -> str | None:
    if found := edmo(text) or ror(text):
        return found
    found = canonical(text)
    return found if found and found.startswith(("http:", "https:")) and "orcid.org/" not in found else None


def _read_contact(reader: XmlReader, element: Element, stated: Party) -> None:
    for email in reader.find(element, "contactInfo/*/address/*/electronicMailAddress"):
        stated.emails.extend(_EMAIL.findall(reader.string(email)))
    for linkage in reader.find(element, "contactInfo/*/onlineResource/*/linkage"):
        text = reader.string(linkage)
        if person := orcid(text):
            stated.person_iri = stated.person_iri or person
        elif organisation := edmo(text) or ror(text):
            stated.organisation_iri = stated.organisation_iri or organisation
        elif (page := values.repaired_iri(text)) and page.startswith(("http:", "https:")):
            stated.pages.append(page)


def _meant(text: str) -> str:
    return "" if text.lower() in NO_VALUES else text


def state_agent(context: Context, stated: Party) -> Term | None:
    """The node of a party: the person when one is named, else the organisation; None when nobody is."""
    organisation = state_organisation(context, stated)
    if not stated.person and not stated.person_iri:
        if organisation is None:
            context.warn("a contact names neither a person nor an organisation")
        return organisation
    resource = context.subjects["resource"]
    main_name = stated.organisation[0][0] if stated.organisation else ""
    # Without an ORCID a person exists only inside the record: two people may bear one name (pitfall P27).
    person = (
        values.iri(stated.person_iri)
        if stated.person_iri
        else context.part(resource, "person", stated.person, stated.organisation_iri or main_name)
    )
    context.type(person, "foaf:Person", "prov:Person")
    if stated.person:
        context.add(person, "foaf:name", values.text(stated.person))
    if organisation:
        membership = context.part(resource, "membership", person, organisation)
        context.type(membership, "org:Membership")
        if not stated.person_iri:
            context.add(person, "org:hasMembership", membership)
        context.add(membership, "org:member", person)
        context.add(membership, "org:organization", organisation)
        if stated.position:
            context.add(membership, "schema:roleName", values.text(stated.position, context.reader.language))
    return person


def state_organisation(context: Context, stated: Party) -> Term | None:
    """The node of an organisation: its EDMO or ROR IRI, else one node for its name within the source."""
    if stated.organisation_iri and values.is_iri(stated.organisation_iri):
        organisation = values.iri(stated.organisation_iri)
    elif stated.organisation:
        name = unicodedata.normalize("NFC", stated.organisation[0][0]).casefold()
        organisation = context.thing("organisation", context.record.source, name)
    else:
        return None
    context.type(organisation, "foaf:Organization", "prov:Organization")
    context.texts(organisation, "foaf:name", stated.organisation)
    return organisation


def state_attribution(context: Context, about: Term, agent: Term, role: str) -> None:
    """`prov:qualifiedAttribution` of a node to an agent, with the role as a register IRI, or as text when it is unknown."""
    row = context.registers["roles"].get(role) if role else None
    attribution = context.part(about, "attr", agent, role)
    context.add(about, "prov:qualifiedAttribution", attribution)
    context.type(attribution, "prov:Attribution")
    context.add(attribution, "prov:agent", agent)
    if row:
        context.add(attribution, "dcat:hadRole", values.iri(row["iri"]))
    elif role:
        context.warn(f"the role '{role[:60]}' is not in the register roles; kept as text")
        context.add(attribution, "odk:statedRole", values.text(role))


def _state_shortcut(context: Context, about: Term, agent: Term, stated: Party) -> None:
    row = context.registers["roles"].get(stated.role) if stated.role else None
    if row and row["shortcut"]:
        predicate = context.name(row["shortcut"])
        taken = row["at_most_one"] == "yes" and any(
            s.subject == about and s.predicate == predicate and s.object != agent for s in context.statements
        )
        if not taken:
            context.add(about, row["shortcut"], agent)
    if row and row["role"] == "pointOfContact":
        _state_contact_point(context, about, agent, stated)


def _state_contact_point(context: Context, about: Term, agent: Term, stated: Party) -> None:
    contact = context.part(about, "contact", agent)
    context.add(about, "dcat:contactPoint", contact)
    context.type(contact, "vcard:Individual" if stated.person else "vcard:Organization")
    if stated.person:
        context.add(contact, "vcard:fn", values.text(stated.person))
    else:
        context.texts(contact, "vcard:fn", stated.organisation)
    context.texts(contact, "vcard:organization-name", stated.organisation)
    for email in stated.emails:
        if is_office_mailbox(email, stated):
            context.add(contact, "vcard:hasEmail", values.iri("mailto:" + quote(email, safe="@!$&'*+/=?~._-")))
    for page in stated.pages:
        context.add(contact, "vcard:hasURL", values.iri(page))


def is_office_mailbox(email: str, stated: Party) -> bool:
    """Whether an e-mail address is the mailbox of an office: only those are republished (R7).

    It is one when a word of its local part is a word of the organisation's name, of its mail domain, or a usual name of
    office mailboxes, and no word of it is part of the person's name.
    """
    local, _, domain = email.lower().partition("@")
    words = set(_WORDS.findall(local))
    if words & _folded_words(stated.person):
        return False
    organisation = {word for name, _ in stated.organisation for word in _folded_words(name) if len(word) > 2}
    return bool(words & (_OFFICE_MAILBOXES | organisation | set(domain.split(".")[:-1])))


def _folded_words(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", text.lower())
    return set(_WORDS.findall("".join(sign for sign in plain if not unicodedata.combining(sign))))
