"""Lists of authorities in formats of their own: what the list is called, and its organisations and projects (table 2d)."""

import re
from collections.abc import Mapping
from typing import Final

from odatis_kg.iris import key_segment
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.parties import Address, Page, Party, state_organisation
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.listing import Cell, ListReader
from odatis_kg.mapping.values import Term

# The mailbox EDMO fills in for the 2,100 organisations that gave none: it is the help desk of SeaDataNet, not theirs.
_DIRECTORY_MAILBOX: Final = "sdn-userdesk@seadatanet.org"
# Several may stand in one field, an office's beside a person's.
_MAILBOX: Final = re.compile(r"[^\s;,/<>()]+@[^\s;,/<>()]+")


def identity(context: Context) -> None:
    """The list by its own IRI, in a graph of its own for each version; each entry by its authority's IRI, or one of ours."""
    reader: ListReader = context.reader
    name = reader.name
    context.graph = context.iris.graph(
        "vocab",
        name.authority,
        key_segment("vocabulary", name.authority, name.list),
        key_segment("version", name.key, name.edition),
    )
    own = ":".join(filter(None, (name.list, name.part)))
    resource = values.iri(reader.scheme) if reader.scheme else context.thing("vocabulary", name.authority, own)
    context.subjects["resource"] = resource
    for remark in reader.remarks:
        context.warn(remark)
    if reader.entry_class == "skos:Concept":
        context.type(resource, "skos:Collection" if name.authority == "nvs" else "skos:ConceptScheme")
    elif reader.entry_class == "skos:Collection":
        context.type(resource, "skos:Collection")
    else:
        context.type(resource, "void:Linkset" if name.part == "mapping" else "void:Dataset")
    for number, entry in enumerate(reader.entries):
        term = (
            values.iri(entry)
            if values.is_iri(entry) and "://" in entry
            else context.thing("concept", name.authority, entry)
        )
        reader.terms[number] = term
        if reader.entry_class:
            context.type(term, reader.entry_class)
        if reader.entry_class == "skos:Concept":
            context.add(term, "odk:inCollection", resource)
        elif reader.entry_class == "skos:Collection":
            context.add(resource, "skos:member", term)


def identifier(context: Context, cell: Cell, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The codes of a term in another list, which the column is named after; several are separated by blanks."""
    reader: ListReader = context.reader
    term = reader.subject(cell)
    if term is not None:
        for code in reader.string(cell).split():
            node = context.part(term, "identifier", code, cell.column)
            context.add(term, "adms:identifier", node)
            context.type(node, "adms:Identifier")
            context.add(node, "skos:notation", values.text(code))
            context.add(node, "schema:propertyID", values.text(cell.column.upper()))


def organisation(context: Context, cell: Cell, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An organisation of a directory under the directory's own IRI; a mailbox only when it is that of an office (R7)."""
    reader: ListReader = context.reader
    term = reader.subject(cell)
    if term is None:
        return

    def said(column: str) -> str:
        words = reader.string_beside(cell, column)
        return "" if words.lower() in NO_VALUES or words == "-" else words

    address = Address(said("street"), said("city"), said("postcode"), said("region"), said("country"))
    page = values.repaired_iri(said("page"))
    mailboxes = [one for one in _MAILBOX.findall(said("e-mail")) if one.lower() != _DIRECTORY_MAILBOX]
    stated = Party(
        role="",
        organisation=reader.text(cell),
        organisation_iri=term[1:-1],
        emails=mailboxes,
        phones=[said("telephone")],
        pages=[Page(page, [], [])] if page and page.startswith(("http:", "https:")) else [],
        address=address if any(address) else None,
    )
    state_organisation(context, stated)
    context.add(term, "dct:identifier", values.text(f"SDN:EDMO::{term[1:-1].rpartition('/')[2]}"))


def coordinator(context: Context, cell: Cell, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The organisation that coordinates a project. It is known by name and country: two countries have a same-named agency."""
    reader: ListReader = context.reader
    project, name = reader.subject(cell), reader.string(cell)
    if project is None or not name:
        return
    country = reader.string_beside(cell, "country")
    known = context.thing("organisation", "edmerp", f"{name}, {country}".casefold() if country else name.casefold())
    stated = Party(
        role="",
        organisation=[(name, None)],
        organisation_iri=known[1:-1],
        address=Address("", "", "", "", country) if country else None,
    )
    organisation_term: Term | None = state_organisation(context, stated)
    if organisation_term:
        context.add(project, "odk:coordinator", organisation_term)
