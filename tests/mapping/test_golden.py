"""What one record of each kind becomes, word for word, to be read by eye whenever it changes.

`python -m tests.mapping.test_golden` writes the files again; the difference in version control is what to review.
"""

from pathlib import Path

import pytest

from odatis_kg.harvest.folder import read
from odatis_kg.iris import Iris
from odatis_kg.mapping.engine import Mappings
from odatis_kg.pipeline.stages import load_mappings
from odatis_kg.resources import folder
from tests.support import mapped

GOLDEN = Path(__file__).parent.parent / "fixtures" / "golden"
RECORDS = {
    "iso19139": "iso19139/magest.xml",
    "iso19115-3": "iso19115-3/somlit-hydrologie.xml",
    "cdi": "cdi/DEMO2019ATL-ctd.xml",
    "csr": "csr/DEMO2022GAS.xml",
    "orcid": "orcid/0000-0002-1825-0097.json",
    "datacite": "datacite/demo-atl-2019.json",
    "skos": "vocabularies/C17.rdf",
}
FIXTURES = Path(__file__).parent.parent / "fixtures" / "records"


def fixtures() -> list[Path]:
    """The records written for the tests, whatever their format."""
    return sorted(path for path in FIXTURES.iterdir() if path.is_file())


def statements(kind: str, mappings: Mappings) -> str:
    content = read(folder("demo") / RECORDS[kind], 1 << 30)
    return mapped(content, mappings, source="demo").text().decode()


def fixture_statements(path: Path, mappings: Mappings) -> str:
    return mapped(path.read_bytes(), mappings).text().decode()


@pytest.mark.parametrize("path", fixtures(), ids=lambda path: path.name)
def test_a_fixture_becomes_what_was_reviewed(path: Path, mappings: Mappings) -> None:
    expected = (GOLDEN / f"{path.name}.nq").read_text(encoding="utf-8")
    assert fixture_statements(path, mappings).splitlines() == expected.splitlines()


@pytest.mark.parametrize("path", fixtures(), ids=lambda path: path.name)
def test_nothing_of_a_fixture_is_unknown(path: Path, mappings: Mappings) -> None:
    assert mapped(path.read_bytes(), mappings).coverage.unknown == {}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_becomes_what_was_reviewed(kind: str, mappings: Mappings) -> None:
    assert statements(kind, mappings).splitlines() == (GOLDEN / f"{kind}.nq").read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    tables = load_mappings(Iris("http://localhost:8000/"))
    for name in RECORDS:
        (GOLDEN / f"{name}.nq").write_text(statements(name, tables), encoding="utf-8")
    for fixture in fixtures():
        (GOLDEN / f"{fixture.name}.nq").write_text(fixture_statements(fixture, tables), encoding="utf-8")
