"""CSW: a real pycsw harvested by both versions and both methods, and the same behind a server that misbehaves."""

import json
import re
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.config import load
from odatis_kg.harvest.client import HarvestError, Item, Page, Start
from odatis_kg.harvest.csw import CswClient
from odatis_kg.harvest.csw_messages import (
    GMD,
    ISO_19115_3,
    ISO_19115_3_OLD,
    AnswerError,
    Capabilities,
    Query,
    ReportedError,
    Results,
    cql_of,
    identifier_of,
    queryables_for,
    read_capabilities,
    read_record,
    read_results,
    schemas_for,
    types_for,
)
from odatis_kg.harvest.csw_walk import Stop, position_after
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.journal import Walk
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.mapping.xml import on_its_own
from odatis_kg.pipeline.building import harvest
from odatis_kg.pipeline.harvesting import Wanted
from odatis_kg.pipeline.stages import silent
from odatis_kg.sources import CswSource
from tests.conftest import ROOT
from tests.harvest.csw_server import Asked, Between, Reply, between
from tests.harvest.pycsw_server import pycsw
from tests.support import iso, iso3

EVERY_WAY = [(version, method) for version in ("2.0.2", "3.0.0") for method in ("post", "get")]
RECORDS = 30
CSW = "http://www.opengis.net/cat/csw/2.0.2"


class _Nothing:
    """A source never harvested before."""

    def validators(self, identifier: str) -> Any:
        raise AssertionError("CSW has no conditional requests")

    def cited_persons(self) -> list[str]:
        return []


def start(checkpoint: Mapping[str, Any] | None = None, since: str = "") -> Start:
    return Start(_Nothing(), json.loads(json.dumps(checkpoint)), since)


@contextmanager
def client(address: str, **settings: Any) -> Iterator[CswClient]:
    source = CswSource(
        protocol="csw", url=address, **{"delay_seconds": 0, "page_size": 10, "tries": 2, "method": "get", **settings}
    )
    http = Http(source, sleep=lambda seconds: None)
    try:
        yield CswClient(source, http)
    finally:
        http.close()


def harvested(address: str, since: str = "", **settings: Any) -> list[Page]:
    with client(address, **settings) as csw:
        return list(csw.pages(start(since=since)))


def until_it_fails(address: str, **settings: Any) -> tuple[list[Page], HarvestError | FetchError]:
    """What was handed over before the walk failed, and how it failed."""
    pages: list[Page] = []
    with client(address, **settings) as csw, pytest.raises((HarvestError, FetchError)) as failure:
        pages.extend(csw.pages(start()))
        # `extend` keeps what came before an exception
    return pages, failure.value


def items_of(pages: list[Page]) -> list[Item]:
    return list(chain.from_iterable(page.items for page in pages))


def names_of(pages: list[Page]) -> list[str]:
    return [item.identifier for item in items_of(pages)]


def remarks_of(pages: list[Page]) -> str:
    return "\n".join(chain.from_iterable(page.remarks for page in pages))


# The peer


class Catalogue:
    """A running pycsw and its repository."""

    def __init__(self, address: str, database: Path) -> None:
        self.address = address
        self.database = database

    def names(self, where: str = "1") -> set[str]:
        """Identifiers as the repository has them."""
        with closing(sqlite3.connect(self.database)) as repository:
            return {name for (name,) in repository.execute(f"SELECT identifier FROM records WHERE {where}")}

    def transact(self, inside: str) -> None:
        """A CSW transaction."""
        body = f"""<csw:Transaction service="CSW" version="2.0.2" xmlns:csw="{CSW}" xmlns:ogc="http://www.opengis.net/ogc"
            xmlns:apiso="http://www.opengis.net/cat/csw/apiso/1.0">{inside}</csw:Transaction>"""
        answer = requests.post(
            self.address, data=body.encode(), headers={"Content-Type": "application/xml"}, timeout=30
        )
        assert "TransactionResponse" in answer.text, answer.text

    def update(self, identifier: str, day: str) -> None:
        record = own_record(identifier, day).decode()
        self.transact(f"<csw:Update>{record}</csw:Update>")

    def delete(self, identifier: str) -> None:
        self.transact(
            f"""<csw:Delete><csw:Constraint version="1.1.0"><ogc:Filter><ogc:PropertyIsEqualTo>
            <ogc:PropertyName>apiso:Identifier</ogc:PropertyName><ogc:Literal>{identifier}</ogc:Literal>
            </ogc:PropertyIsEqualTo></ogc:Filter></csw:Constraint></csw:Delete>"""
        )


def own_record(identifier: str, day: str = "2020-05-17") -> bytes:
    """A record of our own with a date of change."""
    stamp = f"<gmd:dateStamp><gco:Date>{day}</gco:Date></gmd:dateStamp><gmd:identificationInfo>"
    return iso(key=identifier, title=f"Température &amp; salinité {identifier}").replace(
        b"<gmd:identificationInfo>", stamp.encode(), 1
    )


def write_own_records(folder: Path) -> None:
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02d}.xml").write_bytes(own_record(f"odatis-{number:02d}", f"2020-05-{number + 1:02d}"))
    for name in ("everything.iso19139.xml", "service.iso19139.xml", "cruise.csr.xml"):
        content = (ROOT / "tests/fixtures/records" / name).read_bytes()
        (folder / name).write_bytes(content)


def write_real_records(folder: Path, data: Path) -> None:
    """Some tens of real records, each of a file of its own with an identifier in it."""
    folder.mkdir()
    chosen = 0
    for number, path in enumerate(sorted((data / "iso19139").rglob("*.xml"))):
        content = path.read_bytes()
        if number % 4 or len(content) > 30_000 or b"fileIdentifier" not in content:
            continue
        found = scan(content)
        if len(found.records) == 1 and found.records[0].content == content:
            chosen += 1
            (folder / f"{chosen}.xml").write_bytes(content)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """pycsw with 500 records, copies of real ones where they are present."""
    folder = tmp_path_factory.mktemp("csw-large")
    data = ROOT.parent / "shared" / "data"
    if data.is_dir():
        write_real_records(folder / "records", data)
    else:
        write_own_records(folder / "records")
    with pycsw(folder / "records", folder / "pycsw.db", 1_000, 500) as address:
        yield Catalogue(address, folder / "pycsw.db")


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """pycsw with 30 records of our own; nobody changes them."""
    folder = tmp_path_factory.mktemp("csw")
    write_own_records(folder / "records")
    with pycsw(folder / "records", folder / "pycsw.db", 1_000, RECORDS) as address:
        yield Catalogue(address, folder / "pycsw.db")


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Catalogue]:
    """pycsw with 30 records of our own, to be changed."""
    write_own_records(tmp_path / "records")
    with pycsw(tmp_path / "records", tmp_path / "pycsw.db", 1_000, RECORDS) as address:
        yield Catalogue(address, tmp_path / "pycsw.db")


# A server that behaves


@pytest.mark.parametrize(("version", "method"), EVERY_WAY)
def test_every_record_is_harvested_once(large: Catalogue, version: str, method: str) -> None:
    pages = harvested(large.address, version=version, method=method, page_size=100)
    assert names_of(pages) == sorted(large.names())
    assert len(names_of(pages)) == 500
    assert [len(page.items) for page in pages] == [100] * 5
    assert {page.total for page in pages} == {500}
    assert {page.answer.method.lower() for page in pages} == {method}
    assert not remarks_of(pages)


def test_an_item_is_a_record_with_the_same_bytes_each_time_and_in_a_saved_answer(large: Catalogue) -> None:
    pages = harvested(large.address, page_size=200)
    for item in items_of(pages):
        found = scan(item.content or b"")
        assert not found.refusals
        (record,) = found.records
        assert (record.key, record.content, record.modified) == (item.identifier, item.content, item.modified)
    again = items_of(harvested(large.address, page_size=333, method="post"))
    assert again == items_of(pages)
    for page in pages:
        assert [record.content for record in scan(page.answer.content).records] == [item.content for item in page.items]


@pytest.mark.parametrize(("version", "method"), EVERY_WAY)
def test_one_record_again_has_the_bytes_it_has_in_a_page(catalogue: Catalogue, version: str, method: str) -> None:
    with client(catalogue.address, version=version, method=method, page_size=3) as csw:
        page = next(csw.pages(start()))
        for item in page.items:
            assert csw.one(item.identifier).items == (item,)
        assert csw.one("no such record, l'absent").items == ()
        assert csw.one("position 2").items == (page.items[1], Item("position 2", None))


def test_one_record_that_still_fails_says_so_and_a_server_that_fails_is_an_error(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        if request.size == 0 or request.name == "GetCapabilities":
            return server.forward(request)
        return 500, BROKEN

    with between(catalogue.address, behave) as server, client(server.address) as csw:
        for name in ("odatis-00", "position 2"):
            (item,) = csw.one(name).items
            assert (item.identifier, item.content, item.is_deleted) == (name, None, False)
            assert "Record serialization failed" in item.reason
        server.behave = lambda request, server: (503, b"")
        for name in ("odatis-00", "position 2"):
            with pytest.raises(FetchError):
                csw.one(name)


def test_an_ordinary_csw_library_finds_the_same(catalogue: Catalogue) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from owslib.csw import CatalogueServiceWeb

        library = CatalogueServiceWeb(catalogue.address, version="2.0.2")
        found: set[str] = set()
        for position in range(1, RECORDS, 20):
            library.getrecords2(esn="full", startposition=position, maxrecords=20)
            found |= set(library.records)
    assert found == set(names_of(harvested(catalogue.address)))


@pytest.mark.parametrize(("version", "method"), [way for way in EVERY_WAY if way != ("3.0.0", "post")])
def test_cql_chooses_records(catalogue: Catalogue, version: str, method: str) -> None:
    wanted = catalogue.names("identifier LIKE '%-1'")
    pages = harvested(catalogue.address, version=version, method=method, cql="apiso:Identifier like '%-1'")
    assert 0 < len(wanted) < RECORDS
    assert set(names_of(pages)) == wanted
    assert {page.total for page in pages} == {len(wanted)}


@pytest.mark.parametrize(("version", "method"), EVERY_WAY)
def test_a_constraint_that_the_server_refuses_is_a_clear_error(catalogue: Catalogue, version: str, method: str) -> None:
    _, failure = until_it_fails(catalogue.address, version=version, method=method, cql="apiso:Nonsense about ocean")
    assert isinstance(failure, HarvestError)
    assert catalogue.address in str(failure)
    assert "InvalidParameterValue" in str(failure)


def test_a_walk_goes_on_from_each_of_its_checkpoints(catalogue: Catalogue) -> None:
    pages = harvested(catalogue.address)
    for number, page in enumerate(pages, 1):
        with client(catalogue.address) as csw:
            rest = list(csw.pages(start(page.checkpoint)))
        assert items_of(rest) == items_of(pages[number:])
        assert [page.checkpoint for page in rest] == [page.checkpoint for page in pages[number:]]


def test_a_checkpoint_of_another_question_is_not_gone_on_from(catalogue: Catalogue) -> None:
    first = harvested(catalogue.address)[0]
    for checkpoint in (first.checkpoint, {"resumption": "x"}, {**first.checkpoint, "seen": "?"}):
        with client(catalogue.address, cql="apiso:Identifier like '%-1'") as csw:
            assert set(names_of(list(csw.pages(start(checkpoint))))) == catalogue.names("identifier LIKE '%-1'")


def test_dublin_core_is_harvested_when_asked_for(catalogue: Catalogue) -> None:
    for version, schema in (("2.0.2", CSW), ("3.0.0", "http://www.opengis.net/cat/csw/3.0")):
        pages = harvested(catalogue.address, version=version, output_schema=schema)
        assert set(names_of(pages)) == catalogue.names()
        assert {scan(item.content or b"").records[0].kind for item in items_of(pages)} == {Kind.DUBLIN_CORE}


# Changes


def test_only_what_changed_is_asked_for_and_what_is_gone_is_missed(edited: Catalogue) -> None:
    before = {item.identifier: item.content for item in items_of(harvested(edited.address))}
    changed = {"odatis-00", "odatis-03-1"}
    for name in changed:
        edited.update(name, "2026-03-02")
    edited.delete("odatis-01")
    for version, method in EVERY_WAY:
        pages = harvested(edited.address, since="2026-03-02T11:00:00Z", version=version, method=method)
        assert set(names_of(pages)) == changed
        assert all(
            item.content != before[item.identifier] and item.modified == "2026-03-02" for item in items_of(pages)
        )
        assert harvested(edited.address, since="2026-03-04T00:00:00Z", version=version, method=method)[0].items == ()
        pages = harvested(edited.address, version=version, method=method)
        assert before.keys() - set(names_of(pages)) == {"odatis-01"}
    for method in ("post", "get"):
        pages = harvested(edited.address, "2026-03-02T11:00:00Z", method=method, cql="apiso:Identifier like '%-1'")
        assert names_of(pages) == ["odatis-03-1"]


def test_a_server_without_dates_of_change_is_asked_for_everything(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        if "Modified" in str(request.says) or "modified" in str(request.says):
            return 200, report("InvalidParameterValue", "constraint", "no such queryable")
        return server.forward(request)

    with between(catalogue.address, behave) as server:
        pages = harvested(server.address, since="2026-03-02T11:00:00Z")
    assert len(names_of(pages)) == RECORDS
    assert "given up: the limit to what changed" in remarks_of(pages)


def test_conditions_are_joined_so_that_simple_servers_understand() -> None:
    plain = Query("2.0.2", GMD, "gmd:MD_Metadata", compared="apiso:Modified", since="2026-01-30")
    limit = "apiso:Modified >= '2026-01-30'"
    assert cql_of(plain) == limit
    for cql, joined in (
        ("dc:title = 'Mer'", f"dc:title = 'Mer' and {limit}"),
        ("dc:title = 'or not'", f"dc:title = 'or not' and {limit}"),
        ("dc:title = 'a' OR dc:title = 'b'", f"(dc:title = 'a' OR dc:title = 'b') and {limit}"),
    ):
        assert cql_of(Query("2.0.2", GMD, "", cql=cql, compared="apiso:Modified", since="2026-01-30")) == joined


# A server that misbehaves


def report(code: str, locator: str, text: str) -> bytes:
    return f"""<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows" version="1.2.0">
<ows:Exception exceptionCode="{code}" locator="{locator}"><ows:ExceptionText>{text}</ows:ExceptionText></ows:Exception>
</ows:ExceptionReport>""".encode()


BROKEN = report("NoApplicableCode", "service", "Record serialization failed")


def failing_at(
    position: int, how: Callable[[bytes], Reply], also_brief: bool = False
) -> Callable[[Asked, Between], Reply]:
    """A server that fails on every page with a certain record."""

    def behave(request: Asked, server: Between) -> Reply:
        status, content = server.forward(request)
        if request.name == "GetRecords" and position in request.positions and (request.is_full_page or also_brief):
            return how(content)
        return status, content

    return behave


@pytest.mark.parametrize(
    ("how", "said", "position", "method"),
    [
        (lambda content: (200, BROKEN), "Record serialization failed", 1, "post"),
        (lambda content: (200, BROKEN), "Record serialization failed", RECORDS, "get"),
        (lambda content: (400, BROKEN), "Record serialization failed", 25, "get"),
        (lambda content: (200, content[: len(content) // 2]), "cannot be read", 25, "post"),
        (lambda content: (500, b"oops"), "500", 25, "post"),
    ],
    ids=["first", "last", "report-as-400", "cut", "500"],
)
def test_a_page_that_fails_is_halved_down_to_the_record(
    catalogue: Catalogue, how: Callable[[bytes], Reply], said: str, position: int, method: str
) -> None:
    with between(catalogue.address, failing_at(position, how)) as server:
        pages = harvested(server.address, method=method)
        asked = len(server.requests)
    everything = sorted(catalogue.names())
    assert names_of(pages) == everything
    (bad,) = [item for item in items_of(pages) if item.content is None]
    assert bad.identifier == everything[position - 1]
    assert said in bad.reason
    assert asked < 30


def test_a_walk_goes_on_from_each_checkpoint_between_the_halves_of_a_page(catalogue: Catalogue) -> None:
    with between(catalogue.address, failing_at(24, lambda content: (200, BROKEN))) as server:
        pages = harvested(server.address, page_size=25)
        assert len(pages) > 5
        for number, page in enumerate(pages, 1):
            with client(server.address, page_size=25) as csw:
                assert items_of(list(csw.pages(start(page.checkpoint)))) == items_of(pages[number:])


def test_a_record_that_fails_without_a_name_leaves_the_harvest_incomplete(catalogue: Catalogue) -> None:
    with between(catalogue.address, failing_at(17, lambda content: (200, BROKEN), also_brief=True)) as server:
        pages, failure = until_it_fails(server.address)
    everything = sorted(catalogue.names())
    assert names_of(pages) == [*everything[:16], "position 17", *everything[17:]]
    assert re.match("incomplete: 1 record", str(failure))


def test_a_server_that_fails_on_every_record_is_not_asked_for_each(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        return (200, BROKEN) if request.is_full_page and request.start > 10 else server.forward(request)

    with between(catalogue.address, behave) as server:
        pages, failure = until_it_fails(server.address)
        assert len(server.requests) < 50
    assert "in a row" in str(failure)
    assert len([item for item in items_of(pages) if item.content]) == 10


def test_a_server_that_goes_down_is_gone_on_with_later(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        is_down = any(earlier.is_full_page and earlier.start > 10 for earlier in server.requests)
        return (503, b"") if is_down else server.forward(request)

    with between(catalogue.address, behave) as server:
        pages, failure = until_it_fails(server.address)
        assert isinstance(failure, FetchError)
        assert failure.temporary
        server.behave = lambda request, server: server.forward(request)
        with client(server.address) as csw:
            rest = list(csw.pages(start(pages[-1].checkpoint)))
    assert names_of(pages) + names_of(rest) == sorted(catalogue.names())
    assert not [item for item in items_of(pages + rest) if item.content is None]


def test_more_records_announced_than_given_is_an_incomplete_harvest(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        status, content = server.forward(request)
        return status, content.replace(b'numberOfRecordsMatched="30"', b'numberOfRecordsMatched="36"')

    with between(catalogue.address, behave) as server:
        pages, failure = until_it_fails(server.address)
    assert set(names_of(pages)) == catalogue.names()
    assert "36 records" in str(failure)
    assert "30 distinct" in str(failure)
    assert "two passes" in str(failure)
    with between(catalogue.address, behave) as server, client(server.address) as csw:
        # What failed is not failed again from where it ended: it begins anew.
        assert next(csw.pages(start(pages[-1].checkpoint))).items


def test_unordered_paging_with_doubles_takes_a_second_pass(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        if "sortby" in request.says:
            return 400, report("InvalidParameterValue", "sortby", "no order here")
        # Each page but the first begins with records of the page before, while there are 10 a page.
        is_shifted = request.is_full_page and request.size == 10 and request.start > 1
        return server.forward(request, request.start - 3 if is_shifted else None)

    with between(catalogue.address, behave) as server:
        pages = harvested(server.address)
        first = [page for page in pages if page.checkpoint["pass"] == 1]
        second = pages[len(first) :]
        assert len(set(names_of(first))) == 27
        assert Counter(names_of(first)).most_common(1)[0][1] == 2
        assert len(names_of(second)) == 3
        assert set(names_of(pages)) == catalogue.names()
        assert "given up: the order by identifier" in remarks_of(pages)
        for number in (len(first), len(first) + 1):
            with client(server.address) as csw:
                assert items_of(list(csw.pages(start(pages[number - 1].checkpoint)))) == items_of(pages[number:])


@pytest.mark.parametrize(
    "lie", ["nextRecord='0'", "", "nextRecord='1'", "nextRecord='9999'", "nextRecord='soon'", "nextRecord='-3'"]
)
def test_what_the_server_says_comes_next_is_not_believed(catalogue: Catalogue, lie: str) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        status, content = server.forward(request)
        return status, re.sub(rb'nextRecord="\d+"', lie.encode(), content)

    with between(catalogue.address, behave) as server:
        pages = harvested(server.address)
        assert len(server.requests) == 4
    assert names_of(pages) == sorted(catalogue.names())


def test_a_server_that_always_gives_the_first_page_is_not_asked_for_ever(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        return server.forward(request, 1)

    with between(catalogue.address, behave) as server:
        _, failure = until_it_fails(server.address)
        assert len(server.requests) < 10
    assert "a page is the same as the one before" in str(failure)
    assert "10 distinct" in str(failure)


def test_a_server_that_caps_pages_is_followed(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        query = request.query.replace("maxRecords=30", "maxRecords=20")
        return server.forward(Asked(request.method, query, request.body, request.says))

    with between(catalogue.address, behave) as server:
        pages = harvested(server.address, page_size=30)
        assert len(server.requests) == 3
    assert names_of(pages) == sorted(catalogue.names())


@pytest.mark.parametrize("position", [13, RECORDS])
def test_a_record_left_out_in_silence_is_named(catalogue: Catalogue, position: int) -> None:
    name = sorted(catalogue.names())[position - 1]

    def behave(request: Asked, server: Between) -> Reply:
        status, content = server.forward(request)
        if request.is_full_page:
            whole = (
                rb"<gmd:MD_Metadata(?:(?!</gmd:MD_Metadata>).)*>"
                + re.escape(name).encode()
                + rb"<.*?</gmd:MD_Metadata>"
            )
            content = re.sub(whole, b"", content, flags=re.DOTALL)
        return status, content

    with between(catalogue.address, behave) as server:
        pages = harvested(server.address)
    assert set(names_of(pages)) == catalogue.names()
    (bad,) = {item for item in items_of(pages) if item.content is None}
    assert bad.identifier == name
    assert "leaves it out" in bad.reason


def answer_with(*records: bytes, matched: int | None = None, next_: str = "0", version: str = "2.0.2") -> bytes:
    """A page of results of our own writing."""
    csw = CSW if version == "2.0.2" else "http://www.opengis.net/cat/csw/3.0"
    number = len(records) if matched is None else matched
    return b"".join(
        [
            f'<csw:GetRecordsResponse xmlns:csw="{csw}"><csw:SearchStatus timestamp="2026-01-01T00:00:00Z"/>'
            f'<csw:SearchResults numberOfRecordsMatched="{number}" numberOfRecordsReturned="{len(records)}"'
            f' nextRecord="{next_}" elementSet="full">'.encode(),
            *records,
            b"</csw:SearchResults></csw:GetRecordsResponse>",
        ]
    )


def capabilities(version: str = "2.0.2", schemas: tuple[str, ...] = (), types: tuple[str, ...] = ()) -> bytes:
    """A capabilities document of our own writing."""
    csw = CSW if version == "2.0.2" else "http://www.opengis.net/cat/csw/3.0"
    ows = "http://www.opengis.net/ows" if version == "2.0.2" else "http://www.opengis.net/ows/2.0"
    listed = {"outputSchema": schemas, "typeNames": types}
    parameters = "".join(
        f'<ows:Parameter name="{name}">{"".join(f"<ows:Value>{value}</ows:Value>" for value in values)}</ows:Parameter>'
        for name, values in listed.items()
        if values
    )
    return f"""<csw:Capabilities xmlns:csw="{csw}" xmlns:ows="{ows}" version="{version}"><ows:OperationsMetadata>
<ows:Operation name="GetRecords">{parameters}</ows:Operation></ows:OperationsMetadata></csw:Capabilities>""".encode()


def test_two_different_records_of_one_identifier_are_no_shortfall() -> None:
    twins = answer_with(own_record("twin"), own_record("twin", "2021-01-01"), own_record("only"))

    def behave(request: Asked, server: Between) -> Reply:
        return 200, capabilities(schemas=(GMD,)) if request.name == "GetCapabilities" else twins

    with between("", behave) as server:
        pages = harvested(server.address)
    assert names_of(pages) == ["twin", "twin", "only"]
    assert "2 different records of one page have the identifier twin" in remarks_of(pages)


def test_a_record_without_an_identifier_is_named_by_its_content() -> None:
    nameless = re.sub(rb"<gmd:fileIdentifier>.*?</gmd:fileIdentifier>", b"", own_record("x"), flags=re.DOTALL)

    def behave(request: Asked, server: Between) -> Reply:
        if request.name == "GetCapabilities":
            return 200, capabilities(schemas=(GMD,))
        return 200, answer_with(own_record("first"), nameless)

    with between("", behave) as server:
        _, item = items_of(harvested(server.address))
    assert item.identifier.startswith("sha256-")
    assert scan(item.content or b"").records[0].content == item.content


def test_a_record_as_dcat_is_named_by_what_it_is_about() -> None:
    record = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dcat="http://www.w3.org/ns/dcat#"
        xmlns:dct="http://purl.org/dc/terms/"><dcat:Dataset rdf:about="https://example.org/42"><dct:title>Mer</dct:title>
        </dcat:Dataset></rdf:RDF>"""
    (element,) = read_results(answer_with(record)).records
    assert identifier_of(element) == "https://example.org/42"
    (found,) = scan(on_its_own(element)).records
    assert found.kind is Kind.DCAT


def test_an_empty_catalogue_is_complete() -> None:
    def behave(request: Asked, server: Between) -> Reply:
        return 200, capabilities(schemas=(GMD,)) if request.name == "GetCapabilities" else answer_with()

    with between("", behave) as server:
        assert names_of(harvested(server.address)) == []


# With archive and ledger


def test_a_catalogue_is_harvested_into_the_ledger(edited: Catalogue, tmp_path: Path) -> None:
    bad: list[bytes] = []

    def behave(request: Asked, server: Between) -> Reply:
        status, content = server.forward(request)
        if request.is_full_page and any(name in content for name in bad):
            return 200, BROKEN
        return status, content

    with between(edited.address, behave) as server:
        source = CswSource(protocol="csw", url=server.address, delay_seconds=0, page_size=10)
        settings = load(data_dir=tmp_path / "data", sources={"ours": source})

        def walked(*, full: bool = True, again: bool = False) -> Walk:
            (outcome,) = harvest(
                {"ours": source}, settings, Wanted(full=full, retry_quarantine=again), silent, lambda *_: None
            )
            assert outcome.succeeded, outcome.reason
            return outcome.walk

        first = walked()
        assert (first.items, first.new, first.pages, first.quarantined) == (RECORDS, RECORDS, 3, 0)
        edited.update("odatis-02", "2036-03-02")
        edited.delete("odatis-01")
        bad.append(b">odatis-05<")
        changes = walked(full=False)
        assert (changes.extent, changes.items, changes.changed, changes.missing) == ("changes", 1, 1, 0)
        second = walked()
        assert (second.items, second.new, second.changed, second.missing) == (RECORDS - 1, 0, 0, 1)
        assert second.quarantined == 1
        bad.clear()
        assert walked(again=True).quarantined == 0
        third = walked()
        assert (third.items, third.new, third.changed, third.gone) == (RECORDS - 1, 0, 0, 1)


# What is offered


def test_the_richest_schema_on_offer_is_asked_for() -> None:
    def behave(request: Asked, server: Between) -> Reply:
        if request.name == "GetCapabilities":
            return 200, capabilities(schemas=(CSW, GMD, ISO_19115_3), types=("csw:Record", "mdb:MD_Metadata"))
        assert (request.says["outputschema"], request.says["typenames"]) == (ISO_19115_3, "mdb:MD_Metadata")
        return 200, answer_with(iso3(key="rich"))

    with between("", behave) as server:
        (item,) = items_of(harvested(server.address))
    assert item.identifier == "rich"
    assert [record.kind for record in scan(item.content or b"").records] == [Kind.ISO19115_3]


@pytest.mark.parametrize(
    ("offered", "wanted", "schemas"),
    [
        ((CSW, GMD, ISO_19115_3_OLD, ISO_19115_3), "auto", [ISO_19115_3, ISO_19115_3_OLD, GMD]),
        ((CSW, GMD), "auto", [GMD]),
        ((CSW, "http://www.isotc211.org/2005/gmi"), "auto", ["http://www.isotc211.org/2005/gmi"]),
        ((CSW, "http://www.w3.org/ns/dcat#"), "auto", [CSW]),
        (("http://www.w3.org/ns/dcat#",), "auto", [CSW]),
        ((), "auto", [GMD, CSW]),
        ((CSW, GMD), ISO_19115_3, [ISO_19115_3]),
    ],
)
def test_schemas_are_chosen_from_those_offered(offered: tuple[str, ...], wanted: str, schemas: list[str]) -> None:
    assert schemas_for(Capabilities("2.0.2", schemas=offered), wanted) == schemas


@pytest.mark.parametrize(
    ("offered", "schema", "types"),
    [
        ((), GMD, "gmd:MD_Metadata"),
        ((), CSW, "csw:Record"),
        (("csw:Record", "gmd:MD_Metadata"), GMD, "gmd:MD_Metadata"),
        (("csw:Record", "gmd:MD_Metadata"), ISO_19115_3, "csw:Record"),
        (("csw30:Record",), GMD, "csw30:Record"),
    ],
)
def test_types_follow_the_schema(offered: tuple[str, ...], schema: str, types: str) -> None:
    assert types_for(Capabilities("2.0.2", types=offered), schema) == types


def test_queryables_are_named_as_the_service_names_them() -> None:
    listed = Capabilities("2.0.2", queryables=("dct:modified", "apiso:Modified", "Identifier"))
    assert queryables_for(listed, "modified", GMD) == ["apiso:Modified", "dct:modified"]
    assert queryables_for(listed, "modified", CSW) == ["dct:modified", "apiso:Modified"]
    assert queryables_for(listed, "identifier", GMD) == ["Identifier"]
    assert queryables_for(Capabilities("2.0.2"), "identifier", GMD) == ["apiso:Identifier", "dc:identifier"]


def test_a_service_that_lists_no_schema_is_asked_for_iso_and_else_for_dublin_core(catalogue: Catalogue) -> None:
    def lists_nothing(request: Asked, server: Between) -> Reply:
        return (200, capabilities()) if request.name == "GetCapabilities" else server.forward(request)

    def knows_no_iso(request: Asked, server: Between) -> Reply:
        if request.says.get("outputschema") == GMD:
            return 400, report("InvalidParameterValue", "outputSchema", "unknown schema")
        return lists_nothing(request, server)

    for behave, kind in ((lists_nothing, {Kind.ISO19139, Kind.CSR, Kind.CDI}), (knows_no_iso, {Kind.DUBLIN_CORE})):
        with between(catalogue.address, behave) as server:
            pages = harvested(server.address)
        assert set(names_of(pages)) == catalogue.names()
        assert {scan(item.content or b"").records[0].kind for item in items_of(pages)} <= kind
        assert ("given up: the output schema" in remarks_of(pages)) == (behave is knows_no_iso)


def test_a_server_that_speaks_3_0_only_is_spoken_to_in_3_0(catalogue: Catalogue) -> None:
    def behave(request: Asked, server: Between) -> Reply:
        if request.says.get("version") == "2.0.2":
            return 400, report("VersionNegotiationFailed", "acceptVersions", "3.0.0 only")
        return server.forward(request)

    for method in ("post", "get"):
        with between(catalogue.address, behave) as server:
            assert set(names_of(harvested(server.address, method=method))) == catalogue.names()
            assert {request.says["version"] for request in server.requests if request.name == "GetRecords"} == {"3.0.0"}
            with client(server.address, version="2.0.2") as csw, pytest.raises(HarvestError, match=r"3\.0\.0 only"):
                next(csw.pages(start()))


def test_a_version_that_the_server_does_not_speak_is_refused() -> None:
    with (
        between("", lambda request, server: (200, capabilities("2.0.2"))) as server,
        client(server.address, version="3.0.0") as csw,
        pytest.raises(HarvestError, match=re.escape("speaks CSW 2.0.2, not 3.0.0 (version)")),
    ):
        next(csw.pages(start()))


PAGE = b"<!DOCTYPE html>\n<html><head><title>Portal</title></head><body><p>Welcome<br>aboard</body></html>"


def test_a_server_that_answers_with_a_web_page_is_told_so() -> None:
    def only_pages(request: Asked, server: Between) -> Reply:
        return 200, PAGE

    def pages_for_records(request: Asked, server: Between) -> Reply:
        return 200, capabilities(schemas=(GMD,)) if request.name == "GetCapabilities" else PAGE

    for behave in (only_pages, pages_for_records):
        with between("", behave) as server:
            pages, failure = until_it_fails(server.address)
            assert len(server.requests) < 10
        assert not pages
        assert isinstance(failure, HarvestError)
        assert "HTML page" in str(failure)
        assert server.address in str(failure)


def test_something_else_than_a_csw_is_told_so() -> None:
    with between("", lambda request, server: (200, b"<feed xmlns='http://www.w3.org/2005/Atom'/>")) as server:
        _, failure = until_it_fails(server.address)
    assert "<feed>; is this a CSW?" in str(failure)


def test_capabilities_are_read_once_and_the_address_is_cleared_of_requests(catalogue: Catalogue) -> None:
    with between(catalogue.address, lambda request, server: server.forward(request)) as server:
        address = f"{server.address}?SERVICE=CSW&Request=GetCapabilities&map=sea"
        for method in ("post", "get"):
            server.requests.clear()
            with client(address, method=method) as csw:
                list(csw.pages(start()))
                list(csw.pages(start()))
                csw.one("x")
            names = Counter(request.name for request in server.requests)
            assert names["GetCapabilities"] == 1
            assert all(request.query.startswith("map=sea") for request in server.requests)


# Answers


MANY = Results(500, None, ())


@pytest.mark.parametrize(
    ("position", "got", "matched", "next_", "expected"),
    [
        (451, 50, 500, 0, (501, Stop.ZERO)),
        (451, 50, 500, None, (501, Stop.ABSENT)),
        (451, 50, 500, 501, (501, Stop.BEYOND)),
        (501, 0, 500, 0, (501, Stop.EMPTY)),
        (451, 50, 500, 1, (501, Stop.COUNTED)),
        (1, 50, 500, 51, (51, None)),
        (1, 50, 500, 0, (51, None)),
        (1, 50, 500, None, (51, None)),
        (1, 50, 500, 600, (51, None)),
        (51, 50, 500, 1, (101, None)),
        (1, 48, 500, 51, (51, None)),  # two left out
        (1, 10, 500, 11, (11, None)),  # a cap
        (1, 0, 500, 51, (51, None)),  # a whole page left out
        (1, 50, None, 51, (51, None)),
        (1, 50, None, 0, (51, Stop.ZERO)),
        (1, 50, None, None, (51, Stop.ABSENT)),
    ],
)
def test_there_are_five_reasons_to_stop_and_the_count_has_the_last_word(
    position: int, got: int, matched: int | None, next_: int | None, expected: tuple[int, Stop | None]
) -> None:
    assert position_after(position, 50, got, Results(matched, next_, ())) == expected


@given(
    st.integers(1, 1000),
    st.integers(1, 100),
    st.integers(0, 100),
    st.none() | st.integers(0, 1000),
    st.none() | st.integers(0, 2000),
)
def test_paging_goes_forward_or_stops(
    position: int, size: int, got: int, matched: int | None, next_: int | None
) -> None:
    following, stop = position_after(position, size, got, Results(matched, next_, ()))
    assert following > position or stop is not None
    if stop is None and matched is not None:
        assert following <= matched


def test_exception_reports_are_told_in_one_sentence() -> None:
    with pytest.raises(ReportedError, match=r"reports InvalidParameterValue \(sortby\): no order") as refused:
        read_results(report("InvalidParameterValue", "sortby", "no order"))
    assert refused.value.refusal
    with pytest.raises(ReportedError, match="reports NoApplicableCode") as failed:
        read_results(BROKEN)
    assert not failed.value.refusal


@pytest.mark.parametrize(
    "content",
    [
        b"",
        PAGE,
        b"\xef\xbb\xbf  <html/>",
        answer_with(own_record("a"))[:-100],
        b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
        b"<a>" * 400 + b"</a>" * 400,
        capabilities(),
        f'<csw:GetRecordsResponse xmlns:csw="{CSW}"/>'.encode(),
    ],
)
def test_what_are_no_results_is_no_crash(content: bytes) -> None:
    with pytest.raises(AnswerError):
        read_results(content)


@pytest.mark.real
def test_real_answers_are_read(real: Path) -> None:
    read, told, records = 0, 0, 0
    for path in sorted((real / "csw").glob("*.xml")):
        content = path.read_bytes()
        for reader in (read_capabilities, read_results, read_record):
            try:
                outcome = reader(content)
            except AnswerError as error:
                told += 1
                assert len(str(error)) > 20
                continue
            read += 1
            if isinstance(outcome, Results):
                records += len(outcome.records)
                cut = [on_its_own(record) for record in outcome.records]
                assert [one for each in cut for one in scan(each).records] == list(scan(content).records)
                assert all(identifier_of(record) for record in outcome.records)
            if isinstance(outcome, Capabilities):
                assert outcome.version == "2.0.2"
                assert schemas_for(outcome, "auto")
    assert read > 20
    assert told > 20
    assert records > 20
