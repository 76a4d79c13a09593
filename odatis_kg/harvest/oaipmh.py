"""OAI-PMH 2.0: lists of records taken to their end, past expired tokens, broken pages and counts that do not agree.

What must stay true: a list counts as seen only when it ended, no page of it was lost, and it held as many records as the
repository announced.
"""

from collections.abc import Iterator, Mapping

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.harvest.oaipmh_answers import BrokenError, Header, RefusalError, headers_of, items_of, read, text
from odatis_kg.harvest.oaipmh_walk import Walk
from odatis_kg.mapping import xml
from odatis_kg.sources import OaiPmhSource


class OaiPmhClient:
    """The records of a repository in one format, of all or of some of its sets.

    A list whose resumption token has expired is begun again: where it had come to when it is in the order of its
    datestamps, else from its start. A page that cannot be read is asked for twice. Its records, and those that are missing
    when a list is shorter than announced, are found by ListIdentifiers and asked for one by one.
    """

    def __init__(self, source: OaiPmhSource, http: Http) -> None:
        self._source = source
        self._http = http
        self._sets = source.sets or ("",)
        self._of = f"1 {source.url} {source.metadata_prefix} {' '.join(source.sets)}"
        self.deletions = ""
        """What the repository says of deleted records once asked: `no`, `transient` or `persistent` (section 2.5.1)."""

    @property
    def incremental(self) -> bool:
        """Every repository takes `from` (section 2.7)."""
        return True

    def pages(self, start: Start) -> Iterator[Page]:
        """The pages of each list in turn; a record that is in several sets comes with the first.

        Raises:
            HarvestError: the repository refuses, repeats itself, or holds fewer records than it announces.
            FetchError: the repository cannot be reached.
        """
        known = start.checkpoint is not None and start.checkpoint.get("of") == self._of
        walk = Walk.after(start.checkpoint or {}) if known else self._begin(start.since)
        while walk.chosen < len(self._sets):
            match walk.stage:
                case "records":
                    yield from self._records(walk)
                case "judge":
                    self._judge(walk)
                case "mend":
                    yield from self._mend(walk)
                case "done":
                    walk = walk.next_set()

    def one(self, identifier: str) -> Page:
        """One record again, by GetRecord.

        Raises:
            HarvestError, FetchError: as for `pages`.
        """
        answer, item = self._record(identifier)
        return Page(answer, (item,))

    def _begin(self, since: str) -> Walk:
        """Ask what the repository says of itself: how exact `from` may be, and whether it tells of deletions."""
        walk = Walk(self._of, since[:10])  # a day is understood by all (section 3.3.1)
        try:
            _, identify = self._ask({"verb": "Identify"})
        except (BrokenError, RefusalError, FetchError) as error:
            if isinstance(error, FetchError) and error.temporary:
                raise
            walk.remarks.append(f"the repository does not describe itself: {error}")
        else:
            self.deletions = text(identify.find("{*}deletedRecord")).lower()
            if text(identify.find("{*}granularity")).lower() == "yyyy-mm-ddthh:mm:ssz":
                walk.since = since
        if since and self.deletions != "persistent":
            walk.remarks.append(
                f"of deletions the repository says '{self.deletions or 'nothing'}': a full harvest sees what is gone"
            )
        walk.place = walk.since
        return walk

    # A list

    def _records(self, walk: Walk) -> Iterator[Page]:
        try:
            answer, body = self._list("ListRecords", walk, walk.place)
        except BrokenError as error:
            walk.lose(error)
            yield walk.page(error.answer)
            return
        except RefusalError as error:
            yield from self._refused(walk, error)
            return
        items = items_of(body)
        if walk.turn([Header(item.identifier, item.modified) for item in items], body):
            new = [item for item in items if walk.see(item.identifier)]
            yield walk.page(answer, new, walk.total if len(self._sets) == 1 else None)

    def _list(self, verb: str, walk: Walk, place: str) -> tuple[Answer, xml.Parsed]:
        chosen = {"metadataPrefix": self._source.metadata_prefix, "from": place, "set": self._sets[walk.chosen]}
        parameters = {"verb": verb, "resumptionToken": walk.token} if walk.token else {"verb": verb}
        if not walk.token or walk.repeats:
            parameters |= {name: value for name, value in chosen.items() if value}
        return self._ask(parameters)

    def _refused(self, walk: Walk, error: RefusalError) -> Iterator[Page]:
        """What to do about an error in place of a page of a list (section 3.6)."""
        if "norecordsmatch" in error.codes:
            if not walk.pages and not walk.since:
                where = f"the set {self._sets[walk.chosen]}" if self._sets[walk.chosen] else "the repository"
                walk.remarks.append(f"{where} has no records in the format {self._source.metadata_prefix}")
            walk.stage = "judge"
            yield walk.page(error.answer)
        elif walk.token and "badargument" in error.codes and not walk.repeats:
            walk.repeats = True  # pycsw wants all arguments with each token, against section 3.5
        elif walk.token and error.codes & {"badargument", "badresumptiontoken"}:
            walk.repeats = walk.repeats and "badargument" not in error.codes
            if walk.has_all and (walk.stage == "records" or walk.again):
                # There was a token on the last page; or the count is that of a page, which ListIdentifiers can tell.
                walk.stage, walk.lost = "judge", True
            else:
                walk.begin_again(f"the resumption token is refused ({error})")
        elif walk.place != walk.since and "badargument" in error.codes:
            walk.ordered = False
            walk.begin_again(f"the repository does not take its own datestamp: {error}")
        elif walk.place and "badargument" in error.codes:
            # Some announce seconds and take days only, some take no dates.
            walk.since = walk.place = walk.place[:10] if "T" in walk.place else ""
            walk.remarks.append(f"the repository does not take the time from which changes are asked for: {error}")
        else:
            raise HarvestError(f"{self._source.url} refuses: {self._explained(error)}")

    def _explained(self, error: RefusalError) -> str:
        if "nosethierarchy" in error.codes:
            return f"{error}; the repository has no sets, leave `sets` out"
        if error.codes & {"cannotdisseminateformat", "badargument"}:
            try:
                _, formats = self._ask({"verb": "ListMetadataFormats"})
            except (BrokenError, RefusalError, FetchError):
                return str(error)
            offered = sorted(text(prefix) for prefix in formats.iterfind("*/{*}metadataPrefix"))
            if self._source.metadata_prefix not in offered:
                return f"{error}; it offers the formats {', '.join(offered)} (metadata_prefix)"
        return str(error)

    # What a list lacks

    def _judge(self, walk: Walk) -> None:
        """Whether a list that has ended was whole."""
        if walk.place != walk.since and not walk.ordered:
            walk.begin_again("the list is not in the order of its datestamps after all")
            return
        estimate = self._source.count_is_estimate
        short = walk.is_short and not estimate
        # Of a list that was gone on with at a datestamp, only the count can tell that nothing came before it.
        unsure = walk.lost or (walk.jumped and (estimate or not walk.has_all))
        if not short and (walk.mended or not unsure):
            walk.stage = "done"
        elif walk.forgotten:
            raise HarvestError(f"{self._source.url} lost a part of a list that was gone on with after an interruption")
        elif not walk.mended:
            walk.mend()
        else:
            raise HarvestError(
                f"{self._source.url} announces {walk.total:,} records and lists {walk.count:,}, also by ListIdentifiers"
                " (count_is_estimate, if it always does)"
            )

    def _mend(self, walk: Walk) -> Iterator[Page]:
        """Ask for what ListIdentifiers lists and ListRecords did not give."""
        try:
            answer, body = self._list("ListIdentifiers", walk, walk.since)
        except BrokenError as error:
            raise HarvestError(f"neither ListRecords nor ListIdentifiers gives the whole list: {error}") from None
        except RefusalError as error:
            yield from self._refused(walk, error)
            return
        headers = headers_of(body)
        for header in headers:
            if not header.is_deleted and not walk.knows(header.identifier):
                single, item = self._record(header.identifier)
                walk.see(header.identifier)
                yield walk.page(single, [item])
        deleted = [
            Item(header.identifier, None, header.modified) for header in headers if not walk.knows(header.identifier)
        ]
        if walk.turn(headers, body):
            for header in headers:
                walk.see(header.identifier)
            yield walk.page(answer, deleted)

    def _record(self, identifier: str) -> tuple[Answer, Item]:
        """A record by GetRecord, or why it cannot be had."""
        parameters = {"verb": "GetRecord", "identifier": identifier, "metadataPrefix": self._source.metadata_prefix}
        try:
            answer, body = self._ask(parameters)
        except (BrokenError, RefusalError) as error:
            return error.answer, Item(identifier, None, reason=f"GetRecord: {error}")
        except FetchError as error:
            if error.temporary or not error.status:
                raise
            return error.as_answer(), Item(identifier, None, reason=f"GetRecord: {error}")
        for item in items_of(body):
            return answer, Item(identifier, item.content, item.modified, item.reason)
        return answer, Item(identifier, None, reason="GetRecord: the answer holds no record")

    def _ask(self, parameters: Mapping[str, str]) -> tuple[Answer, xml.Parsed]:
        """An answer, and the element of it that is named like the verb; one that cannot be read is asked for twice.

        Raises:
            RefusalError: the repository answers with an error, whether with HTTP status 200 or another.
            BrokenError: the answer cannot be read.
            FetchError, HarvestError: there is none, or it is no answer of a repository.
        """
        for attempt in (1, 2):
            try:
                answer = self._http.get(self._source.url, parameters)
            except FetchError as error:
                try:
                    read(error.as_answer(), parameters["verb"])
                except BrokenError:
                    if error.status == 500:  # one record that cannot be written breaks the whole page
                        raise BrokenError(str(error), error.as_answer()) from None
                raise error from None
            try:
                return answer, read(answer, parameters["verb"])
            except BrokenError:
                if answer.media_type == "text/html":
                    what = "answers with a web page: is it the address of the repository?"
                    raise HarvestError(f"{self._source.url} {what}") from None
                if attempt == 2:
                    raise
        raise AssertionError("the second attempt returns or raises")
