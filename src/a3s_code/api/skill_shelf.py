"""
The skills of an agent's sessions, loaded once for all that have the same.

Directories are read in a thread, before a session wakes, and again when a file in them has changed.
A session keeps the skills that it woke with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias, cast

from a3s_code.api.options import InlineSkill
from a3s_code.api.skill_sources import SkillSources
from a3s_code.capabilities.skills import builtin
from a3s_code.capabilities.skills.active_gate import ActiveSkills
from a3s_code.capabilities.skills.directory import Loaded, load
from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.skill import Skill, SkillKind
from a3s_code.capabilities.skills.text import inline_skill
from a3s_code.capabilities.skills.tree import FileFault, Tree, look
from a3s_code.capabilities.skills.validator import SkillValidator
from a3s_code.capabilities.tools.search_skills import search_in
from a3s_code.capabilities.tools.skill import skill_of
from a3s_code.errors import A3SError, SkillRefused
from a3s_code.harness.sources import Strictest
from a3s_code.kernel.ports import Gate
from a3s_code.kernel.tool import Tool

MAX_KEPT = 256
"""Kinds of sessions, and directories, of which the skills are kept."""

_Key: TypeAlias = tuple[SkillSources, SkillRegistry | None]


@dataclass(frozen=True, slots=True)
class SessionSkills:
    """
    What sessions with the same sources share.

    Attributes:
        faults: What is not there as a skill, and why.
        tools: The tools that look into the registry.
    """

    registry: SkillRegistry
    faults: tuple[FileFault, ...]
    tools: tuple[Tool, ...]

    def restricting(self, gate: Gate, root: str) -> Gate:
        """Give a gate that allows no more than `gate`, and than the lists of the skills."""
        return Strictest((gate, ActiveSkills(self.registry, root)))


@dataclass(frozen=True, slots=True)
class _Kept:
    loaded: tuple[Loaded, ...]
    skills: SessionSkills


class SkillShelf:
    """Loads skills, and keeps them. May be used from any thread."""

    __slots__ = ("_config_dirs", "_kept", "_lock", "_trees")

    def __init__(self, config_dirs: tuple[str, ...]) -> None:
        self._config_dirs = config_dirs
        self._trees: dict[str, tuple[Tree, Loaded]] = {}
        self._kept: dict[_Key, _Kept] = {}
        self._lock = Lock()

    def load(self, sources: SkillSources, given: SkillRegistry | None) -> SessionSkills:
        """
        Load what has changed. Blocking work, for a thread.

        Raises:
            PackageUnreadable: a built-in skill is not there.
        """
        with self._lock:
            paths = dict.fromkeys((*self._config_dirs, *(sources.dirs or ())))
            loaded = tuple(map(self._tree, paths))
            kept = self._kept.pop((sources, given), None)
            if kept is None or not _same(kept.loaded, loaded):
                kept = _Kept(loaded, _shared(sources, given, loaded))
            self._kept[sources, given] = kept
            _forget_oldest(self._kept)
            return kept.skills

    def of(self, sources: SkillSources, given: SkillRegistry | None) -> SessionSkills:
        """
        Give what was loaded last; loads it when nothing was.

        Raises:
            PackageUnreadable: as `load`.
        """
        kept = self._kept.get((sources, given))
        return kept.skills if kept is not None else self.load(sources, given)

    def _tree(self, path: str) -> Loaded:
        tree, known = look(path), self._trees.pop(path, None)
        loaded = known[1] if known is not None and known[0] == tree else load(tree)
        self._trees[path] = tree, loaded
        _forget_oldest(self._trees)
        return loaded


def _same(before: tuple[Loaded, ...], now: tuple[Loaded, ...]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _forget_oldest(kept: dict[str, tuple[Tree, Loaded]] | dict[_Key, _Kept]) -> None:
    if len(kept) > MAX_KEPT:
        cast("dict[object, object]", kept).pop(next(iter(kept)))


def _shared(
    sources: SkillSources, given: SkillRegistry | None, loaded: tuple[Loaded, ...]
) -> SessionSkills:
    faults: list[FileFault] = [fault for each in loaded for fault in each.faults]
    host = given or SkillRegistry()
    below, above = SkillRegistry(), SkillRegistry()
    below.register_unchecked(*(builtin.texts() if sources.builtin else ()))
    below.register_unchecked(*_accepted(loaded, host.public_validator, faults))
    above.register_unchecked(*_inline(sources.inline or (), faults))
    registry = SkillRegistry(scorer=host.scorer, below=(below, host, above))
    unscored = None if given is None or given.has_own_scorer else given
    tools = search_in(registry), skill_of(registry, unscored)
    return SessionSkills(registry, tuple(faults), tools)


def _accepted(
    loaded: tuple[Loaded, ...], validator: SkillValidator, faults: list[FileFault]
) -> Iterator[Skill]:
    for skill in (skill for each in loaded for skill in each.skills):
        try:
            validator.validate(skill)
        except SkillRefused as error:
            faults.append(FileFault(skill.source, str(error), error.kind))
        except Exception as error:  # noqa: BLE001 - validators are foreign code; what they trip over is out
            why = f"The validator raised {type(error).__name__}."
            faults.append(FileFault(skill.source, why))
        else:
            yield skill


def _inline(given: tuple[InlineSkill, ...], faults: list[FileFault]) -> Iterator[Skill]:
    for each in given:
        try:
            yield inline_skill(each.name, cast("SkillKind", each.kind), each.content)
        except A3SError as error:
            faults.append(FileFault(f"inline skill {each.name}", str(error)))
