"""The style of a run: guidance for its model, a record for others, and no right for anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from a3s_code import Goal, PermissionPolicy, Plan, Session, SessionOptions
from a3s_code.api.styles import chosen
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.intent.styles import STYLES, style_named
from a3s_code.testing import calls, says
from api.house import WIRES, House
from api.plans import plan

EXPLORE = "Find all files that open a socket"
REVIEW = "Review my changes"
ORDINARY = "Fix the typo in a.txt"


def told(body: Any) -> str:
    """Give the last message of a request as text."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def changed(session: Session) -> list[list[str]]:
    """List the agents that each run changed to, run by run."""
    return [
        [
            row["event"]["agent"]
            for row in session.run_events(run["id"])
            if row["event"]["type"] == "agent_mode_changed"
        ]
        for run in session.runs()
    ]


def test_guidance_stands_in_front_of_the_words_with_a_receipt(house: House) -> None:
    session = house.session(says("Three."))
    session.send(EXPLORE)
    receipt = session.context_receipt(session.runs()[-1]["id"])

    assert told(house.bodies[0]).startswith('<context source="style://explore" trust="host">')
    assert told(house.bodies[0]).endswith(EXPLORE)
    assert receipt is not None
    (part,) = [each for each in receipt.parts if each.source == "style://explore"]
    assert (part.trust, part.why) == ("host", "the prompt says: find all files")


def test_the_system_prompt_and_the_tools_are_those_of_any_run(house: House) -> None:
    session = house.session(says("Three."), says("Done."), says("Fine."))
    for prompt in (EXPLORE, ORDINARY, REVIEW):
        session.send(prompt)

    frames = [(body["messages"][0], body["tools"]) for body in house.bodies]
    assert frames[0] == frames[1] == frames[2]


def test_a_change_of_style_is_told_and_the_first_general_one_is_none(house: House) -> None:
    session = house.session(default=says("Well."))
    for prompt in (ORDINARY, EXPLORE, EXPLORE, REVIEW, ORDINARY, ORDINARY):
        session.send(prompt)

    assert changed(session) == [[], ["explore"], [], ["review"], ["general"], []]


def test_an_ordinary_run_is_told_nothing_and_asks_no_source(house: House) -> None:
    session = house.session(says("Done."))
    session.send(ORDINARY)
    events = {row["event"]["type"] for row in session.run_events(session.runs()[0]["id"])}

    assert told(house.bodies[0]) == ORDINARY
    assert not events & {"agent_mode_changed", "context_resolving", "context_resolved"}


def test_guidance_holds_for_one_prompt_and_is_said_again_with_the_next(house: House) -> None:
    session = house.session(default=says("Well."))
    for prompt in (EXPLORE, ORDINARY, EXPLORE):
        session.send(prompt)

    shown = ["style://explore" in told(body) for body in house.bodies]
    assert shown == [True, False, True]


def test_no_text_but_the_users_own_chooses_a_style(house: House) -> None:
    house.put("AGENTS.md", "Do a security audit. Find all files. Review my changes.\n")
    house.put("a.txt", "Do a security audit.\nFind all files.\n")
    session = house.session(
        calls("read", file_path="a.txt"), says("Done."), says("Done."), fs_context=True
    )
    session.send("What does a.txt say about sockets?")
    session.send("Is that all?")

    assert "security audit" in str(house.bodies[0])
    assert "style://" not in str(house.bodies)
    assert changed(session) == [[], []]


def test_a_style_takes_no_right_and_gives_none(house: House) -> None:
    policy = PermissionPolicy(allow=["write"], deny=["bash"])
    session = house.session(
        calls("write", file_path="new.txt", content="x\n"),
        calls("bash", command="touch denied.txt"),
        says("Done."),
        permission_policy=policy,
        agent_style="verification",
    )
    session.send("Go on")

    assert (house.root / "new.txt").exists()
    assert not (house.root / "denied.txt").exists()


def test_the_option_wins_over_the_words(house: House) -> None:
    session = house.session(default=says("Well."), agent_style="code-review")
    session.send(EXPLORE)
    receipt = session.context_receipt(session.runs()[-1]["id"])

    assert changed(session) == [["review"]]
    assert receipt is not None
    assert "the option agent_style says so" in [part.why for part in receipt.parts]


def test_with_the_general_style_as_option_words_say_nothing(house: House) -> None:
    session = house.session(says("Well."), agent_style="general")
    session.send(EXPLORE)

    assert changed(session) == [[]]
    assert told(house.bodies[0]) == EXPLORE


def test_a_style_that_there_is_not_is_refused_with_the_nearest_name(house: House) -> None:
    with pytest.raises(InvalidValue, match="did you mean 'explore'"):
        house.session(says(""), agent_style="explorer")
    with pytest.raises(InvalidValue, match="general, plan, verification, explore, review, auto"):
        house.session(says(""), agent_style="xyz")
    with pytest.raises(InvalidType, match="agent_style is a int"):
        house.session(says(""), agent_style=1)  # pyright: ignore[reportArgumentType] - the claim


def test_a_session_that_goes_on_knows_its_style(house: House) -> None:
    session = house.session(default=says("Well."), agent_style="explore", session_id="s")
    session.send(ORDINARY)
    session.save()
    session.close()
    again = house.agent.resume_session("s", SessionOptions())
    again.send(ORDINARY)
    again.close()
    last = house.agent.resume_session("s", SessionOptions(agent_style="auto"))
    last.send(ORDINARY)

    assert changed(last) == [["explore"], [], ["general"]]


def test_hooks_are_told_what_a_prompt_is_about(house: House) -> None:
    session, heard = house.session(default=says("Well.")), list[Any]()
    session.register_hook("h", "intent_detection", handler=lambda it: heard.append(it["payload"]))
    session.send(REVIEW)

    assert heard == [
        {
            "session_id": session.session_id,
            "prompt": REVIEW,
            "intent": "code_review",
            "agent": "review",
            "confidence": "medium",
            "source": "words",
        }
    ]
    assert session.init_warning is None


def test_a_prompt_that_a_hook_blocks_changes_no_style(house: House) -> None:
    session = house.session(default=says("Well."))
    session.register_hook("h", "pre_prompt", handler=lambda _: {"action": "block", "reason": "no"})
    with pytest.raises(Exception, match="not sent"):
        session.send(EXPLORE)

    assert changed(session) == [[]]


class _Unset:
    style = None


class _Set:
    style = style_named("plan")


def test_what_an_analysis_says_counts_before_words_and_behind_the_option() -> None:
    assert chosen(_Unset(), EXPLORE, "CodeReview").style.agent == "review"  # pyright: ignore[reportArgumentType] - all it reads
    assert chosen(_Unset(), EXPLORE, "fix a bug").style.agent == "explore"  # pyright: ignore[reportArgumentType] - as above
    assert chosen(_Set(), EXPLORE, "CodeReview").style.agent == "plan"  # pyright: ignore[reportArgumentType] - as above


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_style_is_found_by_each_of_its_names(style: Any) -> None:
    names = {style.name, style.mode, style.agent, style.mode.upper(), style.mode.replace("_", "-")}

    assert {style_named(name) for name in names} == {style}


# What an analysis says


LIST = "Please do all of this:\n1. write the first file\n2. write the second file\n3. check them"


@pytest.mark.parametrize("kind", WIRES)
def test_where_a_request_is_planned_its_analysis_says_the_style(house: House, kind: str) -> None:
    session = house.session(plan(needed=False, intent="CodeReview"), says("Well."), kind=kind)
    heard = list[Any]()
    session.register_hook("h", "intent_detection", handler=lambda it: heard.append(it["payload"]))
    session.send(LIST)

    assert changed(session) == [["review"]]
    words = json.dumps(house.bodies[1]["messages"])
    assert words.index("check them") < words.index("style://review")
    assert [(each["agent"], each["source"]) for each in heard] == [("review", "analysis")]
    (part,) = [
        each
        for receipt in session.context_receipts(session.runs()[-1]["id"])
        for each in receipt.parts
        if each.source == "style://review"
    ]
    assert (part.trust, part.why) == ("host", "the analysis of the prompt says so")
    assert "CodeReview" in json.dumps(house.bodies[0]["tools"])


def test_an_analysis_that_names_no_style_leaves_it_to_the_words(house: House) -> None:
    session = house.session(
        plan(needed=False, intent="whatever"),
        says("Well."),
        says("no plan"),
        says("Well."),
        planning_mode="enabled",
    )
    session.send(EXPLORE)
    session.send(REVIEW)

    assert changed(session) == [["explore"], ["review"]]


def test_the_option_wins_over_an_analysis_and_stands_in_front(house: House) -> None:
    session = house.session(
        plan(needed=False, intent="CodeReview"), says("Well."), agent_style="explore"
    )
    session.send(LIST)

    assert changed(session) == [["explore"]]
    assert told(house.bodies[1]).startswith('<context source="style://explore" trust="host">')


def test_a_planner_of_the_host_may_say_the_style(house: House) -> None:
    session = house.session(says("Well."), planner=lambda _: Plan(Goal("g"), intent="Verification"))
    session.send(LIST)
    assert changed(session) == [["verification"]]
