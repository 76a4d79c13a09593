"""Comunica as a client of ours: installed by npm into a folder of the test run, and asked through `comunica.mjs`.

npm keeps what it has fetched, so that only the first installation on a machine takes a minute. Where Node, npm or npm's
registry is not at hand, the tests are skipped and say which.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Comunica asks for any undici 8 and any graphql 17, which need Node 22; with these, which serve it as well, Node 20 will do.
PACKAGE = {
    "private": True,
    "dependencies": {"@comunica/query-sparql": "5.4.1"},
    "overrides": {"undici": "7.30.2", "graphql": "16.11.0"},
}
NODE = (20, 18, 1)
ASKING = Path(__file__).with_suffix(".mjs")


@dataclass(frozen=True)
class Comunica:
    """An installed Comunica."""

    folder: Path

    def ask(self, queries: Sequence[str], sources: Sequence[Any], files: Sequence[Path] = ()) -> list[dict[str, Any]]:
        """What it answers to each query on all the sources and Turtle files; see `comunica.mjs`."""
        asked = [{"query": query, "sources": list(sources), "files": list(map(str, files))} for query in queries]
        ran = subprocess.run(
            ["node", str(ASKING)], input=json.dumps(asked), capture_output=True, text=True, cwd=self.folder, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        answers: list[dict[str, Any]] = json.loads(ran.stdout)
        return answers


def installed(shared: Path) -> Comunica:
    """Comunica, installed below a folder that all processes of a test run share; the test is skipped where that cannot be."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"Comunica needs {' and '.join(missing)} (Debian: apt install nodejs npm)")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    if tuple(map(int, re.findall(r"\d+", said))) < NODE:
        pytest.skip(f"Comunica needs Node {'.'.join(map(str, NODE))}, here is {said.strip()}")
    folder = shared / "comunica"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = folder / "outcome"
        if not outcome.exists():
            outcome.write_text(_install(folder))
        if problem := outcome.read_text():
            pytest.skip(f"npm cannot install Comunica here: {problem}")
    return Comunica(folder)


def _install(folder: Path) -> str:
    """Why npm could not; empty when it could."""
    (folder / "package.json").write_text(json.dumps(PACKAGE))
    # No script of a package is run, and what was fetched before is not asked for again.
    command = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--prefer-offline", "--no-package-lock"]
    quiet = [
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--fetch-timeout=20000",
    ]
    try:
        ran = subprocess.run(
            [*command, *quiet], capture_output=True, text=True, cwd=folder, timeout=150, env=_environment()
        )
    except subprocess.TimeoutExpired:
        return "it takes more than 150 s"
    return "" if ran.returncode == 0 else (ran.stderr.strip() or f"it ended with {ran.returncode}")[:500]


def _environment() -> dict[str, str]:
    """Ours, without a word to the world that a new npm is out."""
    return {**os.environ, "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
