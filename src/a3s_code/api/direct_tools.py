"""
The tools that a session has as methods of their own; each is one call of `tool`.

`DirectTools` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from a3s_code.api.result import ToolResult
from a3s_code.errors import ToolFailed
from a3s_code.kernel.messages import JsonObject


class DirectTools(ABC):
    """Gives `AsyncSession` its tools by name, in the shapes of the documents."""

    __slots__ = ()

    @abstractmethod
    async def tool(self, name: str, args: Mapping[str, Any]) -> ToolResult:
        """Run one tool; see `AsyncSession.tool`."""

    async def read_file(self, path: str) -> str:
        """
        Read a text file: its first 2,000 lines, numbered as the `read` tool shows them.

        Raises:
            ToolFailed: it is missing, outside the workspace, or no text.
        """
        return (await self._demand("read", file_path=path)).output

    async def write_file(self, path: str, content: str) -> ToolResult:
        """Write a file, atomically, with its parents; metadata has `before` and `after`."""
        return await self.tool("write", {"file_path": path, "content": content})

    async def edit_file(
        self, path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> ToolResult:
        """Replace text that occurs exactly once, or everywhere with `replace_all`."""
        args: JsonObject = {
            "file_path": path,
            "old_string": old_string,
            "new_string": new_string,
            "replace_all": replace_all,
        }
        return await self.tool("edit", args)

    async def patch_file(self, path: str, diff: str) -> ToolResult:
        """Apply a unified diff, all of it or nothing; its file headers are ignored."""
        return await self.tool("patch", {"file_path": path, "diff": diff})

    async def ls(self, path: str | None = None) -> ToolResult:
        """List a directory, the workspace root by default."""
        return await self.tool("ls", {} if path is None else {"path": path})

    async def glob(self, pattern: str) -> list[str]:
        """
        Find files by a pattern such as `**/*.py`; sorted paths relative to the root.

        Raises:
            ToolFailed: the pattern is not valid.
        """
        return list((await self._demand("glob", pattern=pattern)).metadata["paths"])

    async def grep(self, pattern: str) -> str:
        """
        Find lines by a regular expression: `path:line:text`.

        Raises:
            ToolFailed: the pattern is not valid.
        """
        return (await self._demand("grep", pattern=pattern)).output

    async def bash(self, command: str) -> str:
        """
        Run a shell command in the workspace and give its output, both streams in order.

        Raises:
            ToolFailed: its exit status is not 0; `error.result` has output and status.
        """
        return (await self._demand("bash", command=command)).output

    async def git(  # noqa: PLR0913, PLR0917 - the documents' own signature
        self,
        command: str | Mapping[str, Any],
        subcommand: str | None = None,
        name: str | None = None,
        path: str | None = None,
        new_branch: bool = True,
        base: str | None = None,
        force: bool = False,
        max_count: int | None = None,
        message: str | None = None,
        include_untracked: bool = False,
        target: str | None = None,
        reference: str | None = None,
    ) -> ToolResult:
        """
        Ask or change the workspace's repository.

        Args:
            command: `status`, `log`, `branch`, `checkout`, `diff`, `stash`, `remote`,
                `worktree`; or an object with it and the other fields (`ref` for
                `reference`).
        """
        if isinstance(command, Mapping):
            return await self.tool("git", dict(command))
        fields = {
            "subcommand": subcommand,
            "name": name,
            "path": path,
            "new_branch": None if new_branch else False,
            "base": base,
            "force": force or None,
            "max_count": max_count,
            "message": message,
            "include_untracked": include_untracked or None,
            "target": target,
            "ref": reference,
        }
        given = {key: value for key, value in fields.items() if value is not None}
        return await self.tool("git", {"command": command, **given})

    async def git_command(self, args: Mapping[str, Any]) -> ToolResult:
        """The same as `git`, with an object."""
        return await self.tool("git", dict(args))

    async def _demand(self, name: str, **args: str) -> ToolResult:
        result = await self.tool(name, args)
        if result.exit_code:
            said = result.output.strip() or f"{name} failed with exit status {result.exit_code}"
            raise ToolFailed(said, result=result)
        return result
