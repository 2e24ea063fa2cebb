"""What a run and a session have cost, from both wires, and after a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from a3s_code import (
    Agent,
    FileSessionStore,
    LlmCostRecord,
    Message,
    Reply,
    Text,
    Usage,
    aggregate_cost_records,
)
from a3s_code.api.cost_log import cost_records
from a3s_code.errors import InvalidValue, RunError
from a3s_code.kernel.clock import SystemClock
from a3s_code.kernel.events import RunId, SessionId, TurnEnd
from a3s_code.kernel.log import Log
from a3s_code.kernel.records import ModelSwitched, RunStarted, SessionOpened, TokensSpent
from a3s_code.testing import Turn, calls, says
from api.house import WIRES, House

CACHED = Usage(1000, 100, cache_read_tokens=600, cache_write_tokens=300)
PRICED = "cost { input = 10, output = 50, cache_read = 1, cache_write = 12.5 }"


def told(text: str = "Hello.", usage: Usage = CACHED) -> Turn:
    return says(text, usage=usage)


def priced(house: House, kind: str, *turns: Turn, model_extra: str = PRICED, **options: Any) -> Any:
    agent = Agent(house.serve(*turns).acl(kind, model_extra=model_extra))
    house._open.callback(agent.close)
    return agent.session(house.root, **options)


@pytest.mark.parametrize("kind", WIRES)
def test_cached_tokens_are_shown_and_priced(kind: str, house: House) -> None:
    session = priced(house, kind, told())
    result = session.send("hi")
    written = 300 if kind == "anthropic" else 0  # the other wire does not tell

    assert (result.prompt_tokens, result.cache_read_tokens) == (1000, 600)
    assert result.cache_write_tokens == written
    plain = 1000 - 600 - written
    expected = (plain * 10 + 600 * 1 + written * 12.5 + 100 * 50) / 1e6
    assert result.cost_usd == pytest.approx(expected)
    assert result.is_cost_known
    assert session.cost_summary().total_usd == pytest.approx(expected)
    [run] = session.runs()
    assert run["usage"]["cache_read_tokens"] == 600
    lines = session.send("/cost").text.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Session",
        "Model",
        "Tokens",
        "Cost",
        "Cached",
    ]
    assert lines[2:] == [
        "Tokens:  1100",
        f"Cost:    ${expected:.4f}",
        f"Cached:  600 read, {written} written",
    ]


def test_the_formula_of_the_documents_holds_where_no_price_of_the_cache_is_given(
    house: House,
) -> None:
    session = priced(house, "anthropic", told(), model_extra="cost { input = 10, output = 50 }")
    assert session.send("hi").cost_usd == pytest.approx((1000 * 10 + 100 * 50) / 1e6)


def test_a_price_that_the_configuration_does_not_state_is_that_of_the_table(house: House) -> None:
    extra = 'default_model = "openai/gpt-4.1"\nproviders "openai" { api_key = "k"\n'
    config = f'{extra} models "gpt-4.1" {{ cost {{ cache_read = 0 }} }} }}'
    with Agent(config) as agent:
        session = agent.session(house.root, llm_client=Own("openai/gpt-4.1"))
        assert session.send("hi").cost_usd == pytest.approx((400 * 2.0 + 100 * 8.0) / 1e6)


class Own:
    """A model of the user that counts its tokens."""

    context_window = 8_000

    def __init__(self, ref: str = "own/m") -> None:
        self.ref = ref

    async def reply(self, request: Any, listener: Any) -> Reply:
        return Reply(Message("assistant", (Text("Hello."),)), CACHED)


@pytest.mark.parametrize("ask", ["cost_records", "cost_summary"])
def test_a_run_that_there_is_not_has_not_been_free(house: House, ask: str) -> None:
    session = priced(house, "openai", told())
    with pytest.raises(InvalidValue, match=r"no run 'run-x'.*runs\(\) lists them"):
        getattr(session, ask)("run-x")
    run = session.send("hi") and session.runs()[0]["id"]
    with pytest.raises(InvalidValue, match=f"did you mean '{run}'"):
        getattr(session, ask)(run[:-1])

    assert session.cost_summary(run).requests == 1
    assert session.cost_records("") == []


def test_a_run_that_asked_no_model_has_cost_nothing(house: House) -> None:
    session = priced(house, "openai", told())
    session.register_hook("h", "pre_prompt", handler=lambda _: {"action": "block"})
    with pytest.raises(RunError):
        session.send("hi")

    assert session.cost_summary(session.runs()[0]["id"]).total_usd == 0


def test_a_model_without_a_price_is_said_to_be_unknown_and_not_free(house: House) -> None:
    session = house.session(llm_client=Own())
    result = session.send("hi")

    assert (result.cost_usd, result.is_cost_known) == (0.0, False)
    assert session.cost_summary().unpriced == ("own/m",)
    text = session.send("/cost").text
    assert "Cost:    $0.0000" in text
    assert "Unknown: no price for own/m, counted as 0" in text


def test_a_resumed_session_has_cost_the_same(house: House, tmp_path: Path) -> None:
    store = {"session_id": "s", "session_store": FileSessionStore(tmp_path / "store")}
    session = priced(
        house, "anthropic", calls("ls", path="."), told("one"), told("two"), told("three"), **store
    )
    first = session.send("go")
    session.send("/model anthropic/other")
    session.send("go on")
    before = (session.cost_summary(), session.cost_records())
    session.close()
    agent = Agent(house.server.acl("anthropic", model_extra=PRICED))
    house._open.callback(agent.close)
    later = agent.resume_session("s", session_store=store["session_store"])

    assert (later.cost_summary(), later.cost_records()) == before
    summary = before[0]
    assert summary.requests == 3
    assert summary.by_run[session_runs(later)[0]] == pytest.approx(first.cost_usd)
    assert sum(summary.by_run.values()) == pytest.approx(summary.total_usd)
    assert sum(summary.by_day.values()) == pytest.approx(summary.total_usd)
    assert summary.by_model.keys() == {"anthropic/m1", "anthropic/other"}
    assert summary.unpriced == ("anthropic/other",)
    one = later.cost_records(session_runs(later)[1])
    assert [(row.model, row.is_priced) for row in one] == [("anthropic/other", False)]


def session_runs(session: Any) -> list[str]:
    return [run["id"] for run in session.runs()]


def test_a_run_that_goes_on_with_another_has_cost_what_both_have(house: House) -> None:
    round_ = replace(calls("ls", path="."), usage=CACHED)
    session = priced(house, "openai", round_, round_, told(), max_tool_rounds=1)
    with pytest.raises(RunError) as caught:
        session.send("go")
    result = session.resume_run(caught.value.run_id)

    assert result.usage.total_tokens == 3 * 1100
    assert result.cost_usd == pytest.approx(session.cost_summary().total_usd)
    assert len(session.cost_records(session.runs()[-1]["id"])) == 1


def log_of(*events: tuple[str, Any]) -> Log:
    log = Log(SessionId("s"), SystemClock(), None)
    log.append(SessionOpened(session_id="s", workspace="/", model="p/a", created_at_ms=0))
    for run, event in events:
        log.append(event, RunId(run))
    return log


def test_summaries_and_children_are_in_the_cost_of_the_run_that_made_them() -> None:
    turn = TurnEnd(turn=1, usage=Usage(1, 0))
    log = log_of(
        ("r1", RunStarted(prompt="x")),
        ("r1", turn),
        ("r1", TokensSpent(usage=Usage(10, 0), purpose="turn", child="task-1", model="p/b")),
        ("", ModelSwitched(model="p/b")),
        ("", TokensSpent(usage=Usage(100, 0), purpose="compact")),
        ("r2", RunStarted(prompt="y")),
        ("r2", turn),
    )
    rows = cost_records(log, lambda model, usage: usage.prompt_tokens * {"p/a": 1, "p/b": 2}[model])
    summary = aggregate_cost_records(rows)

    assert [(row.model, row.child, row.purpose) for row in rows] == [
        ("p/a", "", "turn"),
        ("p/b", "task-1", "turn"),
        ("p/b", "", "compact"),
        ("p/b", "", "turn"),
    ]
    assert summary.by_run == {"r1": 21, "": 200, "r2": 2}
    assert summary.by_child == {"task-1": 20}
    assert (summary.total_usd, summary.usage.total_tokens) == (223, 112)
    assert log.state.runs[RunId("r1")].usage == Usage(11, 0)
    assert log.state.spent == {"p/a": Usage(1, 0), "p/b": Usage(111, 0)}


def row(session: str, at: int, usd: float) -> LlmCostRecord:
    return LlmCostRecord(
        model="p/m",
        provider="p",
        prompt_tokens=1,
        completion_tokens=1,
        total_tokens=2,
        cost_usd=usd,
        timestamp_ms=at,
        session_id=session,
    )


def test_rows_of_several_sessions_add_up_by_session_and_time() -> None:
    day = 86_400_000
    rows = [row("a", 0, 1), row("a", day - 1, 2), row("b", day, 4), row("b", 2 * day, 8)]

    assert aggregate_cost_records(rows).total_usd == 15
    assert aggregate_cost_records(rows, "a").total_usd == 3
    assert aggregate_cost_records(rows, start_ms=day).total_usd == 12
    assert aggregate_cost_records(rows, end_ms=day).by_day == {"1970-01-01": 3}
    assert aggregate_cost_records(rows, "b", day, 2 * day).total_usd == 4
    assert aggregate_cost_records([]).total_usd == 0
