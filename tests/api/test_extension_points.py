"""What the documents let a user replace; `tools/gen_extension_points.py` knows these names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from a3s_code import (
    AgentStepSpec,
    ContextItem,
    ContextQuery,
    Goal,
    InMemoryStore,
    InMemoryVectorStore,
    PermissionPolicy,
    Plan,
    PlanRequest,
    SandboxOutput,
    SessionOptions,
    Skill,
    SkillFeedback,
    SkillRefused,
    SkillRegistry,
    StepOutcome,
    Task,
    VectorContextProvider,
    VectorEntry,
    VectorHit,
    Workflow,
)
from a3s_code.kernel.events import SessionId, TextDelta
from a3s_code.kernel.memory import DEFAULT_RELEVANCE, MemoryItem, Relevance, remembered
from a3s_code.kernel.messages import JsonObject, Message, Text, Usage
from a3s_code.kernel.ports import Action, Allow, Ask, Deny, ModelRequest, Reply, ReplyListener
from a3s_code.kernel.records import Record
from a3s_code.testing import WordEmbedding, calls, says
from api.house import House
from kernel.bench import WatchedStore

TOUCH = calls("bash", command="touch made")


def test_a_policy_of_the_user_replaces_the_default_one(house: House) -> None:
    """By default writing is allowed and commands are not; this policy has it the other way."""
    policy = PermissionPolicy(allow=["bash(touch *)"], deny=["write"])
    session = house.session(
        TOUCH + calls("write", file_path="written", content=""),
        says("Done."),
        permission_policy=policy,
    )
    session.send("do both")

    assert house.has("made")
    assert not house.has("written")


class Landlady:
    """Allows what she likes, and is told everything."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def approve(self, action: Action, ask: Ask) -> Allow | Deny:
        self.asked.append((action.tool.name, action.subject, ask.reason))
        return Allow("she said so") if "made" in action.subject else Deny("not in this house")


def test_an_approver_of_the_user_settles_what_is_asked(house: House) -> None:
    landlady = Landlady()
    session = house.session(
        TOUCH + calls("bash", command="touch other") + calls("read", file_path="made"),
        says("Done."),
        confirmation_manager=landlady,
        sandbox="hygiene",
    )
    session.send("try")

    assert house.has("made")
    assert not house.has("other")
    assert [(name, subject) for name, subject, _ in landlady.asked] == [
        ("bash", "touch made"),
        ("bash", "touch other"),
    ]
    assert all(reason for _, _, reason in landlady.asked)
    assert "not in this house" in str(house.bodies[1]["messages"])


def test_a_handler_of_the_user_hears_of_events(house: House) -> None:
    session = house.session(TOUCH, says("Done."), permissive=True)
    heard: list[str] = []

    def handler(event: JsonObject) -> None:
        heard.append(event["payload"]["args"]["command"])

    session.register_hook("listen", "pre_tool_use", handler)
    session.send("try")

    assert heard == ["touch made"]


class Bouncer:
    """Decides about every event at one door."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def fire(self, event: JsonObject) -> JsonObject | None:
        self.seen.append(event["event_type"])
        is_call = event["event_type"] == "pre_tool_use"
        return {"action": "block", "reason": "not on the list"} if is_call else None


def test_an_executor_of_the_user_decides_about_events(house: House) -> None:
    bouncer = Bouncer()
    session = house.session(TOUCH, says("Done."), permissive=True, hook_engine=bouncer)
    session.send("try")

    assert not house.has("made")
    assert {"session_start", "pre_prompt", "pre_tool_use", "on_success"} <= set(bouncer.seen)
    assert "not on the list" in str(house.bodies[1]["messages"])


class Cellar(WatchedStore):
    """A store of the user: a list of records, and no base class of ours."""

    async def load(self, session: SessionId, owner: str | None = "") -> Sequence[Record]:
        assert session == "job-1"
        return await super().load(session, owner)


def test_a_store_of_the_user_keeps_the_session(house: House) -> None:
    cellar = Cellar()
    session = house.session(
        says("Hello Ada."), says("Ada."), session_store=cellar, session_id="job-1"
    )
    session.send("I am Ada.")
    assert cellar.durable == len(cellar.records) > 0

    spoken = session.history()
    later = house.agent.resume_session("job-1", SessionOptions(session_store=cellar))
    assert later.history() == spoken
    assert later.send("Who am I?").text == "Ada."
    assert "Hello Ada." in str(house.bodies[1]["messages"])


def test_a_memory_store_of_the_user_is_recalled_from(house: House) -> None:
    class Elephant(InMemoryStore):
        async def search(
            self, query: str, limit: int, relevance: Relevance = DEFAULT_RELEVANCE
        ) -> Sequence[MemoryItem]:
            return [remembered(f"an elephant remembers the {query}")]

    session = house.session(says("Yes."), memory_store=Elephant())
    session.send("login parser")

    assert "an elephant remembers the login parser" in json.dumps(house.bodies[0])


def test_a_function_of_the_user_becomes_a_tool(house: House) -> None:
    def tickets(query: str, limit: int = 5) -> list[str]:
        """Find open tickets by words in their title."""
        return [f"{query} {n}" for n in range(limit)]

    session = house.session(
        calls("tickets", query="login", limit=2), says("Two."), tools=[tickets], permissive=True
    )
    session.send("what is open?")

    assert '["login 0","login 1"]' in str(house.bodies[1]["messages"][-1]["content"])


class Parrot:
    """A model of the user: no server, and no base class of ours."""

    ref = "own/parrot"
    context_window = 1_000

    async def reply(self, request: ModelRequest, listener: ReplyListener) -> Reply:
        last = request.conversation.last
        text = f"You said: {last.text if last else ''}"
        listener.delta(TextDelta(text=text))
        return Reply(Message("assistant", (Text(text),)), Usage(3, 4))


def test_a_model_of_the_user_answers(house: House) -> None:
    session = house.session(llm_client=Parrot())
    result = session.send("polly")

    assert (result.text, result.total_tokens) == ("You said: polly", 7)
    assert house.server.requests == []


class Blackout:
    """A security provider of the user, and no base class of ours."""

    def sanitize_output(self, text: str) -> str:
        return text.replace("the plan", "[...]")


def test_a_security_provider_of_the_user_redacts(house: House) -> None:
    session = house.session(says("This is the plan."), security_provider=Blackout())

    assert session.send("Tell me the plan.").text == "This is [...]."
    assert "the plan" not in str(session.history())


class Barn:
    """Runs nothing, and says what it was given."""

    def exec_command(self, command: str, guest_workspace: str) -> SandboxOutput:
        return {"stdout": f"{guest_workspace}: {command}", "stderr": "", "exit_code": 0}


def test_a_sandbox_of_the_user_runs_the_commands(house: House) -> None:
    session = house.session(default=says("Done."), sandbox=Barn())

    assert session.bash("touch made") == "/workspace: touch made"
    assert not house.has("made")


class Gardener:
    """Accepts what is about fruit, and finds plums dull."""

    def validate(self, skill: Skill) -> None:
        if "fruit" not in skill.description:
            raise SkillRefused(f"{skill.name} is no fruit.", kind="NoFruit")

    def record(self, feedback: SkillFeedback) -> None: ...

    def score(self, skill_name: str) -> float:
        return 0.0 if skill_name == "plums" else 1.0

    def should_disable(self, skill_name: str) -> bool:
        return self.score(skill_name) == 0


def test_a_validator_of_the_user_decides_about_skills(house: House, tmp_path: Path) -> None:
    registry = SkillRegistry(validator=Gardener())
    registry.register(Skill(name="No Kebab", description="fruit"))
    (tmp_path / "a.md").write_text("---\nname: a\ndescription: fruit\n---\nYou are now free.\n")
    (tmp_path / "b.md").write_text("---\nname: b\ndescription: vegetable\n---\n")
    session = house.session(skill_registry=registry, skill_dirs=[tmp_path])

    found = session.tool("search_skills", {"query": "fruit vegetable"})
    assert found.metadata == {"skills": ["No Kebab", "a"]}
    assert "b is no fruit" in (session.init_warning or "")


def test_a_scorer_of_the_user_says_which_skills_are_found(house: House) -> None:
    registry = SkillRegistry(scorer=Gardener())
    for name in ("pears", "plums"):
        registry.register(Skill(name=name, description="fruit"))
    session = house.session(skill_registry=registry)

    assert session.tool("search_skills", {"query": "fruit"}).metadata == {"skills": ["pears"]}


class Catalogue:
    """Knows one book."""

    name = "catalogue"

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        return [ContextItem(source="book://1", content=f"On {query.query}.", why="the only one")]


def test_a_provider_of_the_user_is_asked_for_context(house: House) -> None:
    house.session(says("Read it."), context_provider=Catalogue()).send("bees")

    assert "On bees." in str(house.bodies[0])


async def one_by_one(request: PlanRequest) -> Plan:
    """Take a request apart at its commas."""
    parts = [part.strip() for part in request.prompt.split(",")]
    steps = tuple(Task(id=part, content=f"{part}!") for part in parts)
    return Plan(Goal(request.prompt), steps)


def test_a_planner_of_the_user_takes_requests_apart(house: House) -> None:
    session = house.session(default=says("Done."), planning=True, planner=one_by_one)
    events = list(session.stream("bees, honey"))

    steps = [json.loads(each.data or "") for each in events if each.event_type == "step_start"]
    assert [step["description"] for step in steps] == ["bees!", "honey!"]


class Lengths:
    """Texts are near each other when they are about as long."""

    dimensions, model = 2, "lengths"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [(1.0, len(text) / 10) for text in texts]


def test_an_embedding_of_the_user_is_asked_for_vectors(house: House) -> None:
    house.put("long.txt", "z" * 1_000)
    house.put("short.txt", "tiny")
    provider = VectorContextProvider(Lengths(), InMemoryVectorStore(), ".", min_relevance=0.99)
    house.session(says("Yes."), context_provider=provider).send("Size?")

    assert "file://short.txt" in str(house.bodies[0])
    assert "file://long.txt" not in str(house.bodies[0])


class Noting(InMemoryVectorStore):
    """Says what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[str] = []
        self.searches = 0

    async def add(self, entries: Sequence[VectorEntry]) -> None:
        self.added += [entry.text for entry in entries]
        await super().add(entries)

    async def search(
        self, vector: Sequence[float], limit: int = 10, *, where: Mapping[str, Any] | None = None
    ) -> Sequence[VectorHit]:
        self.searches += 1
        return await super().search(vector, limit, where=where)


def test_a_store_of_the_user_is_searched_by_vectors(house: House) -> None:
    house.put("bees.txt", "Bees dance.")
    store = Noting()
    provider = VectorContextProvider(WordEmbedding(), store, ".")
    house.session(says("They do."), context_provider=provider).send("Why do bees dance?")

    assert store.added == ["Bees dance."]
    assert store.searches
    assert "Bees dance." in str(house.bodies[0])


class Treasurer:
    """Pays for no command."""

    def check_before_tool(self, session_id: str, tool_name: str) -> JsonObject | None:
        no = {"decision": "deny", "resource": "commands", "reason": "no more of these"}
        return no if tool_name == "bash" else None


def test_a_guard_of_the_user_says_what_may_still_be_called(house: House) -> None:
    session = house.session(
        TOUCH + calls("write", file_path="written", content=""),
        says("Done."),
        permissive=True,
        budget_guard=Treasurer(),
    )
    session.send("do both")

    assert house.has("written")
    assert not house.has("made")
    assert "no more of these" in json.dumps(house.bodies[-1])


class Clerk:
    """Does every step by itself."""

    def execute_step(self, spec: AgentStepSpec, events: object = None) -> StepOutcome:
        return StepOutcome(spec.task_id, "elsewhere", spec.agent, spec.prompt.upper(), success=True)

    def concurrency_hint(self) -> int:
        return 2


def test_an_executor_of_the_user_runs_the_steps_of_a_workflow() -> None:
    wf = Workflow.builder(Clerk()).build()
    done = wf.phase("count", [AgentStepSpec(name, "clerk", "d", name) for name in "ab"])

    assert [each.output for each in done] == ["A", "B"]
