"""Programs get what is on the list and what the host gives them, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, MemorySessionStore
from a3s_code.api.options import SessionOptions
from a3s_code.api.settings import fold
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.testing import calls, says
from a3s_code.workspace.environment import ALLOWED
from api.house import House
from api.traced import trace

OURS = {"A3S_CODE_TREE", "PWD", "OLDPWD", "SHLVL", "_"}
"""What our own mark and a shell add."""

EVERY_PROGRAM = """
    import subprocess
    from a3s_code import Agent, FileSessionStore
    from a3s_code.testing import Scripted, calls, says

    subprocess.run(["git", "init", "-q", {root!r}], check=True, env={{"PATH": "/usr/bin:/bin"}})
    open({root!r} + "/a.txt", "w").write("text\\n")
    turns = [
        calls("bash", command="env; sh -c env"), calls("grep", pattern="text"),
        calls("git", command="status"), calls("git_worktree", command="list"),
    ]
    agent = Agent.create('default_model = "scripted/model"')
    with agent:
        session = agent.session(
            {root!r}, llm_client=Scripted(*turns, says("done")), permissive=True,
            session_store=FileSessionStore({store!r}), command_env={{"DEPLOY_TOKEN": "t0ken"}},
        )
        for event in session.stream("go"):
            if event.event_type == "tool_end":
                print(event.tool_name, event.exit_code)
"""


def test_no_program_gets_a_secret_of_the_host(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    secrets = {
        "ANTHROPIC_API_KEY": "s3cret-one",
        "AWS_SECRET_ACCESS_KEY": "s3cret-two",
        "HTTPS_PROXY": "http://ada:s3cret-three@proxy.test",
        "GIT_SSH_COMMAND": "s3cret-four",
        "LD_LIBRARY_PATH": "/nowhere/s3cret-five",
        "BASH_FUNC_ls%%": "() { echo s3cret-six; }",
    }
    code = EVERY_PROGRAM.format(root=str(root), store=str(tmp_path / "store"))
    traced = trace(code, "execve", tmp_path, cwd=tmp_path, environment=secrets)
    assert [line.split()[1] for line in traced.output.splitlines()] == ["0"] * 4

    _, *children = traced.named("execve")  # without the program itself
    names = {Path(call.texts[0]).name for call in children}
    assert {"bash", "git", "rg", "env", "sh"} <= names
    for call in children:
        assert "s3cret" not in call.args
        given = {text.partition("=")[0] for text in call.texts if re.match(r"[A-Z_a-z]\w*=", text)}
        allowed = {name for name in given if name in ALLOWED | OURS or name.startswith("LC_")}
        git = {name for name in given if name.startswith("GIT_")}
        assert given - allowed - git <= {"DEPLOY_TOKEN"}, call.texts[0]
        if "DEPLOY_TOKEN" in given:
            assert Path(call.texts[0]).name not in {"git", "rg"}


# What the host adds


def test_a_command_gets_what_the_host_adds(house: House) -> None:
    session = house.session(command_env={"STAGE": "blue", "HOME": "/nowhere"})

    assert session.bash('echo "$STAGE $HOME"') == "blue /nowhere\n"


def test_what_a_call_gives_wins(house: House) -> None:
    session = house.session(command_env={"STAGE": "blue"})
    done = session.tool("bash", {"command": "echo $STAGE", "env": {"STAGE": "red"}})

    assert done.output == "red\n"


def test_a_mapping_that_changes_later_changes_nothing(house: House) -> None:
    given = {"STAGE": "blue"}
    session = house.session(command_env=given)
    given["STAGE"] = "red"

    assert session.bash("echo $STAGE") == "blue\n"


def test_it_is_announced_as_missing_no_more(house: House) -> None:
    assert house.session(command_env={"A": "1"}).init_warning is None


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"": "x"}, InvalidValue),
        ({"A B": "x"}, InvalidValue),
        ({"A=B": "x"}, InvalidValue),
        ({"1A": "x"}, InvalidValue),
        ({5: "x"}, InvalidValue),
        ({"A": 5}, InvalidType),
        ({"A": None}, InvalidType),
        ({"A": "s3cret\0"}, InvalidValue),
        ({"A": "s3cret\ud800"}, InvalidValue),
        ({"BASH_ENV": "s3cret"}, InvalidValue),
        ({"ENV": "s3cret"}, InvalidValue),
        ({"BASH_FUNC_ls": "s3cret"}, InvalidValue),
        ({"LD_PRELOAD": "s3cret"}, InvalidValue),
        ({"SHELLOPTS": "s3cret"}, InvalidValue),
        ({"A3S_CODE_TREE": "s3cret"}, InvalidValue),
        ({"PATH": "/bin:s3cret"}, InvalidValue),
        ({"PATH": "/bin:"}, InvalidValue),
    ],
)
def test_what_no_program_can_be_given_is_refused_without_its_value(
    wrong: dict[Any, Any], kind: type[Exception], house: House
) -> None:
    with pytest.raises(kind, match="command_env") as caught:
        house.employ().session(house.root, command_env=wrong)
    assert "s3cret" not in str(caught.value)


def test_no_record_or_repr_shows_a_value(house: House, tmp_path: Path) -> None:
    options = SessionOptions(command_env={"TOKEN": "s3cret-value"})
    assert "s3cret" not in repr(options)
    assert "s3cret" not in repr(fold(options))

    place = tmp_path / "store"
    session = house.session(
        calls("bash", command='test -n "$TOKEN"'),
        says("done"),
        options=options,
        session_store=FileSessionStore(place),
        permissive=True,
    )
    session.send("go")
    house.agent.close()
    kept = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert b'"exit_code":0' in kept
    assert b"s3cret" not in kept


def test_a_resumed_session_has_only_what_it_is_given_again(house: House) -> None:
    store = MemorySessionStore()
    agent = house.employ(says("hi"), says("hi"))
    first = agent.session(
        house.root, session_id="job-1", session_store=store, command_env={"STAGE": "blue"}
    )
    first.send("hi")
    later = agent.resume_session("job-1", session_store=store)
    assert later.bash("echo [$STAGE]") == "[]\n"
    again = agent.resume_session("job-1", session_store=store, command_env={"STAGE": "red"})
    assert again.bash("echo [$STAGE]") == "[red]\n"
