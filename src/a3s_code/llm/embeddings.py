"""
Embeddings of OpenAI, and of the many servers that speak its wire.

Source:
    OpenAI API reference, "Embeddings: create"; SPEC 11.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from a3s_code.checks import check_text
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.clock import Clock, SystemClock
from a3s_code.kernel.messages import JsonObject, Usage
from a3s_code.kernel.retrieval import Embedded, Vector
from a3s_code.llm.body import Body
from a3s_code.llm.breaker import Breaker
from a3s_code.llm.embedding_answer import embedded
from a3s_code.llm.endpoint import Endpoint, Timeouts
from a3s_code.llm.http import Exchange, Http
from a3s_code.llm.intake import receive_whole
from a3s_code.llm.posting import Post, Posting
from a3s_code.llm.wire import encode

DEFAULT_MODEL = "text-embedding-3-small"
OPENAI = "https://api.openai.com/v1"
PATH = "embeddings"
MAX_BATCH_TEXTS = 128
MAX_BATCH_BYTES = 256 * 1024
"""Of the texts of one request, which OpenAI bounds to 2,048 texts and 300,000 tokens."""
TIMEOUTS = Timeouts(connect_s=10.0, idle_s=30.0, total_s=120.0)

_OWN_DIMENSIONS = {
    "text-embedding-3-small": 1_536,
    "text-embedding-3-large": 3_072,
    "text-embedding-ada-002": 1_536,
}
_SHORTENED = frozenset({"text-embedding-3-small", "text-embedding-3-large"})
_HEADERS = {
    "content-type": "application/json",
    "accept": "application/json",
    "user-agent": "a3s-code",
}


class OpenAiEmbeddingProvider:
    """
    Embeds texts over HTTP; see `kernel.retrieval.MeteredEmbedding`.

    A call is cut into requests of bounded size, which are sent one after the other, each with
    the attempts, pauses, breaker and proxies of calls of a model. Vectors are `array("f")`.

    Args:
        api_key: Empty for servers that want none. It is never read from the environment.
        model: The id that goes over the wire.
        dimensions: How long the vectors are, which must be said of a model that is not OpenAI's.
            `text-embedding-3-small` and `-large` are asked to shorten theirs to it.
        base_url: With or without a version segment such as `/v1`.
        headers: Sent with every request.
        encoding: How the server is asked to write vectors; its answer is read either way.

    Raises:
        InvalidType, InvalidValue: an argument is not accepted; says which, and shows no secret.
    """

    __slots__ = ("_dimensions", "_encoding", "_http", "_model", "_post_headers", "_posting")

    def __init__(
        self,
        api_key: str = "",
        *,
        model: str = DEFAULT_MODEL,
        dimensions: int | None = None,
        base_url: str = OPENAI,
        headers: Mapping[str, str] | None = None,
        encoding: Literal["base64", "float"] = "base64",
        clock: Clock | None = None,
    ) -> None:
        for name, text in (("api_key", api_key), ("model", model), ("base_url", base_url)):
            check_text(name, text)
        if encoding not in {"base64", "float"}:
            raise InvalidValue(f"encoding is {encoding!r}.", hint="use 'base64' or 'float'")
        self._model, self._encoding = model, encoding
        self._dimensions = _dimensions_of(model, dimensions)
        endpoint = Endpoint(
            ref=f"embedding/{model}",
            model=model,
            base_url=base_url,
            api_key=api_key,
            headers=tuple((headers or {}).items()),
            timeouts=TIMEOUTS,
        )
        key = {"authorization": f"Bearer {api_key}"} if api_key else {}
        own = {name.lower(): value for name, value in endpoint.headers}
        self._post_headers = {**_HEADERS, **key, **own}
        self._http = Http()
        clock = clock or SystemClock()
        self._posting = Posting(endpoint, self._http, clock, Breaker(clock))

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def model(self) -> str:
        return self._model

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """
        Give one vector for each text, in the order of the texts.

        Raises:
            InvalidValue, InvalidType: a text is empty, or none; nothing was sent.
            ModelRefused, ModelUnavailable: a request failed for good; says why and shows no
                secret.
        """
        return (await self.embed_metered(texts)).vectors

    async def embed_metered(self, texts: Sequence[str]) -> Embedded:
        """As `embed`, with the tokens that the server says it took."""
        _check_texts(texts)
        vectors: list[Vector] = []
        usage = Usage()
        for batch in _batches(texts):
            part = await self._ask(batch)
            vectors += part.vectors
            usage += part.usage
        return Embedded(vectors, usage)

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._http.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self._model!r}, dimensions={self._dimensions})"

    async def _ask(self, batch: Sequence[str]) -> Embedded:
        async def read(exchange: Exchange, _: int) -> Embedded:
            return embedded(await receive_whole(exchange), len(batch), self._dimensions)

        endpoint = self._posting.endpoint
        post = Post(endpoint.url(PATH), self._post_headers, Body([encode(self._body(batch))]))
        return await self._posting.send(post, read, _unseen)

    def _body(self, batch: Sequence[str]) -> JsonObject:
        body: JsonObject = {
            "model": self._model,
            "input": list(batch),
            "encoding_format": self._encoding,
        }
        if self._model in _SHORTENED and self._dimensions != _OWN_DIMENSIONS[self._model]:
            body["dimensions"] = self._dimensions
        return body


def _unseen(attempt: int, reason: str, delay_s: float) -> None:
    """Nobody watches: an error says in the end how many attempts there were."""


def _dimensions_of(model: str, given: int | None) -> int:
    own = _OWN_DIMENSIONS.get(model)
    if given is None:
        if own is None:
            raise InvalidValue(
                f"How long the vectors of {model!r} are is not known here.",
                hint="give dimensions, such as dimensions=768",
            )
        return own
    if isinstance(given, bool) or not isinstance(given, int):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
        raise InvalidType(f"dimensions is a {type(given).__name__}, not int.")
    if given < 1 or (own is not None and given > own):
        most = f" to {own}" if own is not None else " or more"
        raise InvalidValue(f"dimensions is {given}.", hint=f"give 1{most}")
    if own is not None and given != own and model not in _SHORTENED:
        raise InvalidValue(f"{model} gives {own} dimensions, not {given}.")
    return given


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise InvalidType("embed was given one text.", hint="give a list: embed([text])")
    for at, text in enumerate(texts):
        check_text(f"texts[{at}]", text)
        if not text.strip():
            raise InvalidValue(f"texts[{at}] is empty.", hint="leave empty texts out")


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut into parts within the bounds; a text that is beyond them alone is one by itself."""
    begun, size = 0, 0
    for at, text in enumerate(texts):
        length = len(text.encode("utf-8", "replace"))
        if at > begun and (at - begun >= MAX_BATCH_TEXTS or size + length > MAX_BATCH_BYTES):
            yield texts[begun:at]
            begun, size = at, 0
        size += length
    if begun < len(texts):
        yield texts[begun:]
