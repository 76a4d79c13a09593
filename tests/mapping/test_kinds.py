"""What a file holds is told from its content; what holds no record is refused with a reason one can act on."""

import json

import pytest

from odatis_kg.mapping.kinds import Limits, scan
from tests.support import iso, iso3, kind_of

ORCID = {
    "orcid-identifier": {"uri": "https://orcid.org/0000-0002-1825-0097", "path": "0000-0002-1825-0097"},
    "person": {"name": {"given-names": {"value": "Josiah"}, "family-name": {"value": "Carberry"}}},
}
DATACITE = {
    "doi": "10.5072/X",
    "titles": [{"title": "A"}],
    "creators": [],
    "schemaVersion": "http://datacite.org/schema/kernel-4",
}
TURTLE = b"""@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<http://vocab.nerc.ac.uk/collection/P02/current/> a skos:Collection .
<http://vocab.nerc.ac.uk/collection/P02/current/TEMP/> a skos:Concept ; skos:prefLabel "Temperature"@en ."""


def test_a_record_has_the_same_bytes_wherever_its_namespaces_are_declared() -> None:
    xs, xsi = "http://www.w3.org/2001/XMLSchema", "http://www.w3.org/2001/XMLSchema-instance"
    value = b"<gmd:dateStamp><gco:Date/></gmd:dateStamp>"
    typed = value.replace(b"<gco:Date/>", b'<gco:Record xsi:type="xs:string">a</gco:Record>')
    inside = typed.replace(b"<gco:Record", f'<gco:Record xmlns:xsi="{xsi}" xmlns:xs="{xs}"'.encode())
    alone = iso().replace(b"<gmd:language>", inside + b"<gmd:language>", 1)
    head, _, rest = alone.partition(b">")
    declared = head.removeprefix(b"<gmd:MD_Metadata").decode()
    bare = b"<gmd:MD_Metadata>" + rest.replace(inside, typed)
    envelopes = [
        b"<records>\n  %s\n</records>" % alone,
        f"<records{declared} xmlns:xsi='{xsi}' xmlns:xs='{xs}' xmlns:no='http://example.org/'>".encode()
        + bare
        + b"</records>",
        f"<records xmlns:xs='{xs}'><!-- one -->".encode()
        + alone
        + alone.replace(b"record-1", b"record-2")
        + b"</records>",
    ]
    cut = {scan(envelope).records[0].content for envelope in envelopes}
    assert len(cut) == 1
    (content,) = cut
    assert f'xmlns:xs="{xs}"'.encode() in content
    assert scan(content).records[0].content == content
    assert scan(
        b"<records xmlns:r='relative'>%s</records>" % alone.replace(b"<gmd:language>", b"<r:x/><gmd:language>", 1)
    ).records


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (iso(), "iso19139"),
        (iso3(), "iso19115-3"),
        (json.dumps(ORCID).encode(), "orcid"),
        (json.dumps(DATACITE).encode(), "datacite"),
        (json.dumps({"data": {"id": "10.5072/x", "type": "dois", "attributes": DATACITE}}).encode(), "datacite"),
        (TURTLE, "skos"),
        (b"# a comment\n" + TURTLE, "skos"),
    ],
)
def test_the_kind_is_told_from_the_content(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", "HTML page"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        (b"lat;lon;temp\n1;2;3\n", "tables"),
        (b"{not json", "not JSON"),
        (b"[1, 2]", "no record"),
        (b'{"a": 1}', "unknown kind"),
        (b"{" * 100_000, "not JSON"),
        (b'<?xml version="1.0"?><kml/>', "<kml>"),
        (
            b'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows">No such record</ows:ExceptionReport>',
            "No such record",
        ),
        (json.dumps({**DATACITE, "doi": ""}).encode(), "without a DOI"),
        (json.dumps({**ORCID, "orcid-identifier": {"path": "0000-0002-1825-0098"}}).encode(), "check digit"),
        (json.dumps({"@context": "http://www.w3.org/ns/anno.jsonld", "type": "Annotation"}).encode(), "JSON-LD"),
    ],
)
def test_what_is_no_record_is_refused_with_a_reason(content: bytes, said: str) -> None:
    found = scan(content)
    assert not found.records
    assert any(said in refusal.reason for refusal in found.refusals), found.refusals


def csw(*records: bytes) -> bytes:
    return (
        b'<csw:GetRecordsResponse xmlns:csw="http://www.opengis.net/cat/csw/2.0.2"><csw:SearchResults>'
        + b"".join(records)
        + b"</csw:SearchResults></csw:GetRecordsResponse>"
    )


def test_the_records_of_a_csw_answer_are_found_one_by_one() -> None:
    found = scan(csw(iso(key="a"), iso3(key="b"), iso(key="c")))
    assert [(record.kind, record.key) for record in found.records] == [
        ("iso19139", "a"),
        ("iso19115-3", "b"),
        ("iso19139", "c"),
    ]
    for record in found.records:
        assert kind_of(record.content) == record.kind


def test_one_bad_record_of_an_answer_does_not_hide_the_others() -> None:
    empty = b'<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd"/>'
    brief = b'<csw:BriefRecord xmlns:csw="http://www.opengis.net/cat/csw/2.0.2"/>'
    found = scan(csw(iso(key="a"), empty, brief, iso(key="b")))
    assert [record.key for record in found.records] == ["a", "b"]
    assert len(found.refusals) == 2
    assert all(refusal.where.startswith("line ") for refusal in found.refusals)


def test_oai_records_are_found_and_deleted_ones_are_not_records() -> None:
    def record(content: bytes, status: bytes = b"") -> bytes:
        return b"<record><header" + status + b"><identifier>x</identifier></header>" + content + b"</record>"

    answer = b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>%s%s</ListRecords></OAI-PMH>' % (
        record(b"<metadata>" + iso(key="a") + b"</metadata>"),
        record(b"", b' status="deleted"'),
    )
    assert [found.key for found in scan(answer).records] == ["a"]


def test_an_oai_error_is_told_as_one() -> None:
    answer = (
        b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="noRecordsMatch">none</error></OAI-PMH>'
    )
    assert "noRecordsMatch" in scan(answer).refusals[0].reason


def test_a_record_without_identifier_is_named_by_its_content_and_says_so() -> None:
    (record,) = scan(iso(key="")).records
    assert record.key.startswith("sha256-")
    assert "identifier" in record.warning


def test_a_record_above_the_size_limit_is_refused_by_name() -> None:
    found = scan(iso(key="big", title="x" * 5_000), Limits(record_bytes=2_000))
    assert "big" in found.refusals[0].reason
    assert "input.record_mb" in found.refusals[0].reason


def test_a_byte_order_mark_hides_nothing() -> None:
    assert kind_of(b"\xef\xbb\xbf" + TURTLE) == "skos"
    assert kind_of(b"\xef\xbb\xbf" + json.dumps(ORCID).encode()) == "orcid"


@pytest.mark.parametrize("changed", [[], "x", 1, None, {}, {"value": "x"}, {"value": []}])
def test_an_orcid_record_whose_date_of_change_is_odd_has_none(changed: object) -> None:
    (record,) = scan(json.dumps({**ORCID, "history": {"last-modified-date": changed}}).encode()).records
    assert record.modified == ""


@pytest.mark.parametrize(
    "identifiers", [True, 1, "x", None, [None], {"identifierType": "DOI", "identifier": "10.5072/Y"}]
)
def test_identifiers_of_datacite_may_be_no_list(identifiers: object) -> None:
    stated = scan(json.dumps({**DATACITE, "identifiers": identifiers}).encode())
    assert [record.key for record in stated.records] == ["10.5072/x"]
    (only,) = scan(json.dumps({**DATACITE, "doi": "", "identifiers": identifiers, "id": "10.5072/z"}).encode()).records
    assert only.key == ("10.5072/y" if isinstance(identifiers, dict) else "10.5072/z")


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF"])
def test_half_a_surrogate_pair_in_json_becomes_a_question_mark(half: str) -> None:
    item = json.dumps({**DATACITE, "updated": "HALF", "titles": [{"title": "A HALF"}]}).replace("HALF", half)
    for record in scan(f"[{item}, {item}]".encode()).records:
        assert record.modified == "?"
        assert b"A ?" in record.content


def test_a_whole_surrogate_pair_in_json_is_kept() -> None:
    (record,) = scan(json.dumps({**DATACITE, "updated": "\U0001f41f"}).encode()).records
    assert record.modified == "\U0001f41f"


def test_surrogates_written_as_bytes_are_not_json() -> None:
    content = json.dumps({**DATACITE, "updated": "\ud800"}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert "not JSON" in scan(content).refusals[0].reason


def test_json_nested_too_deep_is_refused() -> None:
    nested = "[" * 200 + "]" * 200
    content = f'{{"@context": "https://schema.org/", "@type": "Dataset", "name": {nested}}}'.encode()
    assert "120 levels" in scan(content).refusals[0].reason


@pytest.mark.parametrize("graph", ["true", "1.5", '"text"', "{}", "[]", "[1, null]"])
def test_json_ld_whose_graph_is_no_list_of_things_is_refused(graph: str) -> None:
    found = scan(f'{{"@context": "https://schema.org/", "@type": "Thing", "@graph": {graph}}}'.encode())
    assert not found.records
    assert found.refusals
