"""Real records, where they are present: every file of ten families is mapped or refused with a reason, together, in one build."""

import json
import re
from collections import Counter
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.config import load
from odatis_kg.pipeline.building import build
from tests.conftest import Built
from tests.support import quiet

pytestmark = pytest.mark.real
FAMILIES = (
    "iso19139",
    "iso19115-3",
    "cdi",
    "csr",
    "orcid/json",
    "nvs/turtle",
    "gcmd",
    "datacite",
    "seanoe",
    "schema-org",
)


@pytest.fixture(scope="module")
def everything(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    settings = load(data_dir=tmp_path_factory.mktemp("real"), release={"shacl": False})
    return Built(settings, build([real / family for family in FAMILIES], settings, quiet))


def test_every_file_is_mapped_or_refused_with_a_reason(everything: Built, real: Path) -> None:
    reports = everything.outcome.reports
    files = [path for family in FAMILIES for path in (real / family).rglob("*") if path.is_file()]
    assert len(reports) == len(files)
    for report in reports:
        if report.status == "ok":
            assert report.mapped or report.warnings, report.path
        else:
            assert len(report.reason) > 20, report.path
            assert not re.search(r"Traceback|Error:|Exception|NoneType|object at 0x", report.reason), report.reason


def test_nearly_all_of_them_are_mapped(everything: Built) -> None:
    refused = Counter(Path(report.path).suffix for report in everything.outcome.reports if report.status == "refused")
    assert sum(refused.values()) < 0.1 * len(everything.outcome.reports), refused


def test_the_release_passed_its_checks_and_holds_what_was_mapped(everything: Built) -> None:
    store = ox.Store.read_only(str(everything.release.store))
    graphs = store.query(
        "SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { ?s ?p ?o } FILTER REGEX(STR(?g), '/graph/(record|vocab)/') }"
    )
    count = int(next(iter(graphs))["n"].value)
    superseded = sum(warning.count("newer version") for one in everything.outcome.reports for warning in one.warnings)
    assert 0 < sum(one.mapped for one in everything.outcome.reports) - count <= superseded + 1


def test_nothing_is_said_without_words(everything: Built) -> None:
    store = ox.Store.read_only(str(everything.release.store))
    empty = store.query('SELECT DISTINCT ?p { GRAPH ?g { ?s ?p ?o FILTER(isLiteral(?o) && STR(?o) = "") } }')
    assert [row["p"].value for row in empty] == []


def test_no_blank_node_no_personal_mail(everything: Built) -> None:
    store = ox.Store.read_only(str(everything.release.store))
    assert not store.query("ASK { { ?s ?p ?o FILTER(isBlank(?s) || isBlank(?o)) } }")
    personal = store.query(
        "SELECT ?m { ?s a <http://xmlns.com/foaf/0.1/Person> ; <http://xmlns.com/foaf/0.1/mbox> ?m } LIMIT 5"
    )
    assert list(personal) == []


def test_the_report_of_the_release_says_the_same(everything: Built) -> None:
    written = json.loads((everything.release.path / "report.json").read_text())
    assert [one["path"] for one in written] == [one.path for one in everything.outcome.reports]
