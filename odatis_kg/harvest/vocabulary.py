"""Walking over lists of an authority one after the other: each whole, each by itself, none hiding the others.

What must stay true: a checkpoint names the lists that are done, so that a walk that goes on asks again for those that
failed or were begun; a walk with a failed list ends in an error, however many others came.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from odatis_kg.harvest.client import Answer, HarvestError, Item, Page, Start, Validators
from odatis_kg.harvest.http import FetchError

# Without an answer, or asked to slow down: the next list would fare no better, and asking for it would not be polite.
_GIVE_UP: Final = {0, 429, 503}
_MISSING: Final = {404, 410}


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer about a list: the last one has the item, or the identifier of a list that is as it was."""

    answer: Answer
    item: Item | None = None
    remark: str = ""
    unchanged: tuple[str, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether the list is done with this answer."""
        return self.item is not None or bool(self.unchanged)

    def page(self, checkpoint: Mapping[str, Any], total: int | None = None) -> Page:
        """The answer as a page."""
        return Page(
            self.answer,
            (self.item,) if self.item else (),
            checkpoint,
            self.unchanged,
            (self.remark,) if self.remark else (),
            total,
        )


def walk(
    lists: Mapping[str, str], start: Start, ask: Callable[[str, str, Validators], Iterator[Listed]]
) -> Iterator[Page]:
    """The pages of lists, given by code with their identifiers, each asked for by `ask(code, identifier, validators)`.

    Raises:
        HarvestError: a list could not be had; those after it were asked for nonetheless.
        FetchError: the server cannot be reached, or asks to be left alone.
    """
    done = [code for code in (start.checkpoint or {}).get("done", []) if code in lists]
    failed: list[str] = []
    for code, identifier in lists.items():
        if code in done:
            continue
        try:
            for listed in ask(code, identifier, start.known.validators(identifier)):
                if listed.is_last:
                    done.append(code)
                yield listed.page({"done": list(done)}, len(lists))
        except FetchError as error:
            if error.status in _GIVE_UP:
                raise
            if error.status in _MISSING:
                done.append(code)
                yield _missing(identifier, error).page({"done": list(done)}, len(lists))
            else:
                failed.append(f"{code}: {error}")
        except HarvestError as error:
            failed.append(f"{code}: {error}")
    if failed:
        raise HarvestError(f"{len(failed)} of {len(lists)} lists could not be had: {'; '.join(failed)}")


def one(identifier: str, answers: Iterator[Listed]) -> Page:
    """One list again, from its answers: the page that ends it.

    Raises:
        HarvestError, FetchError: it could not be had; that there is no such list is an item with the reason.
    """
    try:
        return list(answers)[-1].page({})
    except FetchError as error:
        if error.status in _MISSING:
            return _missing(identifier, error).page({})
        raise


def _missing(identifier: str, error: FetchError) -> Listed:
    return Listed(error.as_answer(), Item(identifier, None, reason=str(error)))
