"""What the tests of the front share: an engine that does what a test says, and a client without a network."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from odatis_kg.config import Settings, load
from odatis_kg.store.engine import Answer, Begun, EngineState, Format, GraphFormat, Query, TableFormat
from odatis_kg.store.syntax import Form
from odatis_kg.web.delivery import Delivery


@dataclass
class _Result:
    form: Form
    format: Format
    length: int | None
    pieces: tuple[bytes, ...]
    fails: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.fails:
            raise self.fails


@dataclass
class Engine:
    """Answers every query with `pieces`; `gate` holds it back, `fails` is raised before them, `breaks` after."""

    pieces: tuple[bytes, ...] = (b'{"boolean":true}',)
    streams: bool = False
    release: str | None = "r1"
    fails: list[Exception] = field(default_factory=list)
    breaks: Exception | None = None
    gate: asyncio.Event | None = None
    asked: list[Query] = field(default_factory=list)
    at_work: int = 0

    def state(self) -> EngineState:
        return EngineState("memory", 2, busy=self.at_work, kills={"deadline": 3}, network_lock=True)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def begin(self, query: Query, told: Callable[[], None]) -> None: ...

    @asynccontextmanager
    async def query(self, query: Query, begun: Begun | None = None) -> AsyncIterator[Answer]:
        assert begun is None
        self.asked.append(query)
        self.at_work += 1
        try:
            if self.gate:
                await self.gate.wait()
            if self.fails:
                raise self.fails.pop(0)
            graph = query.text.startswith("CONSTRUCT")
            format_ = (query.graph or GraphFormat.TURTLE) if graph else (query.table or TableFormat.JSON)
            length = None if self.streams else sum(map(len, self.pieces))
            yield _Result(Form.CONSTRUCT if graph else Form.ASK, format_, length, self.pieces, self.breaks)
        finally:
            self.at_work -= 1


@dataclass
class Got:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


def settings_of(**query: Any) -> Settings:
    return load(query=query)


class Client:
    """One client of a delivery; `leave` is its going away."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self._gone = asyncio.Event()
        self.slow: asyncio.Event | None = None

    def leave(self) -> None:
        self._gone.set()

    async def ask(
        self, query: Query | str, method: str = "GET", version: str = "1.1", *, before: bytes = b"", **headers: str
    ) -> Got:
        """The answer; underscores in header names stand for hyphens."""
        scope = {
            "type": "http", "method": method, "path": "/sparql", "raw_path": b"/sparql", "http_version": version,
            "query_string": repr(query).encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body" and self.slow:
                await self.slow.wait()
            sent.append(message)

        asked = query if isinstance(query, Query) else Query(query)
        await self.delivery.deliver(scope, receive, send, asked, before=before)
        starts = [message for message in sent if message["type"] == "http.response.start"]
        assert len(starts) <= 1
        start = starts[0] if starts else {"status": 0, "headers": []}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Got(start["status"], found, body, bool(sent) and not sent[-1].get("more_body", False) and len(sent) > 1)
