"""Fixtures of the model adapters' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from a3s_code.llm.http import Http
from llm.asking import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    shared = Http()
    yield shared
    await shared.close()
