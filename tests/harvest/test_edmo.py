"""EDMO by SPARQL, from Oxigraph's own server with organisations in the vocabulary of the real endpoint, and as a dump."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from odatis_kg.harvest.client import HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.edmo import EdmoClient
from odatis_kg.harvest.http import FetchError
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import Kind, scan
from odatis_kg.sources import EdmoSource
from tests.harvest.vocabulary_server import (
    Remembered,
    Reply,
    VocabularyServer,
    http_for,
    oxigraph,
    real_dump,
    vocabulary_server,
)
from tests.support import mapped, values_of

RECORDS = Path(__file__).parent.parent / "fixtures" / "records"
PREFIXES = """@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix org: <http://www.w3.org/ns/org#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
# Three ways to say where an organisation is: at the organisation itself, below its site, and without a number in the address.
ORGANISATIONS = (
    PREFIXES
    + """
<https://edmo.seadatanet.org/report/486> a org:Organization ; org:name "Institut \\"démo\\"\\tmarin" ;
    skos:altName "IDM" ; skos:notation "486"^^xsd:int ; dct:modified "2024-03-05T10:00:00"^^xsd:dateTime ;
    owl:deprecated false ; vcard:street-address "1 quai du Test" ; vcard:locality "Brest" ; vcard:postal-code "29200" ;
    vcard:country-name "France" ; foaf:homepage <https://example.org/idm> ; vcard:hasEmail <mailto:office@example.org> .
<http://edmo.seadatanet.org/9> a org:Organization ; skos:prefLabel "Office of the sea" ; dct:modified "2023-01-01" ;
    org:hasSite <http://edmo.seadatanet.org/9/site> .
<http://edmo.seadatanet.org/9/site> a org:Site ; org:siteAddress [ a vcard:Work ; vcard:locality "Bergen" ;
    vcard:country-name "Norway" ; vcard:hasTelephone [ a vcard:Voice ; vcard:hasValue <tel:+4712345678> ] ,
    [ a vcard:Fax ; vcard:hasValue <tel:+4799999999> ] ] .
<https://edmo.seadatanet.org/organisation/old> a org:Organization ; org:name "Renamed laboratory" ; skos:notation "1234" ;
    owl:deprecated true ; vcard:country-name "Ireland" .
<https://edmo.seadatanet.org/organisation/odd> a org:Organization ; org:name "Without a number" .
"""
)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("edmo")
    (folder / "edmo.ttl").write_text(ORGANISATIONS)
    with oxigraph(folder / "store", folder / "edmo.ttl") as address:
        yield address


@pytest.fixture
def client() -> Iterator[Callable[..., EdmoClient]]:
    """Makes clients of an address."""
    with ExitStack() as stack:

        def made(address: str, **settings: object) -> EdmoClient:
            source = EdmoSource(protocol="edmo", url=address, **settings)  # type: ignore[arg-type]
            return EdmoClient(source, stack.enter_context(http_for(source)))

        yield made


@pytest.fixture
def server() -> Iterator[VocabularyServer]:
    with vocabulary_server() as running:
        running.files["edmo.json"] = (RECORDS / "edmo.json").read_bytes()
        yield running


def items_of(pages: list[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def entries_of(item: Item) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(item.content or b"")["vocabulary"]["citRespParty"]
    return entries


def test_the_directory_comes_in_the_format_of_its_own_export(
    endpoint: str, client: Callable[..., EdmoClient], mappings: Mappings
) -> None:
    pages = list(client(f"{endpoint}query", page_size=2).pages(Start(Remembered())))
    (item,) = items_of(pages)
    assert len(pages) == 6  # before, announced, 2 + 2 + 0, after
    assert (item.identifier, item.modified) == ("SDN:EDMO::", "2024-03-05")
    (record,) = scan(item.content or b"").records
    assert (record.kind, record.key, record.modified) == (Kind.EDMO, "edmo:organisations", "2024-03-05")
    assert [entry["rpOrgName"]["SDNIdent"] for entry in entries_of(item)] == [
        f"SDN:EDMO::{number}" for number in (9, 486, 1234)
    ]
    assert pages[-1].remarks == ("1 organisations without a number are left out",)
    result = mapped(item.content or b"", mappings)
    idm, office = "<https://edmo.seadatanet.org/report/486>", "<https://edmo.seadatanet.org/report/9>"
    assert values_of(result, "name", idm) == ['"Institut \\"démo\\" marin"']
    assert values_of(result, "name", office) == ['"Office of the sea"']
    assert values_of(result, "postName") == ['"Bergen"', '"Brest"']
    assert values_of(result, "page", idm) == ["<https://example.org/idm>"]
    assert values_of(result, "mbox", idm) == ["<mailto:office@example.org>"]
    assert values_of(result, "phone") == ["<tel:+4712345678>"]
    assert not client(endpoint).incremental


def test_what_is_below_a_site_belongs_to_the_organisation_and_a_fax_is_no_telephone(
    endpoint: str, client: Callable[..., EdmoClient]
) -> None:
    (item,) = client(f"{endpoint}query").one("SDN:EDMO::").items
    office = entries_of(item)[0]
    assert office["rpCntInfo"] == {
        "cntAddress": {"city": "Bergen", "country": "Norway"},
        "cntPhone": {"voiceNum": "+4712345678", "faxNum": "+4799999999"},
    }
    assert entries_of(item)[1]["rpCntInfo"]["cntAddress"]["eMailAdd"] == "office@example.org"


def test_what_the_format_has_no_place_for_is_kept(endpoint: str, client: Callable[..., EdmoClient]) -> None:
    (item,) = client(f"{endpoint}query").one("SDN:EDMO::").items
    assert entries_of(item)[1]["other"] == {
        "dct:modified": ["2024-03-05T10:00:00"],
        "owl:deprecated": ["false"],
        "skos:altName": ["IDM"],
    }
    assert entries_of(item)[2]["other"] == {"owl:deprecated": ["true"]}


@pytest.mark.parametrize("page_size", [1, 3, 4, 5, 2000])
def test_the_document_does_not_depend_on_how_it_was_asked_for(
    endpoint: str, client: Callable[..., EdmoClient], page_size: int
) -> None:
    one = client(f"{endpoint}query", page_size=page_size).one("SDN:EDMO::").items
    assert one == client(f"{endpoint}query", page_size=2).one("SDN:EDMO::").items


def test_a_walk_begins_again_until_it_was_whole_and_is_over_after_that(
    endpoint: str, client: Callable[..., EdmoClient]
) -> None:
    walk = client(f"{endpoint}query", page_size=2)
    pages = list(walk.pages(Start(Remembered())))
    for number, page in enumerate(pages, 1):
        rest = items_of(list(walk.pages(Start(Remembered(), page.checkpoint))))
        assert items_of(pages[:number]) + rest == items_of(pages)


def test_an_organisation_that_changes_meanwhile_begins_the_walk_again(
    tmp_path: Path, client: Callable[..., EdmoClient]
) -> None:
    (tmp_path / "edmo.ttl").write_text(ORGANISATIONS)
    pages = []
    with oxigraph(tmp_path / "store", tmp_path / "edmo.ttl") as address:
        for page in client(f"{address}query", page_size=2).pages(Start(Remembered())):
            pages.append(page)
            if len(pages) == 3:
                new = (
                    "<https://edmo.seadatanet.org/report/7> a <http://www.w3.org/ns/org#Organization> ;"
                    ' <http://www.w3.org/ns/org#name> "Newcomer" .'
                )
                httpx.post(f"{address}update", data={"update": f"INSERT DATA {{ {new} }}"}).raise_for_status()
    assert "it changed while it was read" in " ".join(remark for page in pages for remark in page.remarks)
    (item,) = items_of(pages)
    assert entries_of(item)[0] == {"rpOrgName": {"SDNIdent": "SDN:EDMO::7", "text": "Newcomer"}}


def test_an_endpoint_without_organisations_is_no_empty_directory(
    tmp_path: Path, client: Callable[..., EdmoClient]
) -> None:
    with oxigraph(tmp_path / "store") as address:
        (item,) = client(f"{address}query").one("SDN:EDMO::").items
    assert item.content is None
    assert "describes no org:Organization" in item.reason


def test_an_endpoint_that_is_gone_is_an_item_with_the_reason(
    server: VocabularyServer, client: Callable[..., EdmoClient]
) -> None:
    (item,) = items_of(list(client(f"{server.address}nothing").pages(Start(Remembered()))))
    assert item.content is None
    assert "404" in item.reason
    with pytest.raises(HarvestError, match="not what this source has"):
        client(f"{server.address}nothing").one("SDN:EDMERP::")


# As a dump


def test_a_dump_is_handed_over_as_it_came(server: VocabularyServer, client: Callable[..., EdmoClient]) -> None:
    address = f"{server.address}files/edmo.json"
    (page,) = client(address, way="dump").pages(Start(Remembered()))
    assert page.items == (Item(address, server.files["edmo.json"]),)
    assert scan(page.items[0].content or b"").records[0].kind is Kind.EDMO


def test_an_unchanged_dump_is_not_sent_again(server: VocabularyServer, client: Callable[..., EdmoClient]) -> None:
    address = f"{server.address}files/edmo.json"
    (page,) = client(address, way="dump").pages(Start(Remembered()))
    known = Remembered({address: Validators(page.answer.etag, page.answer.last_modified)})
    (again,) = client(address, way="dump").pages(Start(known))
    assert (again.unchanged, again.items, again.answer.status) == ((address,), (), 304)
    assert not list(client(address, way="dump").pages(Start(known, again.checkpoint)))
    server.files["edmo.json"] += b"\n"
    (changed,) = client(address, way="dump").pages(Start(known))
    assert changed.items[0].content == server.files["edmo.json"]


def test_a_dump_in_rdf_that_is_cut_off_is_not_handed_over(
    server: VocabularyServer, client: Callable[..., EdmoClient]
) -> None:
    whole = (RECORDS / "edmo-thesaurus.rdf").read_bytes()
    server.files["edmo.rdf"] = whole
    address = f"{server.address}files/edmo.rdf"
    assert client(address, way="dump").one(address).items == (Item(address, whole),)
    server.files["edmo.rdf"] = whole[:-60]
    (item,) = client(address, way="dump").one(address).items
    assert item.content is None
    assert "cut off or damaged" in item.reason


def test_a_dump_that_is_refused_ends_in_an_error(server: VocabularyServer, client: Callable[..., EdmoClient]) -> None:
    server.wrongly(lambda asked: Reply(status=403))
    with pytest.raises(HarvestError, match="403"):
        list(client(f"{server.address}files/edmo.json", way="dump").pages(Start(Remembered())))
    with pytest.raises(FetchError, match="403"):
        client(f"{server.address}files/edmo.json", way="dump").one(f"{server.address}files/edmo.json")


@pytest.mark.real
def test_the_real_directory_asked_for_by_sparql_is_the_real_directory(
    real: Path, tmp_path: Path, client: Callable[..., EdmoClient], mappings: Mappings
) -> None:
    """Facts of the real export, said in the vocabulary of the endpoint, come back as the export says them."""
    export = json.loads(real_dump(real / "edmo" / "edmo.json.gz"))["vocabulary"]["citRespParty"][:600]
    places = {"city": "locality", "postCode": "postal-code", "country": "country-name", "delPoint": "street-address"}
    lines = [PREFIXES]
    for one in export:
        number = one["rpOrgName"]["SDNIdent"].rpartition(":")[2]
        address = one["rpCntInfo"]["cntAddress"]
        said = [
            f"vcard:{name} {json.dumps(address[place])}" for place, name in places.items() if address[place].strip()
        ]
        name = json.dumps(one["rpOrgName"]["text"])
        lines.append(
            f"<https://edmo.seadatanet.org/report/{number}> {' ; '.join(['a org:Organization', f'org:name {name}', *said])} ."
        )
    (tmp_path / "edmo.ttl").write_text("\n".join(lines))
    with oxigraph(tmp_path / "store", tmp_path / "edmo.ttl") as address:
        (item,) = client(f"{address}query", page_size=250).one("SDN:EDMO::").items
    assert [entry["rpOrgName"] for entry in entries_of(item)] == [one["rpOrgName"] for one in export]
    ours = mapped(item.content or b"", mappings)
    theirs = mapped(json.dumps({"vocabulary": {"citRespParty": export}}).encode(), mappings)
    for name in ("name", "postName", "postCode", "adminUnitL1", "thoroughfare"):
        assert values_of(ours, name) == values_of(theirs, name)
        assert len(values_of(ours, name)) > 20
