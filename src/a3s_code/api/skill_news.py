"""
What a session says of its skills: once in its log, to its hooks, and to who made it.

Payloads of the hooks, SPEC 7; both have `session_id`:

    skill_load     skill_name, tool_names, version, description, loaded_at (ms since 1970)
    skill_unload   skill_name, tool_names, duration_ms
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from a3s_code.api.settings import Settings
from a3s_code.api.skill_shelf import SessionSkills
from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.skill import Skill
from a3s_code.capabilities.skills.tree import FileFault
from a3s_code.harness.hooks.event_names import SKILL_LOAD, SKILL_UNLOAD
from a3s_code.harness.hooks.run_hooks import SessionHooks
from a3s_code.kernel.events import SkillSkipped, SkillsLoaded
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Sink
from a3s_code.kernel.visible import on_one_line

MAX_RECORDED = 100
"""How many faults the log has; the event counts the others."""
MAX_WARNED = 3
"""How many faults a warning tells in full."""


@dataclass(slots=True)
class SkillNews:
    """
    Attributes:
        faults: What is not there as a skill, and why.
        persona: The skill whose text is the role; None for none.
    """

    skills: SkillRegistry
    faults: tuple[FileFault, ...]
    persona: Skill | None
    _recorded: bool = False
    _told: dict[str, tuple[Skill, float]] = field(default_factory=dict[str, tuple[Skill, float]])

    async def tell(self, hooks: SessionHooks, sink: Sink) -> None:
        """
        Tell what there is when a run begins.

        The log is told at the first one, the hooks of what has come and gone since the last.
        """
        if not self._recorded:
            self._recorded = True
            sink.emit(loaded(self.skills.all(), self.faults, self.persona))
        if not (hooks.firing.is_awaited(SKILL_LOAD) or hooks.firing.is_awaited(SKILL_UNLOAD)):
            return
        now = {skill.name: skill for skill in self.skills.all()}
        for skill, _ in tuple(self._told.values()):
            if now.get(skill.name) != skill:
                await self._unload(skill, hooks, sink)
        for skill in now.values():
            if skill.name not in self._told:
                await self._load(skill, hooks, sink)

    async def end(self, hooks: SessionHooks, sink: Sink) -> None:
        """Tell the hooks that what they were told of is there no more."""
        for skill, _ in tuple(self._told.values()):
            await self._unload(skill, hooks, sink)

    def warning(self) -> str:
        """Name what was skipped; empty when nothing was."""
        if not self.faults:
            return ""
        first = self.faults[:MAX_WARNED]
        shown = [on_one_line(f"{fault.path}: {fault.reason}") for fault in first]
        more = len(self.faults) - len(shown)
        rest = f" And {more} more; the event skills_loaded has them." if more else ""
        return f"Not there as skills: {' '.join(shown)}{rest}"

    async def _load(self, skill: Skill, hooks: SessionHooks, sink: Sink) -> None:
        self._told[skill.name] = skill, hooks.clock.monotonic()
        payload: JsonObject = {
            **_named(skill),
            "version": skill.version or None,
            "description": skill.description,
            "loaded_at": hooks.clock.now_ms(),
        }
        await hooks.tell(SKILL_LOAD, payload, sink)

    async def _unload(self, skill: Skill, hooks: SessionHooks, sink: Sink) -> None:
        _, since = self._told.pop(skill.name)
        duration_ms = round((hooks.clock.monotonic() - since) * 1000)
        await hooks.tell(SKILL_UNLOAD, {**_named(skill), "duration_ms": duration_ms}, sink)


def news_of(skills: SessionSkills | None) -> SkillNews | None:
    """Give what a session that wakes says of its skills; None for one without any."""
    if skills is None:
        return None
    return SkillNews(skills.registry, skills.faults, skills.registry.persona())


def in_persona(settings: Settings, skills: SessionSkills | None) -> Settings:
    """Put the text of the persona, if there is one, in the place of the role (SPEC 1.8)."""
    persona = skills.registry.persona() if skills is not None else None
    if persona is None or not persona.body.strip():
        return settings
    slots = msgspec.structs.replace(settings.slots, role=persona.body.strip())
    return replace(settings, slots=slots, role_origin=persona.origin)


def loaded(
    skills: Iterable[Skill], faults: tuple[FileFault, ...], persona: Skill | None
) -> SkillsLoaded:
    """Say which skills a session has, to the byte."""
    rows = [f"{skill.name}\0{skill.sha256}\n" for skill in skills]
    skipped = tuple(
        SkillSkipped(path=fault.path, reason=fault.reason, kind=fault.kind)
        for fault in faults[:MAX_RECORDED]
    )
    return SkillsLoaded(
        count=len(rows),
        sha256=hashlib.sha256("".join(rows).encode("utf-8", "surrogatepass")).hexdigest(),
        persona=persona.name if persona is not None else "",
        skipped=skipped,
        more_skipped=len(faults) - len(skipped),
    )


def _named(skill: Skill) -> JsonObject:
    return {"skill_name": skill.name, "tool_names": list(skill.tool_names)}
