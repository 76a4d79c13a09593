"""Named queries: `.rq` files that begin with what they are for, read here and bound to values nowhere but in `syntax.bind`.

A file begins with comment lines `# key: value`: `title` and `titre` (English and French), `comment` and `commentaire` for
questions, `parameter` for each variable that is bound from outside (`# parameter: iri IRI of the thing`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from odatis_kg.iris import Iris
from odatis_kg.namespaces import PREFIXES
from odatis_kg.resources import folder
from odatis_kg.store.syntax import tokens

_HEADER = re.compile(r"#\s*([a-z]+):\s*(.*)")


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query of ours with its documentation."""

    name: str
    title: str
    titre: str
    comment: str
    commentaire: str
    parameters: tuple[tuple[str, str], ...]
    text: str


@cache
def _source(name: str) -> str:
    return (folder("queries") / f"{name}.rq").read_text(encoding="utf-8")


def read(name: str, iris: Iris) -> NamedQuery:
    """A query by its name, such as `pages/describe`, with the prefixes it uses declared.

    Raises:
        FileNotFoundError: there is no query of that name.
    """
    header: dict[str, list[str]] = {}
    body: list[str] = []
    for line in _source(name).splitlines():
        found = _HEADER.fullmatch(line.strip()) if not body else None
        if found:
            header.setdefault(found[1], []).append(found[2].strip())
        else:
            body.append(line)
    text = "\n".join(body).strip() + "\n"
    prefixes = {**PREFIXES, "odk": iris.odk}
    used = sorted({token.text.partition(":")[0] for token in tokens(text) if token.kind == "name"} & prefixes.keys())
    declared = "".join(f"PREFIX {prefix}: <{prefixes[prefix]}>\n" for prefix in used)
    parameters = tuple((found.partition(" ")[0], found.partition(" ")[2]) for found in header.get("parameter", []))

    def said(key: str) -> str:
        return " ".join(header.get(key, []))

    return NamedQuery(
        name, said("title"), said("titre"), said("comment"), said("commentaire"), parameters, declared + text
    )


def names(group: str) -> Iterator[str]:
    """The names of the queries of a group (`pages`, `questions`, `checks`), in alphabetical order."""
    for path in sorted((folder("queries") / group).glob("*.rq")):
        yield f"{group}/{path.stem}"
