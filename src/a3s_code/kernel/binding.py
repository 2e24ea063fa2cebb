"""
What an approval holds for: one run of one call, as it was when somebody was asked about it.

    take      digests of the arguments, the tool, the target, the files that it would change
    changed   what differs now; looked at right before the call runs, on what would run

Whoever holds the arguments, moves a link, edits a file, or replaces a tool or the policy
between the question and the run voids the approval.

Source:
    DESIGN 1 ("what was approved is what runs"); INVARIANTS 12, 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from a3s_code.errors import A3SError
from a3s_code.kernel.events import Binding
from a3s_code.kernel.file_changes import UNSEEN, image_of
from a3s_code.kernel.ledger import digest
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.plain import plain
from a3s_code.kernel.ports import Action, Allow, Deny, Gate, Guard
from a3s_code.kernel.space import Space
from a3s_code.kernel.tool import Effect, Tool
from a3s_code.kernel.workspace import Files, Resolved, shown_name

ARGUMENTS_CHANGED = "its arguments were changed"

_ABSENT = ""
_UNTOLD = "?"
"""Of what cannot be looked at, or encoded; it equals nothing, not even itself."""


class World(Protocol):
    """What a call depends on beside itself."""

    @property
    def tools(self) -> Mapping[str, Tool]: ...

    @property
    def space(self) -> Space: ...

    @property
    def gate(self) -> Gate: ...

    def touched(self, action: Action) -> Iterable[str]:
        """Name the files, beside its target, that the text of a call says it would change."""
        ...


async def take(action: Action, world: World, *, contents: bool = True) -> Binding:
    """
    Look at a call and what it depends on, as they are now.

    Args:
        contents: Also at the files that it would change.
    """
    return Binding(
        args_sha256=_digest(action.args),
        tool_sha256=tool_digest(action.tool),
        policy_version=str(world.gate.policy_version),
        target=action.target.path if action.target is not None else "",
        before=await _before(action, world) if contents else {},
    )


def tool_digest(tool: Tool) -> str:
    """Give the SHA-256, in hex, of what a tool is said to be: its name, summary and schema."""
    return _digest({"name": tool.name, "summary": tool.summary, "schema": tool.schema})


def _digest(value: object) -> str:
    try:
        return digest(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - values that foreign code holds; what has no digest is refused
        return _UNTOLD


def untold(binding: Binding) -> str:
    """Name a file that is too large for a digest, so that no approval can hold; or nothing."""
    large = [shown_name(path) for path, seen in binding.before.items() if seen == _UNTOLD]
    return large[0] if large else ""


async def _before(action: Action, world: World) -> dict[str, str]:
    if action.effect is Effect.READ:
        return {}
    found: dict[str, str] = {}
    if action.target is not None:
        found[action.target.path] = await _seen(world.space.files, action.target)
    for path in world.touched(action):
        found.setdefault(path, await _seen_at(world.space.files, path))
    return found


async def _seen_at(files: Files, path: str) -> str:
    try:
        target = files.resolve(path)
    except (A3SError, OSError, ValueError) as error:
        return type(error).__name__
    try:
        return await _seen(files, target)
    finally:
        target.close()


async def _seen(files: Files, target: Resolved) -> str:
    """Give the digest of a file; the kind of the error where there is no file to read."""
    try:
        image, _ = await image_of(files, target)
    except (A3SError, OSError) as error:
        return type(error).__name__
    return _UNTOLD if image.sha256 == UNSEEN else image.sha256


@dataclass(slots=True, eq=False, weakref_slot=True)
class Approved:
    """
    A yes to one call, good for one run of it.

    Attributes:
        args: The arguments as they were shown, a copy that nobody else has.
        is_void: A run was refused; `is_used` says whether there was one before.
    """

    args: JsonObject
    binding: Binding
    decision: Allow | None = None
    is_used: bool = False
    is_void: bool = False

    @property
    def settled(self) -> Allow | Deny:
        """The decision; a denial until there is one."""
        return self.decision or Deny("nobody has approved it")

    def use(self) -> str:
        """Use it up; say why it cannot be, or nothing."""
        was_used, self.is_used = self.is_used, True
        return "the approval was used already" if was_used else ""

    def arguments(self, action: Action, guard: Guard | None) -> msgspec.Struct | None:
        """
        Decode the arguments as they were shown, for the run: nobody else holds these.

        Returns:
            None when they would not be those that were approved, such as when nobody knows any
            more what a placeholder stands for.
        """
        shown = plain(self.args)
        try:
            given = shown if guard is None else guard.restored(action.tool, shown)
            args = msgspec.convert(given, action.tool.args, strict=False)
        except (A3SError, msgspec.ValidationError):
            return None
        return args if _digest(args) == self.binding.args_sha256 else None

    async def changed(self, action: Action, world: World) -> str:
        """Say what is not as it was approved; nothing when all is."""
        now = await take(action, world, contents=bool(self.binding.before))
        found = [
            *self._changed_call(action, now),
            *_changed_tool(action, self.binding, now, world),
            *_changed_target(action, self.binding, world),
            *_changed_files(self.binding, now),
        ]
        if now.policy_version != self.binding.policy_version:
            found.append("the policy was replaced")
        return "; ".join(found)

    def _changed_call(self, action: Action, now: Binding) -> Iterator[str]:
        shown = _digest(self.args)
        same = shown == _digest(action.call.input) and now.args_sha256 == self.binding.args_sha256
        if not same or _UNTOLD in (shown, now.args_sha256):
            yield ARGUMENTS_CHANGED


def _changed_tool(action: Action, asked: Binding, now: Binding, world: World) -> Iterator[str]:
    offered = world.tools.get(action.tool.name, action.tool)
    if offered is not action.tool or now.tool_sha256 != asked.tool_sha256:
        yield f"the tool {action.tool.name} was replaced"


def _changed_target(action: Action, asked: Binding, world: World) -> Iterator[str]:
    """Resolve the path once more: a link or a directory may have been put in its way."""
    tool, held = action.tool, action.target
    if tool.path is None or held is None:
        return
    spelled = shown_name(held.spelled)
    try:
        fresh = world.space.files.resolve(getattr(action.args, tool.path))
    except (A3SError, OSError, TypeError, AttributeError):
        yield f"{spelled} cannot be reached any more"
        return
    try:
        if fresh.path != asked.target:
            there = f"{shown_name(fresh.path)}, not to {shown_name(asked.target)}"
            yield f"{spelled} leads to {there}"
        elif fresh.place() != held.place():
            yield f"another directory stands where {spelled} was"
    except (A3SError, OSError):
        yield f"{spelled} cannot be reached any more"
    finally:
        fresh.close()


def _changed_files(asked: Binding, now: Binding) -> Iterator[str]:
    if asked.before.keys() != now.before.keys():
        yield "it would change other files"
    for path, before in asked.before.items():
        after = now.before.get(path, _ABSENT)
        if before != after:
            did = "created" if before == _ABSENT else "removed" if after == _ABSENT else "changed"
            yield f"{shown_name(path)} was {did}"
