"""`/problems` and `/problems/{name}`: what the types of our problem details lead to (RFC 9457, section 4), for people and
programs.
"""

import json
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.web.errors import PROBLEMS, ProblemType, address_of, problem
from odatis_kg.web.negotiation import HTML, negotiate
from odatis_kg.web.pages.site import Site
from odatis_kg.web.responses import respond

_JSON: Final = "application/json"


class ProblemPages:
    """The kinds of problems clients may be told of."""

    def __init__(self, site: Site, settings: Settings) -> None:
        self._site = site
        self._base = settings.base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Called with `/problems` and `/problems/{name}`."""
        name = scope["path"].removeprefix("/problems").strip("/")
        if name and name not in PROBLEMS:
            raise problem("not-found", f"there is no type of problem '{name[:60]}'")
        accept = Headers(scope=scope).get("accept")
        chosen = negotiate(accept, (HTML, _JSON), {"application/problem+json": _JSON, "application/xhtml+xml": HTML})
        if chosen is None:
            raise problem("not-acceptable", f"nothing in '{accept}' is offered", offers=[HTML, _JSON])
        if chosen == HTML:
            content = self._site.problems(scope, PROBLEMS.get(name))
        else:
            content = json.dumps(self._document(name), indent=1).encode() + b"\n"
        headers = {"Vary": "Accept, Accept-Language", "Cache-Control": "public, max-age=3600"}
        await respond(scope, send, 200, content, chosen, headers)

    def _document(self, name: str) -> dict[str, Any]:
        if name:
            return self._entry(PROBLEMS[name])
        return {"problems": [self._entry(kind) for kind in PROBLEMS.values()]}

    def _entry(self, kind: ProblemType) -> dict[str, Any]:
        return {
            "type": address_of(kind, self._base), "title": kind.title, "status": kind.status, "advice": kind.advice,
        }  # fmt: skip
