"""The OpenAPI 3.1 description at `/openapi.json`, whole: the framework knows its own routes, the others are described here.

What must stay true: a route that is served is described, with its parameters, its media types and the problems it may end
with, and nothing else is (a test compares, another one asks what is described of a running server).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI

from odatis_kg.config import Settings
from odatis_kg.store.jsonld import CONTEXT_PATH
from odatis_kg.web.errors import PROBLEMS, address_of
from odatis_kg.web.negotiation import GRAPHS, HTML, NAMES, TABLES

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_PLAIN: Final = "text/plain"
_DOCUMENTS: Final = (HTML, *GRAPHS)
# What may end any request, whatever it asks for.
_ALWAYS: Final = ("bad-request", "request-timeout", "too-large", "head-too-large", "fault", "unavailable", "overloaded")
_EVALUATING: Final = ("result-too-large", "unwritable-result", "timeout", "out-of-memory", "overloaded", "unavailable")
# Methods that are described nowhere else, and what they are refused with.
_WRITING: Final = ("put", "post", "patch", "delete")

Operation = dict[str, Any]
Answers = Mapping[str, tuple[str, Sequence[str]]]  # what is answered with, by status: what it is, its media types


def complete(app: FastAPI, settings: Settings, served: Iterable[str]) -> None:
    """Make the description of the application whole; `served` are the paths of the routes that the framework does not know,
    those that end with `/` with everything below.
    """
    known = set(served)
    own = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _whole(own(), settings, known)
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]


def _whole(document: dict[str, Any], settings: Settings, served: set[str]) -> dict[str, Any]:
    paths: dict[str, dict[str, Operation]] = {}
    for path, methods in document["paths"].items():
        paths[path] = {method: _framework(path, operation) for method, operation in methods.items()}
    for path, methods in _operations().items():
        if path in served or f"{path.rsplit('/{', path.count('/{'))[0]}/" in served:
            paths[path] = dict(methods)
    for methods in paths.values():
        if "get" in methods:
            methods["head"] = _head(methods["get"])
    return {
        "openapi": document["openapi"],
        "info": {**document["info"], "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": settings.base_url.rstrip("/")}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"Problem": _problem_schema(settings.base_url)}},
    }


def _framework(path: str, operation: Operation) -> Operation:
    """An operation that the framework has described: its answers are not what it supposes."""
    media_types = {"/search": (HTML,), "/metrics": (_PLAIN,)}.get(path, (_JSON,))
    more = {"/metrics": ("not-found",), "/search": ("timeout",)}.get(path, ())
    responses = _responses({"200": ("The answer", media_types)}, (*_ALWAYS, *more))
    if path == "/health/ready":
        responses["503"] = {"description": "Queries are not answered", "content": _content((_JSON, _PROBLEM))}
    return {**operation, "responses": responses}


def _operations() -> dict[str, dict[str, Operation]]:
    """The operations of the routes that pass before the framework."""
    dataset = [
        _query("default-graph-uri", "A graph of the dataset asked, in place of the union; may be repeated.", many=True),
        _query("named-graph-uri", "A graph that `GRAPH` sees; may be repeated.", many=True),
    ]
    ways = [
        *dataset,
        _format(),
        _query("timeout", "The client's own limit in seconds; it can only shorten that of the server.", kind="number"),
        _query("excel", "CSV with a byte order mark, so that Excel reads accents.", choice=("1", "0")),
        _query("download", "The result as a file to save, with a name.", choice=("1", "0")),
    ]
    text = _query("query", "The query; exactly one. Without it, the description of the service.", example=_EXAMPLE)
    fields = {field["name"]: field["schema"] for field in [text, *ways]}
    form = {"type": "object", "properties": fields, "required": ["query"]}
    answers = {"200": ("The result", (*TABLES, *GRAPHS, HTML))}
    problems = (*_ALWAYS, "bad-query", "not-acceptable", *_EVALUATING)
    asked = (*problems, "read-only", "unsupported-media-type")
    body = {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {"schema": form},
            "application/sparql-query": {"schema": {"type": "string", "examples": [_EXAMPLE]}},
        },
    }
    document: dict[str, tuple[str, Sequence[str]]] = {
        "200": ("The document", _DOCUMENTS),
        "304": ("It has not changed", ()),
    }
    reading = (*_ALWAYS, "not-found", "not-acceptable", "timeout")
    operations: dict[str, dict[str, Operation]] = {
        "/sparql": {
            "get": _operation("ask", "Ask in SPARQL 1.1", [text, *ways], answers, (*problems, "read-only")),
            "post": {
                **_operation(
                    "askByPost",
                    "Ask in SPARQL 1.1, for long queries; the method QUERY takes the same bodies",
                    [*ways],
                    answers,
                    asked,
                ),
                "requestBody": body,
            },
        },
        "/graphs": {
            "get": _operation(
                "graph",
                "A graph of the dataset, by the Graph Store HTTP Protocol: name one, or the default graph",
                [
                    _query("graph", "The IRI of a named graph."),
                    _query("default", "The default graph, which is the union of all.", empty=True),
                    _format(GRAPHS),
                ],
                {"200": ("The statements", GRAPHS)},
                (*_ALWAYS, "not-found", "not-acceptable", "timeout", *_EVALUATING),
            ),
            **{method: _refused(f"{method}Graph", []) for method in _WRITING},
        },
        "/id/{kind}/{authority}/{key}": {
            "get": _operation(
                "thing",
                "A thing: see its document",
                _path("kind", "authority", "key"),
                {"303": ("The address of the document", ())},
                (*_ALWAYS, "not-found"),
            )
        },
        "/doc/{kind}/{authority}/{key}": {
            "get": _operation(
                "document",
                "What we know of a thing; the key may end with .html, .ttl, .jsonld or .nt",
                [*_path("kind", "authority", "key"), _format(_DOCUMENTS)],
                {**document, "410": ("It was here once: what is left of it", _DOCUMENTS)},
                reading,
            )
        },
        "/graph/{family}/{source}/{key}": {
            "get": _operation(
                "namedGraph",
                "The statements of a named graph of ours",
                [*_path("family", "source", "key"), _format(_DOCUMENTS)],
                document,
                reading,
            ),
            **{method: _refused(f"{method}NamedGraph", _path("family", "source", "key")) for method in _WRITING},
        },
        "/resource": {
            "get": _operation(
                "resource",
                "What we know of an IRI or identifier that is not ours",
                [
                    _query("iri", "The IRI, or a DOI, an ORCID and the like.", required=True),
                    _format(_DOCUMENTS),
                ],
                {**document, "303": ("It is ours: its own address", ())},
                reading,
            )
        },
        "/lineage": {
            "get": _operation(
                "lineage",
                "Where the statements about a thing come from",
                [_query("iri", "The IRI of the thing.", required=True), _format((HTML, _JSON, *GRAPHS))],
                {"200": ("The lineage", (HTML, _JSON, *GRAPHS)), "304": ("It has not changed", ())},
                reading,
            )
        },
        "/def/odk": {
            "get": _operation(
                "ontology",
                "Our own vocabulary",
                [_format(_DOCUMENTS)],
                document,
                (*_ALWAYS, "not-acceptable", "timeout"),
            )
        },
        "/problems": {
            "get": _operation(
                "problems",
                "The types of problems that requests may end with",
                [],
                {"200": ("The list", (HTML, _JSON))},
                (*_ALWAYS, "not-acceptable"),
            )
        },
        "/problems/{name}": {
            "get": _operation(
                "problem",
                "A type of problem",
                _path("name"),
                {"200": ("The type", (HTML, _JSON))},
                (*_ALWAYS, "not-found", "not-acceptable"),
            )
        },
        f"/{CONTEXT_PATH}": {
            "get": _operation(
                "context",
                "The context of our JSON-LD",
                [],
                {"200": ("The context", ("application/ld+json",)), "304": ("It has not changed", ())},
                _ALWAYS,
            )
        },
    }
    return operations | _descriptions(document, reading)


def _descriptions(document: Answers, reading: Sequence[str]) -> dict[str, dict[str, Operation]]:
    """The operations of what describes the graph: its statistics, its dump, the library of queries, the prefixes."""
    file = ("application/gzip",)
    whole = {
        "200": ("The dump", file),
        "206": ("The part of it that Range names", file),
        "304": ("It has not changed", ()),
    }
    results = (HTML, *TABLES, *GRAPHS, "application/sparql-query")
    operations = {
        "/.well-known/void": _operation("wellKnownVoid", "The graph about itself (VoID)", [], document, reading),
        "/void": _operation("void", "The graph about itself (VoID, DCAT)", [_format(_DOCUMENTS)], document, reading),
        "/dump.nq.gz": _operation("dump", "Everything, in N-Quads", [], whole, (*_ALWAYS, "not-found")),
        "/queries": _operation(
            "queries", "The library of queries (SHACL executables)", [_format(_DOCUMENTS)], document, reading
        ),
        "/queries/{name}": _operation(
            "query",
            "A query of the library; with its parameters, or `run`, its result; with .rq after its name, its text",
            [*_path("name"), _query("run", "Evaluate it.", choice=("1",)), _format()],
            {**document, "200": ("The query, or its result", results)},
            (*reading, "bad-query", *_EVALUATING),
        ),
        "/prefixes": _operation(
            "prefixes",
            "The prefixes",
            [_format((*_DOCUMENTS, _JSON))],
            {**document, "200": ("The prefixes", (*_DOCUMENTS, _JSON))},
            reading,
        ),
    }
    for ending in ("html", "ttl", "nt", "jsonld", "rdf"):
        media_type = (NAMES[ending],)
        operations[f"/void.{ending}"] = _operation(
            f"void{ending.title()}",
            "The same in one format",
            [],
            {**document, "200": ("The document", media_type)},
            reading,
        )
    return {path: {"get": operation} for path, operation in operations.items()}


_EXAMPLE: Final = (
    "PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/>"
    " SELECT ?dataset ?title WHERE { ?dataset a dcat:Dataset ; dct:title ?title } LIMIT 10"
)


def _operation(
    name: str,
    summary: str,
    parameters: Sequence[Mapping[str, Any]],
    answers: Answers,
    problems: Sequence[str],
) -> Operation:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [*parameters],
        "responses": _responses(answers, problems),
    }


def _refused(name: str, parameters: Sequence[Mapping[str, Any]]) -> Operation:
    return _operation(name, "Refused: nothing can be changed here", parameters, {}, (*_ALWAYS, "read-only"))


def _head(operation: Operation) -> Operation:
    """The same without a body."""
    bare = {status: {"description": answer["description"]} for status, answer in operation["responses"].items()}
    return {
        **operation,
        "operationId": f"{operation['operationId']}Head",
        "summary": f"{operation['summary']} (headers only)",
        "responses": bare,
    }


def _responses(answers: Answers, problems: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        status: {"description": said, **({"content": _content(media_types)} if media_types else {})}
        for status, (said, media_types) in answers.items()
    }
    by_status: dict[str, list[str]] = {}
    for name in dict.fromkeys(problems):
        by_status.setdefault(str(PROBLEMS[name].status), []).append(name)
    for status, names in sorted(by_status.items()):
        found[status] = {
            "description": "; ".join(f"{PROBLEMS[name].title} (`{name}`)" for name in names),
            "content": _content((_PROBLEM, HTML)),
        }
    return found


def _content(media_types: Sequence[str]) -> dict[str, Any]:
    schemas: dict[str, dict[str, Any]] = {
        _PROBLEM: {"$ref": "#/components/schemas/Problem"},
        _JSON: {"type": "object"},
        "application/sparql-results+json": {"type": "object", "required": ["head"]},
        "application/geo+json": {"type": "object", "required": ["type", "features"]},
        "application/ld+json": {"type": ["object", "array"]},
    }
    return {media_type: {"schema": schemas.get(media_type, {"type": "string"})} for media_type in media_types}


def _query(
    name: str,
    said: str,
    *,
    kind: str = "string",
    many: bool = False,
    empty: bool = False,
    required: bool = False,
    choice: Sequence[str] = (),
    example: str = "",
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": kind}
    if kind == "number":
        schema |= {"exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000}
    if choice:
        schema["enum"] = list(choice)
    if example:
        schema["examples"] = [example]
    if many:
        schema = {"type": "array", "items": {"type": "string", "format": "uri"}}
    found: dict[str, Any] = {"name": name, "in": "query", "required": required, "description": said, "schema": schema}
    if empty:
        found["allowEmptyValue"] = True
    return found


def _format(offers: Sequence[str] = (*TABLES, *GRAPHS, HTML)) -> dict[str, Any]:
    named = sorted(name for name, media_type in NAMES.items() if media_type in (*offers, _JSON, "application/xml"))
    return _query("format", f"In place of the Accept header: a media type, or one of {', '.join(named)}.")


def _path(*names: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]


def _problem_schema(base: str) -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457). Each type is the address of a page about it.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "enum": [address_of(kind, base) for kind in PROBLEMS.values()]},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "line": {"type": "integer", "minimum": 1, "description": "Line of the query, from 1."},
            "column": {"type": "integer", "minimum": 1, "description": "Column of that line, from 1."},
            "token": {"type": "string", "description": "What stands there."},
            "suggestion": {"type": "string", "description": "What to write instead."},
            "narrow": {"type": "array", "items": text, "description": "What to narrow in a query that took too long."},
            "seconds": {"type": "number", "description": "The limit that was reached."},
            "offers": {"type": "array", "items": text, "description": "The media types to choose from."},
            "names": {"type": "array", "items": text, "description": "The names that `format` knows."},
        },
    }
