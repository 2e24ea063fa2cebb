"""Promises of the lookup: what serves a model, what overrides what, what a fault names."""

from __future__ import annotations

import pytest

from a3s_code.config.providers import ResolvedModel, idle_keys
from a3s_code.config.schema import load
from a3s_code.errors import ConfigError, UnknownModel, UsageError


def resolve(text: str, ref: str | None = None, **env: str) -> ResolvedModel:
    return load(text, env=env).resolve_model(ref)


PROVIDER = """
default_model = "openai/gpt-4o"
providers "openai" {
  api_key = "hunter2-outer"
  base_url = "https://outer"
  session_id_header = "X-Outer"
  headers = { X-A = "outer", X-B = "outer" }
  models "gpt-4o" {
    api_key = "hunter2-inner"
    base_url = "https://inner"
    session_id_header = "X-Inner"
    headers = { x-b = "inner" }
    limit = { context = 1000, output = 100 }
  }
  models "plain" {}
}
providers "anthropic" { api_key = "k" }
"""


def test_a_model_overrides_its_provider() -> None:
    model = resolve(PROVIDER)
    assert model.ref == "openai/gpt-4o"
    assert (model.api_key.reveal(), model.base_url) == ("hunter2-inner", "https://inner")
    assert model.session_id_header == "X-Inner"
    assert {k: v.reveal() for k, v in model.headers.items()} == {"X-A": "outer", "x-b": "inner"}
    assert (model.limit.context, model.limit.output) == (1000, 100)


def test_what_a_model_leaves_open_its_provider_says() -> None:
    model = resolve(PROVIDER, "openai/plain")
    assert (model.api_key.reveal(), model.base_url) == ("hunter2-outer", "https://outer")
    assert model.session_id_header == "X-Outer"
    assert (model.limit.context, model.cost) == (None, None)


def test_a_model_that_is_not_listed_works_by_its_id() -> None:
    model = resolve(PROVIDER, "openai/org/some:model")
    assert model.model == "org/some:model"
    assert model.api_key.reveal() == "hunter2-outer"


def test_an_unlabelled_models_block_is_named_by_its_id() -> None:
    model = resolve(
        'providers "openai" {\n api_key = "k"\n models { id = "m1"\n max_tokens = 7 }\n}\n',
        "openai/m1",
    )
    assert (model.model, model.limit.output) == ("m1", 7)


def test_max_tokens_is_the_older_name_of_the_output_limit() -> None:
    text = 'providers "openai" {\n api_key = "k"\n models "m" { maxTokens = 5 }\n}\n'
    assert resolve(text, "openai/m").limit.output == 5


@pytest.mark.parametrize(
    ("body", "idle"),
    [
        ("tool_call = false", {"models.tool_call"}),
        ("temperature = false, attachment = false", {"models.temperature", "models.attachment"}),
        ("reasoning = false", {"models.reasoning"}),
        ("cost { input = 1, cacheRead = 0.3, cache_write = 2 }", set()),
        ("attachment = true, reasoning = true, tool_call = true, temperature = true", set()),
        ('family = "f", release_date = "2025", modalities { input = ["text"] }', set()),
        ("tool_call = null", set()),
    ],
)
def test_what_a_model_asks_for_and_does_not_get_is_named(body: str, idle: set[str]) -> None:
    text = f'providers "openai" {{\n models "m" {{ {body} }}\n models "n" {{ {body} }}\n}}'
    assert idle_keys(load(text, env={}).providers) == idle


@pytest.mark.parametrize(
    ("name", "kind", "url"),
    [
        ("anthropic", "anthropic", "https://api.anthropic.com"),
        ("Claude", "anthropic", "https://api.anthropic.com"),
        ("openai", "openai", "https://api.openai.com"),
        ("OpenAI", "openai", "https://api.openai.com"),
        ("gpt", "openai", "https://api.openai.com"),
    ],
)
def test_the_name_of_a_provider_decides_the_wire_and_its_address(
    name: str, kind: str, url: str
) -> None:
    model = resolve(f'providers "{name}" {{ api_key = "k" }}', f"{name}/m")
    assert (model.kind, model.base_url) == (kind, url)


def test_any_other_provider_speaks_openai_at_its_own_address() -> None:
    text = 'providers "deepseek" { api_key = "k", base_url = "https://api.deepseek.com/v1" }'
    model = resolve(text, "deepseek/chat")
    assert (model.kind, model.base_url) == ("openai", "https://api.deepseek.com/v1")
    with pytest.raises(ConfigError, match="provider deepseek needs a base_url") as caught:
        resolve('\nproviders "deepseek" { api_key = "k" }', "deepseek/chat")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("opnai/gpt-4o", "no provider is named opnai; providers here: openai, anthropic"),
        ("opnai/gpt-4o", "did you mean openai/gpt-4o?"),
        ("antropic/claude", "did you mean anthropic/…?"),
        ("gpt-4o", "gpt-4o is no model"),
        ("openai/", "openai/ is no model"),
        ("/gpt-4o", "/gpt-4o is no model"),
        ("", "'' is no model"),
        ("zzz/zzz", "add providers zzz to the configuration, or give the session an llm_client"),
        ("/gpt-9", "name a model as provider/model"),
        ("a" * 10_000, "is no model"),
    ],
)
def test_an_unknown_model_names_what_exists(ref: str, said: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        resolve(PROVIDER, ref)
    assert said in str(caught.value)
    assert isinstance(caught.value, UsageError)


def test_a_configuration_without_providers_can_still_be_loaded() -> None:
    config = load('default_model = "openai/m"\nmax_tool_rounds = 5\n', env={})
    with pytest.raises(UnknownModel, match="providers here: none"):
        config.resolve_model()


def test_a_missing_default_is_told_when_it_is_needed() -> None:
    config = load('providers "openai" { api_key = "k" }', env={})
    assert config.resolve_model("openai/m").model == "m"
    with pytest.raises(ConfigError, match="default_model is missing") as caught:
        config.resolve_model()
    assert (caught.value.file, caught.value.line) == ("configuration", 0)


@pytest.mark.parametrize("env", [{}, {"SOME_KEY": ""}])
def test_a_missing_key_names_the_variable_it_should_come_from(env: dict[str, str]) -> None:
    text = 'providers "openai" {\n  api_key = env("SOME_KEY")\n}'
    with pytest.raises(ConfigError, match="environment variable SOME_KEY is not set") as caught:
        resolve(text, "openai/m", **env)
    assert (caught.value.line, caught.value.column) == (1, 1)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="api_key is missing"):
        resolve('providers "openai" {}', "openai/m")


def test_the_providers_key_never_goes_where_a_models_own_key_was_meant_to() -> None:
    text = """providers "openai" {
      api_key = "hunter2"
      models "m" { api_key = env("INNER"), base_url = "https://stranger" }
    }"""
    with pytest.raises(ConfigError, match="environment variable INNER is not set") as caught:
        resolve(text, "openai/m")
    assert caught.value.line == 3


def test_no_secret_shows_in_what_was_resolved() -> None:
    assert "hunter2" not in repr(resolve(PROVIDER))
    assert "SOME_KEY" in repr(
        resolve('providers "openai" { api_key = env("SOME_KEY") }', "openai/m", SOME_KEY="hunter2")
    )
