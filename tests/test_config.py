"""Settings: every one typed, bounded, documented; a flag wins over the environment, the environment over the file."""

import re
from pathlib import Path

import pytest

from odatis_kg.config import ConfigurationError, describe, describe_in_markdown, load
from tests.conftest import ROOT


def test_the_order_is_flag_environment_file_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().query.timeout_seconds == 60
    (tmp_path / "odatis-kg.toml").write_text('base_url = "http://file.example.org/"\n[query]\ntimeout_seconds = 10\n')
    assert load().query.timeout_seconds == 10
    monkeypatch.setenv("ODATIS_KG_QUERY__TIMEOUT_SECONDS", "20")
    assert load().query.timeout_seconds == 20
    assert load(query={"timeout_seconds": 30}).query.timeout_seconds == 30
    assert load().base_url == "http://file.example.org/"


def test_a_flag_that_was_not_given_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODATIS_KG_SERVER__PORT", "9000")
    assert load(server={"host": None, "port": None}, data_dir=None).server.port == 9000


def test_every_bounded_setting_refuses_what_is_out_of_bounds() -> None:
    bounded = [(name, kind) for name, kind, _, _ in describe() if "≥" in kind]
    assert len(bounded) > 12
    for name, kind in bounded:
        table, _, key = name.rpartition(".")
        low = float(re.search(r"≥ ([\d.,]+)", kind)[1].rstrip(",").replace(",", ""))
        high = float(re.search(r"≤ ([\d.,]+)", kind)[1].replace(",", ""))
        for value in (low - 1, high + 1):
            with pytest.raises(ConfigurationError, match=re.escape(name)):
                load(**{table: {key: value}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[query]\ntimout_seconds = 3", "query.timout_seconds: there is no setting of this name"),
        ("[querry]\ntimeout_seconds = 3", "querry"),
        ("data_dir = [1]", "data_dir"),
        ("[server]\nport = 'high'", "server.port"),
        ("base_url = 'kg.example.org'", "base_url"),
        ("base_url = 'http://a.org/?x'", "base_url"),
        ("source = 'my source'", "source"),
        ("engine = 'virtuoso'", "engine"),
        ("this is not toml", "cannot be read"),
        (
            "[sources.a]\nprotocol = 'wfs'",
            "sources.a.protocol = 'wfs' (or ODATIS_KG_SOURCES__A__PROTOCOL): one of these",
        ),
        ("[sources.a]\nurl = 'http://b.org/'", "sources.a.protocol is missing: one of these is needed: csw, oai-pmh, "),
        ("[sources.a]\nprotocol = 'csw'", "sources.a.url is missing: it has no default"),
        ("[sources.a]\nprotocol = 'csw'\nurl = 'b.org'", "sources.a.url = 'b.org'"),
        ("[sources.a]\nprotocol = 'dcat'\nurl = 'http://b.org/'\ndealy = 3", "sources.a.dealy: there is no setting"),
        ("[sources.'a b']\nprotocol = 'dcat'\nurl = 'http://b.org/'", "sources.a b = 'a b'"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load(path)


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")


def test_a_base_address_gets_its_final_slash() -> None:
    assert load(base_url="http://a.org/ocean").base_url == "http://a.org/ocean/"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, _, _, description in describe():
        assert description, f"{name} has no description"
        assert f"`{name.rpartition('.')[2]}`" in page, f"{name} is not in docs/settings.md; run `make docs`"
    assert page == describe_in_markdown(), "docs/settings.md is out of date; run `make docs`"


def test_the_example_of_deploy_is_in_force_as_written() -> None:
    settings = load(ROOT / "deploy" / "odatis-kg.toml")
    assert settings.base_url == "https://kg.example.org/"
    assert settings.data_dir == Path("/var/lib/odatis-kg")
    assert settings.server.workers == 4
