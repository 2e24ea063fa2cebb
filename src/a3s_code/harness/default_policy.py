"""
What is decided where no policy was given: the quick start works, and nothing leaves the workspace.

Source:
    DESIGN 5, "Default with no policy given".
"""

from __future__ import annotations

from a3s_code.harness.patterns import MCP_PREFIX
from a3s_code.harness.policy import PROTECTED_PLACES
from a3s_code.harness.shell.protected import protected
from a3s_code.harness.subjects import printable
from a3s_code.harness.tool_names import SHELL_TOOLS
from a3s_code.kernel.confinement import CONFINING
from a3s_code.kernel.ports import Action, Allow, Ask, Decision
from a3s_code.kernel.tool import Effect
from a3s_code.kernel.workspace import Resolved


def by_default(action: Action, sandbox: str) -> Decision:
    """Decide with no policy: what stays in the workspace and can be seen runs."""
    name, effect = action.tool.name, action.effect
    if name.lower().startswith(MCP_PREFIX):
        return Ask(f"{name} belongs to a server.")
    if name in SHELL_TOOLS:  # also when it would only read: nothing else confines what it reads
        return _programs_by_default(name, sandbox)
    if effect in (Effect.READ, Effect.CONTAINER):
        return Allow(f"{name} is allowed by default")
    if effect is Effect.HOST:
        return Allow(f"{name} was given by the embedding program")
    if effect is Effect.WRITE and action.target is not None:
        return _write_by_default(name, action.target)
    doing = {
        Effect.WRITE: "changes more than one file of the workspace",
        Effect.EXECUTE: "runs programs",
        Effect.NETWORK: "reaches the network",
    }[effect]
    return Ask(f"{name} {doing}.")


def _programs_by_default(name: str, sandbox: str) -> Decision:
    if sandbox in CONFINING:
        return Allow(f"the sandbox confines what {name} runs (level {sandbox})")
    return Ask(f"{name} runs programs that no sandbox confines (level {sandbox}).")


def _write_by_default(name: str, target: Resolved) -> Decision:
    guards = (guard(target.path), guard(target.spelled), guarded_by(target))
    if guarded := next(filter(None, guards), ""):
        return Ask(f"{guarded}.", PROTECTED_PLACES, explicit=True)
    return Allow(f"{name} inside the workspace is allowed by default")


def guard(path: str) -> str:
    """Say why a path is never written on the word of a default; empty when it may be."""
    name = protected(path) if path else ""
    return f"{printable(name)} is protected" if name else ""


def guarded_by(target: Resolved) -> str:
    """Say which repository a file lies in, when that is not called `.git`."""
    directory = target.repository
    return (
        f"{printable(directory)} is a git repository, whose files are protected"
        if directory
        else ""
    )
