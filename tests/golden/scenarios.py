"""
Sessions worth keeping as golden logs: real runs over a scripted model, and hand-made records.

A scenario is one function and its line in `SCENARIOS`. It is given an empty workspace and a
store, and works in the session `SESSION` of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from a3s_code import AsyncAgent, AsyncSession, PermissionPolicy
from a3s_code.capabilities.skills.registry import SkillRegistry
from a3s_code.capabilities.skills.skill import Skill
from a3s_code.errors import A3SError
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import RunId, SessionId, ToolEnd
from a3s_code.kernel.log import Log
from a3s_code.kernel.messages import Message, Text, ToolCall, ToolResult, user
from a3s_code.kernel.ports import Action, Ask
from a3s_code.kernel.records import (
    ArtifactEvicted,
    ArtifactStored,
    Event,
    HistoryAppended,
    ParentLog,
    RunStarted,
    RunStatusChanged,
    SessionOpened,
)
from a3s_code.kernel.store import Store
from a3s_code.testing import Call, Fault, Script, ScriptedServer, Turn, breaks, calls, refuses, says

SESSION = SessionId("golden")
RUN = RunId("run-1")
ALL = PermissionPolicy.permissive()

Scenario: TypeAlias = Callable[[Path, Store], Awaitable[None]]


@asynccontextmanager
async def _session(
    place: Path, store: Store, *turns: Turn, **options: Any
) -> AsyncIterator[AsyncSession]:
    with ScriptedServer(Script(*turns)) as server:
        agent = AsyncAgent(server.acl(model_extra='}\nmodels "m2" {'))
        given = {"permission_policy": ALL, **options}
        try:
            yield agent.session(place, session_id=SESSION, session_store=store, **given)
        finally:
            await agent.close()


async def tools(place: Path, store: Store) -> None:
    """Calls that do well, one that fails, one that is refused, several of one answer."""
    both = Turn(pieces=("Both: ",), calls=(Call("read", '{"file_path":"a.txt"}'), Call("ls", "{}")))
    turns = (
        calls("write", file_path="a.txt", content="alpha\n"),
        calls("edit", file_path="a.txt", old_string="alpha", new_string="beta"),
        calls("bash", command="cat a.txt; exit 3"),
        calls("bash", command="rm a.txt"),
        says("The file says beta."),
        both,
        says("Still beta."),
    )
    policy = PermissionPolicy(allow=["*"], deny=["bash(rm:*)"])
    async with _session(place, store, *turns, permission_policy=policy) as session:
        await session.send("make a file")
        await session.send("look again")


async def decisions(place: Path, store: Store) -> None:
    """Calls that a rule allows, that somebody allows and refuses, and that a rule denies."""

    def answer(action: Action, _: Ask) -> bool:
        return "second" in action.subject

    names = ("first", "second", "third", "fourth")
    turns = (*(calls("write", file_path=name, content="x") for name in names), says("Two of them."))
    rules = PermissionPolicy(
        allow=["write(first)"], ask=["write(second)", "write(th*)"], deny=["write(fo*)"]
    )
    asks = {"permission_policy": rules, "confirmation_manager": answer}
    async with _session(place, store, *turns, **asks) as session:
        await session.send("make files")


async def skill_run(place: Path, store: Store) -> None:
    """A skill that writes a file and is refused another, and one that does not come to its end."""
    skills = SkillRegistry()
    skills.register_unchecked(Skill(name="writer", body="Write.", allowed_tools=("write(*.md)",)))
    turns = (
        calls("Skill", skill_name="writer", prompt="go"),
        calls("write", file_path="a.md", content="x\n") + calls("bash", command="ls"),
        says("One of them."),
        calls("Skill", skill_name="writer", prompt="again"),
        refuses(400),
        says("Done."),
    )
    async with _session(place, store, *turns, skill_registry=skills) as session:
        await session.send("have it written")


async def step_list(place: Path, store: Store) -> None:
    """Plans of a session, of a child and of a history of its own; a batch; and a way back."""
    skills = SkillRegistry()
    skills.register_unchecked(Skill(name="planner", body="Plan.", allowed_tools=("update_plan",)))
    both = [{"tool": "ls", "args": {}}, {"tool": "batch", "args": {"invocations": [{}]}}]
    turns = (
        calls("update_plan", plan=[{"step": "one", "status": "in_progress"}, {"step": "two"}]),
        calls("Skill", skill_name="planner", prompt="go"),
        calls("update_plan", plan=["the child's"]),
        says("Planned."),
        calls("batch", invocations=both),
        says("Done."),
        calls("update_plan", plan=["apart"]),
        says("Apart."),
        calls("update_plan", plan=["later"]),
        says("Later."),
    )
    async with _session(place, store, *turns, skill_registry=skills) as session:
        await session.send("do it")
        await session.send("do it", history=[{"role": "user", "content": "before"}])
        await session.send("go on")
        await session.rewind(session.checkpoints()[-1]["id"], files=False)


async def planned(place: Path, store: Store) -> None:
    """A plan of two waves, and a request that could not be planned."""
    steps = [
        {"id": "a", "description": "one"},
        {"id": "b", "description": "the other"},
        {"id": "c", "description": "both", "dependencies": ["a", "b"]},
    ]
    turns = (
        calls("plan", requires_planning=True, goal="all of it", steps=steps),
        calls("bash", command="echo x"),
        calls("bash", command="echo x"),
        says("Done."),
        says("Done."),
        says("Both are done."),
        says("No plan."),
        says("Hello."),
    )
    async with _session(place, store, *turns, planning_mode="enabled") as session:
        await session.send("do all of it")
        await session.send("hi")


async def failed(place: Path, store: Store) -> None:
    """A run that the provider refused, and one that did well after it."""
    async with _session(place, store, says("Hello."), refuses(401), says("Again.")) as session:
        await session.send("hello")
        with suppress(A3SError):
            await session.send("this is refused")
        await session.send("again")


async def cancelled(place: Path, store: Store) -> None:
    """A run that was cancelled in the middle of an answer."""
    hangs = breaks(Fault.HANG_MID, says("This is never said to its end."))
    async with _session(place, store, hangs, says("Hello.")) as session:
        async for event in session.stream("talk"):
            if event.event_type == "text_delta":
                await session.cancel()
                break
        await session.send("hello")


async def crashed(place: Path, store: Store) -> None:
    """A log that a process left in the middle of a call, and the session that went on."""
    log = Log(SESSION, SystemClock(), store)
    call = ToolCall("call-1", "bash", {"command": "make"})
    events: list[Event] = [
        RunStarted(prompt="build it"),
        HistoryAppended(message=user("build it")),
        HistoryAppended(message=Message("assistant", (call,))),
    ]
    log.append(_opened(place))
    for event in events:
        log.append(event, RUN)
    await log.barrier()
    log.release()
    with ScriptedServer(Script(says("It may have been built."))) as server:
        agent = AsyncAgent(server.acl())
        session = await agent.resume_session(SESSION, session_store=store, temperature=0.5)
        await session.send("and now?")
        await agent.close()


async def conversation(place: Path, store: Store) -> None:
    """A conversation that was compacted, went on with another model, and was cleared."""
    answers = [says(f"Answer {number}.") for number in range(13)]
    turns = (*answers, says("They counted."), says("Of the other model."), says("Anew."))
    async with _session(place, store, *turns) as session:
        for number in range(13):
            await session.send(f"Question {number}?")
        await session.send("/compact")
        await session.send("/model openai/m2")
        await session.send("who are you?")
        await session.send("/clear")
        await session.send("anew")


async def isolated(place: Path, store: Store) -> None:
    """A run with a history of its own between two of the conversation."""
    answers = (says("One."), says("Two."), says("Three."))
    async with _session(place, store, *answers) as session:
        await session.send("one")
        await session.send("two", history=[{"role": "user", "content": "elsewhere"}])
        await session.send("three")


async def direct(place: Path, store: Store) -> None:
    """Calls of the host itself, without a run of the model."""
    async with _session(place, store) as session:
        await session.tool("write", {"file_path": "b.txt", "content": "b"})
        await session.read_file("b.txt")
        await session.bash("echo direct")
        await session.tool("read", {"file_path": "missing.txt"})


async def artifacts(place: Path, store: Store) -> None:
    """Two complete outputs, the first of which had to go for the second."""
    kept = [
        ArtifactStored(
            uri=f"a3s://tool-output/bash/{digit * 64}",
            tool="bash",
            sha256=digit * 64,
            original_bytes=200_000,
            shown_bytes=102_400,
        )
        for digit in "ab"
    ]
    gone = ArtifactEvicted(uri=kept[0].uri)
    done = RunStatusChanged(status="completed", result_text="Done.")
    await _by_hand(place, store, RunStarted(prompt="talk"), kept[0], gone, kept[1], done)


async def background(place: Path, store: Store) -> None:
    """A child in the background that the next run is told of, and a prompt that waited."""
    given = {"agent": "explore", "description": "look", "prompt": "Look."}
    turns = (calls("task", background=True, **given), *[says("Fine.")] * 4)
    async with _session(place, store, *turns) as session:
        await session.send("begin")
        while session.pending_subagent_tasks():  # noqa: ASYNC110 - it has no event here
            await asyncio.sleep(0.01)
        await session.send("and?")
        await (await session.queue("later"))


async def late(place: Path, store: Store) -> None:
    """Records that come when they change nothing any more: of ended runs, and of none."""
    await _by_hand(
        place,
        store,
        RunStatusChanged(status="failed", error="of a run that was never started"),
        RunStarted(prompt="hello"),
        RunStatusChanged(status="completed", result_text="Hello."),
        RunStatusChanged(status="failed", error="too late"),
        ArtifactEvicted(uri="a3s://tool-output/bash/unknown"),
    )


async def odd_values(place: Path, store: Store) -> None:
    """What JSON has no form for, or more than one."""
    numbers = {"nan": float("nan"), "inf": float("-inf"), "small": 1e-9, "big": 2**70}
    result = ToolResult("c", "half \ud800 and \x00\x1b\u2028")
    await _by_hand(
        place,
        store,
        ToolEnd(id="c", name="bash", output="cut \udcff", exit_code=-9, metadata=numbers),
        HistoryAppended(message=Message("tool", (result,))),
        HistoryAppended(message=user("z before a: " + "\U0001f600")),
        ToolEnd(id="d", name="x", output="", exit_code=0, metadata={"z": 1, "a": {"": None}}),
    )


async def forked(place: Path, store: Store) -> None:
    """A fork, which goes on with other options later."""
    said = (user("before it parted"), Message("assistant", (Text("A question?"),)))
    parent = ParentLog("the-other", at=9, sequence=8, sha256="0" * 64)
    begun = msgspec.structs.replace(_opened(place), parent=parent, history=said)
    again = msgspec.structs.replace(begun, history=(), model="openai/m2")
    asked = HistoryAppended(message=user("after it parted"))
    await _by_hand(place, store, RunStarted(prompt="go"), asked, again, begun=begun)


async def _by_hand(
    place: Path, store: Store, *events: Event, begun: SessionOpened | None = None
) -> None:
    log = Log(SESSION, SystemClock(), store)
    log.append(begun or _opened(place))
    for event in events:
        log.append(event, RUN)
    await log.barrier()
    log.release()


def _opened(place: Path) -> SessionOpened:
    return SessionOpened(
        session_id=SESSION, workspace=str(place), model="openai/m1", created_at_ms=1_000
    )


async def disclosed(place: Path, store: Store) -> None:
    """A tool that was not shown at first is shown when the user speaks of what it is for."""
    async with _session(place, store, says("Hello."), says("Nothing is staged.")) as session:
        await session.send("hello there")
        await session.send("show the git status of this repository")


async def styles(place: Path, store: Store) -> None:
    """Runs in another style, in one of the same, and in the general one again."""
    async with _session(place, store, *(says("Well.") for _ in range(3))) as session:
        await session.send("find all files that open a socket")
        await session.send("search for all callers of it")
        await session.send("hello there")


SCENARIOS: dict[str, Scenario] = {
    "tools": tools,
    "decisions": decisions,
    "skill_run": skill_run,
    "step_list": step_list,
    "failed": failed,
    "cancelled": cancelled,
    "crashed": crashed,
    "conversation": conversation,
    "isolated": isolated,
    "direct": direct,
    "artifacts": artifacts,
    "background": background,
    "late": late,
    "odd-values": odd_values,
    "forked": forked,
    "disclosed": disclosed,
    "styles": styles,
    "planned": planned,
}
