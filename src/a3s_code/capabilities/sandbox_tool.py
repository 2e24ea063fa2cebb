"""
The `sandbox` tool: a command line that runs in the sandbox of the session, said outright.

It is `bash` under a name of its own, for a session whose sandbox was asked for; rules for
`sandbox` decide it command by command, and what a rule denies `bash` it denies `sandbox`.

Source: SPEC 16.2; document 001, "Explicit sandbox tool".
"""

from __future__ import annotations

from dataclasses import replace

from a3s_code.capabilities.tools.bash import bash
from a3s_code.kernel.bash_sandbox import GUEST_WORKSPACE
from a3s_code.kernel.tool import Tool

_SUMMARY = (
    "Run a command line in the isolated sandbox of this session; {where}. Each call is a new "
    "shell: cd and variables do not last."
)

IN_PLACE: Tool = replace(
    bash, name="sandbox", summary=_SUMMARY.format(where="it starts in the workspace root")
)
"""Where the sandbox has this machine's own system."""

ELSEWHERE: Tool = replace(
    bash, name="sandbox", summary=_SUMMARY.format(where=f"the workspace is at {GUEST_WORKSPACE}")
)
"""Where it has a system of its own."""
