"""A sandbox of somebody else runs what the model gives bash; nothing of it runs here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    FileSessionStore,
    PermissionPolicy,
    SandboxOutput,
    SandboxUnavailable,
    Session,
)
from a3s_code.errors import InvalidType
from a3s_code.testing import calls, says
from api.house import House


class Elsewhere:
    """Notes what it was given."""

    def __init__(self, failing: Exception | None = None) -> None:
        self.lines: list[str] = []
        self._failing = failing

    def exec_command(self, command: str, guest_workspace: str) -> SandboxOutput:
        self.lines.append(command)
        if self._failing is not None:
            raise self._failing
        return {"stdout": f"{guest_workspace}\n", "stderr": "", "exit_code": 0}


class ElsewhereAsync(Elsewhere):
    async def exec_command(self, command: str, guest_workspace: str) -> SandboxOutput:  # type: ignore[override]
        return super().exec_command(command, guest_workspace)


def outputs(session: Session) -> list[str]:
    events = session.stream("go")
    return [str(event.tool_output) for event in events if event.event_type == "tool_end"]


@pytest.mark.parametrize("kind", [Elsewhere, ElsewhereAsync])
def test_bash_runs_there_and_not_here(house: House, kind: type[Elsewhere]) -> None:
    sandbox = kind()
    session = house.session(calls("bash", command="touch here"), says("ok"), sandbox=sandbox)

    assert outputs(session) == ["/workspace\n"]
    assert session.bash("touch here") == "/workspace\n"
    assert sandbox.lines == ["touch here", "touch here"]
    assert not house.has("here")
    assert session.sandbox_info()["elsewhere"] == f"foreign {kind.__name__}"


def test_a_sandbox_that_fails_fails_the_call_and_nothing_runs_here(house: House) -> None:
    sandbox = Elsewhere(RuntimeError("it is down"))
    session = house.session(calls("bash", command="touch here"), says("ok"), sandbox=sandbox)

    (shown,) = outputs(session)
    assert "RuntimeError: it is down" in shown
    assert not house.has("here")


def test_the_tool_sandbox_is_shown_only_where_one_was_asked_for(house: House) -> None:
    house.session(says("ok")).send("go")
    assert "sandbox" not in _shown(house)
    session = house.session(calls("sandbox", command="ls"), says("ok"), sandbox=Elsewhere())
    assert outputs(session) == ["/workspace\n"]
    assert "sandbox" in _shown(house)
    assert "sandbox" in session.tool_names()


def _shown(house: House) -> set[str]:
    return {tool["function"]["name"] for tool in house.bodies[0]["tools"]}


@pytest.mark.parametrize(
    "policy",
    [
        {"deny": ["bash(rm *)"], "allow": ["sandbox"]},
        {"deny": ["sandbox(rm *)"], "allow": ["sandbox", "bash"]},
        {"deny": ["*"], "allow": ["sandbox"]},
        {"allow": ["bash"]},
        {"allow": ["sandbox(ls*)"]},
        {"ask": ["sandbox(rm *)"], "default_decision": "allow"},
    ],
)
@pytest.mark.parametrize("line", ["rm -rf x", "ls; rm -rf x", "env rm -rf x", "echo $(rm -rf x)"])
def test_what_no_rule_allows_does_not_run_in_the_sandbox(
    house: House, policy: dict[str, Any], line: str
) -> None:
    sandbox = Elsewhere()
    session = house.session(
        calls("sandbox", command=line),
        says("ok"),
        sandbox=sandbox,
        permission_policy=PermissionPolicy(**policy),
    )
    assert "Permission denied" in outputs(session)[0]
    assert sandbox.lines == []


@pytest.mark.parametrize(
    "policy",
    [
        {"allow": ["sandbox"]},
        {"allow": ["sandbox(ls*)", "sandbox(rm *)"]},
        {"allow": ["sandbox"], "ask": ["bash"]},
    ],
)
def test_what_rules_for_the_sandbox_allow_runs(house: House, policy: dict[str, Any]) -> None:
    sandbox = Elsewhere()
    session = house.session(
        calls("sandbox", command="ls -l; rm -rf x"),
        says("ok"),
        sandbox=sandbox,
        permission_policy=PermissionPolicy(**policy),
    )
    assert outputs(session) == ["/workspace\n"]


def test_a_denial_names_the_rule_as_it_was_written(house: House) -> None:
    session = house.session(
        calls("sandbox", command="ls; rm x"),
        says("ok"),
        sandbox=Elsewhere(),
        permission_policy=PermissionPolicy(deny=["sandbox(rm *)"], allow=["sandbox"]),
    )
    assert "sandbox(rm *)" in outputs(session)[0]


@pytest.mark.parametrize("given", [Elsewhere, type("Wrong", (), {"exec_command": 1})()])
def test_what_cannot_be_called_is_refused_when_the_session_is_made(
    house: House, given: object
) -> None:
    with pytest.raises(InvalidType):
        house.session(says("ok"), sandbox=given)


def test_a_resume_has_to_be_given_the_sandbox_again(house: House, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "store")
    with house.session(
        says("ok"), sandbox=Elsewhere(), session_store=store, session_id="one"
    ) as session:
        session.send("go")

    agent = house.employ(default=says("ok"))
    with pytest.raises(SandboxUnavailable, match="foreign Elsewhere"):
        agent.resume_session("one", session_store=store)
    again = Elsewhere()
    agent.resume_session("one", session_store=store, sandbox=again).bash("ls")
    assert again.lines == ["ls"]
