"""Named queries: `.rq` files that begin with what they are for, read here and bound to values nowhere but in `syntax.bind`.

A file begins with comment lines `# key: value`: `title` and `titre` (English and French), `comment` and `commentaire`,
`keywords` (separated by commas), `time`, the class of the time it takes, and a `parameter` for each variable that is bound
from outside (see `parameters.parse`). Every query works with the values its parameters have by default, on the demonstration
graph.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from odatis_kg.iris import Iris
from odatis_kg.mapping.values import Term
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries.parameters import Parameter, ParameterError, parse
from odatis_kg.resources import folder
from odatis_kg.store.syntax import Form, bind, inspect, tokens

_HEADER = re.compile(r"#\s*([a-z]+):\s*(.*)")
# Published: questions to ask, and the lists of values their parameters may take. The others serve our own pages and checks.
PUBLISHED: Final = "questions"
GROUPS: Final = ("questions", "choices", "pages", "lineage", "checks")


class Time(StrEnum):
    """How long a query takes: milliseconds whatever the size of the graph; longer with the rows or the things of a kind there
    are, up to seconds at ten million statements; or longer with every statement there is.
    """

    INSTANT = "instant"
    SECONDS = "seconds"
    MINUTES = "minutes"


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query of ours with its documentation; `text` has its parameters as variables, `iris` is where it is asked."""

    name: str
    title: str
    titre: str
    comment: str
    commentaire: str
    keywords: tuple[str, ...]
    time: Time
    parameters: tuple[Parameter, ...]
    text: str
    iris: Iris

    @property
    def short_name(self) -> str:
        """Its name within its group."""
        return self.name.rpartition("/")[2]

    @property
    def form(self) -> Form:
        """What it asks for."""
        return inspect(self.text).form

    @property
    def example(self) -> str:
        """The query with the values its parameters have by default."""
        return self.bound({})

    def bound(self, given: Mapping[str, str]) -> str:
        """The query with values as somebody wrote them; those not given, or empty, are the default ones.

        Raises:
            ParameterError: a value is not of its parameter's type, or there is no such parameter.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                offered = ", ".join(known) or "none"
                raise ParameterError(
                    name[:100], f"the query {self.short_name} has no such parameter (it has: {offered})"
                )
        terms: dict[str, Term | tuple[Term, ...]] = {}
        for name, parameter in known.items():
            terms |= parameter.bindings(given.get(name) or parameter.default, self.iris)
        return bind(self.text, terms)


@cache
def _source(name: str) -> str:
    return (folder("queries") / f"{name}.rq").read_text(encoding="utf-8")


@cache
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

    def said(key: str) -> str:
        return " ".join(header.get(key, []))

    return NamedQuery(
        name=name,
        title=said("title"),
        titre=said("titre"),
        comment=said("comment"),
        commentaire=said("commentaire"),
        keywords=tuple(word.strip() for word in said("keywords").split(",") if word.strip()),
        time=_time(name, said("time")),
        parameters=tuple(parse(line, iris) for line in header.get("parameter", [])),
        text=declared + text,
        iris=iris,
    )


def _time(name: str, said: str) -> Time:
    try:
        return Time(said)
    except ValueError:
        raise ValueError(f"{name}.rq says '# time: {said}'; it is one of {', '.join(Time)}") from None


def names(group: str) -> Iterator[str]:
    """The names of the queries of a group, in alphabetical order."""
    for path in sorted((folder("queries") / group).glob("*.rq")):
        yield f"{group}/{path.stem}"


def library(iris: Iris) -> Iterator[NamedQuery]:
    """Every named query of every group; the `example` of each can be run on the demonstration graph."""
    for group in GROUPS:
        for name in names(group):
            yield read(name, iris)


def prefixes_of(query: NamedQuery) -> dict[str, str]:
    """The prefixes a query declares."""
    return dict(re.findall(r"^PREFIX ([\w-]+): <([^>]*)>$", query.text, re.MULTILINE))
