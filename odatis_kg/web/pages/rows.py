"""The first rows of a result, read while it comes, so that a page never holds more than it shows."""

import codecs
import json
import re
from typing import Any, Final

from odatis_kg.store.engine import Row, parse_row

_BINDINGS: Final = re.compile(r'"bindings"\s*:\s*\[')
_VARS: Final = re.compile(r'"vars"\s*:\s*(\[[^\]]*\])')
_BETWEEN: Final = re.compile(r"[\s,]*")


class FirstRows:
    """Reads SPARQL 1.1 Query Results JSON Format (section 3) until it has enough rows or bytes.

    `more` says that there is at least one row after those in `rows`.
    """

    def __init__(self, most_rows: int, most_bytes: int) -> None:
        self.columns: list[str] = []
        self.rows: list[Row] = []
        self.truth: bool | None = None
        self.more = False
        self._most_rows = most_rows
        self._bytes_left = most_bytes
        self._text = ""
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._json = json.JSONDecoder()
        self._begun = False

    def feed(self, chunk: bytes) -> bool:
        """Take a piece; whether another one is wanted."""
        self._bytes_left -= len(chunk)
        self._text += self._decode.decode(chunk)
        if not self._begun:
            self._begin()
        if self._begun:
            self._read()
        if self._bytes_left < 0:
            self.more = True
        return not self.more

    def _begin(self) -> None:
        found = _BINDINGS.search(self._text)
        if found:
            columns = _VARS.search(self._text)
            self.columns = json.loads(columns[1]) if columns else []
            self._text = self._text[found.end() :]
            self._begun = True
        elif truth := re.search(r'"boolean"\s*:\s*(true|false)', self._text):
            self.truth = truth[1] == "true"

    def _read(self) -> None:
        at = 0
        while True:
            at = _BETWEEN.match(self._text, at).end()  # type: ignore[union-attr] # it matches everywhere
            if at >= len(self._text) or self._text[at] == "]":
                break
            if len(self.rows) == self._most_rows:
                self.more = True
                break
            try:
                binding: dict[str, Any]
                binding, at = self._json.raw_decode(self._text, at)
            except json.JSONDecodeError:
                break  # the rest of this row has not come yet
            self.rows.append(parse_row(binding))
        self._text = self._text[at:]
