"""What a security provider is told of the sessions that it guards, and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a3s_code import DefaultSecurityProvider, HookEngine, InvalidType, InvalidValue, SessionOptions
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import calls, says
from api.house import House


class Guarding:
    """Withholds one word until it is wiped, and hooks commands."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.secret = "hunter2"

    def sanitize_output(self, text: str) -> str:
        return text.replace(self.secret, "*") if self.secret else text

    def register_hooks(self, engine: HookEngine) -> None:
        self.told.append("register_hooks")
        engine.register("guard", "pre_tool_use", self.look, {"priority": 1})

    def look(self, event: JsonObject) -> JsonObject | None:
        is_bad = "evil" in str(event["payload"]["args"])
        return {"action": "block", "reason": "evil"} if is_bad else None

    def wipe(self) -> None:
        self.told.append("wipe")
        self.secret = ""

    def teardown(self) -> None:
        self.told.append("teardown")


EVIL = calls("bash", command="touch evil")


def test_the_hooks_of_a_provider_gate_the_calls_of_its_session(house: House) -> None:
    provider = Guarding()
    session = house.session(EVIL, says("Done."), permissive=True, security_provider=provider)
    assert session.hook_count() == 1
    session.send("go")

    assert not house.has("evil")
    assert [row["hook_id"] for row in session.hook_decisions()] == ["guard"]
    session.close()
    session.close()
    assert provider.told == ["register_hooks", "wipe", "teardown"]


def test_a_session_cannot_take_the_hooks_of_its_provider_away(house: House) -> None:
    session = house.session(EVIL, says("Done."), permissive=True, security_provider=Guarding())
    session.register_hook(
        "first", "pre_tool_use", None, {"priority": 0}, lambda _: {"action": "skip"}
    )

    assert session.unregister_hook("guard") is False
    session.send("go")
    assert not house.has("evil")


def test_they_are_registered_again_with_a_session_that_goes_on(house: House) -> None:
    provider = Guarding()
    session = house.session(
        says("One."), EVIL, says("Done."), security_provider=provider, session_id="s"
    )
    session.send("go")
    session.save()
    session.close()
    options = SessionOptions(security_provider=provider, permissive=True)
    again = house.agent.resume_session("s", options)
    again.send("go on")

    assert again.init_warning is None
    assert not house.has("evil")


def test_a_session_that_was_never_used_tells_its_provider_too(house: House) -> None:
    provider = Guarding()
    house.session(security_provider=provider).close()
    assert provider.told == ["register_hooks", "wipe", "teardown"]


def test_a_fork_that_ends_leaves_the_provider_of_its_parent_alone(
    house: House, tmp_path: Path
) -> None:
    provider = Guarding()
    session = house.session(
        says("One."),
        EVIL,
        says("Two."),
        says("It is hunter2."),
        permissive=True,
        security_provider=provider,
    )
    session.send("go")
    fork = session.fork(workspace=tmp_path / "fork")
    fork.send("go")
    fork.close()

    assert not (tmp_path / "fork/evil").exists()
    assert provider.told == ["register_hooks"]
    assert session.send("say it").text == "It is *."
    session.close()
    assert provider.told == ["register_hooks", "wipe", "teardown"]


def _raises(_: Any) -> None:
    raise OSError("with hunter2 in it")


async def _waits(_: Any) -> None: ...


def _gives(engine: Any) -> Any:
    return _waits(engine)


@pytest.mark.parametrize(
    ("register", "error", "said"),
    [
        (_raises, InvalidValue, "register_hooks raised OSError"),
        (_waits, InvalidType, "register_hooks is async"),
        (_gives, InvalidType, "something to wait for"),
        (lambda engine: engine.register("x", "no_event", print), InvalidValue, "no_event"),
        ("text", InvalidType, "register_hooks is a str"),
    ],
)
def test_a_provider_that_cannot_hook_begins_no_session(
    register: Any, error: type[Exception], said: str, house: House
) -> None:
    provider = Guarding()
    provider.register_hooks = register  # type: ignore[method-assign]
    with pytest.raises(error, match=said) as raised:
        house.session(security_provider=provider)
    assert "hunter2" not in str(raised.value)


def test_a_default_provider_keeps_its_secrets_for_its_other_sessions(house: House) -> None:
    provider = DefaultSecurityProvider()
    provider.register_secret("phrase", "two words secret")
    house.session(says("x"), security_provider=provider).close()
    assert provider.sanitize_output("two words secret") == "[REDACTED:PHRASE]"


def test_one_that_is_derived_from_it_hears_of_what_it_overrides(house: House) -> None:
    told: list[str] = []

    class Own(DefaultSecurityProvider):
        def teardown(self) -> None:
            told.append("teardown")

    house.session(says("x"), security_provider=Own()).close()
    assert told == ["teardown"]


# Variables of the host


def test_what_command_env_holds_is_a_secret_of_the_session(house: House) -> None:
    env = {
        "CI_LOGIN": "let-me-in-7",
        "STAGE": "production",
        "MY_TOKEN": "sesameopen",
        "SHORT": "a-1",
    }
    session = house.session(
        calls("bash", command='echo "$CI_LOGIN $MY_TOKEN $STAGE $SHORT"'),
        says("It is let-me-in-7."),
        permissive=True,
        command_env=env,
    )
    events = [str(event) for event in session.stream("is it let-me-in-7?")]
    sinks = [*events, json.dumps(session.history()), json.dumps(house.bodies)]

    assert [text for text in sinks if "let-me-in-7" in text or "sesameopen" in text] == []
    assert "[REDACTED:CI_LOGIN] [REDACTED:MY_TOKEN] production a-1" in json.dumps(session.history())


def test_it_does_not_leave_in_the_arguments_of_a_command(house: House) -> None:
    session = house.session(
        calls("bash", command="echo let-me-in-7 > leaked"),
        says("Done."),
        permissive=True,
        command_env={"CI_LOGIN": "let-me-in-7"},
    )
    session.send("go")
    assert not house.has("leaked")
