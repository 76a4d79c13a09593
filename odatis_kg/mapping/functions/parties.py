"""Contacts: a person and an organisation are two nodes with two identifiers, joined by the role they play (pitfall P1)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES, meant, state_once, state_page, texts_at
from odatis_kg.mapping.identifiers import canonical, directory_entry, edmo, orcid, ror
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader

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
# A role is no agent, so what FOAF says of agents is said of it in the words of vCard.
_OF_A_ROLE: Final = {"foaf:mbox": "vcard:hasEmail", "foaf:phone": "vcard:hasTelephone"}
_WORDS: Final = re.compile(r"[a-z0-9]+")


@dataclass(slots=True)
class Party:
    """A contact as stated in a record."""

    role: str
    person: str = ""
    person_iri: str | None = None
    position: Localised = field(default_factory=list)
    organisation: Localised = field(default_factory=list)
    organisation_iri: str | None = None
    acronym: Localised = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    pages: "list[Page]" = field(default_factory=list)
    own_pages: "list[Page]" = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    address: "Address | None" = None
    instructions: Localised = field(default_factory=list)
    mailboxes: list[Element] = field(default_factory=list)
    further: list[tuple[str, Term]] = field(default_factory=list)  # details of an agent that has another already


@dataclass(frozen=True, slots=True)
class Page:
    """A page about a contact, with its title and what is said of it."""

    address: str
    title: Localised
    description: Localised


class Address(NamedTuple):
    """A postal address as stated; empty where the record says nothing."""

    street: str
    city: str
    postcode: str
    region: str
    country: str


def party(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A responsible party of the resource or of the record (option `of`): attribution always, shortcut property by role."""
    for stated in read_parties(context, node):
        state_party(context, options["of"], stated)


def state_party(context: Context, of: str, stated: Party) -> None:
    """A party of the resource or of the record: its agent, its attribution, the property of its role, its contact point."""
    about = context.subjects[of]
    agent = state_agent(context, stated)
    if agent is None:
        return
    attribution = state_attribution(context, about, agent, stated.role)
    if stated.person or stated.person_iri:
        # ISO 19139 gives one link for the person and the organisation together: it is said of the two as they stand.
        for page in stated.pages:
            _state_page(context, attribution, "foaf:page", page)
    if of == "resource":
        state_order(context, attribution)
        if not stated.person:
            context.texts(attribution, "schema:roleName", stated.position)
        _state_shortcut(context, about, agent, stated)
    elif of == "record" and stated.role == "pointOfContact":
        _state_contact_point(context, about, agent, stated)
    state_further(context, attribution, stated)


def read_parties(context: Context, node: Element) -> Iterator[Party]:
    """The parties of a contact property: one in ISO 19139 (CI_ResponsibleParty), several in 19115-3 (CI_Responsibility)."""
    reader: XmlReader = context.reader
    for responsibility in node:
        role = reader.code(reader.first(responsibility, "role"))
        if reader.first(responsibility, "party") is None:
            yield _from_19139(reader, responsibility, role)
            continue
        for holder in reader.find(responsibility, "party/*"):
            if holder.name == "CI_Individual":
                stated = Party(role)
                _read_individual(reader, holder, stated)
                yield stated
                continue
            individuals = reader.find(holder, "individual/*")
            people = [one for one in individuals if reader.string_at(one, "name")]
            for number in range(max(1, len(people))):
                stated = Party(role)
                _read_organisation(reader, holder, stated)
                for unnamed in individuals if not people else ():
                    _read_individual(reader, unnamed, stated)  # a post rather than a person: "data manager"
                if people:
                    _read_individual(reader, people[number], stated)
                yield stated


def _from_19139(reader: XmlReader, element: Element, role: str) -> Party:
    stated = Party(role, position=texts_at(reader, element, "positionName"))
    stated.organisation = _names(reader, element, "organisationName", stated)
    for name in reader.find(element, "individualName"):
        stated.person_iri = orcid(reader.href(name)) or stated.person_iri
        stated.person = _meant((reader.text(name) or [("", None)])[0][0])
    if not stated.person:  # the Swiss profile gives the two names apart
        names = (reader.string_at(element, path) for path in ("individualFirstName", "individualLastName"))
        stated.person = " ".join(_meant(name) for name in names).strip()
    _read_contact(reader, element, stated)
    return stated


def _read_organisation(reader: XmlReader, element: Element, stated: Party) -> None:
    stated.organisation = _names(reader, element, "name", stated)
    for code in reader.find(element, "partyIdentifier/*/code"):
        stated.organisation_iri = stated.organisation_iri or _organisation_iri(reader.href(code) or reader.string(code))
    if stated.organisation_iri:
        for scheme in reader.find(element, "partyIdentifier/*/codeSpace | partyIdentifier/*/description"):
            reader.ignore(scheme)  # of which register the identifier is, as its IRI tells
        for authority in reader.find(element, "partyIdentifier/*/authority"):
            reader.ignore(authority)
    _read_contact(reader, element, stated)


def _read_individual(reader: XmlReader, element: Element, stated: Party) -> None:
    for name in reader.find(element, "name"):
        stated.person_iri = orcid(reader.href(name)) or stated.person_iri
        stated.person = _meant(reader.string(name))
    stated.position = stated.position or texts_at(reader, element, "positionName")
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
        names.extend(meant(reader.text(name)))
    for acronym in reader.find(element, "organisationAcronym"):  # of the Swiss profile
        stated.acronym += reader.text(acronym)
    return names


def _organisation_iri(text: str) -> str | None:
    if found := edmo(text) or ror(text):
        return found
    found = canonical(text)
    return found if found and found.startswith(("http:", "https:")) and "orcid.org/" not in found else None


def _read_contact(reader: XmlReader, element: Element, stated: Party) -> None:
    for contact in reader.find(element, "contactInfo/*"):
        _read_way_to_reach(reader, contact, stated, element)


def _read_way_to_reach(reader: XmlReader, contact: Element, stated: Party, holder: Element) -> None:
    """The mailboxes, pages, address, telephones and instructions of one CI_Contact."""
    for address in reader.find(contact, "address/*"):
        for email in reader.find(address, "electronicMailAddress"):
            stated.emails.extend(_EMAIL.findall(" ".join(words for words, _ in reader.text(email))))
            stated.mailboxes.append(email)
        stated.address = stated.address or _read_address(reader, address)
    for online in reader.find(contact, "onlineResource/*"):
        _read_page(reader, online, stated, holder)
    for phone in reader.find(contact, "phone/*"):
        kind = reader.code(reader.first(phone, "numberType")).lower()
        for number in reader.find(phone, "voice | number"):
            if kind in ("", "voice"):
                stated.phones += [words for words, _ in reader.text(number)]
            else:
                reader.ignore(number)
        for fax in reader.find(phone, "facsimile"):
            reader.ignore(fax)
    stated.instructions += texts_at(reader, contact, "contactInstructions | hoursOfService")
    for kind_of_contact in reader.find(contact, "contactType"):
        reader.ignore(kind_of_contact)


def _read_page(reader: XmlReader, online: Element, stated: Party, holder: Element) -> None:
    """A link of a contact: who it is (ORCID, EDMO, ROR), else a page about it."""
    text = next((words for prop in reader.find(online, "linkage") for words, _ in reader.text(prop)), "")
    title, description = texts_at(reader, online, "name"), texts_at(reader, online, "description")
    for said in reader.find(online, "protocol | function | applicationProfile"):
        reader.ignore(said)
    if person := orcid(text):
        stated.person_iri = stated.person_iri or person
    elif organisation := edmo(text) or ror(text):
        stated.organisation_iri = stated.organisation_iri or organisation
    elif (page := values.repaired_iri(text)) and page.startswith(("http:", "https:")):
        pages = stated.own_pages if holder.name == "CI_Individual" else stated.pages
        pages.append(Page(page, title, description))


def _read_address(reader: XmlReader, element: Element) -> Address | None:
    def said(name: str) -> str:
        properties = [prop for prop in element.children if prop.name == name]
        # A country may be a code alone (ISO 3166).
        words = [_meant((reader.text(prop) or [(reader.code(prop), None)])[0][0]) for prop in properties]
        return ", ".join(dict.fromkeys(filter(None, words)))

    number = said("streetNumber")
    street = said("deliveryPoint") or f"{said('streetName')} {number}".strip()
    found = Address(street, said("city"), said("postalCode"), said("administrativeArea"), said("country"))
    return found if any(found) else None


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
    for page in stated.own_pages:
        _state_page(context, person, "foaf:page", page)
    if organisation:
        membership = context.part(resource, "membership", person, organisation)
        context.type(membership, "org:Membership")
        if not stated.person_iri:
            context.add(person, "org:hasMembership", membership)
        context.add(membership, "org:member", person)
        context.add(membership, "org:organization", organisation)
        context.texts(membership, "schema:roleName", stated.position)
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
    context.texts(organisation, "skos:altLabel", stated.acronym)
    if stated.address:
        _state_detail(
            context, organisation, stated, "locn:address", _state_address(context, organisation, stated.address)
        )
    if not stated.person and not stated.person_iri:
        for email in _office_mailboxes(context, stated):
            _state_detail(context, organisation, stated, "foaf:mbox", email)
        for phone in _telephones(stated):
            _state_detail(context, organisation, stated, "foaf:phone", phone)
        for page in stated.pages:
            _state_page(context, organisation, "foaf:page", page)
    return organisation


def _state_page(context: Context, about: Term, predicate: str, page: Page) -> None:
    state_page(context, about, predicate, page.address, page.title, page.description)


def _state_detail(context: Context, about: Term, stated: Party, predicate: str, value: Term) -> None:
    """A detail of an agent or a contact, which has one of each (GeoDCAT-AP 3); another is left for `state_further`."""
    if not state_once(context, about, predicate, value):
        stated.further.append((predicate, value))


def state_further(context: Context, role: Term, stated: Party) -> None:
    """Say of a role (an attribution, an association) the mailboxes, telephones and addresses that its agent has beside its own.

    An organisation that a record names twice, with two mailboxes, is reached by each of them in the role it is named in.
    """
    for predicate, value in stated.further:
        context.add(role, _OF_A_ROLE.get(predicate, predicate), value)


def _state_address(context: Context, organisation: Term, stated: Address) -> Term:
    """The postal address of an organisation (GeoDCAT-AP 3, agent: `locn:address`); never the address of a person alone."""
    address = context.part(organisation, "address", organisation, *stated)
    context.type(address, "locn:Address")
    names = ("thoroughfare", "postName", "postCode", "adminUnitL2", "adminUnitL1")
    for name, text in zip(names, stated, strict=True):
        if text:
            context.add(address, f"locn:{name}", values.text(text))
    return address


def _state_postal(context: Context, contact: Term, stated: Party, postal: Address) -> None:
    """The postal address of a contact point; that of an organisation only, as for the agent."""
    parts = (postal.street, postal.city, postal.region, postal.postcode, postal.country)
    address = context.part(context.subjects["resource"], "postal", *parts)
    _state_detail(context, contact, stated, "vcard:hasAddress", address)
    context.type(address, "vcard:Address")
    names = ("street-address", "locality", "region", "postal-code", "country-name")
    for name, text in zip(names, parts, strict=True):
        if text:
            context.add(address, f"vcard:{name}", values.text(text))


def _office_mailboxes(context: Context, stated: Party) -> list[Term]:
    """The mailboxes that may be published, as `mailto:` IRIs; an element that holds none counts as left out on purpose."""
    offices = [email for email in stated.emails if is_office_mailbox(email, stated)]
    if not offices:
        for element in stated.mailboxes:
            context.reader.ignore(element)
    return [values.iri("mailto:" + quote(email, safe="@!$&'*+/=?~._-")) for email in offices]


def _telephones(stated: Party) -> list[Term]:
    """Office numbers as `tel:` IRIs (RFC 3966); the number of a person is personal and stays unpublished, as mail does."""
    found = []
    for phone in stated.phones:
        digits = re.sub(r"\(0\)|[^0-9+]", "", phone.split("/")[0])
        if re.fullmatch(r"\+?[0-9]{5,15}", digits):
            found.append(values.iri(f"tel:{digits}"))
    return found


def state_unknown_agent(context: Context, names: Localised) -> Term:
    """An agent given by a name that does not tell a person from an organisation."""
    agent = context.part(context.subjects["resource"], "agent", names[0][0])
    context.type(agent, "foaf:Agent", "prov:Agent")
    context.texts(agent, "foaf:name", names)
    return agent


def state_maker(context: Context, agent: Term, role: str, place: int | None = None) -> Term:
    """An agent of the resource in a role of the register, and the property of the role; the attribution is returned.

    Its place among the agents is the next one, unless the record numbers them.
    """
    resource = context.subjects["resource"]
    attribution = state_attribution(context, resource, agent, role)
    state_order(context, attribution, place)
    row = context.registers["roles"].get(role)
    if row and row["shortcut"]:
        context.add(resource, row["shortcut"], agent)
    return attribution


def state_order(context: Context, attribution: Term, place: int | None = None) -> None:
    """The place of a contact among those of the resource (1 is the first): authors are cited in this order."""
    placed = context.said("odk:order")
    if place is not None or attribution not in placed:
        context.add(attribution, "odk:order", values.integer(place or len(placed) + 1))


def state_attribution(context: Context, about: Term, agent: Term, role: str) -> Term:
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
    return attribution


def _state_shortcut(context: Context, about: Term, agent: Term, stated: Party) -> None:
    row = context.registers["roles"].get(stated.role) if stated.role else None
    if row and row["shortcut"]:
        others = [one for one in context.objects(about, row["shortcut"]) if one != agent]
        if not others or row["at_most_one"] != "yes":
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
        context.texts(contact, "vcard:fn", stated.organisation[:1])  # the agent bears its names in all languages
    context.texts(contact, "vcard:organization-name", stated.organisation[:1])
    for email in _office_mailboxes(context, stated):
        _state_detail(context, contact, stated, "vcard:hasEmail", email)
    if not stated.person:
        for phone in _telephones(stated):
            _state_detail(context, contact, stated, "vcard:hasTelephone", phone)
    for page in (*stated.pages, *stated.own_pages):
        _state_page(context, contact, "vcard:hasURL", page)
    context.texts(contact, "vcard:note", stated.instructions)
    if stated.address and stated.organisation:
        _state_postal(context, contact, stated, stated.address)


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


@lru_cache(maxsize=4096)
def _folded_words(text: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKD", text.lower())
    return frozenset(_WORDS.findall("".join(sign for sign in plain if not unicodedata.combining(sign))))
