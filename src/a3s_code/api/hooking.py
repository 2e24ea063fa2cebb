"""The hooks that a session begins with: those that its options name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from a3s_code.api.settings import Safety
from a3s_code.errors import A3SError, InvalidType, InvalidValue
from a3s_code.harness.hooks.command import CommandHandler
from a3s_code.harness.hooks.engine import HookEngine
from a3s_code.harness.hooks.registry import HookRegistry
from a3s_code.kernel.ports import SecurityProvider
from a3s_code.kernel.records import HookNamed
from a3s_code.kernel.workspace import Processes

EXECUTOR_ID = "hook_engine"
"""What the log calls an executor that is none of ours."""


def engine_of(safety: Safety, root: str, processes: Callable[[], Processes]) -> HookEngine:
    """
    Give the engine of a session. What the options name is above it: nothing that is
    registered on the session later can take it away or skip it. So are the hooks of its
    security provider, whose `register_hooks` is called here.

    Args:
        root: The workspace.
        processes: Gives what runs programs of the host, when the first one is run.

    Raises:
        InvalidType, InvalidValue: a command lies in the workspace, or two have one id; or the
            security provider could not register its hooks.
    """
    given = safety.hooks
    if given is None and not safety.hook_commands and safety.security is None:
        return HookEngine()
    if isinstance(given, HookEngine):
        above = given
    else:
        above = HookEngine()
        if given is not None:
            above.register_executor(EXECUTOR_ID, given)
    commands = above.inherited()
    ids: set[str] = set()
    for command in safety.hook_commands:
        command.check_outside(root)
        name = _free(command.name, ids) if not command.hook_id else command.name
        if name in ids:
            raise InvalidValue(f"Two hook_commands have the id {name!r}.", hint="name them apart")
        ids.add(name)
        handler = CommandHandler(command, processes, root)
        commands.register(name, command.event, command.matcher, command.config, handler)
    return _guarded(commands if ids else above, safety.security).inherited()


def _guarded(above: HookEngine, provider: SecurityProvider | None) -> HookEngine:
    """
    Have a security provider register its hooks, below those that the options name.

    Raises:
        InvalidType, InvalidValue: it cannot.
    """
    register = getattr(provider, "register_hooks", None)
    if register is None:
        return above
    layer = above.inherited()
    try:
        given: object = register(layer)
    except A3SError:
        raise
    except Exception as error:  # border: foreign code; without its hooks no session begins
        raise InvalidValue(
            f"security_provider.register_hooks raised {type(error).__name__}.",
            hint="it is given an engine, and calls register(hook_id, event, handler=...) on it",
        ) from error
    if inspect.iscoroutine(given):
        given.close()
    if inspect.isawaitable(given):
        raise InvalidType("security_provider.register_hooks gave something to wait for.")
    return layer if layer.count > above.count else above


def lost(before: Sequence[HookNamed], registry: HookRegistry) -> tuple[str, ...]:
    """Name the hooks that a session had and that nobody registered again."""
    now = {hook.id for hook in registry.names}
    return tuple(f"{hook.id} ({hook.event})" for hook in before if hook.id not in now)


def idle(registry: HookRegistry) -> tuple[str, ...]:
    """Name the hooks of events that this build never fires."""
    return tuple(f"hooks of {event}" for event in registry.idle)


def _free(name: str, taken: set[str]) -> str:
    """Number the commands of one program."""
    numbered = (f"{name}:{at}" for at in range(2, len(taken) + 3))
    return next(each for each in (name, *numbered) if each not in taken)
