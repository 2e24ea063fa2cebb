from __future__ import annotations

import asyncio
import itertools
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.tools.bash import LiveText, bash
from a3s_code.kernel.tool import Effect
from capabilities.conftest import Workspace, effect, subject


async def test_a_successful_command_shows_its_output_and_nothing_else(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command="echo hi; pwd")
    assert shown.text == f"hi\n{workspace.root}\n"
    assert (shown.failed, shown.exit_code, shown.metadata) == (False, 0, {"exit_code": 0})


async def test_output_and_errors_keep_their_order(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command="echo one; echo two >&2; echo three")
    assert shown.text == "one\ntwo\nthree\n"


async def test_the_model_sees_the_exit_status(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command="printf out; exit 3")
    assert shown.text == "out\n[exit status 3]"
    assert (shown.failed, shown.exit_code, shown.metadata) == (True, 3, {"exit_code": 3})


async def test_a_silent_failure_is_still_told(workspace: Workspace) -> None:
    assert (await workspace.run(bash, command="false")).text == "[exit status 1]"


async def test_a_timeout_keeps_what_was_printed_and_kills_the_children(
    workspace: Workspace,
) -> None:
    command = "echo early; sh -c 'sleep 1; touch late' & sleep 30"
    shown = await workspace.run(bash, command=command, timeout=300)
    assert shown.text == "early\n[Command timed out after 300ms]"
    assert (shown.failed, shown.exit_code) == (True, 124)
    assert shown.error_kind == {"type": "timeout", "timeout_ms": 300}
    await asyncio.sleep(1.2)
    assert list(workspace.root.iterdir()) == []


async def test_a_command_ends_before_the_sessions_limit_and_keeps_its_output(
    workspace: Workspace,
) -> None:
    workspace.timeout_s = 0.5
    shown = await workspace.run(bash, command="echo early; sleep 30")
    assert shown.text == "early\n[Command timed out after 450ms]"


async def test_output_is_shown_while_the_command_runs(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "pipe")
    command = "echo first; read -r line < pipe; echo $line"
    running = asyncio.create_task(workspace.run(bash, command=command))
    async with asyncio.timeout(10):
        await workspace.shown.wait()
    assert "".join(workspace.live) == "first\n"
    (workspace.root / "pipe").write_text("last\n")
    await running
    assert "".join(workspace.live) == "first\nlast\n"


async def test_a_character_cut_in_two_is_shown_whole(workspace: Workspace) -> None:
    await workspace.run(bash, command=r"printf '\xc3'; sleep 0.1; printf '\xa9\xff'")
    assert "".join(workspace.live) == "é\N{REPLACEMENT CHARACTER}"


async def test_what_is_shown_of_a_flood_is_what_it_printed(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command="seq 1 400000; echo END")
    assert shown.text.endswith("400000\nEND\n")
    assert "".join(workspace.live) == shown.text


async def test_what_was_dropped_from_a_flood_is_said(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command="head -c 20000000 /dev/zero | tr '\\0' a; echo END")
    assert shown.metadata is not None
    dropped = shown.metadata["dropped_bytes"]
    assert dropped > 0
    assert shown.text.splitlines()[-1].startswith(f"[{dropped} bytes from the middle")


async def test_variables_are_added_for_one_command(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command='echo "$GREETING"', env={"GREETING": "a b"})
    assert shown.text == "a b\n"


@pytest.mark.parametrize(
    "args",
    [
        {"command": "echo a\0b"},
        {"command": "true", "env": {"A=B": "x"}},
        {"command": "true", "env": {"A": "\0"}},
        {"command": "echo \ud800"},
    ],
)
async def test_what_no_process_can_take_is_the_callers_mistake(
    workspace: Workspace, args: dict[str, object]
) -> None:
    shown = await workspace.run(bash, **args)
    assert shown.failed
    assert shown.error_kind == {"type": "invalid_argument"}


async def test_a_command_that_looks_like_an_option_is_a_command(workspace: Workspace) -> None:
    shown = await workspace.run(bash, command="-c 'touch made'")
    assert shown.exit_code == 127
    assert list(workspace.root.iterdir()) == []


@pytest.mark.parametrize("timeout", [0, 600_001])
def test_a_timeout_outside_what_is_said_is_refused(timeout: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"command": "true", "timeout": timeout}, bash.args)


def test_rules_match_the_command() -> None:
    assert subject(bash, command="git status; rm x") == "git status; rm x"


def test_a_rule_for_a_command_does_not_cover_variables_that_change_what_it_runs() -> None:
    seen = subject(bash, command="git status", env={"PATH": "/tmp/evil dir"})
    assert seen == "export PATH='/tmp/evil dir'\ngit status"


def test_only_a_command_that_is_proved_effect_free_counts_as_reading() -> None:
    assert effect(bash, command="cat a.txt") is Effect.READ
    assert effect(bash, command="rm a.txt") is Effect.EXECUTE
    assert effect(bash, command="cat a.txt", env={"LD_PRELOAD": "x.so"}) is Effect.EXECUTE


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_however_output_is_cut_the_pieces_shown_are_its_text(data: bytes, cuts: list[int]) -> None:
    shown: list[str] = []
    live = LiveText(shown.append)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        live.feed(data[start:end])
    live.end()
    assert "".join(shown) == data.decode(errors="replace")
