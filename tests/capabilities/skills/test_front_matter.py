from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.capabilities.skills.front_matter import MAX_CHARS, split
from a3s_code.errors import InvalidValue


def fields(inside: str) -> dict[str, str | list[str]]:
    matter = split(f"---\n{inside}\n---\nBody\n")
    assert matter is not None
    assert matter.body == "Body"
    return matter.fields


def test_texts_and_lists_are_read_as_they_stand() -> None:
    read = fields("name: a\nversion: 1.10\nreleased: 2024-01-02\non: yes\ntags: [x, 'y z']\n")
    assert read == {
        "name": "a",
        "version": "1.10",
        "released": "2024-01-02",
        "on": "yes",
        "tags": ["x", "y z"],
    }


@pytest.mark.parametrize("key", ["allowed-tools", "allowed_tools", "allowedTools", "Allowed-Tools"])
def test_a_key_has_one_spelling(key: str) -> None:
    assert fields(f"{key}: read") == {"allowed-tools": "read"}


@pytest.mark.parametrize(
    ("inside", "key", "value"),
    [
        ("description: Use this: it helps", "description", "Use this: it helps"),
        ("description: a: b\n  and more", "description", "a: b and more"),
        ("name: x\nallowed-tools: *", "allowed-tools", "*"),
        ("bad: *\nallowed-tools:\n  - read\n  - 'grep'", "allowed-tools", ["read", "grep"]),
        ("bad: a: b\ndescription: >\n  one\n  two", "description", "one two"),
        ("description: @work", "description", "@work"),
        ('bad: a: b\ndescription: "quoted: text"', "description", "quoted: text"),
        ("description: {not: a text}", "description", "{not: a text}"),
        ("name: null", "name", ""),
        ("name:", "name", ""),
    ],
)
def test_what_is_not_quite_yaml_is_read_as_it_was_meant(
    inside: str, key: str, value: str | list[str]
) -> None:
    assert fields(inside)[key] == value


def test_line_ends_of_windows_and_a_byte_order_mark_do_not_matter() -> None:
    matter = split("\ufeff---\r\nname: a\r\n---\r\n\r\nOne\r\nTwo\r\n")
    assert matter is not None
    assert (matter.fields, matter.body) == ({"name": "a"}, "One\nTwo")


@pytest.mark.parametrize(
    "text", ["", "# Title\n", "--- not a fence\n", "text\n---\nname: a\n---\n"]
)
def test_a_file_may_have_none(text: str) -> None:
    assert split(text) is None


def test_an_empty_one_has_no_fields() -> None:
    matter = split("---\n---\nBody")
    assert matter is not None
    assert matter == ({}, "Body", {})


def test_one_that_is_never_closed_is_refused() -> None:
    with pytest.raises(InvalidValue, match="never closed"):
        split("---\nname: a\n\n# Title\n")


def test_a_text_that_grows_from_anchors_is_refused_before_it_does() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
    with pytest.raises(InvalidValue, match="anchor"):
        split(f"---\nname: a\nl0: &l0 [lol]\n{levels}\n---\n")


def test_an_anchor_that_nobody_uses_does_no_harm() -> None:
    assert fields("name: &a b")["name"] == "b"


def test_an_alias_within_itself_is_refused() -> None:
    with pytest.raises(InvalidValue, match="anchor"):
        split("---\nname: &a [*a]\n---\n")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidValue, match="deeply"):
        split(f"---\nname: {'[' * 10_000}{']' * 10_000}\n---\n")


def test_a_huge_one_is_refused() -> None:
    with pytest.raises(InvalidValue, match="characters"):
        split(f"---\nname: {'a' * MAX_CHARS}\n---\n")


def test_a_tag_of_python_constructs_nothing() -> None:
    assert fields("name: !!python/object/apply:os.system ['true']") == {"name": ["true"]}


def test_a_list_at_the_top_is_none() -> None:
    with pytest.raises(InvalidValue, match="names no keys"):
        split("---\n- a\n- b\n---\n")


def test_nonsense_says_where_yaml_stopped() -> None:
    with pytest.raises(InvalidValue, match="line 1"):
        split("---\n%%% ]\n---\n")


SAFE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
LINE = st.lists(SAFE, min_size=1, max_size=5).map(" ".join)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n"):
        try:
            matter = split(whole)
        except InvalidValue:
            continue
        if matter is not None:
            assert all(isinstance(value, str | list) for value in matter.fields.values())


@given(LINE, st.text(st.characters(codec="utf-8")))
def test_what_is_quoted_comes_back_and_so_does_the_body(said: str, body: str) -> None:
    quoted = said.replace("'", "''")
    matter = split(f"---\ndescription: '{quoted}'\n---\n{body}")
    assert matter is not None
    assert matter.fields["description"] == said
    assert matter.body == body.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


@given(LINE)
def test_a_description_with_a_colon_in_it_is_whole(said: str) -> None:
    """The most common fault of public files."""
    read = fields(f"name: a\ndescription: When to use: {said} : end")
    assert read["description"].__class__ is str
    assert str(read["description"]).startswith("When to use:")
