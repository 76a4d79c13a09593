"""Times as the graph, the ledger and the catalogues write them: `xsd:dateTime` in UTC, to the second."""

from datetime import UTC, datetime


def now() -> str:
    """This moment."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A moment in UTC, such as `2026-01-31T00:00:00Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
