"""
What ends our programs when we cannot: a shell that waits for this process to die.

It reads a pipe of which we hold the other end. The system closes that end however we die,
`kill -9` included; then the shell kills the process groups that were still running and, on
Linux, whatever else carries our mark in its environment. Not found are programs that left
their group and cleared their environment. A fork of this process that does not exec holds
the pipe open, so the programs live until it ends too.

Source: DESIGN 4, "When the harness dies its commands are killed".
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

_SHELL = "/bin/sh"
_SCRIPT = r"""
trap '' HUP INT TERM
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
  esac
done
for group in $groups; do kill -9 "-$group"; done
for round in 1 2 3; do
  for file in $(grep -lsF -e "$1" /proc/[0-9]*/environ); do
    file=${file%/environ}
    kill -9 "${file#/proc/}"
  done
  sleep 0.05
done
"""


class Guard:
    """
    One shell for all programs of an agent, started with the first of them.

    Attributes:
        mark: What those programs carry in their environment.
    """

    __slots__ = ("_groups", "_lock", "_owner", "_pid", "_pipe", "mark")

    def __init__(self) -> None:
        self.mark = os.urandom(8).hex()
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._pipe, self._pid, self._owner = -1, 0, 0

    def begin(self) -> None:
        """
        Make sure that the shell is there, so that what is started next is found by its mark.

        Raises:
            OSError: the system starts no more processes.
        """
        with self._lock:
            if self._owner != os.getpid():
                self._leave_to_parent()
            if self._pipe < 0:
                self._start()

    def watch(self, group: int) -> None:
        """
        Have a process group killed if we die from now on.

        Raises:
            OSError: the system starts no more processes.
        """
        with self._lock:
            if self._owner != os.getpid():
                self._leave_to_parent()
            self._groups.add(group)
            if not self._say(f"+ {group}\n"):
                self._end()
                self._start()

    def release(self, group: int) -> None:
        """Say that the group has ended. Its id may be another's from now on."""
        with self._lock:
            if group not in self._groups:
                return
            self._groups.remove(group)
            if not self._say(f"- {group}\n"):
                self._end()  # it must not kill later who has this id then

    def close(self) -> None:
        """End the shell. A later `watch` starts another."""
        with self._lock:
            if self._owner == os.getpid():
                self._end()

    def _start(self) -> None:
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        try:
            self._pid = os.posix_spawn(
                _SHELL,
                [_SHELL, "-c", _SCRIPT, "a3s-code-guard", self.mark],
                {"PATH": os.defpath},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, read_end, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsid=True,
            )
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        self._pipe, self._owner = write_end, os.getpid()
        self._say("".join(f"+ {group}\n" for group in sorted(self._groups)))

    def _say(self, lines: str) -> bool:
        """Tell the shell; False when there is none that listens."""
        try:
            return self._pipe >= 0 and os.write(self._pipe, lines.encode()) > 0
        except (BrokenPipeError, BlockingIOError):
            return False

    def _end(self) -> None:
        if self._pipe < 0:
            return
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)  # before it could see the pipe close
            os.waitpid(self._pid, 0)
        os.close(self._pipe)
        self._pipe = -1

    def _leave_to_parent(self) -> None:
        """After a fork: the shell and what it watches are the parent's."""
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = -1
        self._groups.clear()
