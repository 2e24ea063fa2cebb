"""
The one assembler: everything the model sees beside the conversation passes through here.

    standing    instructions, behind the system prompt; asked at the start of each run
    for a run   what providers have for the words of the user, in front of them
    for calls   what companions have for the calls of a turn, behind their results

Items are ranked, those that are there already or do not fit are left out, and each of the others
is marked with where it comes from and whose words it is. What was left out is said as well.

Source:
    A3S Code README 3.x, "Context"; SPEC 11.2.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import msgspec

from a3s_code.harness.tokens import estimate
from a3s_code.kernel.border import answer_of
from a3s_code.kernel.context import (
    Companion,
    ContextItem,
    ContextProvider,
    ContextQuery,
    MindfulCompanion,
    MindfulProvider,
)
from a3s_code.kernel.events import ContextLeftOut
from a3s_code.kernel.messages import ContextText, ToolCall, ToolResult
from a3s_code.kernel.visible import HIDDEN, on_one_line

MAX_ITEM_CHARS = 32_000
"""Of one item; the rest is left out, and the item says so."""
MAX_LEFT_OUT = 50
"""What was left out is named one by one up to here."""
SOURCE_DEADLINE_S = 5.0
"""What a source has to say after that is not waited for."""
MIN_PART_TOKENS = 64
"""An item is cut to what room is left; where that is less, nothing enters any more."""
_BLANK = rf"[\s{HIDDEN.pattern[1:]}*"
_MARK = re.compile(rf"<(?={_BLANK}(?:/{_BLANK})?context)", re.IGNORECASE)
_TEXT, _NUMBER = (str,), (int, float)
_KINDS = (
    *((name, _TEXT) for name in ("source", "content", "trust", "type", "why")),
    *((name, _NUMBER) for name in ("relevance", "priority", "freshness")),
)
"""What a source may get wrong, since a struct does not check its values when it is made."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
"""As `html.escape`, whose module loads the names of all characters."""
_TRUST = {"host": 1.0, "user": 0.8, "workspace": 0.5, "external": 0.0}

ContextSource = Callable[[], Awaitable[Sequence[ContextItem]]]
"""A standing source: asked at the start of each run, and shown behind the system prompt."""


@dataclass(frozen=True, slots=True)
class Budget:
    """
    What may enter at once; tokens as estimated.

    Attributes:
        source_items, source_tokens: Of what one provider gave.
    """

    items: int = 12
    tokens: int = 4_000
    source_items: int = 6
    source_tokens: int = 2_500


BALANCED = Budget()
"""Source: SPEC 11.2."""

BESIDE = Budget(20, 20_000, 12, 16_000)
"""Behind results: instructions of directories are in force, too, and diagnostics are short."""

PASSING = frozenset({"style"})
"""Types of items that hold for the words behind them alone, and so are said again with others."""

STANDING = Budget(64, 100_000, 64, 100_000)
"""Instructions are not retrieved but in force, so only what is absurd is left out."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """
    Attributes:
        items: What enters, each as it is shown.
        tokens: Of these together, estimated.
        left_out: What does not, and why.
    """

    items: tuple[ContextText, ...] = ()
    tokens: int = 0
    left_out: tuple[ContextLeftOut, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items or self.left_out)


NOTHING = Assembled()


@dataclass(frozen=True, slots=True)
class ContextSources:
    """
    What a session's context comes from.

    Attributes:
        redact: Gives what a model may see of a text; None = all of it.
    """

    standing: tuple[ContextSource, ...] = ()
    providers: tuple[ContextProvider, ...] = ()
    companions: tuple[Companion, ...] = ()
    budget: Budget = BALANCED
    redact: Callable[[str], str] | None = None

    async def stand(self) -> Assembled:
        """Ask for what is in force, in order: the first is the outermost."""
        offers = [await _asked("instructions", source) for source in self.standing]
        return assemble(offers, STANDING, ranked=False, redact=self.redact)

    async def for_run(self, query: ContextQuery, present: Iterable[ContextText]) -> Assembled:
        """
        Ask every provider at once; none is told more than a model would be.

        Args:
            present: What the conversation has already; it is not shown again. May be gone
                through more than once.
        """
        if not self.providers:
            return NOTHING
        if self.redact is not None:
            query = msgspec.structs.replace(query, query=self.redact(query.query))
        asked = (
            _asked(each.name, partial(each.query_beside, query, present))
            if isinstance(each, MindfulProvider)
            else _asked(each.name, partial(each.query, query))
            for each in self.providers
        )
        return assemble(await asyncio.gather(*asked), self.budget, present, redact=self.redact)

    async def for_calls(
        self,
        calls: Sequence[ToolCall],
        results: Sequence[ToolResult],
        present: Iterable[ContextText],
    ) -> Assembled:
        """
        Ask every companion, in order, about the calls of a turn.

        Args:
            present: As of `for_run`.
        """
        offers = [
            await _asked(each.name, partial(_beside, each, calls, results, present))
            for each in self.companions
        ]
        return assemble(offers, BESIDE, present, ranked=False, redact=self.redact)


@dataclass(frozen=True, slots=True)
class Offer:
    """
    What one source gave.

    Attributes:
        failed: Why it gave nothing; empty when it did not fail.
    """

    name: str
    items: Sequence[ContextItem] = ()
    failed: str = ""


def _beside(
    each: Companion,
    calls: Sequence[ToolCall],
    results: Sequence[ToolResult],
    present: Iterable[ContextText],
) -> Awaitable[Sequence[ContextItem]]:
    if hasattr(each, "attend_beside"):  # `isinstance` takes 8 us with a Protocol
        return cast("MindfulCompanion", each).attend_beside(calls, results, present)
    return each.attend(calls, results)


async def _asked(name: str, ask: ContextSource) -> Offer:
    """Take what a source answers; one that fails or is late says nothing."""
    scope = asyncio.timeout(SOURCE_DEADLINE_S)
    try:
        async with scope:
            given = await answer_of(ask())
        kind = type(given).__name__
        if not isinstance(given, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - foreign code
            return Offer(name, failed=f"gave a {kind}, not a list of ContextItem")
        items = tuple(given)
        fault = next((said for said in map(_fault, items) if said), "")
        return Offer(name, failed=fault) if fault else Offer(name, items)
    except Exception as error:  # noqa: BLE001 - border: sources are foreign code; a run goes on without
        if scope.expired():
            return Offer(name, failed=f"did not answer within {SOURCE_DEADLINE_S:g} s")
        return Offer(name, failed=f"failed: {type(error).__name__}: {error}")


def _fault(item: object) -> str:
    """Say why something that a source gave cannot be shown; empty when it can."""
    if not isinstance(item, ContextItem):
        return f"gave a {type(item).__name__}, not a ContextItem"
    for name, kinds in _KINDS:
        value: object = getattr(item, name)
        if not isinstance(value, kinds):
            return f"gave an item whose {name} is a {type(value).__name__}, not {_named(kinds)}"
    if item.trust not in _TRUST:
        return f"gave an item whose trust is {item.trust!r}, not one of {', '.join(_TRUST)}"
    return ""


def _named(kinds: tuple[type, ...]) -> str:
    return " or ".join(kind.__name__ for kind in kinds)


def rank(item: ContextItem) -> float:
    """Say how much an item deserves its place (SPEC 11.2); values are brought into 0 to 1."""
    trust = _TRUST.get(item.trust, 0.0)
    relevance, priority, freshness = map(_share, (item.relevance, item.priority, item.freshness))
    return relevance + 0.25 * priority + 0.15 * trust + 0.10 * freshness


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))  # in this order NaN, which has no order, is 0


def assemble(
    offers: Sequence[Offer],
    budget: Budget,
    present: Iterable[ContextText] = (),
    *,
    ranked: bool = True,
    redact: Callable[[str], str] | None = None,
) -> Assembled:
    """
    Choose what enters.

    An item that has no content is left out for the reason that it gives in `why`.

    Args:
        present: What is shown already; the same text of the same source is not shown again.
        ranked: The best enters first, and stands first; else all stay in their order.
        redact: As in `ContextSources`. It sees a text before it is cut: half a secret looks like
            none.
    """
    if not any(offer.items or offer.failed for offer in offers):
        return NOTHING
    return _Choice(budget, present, redact).made(offers, ranked=ranked)


class _Choice:
    __slots__ = ("_budget", "_entered", "_left", "_redact", "_seen", "_sources", "_spent", "_used")

    def __init__(
        self,
        budget: Budget,
        present: Iterable[ContextText],
        redact: Callable[[str], str] | None,
    ) -> None:
        self._budget, self._redact = budget, redact
        self._seen = {item.text for item in present if item.type not in PASSING}
        self._sources: set[str] = set()
        self._entered: list[ContextText] = []
        self._left: list[ContextLeftOut] = []
        self._spent = 0
        self._used: dict[str, tuple[int, int]] = {}

    def made(self, offers: Sequence[Offer], *, ranked: bool) -> Assembled:
        self._left += [ContextLeftOut(it.name, it.failed) for it in offers if it.failed]
        items = [(offer.name, item) for offer in offers for item in offer.items]
        if ranked:
            items.sort(key=lambda pair: -rank(pair[1]))
        for name, item in items:
            self._consider(name, item)
        return Assembled(tuple(self._entered), self._spent, _bounded(self._left))

    def _consider(self, name: str, item: ContextItem) -> None:
        if not item.content.strip():
            self._leave(item, item.why or "it is empty")
        elif item.source in self._sources:
            self._leave(item, "another item of the same source entered")
        else:
            self._enter(name, item)

    def _enter(self, name: str, item: ContextItem) -> None:
        items, tokens = self._used.get(name, (0, 0))
        room = min(self._budget.tokens - self._spent, self._budget.source_tokens - tokens)
        if len(self._entered) >= self._budget.items or items >= self._budget.source_items:
            self._leave(item, "more items than the budget has room for")
            return
        if self._redact is not None:
            item = _redacted(item, self._redact)
        text, cost, shown = _fitted(item, room) if room >= MIN_PART_TOKENS else ("", 0, 0)
        if not text:
            self._leave(item, f"{room} tokens of the budget are left")
        elif text in self._seen:
            self._leave(item, "it is in the conversation already")
        else:
            self._sources.add(item.source)
            self._seen.add(text)
            self._entered.append(
                ContextText(text, item.source, type=item.type, trust=item.trust, why=item.why)
            )
            self._spent += cost
            self._used[name] = items + 1, tokens + cost
            self._leave_rest(item, shown, cost)

    def _leave(self, item: ContextItem, why: str) -> None:
        tokens = estimate(item.content) if len(self._left) < MAX_LEFT_OUT else 0
        self._left.append(ContextLeftOut(item.source, why, tokens))

    def _leave_rest(self, item: ContextItem, shown: int, cost: int) -> None:
        """Name what was cut, with its tokens by those of what is shown: it may be very long."""
        more = len(item.content) - shown
        if more > 0:
            why = f"it was cut: {more} of its {len(item.content)} characters did not fit"
            self._left.append(ContextLeftOut(item.source, why, cost * more // shown))


def _bounded(left: list[ContextLeftOut]) -> tuple[ContextLeftOut, ...]:
    if len(left) <= MAX_LEFT_OUT:
        return tuple(left)
    more = len(left) - MAX_LEFT_OUT + 1
    return (*left[: MAX_LEFT_OUT - 1], ContextLeftOut("others", f"{more} more were left out"))


def _redacted(item: ContextItem, redact: Callable[[str], str]) -> ContextItem:
    head = item.content[: 2 * MAX_ITEM_CHARS]
    content, partial = redact(head), item.partial or len(item.content) > len(head)
    return msgspec.structs.replace(item, content=content, partial=partial)


def _fitted(item: ContextItem, room: int) -> tuple[str, int, int]:
    """
    Render an item, cut to `room` tokens; empty when its marks alone take more.

    Returns:
        The text, its tokens, and how many characters of the content it shows.
    """
    shown = min(len(item.content), MAX_ITEM_CHARS)
    whole = _rendered(item, shown)
    cost = estimate(whole)
    while cost > room and shown > 1:
        shown = min(shown - 1, int(shown * 0.99 * room / cost))
        whole = _rendered(item, shown)
        cost = estimate(whole)
    return (whole, cost, shown) if cost <= room else ("", 0, 0)


def marked(item: ContextItem) -> ContextText:
    """Give an item that is not ranked, as it stands in a question of its own."""
    text = _rendered(item, min(len(item.content), MAX_ITEM_CHARS))
    return ContextText(text, item.source, type=item.type, trust=item.trust, why=item.why)


def _rendered(item: ContextItem, chars: int) -> str:
    """
    Write an item in marks of its own.

    A text that writes such marks itself, in any case and spacing, has them escaped, and the name of
    a source stays on its line: they speak for nobody else.
    """
    body = _MARK.sub("&lt;", item.content[:chars]) + _rest(item, chars)
    source, trust = on_one_line(item.source).translate(_ESCAPES), item.trust.translate(_ESCAPES)
    return f'<context source="{source}" trust="{trust}">\n{body}\n</context>'


def _rest(item: ContextItem, chars: int) -> str:
    more = len(item.content) - chars
    if item.partial:
        return f"\n[at least {max(more, 1)} characters left out]"
    return f"\n[{more} characters left out]" if more > 0 else ""


def render(prompt: str, items: Sequence[ContextText]) -> str:
    """Write the system prompt with what is in force behind it."""
    return "\n\n".join([prompt, *(item.text for item in items)])
