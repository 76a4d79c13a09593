"""The official SHACL shapes of DCAT-AP 3 and GeoDCAT-AP 3: a record violates them only where its source lacks what they demand.

The shapes and the real records are not part of the project; the tests are skipped where they are absent. A violation is
excused only when the register `source_elements` names the element of the source that would satisfy it, and the source really
lacks that element, or has words there where a code or an address is due. What a record says of a thing that it does not
describe itself (a theme of a thesaurus, a dataset of another record) is no matter of this record: what that thing is, its own
vocabulary or record tells.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyshacl
import pytest
import rdflib
from rdflib import RDF, RDFS, SH, Graph, Literal, URIRef

from odatis_kg.harvest.folder import read, walk
from odatis_kg.mapping import elements, xml
from odatis_kg.mapping.engine import Mapped, Mappings, map_record
from odatis_kg.mapping.kinds import Kind, SourceRecord, scan
from odatis_kg.namespaces import PREFIXES
from odatis_kg.quality.background import class_hierarchy, facts
from odatis_kg.quality.demands import Demand, demands
from odatis_kg.resources import folder
from tests.conftest import BASE

pytestmark = pytest.mark.real
SHAPES = {
    "DCAT-AP": ("dcat-ap-3.0.1/shapes.ttl", "dcat-ap-3.0.1/range.ttl"),
    "GeoDCAT-AP": ("geodcat-ap-3.0.0/geodcat-ap-SHACL.ttl",),
}
# DCAT-AP speaks of datasets, series and services; reports of cruises, persons, software are described in other terms.
DESCRIBED = {URIRef(PREFIXES["dcat"] + name) for name in ("Dataset", "DatasetSeries", "DataService")}
PROFILES = {Kind.ISO19139: "iso19139", Kind.CDI: "iso19139", Kind.ISO19115_3: "iso19115-3", Kind.DATACITE: "datacite"}
A_FOLDER = 3


@dataclass(frozen=True)
class Violation:
    """A violation of a shape: the property and the constraint by name, the value, and where."""

    property: str
    constraint: str
    value: str
    where: str


@dataclass(frozen=True)
class Background:
    """What a validator is told beside the record: classes of code-list entries, and the class hierarchy."""

    entries: dict[str, list[tuple[str, str, str]]]
    hierarchy: Graph

    def beside(self, record: Graph) -> Graph:
        """The record with what is known of the entries it uses."""
        whole = Graph() + record + self.hierarchy
        known = (triple for used in set(record.objects()) for triple in self.entries.get(f"<{used}>", ()))
        return whole.parse(data="".join(f"{s} {p} {o} .\n" for s, p, o in known), format="nt")


@pytest.fixture(scope="module")
def background(mappings: Mappings) -> Background:
    entries: dict[str, list[tuple[str, str, str]]] = {}
    for subject, predicate, object_ in facts(mappings.registers):
        entries.setdefault(subject, []).append((subject, predicate, object_))
    hierarchy = Graph().parse(folder("ontologies") / "odk.ttl", publicID=BASE)
    hierarchy.remove((None, RDF.type, None))
    lines = "".join(f"{s} {p} {o} .\n" for s, p, o in class_hierarchy(folder("ontologies")))
    hierarchy.parse(data=lines, format="nt")
    for triple in hierarchy:
        if triple[1] != RDFS.subClassOf:
            hierarchy.remove(triple)
    return Background(entries, hierarchy)


def files(real: Path) -> Iterator[Path]:
    """The demonstration, and a few real files of each folder."""
    yield from (file.path for file in walk([folder("demo")]))
    for source in sorted(path for family in ("iso19139", "iso19115-3") for path in (real / family).iterdir()):
        within = sorted(path for path in source.rglob("*") if path.is_file())
        yield from within[:: max(1, len(within) // A_FOLDER)][:A_FOLDER]


@pytest.fixture(scope="module")
def records(real: Path, mappings: Mappings) -> list[Mapped]:
    found = []
    for path in files(real):
        for record in scan(read(path, 1 << 30)).records[:5]:
            if record.kind in PROFILES:
                result = map_record(SourceRecord("x", record.key, record.kind, record.content), mappings)
                if DESCRIBED & set(as_graph(result).objects(URIRef(result.subject), RDF.type)):
                    found.append(result)
    assert len(found) > 60
    return found


def as_graph(result: Mapped) -> Graph:
    lines = "".join(f"{one.subject} {one.predicate} {one.object} .\n" for one in result.statements)
    return Graph().parse(data=lines, format="nt")


@pytest.fixture(scope="module")
def shapes(real: Path) -> dict[str, Graph]:
    home = real.parent / "shapes"
    if not home.is_dir():
        pytest.skip("the official shapes are not on this machine (../shared/shapes)")
    found = {}
    for name, paths in SHAPES.items():
        found[name] = Graph()
        for path in paths:
            found[name].parse(home / path)
    return found


def violations(record: Graph, shapes: Graph, background: Background) -> Iterator[Violation]:
    """The violations on the nodes that the record describes."""
    _, report, _ = pyshacl.validate(
        background.beside(record), shacl_graph=shapes, inplace=True, meta_shacl=False, advanced=False
    )
    assert isinstance(report, Graph)
    for result in report.subjects(RDF.type, SH.ValidationResult):
        focus, value = report.value(result, SH.focusNode), report.value(result, SH.value)
        constraint = str(report.value(result, SH.sourceConstraintComponent)).rpartition("#")[2]
        if report.value(result, SH.resultSeverity) != SH.Violation or not str(focus).startswith(BASE):
            continue
        described_elsewhere = isinstance(value, URIRef) and (value, RDF.type, None) not in record
        if constraint in ("ClassConstraintComponent", "NodeConstraintComponent") and (
            described_elsewhere or wants_any_resource(shapes, report.value(result, SH.sourceShape))
        ):
            continue
        path = str(report.value(result, SH.resultPath) or "")
        yield Violation(path, constraint, str(value) if isinstance(value, Literal) else "", str(focus))


def wants_any_resource(shapes: Graph, shape: rdflib.term.Node | None) -> bool:
    """Whether a shape asks for the class rdfs:Resource, which everything has."""
    return shape is not None and shapes.value(shape, SH["class"]) == RDFS.Resource


def lacking(violation: Violation, result: Mapped, demand: Demand | None) -> bool:
    """Whether the source lacks what a shape demands: the element, or a value of the kind that is due there."""
    if demand is None:
        return False
    path = demand.paths[PROFILES[result.record.kind]]
    stated = source_values(result, path) if path else []
    if violation.constraint == "MinCountConstraintComponent":
        return stated == []
    if violation.constraint in ("NodeKindConstraintComponent", "ClassConstraintComponent") and violation.value:
        return any(violation.value in text for text in stated)
    return False


def source_values(result: Mapped, path: str) -> list[str]:
    """What the source states at a path of the register."""
    if result.record.kind is Kind.DATACITE:
        return [str(value) for value in members(json.loads(result.record.content), path) if value]
    every = elements.elements(xml.parse(result.record.content))
    found = elements.compile_path(path)(every[0])
    texts = [element.words + "".join(f" {one.get('codeListValue') or ''}" for one in element) for element in found]
    return [" ".join(text.split()) for text in texts if text.strip()]


def members(value: Any, name: str) -> Iterator[Any]:
    """The values of every member of that name in a JSON document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from members(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, name)


@pytest.mark.parametrize("profile", SHAPES)
def test_a_record_violates_the_profile_only_where_its_source_lacks_what_is_demanded(
    profile: str, records: list[Mapped], shapes: dict[str, Graph], background: Background, mappings: Mappings
) -> None:
    wanted = demands(mappings.registers)
    faults, excused = [], 0
    for result in records:
        for violation in violations(as_graph(result), shapes[profile], background):
            if lacking(violation, result, wanted.get(violation.property)):
                excused += 1
            else:
                faults.append((result.record.key, violation))
    assert faults == []
    assert 0 < excused < len(records)


def test_a_statement_that_the_mapping_forgets_is_not_excused(
    records: list[Mapped], shapes: dict[str, Graph], background: Background, mappings: Mappings
) -> None:
    result = next(one for one in records if one.record.key == "magest")
    forgotten = as_graph(result)
    forgotten.remove((URIRef(result.subject), URIRef(PREFIXES["dct"] + "title"), None))
    (violation,) = violations(forgotten, shapes["DCAT-AP"], background)
    assert violation.property == PREFIXES["dct"] + "title"
    assert not lacking(violation, result, demands(mappings.registers)[violation.property])
