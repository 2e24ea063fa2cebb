"""Which model answers a session, and what it is said to cost."""

from __future__ import annotations

from typing import Any

import pytest

from a3s_code import Agent, MemorySessionStore, Message, Reply, Text, Usage
from a3s_code.errors import InvalidType, InvalidValue, ModelRefused, UnknownModel
from api.house import House

PRICED = """
default_model = "openai/known"
providers "openai" {
  api_key = env("NO_SUCH_KEY_AT_ALL")
  models "known" { cost = { input = 1000000, output = 2000000 } }
}
"""


class Own:
    """A model of the user that counts its tokens."""

    context_window = 8_000

    def __init__(self, ref: Any = "own/m") -> None:
        self.ref = ref

    async def reply(self, request: Any, listener: Any) -> Reply:
        return Reply(Message("assistant", (Text("Hello."),)), Usage(3, 4, 7))


def cost_of(session: Any) -> float:
    told: list[float] = []
    session.register_command("bill", "Say it", lambda _, ctx: told.append(ctx["total_cost"]) or "")
    session.send("/bill")
    return told[0]


def test_a_session_with_a_model_of_its_own_claims_no_switch_to_another(house: House) -> None:
    session = house.session(llm_client=Own())
    answer = session.send("/model openai/gpt-4o").text

    assert "own/m" in answer
    assert "llm_client" in answer
    assert session.send("hi").text == "Hello."
    assert "own/m" in session.send("/model").text
    assert cost_of(session) == 0
    assert house.server.requests == []


def test_a_session_may_be_told_the_model_that_it_has(house: House) -> None:
    session = house.session(llm_client=Own(), model="own/m")
    session.send("/model own/m")

    assert session.send("hi").text == "Hello."


def test_another_model_beside_a_client_is_refused(house: House) -> None:
    with pytest.raises(InvalidValue, match="own/m"):
        house.session(llm_client=Own(), model="openai/gpt-4o")
    with pytest.raises(InvalidType, match="ref"):
        house.session(llm_client=Own(5))


def test_a_session_goes_on_with_the_client_that_it_is_given(house: House) -> None:
    store = MemorySessionStore()
    agent = house.employ()
    given: dict[str, Any] = {"session_store": store}
    agent.session(house.root, session_id="job-1", llm_client=Own(), **given).send("hi")
    with pytest.raises(UnknownModel, match="own"):
        agent.resume_session("job-1", **given)
    later = agent.resume_session("job-1", llm_client=Own("own/other"), **given)

    assert later.send("hi").text == "Hello."
    assert "own/other" in later.send("/model").text


def test_a_price_is_known_without_a_key(house: House) -> None:
    with Agent(PRICED) as agent:
        session = agent.session(house.root, llm_client=Own("openai/known"))
        assert session.send("hi").text == "Hello."
        assert "Available commands" in session.send("/help").text
        assert cost_of(session) == 3 + 2 * 4


def test_a_model_that_does_not_wait_is_told_how_it_is_written(house: House) -> None:
    class Sync(Own):
        def reply(self, request: Any, listener: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - the claim
            return "Hello."

    with pytest.raises(ModelRefused, match=r"own/m gave a str at once.*async def reply"):
        house.session(llm_client=Sync()).send("hi")
