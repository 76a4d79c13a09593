"""The fixed pages: home, search, the query form and its results, problems."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from odatis_kg.config import Settings
from odatis_kg.labels import Label, labels, short_name
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import NamedQuery, names, read
from odatis_kg.store.engine import GraphFormat, Query, SparqlEngine, TableFormat, Value
from odatis_kg.store.release import Release, Releases
from odatis_kg.store.syntax import Form, page_after
from odatis_kg.store.textindex import Hit, search
from odatis_kg.web.errors import PROBLEMS, ProblemType, problem_with
from odatis_kg.web.links import Links
from odatis_kg.web.negotiation import languages
from odatis_kg.web.pages.rows import FirstRows
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.protocol import Request

_ROWS_SHOWN = 1_000
_BYTES_READ = 4_000_000  # of a table; few rows have more than 4 kB
_GRAPH_BYTES = 200_000  # of a graph in Turtle, some 4,000 statements
_LONG = 4_000  # characters of a query that an address can hold everywhere
_EXCERPT = 100  # characters of a line of a query that are shown around a fault
_TABLE_NAMES = (("json", "JSON"), ("csv", "CSV"), ("tsv", "TSV"), ("xml", "XML"), ("geojson", "GeoJSON"))
_GRAPH_NAMES = (
    ("ttl", "Turtle"), ("jsonld", "JSON-LD"), ("rdfxml", "RDF/XML"), ("nt", "N-Triples"), ("trig", "TriG"), ("nq", "N-Quads"),
)  # fmt: skip
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
        result: dict[str, Any] = {
            "columns": [], "rows": [], "truth": None, "graph": "", "more": False, "form": "", "problem": None, "place": None,
            "seconds": 0.0, "next": "", "formats": [],
        }  # fmt: skip
        if request.query is not None:
            begun = time.perf_counter()
            try:
                result.update(await self.result(request, wanted))
            except Exception as error:
                found = await problem_with(error, request.query)
                status = found.kind.status
                result["problem"] = found
                result["place"] = excerpt(request.query, found.members)
            result["seconds"] = time.perf_counter() - begun
        text = request.query if request.query is not None else self._template_query()
        return status, self._templates.render(
            "sparql.html",
            wanted,
            query=text,
            request=request,
            questions=self.questions(),
            asked=request.query is not None,
            most_rows=_ROWS_SHOWN,
            most_seconds=self._settings.query.timeout_seconds,
            long=len(text) > _LONG,
            **result,
        )

    def problems(self, scope: Scope, one: ProblemType | None = None) -> bytes:
        """The kinds of problems clients may be told of, or one of them."""
        kinds = [one] if one else list(PROBLEMS.values())
        return self._templates.render("problems.html", self.languages(scope), problems=kinds, one=one)

    async def result(self, request: Request, wanted: Sequence[str]) -> dict[str, Any]:
        """What a page shows of a result. Reading stops there, and with it the evaluation."""
        text = request.query or ""
        query = Query(
            text,
            default_graphs=request.default_graphs,
            named_graphs=request.named_graphs,
            timeout=request.timeout,
            table=TableFormat.JSON,
            graph=GraphFormat.TURTLE,
            base=self._settings.base_url,
        )
        first = FirstRows(_ROWS_SHOWN, _BYTES_READ)
        turtle = bytearray()
        async with self.engine.query(query) as answer:
            async for chunk in answer.chunks():
                if answer.form.makes_graph:
                    turtle += chunk
                    if len(turtle) > _GRAPH_BYTES:
                        break
                elif not first.feed(chunk):
                    break
        shown: dict[str, Any] = {"form": answer.form.value, "formats": self._formats(request, answer.form)}
        if answer.form.makes_graph:
            more = len(turtle) > _GRAPH_BYTES
            # Cut after a whole statement: a full stop that ends a line.
            end = turtle.rfind(b" .\n", 0, _GRAPH_BYTES) + 3 if more else len(turtle)
            return {
                **shown,
                "graph": turtle[: max(end, 0)].decode("utf-8", "replace") or "# no statement",
                "more": more,
            }
        if answer.form is Form.ASK:
            return {**shown, "truth": bool(first.truth)}
        iris = {value.value for row in first.rows for value in row.values() if value.kind == "iri"}
        named = await labels(self.engine, self._iris, iris, wanted)
        table = [[self._cell(row.get(column), named) for column in first.columns] for row in first.rows]
        following = (
            page_after(text, len(table), _ROWS_SHOWN) if table and (first.more or "limit" in text.lower()) else None
        )
        return {
            **shown,
            "columns": first.columns,
            "rows": table,
            "more": first.more,
            "next": self._address(request, following) if following and len(following) <= _LONG else "",
        }

    def _formats(self, request: Request, form: Form) -> list[tuple[str, str, str]]:
        """The same result in each format: how it is called, its name for `format`, its address."""
        found: list[tuple[str, str, str]] = []
        for name, shown in _GRAPH_NAMES if form.makes_graph else _TABLE_NAMES:
            if name != "geojson" or form is Form.SELECT:
                found.append((shown, name, self._address(request, request.query, format=name)))
        if form is Form.SELECT:
            found.append(
                ("CSV for Excel", "", self._address(request, request.query, format="csv", excel=1, download=1))
            )
        return found

    def _address(self, request: Request, text: str | None, **more: str | int) -> str:
        dataset: dict[str, Any] = {
            "default-graph-uri": request.default_graphs or None,
            "named-graph-uri": request.named_graphs or None,
            "timeout": f"{request.timeout:g}" if request.timeout else None,
        }
        return self._links.page("sparql", query=text, **dataset, **more)

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


def excerpt(text: str, members: Mapping[str, Any]) -> tuple[str, str] | None:
    """The line of a query where something is wrong, and a line with a caret under the place; None where it is not known."""
    line, column = members.get("line"), members.get("column")
    lines = text.split("\n")
    if not line or not column or line > len(lines):
        return None
    begin = max(0, column - 1 - _EXCERPT // 2)
    shown = lines[line - 1][begin : begin + _EXCERPT].replace("\t", " ").rstrip("\r")
    width = max(1, min(len(str(members.get("token", ""))), len(shown) - (column - 1 - begin)))
    return shown, " " * (column - 1 - begin) + "^" * width
