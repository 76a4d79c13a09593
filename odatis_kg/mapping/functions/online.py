"""Online resources: what a link is for is decided by protocol, then function, then address (table 2a-ter)."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from odatis_kg.iris import digest
from odatis_kg.mapping import values
from odatis_kg.mapping.directory import AUTHORITY
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES, is_service, state_doi, state_once, state_page, texts_at
from odatis_kg.mapping.identifiers import canonical, doi, end_point
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader

# A link to a DOI is the resource's own DOI only where the record says so: by protocol, function, name or description.
# Real records do ("DOI of the product", protocol DOI or metadata-URL); a bare link may as well be a paper (R6).
_OWN_DOI = re.compile(r"\bdoi\b|digital object identifier|metadata-url", re.IGNORECASE)


def distribution(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An online resource of the distribution section (CI_OnlineResource); links of contacts never come here."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    addresses = reader.text(node_linkage) if (node_linkage := reader.first(node, "linkage")) is not None else []
    stated = addresses[0][0] if addresses else ""
    protocol = reader.string_at(node, "protocol")
    function = reader.code(reader.first(node, "function"))
    for profile in reader.find(node, "applicationProfile"):
        reader.ignore(profile)
    names = texts_at(reader, node, "name")
    descriptions = texts_at(reader, node, "description")
    if stated.lower() in NO_VALUES:
        if names or descriptions:
            context.warn("an online resource has a name and no address")
        return
    linked = " ".join(filter(None, map(reader.href, reader.find(node, "protocol"))))
    held = state_link(context, stated, protocol, function, names, descriptions, linked)
    if held:
        _state_size(context, node, held)
    for other, _ in addresses[1:]:
        if (translated := values.repaired_iri(other)) and translated != values.repaired_iri(stated):
            state_page(context, resource, "foaf:page", translated, [], [])


def state_link(
    context: Context,
    stated: str,
    protocol: str,
    function: str,
    names: Localised,
    descriptions: Localised,
    linked: str = "",
) -> Term | None:
    """State what a link of the resource is for; the distribution or service it became, if it is one.

    `linked` holds the addresses that the record gives for the protocol.
    """
    resource = context.subjects["resource"]
    address = values.repaired_iri(stated)
    row = link_use(context, f"{protocol} {linked}".strip(), address or stated, function)
    use = row["use"] if row else ""
    bare = doi(stated)
    if address and (shown := context.registers["dissemination"].match(address)):
        infrastructure = context.thing("infrastructure", AUTHORITY, shown["infrastructure"])
        context.add(resource, "odk:disseminatedBy", infrastructure)
    if address is None:
        context.warn(f"the address '{stated[:80]}' is no IRI; kept as text")
        if is_service(context):
            context.add(resource, "rdfs:seeAlso", values.text(stated))
        else:
            _state_distribution(context, resource, values.text(stated), protocol, names, descriptions, use)
    elif bare:
        said = " ".join([protocol, function, *(words for words, _ in (*names, *descriptions))])
        if _OWN_DOI.search(said):
            state_doi(context, resource, bare)
        else:
            # What a related DOI names, a paper or data, the record does not say.
            related = values.iri(canonical(stated) or address)
            context.add(resource, "dct:relation", related)
            context.texts(related, "dct:title", names)
            context.texts(related, "dct:description", descriptions)
    elif use == "service" and is_service(context):
        _state_end_point(context, resource, address, row or {}, names, descriptions)
    elif use == "service":
        return _state_service(context, resource, address, protocol, row or {}, names, descriptions)
    elif use in ("download", "access", "") and is_service(context):
        state_page(context, resource, "foaf:page", address, names, descriptions)
    elif use in ("download", "access", ""):
        if not use:
            context.warn(f"nothing tells what the link {address[:120]} (protocol '{protocol[:40]}') is for")
        return _state_distribution(context, resource, values.iri(address), protocol, names, descriptions, use)
    elif use == "publication":
        state_page(context, resource, "dct:isReferencedBy", address, names, descriptions)
    else:
        landing = "metadata-url" in protocol.lower()
        state_page(context, resource, "dcat:landingPage" if landing else "foaf:page", address, names, descriptions)
    return None


def link_use(context: Context, protocol: str, address: str, function: str) -> dict[str, str] | None:
    """The first row of the register online_resources whose patterns all match; None when none does."""
    for row in context.registers["online_resources"].rows:
        if all(
            not row[column] or re.search(row[column], text)
            for column, text in (("protocol", protocol), ("address", address), ("function", function))
        ):
            return row
    return None


def _state_end_point(
    context: Context,
    service: Term,
    address: str,
    row: Mapping[str, str],
    names: Localised,
    descriptions: Localised,
) -> None:
    """A link of a service record to the service itself: its end point, its protocol, and the document that describes it."""
    context.add(service, "dcat:endpointURL", values.iri(end_point(address)))
    _state_protocol(context, service, row)
    describes = "getcapabilities" in address.lower()
    state_page(context, service, "dcat:endpointDescription" if describes else "foaf:page", address, names, descriptions)


def _state_protocol(context: Context, service: Term, row: Mapping[str, str]) -> None:
    """What a service speaks: as the standard it conforms to (DCAT) and as its protocol (GeoDCAT-AP 3, one)."""
    if standard := row.get("standard", ""):
        context.add(service, "dct:conformsTo", values.iri(standard))
        state_once(context, service, "geodcatap:serviceProtocol", values.iri(standard))
        context.type(values.iri(standard), "dct:Standard")


def _state_distribution(
    context: Context, resource: Term, address: Term, protocol: str, names: Localised, descriptions: Localised, use: str
) -> Term:
    node = context.part(resource, "dist", values.lexical(address), protocol, names[0][0] if names else "")
    context.add(resource, "dcat:distribution", node)
    context.type(node, "dcat:Distribution")
    context.add(node, "dcat:accessURL", address)
    if use == "download":
        context.add(node, "dcat:downloadURL", address)
    context.texts(node, "dct:title", names)
    context.texts(node, "dct:description", descriptions)
    if protocol:
        context.add(node, "odk:protocol", values.text(protocol))
    return node


# What the unit of a transfer size is worth in bytes; ISO 19115 counts in megabytes when none is stated.
_BYTES = {"": 10**6, "mb": 10**6, "mo": 10**6, "megabytes": 10**6, "megabyte": 10**6, "kb": 10**3, "ko": 10**3,
          "gb": 10**9, "go": 10**9, "tb": 10**12, "to": 10**12, "bytes": 1, "byte": 1, "b": 1}  # fmt: skip


def _state_size(context: Context, node: Element, distribution: Term) -> None:
    """`dcat:byteSize` of the one link of a transfer option (MD_DigitalTransferOptions) that states its size."""
    reader: XmlReader = context.reader
    options = next((above for above in node.above if above.name == "MD_DigitalTransferOptions"), None)
    if options is None or len(reader.find(options, "onLine/*")) != 1:
        return
    size = reader.first(options, "transferSize")
    number = values.number(reader.string(size)) if size is not None else None
    unit = reader.string_at(options, "unitsOfDistribution").lower()
    if number is None or number <= 0:
        return
    if unit in NO_VALUES or unit not in _BYTES:
        if unit not in NO_VALUES:
            context.warn(f"the size {number} is stated in '{unit[:30]}', which is no unit of size; taken for megabytes")
        unit = ""
    context.add(distribution, "dcat:byteSize", values.typed(str(int(number * _BYTES[unit])), "nonNegativeInteger"))


def _state_service(
    context: Context,
    resource: Term,
    address: str,
    protocol: str,
    row: Mapping[str, str],
    names: Localised,
    descriptions: Localised,
) -> Term:
    """One `dcat:DataService` for an endpoint (query left out), one distribution for this dataset's layer of it (P13)."""
    parts = urlsplit(address)
    endpoint = end_point(address)
    standard = row.get("standard", "")
    host = re.sub(r"[^a-z0-9.-]", "-", (parts.hostname or "").lower()).strip("-.") or "unknown"
    service = context.thing("service", host[:64].rstrip("-."), digest(endpoint, standard or protocol, length=16))
    context.type(service, "dcat:DataService")
    context.add(service, "dcat:endpointURL", values.iri(endpoint))
    if "getcapabilities" in address.lower():
        context.add(service, "dcat:endpointDescription", values.iri(address))
    context.add(service, "dct:title", values.text(f"{row.get('label', '')} {parts.netloc}".strip()))
    context.add(service, "dcat:servesDataset", resource)
    _state_protocol(context, service, row)
    node = _state_distribution(context, resource, values.iri(address), protocol, names, descriptions, "service")
    context.add(node, "dcat:accessService", service)
    return node
