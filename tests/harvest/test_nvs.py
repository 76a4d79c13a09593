"""NVS by download and by SPARQL: whole collections, conditional requests, cut-off answers, changes under way, and both ways alike."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest

from odatis_kg.harvest.client import HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError
from odatis_kg.harvest.nvs import NvsClient
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.sources import NvsSource
from tests.harvest.vocabulary_server import (
    Asked,
    Remembered,
    Reply,
    VocabularyServer,
    http_for,
    oxigraph,
    real_dump,
    vocabulary_server,
)
from tests.support import mapped, triples_of, values_of

NVS = "http://vocab.nerc.ac.uk/collection/"
PREFIXES = """@prefix dc: <http://purl.org/dc/terms/> .
@prefix dce: <http://purl.org/dc/elements/1.1/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix pav: <http://purl.org/pav/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""


def collection(code: str, concepts: int = 7, version: int = 4) -> bytes:
    """A collection as NVS writes it: the last concept is withdrawn and replaced by the first, the second has mappings."""
    here = f"{NVS}{code}/current/"
    parts = [PREFIXES]
    for number in range(concepts):
        about = [
            f'dce:identifier "SDN:{code}::T{number:03}"', f'skos:notation "SDN:{code}::T{number:03}"',
            'dc:date "2020-02-03 10:00:00.0"', f"pav:hasCurrentVersion <{here}T{number:03}/2/>", 'owl:versionInfo "2"',
            f'skos:prefLabel "Thing {number} of {code}"@en, "Chose \\"{number}\\""@fr', 'skos:altLabel "Th\\tg"',
            f'owl:deprecated "{str(number == concepts - 1).lower()}"',
        ]  # fmt: skip
        if number == 1:
            about += [
                f"skos:broader <{NVS}P03/current/B027/>",
                f"skos:exactMatch <{NVS}P07/current/CFSN0381/>",
                "owl:sameAs <http://qudt.org/vocab/unit/M>",
            ]
        if number == concepts - 1:
            about.append(f"dc:isReplacedBy <{here}T000/>")
        parts.append(f"<{here}T{number:03}/> a skos:Concept ; {' ; '.join(about)} .")
    members = " , ".join(f"<{here}T{number:03}/>" for number in range(concepts))
    parts.append(
        f'<{here}> a skos:Collection ; dc:title "List {code}" ; dc:date "2024-05-0{version % 9} 02:00:00.0" ;'
        f' owl:versionInfo "{version}" ; skos:member {members} .'
    )
    return "\n".join(parts).encode()


@pytest.fixture
def server() -> Iterator[VocabularyServer]:
    with vocabulary_server() as running:
        running.collections = {code: collection(code) for code in ("P02", "L05", "C19")}
        yield running


@pytest.fixture
def client() -> Iterator[Callable[..., NvsClient]]:
    """Makes clients of a server."""
    with ExitStack() as stack:

        def made(server: VocabularyServer | str, **settings: object) -> NvsClient:
            address = server if isinstance(server, str) else server.address
            wanted = {"collections": ("P02", "L05", "C19"), **settings}
            source = NvsSource(protocol="nvs", url=address, **wanted)  # type: ignore[arg-type]
            return NvsClient(source, stack.enter_context(http_for(source)))

        yield made


def items_of(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def iri(code: str) -> str:
    return f"{NVS}{code}/current/"


def test_each_collection_is_a_page_with_the_bytes_received(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    pages = list(client(server).pages(Start(Remembered())))
    assert [page.items for page in pages] == [(Item(iri(code), collection(code)),) for code in ("P02", "L05", "C19")]
    assert {page.total for page in pages} == {3}
    (record,) = scan(pages[0].items[0].content or b"").records
    assert (record.kind, record.key) == (Kind.SKOS, "nvs:P02")
    assert not client(server).incremental


def test_turtle_is_preferred_and_withdrawn_concepts_are_there(
    server: VocabularyServer, client: Callable[..., NvsClient], mappings: Mappings
) -> None:
    (item,) = client(server).one(iri("P02")).items
    assert server.asked[0].headers["accept"].startswith("text/turtle")
    result = mapped(item.content or b"", mappings)
    gone = f"<{iri('P02')}T006/>"
    assert values_of(result, "deprecated", gone) == ['"true"^^<http://www.w3.org/2001/XMLSchema#boolean>']
    assert values_of(result, "isReplacedBy", gone) == [f"<{iri('P02')}T000/>"]
    assert values_of(result, "exactMatch", f"<{iri('P02')}T001/>") == [
        "<http://qudt.org/vocab/unit/M>",
        f"<{NVS}P07/current/CFSN0381/>",
    ]


@pytest.mark.parametrize("media_type", ["application/rdf+xml", "application/ld+json"])
def test_another_syntax_is_taken_where_the_server_has_no_turtle(
    server: VocabularyServer, client: Callable[..., NvsClient], media_type: str, mappings: Mappings
) -> None:
    body = ox.serialize(
        ox.parse(collection("P02"), ox.RdfFormat.TURTLE), format=ox.RdfFormat.from_media_type(media_type)
    )
    server.wrongly(lambda asked: Reply(body, media_type))
    (item,) = client(server).one(iri("P02")).items
    if media_type == "application/rdf+xml":  # JSON-LD without a context of its own is not read by mapping
        assert triples_of(mapped(item.content or b"", mappings)) == triples_of(mapped(collection("P02"), mappings))
    assert item.content == body


def test_a_server_that_does_not_heed_accept_is_asked_by_parameters(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    server.heeds_accept = False
    pages = list(client(server, collections=("P02",)).pages(Start(Remembered())))
    assert [len(page.items) for page in pages] == [0, 1]
    assert "not as RDF" in pages[0].remarks[0]
    assert pages[0].checkpoint == {"done": []}
    assert items_of(pages)[0].content == collection("P02")


def test_a_server_that_cannot_serve_what_is_accepted_is_asked_by_parameters(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    server.wrongly(lambda asked: None if asked.parameters else Reply(status=406))
    pages = list(client(server, collections=("P02",)).pages(Start(Remembered())))
    assert [page.answer.status for page in pages] == [406, 200]
    assert items_of(pages)[0].content == collection("P02")


def test_an_unchanged_collection_is_not_sent_again(server: VocabularyServer, client: Callable[..., NvsClient]) -> None:
    first = list(client(server).pages(Start(Remembered())))
    known = {page.items[0].identifier: Validators(page.answer.etag, page.answer.last_modified) for page in first}
    server.collections["L05"] = collection("L05", version=5)
    second = list(client(server).pages(Start(Remembered(known))))
    assert [page.unchanged for page in second] == [(iri("P02"),), (), (iri("C19"),)]
    assert [page.answer.status for page in second] == [304, 200, 304]
    assert [item.identifier for item in items_of(second)] == [iri("L05")]


def test_a_missing_collection_is_an_item_with_the_reason(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    del server.collections["L05"]
    pages = list(client(server).pages(Start(Remembered())))
    missing = items_of(pages)[1]
    assert (missing.identifier, missing.content, missing.is_deleted) == (iri("L05"), None, False)
    assert "404" in missing.reason
    assert pages[1].answer.status == 404


@pytest.mark.parametrize("cut", [0.5, 0.95])
def test_a_collection_that_ends_too_early_is_not_handed_over(
    server: VocabularyServer, client: Callable[..., NvsClient], cut: float
) -> None:
    whole = collection("P02", 30)
    server.collections["P02"] = whole
    server.wrongly(lambda asked: Reply(whole[: int(len(whole) * cut)], "text/turtle") if "P02" in asked.path else None)
    pages = list(client(server).pages(Start(Remembered())))
    assert [item.content is None for item in items_of(pages)] == [True, False, False]
    assert "cut off or damaged" in items_of(pages)[0].reason


def test_an_answer_that_breaks_off_is_asked_for_again(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    whole = collection("P02")
    server.wrongly(
        lambda asked: (
            Reply(whole[:500], "text/turtle", headers={"Content-Length": str(len(whole))})
            if len(server.asked) == 1
            else None
        )
    )
    assert client(server).one(iri("P02")).items[0].content == whole
    assert len(server.asked) == 2


def test_another_collection_than_the_one_asked_for_is_refused(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    server.collections["L05"] = collection("P02")
    item = items_of(list(client(server).pages(Start(Remembered()))))[1]
    assert item.content is None
    assert "no concept of" in item.reason


def test_members_of_which_nothing_is_said_are_told(server: VocabularyServer, client: Callable[..., NvsClient]) -> None:
    server.collections["P02"] += f"\n<{iri('P02')}> skos:member <{iri('P02')}NONE/> .".encode()
    page = client(server).one(iri("P02"))
    assert page.items[0].content
    assert "nothing is said of 1 of the 8 members" in page.remarks[0]


def test_a_collection_that_fails_hides_no_other_and_the_walk_ends_in_an_error(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    server.wrongly(lambda asked: Reply(status=500) if "L05" in asked.path else None)
    pages: list[Page] = []
    with pytest.raises(HarvestError, match=r"1 of 3 lists could not be had: L05: .*500"):
        for page in client(server).pages(Start(Remembered())):
            pages.append(page)
    assert [item.identifier for item in items_of(pages)] == [iri("P02"), iri("C19")]
    # Going on asks for the one that failed.
    server._faults.clear()
    rest = list(client(server).pages(Start(Remembered(), pages[-1].checkpoint)))
    assert [item.identifier for item in items_of(rest)] == [iri("L05")]


def test_a_server_that_asks_to_be_left_alone_is_left_alone(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    server.wrongly(lambda asked: Reply(status=429, headers={"Retry-After": "4000"}))
    with pytest.raises(FetchError, match="put off"):
        list(client(server).pages(Start(Remembered())))
    assert len(server.asked) == 1


def test_a_redirect_on_the_server_itself_is_followed(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    server.wrongly(
        lambda asked: (
            None
            if asked.parameters.get("again")
            else Reply(status=301, headers={"Location": f"{server.address.rstrip('/')}{asked.path}?again=1"})
        )
    )
    assert client(server).one(iri("P02")).items[0].content == collection("P02")
    assert server.asked[1].headers["accept"].startswith("text/turtle")


def test_a_redirect_into_the_local_network_is_not_followed(
    server: VocabularyServer, client: Callable[..., NvsClient]
) -> None:
    with vocabulary_server() as other:
        other.collections = server.collections
        server.wrongly(lambda asked: Reply(status=301, headers={"Location": other.address.rstrip("/") + asked.path}))
        with pytest.raises(FetchError, match="local network"):
            client(server).one(iri("P02"))
        assert not other.asked
        assert client(server, allow_private=True).one(iri("P02")).items[0].content == collection("P02")


def test_a_walk_goes_on_after_every_checkpoint(server: VocabularyServer, client: Callable[..., NvsClient]) -> None:
    pages = list(client(server).pages(Start(Remembered())))
    for number, page in enumerate(pages, 1):
        rest = list(client(server).pages(Start(Remembered(), page.checkpoint)))
        assert [one.items for one in rest] == [one.items for one in pages[number:]]


def test_one_item_is_a_collection(server: VocabularyServer, client: Callable[..., NvsClient]) -> None:
    with pytest.raises(HarvestError, match="not the address of a collection"):
        client(server).one(iri("P02") + "TEMP/")
    missing = client(server).one(iri("X77")).items[0]
    assert (missing.identifier, missing.content, missing.is_deleted) == (iri("X77"), None, False)
    server.wrongly(lambda asked: Reply(status=403))
    with pytest.raises(FetchError, match="403"):
        client(server).one(iri("P02"))


# By SPARQL, from Oxigraph's own server


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nvs")
    files = []
    for code in ("P02", "L05", "C19"):
        files.append(folder / f"{code}.ttl")
        files[-1].write_bytes(collection(code, 23))
    with oxigraph(folder / "store", *files) as address:
        yield address


def asking(client: Callable[..., NvsClient], address: str, **settings: object) -> NvsClient:
    return client(address, way="sparql", endpoint="query", **{"page_size": 5, **settings})


def test_both_ways_give_the_same_concepts(
    endpoint: str, server: VocabularyServer, client: Callable[..., NvsClient], mappings: Mappings
) -> None:
    server.collections["P02"] = collection("P02", 23)
    downloaded = client(server).one(iri("P02")).items[0]
    asked = asking(client, endpoint).one(iri("P02")).items[0]
    assert asked.identifier == downloaded.identifier
    (first,) = scan(downloaded.content or b"").records
    (second,) = scan(asked.content or b"").records
    assert (second.kind, second.key, second.modified) == (first.kind, first.key, first.modified)
    ours, theirs = (mapped(item.content or b"", mappings) for item in (asked, downloaded))
    assert ours.graph == theirs.graph
    assert triples_of(ours) == triples_of(theirs)
    assert len(triples_of(ours)) > 200


@pytest.mark.parametrize("page_size", [1, 5, 23, 24, 2000])
def test_the_document_does_not_depend_on_how_it_was_asked_for(
    endpoint: str, client: Callable[..., NvsClient], page_size: int
) -> None:
    content = asking(client, endpoint, page_size=page_size).one(iri("L05")).items[0].content
    assert content == asking(client, endpoint, page_size=7).one(iri("L05")).items[0].content


def test_every_answer_is_a_page_and_the_item_comes_with_the_last(
    endpoint: str, client: Callable[..., NvsClient]
) -> None:
    pages = list(asking(client, endpoint, collections=("L05", "C19")).pages(Start(Remembered())))
    # Before, announced, five pages of 5, after.
    assert [len(page.items) for page in pages] == [0] * 7 + [1] + [0] * 7 + [1]
    assert all(page.answer.content and "query=" in page.answer.url for page in pages)
    assert pages[7].checkpoint == {"done": ["L05"]}


def test_a_walk_by_sparql_goes_on_at_the_collection_it_was_in(endpoint: str, client: Callable[..., NvsClient]) -> None:
    walk = asking(client, endpoint, collections=("L05", "C19"))
    pages = list(walk.pages(Start(Remembered())))
    whole = items_of(pages)
    for number, page in enumerate(pages, 1):
        given = items_of(pages[:number])
        rest = items_of(list(walk.pages(Start(Remembered(), page.checkpoint))))
        assert given + rest == whole


def test_a_collection_the_endpoint_does_not_have_is_an_item_with_the_reason(
    endpoint: str, client: Callable[..., NvsClient]
) -> None:
    item = asking(client, endpoint).one(iri("P01")).items[0]
    assert item.content is None
    assert "no member" in item.reason


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "P02.ttl"
    file.write_bytes(collection("P02", 23))
    with oxigraph(tmp_path / "store", file) as address:
        yield address


def publish(address: str, update: str) -> None:
    httpx.post(f"{address}update", data={"update": update}).raise_for_status()


def test_a_version_published_meanwhile_is_read_from_its_beginning(
    changing: str, client: Callable[..., NvsClient]
) -> None:
    pages = []
    for page in asking(client, changing, collections=("P02",)).pages(Start(Remembered())):
        pages.append(page)
        if len(pages) == 4:
            publish(
                changing,
                f"DELETE {{ <{iri('P02')}> ?p ?old }} INSERT {{ <{iri('P02')}> ?p '5' }}"
                f" WHERE {{ <{iri('P02')}> ?p ?old FILTER(STRENDS(STR(?p), 'versionInfo')) }}",
            )
    assert len(pages) == 16
    assert any("it changed while it was read" in remark for page in pages for remark in page.remarks)
    (item,) = items_of(pages)
    assert b'#versionInfo> "5"' in (item.content or b"")
    assert item.content == asking(client, changing).one(iri("P02")).items[0].content


def test_a_list_that_never_stands_still_is_given_up(changing: str, client: Callable[..., NvsClient]) -> None:
    pages = []
    with pytest.raises(HarvestError, match=r"could not be read as a whole in 3 attempts.*22 things of 23"):
        for page in asking(client, changing, collections=("P02",)).pages(Start(Remembered())):
            pages.append(page)
            # After the counting: one member less; after the walk: there again.
            verb = {2: "DELETE", 0: "INSERT"}.get(len(pages) % 8)
            if verb:
                publish(changing, f"{verb} DATA {{ <{iri('P02')}> <http://www.w3.org/2004/02/skos/core#member> <{iri('P02')}T022/> }}")  # fmt: skip
    assert not items_of(pages)


def test_a_member_of_which_nothing_is_said_is_a_member(changing: str, client: Callable[..., NvsClient]) -> None:
    publish(
        changing,
        f"INSERT DATA {{ <{iri('P02')}> <http://www.w3.org/2004/02/skos/core#member> <{iri('P02')}NONE/> ."
        f" <{iri('P02')}T000/> <http://www.w3.org/2004/02/skos/core#note> [] }}",
    )
    page = asking(client, changing).one(iri("P02"))
    assert f"member> <{iri('P02')}NONE/> .".encode() in (page.items[0].content or b"")
    assert page.remarks == ("1 statements with nameless nodes are left out; downloads have them",)


def answering(reply: Callable[[Asked], Reply]) -> Callable[[Asked], Reply | None]:
    return lambda asked: reply(asked) if "sparql" in asked.path else None


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b'{"results": {"bindings": [{"property"', "application/sparql-results+json"), "cannot be read"),
        (Reply(b'{"boolean": true}', "application/sparql-results+json"), "cannot be read"),
        (Reply(b"<html></html>", "text/html"), "answered with text/html"),
        (Reply(b"parse error", status=400), "answered 400"),
    ],
)
def test_an_answer_that_is_no_result_ends_the_collection(
    server: VocabularyServer, client: Callable[..., NvsClient], reply: Reply, said: str
) -> None:
    server.wrongly(answering(lambda asked: reply))
    with pytest.raises(HarvestError, match=said):
        list(client(server, way="sparql", collections=("P02",)).pages(Start(Remembered())))
    assert server.asked[0].path == "/sparql/sparql"
    assert server.asked[0].headers["user-agent"].startswith("odatis-kg/")
    assert "sparql-results+json" in server.asked[0].headers["accept"]


# The real collections


@pytest.mark.real
def test_the_real_collections_are_the_same_by_both_ways(
    real: Path, tmp_path: Path, server: VocabularyServer, client: Callable[..., NvsClient], mappings: Mappings
) -> None:
    turtle = real / "nvs" / "turtle"
    server.collections = {code: real_dump(turtle / f"{code}.ttl.gz") for code in ("L05",)}
    server.collections |= {code: real_dump(turtle / f"{code}.ttl") for code in ("C34", "L08")}
    codes = tuple(server.collections)
    files = []
    for code, content in server.collections.items():
        files.append(tmp_path / f"{code}.ttl")
        files[-1].write_bytes(content)
    downloaded = items_of(list(client(server, collections=codes).pages(Start(Remembered()))))
    with oxigraph(tmp_path / "store", *files) as address:
        asked = items_of(list(asking(client, address, collections=codes, page_size=100).pages(Start(Remembered()))))
    assert [item.identifier for item in asked] == [item.identifier for item in downloaded] == [iri(c) for c in codes]
    for one, other in zip(asked, downloaded, strict=True):
        ours, theirs = (mapped(item.content or b"", mappings) for item in (one, other))
        assert ours.graph == theirs.graph
        assert triples_of(ours) == triples_of(theirs)
