"""Fixtures of the tests of `a3s_code.testing`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from a3s_code.testing import Script, ScriptedServer
from llm.conftest import clock, http

__all__ = ("clock", "http", "serve")


@pytest.fixture
def serve() -> Iterator[Callable[[Script], ScriptedServer]]:
    with contextlib.ExitStack() as running:
        yield lambda script: running.enter_context(ScriptedServer(script))
