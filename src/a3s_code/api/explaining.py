"""
What would become of a call, without making it.

`Explaining` is written here once; `Session` in `api/sync.py` is generated from it.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a3s_code.api.assembly import Assembly
from a3s_code.api.settings import Opening
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.messages import JsonObject, ToolCall
from a3s_code.kernel.tool import Observation, Tool, kind_of

if TYPE_CHECKING:  # a session that is not awake imports no event loop
    from a3s_code.api.engine import Engine
    from a3s_code.kernel.actions import Deciders
    from a3s_code.kernel.ports import Action, Decision, Gate, Sink

_REFUSED = {"path_refused": "workspace boundary"}
"""What denies a call before the gate, by the kind of its failure."""


class Explaining(ABC):
    """Gives `AsyncSession` its `explain`."""

    __slots__ = ()

    _assembly: Assembly
    _opening: Opening
    _added: tuple[Tool, ...]
    _engine: Engine | None

    @abstractmethod
    async def _awake(self) -> Engine:
        """Give the engine of the session."""

    @abstractmethod
    def _check_open(self) -> None:
        """
        Raises:
            SessionClosed: the session was closed.
        """

    async def explain(self, tool: str, args: Mapping[str, Any]) -> JsonObject:
        """
        Say how a call of the model would be decided: policy, mode, paths and protection.

        Nothing is executed, asked, written or recorded, but that the first time in a process
        a level of the sandbox may have to be tried. Hooks, the confirmation of an `ask` and
        the security provider come later, and can only make it stricter.

        Args:
            tool: Its name, as the model gives it.
            args: The arguments of the call.

        Returns:
            `{"tool", "decision", "rule", "part", "reason", "parts", "policy_version"}`.
            `decision` is `allow`, `ask` or `deny`. `rule` is the rule that decided as it was
            written, or what decided instead (`default_decision=ask`, `protected places`,
            `release actions`, `permission_mode=plan`, `no policy`, `workspace boundary`, or
            `the call cannot be made`, as with arguments that the tool does not take).
            `part` is the command, file or path that it decided on; empty for the whole call.
            `parts` has a row `{"part", "decision", "rule", "reason"}` for each command, file
            and path by itself; the strictest decides.

        Raises:
            InvalidType: `tool` is no text, or `args` no mapping.
            InvalidValue: there is no such tool.
            SessionClosed: the session was closed.
            SandboxUnavailable: the sandbox that holds its commands does not work any more.
            StoreError: what is stored of the session cannot be read.
        """
        from a3s_code.kernel.actions import foresee

        self._check_open()
        if not isinstance(tool, str) or not isinstance(args, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType("A call is a tool's name and an object of arguments.")
        deciders, sink = await self._deciders()
        call = ToolCall("explained", tool, dict(args))
        foreseen = foresee(call, deciders, sink)
        version = deciders.gate.policy_version
        if isinstance(foreseen, Observation):
            return {**_refused(tool, foreseen, deciders), "policy_version": version}
        try:
            parts = _parts(deciders.gate, foreseen.action)
        finally:
            foreseen.release()
        rows = [_row(part) for part in parts]
        return {"tool": tool, **_row(foreseen.decision), "parts": rows, "policy_version": version}

    async def _deciders(self) -> tuple[Deciders, Sink | None]:
        """Give what decides; a session that nobody stored is not woken for it."""
        if self._engine is None and not await self._assembly.is_stored(self._opening):
            await self._assembly.try_levels(self._opening)
            return self._assembly.deciders(self._opening, self._added), None
        engine = await self._awake()
        return engine.executor, engine.outlet()


def _refused(tool: str, seen: Observation, deciders: Deciders) -> JsonObject:
    """
    Take what ends a call before the gate for a denial.

    Raises:
        InvalidValue: there is no such tool.
    """
    if tool not in deciders.tools:
        near = difflib.get_close_matches(tool, deciders.tools, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see session.tool_names()"
        raise InvalidValue(f"There is no tool named {tool!r}.", hint=hint)
    rule = _REFUSED.get(kind_of(seen.error_kind) or "", "the call cannot be made")
    denial: JsonObject = {"decision": "deny", "rule": rule, "part": "", "reason": seen.text}
    return {"tool": tool, **denial, "parts": [denial]}


def _parts(gate: Gate, action: Action) -> tuple[Decision, ...]:
    from a3s_code.harness.grants import GrantingGate
    from a3s_code.harness.sources import Strictest

    if isinstance(gate, Strictest):
        return tuple(part for each in gate.gates for part in _parts(each, action))
    return gate.parts(action) if isinstance(gate, GrantingGate) else (gate.decide(action),)


def _row(decision: Decision) -> JsonObject:
    return {
        "decision": type(decision).__name__.lower(),
        "rule": decision.rule,
        "part": decision.part,
        "reason": decision.reason,
    }
