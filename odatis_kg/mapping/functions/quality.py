"""Data quality: conformance to a specification, measured values, and what is said in words (ISO 19157, GeoDCAT-AP 3)."""

from collections.abc import Mapping

from odatis_kg.iris import digest
from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.resource import texts_at
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import XmlReader

_DEGREES_OF_CONFORMITY = "http://inspire.ec.europa.eu/metadata-codelist/DegreeOfConformity/"


def quality_report(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """One element of quality (DQ_DomainConsistency, DQ_Completeness...): each of its results, by the kind of result."""
    reader: XmlReader = context.reader
    resource = context.subjects["resource"]
    measured = []
    for result in reader.find(node, "result/*"):
        if result.name.endswith("_ConformanceResult"):
            _conformance(context, resource, result)
        else:
            measured.append(result)
    if (measured or not reader.find(node, "result/*")) and reader.values_below(node):
        _measurements(context, resource, node, measured)


def _conformance(context: Context, resource: Term, result: Element) -> None:
    """A conformance result: `dct:conformsTo` only when it passed, and the test with its outcome in any case.

    The test is a PROV activity that used the resource and generated the degree of conformity (GeoDCAT-AP 3, conformity).
    """
    reader: XmlReader = context.reader
    standard = _specification(context, resource, result)
    stated = reader.string_at(result, "pass").lower()
    passed = {"true": "conformant", "1": "conformant", "false": "notConformant", "0": "notConformant"}.get(stated)
    explanation = texts_at(reader, result, "explanation", multiline=True)
    if standard is None:
        return
    degree = passed or "notEvaluated"
    if degree == "conformant":
        context.add(resource, "dct:conformsTo", standard)
    test = context.part(resource, "conformity", standard, degree)
    outcome = context.part(resource, "conformity-degree", standard, degree)
    plan = context.part(resource, "conformity-plan", standard)
    association = context.part(resource, "conformity-association", standard)
    context.add(resource, "prov:wasUsedBy", test)
    context.type(test, "prov:Activity")
    context.add(test, "prov:used", resource)
    context.add(test, "prov:generated", outcome)
    context.type(outcome, "prov:Entity")
    context.add(outcome, "dct:type", values.iri(_DEGREES_OF_CONFORMITY + degree))
    context.texts(outcome, "dct:description", explanation)
    context.add(test, "prov:qualifiedAssociation", association)
    context.type(association, "prov:Association")
    context.add(association, "prov:hadPlan", plan)
    context.type(plan, "prov:Plan")
    context.add(plan, "prov:wasDerivedFrom", standard)


def _specification(context: Context, resource: Term, result: Element) -> Term | None:
    """The specification a result speaks of: by the link or identifier of its citation, else a part named by its title."""
    reader: XmlReader = context.reader
    for citation in reader.find(result, "specification/*"):
        found = None
        for path in ("title", "identifier/*/code", "onlineResource/*/linkage"):
            for prop in reader.find(citation, path):
                text = reader.href(prop) or reader.string(prop)
                if found is None and text.startswith(("http:", "https:")):
                    found = canonical(text)
        said = reader.values_below(citation)
        if not said:
            continue
        known = found is not None and values.is_iri(found)
        standard = values.iri(found) if known and found else context.part(resource, "standard", *said)
        context.type(standard, "dct:Standard", "prov:Entity")
        context.apply(context.shared["iso/citation"], citation, standard)
        return standard
    return None


def _measurements(context: Context, resource: Term, report: Element, results: list[Element]) -> None:
    """Quantitative or descriptive results: `dqv:QualityMeasurement` of a metric named by the record, one for each value."""
    reader: XmlReader = context.reader
    name = texts_at(reader, report, "nameOfMeasure | measure/*/nameOfMeasure")
    element = report.name.partition("_")[2]
    said = digest(*reader.values_below(report))
    measurement = context.part(resource, "quality", element, said)
    metric = context.part(resource, "metric", element, *(words for words, _ in name))
    context.add(resource, "dqv:hasQualityMeasurement", measurement)
    context.type(measurement, "dqv:QualityMeasurement")
    context.add(measurement, "dqv:isMeasurementOf", metric)
    context.type(metric, "dqv:Metric")
    context.add(metric, "odk:qualityElement", values.text(element))
    context.texts(metric, "skos:prefLabel", name)
    for prop in reader.find(report, "measureDescription | measure/*/measureDescription"):
        context.texts(metric, "skos:definition", reader.text(prop, multiline=True))
    stated = [text for result in results for prop in reader.find(result, "value") if (text := reader.string(prop))]
    for place, text in enumerate(stated, 1):
        number = values.number(text)
        holder = measurement if place == 1 else context.part(resource, "quality", element, said, str(place))
        context.add(resource, "dqv:hasQualityMeasurement", holder)
        context.type(holder, "dqv:QualityMeasurement")
        context.add(holder, "dqv:isMeasurementOf", metric)
        context.add(holder, "dqv:value", values.decimal(number) if number is not None else values.text(text))
    for result in results:
        for prop in reader.find(result, "statement"):
            context.texts(measurement, "dct:description", reader.text(prop, multiline=True))
    state_details(context, report, measurement)
