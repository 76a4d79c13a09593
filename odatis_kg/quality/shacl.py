"""SHACL: each mapped record against the shapes of `ontologies/odk-shapes.ttl`; remarks for the people who keep the record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from odatis_kg.iris import Iris
from odatis_kg.namespaces import PREFIXES
from odatis_kg.quality.demands import Demand

_SH = PREFIXES["sh"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a shape found: about which node, how serious (`Violation` or `Warning`), in words.

    `fill_in` says by language (`en`, `fr`) what the source would have to state; empty where that is not known.
    """

    node: str
    severity: str
    message: str
    value: str
    fill_in: dict[str, str] = field(default_factory=dict)


class Shapes:
    """The shapes, read once."""

    def __init__(self, folder: Path, iris: Iris, demands: Mapping[str, Demand] | None = None) -> None:
        import rdflib  # here and below: a quarter of a second that only a build needs

        self._demands = demands or {}
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
                    fill_in=self._fill_in(_text(report.value(result, rdflib.URIRef(_SH + "resultPath")))),
                )
                for result in report.subjects(rdflib.RDF.type, rdflib.URIRef(_SH + "ValidationResult"))
            ),
            key=lambda remark: (remark.severity, remark.node, remark.message),
        )

    def _fill_in(self, property_iri: str) -> dict[str, str]:
        found = self._demands.get(property_iri)
        return {"en": found.english, "fr": found.french} if found else {}


def _text(node: Any) -> str:
    return "" if node is None else str(node)
