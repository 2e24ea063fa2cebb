"""
Programs that only write their words down, so that what bash ran can be held against a claim.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from a3s_code.harness.shell.analysis import Analysis
from a3s_code.harness.shell.words import ANY_HOLE, UNKNOWN

BASH = shutil.which("bash")
TIMEOUT_S = 20


class Stubs:
    """A directory of programs, and one to work in. Nothing else is on the PATH."""

    def __init__(self, place: Path, names: Iterable[str], real: Iterable[str] = ()) -> None:
        """`real`: programs of this machine that are there too, where it has them."""
        self._programs, self._work, self._log = place / "bin", place / "work", place / "log"
        self._programs.mkdir()
        self._work.mkdir()
        for name in names:
            stub = self._programs / name
            words = "${*//[[:space:]]/ }"  # in one line, so that it is written in one piece
            stub.write_text(
                f'#!{BASH}\nset -- {name} "$@"\nprintf "%s\\036" "{words}" >> {self._log}\n'
            )
            stub.chmod(0o755)
        for name in real:
            found = shutil.which(name)
            if found is not None:
                (self._programs / name).symlink_to(found)

    def run(self, command: str) -> list[str]:
        """Run a command with bash, and give the words of the stubs that ran."""
        self._log.write_bytes(b"")
        subprocess.run(
            [str(BASH), "--norc", "-c", command],
            cwd=self._work,
            env={"PATH": str(self._programs), "HOME": str(self._work)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return self._log.read_bytes().decode().split("\036")[:-1]


def explains(analysis: Analysis, ran: str) -> bool:
    """Whether one of the commands that an analysis names is the one that ran."""
    for simple in analysis.commands:
        for text in (simple.text, *simple.also):
            pieces = re.split(UNKNOWN, re.sub(rf" ?{ANY_HOLE.pattern} ?", UNKNOWN, text))
            pattern = ".*".join(re.escape(re.sub(r"\s", " ", piece)) for piece in pieces)
            if re.fullmatch(pattern, ran):
                return True
    return False
