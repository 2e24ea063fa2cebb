"""
The one assembler: everything the model sees passes through here.

Sources give `ContextItem`s; they are ordered, bounded and rendered behind the system
prompt, each marked with where it came from.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from a3s_code.errors import A3SError
from a3s_code.kernel.workspace import Files

AGENTS_FILE = "AGENTS.md"
MAX_ITEM_CHARS = 32_000
"""Of one item; the rest is left out, and the item says so."""
_READ_BYTES = 4 * MAX_ITEM_CHARS  # as many as so many characters may have in UTF-8
_MARK = re.compile(r"<(?=\s*(?:/\s*)?context)", re.IGNORECASE)


class ContextItem(msgspec.Struct, frozen=True):
    """
    Attributes:
        source: Where the text comes from, such as `file://AGENTS.md`.
        trust: `host` for what the embedding program said, `workspace` for what files say.
        partial: `text` is only the beginning of what is there.
    """

    source: str
    text: str
    trust: str
    partial: bool = False


ContextSource = Callable[[], Awaitable[Sequence[ContextItem]]]


def agents_file(files: Files) -> ContextSource:
    """
    Give the source that reads AGENTS.md at the workspace root, each time it is asked.

    One that is missing, leads outside or is no regular file is left out.
    """

    async def read() -> Sequence[ContextItem]:
        try:
            target = files.resolve(AGENTS_FILE)
        except A3SError:
            return ()
        try:
            data = await files.read(target, limit=_READ_BYTES + 1)
        except (OSError, A3SError):
            return ()
        finally:
            target.close()
        found = data.decode("utf-8", errors="replace").strip()
        partial = len(data) > _READ_BYTES
        return (ContextItem(f"file://{AGENTS_FILE}", found, "workspace", partial),) if found else ()

    return read


async def gather(sources: Sequence[ContextSource]) -> list[ContextItem]:
    """Ask every source in order; an item that is equal to an earlier one is left out."""
    items: list[ContextItem] = []
    for source in sources:
        items += [item for item in await source() if item not in items]
    return items


def render(prompt: str, items: Sequence[ContextItem]) -> str:
    """
    Write the system prompt with its context behind it, each item in marks of its own.

    A text that writes such marks itself, in any case and spacing, has them escaped: it
    speaks for nobody else.
    """
    return "\n\n".join([prompt, *map(_render_item, items)])


def _render_item(item: ContextItem) -> str:
    body = _MARK.sub("&lt;", item.text[:MAX_ITEM_CHARS]) + _left_out(item)
    return f'<context source="{item.source}" trust="{item.trust}">\n{body}\n</context>'


def _left_out(item: ContextItem) -> str:
    more = len(item.text) - MAX_ITEM_CHARS
    if item.partial:
        return f"\n[at least {max(more, 1)} characters left out]"
    return f"\n[{more} characters left out]" if more > 0 else ""
