"""A place to call `a3s-code` from: a directory, a home, and a scripted model over HTTP."""

from __future__ import annotations

import hashlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import a3s_code
from a3s_code.harness.trust import Trust
from a3s_code.testing import Script, ScriptedServer, Turn

WAIT_S = 20.0
"""How long a command may take before its test fails."""

PACKAGE = Path(a3s_code.__file__).parent
PROGRAM = Path(sys.executable).with_name("a3s-code")

Done = subprocess.CompletedProcess[str]


class CommandLine:
    """
    Runs the command in `root`, with `home` as home and nothing of the caller's environment
    but PATH and `environment`.

    Attributes:
        server: The scripted model that was made last.
    """

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.environment: dict[str, str] = {}
        self.server: ScriptedServer
        self._open = ExitStack()

    def serve(self, *turns: Turn, **script: Any) -> str:
        """Start a model that plays `turns`; give configuration text in which it is alone."""
        self.server = self._open.enter_context(ScriptedServer(Script(*turns, **script)))
        return self.server.acl()

    def configure(self, *turns: Turn, file: str = "agent.acl", **script: Any) -> None:
        """Start a model; write its configuration where the command looks for it, and trust it."""
        self.put(file, self.serve(*turns, **script))
        self.trust(file)

    def trust(self, file: str = "agent.acl") -> None:
        """Say, as this user, that a configuration may be used as it is now."""
        path = self.root / file
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        Trust(self.home / ".a3s/trust.json").grant("configuration", path, digest)

    def put(self, path: str, text: str = "") -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def run(self, *arguments: str, directory: Path | None = None) -> Done:
        """Call the command where nobody can be asked, and wait for its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=directory or self.root,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    def interrupt(self, *arguments: str, when: Callable[[], object]) -> Done:
        """Call the command in a process group of its own, and press Ctrl-C at the moment."""
        command = [str(PROGRAM), *arguments]
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                wait_until(when)
                os.killpg(process.pid, signal.SIGINT)
                out, errors = process.communicate(timeout=WAIT_S)
            finally:
                process.kill()
        return Done(command, process.returncode, out, errors)

    def answer(self, *arguments: str, keys: bytes, wait_s: float = WAIT_S) -> Done:
        """Call the command on a terminal and type `keys` at its first question."""
        terminal, inside = pty.openpty()
        with (
            os.fdopen(terminal, "r+b", buffering=0) as screen,
            subprocess.Popen(
                [sys.executable, "-c", _OWN_TERMINAL, str(PROGRAM), *arguments],
                cwd=self.root,
                env=self.variables,
                stdin=inside,
                stdout=subprocess.PIPE,
                stderr=inside,
                start_new_session=True,
            ) as process,
        ):
            os.close(inside)
            try:
                shown = _read(screen.fileno(), until=b"[y/N] ")
                screen.write(keys)
                shown += _read(screen.fileno(), wait_s=wait_s)
                out, _ = process.communicate(timeout=wait_s)
            finally:
                process.kill()
        return Done(arguments, process.returncode, out.decode(), shown.decode(errors="replace"))

    @property
    def variables(self) -> dict[str, str]:
        known = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        known["PYTHONPATH"] = str(PACKAGE.parent)  # the package that the tests import
        return {**known, **self.environment}

    def close(self) -> None:
        self._open.close()


_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the controlling terminal, so that Ctrl-C is typed and not sent."""


def wait_until(look: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_S
    while not look():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.005)


def calls_made(lines: Sequence[str]) -> list[str]:
    """Give the lines that announce calls."""
    return [line for line in lines if line.startswith("-> ")]


def _read(screen: int, *, until: bytes | None = None, wait_s: float = WAIT_S) -> bytes:
    """Read up to a text, or to the end of the program."""
    shown, late = b"", time.monotonic() + wait_s
    while until is None or until not in shown:
        ready, _, _ = select.select([screen], [], [], max(0.0, late - time.monotonic()))
        if not ready:
            raise TimeoutError(f"the terminal shows only {shown!r}")
        try:
            piece = os.read(screen, 4096)
        except OSError:  # Linux says so when the last program has left the terminal.
            return shown
        if not piece:
            return shown
        shown += piece
    return shown
