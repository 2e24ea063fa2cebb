"""Skills that run: as a child of the call, held to their own list, never wider than the session."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from a3s_code import ConfirmationPolicy, FileSessionStore, PermissionPolicy, Session, SessionOptions
from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.scorer import DefaultSkillScorer, SkillFeedback
from a3s_code.capabilities.skills.skill import Skill
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.ports import Action, Allow, Ask
from a3s_code.kernel.records import EffectIntended
from a3s_code.testing import Turn, calls, overflows, refuses, says
from api.house import WIRES, House

ALL = PermissionPolicy(default_decision="allow")
REVIEW = Skill(
    name="reviewer",
    description="Review Python files",
    body="Review what is there. ZEBRA-TEXT",
    allowed_tools=("read(*.py)", "grep(*)"),
)
FREE = Skill(name="free", description="Do anything", body="Do it.")
BARE = Skill(name="bare", description="Think", body="Think.", allowed_tools=())


def registry(*skills: Skill) -> SkillRegistry:
    made = SkillRegistry()
    for skill in skills or (REVIEW, FREE, BARE):
        made.register_unchecked(skill)
    return made


def with_skills(
    house: House, *turns: Turn, skills: tuple[Skill, ...] = (), **given: Any
) -> Session:
    options: JsonObject = {"permission_policy": ALL, **given}
    return house.session(*turns, skill_registry=registry(*skills), **options)


def run(name: str, **args: Any) -> Turn:
    return calls("Skill", skill_name=name, **args)


def ends(events: list[Any], tool: str) -> list[Any]:
    return [each for each in events if each.event_type == "tool_end" and each.tool_name == tool]


# Running


@pytest.mark.parametrize("kind", WIRES)
def test_a_skill_runs_with_its_text_as_role_and_its_answer_is_the_output(
    kind: str, house: House
) -> None:
    session = with_skills(
        house, run("reviewer", prompt="go"), says("fine"), says("done"), kind=kind
    )
    events = list(session.stream("please review"))

    (end,) = ends(events, "Skill")
    assert (end.exit_code, end.tool_output) == (0, "fine")
    assert len(house.bodies) == 3
    _, inside, after = map(json.dumps, house.bodies)
    assert "ZEBRA-TEXT" in inside
    assert "please review" not in inside
    assert "ZEBRA-TEXT" not in after


def test_what_a_skill_took_and_said_is_in_the_metadata_and_its_transcript_resolves(
    house: House,
) -> None:
    house.put("a.py", "PYTHON")
    session = with_skills(house, calls("read", file_path="a.py"), says("fine"))
    result = session.tool("Skill", {"skill_name": "reviewer", "args": {"file": "a.py"}})

    facts = result.metadata["skill"]
    assert facts["name"] == "reviewer"
    assert (facts["tool_calls"], facts["turns"], facts["tokens"]) == (1, 2, 30)
    kept = session.get_artifact(facts["transcript_uri"])
    assert kept is not None
    assert "PYTHON" in kept["content"]
    assert "ZEBRA-TEXT" in kept["content"]
    assert '{"file":"a.py"}' in json.loads(kept["content"].splitlines()[1])["blocks"][0]["text"]


@pytest.mark.parametrize("name", ["reviwer", "REVIEW"])
def test_a_skill_that_there_is_not_is_a_typed_failure_that_names_near_ones(
    name: str, house: House
) -> None:
    session = with_skills(house)
    result = session.tool("Skill", {"skill_name": name})

    assert result.exit_code == 1
    assert "Near ones: reviewer" in result.output
    kind = json.loads(result.error_kind_json or "{}")
    assert (kind["type"], kind["skill"], kind["near"][0]) == ("not_found", name, "reviewer")
    assert house.bodies == []


def test_a_session_without_skills_says_so(house: House) -> None:
    result = house.session().tool("Skill", {"skill_name": "nope"})

    assert result.exit_code == 1
    assert "There is no skill 'nope'. This session has none." in result.output


def test_a_skill_that_only_the_user_runs_is_run_by_the_host_and_not_by_the_model(
    house: House,
) -> None:
    own = Skill(name="release", body="Release it.", disable_model_invocation=True)
    session = with_skills(house, run("release"), says("no"), says("released"), skills=(own,))
    (end,) = ends(list(session.stream("go")), "Skill")

    assert end.exit_code == 1
    assert "run by the user alone" in end.tool_output
    assert session.tool("Skill", {"skill_name": "release"}).output == "released"


def test_a_skill_is_told_where_its_files_lie(house: House, tmp_path: Any) -> None:
    house.put("skills/api/SKILL.md", "---\nname: inside\ndescription: d\n---\nRead ref.md.\n")
    house.put("skills/api/ref.md", "REFERENCE")
    away = tmp_path / "away" / "far"
    away.mkdir(parents=True)
    (away / "SKILL.md").write_text("---\nname: outside\ndescription: d\n---\nRead ref.md.\n")
    session = house.session(
        calls("read", file_path="skills/api/ref.md"),
        says("read"),
        says("could not"),
        permission_policy=ALL,
        skill_dirs=[str(house.root / "skills"), str(away.parent)],
    )
    session.tool("Skill", {"skill_name": "inside"})
    session.tool("Skill", {"skill_name": "outside"})

    assert "`skills/api` of the workspace" in json.dumps(house.bodies[0])
    assert "REFERENCE" in json.dumps(house.bodies[1])
    assert "outside the workspace" in json.dumps(house.bodies[2])


def test_a_skill_that_does_not_come_to_its_end_is_a_typed_failure(house: House) -> None:
    session = with_skills(
        house, calls("grep", pattern="a"), calls("grep", pattern="b"), max_tool_rounds=1
    )
    result = session.tool("Skill", {"skill_name": "reviewer"})

    assert result.exit_code == 1
    assert result.error_kind == "skill_failed"
    assert "Max tool rounds (1) exceeded" in result.output
    assert result.metadata["skill"]["transcript_uri"]


# What it may do


def test_a_skill_sees_and_does_only_what_its_list_names(house: House) -> None:
    house.put("a.py", "PYTHON")
    house.put("b.txt", "SECRET")
    session = with_skills(
        house,
        run("reviewer"),
        calls("read", file_path="a.py")
        + calls("read", file_path="b.txt")
        + calls("bash", command="touch made"),
        says("one of three"),
        says("done"),
    )
    events = list(session.stream("go"))

    assert [tool["function"]["name"] for tool in house.bodies[1]["tools"]] == ["read", "grep"]
    assert [end.exit_code for end in ends(events, "read")] == [0, 1]
    assert "skill reviewer may use: read(*.py), grep(*)" in ends(events, "bash")[0].tool_output
    assert "SECRET" not in json.dumps(house.bodies)
    assert not house.has("made")


def test_an_empty_list_is_no_tool_and_no_list_is_those_of_the_session_but_runs(
    house: House,
) -> None:
    session = with_skills(house, says("a"), says("b"))
    session.tool("Skill", {"skill_name": "bare"})
    session.tool("Skill", {"skill_name": "free"})

    bare, free = ([tool["function"]["name"] for tool in b.get("tools", ())] for b in house.bodies)
    assert bare == []
    assert {"read", "bash", "search_skills"} <= set(free)
    assert "Skill" not in free


def test_a_skill_without_a_list_is_shown_further_tools_when_it_is_about_them(
    house: House,
) -> None:
    named = Skill(name="named", body="Look.", allowed_tools=("git(*)", "read(*)"))
    session = with_skills(house, says("a"), says("b"), says("c"), skills=(FREE, named))
    session.tool("Skill", {"skill_name": "free", "prompt": "Say hello."})
    session.tool("Skill", {"skill_name": "free", "prompt": "Show the git status."})
    session.tool("Skill", {"skill_name": "named", "prompt": "Say hello."})

    quiet, asked, listed = (
        [tool["function"]["name"] for tool in body["tools"]] for body in house.bodies
    )
    assert "git" not in quiet
    assert "git" in asked
    assert listed == ["read", "git"]


@pytest.mark.parametrize("allowed", [None, ("bash(*)",), ("*",)])
def test_a_denied_command_never_runs_inside_a_skill(
    allowed: tuple[str, ...] | None, house: House
) -> None:
    wide = Skill(name="wide", body="Touch it.", allowed_tools=allowed)
    session = with_skills(
        house,
        run("wide"),
        calls("bash", command="touch made"),
        says("could not"),
        says("done"),
        skills=(wide,),
        permission_policy=PermissionPolicy(deny=["bash(touch *)"], default_decision="allow"),
    )
    session.send("go")

    assert not house.has("made")


def test_a_direct_call_of_a_skill_carries_the_hosts_authority_for_itself_alone(
    house: House,
) -> None:
    policy = PermissionPolicy(deny=["Skill", "bash"], default_decision="allow")
    session = with_skills(
        house,
        calls("bash", command="touch made"),
        says("could not"),
        run("free"),
        says("may not"),
        permission_policy=policy,
    )

    assert session.tool("Skill", {"skill_name": "free"}).output == "could not"
    assert not house.has("made")
    assert ends(list(session.stream("go")), "Skill")[0].exit_code == 1


def test_a_rule_names_a_skill(house: House) -> None:
    policy = PermissionPolicy(["Skill(reviewer)"], default_decision="deny")
    session = with_skills(
        house, run("reviewer"), says("x"), run("free"), says("y"), permission_policy=policy
    )
    ended = ends(list(session.stream("go")), "Skill")

    assert [end.exit_code for end in ended] == [0, 1]
    assert session.explain("Skill", {"skill_name": "free"})["decision"] == "deny"
    assert session.explain("Skill", {"skill_name": "reviewer"})["rule"] == "Skill(reviewer)"


@pytest.mark.parametrize("spelled", ["reviewer", "Reviewer", "REVIEWER ", "\treviewer"])
def test_a_rule_about_a_skill_holds_however_its_name_is_spelled(spelled: str, house: House) -> None:
    """A skill is found in another case as well, so a rule must be about what is found."""
    policy = PermissionPolicy(allow=["*"], deny=["Skill(reviewer)"])
    session = with_skills(house, run(spelled), says("done"), permission_policy=policy)
    (end,) = ends(list(session.stream("go")), "Skill")

    assert end.exit_code != 0
    assert "denied" in end.tool_output
    assert len(house.bodies) == 2


def test_a_question_inside_a_skill_reaches_the_approver_with_the_skill_named(house: House) -> None:
    questions: list[str] = []

    class Person:
        async def approve(self, action: Action, ask: Ask) -> Allow:
            questions.append(f"{action.tool.name}: {ask.reason}")
            return Allow("fine")

    session = with_skills(
        house,
        run("free"),
        calls("bash", command="touch made"),
        says("made"),
        says("done"),
        permission_policy=PermissionPolicy(ask=["bash"], default_decision="allow"),
        confirmation_policy=ConfirmationPolicy(enabled=True),
        confirmation_manager=Person(),
    )
    session.send("go")

    (question,) = questions
    assert question.startswith("bash: Inside skill free: ")
    assert house.has("made")


def test_a_skill_does_not_run_inside_a_skill(house: House) -> None:
    nested = Skill(name="nested", body="Run others.", allowed_tools=("Skill(*)", "read(*)"))
    session = with_skills(
        house, run("nested"), run("nested"), says("no"), says("done"), skills=(nested,)
    )
    inner, outer = ends(list(session.stream("go")), "Skill")

    assert outer.exit_code == 0
    assert inner.exit_code == 1
    assert "none may be started inside it" in inner.tool_output
    assert [tool["function"]["name"] for tool in house.bodies[1]["tools"]] == ["read"]


def test_the_ledger_says_by_which_skill_list_a_call_was_held(house: House) -> None:
    writer = Skill(name="writer", body="Write.", allowed_tools=("write(*.md)",))
    write = calls("write", file_path="a.md", content="x")
    session = with_skills(house, run("writer"), write, says("x"), says("done"), skills=(writer,))
    session.send("go")

    log = session._inner._log()
    assert log is not None
    intents = [it.event for it in log.records if isinstance(it.event, EffectIntended)]
    assert [intent.tool for intent in intents] == ["Skill", "write"]
    assert intents[0].policy_version != intents[1].policy_version


def test_the_mode_plan_holds_inside_a_skill(house: House) -> None:
    session = with_skills(
        house,
        run("free"),
        calls("write", file_path="x.txt", content="1"),
        says("may not"),
        says("done"),
        permission_mode="plan",
    )
    (end,) = ends(list(session.stream("go")), "Skill")

    assert end.exit_code == 0
    assert not house.has("x.txt")


def test_what_is_in_force_for_the_session_is_in_force_for_a_skill(house: House) -> None:
    house.put("AGENTS.md", "Write like GIRAFFES.")
    session = with_skills(
        house, run("reviewer"), says("fine"), says("done"), guidelines="Count twice."
    )
    session.send("go")

    assert "GIRAFFES" in json.dumps(house.bodies[1])
    assert "Count twice." in json.dumps(house.bodies[1])


def test_instructions_of_a_directory_are_given_to_whoever_works_in_it(house: House) -> None:
    house.put("sub/AGENTS.md", "Write like OSTRICHES.")
    house.put("sub/a.py", "PYTHON")
    look = calls("read", file_path="sub/a.py")
    session = with_skills(house, run("free"), look, says("fine"), look, says("done"))
    session.send("go")

    shown = ["OSTRICHES" in json.dumps(body["messages"]) for body in house.bodies]
    assert shown == [False, False, True, False, True]


def test_every_request_of_a_skill_has_a_receipt_by_the_id_of_its_run(house: House) -> None:
    house.put("a.py", "PYTHON")
    session = with_skills(
        house, run("reviewer"), calls("read", file_path="a.py"), says("fine"), says("done")
    )
    session.send("go")

    own = session.context_receipts("call_1.1")
    assert [receipt.turn for receipt in own] == [1, 2]
    assert all(receipt.usage and receipt.usage.total_tokens == 15 for receipt in own)
    assert "result" in {part.kind for part in own[1].parts}
    of_run = session.context_receipts(session.runs()[0]["id"])
    assert [receipt.turn for receipt in of_run] == [1, 2]
    assert [receipt.bytes for receipt in of_run] != [receipt.bytes for receipt in own]
    assert session.context_receipts("call_9.1") == []


def test_the_receipt_of_a_skill_says_which_instructions_were_left_out(house: House) -> None:
    (house.root / "AGENTS.md").write_bytes(b"\0\0")
    session = with_skills(house, run("reviewer"), says("fine"), says("done"))
    session.send("go")

    (receipt,) = session.context_receipts("call_1.1")
    assert [left.source for left in receipt.left_out] == ["file://AGENTS.md"]


def test_a_skill_is_told_what_its_change_breaks(house: House) -> None:
    session = with_skills(
        house,
        run("free"),
        calls("write", file_path="a.py", content="print(foo)\n"),
        says("oh"),
        says("done"),
        diagnostics=["ruff"],
    )
    session.send("go")

    _, _, inside, parent = map(json.dumps, house.bodies)
    assert "lsp://ruff/a.py" in inside
    assert "lsp://ruff/a.py" in parent  # what is left broken when the skill is done
    session.close()


# Skills that are merely there


def test_a_skill_that_is_merely_there_restricts_nothing(house: House) -> None:
    session = with_skills(house, calls("write", file_path="x.txt", content="1"), says("done"))
    session.send("write x.txt")

    assert house.has("x.txt")


def enforcing(house: House, *turns: Turn, **given: Any) -> Session:
    return with_skills(
        house, *turns, enforce_active_skill_tool_restrictions=True, skills=(REVIEW, FREE), **given
    )


def test_where_a_host_asks_for_it_only_what_some_skill_lists_may_run(house: House) -> None:
    house.put("a.py", "PYTHON")
    session = enforcing(
        house,
        calls("write", file_path="x.txt", content="1") + calls("read", file_path="a.py"),
        run("free"),
        calls("bash", command="touch made"),
        says("could not"),
        says("done"),
    )
    events = list(session.stream("go"))

    assert "not allowed by any active skill" in ends(events, "write")[0].tool_output
    assert ends(events, "read")[0].exit_code == 0
    assert ends(events, "Skill")[0].exit_code == 0
    assert not house.has("x.txt")
    assert not house.has("made")
    assert session.explain("write", {"file_path": "y", "content": ""})["rule"] == "active skills"
    assert session.tool("write", {"file_path": "x.txt", "content": "1"}).exit_code == 0


def test_the_restriction_goes_on_with_a_session(house: House, tmp_path: Any) -> None:
    house.put("skills/r.md", "---\nname: r\ndescription: d\nallowed-tools: read(*)\n---\nRead.\n")
    options: JsonObject = {"session_store": FileSessionStore(tmp_path / "s"), "session_id": "one"}
    session = house.session(
        says("hello"),
        permission_policy=ALL,
        skill_dirs=[str(house.root / "skills")],
        enforce_active_skill_tool_restrictions=True,
        **options,
    )
    session.send("hi")
    session.close()
    agent = house.employ(calls("write", file_path="x.txt", content="1"), says("no"))
    again = agent.resume_session("one", SessionOptions(session_store=options["session_store"]))
    again.send("write")

    assert not house.has("x.txt")


def test_without_any_list_the_restriction_restricts_nothing(house: House) -> None:
    session = with_skills(
        house,
        calls("write", file_path="x.txt", content="1"),
        says("done"),
        skills=(FREE,),
        enforce_active_skill_tool_restrictions=True,
    )
    session.send("go")

    assert house.has("x.txt")


def test_an_answer_that_makes_a_rule_holds_under_the_restriction(house: House) -> None:
    class Person:
        async def approve(self, action: Action, ask: Ask) -> Allow:
            return Allow("fine", remember=("read(*.py)",))

    house.put("a.py", "PYTHON")
    session = enforcing(
        house,
        calls("read", file_path="a.py"),
        says("done"),
        permission_policy=PermissionPolicy(ask=["read"], default_decision="allow"),
        confirmation_policy=ConfirmationPolicy(enabled=True),
        confirmation_manager=Person(),
    )
    events = list(session.stream("go"))

    assert ends(events, "read")[0].exit_code == 0
    assert [row["rule"] for row in session.granted_rules()] == ["read(*.py)"]


# How it ended


class Judge(DefaultSkillScorer):
    __slots__ = ("heard",)

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[SkillFeedback] = []

    def record(self, feedback: SkillFeedback) -> None:
        self.heard.append(feedback)
        super().record(feedback)


def judged(house: House, *turns: Turn, **given: Any) -> tuple[Session, Judge]:
    judge = Judge()
    made = SkillRegistry(scorer=judge)
    made.register_unchecked(FREE, REVIEW)
    options: JsonObject = {"permission_policy": ALL, "skill_registry": made, **given}
    return house.session(*turns, **options), judge


def test_how_a_run_of_a_skill_ended_is_told_to_the_scorer(house: House) -> None:
    session, judge = judged(
        house, says("fine"), calls("ls"), calls("ls", path="."), max_tool_rounds=1
    )
    before_ms = time.time_ns() // 1_000_000
    assert session.tool("Skill", {"skill_name": "free"}).exit_code == 0
    assert session.tool("Skill", {"skill_name": "free"}).exit_code != 0

    good, bad = judge.heard
    assert (good.skill_name, good.outcome, good.score_delta) == ("free", "success", 1.0)
    assert (bad.skill_name, bad.outcome, bad.score_delta) == ("free", "failure", -1.0)
    assert "max_tool_rounds" in bad.reason
    assert good.timestamp >= before_ms


def test_a_skill_that_fails_again_and_again_is_found_no_more_and_still_runs(house: House) -> None:
    failing = (calls("ls"), calls("ls", path="."))
    session, _ = judged(house, *failing * 3, says("better"), max_tool_rounds=1)
    for _ in range(3):
        assert "free" in session.tool("search_skills", {"query": "do anything"}).output
        session.tool("Skill", {"skill_name": "free"})

    assert "free" not in session.tool("search_skills", {"query": "do anything"}).output
    assert "reviewer" in session.tool("search_skills", {"query": "review"}).output
    assert session.tool("Skill", {"skill_name": "free"}).output == "better"


def test_a_provider_that_fails_is_not_the_fault_of_a_skill(house: House) -> None:
    session, judge = judged(house, refuses(401))

    assert session.tool("Skill", {"skill_name": "free"}).exit_code != 0
    assert judge.heard == []


def test_a_conversation_that_fits_no_window_is_a_failure(house: House) -> None:
    session, judge = judged(house, overflows())
    session.tool("Skill", {"skill_name": "free"})

    assert [each.outcome for each in judge.heard] == ["failure"]


def test_a_skill_of_a_host_without_a_scorer_is_never_left_out(house: House) -> None:
    failing = (calls("ls"), calls("ls", path="."))
    session = with_skills(house, *failing * 4, max_tool_rounds=1)
    for _ in range(4):
        session.tool("Skill", {"skill_name": "free"})

    assert "free" in session.tool("search_skills", {"query": "do anything"}).output


def test_a_skill_of_a_directory_is_scored_without_a_scorer_of_the_host(house: House) -> None:
    house.put("skills/sweep.md", "---\nname: sweep\ndescription: Sweep up\n---\nSweep.\n")
    failing = (calls("ls"), calls("ls", path="."))
    session = with_skills(
        house, *failing * 3, max_tool_rounds=1, skill_dirs=[house.root / "skills"]
    )
    for _ in range(3):
        session.tool("Skill", {"skill_name": "sweep"})

    assert session.tool("search_skills", {"query": "sweep up"}).metadata == {"skills": []}


def test_a_scorer_that_raises_changes_nothing_and_is_told(house: House) -> None:
    class Broken(DefaultSkillScorer):
        def record(self, feedback: SkillFeedback) -> None:
            raise KeyError(feedback.skill_name)

    made = SkillRegistry(scorer=Broken())
    made.register_unchecked(FREE)
    session = house.session(says("fine"), skill_registry=made, permission_policy=ALL)
    result = session.tool("Skill", {"skill_name": "free"})

    assert (result.exit_code, result.output) == (0, "fine")
    assert result.metadata["skill"]["scorer"] == "The scorer raised KeyError."
