"""Prefixes, once: every namespace the project reads, writes or shows.

`odk:` is absent here because it depends on the base address of a deployment: see `iris.Iris.odk`.
"""

from typing import Final

PREFIXES: Final[dict[str, str]] = {
    "adms": "http://www.w3.org/ns/adms#",
    "cnt": "http://www.w3.org/2011/content#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dqv": "http://www.w3.org/ns/dqv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "geodcatap": "http://data.europa.eu/930/",
    "iop": "https://w3id.org/iadopt/ont/",
    "locn": "http://www.w3.org/ns/locn#",
    "org": "http://www.w3.org/ns/org#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "pav": "http://purl.org/pav/",
    "prov": "http://www.w3.org/ns/prov#",
    "qudt": "http://qudt.org/schema/qudt/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "semapv": "https://w3id.org/semapv/vocab/",
    "sf": "http://www.opengis.net/ont/sf#",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "sosa": "http://www.w3.org/ns/sosa/",
    "spdx": "http://spdx.org/rdf/terms#",
    "ssn": "http://www.w3.org/ns/ssn/",
    "sssom": "https://w3id.org/sssom/",
    "time": "http://www.w3.org/2006/time#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "void": "http://rdfs.org/ns/void#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

# The vocabularies people meet in our data; for compact display and for example queries.
AUTHORITY_PREFIXES: Final[dict[str, str]] = {
    "edmo": "https://edmo.seadatanet.org/report/",
    "gcmd": "https://gcmd.earthdata.nasa.gov/kms/concept/",
    "nvs": "http://vocab.nerc.ac.uk/collection/",
    "orcid": "https://orcid.org/",
    "ror": "https://ror.org/",
}


def expand(name: str, prefixes: dict[str, str]) -> str:
    """The IRI a prefixed name such as `dct:title` stands for.

    Raises:
        ValueError: the prefix is not declared; the message lists near ones.
    """
    prefix, colon, local = name.partition(":")
    if not colon or prefix not in prefixes:
        known = ", ".join(sorted(prefixes))
        raise ValueError(f"'{name}': unknown prefix '{prefix}'. Known prefixes: {known}")
    return prefixes[prefix] + local


def compact(iri: str, prefixes: dict[str, str]) -> str | None:
    """The shortest prefixed name of an IRI, or None when no declared namespace covers it."""
    best: str | None = None
    for prefix, namespace in prefixes.items():
        if iri.startswith(namespace):
            local = iri[len(namespace) :]
            if local and "/" not in local and "#" not in local:
                name = f"{prefix}:{local}"
                if best is None or len(name) < len(best):
                    best = name
    return best
