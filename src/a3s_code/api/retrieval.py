"""
The providers of context of a session, and what they may use of it.

Source:
    SPEC 11.2; DESIGN 5.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from a3s_code.errors import InvalidValue
from a3s_code.kernel.retrieval import WorkspaceProvider

if TYPE_CHECKING:
    from a3s_code.api.settings import Settings
    from a3s_code.kernel.context import ContextProvider
    from a3s_code.kernel.executor import Executor
    from a3s_code.kernel.records import TokensSpent
    from a3s_code.kernel.retrieval import Place


def check_roots(settings: Settings, workspace: str) -> None:
    """
    See that what is looked through are directories of the workspace.

    Raises:
        InvalidValue: one leads outside, or is no directory; or two providers have one name.
    """
    for option, name in _own_names(settings) if settings.providers else ():
        if any(each.name == name for each in settings.providers):
            raise InvalidValue(
                f"{option} and a context_provider are both named {name!r}.",
                hint=f"give the provider another name, or leave {option} out",
            )
    if settings.fs_context:
        _check_root("fs_context", settings.fs_context, workspace)
    for provider in settings.providers:
        root: object = getattr(provider, "root", None)
        if isinstance(root, str) and isinstance(provider, WorkspaceProvider):
            _check_root(f"root of the context_provider {provider.name!r}", root, workspace)


def _own_names(settings: Settings) -> Iterator[tuple[str, str]]:
    """Give the options that bring a provider, each with its name."""
    if settings.fs_context:
        yield "fs_context", "files"
    if settings.code.map:
        yield "repository_map", "repository_map"
    if settings.memory.store is not None or settings.memory.directory is not None:
        yield "memory_dir" if settings.memory.store is None else "memory_store", "memory"


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
    settings: Settings, executor: Executor, tell: Callable[[TokensSpent], None]
) -> tuple[ContextProvider, ...]:
    """
    Give what a session that wakes asks before each run, in the order of its options.

    Args:
        tell: Records what they spend; called when the session is awake.
    """
    if not settings.fs_context and not settings.providers:
        return ()
    from a3s_code.capabilities.retrieval.file_context import FileSystemContextProvider
    from a3s_code.harness.host_provider import asked

    place = _place(executor, tell)
    own = (FileSystemContextProvider(settings.fs_context),) if settings.fs_context else ()
    return tuple(
        asked(each.within(place) if isinstance(each, WorkspaceProvider) else each)
        for each in (*own, *settings.providers)
    )


def _place(executor: Executor, tell: Callable[[TokensSpent], None]) -> Place:
    from a3s_code.api.reading import may_read
    from a3s_code.kernel.messages import Usage
    from a3s_code.kernel.observation import redact
    from a3s_code.kernel.records import TokensSpent
    from a3s_code.kernel.retrieval import Place

    def spent(model: str, usage: Usage) -> None:
        tell(TokensSpent(usage=usage, purpose="embedding", model=model))

    space = executor.space
    return Place(
        root=space.root,
        files=space.files,
        search=space.search,
        may_read=partial(may_read, executor),
        redact=lambda text: redact(text, executor.redactor),
        spent=spent,
    )
