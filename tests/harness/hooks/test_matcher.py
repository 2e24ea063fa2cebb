from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import InvalidType, InvalidValue
from a3s_code.harness.hooks.matcher import matcher_of
from a3s_code.kernel.messages import JsonObject


def bash(command: str) -> JsonObject:
    return {"session_id": "s", "tool": "bash", "args": {"command": command}, "paths": []}


def write(*paths: str) -> JsonObject:
    return {
        "session_id": "s",
        "tool": "write",
        "args": {"file_path": paths[0]},
        "paths": list(paths),
        "working_directory": "/ws",
    }


def is_asked(matcher: Any, payload: JsonObject) -> bool:
    return matcher_of(matcher, "pre_tool_use").matches(payload)


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("git push", "git push"),
        ("git push", "git push --force"),
        ("git push*", "cd src && git push origin main"),
        ("git push", "echo $(git push)"),
        ("git push", "sh -c 'git push'"),
        ("git push", "env A=1 timeout 5 git push"),
        ("git push", "git -c user.name=x push"),
        ("git push", "/usr/bin/git push"),
        ("rm:*", "find . -exec rm -rf {} +"),
        ("rm *", "'r'm -rf x"),
        ("rm *", "true; \\\nrm x"),
        ("rm *", "$UNKNOWN x"),
        ("rm *", 'eval "$x"'),
        ("rm *", "if ((("),
    ],
)
def test_a_command_is_found_wherever_and_however_it_stands(pattern: str, command: str) -> None:
    assert is_asked({"command_pattern": pattern}, bash(command))


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("make test", "make tests"),
        ("git push", "git pull"),
        ("rm *", "echo rm x"),
        ("rm", "rmdir x"),
    ],
)
def test_another_command_is_none(pattern: str, command: str) -> None:
    assert not is_asked({"command_pattern": pattern}, bash(command))


def test_a_command_is_only_found_in_a_shell() -> None:
    payload = {"session_id": "s", "tool": "other", "args": {"command": "git push"}}

    assert not is_asked({"command_pattern": "git push"}, payload)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("**/.env*", (".env",)),
        ("**/.env*", ("a/b/.env.local",)),
        ("src/*.py", ("src/a.py",)),
        ("./src/*.py", ("src/a.py",)),
        ("real/*", ("real/file", "link/file")),
        ("link/*", ("real/file", "link/file")),
        ("/ws/src/**", ("src/deep/a.py",)),
    ],
)
def test_a_path_is_found_in_every_spelling(pattern: str, paths: tuple[str, ...]) -> None:
    assert is_asked({"path_pattern": pattern}, write(*paths))


@pytest.mark.parametrize(("pattern", "path"), [("src/*.py", "src/deep/a.py"), ("*.py", "a.js")])
def test_another_path_is_none(pattern: str, path: str) -> None:
    assert not is_asked({"path_pattern": pattern}, write(path))


def test_the_tool_is_found_in_any_case_and_by_a_wildcard() -> None:
    assert is_asked({"tool": "Write"}, write("a"))
    assert is_asked({"tool": "w*"}, write("a"))
    assert not is_asked({"tool": "bash"}, write("a"))


def test_all_keys_must_match() -> None:
    assert is_asked({"tool": "write", "pathPattern": "a", "sessionId": "s"}, write("a"))
    assert not is_asked({"tool": "write", "session_id": "t"}, write("a"))
    assert not is_asked({"tool": "bash", "path_pattern": "a"}, write("a"))


@pytest.mark.parametrize("nothing", [None, {}, {"tool": None}])
def test_without_a_key_everything_is_meant(nothing: Any) -> None:
    assert is_asked(nothing, write("a"))


@pytest.mark.parametrize(
    ("matcher", "kind", "told"),
    [
        ({"tol": "bash"}, InvalidValue, "did you mean 'tool'"),
        ({"commandPatern": "x"}, InvalidValue, "did you mean 'command_pattern'"),
        ({"tool": 3}, InvalidType, "not a text"),
        ({"tool": ""}, InvalidValue, "is empty"),
        ({"tool": "write|edit"}, InvalidValue, "no name of a tool"),
        ({"command_pattern": "^rm"}, InvalidValue, "regular expression"),
        ({"command_pattern": "rm.*"}, InvalidValue, "regular expression"),
        ({"command_pattern": r"rm\s+-rf"}, InvalidValue, "regular expression"),
        ({"command_pattern": "(rm|dd)"}, InvalidValue, "regular expression"),
        ({"path_pattern": r"\.env$"}, InvalidValue, "regular expression"),
        ({"skill": "x"}, InvalidValue, "would never be asked"),
        (["tool"], InvalidType, "an object of"),
        ("bash", InvalidType, "an object of"),
    ],
)
def test_what_would_never_match_is_refused(matcher: Any, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        matcher_of(matcher, "pre_tool_use")


@pytest.mark.parametrize("pattern", ["ls *.*", "ls .*", "git show HEAD^", "echo (a)", "a?b"])
def test_what_only_resembles_a_regular_expression_is_accepted(pattern: str) -> None:
    matcher_of({"command_pattern": pattern}, "pre_tool_use")


def test_a_key_that_an_event_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidValue, match="hook of session_start with the key 'tool'"):
        matcher_of({"tool": "bash"}, "session_start")
    assert matcher_of({"skill": "x"}, "skill_load").matches({"skill_name": "x"})
    assert matcher_of({"session_id": "s"}, "session_start").matches({"session_id": "s"})


_WORDS = st.builds(
    lambda name, words: [name, *words],
    st.sampled_from(["git", "make", "./x"]),
    st.lists(st.sampled_from(["push", "-f", "a b", "x"]), max_size=3),
)


@given(_WORDS, st.sampled_from(["{}", "true; {}", "( {} )", "{} | cat", "x=$({})", "time {}"]))
def test_a_guard_of_a_command_sees_it_in_any_company(words: list[str], around: str) -> None:
    command = " ".join(f"'{word}'" for word in words)

    assert is_asked({"command_pattern": f"{' '.join(words)}"}, bash(around.format(command)))
