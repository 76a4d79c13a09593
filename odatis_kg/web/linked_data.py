"""Linked data (W3C "Cool URIs for the Semantic Web"): `/id/...` answers 303 to `/doc/...`, which negotiates.

`/graph/...` is the document of a named graph and its content; `/resource?iri=` is what we know of a foreign IRI; `/def/odk`
is our own vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyoxigraph as ox
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.iris import DOCUMENT_EXTENSIONS
from odatis_kg.labels import labels
from odatis_kg.lineage.documents import as_ntriples
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.mapping.identifiers import canonical
from odatis_kg.mapping.values import Term, text
from odatis_kg.queries import read
from odatis_kg.resources import folder
from odatis_kg.store.engine import GraphFormat, SparqlEngine, graph, rows
from odatis_kg.store.serialise import triples_as
from odatis_kg.web.errors import problem
from odatis_kg.web.links import Links
from odatis_kg.web.negotiation import GRAPHS, HTML, NAMES, document_format, languages
from odatis_kg.web.pages.describe import Describer
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.responses import respond, tagged

_VARY = "Accept, Accept-Language"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for a document asks for."""

    media_type: str
    languages: tuple[str, ...]


class LinkedData:
    """The documents of things."""

    def __init__(self, engine: SparqlEngine, settings: Settings, templates: Templates) -> None:
        self._engine = engine
        self._settings = settings
        self._iris = settings.iris
        self._links = Links(settings.iris)
        self._templates = templates
        self._describer = Describer(engine, settings.iris, settings.server.page_statements)

    # Routes, each a raw ASGI application

    async def thing(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/id/{rest}`: see the document (303, HTTPRange-14)."""
        iri = self._iri(scope, "id")
        where = self._links.thing(iri)
        await respond(scope, send, 303, b"", "", {"Location": where, "Vary": "Accept"})

    async def document(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/doc/{rest}` and `/doc/{rest}.{extension}`."""
        rest = _rest(scope, "doc")
        bare, dot, extension = rest.rpartition(".")
        fixed = NAMES[extension] if dot and extension in DOCUMENT_EXTENSIONS else None
        iri = self._iris.from_path("id", bare if fixed else rest)
        if iri is None:
            raise problem("not-found", "no address of ours looks like this")
        await self._describe(scope, send, iri, self._asked(scope, fixed))

    async def graph(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/graph/{rest}`: the statements of a named graph; a page about it for browsers."""
        iri = self._iri(scope, "graph")
        asked = self._asked(scope, None)
        if asked.media_type == HTML:
            await self._describe(scope, send, iri, asked)
            return
        found = await graph(self._engine, read("pages/graph-content", self._iris).text, {"graph": values.iri(iri)})
        if not found:  # gone, and then something is said of it, or never there
            await self._describe(scope, send, iri, asked)
            return
        await self._send_graph(scope, send, iri, found, asked)

    async def resource(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/resource?iri=`: what we know of an IRI that is not ours."""
        given = _parameter(scope, "iri").strip()
        if given.startswith(self._iris.base) and values.is_iri(given):
            await respond(scope, send, 303, b"", "", {"Location": self._links.thing(given)})
            return
        iri = canonical(given)
        if iri is None or not values.is_iri(iri):
            raise problem("bad-request", f"'{given[:200]}' is not an IRI nor an identifier we know the form of")
        await self._describe(scope, send, iri, self._asked(scope, None))

    async def ontology(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/def/odk`: our own vocabulary."""
        asked = self._asked(scope, None)
        if asked.media_type == HTML:
            content = await self._ontology_page(asked.languages)
            await respond(scope, send, 200, content, HTML, {"Vary": _VARY})
            return
        source = (folder("ontologies") / "odk.ttl").read_bytes()
        ntriples = turtle_to_ntriples(source, self._iris.base)
        await self._send_graph(scope, send, f"{self._iris.base}def/odk", ntriples, asked)

    # What they share

    def _iri(self, scope: Scope, space: str) -> str:
        rest = _rest(scope, space)
        iri = self._iris.from_path(space, rest)
        if iri is None:
            raise problem("not-found", "no address of ours looks like this")
        return iri

    def _asked(self, scope: Scope, fixed: str | None) -> Asked:
        headers = Headers(scope=scope)
        named = _parameter(scope, "format")
        accept = fixed or (NAMES.get(named, named) if named else headers.get("accept"))
        chosen = document_format(accept)
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[HTML, *GRAPHS])
        return Asked(chosen, languages(headers.get("accept-language"), self._settings.languages))

    async def _describe(self, scope: Scope, send: Send, iri: str, asked: Asked) -> None:
        gone = await rows(self._engine, read("pages/tombstone", self._iris).text, {"thing": values.iri(iri)})
        status = 410 if gone else 200
        if asked.media_type != HTML:
            found = await self._statements(iri)
            if not found:
                raise problem("not-found", f"the graph says nothing about {iri}")
            await self._send_graph(scope, send, iri, found, asked, status)
            return
        description = await self._describer.describe(iri, asked.languages)
        if description is None:
            raise problem("not-found", f"the graph knows nothing of {iri}")
        document = self._iris.document(iri) if self._iris.is_thing(iri) else ""
        alternates = [
            (NAMES[name], self._links.thing(iri) + f".{name}") for name in DOCUMENT_EXTENSIONS[1:] if document
        ]
        content = self._templates.render(
            "thing.html",
            asked.languages,
            thing=description,
            alternates=alternates,
            outside=self._links.outside(iri),
            gone=gone[0]["since"].value if gone else "",
        )
        headers = {"Vary": _VARY, **tagged(self._engine.release, iri, HTML, *asked.languages)}
        if document:
            headers["Link"] = ", ".join(f'<{href}>; rel="alternate"; type="{kind}"' for kind, href in alternates)
        await respond(scope, send, status, content, HTML, headers)

    async def _statements(self, iri: str) -> bytes:
        """What a document holds for machines: the thing, its parts, and where the statements come from, as N-Triples."""
        bindings: dict[str, Term | list[Term]] = {"thing": values.iri(iri), "begins": text(self._iris.parts_begin(iri))}
        said = await graph(self._engine, read("pages/document", self._iris).text, bindings)
        if not said:
            return b""
        counted = await rows(self._engine, read("lineage/graphs", self._iris).text, {"thing": values.iri(iri)})
        graphs = [
            row["graph"].value for row in counted if not row["graph"].value.startswith(f"{self._iris.base}graph/prov/")
        ]
        provenance = await as_ntriples(self._engine, self._iris, graphs[:50])
        return said + provenance + self._about(iri, graphs)

    def _about(self, iri: str, graphs: Sequence[str]) -> bytes:
        """The document said in its own words: what it is about, and the named graphs it was made from."""
        if not self._iris.is_thing(iri):
            return b""
        prefixes = all_prefixes(self._iris)
        document = f"<{self._iris.document(iri)}>"
        lines = [
            f"{document} {values.RDF_TYPE} <{prefixes['foaf']}Document> .",
            f"{document} <{prefixes['foaf']}primaryTopic> <{iri}> .",
            *(f"{document} <{prefixes['prov']}wasDerivedFrom> <{one}> ." for one in graphs[:50]),
        ]
        return "".join(f"{line}\n" for line in lines).encode()

    async def _send_graph(
        self, scope: Scope, send: Send, iri: str, ntriples: bytes, asked: Asked, status: int = 200
    ) -> None:
        prefixes = all_prefixes(self._iris)
        content = triples_as(GraphFormat(asked.media_type), ntriples, prefixes)
        headers = {"Vary": _VARY, **tagged(self._engine.release, iri, asked.media_type, str(len(content)))}
        await respond(scope, send, status, content, asked.media_type, headers)

    async def _ontology_page(self, wanted: Sequence[str]) -> bytes:
        name = values.iri(self._iris.graph("ontology", "odk"))
        found = await rows(self._engine, read("pages/terms", self._iris).text, {"graph": name})
        kinds = await labels(self._engine, self._iris, {row["kind"].value for row in found if "kind" in row}, wanted)
        terms: dict[str, dict[str, object]] = {}
        for row in found:
            iri = row["term"].value
            entry = terms.setdefault(
                iri, {"iri": iri, "labels": {}, "comments": {}, "kinds": {}, "class": row["class"].value}
            )
            for key, variable in (("labels", "label"), ("comments", "comment")):
                texts = entry[key]
                assert isinstance(texts, dict)
                texts[row[variable].language] = row[variable].value
            if "kind" in row:
                broader = entry["kinds"]
                assert isinstance(broader, dict)
                kind = row["kind"].value
                broader[kind] = kinds[kind].text if kind in kinds else kind
        return self._templates.render("ontology.html", wanted, terms=list(terms.values()), namespace=self._iris.odk)


def turtle_to_ntriples(source: bytes, base: str) -> bytes:
    """Turtle with relative IRIs as N-Triples."""
    written = ox.serialize(
        (quad.triple for quad in ox.parse(source, ox.RdfFormat.TURTLE, base_iri=base)), format=ox.RdfFormat.N_TRIPLES
    )
    assert isinstance(written, bytes)
    return written


def _rest(scope: Scope, space: str) -> str:
    """What follows `/{space}/` in the path of a request."""
    path: str = scope["path"]
    return path.removeprefix(f"/{space}/")


def _parameter(scope: Scope, name: str) -> str:
    return QueryParams(scope["query_string"]).get(name, "")
