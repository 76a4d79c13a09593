"""DCAT records: agents, places, periods, files and relations as DCAT-AP and GeoDCAT-AP 3 describe them, and as catalogues do."""

import re
from collections.abc import Mapping
from typing import Final

from odatis_kg.mapping import values
from odatis_kg.mapping.dcat_reader import Address, DcatReader, Literal
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.dcat_places import state_coordinates
from odatis_kg.mapping.functions.extents import state_period, state_place
from odatis_kg.mapping.functions.keywords import state_keyword
from odatis_kg.mapping.functions.resource import (
    NO_VALUES,
    language_tag,
    meant,
    name_record,
    state_doi,
    state_identifier,
    state_once,
    state_page,
)
from odatis_kg.mapping.functions.rights import state_licence, state_statement
from odatis_kg.mapping.functions.spatial import state_measurement
from odatis_kg.mapping.identifiers import canonical, crs, doi
from odatis_kg.mapping.json import Node
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised
from odatis_kg.namespaces import PREFIXES

_CLASSES: Final = (
    ("dcat:DatasetSeries", "dataset"),
    ("dcat:DataService", "service"),
    ("dcat:Dataset", "dataset"),
)
_NAMES: Final = "dct:title | rdfs:label | skos:prefLabel | foaf:name | schema:name | vcard:fn"
_TEXTS: Final = "dct:description | rdfs:comment | skos:definition"
# Mail and telephone are personal unless they are an office's, which the functions that read them decide (R7).
_PERSONAL: Final = re.compile(
    r"(?:^|/)(?:vcard:(?:hasEmail|email|hasTelephone|tel)|foaf:(?:mbox|phone)\w*|schema:(?:email|telephone))(?:/|$)"
)
_PUBLISHED: Final = "http://publications.europa.eu/resource/authority/"


def identity(context: Context) -> None:
    """The resource of a DCAT record, by its class; its own address, when it is one of the web, names the same thing."""
    reader: DcatReader = context.reader
    for written in reader.languages:
        reader.languages[written] = language_tag(context.registers, written) or written
    for leaf, _, _ in reader.leaves():
        if _PERSONAL.search(leaf.path) or str(leaf.value).lower().startswith(("mailto:", "tel:")):
            reader.ignore(leaf)
    record = name_record(context)
    types = {reader.string(node) for node in reader.find(reader.root, "@type/*")}
    name, kind = next((one for one in _CLASSES if one[0] in types), _CLASSES[-1])
    resource = context.subjects["resource"] = context.thing(kind, context.record.source, context.record.key)
    context.type(resource, name, "prov:Entity")
    context.add(record, "foaf:primaryTopic", resource)
    stated = reader.string_at(reader.root, "@id")
    if bare := doi(stated):
        state_doi(context, resource, bare)
    elif stated.startswith(("http:", "https:")) and values.is_iri(stated):
        context.add(resource, "schema:sameAs", values.iri(stated))
        if not reader.find(reader.root, "dct:identifier/* | adms:identifier/*"):
            state_identifier(context, resource, stated)


def address_of(context: Context, node: Node) -> str | None:
    """The canonical address a value gives: of a node, or in words; None when it gives none that can be an IRI."""
    text = context.reader.string(node)
    if isinstance(node.value, Literal) and not re.match(r"[a-z][a-z0-9+.-]*:", text, re.IGNORECASE):
        return None
    found = canonical(text) if text else None
    if found and values.is_iri(found) and found.startswith(("http:", "https:", "urn:", "ftp:", "info:")):
        return found
    return None


def names_of(context: Context, node: Node, paths: str = _NAMES) -> Localised:
    """What a value is called: its words, or the names and titles of a node."""
    reader: DcatReader = context.reader
    if isinstance(node.value, Literal):
        return meant(reader.text(node, multiline=True))
    if isinstance(node.value, Address):
        return []
    found = [
        text for step in paths.split("|") for one in reader.find(node, f"{step.strip()}/*") for text in reader.text(one)
    ]
    return list(dict.fromkeys(meant(found)))


def texts_of(context: Context, node: Node) -> Localised:
    """What is said of a node at length."""
    reader: DcatReader = context.reader
    found = [
        text
        for step in _TEXTS.split("|")
        for one in reader.find(node, f"{step.strip()}/*")
        for text in reader.text(one, multiline=True)
    ]
    return list(dict.fromkeys(meant(found)))


def identifier(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """An identifier: words, an address, or an adms:Identifier with its notation and its scheme."""
    reader: DcatReader = context.reader
    resource = context.subjects["resource"]
    code, scheme = reader.string(node), ""
    if isinstance(node.value, dict):
        code = reader.string_at(node, "skos:notation/*") or code
        scheme = reader.string_at(node, "adms:schemaAgency/*") or reader.string_at(node, "dct:creator/*")
    if code.lower() in NO_VALUES or code in known_identifiers(context):
        return
    if bare := doi(code):
        state_doi(context, resource, bare)
    else:
        state_identifier(context, resource, code, scheme)


def known_identifiers(context: Context) -> set[str]:
    """The identifiers of the resource that have been stated."""
    nodes = context.objects(context.subjects["resource"], "adms:identifier")
    return {values.lexical(one) for node in nodes for one in context.objects(node, "skos:notation")}


def keyword(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A keyword: words, or a concept in their place (GeoNetwork)."""
    found = None if isinstance(node.value, Literal) else address_of(context, node)
    labels = names_of(context, node)
    if labels or found:
        state_keyword(context, labels, values.iri(found) if found else None, "", "")


def theme(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A theme or subject (option `predicate`): the concept, its labels as a keyword, and what its vocabulary stands for."""
    reader: DcatReader = context.reader
    found = address_of(context, node)
    labels = names_of(context, node)
    for scheme in reader.find(node, "skos:inScheme"):
        reader.ignore(scheme)  # the vocabulary the concept is in: told by its address
    if found:
        context.add(context.subjects["resource"], options["predicate"], values.iri(found))
    register = context.registers["concept_properties"].rows
    if labels or (found and any(found.startswith(row["begins"]) for row in register)):
        state_keyword(context, labels, values.iri(found) if found else None, "", "")


def link(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A link (option `predicate`) of what the option `of` names, with what the thing it leads to is called (option `label`)."""
    about = context.subjects[options["of"]]
    label = options.get("label", "dct:title")
    found, names = address_of(context, node), names_of(context, node)
    if found:
        target = values.iri(found)
        if target == about:
            return
    elif names:
        target = context.part(about, "cited", names[0][0])
    else:
        return
    context.add(about, options["predicate"], target)
    context.texts(target, label, names)


def page(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A page or document (option `predicate`), with its title and what is said of it."""
    if found := address_of(context, node):
        state_page(
            context,
            context.subjects[options["of"]],
            options["predicate"],
            found,
            names_of(context, node),
            texts_of(context, node) if isinstance(node.value, dict) else [],
        )


def standard(context: Context, node: Node, options: Mapping[str, str]) -> None:
    """A standard or a reference system that something conforms to."""
    reader: DcatReader = context.reader
    about = context.subjects[options["of"]]
    text, names = reader.string(node), names_of(context, node)
    system = crs(text)
    found = system or address_of(context, node)
    if not found and not names:
        return
    term = values.iri(found) if found else context.part(about, "standard", names[0][0])
    if options.get("once") == "yes":
        if not state_once(context, about, "dct:conformsTo", term):
            context.add(about, "odk:furtherStandard", term)
    else:
        context.add(about, "dct:conformsTo", term)
    context.type(term, "dct:Standard")
    if system:
        context.add(about, "geodcatap:referenceSystem", term)
        context.type(term, "skos:Concept")
        context.add(term, "dct:type", values.iri("http://inspire.ec.europa.eu/glossary/SpatialReferenceSystem"))
        for said in reader.find(node, "dct:type"):
            reader.ignore(said)
    context.texts(term, "dct:title", [one for one in names if one[0] != found])
    for version in reader.find(node, "owl:versionInfo/* | dcat:version/*"):
        context.add(term, "dcat:version", values.text(reader.string(version)))


def licence(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A licence: one that the register knows by its address or words, else the one that is named, else words about rights."""
    state_terms(context, context.subjects["resource"], node)


def state_terms(context: Context, about: Term, node: Node) -> None:
    """The licence of a resource or of a distribution."""
    found = address_of(context, node) or ""
    words = [*names_of(context, node), *(texts_of(context, node) if isinstance(node.value, dict) else [])]
    types = context.reader.find(node, "dct:type")
    for one in types:
        context.reader.ignore(one)  # attribution, share alike ...: told by the licence
    if state_licence(context, about, " ".join([found, *(text for text, _ in words)])):
        return
    texts = [one for one in words if one[0] != found]
    if found and state_once(context, about, "dct:license", values.iri(found)):
        context.type(values.iri(found), "dct:LicenseDocument")
        context.texts(values.iri(found), "dct:title", texts)
    elif found or texts:
        state_statement(context, about, texts, found, found, *(text for text, _ in texts))


def rights(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """Rights and access rights: an access right of the EU list, a licence, else a statement."""
    state_rights(context, context.subjects["resource"], node)


def state_rights(context: Context, about: Term, node: Node) -> None:
    """The rights of a resource or of a distribution."""
    found = address_of(context, node) or ""
    words = [*names_of(context, node), *(texts_of(context, node) if isinstance(node.value, dict) else [])]
    texts = [one for one in words if one[0] != found]
    evidence = found or (texts[0][0] if texts and len(texts[0][0]) <= 60 else "")
    known = context.registers["access_rights"].match(evidence) if evidence else None
    right = found if found.startswith(f"{_PUBLISHED}access-right/") else known["iri"] if known else ""
    if right and state_once(context, about, "dct:accessRights", values.iri(right)):
        if found and found != right:
            context.add(about, "dct:rights", values.iri(found))
        return
    if (found or texts) and not state_licence(context, about, " ".join([found, *(text for text, _ in texts)])):
        state_statement(context, about, texts, found, found, *(text for text, _ in texts))


def place(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A place: by its address and names, and by its box, geometry or centre."""
    found = address_of(context, node)
    names = names_of(context, node)
    if isinstance(node.value, dict) and state_coordinates(context, node) and not names:
        return
    if found and "/.well-known/genid/" not in found:
        state_place(context, names, values.iri(found))
    elif names:
        state_place(context, names)


def period(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A period: dcat, schema.org or OWL-Time dates of a node, or an interval in words."""
    reader: DcatReader = context.reader
    if not isinstance(node.value, dict):
        first, slash, second = reader.string(node).partition("/")
        state_period(context, first.strip(" ."), second.strip(" .") if slash else first.strip(" ."))
        return
    sides = []
    for name, instant in (("start", "hasBeginning"), ("end", "hasEnd")):
        paths = [f"dcat:{name}Date/*", f"schema:{name}Date/*", *(f"time:{instant}/*/time:{one}/*" for one in _INSTANTS)]
        said = [text for path in paths if (text := reader.string_at(node, path)) and text not in NO_VALUES]
        for path in paths:
            for again in reader.find(node, path):
                reader.string(again)
        sides.append(said[0] if said else "")
    state_period(context, *sides)


_INSTANTS: Final = ("inXSDDateTimeStamp", "inXSDDateTime", "inXSDDate", "inXSDgYear")


def measurement(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A spatial resolution as a quality measurement (GeoDCAT-AP 3, B.6.17): metric, value and unit."""
    reader: DcatReader = context.reader
    metric = next(iter(reader.find(node, "dqv:isMeasurementOf/*")), None)
    value = next(iter(reader.find(node, "dqv:value/*")), None)
    begin = PREFIXES["geodcatap"]
    if metric is None or value is None or not str(reader.href(metric)).startswith(begin):
        return
    if number := values.number(reader.string(value)):
        units = "purl.org:unitMeasure | qudt:unit | qudt:hasUnit"
        unit = next((text for one in units.split("|") if (text := reader.string_at(node, f"{one.strip()}/*"))), "")
        name = f"geodcatap:{reader.href(metric).removeprefix(begin)}"
        if re.fullmatch(r"geodcatap:\w+", name, re.ASCII):
            short = re.split("[/#:]", unit.rstrip("/#:"))[-1]
            state_measurement(context, context.subjects["resource"], name, number, short)


def provenance(context: Context, node: Node, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """A statement of provenance: its words, in every language."""
    resource = context.subjects["resource"]
    texts = [*names_of(context, node), *(texts_of(context, node) if isinstance(node.value, dict) else [])]
    if not texts:
        return
    statement = context.part(resource, "provenance", texts[0][0])
    context.add(resource, "dct:provenance", statement)
    context.type(statement, "dct:ProvenanceStatement")
    context.texts(statement, "dct:description", texts)
