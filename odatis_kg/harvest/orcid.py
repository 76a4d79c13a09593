"""Persons from the ORCID public API 3.0: only those whom harvested records cite, and of them only what is used.

The records of persons are the only personal data asked for on purpose, so less is kept than comes. The API has no address
for just what is used (names, identifiers and pages of the person, employments, DOIs of works), and five requests a person
for the sections that contain it would still bring biographies: the whole record is asked for, once, and reduced before it
leaves this module. Neither the record nor the archived answer then holds an e-mail address, a biography, a title of a work
or anything that is not public; the bytes as received are nowhere. The reduced record has the shape of the API's and a
fixed order, so that mapping reads it as it would the whole one, and an unchanged person has unchanged bytes.

What must stay true: nobody is asked for who is not cited or who is on the suppression list, and a walk without a readable
list does not begin; persons on the list come out as deleted in every walk; a token goes into one header and nowhere else.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError, Http
from odatis_kg.mapping.errors import RefusedError
from odatis_kg.mapping.identifiers import cited_persons_in, orcid
from odatis_kg.mapping.json import JsonReader, Node, compile_path, document_of, hidden
from odatis_kg.mapping.kinds import scan
from odatis_kg.sources import OrcidSource
from odatis_kg.times import now

# Error codes of the API (ORCID-Source, OrcidCoreExceptionMapper): 409 is said of a person's whole record.
_NOT_SHOWN: Final = {"9018": "locked", "9036": "not yet claimed", "9044": "deactivated"}
_UNKNOWN: Final = {"9011", "9016"}
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1

_VALUE: Final = {"value": None}
_DATE: Final = {"year": _VALUE, "month": _VALUE, "day": _VALUE}
_IDENTIFIER: Final = {"external-id-type": None, "external-id-value": None, "external-id-relationship": None}
_EMPLOYMENT: Final = {
    "role-title": None,
    "start-date": _DATE,
    "end-date": _DATE,
    "organization": {
        "name": None,
        "disambiguated-organization": {"disambiguated-organization-identifier": None, "disambiguation-source": None},
    },
}
# What of a record is kept: members by name, None for a simple value; lists are entered.
_KEPT: Final[Mapping[str, Any]] = {
    "orcid-identifier": {"uri": None, "path": None, "host": None},
    "history": {"last-modified-date": _VALUE},
    "person": {
        "name": {"given-names": _VALUE, "family-name": _VALUE, "credit-name": _VALUE},
        "other-names": {"other-name": {"content": None}},
        "external-identifiers": {"external-identifier": {**_IDENTIFIER, "external-id-url": _VALUE}},
        "researcher-urls": {"researcher-url": {"url-name": None, "url": _VALUE}},
    },
    "activities-summary": {
        "employments": {
            "affiliation-group": {"summaries": {"employment-summary": _EMPLOYMENT}},
            "employment-summary": _EMPLOYMENT,
        },
        "works": {"group": {"work-summary": {"external-ids": {"external-id": _IDENTIFIER}}}},
    },
}
_WORKS: Final = compile_path("activities-summary/works/group/*/work-summary/*/external-ids/external-id/*")


class OrcidClient:
    """The client of one ORCID source: every walk asks for all cited persons, each on condition of a change where the API can
    tell one.
    """

    incremental = False

    def __init__(self, source: OrcidSource, http: Http) -> None:
        self._source = source
        self._http = http

    def pages(self, start: Start) -> Iterator[Page]:
        """First the suppressed persons, all in one page; then the cited ones by their iD, each a page.

        Raises:
            HarvestError: the suppression list or the token cannot be used, or the API cannot be understood.
            FetchError: the API cannot be reached or has had enough for today.
        """
        suppressed = self._suppressed()
        checkpoint = {"after": "", "suppressed": "", **(start.checkpoint or {})}
        listed = hashlib.sha256("\n".join(suppressed).encode()).hexdigest() if suppressed else ""
        if checkpoint["suppressed"] != listed:
            checkpoint["suppressed"] = listed
            if suppressed:
                yield self._deleted(suppressed, dict(checkpoint))
        cited = set(start.known.cited_persons()) - set(suppressed)
        for person in sorted(cited):
            if person > checkpoint["after"]:
                checkpoint["after"] = person
                page = self._page(person, start.known.validators(person), cited)
                yield replace(page, checkpoint=dict(checkpoint), total=len(cited))

    def one(self, identifier: str) -> Page:
        """One person, in full.

        Raises:
            HarvestError, FetchError: as for `pages`.
        """
        if identifier in self._suppressed():
            return self._deleted((identifier,), {})
        return self._page(identifier, Validators(), None)

    def _suppressed(self) -> tuple[str, ...]:
        """The iDs of the suppression list, of the settings and of the file together, sorted."""
        lines = [("the setting `suppressed`", text) for text in self._source.suppressed]
        path = self._source.suppression_file
        if path is not None:
            try:
                text = path.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise HarvestError(
                    f"no person is asked for, because the suppression list {path} cannot be read: {error}"
                ) from None
            lines += [
                (f"{path}, line {number}", line.partition("#")[0]) for number, line in enumerate(text.splitlines(), 1)
            ]
        found = set()
        for where, stated in lines:
            if stated.strip():
                iri = orcid(stated) or orcid(f"https://orcid.org/{stated.strip()}")
                if iri is None:
                    raise HarvestError(
                        f"no person is asked for, because {where} has '{stated.strip()[:60]}', which is no ORCID iD"
                    )
                found.add(iri.rpartition("/")[2])
        return tuple(sorted(found))

    def _deleted(self, persons: tuple[str, ...], checkpoint: Mapping[str, str]) -> Page:
        """Suppressed persons. Nothing is asked for them: the answer says so with status 0 and no content."""
        answer = Answer(self._source.url, 0, now(), b"")
        return Page(answer, tuple(Item(person, None) for person in persons), checkpoint)

    def _page(self, person: str, validators: Validators, cited: set[str] | None) -> Page:
        try:
            answer = self._ask(person, validators)
        except FetchError as error:
            return self._refused(person, error, cited)
        if answer.status == 304:
            return Page(answer, unchanged=(person,))
        try:
            document = document_of(answer.content)
        except RefusedError as error:
            raise HarvestError(f"{answer.url} is not an answer of ORCID: {error}") from None
        identifier = document.get("orcid-identifier") if isinstance(document, dict) else None
        stated = identifier.get("path") if isinstance(identifier, dict) else None
        if stated != person:
            what = f"the record of {str(stated)[:40]}" if stated else "no record of a person"
            return Page(replace(answer, content=b""), (Item(person, None, reason=f"{answer.url} answers with {what}"),))
        history = document.get("history")
        if isinstance(history, dict) and history.get("deactivation-date"):
            return Page(
                replace(answer, content=b""), (Item(person, None),), remarks=(f"{person} is deactivated at ORCID",)
            )
        content = reduced(document)
        modified = next((found.modified for found in scan(content).records), "")
        return Page(replace(answer, content=content), (Item(person, content, modified),))

    def _ask(self, person: str, validators: Validators) -> Answer:
        address = f"{self._source.url.rstrip('/')}/{quote(person)}/record"
        headers = {"Accept": "application/json"}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        try:
            try:
                return self._http.get(address, None, headers, validators.etag, validators.last_modified, follow=False)
            except FetchError as error:
                if not error.location or cited_persons_in(error.location.encode()) - {person}:
                    raise
                return self._http.get(address, None, headers, validators.etag, validators.last_modified)
        except FetchError as error:
            if error.status in (401, 403):
                raise HarvestError(self._refusal(error.status, bool(token))) from None
            if error.location or error.status in (301, 404, 409):
                raise
            # What came with it may repeat the token.
            raise FetchError(str(error), error.url, error.status, temporary=error.temporary) from None

    def _token(self) -> str:
        token = os.environ.get(self._source.token_variable, "").strip()
        if token and not _TOKEN.fullmatch(token):
            raise HarvestError(
                f"what the environment variable {self._source.token_variable} holds is no token (RFC 6750)"
            )
        return token

    def _refusal(self, status: int, with_token: bool) -> str:
        variable = self._source.token_variable
        if with_token:
            return (
                f"ORCID refuses the token of the environment variable {variable} ({status}): it may have expired or been"
                " revoked; ask ORCID for one with the scope /read-public, or unset the variable to ask anonymously"
            )
        return f"ORCID does not answer without a token ({status}); set the environment variable {variable} to a /read-public one"

    def _refused(self, person: str, error: FetchError, cited: set[str] | None) -> Page:
        """What a refusal says of a person."""
        found = re.search(rb"error-code\W{1,4}(\d{4})", error.content)
        code = found[1].decode() if found else ""
        answer = replace(error.as_answer(), content=b"")
        primary = cited_persons_in(error.location.encode() or error.content) - {person}
        if primary and (error.location or error.status == 301):
            other = min(primary)
            remark = f"{person} is deprecated for {other}"
            if cited is not None:
                remark += (
                    ", which records cite as well" if other in cited else ", which no record cites: it is not asked for"
                )
            return Page(answer, (Item(person, None),), remarks=(remark,))
        if error.status == 409 and code in _NOT_SHOWN:
            return Page(answer, (Item(person, None),), remarks=(f"{person} is {_NOT_SHOWN[code]} at ORCID",))
        if error.status == 404 and code in _UNKNOWN:
            reason = "cited by a record, but unknown to ORCID: is the iD mistyped there?"
            return Page(answer, (Item(person, None, reason=reason),))
        if code:
            return Page(answer, (Item(person, None, reason=f"ORCID refuses it ({error.status}, error {code})"),))
        if error.status in (301, 404, 409):
            raise HarvestError(f"{error}, but not as ORCID says it: is {self._source.url} the address of its API 3.0?")
        raise error


def reduced(document: Mapping[str, Any]) -> bytes:
    """What is kept of an ORCID record, as JSON of the same shape with sorted members and lists; nothing that is not public.

    Of the works, the external identifiers that are DOIs are left, each once.
    """
    kept: dict[str, Any] = _pruned(document, _KEPT) or {}
    activities = kept.get("activities-summary")
    if isinstance(activities, dict):
        listed = [node.value for node in JsonReader(Node(kept, "")).select(_WORKS)]
        found = {_as_text(one): one for one in listed if str(one.get("external-id-type")).lower() == "doi"}
        activities.pop("works", None)
        if found:
            identifiers = [found[text] for text in sorted(found)]
            activities["works"] = {"group": [{"work-summary": [{"external-ids": {"external-id": identifiers}}]}]}
    return _as_text(kept).encode()


def _pruned(value: Any, kept: Mapping[str, Any] | None) -> Any:
    """A value with only the members to keep, its lists in a fixed order; None when nothing of it is."""
    if isinstance(value, list):
        return sorted((one for item in value if (one := _pruned(item, kept)) is not None), key=_as_text)
    if hidden(value) or isinstance(value, dict) != (kept is not None):
        return None
    if kept is None:
        return value
    return {name: one for name, inner in kept.items() if (one := _pruned(value.get(name), inner)) is not None}


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
