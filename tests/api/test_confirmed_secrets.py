"""Where what is confirmed and what is redacted meet."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    Allow,
    Ask,
    ConfirmationPolicy,
    DefaultSecurityProvider,
    FileSessionStore,
    PermissionPolicy,
    Session,
    SessionOptions,
)
from a3s_code.kernel.ports import Action
from a3s_code.testing import calls, says
from api.house import House, come, meanwhile
from harness.redaction.secrets_made import GITHUB


class Yes:
    def __init__(self) -> None:
        self.seen: list[Ask] = []

    async def approve(self, action: Action, ask: Ask) -> Allow:
        self.seen.append(ask)
        return Allow("yes")


def asking(house: House, *turns: Any, **options: Any) -> Session:
    options = {
        "security_provider": DefaultSecurityProvider(),
        "permission_policy": PermissionPolicy(allow=["read"], ask=["*"]),
        "confirmation_manager": Yes(),
        "snapshots": False,
    } | options
    return house.session(*turns, **options)


def test_a_confirmed_write_brings_the_secret_back_as_an_allowed_one_does(house: House) -> None:
    house.put(".env", f"A={GITHUB}\n")
    session = asking(
        house,
        calls("read", file_path=".env"),
        calls("write", file_path="copy", content="B=[REDACTED:GITHUB_TOKEN]\n"),
        says("Done."),
    )
    session.send("copy it")
    assert house.get("copy") == f"B={GITHUB}\n"
    assert GITHUB not in json.dumps(session.history())


# An answer after a restart


def answered_in_another_process(house: House, place: Path, turn: Any) -> Session:
    """Leave a question behind, answer it with yes where the session goes on, and resume the run."""
    first = asking(
        house,
        turn,
        says("Done."),
        confirmation_manager=None,
        confirmation_policy=ConfirmationPolicy(enabled=True),
        session_store=FileSessionStore(place / "store"),
        session_id="s",
    )
    with meanwhile(lambda: first.send("go")):
        (question,) = come(first.pending_confirmations)
        first.save()  # the question is shown before it is durable
        shutil.copytree(place / "store", place / "copy")
        first.confirm_tool_use(question["tool_id"], approved=False)
    house.agent.close()
    agent = house.employ(says("Done."))
    again = agent.resume_session(
        "s",
        SessionOptions(session_store=FileSessionStore(place / "copy")),
        security_provider=DefaultSecurityProvider(),
    )
    (left,) = again.pending_confirmations()
    assert GITHUB not in str(left)
    assert again.confirm_tool_use(left["tool_id"], approved=True)
    again.resume_run(again.runs()[-1]["id"])
    return again


@pytest.mark.parametrize(
    ("turn", "made"),
    [
        (calls("write", file_path="made", content="plain"), True),
        (calls("bash", command="echo plain > made"), True),
        (calls("write", file_path="made", content=GITHUB), False),
        (calls("bash", command=f"echo {GITHUB} > made"), False),
        (calls("write", file_path=f"{GITHUB}.txt", content="plain"), False),
    ],
    ids=["write", "command", "secret content", "secret command", "secret path"],
)
def test_a_yes_after_a_restart_never_runs_a_placeholder(
    turn: Any, made: bool, house: House, tmp_path: Path
) -> None:
    """The log has the arguments without their secret, which only the process of before knew."""
    session = answered_in_another_process(house, tmp_path, turn)

    assert (sorted(path.name for path in house.root.iterdir()) == ["made"]) is made
    assert GITHUB not in json.dumps(session.history())
    assert not any("[REDACTED" in path.name for path in house.root.iterdir())
