"""Real vocabularies, where they are present: every dump, list and directory is mapped whole, or refused with a reason."""

from pathlib import Path

import pytest

from odatis_kg.harvest.folder import read
from odatis_kg.mapping.engine import Mapped, Mappings, map_record
from odatis_kg.mapping.kinds import Refusal, SourceRecord, scan

pytestmark = pytest.mark.real
FOLDERS = ("nvs", "gcmd", "cf", "edmo", "thesauri-sextant", "thesauri-other")
# Two files about a profile of SKOS, and two lists of keywords without any identifier.
REFUSED = {"profile.ttl", "validator.ttl", "gcmdScienceKeywords.txt", "unique_gcmd_keywords.csv.gz"}


@pytest.fixture(scope="module")
def everything(real: Path, mappings: Mappings) -> dict[str, Mapped | Refusal]:
    """What each file became, by its path."""
    outcome: dict[str, Mapped | Refusal] = {}
    for folder in FOLDERS:
        for path in sorted(one for one in (real / folder).rglob("*") if one.is_file()):
            found = scan(read(path, 1 << 30))
            outcome[path.relative_to(real).as_posix()] = (
                found.refusals[0]
                if found.refusals
                else map_record(
                    SourceRecord("real", found.records[0].key, found.records[0].kind, found.records[0].content),
                    mappings,
                )
            )
    return outcome


def test_every_file_is_mapped_or_refused_with_a_reason(everything: dict[str, Mapped | Refusal]) -> None:
    refused = {path.rpartition("/")[2]: one for path, one in everything.items() if isinstance(one, Refusal)}
    assert refused.keys() == REFUSED
    assert all(len(one.reason) > 40 for one in refused.values())


def test_nothing_of_what_is_mapped_is_unknown(everything: dict[str, Mapped | Refusal]) -> None:
    unknown = {
        path: one.coverage.unknown
        for path, one in everything.items()
        if isinstance(one, Mapped) and one.coverage.unknown
    }
    assert unknown == {}


def test_no_two_files_share_a_graph(everything: dict[str, Mapped | Refusal]) -> None:
    graphs = [one.graph for one in everything.values() if isinstance(one, Mapped)]
    twice = sorted(graph for graph in set(graphs) if graphs.count(graph) > 1)
    assert twice == []


def test_the_dump_that_is_cut_off_keeps_what_comes_before(everything: dict[str, Mapped | Refusal]) -> None:
    result = everything["nvs/rdfxml-geonetwork/NVS.P01.rdf.gz"]
    assert isinstance(result, Mapped)
    assert any("the 2,922 concepts before" in warning for warning in result.warnings)


def test_no_personal_address_leaves_edmo(everything: dict[str, Mapped | Refusal]) -> None:
    result = everything["edmo/edmo.json.gz"]
    assert isinstance(result, Mapped)
    mailboxes = {one.object for one in result.statements if one.predicate.endswith("mbox>")}
    assert 500 < len(mailboxes) < 2_000
    assert "<mailto:jaj2@cam.ac.uk>" not in mailboxes
