"""What is concluded, from what, and how surely; and what is not concluded."""

from collections.abc import Iterable

from odatis_kg.enrich.conclusions import Conclusions, conclude
from odatis_kg.enrich.evidence import Evidence
from odatis_kg.mapping.engine import Mappings
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
        evidence.add(mapped(content, mappings))
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
