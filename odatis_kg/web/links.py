"""Addresses of our own pages, all made here: paths on this server, so that they work behind any name and any proxy."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from odatis_kg.iris import Iris
from odatis_kg.mapping.values import is_iri


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of one deployment."""

    iris: Iris

    @property
    def root(self) -> str:
        """The path of the public base address, `/` at the top of a host."""
        return urlsplit(self.iris.base).path

    def page(self, name: str = "", **parameters: str | int | Sequence[str] | None) -> str:
        """The address of a fixed page, such as `sparql`, with parameters; those that are None are left out, those that are
        several are repeated.
        """
        given = {key: value for key, value in parameters.items() if value is not None and value != ""}
        return self.root + quote(name) + (f"?{urlencode(given, doseq=True)}" if given else "")

    def thing(self, iri: str) -> str:
        """The page about a thing: the document of ours, the page of our own term, or what we know of a foreign IRI."""
        if self.iris.is_thing(iri):
            return self.root + quote(self.iris.document(iri)[len(self.iris.base) :], safe="/:~")
        if iri.startswith(self.iris.odk):
            return f"{self.root}def/odk#{quote(iri[len(self.iris.odk) :])}"
        if self.iris.is_graph(iri):
            return self.root + quote(iri[len(self.iris.base) :], safe="/:~")
        if iri.startswith(self.iris.base):
            path, hash_, fragment = iri[len(self.iris.base) :].partition("#")
            return self.root + quote(path, safe="/:~") + (f"#{quote(fragment)}" if hash_ else "")
        return self.page("resource", iri=iri)

    def outside(self, iri: str) -> str | None:
        """The IRI itself when a browser can open it elsewhere; None for ours and for what no browser opens."""
        if iri.startswith(("http://", "https://", "ftp://")) and not iri.startswith(self.iris.base) and is_iri(iri):
            return iri
        return None
