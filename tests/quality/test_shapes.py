"""The shapes: a good record passes, each fault is found and told in words, and the demonstration records conform."""

import json

import pytest

from odatis_kg.config import load
from odatis_kg.iris import Iris
from odatis_kg.mapping.elements import compile_path
from odatis_kg.mapping.engine import Mappings
from odatis_kg.namespaces import PREFIXES
from odatis_kg.quality.demands import demands
from odatis_kg.quality.shacl import Shapes
from odatis_kg.resources import folder
from tests.conftest import BASE, Built
from tests.support import iso, mapped

DATASET = f"<{BASE}id/dataset/test/1>"


@pytest.fixture(scope="module")
def shapes(iris: Iris) -> Shapes:
    return Shapes(folder("ontologies"), iris)


def term(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"<{BASE}def/odk#{local}>" if prefix == "odk" else f"<{PREFIXES[prefix]}{local}>"


def a_dataset(**more: str) -> list[tuple[str, str, str]]:
    said = {"rdf:type": term("dcat:Dataset"), "dct:title": '"Title"@en', "dct:description": '"Text"@en', **more}
    return [(DATASET, term(name), value) for name, value in said.items()]


def test_a_good_record_has_no_remark(shapes: Shapes, mappings: Mappings) -> None:
    abstract = "<gmd:abstract><gco:CharacterString>Des profils.</gco:CharacterString></gmd:abstract>"
    result = mapped(iso(abstract), mappings)
    assert shapes.remarks((one.subject, one.predicate, one.object) for one in result.statements) == []


@pytest.mark.parametrize(
    ("triples", "severity", "said"),
    [
        ([(DATASET, "rdf:type", "dcat:CatalogRecord")], "Violation", ""),
        ([(DATASET, "dct:license", '"CC-BY"')], "Violation", "licence must be an IRI"),
        ([(DATASET, "dct:issued", '"last year"')], "Violation", "date of publication is no date"),
        ([(DATASET, "dct:title", '"Another"@en')], "Warning", "two in one language"),
        ([(DATASET, "dct:publisher", f"<{BASE}{x}>") for x in "ab"], "Violation", "more than one publisher"),
        ([("<http://x.org/d>", "rdf:type", "dcat:Distribution")], "Violation", "no address"),
        ([(DATASET, "dcat:accessService", "<http://x.org/s>")], "Violation", "no endpoint"),
        ([("<http://x.org/a>", "rdf:type", "prov:Attribution")], "Violation", "must name one agent"),
        ([("<http://x.org/p>", "rdf:type", x) for x in ("foaf:Person", "foaf:Organization")], "Violation", "a person is also"),
        ([("<http://x.org/c>", "rdf:type", "odk:Cruise")], "Violation", "no name"),
        ([("<http://x.org/b>", "odk:west", '"200"')], "Warning", "sides that cannot be right"),
        ([("<http://x.org/t>", "rdf:type", "dct:PeriodOfTime"), ("<http://x.org/t>", "dcat:startDate", '"now"')],
         "Violation", "start of a period is no date"),
    ],
)  # fmt: skip
def test_a_fault_is_found(shapes: Shapes, triples: list[tuple[str, str, str]], severity: str, said: str) -> None:
    faulty = [
        (subject, term(predicate), term(value) if ":" in value and value[0] not in '<"' else value)
        for subject, predicate, value in triples
    ]
    remarks = shapes.remarks([*a_dataset(), *faulty])
    assert any(remark.severity == severity and said in remark.message for remark in remarks), remarks


def test_a_dataset_without_abstract_is_published_with_a_remark(shapes: Shapes) -> None:
    (remark,) = shapes.remarks(a_dataset()[:2])
    assert (remark.severity, remark.node) == ("Warning", DATASET.strip("<>"))
    assert "no abstract" in remark.message


def test_a_remark_says_what_to_fill_in_in_both_languages(iris: Iris, mappings: Mappings) -> None:
    (remark,) = Shapes(folder("ontologies"), iris, demands(mappings.registers)).remarks(a_dataset()[:2])
    assert remark.fill_in == {"en": "the abstract", "fr": "le résumé"}


def test_where_a_source_states_what_is_demanded_is_a_path_that_records_can_be_read_with(mappings: Mappings) -> None:
    found = demands(mappings.registers)
    assert len(found) > 10
    for demand in found.values():
        assert demand.english
        assert demand.french
        for path in (demand.paths["iso19139"], demand.paths["iso19115-3"]):
            assert not path or compile_path(path)


def test_the_demonstration_records_conform(demo: Built) -> None:
    assert load(source="demo").release.shacl
    checks = json.loads((demo.release.path / "checks.json").read_text())
    assert checks["checked"] > 40
    assert checks["remarks"] == {}
