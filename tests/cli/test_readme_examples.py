"""The commands that the README shows are commands that there are."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from a3s_code.testing import says
from cli.command_line import CommandLine

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^(?: {4}|\$ )?(a3s-code .+)$", README, re.MULTILINE)
PROMPTS = [line for line in SHOWN if "a3s-code demo" not in line]
DEMOS = [*re.findall(r'ARGS="(.+?)"', README), *(line.partition(" demo")[2] for line in SHOWN)]


def test_the_readme_shows_the_terminal() -> None:
    assert len(PROMPTS) >= 3


@pytest.mark.parametrize("line", PROMPTS)
def test_a_prompt_of_the_readme_is_answered(line: str, command_line: CommandLine) -> None:
    command_line.configure(default=says("Done."))
    command_line.put("../policy.acl", 'allow = ["read"]')
    command_line.put("skills/review.md", "---\nname: review\n---\nReview.")
    done = command_line.run(*shlex.split(line, comments=True)[1:])

    assert done.returncode == 0, done.stderr
    assert "Done." in done.stdout


@pytest.mark.parametrize("flags", [given for given in DEMOS if given.strip()])
def test_a_demo_of_the_readme_asks_for_a_key_and_nothing_else(
    flags: str, command_line: CommandLine
) -> None:
    done = command_line.run("demo", *shlex.split(flags))

    assert done.returncode == 2
    assert "_API_KEY is not set" in done.stderr


def test_every_extra_that_nothing_imports_yet_is_named() -> None:
    """They install libraries without effect; who imports one moves it from there to here."""
    used = {"code", "monty", "vectors"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (told,) = re.findall(r"The extras (.+?) install libraries that nothing", README, re.DOTALL)

    assert set(re.findall(r"`(\w+)`", told)) == set(extras["optional-dependencies"]) - used
