"""
What a model is told of the agents of its session: in the description of the tools that start them.

The built-in ones stand there already. Those of the host follow, as whoever made them describes
them, bounded and on one line each; those that only files of the workspace have do not.

Source:
    SPEC 5.13, 9.2; DESIGN 5, "Repository content is data".
"""

from __future__ import annotations

from dataclasses import replace

from a3s_code.kernel.children import AgentRole, Agents
from a3s_code.kernel.tool import Tool
from a3s_code.kernel.visible import on_one_line

LISTING = ("task",)
"""Tools whose description names agents; that of `parallel_task` refers to it."""
MAX_LISTED = 40
MAX_SHOWN_CHARS = 240
"""Of one description."""

_HEAD = "Agents of this session besides, each as it is described by whoever made it:"


def described(tool: Tool, agents: Agents) -> Tool:
    """Give a tool that names the agents of a session; the same one where none are its own."""
    own = [each for each in agents.listed() if not each.native]
    if not own:
        return tool
    rows = [f"- {each.name}: {_shown(each)}" for each in own[:MAX_LISTED]]
    if len(own) > MAX_LISTED:
        rows.append(f"- and {len(own) - MAX_LISTED} more")
    return replace(tool, summary="\n".join([tool.summary, _HEAD, *rows]))


def _shown(agent: AgentRole) -> str:
    text = on_one_line(" ".join(agent.description.split()))
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[: MAX_SHOWN_CHARS - 1].rstrip()}…"
