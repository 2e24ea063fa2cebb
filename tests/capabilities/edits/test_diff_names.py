from __future__ import annotations

import pytest

from a3s_code.capabilities.edits.diff_names import header_name, misdirected


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("--- a/f.txt", "a/f.txt"),
        ("+++ b/f.txt\t2024-01-01 10:00:00.0 +0100", "b/f.txt"),
        ("+++ f.txt  2024-01-01 10:00:00", "f.txt"),
        ("--- f.txt\t(revision 12)", "f.txt"),
        ("--- f.txt (working copy)", "f.txt"),
        ("--- a/two words.txt", "a/two words.txt"),
        ('+++ "b/caf\\303\\251 \\"x\\".txt"', 'b/café "x".txt'),
        ('--- "a/..\\057out"', "a/../out"),
    ],
)
def test_a_name_is_read_without_time_and_quotes(line: str, name: str) -> None:
    assert header_name(line) == name


@pytest.mark.parametrize(
    ("names", "target"),
    [
        ((), "f.py"),
        (("b/f.py", "a/f.py"), "f.py"),
        (("f.py",), "src/f.py"),
        (("b/src/f.py",), "/root/src/f.py"),
        (("/root/src/f.py",), "src/f.py"),
        (("b/pkg/src/f.py",), "./src/f.py"),
        (("f.py", "f.py.orig"), "f.py"),
        (("b/x",), "b/x"),
        (("modified", "original"), "f.py"),
    ],
)
def test_headers_of_the_same_file_pass(names: tuple[str, ...], target: str) -> None:
    assert misdirected(names, [target]) is None


@pytest.mark.parametrize(
    "name",
    ["b/g.txt", "g.txt", "b/../out/f.txt", "../f.txt", "b/~/f.txt", "~/f.txt", "/etc/passwd",
     "b/lib/f.txt", "b/x"],
)  # fmt: skip
def test_headers_of_another_file_are_refused(name: str) -> None:
    refusal = misdirected((name,), ["src/f.txt"])
    assert refusal is not None
    assert refusal.kind == "path_refused"
