"""Hooks that are programs: what they are given, what their end means, and where they come from."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_code import HookBlocked, HookCommand, Session
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.testing import calls, says
from api.house import House

TOUCH = calls("bash", command="touch made")

Guard = Callable[..., HookCommand]


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    """Give a maker of commands: Python programs outside of the workspace."""

    def make(code: str, event: str = "pre_tool_use", **more: Any) -> HookCommand:
        program = tmp_path / f"guard{len(list(tmp_path.glob('guard*')))}.py"
        program.write_text(f"import json, os, sys, time\nevent = json.load(sys.stdin)\n{code}\n")
        return HookCommand(event, [sys.executable, "-I", str(program)], **more)

    return make


def tried(house: House, command: HookCommand, **options: Any) -> Session:
    session = house.session(
        TOUCH, says("Done."), permissive=True, hook_commands=[command], **options
    )
    session.send("go")
    return session


def test_a_program_is_told_the_event_and_nothing_else(house: House, guard: Guard) -> None:
    seen = house.root.parent / "seen"
    told = "json.dump([event, sys.argv[1:], os.getcwd(), dict(os.environ)], open({!r}, 'w'))"
    tried(house, guard(told.format(str(seen))))

    event, arguments, directory, environment = json.loads(seen.read_text())
    assert house.has("made")
    assert event["event_type"] == "pre_tool_use"
    assert event["payload"]["args"] == {"command": "touch made"}
    assert arguments == []
    assert directory == "/"
    assert "touch made" not in str(environment)


@pytest.mark.parametrize(
    "name", ["$(touch pwned)", "`touch pwned`", "a\nb; touch pwned", "'\";|&<>"]
)
def test_a_hostile_name_is_only_data(name: str, house: House, guard: Guard) -> None:
    seen = house.root.parent / "seen"
    code = f"open({str(seen)!r}, 'w').write(event['payload']['args']['file_path'])"
    session = house.session(permissive=True, hook_commands=[guard(code)])
    session.tool("write", {"file_path": name, "content": ""})

    assert seen.read_text() == name
    assert [path.name for path in house.root.iterdir()] == [name]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.exit('the reason is this')", "ended with status 1: the reason is this"),
        ("print('not on a Friday', file=sys.stderr); sys.exit(2)", "blocked this: not on a Friday"),
        ("print(json.dumps({'action': 'block', 'reason': 'no'}))", "blocked this: no"),
        ("print('{')", "no JSON"),
        ("print('true')", "answered with a bool"),
        ("print(json.dumps({'action': 'alow'}))", "'alow'"),
        ("os.kill(os.getpid(), 9)", "ended with status 137"),
        ("print('x' * 3_000_000)", "more than"),
        ("print('\\x1b[2J', file=sys.stderr); sys.exit(2)", "blocked this: "),
    ],
)
def test_every_other_end_denies(code: str, reason: str, house: House, guard: Guard) -> None:
    session = tried(house, guard(code))

    assert not house.has("made")
    told = str(house.bodies[1]["messages"][-1]["content"])
    assert reason in told
    assert "\x1b" not in told
    assert session.hook_decisions()[0]["outcome"] in ("block", "failed")


@pytest.mark.parametrize("code", ["", "print()", "print(json.dumps({'action': 'continue'}))"])
def test_a_program_that_ends_well_lets_it_pass(code: str, house: House, guard: Guard) -> None:
    tried(house, guard(code))

    assert house.has("made")


def test_a_program_can_modify_a_call(house: House, guard: Guard) -> None:
    other = {"action": "modify", "data": {"command": "touch other"}}
    tried(house, guard(f"print(json.dumps({other}))"))

    assert (house.has("made"), house.has("other")) == (False, True)


def test_a_program_that_is_late_is_killed_and_denies(house: House, guard: Guard) -> None:
    session = tried(house, guard("time.sleep(600)", timeout_ms=300))

    assert not house.has("made")
    assert session.hook_decisions()[0]["outcome"] == "failed"


def test_a_program_that_is_missing_denies(house: House) -> None:
    tried(house, HookCommand("pre_tool_use", ["no-such-program-at-all"]))

    assert not house.has("made")
    assert "ProgramMissing" in str(house.bodies[1]["messages"][-1]["content"])


def test_a_program_is_asked_about_what_it_is_meant_for(house: House, guard: Guard) -> None:
    tried(house, guard("sys.exit(2)", matcher={"tool": "write"}))

    assert house.has("made")


def test_a_program_can_stop_a_prompt(house: House, guard: Guard) -> None:
    command = guard("print('no', file=sys.stderr); sys.exit(2)", "pre_prompt", hook_id="words")
    session = house.session(default=says("Done."), hook_commands=[command])
    with pytest.raises(HookBlocked, match="the hook 'words' blocked this: no"):
        session.send("go")


def test_what_the_session_registers_cannot_take_a_program_away(house: House, guard: Guard) -> None:
    command = guard("sys.exit(2)", hook_id="guard")
    session = house.session(TOUCH, says("Done."), permissive=True, hook_commands=[command])
    session.register_hook("guard", "pre_tool_use", lambda _: None)
    session.register_hook(
        "skip", "pre_tool_use", None, {"priority": 0}, lambda _: {"action": "skip"}
    )
    assert (session.hook_count(), session.unregister_hook("guard")) == (3, True)
    assert not session.unregister_hook("guard")
    session.send("go")

    assert not house.has("made")


def test_the_environment_of_the_host_is_not_handed_on(
    house: House, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_KEY", "s3cret")
    seen = house.root.parent / "seen"
    tried(house, guard(f"open({str(seen)!r}, 'w').write(str(dict(os.environ)))"))

    assert "s3cret" not in seen.read_text()


# Where they come from


def test_a_program_in_the_workspace_is_refused(house: House) -> None:
    inside = house.put("hooks/guard.sh", "#!/bin/sh\n")
    link = house.root.parent / "link"
    link.symlink_to(inside)
    for argv in ([str(inside)], ["/bin/sh", str(inside)], [str(link)]):
        with pytest.raises(InvalidValue, match="lies in the workspace"):
            house.session(hook_commands=[HookCommand("pre_tool_use", argv)])


def test_a_name_is_not_looked_up_in_the_workspace(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = house.put(".venv/bin/true", "#!/bin/sh\ntouch $HOME/pwned\n")
    own.chmod(0o755)
    monkeypatch.setenv("HOME", str(house.root))
    monkeypatch.setenv("PATH", f"{own.parent}:{os.environ['PATH']}")
    session = tried(house, HookCommand("pre_tool_use", ["true"]))

    assert session.hook_decisions()[0]["outcome"] == "continue"
    assert not house.has("pwned")


def test_files_of_the_workspace_never_become_hooks(house: House) -> None:
    program = house.put("guard.sh", "#!/bin/sh\ntouch pwned\n")
    program.chmod(0o755)
    for name in (".a3s/hooks.json", ".claude/settings.json", "hooks/pre_tool_use"):
        house.put(name, json.dumps({"hooks": {"pre_tool_use": [str(program)]}}))
    session = house.session(TOUCH, says("Done."), permissive=True)
    session.send("go")

    assert session.hook_count() == 0
    assert not house.has("pwned")


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        (("pre_tool_usage", ["true"]), InvalidValue, "did you mean 'pre_tool_use'"),
        (("pre_tool_use", []), InvalidType, "argv"),
        (("pre_tool_use", [3]), InvalidType, "argv"),
        (("pre_tool_use", "true"), InvalidType, "single text"),
        (("pre_tool_use", ["a\0b"]), InvalidType, "argv"),
        (("pre_tool_use", ["./guard.sh"]), InvalidValue, "no program of the host"),
        (("pre_tool_use", ["hooks/guard.sh"]), InvalidValue, "no program of the host"),
        (("pre_tool_use", ["true"], {"tol": "x"}), InvalidValue, "did you mean 'tool'"),
        (("pre_tool_use", ["true"], None, 0), InvalidValue, "timeout_ms"),
    ],
)
def test_a_wrong_command_is_refused_at_once(
    arguments: tuple[Any, ...], kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told):
        HookCommand(*arguments)


def test_two_commands_of_one_program_get_names_of_their_own(house: House) -> None:
    both = [HookCommand("pre_tool_use", ["true"]) for _ in range(2)]
    session = house.session(TOUCH, says("Done."), permissive=True, hook_commands=both)
    session.send("go")

    said = [each["hook_id"] for each in session.hook_decisions()]
    assert said == ["command:true", "command:true:2"]
    twice = [HookCommand("pre_tool_use", ["true"], hook_id="x") for _ in range(2)]
    with pytest.raises(InvalidValue, match="have the id 'x'"):
        house.session(hook_commands=twice)
    with pytest.raises(InvalidType, match="hook_commands"):
        house.session(hook_commands=["true"])
