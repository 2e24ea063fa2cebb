"""Questions to the model beside the conversation: recorded, paid for, and seen by hooks."""

from __future__ import annotations

import msgspec
import pytest

from a3s_code.kernel.answer_form import AnswerForm
from a3s_code.kernel.asking import Question
from a3s_code.kernel.messages import user
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool
from a3s_code.testing import calls, says
from api.house import WIRES, House

FORM = AnswerForm(name="weather", schema={"type": "object", "properties": {"sky": {}}})


class Pieces:
    def __init__(self) -> None:
        self.given: list[tuple[str, bool]] = []

    def piece(self, text: str, *, is_argument: bool) -> None:
        self.given.append((text, is_argument))

    def again(self) -> None:
        self.given.clear()


class PonderArgs(msgspec.Struct, frozen=True):
    text: str
    means: str = ""


def pondering(pieces: Pieces | None = None) -> Tool:
    @tool(PonderArgs, effect=Effect.READ)
    async def ponder(args: PonderArgs, context: ToolContext) -> Observation:
        """Ask the model something beside the conversation."""
        assert context.asker is not None
        form = None
        if args.means:
            form = msgspec.structs.replace(FORM, means=args.means)  # type: ignore[arg-type]
        question = Question(purpose="ponder", messages=(user(args.text),), system="SYS", form=form)
        said = await context.asker.ask(question, pieces)
        made = said.message.calls
        return Observation(str(made[0].input) if made else said.message.text)

    return ponder


@pytest.mark.parametrize("kind", WIRES)
def test_what_is_asked_beside_the_conversation_never_enters_it(house: House, kind: str) -> None:
    session = house.session(
        calls("ponder", text="ASIDE"),
        says("42"),
        says("done"),
        kind=kind,
        tools=[pondering()],
        permissive=True,
    )
    session.send("FIRST-WORDS")
    asked, after = str(house.bodies[1]), str(house.bodies[2])
    assert "ASIDE" in asked
    assert "FIRST-WORDS" not in asked
    assert "SYS" not in after


@pytest.mark.parametrize("kind", WIRES)
def test_a_form_of_a_tool_is_forced_and_comes_back_as_a_value(house: House, kind: str) -> None:
    pieces = Pieces()
    session = house.session(
        calls("ponder", text="ASIDE", means="tool"),
        calls("*", sky="blue"),
        says("done"),
        kind=kind,
        tools=[pondering(pieces)],
        permissive=True,
    )
    result = session.send("go")
    assert house.bodies[1]["tool_choice"]
    assert "{'sky': 'blue'}" in str(house.bodies[2])
    assert "".join(text for text, is_argument in pieces.given if is_argument) == '{"sky":"blue"}'
    assert result.text == "done"


def test_the_schema_and_json_are_said_by_their_own_means(house: House) -> None:
    session = house.session(
        calls("ponder", text="one", means="schema"),
        says("{}"),
        calls("ponder", text="two", means="json"),
        says("{}"),
        says("done"),
        tools=[pondering()],
        permissive=True,
    )
    session.send("go")
    forms = [house.bodies[place]["response_format"]["type"] for place in (1, 3)]
    assert forms == ["json_schema", "json_object"]


def test_what_it_costs_is_booked_under_its_purpose(house: House) -> None:
    session = house.session(
        calls("ponder", text="ASIDE"),
        says("42"),
        says("done"),
        tools=[pondering()],
        permissive=True,
    )
    result = session.send("go")
    rows = session.cost_records()
    assert [row.purpose for row in rows] == ["turn", "ponder", "turn"]
    assert result.total_tokens == sum(row.total_tokens for row in rows)
