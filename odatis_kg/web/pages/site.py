"""The fixed pages: home, search, the query form and its results, problems."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from odatis_kg.config import Settings
from odatis_kg.labels import Label, labels, short_name
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import NamedQuery, names, read
from odatis_kg.store.engine import Query, SparqlEngine, TableFormat, Value, parse_rows
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.syntax import Form
from odatis_kg.store.textindex import Hit, search
from odatis_kg.web.errors import PROBLEMS, problem_of
from odatis_kg.web.links import Links
from odatis_kg.web.negotiation import languages
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.protocol import Request

_ROWS_SHOWN = 1_000
_PER_PAGE = 25
# What the home page counts: class, and the singular and plural to say it with.
_COUNTED = (
    ("dcat:Dataset", "dataset", "datasets"),
    ("dcat:DatasetSeries", "series", "series"),
    ("odk:Cruise", "cruise", "cruises"),
    ("foaf:Person", "person", "people"),
    ("foaf:Organization", "organisation", "organisations"),
    ("odk:DataCentre", "data centre", "data centres"),
    ("odk:ObservingNetwork", "observing network", "observing networks"),
    ("odk:NetworkVariable", "measured variable", "measured variables"),
    ("sosa:Platform", "platform", "platforms"),
    ("skos:Concept", "concept", "concepts"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table of results."""

    text: str
    href: str = ""
    language: str = ""
    title: str = ""


class Site:
    """The fixed pages of a deployment."""

    def __init__(self, engine: SparqlEngine, settings: Settings, templates: Templates) -> None:
        self.engine = engine
        self._settings = settings
        self._iris = settings.iris
        self._links = Links(settings.iris)
        self._templates = templates
        self._releases = Releases(settings.data_dir)

    def languages(self, scope: Scope) -> tuple[str, ...]:
        """The languages of a reader."""
        return languages(Headers(scope=scope).get("accept-language"), self._settings.languages)

    def questions(self) -> list[NamedQuery]:
        """The questions worth asking, from the query library."""
        return [read(name, self._iris) for name in names("questions")]

    def home(self, scope: Scope) -> bytes:
        """The home page."""
        release = self.release()
        statistics = release.statistics() if release else {"things": {}}
        counted = []
        for name, one, many in _COUNTED:
            class_ = self._class(name)
            number = int(statistics["things"].get(class_, 0))
            if number:
                counted.append((number, one if number == 1 else many, self._links.page("search", kind=name)))
        return self._templates.render(
            "home.html",
            self.languages(scope),
            counted=counted,
            manifest=release.manifest if release else None,
            questions=self.questions(),
        )

    async def search(self, scope: Scope, words: str, kind: str, page: int) -> bytes:
        """A page of things found by words, or of all things of a kind."""
        release, wanted = self.release(), self.languages(scope)
        offset = (page - 1) * _PER_PAGE
        class_ = self._class(kind) if kind in {name for name, _, _ in _COUNTED} else None
        total, hits = 0, list[Hit]()
        if release and (words or class_):
            total, hits = await asyncio.to_thread(search, release.text_index, words, class_, _PER_PAGE, offset)
        kinds = {self._class(name): one for name, one, _ in _COUNTED}
        named = await labels(self.engine, self._iris, [hit.iri for hit in hits], wanted)
        return self._templates.render(
            "search.html",
            wanted,
            words=words,
            kind=kind if class_ else "",
            kinds=[(name, many) for name, _, many in _COUNTED],
            hits=[
                (hit.iri, named.get(hit.iri, Label(hit.name)), kinds.get(hit.kind, ""), self._links.thing(hit.iri))
                for hit in hits
            ],
            total=total,
            first=offset + 1,
            previous=self._links.page("search", q=words, kind=kind, page=page - 1) if page > 1 else "",
            next=self._links.page("search", q=words, kind=kind, page=page + 1) if offset + len(hits) < total else "",
        )

    async def sparql(self, scope: Scope, request: Request) -> tuple[int, bytes]:
        """The query form, with the result of the query when there is one; and the status of the response."""
        status, wanted = 200, self.languages(scope)
        result: dict[str, Any] = {"columns": [], "rows": [], "truth": None, "graph": "", "more": False, "problem": None}
        if request.query is not None:
            try:
                result.update(await self.result(request, wanted))
            except Exception as error:
                found = problem_of(error)
                status = found.kind.status
                result["problem"] = (found.kind.title, found.detail, found.members)
        text = request.query if request.query is not None else self._template_query()
        return status, self._templates.render(
            "sparql.html", wanted, query=text, questions=self.questions(), asked=request.query is not None, **result
        )

    def problems(self, scope: Scope) -> bytes:
        """The kinds of problems clients may be told of."""
        return self._templates.render("problems.html", self.languages(scope), problems=list(PROBLEMS.values()))

    async def result(self, request: Request, wanted: Sequence[str]) -> dict[str, Any]:
        """The result of a query for a page: rows of cells, a truth value, or a graph as text."""
        query = Query(
            request.query or "",
            default_graphs=request.default_graphs,
            named_graphs=request.named_graphs,
            timeout=request.timeout,
            table=TableFormat.JSON,
        )
        async with self.engine.query(query) as answer:
            chunks: list[bytes] = []
            size = 0
            async for chunk in answer.chunks():
                chunks.append(chunk)
                size += len(chunk)
                if size > 20_000_000:
                    return {"more": True}
            content = b"".join(chunks)
        if answer.form.makes_graph:
            return {"graph": content.decode("utf-8", "replace")[:500_000], "more": len(content) > 500_000}
        if answer.form is Form.ASK:
            return {"truth": b"true" in content}
        found = parse_rows(content)
        columns = _columns(content)
        shown = found[:_ROWS_SHOWN]
        iris = {value.value for row in shown for value in row.values() if value.kind == "iri"}
        named = await labels(self.engine, self._iris, iris, wanted)
        table = [[self._cell(row.get(column), named) for column in columns] for row in shown]
        return {"columns": columns, "rows": table, "more": len(found) > len(shown), "total": len(found)}

    def _cell(self, value: Value | None, named: dict[str, Label]) -> Cell:
        if value is None:
            return Cell("")
        if value.kind != "iri":
            return Cell(value.value, language=value.language)
        label = named.get(value.value)
        known = label is not None or value.value.startswith(self._iris.base)
        href = self._links.thing(value.value) if known else self._links.outside(value.value) or ""
        return Cell(label.text if label else short_name(value.value, self._iris), href, title=value.value)

    def _template_query(self) -> str:
        return (
            f"PREFIX dcat: <{PREFIXES['dcat']}>\nPREFIX dct: <{PREFIXES['dct']}>\n\n"
            "SELECT ?dataset ?title WHERE {\n  ?dataset a dcat:Dataset ; dct:title ?title .\n} LIMIT 25\n"
        )

    def _class(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        return self._iris.odk + local if prefix == "odk" else PREFIXES[prefix] + local

    def release(self) -> Release | None:
        """The release being served, for what is read beside the store."""
        served = self.engine.release
        if served is None:
            return self._releases.current()
        path: Path = self._releases.folder / served
        return self._releases.open(path)


def _columns(content: bytes) -> list[str]:
    head: list[str] = json.loads(content)["head"].get("vars", [])
    return head
