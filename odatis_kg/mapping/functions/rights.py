"""Conditions of use and access: a known licence or access right becomes its IRI, any other text a rights statement."""

from collections.abc import Mapping
from typing import Final

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.resource import NO_VALUES, state_once
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader

_NOTHING: Final = NO_VALUES | {
    "no conditions apply",
    "aucune",
    "aucune condition ne s'applique",
    "no condition applies",
}
_TEXTS: Final = "useLimitation | otherConstraints | reference/*/title | handlingDescription | userNote | licenseName"
_SHORT: Final = 60
# What a record says where it names no licence (INSPIRE Technical Guidelines metadata 2.0, section 2.4.6).
_INSTEAD_OF_A_LICENCE: Final = "http://inspire.ec.europa.eu/metadata-codelist/ConditionsApplyingToAccessAndUse/"
_LINKS: Final = (
    "reference/*/onlineResource/*/linkage | reference/*/identifier/*/code | licenseLink/URL | jurisdictionLink/URL"
)


def constraints(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """One block of constraints (MD_Constraints, MD_LegalConstraints, MD_SecurityConstraints, the Australian MD_Commons).

    Texts, anchors and references are looked at one after another; the restriction codes and the classification are kept
    as codes. What is said of the record itself (option `of`) is never said of the resource.
    """
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    _state_codes(context, node, about)
    links = [reader.href(prop) or reader.string(prop) for prop in reader.find(node, _LINKS)]
    found = [text for text in links if text.startswith(("http:", "https:"))]
    known = _state_known(context, node, about, " ".join(found))
    for prop in reader.find(node, _TEXTS):
        context.node = prop
        link, texts = _read(reader, prop)
        matched = _state_known(context, node, about, _evidence(link, texts), link)
        if texts and not (link and len(texts) == 1 and matched and prop.name != "useLimitation"):
            _state_statement(context, about, texts, canonical(link) or "")
        elif (address := canonical(link)) and not known and not matched:
            _state_statement(context, about, [], address)
    for link in found:
        if not known and (address := canonical(link)):
            _state_statement(context, about, [], address)
    for picture in reader.find(node, "graphic | imageLink"):
        reader.ignore(picture)  # the logo of a licence
    for citation in reader.find(node, "reference/*"):
        titles = [value for prop in reader.find(citation, "title") for value in reader.text(prop, multiline=True)]
        if titles:  # its dates, its version and its authors are those of the licence, not of the resource
            statement = _state_statement(context, about, titles, "")
            context.apply(context.shared["iso/citation-rest"], citation, statement)
    state_details(context, node, about)


def _read(reader: XmlReader, prop: Element) -> tuple[str, Localised]:
    """The link of a text of constraints, and its words but for those that name no condition."""
    return reader.href(prop), [text for text in reader.text(prop, multiline=True) if text[0].lower() not in _NOTHING]


def _evidence(link: str, texts: Localised) -> str:
    return " ".join([link, *(words for words, _ in texts)])


def _state_codes(context: Context, node: Element, about: Term) -> None:
    reader: XmlReader = context.reader
    for path, predicate in (
        ("useConstraints", "odk:useConstraint"),
        ("accessConstraints", "odk:accessConstraint"),
        ("classification", "odk:securityClassification"),
    ):
        for prop in reader.find(node, path):
            code = reader.code(prop)
            if code and code.lower() not in NO_VALUES:
                context.add(about, predicate, values.text(code))


def state_licence(context: Context, about: Term, evidence: str) -> bool:
    """State the licence that an address, an identifier or words name; whether they named one and it is the only one."""
    row = context.registers["licences"].match(evidence)
    return row is not None and state_once(context, about, "dct:license", values.iri(row["iri"]))


def _state_known(context: Context, node: Element, about: Term, evidence: str, link: str = "") -> bool:
    """State the licence or the access right that a text or link of a block names; whether it named one.

    A resource has one licence and one access right at most (DCAT-AP 3): what comes second is not taken for one, and is
    stated as rights. So is "no conditions apply" where the record names a licence as well, before or after. The limitation
    that a record links to is more precise than the access right it stands for (which point of which article), so it stays
    as rights too.
    """
    if row := context.registers["licences"].match(evidence):
        instead = row["iri"].startswith(_INSTEAD_OF_A_LICENCE)
        return not (instead and _names_licence(context, node)) and state_licence(context, about, evidence)
    access = context.registers["access_rights"].match(evidence)
    if access and (evidence.startswith("http") or len(evidence) <= _SHORT):
        # A long text that begins with "no limitations" goes on to name some.
        address = canonical(link)
        if address:
            context.add(about, "dct:rights", values.iri(address))
            context.type(values.iri(address), "dct:RightsStatement")
        return state_once(context, about, "dct:accessRights", values.iri(access["iri"])) or bool(address)
    return False


def _names_licence(context: Context, block: Element) -> bool:
    """Whether a block of constraints, or one beside it, names a licence."""
    reader: XmlReader = context.reader
    prop = block.parent
    owner = prop.parent if prop is not None else None
    if prop is None or owner is None:
        return False
    for said in reader.find(owner, f"{prop.name}/*"):
        for one in reader.find(said, f"{_TEXTS} | {_LINKS}"):
            row = context.registers["licences"].match(_evidence(*_read(reader, one)))
            if row and not row["iri"].startswith(_INSTEAD_OF_A_LICENCE):
                return True
    return False


def _state_statement(context: Context, about: Term, texts: Localised, link: str) -> Term:
    return state_statement(context, about, texts, link, link, *(words for words, _ in texts))


def state_statement(context: Context, about: Term, texts: Localised, link: str, *key: str) -> Term:
    """A rights statement in words, with the address it points at, if any; `key` is what it is named by."""
    statement = context.part(about, "rights", *key)
    context.add(about, "dct:rights", statement)
    context.type(statement, "dct:RightsStatement")
    context.texts(statement, "dct:description", texts)
    if link:
        context.add(statement, "rdfs:seeAlso", values.iri(link))
    return statement


def terms_of_distributions(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Licence, access right and character encoding of a dataset, said of its distributions too, as DCAT-AP wants them."""
    resource = context.subjects["resource"]
    said = {context.name(name): name for name in ("dct:license", "dct:accessRights", "cnt:characterEncoding")}
    distribution = context.name("dcat:distribution")
    own = [one for one in context.statements if one.subject == resource]
    holders = sorted({one.object for one in own if one.predicate == distribution})
    for one in own:
        if name := said.get(one.predicate):
            context.node = one.node
            for holder in holders:
                context.add(holder, name, one.object)
