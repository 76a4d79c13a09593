"""Settings: `odatis-kg.toml` overlaid by environment variables, each one typed, bounded and documented.

A setting `timeout_seconds` of the table `[query]` is also the environment variable `ODATIS_KG_QUERY__TIMEOUT_SECONDS`.
Flags of a command win over the environment, the environment over the file, the file over the defaults. An unknown name
in the file is an error, so that a misspelt setting is never silently ignored. `docs/settings.md` is made from here.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from odatis_kg.iris import Iris, is_segment
from odatis_kg.sources import AnySource, Source, WebSource

CONFIG_FILE = "odatis-kg.toml"
ENVIRONMENT_PREFIX = "ODATIS_KG_"


class ConfigurationError(Exception):
    """The settings cannot be used; the message says which one, why, and where it was set."""


def _base_url(value: str) -> str:
    address = value if value.endswith("/") else f"{value}/"
    Iris(address)
    return address


def _source_name(value: str) -> str:
    if not is_segment(value):
        raise ValueError("a source name has 1 to 64 letters, digits, '.', '_' or '-'")
    return value


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSettings(_Table):
    """Bounds on what is read."""

    file_mb: int = Field(
        256,
        ge=1,
        le=16_384,
        description="Largest file read, in megabytes, measured after decompression; a larger one is refused.",
    )
    record_mb: int = Field(
        64, ge=1, le=1_024, description="Largest single record mapped, in megabytes; a larger one is refused."
    )
    record_seconds: float = Field(
        30.0,
        ge=0.1,
        le=3_600,
        description="Time one record may take to be mapped, in seconds; a slower one is refused.",
    )
    jobs: int = Field(
        0,
        ge=0,
        le=1_024,
        description="Processes that map records; 0 means one for each core, once there are 200 records or more.",
    )


class HarvestSettings(_Table):
    """What all harvests share; each source may be slower, never ruder."""

    contact: str = Field(
        "", description="E-mail or web address that the servers asked are told, so that they can reach you."
    )
    hosts: int = Field(
        4, ge=1, le=64, description="Hosts harvested at the same time; each of them gets one request at a time."
    )
    most_drop: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a source's records that one harvest may drop; above it, none is without --accept-drop.",
    )
    resume_hours: float = Field(
        24.0, ge=0, le=8_784, description="A harvest that was cut off less than so many hours ago is gone on with."
    )


class ServerSettings(_Table):
    """The web server."""

    host: str = Field("127.0.0.1", description="Address to listen on. 0.0.0.0 listens on every network.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 lets the system choose one.")
    workers: int = Field(
        2, ge=1, le=256, description="Query worker processes, each answering one query at a time from the release."
    )
    page_statements: int = Field(
        5_000, ge=100, le=1_000_000, description="Most statements shown on one page; more are announced, not shown."
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses or networks of proxies whose X-Forwarded-For says who asks; from others it is ignored.",
    )
    metrics: Literal["loopback", "on", "off"] = Field(
        "loopback",
        description="Who may read /metrics: this machine alone and not through a proxy, everyone, or nobody.",
    )
    connections: int = Field(
        4_096, ge=10, le=1_000_000, description="Most connections; beyond them, the one idle for longest is closed."
    )
    head_kb: int = Field(
        64,
        ge=4,
        le=1_024,
        description="Largest request line and headers, in kilobytes; longer queries are sent by POST.",
    )
    head_seconds: float = Field(
        15.0, ge=0.5, le=3_600, description="Time until a request line and its headers are whole, in seconds."
    )
    body_seconds: float = Field(
        30.0, ge=0.5, le=3_600, description="Time until the body of a request is whole, in seconds."
    )
    send_seconds: float = Field(
        60.0, ge=0.5, le=3_600, description="A client that takes nothing of an answer for so many seconds is cut off."
    )
    spool_mb: int = Field(
        2_048,
        ge=1,
        le=1_048_576,
        description="Temporary files for results that clients read slowly, in megabytes in all; then such clients are cut off.",
    )
    keep_alive_seconds: int = Field(
        20, ge=1, le=3_600, description="Time a connection is kept open for another request, in seconds."
    )


class QuerySettings(_Table):
    """Bounds on one SPARQL query."""

    endpoint: str = Field(
        "",
        description='Address of the SPARQL 1.1 endpoint to serve from when engine = "sparql"; unused otherwise.',
    )
    remote_places: int = Field(
        8, ge=1, le=1_024, description="Visitors' queries that the SPARQL endpoint is given at a time; others wait."
    )
    remote_seconds: float = Field(
        5.0, ge=0.1, le=3_600, description="Seconds between two questions to the SPARQL endpoint for its release."
    )
    remote_user: str = Field("", description="Who we are to the SPARQL endpoint (HTTP Basic); empty: nobody.")
    remote_password: SecretStr = Field(
        SecretStr(""), description="Password of `remote_user`; better in the environment than in a file."
    )
    remote_token: SecretStr = Field(
        SecretStr(""), description="Token for the SPARQL endpoint (Bearer), instead of a user and a password."
    )
    timeout_seconds: float = Field(
        60.0, ge=0.05, le=86_400, description="Wall-clock time a query may take, in seconds; then its worker is killed."
    )
    memory_mb: int = Field(
        2_048, ge=64, le=1_048_576, description="Memory a query may use above that of an idle worker, in megabytes."
    )
    result_mb: int = Field(
        1_024, ge=1, le=1_048_576, description="Largest result of a query, in megabytes; a larger one is an error."
    )
    request_kb: int = Field(1_024, ge=1, le=1_048_576, description="Largest query text accepted, in kilobytes.")
    nesting: int = Field(
        200, ge=10, le=1_000, description="Deepest nesting of brackets in a query; deeper ones can crash a parser."
    )
    queue: int = Field(
        100, ge=0, le=100_000, description="Queries that may wait for a worker; more are answered 503 with Retry-After."
    )
    prompt_ms: int = Field(
        100,
        ge=5,
        le=60_000,
        description="Time after which a query is a long one, in milliseconds: it then gives way to all others.",
    )
    long_places: int = Field(2, ge=1, le=256, description="Long queries evaluated at the same time; others wait.")
    mode: Literal["auto", "memory", "disk"] = Field(
        "auto",
        description="Where workers have the release: in memory, on disk, or in memory where it fits memory_budget_mb.",
    )
    memory_budget_mb: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Memory that all workers together may fill with the release when mode is auto, in megabytes; 0 means"
        " half of what the machine or the container has.",
    )
    allocator: str = Field(
        "auto",
        description='Memory allocator of the workers: the file of a library to preload, "system", or "auto": jemalloc if'
        " it is installed.",
    )
    service_allow: tuple[str, ...] = Field(
        (), description="Addresses a query may call with SERVICE, each a whole IRI. Empty: federation is refused."
    )
    cache_mb: int = Field(
        64,
        ge=0,
        le=1_048_576,
        description="Memory for whole results that may be asked for again, in megabytes; 0: none.",
    )


class LogSettings(_Table):
    """What is written down of requests. Never addresses, agents or referrers."""

    access: str = Field(
        "",
        description='Where a JSON line for each request goes: a file, "-" for standard error, or nowhere when empty.',
    )
    slow_seconds: float = Field(
        10.0, ge=0, le=86_400, description="A query that takes longer is written down as slow; 0: none is."
    )
    slow_text: bool = Field(
        False, description="Write the text of slow queries too, not only its hash. A text may name a person."
    )


class ReleaseSettings(_Table):
    """Building and keeping releases."""

    keep: int = Field(
        5, ge=1, le=10_000, description="Releases kept by `odatis-kg releases prune`, the current one included."
    )
    shacl: bool = Field(True, description="Check mapped records against the shapes in ontologies/odk-shapes.ttl.")
    shacl_records: int = Field(
        1_000,
        ge=1,
        le=10_000_000,
        description="Most records checked with SHACL in one build; above it, a sample.",
    )


class Settings(BaseSettings):
    """Every setting of odatis-kg."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "http://localhost:8000/",
        description="Public address under which the graph is served; every IRI of ours begins with it.",
    )
    data_dir: Path = Field(
        Path("odatis-kg-data"), description="Folder of the raw archive, the ledger and the releases; made when missing."
    )
    engine: Literal["embedded", "sparql"] = Field(
        "embedded",
        description="Where queries are answered: by worker processes on the release, or by a SPARQL endpoint.",
    )
    source: Annotated[str, AfterValidator(_source_name)] = Field(
        "local", description="Name of the source that files given on the command line belong to; part of their IRIs."
    )
    languages: tuple[str, ...] = Field(
        ("en", "fr"), min_length=1, description="Languages of labels on pages and in texts, the preferred one first."
    )
    input: InputSettings = InputSettings()  # type: ignore[call-arg]
    harvest: HarvestSettings = HarvestSettings()  # type: ignore[call-arg]
    sources: Annotated[dict[Annotated[str, AfterValidator(_source_name)], Source], Field(default_factory=dict)]
    server: ServerSettings = ServerSettings()  # type: ignore[call-arg]
    query: QuerySettings = QuerySettings()  # type: ignore[call-arg]
    log: LogSettings = LogSettings()  # type: ignore[call-arg]
    release: ReleaseSettings = ReleaseSettings()  # type: ignore[call-arg]

    @property
    def iris(self) -> Iris:
        """The IRI scheme under `base_url`."""
        return Iris(self.base_url)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then file (see the module's docstring)."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(config_file: Path | None = None, **flags: Any) -> Settings:
    """The settings in force: flags that are not None, environment, `config_file` (or ./odatis-kg.toml), defaults.

    Raises:
        ConfigurationError: a file that cannot be read, an unknown name, a value of the wrong type or out of bounds.
    """
    named = config_file or (Path(file) if (file := os.environ.get(f"{ENVIRONMENT_PREFIX}CONFIG")) else None)
    if named is not None and not named.is_file():
        raise ConfigurationError(f"the configuration file {named} does not exist")
    path = named or Path(CONFIG_FILE)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path if path.is_file() else None)

    try:
        return FromFile(**_without_none(flags))
    except ValidationError as error:
        lines = [_explain(item["type"], item["loc"], item["msg"], item.get("input")) for item in error.errors()]
        raise ConfigurationError("\n".join([f"{len(lines)} setting(s) cannot be used:", *lines])) from None
    except ValueError as error:  # not TOML, not UTF-8, or an environment variable that is not JSON where a list is due
        raise ConfigurationError(f"the settings cannot be read ({path}): {error}") from None


def _without_none(flags: dict[str, Any]) -> dict[str, Any]:
    cleaned = {name: _without_none(value) if isinstance(value, dict) else value for name, value in flags.items()}
    return {name: value for name, value in cleaned.items() if value is not None and value != {}}


def _explain(kind: str, location: tuple[int | str, ...], message: str, value: object) -> str:
    if location[-1] == "[key]":
        location = location[:-1]  # the name itself is wrong
    elif location[0] == "sources" and len(location) > 3:
        location = (*location[:2], *location[3:])  # without the protocol that chose the table
    if kind.startswith("union_tag"):
        location = (*location, "protocol")
        value = value.get("protocol") if isinstance(value, dict) else value
        message = f"one of these is needed: {', '.join(_protocols())}"
    name = ".".join(str(part) for part in location)
    variable = ENVIRONMENT_PREFIX + "__".join(str(part) for part in location).upper()
    if kind == "extra_forbidden":
        return f"  {name}: there is no setting of this name; see docs/settings.md"
    if kind in ("missing", "union_tag_not_found"):
        what = message if kind == "union_tag_not_found" else "it has no default"
        return f"  {name} is missing: {what}; see docs/settings.md"
    return f"  {name} = {value!r} (or {variable}): {message.removeprefix('Value error, ')}"


def _protocols() -> list[str]:
    return [get_args(model.model_fields["protocol"].annotation)[0] for model in get_args(get_args(Source)[0])]


Row = tuple[str, str, str, str]


def describe() -> Iterator[Row]:
    """Every setting but those of sources as (name, type and bounds, default, description), in the order of the file."""
    yield from _describe("", Settings)


def describe_sources() -> Iterator[tuple[str, str, list[Row]]]:
    """What sources can be told, as (title, explanation, settings): what all share, then each protocol's own."""
    models: list[type[BaseModel]] = [AnySource, WebSource, *get_args(get_args(Source)[0])]
    for model in models:
        protocol = model.model_fields.get("protocol")
        title = f'`protocol = "{get_args(protocol.annotation)[0]}"`' if protocol else "Any protocol"
        rows = [row for row in _describe("", model) if row[0] in model.__annotations__]
        yield ("Any protocol over HTTP" if model is WebSource else title), model.__doc__ or "", rows


def describe_in_markdown() -> str:
    """The page `docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        f"Written in `{CONFIG_FILE}` in the working directory (or in the file that `--config` or `{ENVIRONMENT_PREFIX}CONFIG`",
        "names), or given as environment variables. A flag of a command wins over the environment, the environment over the",
        "file, the file over the defaults. `odatis-kg settings` shows the values in force; this page is made by `make docs`.",
    ]
    table: str | None = None
    for name, kind, default, description in describe():
        owner, _, key = name.rpartition(".")
        if owner != table:
            table = owner
            lines += ["", f"## `[{owner}]`" if owner else "## At the top of the file", ""]
            lines += ["| Setting | Variable | Type and bounds | Default | What it does |", "|---|---|---|---|---|"]
        variable = ENVIRONMENT_PREFIX + name.upper().replace(".", "__")
        lines.append(f"| `{key}` | `{variable}` | {kind} | `{default}` | {description} |")
    lines += [
        "",
        "## `[sources.NAME]`",
        "",
        "One table for each source that `odatis-kg harvest` and `odatis-kg sync` ask. NAME has letters, digits, `.`, `_` or `-`,",
        "and becomes part of the IRIs of the source's records.",
    ]
    for title, what, rows in describe_sources():
        lines += ["", f"### {title}", "", what]
        if rows:
            lines += ["", "| Setting | Type and bounds | Default | What it does |", "|---|---|---|---|"]
        lines += [f"| `{name}` | {kind} | `{default}` | {description} |" for name, kind, default, description in rows]
    return "\n".join(lines) + "\n"


def _describe(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if name in ("sources", "protocol"):
            continue
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _describe(f"{prefix}{name}.", annotation)
        else:
            default = "required" if field.is_required() else _shown(field.default)
            yield prefix + name, _type_and_bounds(field), default, field.description or ""


def _type_and_bounds(field: FieldInfo) -> str:
    limits = [(sign, getattr(item, name, None)) for item in field.metadata for sign, name in (("≥", "ge"), ("≤", "le"))]
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        kind = " or ".join(f'"{choice}"' for choice in choices)
    elif field.annotation == Path | None:
        kind = "file"
    elif choices:
        kind = "list of paths" if choices[0] is Path else "list of text"
    else:
        names = {
            "int": "whole number",
            "float": "number",
            "bool": "true or false",
            "str": "text",
            "SecretStr": "text",
            "Path": "folder",
        }
        kind = names[getattr(field.annotation, "__name__", "str")]
    return ", ".join([kind, *(f"{sign} {bound:,}" for sign, bound in limits if bound is not None)])


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "[" + ", ".join(f'"{item}"' for item in default) + "]"
    return f'"{default}"' if isinstance(default, str | Path | SecretStr) else str(default)
