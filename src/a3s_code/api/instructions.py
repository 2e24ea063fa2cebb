"""The files of instructions that a session reads: the host's, the root's, and nested ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from a3s_code.api.reading import withheld
from a3s_code.api.workplaces import files_of
from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
from a3s_code.harness.agents_md.nested import NestedInstructions
from a3s_code.harness.agents_md.standing import host_instructions, root_instructions
from a3s_code.harness.context import ContextSource
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.executor import Executor


def instructions(
    executor: Executor, docs: ProjectDocs, host_docs: str | None
) -> tuple[tuple[ContextSource, ...], NestedInstructions | None]:
    """
    Give what is in force in the whole workspace, the outermost first, and the companion.

    Args:
        host_docs: A directory of the host, which the policy of the session is not about.
    """
    if not docs.max_bytes:
        return (), None
    own = Directories(executor.space.files, docs, denied=partial(withheld, executor, docs.names))
    nested = NestedInstructions(own, lambda: executor.tools)
    standing = (_anew(nested, root_instructions(own)),)
    if host_docs is None:
        return standing, nested
    place = str(Path(host_docs).expanduser())
    host = Directories(files_of(place), docs, "user", "host")
    return (host_instructions(host, place=place), *standing), nested


def _anew(nested: NestedInstructions, root: ContextSource) -> ContextSource:
    """Have nested ones looked for anew whenever the root is asked, at the start of each run."""

    async def read() -> Sequence[ContextItem]:
        await nested.begin()
        return await root()

    return read
