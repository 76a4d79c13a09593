"""Reference systems, resolutions and the way space is represented."""

from collections.abc import Mapping
from decimal import Decimal

from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.functions.details import state_details
from odatis_kg.mapping.functions.resource import NO_VALUES, coded, state_once, texts_at
from odatis_kg.mapping.identifiers import crs
from odatis_kg.mapping.xml_reader import XmlReader

_METRES: dict[str, Decimal | int] = {
    "m": 1, "metre": 1, "metres": 1, "meter": 1, "meters": 1, "mètre": 1, "mètres": 1, "9001": 1, "ulaa": 1,
    "km": 1000, "kilometre": 1000, "kilometres": 1000, "kilometer": 1000, "kilometers": 1000, "ulkm": 1000,
    "cm": Decimal("0.01"),
}  # fmt: skip
_DEGREES = frozenset({"deg", "degree", "degrees", "degre", "degré", "degrés", "dd", "uaaa", "°", "9102", "9122"})


def reference_system(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A reference system (RS_Identifier, MD_Identifier): `geodcatap:referenceSystem` and `dct:conformsTo` a `dct:Standard`."""
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    code_property = reader.first(node, "code")
    code = reader.string(code_property)
    link = reader.href(code_property) if code_property is not None else ""
    if code_property is not None and (sdn := reader.sdn_code(code_property)):
        link = link or sdn[1]
    space = reader.string_at(node, "codeSpace")
    version = reader.string_at(node, "version")
    labels, words = texts_at(reader, node, "code"), texts_at(reader, node, "description")
    if code.lower() in NO_VALUES and not link:
        return
    found = crs(link) or crs(code) or crs(f"{space}:{code}")
    system = values.iri(found) if found else context.part(about, "crs", code or link, space)
    context.add(about, "geodcatap:referenceSystem", system)
    context.add(about, "dct:conformsTo", system)
    context.type(system, "dct:Standard", "skos:Concept")
    context.add(system, "dct:type", values.iri("http://inspire.ec.europa.eu/glossary/SpatialReferenceSystem"))
    context.add(system, "dct:identifier", values.text(code or link))
    name, language = (words or labels or [(code or link, None)])[0]
    state_once(context, system, "skos:prefLabel", values.text(name, language))
    context.texts(system, "rdfs:label", [*labels, *words])
    if not found:
        if space and space.lower() not in NO_VALUES:
            context.add(system, "schema:propertyID", values.text(space))
        if version and version.lower() not in NO_VALUES:
            context.add(system, "dcat:version", values.text(version))
        state_details(context, node, system)
    for authority in reader.find(node, "authority"):
        reader.ignore(authority)  # the register behind the code: EPSG, told by the IRI


def resolution(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """A spatial resolution (MD_Resolution): metres for DCAT, and each kind as the GeoDCAT-AP quality measurement it is."""
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    for measure in reader.find(node, "distance/* | vertical/* | angularDistance/*"):
        holder = measure.parent
        kind = holder.name if holder is not None else ""
        text = reader.string(holder)
        number = values.number(text)
        unit = _unit_name(measure.get("uom") or "")
        if number is None:
            if text.lower() not in NO_VALUES:
                context.add(about, "geodcatap:spatialResolutionAsText", values.text(text))
            continue
        if number <= 0:
            context.warn(f"a resolution of {number} {unit} cannot be meant")
            continue
        if kind == "distance" and (factor := _METRES.get(unit)):
            state_once(context, about, "dcat:spatialResolutionInMeters", values.decimal(number * factor))
        metric = {
            "vertical": "geodcatap:spatialResolutionAsVerticalDistance",
            "angularDistance": "geodcatap:spatialResolutionAsAngularDistance",
        }.get(
            kind,
            "geodcatap:spatialResolutionAsAngularDistance"
            if unit in _DEGREES
            else "geodcatap:spatialResolutionAsDistance",
        )
        state_measurement(context, about, metric, number, unit)
    for scale in reader.find(node, "equivalentScale/*/denominator"):
        number = values.number(reader.string(scale))
        if number and number > 0:
            state_measurement(context, about, "geodcatap:spatialResolutionAsScale", 1 / number, "", denominator=number)
    for prop in reader.find(node, "levelOfDetail"):
        context.texts(about, "geodcatap:spatialResolutionAsText", reader.text(prop))


def state_measurement(
    context: Context,
    about: values.Term,
    metric: str,
    number: Decimal,
    unit: str,
    *,
    denominator: Decimal | None = None,
) -> None:
    """`dqv:hasQualityMeasurement` with a value, its unit and the metric it measures (GeoDCAT-AP 3, spatial resolution)."""
    rounded = number if denominator is None else Decimal(format(number, ".12g"))
    measurement = context.part(about, "measurement", metric, values.plain(rounded), unit)
    context.add(about, "dqv:hasQualityMeasurement", measurement)
    context.type(measurement, "dqv:QualityMeasurement")
    context.add(measurement, "dqv:isMeasurementOf", context.name(metric))
    context.add(measurement, "dqv:value", values.decimal(rounded))
    if denominator is not None:
        context.add(measurement, "odk:scaleDenominator", values.decimal(denominator))
    if unit:
        context.add(measurement, "schema:unitText", values.text(unit))


def _unit_name(uom: str) -> str:
    """The short name of a unit as records write it: `m`, `urn:ogc:def:uom:EPSG::9001`, `SDN:P06::ULAA`, `...#deg`."""
    text = uom.strip().partition(" = ")[0]
    if "gml:id='" in text:
        text = text.rpartition("gml:id='")[2].partition("'")[0]
    return text.rstrip("/").rpartition("#")[2].rpartition(":")[2].rpartition("/")[2].lower()


def representation(context: Context, node: Element, options: Mapping[str, str]) -> None:
    """How space is represented (vector, grid, ...), on the distributions; on the resource when it has none (GeoDCAT-AP 3)."""
    reader: XmlReader = context.reader
    about = context.subjects[options["of"]]
    code = reader.code(node)
    if code.lower() in NO_VALUES:
        return
    row = coded(context, context.registers["representations"], node)
    if row is None:
        context.warn(f"the code '{code[:60]}' is not in the register representations; kept as text")
    term = values.iri(row["iri"]) if row else values.text(code)
    holders = set(context.objects(about, "dcat:distribution"))
    for holder in sorted(holders) or [about]:
        context.add(holder, "adms:representationTechnique", term)
