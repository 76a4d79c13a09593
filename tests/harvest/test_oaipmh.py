"""OAI-PMH against a repository that is right, one that is wrong in every way we know of, saved answers, and pycsw."""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from odatis_kg.config import load
from odatis_kg.harvest import oaipmh_walk
from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.oaipmh import OaiPmhClient
from odatis_kg.harvest.oaipmh_answers import items_of, read
from odatis_kg.mapping.kinds import scan
from odatis_kg.pipeline.building import harvest
from odatis_kg.pipeline.harvesting import Outcome, Wanted
from odatis_kg.pipeline.stages import silent
from odatis_kg.sources import OaiPmhSource
from tests.harvest.oai_server import DAY, SECONDS, Parameters, Record, Repository, error, records
from tests.harvest.pycsw_server import pycsw
from tests.harvest.raw_server import Answering, Sent, answer, raw_server
from tests.support import iso


class Nothing:
    """Nothing is known from earlier harvests."""

    def validators(self, identifier: str) -> Validators:
        return Validators()

    def cited_persons(self) -> list[str]:
        return []


@dataclass
class Walked:
    """What came of a walk: its pages, and the error it ended with."""

    pages: list[Page]
    error: HarvestError | FetchError | None
    client: OaiPmhClient

    @property
    def items(self) -> list[Item]:
        return [item for page in self.pages for item in page.items]

    @property
    def identifiers(self) -> list[str]:
        return [item.identifier.removeprefix("oai:test:") for item in self.items]

    @property
    def remarks(self) -> str:
        return "\n".join(remark for page in self.pages for remark in page.remarks)


def client_of(address: str, slept: list[float], **settings: Any) -> OaiPmhClient:
    source = OaiPmhSource(protocol="oai-pmh", url=address, **{"delay_seconds": 0, "tries": 2, **settings})
    return OaiPmhClient(source, Http(source, sleep=slept.append))


def walk(
    answering: Answering, since: str = "", checkpoint: Any = None, slept: list[float] | None = None, **settings: Any
) -> Walked:
    with raw_server(answering) as server:
        client = client_of(server.address, [] if slept is None else slept, **settings)
        if checkpoint and " http://127.0.0.1:" in checkpoint.get("of", ""):  # of a server that had another port
            checkpoint = {**checkpoint, "of": client._of}
        pages = []
        try:
            pages.extend(_taken(client, Start(Nothing(), checkpoint, since), pages))
        except (HarvestError, FetchError) as caught:
            return Walked(pages, caught, client)
        finally:
            client._http.close()
        return Walked(pages, None, client)


def _taken(client: OaiPmhClient, start: Start, pages: list[Page]) -> list[Page]:
    for page in client.pages(start):
        json.dumps(page.checkpoint)
        pages.append(page)
    return []


def whole(make: Callable[[], Answering], since: str = "", **settings: Any) -> Walked:
    """A walk to the end, after which walks from each of its checkpoints on must have given exactly the rest."""
    result = walk(make(), since, **settings)
    assert result.error is None, result.error
    for at, page in enumerate(result.pages):
        checkpoint = json.loads(json.dumps(page.checkpoint))
        rest = walk(make(), since, checkpoint, **settings)
        assert rest.error is None, rest.error
        expected = [item for later in result.pages[at + 1 :] for item in later.items]
        assert [_what(item) for item in rest.items] == [_what(item) for item in expected], f"after page {at}"
    return result


def _what(item: Item) -> tuple[object, ...]:
    """An item without the words of its reason, which name the port of the server."""
    return item.identifier, item.content, item.modified, bool(item.reason)


def numbers(first: int, last: int) -> list[str]:
    return [f"{at:02}" for at in range(first, last + 1)]


# A repository that is right


def test_a_list_is_walked_to_its_end_and_gone_on_with_after_any_page() -> None:
    result = whole(lambda: Repository(records(8)))
    assert result.identifiers == numbers(1, 8)
    assert [len(page.items) for page in result.pages] == [3, 3, 2]
    assert [page.total for page in result.pages] == [8, 8, 8]
    assert result.items[0].modified == "2026-01-01T12:00:00Z"
    assert not result.remarks
    assert result.client.deletions == "persistent"
    assert result.client.incremental


def test_a_list_of_one_page_needs_no_token() -> None:
    repository = Repository(records(3))
    assert whole(lambda: repository).identifiers == numbers(1, 3)
    assert repository.asked[:2] == [{"verb": "Identify"}, {"verb": "ListRecords", "metadataPrefix": "oai_dc"}]


def test_scan_finds_the_same_record_in_an_item_as_in_the_answer_it_came_with() -> None:
    (page,) = walk(Repository(records(3))).pages
    in_the_answer = scan(page.answer.content)
    in_the_items = [scan(item.content or b"") for item in page.items]
    assert [one.records[0] for one in in_the_items] == list(in_the_answer.records)
    assert in_the_answer.records[0].key == "dc:oai:test:01"
    assert in_the_answer.records[0].modified == "2026-01-01T12:00:00Z"


def test_an_unchanged_record_has_the_same_bytes_whenever_and_however_it_comes() -> None:
    repository = Repository(records(8))
    first, second = walk(repository), walk(replace(repository, size=2))
    assert first.pages[0].answer.content != second.pages[0].answer.content
    assert first.items == second.items
    with raw_server(repository) as server:
        client = client_of(server.address, [])
        assert client.one("oai:test:05").items == (first.items[4],)
        client._http.close()


def test_deleted_records_come_without_content() -> None:
    listed = [*records(2), Record("oai:test:03", "2026-01-03T00:00:00Z", deleted=True)]
    result = whole(lambda: Repository(listed))
    assert [item.is_deleted for item in result.items] == [False, False, True]
    assert result.items[2] == Item("oai:test:03", None, "2026-01-03T00:00:00Z")


def test_a_record_of_several_sets_comes_once() -> None:
    listed = [
        replace(record, sets=("a", "b", "c") if at in (2, 3) else (("a", "b", "c")[at % 3],))
        for at, record in enumerate(records(9))
    ]
    repository = Repository(listed, size=2)
    result = whole(lambda: repository, sets=("a", "b", "c"))
    assert sorted(result.identifiers) == numbers(1, 9)
    assert next(page.total for page in result.pages) is None
    assert [asked["set"] for asked in repository.asked if "set" in asked][:3] == ["a", "b", "c"]


def test_an_empty_set_does_not_hide_the_next() -> None:
    result = whole(lambda: Repository(records(2, sets=("b",))), sets=("a", "b"))
    assert result.identifiers == numbers(1, 2)
    assert "the set a has no records in the format oai_dc" in result.remarks


# From a time on


@pytest.mark.parametrize(("granularity", "sent"), [(DAY, "2026-01-05"), (SECONDS, "2026-01-05T12:00:00Z")])
def test_changes_are_asked_for_as_exactly_as_the_repository_can(granularity: str, sent: str) -> None:
    repository = Repository(records(8), granularity=granularity)
    assert whole(lambda: repository, "2026-01-05T12:00:00Z").identifiers == numbers(5, 8)
    assert [asked["from"] for asked in repository.asked if "from" in asked] == [sent]


def test_nothing_new_is_an_empty_walk() -> None:
    result = whole(lambda: Repository(records(8)), "2026-03-01T00:00:00Z")
    assert result.items == []
    assert len(result.pages) == 1
    assert not result.remarks


@pytest.mark.parametrize("deletions", ["no", "transient", ""])
def test_a_repository_that_forgets_deletions_is_remarked_when_only_changes_are_asked_for(deletions: str) -> None:
    result = walk(Repository(records(8), deletions=deletions), "2026-01-05T12:00:00Z")
    assert f"'{deletions or 'nothing'}': a full harvest sees what is gone" in result.remarks
    assert result.client.deletions == deletions
    assert not walk(Repository(records(8), deletions=deletions)).remarks


def test_a_repository_that_cannot_take_the_time_it_promised_is_asked_more_simply() -> None:
    def days_only(asked: Parameters) -> str | None:
        return error("badArgument", "no such date") if "T" in asked.get("from", "") else None

    def no_dates(asked: Parameters) -> str | None:
        return error("badArgument", "no such date") if "from" in asked else None

    result = whole(lambda: Repository(records(8), fault=days_only), "2026-01-05T12:00:00Z")
    assert result.identifiers == numbers(5, 8)
    result = whole(lambda: Repository(records(8), fault=no_dates), "2026-01-05T12:00:00Z")
    assert result.identifiers == numbers(1, 8)
    assert "does not take the time" in result.remarks


@pytest.mark.parametrize("said", [error("badVerb"), "<Identify/>", "", "<broken", answer("404 Not Found")])
def test_a_repository_that_does_not_describe_itself_is_harvested_by_days(said: str | bytes) -> None:
    def fault(asked: Parameters) -> Sent | str | None:
        return said if asked["verb"] == "Identify" else None

    repository = Repository(records(8), granularity=DAY, fault=fault)
    assert whole(lambda: repository, "2026-01-05T12:00:00Z").identifiers == numbers(5, 8)


# Resumption tokens


def expiring(after: int, times: int = 1, code: str = "badResumptionToken") -> Callable[[Parameters], str | None]:
    """The token that leads to a page expires so many times."""
    left = [times]

    def fault(asked: Parameters) -> str | None:
        token = asked.get("resumptionToken", "")
        if left[0] and token.endswith(f"|{after}"):
            left[0] -= 1
            return error(code, "expired")
        return None

    return fault


def test_a_repository_that_wants_all_arguments_with_each_token_gets_them_and_no_other_does() -> None:
    def make() -> Repository:
        right = Repository(records(8, sets=("a",)))

        def fault(asked: Parameters) -> str | None:
            if "resumptionToken" not in asked:
                return None
            if asked.get("metadataPrefix") != "oai_dc" or asked.get("set") != "a" or "from" not in asked:
                return error("badArgument", "what do you want?")
            return right.said({"verb": asked["verb"], "resumptionToken": asked["resumptionToken"]})

        return Repository(right.records, fault=fault)

    assert whole(make, "2026-01-02T12:00:00Z", sets=("a",)).identifiers == numbers(2, 8)
    # Where a token is refused for another reason, those that follow are sent alone again.
    strict = Repository(records(20), fault=expiring(3, code="badArgument"))
    assert walk(strict).identifiers == numbers(1, 20)
    with_more = [asked for asked in strict.asked if "resumptionToken" in asked and len(asked) > 2]
    assert len(with_more) == 1


@pytest.mark.parametrize("code", ["badResumptionToken", "BADRESUMPTIONTOKEN", "badArgument"])
def test_after_an_expired_token_a_list_in_order_goes_on_at_its_last_datestamp(code: str) -> None:
    repositories: list[Repository] = []

    def make() -> Repository:
        repositories.append(Repository(records(8), fault=expiring(6, code=code)))
        return repositories[-1]

    result = whole(make)
    assert result.identifiers == numbers(1, 8)
    assert "begun again from 2026-01-06T12:00:00Z" in result.remarks
    assert [asked["from"] for asked in repositories[0].asked if "from" in asked] == ["2026-01-06T12:00:00Z"]


def test_tokens_that_expire_again_and_again_do_no_harm_while_the_list_goes_on() -> None:
    def fault(asked: Parameters) -> str | None:
        return error("badResumptionToken") if asked.get("resumptionToken", "").endswith("|3") else None

    assert whole(lambda: Repository(records(20), fault=fault)).identifiers == numbers(1, 20)


def test_after_an_expired_token_a_list_without_order_begins_anew_and_gives_nothing_twice() -> None:
    shuffled = [*records(9)[4:], *records(9)[:4]]
    result = whole(lambda: Repository(shuffled, fault=expiring(6)))
    assert sorted(result.identifiers) == numbers(1, 9)
    assert "the list is begun again: " in result.remarks


def test_an_order_that_was_chance_is_noticed() -> None:
    listed = [*records(9)[2:6], records(9)[6], records(9)[8], records(9)[7], *records(9)[:2]]
    result = whole(lambda: Repository(listed, fault=expiring(3)))
    assert sorted(result.identifiers) == numbers(1, 9)
    assert "not in the order of its datestamps after all" in result.remarks


@pytest.mark.parametrize("announce", [lambda whole: whole, lambda whole: None, lambda whole: 3])
@pytest.mark.parametrize("estimate", [False, True])
def test_an_order_that_was_chance_is_noticed_by_the_count_or_the_identifiers(announce: Any, estimate: bool) -> None:
    # What comes after the last datestamp is in order too, but something before it is lost.
    listed = [*records(9)[3:6], *records(9)[:3], *records(9)[6:]]
    result = whole(lambda: Repository(listed, fault=expiring(3), announce=announce), count_is_estimate=estimate)
    assert sorted(result.identifiers) == numbers(1, 9)


def test_a_token_that_expires_always_is_not_asked_for_endlessly() -> None:
    def fault(asked: Parameters) -> str | None:
        return error("badResumptionToken", "gone") if "resumptionToken" in asked else None

    same_day = [replace(record, datestamp="2026-01-01") for record in records(8)]
    repository = Repository(same_day, fault=fault)
    result = walk(repository)
    assert result.identifiers == numbers(1, 3)
    assert "in vain" in str(result.error)
    assert "gone" in str(result.error)
    assert len(repository.asked) < 12


def test_the_datestamp_that_a_repository_does_not_take_back_leads_to_the_start() -> None:
    def make() -> Repository:
        expired = expiring(6)

        def fault(asked: Parameters) -> str | None:
            return error("badArgument", "what date?") if "from" in asked else expired(asked)

        return Repository(records(8), fault=fault)

    result = whole(make)
    assert result.identifiers == numbers(1, 8)
    assert "does not take its own datestamp: badArgument: what date?" in result.remarks


@pytest.mark.parametrize("verb", ["ListRecords", "ListIdentifiers"])
def test_a_token_that_leads_to_the_same_page_again_ends_the_walk(verb: str) -> None:
    def fault(asked: Parameters) -> str | None:
        if asked["verb"] == verb and asked.get("resumptionToken", "").endswith("|6"):
            return Repository(records(8)).said({**asked, "resumptionToken": "||3"})
        return None

    repository = Repository(records(8), fault=fault, announce=lambda whole: whole + (verb == "ListIdentifiers"))
    result = walk(repository)
    assert result.identifiers == (numbers(1, 6) if verb == "ListRecords" else numbers(1, 8))
    assert "the same page" in str(result.error)
    assert len(repository.asked) < 12


def test_pages_that_go_round_in_a_circle_end_the_walk() -> None:
    def fault(asked: Parameters) -> str | None:
        token = asked.get("resumptionToken", "")
        return (
            Repository(records(8)).said({"verb": "ListRecords", "metadataPrefix": "oai_dc"})
            if token.endswith("|6")
            else None
        )

    result = walk(Repository(records(8), fault=fault))
    assert result.identifiers == numbers(1, 6)
    assert "the same page" in str(result.error)


def test_a_token_on_the_last_page_that_leads_nowhere_does_no_harm() -> None:
    def fault(asked: Parameters) -> str | None:
        token = asked.get("resumptionToken", "")
        if token == "no more":
            return error("badResumptionToken")
        said = Repository(records(8)).said(asked)
        return said.replace('cursor="6"></', 'cursor="6">no more</') if token.endswith("|6") else None

    assert whole(lambda: Repository(records(8), fault=fault)).identifiers == numbers(1, 8)


def test_one_token_for_all_pages_is_followed_while_the_pages_are_new() -> None:
    def make() -> Callable[[Any], Sent]:
        right = Repository(records(8))
        at = count(0, 3)

        def fault(asked: Parameters) -> str | None:
            if asked["verb"] != "ListRecords":
                return None
            token = {"resumptionToken": f"||{next(at)}"} if "resumptionToken" in asked else {"metadataPrefix": "oai_dc"}
            if "metadataPrefix" in token:
                next(at)
            said = right.said({"verb": "ListRecords", **token})
            return said.replace("||3<", "session<").replace("||6<", "session<")

        return Repository([], fault=fault)

    assert walk(make()).identifiers == numbers(1, 8)


@pytest.mark.parametrize("fresh", [True, False])
def test_an_endless_list_ends(fresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oaipmh_walk, "_MOST_PAGES", 30)
    at = count()

    def fault(asked: Parameters) -> str | None:
        if asked["verb"] != "ListRecords":
            return None
        number = next(at)
        listed = Record(f"oai:test:{number}").element if fresh else ""
        return f"<ListRecords>{listed}<resumptionToken>{number}</resumptionToken></ListRecords>"

    result = walk(Repository([], fault=fault))
    assert ("the list does not end" if fresh else "one page without records after the other") in str(result.error)
    assert len(result.pages) == (30 if fresh else 20)


def test_a_checkpoint_of_other_settings_is_not_gone_on_with() -> None:
    checkpoint = walk(Repository(records(8))).pages[1].checkpoint
    for stale in ({}, {**checkpoint, "of": "another repository"}, {"token": "||3"}):
        assert walk(Repository(records(8)), checkpoint=stale).identifiers == numbers(1, 8)


# Counts


def test_records_that_a_list_lacks_are_found_by_their_identifiers() -> None:
    def fault(asked: Parameters) -> str | None:
        return right.said(asked).replace(right.records[4].element, "") if asked["verb"] == "ListRecords" else None

    right = Repository(records(8))
    result = whole(lambda: Repository(records(8), fault=fault))
    assert sorted(result.identifiers) == numbers(1, 8)
    assert result.items[-1].identifier == "oai:test:05"
    assert result.items[-1].content == walk(Repository(records(8))).items[4].content


def test_fewer_records_than_announced_is_an_error_when_they_are_nowhere() -> None:
    result = walk(Repository(records(8), announce=lambda whole: whole + 1))
    assert result.identifiers == numbers(1, 8)
    assert "announces 9 records and lists 8, also by ListIdentifiers (count_is_estimate" in str(result.error)


def test_fewer_records_than_announced_is_no_error_where_the_count_is_an_estimate() -> None:
    repository = Repository(records(8), announce=lambda whole: whole + 1)
    assert whole(lambda: repository, count_is_estimate=True).identifiers == numbers(1, 8)
    assert not [asked for asked in repository.asked if asked["verb"] == "ListIdentifiers"]


@pytest.mark.parametrize("announce", [lambda whole: None, lambda whole: 3, lambda whole: "about 8", lambda whole: ""])
def test_a_count_that_says_nothing_or_too_little_does_no_harm(announce: Any) -> None:
    assert whole(lambda: Repository(records(8), announce=announce)).identifiers == numbers(1, 8)


def test_a_record_listed_twice_does_not_stand_for_one_that_is_missing() -> None:
    listed = records(8)
    listed[5] = listed[1]
    result = walk(Repository(listed, announce=lambda whole: 8))
    assert "announces 8 records and lists 7" in str(result.error)


def test_deletions_count_as_records() -> None:
    listed = [*records(7), Record("oai:test:08", "2026-01-08T12:00:00Z", deleted=True)]
    assert len(whole(lambda: Repository(listed)).items) == 8


# Broken pages


def cut(asked: Parameters, right: Repository, share: float = 0.6) -> bytes:
    document = right.document(right.said(asked))
    return answer(body=document[: int(len(document) * share)], Content_Type="text/xml")


def test_a_page_that_was_cut_off_is_asked_for_again() -> None:
    def make() -> Repository:
        left = [1]

        def fault(asked: Parameters) -> Sent | None:
            if left[0] and asked.get("resumptionToken", "").endswith("|3"):
                left[0] = 0
                return cut(asked, Repository(records(8)))
            return None

        return Repository(records(8), fault=fault)

    result = whole(make)
    assert result.identifiers == numbers(1, 8)
    assert not result.remarks


@pytest.mark.parametrize("which", ["", "||3", "||6"])
def test_records_of_a_page_that_is_always_cut_off_are_asked_for_one_by_one(which: str) -> None:
    def fault(asked: Parameters) -> Sent | None:
        if asked["verb"] == "ListRecords" and asked.get("resumptionToken", "") == which:
            return cut(asked, Repository(records(8)))
        return None

    result = whole(lambda: Repository(records(8), fault=fault))
    assert sorted(result.identifiers) == numbers(1, 8)
    assert "a page is lost" in result.remarks
    assert sorted(result.items, key=lambda item: item.identifier) == walk(Repository(records(8))).items


def broken(record: Record) -> Record:
    return replace(record, title="a control character: \x0b")


@pytest.mark.parametrize("announce", [lambda whole: whole, lambda whole: None])
def test_a_record_that_breaks_its_page_is_the_only_one_that_is_lost(announce: Any) -> None:
    listed = records(20)
    listed[4] = broken(listed[4])
    repository = Repository(listed, announce=announce)
    result = whole(lambda: repository)
    assert sorted(result.identifiers) == numbers(1, 20)
    (lost,) = [item for item in result.items if item.content is None]
    assert lost.identifier == "oai:test:05"
    assert "not well-formed XML" in lost.reason
    assert not lost.is_deleted
    # The list was gone on with by the token of the broken page.
    once = [asked["identifier"] for asked in walk_log(repository) if asked["verb"] == "GetRecord"]
    assert once == ["oai:test:04", "oai:test:05", "oai:test:05", "oai:test:06"]


def walk_log(repository: Repository) -> list[Parameters]:
    repository.asked.clear()
    walk(repository)
    return repository.asked


def test_a_record_that_breaks_the_server_is_the_only_one_that_is_lost() -> None:
    def fault(asked: Parameters) -> Sent | None:
        bad = asked.get("identifier") == "oai:test:05" or (
            asked["verb"] == "ListRecords" and asked.get("resumptionToken") == "||3"
        )
        return answer("500 Internal Server Error", b"Exception in thread main") if bad else None

    result = whole(lambda: Repository(records(8), fault=fault))
    assert sorted(result.identifiers) == numbers(1, 8)
    (lost,) = [item for item in result.items if item.content is None]
    assert (lost.identifier, lost.is_deleted) == ("oai:test:05", False)
    assert "500 Internal Server Error" in lost.reason


def test_in_a_set_only_what_the_set_lacks_is_asked_for() -> None:
    listed = [replace(one, sets=("a", "b") if at == 0 else ("b",)) for at, one in enumerate(records(6))]

    def fault(asked: Parameters) -> Sent | None:
        bad = asked["verb"] == "ListRecords" and (asked.get("set") == "b")
        return cut(asked, Repository(listed)) if bad else None

    repository = Repository(listed, fault=fault)
    assert whole(lambda: repository, sets=("a", "b")).identifiers == numbers(1, 6)
    repository.asked.clear()
    walk(repository, sets=("a", "b"))
    assert [one["identifier"][-2:] for one in repository.asked if one["verb"] == "GetRecord"] == numbers(2, 6)
    assert [one.get("set") for one in repository.asked if one["verb"] == "ListIdentifiers"] == ["b", None]


def test_records_that_vanish_between_list_and_request_are_told() -> None:
    def fault(asked: Parameters) -> Sent | str | None:
        if asked["verb"] == "ListRecords":
            return cut(asked, Repository(records(2)))
        if asked.get("identifier") == "oai:test:01":
            return error("idDoesNotExist", "never heard of")
        if asked.get("identifier") == "oai:test:02":
            return answer("404 Not Found")
        return None

    listed = [*records(2), Record("oai:test:03", deleted=True)]
    result = walk(Repository(listed, fault=fault))
    assert result.error is None
    assert result.items[0] == Item("oai:test:01", None, reason="GetRecord: idDoesNotExist: never heard of")
    assert "404 Not Found" in result.items[1].reason
    assert result.items[2].is_deleted


def test_when_neither_records_nor_identifiers_can_be_had_the_walk_fails() -> None:
    def fault(asked: Parameters) -> Sent | None:
        return cut(asked, Repository(records(8))) if asked["verb"].startswith("List") else None

    result = walk(Repository(records(8), fault=fault))
    assert "neither ListRecords nor ListIdentifiers gives the whole list" in str(result.error)
    assert result.items == []


def test_an_expired_token_while_identifiers_are_listed_does_no_harm() -> None:
    def make() -> Repository:
        expired = expiring(3)

        def fault(asked: Parameters) -> Sent | str | None:
            if asked["verb"] == "ListRecords":
                return cut(asked, Repository(records(8)))
            return expired(asked)

        return Repository(records(8), fault=fault)

    result = whole(make)
    assert result.identifiers == numbers(1, 8)


def test_an_interrupted_walk_through_a_very_long_list_forgets_but_does_not_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oaipmh_walk, "_MOST_REMEMBERED", 4)
    first = walk(Repository(records(9)))
    assert first.error is None
    checkpoint = first.pages[1].checkpoint
    assert not checkpoint["seen"]
    assert walk(Repository(records(9)), checkpoint=checkpoint).identifiers == numbers(7, 9)
    short = walk(Repository(records(9)[:8], announce=lambda _: 9), checkpoint=checkpoint)
    assert "gone on with after an interruption" in str(short.error)


# Everything at once


@pytest.mark.parametrize("seed", range(40))
def test_whatever_goes_wrong_a_walk_that_ends_well_has_seen_everything_once(seed: int) -> None:
    chance = random.Random(seed)
    listed = [
        replace(
            record,
            sets=tuple(one for one in "abc" if chance.random() < 0.5),
            deleted=chance.random() < 0.15,
            datestamp=record.datestamp if seed % 3 else chance.choice(["", "2026-01-01", "2026-01-02"]),
        )
        for record in records(chance.randint(0, 14))
    ]
    if seed % 2:
        chance.shuffle(listed)
    sets = chance.choice([(), ("a", "b")])
    right = Repository(listed, chance.randint(1, 5), announce=chance.choice([lambda whole: whole, lambda whole: None]))
    faults = {
        "expired": lambda asked: error("badResumptionToken") if "resumptionToken" in asked else None,
        "confused": lambda asked: error("badArgument") if "resumptionToken" in asked else None,
        "cut": lambda asked: cut(asked, right, 0.7),
        "empty": lambda asked: answer(body=b""),
        "broken": lambda asked: answer("500 Internal Server Error"),
        "busy": lambda asked: answer("503 Busy", Retry_After="3"),
        "absent": lambda asked: answer("404 Not Found"),
    }
    chosen: dict[str, str] = {}
    lasting = chance.random() < 0.5

    def fault(asked: Parameters) -> Sent | str | None:
        request = str(sorted(asked.items()))
        if request not in chosen:
            chosen[request] = chance.choice(list(faults)) if chance.random() < 0.25 else ""
        name = chosen[request]
        if not lasting:
            chosen[request] = ""
        return faults[name](asked) if name and asked["verb"] != "Identify" else None

    wanted = {one.identifier for one in listed if not sets or set(one.sets) & set(sets)}
    repository = replace(right, fault=fault, asked=[])
    result = walk(repository, sets=sets)
    came = [item.identifier for item in result.items]
    assert len(came) == len(set(came))
    assert set(came) <= wanted
    assert set(came) == wanted or result.error is not None
    assert len(repository.asked) < 300
    if result.pages:
        last = chance.choice(result.pages)
        before = {item.identifier for page in result.pages[: result.pages.index(last) + 1] for item in page.items}
        rest = walk(right, checkpoint=json.loads(json.dumps(last.checkpoint)), sets=sets)
        after = [item.identifier for item in rest.items]
        assert len(after) == len(set(after))
        assert not before & set(after)
        assert before | set(after) == wanted or rest.error is not None


# Errors


@pytest.mark.parametrize(
    ("code", "settings", "said"),
    [
        (
            "cannotDisseminateFormat",
            {"metadata_prefix": "iso19139"},
            "it offers the formats datacite, oai_dc (metadata_prefix)",
        ),
        ("badArgument", {"metadata_prefix": "iso19139"}, "it offers the formats datacite, oai_dc (metadata_prefix)"),
        ("badArgument", {}, "refuses: badArgument: so it is"),
        ("noSetHierarchy", {"sets": ("a",)}, "the repository has no sets, leave `sets` out"),
        ("badVerb", {}, "refuses: badVerb: so it is"),
        ("idDoesNotExist", {}, "refuses: idDoesNotExist: so it is"),
        ("undefinedError", {}, "refuses: undefinedError: so it is"),
        ("badResumptionToken", {}, "refuses: badResumptionToken: so it is"),
        ("", {}, "refuses: : so it is"),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "404 Not Found", "422 Unprocessable", "500 Oh"])
def test_a_refusal_says_what_to_do_whatever_its_http_status(code: str, settings: Any, said: str, status: str) -> None:
    repository = Repository([], formats=("oai_dc", "datacite"))

    def fault(asked: Parameters) -> Sent | None:
        return repository.enveloped(error(code, "so it is"), status) if asked["verb"] == "ListRecords" else None

    repository.fault = fault
    result = walk(repository, **settings)
    assert isinstance(result.error, HarvestError)
    assert said in str(result.error)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_an_empty_repository_is_an_empty_walk(status: str) -> None:
    repository = Repository([])

    def fault(asked: Parameters) -> Sent | None:
        return repository.enveloped(error("noRecordsMatch"), status) if asked["verb"] == "ListRecords" else None

    repository.fault = fault
    result = walk(repository)
    assert (result.error, result.items) == (None, [])


def test_several_errors_are_all_told() -> None:
    repository = Repository([], fault=lambda asked: error("badVerb", "one") + error("badArgument", "two"))
    assert "badVerb: one; badArgument: two" in str(walk(repository).error)


def test_a_web_page_is_no_repository() -> None:
    result = walk(lambda _: answer(body=b"<!DOCTYPE html><html>", Content_Type="text/html; charset=utf-8"))
    assert "answers with a web page" in str(result.error)
    result = walk(lambda _: answer(body=b"<rss><channel/></rss>", Content_Type="text/xml"))
    assert "is <rss> without it" in str(result.error)


def test_a_server_that_is_down_is_a_fetch_error() -> None:
    result = walk(lambda _: answer("503 Service Unavailable"))
    assert isinstance(result.error, FetchError)
    assert result.error.temporary


def test_an_overloaded_repository_is_waited_for() -> None:
    def make() -> Repository:
        seen: set[str] = set()

        def fault(asked: Parameters) -> Sent | None:
            if str(asked) in seen:
                return None
            seen.add(str(asked))
            return answer("503 Busy", Retry_After="20")

        return Repository(records(8), fault=fault)

    slept: list[float] = []
    assert walk(make(), slept=slept).identifiers == numbers(1, 8)
    assert [round(pause) for pause in slept if pause > 1] == [20] * 4


# Habits of servers


def test_a_record_without_metadata_is_told() -> None:
    said = "<ListRecords><record><header><identifier>x</identifier></header></record><record><header><identifier>y</identifier></header><metadata> </metadata></record></ListRecords>"
    result = walk(Repository([], fault=lambda asked: said if asked["verb"] == "ListRecords" else None))
    assert [(item.identifier, item.content) for item in result.items] == [("x", None), ("y", None)]
    assert all("without metadata" in item.reason for item in result.items)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(' xmlns="http://www.openarchives.org/OAI/2.0/"', ""),
        lambda text: text.replace("/OAI/2.0/\">", '/OAI/2.0">', 1),
        lambda text: text.replace("<request", "<request verb='Identify'/><request").replace("<responseDate>", "<responseDate>\n"),
        lambda text: f"\n\n  {text}",
        lambda text: text.replace("</OAI-PMH>", "<!-- 12 ms --></OAI-PMH>\n\n"),
    ],
    ids=["no namespace", "other namespace", "requests", "blank lines", "comment"],
)  # fmt: skip
def test_small_errors_of_servers_do_no_harm(change: Callable[[str], str]) -> None:
    right = Repository(records(8))

    def answering(asked: Any) -> bytes:
        _, _, body = right(asked).partition(b"\r\n\r\n")
        return answer(body=change(body.decode()).encode(), Content_Type="text/xml")

    result = walk(answering)
    assert result.error is None
    assert result.identifiers == numbers(1, 8)
    assert scan(result.items[0].content or b"").records[0].key == "dc:oai:test:01"


def test_prefixes_are_as_good_as_a_default_namespace() -> None:
    right = Repository(records(8))

    def answering(asked: Any) -> bytes:
        text = right(asked).partition(b"\r\n\r\n")[2].decode()
        for name in ("OAI-PMH", "Identify", "granularity", "deletedRecord", "ListRecords", "record", "header", "identifier",
                     "datestamp", "metadata", "resumptionToken"):  # fmt: skip
            text = text.replace(f"<{name}", f"<oai:{name}").replace(f"</{name}>", f"</oai:{name}>")
        return answer(body=text.replace("xmlns=", "xmlns:oai=").encode())

    result = walk(answering)
    assert result.identifiers == numbers(1, 8)
    assert result.client.deletions == "persistent"


def test_headers_that_repeat_the_first_are_told_apart_by_the_records_themselves() -> None:
    def fault(asked: Parameters) -> str | None:
        if asked["verb"] != "ListRecords":
            return None
        said = Repository(records(8)).said(asked)
        first = said.partition("<header>")[2].partition("</header>")[0]
        parts = said.split("</header>")
        return "</header>".join([*(f"{one.rpartition('<header>')[0]}<header>{first}" for one in parts[:-1]), parts[-1]])

    assert whole(lambda: Repository(records(8), fault=fault)).identifiers == numbers(1, 8)


def test_a_token_with_signs_that_xml_escapes_comes_back_as_it_was() -> None:
    def fault(asked: Parameters) -> str | None:
        token = asked.get("resumptionToken")
        if token == "a&b<é>+/=":
            return f"<ListRecords>{Record('oai:test:02').element}</ListRecords>"
        if asked["verb"] == "ListRecords":
            return f"<ListRecords>{Record('oai:test:01').element}<resumptionToken> a&amp;b&lt;é&gt;+/= </resumptionToken></ListRecords>"
        return None

    assert walk(Repository([], fault=fault)).identifiers == numbers(1, 2)


# One record


def test_one_record_can_be_asked_for_again() -> None:
    right = Repository([*records(2), Record("oai:test:03", deleted=True)])
    with raw_server(right) as server:
        client = client_of(server.address, [])
        page = client.one("oai:test:02")
        assert page.items[0].identifier == "oai:test:02"
        assert page.answer.content
        assert client.one("oai:test:03").items[0].is_deleted
        unknown = client.one("oai:test:99").items[0]
        assert (unknown.content, unknown.is_deleted, unknown.reason) == (None, False, "GetRecord: idDoesNotExist")
        client._http.close()
    with raw_server(answer("404 Not Found")) as server:
        client = client_of(server.address, [])
        page = client.one("oai:test:02")
        assert page.answer.status == 404
        assert "404 Not Found" in page.items[0].reason
        client._http.close()


# With archive and ledger


def test_a_repository_is_harvested_into_the_ledger_and_what_it_deletes_is_gone(tmp_path: Path) -> None:
    repository = Repository(records(8))
    with raw_server(repository) as server:
        source = OaiPmhSource(protocol="oai-pmh", url=server.address, delay_seconds=0)
        settings = load(data_dir=tmp_path / "data", sources={"ours": source})

        def harvested(*, full: bool) -> Outcome:
            (outcome,) = harvest({"ours": source}, settings, Wanted(full=full), silent, lambda *_: None)
            assert outcome.succeeded, outcome.reason
            return outcome

        first = harvested(full=True).walk
        assert (first.items, first.new, first.pages, first.quarantined) == (8, 8, 3, 0)
        again = harvested(full=True).walk
        assert (again.items, again.new, again.changed, again.missing) == (8, 0, 0, 0)
        repository.records[1] = replace(repository.records[1], datestamp="2036-01-02T00:00:00Z", title="Another title")
        repository.records[2] = replace(repository.records[2], datestamp="2036-01-03T00:00:00Z", deleted=True)
        changes = harvested(full=False)
        assert (changes.walk.items, changes.walk.new, changes.walk.changed, changes.walk.gone) == (2, 0, 1, 1)
        assert changes.missing == [("dc:oai:test:03", "gone")]
        assert repository.asked[-1]["from"].endswith("Z")


# pycsw, a repository that others wrote


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of pycsw's repository of 25 records in pages of 10, and its database."""
    folder = tmp_path_factory.mktemp("pycsw")
    (folder / "records").mkdir()
    for at in range(1, 26):
        stamp = f"<gmd:dateStamp><gco:DateTime>2026-01-{at:02}T12:00:00Z</gco:DateTime></gmd:dateStamp>"
        (folder / "records" / f"{at:02}.xml").write_bytes(
            iso(key=f"record-{at:02}", title=f"Profils {at}", around=stamp)
        )
    with pycsw(folder / "records", folder / "catalogue.sqlite", 10) as address:
        yield f"{address}?mode=oaipmh", folder / "catalogue.sqlite"


def walk_at(address: str, since: str = "", checkpoint: Any = None, **settings: Any) -> list[Page]:
    client = client_of(address, [], **settings)
    try:
        return list(client.pages(Start(Nothing(), checkpoint, since)))
    finally:
        client._http.close()


@pytest.mark.parametrize("prefix", ["iso19139", "oai_dc", "csw-record"])
def test_pycsw_is_harvested_whole_and_gone_on_with_after_any_page(catalogue: tuple[str, Path], prefix: str) -> None:
    address, _ = catalogue
    pages = walk_at(address, metadata_prefix=prefix)
    items = [item for page in pages for item in page.items]
    assert [item.identifier for item in items] == [f"record-{at:02}" for at in range(1, 26)]
    assert [page.total for page in pages] == [25] * 3
    assert not any(page.remarks for page in pages)
    for page in pages:
        in_the_answer = scan(page.answer.content).records
        assert [scan(item.content or b"").records[0] for item in page.items] == list(in_the_answer)
    for at, page in enumerate(pages):
        rest = walk_at(address, checkpoint=json.loads(json.dumps(page.checkpoint)), metadata_prefix=prefix)
        assert [one.items for one in rest] == [one.items for one in pages[at + 1 :]]
    assert walk_at(address, metadata_prefix=prefix)[0].items == pages[0].items


def test_one_record_of_pycsw_is_the_same_as_in_its_list(catalogue: tuple[str, Path]) -> None:
    address, _ = catalogue
    listed = {item.identifier: item for page in walk_at(address, metadata_prefix="iso19139") for item in page.items}
    client = client_of(address, [], metadata_prefix="iso19139")
    (one,) = client.one("record-17").items
    assert one.content == listed["record-17"].content
    assert one.modified == "2026-01-17T12:00:00Z"
    (none,) = client.one("record-99").items
    assert (none.content, none.reason) == (None, "GetRecord: the answer holds no record")
    client._http.close()


def test_a_format_that_pycsw_does_not_have_is_explained(catalogue: tuple[str, Path]) -> None:
    with pytest.raises(HarvestError, match="it offers the formats csw-record, "):
        walk_at(catalogue[0], metadata_prefix="datacite9")


@pytest.mark.parametrize("prefix", ["iso19139", "oai_dc"])
def test_pycsw_gives_what_changed(catalogue: tuple[str, Path], prefix: str) -> None:
    address, _ = catalogue
    pages = walk_at(address, "2026-01-08T00:00:00Z", metadata_prefix=prefix)
    identifiers = [item.identifier for page in pages for item in page.items]
    assert identifiers == [f"record-{at:02}" for at in range(8, 26)]
    assert "'no': a full harvest sees what is gone" in pages[0].remarks[0]


def test_edits_and_deletions_in_pycsw_are_seen(catalogue: tuple[str, Path]) -> None:
    address, database = catalogue
    before = {item.identifier: item for page in walk_at(address, metadata_prefix="iso19139") for item in page.items}
    with closing(sqlite3.connect(database)) as repository, repository:
        repository.execute(
            "UPDATE records SET xml = replace(replace(xml, 'Profils 3', 'Profils trois'), '2026-01-03T', '2026-03-03T'),"
            " date = '2026-03-03T12:00:00Z', date_modified = '2026-03-03T12:00:00Z' WHERE identifier = 'record-03'"
        )
        repository.execute("CREATE TABLE kept AS SELECT * FROM records WHERE identifier = 'record-20'")
        repository.execute("DELETE FROM records WHERE identifier = 'record-20'")
    try:
        (changed,) = [
            item for page in walk_at(address, "2026-02-01T00:00:00Z", metadata_prefix="iso19139") for item in page.items
        ]
        after = {item.identifier: item for page in walk_at(address, metadata_prefix="iso19139") for item in page.items}
    finally:
        with closing(sqlite3.connect(database)) as repository, repository:
            repository.execute("INSERT INTO records SELECT * FROM kept")
            repository.execute("DROP TABLE kept")
            repository.execute(
                "UPDATE records SET xml = replace(replace(xml, 'Profils trois', 'Profils 3'), '2026-03-03T', '2026-01-03T'),"
                " date = '2026-01-03T12:00:00Z', date_modified = '2026-01-03T12:00:00Z' WHERE identifier = 'record-03'"
            )
    assert changed.identifier == "record-03"
    assert b"Profils trois" in (changed.content or b"")
    assert after["record-03"] == changed
    assert set(before) - set(after) == {"record-20"}
    assert all(after[one] == before[one] for one in after if one != "record-03")


# Saved answers of real repositories


def saved(folder: Path) -> Answering:
    """Repositories as they answered: by verb and format for pycsw's, by the name of the file for tokens of another."""

    def answering(asked: Any) -> bytes:
        parameters = dict(parse_qsl(urlsplit(asked.path).query))
        verb, prefix = parameters["verb"], parameters.get("metadataPrefix", "")
        name = parameters.get("resumptionToken") or {
            "Identify": "get_Identify.xml",
            "ListMetadataFormats": "get_ListMetadataFormats.xml",
            "ListRecords": {"test": "ListRecords.xml", "iso19139": "get_ListRecords_iso19139.xml",
                            "oai_dc": "get_ListRecords_oai_dc.xml", "csw-record": "get_ListRecords_dc.xml",
                            "foo": "get_ListRecords_dc_bad_metadata_prefix.xml"}.get(prefix, ""),
        }.get(verb, "")  # fmt: skip
        path = folder / name
        return answer(
            body=path.read_bytes() if name and path.is_file() else (folder / "badResumptionToken.xml").read_bytes()
        )

    return answering


@pytest.mark.real
def test_a_saved_list_with_tokens_is_walked_until_it_repeats_itself(real: Path) -> None:
    folder = real / "oai-pmh" / "protocol"
    # The three saved pages list the same records, as no repository should: the walk must not take them for a whole list.
    result = walk(saved(folder), metadata_prefix="test")
    assert "the same page" in str(result.error)
    assert [item.is_deleted for item in result.items] == [True, False]
    assert scan(result.items[1].content or b"").records


@pytest.mark.real
@pytest.mark.parametrize("prefix", ["iso19139", "oai_dc", "csw-record"])
def test_saved_pages_of_pycsw_give_the_records_that_scan_finds_in_them(real: Path, prefix: str) -> None:
    folder = real / "oai-pmh" / "protocol"
    result = walk(saved(folder), metadata_prefix=prefix)
    assert "the resumption token is refused" in str(result.error)  # the second page was not saved
    assert len(result.pages[0].items) == 10
    found = scan(result.pages[0].answer.content)
    assert [scan(item.content or b"").records[0] for item in result.items] == list(found.records)


@pytest.mark.real
def test_saved_refusals_are_explained(real: Path) -> None:
    result = walk(saved(real / "oai-pmh" / "protocol"), metadata_prefix="foo")
    assert "it offers the formats csw-record, datacite, dif" in str(result.error)


@pytest.mark.real
def test_each_saved_record_is_the_same_within_a_list_as_alone(real: Path) -> None:
    """Records as they were saved, put into a list: scan must find in the item what it finds in the file."""
    compared = 0
    for path in sorted((real / "oai-pmh").glob("*/*.xml")):
        content = path.read_bytes()
        if not content.lstrip().startswith(b"<record"):
            continue
        page = (
            b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>%b</ListRecords></OAI-PMH>' % content
        )
        (item,) = items_of(read(Answer("", 200, "", page), "ListRecords"))
        alone = scan(content)
        assert item.content is not None
        within = scan(item.content)
        assert [found.key for found in within.records] == [found.key for found in alone.records]
        assert [found.content for found in within.records] == [found.content for found in alone.records], path.name
        compared += len(within.records)
    assert compared > 50
