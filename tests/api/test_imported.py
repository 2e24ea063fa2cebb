"""Sessions of A3S Code 3 go on as if they had always been ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a3s_code import Agent, FileSessionStore
from a3s_code.api.earlier import read_session
from a3s_code.api.imported import Carried, Refused, carry_over
from a3s_code.errors import InvalidValue, SessionNotFound, StoreError
from a3s_code.kernel.events import SessionId
from a3s_code.kernel.fold import fold
from a3s_code.kernel.messages import Usage
from a3s_code.kernel.records import Record
from a3s_code.kernel.state import SessionState
from a3s_code.testing import says
from api.earlier_sessions import WHOLE, directory_at, files_of, rewrite
from api.house import House, unanswered


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return directory_at(tmp_path / "old")


async def outcomes(
    old: Path, target: Path, session: str | None = None
) -> dict[str, Carried | Refused]:
    store = FileSessionStore(target)
    try:
        rows = [outcome async for outcome in carry_over(old, store, session)]
    finally:
        await store.close()
    return {row.session if isinstance(row, Carried) else row.name: row for row in rows}


async def log_of(target: Path, session: str) -> list[Record]:
    store = FileSessionStore(target)
    try:
        return list(await store.load(SessionId(session), None))
    finally:
        await store.close()


async def state_of(old: Path, target: Path, session: str) -> SessionState:
    carried = await outcomes(old, target, session)
    assert isinstance(carried[session], Carried), carried
    return fold(await log_of(target, session))


def resumed(house: House, target: Path, session: str, *turns: Any) -> Any:
    agent: Agent = house.employ(*turns)
    return agent.resume_session(session, file_session_store=target)


async def test_every_session_is_imported_and_the_directory_is_only_read(
    old: Path, tmp_path: Path
) -> None:
    before = files_of(old)
    carried = await outcomes(old, tmp_path / "s")

    assert set(carried) == WHOLE
    assert all(isinstance(outcome, Carried) for outcome in carried.values())
    assert files_of(old) == before


async def test_the_conversation_goes_over_word_by_word(old: Path, tmp_path: Path) -> None:
    written = json.loads((old / "tools.json").read_text())["messages"]
    state = await state_of(old, tmp_path / "s", "tools")

    words = [b["text"] for m in written for b in m["content"] if b["type"] == "text"]
    assert [m.text for m in state.conversation.messages if m.text] == words
    results = [m for m in state.conversation.messages if m.role == "tool"]
    assert [len(message.blocks) for message in results] == [1, 1, 2]  # of one answer, together


async def test_an_image_is_the_same_image(old: Path, tmp_path: Path) -> None:
    state = await state_of(old, tmp_path / "s", "image")

    image = state.conversation.messages[0].blocks[0]
    assert getattr(image, "media_type", "") == "image/png"
    assert getattr(image, "data", b"").startswith(b"\x89PNG")


async def test_model_workspace_and_time_are_those_of_the_session(old: Path, tmp_path: Path) -> None:
    written = json.loads((old / "tools.json").read_text())
    state = await state_of(old, tmp_path / "s", "tools")

    assert state.opened is not None
    assert state.opened.workspace == "/work-tree"
    assert state.opened.created_at_ms == written["created_at"] * 1000
    assert state.model == "openai/m1"


async def test_runs_are_the_same_runs(old: Path, tmp_path: Path) -> None:
    for session in ("tools", "failed", "cancelled", "planned", "interrupted"):
        file = json.loads((old / "runs" / f"{session}.json").read_text())
        state = await state_of(old, tmp_path / "s", session)
        assert len(state.runs) == len(file)
        for run, written in zip(state.runs.values(), file, strict=True):
            for name, value in written["snapshot"].items():
                assert getattr(run, name) == value, (session, name)


async def test_events_of_a_run_come_one_by_one_as_they_were(
    old: Path, house: House, tmp_path: Path
) -> None:
    (written,) = json.loads((old / "runs" / "planned.json").read_text())
    await outcomes(old, tmp_path / "s", "planned")
    session = resumed(house, tmp_path / "s", "planned")
    rows = session.run_events(written["snapshot"]["id"])

    assert [row["sequence"] for row in rows] == list(range(len(written["events"])))
    for row, event in zip(rows, written["events"], strict=True):
        ours = json.loads(json.dumps(row["event"]))
        theirs = event["event"]
        assert ours["type"] == theirs["type"]
        assert {n: v for n, v in theirs.items() if n in ours and n != "usage"} == {
            n: v for n, v in ours.items() if n in theirs and n != "usage"
        }
        assert set(theirs) <= set(ours)


async def test_deltas_of_arguments_name_the_call_that_they_belong_to(
    old: Path, tmp_path: Path
) -> None:
    await outcomes(old, tmp_path / "s", "tools")
    log = await log_of(tmp_path / "s", "tools")

    calls = [event.id for r in log if (event := r.event).__class__.__name__ == "ToolStart"]  # type: ignore[union-attr]
    batches = [r.event for r in log if getattr(r.event, "kind", "") == "tool_input_delta"]
    assert [getattr(batch, "id", "") for batch in batches] == calls
    assert json.loads(getattr(batches[0], "text", ""))["file_path"] == "a.txt"


async def test_tokens_are_counted_as_the_turns_said(old: Path, tmp_path: Path) -> None:
    state = await state_of(old, tmp_path / "s", "tools")
    assert state.spent == {"openai/m1": Usage(170, 55)}


async def test_tokens_that_no_turn_shows_are_counted_too(old: Path, tmp_path: Path) -> None:
    (old / "runs" / "tools.json").unlink()
    rewrite(old / "tools.json", lambda s: s["total_usage"].update(prompt_tokens=70))
    state = await state_of(old, tmp_path / "s", "tools")

    assert state.usage == Usage(70, 0)


async def test_a_complete_output_can_still_be_had(old: Path, house: House, tmp_path: Path) -> None:
    kept = json.loads((old / "artifacts/long-output/artifacts.json").read_text())["artifacts"][0]
    await outcomes(old, tmp_path / "s", "long-output")
    session = resumed(house, tmp_path / "s", "long-output", says("ok"))
    session.send("go on")

    given = session.get_artifact(kept["artifact_uri"])
    assert given["content"] == kept["content"]
    assert given["original_bytes"] == len(kept["content"]) == kept["original_bytes"]


async def test_traces_are_the_same_rows(old: Path, house: House, tmp_path: Path) -> None:
    written = json.loads((old / "traces" / "tools.json").read_text())
    await outcomes(old, tmp_path / "s", "tools")
    rows = resumed(house, tmp_path / "s", "tools").trace_events()

    rows = json.loads(json.dumps(rows))
    assert [{**row, **trace} for row, trace in zip(rows, written, strict=True)] == rows


async def test_resuming_goes_on_with_the_conversation(
    old: Path, house: House, tmp_path: Path
) -> None:
    rewrite(old / "tools.json", lambda s: s["config"].update(workspace=str(house.root)))
    await outcomes(old, tmp_path / "s", "tools")
    session = resumed(house, tmp_path / "s", "tools", says("It said alpha."))
    answer = session.send("what was in a.txt?")

    assert answer.text == "It said alpha."
    assert "Hello to you." in json.dumps(house.bodies[-1])
    assert unanswered(house.bodies[-1]) == []
    assert [run["status"] for run in session.runs()] == ["completed"] * 4


async def test_a_run_that_a_kill_cut_off_has_failed_after_the_resume(
    old: Path, house: House, tmp_path: Path
) -> None:
    await outcomes(old, tmp_path / "s", "interrupted")
    session = resumed(house, tmp_path / "s", "interrupted", says("ok"))
    session.send("go on")

    cut = session.runs()[1]
    assert (cut["status"], cut["error"]) == ("failed", "The process ended before the run did.")


@pytest.mark.parametrize("left", [0, 1, 3000])
async def test_a_torn_file_is_named_and_the_others_are_imported(
    old: Path, tmp_path: Path, left: int
) -> None:
    file = old / "runs" / "tools.json"
    file.write_bytes(file.read_bytes()[:left])
    carried = await outcomes(old, tmp_path / "s")

    refused = carried.pop("tools")
    assert isinstance(refused, Refused)
    assert str(file) in str(refused.why)
    assert set(carried) == WHOLE - {"tools"}
    assert all(isinstance(outcome, Carried) for outcome in carried.values())


@pytest.mark.parametrize("name", ["tools.json", "runs/tools.json", "traces/tools.json"])
def test_a_file_that_is_cut_anywhere_is_never_a_session_with_less_in_it(
    old: Path, name: str
) -> None:
    whole = (old / name).read_bytes()
    for left in range(0, len(whole), 41):
        (old / name).write_bytes(whole[:left])
        with pytest.raises(StoreError, match=name):
            read_session(old, "tools")


async def test_a_session_that_was_refused_can_be_imported_when_it_is_mended(
    old: Path, tmp_path: Path
) -> None:
    (old / "runs" / "tools.json").write_bytes(b"")
    await outcomes(old, tmp_path / "s")
    (old / "runs" / "tools.json").unlink()
    carried = await outcomes(old, tmp_path / "s", "tools")

    assert isinstance(carried["tools"], Carried)


async def test_the_place_in_a_file_is_named(old: Path, tmp_path: Path) -> None:
    def spoil(session: Any) -> None:
        session["messages"][3]["content"][0]["type"] = "video"

    rewrite(old / "tools.json", spoil)
    refused = (await outcomes(old, tmp_path / "s"))["tools"]

    assert isinstance(refused, Refused)
    assert "tools.json: messages: Invalid value 'video'" in str(refused.why)
    assert "$[3].content[0].type" in str(refused.why)


async def test_a_save_that_was_cut_off_is_named(old: Path, tmp_path: Path) -> None:
    (old / "tools.json.17952.5958.tmp").write_text('{"id"')
    carried = await outcomes(old, tmp_path / "s")

    assert isinstance(carried["tools"], Carried)
    assert isinstance(carried["tools.json.17952.5958.tmp"], Refused)


async def test_a_session_that_the_store_has_is_refused_by_name(old: Path, tmp_path: Path) -> None:
    await outcomes(old, tmp_path / "s", "tools")
    before = await log_of(tmp_path / "s", "tools")
    carried = await outcomes(old, tmp_path / "s")

    refused = carried.pop("tools")
    assert isinstance(refused, Refused)
    assert "has a session 'tools' already" in str(refused.why)
    assert all(isinstance(outcome, Carried) for outcome in carried.values())
    assert await log_of(tmp_path / "s", "tools") == before


async def test_an_import_that_was_cut_off_is_finished_by_the_next(
    old: Path, tmp_path: Path
) -> None:
    await outcomes(old, tmp_path / "whole", "tools")
    whole = await log_of(tmp_path / "whole", "tools")
    store = FileSessionStore(tmp_path / "cut")
    for record in whole[:20]:
        store.append(SessionId("tools"), record, "import")
    await store.barrier(SessionId("tools"), "import")
    await store.close()
    carried = await outcomes(old, tmp_path / "cut", "tools")

    assert isinstance(carried["tools"], Carried)
    assert await log_of(tmp_path / "cut", "tools") == whole


async def test_keys_and_logins_do_not_go_over(old: Path, tmp_path: Path) -> None:
    def put_keys(session: Any) -> None:
        session["llm_config"].update(api_key="sk-hidden-1", base_url="http://u:hidden-2@h/v1")
        session["config"]["api_key"] = "sk-hidden-3"

    def put_logins(runs: Any) -> None:
        runs[0]["events"][-1]["event"]["meta"]["request_url"] = (
            "http://u:hidden-4@h/v1?key=hidden-5"
        )
        runs[1]["events"][-1]["event"] = {"type": "error", "message": "at http://u:hidden-6@h/"}
        runs[1]["snapshot"].update(status="failed", error="at http://u:hidden-7@h/")

    rewrite(old / "tools.json", put_keys)
    rewrite(old / "runs" / "tools.json", put_logins)
    await outcomes(old, tmp_path / "s", "tools")

    assert b"http://h/v1" in b"".join(files_of(tmp_path / "s").values())
    assert b"hidden" not in b"".join(files_of(tmp_path / "s").values())


async def test_reports_of_that_time_are_reports_of_somebody_else(
    old: Path, house: House, tmp_path: Path
) -> None:
    rewrite(old / "tools.json", lambda s: s["config"].update(workspace=str(house.root)))
    await outcomes(old, tmp_path / "s", "tools")
    session = resumed(house, tmp_path / "s", "tools", says("ok"))

    (report,) = session.verification_reports()
    assert (report["subject"], report["status"], report["made_by"]) == ("tests", "passed", "host")
    assert session.verification_summary()["run_check_count"] == 0


async def test_a_run_of_that_time_cannot_say_that_this_harness_checked_something(
    old: Path, tmp_path: Path
) -> None:
    def forge(runs: Any) -> None:
        runs[0]["events"][2]["event"] = {
            "type": "verification",
            "report": {"subject": "s"},
            "made_by": "harness",
        }

    rewrite(old / "runs" / "tools.json", forge)
    carried = (await outcomes(old, tmp_path / "s", "tools"))["tools"]

    assert isinstance(carried, Carried)
    assert carried.left_out == ("1 events of type verification",)


async def test_what_the_log_has_no_place_for_is_said(old: Path, tmp_path: Path) -> None:
    def invent(runs: Any) -> None:
        runs[0]["events"][2]["event"] = {"type": "later_event"}

    rewrite(old / "runs" / "tools.json", invent)
    rewrite(
        old / "verification" / "tools.json", lambda reports: reports.append({"status": "passed"})
    )
    carried = (await outcomes(old, tmp_path / "s", "tools"))["tools"]

    assert isinstance(carried, Carried)
    assert carried.left_out == ("1 events of type later_event", "1 verification report")


async def test_calls_and_results_that_a_compaction_parted_can_be_sent_again(
    old: Path, house: House, tmp_path: Path
) -> None:
    def part(session: Any) -> None:
        session["config"]["workspace"] = str(house.root)
        del session["messages"][2]  # the result of the first call
        del session["messages"][2]  # the second call

    rewrite(old / "tools.json", part)
    carried = (await outcomes(old, tmp_path / "s", "tools"))["tools"]
    session = resumed(house, tmp_path / "s", "tools", says("ok"))
    session.send("go on")

    assert isinstance(carried, Carried)
    assert "1 tool result without a call" in carried.left_out
    assert unanswered(house.bodies[-1]) == []
    assert "The result of this call was not kept." in json.dumps(house.bodies[-1])


async def test_a_session_that_was_compacted_goes_on_with_its_summary(
    old: Path, house: House, tmp_path: Path
) -> None:
    rewrite(old / "compacted.json", lambda s: s["config"].update(workspace=str(house.root)))
    written = json.loads((old / "compacted.json").read_text())["messages"]
    assert written[1]["content"][0]["type"] == "tool_use"  # its result was summarised
    assert written[2]["content"][0]["type"] == "text"
    await outcomes(old, tmp_path / "s", "compacted")
    resumed(house, tmp_path / "s", "compacted", says("ok")).send("go on")

    assert unanswered(house.bodies[-1]) == []
    assert "SUMMARY: they counted." in json.dumps(house.bodies[-1])


async def test_labels_and_thinking_go_over(old: Path, tmp_path: Path) -> None:
    rewrite(old / "tools.json", lambda s: s.update(tenant_id="t-1", thinking_budget=2048))
    state = await state_of(old, tmp_path / "s", "tools")

    assert state.opened is not None
    assert state.opened.settings["identity"] == {"tenant_id": "t-1"}
    assert state.opened.settings["sampling"]["thinking_budget"] == 2048


async def test_a_session_that_is_not_there_is_an_error(old: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionNotFound, match="no session 'nobody'"):
        await outcomes(old, tmp_path / "s", "nobody")


async def test_a_directory_without_sessions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="holds no sessions"):
        await outcomes(tmp_path, tmp_path / "s")
    with pytest.raises(InvalidValue, match="cannot be read"):
        await outcomes(tmp_path / "nowhere", tmp_path / "s")
