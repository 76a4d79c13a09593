"""The state of each source: what its last harvest did, what is held of it, and when it is due next."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from odatis_kg.config import Settings
from odatis_kg.harvest.journal import Journal, Walk
from odatis_kg.harvest.ledger import Ledger
from odatis_kg.times import written


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item in quarantine: its name at the source, when it was last found bad (UTC), and why."""

    item: str
    noted: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source: times in UTC (empty when never or, for `next_due`, when nothing is scheduled), and counts.

    `new`, `changed` and `gone` are of the last harvest; `records` are those held now, `quarantined` the items waiting, in
    `quarantine` with their reasons.
    """

    source: str
    protocol: str
    last: str
    state: str
    reason: str
    records: int
    new: int
    changed: int
    missing: int
    gone: int
    quarantined: int
    next_due: str
    is_due: bool
    quarantine: list[Waiting]

    def as_json(self) -> dict[str, Any]:
        """The members scripts rely on."""
        return asdict(self)


def statuses(settings: Settings) -> list[SourceStatus]:
    """The configured sources in their order, then those that were harvested and are configured no more."""
    with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
        journal = Journal(ledger)
        names = [*settings.sources, *(name for name in journal.sources() if name not in settings.sources)]
        return [_status(name, settings, ledger, journal) for name in names]


def _status(name: str, settings: Settings, ledger: Ledger, journal: Journal) -> SourceStatus:
    source = settings.sources.get(name)
    walks = [walk for walk in journal.walks(name) if walk.extent != "quarantine"]
    last = walks[0] if walks else None
    waiting = [Waiting(item.identifier, item.noted, item.reason) for item in journal.quarantined(name)]
    due = _next_due(walks, source.every_hours) if source and source.enabled else None
    return SourceStatus(
        source=name,
        protocol=getattr(source, "protocol", ""),
        last=(last.ended or last.started) if last else "",
        state=last.state if last else ("waiting" if source and source.enabled else "disabled"),
        reason=last.reason if last else "",
        records=ledger.count(name),
        new=last.new if last else 0,
        changed=last.changed if last else 0,
        missing=last.missing if last else 0,
        gone=last.gone if last else 0,
        quarantined=len(waiting),
        next_due=written(due) if due else "",
        is_due=due is not None and due <= datetime.now(UTC),
        quarantine=waiting,
    )


def _next_due(walks: list[Walk], every_hours: float) -> datetime:
    """After the last walk that came to its end; at once when there is none."""
    done = next((walk for walk in walks if walk.state in ("complete", "held")), None)
    return datetime.fromisoformat(done.started) + timedelta(hours=every_hours) if done else datetime.now(UTC)
