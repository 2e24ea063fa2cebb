"""How a task is carried out: to its end, or beside everything else."""

from __future__ import annotations

from dataclasses import dataclass

from a3s_code.capabilities.tasks.shown import metadata_of, shown
from a3s_code.errors import A3SError, StoreError
from a3s_code.kernel.children import ChildOutcome, Children, ChildSpec, session_of
from a3s_code.kernel.messages import JsonObject


@dataclass(frozen=True, slots=True)
class Errand:
    """
    What came of one task.

    Attributes:
        kind: Why it failed; empty when it did not.
        metadata: Says it all; see `metadata_of`.
    """

    text: str
    kind: str
    metadata: JsonObject


async def carry_out(
    spec: ChildSpec, children: Children, *, background: bool = False, share: float = 1.0
) -> Errand:
    """
    Have a child do it. What goes wrong, also before it begins, is what came of it.

    Args:
        share: As of `shown`.

    Raises:
        StoreError: what it did could not be recorded.
    """
    try:
        if background:
            return _launched(spec, await children.launch(spec))
        outcome = await children.start(spec)
    except StoreError:
        raise
    except A3SError as error:  # such as a model that the agent names, and nobody has
        outcome = ChildOutcome(id="", agent=spec.agent, kind=error.code, error=str(error))
    view = shown(outcome, share)
    return Errand(view.text, outcome.kind, metadata_of(outcome, is_cut=view.is_cut))


def _launched(spec: ChildSpec, task_id: str) -> Errand:
    text = f"{spec.agent} works on it as {task_id}. Its result comes when it is there; go on."
    facts: JsonObject = {
        "agent": spec.agent,
        "task_id": task_id,
        "session_id": session_of(task_id),
        "success": True,
        "background": True,
        "status": "running",
    }
    return Errand(text, "", facts)
