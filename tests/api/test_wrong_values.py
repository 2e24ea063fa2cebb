"""
What a host gives that is wrong is refused where it is given, and the error says what it was.

Values of an option that is known are in `test_option_types`; here is everything else that an
embedding program makes or passes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import a3s_code
from a3s_code import (
    A3SError,
    Agent,
    ConfirmationPolicy,
    DefaultSecurityProvider,
    FileSessionStore,
    HookCommand,
    HookEngine,
    InvalidType,
    InvalidValue,
    PermissionPolicy,
    SandboxLimits,
    SandboxNetwork,
    SandboxPolicy,
    SandboxReads,
    SandboxUnavailable,
    Session,
    load_policy,
)
from a3s_code.testing import CrashRig, Scripted, says

CONFIG = 'default_model = "scripted/model"'
ANY: Any = object()
FIVE: Any = 5
NONE: Any = None


def scenario() -> None:
    """Stands where a scenario does; never run."""


def session(root: Path, **options: Any) -> Session:
    return Agent.create(CONFIG).session(root, llm_client=Scripted(says("Done.")), **options)


MADE: list[tuple[Callable[[], object], str]] = [
    (lambda: Agent.create(NONE), "config_source"),
    (lambda: FileSessionStore(NONE), "FileSessionStore"),
    (lambda: FileSessionStore(""), "FileSessionStore"),
    (lambda: load_policy(NONE), "path"),
    (lambda: HookEngine(above=FIVE), "above"),
    (lambda: HookCommand("pre_tool_use", NONE), "argv"),
    (lambda: HookCommand("pre_tool_use", FIVE), "argv"),
    (lambda: HookCommand("pre_tool_use", ["true"], hook_id=FIVE), "hook_id"),
    (lambda: PermissionPolicy(allow=FIVE), "allow"),
    (lambda: ConfirmationPolicy(yolo_lanes=FIVE), "yolo_lanes"),
    (lambda: DefaultSecurityProvider(custom_patterns=FIVE), "custom_patterns"),
    (lambda: CrashRig(scenario, counters="x"), "counters"),
    (lambda: CrashRig(scenario, differs=FIVE), "differs"),
    (lambda: SandboxPolicy(level=FIVE), "level of SandboxPolicy"),
    (lambda: SandboxPolicy(network=ANY), "network of SandboxPolicy"),
    (lambda: SandboxPolicy(network=SandboxNetwork(mode=FIVE)), "network of SandboxPolicy"),
    (lambda: SandboxPolicy(read=SandboxReads(paths=FIVE)), "read of SandboxPolicy"),
    (lambda: SandboxPolicy(limits=SandboxLimits(processes=ANY)), "limits of SandboxPolicy"),
]


@pytest.mark.parametrize(("make", "named"), MADE, ids=[named for _, named in MADE])
def test_what_is_wrong_is_named_where_it_is_made(make: Callable[[], object], named: str) -> None:
    with pytest.raises(A3SError) as raised:
        make()
    assert isinstance(raised.value, InvalidType | InvalidValue)
    assert named in str(raised.value)


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"permission_policy": PermissionPolicy(enabled=NONE)}, "enabled"),
    ({"permission_policy": PermissionPolicy(enabled=FIVE)}, "enabled"),
    ({"confirmation_policy": ConfirmationPolicy(enabled=FIVE)}, "enabled"),
    ({"sandbox": 5}, "exec_command"),
    ({"sandbox": SandboxPolicy(limits=SandboxLimits(memory_bytes=-1))}, "memory_bytes"),
    ({"tools": [5]}, "int is no tool"),
    ({"permision_policy": None}, "did you mean 'permission_policy'"),
]


@pytest.mark.parametrize(("options", "named"), OPTIONS, ids=[named for _, named in OPTIONS])
def test_what_is_wrong_is_named_when_a_session_is_made(
    options: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(A3SError) as raised:
        session(tmp_path, **options)
    assert named in str(raised.value)


def test_a_policy_that_is_enabled_by_nothing_but_true_never_allows_everything(
    tmp_path: Path,
) -> None:
    for given in ([], "", 0, None):
        policy = PermissionPolicy(deny=["bash(rm *)"], enabled=given)  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidType):
            session(tmp_path, permission_policy=policy)


@pytest.mark.parametrize("given", [None, 5, "", "no\0name"])
def test_a_workspace_that_is_no_path_is_refused(given: Any) -> None:
    with pytest.raises((InvalidType, InvalidValue), match="workspace"):
        session(given)


def test_a_workspace_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"absent' does not exist"):
        session(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidValue, match=r"file' is no directory"):
        session(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path)
    session(tmp_path / "link")


def test_parts_of_a_sandbox_policy_are_what_they_say(tmp_path: Path) -> None:
    network: Any = {"mode": "proxy", "allow": ["example.com"]}
    paths: Any = [str(tmp_path)]
    policy = SandboxPolicy(network=network, write=paths)

    assert policy.network == SandboxNetwork("proxy", ("example.com",))
    assert policy.write == (str(tmp_path),)
    assert hash(policy) == hash(SandboxPolicy(network=policy.network, write=policy.write))


def test_a_fork_and_versions_of_files_take_no_numbers(tmp_path: Path) -> None:
    with session(tmp_path) as made:
        with pytest.raises(InvalidType, match="session_id is a int"):
            made.fork(session_id=FIVE)
        with pytest.raises(InvalidType, match="workspace is a int"):
            made.fork(workspace=FIVE)
        for call in (made.list_file_versions, lambda path: made.restore_file_version(path, 0)):  # pyright: ignore[reportUnknownLambdaType]
            with pytest.raises(InvalidType, match="path is a int"):
                call(FIVE)


def test_a_list_of_hosts_without_a_network_of_its_own_says_what_it_needs(tmp_path: Path) -> None:
    network = SandboxNetwork("proxy", ("example.com",))
    for policy in (
        SandboxPolicy(level="landlock", network=network),
        SandboxPolicy(level="landlock", network=network, fallback="hygiene"),
    ):
        with pytest.raises(SandboxUnavailable, match=r"list of hosts .* bwrap"):
            session(tmp_path, sandbox=policy)


FORGOTTEN = """
from a3s_code import Agent
from a3s_code.testing import Scripted, calls, says


class Elsewhere:
    def exec_command(self, command, guest_workspace):
        return {"stdout": "there", "stderr": "", "exit_code": 0}


turns = Scripted(calls("bash", command="ls"), says("Done."))
agent = Agent.create('default_model = "scripted/model"')
print(agent.session(".", llm_client=turns, sandbox=Elsewhere()).send("go").text)
"""


def test_a_program_that_closes_nothing_ends_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(a3s_code.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Done.\n", "")
