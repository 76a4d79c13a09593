"""The named functions that mapping rows call for the part that needs logic; each is listed here, once.

A function gets the record's context, the node its row found and the row's options; it states what the node says and
nothing else. An identity names the things a record is about.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from odatis_kg.mapping.engine import Context, Identity
from odatis_kg.mapping.functions import (
    cruise,
    datacite,
    extents,
    keywords,
    lineage,
    online,
    orcid,
    parties,
    relations,
    resource,
    rights,
    vocabulary,
)

Function = Callable[[Context, Any, Mapping[str, str]], None]

FUNCTIONS: Final[dict[str, Function]] = {
    "associated_resource": relations.associated_resource,
    "bounding_box": extents.bounding_box,
    "constraints": rights.constraints,
    "cruise_keywords": cruise.cruise_keywords,
    "cruise_party": cruise.cruise_party,
    "cruise_period": cruise.cruise_period,
    "datacite_agent": datacite.agent,
    "datacite_date": datacite.date,
    "datacite_description": datacite.description,
    "datacite_place": datacite.place,
    "datacite_publisher": datacite.publisher,
    "datacite_related": datacite.related,
    "datacite_rights": datacite.rights,
    "datacite_subject": datacite.subject,
    "datacite_title": datacite.title,
    "distribution": online.distribution,
    "geographic_description": extents.geographic_description,
    "keyword_group": keywords.keyword_group,
    "lineage_source": lineage.lineage_source,
    "metadata_standard": resource.metadata_standard,
    "orcid_employment": orcid.employment,
    "orcid_external_identifier": orcid.external_identifier,
    "orcid_name": orcid.name,
    "orcid_page": orcid.page,
    "parent": relations.parent,
    "party": parties.party,
    "process_step": lineage.process_step,
    "resource_identifier": resource.resource_identifier,
    "statement": lineage.statement,
    "temporal_extent": extents.temporal_extent,
}

IDENTITIES: Final[dict[str, Identity]] = {
    "cruise": cruise.identity,
    "datacite": datacite.identity,
    "orcid": orcid.identity,
    "resource": resource.identity,
    "vocabulary": vocabulary.identity,
}
