from __future__ import annotations

import fnmatch
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.errors import InvalidValue
from a3s_code.workspace.globs import Glob, alternatives

YES = [
    ("*.py", "a.py"),
    ("*.py", ".py"),
    ("**/*.py", "a.py"),
    ("**/*.py", "a/b/c.py"),
    ("src/**", "src/a/b"),
    ("src/**/b", "src/b"),
    ("src/**/b", "src/x/y/b"),
    ("**/x/**/y/*.c", "x/y/z.c"),
    ("**/x/**/y/*.c", "a/x/b/y/z.c"),
    ("**", "a/b"),
    ("a?c", "abc"),
    ("[a-c]x", "bx"),
    ("[!a-c]x", "dx"),
    ("[]]x", "]x"),
    ("*.{ts,tsx}", "a.tsx"),
    ("{src,lib/x}/*.py", "lib/x/a.py"),
    ("{a,{b,c}}d", "cd"),
    ("{,x}a", "a"),
    ("a,b", "a,b"),
    ("\\*", "*"),
    ("\\{a", "{a"),
    ("./a", "a"),
    ("*a*b*", "xxaxxbxx"),
    ("*ab*ab", "abxabab"),
    (".*", ".env"),
    ("a+(b)", "a+(b)"),
]
NO = [
    ("*.py", "a/b.py"),
    ("src/*.py", "src/a/b.py"),
    ("src/**", "src"),
    ("src/**/b", "srcb"),
    ("a?c", "a/c"),
    ("[!a]", "/"),
    ("*", "a/b"),
    ("*.{ts,tsx}", "a.js"),
    ("*ab*ab", "ab"),
    ("a", "A"),
    ("a.c", "abc"),
]
HOSTILE_CPU_S = 20
"""A hundred times what is needed; a pattern that tries every way needs years."""


@pytest.mark.parametrize(("pattern", "path"), YES)
def test_it_matches(pattern: str, path: str) -> None:
    assert Glob(pattern).matches(path)


@pytest.mark.parametrize(("pattern", "path"), NO)
def test_it_does_not_match(pattern: str, path: str) -> None:
    assert not Glob(pattern).matches(path)


@pytest.mark.parametrize(
    "pattern", ["[a", "{a", "{a,{b}", "[z-a]", "{a,b}" * 8, "x" * 2_000, "{a,..}/b"]
)
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    with pytest.raises(InvalidValue):
        Glob(pattern)


def test_a_pattern_knows_where_to_look() -> None:
    assert Glob("tree/**/*.py").literal == ["tree"]
    assert Glob("tree/**/*.py").depth is None
    assert Glob("a/b/*.py").literal == ["a", "b"]
    assert Glob("a/b/*.py").depth == 3
    assert Glob("{a/x,a/y}/f").literal == ["a"]
    assert Glob("{a,b}/f").literal == []
    assert Glob("f").literal == []


@settings(max_examples=500, deadline=None)
@given(pattern=st.text("ab*?", max_size=8), name=st.text("ab", max_size=12))
def test_one_name_matches_as_the_standard_library_has_it(pattern: str, name: str) -> None:
    if pattern and name:
        assert bool(Glob(pattern).matches(name)) == fnmatch.fnmatchcase(name, pattern)


@settings(max_examples=500, deadline=None)
@given(
    pattern=st.lists(st.sampled_from(["**", "a", "b", "*"]), min_size=1, max_size=6),
    path=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8),
)
def test_segments_match_as_an_exhaustive_search_has_it(pattern: list[str], path: list[str]) -> None:
    def holds(left: list[str], right: list[str]) -> bool:
        if not left:
            return not right
        if left[0] == "**":
            if len(left) == 1:
                return bool(right)
            return any(holds(left[1:], right[n:]) for n in range(len(right) + 1))
        return bool(right) and left[0] in ("*", right[0]) and holds(left[1:], right[1:])

    assert bool(Glob("/".join(pattern)).matches("/".join(path))) == holds(pattern, path)


@given(st.text("ab{},[]\\*", max_size=12))
def test_any_text_is_a_pattern_or_a_typed_error(pattern: str) -> None:
    try:
        Glob(pattern)
    except InvalidValue:
        return
    assert alternatives(pattern)


def test_a_hostile_pattern_ends() -> None:
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_CPU, ({HOSTILE_CPU_S}, {HOSTILE_CPU_S}))
from a3s_code.workspace.globs import Glob
print(Glob("*a" * 30 + "b").matches("a" * 255))
print(Glob("**/a/" * 30 + "b").matches("a/" * 1_500 + "c"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=100
    )

    assert done.stdout == "None\nNone\n"
