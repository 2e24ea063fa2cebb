"""
Whether what a check has shown still holds for the files of now.

A check ran on one tree of the workspace and left another. What it showed holds for the tree of now
when that is the one that it ran on, or can be reached from there by steps that only checks made
and that only touched by-products: files that a check had put where nothing was before, and the
caches of well-known tools. A formatter that rewrites a source, a write of the model, a byte that
somebody changes by hand, a file that is gone: each of them is another tree that no such step
leads to. What nobody can tell holds for nothing.

What git ignores is in no tree, and so is neither shown nor made stale by anything.

Source:
    DESIGN 1, "nothing is claimed without proof".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from a3s_code.kernel.snapshots import Difference
from a3s_code.kernel.verification import Check, Ran, Report, Risk

Standing: TypeAlias = Literal["fresh", "stale", "unknown"]

NAMED_PATHS = 5
"""Paths that a sentence names; it counts the others."""

_CACHES = frozenset(
    {
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".tox",
        ".nox",
        ".nyc_output",
        ".cache",
    }
)
_CACHE_FILES = frozenset({".coverage", ".eslintcache"})
_CACHE_ENDS = (".tsbuildinfo",)


class Step(msgspec.Struct, frozen=True):
    """
    What one check did to the files.

    Attributes:
        before, after: The trees that it ran on and left; empty when nobody could tell.
        meanwhile: What others changed since the step before this one; None when nobody can tell.
        made: What differs from `before` to `after`; None when nobody can tell.
    """

    before: str
    after: str
    meanwhile: tuple[Difference, ...] | None = ()
    made: tuple[Difference, ...] | None = ()


class Freshness(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What became of the evidence of one check.

    Attributes:
        standing: `unknown` when nobody can tell; that proves nothing either.
        why: A sentence; empty when it is fresh on the very tree that it ran on.
        changed: Files that the check itself has changed, where nothing else made it stale.
    """

    standing: Standing
    why: str = ""
    changed: tuple[str, ...] = ()


def is_cache(path: str) -> bool:
    """Say whether a path is one that well-known tools keep for themselves and may make anew."""
    *folders, name = path.split("/")
    if name in _CACHE_FILES or name.endswith(_CACHE_ENDS):
        return True
    return any(folder in _CACHES for folder in folders)


class Trail:
    """
    The steps of all checks of a session, oldest first.

    Args:
        written: Paths that tools of the session have written; none of them is a by-product.
    """

    __slots__ = ("_harmful", "_next", "_own", "_taken")

    def __init__(self, steps: Iterable[Step], written: Collection[str] = ()) -> None:
        self._own: set[str] = set()
        self._taken = set(written)
        self._next: dict[str, list[str]] = {}
        self._harmful: dict[tuple[str, str], tuple[str, ...]] = {}
        for step in steps:
            self._go(step)

    def _go(self, step: Step) -> None:
        self._others(step.meanwhile)
        if step.made is None:
            self._own.clear()
            return
        touched = tuple(each.path for each in step.made if not self._is_by_product(each))
        if touched:
            self._taken.update(touched)
            self._harmful[step.before, step.after] = touched
        elif step.before and step.after:
            self._next.setdefault(step.before, []).append(step.after)

    def _others(self, changes: Sequence[Difference] | None) -> None:
        """Take what somebody else writes for theirs from then on."""
        if changes is None:
            self._own.clear()
        for each in changes or ():
            if each.after or each.path not in self._own:
                self._own.discard(each.path)
                self._taken.add(each.path)

    def _is_by_product(self, change: Difference) -> bool:
        path = change.path
        if not change.before and path not in self._taken:
            self._own.add(path)
        return path in self._own or is_cache(path)

    @property
    def by_products(self) -> Collection[str]:
        """Paths that only checks have put there."""
        return self._own

    def touched(self, step: Step) -> tuple[str, ...]:
        """
        Take one more step, and name the files that it changed beside by-products.

        Empty when nobody can tell.
        """
        self._go(step)
        return self._harmful.get((step.before, step.after), ())

    def leads(self, start: str, end: str) -> bool:
        """Say whether only by-products of checks lie between two trees."""
        seen, left = {start}, [start]
        while left:
            here = left.pop()
            if here == end:
                return True
            new = [tree for tree in self._next.get(here, ()) if tree not in seen]
            seen.update(new)
            left += new
        return False

    def of(self, ran: Ran, now: str) -> Freshness:
        """
        Say whether what a check showed holds for the tree `now`.

        Args:
            now: Empty when nobody can tell.
        """
        if not ran.tree:
            return Freshness("unknown", "Nobody could tell on which files it ran.")
        if not now:
            return Freshness("unknown", "Nobody can tell what the files are now.")
        if ran.tree == now:
            return Freshness("fresh")
        if self.leads(ran.tree, now):
            return Freshness("fresh", "Only by-products of checks were added since.")
        changed = self._harmful.get((ran.tree, ran.tree_after), ())
        if changed and self.leads(ran.tree_after, now):
            why = f"It changed files itself, and did not run on what it left: {some(changed)}."
            return Freshness("stale", why, changed)
        return Freshness("stale", "The files are others now than those that it ran on.")


def doubts(report: Report, trail: Trail, now: str) -> tuple[Risk, ...]:
    """
    Give what is left uncertain of a report because the files may be others than those it saw.

    What the report says itself is not said again.
    """
    told = {(risk.kind, risk.check) for risk in report.residual_risks}
    found = [
        _risk(check, found)
        for check in report.checks
        if check.status == "passed" and check.ran is not None
        if (found := trail.of(check.ran, now)).standing != "fresh"
    ]
    return tuple(
        risk for risk in found if not told.intersection([(risk.kind, risk.check), (risk.kind, "")])
    )


def _risk(check: Check, found: Freshness) -> Risk:
    kind = "changed_files" if found.changed else "stale"
    kind = "no_tree" if found.standing == "unknown" else kind
    return Risk(kind=kind, text=found.why, check=check.id)


def some(paths: Sequence[str]) -> str:
    """Name a few paths, and count the rest."""
    named = ", ".join(paths[:NAMED_PATHS])
    more = len(paths) - NAMED_PATHS
    return f"{named} and {more} more" if more > 0 else named
