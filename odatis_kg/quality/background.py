"""What a check may take for granted beside a record: the classes of code-list entries, and which class is a kind of which.

A record graph says of a licence, a language or a role only which one it is; what it is, is the same for every record and is
known from the register it was found in (pitfall P21: without it a validator raises false alarms).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from odatis_kg.mapping import values
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES, expand

# Which classes the entries of a register have: (register, column with the IRI) -> classes.
_CLASSES: Final = {
    ("access_rights", "iri"): "dct:RightsStatement skos:Concept",
    ("formats", "file_type"): "dct:MediaTypeOrExtent skos:Concept",
    ("formats", "media_type"): "dct:MediaType",
    ("frequencies", "iri"): "dct:Frequency skos:Concept",
    ("languages", "iri"): "dct:LinguisticSystem skos:Concept",
    ("licences", "iri"): "dct:LicenseDocument",
    ("online_resources", "standard"): "dct:Standard skos:Concept",
    ("representations", "iri"): "skos:Concept",
    ("resource_types", "iri"): "skos:Concept",
    ("roles", "iri"): "dcat:Role skos:Concept",
    ("service_types", "iri"): "skos:Concept",
    ("statuses", "iri"): "skos:Concept",
    ("topic_categories", "iri"): "skos:Concept",
    ("topic_themes", "iri"): "skos:Concept",
}
# Terms of GeoDCAT-AP that are used as values.
_METRICS: Final = (
    "geodcatap:spatialResolutionAsAngularDistance",
    "geodcatap:spatialResolutionAsDistance",
    "geodcatap:spatialResolutionAsScale",
    "geodcatap:spatialResolutionAsVerticalDistance",
)
_DEGREES: Final = "http://inspire.ec.europa.eu/metadata-codelist/DegreeOfConformity/"


def facts(registers: Mapping[str, Register]) -> Iterator[tuple[Term, Term, Term]]:
    """The class of every entry of the registers and of the fixed values of the mapping, as triples of N-Triples terms."""
    for (name, column), classes in _CLASSES.items():
        for entry in sorted({row.get(column, "") for row in registers[name].rows} - {""}):
            yield from _typed(entry, classes)
    for metric in _METRICS:
        yield from _typed(expand(metric, PREFIXES), "dqv:Metric")
    for degree in ("conformant", "notConformant", "notEvaluated"):
        yield from _typed(_DEGREES + degree, "skos:Concept")


def _typed(entry: str, classes: str) -> Iterator[tuple[Term, Term, Term]]:
    for name in classes.split():
        yield values.iri(entry), RDF_TYPE, values.iri(expand(name, PREFIXES))


def class_hierarchy(folder: Path) -> Iterator[tuple[Term, Term, Term]]:
    """Which class is a kind of which, from `background.ttl` of the folder of ontologies, as triples of N-Triples terms."""
    for quad in ox.parse(path=str(folder / "background.ttl")):
        yield Term(str(quad.subject)), Term(str(quad.predicate)), Term(str(quad.object))
