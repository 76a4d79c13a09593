"""The published GeoDCAT-AP examples as an oracle: what their expected output says of a record, our mapping says too.

The six examples and their expected outputs are not part of the project; the tests are skipped where they are absent.
Every expected statement must be found, or stand in the table of `docs/differences-geodcat-ap.md` with its reason; that page
also tells how statements are compared. A line of the table that claims what is said instead is held to it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import rdflib
from rdflib import RDF, RDFS, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from odatis_kg.mapping.engine import Mapped, Mappings
from odatis_kg.namespaces import PREFIXES, expand
from odatis_kg.quality.background import class_hierarchy, facts
from odatis_kg.resources import folder
from tests.conftest import ROOT
from tests.support import mapped

pytestmark = pytest.mark.real
PAGE = ROOT / "docs" / "differences-geodcat-ap.md"
CASES = (
    "basic_dataset",
    "hvd_dataset_non_multilingual",
    "identifiers-anchor",
    "multilingual-resource-description",
    "network-service",
    "transfersize-bytesize",
)
DCAT, DCT, FOAF, PROV = (rdflib.Namespace(PREFIXES[prefix]) for prefix in ("dcat", "dct", "foaf", "prov"))
# What a thing without a name is told by: the values at the end of these paths. Anything else is the one that fits best.
TOLD_BY = {
    DCAT.Distribution: ((DCAT.accessURL,),),
    DCT.Location: ((DCAT.bbox,),),
    DCT.PeriodOfTime: ((DCAT.startDate,), (DCAT.endDate,)),
    FOAF.Organization: ((FOAF.name,),),
    PROV.Attribution: ((PROV.agent, FOAF.name), (DCAT.hadRole,)),
}


@dataclass(frozen=True)
class Said:
    """An expected statement: in words, as `class property object`, and the node of ours it should be said of."""

    words: str
    object: Node
    ours: Node | None
    found: bool


@dataclass(frozen=True)
class Difference:
    """A line of the table: which expected statements it is about, what is said instead, why."""

    theirs: str
    ours: str
    reason: str

    def covers(self, said: Said) -> bool:
        return re.fullmatch(re.escape(self.theirs).replace(r"\*", ".*"), said.words) is not None


def differences() -> list[Difference]:
    """The table of the page."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [Difference(theirs.strip("`"), ours.strip("`"), reason) for theirs, ours, reason in cells]


def normal(term: Node) -> Node:
    """A term as it is compared: text as plain text on one line, numbers by value, a box by its four sides."""
    if not isinstance(term, Literal):
        return term
    kind = str(term.datatype or "").rpartition("#")[2]
    if kind in ("string", "anyURI", ""):
        return Literal(" ".join(str(term).split()), lang=term.language)
    if kind in ("decimal", "double", "float"):
        return Literal(f"{float(term):.12g}")
    if kind == "wktLiteral" and str(term).startswith("POLYGON"):
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", str(term))]
        sides = (min(numbers[::2]), max(numbers[::2]), min(numbers[1::2]), max(numbers[1::2]))
        return Literal("box " + " ".join(f"{side:.12g}" for side in sides))
    return Literal(str(term), datatype=term.datatype)


class Comparison:
    """One expected graph beside what the record became."""

    def __init__(self, expected: Graph, result: Mapped, axioms: Graph) -> None:
        self.theirs, self.ours, self.axioms = (Graph() for _ in range(3))
        self.axioms += axioms
        for subject, predicate, object_ in expected:
            self.theirs.add((subject, predicate, normal(object_)))
        for subject, predicate, object_ in Graph().parse(
            data="".join(f"{one.subject} {one.predicate} {one.object} .\n" for one in result.statements), format="nt"
        ):
            self.ours.add((subject, predicate, normal(object_)))
        resource = URIRef(result.subject)
        record = next(self.ours.subjects(FOAF.primaryTopic, resource))
        self.pairs: dict[Node, Node] = {}
        for subject, theirs in self.theirs.subject_objects(FOAF.isPrimaryTopicOf):
            self.pairs |= {subject: resource, theirs: record}
            self.pairs |= dict.fromkeys(self.theirs.objects(theirs, DCT.source), record)

    def statements(self) -> list[Said]:
        """Every expected statement."""
        roots = [node for node in set(self.theirs.subjects()) if isinstance(node, URIRef) or node in self.pairs]
        return [said for node in roots for said in self.below(node, self.pairs.get(node, node))]

    def below(self, theirs: Node, ours: Node | None) -> Iterator[Said]:
        """What is expected of a node and of the nodes below it that have no name."""
        for predicate, object_ in self.theirs.predicate_objects(theirs):
            words = f"{self.name(theirs)} {self.short(predicate)} {self.name(object_)}"
            if predicate == RDF.type:
                yield Said(words, object_, ours, ours is not None and object_ in self.classes(ours))
            elif isinstance(object_, BNode) and object_ not in self.pairs:
                same = self.counterpart(object_, predicate, ours)
                yield Said(words, object_, ours, same is not None)
                yield from self.below(object_, same)
            else:
                target = self.pairs.get(object_, object_)
                found = (ours, predicate, target) in self.ours
                if predicate == FOAF.isPrimaryTopicOf:
                    found = (target, FOAF.primaryTopic, ours) in self.ours
                yield Said(words, target, ours, found)

    def counterpart(self, theirs: Node, predicate: Node, ours: Node | None) -> Node | None:
        """The node of ours that an unnamed node of theirs stands for."""
        if ours is None:
            return None
        found = sorted(set(self.ours.objects(ours, predicate)))
        for kind in self.theirs.objects(theirs, RDF.type):
            for path in TOLD_BY.get(URIRef(str(kind)), ()):
                told = set(self.at(self.theirs, theirs, path))
                found = [one for one in found if not told or told & set(self.at(self.ours, one, path))]
        return max(found, key=lambda one: sum(said.found for said in self.below(theirs, one)), default=None)

    @staticmethod
    def at(graph: Graph, node: Node, path: tuple[Node, ...]) -> list[Node]:
        """The nodes at the end of a path of properties."""
        nodes = [node]
        for predicate in path:
            nodes = [object_ for one in nodes for object_ in graph.objects(one, predicate)]
        return nodes

    def classes(self, ours: Node) -> set[Node]:
        """The classes of a node of ours: stated, known of its code list, and the broader ones."""
        stated = {*self.ours.objects(ours, RDF.type), *self.axioms.objects(ours, RDF.type)}
        return {broader for kind in stated for broader in self.axioms.transitive_objects(kind, RDFS.subClassOf)}

    def name(self, node: Node) -> str:
        """A node in words: its class when it has no name of its own, else its name."""
        if isinstance(node, Literal):
            tag = f"@{node.language}" if node.language else ""
            return f'"{node}"{tag}' + (f"^^{self.short(node.datatype)}" if node.datatype else "")
        if isinstance(node, BNode) or node in self.pairs:
            kinds = sorted(map(self.short, self.theirs.objects(node, RDF.type)))
            return kinds[0] if "prov:" not in kinds[0] or len(kinds) == 1 else kinds[-1]
        known = {PREFIXES["geodcatap"], PREFIXES["dct"], PREFIXES["prov"]}
        return self.short(node) if any(str(node).startswith(begins) for begins in known) else f"<{node}>"

    def short(self, node: Node) -> str:
        """An IRI with its prefix."""
        text = str(node)
        found = [prefix for prefix, begins in PREFIXES.items() if text.startswith(begins)]
        return f"{found[0]}:{text[len(PREFIXES[found[0]]) :]}" if found else f"<{text}>"

    def says(self, claim: str, said: Said) -> bool:
        """Whether a node of ours says what a line of the table claims: `path value`, where `{object}` is their value."""
        assert said.ours is not None
        steps, _, value = claim.partition(" ")
        reached: set[Node] = {said.ours}
        for step in steps.split("/"):
            predicate = URIRef(expand(step.strip("^"), PREFIXES))
            if predicate == RDF.type:
                reached = {kind for one in reached for kind in self.classes(one)}
            elif step.startswith("^"):
                reached = {subject for one in reached for subject in self.ours.subjects(predicate, one)}
            else:
                reached = {object_ for one in reached for object_ in self.ours.objects(one, predicate)}
        if value == "{object}":
            return any(str(one) == str(said.object) for one in reached)
        known = {f"<{one}>" if isinstance(one, URIRef) else f'"{one}"' for one in reached}
        known |= {self.short(one) for one in reached if isinstance(one, URIRef)}
        return value in known if value else bool(reached)


@pytest.fixture(scope="module")
def axioms(mappings: Mappings) -> Graph:
    known = [*facts(mappings.registers), *class_hierarchy(folder("ontologies"))]
    return Graph().parse(data="".join(f"{s} {p} {o} .\n" for s, p, o in known), format="nt")


@pytest.fixture(scope="module")
def compared(real: Path, mappings: Mappings, axioms: Graph) -> dict[str, tuple[Comparison, list[Said]]]:
    found = {}
    for case in CASES:
        record = real / "iso19139" / "semiceu" / f"{case}__input.xml"
        output = real / "dcat-reference" / "semiceu" / f"{case}__expected_output.ttl"
        if not record.is_file() or not output.is_file():
            pytest.skip("the published GeoDCAT-AP examples are not on this machine")
        comparison = Comparison(Graph().parse(output), mapped(record.read_bytes(), mappings), axioms)
        found[case] = (comparison, comparison.statements())
    return found


@pytest.mark.parametrize("case", CASES)
def test_every_expected_statement_is_made_or_its_absence_is_explained(
    case: str, compared: dict[str, tuple[Comparison, list[Said]]]
) -> None:
    comparison, statements = compared[case]
    table = differences()
    assert len(statements) > 50
    unexplained = []
    for said in statements:
        if said.found:
            continue
        lines = [line for line in table if line.covers(said)]
        if not any(line.ours == "nothing" or comparison.says(line.ours, said) for line in lines):
            unexplained.append(said.words)
    assert sorted(unexplained) == []


def test_every_line_of_the_table_is_about_something(compared: dict[str, tuple[Comparison, list[Said]]]) -> None:
    missing = [said for _, statements in compared.values() for said in statements if not said.found]
    table = differences()
    assert len(table) > 5
    assert [line.theirs for line in table if not any(line.covers(said) for said in missing)] == []
    assert [line.theirs for line in table if len(line.reason) < 20] == []


def test_a_statement_that_is_not_made_is_noticed(compared: dict[str, tuple[Comparison, list[Said]]]) -> None:
    comparison, _ = compared["basic_dataset"]
    (title,) = comparison.ours.triples((comparison.pairs[next(iter(comparison.pairs))], DCT.title, None))
    comparison.ours.remove(title)
    try:
        assert any("dct:title" in said.words and not said.found for said in comparison.statements())
    finally:
        comparison.ours.add(title)
