"""What a model is told when a child that it has in the background has ended."""

from __future__ import annotations

from a3s_code.capabilities.tasks.shown import HEAD_CHARS, TAIL_CHARS, merge_lines
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.excerpt import excerpt
from a3s_code.kernel.tracked import ChildRun
from a3s_code.kernel.tracking import NOTICE
from a3s_code.kernel.visible import on_one_line


def notice(id_: str, child: ChildRun) -> ContextItem:
    """
    Tell of a child that has ended.

    Its words are anybody's, as those in the result of a tool are.
    """
    end, begun = child.ended, child.begun
    said = excerpt(end.output, HEAD_CHARS, TAIL_CHARS) if end is not None else ""
    named = f"Task {id_} ({begun.agent}: {on_one_line(begun.description)})"
    parts = [f"{named}, started in the background, has ended: {child.status}."]
    if child.merge is not None:
        parts.append("\n".join(line for line in merge_lines(child.merge) if line))
    if end is not None and end.transcript:
        parts.append(f"Its whole conversation: {end.transcript}")
    parts.append(said)  # the last: nothing behind it can be taken for ours
    return ContextItem(
        source=NOTICE + id_,
        content="\n\n".join(part for part in parts if part.strip()),
        trust="external",
        type="delegated",
        why="a task in the background has ended",
    )
