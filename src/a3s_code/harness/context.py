"""
The one assembler: everything the model sees passes through here.

Sources give `ContextItem`s; they are ordered, bounded and rendered behind the system
prompt, each marked with where it came from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from a3s_code.errors import A3SError
from a3s_code.kernel.tool import Files

AGENTS_FILE = "AGENTS.md"
MAX_ITEM_CHARS = 32_000
"""Of one item; the rest is left out, and the item says so."""


class ContextItem(msgspec.Struct, frozen=True):
    """
    Attributes:
        source: Where the text comes from, such as `file://AGENTS.md`.
        trust: `host` for what the embedding program said, `workspace` for what files say.
    """

    source: str
    text: str
    trust: str


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
            data = await files.read(target, limit=4 * MAX_ITEM_CHARS)
        except (OSError, A3SError):
            return ()
        finally:
            target.close()
        found = data.decode("utf-8", errors="replace").strip()
        return (ContextItem(f"file://{AGENTS_FILE}", found, "workspace"),) if found else ()

    return read


async def gather(sources: Sequence[ContextSource]) -> list[ContextItem]:
    """Ask every source in order; one that finds the same text again is heard once."""
    items: list[ContextItem] = []
    for source in sources:
        items += [item for item in await source() if item not in items]
    return items


def render(prompt: str, items: Sequence[ContextItem]) -> str:
    """
    Write the system prompt with its context behind it, each item in marks of its own.

    A text that writes such marks itself has them escaped: it speaks for nobody else.
    """
    return "\n\n".join([prompt, *map(_render_item, items)])


def _render_item(item: ContextItem) -> str:
    body = item.text
    if len(body) > MAX_ITEM_CHARS:
        body = f"{body[:MAX_ITEM_CHARS]}\n[{len(body) - MAX_ITEM_CHARS} characters left out]"
    body = body.replace("<context", "&lt;context").replace("</context", "&lt;/context")
    return f'<context source="{item.source}" trust="{item.trust}">\n{body}\n</context>'
