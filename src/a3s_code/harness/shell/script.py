"""What a shell text holds: its simple commands, and the files and variables beside them."""

from __future__ import annotations

import msgspec

from a3s_code.harness.shell.words import Words


class Script(msgspec.Struct):
    """
    Attributes:
        commands: Words of each simple command that could run.
        prefixes: Names of the variables assigned in front of a command, by its position.
        assigned: Names of the variables that a command of their own assigns or exports.
        writes: Files that redirections write, as text; a hole where it is not known.
        reads: Files that redirections read.
        arrays: It assigns an array, so that later assignments may be read as one.
        problem: Why the text is not statically known; empty when it is.
        plain: Nothing but commands in lists and pipelines: no assignment, no function, no
            background job, no redirection but to the null device or a copy of a stream.
    """

    commands: list[Words] = msgspec.field(default_factory=list[Words])
    prefixes: dict[int, Words] = msgspec.field(default_factory=dict[int, Words])
    assigned: list[str] = msgspec.field(default_factory=list[str])
    writes: list[str] = msgspec.field(default_factory=list[str])
    reads: list[str] = msgspec.field(default_factory=list[str])
    arrays: bool = False
    problem: str = ""
    plain: bool = True

    def take(self, more: Script) -> None:
        """Add what a part of the text holds."""
        base = len(self.commands)
        self.commands += more.commands
        self.prefixes |= {base + at: names for at, names in more.prefixes.items()}
        self.assigned += more.assigned
        self.writes += more.writes
        self.reads += more.reads
        self.arrays = self.arrays or more.arrays
        self.problem = self.problem or more.problem
        self.plain = self.plain and more.plain
