"""The directory: data centres, networks and what they measure, from the reviewed files of `mappings/registers/directory/`.

A register looks things up; a row of the directory makes statements. What must stay true: every row is a thing of its own
with a name in English and in French and the source of its facts, every reference (`centre/sismer`) is to a row that
exists, and the same files make the same statements.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from odatis_kg.iris import Iris
from odatis_kg.mapping import registers, values
from odatis_kg.mapping.identifiers import directory_entry, nvs_concept, ror
from odatis_kg.mapping.registers import Register, RegisterError
from odatis_kg.mapping.values import RDF_TYPE, Term
from odatis_kg.namespaces import PREFIXES, expand

Statements = list[tuple[Term, Term, Term]]

AUTHORITY: Final = "odatis"
SEPARATOR: Final = "|"  # between several values in a cell


@dataclass(frozen=True, slots=True)
class _File:
    """What the rows of a file are: the kind in their IRIs, classes, the property of their names; and what the file is called."""

    kind: str
    classes: tuple[str, ...]
    name: str
    english: str
    french: str


_ORGANISATION: Final = ("foaf:Organization", "prov:Organization")
_FILES: Final = {
    "organisations": _File("organisation", _ORGANISATION, "foaf:name", "Organisations behind ODATIS", "Organismes d'ODATIS"),
    "infrastructures": _File(
        "infrastructure", ("odk:ResearchInfrastructure", *_ORGANISATION), "foaf:name",
        "Research infrastructures", "Infrastructures de recherche",
    ),
    "projects": _File("project", ("odk:Project",), "skos:prefLabel", "Projects of ODATIS", "Projets d'ODATIS"),
    "data-centres": _File(
        "centre", ("odk:DataCentre", *_ORGANISATION), "foaf:name", "Data centres of ODATIS", "Centres de données d'ODATIS"
    ),
    "networks": _File("network", ("odk:ObservingNetwork",), "skos:prefLabel", "Observing networks", "Réseaux d'observation"),
    "consortia": _File(
        "consortium", ("odk:ExpertConsortium",), "skos:prefLabel",
        "Expert consortia of ODATIS", "Consortiums d'expertise scientifique d'ODATIS",
    ),
    "variables": _File(
        "variable", ("odk:NetworkVariable", "iop:Variable"), "skos:prefLabel",
        "What networks and data centres measure", "Ce que mesurent les réseaux et les centres de données",
    ),
    "platforms": _File(
        "platform", ("sosa:Platform",), "skos:prefLabel",
        "Platforms of the networks and data centres", "Plateformes des réseaux et des centres de données",
    ),
    "databases": _File(
        "database", ("dcat:Catalog",), "dct:title", "Databases of the data centres", "Bases de données des centres"
    ),
    "certifications": _File(
        "certification", ("odk:Certification",), "skos:prefLabel",
        "Certification of the data centres", "Certification des centres de données",
    ),
    "fair-levels": _File(
        "fair-level", ("skos:Concept",), "skos:prefLabel",
        "Levels of the FAIR self-assessment", "Niveaux de l'auto-évaluation FAIR",
    ),
    "fair-assessments": _File(
        "fair-assessment", ("odk:FairAssessment",), "skos:prefLabel", "FAIR self-assessments", "Auto-évaluations FAIR"
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Column:
    """How the cells of a column become statements: the property, and the term of a value (None: it is not one)."""

    property: str
    term: Callable[[str], Term | None]


@dataclass(frozen=True, slots=True)
class _Reference:
    """A column of references: the property, the kinds it may name, and whether the statement begins at what is named."""

    property: str
    kinds: frozenset[str]
    inverse: bool = False


def _concept(collection: str) -> Callable[[str], Term | None]:
    """Reads a bare code of a NERC list; None for what no code looks like."""
    return lambda code: values.iri(nvs_concept(collection, code)) if re.fullmatch("[A-Z0-9_]+", code) else None


def _edmo(code: str) -> Term | None:
    iri = directory_entry("EDMO", code)
    return values.iri(iri) if iri else None


def _ror(key: str) -> Term | None:
    iri = ror(f"https://ror.org/{key}")
    return values.iri(iri) if iri else None


def _address(text: str) -> Term | None:
    return values.iri(text) if text.startswith(("http://", "https://")) and values.is_iri(text) else None


_COLUMNS: Final = {
    "acronym": _Column("skos:altLabel", values.text),
    "notation": _Column("skos:notation", values.text),
    "source": _Column("odk:statedIn", values.text),
    "page": _Column("foaf:page", _address),
    "standard": _Column("dct:conformsTo", _address),
    "edmo": _Column("schema:sameAs", _edmo),
    "ror": _Column("schema:sameAs", _ror),
    "since": _Column("schema:startDate", values.temporal),
    "until": _Column("schema:endDate", values.temporal),
    "stated_on": _Column("odk:statedOn", values.temporal),
    "place": _Column("dct:spatial", _concept("C19")),
    "category": _Column("odk:platformCategory", _concept("L06")),
    "subject": _Column("dct:subject", _concept("P02")),
    "p01": _Column("skos:broadMatch", _concept("P01")),
    "p02": _Column("skos:broadMatch", _concept("P02")),
}
_REFERENCES: Final = {
    "parent": _Reference("odk:parentOrganisation", frozenset({"organisation"})),
    "member": _Reference("org:hasMember", frozenset({"organisation"})),
    "part_of": _Reference("dct:isPartOf", frozenset({"infrastructure", "centre", "network", "project"})),
    "project": _Reference("odk:project", frozenset({"project"})),
    "certifies": _Reference("odk:certifies", frozenset({"centre", "network", "database"})),
    "assesses": _Reference("odk:assesses", frozenset({"centre", "network", "database"})),
    "operated_by": _Reference("odk:operates", frozenset({"centre", "organisation"}), inverse=True),
    "curated_by": _Reference("odk:curates", frozenset({"centre"}), inverse=True),
    "measured_by": _Reference("odk:observes", frozenset({"network", "centre"}), inverse=True),
    "used_by": _Reference("odk:platform", frozenset({"network", "centre"}), inverse=True),
}
# Texts in two columns, `level_en` and `level_fr`, both filled or both empty; `name` must be filled.
_TEXTS: Final = {"name": "", "level": "odk:level", "stage": "odk:stage"}


@dataclass(frozen=True, slots=True)
class Directory:
    """The files of the directory, read and checked."""

    files: dict[str, Register]

    def titles(self) -> dict[str, tuple[str, str]]:
        """What each file is called, in English and in French."""
        return {name: (_FILES[name].english, _FILES[name].french) for name in self.files}

    def statements(self, name: str, iris: Iris) -> Statements:
        """The statements of one file: what its rows are, and the links that its columns name."""
        file, prefixes = _FILES[name], {**PREFIXES, "odk": iris.odk}

        def term(prefixed: str) -> Term:
            return values.iri(expand(prefixed, prefixes))

        made: Statements = []
        for row in self.files[name].rows:
            thing = values.iri(iris.thing(file.kind, AUTHORITY, row["key"]))
            made += [(thing, RDF_TYPE, term(class_)) for class_ in file.classes]
            for column, cell in row.items():
                stem, _, language = column.rpartition("_")
                if stem in _TEXTS and cell:
                    made.append((thing, term(_TEXTS[stem] or file.name), values.text(cell, language)))
                elif column in _COLUMNS:
                    terms = (_COLUMNS[column].term(value) for value in _split(cell))
                    made += [(thing, term(_COLUMNS[column].property), found) for found in terms if found is not None]
                elif column in _REFERENCES:
                    reference = _REFERENCES[column]
                    for value in _split(cell):
                        kind, _, key = value.partition("/")
                        other = values.iri(iris.thing(kind, AUTHORITY, key))
                        begin, end = (other, thing) if reference.inverse else (thing, other)
                        made.append((begin, term(reference.property), end))
        return made


def load(folder: Path) -> Directory:
    """The directory of a folder.

    Raises:
        RegisterError: a file is missing or unknown, has an unknown column or none for key, names and source, a row is of
            the wrong length, lacks a name, has a key that is there twice or a cell that is not what its column holds, or
            refers to a row that does not exist. The message names the file and the line.
    """
    files = registers.load(folder)
    if files.keys() != _FILES.keys():
        odd = ", ".join(f"{name}.csv" for name in sorted(files.keys() ^ _FILES.keys()))
        raise RegisterError(f"{folder.name}: missing or unknown files: {odd}")
    known = {f"{_FILES[name].kind}/{row['key']}" for name, file in files.items() if file.rows for row in _checked(file)}
    # References last, so that a spoiled key is reported where it stands and not where it is missed.
    for problem in (_problem, lambda column, cell, _: _dangling(column, cell, known)):
        for file in files.values():
            for row, line in zip(file.rows, file.lines, strict=True):
                for column, cell in row.items():
                    if found := problem(column, cell, row):
                        raise RegisterError(f"{file.name}.csv, line {line}, column '{column}': {found}")
    return Directory(files)


def _checked(file: Register) -> tuple[dict[str, str], ...]:
    """The rows of a file whose columns are as they must be."""
    columns = list(file.rows[0])
    if columns[0] != "key" or not {"name_en", "name_fr", "source"} <= set(columns):
        raise RegisterError(
            f"{file.name}.csv, line 1: the columns must begin with 'key' and name 'name_en', 'name_fr', 'source'"
        )
    texts = {f"{name}_{language}" for name in _TEXTS for language in ("en", "fr")}
    unknown = set(columns) - texts - _COLUMNS.keys() - _REFERENCES.keys() - {"key"}
    if unknown:
        raise RegisterError(f"{file.name}.csv, line 1: unknown columns: {', '.join(sorted(unknown))}")
    return file.rows


def _problem(column: str, cell: str, row: dict[str, str]) -> str:
    """Why a cell is not what its column holds, references aside; empty when it is."""
    stem, _, language = column.rpartition("_")
    if column == "key":
        return (
            ""
            if re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", cell)
            else f"'{cell}' is not small letters, digits and hyphens"
        )
    if stem in _TEXTS:
        other = row.get(f"{stem}_{'fr' if language == 'en' else 'en'}", "")
        return "the text is missing in one language" if (stem == "name" or other) and not cell.strip() else ""
    wrong = [value for value in _split(cell) if column in _COLUMNS and _COLUMNS[column].term(value) is None]
    return f"'{wrong[0]}' cannot stand here" if wrong else ""


def _dangling(column: str, cell: str, known: set[str]) -> str:
    """Why a reference leads nowhere; empty when it does not."""
    if column not in _REFERENCES:
        return ""
    kinds = _REFERENCES[column].kinds
    for value in _split(cell):
        if value.partition("/")[0] not in kinds:
            return f"'{value}' must begin with one of: {', '.join(f'{kind}/' for kind in sorted(kinds))}"
        if value not in known:
            return f"there is no '{value}' in the directory"
    return ""


def _split(cell: str) -> list[str]:
    """The values of a cell."""
    return [value.strip() for value in cell.split(SEPARATOR) if value.strip()]
