from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from a3s_code import Attachment, Observation, SessionOptions, ToolContext, ToolResult
from a3s_code.errors import InvalidType, InvalidValue, ToolFailed
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.artifacts import ArtifactStoreLimits
from a3s_code.testing import calls, says
from api.house import House

NOTHING_ALLOWED = PermissionPolicy(deny=["*"], default_decision="deny")


# Plain values, or an error with the whole result


def test_read_file_gives_the_numbered_lines(house: House) -> None:
    house.put("a.txt", "one\ntwo\n")

    assert house.session().read_file("a.txt").splitlines() == ["     1\tone", "     2\ttwo"]


def test_glob_gives_sorted_paths_and_grep_the_lines_that_match(house: House) -> None:
    house.put("b/b.py", "def b(): ...\n")
    house.put("a.py", "x = 1\n")
    session = house.session()

    assert session.glob("**/*.py") == ["a.py", "b/b.py"]
    assert session.glob("*.rs") == []
    assert "b/b.py:1:def b(): ..." in session.grep(r"def \w")


def test_what_a_terminal_would_obey_is_counted_in_the_event(house: House) -> None:
    house.put("evil.txt", "\x1b[2J\u202e")
    house.put("good.txt", "Grüße\n")
    turn = calls("read", file_path="evil.txt") + calls("read", file_path="good.txt")
    session = house.session(turn, says("done"))
    ends = [e for e in session.stream("go") if e.event_type == "tool_end"]

    assert "\x1b[2J\u202e" in (ends[0].tool_output or "")
    assert json.loads(ends[0].data or "{}")["metadata"]["hidden_characters"] == 2
    assert "hidden_characters" not in (ends[1].data or "")


def test_bash_gives_the_output(house: House) -> None:
    assert house.session().bash("echo one; echo two >&2").splitlines() == ["one", "two"]


@pytest.mark.parametrize(
    ("method", "argument", "told", "code"),
    [
        ("read_file", "none.txt", "none.txt", 1),
        ("read_file", "../outside.txt", "outside", 1),
        ("glob", "[", "", 1),
        ("grep", "(", "", 1),
        ("bash", "echo gone; exit 3", "gone", 3),
    ],
)
def test_a_plain_value_that_cannot_be_given_is_an_error_with_the_result(
    method: str, argument: str, told: str, code: int, house: House
) -> None:
    with pytest.raises(ToolFailed) as caught:
        getattr(house.session(), method)(argument)

    assert told in str(caught.value)
    result = caught.value.result
    assert isinstance(result, ToolResult)
    assert result.exit_code == code
    assert result.output


# Results


def test_files_are_written_edited_and_patched(house: House) -> None:
    session = house.session()

    written = session.write_file("notes.txt", "uno\ntwo\n")
    assert (written.exit_code, written.name) == (0, "write")
    edited = session.edit_file("notes.txt", "uno", "one")
    assert edited.metadata["before"] == "uno\ntwo\n"
    patched = session.patch_file("notes.txt", "@@ -1,2 +1,2 @@\n one\n-two\n+dos")
    assert patched.exit_code == 0
    assert house.get("notes.txt") == "one\ndos\n"
    assert "notes.txt" in session.ls().output
    house.put("d/inner.txt")
    assert "inner.txt" in session.ls("d").output
    assert session.edit_file("notes.txt", "o", "0", replace_all=True).exit_code == 0
    assert house.get("notes.txt") == "0ne\nd0s\n"


@pytest.mark.parametrize(
    ("name", "args", "kind"),
    [
        ("none", {}, "not_found"),
        ("read", {"file_path": "none"}, "not_found"),
        ("read", {}, "invalid_argument"),
        ("write", {"file_path": "../out", "content": ""}, "path_refused"),
        ("edit", {"file_path": "a.txt", "old_string": "nowhere", "new_string": ""}, None),
    ],
)
def test_a_tool_that_fails_gives_a_result_that_says_so(
    name: str, args: dict[str, Any], kind: str | None, house: House
) -> None:
    house.put("a.txt", "alpha")
    result = house.session().tool(name, args)

    assert result.exit_code == 1
    assert result.output
    assert kind in (None, result.error_kind)


def test_a_direct_call_needs_no_permission_and_stays_in_the_workspace(house: House) -> None:
    session = house.session(permission_policy=NOTHING_ALLOWED)

    assert session.write_file("a.txt", "x").exit_code == 0
    assert session.bash("cat a.txt") == "x"
    assert session.write_file("/etc/a3s-code-test", "x").exit_code == 1
    assert session.write_file("../a.txt", "x").exit_code == 1


def test_a_direct_call_is_recorded_outside_any_run_and_not_told_to_the_model(
    house: House,
) -> None:
    session = house.session(says("Hello."))
    session.bash("echo hi")
    session.send("hello")

    assert len(session.runs()) == 1
    assert [message["role"] for message in house.bodies[0]["messages"]][-1] == "user"
    assert [trace["name"] for trace in session.trace_events()] == ["bash"]


def test_traces_say_how_calls_went_in_the_documented_shape(house: House) -> None:
    session = house.session(calls("read", file_path="none"), says("Gone."))
    session.tool("ls", {})
    session.send("read it")

    listed, failed = session.trace_events()
    assert listed["schema"] == "a3s.trace_event.v1"
    assert (listed["kind"], listed["name"], listed["success"]) == ("tool_execution", "ls", True)
    assert (failed["success"], failed["exit_code"]) == (False, 1)
    assert listed["output_bytes"] >= 0
    assert listed["duration_ms"] >= 0


def test_every_field_of_a_trace_is_there_also_when_it_is_empty(house: House) -> None:
    session = house.session()
    session.tool("none", {})

    (row,) = session.trace_events()
    assert (row["metadata_keys"], row["artifact_uris"]) == ([], [])


# Git


@pytest.fixture
def repository(house: House) -> House:
    house.put("a.txt", "one\n")
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "-m", "First"],
    ):
        subprocess.run(["git", *command], cwd=house.root, check=True, capture_output=True)
    return house


def test_git_can_be_asked_in_every_form(repository: House) -> None:
    session = repository.session()
    repository.put("b.txt")

    assert "b.txt" in session.git("status").output
    assert "First" in session.git("log", max_count=1).output
    assert "First" in session.git({"command": "log"}).output
    assert "First" in session.git_command({"command": "log", "max_count": 5}).output
    assert session.git("branch", subcommand="create", name="side").exit_code in (0, 1)
    made = session.git("worktree", subcommand="create", name="wt", path="../wt", new_branch=True)
    assert isinstance(made, ToolResult)
    assert session.git("nonsense").exit_code != 0


# Artifacts


def test_the_whole_of_a_long_output_can_be_fetched_by_the_address_in_the_cut_one(
    house: House,
) -> None:
    session = house.session()
    result = session.tool("bash", {"command": "seq 1 100000"})

    artifact = result.metadata["artifact"]
    assert artifact["artifact_uri"] in result.output
    whole = session.get_artifact(artifact["artifact_uri"])
    assert whole is not None
    assert whole["content"].split() == [str(n) for n in range(1, 100_001)]
    assert whole["tool_name"] == "bash"
    assert session.get_artifact("a3s://tool-output/bash/none") is None


def test_an_artifact_that_was_pushed_out_is_gone(house: House) -> None:
    limits = ArtifactStoreLimits(max_artifacts=1)
    session = house.session(artifact_store_limits=limits)
    first, second = (
        session.tool("bash", {"command": f"seq {n} 100000"}).metadata["artifact"]["artifact_uri"]
        for n in (1, 2)
    )

    assert session.get_artifact(first) is None
    assert session.get_artifact(second) is not None


# Tools of the caller


def test_the_tools_of_a_session_can_be_listed(house: House) -> None:
    session = house.session()
    names = session.tool_names()

    assert {"read", "write", "edit", "patch", "grep", "glob", "ls", "bash", "git"} <= set(names)
    assert len(set(names)) == len(names)
    definitions = {row["name"]: row for row in session.tool_definitions()}
    assert list(definitions) == names
    assert all(row["description"] for row in definitions.values())
    assert definitions["read"]["parameters"]["type"] == "object"
    assert session.tool_names() == names


def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def whoami(context: ToolContext) -> Observation:
    """Say which session this is."""
    return Observation(context.session_id)


def test_functions_become_tools_that_the_model_can_call(house: House) -> None:
    session = house.session(
        calls("add", a=2) + calls("whoami"), says("Three."), tools=[add], permissive=True
    )
    session.register_tool(whoami)
    assert session.send("add").text == "Three."

    offered = {t["function"]["name"]: t["function"] for t in house.bodies[0]["tools"]}
    assert offered["add"]["description"] == "Add two numbers."
    assert offered["add"]["parameters"]["required"] == ["a"]
    told = [m["content"] for m in house.bodies[1]["messages"] if m["role"] == "tool"]
    assert told == ["3", session.session_id]
    assert session.tool("add", {"a": 2, "b": 5}).output == "7"
    assert session.tool_names()[-2:] == ["add", "whoami"]


def test_a_function_of_the_caller_runs_by_default_and_leaves_an_intent(house: House) -> None:
    """Who gives a function to the model answers for it; an explicit policy still decides."""
    session = house.session(calls("add", a=2), says("Done."), tools=[add])
    session.send("add")
    assert "Permission denied" not in str(house.bodies[-1]["messages"][-1])
    strict = house.session(
        calls("add", a=2), says("No."), tools=[add], permission_policy=PermissionPolicy()
    )
    strict.send("add")

    assert "Permission denied" in str(house.bodies[-1]["messages"][-1])


def test_a_tool_of_one_session_is_not_seen_by_another(house: House) -> None:
    first = house.session(says("a"), tools=[add])
    second = house.agent.session(house.root)
    first.register_tool(whoami)

    assert "add" not in second.tool_names()
    assert "whoami" not in house.agent.session(house.root).tool_names()


def untyped(a):  # noqa: ANN001, ANN201 - the claim
    """Take anything."""


def test_a_function_without_types_cannot_be_a_tool(house: House) -> None:
    with pytest.raises(InvalidType, match="no type"):
        house.session().register_tool(untyped)


def test_a_function_cannot_take_the_name_of_a_built_in_tool(house: House) -> None:
    def bash(command: str) -> str:
        """Pretend."""
        return command

    with pytest.raises(InvalidValue, match="built-in"):
        house.session().register_tool(bash)


# Pictures


def test_pictures_reach_the_model(house: House) -> None:
    house.put("p.png").write_bytes(b"\x89PNG\r\n")
    session = house.session(says("A pixel."), says("Two."))
    shot = Attachment.from_file(house.root / "p.png")
    session.send_with_attachments("what is it?", [shot, Attachment.jpeg(b"\xff\xd8")])
    session.send(
        {"prompt": "and this?", "attachments": [{"data": b"GIF8", "media_type": "image/gif"}]}
    )

    sent = str(house.bodies[1]["messages"])
    for url in ("data:image/png;base64,iVBORw0K", "data:image/jpeg;base64,/9g", "data:image/gif"):
        assert url in sent


@pytest.mark.parametrize(
    ("attachment", "error"),
    [
        ({"data": b"x", "media_type": "text/plain"}, InvalidValue),
        ({"data": "x", "media_type": "image/png"}, InvalidType),
        ({"data": b"x"}, InvalidValue),
        (b"x", InvalidValue),
    ],
)
def test_what_is_no_picture_is_refused_before_anything_runs(
    attachment: Any, error: type[Exception], house: House
) -> None:
    session = house.session(says("Hello."))
    with pytest.raises(error):
        session.send_with_attachments("look", [attachment])

    assert session.runs() == []


def test_only_files_of_picture_types_can_be_attached(house: House) -> None:
    with pytest.raises(InvalidValue, match="png"):
        Attachment.from_file(house.put("a.svg", "<svg/>"))
    assert Attachment.png(b"x").media_type == "image/png"


def test_options_may_carry_the_tools(house: House) -> None:
    agent = house.employ(says("ok"))
    session = agent.session(house.root, SessionOptions(tools=[add]))

    assert "add" in session.tool_names()
