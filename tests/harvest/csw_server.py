"""A CSW between a client and another CSW (or none), that answers as a test wants: right by itself, wrong where it is told."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import requests
from lxml import etree

from tests.harvest import raw_server

Reply = tuple[int, bytes]
"""The status and the body of an answer."""


@dataclass(frozen=True)
class Asked:
    """A request as it came, and what it asks for, the same for both methods."""

    method: str
    query: str
    body: bytes
    says: dict[str, str]

    @property
    def name(self) -> str:
        return self.says.get("request", "")

    @property
    def is_full_page(self) -> bool:
        return self.name == "GetRecords" and self.says.get("elementsetname") == "full" and self.size > 0

    @property
    def start(self) -> int:
        return int(self.says.get("startposition", 1))

    @property
    def size(self) -> int:
        return 0 if self.says.get("resulttype") == "hits" else int(self.says.get("maxrecords", 10))

    @property
    def positions(self) -> range:
        return range(self.start, self.start + self.size)


def asked(request: raw_server.Asked) -> Asked:
    """What a request asks for."""
    query = urlsplit(request.path).query
    says = {name.lower(): value for name, value in parse_qsl(query)}
    if request.body:
        root = etree.fromstring(request.body)
        says = {str(name).lower(): str(value) for name, value in root.attrib.items()}
        says["request"] = etree.QName(root).localname
        for element in root.iter():
            name = etree.QName(element).localname.lower()
            says[name] = " ".join("".join(element.itertext()).split())
            if "typeNames" in element.attrib:
                says["typenames"] = str(element.get("typeNames"))
    return Asked(request.method, query, request.body, says)


@dataclass
class Between:
    """A running server: how it answers, its address, and the requests so far."""

    upstream: str
    behave: "Callable[[Asked, Between], Reply]"
    address: str = ""
    requests: list[Asked] = field(default_factory=list)

    def forward(self, request: Asked, start: int | None = None) -> Reply:
        """The answer of the server behind, to the same request or to one for another position."""
        query, body = request.query, request.body
        if start is not None:
            query = re.sub(r"startPosition=\d+", f"startPosition={start}", query)
            body = re.sub(rb'startPosition="\d+"', b'startPosition="%d"' % start, body)
        headers = {"Accept": "application/xml", "Content-Type": "application/xml"}
        address = f"{self.upstream}?{query}"
        answer = requests.request(request.method, address, data=body or None, headers=headers, timeout=30)
        return answer.status_code, answer.content


@contextmanager
def between(upstream: str, behave: Callable[[Asked, Between], Reply]) -> Iterator[Between]:
    """A CSW of one's own wishes on loopback."""
    state = Between(upstream, behave)

    def answering(request: raw_server.Asked) -> bytes:
        state.requests.append(asked(request))
        status, content = state.behave(state.requests[-1], state)
        return raw_server.answer(f"{status} As told", content, Content_Type="application/xml")

    with raw_server.raw_server(answering) as server:
        state.address = server.address
        yield state
