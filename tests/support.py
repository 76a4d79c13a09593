"""Small records written for the tests, and reading what they became and what is said of it."""

from contextlib import AsyncExitStack
from typing import TypeVar

import pyoxigraph as ox

from odatis_kg.mapping.engine import Mapped, Mappings, map_record
from odatis_kg.mapping.kinds import Kind, SourceRecord, scan
from odatis_kg.pipeline.stages import silent
from odatis_kg.store.engine import Query, SparqlEngine, TableFormat

NAMESPACES_19139 = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "gmd": "http://www.isotc211.org/2005/gmd",
        "gco": "http://www.isotc211.org/2005/gco",
        "gmx": "http://www.isotc211.org/2005/gmx",
        "gml": "http://www.opengis.net/gml",
        "sdn": "http://www.seadatanet.org",
        "xlink": "http://www.w3.org/1999/xlink",
    }.items()
)
NAMESPACES_19115_3 = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        **{
            prefix: f"http://standards.iso.org/iso/19115/-3/{prefix}/{version}"
            for prefix, version in {
                "mdb": "2.0", "mri": "1.0", "mcc": "1.0", "cit": "2.0", "lan": "1.0", "gcx": "1.0", "gex": "1.0",
                "mco": "1.0", "mrd": "1.0", "mrl": "2.0", "gco": "1.0",
            }.items()
        },
        "gml": "http://www.opengis.net/gml/3.2",
        "xlink": "http://www.w3.org/1999/xlink",
    }.items()
)  # fmt: skip


quiet = silent


def iso(
    inside: str = "", *, key: str = "record-1", title: str = "Profils CTD", language: str = "fre", around: str = ""
) -> bytes:
    """An ISO 19139 record: `inside` goes into the identification, `around` after it."""
    return f"""<gmd:MD_Metadata {NAMESPACES_19139}>
<gmd:fileIdentifier><gco:CharacterString>{key}</gco:CharacterString></gmd:fileIdentifier>
<gmd:language><gmd:LanguageCode codeListValue="{language}"/></gmd:language>
<gmd:identificationInfo><gmd:MD_DataIdentification>
<gmd:citation><gmd:CI_Citation><gmd:title><gco:CharacterString>{title}</gco:CharacterString></gmd:title></gmd:CI_Citation></gmd:citation>
{inside}
</gmd:MD_DataIdentification></gmd:identificationInfo>
{around}
</gmd:MD_Metadata>""".encode()


def iso3(
    inside: str = "", *, key: str = "record-1", title: str = "Profils CTD", language: str = "fre", around: str = ""
) -> bytes:
    """The same in ISO 19115-3."""
    return f"""<mdb:MD_Metadata {NAMESPACES_19115_3}>
<mdb:metadataIdentifier><mcc:MD_Identifier><mcc:code><gco:CharacterString>{key}</gco:CharacterString></mcc:code></mcc:MD_Identifier></mdb:metadataIdentifier>
<mdb:defaultLocale><lan:PT_Locale><lan:language>
<lan:LanguageCode codeListValue="{language}"/>
</lan:language></lan:PT_Locale></mdb:defaultLocale>
<mdb:identificationInfo><mri:MD_DataIdentification>
<mri:citation><cit:CI_Citation><cit:title><gco:CharacterString>{title}</gco:CharacterString></cit:title></cit:CI_Citation></mri:citation>
{inside}
</mri:MD_DataIdentification></mdb:identificationInfo>
{around}
</mdb:MD_Metadata>""".encode()


def mapped(content: bytes, mappings: Mappings, source: str = "test") -> Mapped:
    """The one record of some bytes, mapped."""
    found = scan(content)
    assert not found.refusals, found.refusals
    (record,) = found.records
    return map_record(SourceRecord(source, record.key, record.kind, record.content), mappings)


def kind_of(content: bytes) -> Kind:
    """The kind of the one record of some bytes."""
    (record,) = scan(content).records
    return record.kind


def values_of(result: Mapped, predicate: str, subject: str | None = None) -> list[str]:
    """The objects of a property given by the end of its IRI, as N-Triples terms, sorted and distinct."""
    return sorted(
        {
            statement.object
            for statement in result.statements
            if statement.predicate.endswith(f"{predicate}>") and subject in (None, statement.subject)
        }
    )


def triples_of(result: Mapped) -> set[tuple[str, str, str]]:
    """The distinct statements."""
    return {(statement.subject, statement.predicate, statement.object) for statement in result.statements}


def triples_in(content: bytes, media_type: str, base: str | None = None) -> set[ox.Triple]:
    """The statements of an RDF document, without the graphs they are in; relative IRIs are read against `base`."""
    return {quad.triple for quad in ox.parse(content, ox.RdfFormat.from_media_type(media_type), base_iri=base)}


Engine = TypeVar("Engine", bound=SparqlEngine)


async def start(engine: Engine, ending: AsyncExitStack) -> Engine:
    """The engine, started; it is stopped when `ending` is closed."""
    await engine.start()
    ending.push_async_callback(engine.stop)
    return engine


async def answer_of(engine: SparqlEngine, query: Query | str) -> bytes:
    """The whole answer to a query."""
    asked = Query(query, table=TableFormat.CSV) if isinstance(query, str) else query
    async with engine.query(asked) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])
