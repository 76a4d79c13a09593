"""An OAI-PMH repository of our own, to be served by `raw_server`: right by itself, and wrong wherever a test wants it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from itertools import count
from urllib.parse import parse_qsl, urlsplit

from tests.harvest.raw_server import Asked, Sent, answer

DAY, SECONDS = "YYYY-MM-DD", "YYYY-MM-DDThh:mm:ssZ"
Parameters = dict[str, str]


@dataclass(frozen=True)
class Record:
    """A record: its title says what the test wants to tell it by."""

    identifier: str
    datestamp: str = "2026-01-01T00:00:00Z"
    sets: tuple[str, ...] = ()
    deleted: bool = False
    title: str = "A title"

    @property
    def header(self) -> str:
        status = ' status="deleted"' if self.deleted else ""
        sets = "".join(f"<setSpec>{one}</setSpec>" for one in self.sets)
        return (
            f"<header{status}><identifier>{escape(self.identifier)}</identifier>"
            f"<datestamp>{self.datestamp}</datestamp>{sets}</header>"
        )

    @property
    def element(self) -> str:
        payload = (
            '<metadata><oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{self.title}</dc:title><dc:identifier>{escape(self.identifier)}</dc:identifier>"
            "</oai_dc:dc></metadata>"
        )
        return f"<record>{self.header}{'' if self.deleted else payload}</record>"


def records(number: int, **more: object) -> list[Record]:
    """Records `oai:test:01`, ... in the order of their datestamps, one a day."""
    return [
        Record(f"oai:test:{at:02}", f"2026-01-{at:02}T12:00:00Z", **more)  # type: ignore[arg-type]
        for at in range(1, number + 1)
    ]


def error(code: str, said: str = "") -> str:
    return f'<error code="{code}">{said}</error>'


@dataclass
class Repository:
    """Pages of `size` records; `fault` is asked first, and answers in its place unless it returns None."""

    records: list[Record]
    size: int = 3
    granularity: str = SECONDS
    deletions: str = "persistent"
    formats: tuple[str, ...] = ("oai_dc",)
    announce: Callable[[int], int | None] = lambda whole: whole
    fault: Callable[[Parameters], Sent | str | None] = lambda _: None
    asked: list[Parameters] = field(default_factory=list)
    clock: count = field(default_factory=count)  # type: ignore[type-arg]

    def __call__(self, asked: Asked) -> Sent:
        parameters = dict(parse_qsl(urlsplit(asked.path).query, keep_blank_values=True))
        self.asked.append(parameters)
        said = self.fault(parameters)
        return (
            self.enveloped(self.said(parameters))
            if said is None
            else self.enveloped(said)
            if isinstance(said, str)
            else said
        )

    def enveloped(self, inside: str, status: str = "200 OK") -> bytes:
        """An answer; no two have the same response date."""
        return answer(status, self.document(inside), Content_Type="text/xml; charset=utf-8")

    def document(self, inside: str) -> bytes:
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
            f"<responseDate>2026-02-01T00:{next(self.clock):02}:00Z</responseDate>"
            f'<request verb="Wrong">http://elsewhere.example/oai</request>{inside}</OAI-PMH>'
        ).encode()

    def said(self, parameters: Parameters) -> str:
        """What a repository that knows the protocol says."""
        match parameters.get("verb"):
            case "Identify":
                return (
                    f"<Identify><repositoryName>Ours</repositoryName><deletedRecord>{self.deletions}</deletedRecord>"
                    f"<granularity>{self.granularity}</granularity></Identify>"
                )
            case "ListMetadataFormats":
                formats = "".join(
                    f"<metadataFormat><metadataPrefix>{one}</metadataPrefix></metadataFormat>" for one in self.formats
                )
                return f"<ListMetadataFormats>{formats}</ListMetadataFormats>"
            case "GetRecord":
                found = [one for one in self.records if one.identifier == parameters["identifier"]]
                return f"<GetRecord>{found[0].element}</GetRecord>" if found else error("idDoesNotExist")
            case "ListRecords" | "ListIdentifiers" as verb:
                return self.page(verb, parameters)
        return error("badVerb")

    def page(self, verb: str, parameters: Parameters) -> str:
        if token := parameters.get("resumptionToken"):
            if len(parameters) > 2:
                return error("badArgument", "resumptionToken is exclusive")
            since, chosen, start = token.split("|")
        else:
            since, chosen, start = parameters.get("from", ""), parameters.get("set", ""), "0"
            if parameters.get("metadataPrefix") not in self.formats:
                return error("cannotDisseminateFormat")
            if self.granularity == DAY and "T" in since:
                return error("badArgument", "days only")
        whole = [
            one for one in self.records if (not chosen or chosen in one.sets) and (not since or one.datestamp >= since)
        ]
        if not whole:
            return error("noRecordsMatch")
        end = int(start) + self.size
        page = whole[int(start) : end]
        announced = self.announce(len(whole))
        size = "" if announced is None else f' completeListSize="{announced}" cursor="{start}"'
        following = f"{since}|{chosen}|{end}" if end < len(whole) else ""
        token = f"<resumptionToken{size}>{following}</resumptionToken>" if following or int(start) else ""
        listed = "".join(one.element if verb == "ListRecords" else one.header for one in page)
        return f"<{verb}>{listed}{token}</{verb}>"
