"""What of the found parts a query has room for."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from a3s_code.kernel.context import ContextItem, ContextQuery

CHARS_PER_TOKEN = 4
ABSTRACT_CHARS = 100 * CHARS_PER_TOKEN
OVERVIEW_CHARS = 2_000 * CHARS_PER_TOKEN
"""Of one item. Source: SPEC 11.2."""


def wants(query: ContextQuery, kind: str) -> bool:
    """Say whether items of this kind are asked for."""
    return not query.context_types or kind in query.context_types


def cut(text: str, max_chars: int) -> str:
    """Give the beginning of a text, whole lines where there is one."""
    if len(text) <= max_chars:
        return text
    head, line_end, _ = text[: max_chars + 1].rpartition("\n")
    return head if line_end else text[:max_chars]


def fitting(items: Iterable[ContextItem], query: ContextQuery) -> list[ContextItem]:
    """
    Give the first items that fit into what the query allows, in their order.

    One that does not fit is left out, and a later and smaller one may; only the first is cut.
    """
    left = query.max_tokens * CHARS_PER_TOKEN
    chosen: list[ContextItem] = []
    for item in items:
        if len(chosen) >= query.max_results:
            break
        if not chosen and len(item.content) > left > 0:
            shorter = cut(item.content, left)
            chosen.append(msgspec.structs.replace(item, content=shorter, partial=True))
            break
        if len(item.content) <= left:
            left -= len(item.content)
            chosen.append(item)
    return chosen
