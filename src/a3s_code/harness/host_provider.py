"""A provider of context that the host wrote, with a `query` that waits or one that does not."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from a3s_code.harness.host_function import in_thread, is_async
from a3s_code.kernel.context import ContextItem, ContextProvider, ContextQuery


def asked(provider: ContextProvider) -> ContextProvider:
    """Give a provider that can be waited for; told apart once."""
    return provider if is_async(provider.query) else _Blocking(provider)


@dataclass(frozen=True, slots=True)
class _Blocking:
    """Asks in a thread, so that the loop goes on."""

    provider: ContextProvider

    @property
    def name(self) -> str:
        return self.provider.name

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        given = await in_thread(partial(self.provider.query, query))
        if inspect.isawaitable(given):  # a function that gives something to wait for
            given = await cast("Awaitable[object]", given)
        return cast("Sequence[ContextItem]", given)  # the assembler checks it
