"""The parent's side of `crash_process`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from a3s_code.errors import UsageError
from a3s_code.testing.crash_orders import Ended, Order

_ended = msgspec.json.Decoder[Ended](Ended)


def name_of(target: Callable[..., object] | str) -> str:
    """
    Give the name under which another process finds a function.

    Raises:
        UsageError: it has none: a lambda, or a function inside a function.
    """
    if isinstance(target, str):
        return target
    code = getattr(target, "__code__", None)
    name = getattr(target, "__qualname__", "")
    if code is None or not name.isidentifier():
        raise UsageError(
            f"Another process cannot find {target!r}.",
            hint="give a function of a module, or its name as 'module:function'",
        )
    return f"{Path(code.co_filename).absolute()}:{name}"


class CrashRunner:
    """One `crash_process`, for one thread; ends with the block."""

    __slots__ = ("_process",)

    def __init__(self, scenario: str, make_store: str | None) -> None:
        command = [sys.executable, "-m", "a3s_code.testing.crash_process", scenario]
        self._process = subprocess.Popen(
            [*command, make_store] if make_store else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.__exit__(kind, error, trace)

    def obey(self, order: Order) -> Ended:
        """
        Carry out an order, and return when its process and all that it started has ended.

        Raises:
            UsageError: the scenario cannot be imported; standard error says why.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            line = b""
        else:
            line = self._process.stdout.readline()
        if not line:
            raise UsageError(
                "The process that starts the scenario has ended.",
                hint="read what it wrote to standard error; the scenario must be importable",
            )
        return _ended.decode(line)
