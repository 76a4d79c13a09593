"""SHACL: each mapped record against the shapes of `ontologies/odk-shapes.ttl`; remarks for the people who keep the record."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odatis_kg.iris import Iris
from odatis_kg.namespaces import PREFIXES

_SH = PREFIXES["sh"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a shape found: about which node, how serious (`Violation` or `Warning`), in words."""

    node: str
    severity: str
    message: str
    value: str


class Shapes:
    """The shapes, read once."""

    def __init__(self, folder: Path, iris: Iris) -> None:
        import rdflib  # here and below: a quarter of a second that only a build needs

        self._shapes = rdflib.Graph().parse(folder / "odk-shapes.ttl", publicID=iris.base)

    def remarks(self, triples: Iterable[tuple[str, str, str]]) -> list[Remark]:
        """What the shapes have to say of one record, given as N-Triples terms; nothing when it conforms."""
        import pyshacl
        import rdflib

        data = rdflib.Graph().parse(
            data="\n".join(f"{subject} {predicate} {object_} ." for subject, predicate, object_ in triples), format="nt"
        )
        _, report, _ = pyshacl.validate(data, shacl_graph=self._shapes, inplace=True, meta_shacl=False)
        assert isinstance(report, rdflib.Graph)
        return sorted(
            (
                Remark(
                    node=_text(report.value(result, rdflib.URIRef(_SH + "focusNode"))),
                    severity=_text(report.value(result, rdflib.URIRef(_SH + "resultSeverity"))).rpartition("#")[2],
                    message=_text(report.value(result, rdflib.URIRef(_SH + "resultMessage"))),
                    value=_text(report.value(result, rdflib.URIRef(_SH + "value"))),
                )
                for result in report.subjects(rdflib.RDF.type, rdflib.URIRef(_SH + "ValidationResult"))
            ),
            key=lambda remark: (remark.severity, remark.node, remark.message),
        )


def _text(node: Any) -> str:
    return "" if node is None else str(node)
