"""DOIs from DataCite's REST API: paging, what changed, what is missing, and going on after a kill."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from odatis_kg.harvest.client import HarvestError, Item, Page, Start
from odatis_kg.harvest.datacite import DataCiteClient
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.sources import DataCiteSource
from tests.harvest.replay import DataCite, Known, Replay, Reply, as_reply, demo_dois, replaying

EVERYTHING = Start(Known())


@contextmanager
def client_of(replay: Replay, **settings: Any) -> Iterator[DataCiteClient]:
    values = {"prefix": "10.5072", "page_size": 4, "delay_seconds": 0, **settings}
    source = DataCiteSource(protocol="datacite", url=replay.address, **values)
    http = Http(source, sleep=lambda _: None)
    try:
        yield DataCiteClient(source, http)
    finally:
        http.close()


def walk(replay: Replay, start: Start = EVERYTHING, **settings: Any) -> list[Page]:
    with client_of(replay, **settings) as client:
        return list(client.pages(start))


def items(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def names(pages: list[Page]) -> list[str]:
    return [item.identifier for item in items(pages)]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 23])
def test_every_doi_comes_once_whatever_the_size_of_the_last_page(count: int) -> None:
    with replaying(DataCite(demo_dois(count))) as replay:
        pages = walk(replay)
    assert names(pages) == [f"10.5072/replay-{number:03}" for number in range(count)]
    assert {page.total for page in pages} == {count}


def test_each_item_is_one_datacite_record_under_its_doi() -> None:
    with replaying(DataCite(demo_dois(9))) as replay:
        for item in items(walk(replay)):
            assert item.content is not None
            found = scan(item.content)
            assert not found.refusals
            (record,) = found.records
            assert (record.kind, record.key, record.content) == (Kind.DATACITE, item.identifier, item.content)
            assert record.modified == item.modified != ""


def test_every_page_is_asked_for_with_the_identifiers_of_affiliations_and_publishers() -> None:
    with replaying(DataCite(demo_dois(9))) as replay:
        found = items(walk(replay))
        assert len(replay.asked) == 3
        for asked in replay.asked:
            assert asked.query["publisher"] == asked.query["affiliation"] == "true"
            assert asked.headers["accept"] == "application/vnd.api+json"
    publishers = [json.loads(item.content or b"")["attributes"]["publisher"] for item in found]
    assert all(isinstance(publisher, dict) for publisher in publishers)


def test_counts_that_change_from_day_to_day_do_not_change_a_record() -> None:
    with replaying(DataCite(demo_dois(6))) as replay:
        first, second = walk(replay), walk(replay)
    assert items(first) == items(second)
    assert [page.answer.content for page in first] != [page.answer.content for page in second]


def test_one_doi_has_the_same_bytes_alone_as_in_a_list() -> None:
    with replaying(DataCite(demo_dois(6))) as replay:
        for item in items(walk(replay)):
            with client_of(replay) as client:
                assert client.one(item.identifier).items == (item,)
        assert replay.asked[-1].path == "/dois/10.5072/replay-005"


def test_a_doi_that_is_no_longer_shown_is_deleted() -> None:
    with replaying(DataCite(demo_dois(2))) as replay, client_of(replay) as client:
        page = client.one("10.5072/not-there")
    assert page.items == (Item("10.5072/not-there", None),)
    assert page.items[0].is_deleted
    assert page.answer.status == 404


def test_another_404_says_nothing_of_a_doi() -> None:
    with replaying(DataCite(demo_dois(2))) as replay, client_of(replay) as client:
        replay.instead[0] = Reply(404, b"<html>no such page</html>")
        with pytest.raises(FetchError, match="404"):
            client.one("10.5072/replay-000")


@pytest.mark.parametrize("state", ["registered", "draft"])
def test_a_doi_in_a_state_other_than_findable_is_deleted(state: str) -> None:
    def changed(reply: Reply) -> Reply:
        document = json.loads(reply.content)
        document["data"][1]["attributes"]["state"] = state
        return as_reply(document)

    with replaying(DataCite(demo_dois(3))) as replay:
        replay.instead[0] = changed
        assert [item.is_deleted for item in items(walk(replay))] == [False, True, False]


def test_client_prefix_and_query_are_all_asked_for() -> None:
    service = DataCite(demo_dois(6))
    service.dois[0]["relationships"]["client"]["data"]["id"] = "other.repository"
    service.dois[1]["id"] = "10.9999/elsewhere"
    service.dois[2]["attributes"]["titles"] = [{"title": "Sans le mot"}]
    for one in service.dois[3:]:
        one["attributes"]["titles"] = [{"title": "Houle du large"}]
    with replaying(service) as replay:
        found = names(walk(replay, client_id="demo.ocean", prefix="10.5072", query="houle"))
        assert found == ["10.5072/replay-003", "10.5072/replay-004", "10.5072/replay-005"]
        assert len(names(walk(replay, client_id="other.repository", prefix=""))) == 1
        assert names(walk(replay, prefix="10.9999,10.5073")) == ["10.9999/elsewhere"]


def test_a_source_that_chooses_nothing_is_not_asked() -> None:
    with replaying(DataCite(demo_dois(1))) as replay:
        with pytest.raises(HarvestError, match="`client_id`, a `prefix` or a `query`"):
            walk(replay, prefix="")
        assert not replay.asked


def test_only_what_changed_since_is_asked_for() -> None:
    service = DataCite(demo_dois(6))
    for number, updated in enumerate(("2026-01-30T23:59:59Z", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z")):
        service.dois[number]["attributes"]["updated"] = updated
    start = Start(Known(), since="2026-01-31T00:00:00Z")
    with replaying(service) as replay:
        assert names(walk(replay, start)) == ["10.5072/replay-001", "10.5072/replay-002"]
        walk(replay, start, query="a OR b")
        assert replay.asked[-1].query["query"] == "(a OR b) AND updated:[2026-01-31T00:00:00Z TO *]"


@pytest.mark.parametrize("since", ["", "2023-01-01T00:00:00Z"])
def test_from_the_checkpoint_of_any_page_exactly_the_rest_comes(since: str) -> None:
    with replaying(DataCite(demo_dois(18))) as replay:
        start = Start(Known(), since=since)
        pages = walk(replay, start)
        assert len(pages) == 5
        for number, page in enumerate(pages):
            kept = json.loads(json.dumps(page.checkpoint))
            rest = walk(replay, replace(start, checkpoint=kept))
            assert names(rest) == names(pages[number + 1 :])
            assert [one.checkpoint for one in rest] == [one.checkpoint for one in pages[number + 1 :]]


def test_a_checkpoint_of_other_settings_is_not_gone_on_from() -> None:
    with replaying(DataCite(demo_dois(10))) as replay:
        kept = walk(replay)[1].checkpoint
        assert len(names(walk(replay, Start(Known(), kept), prefix="10.5072,10.5073"))) == 10
        assert len(names(walk(replay, Start(Known(), kept, since="2020-01-01T00:00:00Z")))) == 10


def short(lost: int) -> Any:
    """An answer from which a record went missing."""

    def change(reply: Reply) -> Reply:
        document = json.loads(reply.content)
        del document["data"][lost]
        return as_reply(document)

    return change


def test_a_doi_missing_from_a_page_is_had_in_a_second_pass() -> None:
    with replaying(DataCite(demo_dois(10))) as replay:
        replay.instead[1] = short(2)
        pages = walk(replay)
    assert len(pages) == 6
    assert len(set(names(pages[:3]))) == 9
    assert len(set(names(pages[3:]))) == 10


def test_fewer_dois_than_announced_twice_end_the_walk_with_an_error_after_all_that_came() -> None:
    with replaying(DataCite(demo_dois(10))) as replay:
        replay.instead = {1: short(2), 4: short(2)}
        came: list[Page] = []
        with (
            client_of(replay) as client,
            pytest.raises(HarvestError, match=r"10 DOIs and gave 9.*nothing is taken for gone"),
        ):
            came.extend(client.pages(EVERYTHING))
        assert len(came) == 6


def test_a_walk_killed_before_its_second_pass_still_makes_it() -> None:
    with replaying(DataCite(demo_dois(10))) as replay:
        replay.instead[1] = short(2)
        pages = walk(replay)
        assert names(walk(replay, Start(Known(), pages[2].checkpoint))) == names(pages[3:])
        assert names(walk(replay, Start(Known(), pages[4].checkpoint))) == names(pages[5:])


def test_a_doi_that_comes_twice_does_not_stand_for_a_missing_one() -> None:
    def twice(reply: Reply) -> Reply:
        document = json.loads(reply.content)
        document["data"][1] = document["data"][0]
        return as_reply(document)

    with replaying(DataCite(demo_dois(6))) as replay:
        replay.instead = {0: twice, 2: twice}
        with pytest.raises(HarvestError, match="gave 5"):
            walk(replay)


def test_a_cursor_that_leads_back_ends_the_walk_with_an_error() -> None:
    service = DataCite(demo_dois(12))

    class Looping(DataCite):
        def answer(self, asked: Any) -> Reply:
            return service.answer(replace(asked, query={**asked.query, "page[cursor]": "1"}))

    with replaying(Looping([])) as replay:
        with pytest.raises(HarvestError, match="no DOI that had not come before"):
            walk(replay)
        assert len(replay.asked) == 2


def test_a_list_that_never_ends_is_left() -> None:
    class Endless(DataCite):
        def answer(self, asked: Any) -> Reply:
            self.looks += 1
            data = demo_dois(4)
            for number, one in enumerate(data):
                one["id"] = one["attributes"]["doi"] = f"10.5072/{self.looks}-{number}"
            following = f"{asked.base}dois?page%5Bcursor%5D={self.looks}"
            return as_reply({"data": data, "meta": {"total": 10}, "links": {"next": following}})

    with replaying(Endless([])) as replay:
        with pytest.raises(HarvestError, match="leads on"):
            walk(replay)
        assert len(replay.asked) == 7


def test_a_next_page_on_another_host_is_asked_for_at_home() -> None:
    def elsewhere(reply: Reply) -> Reply:
        return replace(reply, content=reply.content.replace(b"http://127.0.0.1", b"http://192.0.2.7"))

    with replaying(DataCite(demo_dois(6))) as replay:
        replay.instead[0] = elsewhere
        assert len(names(walk(replay))) == 6


def test_a_link_without_a_cursor_ends_the_walk_with_an_error() -> None:
    def without(reply: Reply) -> Reply:
        return replace(reply, content=reply.content.replace(b"page%5Bcursor%5D", b"page%5Bnumber%5D"))

    with replaying(DataCite(demo_dois(6))) as replay:
        replay.instead[0] = without
        with pytest.raises(HarvestError, match="without a cursor"):
            walk(replay)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>Maintenance</html>", b"[]", b'{"data": {}}', b'{"data": [], "meta": {}}', b'{"data": [], "meta": {"total": 1}}',
        b'{"data": [], "meta": {"total": "1"}, "links": {}}',
    ],
)  # fmt: skip
def test_an_answer_that_is_not_the_apis_is_an_error(content: bytes) -> None:
    with replaying(DataCite([])) as replay:
        replay.instead[0] = Reply(200, content)
        with pytest.raises(HarvestError, match=r"not an answer of DataCite's API|meta\.total"):
            walk(replay)


def test_a_query_that_is_not_understood_is_told_in_the_words_of_the_api() -> None:
    with (
        replaying(DataCite(demo_dois(1))) as replay,
        pytest.raises(HarvestError, match=r"Failed to parse query \[\(\("),
    ):
        walk(replay, query="((")


def test_a_source_without_any_doi_is_remarked_on() -> None:
    with replaying(DataCite(demo_dois(1))) as replay:
        (page,) = walk(replay, prefix="10.1")
    assert (page.items, page.total) == ((), 0)
    assert "no findable DOI" in page.remarks[0]


def test_a_record_that_cannot_be_read_goes_through_as_it_is() -> None:
    def spoilt(reply: Reply) -> Reply:
        document = json.loads(reply.content)
        document["data"][0] = "not a record"
        document["data"][1]["attributes"] = {"state": "findable", "titles": "nonsense"}
        return as_reply(document)

    with replaying(DataCite(demo_dois(3))) as replay:
        replay.instead[0] = spoilt
        first, second, third = items(walk(replay))
    assert first.content == b'"not a record"'
    assert second.identifier == "10.5072/replay-001"
    for item in (first, second):
        assert item.content is not None
        assert scan(item.content).refusals
        assert not item.is_deleted
    assert third.content is not None


def test_an_overloaded_server_is_asked_again() -> None:
    with replaying(DataCite(demo_dois(6))) as replay:
        replay.instead = {0: Reply(429, headers={"Retry-After": "1"}), 2: Reply(503)}
        assert len(names(walk(replay))) == 6
        replay.instead = dict.fromkeys(range(4, 20), Reply(503))
        with pytest.raises(FetchError, match="503"):
            walk(replay, tries=2)


@pytest.mark.real
def test_real_records_come_whole_and_are_read(real: Path) -> None:
    found = []
    for path in sorted((real / "datacite/json").glob("*.json")):
        document = json.loads(path.read_bytes())
        if isinstance(document, dict):
            data = document.get("data", document)
            found += [one for one in (data if isinstance(data, list) else [data]) if one.get("id") or one.get("doi")]
    service = DataCite(list({str(one.get("id") or one["doi"]).lower(): one for one in found}.values()))
    assert len(service.dois) > 15
    with replaying(service) as replay:
        pages = walk(replay, prefix="", client_id="demo.ocean", page_size=7)
        assert sorted(names(pages)) == sorted(one["id"] for one in service.dois)
        for number, page in enumerate(pages):
            rest = walk(replay, Start(Known(), page.checkpoint), prefix="", client_id="demo.ocean", page_size=7)
            assert items(rest) == items(pages[number + 1 :])
    for item in items(pages):
        assert item.content is not None
        read = scan(item.content)
        assert not read.refusals, (item.identifier, read.refusals)
        assert [(one.kind, one.key) for one in read.records] == [(Kind.DATACITE, item.identifier)]
