"""The intake: bytes from anywhere into the archive, the records in them into the ledger; unchanged bytes cost one look-up."""

from dataclasses import dataclass
from typing import NamedTuple

from odatis_kg.config import Settings
from odatis_kg.harvest.archive import Archive
from odatis_kg.harvest.ledger import Fetch, Ledger, Sighted, Version
from odatis_kg.mapping.identifiers import cited_persons_in
from odatis_kg.mapping.kinds import SCANNER_VERSION, Kind, Refusal
from odatis_kg.pipeline.stages import scan_safely
from odatis_kg.times import now


class Place(NamedTuple):
    """Where bytes were found: its name in the ledger, and its name for lineage, which tells nothing about this machine."""

    source: str
    location: str
    name: str


class Looked(NamedTuple):
    """Bytes looked at: a fetch that is known, or what is to be noted of a new one."""

    place: Place
    sha256: str
    size: int
    known: Fetch | None
    versions: tuple[Sighted, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Taken(NamedTuple):
    """A fetch, and the record versions it found."""

    fetch: Fetch
    versions: list[Version]


@dataclass(frozen=True, slots=True)
class Intake:
    """The intake of one run."""

    settings: Settings
    ledger: Ledger
    archive: Archive
    run: str

    @property
    def scanner(self) -> str:
        """What decides which records are found in some bytes: the scanner, and the largest record it takes."""
        return f"{SCANNER_VERSION}/{self.settings.input.record_mb}"

    def look(self, place: Place, content: bytes) -> Looked:
        """Archive some bytes and find the records in them, unless that was done before; nothing is noted yet."""
        sha256 = self.archive.put(content)
        known = self.ledger.known_fetch(place.source, place.location, sha256, self.scanner)
        if known is not None:
            return Looked(place, sha256, len(content), known)
        scanned = scan_safely(content, self.settings)
        versions = tuple(
            Sighted(
                key=one.key,
                kind=one.kind,
                sha256=self.archive.put(one.content),
                modified=one.modified,
                bytes=len(one.content),
                warning=one.warning,
                # Whom a person's own record names (co-authors, employers) is not cited by a catalogue.
                persons=() if one.kind is Kind.ORCID else tuple(sorted(cited_persons_in(one.content))),
            )
            for one in scanned.records
        )
        return Looked(place, sha256, len(content), None, versions, scanned.refusals)

    def note(self, looked: Looked, answer: int | None = None) -> Taken:
        """Note in the ledger what was looked at, inside a transaction; `answer` is the number of the answer it came with."""
        fetch = looked.known or self.ledger.add_fetch(
            run=self.run,
            source=looked.place.source,
            location=looked.place.location,
            name=looked.place.name,
            retrieved=now(),
            sha256=looked.sha256,
            size=looked.size,
            scanner=self.scanner,
            versions=looked.versions,
            refusals=looked.refusals,
            answer=answer,
        )
        return Taken(fetch, self.ledger.sightings(fetch.id))
