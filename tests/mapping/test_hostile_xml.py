"""XML is hostile: nothing is expanded, nothing is fetched, and the refusal says what is wrong."""

import codecs
from collections.abc import Callable

import pytest

from odatis_kg.mapping.kinds import scan
from tests.support import iso, kind_of, mapped, values_of

BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd"><gmd:fileIdentifier>&d;</gmd:fileIdentifier></gmd:MD_Metadata>"""
EXTERNAL_ENTITY = b"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd"><gmd:fileIdentifier>&file;</gmd:fileIdentifier></gmd:MD_Metadata>"""
EXTERNAL_DTD = b"""<?xml version="1.0"?>
<!DOCTYPE x SYSTEM "http://127.0.0.1:9/evil.dtd">
<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd"/>"""


def reason(content: bytes) -> str:
    found = scan(content)
    assert not found.records
    (refusal,) = found.refusals
    return refusal.reason


@pytest.mark.parametrize("content", [BILLION_LAUGHS, EXTERNAL_ENTITY, EXTERNAL_DTD])
def test_a_document_type_declaration_is_refused_before_anything_is_expanded(content: bytes) -> None:
    assert "DOCTYPE" in reason(content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp037"])
def test_it_is_refused_in_every_encoding(encoding: str) -> None:
    text = EXTERNAL_ENTITY.decode().replace('<?xml version="1.0"?>', f'<?xml version="1.0" encoding="{encoding}"?>')
    content = text.encode(encoding)
    if encoding.startswith("utf-16-"):
        content = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[encoding] + content
        content = content.replace(encoding.encode(encoding), "UTF-16".encode(encoding))
    found = scan(content)
    assert not found.records
    assert found.refusals


def test_an_entity_that_nobody_declared_is_refused_with_advice() -> None:
    assert "&eacute; is not defined" in reason(iso(title="X").replace(b"X", b"&eacute;t&eacute;"))


def test_a_file_cut_off_in_the_middle_is_refused_and_says_where() -> None:
    whole = iso()
    for length in (len(whole) // 3, len(whole) // 2, len(whole) - 5):
        said = reason(whole[:length])
        assert "not well-formed XML at line" in said
        assert "cut off" in said


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: codecs.BOM_UTF8 + text.encode("utf-8"),
        lambda text: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + text.encode("latin-1"),
        lambda text: b'<?xml version="1.0" encoding="windows-1252"?>' + text.encode("cp1252"),
        lambda text: ('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16"),
        lambda text: b"\n \n" + text.encode("utf-8"),
    ],
    ids=["UTF-8", "BOM", "Latin-1", "Windows-1252", "UTF-16", "blank lines first"],
)
def test_every_encoding_gives_the_same_title(encode: Callable[[str], bytes], mappings: object) -> None:
    content = encode(iso(title="Température de l'océan Austral").decode())
    assert values_of(mapped(content, mappings), "terms/title") == ['"Température de l\'océan Austral"@fr']


def test_bytes_that_are_not_in_the_encoding_they_claim_are_refused() -> None:
    content = b'<?xml version="1.0" encoding="UTF-8"?>' + iso(title="été").decode().encode("latin-1")
    assert "not well-formed XML" in reason(content)


def test_an_encoding_that_does_not_exist_is_refused() -> None:
    assert reason(b'<?xml version="1.0" encoding="klingon"?><a/>')


def test_nesting_without_end_is_refused() -> None:
    assert "256" in reason(iso("<gmd:a>" * 5_000 + "</gmd:a>" * 5_000))


def test_a_text_of_twelve_megabytes_is_refused_or_mapped_but_never_a_fault() -> None:
    found = scan(iso(title="x" * 12_000_000))
    assert found.refusals or found.records


def test_comments_and_processing_instructions_say_nothing(mappings: object) -> None:
    content = iso(title="Profils<!-- not --> CTD<?php echo 1 ?>")
    assert kind_of(content) == "iso19139"
    assert values_of(mapped(content, mappings), "terms/title") == ['"Profils CTD"@fr']
