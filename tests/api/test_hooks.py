"""What the hooks of a session are told, and what they can stop."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from a3s_code import (
    Allow,
    Approver,
    AsyncAgent,
    Deny,
    Effect,
    FileSessionStore,
    HookBlocked,
    HookEngine,
    ModelRefused,
    Observation,
    PermissionPolicy,
    Session,
    SessionClosed,
    SessionQueueConfig,
    ToolContext,
    tool,
)
from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.kernel.records import CallRewritten, EffectIntended, HookRan
from a3s_code.testing import calls, refuses, says
from api.bundles import export
from api.house import House, come

BLOCK = {"action": "block", "reason": "not on a Friday"}
TOUCH = calls("bash", command="touch made")
ASKS = PermissionPolicy(ask=["bash"])


class Notes:
    """A handler that remembers what it was told, and answers what it was given."""

    def __init__(self, answer: Any = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer = answer

    def __call__(self, event: dict[str, Any]) -> Any:
        self.events.append(event)
        return self.answer

    @property
    def names(self) -> list[str]:
        return [event["event_type"] for event in self.events]

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [event["payload"] for event in self.events]


def listening(session: Session, *events: str, answer: Any = None) -> Notes:
    notes = Notes(answer)
    for event in events:
        session.register_hook(f"on {event}", event, notes)
    return notes


def events_of(session: Session, kind: type) -> list[Any]:
    log = session._inner._engine.log
    return [record.event for record in log.records if isinstance(record.event, kind)]


# Calls


def test_a_hook_sees_a_call_before_it_runs_and_after(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    there: list[bool] = []
    session.register_hook("look", "pre_tool_use", lambda _: there.append(house.has("made")))
    notes = listening(session, "pre_tool_use", "post_tool_use")
    session.send("go")

    before, after = notes.payloads
    assert there == [False]
    assert before == {
        "session_id": session.session_id,
        "tool": "bash",
        "args": {"command": "touch made"},
        "working_directory": str(house.root),
        "recent_tools": [],
        "paths": [],
    }
    result = after["result"]
    assert (result["success"], result["exit_code"], result["output"]) == (True, 0, "")
    assert after["recent_tools"] == ["bash"]


def test_a_blocked_call_does_not_run_and_the_model_is_told_why(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    session.register_hook(
        "guard", "pre_tool_use", {"command_pattern": "touch *"}, None, Notes(BLOCK)
    )
    shown = list(session.stream("go"))

    assert not house.has("made")
    told = str(house.bodies[1]["messages"][-1]["content"])
    assert "the hook 'guard' blocked this: not on a Friday" in told
    denied = [event for event in shown if event.event_type == "permission_denied"]
    assert len(denied) == 1
    (said,) = session.hook_decisions()
    assert (said["hook_id"], said["event"], said["outcome"]) == ("guard", "pre_tool_use", "block")
    assert said["reason"] == "not on a Friday"
    assert said["run_id"] == session.runs()[0]["id"]
    assert said["call_id"]


@pytest.mark.parametrize("answer", [None, {"action": "continue"}, {"action": "skip"}])
def test_no_answer_of_a_hook_overrides_a_denial_or_a_question(answer: Any, house: House) -> None:
    policy = PermissionPolicy(deny=["bash"], ask=["write"])
    both = TOUCH + calls("write", file_path="written", content="")
    session = house.session(both, says("Done."), permission_policy=policy)
    notes = listening(session, "pre_tool_use", "permission_request", answer=answer)
    session.send("go")

    assert notes.names == ["pre_tool_use", "pre_tool_use", "permission_request"]
    assert not house.has("made")
    assert not house.has("written")


@pytest.mark.parametrize("key", ["data", "args", "modified"])
def test_a_modified_call_is_what_runs_and_the_log_shows_both(key: str, house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    other = {"action": "modify", key: {"command": "touch other"}}
    session.register_hook("safer", "pre_tool_use", Notes(other))
    session.send("go")

    assert (house.has("made"), house.has("other")) == (False, True)
    (rewritten,) = events_of(session, CallRewritten)
    assert rewritten.asked == {"command": "touch made"}
    assert rewritten.args == {"command": "touch other"}
    (intended,) = events_of(session, EffectIntended)
    assert intended.call_id == rewritten.call_id


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"file_path": "secret", "content": "x"}, "Permission denied"),
        ({"file_path": "../out", "content": "x"}, "outside"),
        ({"file_path": "a", "contents": "x"}, "Invalid arguments"),
    ],
)
def test_a_modified_call_is_checked_and_decided_anew(
    args: dict[str, str], told: str, house: House
) -> None:
    policy = PermissionPolicy(deny=["write(secret)"], allow=["write"])
    writing = calls("write", file_path="a", content="x")
    session = house.session(writing, says("Done."), permission_policy=policy)
    session.register_hook("worse", "pre_tool_use", Notes({"action": "modify", "data": args}))
    session.send("go")

    assert told in str(house.bodies[1]["messages"][-1]["content"])
    assert list(house.root.iterdir()) == []


def test_a_guard_sees_what_another_hook_made_of_a_call(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    guard = Notes(BLOCK)
    session.register_hook("guard", "pre_tool_use", {"command_pattern": "rm *"}, None, guard)
    worse = {"action": "modify", "data": {"command": "rm -rf ."}}
    session.register_hook("worse", "pre_tool_use", None, {"priority": 200}, Notes(worse))
    session.send("go")

    assert [payload["args"] for payload in guard.payloads] == [{"command": "rm -rf ."}]
    assert "not on a Friday" in str(house.bodies[1]["messages"][-1]["content"])


@pytest.mark.parametrize("first", ["touch safe", "touch made"])
def test_a_guard_that_also_modifies_sees_what_another_hook_made_of_it(
    first: str, house: House
) -> None:
    """Its own modification is void by then, and so it may not be its only say."""
    session = house.session(TOUCH, says("Done."), permissive=True)

    def guard(event: dict[str, Any]) -> Any:
        command = event["payload"]["args"]["command"]
        harmless = {"action": "modify", "data": {"command": first}}
        return BLOCK if command.startswith("rm") else harmless

    worse = {"action": "modify", "data": {"command": "rm -rf ./kept"}}
    house.put("kept", "x")
    session.register_hook("guard", "pre_tool_use", None, {"priority": 1}, guard)
    session.register_hook("worse", "pre_tool_use", None, {"priority": 200}, Notes(worse))
    session.send("go")

    assert house.has("kept")
    assert "not on a Friday" in str(house.bodies[1]["messages"][-1]["content"])


def test_of_two_hooks_that_always_modify_the_last_one_counts(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    for name in ("one", "two"):
        answer = {"action": "modify", "data": {"command": f"touch {name}"}}
        session.register_hook(name, "pre_tool_use", Notes(answer))
    session.send("go")

    assert [house.has(name) for name in ("made", "one", "two")] == [False, False, True]


def test_a_hook_that_wraps_every_command_is_asked_once_for_each(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)

    def wrap(event: dict[str, Any]) -> Any:
        command = event["payload"]["args"]["command"]
        return {"action": "modify", "data": {"command": f"{command} && touch too"}}

    session.register_hook("wrap", "pre_tool_use", wrap)
    session.send("go")

    assert (house.has("made"), house.has("too")) == (True, True)
    assert len(session.hook_decisions()) == 1


def test_a_guard_that_raises_or_is_late_denies(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    session.register_hook("guard", "pre_tool_use", lambda event: event["payload"]["no such key"])
    session.send("go")

    assert not house.has("made")
    (said,) = session.hook_decisions()
    assert said["outcome"] == "failed"
    assert "KeyError" in said["reason"]


# Nested and direct calls


class Nothing(msgspec.Struct, frozen=True):
    pass


def test_hooks_hold_for_the_calls_inside_a_tool(house: House) -> None:
    @tool(Nothing, effect=Effect.CONTAINER)
    async def outer(args: Nothing, context: ToolContext) -> Observation:
        """Run another tool."""
        return await context.call("write", {"file_path": "made", "content": "x"})

    session = house.session(calls("outer"), says("Done."), permissive=True, tools=[outer])
    notes = Notes(BLOCK)
    session.register_hook("guard", "pre_tool_use", {"path_pattern": "made"}, None, notes)
    session.send("go")

    assert not house.has("made")
    assert [payload["paths"] for payload in notes.payloads] == [["made"]]


def test_hooks_hold_for_direct_calls_of_the_host(house: House) -> None:
    session = house.session()
    notes = listening(session, "pre_tool_use", "on_error", answer=BLOCK)
    result = session.tool("write", {"file_path": "made", "content": "x"})

    assert result.exit_code == 1
    assert "not on a Friday" in result.output
    assert not house.has("made")
    assert notes.names == ["pre_tool_use", "on_error"]
    assert notes.payloads[1]["error_type"] == "permission_denied"


def test_calls_of_one_turn_all_pass_the_hooks(house: House) -> None:
    house.put("a"), house.put("b")
    both = calls("read", file_path="a") + calls("read", file_path="b")
    session = house.session(both, says("Done."))
    notes = listening(session, "pre_tool_use", "post_tool_use")
    session.send("go")

    assert sorted(notes.names) == ["post_tool_use"] * 2 + ["pre_tool_use"] * 2


# Questions


class Landlady(Approver):
    async def approve(self, action: Any, ask: Any) -> Allow | Deny:
        return Allow("she said so")


def test_a_question_can_be_refused_before_it_is_put(house: House) -> None:
    session = house.session(
        TOUCH, says("Done."), permission_policy=ASKS, confirmation_manager=Landlady()
    )
    notes = listening(session, "permission_request", answer=BLOCK)
    shown = [event.event_type for event in session.stream("go")]

    assert not house.has("made")
    assert "confirmation_required" not in shown
    assert notes.payloads[0]["args"] == {"command": "touch made"}
    assert "the rule bash" in notes.payloads[0]["reason"]


def test_hooks_learn_how_a_question_was_answered(house: House) -> None:
    session = house.session(
        TOUCH, says("Done."), permission_policy=ASKS, confirmation_manager=Landlady()
    )
    notes = listening(session, "permission_request", "on_confirmation")
    session.send("go")

    assert house.has("made")
    assert notes.names == ["permission_request", "on_confirmation"]
    assert (notes.payloads[1]["approved"], notes.payloads[1]["reason"]) == (True, "she said so")


# Runs


def test_a_run_tells_its_story_in_order(house: House) -> None:
    house.put("AGENTS.md", "Be brief.")
    session = house.session(TOUCH, says("Done."), says("Again."), permissive=True)
    notes = listening(
        session,
        "session_start",
        "pre_prompt",
        "pre_context_perception",
        "post_context_perception",
        "generate_start",
        "generate_end",
        "pre_tool_use",
        "post_tool_use",
        "post_response",
        "on_success",
        "session_end",
    )
    session.send("go")
    session.send("once more")
    session.close()

    turn = ["generate_start", "generate_end"]
    begun = ["pre_prompt", "pre_context_perception", "post_context_perception"]
    ended = ["post_response", "on_success"]
    assert notes.names == [
        "session_start",
        *begun,
        *turn,
        "pre_tool_use",
        "post_tool_use",
        *turn,
        *ended,
        *begun,
        *turn,
        *ended,
        "session_end",
    ]
    told = dict(zip(notes.names, notes.payloads, strict=True))
    assert (told["pre_prompt"]["prompt"], told["pre_prompt"]["message_count"]) == ("once more", 4)
    assert told["generate_start"]["model_name"] == "m1"
    assert "bash" in told["generate_start"]["available_tools"]
    assert told["generate_end"]["response_text"] == "Again."
    assert told["post_context_perception"]["items"][0]["source"] == "file://AGENTS.md"
    assert told["post_response"]["response_text"] == "Again."
    assert told["session_end"]["total_tool_calls"] == 1
    assert told["session_end"]["total_tokens"] > 0


@pytest.mark.parametrize("event", ["pre_prompt", "generate_start"])
@pytest.mark.parametrize("answer", [BLOCK, "nonsense"])
def test_a_blocked_prompt_reaches_no_model_and_the_run_fails(
    event: str, answer: Any, house: House
) -> None:
    session = house.session(default=says("Done."))
    session.register_hook("guard", event, Notes(answer))
    with pytest.raises(HookBlocked, match="the hook 'guard'") as failed:
        session.send("go")

    assert failed.value.hook_id == "guard"
    assert house.bodies == []
    assert [run["status"] for run in session.runs()] == ["failed"]

    session.unregister_hook("guard")
    assert session.send("and now").text == "Done."


def test_a_blocked_prompt_never_enters_the_conversation(house: House) -> None:
    session = house.session(default=says("Done."))
    session.register_hook("guard", "pre_prompt", Notes(BLOCK))
    with pytest.raises(HookBlocked):
        session.send("the secret plan")
    session.unregister_hook("guard")
    session.send("go")

    assert "secret plan" not in str(house.bodies)


def test_hooks_learn_of_errors_and_rate_limits(house: House) -> None:
    limited = refuses(429, headers={"retry-after": "0"})
    session = house.session(limited, says("Done."), refuses(401))
    notes = listening(session, "on_error", "on_rate_limit")
    session.send("go")
    with pytest.raises(ModelRefused):
        session.send("once more")

    come(lambda: len(notes.events) > 1)
    assert sorted(notes.names) == ["on_error", "on_rate_limit"]
    by_name = dict(zip(notes.names, notes.payloads, strict=True))
    assert by_name["on_error"]["error_type"] == "llm_failure"
    assert by_name["on_rate_limit"]["attempt"] == 2


def test_hooks_learn_that_a_tool_failed(house: House) -> None:
    session = house.session(calls("read", file_path="none"), says("Done."))
    notes = listening(session, "on_error")
    session.send("go")

    assert [(p["error_type"], p["tool"]) for p in notes.payloads] == [("tool_failure", "read")]


def test_compaction_tells_its_hooks_and_asks_as_every_request_does(house: House) -> None:
    session = house.session(default=says("Done."))
    for at in range(14):
        session.send(f"message {at}")
    notes = listening(session, "pre_compact", "generate_start", "generate_end", "post_compact")
    session.send("/compact")

    assert notes.names == ["pre_compact", "generate_start", "generate_end", "post_compact"]
    assert notes.payloads[3]["messages_after"] < notes.payloads[3]["messages_before"] == 28


# Registration


def test_a_hook_that_is_registered_during_a_run_is_asked_from_the_next_event_on(
    house: House,
) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)

    def first(event: Any) -> None:
        session.register_hook("guard", "pre_tool_use", Notes(BLOCK))

    session.register_hook("first", "generate_start", first)
    session.send("go")

    assert not house.has("made")


def test_hooks_are_counted_and_taken_away(house: House) -> None:
    session = house.session()
    session.register_hook("a", "pre_tool_use", Notes())
    session.register_hook("b", "session_end", None, {"priority": 1}, Notes())
    session.register_hook("b", "on_error", Notes())

    assert session.hook_count() == 2
    assert (session.unregister_hook("a"), session.unregister_hook("a")) == (True, False)
    assert session.hook_count() == 1
    with pytest.raises(InvalidValue, match="no event"):
        session.register_hook("x", "no_such_event")
    with pytest.raises(InvalidType, match="not a function"):
        session.register_hook("x", "pre_tool_use")
    session.close()
    with pytest.raises(SessionClosed):
        session.register_hook("c", "pre_tool_use", Notes())


async def test_an_async_session_has_the_same_hooks(house: House) -> None:
    seen: list[str] = []

    async def handler(event: dict[str, Any]) -> None:
        seen.append(event["event_type"])

    async with AsyncAgent(house.serve(TOUCH, says("Done.")).acl()) as agent:
        session = agent.session(house.root, permissive=True)
        session.register_hook("audit", "pre_tool_use", handler)
        assert (await session.send("go")).text == "Done."
        assert session.hook_count() == 1
        assert session.unregister_hook("audit")

    assert seen == ["pre_tool_use"]


def test_an_event_that_this_build_does_not_fire_is_announced(house: House) -> None:
    session = house.session(default=says("Done."), queue_config=SessionQueueConfig())
    session.register_hook("thoughts", "pre_reasoning", Notes())

    assert session.init_warning is not None
    assert "hooks of pre_reasoning" in session.init_warning
    told = [e for e in session.stream("go") if e.event_type == "capability_missing"]
    assert [event.data for event in told] == ['{"names":["queue_config","hooks of pre_reasoning"]}']
    session.register_hook("plans", "post_reasoning", Notes())
    told = [e for e in session.stream("go") if e.event_type == "capability_missing"]
    assert [event.data for event in told] == ['{"names":["hooks of post_reasoning"]}']


# A handler and its session


def test_a_handler_may_ask_its_session_and_cannot_run_it(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    asked: list[int] = []

    def nosy(event: Any) -> None:
        asked.append(len(session.history()))
        session.send("and you?")

    session.register_hook("nosy", "pre_tool_use", nosy)
    session.send("go")

    assert asked == [2]
    assert not house.has("made")
    assert "UsageError" in session.hook_decisions()[0]["reason"]


def test_a_hook_that_fails_at_the_end_keeps_no_session_open(house: House) -> None:
    session = house.session(default=says("Done."))
    told = listening(session, "on_success", "session_end")

    def raising(event: Any) -> None:
        raise ValueError("no end")

    session.register_hook("broken", "session_end", None, {"priority": 1}, raising)
    session.send("go")
    session.close()
    session.close()

    assert session.is_closed
    assert told.names == ["on_success", "session_end"]


def test_what_runs_in_the_background_has_ended_when_the_session_is_closed(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    notes, background = Notes(BLOCK), {"async_execution": True}
    session.register_hook("slow", "post_tool_use", None, background, notes)
    session.send("go")
    session.close()

    assert house.has("made")
    assert notes.names == ["post_tool_use"]


def test_a_run_whose_prompt_was_blocked_can_be_resumed_later(house: House) -> None:
    session = house.session(default=says("Done."))
    session.register_hook("guard", "pre_prompt", Notes(BLOCK))
    with pytest.raises(HookBlocked) as failed:
        session.send("go")
    session.unregister_hook("guard")

    assert session.resume_run(failed.value.run_id).text == "Done."
    assert [message["role"] for message in session.history()] == ["user", "assistant"]


def test_a_resumed_run_asks_about_the_calls_that_are_left(house: House) -> None:
    session = house.session(TOUCH, refuses(401), says("Done."), permissive=True)
    notes = listening(session, "pre_prompt", "generate_start")
    with pytest.raises(ModelRefused):
        session.send("go")
    session.resume_run(session.runs()[-1]["id"])

    assert notes.names == ["pre_prompt", *["generate_start"] * 3]


def test_a_bundle_of_a_run_with_hooks_can_be_checked(house: House) -> None:
    place = house.root.parent
    store = FileSessionStore(place / "sessions")
    session = house.session(TOUCH, says("Done."), permissive=True, session_store=store)
    other = {"action": "modify", "data": {"command": "touch other"}}
    session.register_hook("safer", "pre_tool_use", Notes(other))
    session.register_hook("audit", "post_response", Notes())
    session.send("go")
    _, bundle = export(store, session, place / "x.a3s")

    assert bundle.replay().difference is None


# Engines


def test_sessions_share_an_engine_and_not_each_others_hooks(house: House) -> None:
    engine, notes = HookEngine(), Notes()
    engine.register("audit", "session_start", notes)
    agent = house.employ(default=says("Done."))
    one, two = (agent.session(house.root, hook_engine=engine) for _ in range(2))
    own = listening(one, "session_start")
    one.send("go")
    two.send("go")

    assert [p["session_id"] for p in notes.payloads] == [one.session_id, two.session_id]
    assert [p["session_id"] for p in own.payloads] == [one.session_id]
    assert (one.hook_count(), two.hook_count(), engine.count) == (2, 1, 1)
    assert not one.unregister_hook("audit"), "it is the engine's"


def test_a_session_cannot_skip_the_hooks_of_its_engine(house: House) -> None:
    engine = HookEngine()
    engine.register("guard", "pre_tool_use", Notes(BLOCK))
    session = house.session(TOUCH, says("Done."), permissive=True, hook_engine=engine)
    session.register_hook("skip", "pre_tool_use", None, {"priority": 0}, Notes({"action": "skip"}))
    session.send("go")

    assert not house.has("made")


def test_a_fork_asks_the_hooks_of_the_session_it_comes_from(house: House) -> None:
    session = house.session(says("Done."), TOUCH, says("Done."), permissive=True)
    session.register_hook("guard", "pre_tool_use", Notes(BLOCK))
    session.send("go")
    fork = session.fork(workspace=house.root.parent / "fork")
    assert not fork.unregister_hook("guard")
    fork.send("go")

    assert fork.hook_decisions()[0]["outcome"] == "block"
    assert not (house.root.parent / "fork" / "made").exists()


def test_what_has_no_fire_is_no_engine(house: House) -> None:
    with pytest.raises(InvalidType, match="hook_engine is a object without fire"):
        house.session(hook_engine=object())


def test_nothing_is_recorded_of_a_session_without_hooks(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    session.send("go")

    assert session.hook_decisions() == []
    assert events_of(session, HookRan) == []
