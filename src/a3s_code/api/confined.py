"""
How the programs of a session are held: what it asked for, and what that comes to here.

Without the option `sandbox` the calls of the model get the strongest level that works under the
default policy, and `hygiene` under a policy of the host's own; the host's own calls `hygiene`.
With it, all of them get what it says. A session that goes on is never held less than before,
unless it is told so.

Source: DESIGN 5, "Sandbox levels by default"; INVARIANTS 40.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from a3s_code.api.elsewhere import named
from a3s_code.api.recorded import Recorded
from a3s_code.api.settings import Opening
from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.confinement import (
    HYGIENE,
    Confinement,
    SandboxPolicy,
    SandboxState,
    weaker,
)
from a3s_code.kernel.records import SessionOpened

Confine: TypeAlias = Callable[[SandboxPolicy, str], Confinement]

_STRONGEST, _PLAIN = SandboxPolicy(level="auto"), SandboxPolicy(level="hygiene")
"""Of a session that asked for nothing: without a policy of its own, and with one."""


@dataclass(frozen=True, slots=True)
class Held:
    """
    Attributes:
        model: How the model's calls are held.
        direct: How the host's own calls are.
    """

    model: Confinement
    direct: Confinement
    state: SandboxState

    @property
    def shell_level(self) -> str:
        """
        How the command lines of the model are held; a place of their own is a container.

        At landlock the owner of a file outside can change its mode and its times, so only an
        unprivileged user is held by it well enough to run unasked.
        """
        if self.state.elsewhere:
            return "container"
        is_owner = self.model.level == "landlock" and self.model.form != "dropped"
        return "landlock, as the owner of files outside" if is_owner else self.model.level


def held(opening: Opening, before: SessionOpened | None, confine: Confine) -> Held:
    """
    Say how the programs of a session are held.

    Args:
        before: How it was opened the last time.

    Raises:
        SandboxUnavailable: what it asked for, or had before, does not work here.
    """
    safety, root = opening.settings.safety, opening.workspace
    asked = safety.sandbox
    policy = asked or (_STRONGEST if safety.policy is None else _PLAIN)
    model = confine(policy, root) if policy.level != "hygiene" or asked else HYGIENE
    if before is not None and before.sandbox is not None and not _is_told_anew(opening, before):
        model = _not_less(model, before.sandbox, policy, root, confine)
    direct = model if asked is not None else HYGIENE
    level = asked.level if asked is not None else ""
    state = SandboxState.of(model, direct, level, named(safety.elsewhere))
    return Held(model, direct, state)


def _is_told_anew(opening: Opening, before: SessionOpened) -> bool:
    asked = opening.settings.safety.sandbox
    return asked is not None and asked != Recorded.read(before.settings).sandbox


def _not_less(
    now: Confinement, before: SandboxState, policy: SandboxPolicy, root: str, confine: Confine
) -> Confinement:
    if not weaker(now.level, before.level):
        return now
    same = SandboxPolicy(
        level=before.level,
        read=policy.read,
        write=policy.write,
        network=policy.network,
        env=policy.env,
        limits=policy.limits,
    )
    try:
        return confine(same, root)
    except SandboxUnavailable as error:
        raise SandboxUnavailable(
            f"The session was held at {before.level!r}, which does not work here: {error.message}",
            hint="set sandbox to go on with another level",
        ) from error
