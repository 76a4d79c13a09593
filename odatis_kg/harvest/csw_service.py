"""Asking a CSW: requests sent as the source wants them, answers taken apart, and what the service offers.

What must stay true: whatever comes back is either results or says why not; nothing is lost of an answer that fails.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from odatis_kg.harvest import csw_messages as messages
from odatis_kg.harvest.client import Answer, HarvestError, Item
from odatis_kg.harvest.csw_messages import AnswerError, Capabilities, Query, ReportedError, Results
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.mapping.kinds import content_key
from odatis_kg.mapping.xml import Parsed, on_its_own
from odatis_kg.sources import CswSource

_XML: Final = {"Accept": "application/xml"}


@dataclass(frozen=True, slots=True)
class Received:
    """An answer with results, its records as items."""

    answer: Answer
    results: Results
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that brought no results, and what came instead."""

    answer: Answer
    error: AnswerError | FetchError

    @property
    def refusal(self) -> bool:
        """Whether the server does not take the request itself, whatever the records are."""
        return isinstance(self.error, ReportedError) and self.error.refusal


class CswService:
    """One service, asked through `Http` as its source says."""

    def __init__(self, source: CswSource, http: Http) -> None:
        self.url = _service(source.url)
        self._source = source
        self._http = http
        self._offered: Capabilities | None = None

    def ask(self, query: Query, position: int, size: int) -> Received | Failed:
        """GetRecords; a size of 0 asks for the count only."""
        answer, error = self._send(
            lambda: messages.records_parameters(query, position, size),
            lambda: messages.records_body(query, position, size),
        )
        if error:
            return Failed(answer, error)
        try:
            results = messages.read_results(answer.content)
        except AnswerError as wrong:
            return Failed(answer, wrong)
        return Received(answer, results, tuple(_item(record) for record in results.records))

    def _send(
        self, parameters: Callable[[], dict[str, str]], body: Callable[[], bytes]
    ) -> tuple[Answer, AnswerError | FetchError | None]:
        """The answer to a request; when it is refused, what came with the refusal, and the error it stands for."""
        is_get, sent = self._source.method == "get", b""
        try:
            if is_get:
                return self._http.get(self.url, parameters(), _XML), None
            sent = body()
            return self._http.post(self.url, sent, "application/xml", _XML), None
        except FetchError as error:
            answer = replace(error.as_answer(), method="GET" if is_get else "POST", body=sent)
            return answer, _said_in(error) or error

    def capabilities(self) -> Capabilities:
        """What the service offers, asked once.

        Raises:
            HarvestError: it is no CSW, or none of a version we speak.
            FetchError: it cannot be reached.
        """
        if self._offered is None:
            wanted = self._source.version
            first: AnswerError | FetchError | None = None
            for version in (messages.V2, messages.V3) if wanted == "auto" else (wanted,):
                try:
                    answer = self._http.get(self.url, messages.capabilities_parameters(version), _XML)
                    self._offered = messages.read_capabilities(answer.content)
                    break
                except (AnswerError, FetchError) as error:
                    first = first or (_said_in(error) if isinstance(error, FetchError) else None) or error
            else:
                if isinstance(first, FetchError):
                    raise first
                raise HarvestError(f"{self.url}: {first}")
            if wanted not in ("auto", self._offered.version):
                if wanted not in self._offered.versions:
                    raise HarvestError(f"{self.url} speaks CSW {self._offered.version}, not {wanted} (version)")
                self._offered = replace(self._offered, version=wanted)
        return self._offered

    def queries(self, since: str) -> list[Query]:
        """The ways of asking, the best first, each giving up a little more: the order, the schema, the date of change."""
        offered, source = self.capabilities(), self._source
        queries = []
        for schema in messages.schemas_for(offered, source.output_schema):
            types = messages.types_for(offered, schema) if source.type_names == "auto" else source.type_names
            plain = Query(offered.version, schema, types, cql=source.cql)
            sorts = [*messages.queryables_for(offered, "identifier", schema)[:1], ""]
            dates = [("", "")]
            if since:
                names = messages.queryables_for(offered, "modified", schema)
                dates = [*((name, _day_before(since)) for name in names), *dates]
            queries += [replace(plain, sort=sort, compared=name, since=day) for name, day in dates for sort in sorts]
        # A date of change is given up last of all: it costs the most.
        return sorted(queries, key=lambda query: bool(since) and not query.since)

    def brief(self, query: Query, position: int, size: int) -> Received | None:
        """Who is at some positions, by their brief records: of the same schema, else Dublin Core; None when untold."""
        for schema in dict.fromkeys((query.schema, messages.DUBLIN_CORE[query.version])):
            outcome = self.ask(replace(query, schema=schema, elements="brief"), position, size)
            if isinstance(outcome, Received) and outcome.items:
                named = [item for item in outcome.items if not item.identifier.startswith("sha256-")]
                return replace(outcome, items=tuple(named))
        return None

    def error_of(self, failed: Failed) -> HarvestError | FetchError:
        if isinstance(failed.error, FetchError):
            return failed.error
        return HarvestError(f"{self.url}: {failed.error}")

    def record(self, query: Query, identifier: str) -> tuple[Answer, Item | None] | Failed:
        """One record, if the service has it."""
        answer, error = self._send(
            lambda: messages.record_parameters(query, identifier), lambda: messages.record_body(query, identifier)
        )
        if error is None:
            try:
                record = messages.read_record(answer.content)
            except AnswerError as wrong:
                error = wrong
            else:
                item = None if record is None else _item(record)
                return answer, item if item is not None and item.identifier == identifier else None
        if isinstance(error, ReportedError) and error.code in ("NotFound", "InvalidParameterValue"):
            return answer, None
        return Failed(answer, error)


def _service(url: str) -> str:
    """The address without the parameters of a request, which people copy along with it."""
    parts = urlsplit(url)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name.lower() not in ("service", "request", "version", "acceptversions")
    ]
    return urlunsplit(parts._replace(query=urlencode(kept), fragment=""))


def _item(record: Parsed) -> Item:
    content = on_its_own(record)
    return Item(messages.identifier_of(record) or content_key(content), content, messages.modified_of(record))


def _said_in(error: FetchError) -> ReportedError | None:
    """The exception report that came with a refusal."""
    try:
        messages.read_results(error.content)
    except ReportedError as reported:
        return reported
    except AnswerError:
        pass
    return None


def _day_before(since: str) -> str:
    """The day before a time: dates of change are often days, in an unstated time zone, and compared as text."""
    return (datetime.fromisoformat(since).date() - timedelta(days=1)).isoformat()
