"""Every IRI of ours opens: 303 to its document, the document in the format asked for, a page with names and sources."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.config import load
from odatis_kg.pipeline.building import build
from tests.conftest import Built, Server, serving
from tests.support import iso, quiet, triples_in

THING = "id/dataset/demo/magest"
FORMATS = ("text/turtle", "application/ld+json", "application/n-triples", "application/rdf+xml")


def test_a_thing_is_not_its_document(server: Server) -> None:
    answer = server.get(THING, Accept="text/turtle")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/doc/dataset/demo/magest"
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize("accept", FORMATS)
def test_the_document_comes_in_every_format_with_the_same_statements(server: Server, accept: str) -> None:
    answer = server.get("doc/dataset/demo/magest", Accept=accept)
    assert answer.headers["content-type"].partition(";")[0] == accept
    triples = triples_in(answer.content, accept)
    turtle = triples_in(server.get("doc/dataset/demo/magest.ttl").content, "text/turtle")
    assert triples == turtle
    titles = {triple.object.value for triple in triples if triple.predicate.value.endswith("dc/terms/title")}
    assert "MAGEST: physical and chemical quality of the waters of the Gironde estuary" in titles


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("ttl", "text/turtle"), ("jsonld", "application/ld+json"), ("nt", "application/n-triples"), ("html", "text/html")],
)
def test_the_ending_of_the_address_names_the_format_whatever_is_accepted(
    server: Server, ending: str, kind: str
) -> None:
    answer = server.get(f"doc/dataset/demo/magest.{ending}", Accept="image/png")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == kind


def test_a_document_says_what_it_is_about_and_where_it_comes_from(server: Server) -> None:
    triples = {
        (q.subject.value, q.predicate.value, q.object.value)
        for q in ox.parse(server.get("doc/dataset/demo/magest.nt").content, ox.RdfFormat.N_TRIPLES)
    }
    document, thing = "http://localhost:8000/doc/dataset/demo/magest", "http://localhost:8000/id/dataset/demo/magest"
    assert (document, "http://xmlns.com/foaf/0.1/primaryTopic", thing) in triples
    assert (
        document,
        "http://www.w3.org/ns/prov#wasDerivedFrom",
        "http://localhost:8000/graph/record/demo/magest",
    ) in triples
    assert any(p.endswith("checksumValue") for _, p, _ in triples)


def test_a_browser_gets_a_page(server: Server) -> None:
    page = server.get("doc/dataset/demo/magest", Accept="text/html,*/*;q=0.8")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["link"].count('rel="alternate"') == 3
    text = page.text
    assert "<h1" in text
    assert "Salinity of the water column" in text, "names instead of IRIs"
    assert "variable measured" in text
    assert "48 statements" in text or "statements come from the record" in text
    assert "demo/iso19139/magest.xml" in text
    assert "<script" not in text


def test_a_french_reader_gets_french_names(server: Server) -> None:
    page = server.get("doc/dataset/demo/magest", Accept="text/html", Accept_Language="fr-FR,fr;q=0.9")
    assert "MAGEST : qualité physico-chimique" in re.search(r"<h1[^>]*>([^<]*)", page.text)[1]
    assert "grandeur mesurée" in page.text or "variable mesurée" in page.text
    assert server.get("doc/dataset/demo/magest", Accept="text/html").headers["etag"] != page.headers["etag"]


def test_an_unchanged_document_is_not_sent_again(server: Server) -> None:
    for accept in ("text/html", "text/turtle"):
        first = server.get("doc/dataset/demo/magest", Accept=accept)
        again = server.get("doc/dataset/demo/magest", Accept=accept, If_None_Match=first.headers["etag"])
        assert again.status_code == 304
        assert again.content == b""


@pytest.mark.parametrize(
    "path",
    ["id/dataset/demo/nothing-here", "doc/dataset/demo/nothing-here", "doc/dataset/demo/nothing-here.ttl", "graph/record/demo/nothing", "id/x",
     "doc/dataset/../../etc/passwd", "id/dataset/demo/%2e%2e%2f", "nowhere"],
)  # fmt: skip
def test_what_is_not_there_is_404_for_machines_and_for_people(server: Server, path: str) -> None:
    final = httpx.get(server.address + path, headers={"Accept": "text/turtle"}, follow_redirects=True)
    assert final.status_code in (404, 406)
    page = httpx.get(server.address + path, headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 404
    assert "<h1>" in page.text


def test_a_format_that_is_not_offered_is_406_with_what_is(server: Server) -> None:
    answer = server.get("doc/dataset/demo/magest", Accept="image/png")
    assert answer.status_code == 406
    assert "text/turtle" in answer.json()["offers"]


def test_a_foreign_iri_has_a_page_of_what_we_know(server: Server) -> None:
    page = server.get("resource?iri=https://orcid.org/0000-0002-1825-0097", Accept="text/html")
    assert "Josiah Carberry" in page.text
    assert "Brown University" in page.text
    assert "chief scientist" in page.text
    short = server.get("resource?iri=SDN:P02::TEMP", Accept="text/turtle")
    assert b"Temperature of the water column" in short.content
    assert server.get("resource?iri=javascript:alert(1)", Accept="text/html").status_code in (400, 404)
    assert server.get("resource", Accept="text/html").status_code == 400


def test_a_graph_opens_as_its_statements_and_as_a_page(server: Server, demo: Built) -> None:
    quads, _ = demo.release.graph_digests()["http://localhost:8000/graph/record/demo/magest"]
    answer = server.get("graph/record/demo/magest", Accept="application/n-triples")
    assert answer.content.count(b" .\n") == quads
    page = server.get("graph/record/demo/magest", Accept="text/html")
    assert "magest" in page.text


def test_our_own_terms_open(server: Server) -> None:
    page = server.get("def/odk", Accept="text/html")
    assert 'id="Cruise"' in page.text
    quads = list(ox.parse(server.get("def/odk", Accept="text/turtle").content, ox.RdfFormat.TURTLE))
    assert any(quad.subject.value == "http://localhost:8000/def/odk#Cruise" for quad in quads)


def test_lineage_over_http_in_words_in_prov_o_and_in_json(server: Server) -> None:
    query = "lineage?iri=http://localhost:8000/id/dataset/demo/magest"
    assert "The record was read from demo/iso19139/magest.xml" in server.get(query, Accept="text/html").text
    assert list(ox.parse(server.get(query, Accept="text/turtle").content, ox.RdfFormat.TURTLE))
    assert server.get(f"{query}&format=json").json()["origins"][0]["key"] == "magest"
    assert (
        server.get("lineage?iri=http://localhost:8000/id/dataset/demo/none", Accept="application/json").status_code
        == 404
    )
    assert server.get("lineage").status_code == 400


def test_search_finds_by_words_without_accents_and_by_kind(server: Server) -> None:
    assert "SNO SSS" in server.get("search?q=salinite+surface").text
    assert "CERSAT: sea surface temperature" in server.get("search?q=cersat", accept_language="en").text
    assert "CERSAT : température de surface" in server.get("search?q=cersat", accept_language="fr").text
    assert server.get("search?q=%00%22").status_code == 200
    assert "DEMO-ATL 2019" in server.get("search?kind=odk:Cruise").text
    assert "Nothing is called that" in server.get("search?q=zzzz").text
    assert server.get("search?q=%22%20OR%20*&page=1").status_code == 200
    assert server.get("search?page=0").status_code == 400


class _Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("href", "src"):
            if given.get(name):
                self.found.add(str(given[name]))


def test_a_visitor_can_walk_from_a_person_to_a_broader_parameter_and_back_and_no_link_is_dead(server: Server) -> None:
    """Person, cruise, data set, parameter, broader parameter, by the links of the pages alone; and all links on the way."""
    seen: dict[str, str] = {}

    def follow(address: str) -> str:
        if address not in seen:
            answer = httpx.get(address, headers={"Accept": "text/html"}, follow_redirects=True, timeout=60)
            assert answer.status_code == 200, address
            seen[address] = answer.text
        return seen[address]

    def link_to(page: str, words: str) -> str:
        href = re.search(rf'<a href="([^"]+)"[^>]*>{re.escape(words)}</a>', page)
        assert href, f"no link to {words}"
        return urljoin(server.address, href[1].replace("&amp;", "&"))

    home = follow(server.address)
    people = (
        follow(link_to(home, "<b>6</b>people"))
        if "<b>6</b>people" in home
        else follow(f"{server.address}search?kind=foaf:Person")
    )
    person = follow(link_to(people, "Josiah Carberry"))
    cruise = follow(link_to(person, "DEMO-ATL 2019"))
    data = follow(link_to(cruise, "DEMO-ATL 2019: CTD profiles"))
    parameter = follow(link_to(data, "Temperature of the water column"))
    broader = follow(link_to(parameter, "Water column temperature and salinity"))
    assert link_to(broader, "Temperature of the water column")
    assert link_to(parameter, "DEMO-ATL 2019: CTD profiles")
    assert link_to(data, "DEMO-ATL 2019")
    assert link_to(cruise, "Josiah Carberry")
    for address, page in list(seen.items()):
        for href in _Links(page).found:
            target = urljoin(address, href)
            if urlsplit(target).netloc == urlsplit(server.address).netloc:
                answer = httpx.get(
                    target.partition("#")[0],
                    headers={"Accept": "text/html,*/*;q=0.5"},
                    follow_redirects=True,
                    timeout=60,
                )
                assert answer.status_code == 200, (address, target)


def test_every_response_carries_the_headers_that_protect_a_reader(server: Server) -> None:
    for path in ("", THING, "doc/dataset/demo/magest", "sparql", "nowhere", "static/style.css", "health/live"):
        headers = server.get(path, Accept="text/html").headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["access-control-allow-origin"] == "*", path
        assert "server" not in headers, path


def test_health_says_which_release_is_served(server: Server, demo: Built) -> None:
    assert server.get("health/live").json() == {"status": "live"}
    ready = server.get("health/ready").json()
    assert (ready["status"], ready["release"]) == ("ready", demo.release.id)


def test_under_a_base_path_the_links_lead_there_with_and_without_a_proxy_that_cuts_it_off(tmp_path: Path) -> None:
    base = "https://kg.example.org/ocean/"
    (tmp_path / "a.xml").write_bytes(iso())
    settings = load(data_dir=tmp_path / "data", base_url=base, release={"shacl": False})
    build([tmp_path / "a.xml"], settings, quiet)
    with serving(settings.data_dir, ODATIS_KG_BASE_URL=base) as server:
        for prefix in ("", "ocean/"):
            home = server.get(prefix, Accept="text/html")
            assert home.status_code == 200
            assert 'href="/ocean/static/style.css"' in home.text
            assert server.get(f"{prefix}static/style.css").status_code == 200
            assert server.get(f"{prefix}sparql?query=ASK%7B%7D").json()["boolean"] is True
        assert "href='/ocean/static/style.css'" in server.get("nowhere", Accept="text/html").text


def test_what_a_record_says_is_never_markup(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "a.xml").write_bytes(iso(key="evil", title="&lt;script&gt;alert(1)&lt;/script&gt;", language="eng"))
    settings = load(data_dir=folder / "data", release={"shacl": False})
    build([folder / "a.xml"], settings, quiet)
    with serving(settings.data_dir) as server:
        for path in (
            "doc/dataset/local/evil",
            "search?q=alert",
            "lineage?iri=http://localhost:8000/id/dataset/local/evil",
            "search?q=<script>alert(2)</script>",
        ):
            text = server.get(path, Accept="text/html").text
            assert "<script>" not in text, path


def test_no_link_of_a_page_is_dead(server: Server, demo: Built) -> None:
    """Every internal link of the home page, of the page of the release, and of one thing of each kind."""
    release = f"doc/release/odatis-kg/{demo.release.id}"
    pages = [
        "",
        release,
        THING,
        "doc/cruise/csr/DEMO2019ATL",
        "doc/place/c38/BSH0001",
        "def/odk",
        "graph/ontology/terms",
    ]
    pages += [
        "lineage?iri=" + f"http://localhost:8000/{release.replace('doc', 'id', 1)}",
        f"graph/prov/{demo.release.id}",
    ]
    seen: set[str] = set()
    for page in pages:
        text = httpx.get(server.address + page, headers={"Accept": "text/html"}, follow_redirects=True).text
        for href in re.findall(r'href="(/[^"]*)"', text):
            address = href.replace("&amp;", "&")
            if address not in seen and "sparql?query" not in address:
                seen.add(address)
    assert len(seen) > 80
    with httpx.Client(follow_redirects=True, headers={"Accept": "text/html,*/*;q=0.5"}) as client:
        dead = [
            (one, code)
            for one in sorted(seen)
            if (code := client.get(server.address.rstrip("/") + one).status_code) >= 400
        ]
    assert dead == []


def test_the_lineage_of_a_release_and_of_a_run_graph_comes_in_turtle_too(server: Server, demo: Built) -> None:
    for iri in (f"id/release/odatis-kg/{demo.release.id}", f"graph/prov/{demo.release.id}"):
        answer = server.get(f"lineage?iri=http://localhost:8000/{iri}", Accept="text/turtle")
        assert answer.status_code == 200, iri
        assert list(ox.parse(answer.content, ox.RdfFormat.TURTLE))
