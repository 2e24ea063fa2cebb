"""The files that the text of a shell command says it would write, by its redirections."""

from __future__ import annotations

from collections.abc import Iterator

from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.shell.outside import MOVES
from a3s_code.harness.shell.words import has_hole
from a3s_code.harness.tool_names import SHELL_TOOLS
from a3s_code.kernel.ports import Action


def touched(action: Action) -> Iterator[str]:
    """
    Name these files; what is only known when the command runs is not among them.

    Relative paths are left out of a command that changes its directory.
    """
    if action.tool.name not in SHELL_TOOLS:
        return
    analysis = analyse(action.subject)
    moves = any(simple.words[0] in MOVES for simple in analysis.commands)
    for path in dict.fromkeys(analysis.writes):
        if not has_hole(path) and not path.startswith("~") and (path.startswith("/") or not moves):
            yield path
