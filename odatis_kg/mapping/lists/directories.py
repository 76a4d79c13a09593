"""Directories of SeaDataNet: organisations (EDMO) and projects (EDMERP)."""

import re
from collections.abc import Iterator
from typing import Any, Final

from odatis_kg.mapping import rdf, xml
from odatis_kg.mapping.identifiers import directory_entry, edmo
from odatis_kg.mapping.json import document_of
from odatis_kg.mapping.listing import THE_LIST, ListReader
from odatis_kg.mapping.lists.entries import Entries, sha
from odatis_kg.mapping.values import one_line
from odatis_kg.mapping.vocabularies import VocabularyName
from odatis_kg.namespaces import PREFIXES

_EDMO_PLACES: Final = {
    "rpCntInfo/cntAddress/delPoint": "street",
    "rpCntInfo/cntAddress/city": "city",
    "rpCntInfo/cntAddress/adminArea": "region",
    "rpCntInfo/cntAddress/postCode": "postcode",
    "rpCntInfo/cntAddress/country": "country",
    "rpCntInfo/cntAddress/eMailAdd": "e-mail",
    "rpCntInfo/cntPhone/voiceNum": "telephone",
    "rpCntInfo/cntOnLineRes/linkage": "page",
    "rpOrgName/text": "name",
}


def read_edmo(content: bytes) -> ListReader:
    """The directory of organisations, from its JSON export or from the thesaurus made of it."""
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return _edmo_in_json(content) if start == b"{" else _edmo_in_rdf(content)


def _edmo_in_json(content: bytes) -> ListReader:
    vocabulary = document_of(content)["vocabulary"]
    found = Entries()
    for one in vocabulary["citRespParty"]:
        leaves = dict(_leaves(one))
        urn = str(leaves.pop("rpOrgName/SDNIdent", ""))
        number = found.entry(edmo(urn), urn or str(leaves.get("rpOrgName/text", "")))
        if number is None:
            continue
        for path, text in leaves.items():
            found.add(number, _EDMO_PLACES.get(path, path), text)
    for member, column in (
        ("_title", "title"),
        ("_list", "identifier"),
        ("_date", "modified"),
        ("_version", "version"),
    ):
        found.add(THE_LIST, column, vocabulary.get(member))
    version = str(vocabulary.get("_version") or vocabulary.get("_date") or sha(content))
    name = VocabularyName("edmo", "organisations", version)
    return found.reader(name, str(vocabulary.get("_date") or ""), "", "")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}/{name}" if path else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def is_edmo_rdf(scheme: str) -> bool:
    """Whether the scheme of a dump is the thesaurus of organisations that MARIS made of EDMO."""
    return re.fullmatch(r"https?://(?:www\.)?seadatanet\.maris2?\.nl/webservices/edmo[#/]?", scheme) is not None


def _edmo_in_rdf(content: bytes) -> ListReader:
    dump = rdf.read(content, rdf.syntax_of(content))
    found = Entries()
    dct = PREFIXES["dct"]
    columns = {PREFIXES["skos"] + "prefLabel": "name"}
    about = {dct + name: name for name in ("title", "description", "issued", "modified")}
    for node in dump.nodes:
        if node.subject in dump.concepts:
            code = re.split(r"[#/]", node.subject)[-1]
            number = found.entry(directory_entry("EDMO", code), node.subject)
            if number is not None and not node.predicate.endswith("#type"):
                found.add(
                    number, columns.get(node.predicate, dump.where(node)), node.literal or node.iri, node.language
                )
        elif node.predicate in about:
            found.add(THE_LIST, about[node.predicate], node.literal)
    name = VocabularyName("edmo", "organisations", dump.name.version, "names")
    return found.reader(name, dump.modified, "", "")


def is_edmerp(root: xml.Parsed) -> bool:
    """Whether a document is the list of projects of EDMERP: no other directory gives a coordinator and a country."""
    members = {"Id", "Title", "Acronym", "Coordinator", "Country"}
    entries = [one for one in root if xml.local_name(one) == "SimpleMetadata"][:50]
    return (
        xml.local_name(root) == "SimpleMetadataList"
        and bool(entries)
        and all({xml.local_name(child) for child in one} == members for one in entries)
    )


def read_edmerp(content: bytes) -> ListReader:
    """The directory of projects: title, acronym, coordinator and country of each."""
    found = Entries()
    for one in xml.parse(content):
        values = {xml.local_name(child): one_line(child.text or "") for child in one}
        number = found.entry(directory_entry("EDMERP", values.pop("Id", "")), values.get("Title", ""))
        if number is not None:
            for column, text in values.items():
                found.add(number, column.lower(), text, at=one)
    return found.reader(VocabularyName("edmerp", "projects", sha(content)), "", "", "odk:Project")
