"""The shapes of the statements of a synthetic release, as those that mapping writes for catalogue records look.

A template is lines of `subject predicate object` with prefixed names and `{fields}`; `compiled` makes N-Quads of it once, so
that a record costs one `str.format_map`.
"""

import re
from typing import Final

from odatis_kg.namespaces import PREFIXES

_PREFIXED: Final = re.compile(r"[a-z]+:[A-Za-z]\w*")

DATASET: Final = """
<{d}> a dcat:Dataset
<{d}> a prov:Entity
<{d}> dct:title "{title_en}"@en
<{d}> dct:title "{title_fr}"@fr
<{d}> dct:alternative "{key}"@en
<{d}> dct:description "{text_en}"@en
<{d}> dct:description "{text_fr}"@fr
<{d}> dct:identifier "{key}"
<{d}> dct:language <http://publications.europa.eu/resource/authority/language/ENG>
<{d}> dct:license <http://spdx.org/licenses/CC-BY-4.0>
<{d}> dct:created "{end}"^^xsd:date
<{d}> dct:issued "{issued}"^^xsd:date
<{d}> dct:modified "{issued}"^^xsd:date
<{d}> dct:creator <{person}>
<{d}> dct:publisher <{publisher}>
<{d}> dct:isPartOf <{series}>
<{d}> dct:spatial <{d}#extent-1>
<{d}> dct:spatial <{d}#place-1>
<{d}> dct:temporal <{d}#time-1>
<{d}> dct:provenance <{d}#provenance-1>
<{d}> dct:accrualPeriodicity <http://publications.europa.eu/resource/authority/frequency/{frequency}>
<{d}> adms:status <http://registry.it.csiro.au/def/isotc211/MD_ProgressCode/{status}>
<{d}> adms:identifier <{d}#identifier-1>
<{d}> dcat:version "1.0"
<{d}> dcat:theme <http://publications.europa.eu/resource/authority/data-theme/ENVI>
<{d}> dcat:contactPoint <{d}#contact-1>
<{d}> dcat:distribution <{d}#dist-1>
<{d}> dcat:distribution <{d}#dist-2>
<{d}> cnt:characterEncoding "UTF-8"
<{d}> odk:resourceScope "dataset"
<{d}> odk:useConstraint "license"
<{d}> odk:platformCategory <http://vocab.nerc.ac.uk/collection/L06/current/{platform}/>
<{d}> odk:instrumentCategory <http://vocab.nerc.ac.uk/collection/L05/current/{instrument}/>
<{d}> geodcatap:resourceType <http://inspire.ec.europa.eu/metadata-codelist/ResourceType/dataset>
<{d}> geodcatap:topicCategory <http://inspire.ec.europa.eu/metadata-codelist/TopicCategory/oceans>
<{d}> geodcatap:custodian <{custodian}>
<{d}> geodcatap:originator <{publisher}>
<{d}> geodcatap:principalInvestigator <{person}>
<{d}> prov:wasGeneratedBy <{cruise}>
<{d}> prov:wasGeneratedBy <{d}#step-1>
<{d}> prov:wasGeneratedBy <{d}#step-2>
<{d}> prov:wasDerivedFrom <{origin}>
<{d}> prov:qualifiedAttribution <{d}#attr-1>
<{d}> prov:qualifiedAttribution <{d}#attr-2>
<{d}> prov:qualifiedAttribution <{d}#attr-3>
<{d}> foaf:page <https://data.example.org/{key}>
<{d}> schema:sameAs <https://doi.org/10.5072/{key}>
<{d}#extent-1> a dct:Location
<{d}#extent-1> odk:west "{west}"^^xsd:decimal
<{d}#extent-1> odk:east "{east}"^^xsd:decimal
<{d}#extent-1> odk:south "{south}"^^xsd:decimal
<{d}#extent-1> odk:north "{north}"^^xsd:decimal
<{d}#extent-1> dcat:bbox "POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"^^geo:wktLiteral
<{d}#extent-1> dcat:centroid "POINT({middle_x} {middle_y})"^^geo:wktLiteral
<{d}#place-1> a dct:Location
<{d}#place-1> skos:prefLabel "{place}"@en
<{d}#time-1> a dct:PeriodOfTime
<{d}#time-1> dcat:startDate "{start}"^^xsd:date
<{d}#time-1> dcat:endDate "{end}"^^xsd:date
<{d}#provenance-1> a dct:ProvenanceStatement
<{d}#provenance-1> dct:description "Made by a generator, for measurements."@en
<{d}#provenance-1> dct:description "Fait par un générateur, pour des mesures."@fr
<{d}#identifier-1> a adms:Identifier
<{d}#identifier-1> skos:notation "10.5072/{key}"
<{d}#identifier-1> schema:propertyID "doi"
<{d}#contact-1> a vcard:Organization
<{d}#contact-1> vcard:fn "{publisher_name}"@en
<{d}#contact-1> vcard:hasEmail <mailto:data@example.org>
<{d}#contact-1> vcard:organization-name "{publisher_name}"@en
<{d}#dist-1> a dcat:Distribution
<{d}#dist-1> odk:protocol "HTTP"
<{d}#dist-1> dct:title "NetCDF file"@en
<{d}#dist-1> dct:title "Fichier NetCDF"@fr
<{d}#dist-1> dcat:accessURL <https://data.example.org/{key}.nc>
<{d}#dist-1> dcat:downloadURL <https://data.example.org/{key}.nc>
<{d}#dist-2> a dcat:Distribution
<{d}#dist-2> odk:protocol "OGC:WMS"
<{d}#dist-2> dct:title "Map service"@en
<{d}#dist-2> dct:title "Service de cartes"@fr
<{d}#dist-2> dcat:accessURL <https://data.example.org/wms/{key}>
<{d}#attr-1> a prov:Attribution
<{d}#attr-1> odk:order "1"^^xsd:integer
<{d}#attr-1> dcat:hadRole <http://inspire.ec.europa.eu/metadata-codelist/ResponsiblePartyRole/originator>
<{d}#attr-1> prov:agent <{publisher}>
<{d}#attr-2> a prov:Attribution
<{d}#attr-2> odk:order "2"^^xsd:integer
<{d}#attr-2> dcat:hadRole <http://inspire.ec.europa.eu/metadata-codelist/ResponsiblePartyRole/custodian>
<{d}#attr-2> prov:agent <{custodian}>
<{d}#attr-3> a prov:Attribution
<{d}#attr-3> odk:order "3"^^xsd:integer
<{d}#attr-3> dcat:hadRole <http://inspire.ec.europa.eu/metadata-codelist/ResponsiblePartyRole/principalInvestigator>
<{d}#attr-3> prov:agent <{person}>
<{d}#step-1> a odk:ProcessStep
<{d}#step-1> a prov:Activity
<{d}#step-1> odk:stepOrder "1"^^xsd:integer
<{d}#step-1> dct:description "Measured on board."@en
<{d}#step-1> dct:description "Mesuré à bord."@fr
<{d}#step-2> a odk:ProcessStep
<{d}#step-2> a prov:Activity
<{d}#step-2> odk:stepOrder "2"^^xsd:integer
<{d}#step-2> dct:description "Quality flags were given."@en
<{d}#step-2> dct:description "Codes de qualité attribués."@fr
<{publisher}> a foaf:Organization
<{publisher}> a prov:Organization
<{publisher}> foaf:name "{publisher_name}"@en
<{custodian}> a foaf:Organization
<{custodian}> a prov:Organization
<{custodian}> foaf:name "{custodian_name}"@en
<{series}> dct:identifier "{series_key}"
<{series}> dct:title "Series {series_key}"@en
<{record}> a dcat:CatalogRecord
<{record}> dct:identifier "{key}"
<{record}> dct:language <http://publications.europa.eu/resource/authority/language/ENG>
<{record}> dct:modified "{issued}"^^xsd:date
<{record}> dcat:contactPoint <{d}#contact-1>
<{record}> foaf:primaryTopic <{d}>
<https://data.example.org/{key}> a foaf:Document
"""

VARIABLE: Final = """
<{d}> schema:variableMeasured <{concept}>
<{d}> dcat:keyword "{label}"@en
<{d}> odk:sourceKeyword <{keyword}>
<{keyword}> a odk:Keyword
<{keyword}> odk:keywordType "parameter"
<{keyword}> skos:prefLabel "{label}"@en
<{keyword}> skos:exactMatch <{concept}>
"""

PROVENANCE: Final = """
<{beside}> a prov:Entity
<{beside}> rdfs:label "Provenance of {short}"@en
<{beside}> rdfs:label "Provenance de {short}"@fr
<{beside}> prov:wasGeneratedBy <{activity}>
<{graph}> a odk:RecordGraph
<{graph}> a prov:Entity
<{graph}> odk:quads "{quads}"^^xsd:integer
<{graph}> rdfs:label "What the record {key} says"@en
<{graph}> rdfs:label "Ce que dit la fiche {key}"@fr
<{graph}> prov:wasDerivedFrom <{version}>
<{graph}> prov:wasGeneratedBy <{activity}>
<{graph}> foaf:primaryTopic <{topic}>
<{version}> a odk:SourceRecord
<{version}> a prov:Entity
<{version}> odk:archivedAs "{sha256:.2}/{sha256}.gz"
<{version}> odk:recordKey "{key}"
<{version}> odk:source "synthetic"
<{version}> dct:conformsTo "{kind}"
<{version}> rdfs:label "Record {key}, version {sha256:.8}"@en
<{version}> rdfs:label "Fiche {key}, version {sha256:.8}"@fr
<{version}> dcat:byteSize "31358"^^xsd:nonNegativeInteger
<{version}> prov:generatedAtTime "2025-01-01T00:00:00Z"^^xsd:dateTime
<{version}> prov:hadPrimarySource <{file}>
<{version}> prov:wasGeneratedBy <{harvest}>
<{version}> spdx:checksum <{version}#sha256>
<{version}#sha256> a spdx:Checksum
<{version}#sha256> spdx:algorithm spdx:checksumAlgorithm_sha256
<{version}#sha256> spdx:checksumValue "{sha256}"^^xsd:hexBinary
<{file}> a odk:SourceFile
<{file}> a prov:Entity
<{file}> odk:source "synthetic"
<{file}> rdfs:label "synthetic/{key}.xml"
"""

ENRICHED: Final = """
<{d}> schema:variableMeasured <{concept}>
<{d}> odk:work <{work}>
<{work}> a odk:Work
<{work}> dct:identifier "10.5072/{key}"
<{work}> rdfs:label "{title_en}"@en
<{work}> schema:sameAs <https://doi.org/10.5072/{key}>
"""

ENRICHMENT: Final = """
<{enriched}> a odk:EnrichedGraph
<{enriched}> a prov:Entity
<{enriched}> rdfs:label "What was concluded about {key}"@en
<{enriched}> rdfs:label "Ce qui a été conclu sur {key}"@fr
<{enriched}> prov:wasDerivedFrom <{matches}>
<{enriched}> prov:wasDerivedFrom <{graph}>
<{enriched}> prov:wasGeneratedBy <{concluding}>
"""

MATCH: Final = """
<{match}> a owl:Axiom
<{match}> owl:annotatedProperty skos:exactMatch
<{match}> owl:annotatedSource <{keyword}>
<{match}> owl:annotatedTarget <{concept}>
<{match}> sssom:confidence "{confidence}"^^xsd:decimal
<{match}> sssom:mapping_justification semapv:LexicalMatching
<{match}> sssom:match_string "{label}"
<{keyword}> skos:exactMatch <{concept}>
"""

CONCEPT: Final = """
<{concept}> a skos:Concept
<{concept}> odk:inCollection <{collection}>
<{concept}> skos:notation "SDN:{list}::{code}"
<{concept}> skos:prefLabel "{label}"@en
<{collection}> skos:member <{concept}>
"""

BROADER: Final = """
<{concept}> skos:broader <{broader}>
<{broader}> skos:narrower <{concept}>
"""

COLLECTION: Final = """
<{collection}> a skos:Collection
<{collection}> owl:versionInfo "1"
<{collection}> skos:prefLabel "{label}"@en
"""

CRUISE: Final = """
<{cruise}> a odk:Cruise
<{cruise}> a prov:Activity
<{cruise}> a ssn:Deployment
<{cruise}> dct:identifier "{key}"
<{cruise}> skos:prefLabel "{label}"@en
<{cruise}> skos:altLabel "{key}"
<{cruise}> dct:description "A cruise that never took place, made for measurements."@en
<{cruise}> dct:spatial <{cruise}#extent-1>
<{cruise}> odk:chiefScientist <{person}>
<{cruise}> odk:departurePort <{base}id/place/c38/SYN{port}>
<{cruise}> odk:arrivalPort <{base}id/place/c38/SYN{port}>
<{cruise}> prov:wasAssociatedWith <{person}>
<{cruise}> prov:wasAssociatedWith <{publisher}>
<{cruise}> prov:qualifiedAssociation <{cruise}#association-1>
<{cruise}> ssn:deployedOnPlatform <{ship}>
<{cruise}> ssn:forProperty <{concept}>
<{cruise}> schema:startDate "{start}"^^xsd:date
<{cruise}> schema:endDate "{end}"^^xsd:date
<{cruise}#association-1> a prov:Association
<{cruise}#association-1> prov:agent <{person}>
<{cruise}#association-1> prov:hadRole odk:chiefScientist
<{cruise}#extent-1> a dct:Location
<{cruise}#extent-1> odk:west "{west}"^^xsd:decimal
<{cruise}#extent-1> odk:east "{east}"^^xsd:decimal
<{cruise}#extent-1> odk:south "{south}"^^xsd:decimal
<{cruise}#extent-1> odk:north "{north}"^^xsd:decimal
<{ship}> a sosa:Platform
<{ship}> skos:prefLabel "{ship_name}"@en
<{base}id/place/c38/SYN{port}> a dct:Location
<{base}id/place/c38/SYN{port}> skos:prefLabel "Port {port}"@en
"""

PERSON: Final = """
<{person}> a foaf:Person
<{person}> a prov:Person
<{person}> a schema:Person
<{person}> dct:identifier "{key}"
<{person}> foaf:familyName "{family}"
<{person}> foaf:givenName "{given}"
<{person}> foaf:name "{given} {family}"
<{person}> org:hasMembership <{about}#membership-1>
<{about}> foaf:primaryTopic <{person}>
<{about}#membership-1> a org:Membership
<{about}#membership-1> org:member <{person}>
<{about}#membership-1> org:organization <{publisher}>
<{publisher}> a foaf:Organization
<{publisher}> a prov:Organization
<{publisher}> foaf:name "{publisher_name}"@en
"""

RUN: Final = """
<{run}> a odk:Run
<{run}> a prov:Activity
<{run}> rdfs:label "Run {key}"@en
<{run}> prov:startedAtTime "2025-01-01T00:00:00Z"^^xsd:dateTime
<{run}> prov:wasAssociatedWith <{software}>
<{software}> a prov:SoftwareAgent
<{software}> dcat:version "0"
<{software}> foaf:name "odatis-kg"
<{plan}> a odk:MappingSet
<{plan}> a prov:Plan
<{plan}> a prov:Entity
<{plan}> rdfs:label "Mapping of synthetic records"@en
<{plan}> dcat:version "0"
"""

ACTIVITY: Final = """
<{activity}> a prov:Activity
<{activity}> dct:isPartOf <{run}>
<{activity}> rdfs:label "{name} of run {key}"@en
<{activity}> prov:startedAtTime "2025-01-01T00:00:00Z"^^xsd:dateTime
<{activity}> prov:wasAssociatedWith <{software}>
<{activity}> prov:qualifiedAssociation <{activity}#by>
<{activity}#by> a prov:Association
<{activity}#by> prov:agent <{software}>
<{activity}#by> prov:hadPlan <{plan}>
"""


def compiled(template: str, odk: str) -> str:
    """The template with its names written out, each line ending with the field `{in_graph}`; for `str.format_map`."""
    prefixes = {**PREFIXES, "odk": odk}

    def term(text: str) -> str:
        if text == "a":
            return f"<{prefixes['rdf']}type>"
        if text.startswith('"'):
            value, mark, datatype = text.rpartition("^^")
            return f"{value}^^{term(datatype)}" if mark else text
        if _PREFIXED.match(text):
            prefix, _, name = text.partition(":")
            return f"<{prefixes[prefix]}{name}>"
        return text

    lines = (line.split(" ", 2) for line in template.strip().splitlines())
    return "".join(" ".join(map(term, line)) + " {in_graph}" for line in lines)
