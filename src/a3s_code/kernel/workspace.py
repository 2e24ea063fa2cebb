"""
The workspace of a session as tools have it: files, search, programs.

These are ports; adapters for the local disk are in `workspace/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from a3s_code.kernel.confinement import Violation
from a3s_code.kernel.visible import on_one_line
from a3s_code.network.passage import Passage


class Resolved(Protocol):
    """
    A path that was resolved once, by the kernel, beneath the workspace root.

    The gate decides on it and the tool uses it, so what was checked is what is touched.
    """

    @property
    def path(self) -> str:
        """The real path relative to the root, with `/`; `.` is the root itself."""
        ...

    @property
    def spelled(self) -> str:
        """The path as the caller wrote it, normalised but with its links unresolved."""
        ...

    @property
    def repository(self) -> str:
        """
        The directory on the way that git takes for a repository, whatever it is called.

        Relative to the root; empty when there is none. Looked for each time it is asked.
        """
        ...

    def place(self) -> str:
        """
        Name the directory that holds the target now, whatever its path; empty when none does.

        Raises:
            PathRefused: a link or a file stands where a directory was.
        """
        ...

    def close(self) -> None:
        """Give back what is held open. May be called twice."""
        ...


class Entry(msgspec.Struct, frozen=True, gc=False):
    """
    One row of a directory.

    Attributes:
        kind: `file`, `dir`, `link` or `other`.
        size: Bytes, of a file.
        target: Where a link points, as written in it.
        changed_ns: When a file was changed last, or what is said of it, in nanoseconds of Unix
            time; 0 where that is not known.
    """

    name: str
    kind: str
    size: int = 0
    target: str = ""
    changed_ns: int = 0


def shown_name(name: str) -> str:
    """Give a file's name on one line that any sink can encode: odd ones are escaped."""
    return on_one_line(name)


class Files(Protocol):
    """The files of a workspace. Every method takes what `resolve` gave."""

    def resolve(self, path: str) -> Resolved:
        """
        Find `path` beneath the root. The last parts of it need not exist yet.

        Raises:
            PathRefused: it leads outside, or through something that is no directory.
        """
        ...

    async def read(self, target: Resolved, *, limit: int | None = None) -> bytes:
        """
        Read a regular file, whole or its first `limit` bytes.

        Raises:
            FileNotFoundError, IsADirectoryError: as they say.
            PathRefused: it is neither file nor directory (a pipe, a device, a socket).
        """
        ...

    async def write(self, target: Resolved, data: bytes, *, over: bytes | None = None) -> None:
        """
        Put a file there, atomically, with its mode kept and its parents made.

        Args:
            over: What the file must hold until then; None = whatever it holds.

        Raises:
            IsADirectoryError: as it says.
            FileConflict: it holds something else than `over`, and still does.
            PathRefused: a link or something that is no regular file stands there.
        """
        ...

    async def list(
        self, target: Resolved, *, among: Callable[[str], bool] | None = None
    ) -> list[Entry]:
        """
        Give the entries of a directory by name.

        Args:
            among: Only entries whose name it accepts are wanted, and of those names and kinds
                alone, which takes a fraction of time and memory. It is called in any thread.

        Raises:
            FileNotFoundError, NotADirectoryError: as they say.
        """
        ...


class GrepQuery(msgspec.Struct, frozen=True):
    """
    Attributes:
        pattern: A regular expression in the syntax of ripgrep's default engine.
        glob: Only files that match; empty for all.
        context: Lines shown before and after each match.
    """

    pattern: str
    glob: str = ""
    ignore_case: bool = False
    context: int = 0


class GrepHits(msgspec.Struct, frozen=True):
    """
    Attributes:
        text: `path:line:text` for a match and `path-line-text` for its context, paths
            relative to the workspace root.
        truncated: There are more; the search was stopped.
    """

    text: str
    matches: int
    files: int
    truncated: bool = False


class Tally(msgspec.Struct, frozen=True):
    """How often each word stands in a file; words that do not are left out."""

    path: str
    counts: dict[str, int]


class Search(Protocol):
    """Finding files and lines. Respects ignore files, skips `.git`, follows no links."""

    async def glob(self, under: Resolved, pattern: str) -> list[str]:
        """Give paths of files relative to the root, sorted. Nothing found is no error."""
        ...

    async def grep(self, under: Resolved, query: GrepQuery) -> GrepHits:
        """
        Raises:
            InvalidValue: `query.pattern` or `query.glob` is not valid; says where.
        """
        ...

    async def tally(self, under: Resolved, words: Sequence[str]) -> list[Tally]:
        """
        Count words in text files, in any case and also inside of longer words, by path.

        Where several words begin at one place the longest counts. Of each file only the
        first lines that hold any are looked at, and a search that takes long ends early.
        """
        ...


class Command(msgspec.Struct, frozen=True):
    """
    A program to run.

    Attributes:
        argv: Program and arguments; no shell is involved.
        timeout_s: After it the whole process tree is killed. None = the caller's deadline.
        max_output_bytes: Beyond it the middle of the output is dropped and counted.
        extra_env: Added to the allow-listed environment.
        for_user: It is a command line of the user or the model, and no program that we run
            for our own ends: it also gets what the host set for commands.
        cwd: Below the workspace root; empty for the root.
        stdin: Given to the program, which otherwise reads the end of a file.
        separate_stderr: Keep standard error apart instead of in order within the output.
        exit_record: File that gets the exit status when the program has ended, also when
            nobody waits for it any more; empty for none. What it held before goes when the
            program starts. When it cannot be written, there is none.
    """

    argv: tuple[str, ...]
    timeout_s: float | None = None
    max_output_bytes: int = 16 * 1024 * 1024
    extra_env: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    cwd: str = ""
    stdin: bytes = b""
    separate_stderr: bool = False
    exit_record: str = ""
    for_user: bool = False


class Exit(msgspec.Struct, frozen=True):
    """
    How a program ended.

    Attributes:
        status: Exit status; 128 + n when signal n ended it; 124 after the timeout.
        output: Standard output and error in the order they were written.
        dropped_bytes: Taken out of the middle of `output`.
        stderr: Only with `separate_stderr`.
        violations: What the sandbox did not let it do, as far as that can be told.
        has_network: Whether it could reach more than itself.
        passages: What it reached, or not, through the proxy of the sandbox; each once.
    """

    status: int
    output: bytes
    timed_out: bool = False
    dropped_bytes: int = 0
    stderr: bytes = b""
    violations: tuple[Violation, ...] = ()
    has_network: bool = True
    passages: tuple[Passage, ...] = ()


class OpenProgram(Protocol):
    """
    A program that goes on until its owner closes it, with pipes to talk to it.

    One task receives, and one at a time sends.
    """

    async def send(self, data: bytes) -> None:
        """
        Write to its standard input; waits while it does not read.

        Raises:
            WorkspaceError: it does not read any more.
        """
        ...

    async def receive(self) -> bytes:
        """
        Give the next piece of its standard output; empty at the end of it.

        What nobody receives is not kept: the program waits for its pipe.
        """
        ...

    async def close(self, grace_s: float = 0.0) -> Exit:
        """
        End it and all that it started, and say how it ended; the second time only that.

        Cancelling does not cut it short.

        Args:
            grace_s: How long it may take to end by itself, now that its input has ended;
                then it is killed.

        Returns:
            `output` is empty; `stderr` has what it said there, as bounded by its command.
        """
        ...


class Processes(Protocol):
    """The only place that starts programs."""

    async def run(self, command: Command, on_output: Callable[[bytes], None] | None = None) -> Exit:
        """
        Run to the end. Cancelling kills the process tree before it returns.

        Args:
            on_output: Called with each piece of output as it comes.

        Raises:
            ProgramMissing: `argv[0]` is not installed.
        """
        ...

    async def open(self, command: Command) -> OpenProgram:
        """
        Start a program and let it go on. Whoever opened it closes it; it dies with us.

        Args:
            command: `timeout_s` bounds its whole life; `stdin`, `separate_stderr` and
                `exit_record` have no meaning here.

        Raises:
            ProgramMissing: `argv[0]` is not installed.
            CapabilityMissing: this place runs programs only to their end.
        """
        ...
