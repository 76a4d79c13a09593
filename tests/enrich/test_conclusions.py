"""What is concluded, from what, and how surely; and what is not concluded."""

from collections.abc import Iterable

from odatis_kg.enrich.conclusions import Conclusions, conclude
from odatis_kg.enrich.evidence import Evidence, Gleaned, glean
from odatis_kg.mapping.engine import Mappings, map_record
from odatis_kg.mapping.kinds import SourceRecord, scan
from tests.mapping.test_golden import FIXTURES
from tests.support import iso, mapped

LIST = "http://vocab.nerc.ac.uk/collection/{}/current/"


def vocabulary(name: str, **labels: str) -> bytes:
    concepts = " ".join(f"<{LIST.format(name)}{code}/> a skos:Concept ; {said} ." for code, said in labels.items())
    return f"@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .\n<{LIST.format(name)}> a skos:Collection .\n{concepts}".encode()


def keywords(
    key: str, *words: str, kind: str = "parameter", thesaurus: str = "", language: str = "eng", link: str = ""
) -> bytes:
    def one(word: str) -> str:
        text = (
            f'<gmx:Anchor xlink:href="{link}">{word}</gmx:Anchor>'
            if link
            else f"<gco:CharacterString>{word}</gco:CharacterString>"
        )
        return f"<gmd:keyword>{text}</gmd:keyword>"

    title = (
        f"<gmd:thesaurusName><gmd:CI_Citation><gmd:title><gco:CharacterString>{thesaurus}</gco:CharacterString></gmd:title></gmd:CI_Citation></gmd:thesaurusName>"
        if thesaurus
        else ""
    )
    return iso(
        f'<gmd:descriptiveKeywords><gmd:MD_Keywords>{"".join(map(one, words))}<gmd:type><gmd:X codeListValue="{kind}"/></gmd:type>{title}</gmd:MD_Keywords></gmd:descriptiveKeywords>',
        key=key,
        language=language,
    )


def concluded(mappings: Mappings, contents: Iterable[bytes]) -> Conclusions:
    evidence = Evidence(mappings.iris.odk)
    for content in contents:
        evidence.add(Gleaned.unpacked(glean(mapped(content, mappings), mappings.iris.odk).packed()))
    return conclude(evidence, mappings.iris, mappings.registers, mappings.prefixes)


TEMP = 'skos:prefLabel "Temperature of the water column"@en'


def test_the_exact_label_of_one_concept_of_the_right_list_is_concluded(mappings: Mappings) -> None:
    found = concluded(mappings, [vocabulary("P02", TEMP=TEMP), keywords("r1", "Temperature of the water column")])
    (match,) = found.matches
    assert (match.concept, match.confidence) == (f"<{LIST.format('P02')}TEMP/>", "0.95")
    (statements,) = found.statements.values()
    assert {(p.rpartition("/")[2], o) for _, p, o in statements} == {
        ("variableMeasured>", f"<{LIST.format('P02')}TEMP/>")
    }
    assert list(found.statements) == ["http://localhost:8000/graph/enriched/test/r1"]


def test_the_thesaurus_the_record_names_makes_it_surer(mappings: Mappings) -> None:
    found = concluded(
        mappings,
        [
            vocabulary("P02", TEMP=TEMP),
            keywords(
                "r1", "Temperature of the water column", thesaurus="SeaDataNet Parameter Discovery Vocabulary", kind=""
            ),
        ],
    )
    assert [match.confidence for match in found.matches] == ["0.98"]


def test_two_concepts_with_that_label_are_none(mappings: Mappings) -> None:
    both = vocabulary("P02", TEMP=TEMP, TEM2=TEMP)
    assert concluded(mappings, [both, keywords("r1", "Temperature of the water column")]).matches == ()


def test_a_label_in_another_language_another_case_or_another_list_is_not_enough(mappings: Mappings) -> None:
    words = vocabulary("P02", TEMP=TEMP)
    assert concluded(mappings, [words, keywords("r1", "Temperature of the water column", language="fre")]).matches == ()
    assert concluded(mappings, [words, keywords("r1", "temperature of the water column")]).matches == ()
    assert (
        concluded(mappings, [words, keywords("r1", "Temperature of the water column", kind="instrument")]).matches == ()
    )
    assert concluded(mappings, [words, keywords("r1", "Temperature of the water column", kind="theme")]).matches == ()


def test_a_withdrawn_concept_is_never_concluded(mappings: Mappings) -> None:
    withdrawn = vocabulary("P02", TEMP=TEMP + ' ; owl:deprecated "true"')
    assert concluded(mappings, [withdrawn, keywords("r1", "Temperature of the water column")]).matches == ()


def test_what_the_record_says_itself_is_not_concluded(mappings: Mappings) -> None:
    stated = keywords("r1", "Temperature of the water column", link="SDN:P02::TEMP")
    found = concluded(mappings, [vocabulary("P02", TEMP=TEMP), stated])
    assert found.matches == ()
    assert found.statements == {}


def test_the_same_keyword_in_another_record_tells_its_concept(mappings: Mappings) -> None:
    stated = keywords("r1", "Temp.", link="SDN:P02::TEMP", thesaurus="P02")
    found = concluded(mappings, [stated, keywords("r2", "Temp.", thesaurus="P02")])
    (match,) = found.matches
    assert (match.confidence, match.justification) == ("1.00", "semapv:ManualMappingCuration")
    assert list(found.statements) == ["http://localhost:8000/graph/enriched/test/r2"]


def test_a_doi_that_names_one_thing_links_to_that_thing(mappings: Mappings) -> None:
    identifier = "<gmd:identifier><gmd:MD_Identifier><gmd:code><gco:CharacterString>10.17882/42182</gco:CharacterString></gmd:code></gmd:MD_Identifier></gmd:identifier>"
    named = iso(f"<gmd:citation><gmd:CI_Citation>{identifier}</gmd:CI_Citation></gmd:citation>", key="argo")
    source = '<gmd:aggregationInfo><gmd:MD_AggregateInformation><gmd:aggregateDataSetIdentifier><gmd:MD_Identifier><gmd:code><gco:CharacterString>https://doi.org/10.17882/42182</gco:CharacterString></gmd:code></gmd:MD_Identifier></gmd:aggregateDataSetIdentifier><gmd:associationType><gmd:X codeListValue="source"/></gmd:associationType></gmd:MD_AggregateInformation></gmd:aggregationInfo>'
    found = concluded(mappings, [named, iso(source, key="product")])
    (statements,) = found.statements.values()
    assert (
        "<http://localhost:8000/id/dataset/test/product>",
        "<http://www.w3.org/ns/prov#wasDerivedFrom>",
        "<http://localhost:8000/id/dataset/test/argo>",
    ) in statements


def dublin_core(doi: str) -> bytes:
    return f"""<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:title>The same data</dc:title><dc:identifier>{doi}</dc:identifier></oai_dc:dc>""".encode()


def with_doi(key: str, doi: str, around: str = "") -> bytes:
    identifier = f"<gmd:identifier><gmd:MD_Identifier><gmd:code><gco:CharacterString>{doi}</gco:CharacterString></gmd:code></gmd:MD_Identifier></gmd:identifier>"
    return iso(around, key=key, language="eng").replace(
        b"</gmd:CI_Citation>", f"{identifier}</gmd:CI_Citation>".encode(), 1
    )


def test_records_with_one_doi_are_grouped_and_not_merged(mappings: Mappings) -> None:
    evidence = Evidence(mappings.iris.odk)
    for source, content in (
        ("sextant", with_doi("a-1", "10.17882/1")),
        ("seanoe", dublin_core("DOI:10.17882/1")),
        ("sextant", with_doi("a-2", "10.17882/2")),
    ):
        (found,) = scan(content).records
        evidence.add(
            glean(map_record(SourceRecord(source, found.key, found.kind, content), mappings), mappings.iris.odk)
        )
    said = conclude(evidence, mappings.iris, mappings.registers, mappings.prefixes).statements
    base = mappings.iris.base
    links = {(s, o) for rows in said.values() for s, p, o in rows if p.endswith("odk#work>")}
    assert links == {
        (f"<{base}id/dataset/sextant/a-1>", f"<{base}id/work/10.17882/1>"),
        (f"<{base}id/dataset/seanoe/dc:10.17882:1>", f"<{base}id/work/10.17882/1>"),
    }
    assert all("graph/enriched/" in graph for graph in said)


def test_records_with_one_uuid_are_grouped_and_those_with_a_common_word_are_not(mappings: Mappings) -> None:
    uuid = "7691f8b8-1193-4aef-8e7e-0d7a9c88c057"
    for key, grouped in ((uuid, True), (f"dc:{uuid}", True), ("record-1", False)):
        evidence = Evidence(mappings.iris.odk)
        evidence.add(
            glean(
                map_record(SourceRecord("one", key, scan(iso()).records[0].kind, iso(key=key)), mappings),
                mappings.iris.odk,
            )
        )
        other = SourceRecord("two", key.removeprefix("dc:"), scan(iso()).records[0].kind, iso(key=key))
        evidence.add(glean(map_record(other, mappings), mappings.iris.odk))
        said = conclude(evidence, mappings.iris, mappings.registers, mappings.prefixes).statements
        works = {o for rows in said.values() for _, p, o in rows if p.endswith("odk#work>")}
        assert len(works) == (1 if grouped else 0), key


def test_what_cites_a_doi_of_several_records_cites_their_work(mappings: Mappings) -> None:
    cites = """<gmd:aggregationInfo><gmd:MD_AggregateInformation><gmd:aggregateDataSetIdentifier><gmd:MD_Identifier><gmd:code>
    <gco:CharacterString>10.17882/1</gco:CharacterString></gmd:code></gmd:MD_Identifier></gmd:aggregateDataSetIdentifier><gmd:associationType>
    <gmd:DS_AssociationTypeCode codeListValue="source"/></gmd:associationType></gmd:MD_AggregateInformation></gmd:aggregationInfo>"""
    evidence = Evidence(mappings.iris.odk)
    for source, content in (
        ("a", with_doi("x", "10.17882/1")),
        ("b", with_doi("y", "10.17882/1")),
        ("a", iso(cites, key="z")),
    ):
        (found,) = scan(content).records
        evidence.add(
            glean(map_record(SourceRecord(source, found.key, found.kind, content), mappings), mappings.iris.odk)
        )
    said = conclude(evidence, mappings.iris, mappings.registers, mappings.prefixes).statements
    (target,) = {
        o for rows in said.values() for s, p, o in rows if s.endswith("/a/z>") and p.endswith("wasDerivedFrom>")
    }
    assert target == f"<{mappings.iris.base}id/work/10.17882/1>"


def test_a_person_made_a_work_of_theirs_that_another_record_describes(mappings: Mappings) -> None:
    person = (FIXTURES / "person.orcid.json").read_bytes()

    def titled(doi: str) -> bytes:
        return f'{{"doi": "{doi}", "titles": [{{"title": "A work"}}], "creators": [{{"name": "Somebody"}}]}}'.encode()

    found = concluded(mappings, [person, *(titled(f"10.5555/{end}") for end in ("12345678", "its-book", "hidden"))])
    made = {(s, o) for one in found.statements.values() for s, p, o in one if p == "<http://purl.org/dc/terms/creator>"}
    assert made == {("<http://localhost:8000/id/dataset/10.5555/12345678>", "<https://orcid.org/0000-0002-1825-0097>")}
