"""What a resumed session is told again, and what it keeps from before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code import (
    Agent,
    ArtifactStoreLimits,
    FileSessionStore,
    LocalWorkspaceBackend,
    MemorySessionStore,
    PermissionPolicy,
    Session,
    Store,
    SystemPromptSlots,
)
from a3s_code.api.options import SessionOptions
from a3s_code.api.recorded import Recorded
from a3s_code.api.settings import fold
from a3s_code.errors import CapabilityMissing, InvalidType, InvalidValue, StoreError, UnknownModel
from a3s_code.testing import calls, says
from api.house import House

EVERYTHING = PermissionPolicy(allow=["*"], default_decision="allow")
TOUCH = calls("bash", command="touch made")


def bash(command: str) -> str:
    """Pretend to be the shell."""
    return command


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


def began(agent: Agent, house: House, store: Store, **options: Any) -> Session:
    """Give a session that has been used once."""
    session = agent.session(house.root, session_id="job-1", session_store=store, **options)
    session.send("hi")
    return session


def system_of(house: House) -> str:
    return str(house.bodies[-1]["messages"][0]["content"])


# The same checks as for a new session


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"tools": [bash]}, InvalidValue),
        ({"tools": [print, print]}, InvalidType),
        ({"workspace_backend": object()}, CapabilityMissing),
        ({"workspace_backend": LocalWorkspaceBackend("/elsewhere")}, InvalidValue),
        ({"model": "nobody/m"}, UnknownModel),
        ({"permissive": "false"}, InvalidType),
    ],
)
def test_a_resume_refuses_what_a_new_session_refuses(
    wrong: dict[str, Any], kind: type[Exception], house: House, store: MemorySessionStore
) -> None:
    agent = house.employ(default=says("Hello."))
    session = began(agent, house, store)
    with pytest.raises(kind):
        agent.resume_session("job-1", session_store=store, **wrong)

    assert session.send("still here?").text == "Hello."


def test_a_resume_may_name_the_directory_that_the_session_works_in(
    house: House, store: MemorySessionStore
) -> None:
    agent = house.employ(default=says("Hello."))
    began(agent, house, store)
    backend = LocalWorkspaceBackend(str(house.root))
    later = agent.resume_session("job-1", session_store=store, workspace_backend=backend)

    assert later.workspace == str(house.root)


def test_an_id_that_is_no_text_is_refused(house: House) -> None:
    agent = house.employ()
    with pytest.raises(InvalidType, match="session_id"):
        agent.resume_session(5)  # pyright: ignore[reportArgumentType] - the claim


# What is kept


def test_limits_hold_after_a_resume_that_does_not_name_them(
    house: House, store: MemorySessionStore
) -> None:
    agent = house.employ(says("Hello."), *(calls("glob", pattern=f"{n}") for n in range(3)))
    began(agent, house, store, max_tool_rounds=1)
    later = agent.resume_session("job-1", session_store=store)

    with pytest.raises(RuntimeError, match=r"Max tool rounds \(1\)"):
        later.send("look")


def test_limits_that_a_resume_names_win_and_are_kept_for_the_next_one(
    house: House, store: MemorySessionStore
) -> None:
    rounds = [calls("glob", pattern=f"{n}") for n in range(2)]
    agent = house.employ(says("Hello."), *rounds, says("Done."), *rounds, says("Again."))
    began(agent, house, store, max_tool_rounds=1)
    agent.resume_session("job-1", session_store=store, max_tool_rounds=9).send("look")
    last = agent.resume_session("job-1", session_store=store)

    assert last.send("look again").text == "Again."


@pytest.mark.parametrize("how", ["resumed", "opened again"])
@pytest.mark.parametrize(
    "policy",
    [
        PermissionPolicy(allow=["*"], deny=["write"]),
        PermissionPolicy(allow=["read"], default_decision="deny"),
        PermissionPolicy(ask=["write"], default_decision="allow"),
    ],
)
def test_without_a_policy_a_session_that_goes_on_is_as_strict_as_it_was(
    policy: PermissionPolicy, how: str, house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    write = calls("write", file_path="made", content="x")
    agent = house.employ(says("Hello."), write, says("ok"))
    began(agent, house, store, permission_policy=policy).close()
    if how == "resumed":
        later = agent.resume_session("job-1", session_store=store)
    else:
        later = agent.session(house.root, session_id="job-1", session_store=store)
    later.send("make it")

    assert not house.has("made")


@pytest.mark.parametrize(
    ("before", "again", "runs"),
    [
        ({"permissive": True}, {}, True),
        ({"permissive": True}, {"permissive": False}, False),
        ({}, {"permissive": True}, True),
        ({}, {}, False),
        ({"permission_policy": PermissionPolicy(allow=["bash(touch *)"])}, {}, True),
        (
            {"permission_policy": PermissionPolicy(allow=["*"], deny=["bash(touch *)"])},
            {"permissive": False},
            False,
        ),
        (
            {"permission_policy": PermissionPolicy(default_decision="deny")},
            {"permission_policy": PermissionPolicy(allow=["bash"])},
            True,
        ),
        ({"permissive": True, "permission_mode": "permissive"}, {}, True),
        ({"permission_mode": "permissive"}, {}, True),
        ({"permission_mode": "permissive"}, {"permissive": False}, False),
        ({"permission_mode": "permissive"}, {"permission_mode": "default"}, False),
        (
            {"permission_mode": "permissive"},
            {"permission_policy": PermissionPolicy(ask=["bash"])},
            False,
        ),
        ({"permission_mode": "plan", "permission_policy": EVERYTHING}, {}, False),
        ({"permission_mode": "plan"}, {"permission_policy": EVERYTHING}, False),
        ({"permission_mode": "plan"}, {"permissive": True}, True),
        ({"permission_policy": EVERYTHING}, {"permission_mode": "plan"}, False),
        ({"permission_policy": EVERYTHING, "permission_mode": "accept_edits"}, {}, True),
    ],
)
def test_permissions_after_a_resume(
    before: dict[str, Any],
    again: dict[str, Any],
    runs: bool,
    house: House,
    store: MemorySessionStore,
) -> None:
    agent = house.employ(says("Hello."), TOUCH, says("ok"))
    began(agent, house, store, sandbox="hygiene", **before)
    agent.resume_session("job-1", session_store=store, **again).send("make it")

    assert house.has("made") is runs


def test_a_policy_that_a_resume_made_stricter_stays_so(
    house: House, store: MemorySessionStore
) -> None:
    agent = house.employ(says("Hello."), says("Hello."), TOUCH, says("ok"))
    began(agent, house, store, permissive=True)
    strict = PermissionPolicy(default_decision="deny")
    agent.resume_session("job-1", session_store=store, permission_policy=strict).send("hi")
    agent.resume_session("job-1", session_store=store).send("make it")

    assert not house.has("made")


def test_the_prompt_and_the_labels_are_kept(house: House, store: MemorySessionStore) -> None:
    agent = house.employ(default=says("Hello."))
    began(agent, house, store, role="A cook.", extra="Closes at ten.", tenant_id="t-1")
    agent.resume_session("job-1", session_store=store, extra="Closes at nine.").send("hi")

    assert "A cook." in system_of(house)
    assert "Closes at nine." in system_of(house)
    assert "Closes at ten." not in system_of(house)


def test_a_session_goes_on_with_its_model(house: House, store: MemorySessionStore) -> None:
    agent = house.employ(default=says("Hello."))
    began(agent, house, store, model="openai/first").send("/model openai/second")
    agent.resume_session("job-1", session_store=store).send("hi")
    assert house.bodies[-1]["model"] == "second"
    agent.close_session("job-1")
    agent.session(house.root, session_id="job-1", session_store=store).send("hi")
    assert house.bodies[-1]["model"] == "second"


def test_everything_that_is_recorded_comes_back_from_json() -> None:
    options = SessionOptions(
        temperature=0.5,
        thinking_budget=100,
        max_tool_rounds=3,
        continuation_enabled=False,
        tenant_id="t",
        prompt_slots=SystemPromptSlots(role="A cook."),
        artifact_store_limits=ArtifactStoreLimits(0, 10),
        permission_policy=PermissionPolicy(["read"], ["bash(rm *)"], ["write"], "deny"),
    )
    settings = fold(options)
    written = Recorded.of(settings).written_form()
    again = Recorded.read(written).under(fold(SessionOptions()))

    assert again == settings
    assert written == msgspec.json.decode(msgspec.json.encode(written)), "as a log gives it back"
    assert Recorded.read({}).under(settings) == settings


@pytest.mark.parametrize(
    "written",
    [{"limits": 5}, {"policy": {"default": "maybe"}}, {"policy": {"allow": ["bash(ls"]}}],
)
def test_options_that_cannot_be_read_are_a_store_error(written: dict[str, Any]) -> None:
    with pytest.raises(StoreError):
        Recorded.read(written).under(fold(SessionOptions()))


def test_continuations_can_be_switched_on_again() -> None:
    before = Recorded.of(fold(SessionOptions(continuation_enabled=False)))

    assert before.under(fold(SessionOptions())).limits.continuations == 0
    assert before.under(fold(SessionOptions(continuation_enabled=True))).limits.continuations == 3
