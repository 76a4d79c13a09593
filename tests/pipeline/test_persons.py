"""Persons cited by records of one source, harvested from another: who is asked for, and who goes when told to."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from odatis_kg.config import Settings, load
from odatis_kg.pipeline.building import harvest
from odatis_kg.pipeline.harvesting import Outcome, Wanted
from tests.harvest.replay import DataCite, Orcid, Replay, a_person, an_orcid, demo_dois, replaying
from tests.support import quiet

CITED, ALSO_CITED, NOT_CITED = an_orcid(1), an_orcid(2), an_orcid(3)


def creators(*persons: str) -> list[dict[str, Any]]:
    return [
        {
            "name": f"Person {number}",
            "nameIdentifiers": [{"nameIdentifier": f"https://orcid.org/{person}", "nameIdentifierScheme": "ORCID"}],
        }
        for number, person in enumerate(persons)
    ]


@pytest.fixture
def dois() -> DataCite:
    service = DataCite(demo_dois(3))
    for one, persons in zip(service.dois, ([CITED], [CITED, ALSO_CITED], []), strict=True):
        one["attributes"]["creators"] = creators(*persons)
    return service


@pytest.fixture
def persons() -> Orcid:
    return Orcid({person: a_person(person) for person in (CITED, ALSO_CITED, NOT_CITED)})


def settings_for(tmp_path: Path, datacite: Replay, orcid: Replay, **more: Any) -> Settings:
    sources = {
        "people": {"protocol": "orcid", "url": f"{orcid.address}v3.0/", "delay_seconds": 0, **more},
        "doi": {"protocol": "datacite", "url": datacite.address, "delay_seconds": 0, "prefix": "10.5072"},
    }
    return load(data_dir=tmp_path / "data", sources=sources)


def run(settings: Settings, **wanted: bool) -> dict[str, Outcome]:
    found = harvest(dict(settings.sources), settings, Wanted(**wanted), quiet, lambda *_: None)
    return {one.source: one for one in found}


def states(settings: Settings, source: str) -> dict[str, str]:
    with sqlite3.connect(settings.data_dir / "ledger.sqlite") as db:
        rows = dict(db.execute("SELECT key, state FROM record WHERE source = ?", (source,)).fetchall())
    db.close()
    return rows


def test_the_persons_that_records_cite_are_harvested_after_them(tmp_path: Path, dois: DataCite, persons: Orcid) -> None:
    with replaying(dois) as datacite, replaying(persons) as orcid:
        settings = settings_for(tmp_path, datacite, orcid)
        outcomes = run(settings)
        assert all(outcome.succeeded for outcome in outcomes.values()), outcomes
        assert states(settings, "people") == {CITED: "current", ALSO_CITED: "current"}
        assert len(states(settings, "doi")) == 3
        again = run(settings, full=True)
        assert [(one.walk.items, one.walk.new, one.walk.changed) for one in again.values()] == [(2, 0, 0), (3, 0, 0)]


def test_nothing_of_a_person_that_is_not_used_is_on_the_disk(tmp_path: Path, dois: DataCite, persons: Orcid) -> None:
    with replaying(dois) as datacite, replaying(persons) as orcid:
        settings = settings_for(tmp_path, datacite, orcid)
        run(settings)
    kept = b"".join(
        gzip.decompress(path.read_bytes()) if path.read_bytes()[:2] == b"\x1f\x8b" else path.read_bytes()
        for path in settings.data_dir.rglob("*")
        if path.is_file()
    )
    assert b"Carberry" in kept
    whole = json.dumps(a_person(CITED)).encode()
    for text in (b"josiah@example.org", b"Never to be republished", b"psychoceramics"):
        assert text in whole
        assert text not in kept


def test_a_suppressed_person_is_gone_after_one_harvest_and_comes_back_only_when_told(
    tmp_path: Path, dois: DataCite, persons: Orcid
) -> None:
    with replaying(dois) as datacite, replaying(persons) as orcid:
        run(settings_for(tmp_path, datacite, orcid))
        settings = settings_for(tmp_path, datacite, orcid, suppressed=[CITED])
        before = len(orcid.asked)
        run(settings, accept_drop=True)
        assert states(settings, "people") == {CITED: "gone", ALSO_CITED: "current"}
        assert not any(CITED in asked.path for asked in orcid.asked[before:])
        run(settings_for(tmp_path, datacite, orcid))
        assert states(settings, "people") == {CITED: "current", ALSO_CITED: "current"}


def test_a_person_no_record_cites_any_more_goes(tmp_path: Path, dois: DataCite, persons: Orcid) -> None:
    with replaying(dois) as datacite, replaying(persons) as orcid:
        settings = settings_for(tmp_path, datacite, orcid)
        run(settings)
        dois.dois[1]["attributes"] |= {"creators": creators(CITED), "updated": "2030-01-01T00:00:00.000Z"}
        run(settings)
        assert states(settings, "people") == {CITED: "current", ALSO_CITED: "missing"}
        run(settings, accept_drop=True)
        assert states(settings, "people") == {CITED: "current", ALSO_CITED: "gone"}
