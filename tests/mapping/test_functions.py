"""Each named function alone: one node in, its statements and warnings out, as `tests/fixtures/functions` tells them.

A case is a few lines of a record and what the function says of them. XML is written without namespaces, which functions
do not look at. In what is said, `resource` and `record` are the subjects, `#extent` is a part of one (`#extent-2` the
second of that name), names have their prefixes, and the warnings come last.
`python -m tests.mapping.test_functions` writes again what is said; the difference is what to review.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from odatis_kg.iris import Iris
from odatis_kg.mapping import dcat_reader, json, lint
from odatis_kg.mapping.elements import elements
from odatis_kg.mapping.engine import Context, Mappings
from odatis_kg.mapping.functions import FUNCTIONS
from odatis_kg.mapping.kinds import Kind, SourceRecord
from odatis_kg.mapping.listing import Cell, ListReader
from odatis_kg.mapping.values import Term, lexical
from odatis_kg.mapping.vocabularies import VocabularyName
from odatis_kg.mapping.xml_reader import XmlReader
from odatis_kg.namespaces import AUTHORITY_PREFIXES, PREFIXES, compact
from odatis_kg.pipeline.stages import load_mappings

CASES = Path(__file__).parent.parent / "fixtures" / "functions"


@dataclass(frozen=True)
class Case:
    """A function, the node it is given (`at`: the path to it), its options, and what it says."""

    file: Path
    function: str
    words: dict[str, Any]

    @property
    def kind(self) -> Kind:
        return Kind(self.words.get("kind", self.file.stem))

    def context(self, mappings: Mappings) -> tuple[Context, Any]:
        """The record of the case, being mapped, and the node."""
        reader, node = self._read()
        context = Context(
            record=SourceRecord("test", "r", self.kind, b""),
            reader=reader,
            iris=mappings.iris,
            registers=mappings.registers,
            names=mappings.names,
            shared=mappings.specs[self.kind].shared,
        )
        context.subjects |= {name: context.thing("dataset", "test", name) for name in ("resource", "record")}
        return context, node

    def _read(self) -> tuple[Any, Any]:
        given, at = self.words["node"], self.words.get("at")
        if self.kind in (Kind.EDMO, Kind.EDMERP, Kind.NVS_LIST):
            cells = tuple(Cell(0, column, text) for column, text in given.items())
            entry = Term("<https://edmo.seadatanet.org/report/486>")
            return ListReader(VocabularyName("edmo", "x", "1"), "", "", (entry,), cells, terms={0: entry}), cells[0]
        if self.kind is Kind.DCAT:
            prefixes = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
            told = f'{prefixes}<https://data.example.org/r> a dcat:Dataset ; dct:title "R" ; {given} .'
            reader = dcat_reader.read(told.encode())
            return reader, reader.first(reader.root, at)
        if not isinstance(given, str) or self.kind in (Kind.DATACITE, Kind.ORCID, Kind.SCHEMA_ORG):
            reader = json.JsonReader(json.Node(given, ""))
            return reader, reader.first(reader.root, at) if at else reader.root
        root = etree.fromstring(f'<r xmlns:xlink="http://www.w3.org/1999/xlink">{given}</r>')
        for blank in root.iter():
            blank.text, blank.tail = (blank.text or "").strip() or None, None
        every = elements(root)
        reader = XmlReader(every, self.words.get("language"))
        return reader, reader.first(every[0], at) if at else every[1]

    def said(self, mappings: Mappings) -> str:
        """What the function says, as text."""
        context, node = self.context(mappings)
        for before, path in self.words.get("after", {}).items():
            (context.node,) = context.reader.find(context.reader.root, path)
            FUNCTIONS[before](context, context.node, {"of": "resource"})
        context.node = None
        FUNCTIONS[self.function](context, node, {"of": "resource", **self.words.get("options", {})})
        lines = [
            " ".join((statement.subject, statement.predicate, statement.object)) for statement in context.statements
        ]
        warnings = [f"! {text}" for text in sorted(context.warnings)]
        return "".join(f"{line}\n" for line in [*sorted(set(shown(lines, mappings))), *warnings])


def shown(lines: list[str], mappings: Mappings) -> Iterator[str]:
    """Statements in the short notation of the cases."""
    numbers: dict[str, list[str]] = {}
    prefixes = {**PREFIXES, **AUTHORITY_PREFIXES, "odk": mappings.iris.odk}

    def short(found: re.Match[str]) -> str:
        iri = found[1]
        if part := re.fullmatch(rf"{re.escape(mappings.iris.base)}id/.*#([a-z-]+?)(?:-[0-9a-f]{{10}}|-[0-9]+)?", iri):
            name = f"#{part[1]}"
            known = numbers.setdefault(name, [])
            if iri not in known:
                known.append(iri)
            return name if known[0] == iri else f"{name}-{known.index(iri) + 1}"
        if iri.startswith(f"{mappings.iris.base}id/dataset/test/re"):
            return iri.rpartition("/")[2]
        return compact(iri, prefixes) or f"<{iri.removeprefix(mappings.iris.base)}>"

    for line in lines:
        text = re.sub(r"<([^<>\"\s]+)>", short, line)
        yield text.replace(" rdf:type ", " a ").replace("^^xsd:decimal", "").replace("^^xsd:integer", "")


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def cases() -> list[Case]:
    return [
        Case(file, function, words)
        for file in sorted(CASES.glob("*.yaml"))
        for function, several in read(file).items()
        for words in several
    ]


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.function}: {case.words['case']}")
def test_a_function_says_what_the_case_tells(case: Case, mappings: Mappings) -> None:
    assert case.said(mappings).splitlines() == case.words["says"].splitlines()


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.function}: {case.words['case']}")
def test_a_case_is_about_something(case: Case) -> None:
    assert case.words["says"].strip() or case.words.get("nothing")


def test_every_function_has_a_case_and_every_case_a_function() -> None:
    assert lint.functions_with_cases(CASES) == FUNCTIONS.keys()


def test_what_part_stands_for_comes_back_also_after_a_failure(mappings: Mappings) -> None:
    context, _ = Case(CASES / "iso19139.yaml", "details", {"node": "<a/>"}).context(mappings)
    with context.speaking_of(Term("<a:one>")):
        with pytest.raises(KeyError), context.speaking_of(Term("<a:two>")):
            raise KeyError
        assert lexical(context.subjects["part"]) == "a:one"
    assert "part" not in context.subjects


def rewritten(file: Path, mappings: Mappings) -> str:
    """The text of a file with what its functions say now."""
    text = file.read_text(encoding="utf-8")
    for case in (one for one in cases() if one.file == file):
        begin = text.index(f"case: {case.words['case']}\n", text.index(f"\n{case.function}:\n"))
        stop = re.compile(r"\n(?=  - case: |[a-z_]+:\n|\Z)").search(text, begin)
        block = text[begin : stop.start() if stop else len(text)].rstrip("\n")
        kept = re.sub(r"\n    says: .*", "", block, flags=re.DOTALL)
        says = "".join(f"\n      {line}" for line in case.said(mappings).splitlines())
        text = text.replace(block, f"{kept}\n    says: " + (f"|{says}" if says else '""'), 1)
    return text


if __name__ == "__main__":
    tables = load_mappings(Iris("http://localhost:8000/"))
    for path in sorted(CASES.glob("*.yaml")):
        path.write_text(rewritten(path, tables), encoding="utf-8")
