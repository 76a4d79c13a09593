"""DCAT records as catalogues really write them: who, where, when, under which terms, and what stays private."""

import json

import pytest

from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.mapping.kinds import Kind, scan
from tests.support import mapped, values_of

PREFIXES = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix locn: <http://www.w3.org/ns/locn#> . @prefix prov: <http://www.w3.org/ns/prov#> .
@prefix schema: <http://schema.org/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
WKT = "^^<http://www.opengis.net/ont/geosparql#wktLiteral>"


def dataset(inside: str, mappings: Mappings, around: str = "") -> Mapped:
    text = f'{PREFIXES}<https://data.example.org/d> a dcat:Dataset ; dct:title "Profils"@fr ; {inside} . {around}'
    return mapped(text.encode(), mappings)


def place(inside: str, mappings: Mappings) -> Mapped:
    return dataset(f"dct:spatial [ a dct:Location ; {inside} ]", mappings)


# What becomes a record


def test_a_catalogue_is_split_into_its_records_whatever_its_syntax() -> None:
    found = scan(
        f"{PREFIXES}<http://a.org/c> a dcat:Catalog ; dcat:dataset <http://a.org/1>, <http://a.org/2> ."
        '<http://a.org/1> a dcat:Dataset ; dct:title "A" . <http://a.org/2> a dcat:Dataset ; dct:title "B" .'.encode()
    )
    assert [(one.kind, one.key) for one in found.records] == [
        (Kind.DCAT, "dcat:http://a.org/1"),
        (Kind.DCAT, "dcat:http://a.org/2"),
    ]
    for one in found.records:
        assert scan(one.content).records == (one,)


def test_a_record_is_known_by_its_doi_its_address_or_its_identifier() -> None:
    def key(text: str) -> str:
        (record,) = scan((PREFIXES + text).encode()).records
        return record.key

    assert key('<https://doi.org/10.5072/AB> a dcat:Dataset ; dct:title "A" .') == "dcat:10.5072:ab"
    assert key('<urn:uuid:1> a dcat:Dataset ; dct:title "A" ; dct:identifier "x" .') == "dcat:urn:uuid:1"
    assert key('[] a dcat:Dataset ; dct:title "A" ; dct:identifier "x" .') == "dcat:x"


def test_dcat_within_an_answer_of_csw_and_without_an_rdf_element_is_found() -> None:
    inner = (
        '<dcat:Dataset xmlns:dcat="http://www.w3.org/ns/dcat#" xmlns:dct="http://purl.org/dc/terms/"'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about="http://a.org/1">'
        "<dct:title>A</dct:title></dcat:Dataset>"
    )
    answer = (
        '<csw:GetRecordsResponse xmlns:csw="http://www.opengis.net/cat/csw/2.0.2"><csw:SearchResults>'
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{inner}</rdf:RDF>'
        "</csw:SearchResults></csw:GetRecordsResponse>"
    )
    assert [one.key for one in scan(inner.encode()).records] == ["dcat:http://a.org/1"]
    assert scan(answer.encode()).records == scan(inner.encode()).records


def test_json_ld_with_a_context_on_the_web_is_refused_and_no_vocabulary_is_taken_for_dcat() -> None:
    remote = {"@context": "https://example.org/dcat.jsonld", "@type": "http://www.w3.org/ns/dcat#Dataset", "title": "A"}
    assert scan(json.dumps(remote).encode()).refusals
    vocabulary = f'{PREFIXES}<http://a.org/v> a skos:ConceptScheme, dcat:Dataset ; dct:title "V" . <http://a.org/v/1> a skos:Concept ; skos:inScheme <http://a.org/v> ; skos:prefLabel "1" .'
    assert [one.kind for one in scan(vocabulary.encode()).records] == [Kind.SKOS]


def test_a_catalogue_that_describes_nothing_is_refused() -> None:
    found = scan(
        f'{PREFIXES}<http://a.org/c> a dcat:Catalog ; dct:title "C" ; dcat:dataset <http://a.org/1> .'.encode()
    )
    assert not found.records
    assert "catalogue" in found.refusals[0].reason


# What it becomes


def test_the_class_of_the_resource_is_the_stated_one(mappings: Mappings) -> None:
    for name, kind in (("Dataset", "dataset"), ("DatasetSeries", "dataset"), ("DataService", "service")):
        result = mapped(f'{PREFIXES}<http://a.org/1> a dcat:{name} ; dct:title "A" .'.encode(), mappings)
        assert f"<http://www.w3.org/ns/dcat#{name}>" in values_of(result, "type", f"<{result.subject}>")
        assert f"/id/{kind}/" in result.subject


def test_its_own_address_is_said_to_name_the_same_thing(mappings: Mappings) -> None:
    result = dataset('dct:identifier "d-1"', mappings)
    assert values_of(result, "schema.org/sameAs") == ["<https://data.example.org/d>"]
    assert values_of(result, "terms/identifier") == ['"d-1"']


@pytest.mark.parametrize(
    ("written", "box"),
    [
        ('dcat:bbox "POLYGON((-5 47,-4 47,-4 48,-5 48,-5 47))"^^geo:wktLiteral', ("-5", "-4", "47", "48")),
        ('dcat:bbox "polygon ((-4 48, -5 48, -5 47, -4 47, -4 48))"', ("-5", "-4", "47", "48")),
        (
            'dcat:bbox "<http://www.opengis.net/def/crs/EPSG/0/4326> POLYGON((47 -5,47 -4,48 -4,48 -5,47 -5))"^^geo:wktLiteral',
            ("-5", "-4", "47", "48"),
        ),
        (
            'dcat:bbox "<http://www.opengis.net/def/crs/OGC/1.3/CRS84> POINT(-5 47)"^^geo:wktLiteral',
            ("-5", "-5", "47", "47"),
        ),
        (
            'locn:geometry "{\\"type\\":\\"Polygon\\",\\"coordinates\\":[[[-5,47],[-4,47],[-4,48],[-5,48],[-5,47]]]}"^^geo:geoJSONLiteral',
            ("-5", "-4", "47", "48"),
        ),
        ('dcat:centroid "POINT(-4.5 47.5)"^^geo:wktLiteral', ("-4.5", "-4.5", "47.5", "47.5")),
    ],
)
def test_a_box_is_read_in_each_notation(written: str, box: tuple[str, ...], mappings: Mappings) -> None:
    result = place(written, mappings)
    decimal = "^^<http://www.w3.org/2001/XMLSchema#decimal>"
    assert tuple(values_of(result, f"odk#{side}") for side in ("west", "east", "south", "north")) == tuple(
        [f'"{number}"{decimal}'] for number in box
    )


def test_one_box_in_several_notations_is_one(mappings: Mappings) -> None:
    box = 'dcat:bbox "POLYGON((-5 47,-4 47,-4 48,-5 48,-5 47))"^^geo:wktLiteral, "<gml:Envelope/>"^^geo:gmlLiteral ; dcat:centroid "POINT(-4.5 47.5)"'
    result = place(box, mappings)
    assert len(values_of(result, "terms/spatial")) == 1
    assert result.coverage.unknown == {}
    assert "Envelope" not in result.text().decode()


def test_outlines_keep_their_form_and_their_system(mappings: Mappings) -> None:
    triangle = place('locn:geometry "POLYGON((0 0,2 0,1 1,0 0))"^^geo:wktLiteral', mappings)
    assert values_of(triangle, "asWKT") == [f'"POLYGON((0 0,2 0,1 1,0 0))"{WKT}']
    several = place(
        'locn:geometry "MULTIPOLYGON(((0 0, 2 0, 1 1, 0 0)), ((5 5,6 5,5 6,5 5)))"^^geo:wktLiteral', mappings
    )
    assert values_of(several, "asWKT") == [f'"MULTIPOLYGON(((0 0,2 0,1 1,0 0)),((5 5,6 5,5 6,5 5)))"{WKT}']
    lambert = place(
        'locn:geometry "<http://www.opengis.net/def/crs/EPSG/0/2154> POINT(100000 6800000)"^^geo:wktLiteral', mappings
    )
    assert values_of(lambert, "asWKT") == [f'"<http://www.opengis.net/def/crs/EPSG/0/2154> POINT(100000 6800000)"{WKT}']


@pytest.mark.parametrize(
    "written",
    ["POLYGON((0 0,x 0))", "POLYGON", "{", '{\\"type\\": \\"Polygon\\", \\"coordinates\\": [[1]]}', "<gml:Point/>"],
)
def test_a_geometry_that_cannot_be_read_is_kept_in_words(written: str, mappings: Mappings) -> None:
    result = place(f'locn:geometry "{written}"', mappings)
    assert values_of(result, "terms/spatial") == []
    assert values_of(result, "schema.org/name") == ['"dct:spatial locn:geometry"']
    assert result.coverage.unknown == {}


def test_a_period_is_read_in_each_notation(mappings: Mappings) -> None:
    day = '"2020-01-31"^^<http://www.w3.org/2001/XMLSchema#date>'
    for inside in (
        'dct:temporal [ dcat:startDate "2020-01-31"^^xsd:date ]',
        'dct:temporal [ schema:startDate "2020-01-31" ]',
        'dct:temporal [ <http://www.w3.org/2006/time#hasBeginning> [ <http://www.w3.org/2006/time#inXSDDate> "2020-01-31" ] ]',
        'dct:temporal "2020-01-31/.."',
    ):
        assert values_of(dataset(inside, mappings), "dcat#startDate") == [day], inside


def test_an_orcid_or_ror_names_the_agent(mappings: Mappings) -> None:
    result = dataset(
        'dct:creator [ a foaf:Person ; foaf:name "Carberry, Josiah" ; dct:identifier "0000-0002-1825-0097" ] ;'
        "dct:publisher <https://ror.org/044jxhp58>",
        mappings,
    )
    assert values_of(result, "terms/creator") == ["<https://orcid.org/0000-0002-1825-0097>"]
    assert values_of(result, "terms/publisher") == ["<https://ror.org/044jxhp58>"]
    assert values_of(result, "foaf/0.1/name") == ['"Josiah Carberry"']


def test_a_role_of_a_vcard_or_an_attribution_is_one_of_the_register(mappings: Mappings) -> None:
    result = dataset(
        'dcat:contactPoint [ a vcard:Organization ; vcard:fn "A" ; vcard:role "custodian" ] ;'
        'prov:qualifiedAttribution [ prov:agent [ a foaf:Organization ; foaf:name "B" ] ;'
        " dcat:hadRole <http://inspire.ec.europa.eu/metadata-codelist/ResponsiblePartyRole/processor> ]",
        mappings,
    )
    assert len(values_of(result, "930/custodian")) == 1
    assert len(values_of(result, "930/processor")) == 1


@pytest.mark.parametrize(
    "contact",
    [
        'a vcard:Individual ; vcard:fn "Ada Exemple" ; vcard:hasEmail <mailto:ada.exemple@centre.org>',
        'a vcard:Kind ; vcard:fn "Ada Exemple" ; vcard:hasEmail "ada.exemple@centre.org"',
        'a vcard:Kind ; vcard:fn "Ada Exemple" ; vcard:organization-name "Centre" ; vcard:hasEmail <mailto:ada.exemple@centre.org>',
        'a vcard:Organization ; vcard:fn "Ada Exemple" ; vcard:org [ vcard:organisation-name "Centre" ] ; vcard:hasEmail <mailto:ada.exemple@centre.org>',
        'vcard:fn "Ada Exemple" ; vcard:hasEmail [ vcard:hasValue <mailto:ada.exemple@centre.org> ]',
        'a foaf:Person ; foaf:name "Ada Exemple" ; foaf:mbox <mailto:ada.exemple@centre.org> ; foaf:phone <tel:+33298000000>',
    ],
)
def test_the_mailbox_of_a_person_is_never_published(contact: str, mappings: Mappings) -> None:
    for property_ in ("dcat:contactPoint", "dct:publisher", "dct:creator", "prov:wasAttributedTo"):
        result = dataset(f"{property_} [ {contact} ]", mappings)
        text = result.text().decode()
        assert "ada.exemple" not in text, property_
        assert "+33298" not in text, property_
        assert "Ada Exemple" in text, property_
        assert result.coverage.unknown == {}, property_


def test_the_mailbox_of_an_office_is(mappings: Mappings) -> None:
    result = dataset(
        'dcat:contactPoint [ a vcard:Organization ; vcard:fn "Centre" ; vcard:hasEmail <mailto:data@centre.org> ]',
        mappings,
    )
    assert values_of(result, "ns#hasEmail") == ["<mailto:data@centre.org>"]


def test_a_licence_that_the_register_does_not_know_stays_the_stated_one(mappings: Mappings) -> None:
    result = dataset("dct:license <https://data.example.org/licence>", mappings)
    assert values_of(result, "terms/license") == ["<https://data.example.org/licence>"]
    words = dataset('dct:license [ a dct:LicenseDocument ; dct:title "Ask first"@en ]', mappings)
    assert values_of(words, "terms/license") == []
    assert values_of(words, "terms/description") == ['"Ask first"@en']


def test_three_letter_languages_of_texts_become_tags(mappings: Mappings) -> None:
    result = mapped(
        f'{PREFIXES}<http://a.org/1> a dcat:Dataset ; dct:title "Profils"@fre, "Profiles"@eng, "Perfiles"@es .'.encode(),
        mappings,
    )
    assert values_of(result, "terms/title") == ['"Perfiles"@es', '"Profiles"@en', '"Profils"@fr']


def test_nodes_in_a_circle_and_shared_nodes_end(mappings: Mappings) -> None:
    circle = "<http://a.org/x> dct:relation <http://a.org/y> . <http://a.org/y> dct:relation <http://a.org/x>, <https://data.example.org/d> ."
    result = dataset("dct:relation <http://a.org/x>", mappings, circle)
    assert "<http://a.org/x>" in values_of(result, "terms/relation")


def test_a_tree_that_grows_beyond_measure_is_refused(mappings: Mappings) -> None:
    layers = 8
    links = " ".join(
        f"<http://a.org/{layer}/{a}> dct:relation <http://a.org/{layer + 1}/{b}> ."
        for layer in range(layers)
        for a in range(8)
        for b in range(8)
    )
    with pytest.raises(Exception, match="more than 100,000"):
        dataset("dct:relation " + ", ".join(f"<http://a.org/0/{a}>" for a in range(8)), mappings, links)


def test_a_property_of_no_known_namespace_is_kept_by_its_host_and_last_step(mappings: Mappings) -> None:
    result = dataset('<http://voc.example.org/a/b#colour> "blue" ; <http://[> "x" ; <urn:x> "y"', mappings)
    assert values_of(result, "schema.org/name") == ['"["', '"voc.example.org:colour"', '"x"']
    assert result.coverage.unknown == {}
