"""GCMD's keyword service: every page of every scheme, one version, as many concepts as announced, and paths across pages."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from odatis_kg.harvest.client import HarvestError, Item, Page, Start
from odatis_kg.harvest.gcmd import GcmdClient
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.sources import GcmdSource
from tests.harvest.vocabulary_server import (
    KMS,
    Asked,
    Keywords,
    Remembered,
    Reply,
    VocabularyServer,
    http_for,
    real_dump,
    vocabulary_server,
)
from tests.support import mapped, triples_of, values_of


def concept(number: int) -> str:
    return f"{KMS}/concept/00000000-0000-4000-8000-{number:012}"


def scheme_iri(scheme: str) -> str:
    return f"{KMS}/concepts/concept_scheme/{scheme}"


def keywords(scheme: str, concepts: int = 11, word: str = "LEVEL") -> bytes:
    """A scheme in which each concept is narrower than the next one, so that every path runs over page after page."""
    parts = [
        "@prefix gcmd: <https://gcmd.earthdata.nasa.gov/kms#> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> ."
    ]
    for number in range(concepts):
        wider = f"skos:broader <{concept(number + 1)}> ;" if number + 1 < concepts else ""
        parts.append(
            f'<{concept(number)}> a skos:Concept ; skos:prefLabel "{word} {number}"@en ; {wider}'
            f" skos:inScheme <{scheme_iri(scheme)}> ;"
            f' skos:definition "What level {number} is."@en ; gcmd:reference [ gcmd:text "The same book."@en ] ;'
            f' gcmd:altLabel [ gcmd:category "primary" ; gcmd:text "L{number}"@en ] .'
        )
    return "\n".join(parts).encode()


@pytest.fixture
def server() -> Iterator[VocabularyServer]:
    with vocabulary_server() as running:
        running.schemes = {one: Keywords(keywords(one)) for one in ("sciencekeywords", "platforms")}
        yield running


@pytest.fixture
def client() -> Iterator[Callable[..., GcmdClient]]:
    """Makes clients of a server."""
    with ExitStack() as stack:

        def made(server: VocabularyServer, **settings: object) -> GcmdClient:
            wanted = {"schemes": ("sciencekeywords", "platforms"), "page_size": 4, **settings}
            source = GcmdSource(protocol="gcmd", url=f"{server.address}kms/", **wanted)  # type: ignore[arg-type]
            return GcmdClient(source, stack.enter_context(http_for(source)))

        yield made


def items_of(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def test_every_page_is_asked_for_and_a_scheme_is_one_record(
    server: VocabularyServer, client: Callable[..., GcmdClient], mappings: Mappings
) -> None:
    pages = list(client(server).pages(Start(Remembered())))
    assert [asked.parameters["page_num"] for asked in server.asked] == ["1", "2", "3"] * 2
    assert [len(page.items) for page in pages] == [0, 0, 1, 0, 0, 1]
    assert all(page.answer.content for page in pages)
    item = items_of(pages)[0]
    assert item.identifier == scheme_iri("sciencekeywords")
    (record,) = scan(item.content or b"").records
    assert (record.kind, record.key) == (Kind.SKOS, "gcmd:sciencekeywords")
    result = mapped(item.content or b"", mappings)
    assert result.graph.endswith("gcmd/sciencekeywords/23.4")
    first = f"<{concept(0)}>"
    path = " > ".join(f"LEVEL {number}" for number in range(10, -1, -1))
    assert sorted(values_of(result, "altLabel", first)) == sorted([f'"{path}"@en', '"L0"@en'])
    assert values_of(result, "definition", first) == ['"What level 0 is."@en']
    assert not client(server).incremental


def test_pages_by_themselves_would_be_records_that_lack_the_paths(server: VocabularyServer, mappings: Mappings) -> None:
    page = server.schemes["sciencekeywords"].page("sciencekeywords", 1, 4).body
    (record,) = scan(page).records
    assert record.key == "gcmd:sciencekeywords:page-1"
    assert values_of(mapped(page, mappings), "altLabel", f"<{concept(0)}>") == ['"L0"@en']


@pytest.mark.parametrize("size", [1, 4, 10, 11, 2000])
def test_the_document_does_not_depend_on_how_it_was_cut(
    server: VocabularyServer, client: Callable[..., GcmdClient], size: int
) -> None:
    (item,) = client(server, page_size=size).one(scheme_iri("sciencekeywords")).items
    (other,) = client(server, page_size=5).one(scheme_iri("sciencekeywords")).items
    assert item == other
    assert triples_in(item.content) > 11 * 8


def triples_in(content: bytes | None) -> int:
    return len((content or b"").splitlines())


def test_a_page_is_the_same_mapped_as_a_whole_or_united(
    server: VocabularyServer, client: Callable[..., GcmdClient], mappings: Mappings
) -> None:
    united = client(server).one(scheme_iri("sciencekeywords")).items[0].content
    whole = server.schemes["sciencekeywords"].page("sciencekeywords", 1, 2000).body
    assert triples_of(mapped(united or b"", mappings)) == triples_of(mapped(whole, mappings))


def test_a_version_published_meanwhile_begins_the_scheme_again(
    server: VocabularyServer, client: Callable[..., GcmdClient]
) -> None:
    def publish(asked: Asked) -> None:
        if len(server.asked) == 3:
            server.schemes["sciencekeywords"] = Keywords(keywords("sciencekeywords", word="GRADE"), "23.5")

    server.wrongly(publish)
    pages = list(client(server, schemes=("sciencekeywords",)).pages(Start(Remembered())))
    assert [asked.parameters["page_num"] for asked in server.asked] == ["1", "2", "3", "1", "2", "3"]
    assert 'it changed while it was read: "23.5"' in pages[2].remarks[0]
    (item,) = items_of(pages)
    assert b"GRADE" in (item.content or b"")
    assert b"LEVEL" not in (item.content or b"")
    assert b'"23.5"' in (item.content or b"")


def test_a_concept_added_meanwhile_begins_the_scheme_again(
    server: VocabularyServer, client: Callable[..., GcmdClient]
) -> None:
    def add(asked: Asked) -> None:
        if len(server.asked) == 2:
            server.schemes["sciencekeywords"] = Keywords(keywords("sciencekeywords", 12))

    server.wrongly(add)
    pages = list(client(server, schemes=("sciencekeywords",)).pages(Start(Remembered())))
    assert "it grew or shrank from 11 to 12 concepts" in pages[1].remarks[0]
    assert triples_in(items_of(pages)[0].content) > triples_in(keywords("sciencekeywords"))


def always_first(server: VocabularyServer) -> Callable[[Asked], Reply | None]:
    return lambda asked: server.schemes["sciencekeywords"].page("sciencekeywords", 1, 4)


def fewer(server: VocabularyServer) -> Callable[[Asked], Reply | None]:
    """Announces more than there is."""

    def reply(asked: Asked) -> Reply:
        page = server.schemes["sciencekeywords"].page("sciencekeywords", int(asked.parameters["page_num"]), 4)
        return Reply(page.body.replace(b">11<", b">13<"), page.media_type)

    return reply


def more(server: VocabularyServer) -> Callable[[Asked], Reply | None]:
    """Announces less than there is."""

    def reply(asked: Asked) -> Reply:
        page = server.schemes["sciencekeywords"].page("sciencekeywords", int(asked.parameters["page_num"]), 4)
        return Reply(page.body.replace(b">11<", b">10<"), page.media_type)

    return reply


def cut(server: VocabularyServer) -> Callable[[Asked], Reply | None]:
    def reply(asked: Asked) -> Reply:
        page = server.schemes["sciencekeywords"].page("sciencekeywords", int(asked.parameters["page_num"]), 4)
        return Reply(page.body[: len(page.body) * 2 // 3], page.media_type)

    return reply


def mute(server: VocabularyServer) -> Callable[[Asked], Reply | None]:
    return lambda asked: Reply(b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", "application/xml")


def with_entities(server: VocabularyServer) -> Callable[[Asked], Reply | None]:
    return lambda asked: Reply(
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>&a;</rdf:RDF>",
        "application/xml",
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (always_first, "page 1 came where page 2 was asked for"),
        (fewer, "11 concepts of 13 came"),
        (more, "11 concepts of 10 came"),
        (cut, "cut off or damaged RDF"),
        (mute, "does not say how many concepts there are"),
        (with_entities, "not RDF"),
        (lambda server: lambda asked: Reply(b'{"error": "internal"}', "application/json"), r"how many concepts"),
        (lambda server: lambda asked: Reply(b"busy", "text/plain"), "not RDF"),
    ],
)
def test_a_scheme_that_does_not_come_whole_is_not_handed_over(
    server: VocabularyServer,
    client: Callable[..., GcmdClient],
    fault: Callable[[VocabularyServer], Callable[[Asked], Reply | None]],
    said: str,
) -> None:
    wrong = fault(server)
    server.wrongly(lambda asked: wrong(asked) if "sciencekeywords" in asked.path else None)
    pages: list[Page] = []
    with pytest.raises(HarvestError, match=said):
        for page in client(server).pages(Start(Remembered())):
            pages.append(page)
    assert [item.identifier for item in items_of(pages)] == [scheme_iri("platforms")]
    assert len(server.asked) <= 3 * 4 + 3
    # What failed is asked for again when the walk goes on.
    server._faults.clear()
    rest = items_of(list(client(server).pages(Start(Remembered(), pages[-1].checkpoint))))
    assert [item.identifier for item in rest] == [scheme_iri("sciencekeywords")]


def test_a_page_cut_off_once_is_made_good(server: VocabularyServer, client: Callable[..., GcmdClient]) -> None:
    wrong = cut(server)
    server.wrongly(lambda asked: wrong(asked) if len(server.asked) == 2 else None)
    assert client(server).one(scheme_iri("sciencekeywords")).items[0].content


def test_a_scheme_the_service_does_not_know_is_an_item_with_the_reason(
    server: VocabularyServer, client: Callable[..., GcmdClient]
) -> None:
    server.schemes["empty"] = Keywords(b"")
    items = items_of(list(client(server, schemes=("nothing", "empty", "platforms")).pages(Start(Remembered()))))
    assert [item.content is None for item in items] == [True, True, False]
    assert "404" in items[0].reason
    assert "has no concept" in items[1].reason


def test_a_walk_goes_on_after_every_checkpoint(server: VocabularyServer, client: Callable[..., GcmdClient]) -> None:
    pages = list(client(server).pages(Start(Remembered())))
    whole = items_of(pages)
    for number, page in enumerate(pages, 1):
        rest = items_of(list(client(server).pages(Start(Remembered(), page.checkpoint))))
        assert items_of(pages[:number]) + rest == whole


def test_one_item_is_a_scheme(server: VocabularyServer, client: Callable[..., GcmdClient]) -> None:
    with pytest.raises(HarvestError, match="not the address of a concept scheme"):
        client(server).one("https://example.org/sciencekeywords")


@pytest.mark.real
def test_a_real_scheme_is_united_from_its_pages(
    real: Path, server: VocabularyServer, client: Callable[..., GcmdClient], mappings: Mappings
) -> None:
    dump = real_dump(real / "gcmd" / "gcmd-locations.ttl.gz")
    server.schemes["locations"] = Keywords(dump)
    pages = list(client(server, schemes=("locations",), page_size=150).pages(Start(Remembered())))
    assert len(pages) == 4
    (item,) = items_of(pages)
    ours, whole = mapped(item.content or b"", mappings), mapped(dump, mappings)
    for name in ("prefLabel", "altLabel", "broader", "narrower", "definition", "changeNote"):
        assert values_of(ours, name) == values_of(whole, name)
    assert len(values_of(ours, "altLabel")) > 500
