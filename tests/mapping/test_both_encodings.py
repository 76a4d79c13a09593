"""The same record in ISO 19139 and in ISO 19115-3 gives the same statements, but for those about the record itself."""

import pytest

from odatis_kg.mapping.engine import Mappings
from tests.mapping.test_golden import FIXTURES
from tests.support import iso, iso3, mapped, triples_of

# What only one of the encodings can say, or says elsewhere: each is in one of the fixtures alone.
ONE_SIDED = {
    "dataSetURI": "landingPage",
    "temporalResolution": "temporalResolution",
    "units, names and ranges of bands": "variableMeasured",
    "time of a usage": "usage",
    "links of a citation, documents about the lineage": "page",
    "quality in words, layers of a service": "additionalProperty",
}

PAIRS = {
    "translated title and abstract": (
        """<gmd:abstract><gco:CharacterString>Profils verticaux.</gco:CharacterString><gmd:PT_FreeText><gmd:textGroup>
        <gmd:LocalisedCharacterString locale="#EN">Vertical profiles.</gmd:LocalisedCharacterString>
        </gmd:textGroup></gmd:PT_FreeText></gmd:abstract>""",
        """<mri:abstract><gco:CharacterString>Profils verticaux.</gco:CharacterString><lan:PT_FreeText><lan:textGroup>
        <lan:LocalisedCharacterString locale="#EN">Vertical profiles.</lan:LocalisedCharacterString>
        </lan:textGroup></lan:PT_FreeText></mri:abstract>""",
    ),
    "keywords with an Anchor, a thesaurus and a type": (
        """<gmd:descriptiveKeywords><gmd:MD_Keywords>
        <gmd:keyword><gmx:Anchor xlink:href="SDN:P02::TEMP">Temperature of the water column</gmx:Anchor></gmd:keyword>
        <gmd:keyword><gco:CharacterString>Sel</gco:CharacterString></gmd:keyword>
        <gmd:type><gmd:MD_KeywordTypeCode codeListValue="parameter"/></gmd:type>
        <gmd:thesaurusName><gmd:CI_Citation><gmd:title><gco:CharacterString>P02</gco:CharacterString></gmd:title>
        </gmd:CI_Citation></gmd:thesaurusName></gmd:MD_Keywords></gmd:descriptiveKeywords>""",
        """<mri:descriptiveKeywords><mri:MD_Keywords>
        <mri:keyword><gcx:Anchor xlink:href="SDN:P02::TEMP">Temperature of the water column</gcx:Anchor></mri:keyword>
        <mri:keyword><gco:CharacterString>Sel</gco:CharacterString></mri:keyword>
        <mri:type><mri:MD_KeywordTypeCode codeListValue="parameter"/></mri:type>
        <mri:thesaurusName><cit:CI_Citation><cit:title><gco:CharacterString>P02</gco:CharacterString></cit:title>
        </cit:CI_Citation></mri:thesaurusName></mri:MD_Keywords></mri:descriptiveKeywords>""",
    ),
    "a person, her organisation and her role": (
        """<gmd:pointOfContact><gmd:CI_ResponsibleParty>
        <gmd:individualName><gmx:Anchor xlink:href="https://orcid.org/0000-0002-1825-0097">Josiah Carberry</gmx:Anchor></gmd:individualName>
        <gmd:organisationName><gmx:Anchor xlink:href="https://edmo.seadatanet.org/report/486">SISMER</gmx:Anchor></gmd:organisationName>
        <gmd:positionName><gco:CharacterString>Professeur</gco:CharacterString></gmd:positionName>
        <gmd:role><gmd:CI_RoleCode codeListValue="author"/></gmd:role></gmd:CI_ResponsibleParty></gmd:pointOfContact>""",
        """<mri:pointOfContact><cit:CI_Responsibility><cit:role><cit:CI_RoleCode codeListValue="author"/></cit:role>
        <cit:party><cit:CI_Organisation><cit:name><gcx:Anchor xlink:href="https://edmo.seadatanet.org/report/486">SISMER</gcx:Anchor></cit:name>
        <cit:individual><cit:CI_Individual>
        <cit:name><gcx:Anchor xlink:href="https://orcid.org/0000-0002-1825-0097">Josiah Carberry</gcx:Anchor></cit:name>
        <cit:positionName><gco:CharacterString>Professeur</gco:CharacterString></cit:positionName>
        </cit:CI_Individual></cit:individual></cit:CI_Organisation></cit:party></cit:CI_Responsibility></mri:pointOfContact>""",
    ),
    "where and when": (
        """<gmd:extent><gmd:EX_Extent><gmd:geographicElement><gmd:EX_GeographicBoundingBox>
        <gmd:westBoundLongitude><gco:Decimal>-5.00</gco:Decimal></gmd:westBoundLongitude>
        <gmd:eastBoundLongitude><gco:Decimal>9</gco:Decimal></gmd:eastBoundLongitude>
        <gmd:southBoundLatitude><gco:Decimal>42</gco:Decimal></gmd:southBoundLatitude>
        <gmd:northBoundLatitude><gco:Decimal>51.5</gco:Decimal></gmd:northBoundLatitude>
        </gmd:EX_GeographicBoundingBox></gmd:geographicElement>
        <gmd:temporalElement><gmd:EX_TemporalExtent><gmd:extent><gml:TimePeriod gml:id="t">
        <gml:beginPosition>1995-03</gml:beginPosition><gml:endPosition indeterminatePosition="now"/>
        </gml:TimePeriod></gmd:extent></gmd:EX_TemporalExtent></gmd:temporalElement></gmd:EX_Extent></gmd:extent>""",
        """<mri:extent><gex:EX_Extent><gex:geographicElement><gex:EX_GeographicBoundingBox>
        <gex:westBoundLongitude><gco:Decimal>-5.0</gco:Decimal></gex:westBoundLongitude>
        <gex:eastBoundLongitude><gco:Decimal>9.0</gco:Decimal></gex:eastBoundLongitude>
        <gex:southBoundLatitude><gco:Decimal>42.0</gco:Decimal></gex:southBoundLatitude>
        <gex:northBoundLatitude><gco:Decimal>51.50</gco:Decimal></gex:northBoundLatitude>
        </gex:EX_GeographicBoundingBox></gex:geographicElement>
        <gex:temporalElement><gex:EX_TemporalExtent><gex:extent><gml:TimePeriod gml:id="t">
        <gml:begin><gml:TimeInstant gml:id="b"><gml:timePosition>1995-03</gml:timePosition></gml:TimeInstant></gml:begin>
        <gml:endPosition indeterminatePosition="now"/>
        </gml:TimePeriod></gex:extent></gex:EX_TemporalExtent></gex:temporalElement></gex:EX_Extent></mri:extent>""",
    ),
    "a licence": (
        """<gmd:resourceConstraints><gmd:MD_LegalConstraints><gmd:otherConstraints>
        <gmx:Anchor xlink:href="http://creativecommons.org/licenses/by/4.0/">CC BY 4.0</gmx:Anchor>
        </gmd:otherConstraints></gmd:MD_LegalConstraints></gmd:resourceConstraints>""",
        """<mri:resourceConstraints><mco:MD_LegalConstraints><mco:otherConstraints>
        <gcx:Anchor xlink:href="http://creativecommons.org/licenses/by/4.0/">CC BY 4.0</gcx:Anchor>
        </mco:otherConstraints></mco:MD_LegalConstraints></mri:resourceConstraints>""",
    ),
    "an associated resource": (
        """<gmd:aggregationInfo><gmd:MD_AggregateInformation><gmd:aggregateDataSetName><gmd:CI_Citation>
        <gmd:title><gco:CharacterString>Brut</gco:CharacterString></gmd:title></gmd:CI_Citation></gmd:aggregateDataSetName>
        <gmd:aggregateDataSetIdentifier><gmd:MD_Identifier><gmd:code><gco:CharacterString>raw-1</gco:CharacterString></gmd:code>
        </gmd:MD_Identifier></gmd:aggregateDataSetIdentifier>
        <gmd:associationType><gmd:DS_AssociationTypeCode codeListValue="source"/></gmd:associationType>
        </gmd:MD_AggregateInformation></gmd:aggregationInfo>""",
        """<mri:associatedResource><mri:MD_AssociatedResource><mri:name><cit:CI_Citation>
        <cit:title><gco:CharacterString>Brut</gco:CharacterString></cit:title><cit:identifier><mcc:MD_Identifier>
        <mcc:code><gco:CharacterString>raw-1</gco:CharacterString></mcc:code></mcc:MD_Identifier></cit:identifier>
        </cit:CI_Citation></mri:name><mri:associationType><mri:DS_AssociationTypeCode codeListValue="source"/></mri:associationType>
        </mri:MD_AssociatedResource></mri:associatedResource>""",
    ),
}  # fmt: skip
AROUND = {
    "lineage in steps": (
        """<gmd:dataQualityInfo><gmd:DQ_DataQuality><gmd:lineage><gmd:LI_Lineage>
        <gmd:statement><gco:CharacterString>Mesuré en mer.</gco:CharacterString></gmd:statement>
        <gmd:processStep><gmd:LI_ProcessStep><gmd:description><gco:CharacterString>Contrôle</gco:CharacterString></gmd:description>
        <gmd:dateTime><gco:DateTime>2020-01-02T03:04:05Z</gco:DateTime></gmd:dateTime></gmd:LI_ProcessStep></gmd:processStep>
        </gmd:LI_Lineage></gmd:lineage></gmd:DQ_DataQuality></gmd:dataQualityInfo>""",
        """<mdb:resourceLineage><mrl:LI_Lineage>
        <mrl:statement><gco:CharacterString>Mesuré en mer.</gco:CharacterString></mrl:statement>
        <mrl:processStep><mrl:LI_ProcessStep><mrl:description><gco:CharacterString>Contrôle</gco:CharacterString></mrl:description>
        <mrl:stepDateTime><gml:TimeInstant gml:id="i"><gml:timePosition>2020-01-02T03:04:05Z</gml:timePosition></gml:TimeInstant></mrl:stepDateTime>
        </mrl:LI_ProcessStep></mrl:processStep></mrl:LI_Lineage></mdb:resourceLineage>""",
    ),
    "links": (
        """<gmd:distributionInfo><gmd:MD_Distribution><gmd:transferOptions><gmd:MD_DigitalTransferOptions><gmd:onLine><gmd:CI_OnlineResource>
        <gmd:linkage><gmd:URL>https://example.org/wms?service=WMS</gmd:URL></gmd:linkage><gmd:protocol><gco:CharacterString>OGC:WMS</gco:CharacterString></gmd:protocol>
        <gmd:name><gco:CharacterString>couche</gco:CharacterString></gmd:name></gmd:CI_OnlineResource></gmd:onLine>
        </gmd:MD_DigitalTransferOptions></gmd:transferOptions></gmd:MD_Distribution></gmd:distributionInfo>""",
        """<mdb:distributionInfo><mrd:MD_Distribution><mrd:transferOptions><mrd:MD_DigitalTransferOptions><mrd:onLine><cit:CI_OnlineResource>
        <cit:linkage><gco:CharacterString>https://example.org/wms?service=WMS</gco:CharacterString></cit:linkage><cit:protocol><gco:CharacterString>OGC:WMS</gco:CharacterString></cit:protocol>
        <cit:name><gco:CharacterString>couche</gco:CharacterString></cit:name></cit:CI_OnlineResource></mrd:onLine>
        </mrd:MD_DigitalTransferOptions></mrd:transferOptions></mrd:MD_Distribution></mdb:distributionInfo>""",
    ),
}  # fmt: skip


def compare(old: bytes, new: bytes, mappings: Mappings) -> None:
    before, after = mapped(old, mappings), mapped(new, mappings)
    record = "/id/record/"
    of_resource = {triple for triple in triples_of(before) if record not in triple[0]}
    assert of_resource == {triple for triple in triples_of(after) if record not in triple[0]}
    assert len(of_resource) > 3, "the pair says nothing"
    assert before.subject == after.subject
    assert before.graph == after.graph
    assert (before.warnings, before.coverage.unknown) == (after.warnings, after.coverage.unknown) == ((), {})


@pytest.mark.parametrize("what", PAIRS)
def test_the_identification_gives_the_same_statements(what: str, mappings: Mappings) -> None:
    old, new = PAIRS[what]
    compare(iso(old), iso3(new), mappings)


@pytest.mark.parametrize("what", AROUND)
def test_the_other_sections_give_the_same_statements(what: str, mappings: Mappings) -> None:
    old, new = AROUND[what]
    compare(iso(around=old), iso3(around=new), mappings)


@pytest.mark.parametrize("name", ["everything", "service"])
def test_what_is_said_of_the_resource_is_the_same_in_both_encodings(name: str, mappings: Mappings) -> None:
    one, other = (
        {
            (predicate, value)
            for subject, predicate, value in triples_of(
                mapped((FIXTURES / f"{name}.{kind}.xml").read_bytes(), mappings)
            )
            if subject.endswith(f"/test/{name}>") and "/id/record/" not in subject
        }
        for kind in ("iso19139", "iso19115-3")
    )
    different = {predicate.rpartition("/")[2].rpartition("#")[2].rstrip(">") for predicate, _ in one ^ other}
    assert different <= set(ONE_SIDED.values())
    assert len(one & other) > 10


def test_a_datacite_record_says_the_same_in_xml_and_in_json(mappings: Mappings) -> None:
    xml, json = (
        triples_of(mapped((FIXTURES / f"dataset.datacite.{form}").read_bytes(), mappings)) for form in ("xml", "json")
    )
    assert xml - json == set()
    only_in_the_api = {predicate.rpartition("/")[2].rpartition("#")[2].rstrip(">") for _, predicate, _ in json - xml}
    assert only_in_the_api == {"landingPage", "created", "issued", "modified"}
    assert len(xml & json) > 100
