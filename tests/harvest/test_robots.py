"""robots.txt as RFC 9309 wants it read."""

import pytest

from odatis_kg.harvest.robots import read

SITE = "https://data.example.org"


def allows(text: str, path: str) -> bool:
    return read(text.encode()).allows(SITE + path)


def test_the_group_that_names_us_is_taken_before_the_one_for_everybody() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: Odatis-KG/1.0\nDisallow: /private\n"
    assert allows(text, "/data")
    assert not allows(text, "/private/a")
    assert not allows("User-agent: *\nDisallow: /\n", "/data")
    assert allows("User-agent: other\nDisallow: /\n", "/data")


def test_several_names_share_a_group_and_several_groups_of_a_name_are_one() -> None:
    text = "User-agent: other\nUser-agent: odatis-kg\nDisallow: /a\n\nUser-agent: odatis-kg\nDisallow: /b\n"
    assert [allows(text, path) for path in ("/a", "/b", "/c")] == [False, False, True]


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),  # the longest match decides, whatever the order
        ("Allow: /a/b\nDisallow: /a", "/a/c", False),
        ("Disallow: /page\nAllow: /page", "/page", True),  # as long as one another: Allow
        ("Disallow:", "/anything", True),
        ("Disallow: /*.json$", "/a/b.json", False),
        ("Disallow: /*.json$", "/a/b.json?x", True),
        ("Disallow: /*.json", "/a/b.json?x", False),
        ("Disallow: /*?", "/a?x=1", False),
        ("Disallow: /*?", "/a", True),
        ("Disallow: /a*b*c", "/a1b2c3", False),
        ("Disallow: /a*b*c", "/a1c2b3", True),
        ("Disallow: /a*b$", "/ab", False),
        ("Disallow: /ab*b$", "/ab", True),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /été", "/%c3%a9t%C3%A9/2026", False),
        ("Disallow: /%7Ename", "/~name/x", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("Disallow: /  # all of it", "/x", False),
        ("Disallow: /*" + "a*" * 2_000 + "b", "/" + "a" * 5_000, True),  # quickly
    ],
)
def test_paths_match_as_the_standard_says(rules: str, path: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}\n", path) is allowed


def test_the_pause_and_the_sitemaps_are_read() -> None:
    found = read(
        b"\xef\xbb\xbfSitemap: https://a.example.org/s.xml#1\r\nuser-agent : *\r\ncrawl-delay: 2.5\r\n"
        b"Crawl-delay: soon\r\nSitemap: https://a.example.org/t.xml\r\nSitemap: https://a.example.org/t.xml\r\n"
    )
    assert found.delay == 2.5
    assert found.sitemaps == ("https://a.example.org/s.xml#1", "https://a.example.org/t.xml")


@pytest.mark.parametrize(
    "content", [b"", b"<html>not here</html>", b"\xff\xfe\x00", b":\n::\nDisallow: /\n", b"a" * 600_000]
)
def test_what_is_no_robots_txt_allows_everything(content: bytes) -> None:
    assert read(content).allows(f"{SITE}/x")
