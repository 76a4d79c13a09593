"""Servers of ours that answer as DataCite's and ORCID's public APIs do, by their documented addresses, headers and paging.

What they hold is given by the test: real records where they are present, small ones of our own otherwise. Behaviour beyond
the documentation follows the services' public sources: DataCite's lupo (controllers/datacite_dois_controller.rb: fixed
order with a cursor, parameters missing from the next link, members only in the detailed form) and ORCID-Source
(OrcidCoreExceptionMapper: statuses and error codes).
"""

import base64
import copy
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from odatis_kg.harvest.client import Validators
from odatis_kg.mapping.identifiers import orcid_check_digit

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Asked:
    """A request: path and query decoded, header names in lower case, `base` the address of the server."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    base: str


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int = 200
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Service(Protocol):
    """What answers requests."""

    def answer(self, asked: Asked) -> Reply: ...


class Replay:
    """A running service: its address, what it was asked, and replies to give instead, by the number of the request from 0."""

    def __init__(self, service: Service) -> None:
        self.asked: list[Asked] = []
        self.instead: dict[int, Reply | Callable[[Reply], Reply]] = {}
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                reply = replay._reply(service, self)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 304:
                    self.send_header("Content-Length", str(len(reply.content)))
                self.end_headers()
                if reply.status != 304:
                    self.wfile.write(reply.content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def _reply(self, service: Service, handler: BaseHTTPRequestHandler) -> Reply:
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(unquote(parts.path), dict(parse_qsl(parts.query)), headers, self.address)
        instead = self.instead.get(len(self.asked))
        self.asked.append(asked)
        if isinstance(instead, Reply):
            return instead
        reply = service.answer(asked)
        return instead(reply) if instead is not None else reply


@contextmanager
def replaying(service: Service) -> Iterator[Replay]:
    """A service on a free port of this machine, ended with the block."""
    replay = Replay(service)
    thread = threading.Thread(target=replay.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield replay
    finally:
        replay.server.shutdown()
        thread.join()
        replay.server.server_close()


def as_reply(document: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON document as an answer."""
    content = json.dumps(document, ensure_ascii=False).encode()
    return Reply(status, content, {"Content-Type": "application/json; charset=utf-8", **headers})


# DataCite

_DETAILED = (
    "xml",
    "prefix",
    "suffix",
    "alternateIdentifiers",
    "viewsOverTime",
    "downloadsOverTime",
    "citationsOverTime",
)


class DataCite:
    """`/dois` and `/dois/{doi}`; `dois` are data objects of the API, and each look at one raises its counts."""

    def __init__(self, dois: list[Json], client: str = "demo.ocean") -> None:
        self.dois = [_data_object(one, number, client) for number, one in enumerate(dois)]
        self.looks = 0

    def answer(self, asked: Asked) -> Reply:
        self.looks += 1
        if asked.path == "/dois":
            return self._list(asked)
        for one in self.dois:
            if asked.path == f"/dois/{one['id']}" and one["attributes"]["state"] == "findable":
                return as_reply({"data": self._shown(one, asked, detail=True)})
        return _error(404, "The resource you are looking for doesn't exist.")

    def _list(self, asked: Asked) -> Reply:
        size = min(int(asked.query.get("page[size]", 25)), 1000)
        try:
            cursor = base64.b64decode(asked.query["page[cursor]"] + "===").decode()
        except ValueError:
            cursor = ""
        if asked.query["page[cursor]"] != "1" and "," not in cursor:
            return _error(400, "Invalid base64 used for cursor")
        if "((" in asked.query.get("query", ""):
            return as_reply({"errors": {"title": "Failed to parse query [((]"}}, 400)
        after = tuple(cursor.split(",", 1)) if "," in cursor else ("", "")
        chosen = sorted((one for one in self.dois if self._fits(one, asked.query)), key=_place)
        rest = [one for one in chosen if _place(one) > after]
        page = rest[:size]
        links = {"self": f"{asked.base}dois?{urlencode(asked.query)}"}
        if len(page) == size and len(chosen) > size:
            kept = ("query", "client-id", "prefix", "disable-facets", "detail", "affiliation", "page[size]")
            following = {name: value for name, value in asked.query.items() if name in kept}
            following["page[cursor]"] = base64.b64encode(",".join(_place(page[-1])).encode()).decode()
            links["next"] = f"{asked.base}dois?{urlencode(following)}"
        meta = {"total": len(chosen), "totalPages": -(-len(chosen) // size)}
        shown = [self._shown(one, asked, detail=asked.query.get("detail") == "true") for one in page]
        return as_reply({"data": shown, "meta": meta, "links": links}, **{"X-Anonymous-Consumer": "true"})

    def _fits(self, one: Json, query: Mapping[str, str]) -> bool:
        attributes = one["attributes"]
        client = one["relationships"]["client"]["data"]["id"]
        if attributes["state"] != "findable" or query.get("client-id", client) != client:
            return False
        if "prefix" in query and one["id"].partition("/")[0] not in query["prefix"].split(","):
            return False
        for part in query.get("query", "").split(" AND "):
            if since := re.fullmatch(r"updated:\[(\S+) TO \*\]", part):
                fits = attributes["updated"] >= since[1]
            else:
                fits = part.strip("()").lower() in json.dumps(attributes, ensure_ascii=False).lower()
            if not fits:
                return False
        return True

    def _shown(self, one: Json, asked: Asked, *, detail: bool) -> Json:
        shown = copy.deepcopy(one)
        attributes = shown["attributes"]
        attributes |= {"viewCount": self.looks, "downloadCount": 2 * self.looks, "citationCount": self.looks // 2}
        publisher = attributes.get("publisher")
        if asked.query.get("publisher") == "true":
            attributes["publisher"] = {"name": publisher} if isinstance(publisher, str) else publisher
        elif isinstance(publisher, dict):
            attributes["publisher"] = publisher.get("name")
        if asked.query.get("affiliation") != "true":
            for agent in attributes.get("creators") or []:
                stated = agent.get("affiliation") or []
                agent["affiliation"] = [part.get("name") if isinstance(part, dict) else part for part in stated]
        if detail:
            prefix, _, suffix = one["id"].partition("/")
            attributes |= {
                "xml": "PHhtbC8+",
                "prefix": prefix,
                "suffix": suffix,
                "viewsOverTime": [{"total": self.looks}],
            }
            shown["relationships"] |= {"citations": {"data": [{"id": f"10.5072/c{self.looks}", "type": "dois"}]}}
            # The database keeps another order of members than the index.
            shown["attributes"] = dict(reversed(attributes.items()))
        return shown


def _data_object(one: Json, number: int, client: str) -> Json:
    """What the API makes of a record that was given as a data object, in an answer of its own, or as bare attributes."""
    whole = copy.deepcopy(one.get("data", one))
    attributes = whole.pop("attributes", None) or whole
    for name in _DETAILED:
        attributes.pop(name, None)
    identifier = str(whole.get("id") or attributes["doi"]).lower().removeprefix("https://doi.org/")
    attributes.setdefault("state", "findable")
    attributes.setdefault("created", f"2020-01-01T00:{number // 60:02}:{number % 60:02}.000Z")
    attributes.setdefault("updated", "2024-01-01T00:00:00.000Z")
    relations = {"client": {"data": {"id": client, "type": "clients"}}}
    return {"id": identifier, "type": "dois", "attributes": attributes, "relationships": relations}


def _place(one: Json) -> tuple[str, str]:
    return one["attributes"]["created"], one["id"]


def _error(status: int, title: str) -> Reply:
    return as_reply({"errors": [{"status": str(status), "title": title}]}, status)


def demo_dois(count: int) -> list[Json]:
    """So many data objects, made of the demonstration's with DOIs of the prefix for tests."""
    files = sorted((ROOT / "odatis_kg/demo/datacite").glob("*.json"))
    made = []
    for number in range(count):
        one = _data_object(json.loads(files[number % len(files)].read_bytes()), number, "demo.ocean")
        one["id"] = one["attributes"]["doi"] = f"10.5072/replay-{number:03}"
        one["attributes"] |= {"created": f"2020-01-01T{number // 10:02}:00:00.000Z"}
        made.append(one)
    return made


# ORCID


class Orcid:
    """`/v3.0/{iD}/record`; `records` by iD, `codes` the error code of an iD that is not shown, `deprecated` the iD after it."""

    def __init__(self, records: Mapping[str, Json]) -> None:
        self.records = dict(records)
        self.codes: dict[str, int] = {}
        self.deprecated: dict[str, str] = {}
        self.tokens: set[str] = set()  # accepted; anonymous reading is allowed when there are none
        self.has_etags = False

    def answer(self, asked: Asked) -> Reply:
        found = re.fullmatch(r"/v3\.0/([0-9X-]{19})/record", asked.path)
        if found is None:
            return Reply(404, b"<html><body>Not found</body></html>", {"Content-Type": "text/html"})
        if asked.headers.get("accept") not in (
            "application/json",
            "application/orcid+json",
            "application/vnd.orcid+json",
        ):
            return Reply(406)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if (token or self.tokens) and token not in self.tokens:
            document = {"error": "invalid_token", "error_description": f"Invalid access token: {token}"}
            return as_reply(document, 401, **{"WWW-Authenticate": 'Bearer realm="orcid"'})
        person = found[1]
        if other := self.deprecated.get(person):
            told = f"This account is deprecated. Please refer to account: https://orcid.org/{other}."
            location = f"{asked.base}v3.0/{other}/record"
            return _orcid_error(301, 9007, told, Location=location)
        if code := self.codes.get(person):
            return _orcid_error(409, code, f"The ORCID record {person} is not shown.")
        if person not in self.records:
            return _orcid_error(404, 9016, "The resource was not found.")
        record = self.records[person]
        etag = f'W/"{record["history"]["last-modified-date"]["value"]}"' if self.has_etags else ""
        if etag and asked.headers.get("if-none-match") == etag:
            return Reply(304, headers={"ETag": etag})
        return as_reply(record, **{"ETag": etag} if etag else {})


def _orcid_error(status: int, code: int, told: str, **headers: str) -> Reply:
    document = {
        "response-code": status,
        "developer-message": f"{status}: {told}",
        "user-message": told,
        "error-code": code,
        "more-info": "https://members.orcid.org/api/resources/troubleshooting",
    }
    return as_reply(document, status, **headers)


def an_orcid(number: int) -> str:
    """A valid iD within the ranges of ORCID, the higher the number the higher the iD."""
    digits = f"{30_000_000 + number:015}"
    whole = digits + orcid_check_digit(digits)
    return "-".join(whole[start : start + 4] for start in (0, 4, 8, 12))


def a_person(identifier: str, changed: int = 1_700_000_000_000) -> Json:
    """A record of our own under some iD, with an e-mail address, a biography and more that is not to be kept."""
    text = (ROOT / "tests/fixtures/records/person.orcid.json").read_text("utf-8")
    record: Json = json.loads(text.replace("0000-0002-1825-0097", identifier))
    record["history"]["last-modified-date"] = {"value": changed}
    return record


@dataclass
class Known:
    """What earlier harvests left behind."""

    persons: list[str] = field(default_factory=list)
    kept: dict[str, Validators] = field(default_factory=dict)

    def validators(self, identifier: str) -> Validators:
        return self.kept.get(identifier, Validators())

    def cited_persons(self) -> list[str]:
        return sorted(self.persons)
