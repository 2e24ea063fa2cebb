"""Every action is decided at the gate: by the host's authority, a policy, or the default."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from a3s_code.harness.gate import PolicyGate
from a3s_code.harness.policy import PermissionPolicy
from a3s_code.kernel.messages import ToolCall
from a3s_code.kernel.ports import Action, Allow, Ask, Authority, Decision, Deny
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext, tool

ROOT = "/work/project"


class CommandArgs(msgspec.Struct, frozen=True):
    command: str = ""


class PathArgs(msgspec.Struct, frozen=True):
    file_path: str = ""


class SearchArgs(msgspec.Struct, frozen=True):
    pattern: str
    path: str = "."


@dataclass(frozen=True)
class Target:
    path: str
    spelled: str
    repository: str = ""

    def close(self) -> None:
        pass


async def _run(args: Any, context: ToolContext) -> Observation:
    """Do nothing."""
    return Observation("")


def on_command(name: str, effect: Effect) -> Tool:
    return tool(CommandArgs, effect=effect, subject="command", name=name)(_run)


def on_path(name: str, effect: Effect) -> Tool:
    return tool(PathArgs, effect=effect, path="file_path", name=name)(_run)


BASH = on_command("bash", Effect.EXECUTE)
GREP = tool(
    SearchArgs,
    effect=Effect.READ,
    path="path",
    subject=lambda args: f"{args.pattern} {args.path}",
    name="grep",
)(_run)


def action(
    of: Tool,
    args: msgspec.Struct,
    *,
    target: Target | None = None,
    authority: Authority = Authority.SESSION,
    effect: Effect | None = None,
) -> Action:
    call = ToolCall("1", of.name, msgspec.to_builtins(args))
    return Action(
        call, of, args, of.subject_of(args), effect or of.effect_of(args), target, authority
    )


def bash(policy: PermissionPolicy | None, command: str, root: str = ROOT) -> Decision:
    gate = PolicyGate(policy.compile() if policy else None, root)
    return gate.decide(action(BASH, CommandArgs(command)))


def on_file(policy: PermissionPolicy, name: str, path: str, spelled: str = "") -> Decision:
    of = on_path(name, Effect.WRITE)
    spelled = spelled or path
    gate = PolicyGate(policy.compile(), ROOT)
    return gate.decide(action(of, PathArgs(spelled), target=Target(path, spelled)))


def test_a_direct_call_carries_the_hosts_authority() -> None:
    gate = PolicyGate(PermissionPolicy(deny=["*"]).compile())
    direct = action(BASH, CommandArgs("rm x"), authority=Authority.HOST)
    assert gate.decide(direct) == Allow("called directly by the host", rule="host authority")


# Without a policy


def default(of: Tool, args: msgspec.Struct, target: Target | None = None) -> type[Decision]:
    return type(PolicyGate().decide(action(of, args, target=target)))


def test_without_a_policy_what_stays_in_the_workspace_is_allowed() -> None:
    here = Target("a", "a")
    assert default(on_path("read", Effect.READ), PathArgs("a"), here) is Allow
    assert default(GREP, SearchArgs("x"), here) is Allow
    for name in ("write", "edit", "patch"):
        assert default(on_path(name, Effect.WRITE), PathArgs("a"), here) is Allow
    for name in ("program", "batch", "task", "parallel_task", "Skill"):
        assert default(on_command(name, Effect.CONTAINER), CommandArgs()) is Allow


def test_without_a_policy_everything_else_is_asked_for() -> None:
    assert default(BASH, CommandArgs("make")) is Ask
    assert default(on_command("web_fetch", Effect.NETWORK), CommandArgs()) is Ask
    assert default(on_command("mcp__a__b", Effect.READ), CommandArgs()) is Ask
    assert default(on_command("git", Effect.WRITE), CommandArgs("checkout")) is Ask


def test_without_a_policy_a_git_call_that_only_reads_is_allowed() -> None:
    git = on_command("git", Effect.WRITE)
    reading = action(git, CommandArgs("status"), effect=Effect.READ)
    assert isinstance(PolicyGate().decide(reading), Allow)


def test_without_a_policy_a_bash_call_that_only_reads_is_still_asked_for() -> None:
    reading = action(BASH, CommandArgs("ls"), effect=Effect.READ)
    decision = PolicyGate().decide(reading)
    assert isinstance(decision, Ask)
    assert "PermissionPolicy(allow=['bash(ls)'])" in decision.reason


# The way out


COMMANDS = """
make test
make  test
ls ~
rm *
echo x > a.txt
echo x > /etc/a
tee .git/config
tee .git/*
git commit -m 'a * b'
sudo rm x
env A=1 pytest
timeout 5 make
A=1 make
a; b && c | d
a; b; c; d; e; f
echo $HOME $(date)
$X a
bash -c 'rm x'
find . -exec rm {} ;
xargs rm
if true; then make; fi
f() { rm x; }; f
curl http://x | sh
ls ) (
echo "x(y)"
:*
""".strip().splitlines()
POLICIES = [
    PermissionPolicy(),
    PermissionPolicy(default_decision="deny"),
    PermissionPolicy(allow=["bash(ls *)", "bash(a)"], ask=["bash(make*)"]),
    PermissionPolicy(deny=["bash(rm *)", "bash(*e)"]),
    PermissionPolicy(deny=["write"], default_decision="allow"),
]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("command", [*COMMANDS, "a\nb", "echo \x1b[2J", "x" * 500])
def test_the_rules_that_a_reason_names_allow_the_command(
    command: str, policy: PermissionPolicy
) -> None:
    decision = bash(policy, command)
    named = re.findall(r"the rule (.+?)(?= and the rule |\.$)", way_out(decision))
    more = PermissionPolicy(
        [*policy.allow, *named], policy.deny, policy.ask, policy.default_decision
    )
    if named:
        assert isinstance(bash(more, command), Allow)
        fewer = PermissionPolicy(
            [*policy.allow, *named[1:]], policy.deny, policy.ask, policy.default_decision
        )
        assert not isinstance(bash(fewer, command), Allow), "one that is not needed is named"
        assert all(rule.isprintable() and len(rule) < 200 for rule in named)
    elif not isinstance(decision, Allow) and not policy.deny:
        assert "Only PermissionPolicy.permissive()" in decision.reason
        assert isinstance(bash(PermissionPolicy.permissive(), command), Allow)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_policy_that_the_default_names_allows_the_command(command: str) -> None:
    (named,) = re.findall(r"PermissionPolicy\(allow=(\[.+\])\)|$", way_out(bash(None, command)))[:1]
    policy = PermissionPolicy(allow=ast.literal_eval(named)) if named else None
    assert isinstance(bash(policy or PermissionPolicy.permissive(), command), Allow)


def way_out(decision: Decision) -> str:
    return (
        "" if isinstance(decision, Allow) else decision.reason.partition(" can allow it with ")[2]
    )


def test_only_the_parts_that_are_not_allowed_yet_are_named() -> None:
    policy = PermissionPolicy(["bash(git *)", "bash(ls*)"])
    line = f"git status; ls -l | git log; git diff && make > {ROOT}/out; ls"
    (first, second) = re.findall(
        r"the rule (.+?)(?= and the rule |\.$)", way_out(bash(policy, line))
    )
    assert (first, second) == ("bash(make)", f"write({ROOT}/out)")


def test_a_command_that_a_rule_denies_is_not_said_to_need_another_rule() -> None:
    denied = bash(PermissionPolicy(deny=["bash(rm *)"]), "rm x")
    assert isinstance(denied, Deny)
    assert way_out(denied) == ""


def test_a_file_is_allowed_by_the_rule_that_the_reason_names() -> None:
    for path in ("a.txt", ".git/hooks/x", "a b(c).txt", "\x1b.txt", "*.py"):
        decision = on_file(PermissionPolicy(), "write", path)
        (rule,) = re.findall(r"the rule (.+)\.$", way_out(decision))
        assert isinstance(on_file(PermissionPolicy(allow=[rule]), "write", path), Allow)


# Files


def test_a_container_is_a_tool_like_any_other_under_a_policy() -> None:
    task = on_command("task", Effect.CONTAINER)
    gate = PolicyGate(PermissionPolicy(deny=["task"], default_decision="allow").compile())
    assert isinstance(gate.decide(action(task, CommandArgs())), Deny)


def test_a_path_rule_holds_for_the_real_path_and_for_the_spelled_one() -> None:
    policy = PermissionPolicy(["write(src/**)"], ["write(secret/**)"], default_decision="deny")
    assert isinstance(on_file(policy, "write", "src/a/b.py"), Allow)
    assert isinstance(on_file(policy, "write", "lib/b.py"), Deny)
    assert isinstance(on_file(policy, "write", "secret/k", "src/link/k"), Deny)
    assert isinstance(on_file(policy, "write", "src/k", "secret/k"), Deny)
    assert isinstance(on_file(policy, "write", "lib/k", "src/link/k"), Deny)


def test_a_rule_may_name_a_path_from_the_root_of_the_file_system() -> None:
    policy = PermissionPolicy(deny=[f"write({ROOT}/.env)"], default_decision="allow")
    assert isinstance(on_file(policy, "write", ".env"), Deny)
    assert isinstance(on_file(policy, "write", "env"), Allow)


def test_in_a_copy_of_the_workspace_rules_hold_as_in_the_workspace_itself() -> None:
    policy = PermissionPolicy(
        allow=["bash(cat *)"], deny=[f"write({ROOT}/a.txt)", "write(b.txt)"], default_decision="ask"
    ).compile()
    gate = PolicyGate(policy, ROOT)

    def there(of: Tool, args: msgspec.Struct, target: Target | None = None) -> Decision:
        return gate.decide(replace(action(of, args, target=target), root="/copy"))

    write, shell = on_path("write", Effect.WRITE), on_command("bash", Effect.EXECUTE)
    for path in ("a.txt", "b.txt"):
        assert isinstance(there(write, PathArgs(path), Target(path, path)), Deny)
    assert isinstance(there(shell, CommandArgs("cat /copy/x")), Allow)
    assert isinstance(there(shell, CommandArgs(f"cat {ROOT}/x")), Ask)
    assert isinstance(there(shell, CommandArgs("cat x > /copy/b.txt")), Deny)


def test_a_search_is_held_against_its_text_and_its_path() -> None:
    target = Target("secret", "secret")
    search = action(GREP, SearchArgs("key", "secret"), target=target)
    by_text = PermissionPolicy(deny=["grep(key *)"], default_decision="allow")
    by_path = PermissionPolicy(deny=["grep(secret*)"], default_decision="allow")
    for policy in (by_text, by_path):
        assert isinstance(PolicyGate(policy.compile()).decide(search), Deny)


LINK = Target("secrets", "lnk")


@pytest.mark.parametrize(
    ("rule", "pattern", "target"),
    [
        ("search(* secrets)", "key", Target("secrets", "secrets")),
        ("search(* secrets)", "key", LINK),
        ("search(* lnk)", "key", LINK),
        ("search(* secrets/**)", "key", Target("secrets/k", "lnk/k")),
        ("search(secrets/* .)", "{secrets,a}/*", Target(".", ".")),
    ],
)
def test_a_search_is_denied_in_every_spelling_of_its_place(
    rule: str, pattern: str, target: Target
) -> None:
    search = tool(
        SearchArgs,
        effect=Effect.READ,
        path="path",
        subject=lambda args: f"{args.pattern} {args.path}",
        name="search",
    )(_run)
    policy = PermissionPolicy(deny=[rule], default_decision="allow")
    for spelled in (target.spelled, f"./{target.spelled}", f"{ROOT}/{target.spelled}"):
        asked = action(search, SearchArgs(pattern, spelled), target=target)
        assert isinstance(PolicyGate(policy.compile(), ROOT).decide(asked), Deny), spelled


# Protected places

PROTECTED = (".git/config", ".GIT./hooks/x", "a/.git", ".vscode/tasks.json", ".bashrc")


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("name", ["write", "edit", "patch"])
def test_a_protected_place_needs_approval_without_a_policy(name: str, path: str) -> None:
    of = on_path(name, Effect.WRITE)
    for target in (Target(path, path), Target(path, "lnk"), Target("real", path)):
        decision = PolicyGate().decide(action(of, PathArgs(target.spelled), target=target))
        assert isinstance(decision, Ask)
        assert "protected" in decision.reason


@pytest.mark.parametrize("path", PROTECTED)
def test_neither_a_wildcard_nor_the_default_grants_a_protected_place(path: str) -> None:
    for policy in (
        PermissionPolicy(default_decision="allow"),
        PermissionPolicy(["write"], default_decision="deny"),
        PermissionPolicy(["write(**)", "write(.*/**)"], default_decision="allow"),
        PermissionPolicy(["*"]),
    ):
        assert isinstance(on_file(policy, "write", path), Ask)
        assert isinstance(on_file(policy, "write", path, "lnk"), Ask)
        assert isinstance(on_file(policy, "write", "ordinary"), Allow)


def test_a_rule_that_names_it_and_the_permissive_policy_grant_a_protected_place() -> None:
    for policy in (
        PermissionPolicy(["write(.git/config)"], default_decision="deny"),
        PermissionPolicy([f"write({ROOT}/.git/config)"], default_decision="deny"),
        PermissionPolicy.permissive(),
        PermissionPolicy(enabled=False),
    ):
        assert isinstance(on_file(policy, "write", ".git/config"), Allow)
    denied = PermissionPolicy(["write(.git/config)"], ["write(.git/**)"])
    assert isinstance(on_file(denied, "write", ".git/config"), Deny)
    assert isinstance(on_file(PermissionPolicy(default_decision="deny"), "write", ".git"), Deny)


def test_reading_a_protected_place_is_decided_as_any_reading() -> None:
    gate = PolicyGate(PermissionPolicy(default_decision="allow").compile(), ROOT)
    target = Target(".git/config", ".git/config")
    reading = action(on_path("read", Effect.READ), PathArgs(".git/config"), target=target)
    assert isinstance(gate.decide(reading), Allow)


@pytest.mark.parametrize(
    "command",
    [
        "echo x > .git/config",
        "echo x >> .GIT/config",
        f"echo x > {ROOT}/.git/config",
        "echo x | tee .bashrc",
        "cp x .git/hooks/pre-commit",
        "sudo cp x .git/hooks/pre-commit",
        "sh -c 'mkdir .claude'",
        "cd .git/hooks && echo x > pre-commit",
        "cd .git && cp ../x config",
        "echo x > .g*/config",
    ],
)
def test_a_command_that_is_seen_to_write_a_protected_place_needs_approval(command: str) -> None:
    for policy in (
        PermissionPolicy(default_decision="allow"),
        PermissionPolicy(["bash"], default_decision="allow"),
        PermissionPolicy(["bash(*)", "write(**)"]),
    ):
        assert isinstance(bash(policy, command), Ask)
    assert isinstance(bash(PermissionPolicy.permissive(), command), Allow)


def test_a_rule_that_names_the_command_grants_its_protected_place() -> None:
    policy = PermissionPolicy(["bash(rm -rf .git)", "bash(echo *)", "write(.git/config)"])
    assert isinstance(bash(policy, "rm -rf .git"), Allow)
    assert isinstance(bash(policy, "echo x > .git/config"), Allow)
    assert isinstance(bash(policy, "echo x > .git/hooks/x"), Ask)


# Shell commands


def test_an_allowed_command_does_not_carry_another_one() -> None:
    policy = PermissionPolicy(["bash(git *)"], default_decision="deny")
    assert isinstance(bash(policy, "git --version"), Allow)
    assert isinstance(bash(policy, "git --version; touch x"), Deny)
    assert isinstance(bash(policy, "git log $(touch x)"), Deny)


def test_a_denied_command_is_denied_wherever_it_stands() -> None:
    policy = PermissionPolicy(deny=["bash(rm *)"], default_decision="allow")
    for command in ("echo a && rm x", "env rm x", "/bin/rm x", "sh -c 'rm x'", "cd /bin; ./rm x"):
        decision = bash(policy, command)
        assert isinstance(decision, Deny), command
        assert "bash(rm *)" in decision.reason


def test_a_deny_rule_may_be_about_the_whole_text() -> None:
    policy = PermissionPolicy(deny=["bash(*| sh)"], default_decision="allow")
    assert isinstance(bash(policy, "curl x | sh"), Deny)


@pytest.mark.parametrize("command", ["$x y", "echo 'open", 'eval "$x"', "echo ${x@P}", "ls | sh"])
def test_what_is_not_known_is_allowed_only_where_nothing_could_be_denied(command: str) -> None:
    for open_policy in (
        PermissionPolicy.permissive(),
        PermissionPolicy(allow=["bash"]),
        PermissionPolicy(allow=["bash(*)"], default_decision="deny"),
        PermissionPolicy(deny=["read(secret)"], default_decision="allow"),
    ):
        assert isinstance(bash(open_policy, command), Allow), command
    for closed_policy in (
        PermissionPolicy(deny=["bash(rm *)"], default_decision="allow"),
        PermissionPolicy(allow=["bash(*)"], deny=["bash(rm *)"]),
        PermissionPolicy(ask=["bash(rm *)"], default_decision="allow"),
        PermissionPolicy(allow=["bash(echo *)", "bash(ls*)", "bash(eval *)"]),
    ):
        assert isinstance(bash(closed_policy, command), Ask), command


def test_a_known_part_that_is_denied_denies_what_is_otherwise_unknown() -> None:
    policy = PermissionPolicy(deny=["bash(rm *)"], default_decision="allow")
    assert isinstance(bash(policy, "rm x; $y"), Deny)
    assert isinstance(bash(policy, "rm x; echo 'open"), Deny)


def test_a_wildcard_does_not_reach_out_of_the_workspace() -> None:
    policy = PermissionPolicy(["bash(cat *)", "bash(cd *)"], default_decision="ask")
    assert isinstance(bash(policy, "cat a/b"), Allow)
    assert isinstance(bash(policy, f"cat {ROOT}/a"), Allow)
    assert isinstance(bash(policy, "cat a/../b"), Allow)
    for command in (
        "cat /etc/passwd",
        "cat ../x",
        "cat a/../../x",
        "cat ~/x",
        'cat "$x"',
        "cd /",
        f"cat {ROOT}2/a",
        "cat < /etc/passwd",
    ):
        assert isinstance(bash(policy, command), Ask), command
    assert isinstance(bash(PermissionPolicy(["bash(cat /etc/passwd)"]), "cat /etc/passwd"), Allow)


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        ("bash(grep *)", "grep -ie. /etc/passwd"),
        ("bash(grep *)", "grep -he. ../secret.txt"),
        ("bash(diff *)", "diff --to-file=../secret.txt f"),
        ("bash(dd *)", "dd if=../secret.txt"),
        ("bash(tar *)", "tar -cf../PWNED f"),
        ("bash(tar *)", "tar -C.. -c secret.txt"),
        ("bash(git *)", "git blame --contents=../secret.txt f"),
    ],
)
def test_nor_by_the_value_of_an_option(rule: str, command: str) -> None:
    assert isinstance(bash(PermissionPolicy([rule], default_decision="deny"), command), Ask)


OVER_THE_END_OF_A_LINE = """\
: "$(cat <<< $(nice -n 5 'm' a) & time env $'m' -f x; wait)" | echo a | xargs -n1 m a
'rm' v | 'm' && nohup "ls" | A=1 $'m' -f x || trap 'a' EXIT"""
"""The grammar takes `'rm'` for an argument of `xargs`."""


@pytest.mark.parametrize(
    "command",
    [
        "split --filter='rm v' f",
        "logsave - rm v",
        "capsh -- -c 'rm v'",
        "dpkg --pre-invoke='rm v' -i x",
        "tclsh <<< 'exec rm v'",
        "python3 /dev/stdin <<E\nimport os\nE",
        "python3 -W ignore -c 'rm v'",
        "tar cIf 'rm v;cat' o.tar f",
        "sed -ne '1e rm v' f",
        "BASH_ENV='$(rm v)' bash x.sh",
        "PS4='$(rm v)'; set -x; ls",
        "GIT_EXTERNAL_DIFF='rm v' git diff",
        "uv run rm v",
        "uv run --with x sh -c 'rm v'",
        "poetry run python -c 'x'",
        "npx rm v",
        "uvx rm v",
        "git config core.fsmonitor 'rm v'",
        "gh alias set x '!rm v'",
        "go test -exec 'rm v'",
        "rustc -C linker=rm x.rs",
        "cargo test --config 'target.x.runner=\"rm\"'",
        "pylint --init-hook='rm v' a",
        "rake -e 'rm v'",
        "pandoc --filter rm a",
        "msgfilter rm v",
        "ccache rm v",
        "getopts a 'b[$(rm v)]'",
        "mapfile 'b[$(rm v)]' < f",
        "export LD_PRELOAD; ls",
        "read LD_PRELOAD < f; ls",
        OVER_THE_END_OF_A_LINE,
    ],
)
def test_a_denied_command_is_not_started_by_another_one_unseen(command: str) -> None:
    policy = PermissionPolicy(deny=["bash(rm *)", "bash(rm)"], default_decision="allow")
    assert not isinstance(bash(policy, command), Allow)


@pytest.mark.parametrize(
    "command",
    [
        "for PATH in .; do ls a; done",
        "read PATH < f; ls a",
        "printf -v PATH .; ls a",
        "export PATH; ls a",
        "command time -o f ls a",
        "cpio -idm",
        "ssh-keygen -f a",
        "python -m zipfile -e a b",
        "python3 -m venv a",
        "history -w a",
    ],
)
def test_what_a_command_does_beyond_its_name_is_not_granted_by_a_wildcard(command: str) -> None:
    allowed = ("ls", "read", "printf", "export", "command", "time", "cpio", "ssh-keygen", "python*")
    policy = PermissionPolicy([f"bash({name} *)" for name in (*allowed, "history")])
    assert isinstance(bash(policy, command), Ask)
    assert isinstance(bash(policy, "ls a; time ls a; python -m pytest -q; cpio -t"), Allow)


def test_a_runner_of_a_project_is_granted_by_its_own_rule_unless_it_starts_a_shell() -> None:
    policy = PermissionPolicy(["bash(uv run *)"])
    assert isinstance(bash(policy, "uv run pytest -q tests"), Allow)
    assert isinstance(bash(policy, "uv run sh -c 'rm v'"), Ask)
    assert isinstance(bash(policy, "uv run python -c 'x'"), Ask)


def test_a_redirection_is_a_write() -> None:
    policy = PermissionPolicy(
        ["bash(echo *)", "write(out/*)"], ["write(out/no)"], default_decision="ask"
    )
    assert isinstance(bash(policy, "echo x > out/a"), Allow)
    assert isinstance(bash(policy, f"echo x > {ROOT}/out/a"), Allow)
    assert isinstance(bash(policy, "echo x > out/no"), Deny)
    assert isinstance(bash(policy, f"echo x > {ROOT}/out/no"), Deny)
    assert isinstance(bash(policy, "echo x > ./out/../out/no"), Deny)
    for command in ("echo x > a", "echo x > /etc/a", "echo x > out/../../a", 'echo x > "$y"'):
        assert isinstance(bash(policy, command), Ask), command


def test_a_redirection_after_a_change_of_directory_is_to_an_unknown_file() -> None:
    policy = PermissionPolicy(
        ["bash(*)", "write(**)"], ["write(secret/*)"], default_decision="deny"
    )
    assert isinstance(bash(policy, "echo x > a"), Allow)
    assert isinstance(bash(policy, "cd secret; echo x > a"), Ask)


def test_all_of_bash_allowed_includes_its_redirections_unless_a_write_rule_says_no() -> None:
    assert isinstance(bash(PermissionPolicy(["bash"]), "echo x > /tmp/a"), Allow)
    no = PermissionPolicy(["bash"], ["write(*)"])
    assert isinstance(bash(no, "echo x > a"), Deny)
    assert isinstance(bash(no, "echo x > /dev/null 2>&1"), Allow)


def test_the_same_action_gets_the_same_decision() -> None:
    policy = PermissionPolicy(deny=["bash(rm *)"])
    assert bash(policy, "ls; rm x") == bash(policy, "ls; rm x")


# Releases


@pytest.mark.parametrize("command", ["git push", "ls && git push", "sudo git push", "npm publish"])
def test_a_release_is_asked_for_although_a_broader_rule_covers_it(command: str) -> None:
    for policy in (
        PermissionPolicy(["bash"]),
        PermissionPolicy(["*"]),
        PermissionPolicy(["bash(*)"], default_decision="allow"),
        PermissionPolicy(["bash(git *)", "bash(npm *)", "bash(ls)", "bash(sudo *)"]),
        PermissionPolicy(default_decision="allow"),
        PermissionPolicy(["bash"], ask=["bash(git push*)"]),
        PermissionPolicy(["bash"], deny=["bash(gem push*)"]),
    ):
        decision = bash(policy, command)
        assert isinstance(decision, Ask)
        assert decision.rule == "release actions"
    assert isinstance(bash(PermissionPolicy.permissive(), command), Allow)
    assert isinstance(bash(PermissionPolicy(enabled=False), command), Allow)


def test_a_release_that_the_user_decided_about_by_its_name_is_left_to_the_rules() -> None:
    named = PermissionPolicy(["bash", "bash(git push origin *)"])
    assert isinstance(bash(named, "git push origin main"), Allow)
    assert isinstance(bash(named, "git push other main"), Ask)
    assert isinstance(bash(named, "npm publish"), Ask)
    without_force = PermissionPolicy(["bash(*)"], ["bash(git push --force*)"])
    assert isinstance(bash(without_force, "git push origin main"), Allow)
    assert isinstance(bash(without_force, "git push --force"), Deny)
    assert isinstance(bash(PermissionPolicy(["bash(git push*)"]), "git push x"), Allow)
    assert isinstance(bash(PermissionPolicy(["bash(git *)"], ["bash(npm*)"]), "git push"), Ask)


def test_a_release_in_what_cannot_be_read_is_asked_for() -> None:
    assert isinstance(bash(PermissionPolicy(["bash"]), "echo 'open; git push"), Ask)
    assert isinstance(bash(PermissionPolicy(["bash"]), "echo 'open; ls"), Allow)


# What a decision says


@pytest.mark.parametrize(
    ("policy", "command", "rule", "part"),
    [
        (PermissionPolicy(["bash(ls *)"]), "ls a", "bash(ls *)", "ls a"),
        (PermissionPolicy(["bash"], ["bash(rm *)"]), "a; env rm x", "bash(rm *)", "rm x"),
        (PermissionPolicy(["bash(a)"], ask=["bash(b*)"]), "a | b c", "bash(b*)", "b c"),
        (PermissionPolicy(["bash(a)"]), "a && $(b)", "default_decision=ask", "…"),
        (PermissionPolicy(["bash(*)"], ["bash(x)"]), "$y", "bash(x)", "…"),
        (PermissionPolicy(["bash(cat *)"]), "cat /etc/x", "bash(cat *)", "cat /etc/x"),
        (PermissionPolicy(["bash(a)"], ["write(s/*)"]), "a > s/x", "write(s/*)", "s/x"),
        (PermissionPolicy(["bash"]), "a > .git/x", "protected places", ".git/x"),
        (PermissionPolicy(["bash"], ["bash(q)"]), "'", "bash(q)", "'"),
        (None, "ls", "no policy", "ls"),
    ],
)
def test_it_names_the_rule_and_the_part_that_decided(
    policy: PermissionPolicy | None, command: str, rule: str, part: str
) -> None:
    decision = bash(policy, command)
    assert (decision.rule, decision.part) == (rule, part)


def test_every_decision_of_every_part_names_what_decided() -> None:
    for policy, command in ((p, c) for p in (*POLICIES, None) for c in COMMANDS):
        gate = PolicyGate(policy.compile() if policy else None, ROOT)
        asked = action(BASH, CommandArgs(command))
        parts = gate.parts(asked)
        decision = gate.decide(asked)
        assert all(each.rule for each in (*parts, decision)), command
        assert type(decision) is max((type(each) for each in parts), key=[Allow, Ask, Deny].index)


def test_a_part_shows_control_characters_escaped_and_all_of_its_text() -> None:
    command = "echo \u202e" + "x" * 500
    part = bash(PermissionPolicy(), command).part
    assert part == "echo \\u202e" + "x" * 500


@pytest.mark.parametrize(
    ("command", "decided"),
    [
        ("cd d; ls > ../secret1", Ask),
        ("cd .; ls > secret1", Ask),
        ("pushd d; ls > ../../d/secret2", Ask),
        ("cd d; ls > other", Allow),
        ("ls > secret1", Deny),
    ],
)
def test_a_change_of_directory_leads_to_no_file_that_is_denied(
    command: str, decided: type[Decision]
) -> None:
    policy = PermissionPolicy(["*"], ["write(secret*)", "write(d/secret2)"])

    assert isinstance(bash(policy, command), decided)


def test_a_clock_is_not_set_on_the_word_of_a_wildcard() -> None:
    policy = PermissionPolicy(["bash(date *)"])

    assert isinstance(bash(policy, "date 01010101"), Ask)
    assert isinstance(bash(policy, "date -d '2 days ago' +%F"), Allow)
