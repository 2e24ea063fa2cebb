"""What the agent may do from a terminal, who is asked, and what Ctrl-C ends."""

from __future__ import annotations

import shlex

import pytest

from a3s_code.testing import breaks, calls, says
from cli.terminal import Desk, wait_until
from kernel.bench import alive

ECHO = calls("bash", command="echo made > made.txt")
SLEEP = calls("bash", command="echo $$ > pid; exec sleep 600")


# What the agent may do


def test_a_command_is_denied_where_nobody_can_be_asked_and_the_model_is_told_how(
    desk: Desk,
) -> None:
    desk.configure(ECHO, says("I may not."))
    done = desk.run("go")

    assert (done.returncode, done.stdout) == (0, "I may not.\n")
    assert not (desk.root / "made.txt").exists()
    told = desk.server.requests[1].asked.last
    assert "--allow bash" in told
    assert "--permissive" in told
    assert "--allow" in done.stderr


@pytest.mark.parametrize(
    "flags", [("--allow", "bash(echo *)"), ("--allow", "git", "--allow", "bash"), ("--permissive",)]
)
def test_what_the_user_allows_runs(flags: tuple[str, ...], desk: Desk) -> None:
    desk.configure(ECHO, says("Done."))
    done = desk.run(*flags, "go")

    assert done.returncode == 0
    assert (desk.root / "made.txt").read_text() == "made\n"


@pytest.mark.parametrize(
    "command",
    ["touch made.txt", "echo made > made.txt", "cd . && touch made.txt", "X=1 touch made.txt"],
)
def test_the_rule_that_a_denial_names_allows_the_call(command: str, desk: Desk) -> None:
    call = calls("bash", command=command)
    desk.configure(call, says("I may not."))
    desk.run("go")
    told = desk.server.requests[1].asked.last
    rule = shlex.split(told.partition("--allow ")[2].partition(", or")[0])[0]
    desk.configure(call, says("Done."))
    desk.run("--allow", rule, "go")

    assert (desk.root / "made.txt").exists()


def test_allowing_one_command_allows_no_other_and_takes_nothing_away(desk: Desk) -> None:
    desk.configure(
        calls("bash", command="touch other.txt"),
        calls("bash", command="echo x; touch other.txt"),
        calls("write", file_path="new.txt", content=""),
        says("Done."),
    )
    desk.run("--allow", "bash(echo *)", "go")

    assert not (desk.root / "other.txt").exists()
    assert (desk.root / "new.txt").exists()


@pytest.mark.parametrize("keys", [b"y\n", b"yes\n", b" Y \n"])
def test_a_person_at_the_terminal_may_allow_a_call(keys: bytes, desk: Desk) -> None:
    desk.configure(ECHO, says("Done."))
    done = desk.answer("go", keys=keys)

    assert (done.returncode, done.stdout) == (0, "Done.\n")
    assert "bash: echo made > made.txt" in done.stderr
    assert (desk.root / "made.txt").exists()


@pytest.mark.parametrize("keys", [b"n\n", b"\n", b"yess\n", b"\x04"])
def test_anything_but_yes_is_no(keys: bytes, desk: Desk) -> None:
    desk.configure(ECHO, says("I may not."))
    done = desk.answer("go", keys=keys)

    assert (done.returncode, done.stdout) == (0, "I may not.\n")
    assert not (desk.root / "made.txt").exists()
    assert "the user said no" in desk.server.requests[1].asked.last


def test_a_question_shows_the_whole_call_and_nothing_that_deceives(desk: Desk) -> None:
    command = "echo " + "a" * 3_000 + " \x1b[1A\x1b[2K \u202e; rm -rf last"
    desk.configure(calls("bash", command=command), says("I may not."))
    done = desk.answer("go", keys=b"n\n")

    question = done.stderr.partition("[y/N]")[0]
    assert "\x1b" not in question
    assert "\\x1b[1A\\x1b[2K \\u202e; rm -rf last" in question


# Ctrl-C


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_ctrl_c_while_a_command_runs_ends_with_130_and_the_command_too(
    flags: tuple[str, ...], desk: Desk
) -> None:
    desk.configure(SLEEP, says("never"))
    pid = desk.root / "pid"
    done = desk.interrupt(
        "--permissive", *flags, "go", when=lambda: pid.exists() and pid.read_text()
    )

    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    wait_until(lambda: not alive(int(pid.read_text())))


def test_ctrl_c_while_the_model_thinks_ends_with_130(desk: Desk) -> None:
    desk.configure(breaks("hang_mid", says("It will", " be")))
    done = desk.interrupt("go", when=lambda: desk.server.requests)

    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "a3s-code: interrupted"


def test_ctrl_c_at_a_question_ends_with_130(desk: Desk) -> None:
    desk.configure(ECHO, says("never"))
    done = desk.answer("go", keys=b"\x03", wait_s=3.0)

    assert done.returncode == 130
    assert not (desk.root / "made.txt").exists()
