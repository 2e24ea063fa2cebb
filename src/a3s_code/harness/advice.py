"""The rules that somebody could write to allow a call that was not allowed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.shell.words import has_hole
from a3s_code.harness.subjects import MAX_SHOWN_CHARS, visible
from a3s_code.harness.tool_names import SHELL_TOOLS, TASK_TOOL, TASKS_TOOL, WRITE_TOOL
from a3s_code.kernel.ports import Action

MAX_NAMED_RULES = 4


def candidates(action: Action, refused: frozenset[str] | None) -> Iterator[tuple[str, ...]]:
    """
    Give sets of rules that might allow an action, the narrowest first.

    Args:
        refused: The parts that are not allowed now; None for all of them.
    """
    name, subject = action.tool.name, action.subject
    if name in SHELL_TOOLS:
        parts = dict.fromkeys(
            (tool, text)
            for tool, text in _parts_of(name, subject)
            if refused is None or visible(text) in refused
        )
        if 0 < len(parts) <= MAX_NAMED_RULES and all(_sayable(text) for _, text in parts):
            yield tuple(f"{tool}({text})" for tool, text in parts)
    elif name == TASKS_TOOL:
        agents = subject.split("\n")
        if len(agents) <= MAX_NAMED_RULES and all(map(_sayable, agents)):
            for tools in ((TASKS_TOOL,), (TASKS_TOOL, TASK_TOOL)):
                yield tuple(f"{tool}({agent})" for tool in tools for agent in agents)
    elif subject and _sayable(subject):
        yield (f"{name}({subject})",)
    yield (name,)


def _parts_of(tool: str, command: str) -> Iterator[tuple[str, str]]:
    """Give the commands and the files of a command, each with the tool of its rules."""
    analysis = analyse(command)
    yield from ((tool, simple.text) for simple in analysis.commands)
    yield from ((WRITE_TOOL, posixpath.normpath(path)) for path in analysis.writes)
    if not analysis.commands and not analysis.writes:
        yield tool, command.strip()


def _sayable(text: str) -> bool:
    """Whether somebody could copy a rule with this text from a message."""
    return text.isprintable() and len(text) <= MAX_SHOWN_CHARS and not has_hole(text)
