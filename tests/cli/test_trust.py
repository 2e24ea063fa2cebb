"""A configuration that was only found chooses nothing before the user trusts it."""

from __future__ import annotations

import hashlib

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
