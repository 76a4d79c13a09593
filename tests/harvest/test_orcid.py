"""Persons from the ORCID public API: only cited ones, never suppressed ones, no more kept than is used, no token anywhere."""

import json
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from odatis_kg.harvest.client import HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.orcid import OrcidClient, reduced
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.functions.orcid import works
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.sources import OrcidSource
from tests.harvest.replay import ROOT, Known, Orcid, Replay, Reply, a_person, an_orcid, as_reply, replaying
from tests.support import mapped, triples_of

PERSONS = [an_orcid(number) for number in range(6)]
TOKEN = "f5af9f51-07e6-4332-8f1a-c0c11c1e3728"


@pytest.fixture(autouse=True)
def _no_token_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCID_TOKEN", raising=False)


def service_of(*persons: str) -> Orcid:
    return Orcid({person: a_person(person) for person in persons or PERSONS})


@contextmanager
def client_of(replay: Replay, **settings: Any) -> Iterator[OrcidClient]:
    values = {"protocol": "orcid", "delay_seconds": 0, "url": f"{replay.address}v3.0/", **settings}
    source = OrcidSource.model_validate(values)
    http = Http(source, sleep=lambda _: None)
    try:
        yield OrcidClient(source, http)
    finally:
        http.close()


def walk(replay: Replay, known: Known | None = None, checkpoint: Any = None, **settings: Any) -> list[Page]:
    with client_of(replay, **settings) as client:
        return list(client.pages(Start(known or Known(PERSONS), checkpoint)))


def items(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def test_cited_persons_come_in_order_each_as_one_record() -> None:
    with replaying(service_of()) as replay:
        pages = walk(replay)
    assert [item.identifier for item in items(pages)] == PERSONS == sorted(PERSONS)
    for item in items(pages):
        assert item.content is not None
        (record,) = scan(item.content).records
        assert (record.kind, record.key, record.content) == (Kind.ORCID, item.identifier, item.content)
        assert record.modified == item.modified == "2023-11-14T22:13:20Z"
    assert {page.total for page in pages} == {6}


def test_nobody_is_asked_for_who_is_not_cited() -> None:
    with replaying(service_of()) as replay:
        walk(replay, Known([PERSONS[4], PERSONS[1]]))
        assert [asked.path for asked in replay.asked] == [f"/v3.0/{PERSONS[1]}/record", f"/v3.0/{PERSONS[4]}/record"]
        replay.asked.clear()
        assert walk(replay, Known([])) == []
        assert not replay.asked


def test_neither_record_nor_answer_holds_more_than_is_used() -> None:
    with replaying(service_of(PERSONS[0])) as replay:
        (page,) = walk(replay, Known(PERSONS[:1]))
    (item,) = page.items
    assert page.answer.content == item.content
    assert item.content is not None
    whole = json.dumps(a_person(PERSONS[0]))
    for text in (
        "josiah@example.org",
        "Never to be republished",
        "psychoceramics",
        "Nobody should see",
        "educations",
        "put-code",
    ):
        assert text in whole
        assert text not in item.content.decode()
    for text in ("Carberry", "7007156898", "https://example.org/carberry", "Professor"):
        assert text in item.content.decode()


def test_what_is_not_public_is_not_kept_whatever_the_token_lets_see() -> None:
    record = a_person(PERSONS[0])
    record["person"]["name"]["visibility"] = "limited"
    record["person"]["external-identifiers"]["external-identifier"][0]["visibility"] = "private"
    kept = reduced(record).decode()
    assert "Carberry, J" not in kept
    assert "given-names" not in kept
    assert "7007156898" not in kept
    assert "Professor" in kept


def stated_by(content: bytes, mappings: Mappings) -> set[tuple[str, str, str]]:
    return triples_of(mapped(content, mappings))


def test_the_reduced_record_states_what_the_whole_one_does(mappings: Mappings) -> None:
    paths = [*(ROOT / "odatis_kg/demo/orcid").glob("*.json"), ROOT / "tests/fixtures/records/person.orcid.json"]
    assert len(paths) > 5
    for path in paths:
        whole = path.read_bytes()
        kept = reduced(json.loads(whole))
        assert stated_by(kept, mappings) == stated_by(whole, mappings)
        assert works(kept) == works(whole)
        assert len(kept) < len(whole)


def test_of_works_only_the_dois_are_kept() -> None:
    def work(*identifiers: tuple[str, str, str], title: str = "A title") -> dict[str, Any]:
        listed = [
            {"external-id-type": kind, "external-id-value": value, "external-id-relationship": relation, "put-code": 3}
            for kind, value, relation in identifiers
        ]
        return {"title": {"title": {"value": title}}, "visibility": "public", "external-ids": {"external-id": listed}}

    own, part = ("doi", "10.5072/b", "self"), ("doi", "10.5072/whole", "part-of")
    groups = [
        {"work-summary": [work(own, ("issn", "1234-5679", "part-of")), work(own)]},
        {"work-summary": [work(("DOI", "10.5072/a", "SELF"), part)]},
        {"work-summary": [{**work(("doi", "10.5072/hidden", "self")), "visibility": "limited"}]},
    ]
    record = a_person(PERSONS[0])
    record["activities-summary"]["works"] = {"group": groups}
    kept = reduced(record)
    assert (
        works(kept) == works(json.dumps(record).encode()) == {"https://doi.org/10.5072/a", "https://doi.org/10.5072/b"}
    )
    assert b"A title" not in kept
    assert b"1234-5679" not in kept
    assert b"hidden" not in kept
    record["activities-summary"]["works"] = {"group": groups[::-1]}
    assert reduced(record) == kept


@pytest.mark.parametrize(
    "odd", [None, [], {}, "text", 3, [None, [[]]], {"group": "x", "employment-summary": 3, "name": []}]
)
def test_sections_of_any_shape_are_reduced(odd: object) -> None:
    for section in ("person", "activities-summary", "history"):
        record = {**a_person(PERSONS[0]), section: odd}
        assert json.loads(reduced(record))["orcid-identifier"]["path"] == PERSONS[0]
    for section in ("works", "employments"):
        record = a_person(PERSONS[0])
        record["activities-summary"][section] = odd
        reduced(record)


def test_an_unchanged_person_has_unchanged_bytes_in_whatever_order_the_api_lists_things() -> None:
    record = a_person(PERSONS[0])
    names = record["person"]["other-names"]["other-name"]
    names.append({"content": "Josiah S. Carberry", "visibility": "public"})
    service = Orcid({PERSONS[0]: record})
    with replaying(service) as replay:
        first = items(walk(replay, Known(PERSONS[:1])))
        names.reverse()
        record["person"]["biography"]["content"] = "Rewritten."
        assert items(walk(replay, Known(PERSONS[:1]))) == first
        record["history"]["last-modified-date"]["value"] += 1000
        assert items(walk(replay, Known(PERSONS[:1])))[0].modified == "2023-11-14T22:13:21Z"


def test_a_person_is_asked_for_on_condition_of_a_change_where_the_api_can_tell() -> None:
    service = service_of(*PERSONS[:2])
    service.has_etags = True
    known = Known(PERSONS[:2])
    with replaying(service) as replay:
        pages = walk(replay, known)
        known.kept = {page.items[0].identifier: Validators(page.answer.etag) for page in pages}
        service.records[PERSONS[1]] = a_person(PERSONS[1], changed=1_700_000_009_000)
        first, second = walk(replay, known)
        assert (first.unchanged, first.items) == ((PERSONS[0],), ())
        assert (second.unchanged, len(second.items)) == ((), 1)
        with client_of(replay) as client:
            assert client.one(PERSONS[0]).items == pages[0].items


def test_from_the_checkpoint_of_any_page_exactly_the_rest_comes() -> None:
    settings = {"suppressed": [PERSONS[2]]}
    with replaying(service_of()) as replay:
        pages = walk(replay, **settings)
        assert len(pages) == 6
        for number, page in enumerate(pages):
            rest = walk(replay, checkpoint=json.loads(json.dumps(page.checkpoint)), **settings)
            assert items(rest) == items(pages[number + 1 :])
            assert [one.checkpoint for one in rest] == [one.checkpoint for one in pages[number + 1 :]]


# Suppression


def test_suppressed_persons_come_out_as_deleted_and_are_not_asked_for(tmp_path: Path) -> None:
    listed = tmp_path / "suppressed.txt"
    listed.write_text(f"# asked in January\n\nhttps://orcid.org/{PERSONS[1]}   # by mail\n{PERSONS[5].lower()}\n")
    with replaying(service_of()) as replay:
        first, *rest = walk(replay, Known(PERSONS[:5]), suppressed=[PERSONS[3]], suppression_file=listed)
        assert first.items == tuple(Item(PERSONS[number], None) for number in (1, 3, 5))
        assert all(item.is_deleted for item in first.items)
        assert (first.answer.status, first.answer.content) == (0, b"")
        assert [item.identifier for item in items(rest)] == [PERSONS[0], PERSONS[2], PERSONS[4]]
        assert not any(
            re.search("|".join(PERSONS[number] for number in (1, 3, 5)), asked.path) for asked in replay.asked
        )


def test_a_suppressed_person_is_not_asked_for_again_from_the_quarantine() -> None:
    with replaying(service_of()) as replay, client_of(replay, suppressed=[PERSONS[0]]) as client:
        assert client.one(PERSONS[0]).items == (Item(PERSONS[0], None),)
        assert not replay.asked


def test_a_person_suppressed_between_a_kill_and_the_next_run_is_deleted_all_the_same() -> None:
    with replaying(service_of()) as replay:
        kept = walk(replay)[3].checkpoint
        first, *rest = walk(replay, checkpoint=kept, suppressed=[PERSONS[1], PERSONS[5]])
    assert first.items == (Item(PERSONS[1], None), Item(PERSONS[5], None))
    assert [item.identifier for item in items(rest)] == [PERSONS[4]]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (None, "cannot be read"),
        (b"0000-0002-1825-009\n", r"line 1 has '0000-0002-1825-009'"),
        (b"\xff\xfe\xfa", "cannot be read"),
    ],
)
def test_without_a_readable_suppression_list_nobody_is_asked_for(
    tmp_path: Path, written: bytes | None, reason: str
) -> None:
    listed = tmp_path / "suppressed.txt"
    if written is not None:
        listed.write_bytes(written)
    with replaying(service_of()) as replay:
        with pytest.raises(HarvestError, match=rf"no person is asked for.*{reason}"):
            walk(replay, suppression_file=listed)
        with client_of(replay, suppression_file=listed) as client, pytest.raises(HarvestError):
            client.one(PERSONS[0])
        assert not replay.asked


def test_a_mistyped_suppressed_setting_stops_the_walk() -> None:
    with (
        replaying(service_of()) as replay,
        pytest.raises(HarvestError, match="the setting `suppressed` has 'Carberry'"),
    ):
        walk(replay, suppressed=["Carberry"])


# Refusals


@pytest.mark.parametrize(("code", "said"), [(9018, "locked"), (9036, "not yet claimed"), (9044, "deactivated")])
def test_a_person_no_longer_shown_is_deleted(code: int, said: str) -> None:
    service = service_of()
    service.codes[PERSONS[2]] = code
    with replaying(service) as replay:
        pages = walk(replay)
    assert [item.is_deleted for item in items(pages)] == [False, False, True, False, False, False]
    assert pages[2].remarks == (f"{PERSONS[2]} is {said} at ORCID",)
    assert pages[2].answer.status == 409


def test_a_record_with_a_date_of_deactivation_is_deleted() -> None:
    service = service_of()
    service.records[PERSONS[0]]["history"]["deactivation-date"] = {"value": 1_700_000_000_000}
    with replaying(service) as replay:
        (page, *_) = walk(replay)
    assert page.items == (Item(PERSONS[0], None),)
    assert page.answer.content == b""


def test_a_conflict_of_another_kind_deletes_nobody() -> None:
    service = service_of()
    service.codes[PERSONS[0]] = 9021
    with replaying(service) as replay:
        (item, *_) = items(walk(replay))
    assert not item.is_deleted
    assert "error 9021" in item.reason


@pytest.mark.parametrize("cited", [True, False])
@pytest.mark.parametrize("location", [True, False])
def test_a_deprecated_person_is_deleted_and_the_primary_one_not_asked_for_unless_cited(
    cited: bool, location: bool
) -> None:
    service = service_of()
    old, new = PERSONS[1], PERSONS[4]
    service.deprecated[old] = new
    with replaying(service) as replay:
        if not location:
            replay.instead[1 if cited else 0] = lambda reply: Reply(reply.status, reply.content)
        pages = walk(replay, Known([PERSONS[0], old, new] if cited else [old]))
        page = next(page for page in pages if page.items[0].identifier == old)
        assert page.items == (Item(old, None),)
        (remark,) = page.remarks
        assert remark.startswith(f"{old} is deprecated for {new}, which ")
        with client_of(replay) as client:
            assert client.one(old).items == (Item(old, None),)
        assert ("no record cites" in remark) is not cited
        assert [asked.path for asked in replay.asked].count(f"/v3.0/{new}/record") == (1 if cited else 0)


def test_a_redirect_that_names_nobody_else_is_followed() -> None:
    with replaying(service_of()) as replay:
        replay.instead[0] = Reply(302, headers={"Location": f"/v3.0/{PERSONS[0]}/record?again"})
        assert len(items(walk(replay))) == 6


def test_an_unknown_person_is_one_that_could_not_be_had() -> None:
    with replaying(service_of(*PERSONS[1:])) as replay:
        first, *rest = items(walk(replay))
    assert not first.is_deleted
    assert (first.identifier, first.content) == (PERSONS[0], None)
    assert "unknown to ORCID" in first.reason
    assert all(item.content for item in rest)


def test_a_wrong_address_of_the_api_is_not_taken_for_unknown_persons() -> None:
    with replaying(service_of()) as replay, pytest.raises(HarvestError, match=r"404.*the address of its API 3\.0"):
        walk(replay, url=f"{replay.address}v2.0/")


def test_a_page_in_place_of_a_record_is_an_error_and_another_record_is_not_taken() -> None:
    with replaying(service_of()) as replay:
        replay.instead[0] = Reply(200, b"<html>Maintenance</html>")
        with pytest.raises(HarvestError, match="not an answer of ORCID"):
            walk(replay)
        replay.instead = {1: as_reply(a_person(PERSONS[3])), 2: as_reply({"group": []})}
        first, second, *_ = walk(replay)
        assert PERSONS[3] in first.items[0].reason
        assert "no record of a person" in second.items[0].reason
        assert first.answer.content == second.answer.content == b""


def test_too_many_requests_put_the_harvest_off() -> None:
    with replaying(service_of()) as replay:
        replay.instead = {0: Reply(503), 1: Reply(429, b"Too Many Requests.")}
        assert len(items(walk(replay))) == 6
        replay.instead = dict.fromkeys(range(8, 40), Reply(429, b"Too Many Requests."))
        with pytest.raises(FetchError, match="429") as caught:
            walk(replay, tries=3)
        assert caught.value.temporary


# The token


def test_a_token_goes_into_one_header_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODATIS_TOKEN", f"{TOKEN}\n")
    service = service_of()
    service.tokens.add(TOKEN)
    with replaying(service) as replay:
        pages = walk(replay, token_variable="ODATIS_TOKEN")
        assert len(items(pages)) == 6
        assert TOKEN not in repr(pages) + "".join(page.answer.content.decode() for page in pages)
        for asked in replay.asked:
            assert asked.headers["authorization"] == f"Bearer {TOKEN}"
            assert TOKEN not in asked.path + str(asked.query)


def everything_of(error: BaseException) -> str:
    """All that anybody could come to see of an error."""
    return "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.args)


def test_a_refused_token_is_told_of_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCID_TOKEN", TOKEN)
    with (
        replaying(service_of()) as replay,
        pytest.raises(HarvestError, match=r"variable ORCID_TOKEN \(401\).*read-public") as caught,
    ):
        walk(replay)
    assert TOKEN not in everything_of(caught.value)


@pytest.mark.parametrize("status", [400, 500])
def test_no_refusal_repeats_the_token(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("ORCID_TOKEN", TOKEN)
    service = service_of()
    service.tokens.add(TOKEN)
    with replaying(service) as replay:
        replay.instead = dict.fromkeys(range(9), Reply(status, f"Authorization: Bearer {TOKEN}".encode()))
        with pytest.raises(FetchError, match=str(status)) as caught:
            walk(replay)
    assert TOKEN not in everything_of(caught.value)


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "jeton-privé"])
def test_something_that_is_no_token_is_not_sent(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ORCID_TOKEN", value)
    with replaying(service_of()) as replay:
        with pytest.raises(HarvestError, match="ORCID_TOKEN holds is no token") as caught:
            walk(replay)
        assert not replay.asked
    assert value not in everything_of(caught.value)


def test_without_a_token_the_api_is_asked_anonymously_and_may_refuse() -> None:
    service = service_of()
    with replaying(service) as replay:
        assert len(items(walk(replay))) == 6
        assert "authorization" not in replay.asked[0].headers
        service.tokens.add(TOKEN)
        with pytest.raises(HarvestError, match=r"without a token \(401\)"):
            walk(replay)


# Real records


@pytest.mark.real
def test_real_records_are_reduced_to_what_they_state(real: Path, mappings: Mappings) -> None:
    records = {}
    for path in sorted((real / "orcid/json").glob("*.json")):
        document = json.loads(path.read_bytes())
        if scan(path.read_bytes()).records:
            records[document["orcid-identifier"]["path"]] = document
    assert len(records) >= 4
    with replaying(Orcid(records)) as replay:
        pages = walk(replay, Known(list(records)))
        for number, page in enumerate(pages):
            assert items(walk(replay, Known(list(records)), page.checkpoint)) == items(pages[number + 1 :])
    assert [item.identifier for item in items(pages)] == sorted(records)
    for item in items(pages):
        whole = json.dumps(records[item.identifier]).encode()
        assert item.content is not None
        read = scan(item.content)
        assert not read.refusals
        assert [one.kind for one in read.records] == [Kind.ORCID]
        assert stated_by(item.content, mappings) == stated_by(whole, mappings)
        assert works(item.content) == works(whole)
        kept = item.content.decode()
        assert not re.search(r'"(?:biography|emails|addresses|keywords|educations|peer-reviews|title)"', kept)
