"""What the README shows can be done."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import pytest

import a3s_code
from a3s_code import Agent, SessionOptions
from a3s_code.api import settings
from a3s_code.testing import Script, ScriptedServer, When, calls, on, says
from api.house import House

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
BLOCKS = [text for language, text in FENCED if language == "python"]
CONFIGS = [text for language, text in FENCED if not language]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0])
def test_every_python_block_compiles(block: str) -> None:
    compile(block, "README.md", "exec")


def test_what_is_said_to_be_still_to_come_is_no_value_of_an_option_that_works() -> None:
    section = README.partition("## Still to come")[2]
    named = set(re.findall(r"`(\w+)`", section)) & set(a3s_code.__all__)
    takers = {
        name
        for name, kind in SessionOptions.__annotations__.items()
        if any(re.search(rf"\b{value}\b", kind) for value in named)
    }

    assert takers <= settings._TO_COME  # pyright: ignore[reportPrivateUsage] - the list itself
    assert not re.search(r"\b(delegation|budgets|teams)\b", section, re.IGNORECASE)


def test_the_configuration_loads(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-sham")
    (text,) = [config for config in CONFIGS if "default_model" in config]
    agent = Agent(text)

    assert agent.session(house.root).session_id
    agent.close()


@pytest.fixture
def here(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The blocks run in the workspace, where `agent.acl` names a scripted model."""
    lead = on(When(last_user="Take the goal"), says('{"tasks": ["do one"]}'))
    reviewer = on(When(last_user="Judge whether"), says("APPROVED"))
    house.serve(calls("glob", pattern="*.py"), rules=(lead, reviewer), default=says("Two files."))
    house.put("agent.acl", house.server.acl())
    house.put("../policy.acl", next(config for config in CONFIGS if "deny" in config))
    monkeypatch.chdir(house.root)
    return house


def run(block: str, names: dict[str, Any], house: House) -> None:
    program = block.replace("/my-project", str(house.root))
    exec(compile(program, "README.md", "exec"), names)


def test_the_blocks_run_one_after_the_other(
    here: House, capsys: pytest.CaptureFixture[str]
) -> None:
    found = types.SimpleNamespace(search=lambda query: [f"{query} {n}" for n in range(9)])
    names: dict[str, Any] = {"tracker": found}
    printed: dict[str, str] = {}
    for block in BLOCKS:
        run(block, names, here)
        printed[block] = capsys.readouterr().out
    names["agent"].close()

    def said(text: str) -> str:
        return next(printed[block] for block in BLOCKS if text in block)

    assert said("Agent.create") == "Two files.\n"
    assert "Two files." in said("session.stream")
    assert here.get("notes.txt") == "one\ndos\n"
    assert "Start on the refactoring" in said("FileSessionStore")
    assert here.has("sessions/sessions.db")
    assert "Start on the refactoring" in said("checkpoints()")


def test_the_module_docstring_shows_a_program_that_runs(
    here: House, capsys: pytest.CaptureFixture[str]
) -> None:
    text = re.search(r"\n\n((?:    .*\n|\n)+)", a3s_code.__doc__ or "")
    assert text is not None
    names: dict[str, Any] = {}
    program = re.sub(r"^    ", "", text[1], flags=re.MULTILINE)
    exec(compile(program.replace("/my-project", str(here.root)), "__init__", "exec"), names)

    assert capsys.readouterr().out == "Two files.\n"
    names["agent"].close()


def test_the_example_of_the_testing_package_holds(house: House) -> None:
    with ScriptedServer(Script(calls("ls"), says("Two files."))) as server:
        agent = Agent.create(server.acl())
        assert agent.session(house.root).send("What is here?").text == "Two files."
        agent.close()
