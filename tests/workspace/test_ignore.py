from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.workspace.ignore import Rules

CASES = [
    ("*.log", "a.log", True),
    ("*.log", "x/a.log", True),
    ("/a", "x/a", None),
    ("/a", "a", True),
    ("x/a", "y/x/a", None),
    ("**/a", "y/x/a", True),
    ("# a", "# a", None),
    ("\\#a", "#a", True),
    ("a ", "a", True),
    ("a\\ ", "a ", True),
    ("*.log\n!keep.log", "keep.log", False),
    ("!keep.log\n*.log", "keep.log", True),
    ("a/**", "a/b/c", True),
    ("[", "[", None),
    ("", "", None),
]


@pytest.mark.parametrize(("text", "path", "verdict"), CASES)
def test_a_rule_says(text: str, path: str, verdict: bool | None) -> None:
    assert Rules(text).verdict(path, is_directory=False) is verdict


def test_a_rule_for_directories_spares_files() -> None:
    assert Rules("build/").verdict("build", is_directory=True) is True
    assert Rules("build/").verdict("build", is_directory=False) is None


LINES = st.lists(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "", "!", "/"]),
        st.lists(
            st.sampled_from(["a", "b", "*", "**", "a*", "?", "[ab]"]), min_size=1, max_size=3
        ).map("/".join),
        st.sampled_from(["", "", "/"]),
        st.just(""),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=LINES)
def test_rules_say_what_git_says(tmp_path: Path, lines: list[str]) -> None:
    if not (tmp_path / ".git").exists():
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n")
    paths = ["a", "b", "ab", "a/b", "b/a", "a/b/a", "b/ab/b", "c/a"]
    asked = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "--no-index", "-v", "-n", "--stdin"],
        input="\n".join(paths),
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    rules = Rules("\n".join(lines))

    def ignored(path: str) -> bool:
        parts = path.split("/")
        for end in range(1, len(parts)):
            if rules.verdict("/".join(parts[:end]), is_directory=True):
                return True
        return bool(rules.verdict(path, is_directory=False))

    for path, line in zip(paths, asked.splitlines(), strict=True):
        source, _, _ = line.partition("\t")
        pattern = source.split(":", 2)[2]
        expected = bool(pattern) and not pattern.startswith("!")
        assert ignored(path) == expected, (path, lines, line)
