"""Who serves models: the `providers` blocks, and the lookup of `provider/model` in them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import msgspec

from a3s_code.config.blocks import Place, brief
from a3s_code.config.record import Record, Secret
from a3s_code.errors import UnknownModel

Tokens = Annotated[int, msgspec.Meta(ge=1)]
Dollars = Annotated[float, msgspec.Meta(ge=0)]
Url = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^https?://[^/\s]", extra={"expected": 'a URL such as "https://api.openai.com"'}
    ),
]

Kind = Literal["anthropic", "openai"]
"""The wire: Anthropic's Messages, or OpenAI's chat completions, which all others speak."""

_FLAGS = frozenset({"attachment", "reasoning", "tool_call", "temperature"})
_ANTHROPIC_NAMES = ("anthropic", "claude")
_BASE_URLS = {
    "anthropic": "https://api.anthropic.com",
    "claude": "https://api.anthropic.com",
    "openai": "https://api.openai.com",
    "gpt": "https://api.openai.com",
}


class Limit(Record, frozen=True, kw_only=True):
    """Tokens of one request and of one answer; None = not said."""

    context: Tokens | None = None
    output: Tokens | None = None


class Cost(Record, frozen=True, kw_only=True):
    """
    US dollars per million tokens.

    Attributes:
        cache_read, cache_write: Of prompt tokens that the provider's cache gave or took; where
            they are not set, these cost what `input` says.
    """

    input: Dollars = 0.0
    output: Dollars = 0.0
    cache_read: Dollars = 0.0
    cache_write: Dollars = 0.0
    declared: frozenset[str] = frozenset()


class Modalities(Record, frozen=True, kw_only=True):
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()


class ModelEntry(Record, frozen=True, kw_only=True):
    """
    One `models` block. What it sets overrides its provider.

    Attributes:
        name, family, release_date, modalities: For people; they describe the model and
            change nothing.
        attachment, reasoning, tool_call, temperature: What the model can do or takes. That
            it does not is without effect yet, see `idle_keys`.
        max_tokens: The older name of `limit.output`, which wins.
    """

    label_key: ClassVar[str] = "id"

    id: str
    name: str = ""
    family: str = ""
    api_key: Secret | None = None
    base_url: Url | None = None
    headers: Mapping[str, Secret] = msgspec.field(default_factory=dict[str, Secret])
    session_id_header: str | None = None
    attachment: bool = False
    reasoning: bool = False
    tool_call: bool = True
    temperature: bool = True
    release_date: str = ""
    modalities: Modalities = Modalities()
    cost: Cost | None = None
    limit: Limit = Limit()
    max_tokens: Tokens | None = None
    at: Place = Place()
    declared: frozenset[str] = frozenset()


class Provider(Record, frozen=True, kw_only=True):
    """
    One `providers` block.

    Attributes:
        session_id_header: Name of the request header that carries the session's id.
        models: May be empty: a model that is not listed works by its id.
    """

    label_key: ClassVar[str] = "name"

    name: str
    api_key: Secret | None = None
    base_url: Url | None = None
    headers: Mapping[str, Secret] = msgspec.field(default_factory=dict[str, Secret])
    session_id_header: str | None = None
    models: tuple[ModelEntry, ...] = ()
    at: Place = Place()

    @property
    def kind(self) -> Kind:
        return "anthropic" if self.name.lower() in _ANTHROPIC_NAMES else "openai"


class ResolvedModel(msgspec.Struct, frozen=True, kw_only=True):
    """
    All that a provider's adapter needs to serve one model.

    Attributes:
        provider: Name of the provider's block.
        model: The id that requests carry.
        base_url: As it was written, or the public one; may end in `/v1` or not.
        headers: Sent with each request; the model's and its provider's together.
    """

    provider: str
    kind: Kind
    model: str
    api_key: Secret
    base_url: str
    headers: Mapping[str, Secret]
    session_id_header: str | None
    limit: Limit
    cost: Cost | None

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.model}"


def resolve(providers: Sequence[Provider], ref: str) -> ResolvedModel:
    """
    Find what serves `ref`, `provider/model`; the model's own id may hold slashes.

    Raises:
        UnknownModel: `ref` has another shape, or no provider has this name.
        ConfigError: the provider has no key, or needs a `base_url`.
    """
    provider, model_id = _find(providers, ref)
    listed = next((model for model in provider.models if model.id == model_id), None)
    model = listed or ModelEntry(id=model_id, at=provider.at)
    return ResolvedModel(
        provider=provider.name,
        kind=provider.kind,
        model=model.id,
        api_key=_api_key(provider, model),
        base_url=_base_url(provider, model),
        headers=_headers(provider.headers, model.headers),
        session_id_header=model.session_id_header or provider.session_id_header,
        limit=Limit(context=model.limit.context, output=model.limit.output or model.max_tokens),
        cost=model.cost,
    )


def idle_keys(providers: Sequence[Provider]) -> frozenset[str]:
    """
    Name the keys of models that ask for something and are without effect in this build.

    A flag that is set to false asks that something be left out of requests, which is not done.
    """
    models = [model for provider in providers for model in provider.models]
    flags = {
        flag for model in models for flag in _FLAGS & model.declared if not getattr(model, flag)
    }
    return frozenset(f"models.{flag}" for flag in flags)


def _find(providers: Sequence[Provider], ref: str) -> tuple[Provider, str]:
    name, _, model_id = ref.partition("/")
    known = {provider.name: provider for provider in providers}
    if name in known and model_id:
        return known[name], model_id
    refs = [f"{each.name}/{model.id}" for each in providers for model in each.models]
    names = [f"{each}/…" for each in difflib.get_close_matches(name[:200], known, n=1)]
    near = difflib.get_close_matches(ref[:200], refs, n=1) or names
    fault = (
        f"no provider is named {brief(name)}" if name and model_id else f"{brief(ref)} is no model"
    )
    other = (
        f"add providers {brief(name)} to the configuration, or give the session an llm_client"
        if name and model_id
        else "name a model as provider/model"
    )
    raise UnknownModel(
        f"{fault}; providers here: {', '.join(map(brief, known)) or 'none'}",
        hint=f"did you mean {near[0]}?" if near else other,
    )


def _api_key(provider: Provider, model: ModelEntry) -> Secret:
    # A key that the model's own block names is never replaced by the provider's: the
    # model may have a base_url of its own, and the key would go to a stranger.
    owner = model if model.api_key is not None else provider
    key = owner.api_key
    if key:
        return key
    who = f"provider {brief(provider.name)} has no API key"
    if key is not None and key.variable:
        raise owner.at.error(
            f"{who}: environment variable {brief(key.variable)} is not set or is empty",
            "set it and start again",
        )
    raise owner.at.error(f"{who}: api_key is missing", 'add api_key = env("…")')


def _base_url(provider: Provider, model: ModelEntry) -> str:
    url = model.base_url or provider.base_url or _BASE_URLS.get(provider.name.lower())
    if url is None:
        raise provider.at.error(
            f"provider {brief(provider.name)} needs a base_url", 'add base_url = "https://…"'
        )
    return url


def _headers(outer: Mapping[str, Secret], inner: Mapping[str, Secret]) -> Mapping[str, Secret]:
    overridden = {name.lower() for name in inner}
    kept = {name: value for name, value in outer.items() if name.lower() not in overridden}
    return {**kept, **inner}
