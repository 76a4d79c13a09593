"""Conditions of use and access: a known licence or access right becomes its IRI, any other text a rights statement."""

from collections.abc import Mapping

from odatis_kg.mapping import values
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.resource import NO_VALUES
from odatis_kg.mapping.xml import Element, XmlReader, local_name

_NOTHING = NO_VALUES | {"no conditions apply", "aucune", "aucune condition ne s'applique", "no condition applies"}


def constraints(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """One block of constraints (MD_Constraints, MD_LegalConstraints): texts, anchors and references, one after another."""
    reader: XmlReader = context.reader
    for code in reader.find(node, "accessConstraints | useConstraints"):
        reader.code(code)
    resource = context.subjects["resource"]
    for prop in reader.find(node, "useLimitation | otherConstraints | reference/*/title"):
        context.node = prop
        link = reader.href(prop)
        texts = [value for value in reader.text(prop, multiline=True) if value[0].lower() not in _NOTHING]
        evidence = " ".join([link, *(words for words, _ in texts)])
        if licence := context.registers["licences"].match(evidence):
            context.add(resource, "dct:license", values.iri(licence["iri"]))
        elif access := context.registers["access_rights"].match(evidence):
            context.add(resource, "dct:accessRights", values.iri(access["iri"]))
        if texts and not (link and len(texts) == 1 and (licence or access) and local_name(prop) != "useLimitation"):
            statement = context.part(resource, "rights", *(words for words, _ in texts))
            context.add(resource, "dct:rights", statement)
            context.type(statement, "dct:RightsStatement")
            context.texts(statement, "dct:description", texts)
            if link and values.is_iri(link):
                context.add(statement, "rdfs:seeAlso", values.iri(link))
