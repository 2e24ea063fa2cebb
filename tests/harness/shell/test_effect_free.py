"""Only commands that surely change nothing are called free of effects."""

from __future__ import annotations

import pytest

from a3s_code.harness.shell.analysis import effect_free


@pytest.mark.parametrize(
    "command",
    [
        "ls -la",
        "cat a b | head -n 5",
        "rg -n foo src | wc -l",
        "grep -r foo . 2>/dev/null",
        "echo $(pwd) 2>&1",
        "sleep 1; true",
        "[ -f a ] && echo yes",
        "date +%s",
        "cd src && ls *.py",
        "if test -d a; then ls a; fi",
    ],
)
def test_looking_around_is_free_of_effects(command: str) -> None:
    assert effect_free(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "rm x",
        "ls > f",
        "ls >> f",
        "cat < f",
        "cat <<E\nx\nE",
        "ls &",
        "ls & wait",
        "x=1",
        "x=1 ls",
        "PATH=. ls",
        "f() { ls; }",
        "f() { ls; }; f",
        "echo $(rm x)",
        "ls <(rm x)",
        "$x",
        "ls $(",
        "./ls",
        "/tmp/git status",
        "timeout 5 ls",
        "sh -c ls",
        "find . -delete",
        "find . -name x",
        "sed p f",
        "sort -o f f",
        "sort -uo f f",
        "sort $x",
        "sort *",
        "date -s now",
        "date 01020304",
        "rg --pre x y",
        "rg -e -- --pre=x y",
        "rg -z x y",
        "sort -t -- -o f",
        "printf -v x y",
        'printf "$x"',
        "test -v 'a[$(rm x)]'",
        "[[ -v a ]]",
        "echo ${x:=$(rm x)}",
        "tee f",
        "coproc ls",
        "exec ls",
        "uniq a b",
    ],
)
def test_anything_else_is_not(command: str) -> None:
    assert not effect_free(command)


@pytest.mark.parametrize(
    "command",
    [
        "git status",
        "git status --short && ls",
        "git log --oneline -n 5",
        "git diff --stat HEAD~1 -- src",
        "git branch --list",
        "git rev-parse HEAD",
        "git branch -D old",
        "git -c core.pager=x log",
    ],
)
def test_git_is_not_since_a_repository_says_what_it_runs(command: str) -> None:
    assert not effect_free(command)


@pytest.mark.parametrize(
    "command",
    [
        "cat ../x",
        "cat /dev/watchdog",
        "grep -ie. /etc/passwd",
        "grep -f../x y",
        "wc --files0-from=../x",
        "cat ~/x",
        "cd",
        'cat "$x"',
    ],
)
def test_what_may_lie_outside_the_workspace_is_not(command: str) -> None:
    assert not effect_free(command)


def test_many_sleeps_and_words_stay_free_of_effects() -> None:
    assert all(effect_free(f"sleep 0.2; echo {number}") for number in range(16))
