"""
Bringing what a child left in its copy into the workspace that it was made of.

Each file is a call of its own, decided as a call of `write` on the rights of the parent and
recorded like every write: so a rule that denies it holds, an approver is asked about each file, a
hook sees its content, a crash on the way is settled by digests, and a rewind takes it back.

Source:
    DESIGN 1 ("one gate"), 4 ("Ledger").
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from a3s_code.errors import FileConflict, WorkspaceError
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.file_changes import RecordedFiles
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.ports import Authority, Sink
from a3s_code.kernel.records import Unmerged
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, failure, tool
from a3s_code.kernel.worktrees import Plan, Step, Worktrees

WRITE = "write"
"""The tool whose rules decide about merged files; models call it for the same."""


class MergeArgs(msgspec.Struct, frozen=True):
    """
    Attributes:
        content: The whole of the file.
        base64: The same, where it is no text.
        removed: The file goes.
        merges: Id of the child whose work it is.
    """

    file_path: str
    content: str | None = None
    base64: str | None = None
    removed: bool = False
    is_program: bool = False
    merges: str = ""

    def data(self) -> bytes | None:
        """
        Give the content; None when the file goes.

        Raises:
            ValueError: there is none.
        """
        if self.removed:
            return None
        if self.content is not None:
            return self.content.encode()
        if self.base64 is None:
            raise ValueError("neither content nor base64")
        return base64.b64decode(self.base64, validate=True)


@dataclass(slots=True)
class Merging:
    """
    One merge.

    Attributes:
        executor: Of the parent, with its rights.
        sink: Of the call that started the child.
        new_id: Gives ids of calls inside that call.
        files: What was merged, in that order.
        conflicts: What was not.
    """

    executor: Executor
    sink: Sink
    new_id: Callable[[], str]
    worktrees: Worktrees
    child: str
    files: list[str] = field(default_factory=list[str])
    conflicts: list[Unmerged] = field(default_factory=list[Unmerged])

    async def run(self, plan: Plan) -> None:
        """
        Merge file by file; one that cannot be merged stops no other.

        Raises:
            StoreError: it could not be recorded.
        """
        self.conflicts += plan.conflicts
        async for step, data in self.worktrees.contents(plan.steps):
            await self._file(step, data)

    async def _file(self, step: Step, data: bytes | None) -> None:
        executor = replace(self.executor, tools={WRITE: self._writing(step)})
        call = ToolCall(self.new_id(), WRITE, _args(step, data, self.child))
        done = await executor.call(call, Authority.SESSION, self.sink)
        if done.failed:
            self.conflicts.append(Unmerged(step.path, done.text))
        else:
            self.files.append(step.path)

    def _writing(self, step: Step) -> Tool:
        """Make the tool that puts one file there; no model sees it."""
        space, sink, worktrees = self.executor.space, self.sink, self.worktrees

        @tool(MergeArgs, effect=Effect.WRITE, path="file_path", name=WRITE)
        async def merge(args: MergeArgs, context: ToolContext) -> Observation:
            """Bring a file that a child changed into the workspace."""
            target = context.resolved
            if target.path != step.path:
                text = f"{args.file_path} stands behind a link in the workspace."
                return failure(text, "version_conflict")
            try:
                data = args.data()
            except (ValueError, binascii.Error) as error:
                return failure(f"{args.file_path} has no content: {error}.", "invalid_argument")
            files = RecordedFiles(space.files, context.call_id, WRITE, sink, apart=space.apart)
            try:
                await files.change(target, data, lambda: worktrees.put(step, data))
            except (FileConflict, IsADirectoryError) as error:
                return failure(str(error), "version_conflict")
            except WorkspaceError as error:
                return failure(error.message)
            return Observation(f"{'Merged' if data is not None else 'Removed'} {args.file_path}.")

        return merge


def _args(step: Step, data: bytes | None, child: str) -> JsonObject:
    args: JsonObject = {"file_path": step.path, "merges": child}
    if data is None:
        return args | {"removed": True}
    if step.is_program:
        args["is_program"] = True
    try:
        return args | {"content": data.decode()}
    except UnicodeDecodeError:
        return args | {"base64": base64.b64encode(data).decode()}
