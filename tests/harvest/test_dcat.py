"""Catalogues in DCAT, in pages and in one piece, from a small site of our own on the loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from odatis_kg.config import load
from odatis_kg.harvest.client import HarvestError, Page, Start
from odatis_kg.harvest.dcat import DcatClient
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.journal import Walk
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.pipeline.building import harvest
from odatis_kg.pipeline.harvesting import Wanted
from odatis_kg.sources import DcatSource
from tests.harvest.site_server import Asked, Reply, Site, running
from tests.harvest.test_sitemap import Knowing
from tests.support import quiet

PREFIXES = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix hydra: <http://www.w3.org/ns/hydra/core#> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
@base <https://data.example.org/> .
"""


def turtle(text: str) -> Reply:
    return Reply(PREFIXES + text, "text/turtle; charset=utf-8")


def datasets(*numbers: int) -> str:
    listed = ", ".join(f"<d{number}>" for number in numbers)
    described = "".join(
        f'<d{number}> a dcat:Dataset ; dct:title "Profils {number}"@fr ; dct:creator [ foaf:name "Équipe {number}" ] .\n'
        for number in numbers
    )
    return f"<catalogue> a dcat:Catalog ; dcat:dataset {listed} .\n{described}"


def view(number: int, following: str, total: int | None = 5) -> str:
    address = f"<{{address}}/catalogue?page={number}>"
    last = f" ; hydra:next {following}" if following else ""
    items = f" hydra:totalItems {total} ;" if total is not None else ""
    return f"<catalogue>{items} hydra:view {address} .\n{address} a hydra:PartialCollectionView{last} .\n"


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        site.answers["/catalogue"] = turtle(datasets(1, 2) + view(1, "<{address}/catalogue?page=2>"))
        site.answers["/catalogue?page=2"] = turtle(datasets(3, 4) + view(2, "<{address}/catalogue?page=3>"))
        site.answers["/catalogue?page=3"] = turtle(datasets(5) + view(3, ""))
        yield site


def client(site: Site, **more: Any) -> DcatClient:
    fields = {"protocol": "dcat", "url": f"{site.address}/catalogue", "delay_seconds": 0, "tries": 1, **more}
    source = DcatSource.model_validate(fields)
    return DcatClient(source, Http(source, sleep=lambda _: None))


def walk(found: DcatClient) -> list[Page]:
    return list(found.pages(Start(Knowing())))


def names(pages: list[Page]) -> list[str]:
    return [item.identifier.removeprefix("https://data.example.org/") for page in pages for item in page.items]


def test_pages_are_followed_to_the_last(site: Site) -> None:
    pages = walk(client(site))
    assert names(pages) == ["d1", "d2", "d3", "d4", "d5"]
    assert [page.total for page in pages] == [5, 5, 5]
    assert site.paths() == ["/catalogue", "/catalogue?page=2", "/catalogue?page=3"]
    assert not client(site).incremental


def test_a_harvest_goes_on_after_any_page(site: Site) -> None:
    whole = walk(client(site))
    for number, page in enumerate(whole):
        checkpoint = json.loads(json.dumps(page.checkpoint))
        rest = list(client(site).pages(Start(Knowing(), checkpoint)))
        assert [one.items for one in rest] == [one.items for one in whole[number + 1 :]]


def test_an_item_is_the_same_whatever_syntax_the_catalogue_answers_in(site: Site) -> None:
    whole = (PREFIXES + datasets(1, 2)).encode()
    contents = []
    for syntax, media_type in (
        (ox.RdfFormat.TURTLE, "text/turtle"),
        (ox.RdfFormat.N_TRIPLES, "application/n-triples"),
        (ox.RdfFormat.RDF_XML, "application/rdf+xml"),
        (ox.RdfFormat.JSON_LD, "application/ld+json"),
        (ox.RdfFormat.RDF_XML, "text/xml"),
        (ox.RdfFormat.TURTLE, "text/plain"),
    ):
        triples = [quad.triple for quad in ox.parse(whole, ox.RdfFormat.TURTLE)]
        content = ox.serialize(triples, format=syntax, prefixes={"dcat": "http://www.w3.org/ns/dcat#"}) or b""
        site.answers["/catalogue"] = Reply(content, media_type)
        (page,) = walk(client(site))
        contents.append({item.identifier: item.content for item in page.items})
    assert contents == contents[:1] * len(contents)
    assert b"\xc3\x89quipe 1" in (contents[0]["https://data.example.org/d1"] or b"")


def test_rdf_is_asked_for(site: Site) -> None:
    def picky(asked: Asked) -> Reply:
        return turtle(datasets(1)) if "text/turtle" in asked.headers["accept"] else Reply(status=406)

    site.answers["/catalogue"] = picky
    assert names(walk(client(site))) == ["d1"]


def test_the_older_paged_collection_is_followed(site: Site) -> None:
    paged = "<{address}/catalogue> a hydra:PagedCollection ; hydra:totalItems 2 ; hydra:itemsPerPage 1 ; hydra:nextPage {next} ."
    site.answers["/catalogue"] = turtle(datasets(1) + paged.replace("{next}", '"{address}/catalogue?page=2"'))
    site.answers["/catalogue?page=2"] = turtle(datasets(2))
    assert names(walk(client(site))) == ["d1", "d2"]


def test_relative_addresses_are_those_of_the_page(site: Site) -> None:
    text = '@prefix hydra: <http://www.w3.org/ns/hydra/core#> . @prefix dcat: <http://www.w3.org/ns/dcat#> .\n<> hydra:next <?page=3> . <a/b> a dcat:Dataset ; <http://purl.org/dc/terms/title> "B" .'
    site.answers["/catalogue"] = Reply(text, "text/turtle")
    site.answers["/catalogue?page=3"] = turtle(datasets(1))
    assert walk(client(site))[0].items[0].identifier == f"{site.address}/a/b"
    assert site.paths() == ["/catalogue", "/catalogue?page=3"]


def test_pages_in_a_circle_end(site: Site) -> None:
    site.answers["/catalogue?page=3"] = turtle(datasets(5) + view(3, "<{address}/catalogue>"))
    assert names(walk(client(site))) == ["d1", "d2", "d3", "d4", "d5"]  # all that was announced came
    site.answers["/catalogue"] = turtle(datasets(1, 2) + view(1, "<{address}/catalogue?page=2>", None))
    site.answers["/catalogue?page=2"] = turtle(datasets(3) + view(2, "<{address}/catalogue?page=2>", None))
    pages = client(site).pages(Start(Knowing()))
    assert [names([next(pages)]) for _ in range(2)] == [["d1", "d2"], ["d3"]]
    with pytest.raises(HarvestError, match="seen already"):
        next(pages)


def test_the_same_page_under_ever_new_addresses_is_noticed(site: Site) -> None:
    for number in range(1, 9):
        site.answers[f"/catalogue?page={number}"] = turtle(
            datasets(3, 4) + view(number, f"<{{address}}/catalogue?page={number + 1}>")
        )
    with pytest.raises(HarvestError, match="same resources as a page before"):
        walk(client(site))
    assert len(site.paths()) == 3


def test_fewer_resources_than_announced_do_not_look_like_all(site: Site) -> None:
    site.answers["/catalogue?page=3"] = turtle("<catalogue> a dcat:Catalog .")
    pages = client(site).pages(Start(Knowing()))
    found = [next(pages) for _ in range(3)]
    assert names(found) == ["d1", "d2", "d3", "d4"]
    with pytest.raises(HarvestError, match="announces 5 resources and gave 4"):
        next(pages)
    with pytest.raises(HarvestError, match="announces 5"):  # killed just after the last page
        list(client(site).pages(Start(Knowing(), found[-1].checkpoint)))


def test_what_is_listed_and_nowhere_described_has_a_reason(site: Site) -> None:
    site.answers["/catalogue"] = turtle(
        datasets(1) + "<catalogue> dcat:dataset <d2>, <d7> ; hydra:next <{address}/b> ."
    )
    site.answers["/b"] = turtle(datasets(2))
    pages = walk(client(site))
    assert names(pages) == ["d1", "d2", "d7"]
    item = pages[-1].items[-1]
    assert item.content is None
    assert "no page describes it" in item.reason


def test_a_page_that_is_missing_ends_the_walk_with_an_error(site: Site) -> None:
    del site.answers["/catalogue?page=2"]
    pages = client(site).pages(Start(Knowing()))
    next(pages)
    with pytest.raises(FetchError, match="404"):
        next(pages)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("<html>Welcome</html>"), "HTML page"),
        (turtle("<a> <b> ."), "line"),
        (turtle('<a> dct:title "no catalogue" .'), "without any catalogue"),
        (turtle('<catalogue> a dcat:Catalog ; dct:title "empty" .'), "no dataset"),
        (
            Reply('{"@context": "https://example.org/c.jsonld", "@id": "https://a"}', "application/ld+json"),
            "not fetched",
        ),
        (turtle(datasets(1) + "<x> hydra:next <y> . <y> hydra:next <z> ."), "2 next pages"),
        (turtle(datasets(1) + "<x> hydra:next <file:///etc/passwd> ."), "not an address"),
    ],
)
def test_what_is_no_catalogue_is_said(site: Site, reply: Reply, reason: str) -> None:
    site.answers["/catalogue"] = reply
    with pytest.raises((HarvestError, FetchError), match=reason):
        walk(client(site))


def test_one_resource_is_found_on_its_page(site: Site) -> None:
    found = client(site).one("https://data.example.org/d3")
    assert names([found]) == ["d3"]
    assert found.answer.url.endswith("page=2")
    assert client(site).one("https://data.example.org/d9").items == ()


def test_a_catalogue_is_harvested_into_the_ledger_and_what_it_lists_no_more_is_missing(
    site: Site, tmp_path: Path
) -> None:
    source = DcatSource(protocol="dcat", url=f"{site.address}/catalogue", delay_seconds=0)
    settings = load(data_dir=tmp_path / "data", sources={"ours": source})

    def harvested() -> Walk:
        (outcome,) = harvest({"ours": source}, settings, Wanted(full=True), quiet, lambda *_: None)
        assert outcome.succeeded, outcome.reason
        return outcome.walk

    first = harvested()
    assert (first.items, first.new, first.pages, first.quarantined) == (5, 5, 3, 0)
    again = harvested()
    assert (again.items, again.new, again.changed, again.missing) == (5, 0, 0, 0)
    site.answers["/catalogue?page=2"] = turtle(
        datasets(4).replace("Profils", "Profiles") + view(2, "<{address}/catalogue?page=3>", 4)
    )
    site.answers["/catalogue"] = turtle(datasets(1, 2) + view(1, "<{address}/catalogue?page=2>", 4))
    site.answers["/catalogue?page=3"] = turtle(datasets(5) + view(3, "", 4))
    third = harvested()
    assert (third.items, third.changed, third.missing) == (4, 1, 1)


def test_every_item_is_one_record_for_the_scanner_and_no_other_bytes(site: Site) -> None:
    for page in walk(client(site)):
        for item in page.items:
            (record,) = scan(item.content or b"").records
            assert (record.kind, record.key) == (Kind.DCAT, f"dcat:{item.identifier}")
            assert record.content == item.content
