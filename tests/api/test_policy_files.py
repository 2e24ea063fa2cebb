"""A policy file is a policy whose rules were held against their examples, with places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a3s_code import ConfigError, PermissionPolicy, load_policy
from a3s_code.api.policy_files import explain, lint, policy_from_text
from a3s_code.testing import calls, says
from api.house import House

FLAGS = re.DOTALL | re.MULTILINE
POLICY = """
# What the agent may do here.
default_decision = "deny"

allow = [
  "read",
  { rule = "bash(git status*)", match = ["git status -s", "cd src && git status"] },
]
ask "bash(git push*)" { match = ["git push origin main"] }

deny "bash(rm *)" {
  match     = ["rm -rf build", "sudo rm x", "env A=1 rm x; ls"]
  not_match = ["rmdir build", "echo rm"]
}
deny "write(**/.env*)" { match = [".env", "./a/.env.local"], notMatch = ["env"] }
"""


def fault(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        policy_from_text(text, "p.acl")
    return caught.value


def test_a_file_gives_the_policy_that_it_says(tmp_path: Path) -> None:
    file = tmp_path / "policy.acl"
    file.write_text(POLICY)
    policy = load_policy(file)

    assert policy.allow == ["read", "bash(git status*)"]
    assert policy.ask == ["bash(git push*)"]
    assert policy.deny == ["bash(rm *)", "write(**/.env*)"]
    assert policy.default_decision == "deny"


def test_the_same_may_be_written_as_json() -> None:
    text = """
    {"default_decision": "allow", "enabled": true,
     "deny": ["write", {"rule": "bash(rm *)", "match": ["rm x"], "not_match": []}]}
    """
    found = policy_from_text(text)

    assert found.policy.deny == ["write", "bash(rm *)"]
    assert found.policy.default_decision == "allow"
    assert found.places["deny", "write"].line == 3


def test_a_session_takes_the_policy_of_a_file(house: House) -> None:
    file = house.put("../policy.acl", 'allow = ["bash(echo *)"]\ndeny = ["bash(echo no*)"]')
    session = house.session(
        calls("bash", command="echo yes"),
        calls("bash", command="echo no"),
        says("done"),
        permission_policy=load_policy(file),
    )
    session.send("go")

    shown = [message["content"] for message in house.bodies[-1]["messages"]][-3:]
    assert "yes" in str(shown)
    assert "denied by the rule bash(echo no*)" in str(shown)


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ('deny "bash(rm *)" {\n  match = ["rm x", "rmdir y"]\n}', "p.acl:2:20", "`rmdir y`"),
        ('deny "bash(rm *)" {\n  not_match = ["ls; rm x"]\n}', "p.acl:2:16", "`ls; rm x`"),
        ('allow = [\n  { rule = "read(src/*)", match = ["src/a/b"] }]', "p.acl:2:36", "`src/a/b`"),
        ('allow = ["ok",\n  "bash("]', "p.acl:2:3", "column 5"),
        ('alow = ["read"]', "p.acl:1:1", "did you mean allow?"),
        ('deny "read" {\n  matches = []\n}', "p.acl:2:3", "did you mean match?"),
        ('deny = [{ rul = "read" }]', "p.acl:1:11", "did you mean rule?"),
        ("deny = [{ match = [] }]", "p.acl:1:9", "rule is missing"),
        ('default_decision = "alow"', "p.acl:1:20", "is no decision"),
        ('enabled = "no"', "p.acl:1:11", "true or false"),
        ('deny = "read"', "p.acl:1:8", "no list"),
        ('deny = ["read",\n "read"]', "p.acl:2:2", "twice"),
        ("deny {\n}", "p.acl:1:1", "labelled with its rule"),
        ('allow = [env("RULES")]', "p.acl:1:10", "does not depend on the environment"),
        ('{"deny": []} x', "p.acl:1:14", "the object is over"),
        ("# nothing", "p.acl", "is empty"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, where: str, said: str) -> None:
    error = fault(text)
    assert str(error).startswith(f"{where}:")
    assert said in str(error)


def test_a_failing_example_names_rule_and_what_was_decided_instead() -> None:
    error = fault('allow = ["bash(rmdir *)"]\ndeny "bash(rm *)" { match = ["rmdir a"] }')

    assert "deny bash(rm *) does not match its example `rmdir a`" in error.message
    assert "decided is allow" in error.message
    assert (error.line, error.column) == (2, 30)


def test_an_allow_rule_matches_what_the_gate_would_allow_by_it() -> None:
    """A deny holds for other spellings too, an allow for its own alone."""
    spelled = '{ match = ["/bin/rm x"] }'
    assert policy_from_text(f'deny "bash(rm *)" {spelled}')
    assert "does not match" in str(fault(f'allow "bash(rm *)" {spelled}'))


def test_no_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_policy(tmp_path / "none.acl")


def test_what_is_explained_is_what_the_gate_decides() -> None:
    policy = PermissionPolicy(["read", "bash(git *)"], ["bash(rm *)", "write(*.key)"])

    denied = explain(policy, "bash", "git status && sudo rm x")
    assert (denied.decision, denied.rule) == ("deny", "bash(rm *)")
    assert explain(policy, "bash", "git status").rule == "bash(git *)"
    assert explain(policy, "bash", "make").decision == "ask"
    assert explain(policy, "write", "a.key").decision == "deny"
    assert explain(policy, "write", '{"file_path": "a.key", "content": "x"}').decision == "deny"
    assert explain(policy, "mcp__a__b", "{}").decision == "ask"


def examples() -> list[str]:
    root = Path(__file__).parents[2]
    texts = [(root / name).read_text("utf-8") for name in ("README.md", "docs/policy.md")]
    blocks = [
        block for text in texts for block in re.findall(r"^```(\w*)\n(.*?)^```$", text, FLAGS)
    ]
    return [block for language, block in blocks if not language and "deny" in block]


@pytest.mark.parametrize("text", examples())
def test_the_policies_that_are_written_down_hold_and_do_what_they_seem_to(text: str) -> None:
    assert not lint(policy_from_text(text))


def test_there_are_policies_that_are_written_down() -> None:
    assert len(examples()) == 2
