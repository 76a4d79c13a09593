"""`/context/v1.jsonld`: the context that our JSON-LD names."""

from starlette.types import Receive, Scope, Send

from odatis_kg.config import Settings
from odatis_kg.store.engine import GraphFormat
from odatis_kg.store.jsonld import context_document
from odatis_kg.web.responses import etag_of, respond


class ContextDocument:
    """The context of a deployment: read once, the same for as long as its version is in its address."""

    def __init__(self, settings: Settings) -> None:
        self._content = context_document(settings.base_url)
        self._headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": etag_of(self._content.decode()),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request."""
        await respond(scope, send, 200, self._content, GraphFormat.JSONLD.value, self._headers)
