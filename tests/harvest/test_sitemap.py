"""Sites with sitemaps and JSON-LD in their pages, as they are kept and as they are met: a small one of our own, on the loopback."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from odatis_kg.config import load
from odatis_kg.harvest.client import HarvestError, Page, Start, Validators
from odatis_kg.harvest.embedded import blocks_of
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.journal import Walk
from odatis_kg.harvest.sitemap import SitemapClient
from odatis_kg.harvest.sitemap_file import moment
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.pipeline.building import harvest
from odatis_kg.pipeline.harvesting import Wanted
from odatis_kg.sources import SitemapSource
from tests.harvest.site_server import Reply, Site, running
from tests.support import quiet


class Knowing:
    """What is known from earlier harvests."""

    def __init__(self, **validators: Validators) -> None:
        self.by_address = validators

    def validators(self, identifier: str) -> Validators:
        return self.by_address.get(identifier, Validators())

    def cited_persons(self) -> list[str]:
        return []


def dataset(number: int, **more: Any) -> dict[str, Any]:
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": f"Température de l'eau {number}",
        "identifier": f"data-{number}",
        **more,
    }


def html(*blocks: object, head: str = "") -> str:
    scripts = "".join(
        f'<script type="application/ld+json">{one if isinstance(one, str) else json.dumps(one)}</script>'
        for one in blocks
    )
    return f"<!DOCTYPE html><html><head><meta charset='utf-8'>{head}{scripts}</head><body><p>Data</p></body></html>"


def urlset(*entries: str) -> Reply:
    """A sitemap of `address` or `address lastmod`."""
    urls = ""
    for entry in entries:
        address, _, lastmod = entry.partition(" ")
        urls += f"<url><loc>{address}</loc>{f'<lastmod>{lastmod}</lastmod>' if lastmod else ''}</url>"
    return Reply(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>', "application/xml")


def index(*addresses: str) -> Reply:
    inner = "".join(f"<sitemap><loc>{address}</loc></sitemap>" for address in addresses)
    return Reply(
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</sitemapindex>', "text/xml"
    )


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        site.answers["/sitemap.xml"] = urlset(*(f"{{address}}/data/{number}" for number in (3, 1, 2)))
        for number in (1, 2, 3):
            site.answers[f"/data/{number}"] = Reply(html(dataset(number)))
        yield site


def client(site: Site, url: str = "/sitemap.xml", sleeps: list[float] | None = None, **more: Any) -> SitemapClient:
    source = SitemapSource.model_validate(
        {"protocol": "sitemap", "url": site.address + url, "delay_seconds": 0, "tries": 2, **more}
    )
    return SitemapClient(source, Http(source, sleep=(sleeps if sleeps is not None else []).append))


def walk(found: SitemapClient, since: str = "", **known: Validators) -> list[Page]:
    return list(found.pages(Start(Knowing(**known), since=since)))


def names(pages: list[Page]) -> list[str]:
    return [item.identifier.partition("/data/")[2] for page in pages for item in page.items]


# The walk


def test_each_page_of_the_sitemap_is_an_item_by_its_address(site: Site) -> None:
    pages = walk(client(site))
    assert names(pages) == ["1", "2", "3"]
    assert [page.total for page in pages] == [3, 3, 3]
    for number, page in enumerate(pages, 1):
        (item,) = page.items
        assert item.identifier == f"{site.address}/data/{number}" == page.answer.url
        (record,) = scan(item.content or b"").records
        assert (record.kind, record.key) == (Kind.SCHEMA_ORG, f"schema:data-{number}")
    assert site.paths() == ["/robots.txt", "/sitemap.xml", "/data/1", "/data/2", "/data/3"]
    asked = client(site).one(f"{site.address}/data/1").answer
    assert asked.content == html(dataset(1)).encode()


def test_pages_are_asked_for_json_ld_first(site: Site) -> None:
    site.answers["/data/1"] = lambda asked: (
        Reply(json.dumps(dataset(1)), "application/ld+json")
        if asked.headers["accept"].startswith("application/ld+json")
        else Reply(status=406)
    )
    assert walk(client(site))[0].items[0].content == json.dumps(dataset(1)).encode()


def test_a_harvest_goes_on_after_any_page(site: Site) -> None:
    whole = walk(client(site))
    for number, page in enumerate(whole):
        checkpoint = json.loads(json.dumps(page.checkpoint))
        rest = list(client(site).pages(Start(Knowing(), checkpoint)))
        assert [one.items for one in rest] == [one.items for one in whole[number + 1 :]]


def test_a_page_that_comes_or_goes_between_does_not_shift_the_others(site: Site) -> None:
    first = next(client(site).pages(Start(Knowing())))
    site.answers["/sitemap.xml"] = urlset(*(f"{{address}}/data/{number}" for number in (0, 2, 3)))
    assert names(list(client(site).pages(Start(Knowing(), first.checkpoint)))) == ["2", "3"]


def test_unchanged_pages_are_asked_with_their_validators(site: Site) -> None:
    site.answers["/data/2"] = Reply(html(dataset(2)), headers={"ETag": '"v2"'})
    pages = walk(client(site), **{f"{site.address}/data/2": Validators(etag='"v2"')})
    assert names(pages) == ["1", "3"]
    assert [page.unchanged for page in pages] == [(), (f"{site.address}/data/2",), ()]


def test_pages_whose_lastmod_is_not_newer_than_the_known_answer_are_unchanged_without_being_asked(site: Site) -> None:
    site.answers["/sitemap.xml"] = urlset(
        "{address}/data/1 2026-01-10", "{address}/data/2 2026-01-20", "{address}/data/3 2026-01-10T08:00:00+02:00"
    )
    known = Validators(last_modified="Thu, 15 Jan 2026 06:00:00 GMT")
    pages = walk(client(site), **{f"{site.address}/data/{number}": known for number in (1, 2, 3)})
    assert site.paths() == ["/robots.txt", "/sitemap.xml", "/data/2"]
    assert [page.unchanged for page in pages] == [(f"{site.address}/data/1",), (f"{site.address}/data/3",)]
    assert names(pages) == ["2"]
    assert pages[-1].answer.url == f"{site.address}/sitemap.xml"
    assert pages[0].items[0].modified == "2026-01-20"


def test_only_what_may_have_changed_since_is_asked_for(site: Site) -> None:
    site.answers["/sitemap.xml"] = urlset(
        "{address}/data/1 2026-01-10", "{address}/data/2 2026-01-15", "{address}/data/3 when we find time"
    )
    found = client(site)
    assert found.incremental
    assert names(walk(found, since="2026-01-15T10:00:00Z")) == ["2", "3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T10:00+02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 2, 1, 12, tzinfo=UTC)),
        ("2026-12", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2026", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("9999-12-31", None),
        ("2026-02-30", None),
        ("31/01/2026", None),
        ("", None),
    ],
)
def test_a_lastmod_is_taken_at_its_latest(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_a_page_that_cannot_be_had_has_a_reason_and_the_others_go_on(site: Site) -> None:
    del site.answers["/data/1"]
    site.answers["/data/3"] = Reply("taken away", status=410)
    pages = walk(client(site))
    missing, there, gone = (item for page in pages for item in page.items)
    assert (missing.content, "404" in missing.reason, missing.is_deleted) == (None, True, False)
    assert there.content is not None
    assert gone.is_deleted
    assert pages[-1].checkpoint == {"after": f"{site.address}/data/3"}


def test_a_server_that_is_down_puts_the_harvest_off(site: Site) -> None:
    site.answers["/sitemap.xml"] = urlset(*(f"{{address}}/data/{number}" for number in range(1, 10)))
    for number in range(2, 10):
        site.answers[f"/data/{number}"] = Reply("overloaded", status=503)
    pages = client(site).pages(Start(Knowing()))
    assert next(pages).items[0].identifier.endswith("/data/1")
    with pytest.raises(HarvestError, match="5 pages in a row"):
        next(pages)
    assert site.paths()[-1] == "/data/6"


def test_one_page_can_be_asked_again(site: Site) -> None:
    (item,) = client(site).one(f"{site.address}/data/2#3").items
    assert item.identifier == f"{site.address}/data/2"
    with pytest.raises(HarvestError, match="not a page of"):
        client(site).one("https://elsewhere.example.org/data/2")
    with pytest.raises(FetchError, match="404"):
        client(site).one(f"{site.address}/data/77")


# robots.txt


def test_what_robots_txt_disallows_is_not_asked_for(site: Site) -> None:
    site.answers["/robots.txt"] = Reply("User-agent: *\nDisallow: /data/2$\n", "text/plain")
    pages = walk(client(site))
    assert names(pages) == ["1", "3"]
    assert pages[0].remarks == ("1 pages are left out because robots.txt says so",)
    assert "/data/2" not in site.paths()
    with pytest.raises(HarvestError, match="does not allow"):
        client(site).one(f"{site.address}/data/2")


def test_a_site_that_shuts_us_out_is_not_taken_for_empty(site: Site) -> None:
    site.answers["/robots.txt"] = Reply("User-agent: odatis-kg\nDisallow: /\nAllow: /sitemap.xml\n")
    with pytest.raises(HarvestError, match=r"none of the 3 pages.*robots\.txt"):
        walk(client(site))
    site.answers["/robots.txt"] = Reply("User-agent: odatis-kg\nDisallow: /\n")
    with pytest.raises(HarvestError, match=r"does not allow .*sitemap\.xml"):
        walk(client(site))


def test_a_robots_txt_that_cannot_be_had_puts_the_harvest_off(site: Site) -> None:
    site.answers["/robots.txt"] = Reply(status=503)
    with pytest.raises(HarvestError, match="put off"):
        walk(client(site))
    assert set(site.paths()) == {"/robots.txt"}
    site.answers["/robots.txt"] = Reply(status=403)  # section 2.3.1.3: unavailable, which allows everything
    assert names(walk(client(site))) == ["1", "2", "3"]


def test_the_pause_that_robots_txt_asks_for_is_made(site: Site) -> None:
    site.answers["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 30\n")
    sleeps: list[float] = []
    walk(client(site, sleeps=sleeps))
    assert len(sleeps) == 3  # before each page; the one after robots.txt began before the pause was known
    assert all(25 < pause <= 30 for pause in sleeps)
    site.answers["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 86400\n")
    with pytest.raises(HarvestError, match="86,400 seconds"):
        walk(client(site))


def test_the_sitemaps_of_a_site_are_those_its_robots_txt_names(site: Site) -> None:
    site.answers["/robots.txt"] = Reply("User-agent: *\nDisallow: /maps\nSitemap: {address}/maps/a.txt\n")
    site.answers["/maps/a.txt"] = Reply("\ufeff{address}/data/2\r\n\r\n{address}/data/2#part\r\n", "text/plain")
    assert names(walk(client(site, "/"))) == ["2"]
    site.answers["/robots.txt"] = Reply("User-agent: *\n")
    assert names(walk(client(site, ""))) == ["1", "2", "3"]


# Sitemaps


def test_an_index_is_followed_and_gzip_opened_out(site: Site) -> None:
    first, second = urlset("{address}/data/1"), urlset("{address}/data/3 2026-01-01", "{address}/data/1")
    packed = gzip.compress(str(second.content).replace("{address}", site.address).encode())
    site.answers |= {
        "/index.xml": index("{address}/a.xml", "/b.xml.gz", "{address}/index.xml", "{address}/more.xml"),
        "/a.xml": first,
        "/b.xml.gz": Reply(packed, "application/gzip"),
        "/more.xml": index("{address}/c.txt"),
        "/c.txt": Reply("{address}/data/2", "text/plain"),
    }
    assert names(walk(client(site, "/index.xml"))) == ["1", "2", "3"]
    assert site.paths()[1:6] == ["/index.xml", "/a.xml", "/b.xml.gz", "/more.xml", "/c.txt"]


def test_a_part_of_the_sitemap_that_is_missing_does_not_look_like_the_end(site: Site) -> None:
    site.answers["/index.xml"] = index("{address}/not-here.xml", "{address}/sitemap.xml", "{address}/broken.xml")
    site.answers["/broken.xml"] = Reply("<urlset><url>", "text/xml")
    pages = client(site, "/index.xml").pages(Start(Knowing()))
    assert [next(pages).items[0].identifier[-1] for _ in range(3)] == ["1", "2", "3"]
    with pytest.raises(HarvestError, match=r"not be read whole.*not-here\.xml.*broken\.xml"):
        next(pages)


def test_an_index_of_indexes_ends(site: Site) -> None:
    for number in range(10):
        site.answers[f"/{number}.xml"] = index(f"{{address}}/{number + 1}.xml")
    with pytest.raises(HarvestError, match="more than 3 deep"):
        walk(client(site, "/0.xml"))
    assert len(site.paths()) == 5


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("<html><body>Not found</body></html>"), "it is a web page; give the address of the sitemap"),
        (Reply(html(dataset(1))), "it is a web page; give the address of the sitemap"),
        (Reply("<rss/>", "text/xml"), "<rss> where <urlset>"),
        (Reply('<!DOCTYPE x [<!ENTITY e "e">]><urlset>&e;</urlset>'), "DOCTYPE"),
        (Reply("Welcome to our site"), "neither XML nor text"),
        (Reply(gzip.compress(b"<urlset/>" * 99)[:20]), "damaged"),
        (Reply(gzip.compress(bytes(2_000_000))), "larger than 1 MB"),
        (urlset(), "lists no page"),
        (Reply(status=404), "404"),
    ],
)
def test_what_is_no_sitemap_is_said(site: Site, reply: Reply, reason: str) -> None:
    site.answers["/sitemap.xml"] = reply
    with pytest.raises((HarvestError, FetchError), match=reason):
        walk(client(site, answer_mb=1))


def test_pages_of_other_hosts_are_left_out_unless_they_are_named(site: Site) -> None:
    port = site.address.rpartition(":")[2]
    site.answers["/sitemap.xml"] = urlset(
        "{address}/data/1", f"http://localhost:{port}/data/2", "ftp://x.org/data/3", "http://[/"
    )
    pages = walk(client(site))
    assert names(pages) == ["1"]
    assert f"1 pages of other hosts (localhost:{port})" in pages[0].remarks[0]
    site.paths()
    pages = walk(client(site, hosts=[f"localhost:{port}"], allow_private=True))
    assert names(pages) == ["1", "2"]
    assert site.paths().count("/robots.txt") == 2  # each host has its own


def test_the_addresses_can_be_chosen(site: Site) -> None:
    assert names(walk(client(site, include="/data/[12]$"))) == ["1", "2"]
    with pytest.raises(HarvestError, match="include"):
        walk(client(site, include="/record/"))
    with pytest.raises(ValueError, match="not a regular expression"):
        client(site, include="(")


def test_a_sitemap_that_lists_too_much_is_refused(site: Site) -> None:
    with pytest.raises(HarvestError, match="most_pages"):
        walk(client(site, most_pages=2))


# Pages


def contents(site: Site, page: str | bytes, media_type: str = "text/html") -> dict[str, bytes]:
    site.answers["/data/1"] = Reply(page, media_type)
    found = client(site).one(f"{site.address}/data/1").items
    return {item.identifier.removeprefix(f"{site.address}/data/"): item.content or b"" for item in found}


def test_a_single_block_is_taken_as_it_is(site: Site) -> None:
    block = '{ "@context":"http://schema.org", "@type":"Dataset", "name":"Été",\n "identifier":"a" }'
    assert contents(site, html(block)) == {"1": block.encode()}
    listed = '{"@context": "https://schema.org/", "@graph": [{"@type": "Dataset", "name": "a"}, {"@type": "WebSite"}]}'
    assert contents(site, html(listed)) == {"1": listed.encode()}


def test_several_blocks_are_one_item_without_what_is_no_record(site: Site) -> None:
    other = {"@context": "https://schema.org", "@type": "BreadcrumbList", "name": "Home"}
    found = contents(site, html(dataset(1), other, [dataset(2), dataset(3)]))
    assert list(found) == ["1"]
    assert [record.key for record in scan(found["1"]).records] == ["schema:data-1", "schema:data-2", "schema:data-3"]
    assert contents(site, html(other, dataset(1))) == {"1": json.dumps(dataset(1)).encode()}


def test_a_page_that_is_about_a_dataset_stands_for_it(site: Site) -> None:
    about = {"@context": "https://schema.org/", "@type": "WebPage", "mainEntity": dataset(4)}
    (record,) = scan(contents(site, html(about))["1"]).records
    assert record.key == "schema:data-4"


def test_a_list_of_json_ld_answered_as_such_is_one_item(site: Site) -> None:
    found = contents(site, json.dumps([dataset(1), dataset(2)]), "application/ld+json")
    assert len(scan(found["1"]).records) == 2
    assert contents(site, "{broken", "application/ld+json") == {"1": b"{broken"}


def test_a_page_without_a_record_has_no_item_but_is_counted(site: Site) -> None:
    assert contents(site, html({"@context": "https://schema.org", "@type": "Organization", "name": "x"})) == {}
    assert contents(site, html()) == {}
    assert contents(site, b"") == {}
    assert contents(site, b"%PDF-1.7 \xff\x00\x01", "application/pdf") == {}
    assert len(walk(client(site))) == 3


def test_a_block_that_is_not_json_is_an_item_that_is_refused(site: Site) -> None:
    assert contents(site, html('{"@type": "Dataset",')) == {"1": b'{"@type": "Dataset",'}
    found = contents(site, html(dataset(1), '{"@type": "Dataset", "name": "a" "b"}'))
    assert list(found) == ["1#2", "1"]
    assert scan(found["1"]).records
    assert scan(found["1#2"]).refusals


@pytest.mark.parametrize(
    "script",
    [
        '<script type="application/ld+json; charset=utf-8">\n//<![CDATA[\n{}\n//]]></script>',
        "<SCRIPT TYPE='Application/LD+JSON'><!--\n{}\n--></SCRIPT>",
        '<body><div><script id="x" type="application/ld+json">/*<![CDATA[*/{}/*]]>*/</script>',
        "<table><script type=application/ld+json>{}</script></b></table>",
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><script type="application/ld+json">{}',
    ],
)
def test_blocks_are_found_however_the_page_is_written(script: str) -> None:
    text = json.dumps(dataset(1), ensure_ascii=False)
    assert blocks_of(script.replace("{}", text).encode()) == [text.encode()]


def test_an_old_encoding_of_a_page_is_understood() -> None:
    page = html(json.dumps(dataset(1), ensure_ascii=False)).replace("utf-8", "iso-8859-1").encode("iso-8859-1")
    assert json.loads(blocks_of(page)[0]) == dataset(1)


def test_a_site_is_harvested_into_the_ledger_and_only_what_changed_is_read_again(site: Site, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        site.answers[f"/data/{number}"] = Reply(html(dataset(number)), headers={"ETag": f'"{number}"'})
    source = SitemapSource(protocol="sitemap", url=f"{site.address}/sitemap.xml", delay_seconds=0)
    settings = load(data_dir=tmp_path / "data", sources={"pages": source})

    def harvested() -> Walk:
        (outcome,) = harvest({"pages": source}, settings, Wanted(full=True), quiet, lambda *_: None)
        assert outcome.succeeded, outcome.reason
        return outcome.walk

    first = harvested()
    assert (first.items, first.new, first.quarantined) == (3, 3, 0)
    again = harvested()
    assert (again.items, again.new, again.changed, again.missing) == (3, 0, 0, 0)
    site.paths()
    site.answers["/data/1"] = Reply(html(dataset(1, description="New")), headers={"ETag": '"1b"'})
    site.answers["/data/2"] = Reply(html('{"@context": "https://schema.org", '), headers={"ETag": '"2b"'})
    site.answers["/sitemap.xml"] = urlset("{address}/data/1", "{address}/data/2")
    third = harvested()
    assert (third.changed, third.quarantined, third.missing) == (1, 1, 1)


@pytest.mark.real
def test_pages_with_real_json_ld_become_what_the_json_ld_alone_becomes(site: Site, real: Path) -> None:
    files = sorted(path for path in (real / "schema-org").rglob("*") if path.suffix in (".json", ".jsonld"))
    addresses = []
    for number, path in enumerate(files):
        site.answers[f"/real/{number}"] = Reply(html(path.read_text("utf-8-sig").replace("</", "<\\/")))
        addresses.append(f"{{address}}/real/{number}")
    site.answers["/sitemap.xml"] = urlset(*addresses)
    found = {item.identifier: item for page in walk(client(site)) for item in page.items}
    records = 0
    for number, path in enumerate(files):
        alone = scan(path.read_bytes()).records
        item = found.get(f"{site.address}/real/{number}")
        embedded = scan(item.content or b"").records if item else ()
        assert [one.key for one in alone] == [one.key for one in embedded], path.name
        records += len(alone)
    assert records > 10
