"""The workspace on this machine, as a value."""

from __future__ import annotations

import os
from dataclasses import dataclass

from a3s_code.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class LocalWorkspaceBackend:
    """
    The directory a session works in, for the option `workspace_backend`.

    Raises:
        InvalidValue: `root` is empty.

    Source:
        A3S Code Python SDK, "Full API"; SPEC 16.1.
    """

    root: str | os.PathLike[str]

    def __post_init__(self) -> None:
        if not os.fspath(self.root):
            raise InvalidValue("The root of a workspace is empty.", hint="name a directory")
