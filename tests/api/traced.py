"""A program under strace: which programs it started, what it opened, where it connected."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

_CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<name>\w+)\((?P<args>.*)\)\s+= (?P<result>-?\d+|\?)")
_UNFINISHED = re.compile(r"^(\d+)\s+(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    """One system call; `texts` are the strings among its arguments, unescaped."""

    name: str
    args: str
    texts: tuple[str, ...]
    failed: bool


@dataclass(frozen=True)
class Traced:
    calls: tuple[Call, ...]
    output: str

    def named(self, *names: str) -> list[Call]:
        return [call for call in self.calls if call.name in names]


def trace(
    code: str, watched: str, base: Path, *, cwd: Path, environment: dict[str, str] | None = None
) -> Traced:
    """
    Run a Python program that lies in `base`, and give its calls and those of its children.

    Args:
        watched: As `-e trace=` of strace.
    """
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    program, log = base / "program.py", base / "trace"
    program.write_text(textwrap.dedent(code))
    command = ["strace", "-f", "-qq", "-v", "-s", "65536", "-e", "signal=none", "-o", str(log)]
    done = subprocess.run(
        [*command, "-e", f"trace={watched}", sys.executable, str(program)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Traced(_calls(log.read_text(errors="surrogateescape")), done.stdout)


def _calls(text: str) -> tuple[Call, ...]:
    found: list[Call] = []
    begun: dict[str, str] = {}
    for line in text.splitlines():
        if halted := _UNFINISHED.match(line):
            begun[halted[1]] = halted[0].removesuffix(" <unfinished ...>")
            continue
        if resumed := _RESUMED.match(line):
            whole = begun.pop(resumed[1], resumed[1]) + resumed[2]
        else:
            whole = line
        if call := _CALL.match(whole):
            texts = tuple(map(_unescaped, _TEXT.findall(call["args"])))
            found.append(Call(call["name"], call["args"], texts, call["result"].startswith("-")))
    return tuple(found)


def _unescaped(text: str) -> str:
    return text.encode("latin-1", "replace").decode("unicode_escape")
