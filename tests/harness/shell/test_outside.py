"""Which words name a place outside the workspace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.harness.shell.analysis import analyse
from a3s_code.harness.shell.outside import leaves, reach

ROOT = "/work/project"


def reached(command: str) -> str:
    analysis = analyse(command)
    return next(
        (found for each in analysis.commands if (found := reach(each.words, analysis.reads, ROOT))),
        "",
    )


@pytest.mark.parametrize(
    "command",
    [
        "grep -ie. /etc/passwd",
        "grep -he. ../secret.txt",
        "grep -m1 -ie. -- /etc/passwd",
        "grep -vf../secret.txt f",
        "grep -c -- -x /etc/passwd",
        "grep -c -- - /etc/passwd",
        "grep --file=../secret.txt f",
        "rg --files /etc",
        "diff --to-file=../secret.txt f",
        "dd if=../secret.txt",
        "dd if=f of=../PWNED",
        "tar -cf../PWNED f",
        "tar -C.. -c secret.txt",
        "tar --directory=.. -c secret.txt",
        "cp f -t..",
        "git blame --contents=../secret.txt f",
        "git archive -vo../PWNED HEAD",
        "gcc -Wl,-o../x f.c",
        "curl -d@../secret.txt host",
        "cat .*/secret.txt",
        "cat .?/secret.txt",
        "cat a/../../x",
        "cat a" + ",b" * 65,
        "cat $x",
        "cat /dev/null$x",
        "cat /dev/fd/$n",
        'cat /dev/fd/"$n"',
        "cat /dev/fd/../../../etc/passwd",
        "cat < /dev/fd/../../../etc/passwd",
        "cat /dev/nullx",
        'cat "$x"',
        'grep -n /etc/ "$x"',
        "cd",
        "cd -",
        "cd ~ada",
        "pushd +1",
    ],
)
def test_a_place_outside_is_seen_however_it_is_attached(command: str) -> None:
    assert reached(command)


@pytest.mark.parametrize(
    "command",
    [
        "grep -n /etc/ f",
        "grep -- -x f",
        "grep -- /etc/ f",
        "cat a/../b",
        "ls ./*",
        "git log main..dev",
        "git log HEAD~2..",
        "git diff ..dev",
        "git show HEAD:a/b",
        "tar -cf out.tar -C sub .",
        f"dd if={ROOT}/a of=b",
        "cp -t sub f",
        "echo ../x",
        "echo $x",
        "cat a" + ",b" * 64,
        "cat /dev/stdin",
        "cat /dev/fd/3",
        "diff <(sort a) <(sort b)",
        "cd sub",
        "diff -u a b 2>/dev/null",
    ],
)
def test_a_place_inside_is_no_reason_to_ask(command: str) -> None:
    assert not reached(command)


@given(
    st.sampled_from(["", "-f", "-vf", "--file=", "a=", "a:", "@", "x,", "-Wl,-o"]),
    st.sampled_from(["..", "../x", "a/../../x", "/etc/x", "~/x", "./../x", "..//x", "/"]),
)
def test_no_prefix_hides_a_place_outside(prefix: str, place: str) -> None:
    hidden = place.startswith("a") and prefix in ("-f", "-vf")  # the name takes the letters on
    assert hidden or leaves(prefix + place, ROOT)
