"""A server of ours that answers as NVS, GCMD's keyword service and a site with dumps are documented to, and misbehaves on demand; and Oxigraph's own server, as a SPARQL endpoint."""

import gzip
import hashlib
import shutil
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pyoxigraph as ox

from odatis_kg.harvest.client import Validators
from odatis_kg.harvest.http import Http
from odatis_kg.sources import WebSource

KMS = "https://gcmd.earthdata.nasa.gov/kms"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_SYNTAXES = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
}


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


@dataclass
class Reply:
    """An answer to be sent."""

    body: bytes = b""
    media_type: str = "text/plain"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Keywords:
    """A concept scheme of GCMD, from a dump: what it says of each concept, in the order of their addresses."""

    turtle: bytes
    version: str = "23.4"

    def page(self, scheme: str, number: int, size: int) -> Reply:
        """A page as the service makes it: part of the concepts, and what the service says of the answer."""
        nodes: dict[object, list[ox.Triple]] = {}
        for quad in ox.parse(self.turtle, ox.RdfFormat.TURTLE):
            nodes.setdefault(quad.subject, []).append(ox.Triple(quad.subject, quad.predicate, quad.object))
        concepts = sorted(
            (
                node
                for node, said in nodes.items()
                if any(one.predicate.value == _TYPE and str(one.object) == f"<{_SKOS}Concept>" for one in said)
            ),
            key=str,
        )
        wanted = list(concepts[(number - 1) * size : number * size])
        triples: list[ox.Triple] = []
        while wanted:
            said = nodes.get(wanted.pop(0), [])
            triples += said
            wanted += [one.object for one in said if isinstance(one.object, ox.BlankNode)]
        answer = ox.BlankNode()
        about = {
            "hits": str(len(concepts)), "page_num": str(number), "page_size": str(size),
            "termsOfUse": "https://example.org/terms", "keywordVersion": self.version,
            "viewer": f"https://gcmd.earthdata.nasa.gov/KeywordViewer/scheme/{scheme}",
        }  # fmt: skip
        triples.append(ox.Triple(answer, ox.NamedNode(_TYPE), ox.NamedNode(f"{KMS}#gcmd")))
        triples += [ox.Triple(answer, ox.NamedNode(f"{KMS}#{name}"), ox.Literal(said)) for name, said in about.items()]
        body = ox.serialize(triples, format=ox.RdfFormat.RDF_XML)
        return Reply(body, "application/xml; charset=utf-8", headers={"X-Total-Count": str(len(concepts))})


class VocabularyServer:
    """The server: what it has, what it was asked, and what it does wrong next."""

    def __init__(self) -> None:
        self.collections: dict[str, bytes] = {}
        self.schemes: dict[str, Keywords] = {}
        self.files: dict[str, bytes] = {}
        self.heeds_accept = True
        self.asked: list[Asked] = []
        self._faults: list[Callable[[Asked], Reply | None]] = []
        self.address = ""

    def wrongly(self, fault: Callable[[Asked], Reply | None]) -> None:
        """Ask this first from now on; where it answers None, the server answers as usual."""
        self._faults.append(fault)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        for fault in self._faults:
            if (reply := fault(asked)) is not None:
                return reply
        match asked.path.strip("/").split("/"):
            case ["collection", code, "current"] if code in self.collections:
                return self._collection(code, asked)
            case ["kms", "concepts", "concept_scheme", scheme] if scheme in self.schemes:
                number, size = (int(asked.parameters.get(name, "1")) for name in ("page_num", "page_size"))
                if not 1 <= size <= 2000 or asked.parameters.get("format") != "rdf":
                    return Reply(b'{"error": "Invalid page_size parameter"}', "application/json", 400)
                return self.schemes[scheme].page(scheme, number, size)
            case ["files", name] if name in self.files:
                return self._conditionally(asked, self.files[name], "application/octet-stream")
        return Reply(b"<!DOCTYPE html><html><body>Not found</body></html>", "text/html", 404)

    def _collection(self, code: str, asked: Asked) -> Reply:
        by_parameter = asked.parameters.get("_mediatype", "")
        wanted = [one.partition(";")[0].strip() for one in asked.headers.get("accept", "").split(",")]
        media_type = by_parameter or next((one for one in wanted if self.heeds_accept and one in _SYNTAXES), "")
        if media_type not in _SYNTAXES:
            return Reply(b"<!DOCTYPE html><html><body>A collection</body></html>", "text/html; charset=utf-8")
        body = self.collections[code]
        if media_type != "text/turtle":
            body = ox.serialize(ox.parse(body, ox.RdfFormat.TURTLE, lenient=True), format=_SYNTAXES[media_type])
        return self._conditionally(asked, body, media_type)

    def _conditionally(self, asked: Asked, body: bytes, media_type: str) -> Reply:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers={"ETag": etag})
        return Reply(body, media_type, headers={"ETag": etag, "Last-Modified": "Tue, 05 May 2026 05:00:00 GMT"})


@contextmanager
def vocabulary_server() -> Iterator[VocabularyServer]:
    """A running server on a port the system chooses."""
    holder = VocabularyServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = holder.answer(Asked(parts.path, dict(parse_qsl(parts.query)), headers))
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.media_type, **reply.headers}.items():
                self.send_header(name, value)
            if "Content-Length" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = "Content-Length" in reply.headers

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    holder.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield holder
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def oxigraph(folder: Path, *files: Path) -> Iterator[str]:
    """The address of Oxigraph's own server, with files loaded: `query` and `update` are below it."""
    program = shutil.which("oxigraph") or str(Path(sysconfig.get_path("scripts")) / "oxigraph")
    for file in files:
        subprocess.run([program, "load", "--location", folder, "--lenient", "--file", file], check=True, timeout=60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "serve", "--location", folder, "--bind", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}query", params={"query": "ASK {}"}).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        else:
            raise AssertionError("Oxigraph's server does not answer")
        yield address
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Remembered:
    """What earlier harvests knew of items."""

    known: dict[str, Validators] = field(default_factory=dict)

    def validators(self, identifier: str) -> Validators:
        return self.known.get(identifier, Validators())

    def cited_persons(self) -> list[str]:
        return []


@contextmanager
def http_for(source: WebSource) -> Iterator[Http]:
    """A way to a server without waiting."""
    http = Http(source, sleep=lambda _: None)
    try:
        yield http
    finally:
        http.close()


def real_dump(path: Path) -> bytes:
    """The bytes of a real dump, decompressed."""
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
