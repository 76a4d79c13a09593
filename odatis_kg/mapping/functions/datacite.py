"""DataCite JSON records (metadata schema 4): the resource a DOI names, its makers, dates, rights and relations (table 2e)."""

import re
from collections.abc import Mapping

from odatis_kg.iris import key_segment
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.extents import date_or_text, state_box, state_period, state_place
from odatis_kg.mapping.functions.geometry import state_outline
from odatis_kg.mapping.functions.keywords import state_keyword
from odatis_kg.mapping.functions.parties import Party, state_agent, state_attribution, state_maker, state_organisation
from odatis_kg.mapping.functions.resource import language_tag, state_doi, state_grant, state_identifier
from odatis_kg.mapping.functions.rights import state_licence, state_statement
from odatis_kg.mapping.identifiers import canonical, doi, doi_iri, orcid, ror
from odatis_kg.mapping.json import JsonReader, Node
from odatis_kg.mapping.values import Term


def identity(context: Context) -> None:
    """The resource under our own IRI made of the DOI's prefix and suffix; the DOI itself is what it is the same as."""
    reader: JsonReader = context.reader
    bare = context.record.key
    prefix, _, suffix = bare.partition("/")
    key = f"doi:{bare.replace('/', ':')}"
    context.graph = context.iris.graph(
        "record", context.record.source, key_segment("record", context.record.source, key)
    )
    record = context.subjects["record"] = context.thing("record", context.record.source, key)
    resource = context.subjects["resource"] = context.thing("dataset", prefix, suffix)
    general = reader.string_at(reader.root, "types/resourceTypeGeneral")
    row = context.registers["datacite_types"].get(general or "Dataset")
    context.type(record, "dcat:CatalogRecord")
    for name in (row["class"] if row else "prov:Entity").split():
        context.type(resource, name)
    context.type(resource, "prov:Entity")
    context.add(record, "foaf:primaryTopic", resource)
    context.add(resource, "dct:identifier", values.text(bare))
    state_doi(context, resource, bare)


def title(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A title; those of a type (subtitle, alternative, translated) are alternatives."""
    reader: JsonReader = context.reader
    words = reader.string_at(node, "title")
    kind = reader.string_at(node, "titleType")
    if words:
        predicate = "dct:title" if not kind or kind == "TranslatedTitle" else "dct:alternative"
        context.add(context.subjects["resource"], predicate, values.text(words, _language(context, node)))


def description(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A description; methods go to the provenance."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    texts = [words for found in reader.find(node, "description") for words, _ in reader.text(found, multiline=True)]
    kind = reader.string_at(node, "descriptionType")
    for words in texts:
        term = values.text(words, _language(context, node))
        if kind == "Methods":
            provenance = context.part(resource, "provenance", words)
            context.add(resource, "dct:provenance", provenance)
            context.type(provenance, "dct:ProvenanceStatement")
            context.add(provenance, "dct:description", term)
        else:
            context.add(resource, "dct:description", term)


def agent(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A creator or contributor, in the order stated; affiliations belong to this statement, not to the person for ever."""
    reader: JsonReader = context.reader
    shown = (
        reader.string_at(node, "name")
        or reader.string_at(node, "creatorName")
        or reader.string_at(node, "contributorName")
    )
    given, family = reader.string_at(node, "givenName"), reader.string_at(node, "familyName")
    is_organisation = reader.string_at(node, "nameType") == "Organizational"
    identifiers = [reader.string_at(found, "nameIdentifier") for found in reader.find(node, "nameIdentifiers/*")]
    person_iri = next((found for text in identifiers if (found := orcid(text))), None)
    organisation_iri = next((found for text in identifiers if (found := ror(text))), None)
    role = options.get("role") or _ROLES.get(
        reader.string_at(node, "contributorType"), reader.string_at(node, "contributorType")
    )
    stated = Party(role)
    if is_organisation or (organisation_iri and not person_iri):
        stated.organisation = [(shown, None)] if shown else []
        stated.organisation_iri = organisation_iri
    else:
        stated.person = " ".join(part for part in (given, family) if part) or turned(shown)
        stated.person_iri = person_iri
    term = state_agent(context, stated)
    if term is None:
        return
    number = node.path.rpartition("/")[2]
    attribution = state_maker(context, term, role, 1 + int(number) if number.isdigit() else 1)
    for affiliation in reader.find(node, "affiliation/*"):
        words = reader.string(affiliation) or reader.string_at(affiliation, "name")
        number = reader.string_at(affiliation, "affiliationIdentifier")
        organisation = state_organisation(
            context, Party("", organisation=[(words, None)] if words else [], organisation_iri=ror(number))
        )
        if organisation:
            context.add(attribution, "odk:statedAffiliation", organisation)


# contributorType of DataCite -> role of the register; the others keep their own name.
_ROLES = {
    "ContactPerson": "pointOfContact",
    "DataCurator": "custodian",
    "DataManager": "custodian",
    "Distributor": "distributor",
    "Editor": "editor",
    "HostingInstitution": "custodian",
    "ProjectLeader": "principalInvestigator",
    "RightsHolder": "rightsHolder",
    "Sponsor": "sponsor",
}


def turned(shown: str) -> str:
    """`Family, Given` as `Given Family`."""
    family, comma, given = shown.partition(",")
    return f"{given.strip()} {family.strip()}" if comma and given.strip() else shown


def publisher(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The publisher: a text up to version 4.4, an object with an identifier since 4.5."""
    reader: JsonReader = context.reader
    label = reader.string(node) or reader.string_at(node, "name")
    found = ror(reader.string_at(node, "publisherIdentifier"))
    organisation = state_organisation(
        context, Party("publisher", organisation=[(label, None)] if label else [], organisation_iri=found)
    )
    if organisation:
        resource = context.subjects["resource"]
        context.add(resource, "dct:publisher", organisation)
        state_attribution(context, resource, organisation, "publisher")


def funding(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A funding reference: a grant with its number, title and address, and the funder by its ROR or Crossref identifier."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    name, number = reader.string_at(node, "funderName"), reader.string_at(node, "awardNumber")
    title, address = reader.string_at(node, "awardTitle"), reader.string_at(node, "awardUri")
    stated = reader.string_at(node, "funderIdentifier")
    reader.string_at(node, "funderIdentifierType")
    found = ror(stated) or canonical(stated)
    known = found if found and found.startswith("https:") else None
    organisation = state_organisation(
        context, Party("funder", organisation=[(name, None)] if name else [], organisation_iri=known)
    )
    if organisation:
        context.add(resource, "schema:funder", organisation)
    if not (number or title or address):
        return
    grant = state_grant(context, number, [(title, None)] if title else [], name, number, title)
    if page := values.repaired_iri(address):
        context.add(grant, "foaf:page", values.iri(page))
    if organisation:
        context.add(grant, "schema:funder", organisation)


def alternate_identifier(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Another identifier of the resource, with its type."""
    reader: JsonReader = context.reader
    code = reader.string_at(node, "alternateIdentifier | identifier")
    kind = reader.string_at(node, "alternateIdentifierType | identifierType")
    if code and doi(code) != context.record.key:
        state_identifier(context, context.subjects["resource"], code, kind)


_DATES = {
    "Accepted": "dct:dateAccepted",
    "Available": "dct:available",
    "Copyrighted": "dct:dateCopyrighted",
    "Created": "dct:created",
    "Issued": "dct:issued",
    "Submitted": "dct:dateSubmitted",
    "Updated": "dct:modified",
    "Valid": "dct:valid",
    "Withdrawn": "odk:unavailableFrom",
}


def date(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A date by its type; the period of collection is the temporal coverage (RKMS-ISO8601 ranges with `/`)."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    kind, text = reader.string_at(node, "dateType"), reader.string_at(node, "date")
    if not text:
        return
    if kind in ("Collected", "Coverage"):
        start, slash, end = text.partition("/")
        state_period(context, start, end if slash else start)
    elif kind in _DATES:
        context.add(resource, _DATES[kind], date_or_text(context, text))
    elif kind == "Other":
        context.add(resource, "dct:date", date_or_text(context, text))
    else:
        context.warn(f"a date of type '{kind}' has no property; kept as a date", node)
        context.add(resource, "dct:date", date_or_text(context, text))


def subject(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A subject: its words as a keyword, its concept when `valueUri` gives one."""
    reader: JsonReader = context.reader
    words = reader.string_at(node, "subject")
    scheme = reader.string_at(node, "schemeUri") or reader.string_at(node, "subjectScheme")
    found = canonical(reader.string_at(node, "valueUri"))
    concept = values.iri(found) if found and values.is_iri(found) else None
    labels = [(words, _language(context, node))] if words else []
    if labels or concept:
        state_keyword(context, labels, concept, "", scheme)


def rights(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The rights: a licence the register knows by its identifier, address or name; else a rights statement."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    words = reader.string_at(node, "rights")
    link = reader.string_at(node, "rightsUri")
    evidence = " ".join((reader.string_at(node, "rightsIdentifier"), link, words))
    language = _language(context, node)
    if not state_licence(context, resource, evidence) and (words or link):
        texts = [(words, language)] if words else []
        state_statement(context, resource, texts, values.repaired_iri(link) or "", words, link)


def place(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A place: by name, as a box or as a point, in degrees of WGS 84."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    for box in reader.find(node, "geoLocationBox"):
        names = ("westBoundLongitude", "eastBoundLongitude", "southBoundLatitude", "northBoundLatitude")
        sides = [values.number(reader.string_at(box, side)) for side in names]
        west, east, south, north = sides
        if west is not None and east is not None and south is not None and north is not None:
            state_box(context, resource, west, east, south, north)
    for point in reader.find(node, "geoLocationPoint"):
        longitude = values.number(reader.string_at(point, "pointLongitude"))
        latitude = values.number(reader.string_at(point, "pointLatitude"))
        if longitude is not None and latitude is not None:
            state_box(context, resource, longitude, longitude, latitude, latitude)
    for polygon in reader.find(node, "geoLocationPolygon | geoLocationPolygon/*"):
        _state_polygon(context, polygon)
    if words := reader.string_at(node, "geoLocationPlace"):
        state_place(context, [(words, None)])


def _state_polygon(context: Context, node: Node) -> None:
    """A polygon of at least four points, the last one the first again (DataCite 4.5, 18.4)."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    points = []
    for point in (
        reader.find(node, "*/polygonPoint") if isinstance(node.value, list) else reader.find(node, "polygonPoint/*")
    ):
        longitude = values.number(reader.string_at(point, "pointLongitude"))
        latitude = values.number(reader.string_at(point, "pointLatitude"))
        if longitude is not None and latitude is not None:
            points.append((longitude, latitude))
    if len(points) > 1:  # each member is looked at alone too: a polygon may be a list of points or of lists
        state_outline(context, resource, "Polygon", points)


def related(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A related identifier: the property its relation means, and the relation's own name in a qualified relation."""
    reader: JsonReader = context.reader
    resource = context.subjects["resource"]
    text = reader.string_at(node, "relatedIdentifier")
    kind = reader.string_at(node, "relationType")
    reader.string_at(node, "relatedIdentifierType")
    if not text:
        return
    target = _target(context, text, reader.string_at(node, "relatedIdentifierType"))
    row = context.registers["datacite_relations"].get(kind)
    if kind and not row:
        context.warn(f"the relation '{kind[:60]}' is not in the register datacite_relations; taken for a relation")
    if row and row["inverse"] == "yes":
        context.add(target, row["property"], resource)
    else:
        context.add(resource, row["property"] if row else "dct:relation", target)
    if kind:
        relation = context.part(resource, "relation", kind, target)
        context.add(resource, "dcat:qualifiedRelation", relation)
        context.type(relation, "dcat:Relationship")
        context.add(relation, "dct:relation", target)
        context.add(relation, "odk:statedRelation", values.text(kind))


def _target(context: Context, text: str, kind: str) -> Term:
    """What a related identifier names: an address, made from its scheme if need be, else a thing known by its identifier."""
    if kind == "DOI" and "/" in text and not text.startswith("http"):
        candidate = doi_iri(text.strip().lower())
        if text.startswith("10.") and values.is_iri(candidate):
            return values.iri(candidate)
    found = canonical(text)
    if found and values.is_iri(found) and found.startswith(("http:", "https:", "urn:")):
        return values.iri(found)
    scheme = context.registers["identifier_schemes"].get(kind)
    number = re.fullmatch(scheme["pattern"], text.strip(), re.IGNORECASE) if scheme else None
    if scheme and number and values.is_iri(address := scheme["begins"] + number[1]):
        return values.iri(address)
    if scheme or kind in ("DOI", "URL"):
        context.warn(f"the related identifier '{text[:80]}' is no {kind}; kept as it stands")
    thing = context.part(context.subjects["resource"], "related", kind, text)
    state_identifier(context, thing, text, kind)
    return thing


def _language(context: Context, node: Node) -> str | None:
    reader: JsonReader = context.reader
    stated = reader.string_at(node, "lang") or reader.string_at(node, "xml:lang")
    return language_tag(context.registers, stated) if stated else None
