"""Promises of the schema: every documented key, in every form, typed; every fault placed."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code import SessionOptions
from a3s_code.config.record import Record, Secret, Unread, keys_of
from a3s_code.config.schema import Config, load
from a3s_code.errors import ConfigError
from config.reading import assert_points_into, fault, read, records, refusal

MINIMAL_HCL = """
default_model = "anthropic/claude-sonnet-4-20250514"
providers {
name = "anthropic"
api_key = env("ANTHROPIC_API_KEY")
}
"""

FULL_HCL = (
    MINIMAL_HCL
    + """
providers {
name = "openai"
api_key = env("OPENAI_API_KEY")
}
queue {
query_max_concurrency = 10
execute_max_concurrency = 5
enable_metrics = true
enable_dlq = true
retry_policy {
strategy = "exponential"
max_retries = 3
initial_delay_ms = 100
}
rate_limit {
limit_type = "per_second"
max_operations = 100
}
priority_boost {
strategy = "standard"
deadline_ms = 300000
}
pressure_threshold = 50
}
search {
timeout = 30
engine {
google { enabled = true, weight = 1.5 }
bing { enabled = true, weight = 1.0 }
}
}
storage_backend = "file"
sessions_dir = "./sessions"
skill_dirs = ["./skills"]
agent_dirs = ["./agents"]
max_tool_rounds = 50
thinking_budget = 10000
"""
)

MCP_HCL = """
mcp_servers {
name = "filesystem"
command = "npx"
args = ["-y", "@modelcontextprotocol/server-filesystem", "/workspace"]
}
mcp_servers {
name = "github"
command = "npx"
args = ["-y", "@modelcontextprotocol/server-github"]
env = { GITHUB_TOKEN = env("GITHUB_TOKEN") }
}
"""

MINIMAL_ACL = """
default_model = "anthropic/claude-sonnet-4-20250514"
providers "anthropic" {
apiKey = env("ANTHROPIC_API_KEY")
}
"""

FULL_ACL = (
    MINIMAL_ACL
    + """
skill_dirs = ["./skills"]
mcp_servers = []
ahp = {
enabled = true
url = "http://harness:8080/ahp"
idle_ms = 10_000
}
"""
)

MCP_ACL = """
mcp_servers = [
{
name = "filesystem"
transport = "stdio"
command = "npx"
args = ["@modelcontextprotocol/server-filesystem", "./workspace"]
}
]
"""

KEYS = {
    "ANTHROPIC_API_KEY": "hunter2-a",
    "OPENAI_API_KEY": "hunter2-o",
    "GITHUB_TOKEN": "hunter2-g",
}


# The documents' own examples


@pytest.mark.parametrize(
    "text", [MINIMAL_HCL, FULL_HCL, MCP_HCL, MINIMAL_ACL, FULL_ACL, MCP_ACL, FULL_HCL + MCP_ACL]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_documents_examples_are_read(text: str, end: str, tmp_path: Path) -> None:
    config = load(text.replace("\n", end), env=KEYS)
    assert "hunter2" not in repr(config)
    path = tmp_path / "agent.hcl"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", end).encode())
    from_file = load(path, env=KEYS)
    assert [provider.name for provider in from_file.providers] == [
        provider.name for provider in config.providers
    ]


def test_the_full_hcl_example_says_what_it_says() -> None:
    config = load(FULL_HCL, env=KEYS)
    assert config.queue is not None
    assert config.queue.query_max_concurrency == 10
    assert config.queue.retry_policy is not None
    assert config.queue.retry_policy.strategy == "exponential"
    assert config.queue.rate_limit is not None
    assert config.queue.rate_limit.max_operations == 100
    assert config.queue.priority_boost is not None
    assert config.queue.priority_boost.deadline_ms == 300_000
    assert config.search is not None
    assert config.search.timeout == 30.0
    assert {name: each.weight for name, each in config.search.engine.items()} == {
        "google": 1.5,
        "bing": 1.0,
    }
    assert (config.storage_backend, config.sessions_dir) == ("file", "./sessions")
    assert (config.skill_dirs, config.agent_dirs) == (("./skills",), ("./agents",))
    assert (config.max_tool_rounds, config.thinking_budget) == (50, 10_000)


def test_the_full_acl_example_says_what_it_says() -> None:
    config = load(FULL_ACL, env=KEYS)
    assert config.ahp is not None
    assert (config.ahp.url, config.ahp.idle_ms) == ("http://harness:8080/ahp", 10_000)
    assert config.mcp_servers == ()
    assert config.declared == {
        "default_model",
        "providers",
        "skill_dirs",
        "mcp_servers",
        "ahp",
    }


def test_repeated_server_blocks_are_gathered() -> None:
    filesystem, github = load(MCP_HCL, env=KEYS).mcp_servers
    assert (filesystem.name, filesystem.command, filesystem.wire) == ("filesystem", "npx", "stdio")
    assert github.env["GITHUB_TOKEN"].reveal() == "hunter2-g"
    assert github.tool_timeout_s == 60.0


# Every key


EVERY_KEY = """
default_model = "p/m"
max_tool_rounds = 1
thinking_budget = 2
storage_backend = "custom"
sessions_dir = "s"
storage_url = "postgres://u:hunter2@h/d"
skill_dirs = ["a"]
agent_dirs = ["b"]
memory_dir = "c"
max_parallel_tasks = 3
auto_parallel = false
llm_api_timeout_ms = 4
user_instructions_dir = "d"
project_doc_max_bytes = 5
project_doc_fallback_filenames = ["e"]
document_parser { anything { goes = true } }
os = { a = 1 }
task_scheduler = true
providers "p" {
  api_key = "hunter2"
  base_url = "https://h"
  headers = { X-Team = "hunter2" }
  session_id_header = "X-Session"
  models "m" {
    name = "M"
    family = "f"
    api_key = "hunter2"
    base_url = "https://h/v1"
    headers { X-Model = "hunter2" }
    session_id_header = "X-S"
    attachment = true
    reasoning = true
    tool_call = false
    temperature = false
    release_date = "2025-05-14"
    modalities { input = ["text", "image"], output = ["text"] }
    cost { input = 3, output = 15.5, cache_read = 0.3, cache_write = 3.75 }
    limit = { context = 200_000, output = 8192 }
    max_tokens = 4096
  }
}
memory {
  max_short_term = 1
  max_working = 2
  prune_interval_secs = 3
  llm_extraction = true
  llm_extraction_max_items = 4
  llm_extraction_max_input_chars = 5
  relevance { decay_days = 0.1, importance_weight = 1, recency_weight = 0 }
  prune { max_age_days = 1, min_importance_to_keep = 0, max_items = 6 }
}
queue {
  control_max_concurrency = 1
  query_max_concurrency = 2
  execute_max_concurrency = 3
  generate_max_concurrency = 4
  lane_handlers { execute { mode = "external", timeout_ms = 5 } }
  lane_timeouts = { query = 6 }
  enable_dlq = true
  dlq_max_size = 7
  enable_metrics = true
  enable_alerts = true
  default_timeout_ms = 8
  storage_path = "q"
  pressure_threshold = 9
  retry_policy { strategy = "fixed", max_retries = 0, initial_delay_ms = 0, fixed_delay_ms = 1 }
  rate_limit { limit_type = "per_hour", max_operations = 1 }
  priority_boost { strategy = "aggressive", deadline_ms = 1 }
}
search {
  timeout = 0.5
  health { max_failures = 1, suspend_seconds = 2 }
  engine { ddg { enabled = false, weight = 2, timeout = 3 } }
  headless {
    backend = "lightpanda"
    browser_path = "/b"
    max_tabs = 1
    launch_args = ["--x"]
    proxy_url = "http://u:hunter2@proxy"
  }
}
mcp_servers "s" {
  enabled = false
  transport = "streamable-http"
  command = "c"
  args = ["--token", "hunter2"]
  url = "https://mcp"
  headers = { Authorization = "Bearer hunter2" }
  env = { TOKEN = "hunter2" }
  tool_timeout_secs = 1.5
  timeout_ms = 500
  oauth {
    auth_url = "https://a"
    token_url = "https://t"
    client_id = "i"
    client_secret = "hunter2"
    redirect_uri = "http://localhost/cb"
    scopes = ["r"]
    access_token = "hunter2"
  }
}
auto_delegation {
  enabled = true
  auto_parallel = false
  allow_manual_delegation = false
  min_confidence = 1
  max_tasks = 1
}
ahp { enabled = false, url = "https://h", idle_ms = 1 }
"""


def in_camel_case(text: str) -> str:
    names = {name for cls in records(Config) for name in cls.__struct_fields__}

    def camel(match: re.Match[str]) -> str:
        first, *rest = match[0].split("_")
        return first + "".join(map(str.title, rest)) if match[0] in names else match[0]

    return re.sub(r"\b[a-z_]+(?= )", camel, text)


def without_places(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = [name for name in value.__struct_fields__ if name not in ("at", "sha256")]
        return {name: without_places(getattr(value, name)) for name in fields}
    if isinstance(value, tuple):
        return [without_places(each) for each in value]
    if isinstance(value, dict):
        return {key: without_places(each) for key, each in value.items()}
    return "unread" if isinstance(value, Unread) else value


def parts(value: Any) -> Iterator[Record]:
    """Give every record of a configuration."""
    if isinstance(value, Record):
        yield value
        value = tuple(getattr(value, name) for name in value.__struct_fields__)
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    ):
        yield from parts(inner)


def test_the_table_of_keys_sets_every_key_of_every_record_to_another_value() -> None:
    unsaid = {cls: set(keys_of(cls)) - {cls.label_key} for cls in records(Config)}
    for record in parts(read(EVERY_KEY)):
        cls = type(record)
        own = {field.name: field for field in msgspec.structs.fields(cls)}
        for name in set(unsaid[cls]):
            default = own[name].default
            if default is msgspec.NODEFAULT:
                default = own[name].default_factory()
            if getattr(record, name) != default:
                unsaid[cls].remove(name)
    assert {cls.__name__: names for cls, names in unsaid.items() if names} == {}


def test_camel_case_says_the_same_as_snake_case() -> None:
    text = in_camel_case(EVERY_KEY)
    assert "llmExtractionMaxInputChars = 5" in text
    assert "max_tool_rounds" not in text
    assert without_places(read(text)) == without_places(read(EVERY_KEY))


def test_every_key_arrives_typed() -> None:
    config = read(EVERY_KEY)
    model = config.resolve_model()
    assert model.limit.context == 200_000
    assert model.cost is not None
    assert (model.cost.input, model.cost.cache_write) == (3.0, 3.75)
    assert config.queue is not None
    assert config.queue.lane_handlers["execute"].mode == "external"
    assert config.queue.lane_timeouts == {"query": 6}
    assert config.memory is not None
    assert config.memory.relevance.decay_days == 0.1
    assert config.search is not None
    assert config.search.headless is not None
    assert config.search.headless.backend == "lightpanda"
    assert config.mcp_servers[0].tool_timeout_s == 0.5
    assert config.auto_delegation.min_confidence == 1.0
    assert config.storage_url == Secret("postgres://u:hunter2@h/d")


def test_no_secret_shows_in_a_repr_or_leaves_by_a_codec() -> None:
    config = read(EVERY_KEY)
    assert "hunter2" not in f"{config!r} {config} {config.resolve_model()!r}"
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {secret!s:>20}"
    for encode in (msgspec.json.encode, msgspec.to_builtins, pickle.dumps):
        with pytest.raises(TypeError):
            encode(config)
    assert copy.deepcopy(config.providers) == config.providers


# Forms


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers "s" { command = "c" }',
        'mcp_server "s" { command = "c" }',
        'mcpServers "s" { command = "c" }',
        'mcp_servers { name = "s", command = "c" }',
        'mcp_servers = [{ name = "s", command = "c" }]',
        'mcp_servers "s" { transport = { type = "stdio", command = "c" } }',
        'mcp_servers "s" { transport { type = "stdio", command = "c" } }',
        'mcp_servers "s" { transport = "STDIO", command = "c" }',
    ],
)
def test_servers_take_every_documented_form(text: str) -> None:
    (server,) = read(text).mcp_servers
    assert (server.name, server.wire, server.command) == ("s", "stdio", "c")


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ('url = "https://h"', "streamable-http"),
        ('url = "https://h", transport = "http"', "http"),
        ('url = "https://h", transport = "streamable_http"', "streamable-http"),
        ('transport { type = "streamable-http", url = "https://h" }', "streamable-http"),
        ('command = "c", url = "https://h"', "stdio"),
    ],
)
def test_a_server_with_an_address_is_reached_over_http(text: str, wire: str) -> None:
    assert read(f'mcp_servers "s" {{ {text} }}').mcp_servers[0].wire == wire


@pytest.mark.parametrize(
    "text",
    [
        "engine { g { weight = 2 } b {} }",
        'engine "g" { weight = 2 }\nengine "b" {}',
        "engine { g { weight = 2 } }\nengine { b {} }",
        "engine = { g = { weight = 2 }, b = {} }",
    ],
)
def test_named_blocks_take_every_form(text: str) -> None:
    search = read(f"search {{\n{text}\n}}").search
    assert search is not None
    assert [(name, each.weight) for name, each in search.engine.items()] == [("g", 2.0), ("b", 1.0)]


@pytest.mark.parametrize("key", ["skill_dirs", "skillDirs", "skills"])
def test_skills_is_another_name_of_skill_dirs(key: str) -> None:
    config = read(f'{key} = ["a"]')
    assert config.skill_dirs == ("a",)
    assert config.declared == {"skill_dirs"}


@pytest.mark.parametrize("key", ["llm_api_timeout_ms", "api_timeout_ms", "modelApiTimeoutMs"])
def test_the_timeout_of_models_has_three_names(key: str) -> None:
    assert read(f"{key} = 5").llm_api_timeout_ms == 5


def test_prune_policy_is_another_name_of_prune() -> None:
    memory = read("memory { prunePolicy { maxItems = 3 } }").memory
    assert memory is not None
    assert memory.prune.max_items == 3


def test_null_says_nothing() -> None:
    config = read("thinking_budget = null\nmax_tool_rounds = null")
    assert (config.thinking_budget, config.max_tool_rounds) == (None, 50)
    assert config.declared == frozenset()


def test_a_whole_float_is_a_whole_number() -> None:
    assert read("max_tool_rounds = 1e3").max_tool_rounds == 1000


# Sources


@pytest.mark.parametrize(
    "source", ["agent.acl", "no/such/file.acl", "agent", "~/no/such.hcl", "\0"]
)
def test_a_path_that_does_not_exist_says_so(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = fault(source)
    assert "does not exist" in str(error) or "no file can have this name" in str(error)


@pytest.mark.parametrize(
    "name", ["agent.acl", "agent.hcl", f"{'long' * 40}.acl", "agent", "a=b.acl", "a{b.acl"]
)
def test_an_existing_path_is_read_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("max_tool_rounds = 7")
    for source in (name, str(tmp_path / name), tmp_path / name):
        config = load(source)
        assert config.max_tool_rounds == 7
        assert config.at.file == str(source)


def test_the_home_directory_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "agent.acl").write_text("max_tool_rounds = 7")
    assert load("~/agent.acl").max_tool_rounds == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("a {{", "expected a name"),
        (f"max_tool_rounds = {'9' * 5_000}", "too large"),
    ],
)
def test_what_can_be_no_path_is_text(text: str, said: str) -> None:
    error = fault(text)
    assert said in str(error)
    assert error.file == "configuration"


def test_a_file_must_be_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "agent.acl"
    path.write_bytes("é = 1\nbé = ".encode() + b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        load(path)
    assert (caught.value.line, caught.value.column) == (2, 6)


def test_a_file_may_have_one_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "agent.acl"
    text = "max_tool_rounds = 7 #".ljust(1024 * 1024, "x")
    path.write_text("\ufeff" + text)
    assert load(path).max_tool_rounds == 7
    path.write_text("\ufeff" + text + "x")
    with pytest.raises(ConfigError, match="1,048,576 bytes at most"):
        load(path)


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


# Any text


@given(st.data())
def test_a_damaged_configuration_is_read_or_refused_at_a_place_inside_it(
    data: st.DataObject,
) -> None:
    text = data.draw(st.sampled_from([EVERY_KEY, FULL_HCL, FULL_ACL, MCP_ACL]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    junk = data.draw(st.sampled_from(["", "{", "}", "[", '"', "=", "\n", "null", "1", ",", "{}"]))
    damaged = text[:start] + junk + text[end:]
    error = refusal(damaged)
    if error is not None:
        assert_points_into(error, damaged)
        assert len(str(error)) < 1_500


@pytest.mark.parametrize("key", ["memory_dir", "user_instructions_dir"])
def test_a_directory_that_is_empty_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: expected the path of a directory"):
        load(f'{key} = ""')


def test_an_option_of_a_session_is_told_from_an_unknown_key() -> None:
    options = set(SessionOptions.__annotations__)
    assert options >= Config.options
    assert not Config.options & {*keys_of(Config), *Config.aliases}
    for key in ("auto_compact", "autoCompact"):
        with pytest.raises(ConfigError) as raised:
            load(f"{key} = true")
        assert f"{key} is no key of a configuration" in str(raised.value)
        assert "agent.session(..., auto_compact=...)" in str(raised.value)
