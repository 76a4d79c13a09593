"""Ways to the data of DCAT records: distributions, their formats and terms, and the services they go through."""

from collections.abc import Iterable, Mapping
from typing import Final

from odatis_kg.mapping import values
from odatis_kg.mapping.dcat_reader import Address, DcatReader
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.dcat import address_of, link, names_of, standard, state_rights, state_terms, texts_of
from odatis_kg.mapping.functions.formats import state_format
from odatis_kg.mapping.functions.resource import NO_VALUES, state_once
from odatis_kg.mapping.json import Node
from odatis_kg.mapping.values import Term

_FILE_TYPES: Final = "http://publications.europa.eu/resource/authority/file-type/"
_LINKS: Final = (
    "dct:type", "dct:language", "dcatap:availability", "adms:status", "adms:representationTechnique", "foaf:page",
)  # fmt: skip
_SERVICE_LINKS: Final = ("dcat:servesDataset", "dct:type", "geodcatap:serviceProtocol", "geodcatap:serviceType")
_MEDIA_TYPES: Final = "www.iana.org/assignments/media-types/"


def distribution(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A way to the data (dcat:Distribution): its addresses, format, size, terms, and the service it goes through."""
    reader: DcatReader = context.reader
    resource = context.subjects["resource"]
    access, download = (
        [found for one in reader.find(node, f"{name}/*") if (found := _web_address(context, one))]
        for name in ("dcat:accessURL", "dcat:downloadURL")
    )
    own = reader.string(node)
    main = next(iter([*access, *download]), own if isinstance(node.value, Address) else "")
    names = names_of(context, node)
    if not main and not names:
        return
    term = context.part(resource, "dist", main, own if own != main else "", names[0][0] if names else "")
    context.add(resource, "dcat:distribution", term)
    context.type(term, "dcat:Distribution")
    for address in access or [main]:
        if address and values.is_iri(address):
            context.add(term, "dcat:accessURL", values.iri(address))
    for address in download:
        context.add(term, "dcat:downloadURL", values.iri(address))
    context.texts(term, "dct:title", names)
    if not isinstance(node.value, dict):
        return
    context.texts(term, "dct:description", texts_of(context, node))
    packing = "dcat:compressFormat/* | dcat:packageFormat/*"
    for one in reader.find(node, f"dcat:mediaType/* | dct:format/* | {packing}"):
        _state_format(context, term, one)
    for one in reader.find(node, "dct:license/*"):
        state_terms(context, term, one)
    for one in reader.find(node, "dct:rights/* | dct:accessRights/*"):
        state_rights(context, term, one)
    for one in reader.find(node, "dcat:byteSize/*"):
        size = values.number(reader.string(one))
        if size is not None and size >= 0:
            context.add(term, "dcat:byteSize", values.typed(str(int(size)), "nonNegativeInteger"))
    for one in reader.find(node, "dct:identifier/*"):
        if text := reader.string(one):
            context.add(term, "dct:identifier", values.text(text))
    for name in ("dct:issued", "dct:modified"):
        for one in reader.find(node, f"{name}/*"):
            if date := values.temporal(reader.string(one)):
                context.add(term, name, date)
    _state_links(context, node, term, _LINKS)
    for one in reader.find(node, "dcat:accessService/*"):
        service(context, one, term)


def service(context: Context, node: Node, distribution: Term) -> None:
    """The service a distribution goes through: by its own address, else by its end point."""
    reader: DcatReader = context.reader
    ends = [found for one in reader.find(node, "dcat:endpointURL/*") if (found := _web_address(context, one))]
    found = address_of(context, node)
    names = names_of(context, node)
    if not (found or ends or names):
        return
    term = (
        values.iri(found)
        if found
        else context.part(context.subjects["resource"], "service", *(ends[:1] or [names[0][0]]))
    )
    context.add(distribution, "dcat:accessService", term)
    if not isinstance(node.value, dict):
        return
    context.type(term, "dcat:DataService")
    for end in ends:
        context.add(term, "dcat:endpointURL", values.iri(end))
    context.texts(term, "dct:title", names)
    context.texts(term, "dct:description", texts_of(context, node))
    for one in reader.find(node, "dcat:endpointDescription/*"):
        if described := _web_address(context, one):
            context.add(term, "dcat:endpointDescription", values.iri(described))
    _state_links(context, node, term, _SERVICE_LINKS)
    for one in reader.find(node, "dct:license/*"):
        state_terms(context, term, one)
    for one in reader.find(node, "dct:rights/* | dct:accessRights/*"):
        state_rights(context, term, one)


def _web_address(context: Context, node: Node) -> str | None:
    """An address for getting something, as it is: what its parameters say must stay."""
    found = values.repaired_iri(context.reader.string(node))
    return found if found and values.is_iri(found) else None


def _state_links(context: Context, node: Node, about: Term, names: Iterable[str]) -> None:
    """The standards that a distribution or a service conforms to, and what it links to by some properties."""
    reader: DcatReader = context.reader
    with context.speaking_of(about):
        for one in reader.find(node, "dct:conformsTo/*"):
            standard(context, one, {"of": "part"})
        for name in names:
            for one in reader.find(node, f"{name}/*"):
                link(context, one, {"of": "part", "predicate": name, "label": "skos:prefLabel"})


def _state_format(context: Context, distribution: Term, node: Node) -> None:
    """A format or media type: by its address in the lists of the EU and of IANA, and in words."""
    address = context.reader.string(node)
    labels = names_of(context, node)
    words = labels[0][0] if labels else address
    if words.lower() in NO_VALUES:
        return
    if address.startswith(_FILE_TYPES) and values.is_iri(address):
        state_once(context, distribution, "dct:format", values.iri(address))
        words = words.removeprefix(_FILE_TYPES)
    elif _MEDIA_TYPES in address and values.is_iri(address):
        name = address.partition(_MEDIA_TYPES)[2]
        state_once(context, distribution, "dcat:mediaType", values.iri(f"https://{_MEDIA_TYPES}{name}"))
        words = name if words == address else words
    state_format(context, distribution, words)
