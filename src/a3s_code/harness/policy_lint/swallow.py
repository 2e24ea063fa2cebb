"""Allows that let through what a deny meant to stop, by another tool or another program."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from a3s_code.harness.languages import TooManyStates
from a3s_code.harness.patterns import Kind
from a3s_code.harness.policy_lint.case import (
    Case,
    Finding,
    Placed,
    command_of,
    path_of,
    shown,
    unknown,
)
from a3s_code.harness.tool_names import SHELL_TOOL, WRITE_TOOL

_WRITERS = (WRITE_TOOL, "edit", "patch")
_READING_LINES = (
    "cat {}", "head {}", "tail {}", "less {}", "grep x {}", "sed -n p {}", "cp {} x", "sort {}",
)  # fmt: skip
_WRITING_LINES = (
    "echo x > {}", "tee {}", "cp x {}", "mv x {}", "sed -i s/x/y/ {}", "touch {}", "rm {}",
    "truncate -s 0 {}", "dd of={}", "ln -sf x {}",
)  # fmt: skip

# By the beginning of a denied command: others with the same effect.
_EQUIVALENTS = {
    "rm": ("unlink x", "find x -delete", "shred -u x", "git clean -fdx", "git rm -rf x"),
    "curl": ("wget x", "git clone http://x.test/x"),
    "wget": ("curl x",),
    "sudo": ("doas x", "su -c x", "pkexec x"),
    "chmod": ("install -m 777 x y",),
    "kill": ("pkill x", "killall x"),
    "git push": ("gh repo sync", "git send-pack x"),
    "npm publish": ("yarn publish", "pnpm publish", "npx x publish"),
    "npm install": ("npm i x", "npm add x", "yarn add x", "pnpm add x"),
    "pip install": ("pip3 install x", "python -m pip install x", "uv pip install x"),
    "docker run": ("docker create x", "podman run x"),
    "bash": ("sh x.sh", "dash x.sh", "zsh x.sh", "./x.sh"),
    "sh": ("bash x.sh", "dash x.sh", "zsh x.sh", "./x.sh"),
    "python": ("python3 x.py", "pypy x.py"),
    "python3": ("python x.py", "pypy3 x.py"),
}

# How a program can be made to run another; what the gate sees through is not found.
_CARRIERS = (
    "env {}", "sudo {}", "nohup {}", "timeout 5 {}", "xargs {}", "find . -exec {} ;",
    "sh -c {q}", "bash -c {q}", "eval {q}", "watch {q}", "su -c {q}", "script -c {q}",
    "ssh x {q}", "docker run x {}", "docker exec x {}", "kubectl exec x -- {}", "busybox {}",
    "parallel {}", "tmux new {q}", "screen -dm {}", "strace {}", "npx {}", "npm exec -- {}",
    "uv run {}", "poetry run {}", "make SHELL={q}", "gh alias set x {bang}",
    "git -c alias.x={bang} x", "vim -c {bang} x", "awk {awk}", "perl -e {perl}", "python -c {py}",
)  # fmt: skip


def check(case: Case) -> Iterator[Finding]:
    carriers: set[str] = set()
    for placed in case.rules("deny"):
        if placed.rule.covers_all:
            continue
        try:
            yield from _files(case, placed)
            yield from _equivalents(case, placed)
            yield from _carriers(case, placed, carriers)
        except TooManyStates:
            yield unknown(placed)


def _files(case: Case, placed: Placed) -> Iterator[Finding]:
    """Find another way to the file that a rule keeps from one tool."""
    about = [name for name in case.trial.about(placed.rule) if case.trial.kind(name) is Kind.PATH]
    path = path_of(placed.rule) if about else ""
    if not path:
        return
    word = shlex.quote(path)
    writes = [name for name in about if name in _WRITERS]
    if writes:
        siblings = [(name, path) for name in _WRITERS if name not in about]
        yield from _some(case, placed, siblings)
        lines = [(SHELL_TOOL, line.format(word)) for line in _WRITING_LINES]
        yield from _some(case, placed, lines)
    if "read" in about:
        search = json.dumps({"pattern": "x", "path": path})
        lines = [(SHELL_TOOL, line.format(word)) for line in _READING_LINES]
        yield from _some(case, placed, [("grep", search)])
        yield from _some(case, placed, lines)


def _equivalents(case: Case, placed: Placed) -> Iterator[Finding]:
    """Find another program that does what a rule keeps from one."""
    command = command_of(placed.rule) if case.about_shell(placed.rule) else ""
    others: list[tuple[str, str]] = []
    for begin, lines in _EQUIVALENTS.items():
        if f"{command} ".startswith(f"{begin} "):
            others += [(SHELL_TOOL, line) for line in lines]
    yield from _some(case, placed, others)


def _carriers(case: Case, placed: Placed, told: set[str]) -> Iterator[Finding]:
    """Find what starts a denied command unseen; once for each allow rule, which is at fault."""
    command = command_of(placed.rule) if case.about_shell(placed.rule) else ""
    lines = [(SHELL_TOOL, line) for line in _carried(command)] if command else []
    for found in _some(case, placed, lines):
        by = case.allowed_by(*found.witness)
        if by not in told:
            told.add(by)
            yield found


def _carried(command: str) -> Iterator[str]:
    plain = shlex.join(command.split(" "))
    quoted = {
        "q": shlex.quote(plain),
        "bang": shlex.quote(f"!{plain}"),
        "awk": shlex.quote(f'BEGIN {{ system("{plain}") }}'),
        "perl": shlex.quote(f'system("{plain}")'),
        "py": shlex.quote(f'import os; os.system("{plain}")'),
    }
    for carrier in _CARRIERS:
        yield carrier.format(plain, **quoted)


def _some(case: Case, placed: Placed, calls: list[tuple[str, str]]) -> Iterator[Finding]:
    """Give the first of some calls that is allowed."""
    for name, text in calls:
        if case.may_allow(name, text) and case.decided(name, text) == "allow":
            by = case.allowed_by(name, text)
            yield Finding(
                placed,
                "swallowed",
                f"{by} allows {name} {shown(text)}, which this rule does not stop",
                (name, text),
            )
            return
