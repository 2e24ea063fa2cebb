"""
What became of calls that their process did not live to see end.

Files tell it by their digests, a command by the record of its exit, other tools by what
they named as evidence. What none of these tells stays in doubt: nobody runs it again
unasked, and the model, the user and the log say so.

Source:
    DESIGN 4, "Ledger".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from a3s_code.errors import A3SError
from a3s_code.kernel.border import answer_of
from a3s_code.kernel.file_changes import UNSEEN, image_of
from a3s_code.kernel.ports import Action
from a3s_code.kernel.records import (
    EffectInDoubt,
    EffectIntended,
    EffectSettled,
    FileChanging,
    FileLeft,
)
from a3s_code.kernel.space import Space
from a3s_code.kernel.state import OpenEffect
from a3s_code.kernel.tool import Effect, Tool, ToolContext

LOOK_S = 10.0
"""How long a tool may look at what a call left, or will change."""

_NONE = ("", "")
_NOTHING_TELLS = "nothing tells whether it took effect"

CUT_OFF = 130
"""Exit code of what was stopped, as a shell gives it after an interrupt."""

_KILLED, _BROKEN_PIPE = 128 + 9, 128 + 13
STOPPED = frozenset({_KILLED, _BROKEN_PIPE})
"""Statuses that the end of our process brings about: nobody reads the output any more."""


@dataclass(frozen=True, slots=True)
class Sight:
    """
    What can still be looked at.

    Attributes:
        context: What a tool may look with.
    """

    space: Space
    tools: Mapping[str, Tool]
    context: ToolContext


Verdict = EffectSettled | EffectInDoubt
Found = tuple[Verdict | FileLeft, ...]


async def settlement(effect: OpenEffect, sight: Sight) -> Found:
    """Give the records that say what became of `effect`; nothing is changed or run."""
    intended = effect.intended
    match intended.effect:
        case Effect.WRITE.value if effect.files or not intended.evidence:
            return await _by_files(effect, sight)
        case Effect.CONTAINER.value:
            return (_settled(intended, "interrupted", "what ran inside it is told by itself"),)
        case _:
            return (await _by_traces(intended, sight),)


# Files


async def _by_files(effect: OpenEffect, sight: Sight) -> Found:
    intended = effect.intended
    tool = sight.tools.get(intended.tool)
    if not effect.files and (tool is None or tool.wraps_function or tool.path is None):
        return (EffectInDoubt(call_id=intended.call_id, reason=_NOTHING_TELLS),)
    if not effect.files:
        return (_settled(intended, "not_done", "no file was about to be changed"),)
    became = {path: await _became(files, sight) for path, files in _by_path(effect).items()}
    changed = [path for path, what in became.items() if what in ("after", "between")]
    left = [path for path, what in became.items() if what in ("before", "between")]
    unknown = [path for path, what in became.items() if not what]
    untouched = tuple(FileLeft(call_id=intended.call_id, path=path) for path in left)
    if unknown:
        reason = f"neither as it was nor as it was to be: {', '.join(unknown)}"
        return (*untouched, EffectInDoubt(call_id=intended.call_id, reason=reason))
    if not changed:
        return (*untouched, _settled(intended, "not_done", f"as it was: {', '.join(left)}"))
    is_whole = tool is not None and tool.path is not None and not left
    outcome = "done" if is_whole else "interrupted"
    return (*untouched, _settled(intended, outcome, f"as it was to be: {', '.join(changed)}"))


def _by_path(effect: OpenEffect) -> dict[str, list[FileChanging]]:
    """Give the changes of each file, oldest first."""
    found: dict[str, list[FileChanging]] = {}
    for file in effect.files:
        found.setdefault(file.path, []).append(file)
    return found


async def _became(files: list[FileChanging], sight: Sight) -> str:
    """
    Say as what a file is there: `after` its last change, `between` that and the ones before,
    `before` all of them, or empty for something else.
    """
    last = files[-1]
    try:
        target = sight.space.files.resolve(last.path)
        try:
            image, _ = await image_of(sight.space.files, target)
        finally:
            target.close()
    except (A3SError, OSError):
        return ""
    if image.sha256 == UNSEEN:
        return ""
    if image.sha256 == last.after.sha256:
        return "after"
    if image.sha256 != last.before.sha256:
        return ""
    return "before" if len(files) == 1 else "between"


# Commands, and what tools name


async def _by_traces(intended: EffectIntended, sight: Sight) -> Verdict:
    exits = sight.space.exits
    status = exits.read(intended.exit_record) if exits and intended.exit_record else None
    if status is not None and status not in STOPPED:
        outcome = "failed" if status else "done"
        said = f"the command ended with exit status {status}"
        return _settled(intended, outcome, said, exit_code=status)
    now = await _look(intended, sight)
    if now is None:
        stopped = f"it was stopped on its way, with exit status {status}"
        reason = _NOTHING_TELLS if status is None else stopped
        return EffectInDoubt(call_id=intended.call_id, reason=reason)
    if now == intended.before:
        return _settled(intended, "not_done", f"as it was: {intended.evidence}")
    return _settled(intended, "done", f"changed: {intended.evidence}")


async def _look(intended: EffectIntended, sight: Sight) -> str | None:
    """See what the tool named; None when it named nothing, or it cannot be seen."""
    tool = sight.tools.get(intended.tool)
    if not intended.evidence or tool is None or tool.evidence is None:
        return None
    try:
        async with asyncio.timeout(LOOK_S):
            return str(await answer_of(tool.evidence.look(intended.evidence, sight.context)))
    except Exception:  # noqa: BLE001 - a tool is foreign code; what it cannot see stays in doubt
        return None


async def named_evidence(action: Action, context: ToolContext) -> tuple[str, str]:
    """Give what will tell whether `action` took effect, and how that is before it; or nothing."""
    evidence = action.tool.evidence
    if evidence is None:
        return _NONE
    try:
        named = str(evidence.of(action.args))
        if not named:
            return _NONE
        async with asyncio.timeout(LOOK_S):
            return named, str(await answer_of(evidence.look(named, context)))
    except Exception:  # noqa: BLE001 - as above; the call itself will say what is wrong
        return _NONE


def _settled(
    intended: EffectIntended, outcome: str, evidence: str, exit_code: int = CUT_OFF
) -> EffectSettled:
    code = 0 if outcome == "done" else exit_code
    return EffectSettled(
        call_id=intended.call_id, outcome=outcome, exit_code=code, evidence=evidence
    )
