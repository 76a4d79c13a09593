"""The commands as others will script them: names, flags, exit codes, what goes to standard output and what does not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pyoxigraph as ox
import pytest

from odatis_kg import __version__
from tests.conftest import ROOT, Built
from tests.support import iso

Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "good.xml").write_bytes(iso(key="good"))
    (folder / "bad.xml").write_bytes(iso()[:150])
    (folder / "notes.txt").write_text("call the ship")
    return folder


def test_map_writes_one_named_graph_a_record_to_standard_output(run_cli: Run, records: Path) -> None:
    outcome = run_cli("map", records)
    assert outcome.returncode == 0
    quads = list(ox.parse(outcome.stdout.encode(), ox.RdfFormat.N_QUADS))
    assert {quad.graph_name.value for quad in quads} == {"http://localhost:8000/graph/record/local/good"}
    assert "bad.xml" in outcome.stderr


def test_map_writes_to_a_file_with_a_report_of_each_file(run_cli: Run, records: Path, tmp_path: Path) -> None:
    outcome = run_cli("map", records, "--out", "out.nq", "--report", "report.json")
    assert outcome.returncode == 0
    assert outcome.stdout == ""
    report = json.loads((tmp_path / "report.json").read_text())
    assert [set(entry) for entry in report] == [
        {"path", "kind", "records", "status", "reason", "quads", "warnings", "coverage"}
    ] * 3
    by_name = {Path(entry["path"]).name: entry for entry in report}
    assert by_name["good.xml"]["status"] == "ok"
    assert by_name["good.xml"]["kind"] == "iso19139"
    assert by_name["good.xml"]["records"] == 1
    assert by_name["good.xml"]["quads"] == (tmp_path / "out.nq").read_bytes().count(b"\n")
    assert by_name["bad.xml"]["status"] == "refused"
    assert "cut off" in by_name["bad.xml"]["reason"]


def test_map_is_deterministic(run_cli: Run) -> None:
    from odatis_kg.resources import folder

    first, second = (
        run_cli("map", folder("demo"), "--report", f"{name}.json", PYTHONHASHSEED=name) for name in ("1", "2")
    )
    assert first.stdout == second.stdout
    assert len(first.stdout) > 1_000_000


def test_map_fails_when_nothing_was_mapped_and_says_why(run_cli: Run, records: Path) -> None:
    outcome = run_cli("map", records / "bad.xml", records / "notes.txt")
    assert outcome.returncode == 1
    assert "notes.txt" in outcome.stderr
    assert outcome.stdout == ""


def test_a_path_that_is_not_there_is_an_error_and_no_traceback(run_cli: Run) -> None:
    for command in (("map",), ("build",), ("coverage",), ("lint-mappings",), ("document-mappings", "pages")):
        outcome = run_cli(*command, "nothing-here")
        assert outcome.returncode == 1
        assert "nothing-here" in outcome.stderr
        assert "Traceback" not in outcome.stderr


def test_map_of_a_wrong_output_folder_is_an_error_and_no_traceback(run_cli: Run, records: Path) -> None:
    outcome = run_cli("map", records, "--out", "no/such/folder/out.nq")
    assert outcome.returncode == 2
    assert "does not exist" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_published(run_cli: Run, records: Path) -> None:
    outcome = run_cli("build", records, "--data-dir", "data", "--report", "no/such/folder/report.json")
    assert outcome.returncode == 2
    assert "does not exist" in outcome.stderr
    assert "There is no release" in run_cli("releases", "list", "--data-dir", "data").stderr


@pytest.mark.parametrize("address", ["http://x y/", "http://x<y/", 'http://x/a"b/', "http://x/%zz/", "ftp://x/", "x"])
def test_a_base_address_that_makes_no_iris_is_refused(run_cli: Run, records: Path, address: str) -> None:
    outcome = run_cli("map", records, "--base-url", address)
    assert outcome.returncode == 2
    assert "base_url" in outcome.stderr
    assert outcome.stdout == ""


def test_strict_tells_of_refused_records(run_cli: Run, records: Path, tmp_path: Path) -> None:
    (records / "broken.xml").write_text("<gmd:MD_Metadata")
    assert run_cli("map", records, "--out", "out.nq").returncode == 0
    assert run_cli("map", records, "--out", "out.nq", "--strict").returncode == 1


def test_an_empty_folder_is_told_of(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = run_cli("map", "empty")
    assert outcome.returncode == 1
    assert "no file to map" in outcome.stderr


def test_a_release_that_was_gone_back_from_stays_back_until_something_changes(run_cli: Run, records: Path) -> None:
    flags = ("--data-dir", "data")
    assert run_cli("build", records, *flags).returncode == 0
    (records / "more.xml").write_bytes(iso(key="more"))
    assert run_cli("build", records, *flags).returncode == 0
    before, after = re.findall(r"\d{8}T\d{9}Z-[0-9a-f]{4}", run_cli("releases", "list", *flags).stdout)
    run_cli("releases", "rollback", *flags)
    outcome = run_cli("build", records, *flags)
    assert f"Nothing has changed since release {after}" in outcome.stderr
    assert f"* {before}" in run_cli("releases", "list", *flags).stdout
    (records / "more.xml").write_bytes(iso(key="more", title="Changed"))
    assert "Published" in run_cli("build", records, *flags).stderr


def test_a_release_is_not_served_under_another_address(run_cli: Run, records: Path) -> None:
    run_cli("build", records, "--data-dir", "data", "--base-url", "http://other.example.org/")
    outcome = run_cli("serve", "--data-dir", "data", "--port", "0")
    assert outcome.returncode == 1
    assert "--base-url http://other.example.org/" in outcome.stderr


def test_build_ends_with_a_table_by_kind_and_the_release(run_cli: Run, records: Path, tmp_path: Path) -> None:
    outcome = run_cli("build", records, "--data-dir", "data", "--report", "report.json")
    assert outcome.returncode == 0
    assert re.search(r"kind\s+files\s+records\s+mapped\s+refused\s+quads\s+seconds", outcome.stderr)
    assert re.search(r"iso19139\s+1\s+1\s+1\s+0\s+\d+", outcome.stderr)
    assert re.search(r"unknown\s+2\s+0\s+0\s+2\s+0", outcome.stderr)
    assert "refused  " in outcome.stderr
    assert "Published release" in outcome.stderr
    assert len(json.loads((tmp_path / "report.json").read_text())) == 3
    again = run_cli("build", records, "--data-dir", "data")
    assert "Nothing has changed" in again.stderr


def test_a_record_refused_inside_an_answer_is_told_too(run_cli: Run, tmp_path: Path) -> None:
    answer = (
        b'<r xmlns="http://www.opengis.net/cat/csw/2.0.2"><SearchResults>'
        + iso(key="a")
        + b"<BriefRecord/></SearchResults></r>"
    )
    (tmp_path / "answer.xml").write_bytes(answer)
    outcome = run_cli("build", "answer.xml", "--data-dir", "data")
    assert outcome.returncode == 0
    assert re.search(r"iso19139\s+1\s+1\s+1\s+1\s+\d+", outcome.stderr)
    assert "brief record" in outcome.stderr


def test_query_answers_in_every_format(run_cli: Run, demo: Built) -> None:
    flags = ("--data-dir", demo.settings.data_dir)
    count = "SELECT (COUNT(*) AS ?n) { ?s a <http://www.w3.org/ns/dcat#Dataset> }"
    assert run_cli("query", count, *flags, "--format", "csv").stdout.split() == ["n", "45"]
    assert run_cli("query", "-", *flags, "--format", "csv", stdin=count).stdout.split() == ["n", "45"]
    assert (
        json.loads(run_cli("query", count, *flags, "--format", "json").stdout)["results"]["bindings"][0]["n"]["value"]
        == "45"
    )
    for name, format_ in {"xml": ox.QueryResultsFormat.XML, "tsv": ox.QueryResultsFormat.TSV}.items():
        (row,) = ox.parse_query_results(run_cli("query", count, *flags, "--format", name).stdout.encode(), format_)
        assert row["n"].value == "45"
    construct = "CONSTRUCT { ?s ?p ?o } { ?s a <http://localhost:8000/def/odk#Cruise> ; ?p ?o }"
    for name, rdf in {
        "turtle": ox.RdfFormat.TURTLE,
        "ntriples": ox.RdfFormat.N_TRIPLES,
        "jsonld": ox.RdfFormat.JSON_LD,
    }.items():
        assert len(list(ox.parse(run_cli("query", construct, *flags, "--format", name).stdout.encode(), rdf))) > 100


def test_a_wrong_query_says_where(run_cli: Run, demo: Built) -> None:
    outcome = run_cli("query", "SELECT * {\n ?s ?p", "--data-dir", demo.settings.data_dir)
    assert outcome.returncode == 1
    assert "line 1, column 10: this '{' is never closed" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_format_that_does_not_fit_the_query_is_an_error(run_cli: Run, demo: Built) -> None:
    outcome = run_cli("query", "ASK {}", "--data-dir", demo.settings.data_dir, "--format", "turtle")
    assert outcome.returncode == 1
    assert outcome.stderr


@pytest.mark.parametrize("command", [("query", "ASK {}"), ("lineage", "http://a/"), ("serve",)])
def test_without_a_release_the_next_step_is_named(run_cli: Run, command: tuple[str, ...]) -> None:
    outcome = run_cli(*command, "--data-dir", "nothing")
    assert outcome.returncode == 1
    assert "odatis-kg build" in outcome.stderr


def test_releases_are_listed_rolled_back_compared_and_pruned(run_cli: Run, records: Path) -> None:
    flags = ("--data-dir", "data")
    run_cli("build", records, *flags)
    (records / "more.xml").write_bytes(iso(key="more"))
    run_cli("build", records, *flags)
    listed = run_cli("releases", "list", *flags).stdout
    names = re.findall(r"\d{8}T\d{9}Z-[0-9a-f]{4}", listed)
    assert len(set(names)) == 2
    diff = run_cli("releases", "diff", *flags).stdout
    assert "graph/record/local/more" in diff
    assert run_cli("releases", "rollback", *flags).returncode == 0
    rolled = run_cli(
        "query", "SELECT (COUNT(*) AS ?n) { ?s a <http://www.w3.org/ns/dcat#Dataset> }", *flags, "--format", "csv"
    ).stdout
    assert rolled.split() == ["n", "1"]
    assert run_cli("releases", "rollback", max(names), *flags).returncode == 0
    assert run_cli("releases", "prune", "--keep", "1", *flags).returncode == 0
    assert len(set(re.findall(r"\d{8}T\d{9}Z-[0-9a-f]{4}", run_cli("releases", "list", *flags).stdout))) == 1
    assert run_cli("releases", "rollback", "2000", *flags).returncode == 1


def test_every_command_explains_itself(run_cli: Run) -> None:
    overview = run_cli("--help").stdout
    for command in ("map", "build", "serve", "demo", "releases", "query", "lineage", "settings"):
        assert re.search(rf"^  {command} ", overview, re.MULTILINE), command
        text = run_cli(command, "--help").stdout
        assert len(text) > 200, command
    for command in ("list", "rollback", "diff", "prune"):
        assert run_cli("releases", command, "--help").returncode == 0
    assert __version__ in run_cli("--version").stdout


def test_a_command_or_flag_that_does_not_exist_is_an_error_with_a_hint(run_cli: Run) -> None:
    assert run_cli("biuld").returncode == 2
    assert "build" in run_cli("build", "--data-dri", "x").stderr


def test_settings_that_cannot_be_used_are_named(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "odatis-kg.toml").write_text("[query]\ntimeout_secs = 3\n")
    outcome = run_cli("settings")
    assert outcome.returncode == 2
    assert "query.timeout_secs" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_port_that_is_taken_is_an_error_with_advice(run_cli: Run, demo: Built) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = run_cli("serve", "--data-dir", demo.settings.data_dir, "--port", str(taken.getsockname()[1]))
    assert outcome.returncode == 1
    assert "--port" in outcome.stderr


def sources_of(tmp_path: Path, records: Path) -> None:
    """Settings with one source, whose name and whose times a narrow terminal would cut."""
    (tmp_path / "odatis-kg.toml").write_text(
        f'[sources.a-folder-of-records]\nprotocol = "folder"\npaths = ["{records}"]\n[release]\nshacl = false\n'
    )


def test_a_harvest_tells_its_events_as_lines_of_json(run_cli: Run, records: Path, tmp_path: Path) -> None:
    sources_of(tmp_path, records)
    outcome = run_cli("harvest")
    assert outcome.returncode == 0
    told = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert {"harvest-began", "quarantined", "stage", "harvest-ended"} == {event["event"] for event in told}
    bad = {Path(event["item"]).name: event["reason"] for event in told if event["event"] == "quarantined"}
    assert set(bad) == {"bad.xml", "notes.txt"}
    assert "cut off" in bad["bad.xml"]
    assert (told[-1]["state"], told[-1]["new"], told[-1]["quarantined"]) == ("complete", 1, 2)
    (status,) = json.loads(run_cli("status", "--format", "json").stdout)
    assert {Path(one["item"]).name for one in status["quarantine"]} == set(bad)
    unknown = run_cli("harvest", "another")
    assert unknown.returncode == 2
    assert "configured are: a-folder-of-records" in unknown.stderr


def test_nothing_of_the_status_is_cut_on_a_narrow_terminal(records: Path, tmp_path: Path) -> None:
    sources_of(tmp_path, records)
    harvested = on_terminal(tmp_path, "harvest")
    assert "a-folder-of-records  complete" in harvested
    assert "{" not in harvested
    told = on_terminal(tmp_path, "status")
    assert "…" not in told
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", told)) == 2
    assert re.search(r"in quarantine: \S*bad\.xml: .*cut off", told)


def on_terminal(folder: Path, *arguments: str) -> str:
    """What a command shows on a terminal of 80 columns, without colours and movements."""
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "odatis_kg", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80"},
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65_536):
            shown += part
    except OSError:  # the end, as Linux tells it
        pass
    os.close(controller)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "")


def test_settings_show_the_sources(run_cli: Run, records: Path, tmp_path: Path) -> None:
    sources_of(tmp_path, records)
    shown = run_cli("settings").stdout
    assert "sources.a-folder-of-records.protocol = folder" in shown
    assert "sources.a-folder-of-records.every_hours = 24.0" in shown


def test_files_do_not_get_the_name_of_a_configured_source(run_cli: Run, records: Path, tmp_path: Path) -> None:
    (tmp_path / "odatis-kg.toml").write_text(f'[sources.own]\nprotocol = "folder"\npaths = ["{records}"]\n')
    outcome = run_cli("build", records, "--source", "own")
    assert outcome.returncode == 2
    assert "'own' is the name of a source" in outcome.stderr
    assert run_cli("build", records, "--source", "other").returncode == 0


def test_local_graphs_are_put_shown_and_deleted(run_cli: Run, records: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.ttl").write_text('<http://a/s> <http://a/p> "Océan"@fr .')
    assert run_cli("build", records).returncode == 0
    assert run_cli("graph", "show").stdout == ""
    put = run_cli("graph", "put", "mine", "mine.ttl", "--by", "jdupont")
    assert put.returncode == 0
    assert "holds 1 statements" in put.stderr
    assert "Published release" in put.stderr
    assert put.stdout == ""
    shown = run_cli("graph", "show").stdout
    assert shown.startswith("mine  1 statements")
    assert "by jdupont" in shown
    assert "waits" not in shown
    assert run_cli("graph", "show", "mine").stdout == '<http://a/s> <http://a/p> "Océan"@fr .\n'
    asked = run_cli("query", "SELECT ?o { GRAPH <http://localhost:8000/graph/local/mine> { ?s ?p ?o } }")
    assert asked.stdout.split() == ["o", "Océan"]
    assert run_cli("graph", "delete", "mine", "--no-publish").returncode == 0
    assert run_cli("graph", "show").stdout == ""
    assert run_cli("graph", "show", "mine").returncode == 1
    assert run_cli("build").returncode == 0
    assert run_cli("query", "ASK { <http://a/s> ?p ?o }").stdout.strip() == "false"


def test_what_is_wrong_with_a_local_graph_is_said_in_one_line(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.ttl").write_text("<http://a/s> <http://a/p>\n .")
    for arguments in (("put", "x", "bad.ttl"), ("put", "x", "none.ttl"), ("put", "a b", "bad.ttl"), ("delete", "x")):
        outcome = run_cli("graph", *arguments)
        assert outcome.returncode == 1
        assert outcome.stderr.startswith("odatis-kg: ")
        assert "Traceback" not in outcome.stderr
