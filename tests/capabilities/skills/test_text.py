from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from a3s_code.capabilities.skills.skill import Skill
from a3s_code.capabilities.skills.text import inline_skill, skill_of
from a3s_code.errors import InvalidValue

PUBLIC = sorted(Path(__file__).with_name("public").glob("*.md"))


def read(text: str | bytes, directory: str = "") -> Skill:
    data = text.encode() if isinstance(text, str) else text
    skill = skill_of(data, name="given", source="s.md", directory=directory)
    assert skill is not None
    return skill


def test_a_skill_of_the_documents_has_all_that_it_says() -> None:
    text = (
        "---\nname: api-design\ndescription: Review API design for RESTful principles\n"
        'allowed-tools: "read(*), grep(*)"\nkind: instruction\ntags: [api, design]\n'
        "version: 1.0.0\n---\n# API Design Review\nCheck for RESTful principles.\n"
    )
    assert read(text) == Skill(
        name="api-design",
        description="Review API design for RESTful principles",
        body="# API Design Review\nCheck for RESTful principles.",
        allowed_tools=("read(*)", "grep(*)"),
        tags=("api", "design"),
        version="1.0.0",
        source="s.md",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def test_what_it_does_not_say_is_as_little_as_can_be() -> None:
    skill = read("---\nlicense: MIT\nmetadata:\n  author: a\n---\n# Title\n\nFirst words.\n")
    assert (skill.name, skill.description, skill.kind) == ("given", "First words.", "instruction")
    assert skill.allowed_tools is None
    assert not skill.disable_model_invocation


def test_no_tools_is_not_the_same_as_nothing_said() -> None:
    assert read("---\nname: a\nallowed-tools: []\n---\n").allowed_tools == ()
    assert read("---\nname: a\n---\n").allowed_tools is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [("persona", "persona"), ("Tool", "tool"), ("agent", "agent"), ("workflow", "instruction")],
)
def test_kinds_are_known_or_instructions(said: str, kind: str) -> None:
    assert read(f"---\nname: a\nkind: {said}\n---\n").kind == kind


@pytest.mark.parametrize("said", ["true", "yes", "True", "'true'"])
def test_a_model_can_be_kept_from_it(said: str) -> None:
    assert read(f"---\nname: a\ndisable-model-invocation: {said}\n---\n").disable_model_invocation


def test_a_plain_markdown_file_is_no_skill_unless_it_is_called_one() -> None:
    data = b"# Read me\n\nWords.\n"
    assert skill_of(data, name="README", source="README.md") is None
    assert read(data, directory="/skills/here").description == "Words."


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"---\nname: a\0\n---\n", "binary"),
        (b"\xff\xfe-\0-\0", "UTF-16"),
        (b"---\nname: a\n---\n\n\xe9\n", "line 5 is not UTF-8"),
        (b"---\nname: a\n", "never closed"),
        (b"---\nname: " + b"a" * 200 + b"\n---\n", "cannot be the name"),
        (b'---\nname: "a\\u202eb"\n---\n', "cannot be the name"),
        (b"---\nname: a\nallowed-tools: Bash(git\n---\n", "never closed"),
        (b"---\nname: a\ndisable-model-invocation: maybe\n---\n", "true or false"),
    ],
)
def test_a_broken_file_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        skill_of(data, name="given", source="s.md")


def test_an_empty_file_is_no_skill_even_if_it_is_called_one() -> None:
    with pytest.raises(InvalidValue, match="empty"):
        read(b"", directory="/skills/here")


def test_a_text_of_the_host_keeps_its_name_and_its_kind() -> None:
    skill = inline_skill("mine", "persona", "---\nname: other\ntags: [x]\n---\nBe kind.")
    assert (skill.name, skill.kind, skill.tags) == ("mine", "persona", ("x",))
    assert skill.body == "Be kind."


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.stem)
def test_the_forms_of_public_repositories_load(path: Path) -> None:
    skill = read(path.read_bytes(), directory=str(path.parent))
    assert skill.name != "given"
    assert skill.description
    assert skill.body


def test_there_are_public_forms_to_load() -> None:
    assert len(PUBLIC) >= 5
