"""Fixtures of the tests of `a3s_code.testing`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from a3s_code.llm.http import Http
from a3s_code.testing import Script, ScriptedServer
from llm.talk import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    shared = Http()
    yield shared
    await shared.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Script], ScriptedServer]]:
    with contextlib.ExitStack() as running:
        yield lambda script: running.enter_context(ScriptedServer(script))
