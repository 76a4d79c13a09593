"""RDF terms: whatever is made here is read back unchanged by a strict parser."""

import datetime
import re
from decimal import Decimal

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odatis_kg.mapping import values


def parsed(term: str) -> ox.NamedNode | ox.Literal:
    (quad,) = ox.parse(f"<http://a/s> <http://a/p> {term} .".encode(), ox.RdfFormat.N_TRIPLES)
    assert isinstance(quad.object, ox.NamedNode | ox.Literal)
    return quad.object


@given(st.text())
def test_any_text_survives_being_a_literal(text: str) -> None:
    cleaned = values.clean(text)
    literal = parsed(values.text(cleaned))
    assert literal.value == cleaned
    assert values.lexical(values.text(cleaned)) == cleaned


@given(st.text(), st.sampled_from(["fr", "en-GB", "pt-br"]))
def test_a_language_is_kept_with_its_text(text: str, language: str) -> None:
    cleaned = values.clean(text)
    literal = parsed(values.text(cleaned, language))
    assert isinstance(literal, ox.Literal)
    assert (literal.value, literal.language) == (cleaned, language.lower())
    assert values.language_of(values.text(cleaned, language)) == language.lower()


def test_a_language_tag_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a language tag"):
        values.text("x", 'fr"@en')


@pytest.mark.parametrize("tag", ["x", "i", "f", "fr-", "fr-toolongtag", "fr-x", "abcdefghi", "123", "français"])
def test_what_strict_parsers_refuse_is_no_language_tag(tag: str) -> None:
    assert not values.is_language_tag(tag)


@pytest.mark.parametrize(
    "tag", ["fr", "FR-ca", "zh-Hant-TW", "sl-rozaj-biske", "es-419", "de-1996", "x-old", "en-u-ca-x-a"]
)
def test_a_well_formed_language_tag_is_one_for_the_parser_too(tag: str) -> None:
    assert values.is_language_tag(tag)
    literal = parsed(values.text("x", tag))
    assert isinstance(literal, ox.Literal)
    assert literal.language == tag.lower()


def test_what_no_xml_can_hold_is_left_out_of_a_literal() -> None:
    assert values.text("a\x00b\ud800c\x1fd\n") == '"abcd\\n"'


@pytest.mark.parametrize("address", ["http://[1]/x", "http://[1:2/x", "http://[::1::]/", "http://ex\u2100mple.org/x"])
def test_an_address_whose_host_is_none_is_no_iri(address: str) -> None:
    assert not values.is_iri(address)


@pytest.mark.parametrize("address", ["http://[::1]:80/x", "http://a@[2001:db8::1]/", "http://exémple.org/"])
def test_an_address_at_a_number_or_with_accents_is_an_iri(address: str) -> None:
    assert values.is_iri(address)


@pytest.mark.parametrize("written", ["٢٠٢٠", "٢٠٢٠-٠١-٠١", "٢٠٢٠٠١٠١", "2020-01-01T٠٠:00"])
def test_digits_that_xsd_does_not_know_make_no_date_and_no_duration(written: str) -> None:
    assert values.temporal(written) is None
    assert values.duration("P٣M") is None


@given(st.text(max_size=200))
def test_what_is_taken_for_an_iri_is_one_for_the_parser_too(text: str) -> None:
    for candidate in (text, f"http://a/{text}", f"urn:{text}"):
        if values.is_iri(candidate):
            assert parsed(values.iri(candidate)).value == candidate


@given(st.text(alphabet='abcé /\\%#?<>"{}|^`\t :[]@', max_size=60))
def test_a_repaired_address_is_an_iri_and_an_iri_is_not_touched(tail: str) -> None:
    repaired = values.repaired_iri(f"https://example.org/{tail}")
    assert repaired is None or values.is_iri(repaired)
    if repaired is not None:
        assert values.repaired_iri(repaired) == repaired


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (" https://a.org/x ", "https://a.org/x"),
        ("https://a.org/a b", "https://a.org/a%20b"),
        ("https://a.org/100%", "https://a.org/100%25"),
        (r"http://a.org\data\x", "http://a.org/data/x"),
        ("http://a.org/#a#b", "http://a.org/#a%23b"),
        ("ftp://a.org/<file>", "ftp://a.org/%3Cfile%3E"),
        ("http://localhost:8080/a b?c|d", "http://localhost:8080/a%20b?c%7Cd"),
        ("https://données.example/à propos", "https://données.example/à%20propos"),
        ("http://राजस्थान.example/a b", "http://राजस्थान.example/a%20b"),
        ("http://xn--donnes-dva.example/a b", "http://xn--donnes-dva.example/a%20b"),
        ("http://<host>/x", None),
        ("http://{host}/x", None),
        ("http://my host.org/x", None),
        ("http://a.org and http://b.org", None),
        ('http://"a.org"/x', None),
        ("http://a%b.org/x y", None),
        ("http://a^b.org", None),
        ("http://[::1]/a b", "http://[::1]/a%20b"),
        ("http://[a.org]/x", None),
        ("www.ifremer.fr", None),
        ("see the web page", None),
        ("", None),
        ("http://", None),
        ("http://a.org/\x00", None),
    ],
)
def test_addresses_are_repaired_only_where_the_meaning_is_certain(written: str, meant: str | None) -> None:
    assert values.repaired_iri(written) == meant


@pytest.mark.parametrize(
    ("written", "term"),
    [
        ("2016", '"2016"^^<http://www.w3.org/2001/XMLSchema#gYear>'),
        ("2016-05", '"2016-05"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>'),
        ("2016-05-01", '"2016-05-01"^^<http://www.w3.org/2001/XMLSchema#date>'),
        ("20160501", '"2016-05-01"^^<http://www.w3.org/2001/XMLSchema#date>'),
        ("2016-05-01T10:00", '"2016-05-01T10:00:00"^^<http://www.w3.org/2001/XMLSchema#dateTime>'),
        ("2016-05-01 10:00:30.5+0200", '"2016-05-01T10:00:30.5+02:00"^^<http://www.w3.org/2001/XMLSchema#dateTime>'),
        ("2016-05-01T10:00:30.50+00:00", '"2016-05-01T10:00:30.5Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'),
        ("2016-02-30", None),
        ("2015-02-29", None),
        ("2016-13", None),
        ("01/05/2016", None),
        ("2016-05-01T25:00", None),
        ("2016-05-01T10:00+15:00", None),
        ("2016-05-01Z", '"2016-05-01Z"^^<http://www.w3.org/2001/XMLSchema#date>'),
        ("2016-0512", None),
        ("2016-05/2016-06", None),
        ("２０１６", None),
        ("2016-05-01T24:00:00", None),
        ("now", None),
        ("0000", None),
    ],
)
def test_dates_keep_the_precision_they_are_written_with(written: str, term: str | None) -> None:
    assert values.temporal(written) == term


_LEXICAL = {
    "gYear": r"[0-9]{4}",
    "gYearMonth": r"[0-9]{4}-(0[1-9]|1[0-2])",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "dateTime": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?",
}
_ZONE = r"(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
written = (
    st.text(max_size=25)
    | st.from_regex(
        r"\d{4}(-?\d{2}(-?\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?)?)?(Z|[+-]\d{2}:?\d{2})?", fullmatch=True
    )
    | st.datetimes().map(str)
)


@given(written)
def test_whatever_is_written_is_a_date_of_xsd_or_none(text: str) -> None:
    term = values.temporal(text)
    if term is None:
        return
    literal = parsed(term)
    assert isinstance(literal, ox.Literal)
    kind = literal.datatype.value.rpartition("#")[2]
    assert re.fullmatch(_LEXICAL[kind] + _ZONE, literal.value)
    if kind in ("date", "dateTime"):
        datetime.date.fromisoformat(literal.value[:10])
    assert values.temporal(literal.value) == term
    # As precise as it is written: neither a month nor a time of day is added or lost.
    digits = len(re.sub(r"(Z|[+-][0-9]{2}:?[0-9]{2})$", "", text.strip()).replace("-", "")) if kind != "dateTime" else 0
    assert digits == {"gYear": 4, "gYearMonth": 6, "date": 8, "dateTime": 0}[kind]


@given(st.text("P0123456789YMDTHS.-", max_size=12) | st.text(max_size=5))
def test_whatever_is_written_is_a_duration_of_xsd_or_none(text: str) -> None:
    term = values.duration(text)
    assert term is None or re.fullmatch(
        r"-?P(?!$)([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T(?!$)([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?",
        values.lexical(term),
    )


@given(st.dates())
def test_every_day_of_the_calendar_is_a_date(day: object) -> None:
    assert values.temporal(str(day)) == f'"{day}"^^<http://www.w3.org/2001/XMLSchema#date>'


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.text(max_size=20))
def test_numbers_are_finite_or_none_and_written_without_exponent(value: Decimal | str) -> None:
    number = values.number(str(value))
    if number is not None:
        shown = values.lexical(values.decimal(number))
        assert Decimal(shown) == number
        assert "e" not in shown.lower()


@pytest.mark.parametrize(
    "written", ["1e999999", "-1e-999999", "1e999999999999999999999", "0e999999", "9" * 5_000, "1e15"]
)
def test_a_number_beyond_all_measure_is_none(written: str) -> None:
    assert values.number(written) is None


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("48,38", "48.38"),
        (" 1.50 ", "1.5"),
        ("+5", "5"),
        ("-.5", "-0.5"),
        ("7.", "7"),
        ("-0", "0"),
        ("1E3", "1000"),
        ("12e-2", "0.12"),
        *((none, None) for none in (
            "", ".", "-", "1,234.5", "1.2.3", "1_0", "1 000", "1e400", "1e15", "nan", "NaN", "sNaN", "inf", "-Infinity",
            "0x1F", "1f", "１２", "٣", "²", "½", "5 m", "--5", "1e", "e3",
        )),
    ],
)  # fmt: skip
def test_a_number_is_what_people_write_as_one(written: str, number: str | None) -> None:
    assert values.number(written) == (number and Decimal(number))


def test_text_is_cleaned_of_layout_and_keeps_its_paragraphs() -> None:
    assert values.clean("  a\t b \r\n\r\n\r\n\r\n c\x00 ") == "a b\n\nc"
    assert values.one_line(" a\n  b ") == "a b"
