"""The wheel holds everything the system needs, and the house keeps to its plan."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from odatis_kg import __version__
from tests.conftest import ROOT

PACKAGE = ROOT / "odatis_kg"
# What each room may look at, from the architecture: layers look down, never up or sideways.
LAYERS = {
    "mapping": {"mapping"},
    "harvest": {"mapping", "harvest"},
    "store": {"mapping", "store"},
    "quality": {"mapping", "store", "quality", "queries"},
    "enrich": {"mapping", "enrich"},
    "lineage": {"mapping", "harvest", "store", "queries", "lineage"},
    "pipeline": {"mapping", "harvest", "store", "quality", "enrich", "lineage", "queries", "pipeline"},
    "web": {"mapping", "store", "lineage", "queries", "web"},
    "queries": {"mapping", "store", "queries"},
}


def test_the_wheel_has_the_tables_the_ontologies_the_demonstration_and_the_pages(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert f"-{__version__}-" in wheel.name
    with zipfile.ZipFile(wheel) as packed:
        inside = set(packed.namelist())
        metadata = packed.read(f"odatis_kg-{__version__}.dist-info/METADATA").decode()
    for top, shipped in (("mappings", "odatis_kg/_shipped/mappings"), ("ontologies", "odatis_kg/_shipped/ontologies")):
        wanted = {
            f"{shipped}/{path.relative_to(ROOT / top).as_posix()}" for path in (ROOT / top).rglob("*") if path.is_file()
        }
        assert wanted
        assert wanted <= inside
    tracked = subprocess.run(["git", "ls-files", "odatis_kg"], cwd=ROOT, capture_output=True, text=True).stdout.split(
        "\n"
    )
    assert {name for name in tracked if name} <= inside
    assert {
        "odatis_kg/py.typed",
        "odatis_kg/web/templates/home.html",
        "odatis_kg/queries/pages/describe.rq",
        "odatis_kg/demo/csr/DEMO2019ATL.xml",
    } <= inside
    assert not [name for name in inside if "tests/" in name or name.endswith(".pyc")]
    assert "License-Expression: Apache-2.0" in metadata


def test_the_demonstration_is_small() -> None:
    assert sum(path.stat().st_size for path in (PACKAGE / "demo").rglob("*") if path.is_file()) < 3_000_000


def test_the_version_is_in_one_place() -> None:
    found = [
        path
        for path in (*PACKAGE.rglob("*.py"), ROOT / "pyproject.toml")
        if re.search(rf'version\w* *= *"{re.escape(__version__)}"', path.read_text())
    ]
    assert [path.name for path in found] == ["__init__.py"]


@pytest.mark.parametrize("room", LAYERS)
def test_layers_look_down_only(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [node.module]
                if isinstance(node, ast.ImportFrom) and node.module
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for name in names:
                parts = name.split(".")
                if parts[0] == "odatis_kg" and len(parts) > 1 and parts[1] in LAYERS:
                    assert parts[1] in LAYERS[room], f"{path.relative_to(ROOT)} looks at {name}"


def test_every_module_says_what_it_is_for() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path


def test_no_module_is_too_long_to_read() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 600, path


def test_a_command_starts_without_loading_what_it_does_not_need() -> None:
    """What is loaded is counted, not timed: the slow ones are the web side, SHACL, rdflib and HTTP."""
    code = "import sys; import odatis_kg.cli; print(*sorted(name for name in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"fastapi", "starlette", "rdflib", "pyshacl", "prov", "uvicorn", "requests"} & set(loaded)
