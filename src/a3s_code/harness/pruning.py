"""
Old outputs of tools, which a conversation can do without: they can be had again.

The newest outputs stay; of those before them the text becomes a marker that names the artifact
in which the whole is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from a3s_code.harness.tokens import estimate
from a3s_code.kernel.messages import Message, ToolCall, ToolResult
from a3s_code.kernel.records import ArtifactStored

KEEP_TOKENS = 40_000
"""Of the newest outputs; SPEC 12.2."""
KEEP_SHARE = 0.2
"""Of the window at most, so that small windows are pruned too."""
MIN_TOKENS = 250
"""A shorter output is not worth a marker."""
MAX_NAMED_CHARS = 200

_WHOLE = re.compile(
    r"^\[(\d+) bytes cut; the whole is (a3s://tool-output/[\w-]+/[0-9a-f]{64}) "
    r"(?:, which read shows)?\]$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Old:
    """
    An output that can go.

    Attributes:
        at: Which message it is in.
        call: None for a result whose call is not there.
        tokens: What it is now, estimated.
    """

    at: int
    result: ToolResult
    call: ToolCall | None
    tokens: int

    @property
    def tool(self) -> str:
        return self.call.name if self.call is not None else "tool"


def old_outputs(messages: Sequence[Message], keep_tokens: int, *, spare: int = 1) -> list[Old]:
    """
    Find the outputs older than the newest `keep_tokens`, oldest first.

    Args:
        spare: Messages at the end that are left as they are: the model has not seen them.
    """
    calls = {call.id: call for message in messages for call in message.calls}
    found: list[Old] = []
    kept = 0
    for at in range(len(messages) - 1, -1, -1):
        for block in reversed(messages[at].blocks):
            if not isinstance(block, ToolResult):
                continue
            tokens = estimate(block.content)
            if at >= len(messages) - spare or kept + tokens <= keep_tokens:
                kept += tokens
                continue
            kept = keep_tokens
            if tokens >= MIN_TOKENS:
                found.append(Old(at, block, calls.get(block.tool_use_id), tokens))
    return found[::-1]


def kept_already(result: ToolResult, artifacts: Mapping[str, ArtifactStored]) -> str:
    """
    Give the URI of the artifact that an output names as its whole, if it is still there.

    Any output can say so of itself. It counts where what is shown and what was cut add up to what
    is kept, but for the line ends around the notice.
    """
    shown = len(result.content.encode("utf-8", "surrogatepass"))
    for named in _WHOLE.finditer(result.content):
        stored = artifacts.get(named[2])
        if stored is None:
            continue
        gaps = shown - len(named[0]) + int(named[1]) - stored.original_bytes
        if gaps in (1, 2):
            return stored.uri
    return ""


def marker(old: Old, uri: str) -> str:
    """
    Say in place of an output where it is and how to get it again.

    Args:
        uri: Of the artifact in which it is; empty when it is in none.
    """
    again = "Make the call again if you need it."
    if old.call is not None:
        given = old.call.input.get("file_path") or old.call.input.get("command")
        named = f" ({str(given)[:MAX_NAMED_CHARS]})" if given else ""
        then = "To have it as it is now" if uri else "If you need it"
        again = f"{then}, call {old.tool} again{named}; what it says may have changed."
    where = f"The whole is {uri} , which read shows as it was. " if uri else "It was not kept. "
    return f"[Output pruned to make room: about {old.tokens} tokens. {where}{again}]"


def pruned(
    messages: Sequence[Message], olds: Sequence[Old], text: Callable[[Old], str]
) -> tuple[list[Message], list[Old]]:
    """
    Put markers in the place of outputs.

    Args:
        text: The marker of an output; one that is no shorter than the output is not used.

    Returns:
        The messages, and the outputs that went.
    """
    after, gone = list(messages), list[Old]()
    for old in olds:
        shown = text(old)
        if estimate(shown) >= old.tokens:
            continue
        gone.append(old)
        blocks = tuple(
            ToolResult(block.tool_use_id, shown, block.is_error)
            if isinstance(block, ToolResult) and block.tool_use_id == old.result.tool_use_id
            else block
            for block in after[old.at].blocks
        )
        after[old.at] = msgspec.structs.replace(after[old.at], blocks=blocks)
    return after, gone
