"""The command looks at policy files, and runs under one."""

from __future__ import annotations

import json

from a3s_code.testing import calls, says
from cli.command_line import CommandLine, Done

POLICY = """
default_decision = "deny"
allow = ["read", "bash(echo *)", "bash(python *)"]
deny "bash(rm *)" { match = ["rm -rf x"] }
"""


def lines(done: Done) -> list[str]:
    return done.stdout.splitlines()


def test_lint_is_silent_about_a_clean_policy(command_line: CommandLine) -> None:
    command_line.put("p.acl", 'allow = ["read", "bash(git log *)"]\ndeny = ["bash(rm *)"]')
    done = command_line.run("policy", "lint", "p.acl")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_lint_prints_one_finding_a_line_with_its_place(command_line: CommandLine) -> None:
    command_line.put("p.acl", POLICY)
    done = command_line.run("policy", "lint", "p.acl")

    assert done.returncode == 1
    (line,) = lines(done)
    assert line.startswith("p.acl:3:34: broad: allow bash(python *): it allows `python x.py`")


def test_lint_prints_findings_as_json(command_line: CommandLine) -> None:
    command_line.put("p.acl", POLICY)
    (line,) = lines(command_line.run("policy", "lint", "p.acl", "--json"))
    found = json.loads(line)

    assert (found["file"], found["line"], found["column"]) == ("p.acl", 3, 34)
    assert found["kind"] == "broad"
    assert found["witness"] == {"tool": "bash", "arg": "python x.py"}


def test_lint_takes_the_names_of_the_hosts_tools(command_line: CommandLine) -> None:
    command_line.put("p.acl", 'allow = ["deploy"]')
    assert command_line.run("policy", "lint", "p.acl").returncode == 1
    assert command_line.run("policy", "lint", "p.acl", "--tool", "deploy").returncode == 0


def test_lint_says_that_a_policy_is_not_enabled(command_line: CommandLine) -> None:
    command_line.put("p.acl", 'enabled = false\ndeny = ["bash"]')
    (line,) = lines(command_line.run("policy", "lint", "p.acl"))
    assert line.startswith("p.acl:1:1: disabled: ")


def test_explain_says_what_is_decided_and_why(command_line: CommandLine) -> None:
    command_line.put("p.acl", POLICY)
    done = command_line.run("policy", "explain", "p.acl", "bash", "echo a && rm -rf x")

    assert done.returncode == 0
    assert done.stdout.startswith("deny: `rm -rf x` is denied by the rule bash(rm *)")
    assert "rule: bash(rm *)" in lines(done)


def test_explain_gives_decision_rule_part_and_reason_as_json(command_line: CommandLine) -> None:
    command_line.put("p.acl", POLICY)
    done = command_line.run("policy", "explain", "p.acl", "write", "a\x1b[2J", "--json")
    found = json.loads(done.stdout)

    assert set(found) == {"decision", "rule", "part", "reason"}
    assert found["decision"] == "deny"
    assert "\x1b" not in done.stdout


def test_diff_shows_calls_and_fails_when_something_is_loosened(command_line: CommandLine) -> None:
    command_line.put("old.acl", POLICY)
    command_line.put("new.json", '{"default_decision": "deny", "allow": ["read", "bash(rm *)"]}')
    loosened = command_line.run("policy", "diff", "old.acl", "new.json")
    tightened = command_line.run("policy", "diff", "new.json", "old.acl", "--json")
    same = command_line.run("policy", "diff", "old.acl", "old.acl")

    assert loosened.returncode == 1
    assert lines(loosened)[0] == (
        "loosened: bash `rm -rf x`: deny -> allow (deny bash(rm *) -> allow bash(rm *))"
    )
    assert "tightened: bash `python x.py`: allow -> deny" in loosened.stdout
    changes = [json.loads(line) for line in lines(tightened)]
    assert changes[-1] == {
        "loosened": False,
        "tool": "bash",
        "text": "rm -rf x",
        "old": "allow",
        "new": "deny",
        "old_rule": "allow bash(rm *)",
        "new_rule": "deny bash(rm *)",
        "tools": [],
    }
    assert (same.returncode, same.stdout) == (0, "")


def test_a_failing_example_is_wrong_use_and_names_its_place(command_line: CommandLine) -> None:
    command_line.put("p.acl", 'deny "bash(rm *)" { match = ["rmdir x"] }')
    for arguments in (
        ("policy", "lint", "p.acl"),
        ("policy", "explain", "p.acl", "bash", "ls"),
        ("policy", "diff", "p.acl", "p.acl"),
    ):
        done = command_line.run(*arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("a3s-code: p.acl:1:30: deny bash(rm *) does not match")


def test_wrong_use_is_refused(command_line: CommandLine) -> None:
    command_line.put("p.acl", POLICY)
    for arguments in (
        ("policy",),
        ("policy", "lint"),
        ("policy", "lint", "none.acl"),
        ("policy", "explain", "p.acl", "git", "status"),
        ("policy", "explain", "p.acl"),
        ("--policy", "p.acl", "--permissive", "go"),
        ("--policy", "none.acl", "go"),
    ):
        assert command_line.run(*arguments).returncode == 2, arguments


def test_a_run_keeps_to_the_policy_of_a_file(command_line: CommandLine) -> None:
    command_line.put("../policy.acl", POLICY)
    command_line.configure(
        calls("bash", command="echo yes"),
        calls("bash", command="rm -rf x"),
        calls("ls", path="."),
        says("done"),
    )
    done = command_line.run("--policy", "../policy.acl", "--allow", "ls", "go")

    assert done.returncode == 0
    sent = json.dumps(command_line.server.requests[-1].body)
    assert "yes" in sent
    assert "denied by the rule bash(rm *)" in sent
    assert "matches no rule" not in sent
    assert "may write it" not in done.stderr


def test_a_policy_that_the_model_may_write_is_named(command_line: CommandLine) -> None:
    command_line.put("p.acl", 'allow = ["write"]')
    command_line.configure(says("done"))
    done = command_line.run("--policy", "p.acl", "go")

    assert "p.acl lies in the workspace" in done.stderr
