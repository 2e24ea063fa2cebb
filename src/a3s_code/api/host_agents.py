"""The agents that the host gives the sessions of one agent; most have none, and load nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from a3s_code.api.settings import Settings
from a3s_code.errors import ConfigError, InvalidValue, UnknownModel

if TYPE_CHECKING:
    from a3s_code.api.agent_shelf import AgentShelf, Employed
    from a3s_code.delegation.agent_files import LoadedAgents
    from a3s_code.kernel.children import AgentRole


class HostAgents:
    """
    Args:
        dirs: Those of the configuration.
        check_model: Raises for a model that the configuration cannot serve.
    """

    __slots__ = ("_check_model", "_dirs", "_shelved")

    def __init__(self, dirs: tuple[str, ...], check_model: Callable[[str], object]) -> None:
        self._dirs, self._check_model = dirs, check_model
        self._shelved: AgentShelf | None = None

    def has_any(self, settings: Settings) -> bool:
        """Say whether a session has agents of the host's beside the built-in ones."""
        return bool(self._dirs or settings.agents.dirs or settings.agents.workers)

    def check(self, settings: Settings) -> None:
        """
        Raises:
            UnknownModel, InvalidValue: a worker has a model that cannot answer here;
                names the worker.
        """
        for worker in settings.agents.workers or ():
            self.check_role(worker, settings)

    def check_role(self, role: AgentRole, settings: Settings) -> None:
        """
        Raises:
            UnknownModel, InvalidValue: as `check`.
        """
        client = settings.llm_client
        if not role.model or (client is not None and client.ref == role.model):
            return
        if client is not None:
            raise InvalidValue(
                f"The model of the agent {role.name!r} is {role.model}, and llm_client answers as "
                f"{client.ref}.",
                hint="leave its model out",
            )
        try:
            self._check_model(role.model)
        except (ConfigError, UnknownModel) as error:
            said = f"The model of the agent {role.name!r} cannot answer: {error.message}"
            raise UnknownModel(said, hint=error.hint) from error

    def load(self, settings: Settings) -> None:
        """Read what is new of the directories of a session; blocks on the disk."""
        self._shelf().load(settings.agents)

    def of(self, settings: Settings) -> Employed | None:
        """Give those of a session; None where it has none beside the built-in ones."""
        return self._shelf().of(settings.agents) if self.has_any(settings) else None

    def directory(self, path: str) -> LoadedAgents:
        """Read one directory; blocks on the disk."""
        return self._shelf().directory(path)

    def named(self, name: str, settings: Settings) -> AgentRole:
        """
        Give an agent of the host, or a built-in one; reads the directories, and blocks on the disk.

        Raises:
            InvalidValue: there is none; names those that are near.
        """
        from a3s_code.api.agent_shelf import named

        if self.has_any(settings):
            self.load(settings)
        return named(name, self.of(settings))

    def _shelf(self) -> AgentShelf:
        from a3s_code.api.agent_shelf import AgentShelf

        if self._shelved is None:
            self._shelved = AgentShelf(self._dirs, self._check_model)
        return self._shelved
