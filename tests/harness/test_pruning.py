"""Old outputs make room, and say how to have them again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.pruning import MIN_TOKENS, kept_already, marker, old_outputs, pruned
from a3s_code.harness.tokens import estimate
from a3s_code.kernel.artifacts import bounded
from a3s_code.kernel.messages import Context, ContextText, Message, ToolCall, ToolResult, user
from a3s_code.kernel.records import ArtifactStored

URI = f"a3s://tool-output/bash/{'0' * 64}"


def turn(id_: str, words: int) -> list[Message]:
    return [
        Message("assistant", (ToolCall(id_, "read", {"file_path": f"{id_}.py"}),)),
        Message("tool", (ToolResult(id_, "word " * words),)),
    ]


def conversation(sizes: list[int]) -> list[Message]:
    turns = [turn(f"c{at}", words) for at, words in enumerate(sizes)]
    return [user("go"), *(message for each in turns for message in each)]


def ids(messages: list[Message], keep: int) -> list[str]:
    return [old.result.tool_use_id for old in old_outputs(messages, keep)]


def test_outputs_older_than_the_newest_tokens_go() -> None:
    messages = conversation([1_000] * 6)
    each = estimate("word " * 1_000)

    assert ids(messages, 3 * each) == ["c0", "c1", "c2"]
    assert ids(messages, 6 * each) == []


def test_what_the_model_has_not_seen_stays() -> None:
    messages = conversation([1_000, 1_000])
    assert ids(messages, 0) == ["c0"]
    assert [old.result.tool_use_id for old in old_outputs(messages, 0, spare=0)] == ["c0", "c1"]


def test_small_outputs_stay() -> None:
    assert ids(conversation([20, 1_000]), 0) == []


def test_a_marker_says_where_the_output_is_and_how_to_have_it_again() -> None:
    (old,) = old_outputs(conversation([1_000, 1]), 0)
    text = marker(old, URI)

    assert text.startswith("[Output pruned to make room: about ")
    assert URI in text
    assert "call read again (c0.py)" in text
    assert "not kept" in marker(old, "")
    assert estimate(text) < MIN_TOKENS


@pytest.mark.parametrize("end", [" ]", " , which read shows]"], ids=["of before", "of now"])
def test_an_output_whose_whole_is_an_artifact_already_is_found_there(end: str) -> None:
    whole = "head\n" + "x" * 12 + "tail"
    cut = ToolResult("c", f"head\n[12 bytes cut; the whole is {URI}{end}\ntail")
    kept = {URI: ArtifactStored(URI, "bash", "0" * 64, len(whole), 9)}
    assert kept_already(cut, kept) == URI
    assert kept_already(cut, {}) == ""
    assert kept_already(ToolResult("c", URI), kept) == ""


@given(st.text(max_size=300), st.integers(0, 200))
def test_what_a_call_brought_is_found_in_its_artifact_however_it_was_cut(
    text: str, limit: int
) -> None:
    size = len(text.encode())
    shown = bounded(
        text, limit, lambda n: f"[{n} bytes cut; the whole is {URI} , which read shows]"
    )
    kept = {URI: ArtifactStored(URI, "bash", "0" * 64, size, limit)}
    assert kept_already(ToolResult("c", shown), kept) == (URI if size > limit else "")


@pytest.mark.parametrize("place", ["{} and more", "before\n{}\nafter", "x {}\n"])
def test_an_output_that_only_quotes_such_a_notice_is_kept_itself(place: str) -> None:
    kept = {URI: ArtifactStored(URI, "bash", "0" * 64, 200_000, 102_400)}
    said = place.format(f"[12 bytes cut; the whole is {URI} , which read shows]")
    assert kept_already(ToolResult("c", said), kept) == ""


@given(st.lists(st.integers(0, 600), max_size=12), st.integers(0, 2_000))
def test_pruning_keeps_every_call_and_its_result_and_is_done_once(
    sizes: list[int], keep: int
) -> None:
    messages = conversation(sizes)
    after, gone = pruned(messages, old_outputs(messages, keep), lambda old: marker(old, URI))

    assert [(m.role, len(m.blocks)) for m in after] == [(m.role, len(m.blocks)) for m in messages]
    assert [r.tool_use_id for m in after for r in m.blocks if isinstance(r, ToolResult)] == [
        r.tool_use_id for m in messages for r in m.blocks if isinstance(r, ToolResult)
    ]
    assert old_outputs(after, keep) == []
    assert len(json.dumps([str(m) for m in after])) <= len(json.dumps([str(m) for m in messages]))
    if not gone:
        assert after == messages


def test_what_stands_beside_an_output_stays() -> None:
    beside = Context((ContextText("<context>x</context>", "file://x"),))
    messages = conversation([1_000, 1])
    messages[2] = Message("tool", (*messages[2].blocks, beside))
    after, _ = pruned(messages, old_outputs(messages, 0), lambda old: marker(old, URI))

    assert after[2].blocks[1] == beside


@pytest.mark.parametrize("text", ["", "[longer]" * 5_000])
def test_a_marker_that_is_longer_than_the_output_is_not_used(text: str) -> None:
    messages = conversation([1_000, 1])
    after, gone = pruned(messages, old_outputs(messages, 0), lambda old: text)

    assert bool(gone) is (text == "")
    assert (after == messages) is (text != "")
