"""
A team: who is in it, in which role, its board and its mail.

Source:
    A3S Code README of the 0.9 crate, "Agent Teams" and "Python SDK — Agent Teams"; SPEC 9.8.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from a3s_code.checks import check_count, check_text
from a3s_code.delegation.team_board import MAX_TASKS, TeamTaskBoard
from a3s_code.delegation.team_mail import BUFFER, TeamMessage, TeamReceiver
from a3s_code.errors import InvalidType, InvalidValue, UsageError

TeamRole: TypeAlias = Literal["lead", "worker", "reviewer"]
ROLES: tuple[TeamRole, ...] = get_args(TeamRole)


@dataclass(frozen=True, slots=True)
class TeamConfig:
    """
    Attributes:
        max_tasks: Tasks on the board at most.
        channel_buffer: Messages that wait for one member at most.
        max_rounds: How often one task is worked on at most before it stays rejected.
        poll_interval_ms: Accepted, and without effect: nothing is polled.

    Raises:
        InvalidType: one of them is no whole number.
        InvalidValue: one of them is not above 0.
    """

    max_tasks: int = MAX_TASKS
    channel_buffer: int = BUFFER
    max_rounds: int = 10
    poll_interval_ms: int = 200

    def __post_init__(self) -> None:
        check_count("max_tasks", self.max_tasks)
        check_count("channel_buffer", self.channel_buffer)
        check_count("max_rounds", self.max_rounds)
        check_count("poll_interval_ms", self.poll_interval_ms)


class Team:
    """
    Members with roles, one board of tasks, and a box of messages for each member.

    Nothing of it asks a model: `TeamRunner` does, or a host that claims and completes tasks
    itself. All methods are safe from any thread.

    Raises:
        InvalidType: the name is no text, or the config no `TeamConfig`.
    """

    __slots__ = ("_board", "_boxes", "_lock", "_members", "_runner", "_taken", "config", "name")

    def __init__(self, name: str, config: TeamConfig | None = None) -> None:
        check_text("name", name)
        if config is not None and not isinstance(config, TeamConfig):  # pyright: ignore[reportUnnecessaryIsInstance] - the border
            raise InvalidType(
                f"The config of a team is a {type(config).__name__}, not TeamConfig.",
                hint="give TeamConfig(max_rounds=3)",
            )
        self.name = name
        self.config = config if config is not None else TeamConfig()
        self._board = TeamTaskBoard(self.config.max_tasks)
        self._lock = threading.Lock()
        self._members: dict[str, TeamRole] = {}
        self._boxes: dict[str, TeamReceiver] = {}
        self._taken: set[str] = set()
        self._runner = False

    # Who is in it

    def add_member(self, member: str, role: str) -> None:
        """
        Take somebody into the team; a member that is in it gets another role.

        Args:
            role: `lead`, `worker` or `reviewer`.

        Raises:
            InvalidType: the name is no text.
            InvalidValue: it is empty, or there is no such role.
        """
        check_text("member", member)
        if not member.strip():
            raise InvalidValue("The name of a member is empty.", hint="name it, such as 'worker-1'")
        if role not in ROLES:
            raise InvalidValue(
                f"{role!r} is no role of a member.", hint=f"use one of {', '.join(ROLES)}"
            )
        with self._lock:
            self._members[member] = role
            self._boxes.setdefault(member, TeamReceiver(self.config.channel_buffer))

    def remove_member(self, member: str) -> bool:
        """
        Take a member out; False when there is none of this name.

        A task that was assigned to it and that it has not claimed is open again. What it is at
        work on it finishes; to give that to others, use `TeamTaskBoard.release`.
        """
        with self._lock:
            if self._members.pop(member, None) is None:
                return False
            self._boxes.pop(member).close()
            self._taken.discard(member)
        self._board.leave(member)
        return True

    def members(self) -> dict[str, str]:
        """Give the role of each member, in the order in which they came."""
        with self._lock:
            return dict(self._members)

    def members_by_role(self, role: str) -> list[str]:
        """Name the members of a role, in the order in which they came."""
        return [name for name, each in self.members().items() if each == role]

    # What they share

    def task_board(self) -> TeamTaskBoard:
        """Give the board, which may be used while a runner works on it."""
        return self._board

    def send_message(self, sender: str, to: str, text: str, task_id: str | None = None) -> bool:
        """
        Leave a message for a member.

        Returns:
            False when there is no such member, or its box is full.

        Raises:
            InvalidType: one of them is no text.
        """
        check_text("sender", sender)
        check_text("text", text)
        with self._lock:
            box = self._boxes.get(to)
        message = TeamMessage(sender=sender, to=to, content=text, task_id=task_id)
        return box is not None and box.put(message)

    def broadcast(self, sender: str, text: str, task_id: str | None = None) -> int:
        """Leave a message for everybody but its sender, and say how many have got it."""
        others = [member for member in self.members() if member != sender]
        return sum(self.send_message(sender, member, text, task_id) for member in others)

    def take_receiver(self, member: str) -> TeamReceiver | None:
        """
        Give the box of a member; None when somebody has taken it already.

        Raises:
            InvalidValue: there is no such member.
        """
        with self._lock:
            if member not in self._members:
                raise self._unknown(member)
            if member in self._taken:
                return None
            self._taken.add(member)
            return self._boxes[member]

    # Who runs it

    def give_to_runner(self) -> None:
        """
        Note that a runner has the team.

        Raises:
            UsageError: another one has it.
        """
        with self._lock:
            if self._runner:
                raise UsageError(
                    f"The team {self.name!r} has a runner already.",
                    hint="use that one, or make another team",
                )
            self._runner = True

    def check_member(self, member: str) -> None:
        """
        Raises:
            InvalidValue: there is no such member.
        """
        if member not in self.members():
            raise self._unknown(member)

    def _unknown(self, member: str) -> InvalidValue:
        there = ", ".join(self._members) or "nobody"
        return InvalidValue(
            f"There is no member {member!r} in the team {self.name!r}.", hint=f"there is: {there}"
        )
