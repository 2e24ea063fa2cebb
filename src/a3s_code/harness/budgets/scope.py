"""
The ledger: limits, what is reserved under them, and what is used up.

A scope stands inside another: tenant, session, run, child, child of a child. What is reserved or
used in one is so in all around it, and that is checked and taken at once, under the one lock of
the tree, which is held for microseconds and never while anything waits. So scopes may be used from
several threads, and no sum of theirs is ever over a limit, whoever comes first. What is used can
only pass a limit where more was used than had been reserved.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from a3s_code.kernel.budget import SOFT, Budget, Resource

NANO = 1_000_000_000
"""Of a US dollar; sums of whole numbers are exact."""
MAX_KEPT = 256
"""Inner scopes that one remembers for whoever asks what was used, the latest."""
COUNTED: tuple[Resource, ...] = ("tokens", "usd", "tool_calls")
"""What amounts are of, in their order."""


class Amount(NamedTuple):
    """In the order of `COUNTED`; dollars are counted in billionths."""

    tokens: int = 0
    nano_usd: int = 0
    tool_calls: int = 0


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Mark:
    """
    A limit that was come to.

    Attributes:
        consumed, limit: Tokens, US dollars, calls or milliseconds; what is reserved counts.
        is_passing: It is only reserved by others, who may not need it.
        asked: What was to be reserved, and did not fit; 0 = nothing was.
    """

    scope: Scope
    resource: Resource
    consumed: float
    limit: float
    is_passing: bool = False
    asked: float = 0


class Hold:
    """What is reserved in a scope until it is settled, once; `crossed` was so by taking it."""

    __slots__ = ("amount", "crossed", "is_open", "scope")

    def __init__(self, scope: Scope, amount: Amount, crossed: tuple[Mark, ...]) -> None:
        self.scope, self.amount, self.crossed = scope, amount, crossed
        self.is_open = True

    def settle(self, used: Amount = NOTHING) -> tuple[Mark, ...]:
        """Put what was used in the place of what was reserved; give the soft limits come to."""
        return self.scope.settle(self, used)


class _Tree:
    """What all scopes of a tree share: one lock, and who waits for something to be settled."""

    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[Callable[[], None]] = []


class Scope:
    """
    Args:
        kind: `tenant`, `session`, `run` or `child`.
        before: Used up before this object was made, which the scopes around know nothing of.

    Attributes:
        caps: Limits in the order of an `Amount`; None = none.
        children: The latest ones inside.
        elapsed_ms: Of works that have ended; `since` is when the one that goes on began, by
            `Clock.monotonic`.
        stopped: Why nothing may be asked in it any more; None while it may.
        refusals: Calls that a guard would not have.
    """

    __slots__ = (
        "_soft",
        "_told",
        "before",
        "budget",
        "caps",
        "children",
        "elapsed_ms",
        "has_usd",
        "id",
        "is_bounded",
        "kind",
        "parent",
        "refusals",
        "reserved",
        "since",
        "stopped",
        "tree",
        "used",
    )

    def __init__(
        self,
        kind: str,
        id: str,  # noqa: A002 - its name everywhere else
        budget: Budget | None = None,
        parent: Scope | None = None,
        before: Amount = NOTHING,
    ) -> None:
        self.kind, self.id, self.parent, self.budget = kind, id, parent, budget
        limits = budget or Budget()
        nano = None if limits.usd is None else round(limits.usd * NANO)
        self.caps = (limits.tokens, nano, limits.tool_calls)
        self._soft = limits.soft if budget is not None else SOFT
        self.is_bounded = any(each is not None for each in self.caps)
        self.has_usd = nano is not None or (parent is not None and parent.has_usd)
        self.before, self.used, self.reserved = before, before, NOTHING
        self.children: deque[Scope] = deque(maxlen=MAX_KEPT)
        self._told: set[tuple[str, str]] = set()
        self.elapsed_ms, self.since = 0.0, None
        self.stopped: Mark | None = None
        self.refusals = 0
        self.tree: _Tree = _Tree() if parent is None else parent.tree
        if parent is not None:
            with self.tree.lock:
                parent.children.append(self)

    since: float | None

    def line(self) -> Iterator[Scope]:
        """Give this one and those around it, outwards."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    # Before

    def reserve(self, amount: Amount, wake: Callable[[], None] | None = None) -> Hold | Mark:
        """
        Reserve in all scopes around at once, or in none.

        Args:
            wake: Called, in any thread, when something was settled, once; but only where what is
                missing is reserved by others.
        """
        with self.tree.lock:
            mark = self._missing(amount, wake)
            if mark is not None:
                return mark
            crossed: list[Mark] = []
            for scope in self.line():
                scope.reserved = _sum(scope.reserved, amount)
                if scope.is_bounded:
                    crossed += scope.crossing()
            return Hold(self, amount, tuple(crossed))

    def spend(self, amount: Amount) -> Mark | tuple[Mark, ...]:
        """Use up in all scopes around at once, or in none; give the soft limits come to."""
        with self.tree.lock:
            mark = self._missing(amount)
            return self._use(amount) if mark is None else mark

    def missing(self, amount: Amount, wake: Callable[[], None] | None = None) -> Mark | None:
        """Say what `reserve` would; nothing is taken."""
        with self.tree.lock:
            return self._missing(amount, wake)

    def _missing(self, amount: Amount, wake: Callable[[], None] | None = None) -> Mark | None:
        """Say which limit is in the way; one that is used up goes before one that is reserved."""
        passing: Mark | None = None
        for scope in self.line():
            if not scope.is_bounded:
                continue
            for at, limit in enumerate(scope.caps):
                if limit is None or not amount[at]:
                    continue
                used = scope.used[at]
                if used + scope.reserved[at] + amount[at] > limit:
                    found = scope.mark(at, amount[at], is_passing=used + amount[at] <= limit)
                    if not found.is_passing:
                        return found
                    passing = passing or found
        if passing is not None and wake is not None:
            self.tree.waiting.append(wake)
        return passing

    # After

    def settle(self, hold: Hold, used: Amount) -> tuple[Mark, ...]:
        """See `Hold.settle`."""
        with self.tree.lock:
            if not hold.is_open:
                return ()
            hold.is_open = False
            less = Amount(*(-each for each in hold.amount))
            for scope in self.line():
                scope.reserved = _sum(scope.reserved, less)
            crossed = self._use(used)
            waiting, self.tree.waiting = self.tree.waiting, []
        for wake in waiting:
            wake()
        return crossed

    def _use(self, amount: Amount) -> tuple[Mark, ...]:
        crossed: list[Mark] = []
        for scope in self.line():
            scope.used = _sum(scope.used, amount)
            if scope.is_bounded:
                crossed += scope.crossing()
        return tuple(crossed)

    # What is told of it

    def room(self) -> tuple[int | None, int | None]:
        """Give the tokens and the billionths of a dollar that are not used up; None = no limit."""
        least: list[int | None] = [None, None]
        with self.tree.lock:
            for scope in self.line():
                for at in (0, 1):
                    limit, known = scope.caps[at], least[at]
                    if limit is not None:
                        left = limit - scope.used[at]
                        least[at] = left if known is None else min(known, left)
        return least[0], least[1]

    def now(self) -> tuple[Amount, Amount, tuple[Scope, ...]]:
        """Give what is used and what is reserved, of one moment, and the scopes inside."""
        with self.tree.lock:
            return self.used, self.reserved, tuple(self.children)

    def tells(self, kind: str, resource: Resource) -> bool:
        """Say whether something of a resource is told for the first time."""
        with self.tree.lock:
            known = (kind, resource) in self._told
            self._told.add((kind, resource))
            return not known

    def crossing(self) -> Iterator[Mark]:
        """Give each soft limit that is come to for the first time; under the lock of the tree."""
        for at, limit in enumerate(self.caps):
            if limit is None or ("soft", COUNTED[at]) in self._told:
                continue
            if self.used[at] + self.reserved[at] >= limit * self._soft:
                self._told.add(("soft", COUNTED[at]))
                yield self.mark(at)

    def mark(self, at: int, asked: int = 0, *, is_passing: bool = False) -> Mark:
        """Say how far a limit is used, by its place in `caps`; under the lock of the tree."""
        unit = NANO if COUNTED[at] == "usd" else 1
        consumed, limit = self.used[at] + self.reserved[at], self.caps[at] or 0
        return Mark(self, COUNTED[at], consumed / unit, limit / unit, is_passing, asked / unit)


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(one[0] + other[0], one[1] + other[1], one[2] + other[2])
