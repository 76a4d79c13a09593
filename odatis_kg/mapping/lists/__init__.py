"""The formats lists come in, other than RDF: NVS web service, GCMD exports, CF tables, EDMO, EDMERP, AODN trees.

Each is recognised by what it holds and read into a `ListReader`. What must stay true: an entry whose identifier is none
is left out with a remark and never named by its label; nothing of a format is known beyond its module.
"""

from collections.abc import Callable
from typing import Any, Final

from odatis_kg.mapping import xml
from odatis_kg.mapping.listing import ListReader
from odatis_kg.mapping.lists.aodn import read_aodn
from odatis_kg.mapping.lists.cf import is_cf, read_cf
from odatis_kg.mapping.lists.directories import is_edmerp, is_edmo_rdf, read_edmerp, read_edmo
from odatis_kg.mapping.lists.gcmd import is_gcmd_csv, read_gcmd_csv
from odatis_kg.mapping.lists.nvs import is_nvs, is_nvs_mapping, read_nvs, read_nvs_mapping

__all__ = ["READERS", "is_edmo_rdf", "is_gcmd_csv", "kind_of_json", "kind_of_xml"]


READERS: Final[dict[str, Callable[[bytes], ListReader]]] = {
    "aodn": read_aodn,
    "cf": read_cf,
    "edmerp": read_edmerp,
    "edmo": read_edmo,
    "gcmd-csv": read_gcmd_csv,
    "nvs-list": read_nvs,
    "nvs-mapping": read_nvs_mapping,
}


def kind_of_xml(root: xml.Parsed) -> str | None:
    """The kind of list an XML document is; None when it is none."""
    tests = {"nvs-list": is_nvs, "nvs-mapping": is_nvs_mapping, "cf": is_cf, "edmerp": is_edmerp}
    return next((kind for kind, test in tests.items() if test(root)), None)


def kind_of_json(document: Any) -> str | None:
    """The kind of list a JSON document is: `edmo`, `nvs-mapping`, `aodn`; None when it is none of them."""
    if isinstance(document, list):
        trees = document and all(
            isinstance(one, dict) and {"label", "about", "narrower"} <= one.keys() for one in document
        )
        return "aodn" if trees else None
    if not isinstance(document, dict):
        return None
    vocabulary, data = document.get("vocabulary"), document.get("data")
    if isinstance(vocabulary, dict) and isinstance(vocabulary.get("citRespParty"), list):
        return "edmo"
    content = data.get("content") if isinstance(data, dict) else None
    results = content.get("results") if isinstance(content, dict) else None
    if isinstance(results, dict) and isinstance(results.get("bindings"), list):
        head = content.get("head") if isinstance(content, dict) else None
        is_mapping = isinstance(head, dict) and head.get("vars") == ["subj", "pred", "obj"]
        return "nvs-mapping" if is_mapping else None
    return None
