"""What a shape demands and a record lacks: the element of the source that would say it, in words for the people who keep it.

The table is the register `source_elements`: a property that the shapes demand, and where each kind of record states it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from odatis_kg.mapping.registers import Register
from odatis_kg.namespaces import PREFIXES, expand


@dataclass(frozen=True, slots=True)
class Demand:
    """What to fill in, in English and in French, and where: the path in each profile of record, empty where there is none."""

    english: str
    french: str
    paths: Mapping[str, str]


def demands(registers: Mapping[str, Register]) -> dict[str, Demand]:
    """What to fill in for each property that shapes demand, by the IRI of the property."""
    return {
        expand(row["property"], PREFIXES): Demand(
            row["en"], row["fr"], {name: row[name] for name in ("iso19139", "iso19115-3", "datacite")}
        )
        for row in registers["source_elements"].rows
    }
