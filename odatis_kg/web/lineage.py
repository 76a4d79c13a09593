"""`/lineage?iri=`: where the statements about a thing come from, in sentences, as PROV-O and as PROV-JSON."""

from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.lineage.documents import as_json, as_ntriples, sentences
from odatis_kg.lineage.graph import graphs_of, lineage_of
from odatis_kg.mapping import values
from odatis_kg.mapping.engine import all_prefixes
from odatis_kg.store.engine import GraphFormat, SparqlEngine
from odatis_kg.store.serialise import triples_as
from odatis_kg.web.errors import problem
from odatis_kg.web.links import Links
from odatis_kg.web.negotiation import GRAPHS, HTML, NAMES, languages, negotiate
from odatis_kg.web.pages.templates import Templates
from odatis_kg.web.responses import respond, tagged

_JSON = "application/json"
_OFFERS = (HTML, GraphFormat.TURTLE.value, _JSON, *(one for one in GRAPHS if one != GraphFormat.TURTLE.value))


class LineagePages:
    """The lineage of things."""

    def __init__(self, engine: SparqlEngine, settings: Settings, templates: Templates) -> None:
        self._engine = engine
        self._settings = settings
        self._iris = settings.iris
        self._templates = templates
        self._links = Links(settings.iris)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/lineage?iri=`."""
        headers, parameters = Headers(scope=scope), QueryParams(scope["query_string"])
        iri = parameters.get("iri", "").strip()
        if not values.is_iri(iri):
            raise problem("bad-request", "give the IRI of a thing: /lineage?iri=...")
        named = parameters.get("format", "")
        accept = (_JSON if named == "json" else NAMES.get(named, named)) if named else headers.get("accept")
        chosen = negotiate(accept, _OFFERS, {"application/xhtml+xml": HTML})
        wanted = languages(headers.get("accept-language"), self._settings.languages)
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=list(_OFFERS))
        if chosen in (HTML, _JSON):
            lineage = await lineage_of(self._engine, self._iris, iri, wanted)
            if lineage is None:
                raise problem("not-found", f"the graph knows nothing of {iri}")
            if chosen == _JSON:
                content = as_json(lineage, self._iris).encode("utf-8")
            else:
                origins = [(origin, sentences(origin)) for origin in lineage.origins or lineage.mentions]
                content = self._templates.render(
                    "lineage.html", wanted, lineage=lineage, origins=origins, thing=self._links.thing(iri)
                )
        else:
            found = await as_ntriples(self._engine, self._iris, await graphs_of(self._engine, self._iris, iri))
            if not found:
                raise problem("not-found", f"the graph knows nothing of where {iri} comes from")
            content = triples_as(GraphFormat(chosen), found, all_prefixes(self._iris))
        told = {"Vary": "Accept, Accept-Language", **tagged(self._engine.release, iri, chosen, *wanted)}
        await respond(scope, send, 200, content, chosen, told)
