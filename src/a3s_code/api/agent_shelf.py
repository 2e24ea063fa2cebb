"""
The agents of the host, read once for all sessions that have the same.

In this order, of which the later counts: directories of the configuration, directories of the
session, workers. Directories are read in a thread, before a session wakes, and again when a file in
them has changed. A session keeps the agents that it woke with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from threading import Lock

from a3s_code.api.agent_sources import AgentSources
from a3s_code.capabilities.skills.tree import FileFault, Tree
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.delegation.agent_files import AgentFile, LoadedAgents, load_agents, look_for_agents
from a3s_code.delegation.listing import LISTING, described
from a3s_code.delegation.roster import Roster
from a3s_code.errors import A3SError, InvalidValue
from a3s_code.harness.agent_names import ALIASES
from a3s_code.kernel.children import AgentRole, Agents
from a3s_code.kernel.tool import Tool

MAX_KEPT = 256
"""Kinds of sessions, and directories, of which the agents are kept."""


@dataclass(frozen=True, slots=True)
class Employed:
    """
    What sessions with the same sources share.

    Attributes:
        roles: Of the host, in the order in which they count.
        loaded: What was read of directories.
        tools: Those that start agents, which name these.
    """

    roles: tuple[AgentRole, ...]
    loaded: LoadedAgents
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    read: tuple[LoadedAgents, ...]
    employed: Employed


class AgentShelf:
    """Loads agents, and keeps them. May be used from any thread."""

    __slots__ = ("_check_model", "_config_dirs", "_kept", "_lock", "_trees")

    def __init__(self, config_dirs: tuple[str, ...], check_model: Callable[[str], object]) -> None:
        self._config_dirs, self._check_model = config_dirs, check_model
        self._trees: dict[str, tuple[Tree, LoadedAgents]] = {}
        self._kept: dict[AgentSources, _Kept] = {}
        self._lock = Lock()

    def load(self, sources: AgentSources) -> Employed:
        """Load what has changed. Blocking work, for a thread."""
        with self._lock:
            paths = dict.fromkeys((*self._config_dirs, *(sources.dirs or ())))
            read = tuple(map(self._read, paths))
            kept = self._kept.pop(sources, None)
            if kept is None or not _same(kept.read, read):
                kept = _Kept(read, _employed(sources, read))
            self._kept[sources] = kept
            if len(self._kept) > MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            return kept.employed

    def of(self, sources: AgentSources) -> Employed:
        """Give what was loaded last; loads it when nothing was."""
        kept = self._kept.get(sources)
        return kept.employed if kept is not None else self.load(sources)

    def directory(self, path: str) -> LoadedAgents:
        """Load one directory. Blocking work, for a thread."""
        with self._lock:
            return self._read(path)

    def _read(self, path: str) -> LoadedAgents:
        tree, known = look_for_agents(path), self._trees.pop(path, None)
        if known is not None and known[0] == tree:
            loaded = known[1]
        else:
            loaded = self._accepted(load_agents(tree))
        self._trees[path] = tree, loaded
        if len(self._trees) > MAX_KEPT:
            self._trees.pop(next(iter(self._trees)))
        return loaded

    def _accepted(self, loaded: LoadedAgents) -> LoadedAgents:
        """Leave out whose model the configuration cannot serve."""
        accepted: list[AgentFile] = []
        faults = list(loaded.faults)
        for file in loaded.agents:
            try:
                if file.role.model:
                    self._check_model(file.role.model)
            except A3SError as error:
                faults.append(FileFault(file.path, f"Its model cannot answer: {error}"))
            else:
                accepted.append(file)
        return LoadedAgents(tuple(accepted), tuple(faults))


def listing(agents: Agents) -> tuple[Tool, ...]:
    """Give the tools that start agents, as they name those of a session."""
    return tuple(described(tool, agents) for tool in CORE_TOOLS if tool.name in LISTING)


def named(name: str, employed: Employed | None) -> AgentRole:
    """
    Give an agent of the host, or a built-in one.

    Raises:
        InvalidValue: there is none; names those that are near.
    """
    roster = Roster(employed.roles if employed is not None else ())
    found = roster.find(name)
    if found is not None:
        return found
    known = [each.name for each in roster.listed()]
    near = get_close_matches(name, (*known, *ALIASES), n=3)
    said = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise InvalidValue(
        f"There is no agent {name!r}.",
        hint=f"{said}; agent_dirs names directories of more, also one of the workspace",
    )


def _same(before: tuple[LoadedAgents, ...], now: tuple[LoadedAgents, ...]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _employed(sources: AgentSources, read: tuple[LoadedAgents, ...]) -> Employed:
    files = [file for each in read for file in each.agents]
    faults = [fault for each in read for fault in each.faults]
    roles = (*(file.role for file in files), *(sources.workers or ()))
    counting = tuple({role.name: role for role in roles}.values())
    return Employed(counting, LoadedAgents(tuple(files), tuple(faults)), listing(Roster(counting)))
