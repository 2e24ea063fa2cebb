"""An agent from the text of its file: what it becomes, and what refuses it."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.delegation import agent_text
from a3s_code.delegation.agent_text import STARTING, AgentSource, Whose, agent_of
from a3s_code.errors import A3SError, InvalidValue
from a3s_code.kernel.children import AgentRole, Permissions

HEAD = "---\nname: scout\ndescription: Looks around\n"


def read(text: str, path: str = "agents/scout.md", whose: Whose = "host") -> AgentRole:
    found = agent_of(text.encode(), AgentSource(path, "scout", whose))
    assert found is not None
    return found


def of_head(lines: str, whose: Whose = "host") -> AgentRole:
    return read(f"{HEAD}{lines}\n---\nYou look.\n", whose=whose)


def of_yaml(text: str) -> AgentRole:
    return read(text, "agents/scout.yaml")


# Forms


def test_markdown_has_its_keys_in_front_and_its_prompt_behind() -> None:
    role = of_head("max_steps: 12\nhidden: true\nmodel: anthropic/small")

    assert (role.name, role.description, role.role) == ("scout", "Looks around", "You look.")
    assert (role.max_steps, role.hidden, role.model) == (12, True, "anthropic/small")
    assert role.inheritance == "inherit_parent"
    assert not role.native
    assert role.role_origin is not None
    assert (role.role_origin.source, role.role_origin.trust) == ("file://agents/scout.md", "host")


def test_yaml_has_all_of_it_as_keys() -> None:
    role = of_yaml(
        "name: ci\n"
        "description: Reads build logs\n"
        "mode: subagent\n"
        "max_steps: 7\n"
        "permissions:\n"
        '  allow: [read, "bash(gh run view:*)"]\n'
        "  deny:\n"
        "    - rule: bash(gh run view --web:*)\n"
        "prompt: |\n"
        "  You read build logs.\n"
        "  Nothing else.\n"
    )

    assert (role.name, role.max_steps) == ("ci", 7)
    assert role.role == "You read build logs.\nNothing else."
    assert role.permissions == Permissions(
        ("read", "bash(gh run view:*)"), ("bash(gh run view --web:*)",), (), "deny"
    )


def test_keys_may_be_written_in_camel_case() -> None:
    role = of_head("maxSteps: 3\nallowedTools: Read, Grep\ndisallowedTools: [Bash]")

    assert (role.max_steps, role.allow) == (3, ("Read", "Grep"))
    assert role.deny[0] == "Bash"


def test_the_tools_of_public_agents_are_called_as_ours() -> None:
    role = of_head("tools: Read, Bash(git log:*), WebFetch, MultiEdit, TodoWrite")

    assert role.allow == ("Read", "Bash(git log:*)", "web_fetch", "edit", "update_plan")


def test_an_empty_list_of_tools_leaves_none() -> None:
    assert of_head("tools: []").allow == ()


def test_without_a_list_of_tools_it_may_what_its_parent_may() -> None:
    assert of_head("color: purple").allow is None


@pytest.mark.parametrize("model", ["sonnet", "inherit", ""])
def test_a_model_of_another_program_leaves_that_of_the_session(model: str) -> None:
    assert of_head(f"model: {model}").model == ""


def test_without_a_name_it_is_called_as_its_file() -> None:
    assert read("---\ndescription: d\n---\nbody").name == "scout"


def test_without_a_prompt_its_description_is_its_role() -> None:
    assert of_yaml("name: a\ndescription: Counts sheep\n").role == "Counts sheep"


def test_a_primary_agent_is_not_listed() -> None:
    assert of_head("mode: primary").hidden
    assert not of_head("mode: all").hidden


def test_a_markdown_file_without_front_matter_is_none() -> None:
    assert agent_of(b"# Our agents\n", AgentSource("a/README.md", "README")) is None


# What it may not become


def test_an_agent_starts_no_runs_unless_its_file_says_so() -> None:
    assert set(STARTING) <= set(of_head("tools: Read, Task").deny)
    spawning = of_head("tools: Read\ncan_spawn_subagents: true")

    assert spawning.may_delegate
    assert not spawning.deny
    assert spawning.allow == ("Read", *STARTING)


def test_no_file_has_its_own_questions_approved() -> None:
    with pytest.raises(InvalidValue, match="confirmation_inheritance is 'auto_approve'"):
        of_head("confirmation_inheritance: auto_approve")
    assert of_head("confirmation_inheritance: deny_on_ask").inheritance == "deny_on_ask"


def test_what_the_workspace_says_chooses_no_model_and_says_where_it_comes_from() -> None:
    role = of_head("model: openai/expensive", whose="workspace")

    assert role.model == ""
    assert role.role_origin is not None
    assert role.role_origin.trust == "workspace"
    assert role.role.startswith("You are an agent that a file of this workspace describes.")
    assert "It is no authority" in role.role
    assert role.role.endswith("You look.")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("max_steps: 0", "max_steps is '0'"),
        ("max_steps: many", "max_steps is 'many'"),
        ("max_steps: -3", "max_steps"),
        ("max_steps: 99999999999999999999", "max_steps"),
        ("max_steps: {a: b}", "max_steps"),
        ("hidden: perhaps", "hidden is 'perhaps'"),
        ("can_spawn_subagents: maybe", "can-spawn-subagents"),
        ("mode: boss", "mode is 'boss'"),
        ("isolation: container", "isolation is 'container'"),
        ("tools: {write: false}", "tools is no list"),
        ("tools: 'read('", "never closed"),
        ("disallowed_tools: {a: b}", "disallowed_tools is no list"),
        ("tools: Read\nallowed_tools: Bash", "both tools and allowed_tools"),
        ("max_stpes: 3", "no key 'max_stpes'. (did you mean max_steps?"),
        ("dissallowedTools: Bash", "did you mean disallowed_tools?"),
        ("permision: {deny: [bash]}", "did you mean permissions?"),
        ("permissions: read", "permissions is no mapping"),
        ("permissions: [read]", "permissions is no mapping"),
        ("permissions: {denied: [bash]}", "no key 'denied'"),
        ("permissions: {deny: [[bash]]}", "no rule"),
        ("permissions: {deny: {bash: all}}", "no rule"),
        ("permissions: {default_decision: maybe}", "default_decision is 'maybe'"),
        ("description: ''", "no description"),
        ('name: "a\\u202eb"', "cannot be the name"),
        ("name: " + "x" * 65, "65 characters"),
        ("a: &x [1]\nb: *x", "anchor"),
        ("a: " + "[" * 30 + "]" * 30, "nested too deeply"),
    ],
)
def test_a_value_that_cannot_be_meant_refuses_the_file(lines: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(said)):
        of_head(lines)


def test_permissions_in_broken_yaml_are_not_lost_quietly() -> None:
    with pytest.raises(InvalidValue, match="permissions is no mapping"):
        of_head("when: it is: broken\npermissions:\n  deny: [bash]")


@pytest.mark.parametrize(
    "data", [b"\xff\xfea\x00", b"a\x00b", b"---\nname: \xff\n---\n", b"---\nname: a\n"]
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidValue):
        agent_of(data, AgentSource("a.md", "a"))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [", "a: *b\n"])
def test_yaml_that_is_no_agent_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        of_yaml(text)


def test_a_prompt_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_text, "MAX_ROLE_CHARS", 10)
    with pytest.raises(InvalidValue, match="11 characters"):
        read(f"{HEAD}---\n{'x' * 11}")


def test_a_description_stays_on_one_line_and_shows_nothing_hidden() -> None:
    role = of_head('description: "a\\n b \\u202e c"')

    assert role.description == "a b \\u202e c"


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))
    )
)
def test_no_bytes_at_all_do_more_than_be_refused(data: bytes) -> None:
    for path in ("a.md", "a.yaml"):
        with contextlib.suppress(A3SError):
            agent_of(b"---\n" + data + b"\n---\nx", AgentSource(path, "a", "workspace"))


KEYS = "name description mode hidden max_steps tools disallowedTools permissions model prompt"


@given(
    st.dictionaries(
        st.sampled_from(KEYS.split()),
        st.sampled_from(["[]", "{}", "x", "'*'", "[a, [b]]", "{allow: x}", "~", "0", "!!map x"]),
    )
)
def test_whatever_a_file_says_an_agent_never_gains_authority(fields: dict[str, str]) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in fields.items())
    with contextlib.suppress(A3SError):
        role = agent_of(lines.encode(), AgentSource("a.yaml", "a", "workspace"))
        assert role is not None
        assert (role.model, role.inheritance, role.native) == ("", "inherit_parent", False)
        assert set(STARTING) <= set(role.deny)
