"""Promises of the decoder: a fault is told where it is, and a secret never."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.config.providers import Cost, Limit, Modalities, ModelEntry, Provider
from a3s_code.config.record import Record, Secret, keys_of
from a3s_code.config.schema import (
    Ahp,
    AutoDelegation,
    Config,
    Headless,
    LaneHandler,
    McpServer,
    Memory,
    OAuth,
    PriorityBoost,
    Prune,
    Queue,
    RateLimit,
    Relevance,
    RetryPolicy,
    Search,
    SearchEngine,
    SearchHealth,
    load,
)
from config.reading import assert_points_into, fault, read, records, refusal


def test_an_unset_variable_is_as_good_as_no_entry_and_is_remembered() -> None:
    config = load(
        'sessions_dir = env("A")\nskill_dirs = ["x", env("B")]\n'
        'mcp_servers "s" {\ncommand = "c"\nenv = { T = env("C"), E = env("D") }\n}\n',
        env={"D": ""},
    )
    assert (config.sessions_dir, config.skill_dirs) == (None, ("x",))
    assert config.mcp_servers[0].env == {"E": Secret("")}
    assert config.unset == {"A", "B", "C"}
    assert "sessions_dir" not in config.declared


def test_a_missing_value_names_the_unset_variable() -> None:
    error = fault('mcp_servers "s" {\ncommand = env("CMD")\n}')
    assert "needs a command" in error.message
    assert "environment variable CMD is not set" in error.hint
    assert "environment variable NAME is not set" in str(fault('providers { name = env("NAME") }'))


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A3S_TEST_DIR", "there")
    assert load('sessions_dir = env("A3S_TEST_DIR")').sessions_dir == "there"


def test_the_text_of_a_variable_is_never_told() -> None:
    error = fault('max_tool_rounds = env("ROUNDS")', ROUNDS="hunter2")
    assert "found the text of env(ROUNDS)" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('max_tool_rounds = "fifty"', 1, 19, 'a whole number of at least 1, found "fifty"'),
        ("max_tool_rounds = 0", 1, 19, "a whole number of at least 1, found 0"),
        ("maxToolRounds = 1.5", 1, 17, "maxToolRounds: expected a whole number"),
        ("max_tool_rounds = true", 1, 19, "a whole number of at least 1, found true"),
        ("max_tool_rounds = [1]", 1, 19, "found a list"),
        ("max_tool_rounds = 1e300", 1, 19, "found 1e+300"),
        ("max_tool_rounds { }", 1, 17, "found an object"),
        ('auto_parallel = "yes"', 1, 17, 'expected true or false, found "yes"'),
        ('skill_dirs = "a"', 1, 14, "expected a list of text, found text"),
        ('skill_dirs = ["a", 1]', 1, 20, "expected text in quotes, found a number"),
        ("skill_dirs = [null]", 1, 15, "found null"),
        ("sessions_dir = 1", 1, 16, "expected text in quotes, found a number"),
        ('storage_backend = "disk"', 1, 19, '"custom" or "file" or "memory", found "disk"'),
        ("queue = 1", 1, 9, "queue: expected an object or a block, found a number"),
        ('queue "q" {}', 1, 1, "this block takes no label"),
        ("queue {}\nqueue {}", 2, 1, "queue is set twice (it is set first in line 1)"),
        ("queue { lane_timeouts = { fast = 1 } }", 1, 27, "fast is unknown in lane_timeouts"),
        ('queue { retry_policy { strategy = "x" } }', 1, 35, '"exponential" or "fixed" or "none"'),
        ("queue { rate_limit { max_operations = 1 } }", 1, 9, "need each other"),
        ("auto_delegation { min_confidence = 2 }", 1, 36, "a number from 0 to 1, found 2"),
        ("memory { relevance { decay_days = 0 } }", 1, 35, "a number of at least 0.1, found 0"),
        ("maxToolRound = 1", 1, 1, "did you mean max_tool_rounds?"),
        ("queue {\n  retry_polcy {}\n}", 2, 3, "did you mean retry_policy?"),
        ("zzz = 1", 1, 1, "known here: agent_dirs"),
        ("DefaultModel = 'a/b'", 1, 1, "did you mean default_model?"),
        ("skills = []\nskill_dirs = []", 2, 1, "skill_dirs is set twice"),
        ("apiTimeoutMs = 1\napi_timeout_ms = 1", 2, 1, "api_timeout_ms is set twice"),
        ("max_tool_rounds = 1\nmaxToolRounds = 1", 2, 1, "maxToolRounds is set twice"),
        ('default_model = "gpt-4o"', 1, 17, 'expected "provider/model"'),
        ('default_model = "opnai/m"\nproviders "openai" {}', 1, 17, "no provider is named opnai"),
        ("x = 1\nproviders {\n}", 1, 1, "x is unknown"),
        ("\nproviders {\n}", 2, 1, 'name is missing (label the block, or write name = "…")'),
        ('providers "" {}', 1, 1, "name is missing"),
        ('providers "a" {\n models { name = "M" }\n}', 2, 2, "id is missing"),
        ('providers "a" "b" {}', 1, 1, "this block takes one label"),
        ('providers "a" { name = "b" }', 1, 1, "the label and the name of this block differ"),
        ('providers "a" {}\nproviders "a" {}', 2, 1, "a is configured twice"),
        ("providers = [1]", 1, 14, "expected an object or a block"),
        ('providers "a" {\n models "m" {}\n models "m" {}\n}', 3, 2, "m is configured twice"),
        ('providers "a" { base_url = "api.a" }', 1, 28, "expected a URL such as"),
        ('providers "a" { headers = "A: b" }', 1, 27, "an object or a block, found text"),
        ('mcp_servers "s" { transport = "carrier" }', 1, 31, '"http" or "stdio"'),
        ('mcp_servers "s" { transport = "http" }', 1, 1, "over http needs a url"),
        ('mcp_servers "s" {}', 1, 1, "over stdio needs a command"),
        ('mcp_servers "s" { command = "c", transport { command = "d" } }', 1, 46, "set twice"),
        ("ahp = { enabled = true }", 1, 7, "ahp needs a url"),
    ],
)
def test_a_fault_is_told_where_it_is(text: str, line: int, column: int, said: str) -> None:
    error = fault(text)
    assert said in str(error)
    assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize(
    "text",
    [
        'api_key = "hunter2"',
        'providers "a" { api_kye = "hunter2" }',
        'providers "a" { api_key = ["hunter2"] }',
        'providers "a" { headers = "hunter2" }',
        'providers "a" { headers = { A = ["hunter2"] } }',
        'providers "a" { base_url = "hunter2" }',
        'mcp_servers = "hunter2"',
        'mcp_servers "s" { env = ["hunter2"] }',
        'storage_url = { a = "hunter2" }',
    ],
)
def test_no_fault_repeats_a_secret(text: str) -> None:
    assert "hunter2" not in str(fault(text))


VALUES = (
    "null",
    "true",
    "-1",
    "0",
    "1",
    "1.5",
    "'text'",
    "'https://h'",
    "[]",
    "{}",
    "['a']",
    "[{}]",
    "env('SET')",
    "env('UNSET')",
)
OPENINGS = {
    "": Config,
    'providers "p" {': Provider,
    'providers "p" { models "m" {': ModelEntry,
    'providers "p" { models "m" { cost {': Cost,
    'providers "p" { models "m" { limit {': Limit,
    'providers "p" { models "m" { modalities {': Modalities,
    "memory {": Memory,
    "memory { relevance {": Relevance,
    "memory { prune {": Prune,
    "queue {": Queue,
    'queue { lane_handlers "query" {': LaneHandler,
    "queue { retry_policy {": RetryPolicy,
    "queue { rate_limit {": RateLimit,
    "queue { priority_boost {": PriorityBoost,
    "search {": Search,
    "search { health {": SearchHealth,
    'search { engine "e" {': SearchEngine,
    "search { headless {": Headless,
    'mcp_servers "s" {': McpServer,
    'mcp_servers "s" { oauth {': OAuth,
    "auto_delegation {": AutoDelegation,
    "ahp {": Ahp,
}


def body(kind: type[Record]) -> st.SearchStrategy[dict[str, str]]:
    keys = st.sampled_from(list(keys_of(kind)))
    return st.dictionaries(keys, st.sampled_from(VALUES), max_size=4)


def assert_fits_its_types(config: Config) -> None:
    """What was read holds against the types and bounds of every field, checked by msgspec."""

    def out(value: Any) -> Any:
        return [value.reveal(), value.variable] if isinstance(value, Secret) else "unread"

    def back(kind: type, value: Any) -> Any:
        return Secret(*value) if kind is Secret else kind()

    again = msgspec.json.decode(
        msgspec.json.encode(config, enc_hook=out), type=Config, dec_hook=back
    )
    assert without_unread(again) == without_unread(config)


def without_unread(config: Config) -> Config:
    return msgspec.structs.replace(config, document_parser=None, os=None, task_scheduler=None)


def test_every_record_has_its_opening() -> None:
    assert set(OPENINGS.values()) == set(records(Config))


@settings(max_examples=500)
@given(st.data())
def test_any_value_at_any_key_is_taken_or_refused_at_its_place(data: st.DataObject) -> None:
    opening = data.draw(st.sampled_from(list(OPENINGS)))
    values = data.draw(body(OPENINGS[opening]))
    lines = [f"{key} = {value}" for key, value in values.items()]
    text = "\n".join([opening, *lines, "}" * opening.count("{"), ""])
    error = refusal(text, SET="text")
    if error is None:
        assert_fits_its_types(read(text, SET="text"))
        return
    assert_points_into(error, text)
    assert "is unknown" not in error.message
    if error.line > 1:
        key = list(values)[error.line - 2]
        value = len(f"{key} = ") + 1
        assert key in str(error) or error.column > value, "an item of the value has no key"
