"""What a session is told of delegation: what is handed on unasked, and who may delegate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from a3s_code.delegation.agents import AutoDelegationConfig
    from a3s_code.kernel.tool import ToolSet

T = TypeVar("T")


class DelegationOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    None = nothing was said; what the configuration says holds then.

    Attributes:
        manual: The model may delegate by itself.

    Source:
        A3S Code Python SDK, "Automatic subagent delegation controls"; SPEC 1.9.
    """

    enabled: bool | None = None
    auto_parallel: bool | None = None
    min_confidence: float | None = None
    max_tasks: int | None = None
    manual: bool | None = None


NO_DELEGATION = DelegationOptions()
_OPTIONS = frozenset({"auto_delegation", "auto_parallel", "manual_delegation_enabled"})


class Block(Protocol):
    """`auto_delegation {}` of a configuration."""

    @property
    def enabled(self) -> bool: ...
    @property
    def auto_parallel(self) -> bool: ...
    @property
    def allow_manual_delegation(self) -> bool: ...
    @property
    def min_confidence(self) -> float: ...
    @property
    def max_tasks(self) -> int: ...


class Configured(Protocol):
    """A configuration, as far as it is about this."""

    @property
    def auto_delegation(self) -> Block: ...
    @property
    def auto_parallel(self) -> bool | None:
        """Wins over the one in the block."""
        ...


@dataclass(frozen=True, slots=True)
class DelegationTerms:
    """
    What delegates in a session beside its host, who always can.

    Attributes:
        is_auto: Prompts are handed to agents unasked.
        min_confidence: How sure the choice of an agent has to be then, 0 to 1.
        max_tasks: Agents that one prompt is handed to at most.
        is_manual: The model may delegate by itself.
    """

    is_auto: bool = False
    min_confidence: float = 0.72
    max_tasks: int = 4
    is_manual: bool = True

    @classmethod
    def of(cls, options: DelegationOptions, config: Configured) -> DelegationTerms:
        """Lay the options of a session over the configuration; `auto_parallel` bounds the tasks."""
        block = config.auto_delegation
        said = config.auto_parallel if config.auto_parallel is not None else block.auto_parallel
        is_parallel = _first(options.auto_parallel, said)
        most = _first(options.max_tasks, block.max_tasks)
        return cls(
            is_auto=_first(options.enabled, block.enabled),
            min_confidence=_first(options.min_confidence, block.min_confidence),
            max_tasks=most if is_parallel else 1,
            is_manual=_first(options.manual, block.allow_manual_delegation),
        )

    def shown(self, visible: ToolSet) -> ToolSet:
        """Give what of the tools the model may be shown."""
        if self.is_manual:
            return visible
        from a3s_code.harness.manual_delegation import DELEGATING
        from a3s_code.kernel.tool import ToolSet

        return ToolSet(tuple(tool for tool in visible.tools if tool.name not in DELEGATING))


def delegation_options(given: Mapping[str, Any]) -> DelegationOptions:
    """Take what was given of it; `auto_parallel` wins over the one inside `auto_delegation`."""
    if _OPTIONS.isdisjoint(given):
        return NO_DELEGATION
    auto: AutoDelegationConfig | None = given.get("auto_delegation")
    manual: bool | None = given.get("manual_delegation_enabled")
    parallel: bool | None = given.get("auto_parallel")
    if auto is None:
        return DelegationOptions(auto_parallel=parallel, manual=manual)
    return DelegationOptions(
        enabled=auto.enabled,
        auto_parallel=_first(parallel, auto.auto_parallel),
        min_confidence=auto.min_confidence,
        max_tasks=auto.max_tasks,
        manual=manual,
    )


def _first(given: T | None, default: T) -> T:
    return default if given is None else given
