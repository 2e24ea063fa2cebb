"""The guards that are asked about what runs now, beside that of its session."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # few sessions have a guard
    from a3s_code.harness.budgets.guarding import Guarding

_GUARDS: ContextVar[tuple[Guarding, ...]] = ContextVar("a3s_guards", default=())


@contextmanager
def guarded(guard: Guarding) -> Generator[None]:
    """
    Have a guard asked about all that is done in the block, and in tasks that begin in it.

    It is asked beside the guard of the session, and the stricter one wins.
    """
    token = _GUARDS.set((*_GUARDS.get(), guard))
    try:
        yield
    finally:
        _GUARDS.reset(token)


@contextmanager
def unguarded() -> Generator[None]:
    """Have no guard of a block around this one asked about what is done in it."""
    token = _GUARDS.set(())
    try:
        yield
    finally:
        _GUARDS.reset(token)


def guards_here() -> tuple[Guarding, ...]:
    """Give the guards of the blocks of `guarded` that the code which runs now is in."""
    return _GUARDS.get()
