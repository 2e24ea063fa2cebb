"""
The option `sandbox` where it names another place for command lines than this machine's system:
an image, or a sandbox of somebody else.

`bash` and the tool `sandbox` run there. What the harness itself starts (git, search) stays on
this machine, at the strongest level that works.

Source: SPEC 16.2.
"""

from __future__ import annotations

from typing import cast

from a3s_code.errors import InvalidType
from a3s_code.kernel.bash_sandbox import BashSandbox, Elsewhere
from a3s_code.kernel.confinement import SandboxPolicy
from a3s_code.kernel.sandbox_config import SandboxConfig

_METHOD = "exec_command"


def sandbox_of(asked: object) -> tuple[SandboxPolicy, Elsewhere | None]:
    """
    Read the option: how programs of this machine are held, and where command lines run instead.

    Raises:
        InvalidType, InvalidValue: it is nothing of that kind; says what is accepted.
    """
    if isinstance(asked, SandboxConfig):
        return SandboxPolicy(level="auto"), asked
    if hasattr(asked, _METHOD):
        if isinstance(asked, type) or not callable(getattr(asked, _METHOD)):
            raise InvalidType(
                f"sandbox has no method {_METHOD} that could be called.",
                hint="give an object with exec_command(command, guest_workspace)",
            )
        return SandboxPolicy(level="auto"), cast("BashSandbox", asked)
    return SandboxPolicy.of(asked), None


def named(elsewhere: Elsewhere | None) -> str:
    """Say for the log where command lines run; empty for this machine's own system."""
    match elsewhere:
        case None:
            return ""
        case SandboxConfig(is_path=True):
            return f"image {elsewhere.path}"
        case SandboxConfig():
            return f"container {elsewhere.image} (unverified)"
        case _:
            return f"foreign {type(elsewhere).__name__}"


def kept(elsewhere: Elsewhere | None) -> SandboxConfig | None:
    """Give what a log may hold of it: values of variables may be secrets, objects are none."""
    if isinstance(elsewhere, SandboxConfig) and not elsewhere.env:
        return elsewhere
    return None
