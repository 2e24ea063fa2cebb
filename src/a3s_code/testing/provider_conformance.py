"""
What every provider of context promises, as checks that you can run on your own.

    async def my_provider():
        provider = MyProvider(...)
        return Provided(provider, "words that it has several things for")

    @pytest.mark.parametrize("check", CONTEXT_PROVIDER_CHECKS, ids=lambda check: check.__name__)
    async def test_my_provider_keeps_its_promises(check):
        await check(my_provider)

Source:
    kernel/context.py, `ContextProvider`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, get_args

import msgspec

from a3s_code.kernel.context import ContextItem, ContextProvider, ContextQuery, Trust

SHORT_CHARS = 600
"""Of an item when only an abstract is wanted, which is about 100 tokens."""
_CHARS_PER_TOKEN = 4


class Provided(msgspec.Struct, frozen=True):
    """A provider that is ready to be asked, and words that it gives at least two items for."""

    provider: ContextProvider
    question: str


ProviderFactory: TypeAlias = Callable[[], Awaitable[Provided]]
ProviderCheck: TypeAlias = Callable[[ProviderFactory], Awaitable[None]]


async def _asked(provided: Provided, **narrower: Any) -> Sequence[ContextItem]:  # noqa: ANN401 - fields of a query
    query = ContextQuery(query=provided.question)
    return await provided.provider.query(msgspec.structs.replace(query, **narrower))


def _shown(items: Sequence[ContextItem]) -> list[ContextItem]:
    """Leave out items that only say why there is nothing."""
    return [item for item in items if item.content.strip()]


async def it_has_a_name(factory: ProviderFactory) -> None:
    name: object = (await factory()).provider.name
    assert isinstance(name, str), "its name is no text"
    assert name.strip(), "its name is empty"


async def it_gives_items_for_what_it_has(factory: ProviderFactory) -> None:
    items = await _asked(await factory())

    assert all(type(item) is ContextItem for item in items), "something is no ContextItem"
    assert len(_shown(items)) > 1, "it has nothing for words that it has several things for"


async def every_item_says_where_it_comes_from(factory: ProviderFactory) -> None:
    items = await _asked(await factory())
    sources = [item.source for item in items]

    assert all(sources), "an item has no source"
    assert len(set(sources)) == len(sources), "two items have one source"
    assert all(item.why for item in items), "an item does not say why it is offered"
    assert {item.trust for item in items} <= set(get_args(Trust)), "a trust that there is not"


async def its_figures_are_shares(factory: ProviderFactory) -> None:
    for item in await _asked(await factory()):
        figures = (item.relevance, item.priority, item.freshness)
        assert all(0 <= figure <= 1 for figure in figures), f"{figures} are not from 0 to 1"


async def metadata_are_plain_json(factory: ProviderFactory) -> None:
    for item in await _asked(await factory()):
        try:
            again = msgspec.json.decode(msgspec.json.encode(item.metadata))
        except (TypeError, ValueError) as error:
            raise AssertionError(f"metadata cannot be written down: {error}") from error
        assert again == item.metadata, "metadata are not the same once they were written down"


async def it_gives_no_more_items_than_are_wanted(factory: ProviderFactory) -> None:
    items = _shown(await _asked(await factory(), max_results=1))

    assert len(items) == 1, f"{len(items)} items, and 1 was wanted"


async def it_gives_no_more_tokens_than_are_wanted(factory: ProviderFactory) -> None:
    most = 20
    items = await _asked(await factory(), max_tokens=most)

    chars = sum(len(item.content) for item in items)
    assert chars <= most * _CHARS_PER_TOKEN, f"{chars} characters for {most} tokens"


async def an_abstract_is_short(factory: ProviderFactory) -> None:
    for item in await _asked(await factory(), depth="abstract"):
        assert len(item.content) <= SHORT_CHARS, f"{item.source} has {len(item.content)}"


async def other_kinds_are_not_given(factory: ProviderFactory) -> None:
    items = await _asked(await factory(), context_types=("no such kind",))

    assert not _shown(items), "it gives what was not asked for"


async def empty_words_are_no_error(factory: ProviderFactory) -> None:
    provided = await factory()
    for nothing in ("", " \n", "\0", "the of and"):
        try:
            await _asked(provided, query=nothing)
        except Exception as error:  # any would cost a run its context
            raise AssertionError(f"{nothing!r} raises {type(error).__name__}") from error


async def the_same_question_has_the_same_answer(factory: ProviderFactory) -> None:
    provided = await factory()
    first = await _asked(provided)
    at_once = await asyncio.gather(*(_asked(provided) for _ in range(5)))

    assert all(list(again) == list(first) for again in at_once), "answers differ"


CONTEXT_PROVIDER_CHECKS: tuple[ProviderCheck, ...] = (
    it_has_a_name,
    it_gives_items_for_what_it_has,
    every_item_says_where_it_comes_from,
    its_figures_are_shares,
    metadata_are_plain_json,
    it_gives_no_more_items_than_are_wanted,
    it_gives_no_more_tokens_than_are_wanted,
    an_abstract_is_short,
    other_kinds_are_not_given,
    empty_words_are_no_error,
    the_same_question_has_the_same_answer,
)
