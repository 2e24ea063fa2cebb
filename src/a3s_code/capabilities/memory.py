"""
Where the long-term memory of sessions is kept.

Source:
    SPEC 11.1; A3S Code README, "Memory".
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from a3s_code.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class FileMemoryStore:
    """
    The directory that holds memories as files, for the option `memory_store`.

    Raises:
        InvalidValue: `dir` is empty.
    """

    dir: str | os.PathLike[str]

    def __post_init__(self) -> None:
        if not os.fspath(self.dir):
            raise InvalidValue("The directory of a memory store is empty.", hint="name one")
