"""Where the files that travel with the package are: mapping tables, ontologies, demonstration sources, named queries."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

PACKAGE = Path(str(files("odatis_kg")))


def folder(name: Literal["mappings", "ontologies", "demo", "queries"]) -> Path:
    """The folder of shipped files, in an installed wheel as well as in a checkout.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    candidates = [PACKAGE / name, PACKAGE / "_shipped" / name, PACKAGE.parent / name]
    if name in ("mappings", "ontologies"):
        candidates = candidates[1:]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder '{name}' is missing from this installation of odatis-kg: install it again")
