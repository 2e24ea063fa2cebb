"""Where what is confirmed and what is redacted meet."""

from __future__ import annotations

import json
from typing import Any

from a3s_code import (
    Allow,
    Ask,
    DefaultSecurityProvider,
    PermissionPolicy,
    Session,
)
from a3s_code.kernel.ports import Action
from a3s_code.testing import calls, says
from api.house import House
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
