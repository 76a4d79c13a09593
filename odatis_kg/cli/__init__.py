"""The command line: one verb a command; what they do is elsewhere."""

from pathlib import Path
from typing import Any

import click

from odatis_kg import __version__
from odatis_kg.cli import asking, graph, harvesting, local_graphs, records
from odatis_kg.cli.releases import releases
from odatis_kg.cli.shared import Group, settings_of
from odatis_kg.config import describe, describe_in_markdown


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings come from odatis-kg.toml and ODATIS_KG_... variables; see `odatis-kg settings`.",
)
@click.version_option(__version__, prog_name="odatis-kg")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file to use instead of ./odatis-kg.toml.")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Ocean catalogue records, cruises, people and vocabularies as one knowledge graph.

    \b
    To see it at work:        odatis-kg demo
    With your own records:    odatis-kg build FOLDER, then odatis-kg serve
    From where they live:     odatis-kg sync, with sources in the settings
    To look at one mapping:   odatis-kg map RECORD.xml
    To ask:                   odatis-kg query 'SELECT * WHERE { ?s a ?class } LIMIT 5'
    Where it comes from:      odatis-kg lineage IRI
    """
    context.obj = config


@click.command("settings")
@click.option("--markdown", is_flag=True, help="The page docs/settings.md instead: every setting with its default.")
@click.pass_context
def settings_command(context: click.Context, markdown: bool) -> None:
    """Show every setting with the value in force."""
    if markdown:
        click.echo(describe_in_markdown(), nl=False)
        return
    chosen = settings_of(context)
    for name, kind, default, description in describe():
        value: Any = chosen
        for part in name.split("."):
            value = getattr(value, part)
        click.echo(f"{name} = {value!s}\n    {description}\n    {kind}; default {default}")
    for source, told in chosen.sources.items():
        for name, value in told:
            click.echo(f"sources.{source}.{name} = {value!s}")


for _command in (
    graph.demo,
    graph.build_command,
    harvesting.sync_command,
    harvesting.harvest_command,
    harvesting.status_command,
    graph.serve,
    releases,
    local_graphs.graph,
    asking.query_command,
    asking.lineage,
    records.map_command,
    records.coverage,
    records.lint_mappings,
    records.document_mappings,
    harvesting.verify_command,
    settings_command,
):
    main.add_command(_command)
