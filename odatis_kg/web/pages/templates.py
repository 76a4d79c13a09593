"""The templates: Jinja2 with everything escaped, and what every page needs at hand."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from odatis_kg import __version__
from odatis_kg.config import Settings
from odatis_kg.store.engine import SparqlEngine
from odatis_kg.web.links import Links


class Templates:
    """Renders pages."""

    def __init__(self, settings: Settings, engine: SparqlEngine) -> None:
        self._environment = Environment(
            loader=PackageLoader("odatis_kg.web", "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["thousands"] = lambda number: f"{number:,}"
        self._links = Links(settings.iris)
        self._engine = engine

    def render(self, name: str, languages: Sequence[str], **values: Any) -> bytes:
        """A page; `languages` are those of the reader, the preferred one first."""
        template = self._environment.get_template(name)
        text = template.render(
            links=self._links, release=self._engine.release, version=__version__, languages=languages, **values
        )
        return text.encode("utf-8", "replace")
