"""The files of instructions that a session reads: the host's, the root's, and nested ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from a3s_code.api.retrieval import decided
from a3s_code.api.workplaces import files_of
from a3s_code.capabilities.retrieval.credentials import holds_credentials
from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
from a3s_code.harness.agents_md.nested import NestedInstructions
from a3s_code.harness.agents_md.standing import host_instructions, root_instructions
from a3s_code.harness.context import ContextSource
from a3s_code.kernel.executor import Executor
from a3s_code.kernel.ports import Allow, Deny
from a3s_code.kernel.workspace import Resolved


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
    own = Directories(executor.space.files, docs, denied=partial(_denied, executor, docs.names))
    nested = NestedInstructions(own, lambda: executor.tools)
    standing = (root_instructions(own), nested.begin)
    if host_docs is None:
        return standing, nested
    host = Directories(files_of(str(Path(host_docs).expanduser())), docs, "user", "host")
    return (host_instructions(host), *standing), nested


def _denied(executor: Executor, names: Sequence[str], target: Resolved) -> str:
    """
    Say why the model may not be shown a file; empty when it may.

    A file of instructions is kept back where reading it is denied. Anything else that stands in
    for one, or is included, may not say more than the model could read unasked: whoever writes
    the instructions of a project is not who answers its questions.
    """
    decision = decided(executor, target)
    if isinstance(decision, Deny):
        return decision.reason
    if target.path.rpartition("/")[2] in names:
        return ""
    if not isinstance(decision, Allow):
        return "it may not be read unasked"
    return "it is there to hold credentials" if holds_credentials(target.path) else ""
