"""The models of an agent: which one answers a session, and what its tokens cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from a3s_code.api.settings import Opening, Settings
from a3s_code.errors import InvalidType, InvalidValue, UnknownModel
from a3s_code.kernel.ports import Model

if TYPE_CHECKING:
    from a3s_code.config.providers import Cost, ResolvedModel
    from a3s_code.config.schema import Config
    from a3s_code.kernel.messages import Usage
    from a3s_code.llm.breaker import Breaker
    from a3s_code.llm.endpoint import Endpoint
    from a3s_code.llm.http import Http
    from a3s_code.llm.pricing import Price

BREAKER_THRESHOLD = 3
MIN_KEY_CHARS = 8
CONTEXT_WINDOW = 200_000
SILENCE_S = 300.0
"""How long a model may think without sending a byte."""


class Models:
    """
    Those that one configuration names. Sessions that ask alike share one.

    Nothing is connected, and no adapter is imported, before a model is opened.
    """

    __slots__ = ("_breakers", "_config", "_http", "_open")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._open: dict[tuple[str, int], Model] = {}
        self._breakers: dict[tuple[str, int], Breaker] = {}
        self._http: Http | None = None

    def choose(self, settings: Settings, last: str | None = None) -> str:
        """
        Say which model is to answer, `provider/model`: what was given, else `last`.

        Args:
            last: The one that answered before, when the session goes on.

        Raises:
            UnknownModel, ConfigError: the configuration cannot serve it.
            InvalidValue: there is none, or `llm_client` is another one.
        """
        if settings.llm_client is not None:
            return _ref_of(settings.llm_client, settings.model)
        ref = settings.model or last or self._config.default_model
        if ref is None:
            raise InvalidValue(
                "The configuration has no default_model.",
                hint="set default_model, or give the session a model",
            )
        self._config.resolve_model(ref)
        return ref

    def answering(self, ref: str, opening: Opening) -> Model:
        """
        Open what answers a session, with the connections and the breaker that it shares.

        Raises:
            UnknownModel, ConfigError: the configuration cannot serve `ref`, or the
                session has an `llm_client`, which is another model.
        """
        settings = opening.settings
        if settings.llm_client is None:
            threshold = settings.limits.breaker_threshold or BREAKER_THRESHOLD
            key = (ref, threshold)
            if key not in self._open:
                self._open[key] = self._provided(ref, threshold)
            return self._open[key]
        if ref != opening.model:
            raise UnknownModel(
                f"The llm_client of this session answers as {opening.model}, not as {ref}.",
                hint="open a session without llm_client, or with one that is this model",
            )
        return settings.llm_client

    def _provided(self, ref: str, threshold: int) -> Model:
        from a3s_code.kernel.clock import SystemClock
        from a3s_code.llm.breaker import Breaker
        from a3s_code.llm.http import Http

        found = self._config.resolve_model(ref)
        match found.kind:
            case "anthropic":
                from a3s_code.llm.anthropic import AnthropicModel as Provider
            case "openai":
                from a3s_code.llm.openai import OpenAIModel as Provider
            case _:
                assert_never(found.kind)
        clock = SystemClock()
        self._http = self._http or Http()
        breaker = self._breakers.setdefault(
            (found.provider, threshold), Breaker(clock, threshold=threshold)
        )
        return Provider(_endpoint(found), self._http, clock, breaker)

    def secrets(self) -> Iterator[tuple[str, str]]:
        """Give the keys and headers of all providers; what is shorter than a key is a sample."""
        for provider in self._config.providers:
            for owner in (provider, *provider.models):
                keys = [owner.api_key] if owner.api_key is not None else []
                for name, secrets in (("API_KEY", keys), ("HEADER", owner.headers.values())):
                    yield from (
                        (name, text)
                        for secret in secrets
                        if len(text := secret.reveal()) >= MIN_KEY_CHARS
                    )

    def price(self, ref: str, usage: Usage) -> float | None:
        """
        Give what the tokens of one request cost, in US dollars; None when nobody knows.

        What the configuration states wins over the table; where it states only some prices, the
        table has the others. Needs no key.
        """
        from a3s_code.llm.pricing import price_of

        known, stated = price_of(ref), self._cost(ref)
        price = _stated(stated, known) if stated is not None else known
        return price.of(usage) if price is not None else None

    def _cost(self, ref: str) -> Cost | None:
        name, _, model_id = ref.partition("/")
        known = {provider.name: provider for provider in self._config.providers}
        models = known[name].models if name in known else ()
        return next((model.cost for model in models if model.id == model_id), None)

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.close()


def _ref_of(client: Model, wanted: str | None) -> str:
    """Give the name that a model of the caller's own goes by."""
    ref: object = client.ref
    if not isinstance(ref, str):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"The ref of llm_client is a {type(ref).__name__}, not str.")
    if wanted not in (None, ref):
        raise InvalidValue(
            f"model is {wanted}, and llm_client answers as {ref}.", hint="leave model out"
        )
    return ref


def _stated(cost: Cost, known: Price | None) -> Price:
    """Take the prices that the configuration states, and for the others what is known."""
    from a3s_code.llm.pricing import Price

    said = cost.declared
    table = known or Price(0.0, 0.0)
    own_input = "input" in said  # then what the table says of the cache belongs to another price
    return Price(
        cost.input if own_input else table.input_usd,
        cost.output if "output" in said else table.output_usd,
        cost.cache_read if "cache_read" in said else None if own_input else table.cache_read_usd,
        cost.cache_write if "cache_write" in said else None if own_input else table.cache_write_usd,
    )


def _endpoint(found: ResolvedModel) -> Endpoint:
    from a3s_code.llm.endpoint import Endpoint, Timeouts

    return Endpoint(
        ref=found.ref,
        model=found.model,
        base_url=found.base_url,
        api_key=found.api_key.reveal(),
        headers=tuple((name, value.reveal()) for name, value in found.headers.items()),
        session_id_header=found.session_id_header or "",
        context_window=found.limit.context or CONTEXT_WINDOW,
        max_output_tokens=found.limit.output,
        timeouts=Timeouts(idle_s=SILENCE_S),
    )
