"""
The configuration: what a file may say, and `load`, which reads one.

Every key is accepted in snake_case and in camelCase. A default stands where the key is
described; None = nothing was said, and the feature's own default holds.

Source:
    A3S Code README 0.9 and 3.x, "Configuration"; A3S documentation, "Providers",
    "Sessions", "Lane queue", "MCP", "Memory", "Search".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec

from a3s_code.checks import absolute
from a3s_code.config.acl import parse
from a3s_code.config.blocks import Document, Place, brief
from a3s_code.config.decode import Decoder
from a3s_code.config.file_text import expanded, read_file
from a3s_code.config.providers import Provider, ResolvedModel, Url, resolve
from a3s_code.config.record import Record, Secret, Unread, snake_case
from a3s_code.errors import ConfigError

Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Weight = Annotated[float, msgspec.Meta(ge=0)]
Days = Annotated[float, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.001)]
ModelRef = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^/\s]+/\S", extra={"expected": '"provider/model", such as "openai/gpt-4o"'}
    ),
]
FileName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(?!\.{1,2}$)[^/\x00-\x1f]+$",
        extra={"expected": 'the name of a file without a directory, such as "RULES.md"'},
    ),
]
Directory = Annotated[
    str, msgspec.Meta(pattern=r"^[^\x00]+$", extra={"expected": "the path of a directory"})
]

INLINE = "configuration"
"""What errors call a configuration that came as text."""

Lane = Literal["control", "query", "execute", "generate"]
LaneMode = Literal["internal", "external", "hybrid"]
Transport = Literal["stdio", "http", "streamable-http"]


class Relevance(Record, frozen=True, kw_only=True):
    """How memories are ranked: importance, and age with an exponential decay."""

    decay_days: Annotated[float, msgspec.Meta(ge=0.1)] = 30.0
    importance_weight: Weight = 0.7
    recency_weight: Weight = 0.3


class Prune(Record, frozen=True, kw_only=True):
    """Which memories go. `max_items` 0 = no cap."""

    max_age_days: Days = 90.0
    min_importance_to_keep: Fraction = 0.5
    max_items: Count = 0


class Memory(Record, frozen=True, kw_only=True):
    aliases: ClassVar[Mapping[str, str]] = {"prune_policy": "prune"}

    max_short_term: Positive = 100
    max_working: Positive = 10
    relevance: Relevance = Relevance()
    prune: Prune = Prune()
    prune_interval_secs: Positive | None = None
    llm_extraction: bool = False
    llm_extraction_max_items: Positive | None = None
    llm_extraction_max_input_chars: Positive | None = None


class LaneHandler(Record, frozen=True, kw_only=True):
    """Who runs a lane's tools: this process, somebody else, or both."""

    mode: LaneMode = "internal"
    timeout_ms: Positive = 60_000


class RetryPolicy(Record, frozen=True, kw_only=True):
    """`fixed_delay_ms` belongs to `fixed`, `initial_delay_ms` to `exponential`."""

    strategy: Literal["exponential", "fixed", "none"] = "exponential"
    max_retries: Count = 3
    initial_delay_ms: Count = 100
    fixed_delay_ms: Count | None = None


class RateLimit(Record, frozen=True, kw_only=True):
    limit_type: Literal["per_second", "per_minute", "per_hour", "unlimited"] = "unlimited"
    max_operations: Positive | None = None

    def __post_init__(self) -> None:
        if (self.limit_type == "unlimited") != (self.max_operations is None):
            raise ValueError("limit_type and max_operations need each other")


class PriorityBoost(Record, frozen=True, kw_only=True):
    """Commands rise in priority as their deadline comes near."""

    strategy: Literal["standard", "aggressive", "disabled"] = "standard"
    deadline_ms: Positive = 300_000


class Queue(Record, frozen=True, kw_only=True):
    """The lane queue. Sessions have one only when this block is there."""

    control_max_concurrency: Positive = 2
    query_max_concurrency: Positive = 4
    execute_max_concurrency: Positive = 2
    generate_max_concurrency: Positive = 1
    lane_handlers: Mapping[Lane, LaneHandler] = msgspec.field(
        default_factory=dict[Lane, LaneHandler]
    )
    lane_timeouts: Mapping[Lane, Positive] = msgspec.field(default_factory=dict[Lane, int])
    enable_dlq: bool = False
    dlq_max_size: Positive = 1_000
    enable_metrics: bool = False
    enable_alerts: bool = False
    default_timeout_ms: Positive | None = None
    storage_path: str | None = None
    retry_policy: RetryPolicy | None = None
    rate_limit: RateLimit | None = None
    priority_boost: PriorityBoost | None = None
    pressure_threshold: Positive = 50


class SearchHealth(Record, frozen=True, kw_only=True):
    """An engine that failed so often in a row rests for a while."""

    max_failures: Positive = 3
    suspend_seconds: Count = 60


class SearchEngine(Record, frozen=True, kw_only=True):
    """`timeout` in seconds; None = that of the search."""

    enabled: bool = True
    weight: Weight = 1.0
    timeout: Seconds | None = None


class Headless(Record, frozen=True, kw_only=True):
    backend: Literal["chrome", "lightpanda"] = "chrome"
    browser_path: str | None = None
    max_tabs: Positive = 4
    launch_args: tuple[str, ...] = ()
    proxy_url: Secret | None = None


class Search(Record, frozen=True, kw_only=True):
    """`timeout` in seconds; `engine` by the engine's name."""

    timeout: Seconds = 10.0
    health: SearchHealth = SearchHealth()
    engine: Mapping[str, SearchEngine] = msgspec.field(default_factory=dict[str, SearchEngine])
    headless: Headless | None = None


class OAuth(Record, frozen=True, kw_only=True):
    auth_url: Url | None = None
    token_url: Url | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    redirect_uri: str | None = None
    scopes: tuple[str, ...] = ()
    access_token: Secret | None = None


class McpServer(Record, frozen=True, kw_only=True):
    """
    A server whose tools join the agent's. `repr` shows its name alone: tokens hide in
    arguments and URLs as well.

    Attributes:
        transport: None = `stdio` with a command, `streamable-http` with a URL; see
            `wire`. The keys of `transport = { type = "…", … }` are read as the server's.
        timeout_ms: The same as `tool_timeout_secs`, and wins.
    """

    label_key: ClassVar[str] = "name"
    inlined: ClassVar[tuple[str, str]] = ("transport", "type")

    name: str
    enabled: bool = True
    transport: Transport | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    url: Url | None = None
    headers: Mapping[str, Secret] = msgspec.field(default_factory=dict[str, Secret])
    env: Mapping[str, Secret] = msgspec.field(default_factory=dict[str, Secret])
    oauth: OAuth | None = None
    tool_timeout_secs: Seconds = 60.0
    timeout_ms: Positive | None = None
    at: Place = Place()

    def __post_init__(self) -> None:
        needed = "command" if self.wire == "stdio" else "url"
        if not getattr(self, needed):
            raise ValueError(f"an MCP server over {self.wire} needs a {needed}")

    def __repr__(self) -> str:
        return f"McpServer({self.name!r})"

    @property
    def wire(self) -> Transport:
        by_address: Transport = "streamable-http" if self.url and not self.command else "stdio"
        return self.transport or by_address

    @property
    def tool_timeout_s(self) -> float:
        return self.timeout_ms / 1000 if self.timeout_ms else self.tool_timeout_secs


class AutoDelegation(Record, frozen=True, kw_only=True):
    """When a prompt is handed to child agents without being asked to."""

    enabled: bool = False
    auto_parallel: bool = True
    allow_manual_delegation: bool = True
    min_confidence: Fraction = 0.72
    max_tasks: Positive = 4


class Ahp(Record, frozen=True, kw_only=True):
    """A supervising harness. It is told of idleness after `idle_ms`."""

    enabled: bool = True
    url: Url | None = None
    idle_ms: Positive = 10_000

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValueError("ahp needs a url")


class Config(Record, frozen=True, kw_only=True):
    """
    What one file says.

    Attributes:
        max_tool_rounds: Tool rounds of one prompt.
        thinking_budget: Tokens a model may think for.
        storage_backend: Where sessions are kept: `file` does so in `sessions_dir`.
        storage_url: For stores of the host; nothing is made from it here.
        skill_dirs, agent_dirs: Joined with those of a session.
        max_parallel_tasks: Children that run at once.
        auto_parallel: Overrides the one in `auto_delegation`.
        llm_api_timeout_ms: For one request to a model.
        user_instructions_dir: Files of instructions of the host; they come before the project's.
        project_doc_max_bytes: Of one file of instructions with what it includes; 0 = none is read.
        project_doc_fallback_filenames: Read where there is no AGENTS.md, before CLAUDE.md.
        document_parser, os, task_scheduler: Known, and read by nothing.
        declared: The keys that the file sets, in snake_case and without aliases.
        unset: Environment variables that `env()` named and that are not set.
        sha256: Of the text it was read from, in hexadecimal; empty for a typed one.
    """

    options: ClassVar[frozenset[str]] = frozenset(
        {
            "auto_compact",
            "auto_compact_threshold",
            "builtin_skills",
            "context_threshold",
            "default_security",
            "diagnostics",
            "fs_context",
            "max_context_tokens",
            "permission_mode",
            "permissive",
            "planning_mode",
            "repository_map",
            "repository_map_tokens",
            "sandbox",
            "skills_from_dir",
            "temperature",
            "verification",
        }
    )
    aliases: ClassVar[Mapping[str, str]] = {
        "skills": "skill_dirs",
        "mcp_server": "mcp_servers",
        "api_timeout_ms": "llm_api_timeout_ms",
        "model_api_timeout_ms": "llm_api_timeout_ms",
    }

    default_model: ModelRef | None = None
    providers: tuple[Provider, ...] = ()
    max_tool_rounds: Positive = 50
    thinking_budget: Positive | None = None
    storage_backend: Literal["memory", "file", "custom"] = "file"
    sessions_dir: str | None = None
    storage_url: Secret | None = None
    skill_dirs: tuple[str, ...] = ()
    agent_dirs: tuple[str, ...] = ()
    memory: Memory | None = None
    memory_dir: Directory | None = None
    queue: Queue | None = None
    search: Search | None = None
    mcp_servers: tuple[McpServer, ...] = ()
    max_parallel_tasks: Positive = 8
    auto_delegation: AutoDelegation = AutoDelegation()
    auto_parallel: bool | None = None
    llm_api_timeout_ms: Positive | None = None
    ahp: Ahp | None = None
    user_instructions_dir: Directory | None = None
    project_doc_max_bytes: Count | None = None
    project_doc_fallback_filenames: tuple[FileName, ...] = ()
    document_parser: Unread | None = None
    os: Unread | None = None
    task_scheduler: Unread | None = None
    at: Place = Place()
    declared: frozenset[str] = frozenset()
    unset: frozenset[str] = frozenset()
    sha256: str = ""

    def rooted(self) -> Config:
        """
        Give it with its directories as absolute paths.

        A relative one is beside the file that names it, or in the directory of the process where
        no file does; `~` is the home directory.
        """
        base = os.path.dirname(expanded(self.at.file)) if self.at.file else ""  # noqa: PTH120 - a name, not a look-up

        def rooted(path: str | None) -> str | None:
            return absolute((path,), base)[0] if path else path

        return msgspec.structs.replace(
            self,
            sessions_dir=rooted(self.sessions_dir),
            memory_dir=rooted(self.memory_dir),
            user_instructions_dir=rooted(self.user_instructions_dir),
            skill_dirs=absolute(self.skill_dirs, base),
            agent_dirs=absolute(self.agent_dirs, base),
        )

    def resolve_model(self, ref: str | None = None) -> ResolvedModel:
        """
        Find what serves `ref`, `provider/model`; None = `default_model`.

        Raises:
            UnknownModel: `ref` has another shape, or no provider has this name.
            ConfigError: there is no default, the provider has no key, or it needs a
                `base_url`. An unset environment variable is named.
        """
        chosen = self.default_model if ref is None else ref
        if chosen is None:
            hint = 'add default_model = "provider/model", or choose a model for the session'
            raise ConfigError("default_model is missing", file=self.at.file, hint=hint)
        return resolve(self.providers, chosen)


def load(source: str | os.PathLike[str], *, env: Mapping[str, str] | None = None) -> Config:
    """
    Read a configuration.

    Args:
        source: A path, or the text itself. One line without `=` and `{` is a path; `~`
            is the home directory. Paths inside the configuration stay as written; see
            `Config.rooted`.
        env: What `env()` looks in; None = the environment of this process.

    Raises:
        ConfigError: the file cannot be read, or what it says is wrong. Models, keys and
            base URLs are only looked at by `Config.resolve_model`.
    """
    name, text = _read(source)
    document = parse(text, name)
    decoder = Decoder(document.source, os.environ if env is None else env)
    config = decoder.record(document.root, Config, at=0)
    _check_default_model(config, document)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return msgspec.structs.replace(config, sha256=digest)


def _check_default_model(config: Config, document: Document) -> None:
    """Refuse a default that no provider of this file serves; without any, the host has one."""
    names = {provider.name for provider in config.providers}
    named = (config.default_model or "").partition("/")[0]
    if not named or not names or named in names:
        return
    key = next(e for e in document.root.entries if snake_case(e.key) == "default_model")
    raise document.source.error(
        f"{key.key}: no provider is named {brief(named)}",
        key.value.at,
        f"configured: {', '.join(sorted(map(brief, names)))}",
    )


def _read(source: str | os.PathLike[str]) -> tuple[str, str]:
    """Give a name for errors, and the text."""
    if isinstance(source, str) and not _is_path(source):
        return INLINE, source
    return read_file(source, hint="give the path of an .acl or .hcl file, or the text itself")


def _is_path(source: str) -> bool:
    if "\n" in source or not source.strip():
        return False
    if not any(mark in source for mark in "={"):
        return True
    return os.path.isfile(expanded(source))  # noqa: PTH113  Path's own raises on long names
