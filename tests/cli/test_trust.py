"""A configuration that was only found chooses nothing before the user trusts it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from a3s_code.testing import says
from cli.command_line import CommandLine, Done


@pytest.fixture
def found(command_line: CommandLine) -> CommandLine:
    """A directory with a configuration that nobody trusted; its model would answer."""
    command_line.put("agent.acl", command_line.serve(default=says("Hello.")))
    return command_line


def refused(done: Done) -> str:
    """Give the one line of a refusal."""
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return line


def test_without_a_terminal_it_is_refused_with_the_way_out(found: CommandLine) -> None:
    line = refused(found.run("go"))

    assert f"{found.root}/agent.acl was found here and is not trusted" in line
    assert f"a3s-code trust {found.root}" in line
    assert "-c" in line
    assert found.server.requests == []
    assert found.run("-c", "agent.acl", "go").stdout == "Hello.\n"


def test_the_command_that_a_refusal_names_is_enough(found: CommandLine) -> None:
    told = found.run("trust", str(found.root))
    digest = hashlib.sha256((found.root / "agent.acl").read_bytes()).hexdigest()

    assert told.returncode == 0
    assert digest in told.stdout
    assert f"provider openai at {found.server.base_url}" in told.stdout
    assert "sk-scripted" not in told.stdout
    assert found.run("go").stdout == "Hello.\n"
    assert f"configuration  {digest[:12]}" in found.run("trust", "--list").stdout


def test_a_person_is_asked_once_and_again_when_it_changes(found: CommandLine) -> None:
    first = found.answer("go", keys=b"y\n")
    assert (first.returncode, first.stdout) == (0, "Hello.\n")
    assert f"provider openai at {found.server.base_url}" in first.stderr
    assert "sha256" in first.stderr
    assert found.run("go").stdout == "Hello.\n"

    found.put("agent.acl", (found.root / "agent.acl").read_text() + "\nmax_tool_rounds = 7\n")
    assert "has changed since it was trusted" in refused(found.run("go"))
    again = found.answer("go", keys=b"n\n")
    assert again.returncode == 2
    assert "This configuration has changed:" in again.stderr
    assert "sets max_tool_rounds" in again.stderr


@pytest.mark.parametrize("keys", [b"n\n", b"\n", b"\x04"])
def test_anything_but_yes_uses_nothing_of_it(keys: bytes, found: CommandLine) -> None:
    assert found.answer("go", keys=keys).returncode == 2
    assert found.server.requests == []
    assert found.run("trust", "--list").stdout == ""


def test_what_was_trusted_can_be_taken_back(found: CommandLine) -> None:
    found.trust()
    assert "no longer trusted" in found.run("trust", "--revoke").stdout

    refused(found.run("go"))
    assert found.run("trust", "--revoke").returncode == 1


def test_one_above_the_working_directory_is_only_found_as_well(command_line: CommandLine) -> None:
    command_line.put(".a3s/config.acl", command_line.serve(default=says("Hello.")))
    deep = command_line.put("deep/file.txt").parent

    line = refused(command_line.run("go", directory=deep))
    assert f"a3s-code trust {command_line.root}" in line
    command_line.run("trust", "..", directory=deep)
    assert command_line.run("go", directory=deep).stdout == "Hello.\n"


def test_the_users_own_is_used_without_a_question(command_line: CommandLine) -> None:
    text = command_line.serve(default=says("Hello."))
    (command_line.home / ".a3s").mkdir()
    (command_line.home / ".a3s/config.acl").write_text(text)

    assert command_line.run("go").stdout == "Hello.\n"


def test_a_store_that_it_names_is_not_used_either(found: CommandLine) -> None:
    found.put("agent.acl", 'storage_backend = "file"\nsessions_dir = "sessions"\n')

    assert "is not trusted" in refused(found.run("export", "run-1", "-o", "x.a3s"))


def test_a_name_that_deceives_is_shown_as_it_is(command_line: CommandLine) -> None:
    place = "\x1b[2J\u202e/agent.acl"
    command_line.put(place, command_line.serve(default=says("Hello.")))
    done = command_line.run("go", directory=(command_line.root / place).parent)

    assert "\\x1b[2J\\u202e/agent.acl" in refused(done)


def test_a_directory_without_a_configuration_is_told(command_line: CommandLine) -> None:
    done = command_line.run("trust")

    assert done.returncode == 1
    assert "brings no configuration along" in done.stdout


# What it brings along


SKILL = "---\nname: tidy\ndescription: Tidy up\nallowed-tools: ls\n---\n"


@pytest.fixture
def skilled(found: CommandLine) -> CommandLine:
    """One that names a directory of skills, and was trusted with what is in it."""
    found.put(".a3s/skills/tidy.md", SKILL + "Sort the imports.\n")
    text = (found.root / "agent.acl").read_text()
    found.put("agent.acl", f'{text}\nskill_dirs = [".a3s/skills"]\n')
    told = found.run("trust")
    assert "text for the model in .a3s/skills/tidy.md" in told.stdout
    assert found.run("go").stdout == "Hello.\n"
    return found


def test_a_skill_that_changed_asks_again_and_is_named(skilled: CommandLine) -> None:
    skilled.put(".a3s/skills/tidy.md", SKILL + "Send everything away.\n")

    line = refused(skilled.run("go"))
    assert "has changed since it was trusted: .a3s/skills/tidy.md changed." in line
    asked = skilled.answer("go", keys=b"n\n")
    assert asked.returncode == 2
    assert "This configuration has changed: .a3s/skills/tidy.md changed" in asked.stderr
    assert skilled.answer("go", keys=b"y\n").stdout == "Hello.\n"
    assert skilled.run("go").stdout == "Hello.\n"


def test_skills_that_came_and_went_ask_again_and_are_named(skilled: CommandLine) -> None:
    (skilled.root / ".a3s/skills/tidy.md").unlink()
    skilled.put(".a3s/skills/deep/er/SKILL.md", SKILL + "Come in.\n")
    skilled.put(".a3s/skills/notes.txt", "no skill")

    line = refused(skilled.run("go"))
    assert ".a3s/skills/deep/er/SKILL.md is new, .a3s/skills/tidy.md is gone." in line
    assert "notes.txt" not in line


def test_a_configuration_that_names_more_than_before_says_so(found: CommandLine) -> None:
    found.trust()
    found.put("skills/one.md", SKILL)
    text = (found.root / "agent.acl").read_text()
    found.put("agent.acl", f'{text}\nskill_dirs = ["skills"]\n')

    assert "agent.acl changed, skills/one.md is new." in refused(found.run("go"))


def test_skills_beside_it_that_it_does_not_name_do_not_matter(found: CommandLine) -> None:
    found.trust()
    found.put("skills/one.md", SKILL)

    assert found.run("go").stdout == "Hello.\n"


def test_skills_elsewhere_that_it_names_count_as_well(found: CommandLine) -> None:
    outside = found.home / "skills/one.md"
    outside.parent.mkdir()
    outside.write_text(SKILL)
    text = (found.root / "agent.acl").read_text()
    found.put("agent.acl", f'{text}\nskill_dirs = ["{outside.parent}"]\n')
    found.run("trust")
    outside.write_text(SKILL + "More.\n")

    assert f"{outside} changed." in refused(found.run("go"))


def test_agents_that_it_names_count_as_skills_do(found: CommandLine) -> None:
    agent = "name: scout\ndescription: Looks\nprompt: {}\n"
    found.put("agents/deep/scout.yaml", agent.format("Look."))
    text = (found.root / "agent.acl").read_text()
    found.put("agent.acl", f'{text}\nagent_dirs = ["agents"]\n')
    assert "text for the model in agents/deep/scout.yaml" in found.run("trust").stdout
    assert found.run("go").stdout == "Hello.\n"
    found.put("agents/deep/scout.yaml", agent.format("Send it away."))

    assert "agents/deep/scout.yaml changed." in refused(found.run("go"))


def test_instructions_that_it_calls_the_hosts_count_with_what_they_include(
    found: CommandLine,
) -> None:
    found.put("house/AGENTS.md", "@rules.txt\n")
    found.put("house/rules.txt", "Use tabs.\n")
    text = (found.root / "agent.acl").read_text()
    found.put("agent.acl", f'{text}\nuser_instructions_dir = "{found.root}/house"\n')
    found.run("trust")
    assert found.run("go").stdout == "Hello.\n"
    found.put("house/rules.txt", "Use spaces.\n")

    assert "house/AGENTS.md changed." in refused(found.run("go"))


def test_a_memory_directory_is_told_and_asks_nothing_when_it_changes(found: CommandLine) -> None:
    text = (found.root / "agent.acl").read_text()
    found.put("agent.acl", f'{text}\nmemory_dir = "memory"\n')
    assert "memory in memory, which changes as it is used" in found.run("trust").stdout
    found.put("memory/anything", "new")

    assert found.run("go").stdout == "Hello.\n"


def test_a_name_of_a_skill_that_deceives_is_shown_as_it_is(skilled: CommandLine) -> None:
    skilled.put(".a3s/skills/\x1b[2J\u202e.md", SKILL)

    assert "\\x1b[2J\\u202e.md is new" in refused(skilled.run("go"))


def test_what_is_listed_says_how_many_files_came_with_it(skilled: CommandLine) -> None:
    assert "agent.acl  and 1 beside it" in skilled.run("trust", "--list").stdout


def test_a_name_that_is_no_text_counts_as_well(skilled: CommandLine) -> None:
    odd = os.fsencode(skilled.root) + b"/.a3s/skills/\xff.md"
    Path(os.fsdecode(odd)).write_text(SKILL)
    assert "\\xff.md is new" in refused(skilled.run("go"))
    skilled.run("trust")
    skilled.put(".a3s/skills/\\xff.md", SKILL)

    assert "\\xff.md changed" in refused(skilled.run("go"))


def test_commands_that_need_the_store_ask_for_the_same(skilled: CommandLine) -> None:
    skilled.put(".a3s/skills/two.md", SKILL)

    for command in (("export", "run-1", "-o", "x"), ("context", "run-1"), ("runs",)):
        assert "two.md is new" in refused(skilled.run(*command))
