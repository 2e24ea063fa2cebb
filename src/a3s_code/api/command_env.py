"""
`command_env`: variables that the host adds to the environment of commands.

The `bash` tool gets them, whoever calls it; our own runs of git, ripgrep and the like do not.
Values are taken for secrets: no error, record or `repr` shows one, and those of 8 characters and
more are redacted wherever they come up (`harness.security.environment.values_of`). So a session
that is resumed does not know them any more, and they have to be given again.

Source:
    SPEC 1.3, options of a session; INVARIANTS 19 and 21.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from a3s_code.errors import InvalidType, InvalidValue

CommandEnv: TypeAlias = Mapping[str, str]

NO_COMMAND_ENV: CommandEnv = MappingProxyType({})

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUNS_FIRST = re.compile(
    r"BASH_ENV|ENV|BASH_FUNC_\w*|SHELLOPTS|BASHOPTS|BASH_XTRACEFD|LD_(?:PRELOAD|AUDIT)"
    r"|DYLD_INSERT_LIBRARIES|A3S_CODE_\w+"
)
"""
What has a shell or a loader run or do something else than the command that was decided on,
and our own marks. Whatever else changes how programs work (`PATH`, `GIT_SSH_COMMAND`,
`HTTPS_PROXY`) is for the host to decide.
"""


def check_command_env(given: Mapping[object, object]) -> None:
    """
    Refuse variables that no program can be given, or that undo what the gate decides.

    Raises:
        InvalidType, InvalidValue: names the variable, never its value.
    """
    for name, value in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidValue(
                f"command_env: {name!r} is no name of a variable.",
                hint="use letters, digits and underscores, and no digit first",
            )
        if not isinstance(value, str):
            raise InvalidType(f"command_env[{name!r}] is a {type(value).__name__}, not str.")
        if _RUNS_FIRST.fullmatch(name):
            raise InvalidValue(
                f"command_env: {name} would make every command run something else first.",
                hint="leave it out; put what it does into the command",
            )
        _check_value(name, value)


def _check_value(name: str, value: str) -> None:
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidValue(
            f"The value of command_env[{name!r}] holds a NUL character or no valid Unicode."
        )
    if name == "PATH" and not all(map(os.path.isabs, value.split(os.pathsep))):
        raise InvalidValue(
            "command_env: PATH has an entry that is no absolute path.",
            hint="it would run programs that lie in the workspace; write it out",
        )


def command_env_of(given: CommandEnv | None) -> CommandEnv:
    """Take a copy that nobody changes."""
    return MappingProxyType(dict(given)) if given else NO_COMMAND_ENV
