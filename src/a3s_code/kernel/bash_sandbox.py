"""
The port for sandboxes of others: where the command lines of `bash` run instead of here.

Source: SPEC 16.2; document 001, "BashSandbox: shell execution isolation".
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeAlias, TypedDict

from a3s_code.kernel.sandbox_config import SandboxConfig

GUEST_WORKSPACE = "/workspace"
"""Where a sandbox has the workspace of the session, unless it says otherwise."""


class SandboxOutput(TypedDict):
    """
    What a command line came to.

    `stdout` and `stderr` are text, bounded by who takes them; `exit_code` is the status of the
    command line, 0 for success. All three are needed; anything else fails the call.
    """

    stdout: str
    stderr: str
    exit_code: int


class BashSandbox(Protocol):
    """
    Runs command lines somewhere else. The option `sandbox` takes one; `bash` and `sandbox`
    then run there, and never on this machine, whatever happens.
    """

    def exec_command(
        self, command: str, guest_workspace: str
    ) -> SandboxOutput | Awaitable[SandboxOutput]:
        """
        Run a command line to its end, in a shell of the sandbox.

        A function that is not async is called on a thread. One that is async is cancelled
        when the call has taken too long, and ends what it started then.

        Args:
            command: For a shell such as bash.
            guest_workspace: Directory of the sandbox that has the workspace.

        Raises:
            Exception: whatever is raised fails the call; nothing runs elsewhere instead.
        """
        ...


Elsewhere: TypeAlias = SandboxConfig | BashSandbox
"""Where command lines run instead of on this machine's own system."""
