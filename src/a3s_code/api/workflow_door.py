"""Which loop a blocking workflow runs on: that of its session, or one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a3s_code.api.door import Door
from a3s_code.delegation.step_executor import AgentExecutor

if TYPE_CHECKING:  # a workflow brings much along, and few hosts build one
    from a3s_code.delegation.workflow import AsyncWorkflowBuilder


def opened(executor: AgentExecutor, blocking: type) -> tuple[AsyncWorkflowBuilder, Door]:
    """
    Begin to build a workflow around an executor, and say where it runs.

    The executor of a blocking session runs on the loop of its agent, and with it the workflow; any
    other one on a loop of the workflow's own.

    Args:
        blocking: The type of those executors.
    """
    from a3s_code.delegation.workflow import AsyncWorkflowBuilder

    if isinstance(executor, blocking):
        twin: Any = executor
        return AsyncWorkflowBuilder(twin._inner), twin._door  # noqa: SLF001 - of a generated twin
    return AsyncWorkflowBuilder(executor), Door(_leave)


async def _leave() -> None:
    """Nothing was opened that is to be closed."""
