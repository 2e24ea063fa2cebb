"""
The providers of context of a session, and what they may use of it.

Source:
    SPEC 11.2; DESIGN 5.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from a3s_code.errors import InvalidValue
from a3s_code.kernel.retrieval import WorkspaceProvider

if TYPE_CHECKING:
    from a3s_code.api.settings import Settings
    from a3s_code.kernel.context import ContextProvider
    from a3s_code.kernel.executor import Executor
    from a3s_code.kernel.log import Log
    from a3s_code.kernel.ports import Decision
    from a3s_code.kernel.retrieval import Place
    from a3s_code.kernel.workspace import Resolved


def check_roots(settings: Settings, workspace: str) -> None:
    """
    See that what is looked through are directories of the workspace.

    Raises:
        InvalidValue: one leads outside, or is no directory; or two providers have one name.
    """
    if settings.fs_context and any(each.name == "files" for each in settings.providers):
        raise InvalidValue(
            "fs_context and a context_provider are both named 'files'.",
            hint="give the provider another name, or leave fs_context out",
        )
    if settings.fs_context:
        _check_root("fs_context", settings.fs_context, workspace)
    for provider in settings.providers:
        root: object = getattr(provider, "root", None)
        if isinstance(root, str) and isinstance(provider, WorkspaceProvider):
            _check_root(f"root of the context_provider {provider.name!r}", root, workspace)


def _check_root(what: str, root: str, workspace: str) -> None:
    top = os.path.realpath(workspace)
    place = os.path.realpath(os.path.join(top, root))  # noqa: PTH118 - keeps an absolute one
    if os.path.commonpath((top, place)) != top:
        raise InvalidValue(
            f"{what} is {root!r}, which lies outside of the workspace.",
            hint="name a directory of the workspace",
        )
    if not os.path.isdir(place):  # noqa: PTH112 - as above
        raise InvalidValue(f"{what} is {root!r}, which is no directory of the workspace.")


def asked_providers(
    settings: Settings, executor: Executor, log: Log
) -> tuple[ContextProvider, ...]:
    """Give what a session that wakes asks before each run, in the order of its options."""
    if not settings.fs_context and not settings.providers:
        return ()
    from a3s_code.capabilities.retrieval.file_context import FileSystemContextProvider
    from a3s_code.harness.host_provider import asked

    place = _place(executor, log)
    own = (FileSystemContextProvider(settings.fs_context),) if settings.fs_context else ()
    return tuple(
        each.within(place) if isinstance(each, WorkspaceProvider) else asked(each)
        for each in (*own, *settings.providers)
    )


def _place(executor: Executor, log: Log) -> Place:
    from a3s_code.kernel.messages import Usage
    from a3s_code.kernel.observation import redact
    from a3s_code.kernel.records import TokensSpent
    from a3s_code.kernel.retrieval import Place

    def spent(model: str, usage: Usage) -> None:
        log.append(TokensSpent(usage=usage, purpose="embedding", model=model))

    space = executor.space
    return Place(
        root=space.root,
        files=space.files,
        search=space.search,
        may_read=lambda target: may_read(executor, target),
        redact=lambda text: redact(text, executor.redactor),
        spent=spent,
    )


def may_read(executor: Executor, target: Resolved) -> bool:
    """Say whether the session's policy lets the model read a file without asking anybody."""
    from a3s_code.kernel.ports import Allow

    return isinstance(decided(executor, target), Allow)


def decided(executor: Executor, target: Resolved) -> Decision:
    """
    Decide about reading a file as about a call of `read` by the model.

    The gate decides, also where the session has another tool of that name, or none; no hook and
    nobody is asked.
    """
    from a3s_code.capabilities.tools.read import read
    from a3s_code.kernel.messages import ToolCall
    from a3s_code.kernel.ports import Action, Authority

    args = read.args(file_path=target.spelled)  # pyright: ignore[reportCallIssue] - its own field
    action = Action(
        call=ToolCall("context", read.name, {"file_path": target.spelled}),
        tool=read,
        args=args,
        subject=read.subject_of(args),
        effect=read.effect,
        target=target,
        authority=Authority.SESSION,
    )
    return executor.gate.decide(action)
