"""Nothing secret of an event passes the screen in front of the log; what must stay, stays."""

from __future__ import annotations

import msgspec
import pytest

from a3s_code.kernel.events import (
    Binding,
    PermissionDenied,
    ReasoningDelta,
    RunFailed,
    RunId,
    TextDelta,
    ToolEnd,
    ToolInputDelta,
    TurnEnd,
)
from a3s_code.kernel.messages import Message, Text, Thinking, ToolCall, Usage
from a3s_code.kernel.ports import Redacting
from a3s_code.kernel.records import (
    ConfirmationWaived,
    Event,
    FileChanging,
    FileImage,
    HistoryAppended,
    RuleGranted,
    SessionOpened,
)
from a3s_code.kernel.screen import TOO_DEEP, Screen
from kernel.probes import InWhole

RUN, OTHER = RunId("run-1"), RunId("run-2")


class Masking:
    def redact(self, text: str) -> str:
        return text.replace("s3cret", "*").replace("4111111111111111", "*")

    def stream(self) -> Redacting:
        return InWhole(self.redact)


@pytest.fixture
def screen() -> Screen:
    return Screen(Masking())


def one(screen: Screen, event: Event) -> Event:
    (passed,) = screen.passed(event, RUN)
    return passed


def test_what_nests_too_deeply_is_left_out_and_breaks_nothing(screen: Screen) -> None:
    nested: list[object] = ["s3cret"]
    for _ in range(900):
        nested = [nested]
    event = HistoryAppended(message=Message("assistant", (ToolCall("c1", "bash", {"a": nested}),)))
    shown = msgspec.json.encode(one(screen, event))
    assert b"s3cret" not in shown
    assert TOO_DEEP.encode() in shown


def test_texts_are_redacted_however_deep_they_stand(screen: Screen) -> None:
    call = ToolCall("c1", "bash", {"s3cret": ["a", {"b": ("s3cret",)}], "n": 4111111111111111})
    event = HistoryAppended(message=Message("assistant", (Text("s3cret"), call)))
    shown = msgspec.json.encode(one(screen, event))
    assert b"s3cret" not in shown
    assert b"4111111111111111" not in shown


def test_an_event_without_secrets_is_the_same_event(screen: Screen) -> None:
    event = PermissionDenied(tool_id="c1", tool_name="t", args={"a": [1, None]}, reason="no")
    assert one(screen, event) is event


def test_what_a_resume_and_a_rewind_need_stays(screen: Screen) -> None:
    rules = {"deny": ["bash(* s3cret)"]}
    opened = SessionOpened(
        session_id="s3cret",
        workspace="/w/s3cret",
        model="p/m",
        created_at_ms=1,
        settings={"policy": rules, "slots": {"role": "s3cret"}},
    )
    shown = one(screen, opened)
    assert isinstance(shown, SessionOpened)
    assert (shown.session_id, shown.workspace) == ("s3cret", "/w/s3cret")
    assert shown.settings == {"policy": rules, "slots": {"role": "*"}}
    changing = FileChanging(
        call_id="c1", tool="write", path="s3cret", before=FileImage(), after=FileImage()
    )
    assert one(screen, changing) is changing
    granted = RuleGranted(call_id="c1", rules=("ls",), before="s3cret", after="s3cret")
    assert one(screen, granted) is granted
    binding = Binding(args_sha256="s3cret", tool_sha256="s3cret", policy_version="s3cret")
    waived = ConfirmationWaived(call_id="c1", tool="t", asked="", reason="", binding=binding)
    assert one(screen, waived) is waived


def test_a_thought_that_changed_has_no_signature_and_its_model_gets_it_back(
    screen: Screen,
) -> None:
    thought = Thinking("the s3cret", signature="signed")
    shown = one(screen, HistoryAppended(message=Message("assistant", (thought,))))
    assert isinstance(shown, HistoryAppended)
    assert shown.message.blocks == (Thinking("the *"),)
    assert screen.message(shown.message).blocks == (thought,)


def test_pieces_wait_and_come_before_what_ends_their_block(screen: Screen) -> None:
    assert screen.passed(TextDelta(text="a s3"), RUN) == ()
    assert screen.passed(TextDelta(text="cret b"), RUN) == ()
    end = TurnEnd(turn=1, usage=Usage())
    assert screen.passed(end, RUN) == (TextDelta(text="a * b"), end)
    assert screen.passed(end, RUN) == (end,)


def test_a_secret_that_is_said_while_something_goes_on_beside_it_is_still_one(
    screen: Screen,
) -> None:
    beside = ToolEnd(id="c1.1.1", name="t", output="s3cret", exit_code=0)
    childs = HistoryAppended(message=Message("assistant", (Text("x"),)), child="c1.1")
    screen.passed(TextDelta(text="a s3"), RUN)
    assert list(screen.passed(beside, RUN)) == [msgspec.structs.replace(beside, output="*")]
    assert list(screen.passed(childs, RUN)) == [childs]
    screen.passed(TextDelta(text="cret b"), RUN)
    end = TurnEnd(turn=1, usage=Usage())
    assert screen.passed(end, RUN) == (TextDelta(text="a * b"), end)


def test_blocks_of_other_kinds_calls_and_runs_are_texts_of_their_own(screen: Screen) -> None:
    screen.passed(ReasoningDelta(text="s3"), RUN)
    assert list(screen.passed(TextDelta(text="cret"), RUN)) == [ReasoningDelta(text="s3")]
    screen.passed(TextDelta(text="s3"), OTHER)
    first = screen.passed(ToolInputDelta(id="c1", delta="s3"), RUN)
    assert list(first) == [TextDelta(text="cret")]
    screen.passed(ToolInputDelta(id="c2", delta="s3cret"), RUN)
    screen.passed(ToolInputDelta(id="c1", delta="cret"), RUN)
    end = RunFailed(message="s3cret")
    assert list(screen.passed(end, RUN)) == [
        ToolInputDelta(id="c1", delta="*"),
        ToolInputDelta(id="c2", delta="*"),
        msgspec.structs.replace(end, message="*"),
    ]
