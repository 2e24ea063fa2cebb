"""The skills that the sessions of one agent have; most have none, and load nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_code.api.settings import Settings
from a3s_code.api.skill_sources import NO_SOURCES

if TYPE_CHECKING:
    from a3s_code.api.skill_news import SkillNews
    from a3s_code.api.skill_shelf import SessionSkills, SkillShelf


class AgentSkills:
    """
    Args:
        dirs: Those of the configuration.
    """

    __slots__ = ("_dirs", "_shelved")

    def __init__(self, dirs: tuple[str, ...]) -> None:
        self._dirs = dirs
        self._shelved: SkillShelf | None = None

    def has_any(self, settings: Settings) -> bool:
        """Say whether a session has any source of skills."""
        given = settings.skill_registry is not None or settings.skills != NO_SOURCES
        return given or bool(self._dirs)

    def load(self, settings: Settings) -> None:
        """Read what is new of the skills of a session; blocks on the disk."""
        self._shelf().load(settings.skills, settings.skill_registry)

    def of(self, settings: Settings) -> SessionSkills | None:
        """Give the skills of a session; None where it has no source of any."""
        if not self.has_any(settings):
            return None
        return self._shelf().of(settings.skills, settings.skill_registry)

    def _shelf(self) -> SkillShelf:
        from a3s_code.api.skill_shelf import SkillShelf

        if self._shelved is None:
            self._shelved = SkillShelf(self._dirs)
        return self._shelved


def with_skills(
    settings: Settings, skills: SessionSkills | None
) -> tuple[Settings, SkillNews | None]:
    """Give the settings as the skills have them, and what is told of these."""
    if skills is None:
        return settings, None
    from a3s_code.api.skill_news import in_persona, news_of

    return in_persona(settings, skills), news_of(skills)
