"""A session says how a call would be decided, and does nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, PermissionPolicy
from a3s_code.errors import InvalidType, InvalidValue, SessionClosed
from a3s_code.testing import calls, says
from api.house import House
from needed import needs_bwrap

POLICY = PermissionPolicy(
    allow=["bash(ls*)", "bash(touch *)", "read", "write(src/**)"],
    deny=["bash(rm *)", "read(secret*)"],
)


@pytest.mark.parametrize(
    ("tool", "args", "expected"),
    [
        ("bash", {"command": "ls -l"}, ("allow", "bash(ls*)", "ls -l")),
        ("bash", {"command": "ls; sudo rm x"}, ("deny", "bash(rm *)", "rm x")),
        ("bash", {"command": "make"}, ("ask", "default_decision=ask", "make")),
        ("bash", {"command": "touch a > b"}, ("ask", "default_decision=ask", "b")),
        ("bash", {"command": "touch .git/config"}, ("ask", "protected places", None)),
        ("read", {"file_path": "secret.txt"}, ("deny", "read(secret*)", "secret.txt")),
        ("read", {"file_path": "./a/../secret"}, ("deny", "read(secret*)", "secret")),
        ("write", {"file_path": "src/a", "content": ""}, ("allow", "write(src/**)", "src/a")),
        ("read", {"file_path": "../x"}, ("deny", "workspace boundary", "")),
        ("read", {"file": 5}, ("deny", "the call cannot be made", "")),
        ("bash", {"command": ""}, ("deny", "the call cannot be made", "")),
    ],
)
def test_it_names_the_decision_the_rule_and_the_part(
    tool: str, args: dict[str, Any], expected: tuple[str, str, str | None], house: House
) -> None:
    told = house.session(permission_policy=POLICY).explain(tool, args)
    decision, rule, part = expected

    assert (told["decision"], told["rule"]) == (decision, rule)
    assert part is None or told["part"] == part
    assert told["reason"]
    assert told["tool"] == tool


def test_every_command_and_file_has_a_row_and_the_strictest_decides(house: House) -> None:
    session = house.session(permission_policy=POLICY)
    told = session.explain("bash", {"command": "ls a && make > out | rm x"})

    rows = [(row["part"], row["decision"]) for row in told["parts"]]
    assert rows == [("ls a", "allow"), ("make", "ask"), ("rm x", "deny"), ("out", "ask")]
    assert (told["decision"], told["part"]) == ("deny", "rm x")


def test_several_allowed_parts_name_all_rules_that_allow_them(house: House) -> None:
    session = house.session(permission_policy=POLICY)
    told = session.explain("bash", {"command": "ls && touch a && ls b"})

    assert (told["decision"], told["rule"]) == ("allow", "bash(ls*); bash(touch *)")


@needs_bwrap
def test_a_session_that_is_not_awake_knows_the_tool_of_its_sandbox(house: House) -> None:
    policy = PermissionPolicy(allow=["sandbox(ls *)"], deny=["bash(rm *)"])
    session = house.session(permission_policy=policy, sandbox="bwrap")

    assert session.explain("sandbox", {"command": "ls -l"})["decision"] == "allow"
    assert session.explain("sandbox", {"command": "rm x"})["decision"] == "deny"


def test_without_a_policy_the_default_explains_itself(house: House) -> None:
    session = house.session(sandbox="hygiene")

    asked = session.explain("bash", {"command": "ls"})
    assert (asked["decision"], asked["rule"], asked["part"]) == ("ask", "no policy", "ls")
    assert session.explain("write", {"file_path": "a", "content": ""})["decision"] == "allow"
    guarded = session.explain("write", {"file_path": ".git/config", "content": ""})
    assert (guarded["decision"], guarded["rule"]) == ("ask", "protected places")


def test_nothing_is_executed_written_or_recorded(house: House, tmp_path: Path) -> None:
    kept = tmp_path / "sessions"
    agent = house.employ(says("Hello."))
    session = agent.session(
        house.root,
        session_store=FileSessionStore(kept),
        session_id="job-1",
        permission_policy=POLICY,
    )

    def explained() -> dict[Path, bytes]:
        for tool, args in (
            ("bash", {"command": "touch made"}),
            ("write", {"file_path": "src/made", "content": "x"}),
            ("bash", {"command": "rm made"}),
        ):
            session.explain(tool, args)
        return {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}

    assert explained() == {}
    session.send("hi")
    session.save()
    after = explained()
    assert after == explained()
    assert list(house.root.iterdir()) == []
    assert len(session.runs()) == 1


def test_a_call_that_it_explains_is_decided_so_when_the_model_makes_it(house: House) -> None:
    command = {"command": "touch made; make"}
    session = house.session(
        calls("bash", **command), says("ok"), permission_policy=POLICY, confirmation_manager=None
    )
    assert session.explain("bash", command)["decision"] == "ask"
    session.send("go")
    assert not house.has("made")
    assert session.explain("bash", {"command": "touch made"})["decision"] == "allow"


def test_a_session_that_was_stored_explains_with_the_rules_it_had(
    house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    agent = house.employ(says("Hello."))
    first = agent.session(
        house.root, session_store=store, session_id="job-1", permission_policy=POLICY
    )
    first.send("hi")
    first.close()
    again = agent.session(house.root, session_store=store, session_id="job-1")

    assert again.explain("bash", {"command": "rm x"})["rule"] == "bash(rm *)"


def test_a_tool_that_was_registered_is_known(house: House) -> None:
    session = house.session(permission_policy=PermissionPolicy(deny=["greet"]))
    with pytest.raises(InvalidValue, match="no tool named 'greet'"):
        session.explain("greet", {})

    def greet(name: str) -> str:
        """Greet somebody."""
        return f"Hello {name}"

    session.register_tool(greet)
    assert session.explain("greet", {"name": "Ada"})["rule"] == "greet"


def test_what_is_no_call_is_refused(house: House) -> None:
    session = house.session()
    with pytest.raises(InvalidValue, match="did you mean 'bash'"):
        session.explain("bsh", {"command": "ls"})
    for tool, args in ((5, {}), ("bash", "ls"), ("bash", None)):
        with pytest.raises(InvalidType):
            session.explain(tool, args)  # pyright: ignore[reportArgumentType] - the claim
    session.close()
    with pytest.raises(SessionClosed):
        session.explain("bash", {"command": "ls"})


def test_a_rule_about_no_tool_is_reported_with_the_nearest_name(house: House) -> None:
    policy = PermissionPolicy(
        deny=["bsah(rm *)", "mcp__x__y", "web_*", "task"], allow=["greet", "Read"]
    )
    session = house.session(permission_policy=policy)
    warning = session.init_warning or ""

    assert "bsah(rm *) (did you mean bash?)" in warning
    assert "greet" in warning
    assert not any(name in warning for name in ("mcp__", "web_", "task", "Read"))

    def greet(name: str) -> str:
        """Greet somebody."""
        return f"Hello {name}"

    session.register_tool(greet)
    assert "greet" not in (session.init_warning or "")
