"""Nothing enters the context unseen: every request has a receipt, and it adds up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_code import (
    Agent,
    Attachment,
    ContextReceipt,
    FileSessionStore,
    Session,
    SessionOptions,
    SystemPromptSlots,
)
from a3s_code.api import behaviour
from a3s_code.harness.context import ContextSources
from a3s_code.kernel.context import ContextItem, ContextQuery
from a3s_code.kernel.measure import escaped_bytes
from a3s_code.kernel.messages import ToolCall, ToolResult
from a3s_code.testing import Scripted, calls, says
from api.house import WIRES, House


class Library:
    name = "library"

    async def query(self, query: ContextQuery) -> Sequence[ContextItem]:
        about = f"{query.query} in short — “quoted”\n\\ and 漢字"
        return [
            ContextItem(source="library://1", content=about, trust="user", why="it fits"),
            ContextItem(source="library://2", content="", why="it is empty"),
        ]


class Beside:
    name = "beside"

    async def attend(
        self, calls: Sequence[ToolCall], results: Sequence[ToolResult]
    ) -> Sequence[ContextItem]:
        assert len(calls) == len(results)
        return [ContextItem(source=f"beside://{call.id}", content=call.name) for call in calls]


@pytest.fixture
def furnished(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ContextSources(providers=(Library(),), companions=(Beside(),))
    monkeypatch.setattr(behaviour, "context_sources", lambda *_, **__: sources)


def receipt(session: Session, turn: int | None = None) -> ContextReceipt:
    found = session.context_receipt(session.runs()[-1]["id"], turn)
    assert found is not None
    return found


def kinds(found: ContextReceipt) -> list[str]:
    return [part.kind for part in found.parts]


def texts(body: Any) -> str:
    return json.dumps(body["messages"], ensure_ascii=False)


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("kind", WIRES)
def test_a_receipt_says_what_entered_why_and_from_where(house: House, kind: str) -> None:
    session = house.session(calls("ls"), says("Done."), kind=kind)
    session.send("Look around")
    first, second = receipt(session, 1), receipt(session, 2)

    assert kinds(first) == ["settings", "tools", "prompt", "context", "user", "joints"]
    assert [(part.source, part.trust, part.why) for part in first.parts[3:5]] == [
        ("library://1", "user", "it fits"),
        ("", "user", "the user said it"),
    ]
    assert [(left.source, left.why) for left in first.left_out] == [("library://2", "it is empty")]
    assert kinds(second) == [
        *("settings", "tools", "prompt", "kept", "assistant", "result", "context", "joints")
    ]
    assert second.parts[3].count == 1
    assert second.parts[6].source.startswith("beside://")
    assert second.left_out == ()


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("kind", WIRES)
def test_the_parts_add_up_to_the_body_that_came_in(house: House, kind: str) -> None:
    session = house.session(calls("ls"), says("Done."), says("Again."), kind=kind)
    session.send_with_attachments("Look", [Attachment.png(b"\x89PNG" + bytes(range(200)))])
    session.send("Once more ünd — “so”\x7f\n")

    for request, found in zip(
        house.server.requests,
        [each for run in session.runs() for each in session.context_receipts(run["id"])],
        strict=True,
    ):
        assert found.bytes == sum(part.bytes for part in found.parts)
        assert found.bytes == int(request.headers["content-length"])
        assert found.tokens == sum(part.tokens for part in found.parts)


@pytest.mark.usefixtures("furnished")
def test_what_a_part_counts_stands_in_the_body_as_it_is_counted(house: House) -> None:
    session = house.session(says("Done."))
    session.send("Look around")
    (context,) = [part for part in receipt(session).parts if part.kind == "context"]
    shown = session.history()[0]["content"][0]["items"][0]["text"]

    assert context.bytes == escaped_bytes(shown)
    assert shown in json.loads(texts(house.bodies[0]))[-1]["content"]


def test_the_provider_is_quoted_beside_the_estimate(house: House) -> None:
    session = house.session(says("Done."))
    session.send("Look around")
    usage = receipt(session).usage

    assert usage is not None
    assert usage.prompt_tokens > 0


def test_a_request_that_nobody_answered_has_a_receipt_too(house: House) -> None:
    session = house.session(says("Never."))
    house.server.close()
    with pytest.raises(Exception, match=r"refused|unreachable|failed"):
        session.send("Look around")

    assert receipt(session).usage is None


def test_instructions_are_parts_of_their_own(house: House) -> None:
    house.put("AGENTS.md", "Use tabs.\n")
    session = house.session(says("Done."))
    session.send("Look around")
    context = [part for part in receipt(session).parts if part.kind == "context"]

    assert [(part.source, part.trust) for part in context] == [("file://AGENTS.md", "workspace")]


def test_a_model_of_the_hosts_own_has_receipts_of_the_canonical_form(tmp_path: Path) -> None:
    with Agent.create('default_model = "scripted/model"') as agent:
        session = agent.session(tmp_path, llm_client=Scripted(calls("ls"), says("Done.")))
        session.send("Look around")
        found = session.context_receipts(session.runs()[0]["id"])

    assert [each.wire for each in found] == ["plain", "plain"]
    assert all(each.bytes == sum(part.bytes for part in each.parts) for each in found)


def test_a_history_of_the_callers_own_is_listed_and_the_sessions_own_again_after_it(
    house: House,
) -> None:
    session = house.session(says("One."), says("Two."), says("Three."))
    session.send("first")
    session.send("aside", history=[{"role": "user", "content": "elsewhere"}])
    aside = receipt(session)
    session.send("third")

    assert kinds(aside)[3:-1] == ["user", "user"]
    assert kinds(receipt(session))[3:-1] == ["user", "assistant", "user"]


def test_receipts_outlive_the_process_and_go_on_after_a_resume(
    house: House, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "store")
    session = house.session(says("One."), says("Two."), session_store=store, session_id="kept")
    session.send("first")
    before = receipt(session)
    session.close()
    again = house.agent.resume_session("kept", session_store=store)
    again.send("second")

    assert again.context_receipt(before.run_id) == before
    assert kinds(receipt(again))[3:-1] == ["user", "assistant", "user"]


def test_a_long_conversation_is_counted_and_not_listed_again(house: House) -> None:
    session = house.session(default=says("Yes."))
    for number in range(3):
        session.send(f"question {number}")
    found = receipt(session)

    (kept,) = [part for part in found.parts if part.kind == "kept"]
    assert (kept.count, kinds(found).count("user")) == (3, 1)


def test_receipts_go_with_the_runs_that_retention_drops(house: House) -> None:
    session = house.session(default=says("Yes."), retention_limits={"max_runs_retained": 2})
    ids: list[str] = []
    for number in range(4):
        session.send(f"question {number}")
        ids.append(session.runs()[-1]["id"])

    assert [bool(session.context_receipts(id_)) for id_ in ids] == [False, False, True, True]


def words(found: ContextReceipt) -> list[tuple[str, str]]:
    return [(part.source, part.trust) for part in found.parts if part.kind == "prompt"]


@pytest.mark.parametrize("kind", WIRES)
def test_the_prompt_is_listed_by_whose_words_it_is_and_adds_up(house: House, kind: str) -> None:
    slots = SystemPromptSlots(role="You are “Rex”.", guidelines="Keep\nit short.", extra="漢字")
    session = house.session(says("Done."), kind=kind, prompt_slots=slots)
    session.send("Look around")
    found = receipt(session)

    assert words(found) == [
        ("option://role", "host"),
        ("prompt://core", "host"),
        ("option://guidelines", "host"),
        ("prompt://core", "host"),
        ("option://extra", "host"),
    ]
    assert next(part.bytes for part in found.parts if part.kind == "prompt") == escaped_bytes(
        "You are “Rex”."
    )


def test_a_prompt_without_slots_is_one_part(house: House) -> None:
    session = house.session(says("Done."))
    session.send("Look around")

    assert words(receipt(session)) == [("prompt://core", "host")]


def test_the_text_of_a_persona_is_named_as_that_of_its_skill(house: House) -> None:
    persona = "---\nname: rex\ndescription: A dog\nkind: persona\n---\nYou bark.\n"
    house.put("skills/rex.md", persona)
    session = house.session(says("Wuff."), skill_dirs=[house.root / "skills"])
    session.send("Look around")

    assert words(receipt(session)) == [("skill://rex", "external"), ("prompt://core", "host")]


def test_a_persona_of_the_program_is_its_own_words(house: House) -> None:
    options = SessionOptions()
    options.add_persona("rex", "You bark.")
    session = house.employ(says("Wuff.")).session(house.root, options)
    session.send("Look around")

    assert words(receipt(session))[0] == ("skill://rex", "host")


def test_the_role_of_a_child_is_named_as_that_of_its_skill(house: House) -> None:
    house.put("skills/fetch.md", "---\nname: fetch\ndescription: Fetch\n---\nFetch it.\n")
    session = house.session(
        says("Here."),
        skill_dirs=[house.root / "skills"],
        prompt_slots=SystemPromptSlots(role="R", extra="E"),
    )
    done = session.tool("Skill", {"skill_name": "fetch"})
    (found,) = session.context_receipts(done.metadata["skill"]["task_id"])

    assert words(found) == [
        ("skill://fetch", "external"),
        ("prompt://core", "host"),
        ("option://extra", "host"),
    ]
