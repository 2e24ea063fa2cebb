"""
Whether a file may be read for the model without a call of it: one question to the one gate.

What is looked for in the workspace (found files, the map, texts for language servers) needs an
`Allow`: where the model would have to be asked for, nobody is, and the file stays closed.
Files of instructions are in force wherever they are not denied: a policy that asks before each
`read` is not one against AGENTS.md. What they include needs an `Allow` again.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_code.capabilities.retrieval.credentials import holds_credentials
from a3s_code.capabilities.tools.read import ReadArgs, read
from a3s_code.kernel.actions import ask_gate
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Authority, Decision, Deny
from a3s_code.kernel.workspace import Resolved


def may_read(executor: Executor, target: Resolved) -> bool:
    """Say whether the session's policy lets the model read a file without asking anybody."""
    return isinstance(_decision(executor, target), Allow)


def withheld(executor: Executor, names: Sequence[str], target: Resolved) -> str:
    """
    Say why a file may not stand in the instructions of the workspace; empty when it may.

    A file of instructions is kept back where reading it is denied. Anything else that stands in
    for one, or is included, may not say more than the model could read unasked: whoever writes
    the instructions of a project is not who answers its questions.

    Args:
        names: Of files of instructions.
    """
    decision = _decision(executor, target)
    if isinstance(decision, Deny):
        return decision.reason
    if target.path.rpartition("/")[2] in names:
        return ""
    if not isinstance(decision, Allow):
        return "it may not be read unasked"
    return "it is there to hold credentials" if holds_credentials(target.path) else ""


def _decision(executor: Executor, target: Resolved) -> Decision:
    """
    Decide as about a call of `read` by the model; no hook and nobody is asked.

    The file is known to the gate as it was spelled and as it really is.
    """
    args = ReadArgs(file_path=target.spelled)
    action = Action(
        call=ToolCall("context", read.name, {"file_path": target.spelled}),
        tool=read,
        args=args,
        subject=read.subject_of(args),
        effect=read.effect,
        target=target,
        authority=Authority.SESSION,
    )
    return ask_gate(action, executor.gate)
