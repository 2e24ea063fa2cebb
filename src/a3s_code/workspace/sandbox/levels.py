"""
Which level works here: asked by running a program at it, once for each form in a process.

A level that does not work is said with what is missing and how to get it. `auto` goes down
from `bwrap`; `container` is never chosen by itself.

Source: DESIGN 5, "Sandbox levels by default" and "As root".
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from typing import Literal

from a3s_code.errors import SandboxUnavailable
from a3s_code.kernel.confinement import (
    LEVELS,
    Confinement,
    Level,
    SandboxPolicy,
    expanded,
    weaker,
)
from a3s_code.workspace.sandbox import landlock, seccomp
from a3s_code.workspace.sandbox.grounds import of_system, of_user, own_places
from a3s_code.workspace.sandbox.programs import trusted
from a3s_code.workspace.sandbox.rights import Form, Rights, rights_in
from a3s_code.workspace.sandbox.sandbox import Sandbox
from a3s_code.workspace.sandbox.way_out import rules_of

_PROBE_S = 10.0
_SAID_CHARS = 300


def confine(policy: SandboxPolicy, root: str, own: tuple[str, ...] = ()) -> Confinement:
    """
    Give the strongest level that the policy asks for and that works here.

    Blocks the first time in a process for each level and form: some 20 ms, `_PROBE_S` at most.

    Args:
        own: Directories of the harness itself; those in the workspace are closed to programs.

    Raises:
        SandboxUnavailable: there is none; says what is missing and how to get it.
        InvalidValue: the policy names what is no host.
    """
    rules_of(policy.network)
    rights = rights_in(root)
    own = own_places(os.path.realpath(root), expanded(policy.write), own)
    problem = ""
    for level in _tried(policy):
        held = _held(level, rights, policy, own)
        found = _problem(held) or _problem_of(root, held)
        if not found:
            return held
        problem = problem or found
    if policy.network.mode == "proxy":
        raise SandboxUnavailable(
            f"A list of hosts cannot be held here: {problem}",
            hint="only bwrap holds one, whatever fallback says; other levels have the networks "
            "'none' and 'full'",
        )
    raise SandboxUnavailable(
        f"The sandbox {policy.level!r} does not work here: {problem}",
        hint="choose another level, or SandboxPolicy(fallback=...) to go on with a weaker one",
    )


def _tried(policy: SandboxPolicy) -> tuple[Level, ...]:
    if policy.level == "auto":
        first: tuple[Level, ...] = ("bwrap", "landlock", "hygiene")
        least = policy.fallback if policy.fallback != "refuse" else "hygiene"
        return tuple(level for level in first if not weaker(level, least))
    asked: Level = policy.level
    if policy.fallback == "refuse":
        return (asked,)
    down = reversed(LEVELS[LEVELS.index(policy.fallback) : LEVELS.index(asked)])
    return (asked, *(level for level in down))


def _held(level: Level, rights: Rights, policy: SandboxPolicy, own: tuple[str, ...]) -> Confinement:
    if level not in ("landlock", "bwrap"):
        return Confinement(level=level, policy=policy, without=_without(level))
    return Confinement(level, rights.form, rights.uid, rights.gid, _without(level), policy, own)


def _problem_of(root: str, held: Confinement) -> str:
    """Say why a level would hold nothing in a workspace; empty when it would."""
    if not held.confines:
        return ""
    root = os.path.realpath(root)
    if problem := of_system(root):
        return problem
    if held.policy.level == "auto" and (problem := of_user(root, os.path.expanduser("~"))):  # noqa: PTH111
        return problem
    if held.own and (held.level != "bwrap" or root in held.own):
        return (
            f"the store of the session is in the workspace, at {held.own[0]}, where "
            f"{held.level} cannot close it. Keep it in another directory."
        )
    return ""


def _without(level: Level) -> tuple[str, ...]:
    """Name what a level does not hold, for the first event of a session."""
    match level:
        case "bwrap":
            return ()
        case "landlock":
            signals = () if landlock.holds_signals() else ("signals to other processes",)
            return (
                *("protected paths are looked at afterwards", "processes are visible"),
                *("modes and times of files elsewhere", "shared memory of other programs"),
                *signals,
            )
        case "container":
            return ()
        case _:
            return ("files", "network", "processes")


def _problem(held: Confinement) -> str:
    """Say why a level does not work here; empty when it does."""
    limits = held.policy.limits
    if held.policy.network.mode == "proxy" and held.level != "bwrap":
        return "hosts are reached through a proxy only in a network of its own, by bwrap."
    if sys.platform != "linux":
        if held.confines:
            return f"{held.level} needs Linux."
        kept = (limits.cpu_s, limits.memory_bytes, limits.open_files, limits.file_bytes)
        return "limits of a process need Linux." if any(kept) else ""
    if held.level == "container":
        return "no container engine is served."
    return _fails(held) if held.confines else ""


def _fails(held: Confinement) -> str:
    try:
        return _missing(held) or _tried_out(held.level, held.form, held.uid, held.gid)
    except OSError as error:  # not kept: the system may have run short for a moment
        return f"{held.level} cannot be tried: {error}."


def _missing(held: Confinement) -> str:
    if seccomp.machine() is None:
        return f"no system calls are known for this kind of machine ({os.uname().machine})."
    if held.level == "bwrap" and not trusted("bwrap"):
        return "bwrap is not installed. Install the package bubblewrap."
    needs_setpriv = held.form == "dropped" or (
        held.form == "kept_root" and held.level == "landlock"
    )
    if needs_setpriv and not trusted("setpriv"):
        return "setpriv is not installed. Install the package util-linux."
    needs_rules = held.level == "landlock" or held.form == "kept_root"
    if needs_rules and landlock.abi() < landlock.LEAST_ABI:
        return f"the kernel has Landlock {landlock.abi()}, and {landlock.LEAST_ABI} is needed."
    return ""


@functools.cache
def _tried_out(level: Level, form: Form | Literal[""], uid: int | None, gid: int | None) -> str:
    """
    Run `true` at a level; empty when that works, else what was said.

    Raises:
        OSError: nothing could be started.
    """
    held = Confinement(level, form, uid, gid, policy=SandboxPolicy(level=level))
    with tempfile.TemporaryDirectory(prefix="a3s-code-probe-") as place:
        if uid is not None:
            os.chown(place, uid, gid or 0)
        try:
            return _said(Sandbox(held, place), os.path.realpath(place))
        except subprocess.SubprocessError as error:
            return f"{level} cannot be tried: {error}."


def _said(sandbox: Sandbox, place: str) -> str:
    prepared = sandbox.prepare(("true",), {"PATH": os.defpath}, {}, place)
    try:
        prepared.finish()
        ended = subprocess.run(
            prepared.argv,
            env=prepared.environment,
            pass_fds=prepared.fds,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PROBE_S,
            start_new_session=True,
            check=False,
        )
    finally:
        prepared.close()
        prepared.end()
    if ended.returncode == 0:
        return ""
    said = ended.stdout.decode(errors="replace").strip()[:_SAID_CHARS]
    return f"{sandbox.held.level} was tried and failed: {said or ended.returncode}."
