"""The ledger: never over a limit, and the sum of what is inside is what is outside."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.harness.budgets.scope import NANO, NOTHING, Amount, Hold, Mark, Scope
from a3s_code.kernel.budget import Budget


def scope(**limits: float) -> Scope:
    return Scope("session", "s", Budget(**limits))  # type: ignore[arg-type]


def test_what_is_reserved_is_not_there_for_others_until_it_is_settled() -> None:
    own = scope(tokens=100)
    hold = own.reserve(Amount(80))
    assert isinstance(hold, Hold)

    missing = own.reserve(Amount(30))
    assert isinstance(missing, Mark)
    assert (missing.resource, missing.consumed, missing.is_passing) == ("tokens", 80, True)
    hold.settle(Amount(10))

    assert isinstance(own.reserve(Amount(30)), Hold)
    assert own.now()[:2] == (Amount(10), Amount(30))


def test_what_is_used_up_is_not_waited_for() -> None:
    own = scope(tokens=100)
    hold = own.reserve(Amount(80))
    assert isinstance(hold, Hold)
    hold.settle(Amount(80))

    missing = own.reserve(Amount(30))

    assert isinstance(missing, Mark)
    assert not missing.is_passing


def test_the_scope_that_has_the_least_left_decides() -> None:
    outer = scope(tokens=100)
    run = Scope("run", "r", Budget(tokens=50), outer)
    child = Scope("child", "c", None, run)
    assert isinstance(child.reserve(Amount(51)), Mark)

    missing = child.reserve(Amount(51))

    assert isinstance(missing, Mark)
    assert missing.scope is run
    assert outer.now()[1] == NOTHING, "a reservation that was refused is nowhere"


def test_a_hold_counts_once_however_often_it_is_settled() -> None:
    own = scope(tokens=100)
    hold = own.reserve(Amount(80))
    assert isinstance(hold, Hold)

    hold.settle(Amount(10))
    hold.settle(Amount(10))

    assert own.now()[:2] == (Amount(10), NOTHING)


def test_more_than_was_reserved_is_booked_and_nothing_is_given_after_it() -> None:
    own = scope(tokens=100)
    hold = own.reserve(Amount(80))
    assert isinstance(hold, Hold)

    hold.settle(Amount(130))

    assert own.used == Amount(130)
    assert isinstance(own.reserve(Amount(1)), Mark)


def test_a_soft_limit_is_told_once_for_each_resource() -> None:
    own = scope(tokens=100, usd=1.0, soft=0.5)
    first = own.reserve(Amount(40))
    assert isinstance(first, Hold)
    assert first.crossed == ()
    second = own.reserve(Amount(20, NANO // 2))
    assert isinstance(second, Hold)

    assert {(mark.resource, mark.consumed) for mark in second.crossed} == {
        ("tokens", 60),
        ("usd", 0.5),
    }
    assert first.settle(Amount(40)) == ()
    third = own.reserve(Amount(10))
    assert isinstance(third, Hold)
    assert third.crossed == ()


def test_whoever_waits_is_woken_when_something_is_settled_and_only_then() -> None:
    own, woken = scope(tokens=100), list[str]()
    hold = own.reserve(Amount(100))
    assert isinstance(hold, Hold)
    assert isinstance(own.reserve(Amount(50), lambda: woken.append("a")), Mark)
    assert woken == []

    hold.settle(Amount(10))
    assert woken == ["a"]


@pytest.mark.parametrize("limit", [0, 1])
def test_calls_are_counted_one_by_one(limit: int) -> None:
    own = scope(tool_calls=limit)
    taken = [own.spend(Amount(tool_calls=1)) for _ in range(3)]

    assert [isinstance(each, Mark) for each in taken] == [at >= limit for at in range(3)]
    assert own.used.tool_calls == limit


# Whatever happens, in any order


@dataclass
class Tree:
    scopes: list[Scope]
    own: dict[int, Amount] = field(default_factory=dict[int, Amount])
    holds: list[tuple[int, Hold]] = field(default_factory=list[tuple[int, Hold]])

    def book(self, at: int, amount: Amount) -> None:
        before = self.own.get(at, NOTHING)
        self.own[at] = Amount(*(a + b for a, b in zip(before, amount, strict=True)))

    def inside(self, outer: Scope) -> list[int]:
        return [at for at, each in enumerate(self.scopes) if outer in list(each.line())]

    def check(self) -> None:
        for each in self.scopes:
            used, reserved, _ = each.now()
            below = [self.own.get(at, NOTHING) for at in self.inside(each)]
            assert used == Amount(*map(sum, zip(NOTHING, *below, strict=True)))
            held = [hold.amount for at, hold in self.holds if at in self.inside(each)]
            assert reserved == Amount(*map(sum, zip(NOTHING, *held, strict=True)))
            for limit, one, other in zip(each.caps, used, reserved, strict=True):
                assert limit is None or one + other <= limit, "it is never over"


LIMITS = st.one_of(st.none(), st.integers(0, 60))
AMOUNTS = st.builds(Amount, st.integers(0, 30), st.integers(0, 30), st.integers(0, 2))
STEPS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["take", "settle", "drop", "call"]), AMOUNTS),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(
    limits=st.lists(st.tuples(st.integers(0, 7), LIMITS, LIMITS, LIMITS), min_size=1, max_size=8),
    steps=STEPS,
)
def test_sums_hold_and_nothing_leaks(
    limits: list[tuple[int, int | None, int | None, int | None]],
    steps: list[tuple[int, str, Amount]],
) -> None:
    scopes: list[Scope] = []
    for at, (parent, tokens, nano, calls) in enumerate(limits):
        budget = Budget(tokens=tokens, usd=None if nano is None else nano / NANO, tool_calls=calls)
        outer = scopes[parent % at] if at else None
        scopes.append(Scope("session", str(at), budget, outer))
    tree = Tree(scopes)

    for who, what, amount in steps:
        at = who % len(scopes)
        if what == "take":
            found = scopes[at].reserve(amount)
            if isinstance(found, Hold):
                tree.holds.append((at, found))
        elif what == "call":
            one = Amount(tool_calls=1)
            if not isinstance(scopes[at].spend(one), Mark):
                tree.book(at, one)
        elif tree.holds:
            place, hold = tree.holds.pop(who % len(tree.holds))
            less = [min(a, b) for a, b in zip(amount, hold.amount, strict=True)]
            used = Amount(*less) if what == "settle" else NOTHING
            hold.settle(used)
            tree.book(place, used)
        tree.check()
    for _, hold in tree.holds:
        hold.settle()
    tree.holds.clear()
    tree.check()
    assert all(each.reserved == NOTHING for each in scopes)


def test_threads_never_get_over_a_limit_together() -> None:
    tenant = Scope("tenant", "t", Budget(tokens=10_000))
    sessions = [Scope("session", str(at), None, tenant) for at in range(8)]
    over: list[int] = []

    def spend(own: Scope) -> None:
        for _ in range(400):
            found = own.reserve(Amount(7))
            if isinstance(found, Hold):
                used, reserved, _ = tenant.now()
                over.append(used.tokens + reserved.tokens)
                found.settle(Amount(5))

    threads = [threading.Thread(target=spend, args=(each,)) for each in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(over) <= 10_000
    assert tenant.reserved == NOTHING
    assert tenant.used.tokens == sum(each.used.tokens for each in sessions)
