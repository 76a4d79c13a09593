"""The named functions that mapping rows call for the part that needs logic; each is listed here, once.

A function gets the record's context, the node its row found and the row's options; it states what the node says and
nothing else. An identity names the things a record is about.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from odatis_kg.mapping.engine import Context, Identity
from odatis_kg.mapping.functions import (
    citations,
    content,
    cruise,
    datacite,
    details,
    extents,
    formats,
    geometry,
    keywords,
    lineage,
    listed,
    online,
    orcid,
    parties,
    quality,
    relations,
    resource,
    rights,
    services,
    spatial,
    vocabulary,
)

Function = Callable[[Context, Any, Mapping[str, str]], None]

FUNCTIONS: Final[dict[str, Function]] = {
    "associated_resource": relations.associated_resource,
    "bounding_box": extents.bounding_box,
    "bounding_polygon": geometry.bounding_polygon,
    "constraints": rights.constraints,
    "content_type": content.content_type,
    "cruise_event": cruise.cruise_event,
    "cruise_keywords": cruise.cruise_keywords,
    "cruise_party": cruise.cruise_party,
    "cruise_period": cruise.cruise_period,
    "data_format": formats.data_format,
    "datacite_agent": datacite.agent,
    "datacite_date": datacite.date,
    "datacite_description": datacite.description,
    "datacite_place": datacite.place,
    "datacite_publisher": datacite.publisher,
    "datacite_related": datacite.related,
    "datacite_rights": datacite.rights,
    "datacite_subject": datacite.subject,
    "datacite_title": datacite.title,
    "date_by_type": citations.date_by_type,
    "described_attribute": content.described_attribute,
    "described_place": extents.described_place,
    "details": details.details,
    "distribution": online.distribution,
    "geographic_description": extents.geographic_description,
    "keyword_group": keywords.keyword_group,
    "identifier": citations.identifier,
    "listed_coordinator": listed.coordinator,
    "listed_identifier": listed.identifier,
    "listed_organisation": listed.organisation,
    "lineage_source": lineage.lineage_source,
    "metadata_standard": resource.metadata_standard,
    "operates_on": services.operates_on,
    "operation": services.operation,
    "orcid_employment": orcid.employment,
    "orcid_external_identifier": orcid.external_identifier,
    "orcid_name": orcid.name,
    "orcid_page": orcid.page,
    "page": citations.page,
    "parent": relations.parent,
    "party": parties.party,
    "performer": cruise.performer,
    "process_step": lineage.process_step,
    "quality_report": quality.quality_report,
    "reference_system": spatial.reference_system,
    "representation": spatial.representation,
    "resolution": spatial.resolution,
    "resource_identifier": resource.resource_identifier,
    "statement": lineage.statement,
    "temporal_extent": extents.temporal_extent,
    "terms_of_distributions": rights.terms_of_distributions,
    "variable": content.variable,
    "vertical_extent": geometry.vertical_extent,
}

IDENTITIES: Final[dict[str, Identity]] = {
    "cruise": cruise.identity,
    "datacite": datacite.identity,
    "listed": listed.identity,
    "orcid": orcid.identity,
    "resource": resource.identity,
    "vocabulary": vocabulary.identity,
}
