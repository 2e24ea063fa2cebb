"""Directories of agents, as a host names them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from a3s_code.capabilities.skills import directory
from a3s_code.delegation import agent_files
from a3s_code.delegation.agent_files import LoadedAgents, load_agents, look_for_agents

AGENT = "---\nname: {name}\ndescription: About {name}\n---\nText of {name}\n"


def put(root: Path, path: str, text: str | None = None) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(AGENT.format(name=place.stem) if text is None else text)
    return place


def loaded(root: Path) -> LoadedAgents:
    return load_agents(look_for_agents(str(root)))


def names(root: Path) -> list[str]:
    return [file.role.name for file in loaded(root).agents]


def faults(root: Path) -> dict[str, str]:
    base = os.path.realpath(root)
    return {os.path.relpath(each.path, base): each.reason for each in loaded(root).faults}


def test_all_three_endings_count_at_any_depth(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    put(tmp_path, "deep/er/b.MD")
    put(tmp_path, "c.yaml", "name: c\ndescription: d\n")
    put(tmp_path, "d.yml", "name: d\ndescription: d\n")
    put(tmp_path, "e.txt")
    put(tmp_path, "README.md", "# Agents\n")

    assert names(tmp_path) == ["a", "c", "d", "b"]
    assert faults(tmp_path) == {}


def test_a_skill_md_does_not_hide_the_agents_beside_it(tmp_path: Path) -> None:
    put(tmp_path, "SKILL.md")
    put(tmp_path, "a.md")

    assert names(tmp_path) == ["SKILL", "a"]


def test_what_is_wrong_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    put(tmp_path, "b.yaml", "name: [")
    (tmp_path / "c.md").write_bytes(b"---\0")
    os.mkfifo(tmp_path / "d.yml")
    (tmp_path / "e.md").symlink_to("/etc/hostname")
    bomb = "a: &a [x, x]\n" + "".join(f"k{n}: &b{n} [*a, *a]\n" for n in range(9))
    put(tmp_path, "f.yaml", bomb)

    assert names(tmp_path) == ["a"]
    found = faults(tmp_path)
    assert found["b.yaml"].startswith("It cannot be read as YAML: line ")
    assert found["c.md"] == "It is binary, not text."
    assert found["d.yml"] == "It is not a file."
    assert found["e.md"] == "The link leads outside of the directory."
    assert found["f.yaml"].startswith("It uses the anchor a.")


def test_of_two_of_one_name_the_later_counts_and_the_other_is_named(tmp_path: Path) -> None:
    put(tmp_path, "one.md", AGENT.format(name="same"))
    put(tmp_path, "two.yaml", "name: same\ndescription: the second\n")

    assert [file.role.description for file in loaded(tmp_path).agents] == ["the second"]
    assert "has the same name, 'same', and counts" in faults(tmp_path)["one.md"]


def test_numbers_and_sizes_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_files, "MAX_AGENTS", 2)
    monkeypatch.setattr(directory, "MAX_FILE_BYTES", 100)
    put(tmp_path, "a.md", AGENT.format(name="a") + "x" * 100)
    for name in "bcd":
        put(tmp_path, f"{name}.md")

    assert names(tmp_path) == ["b", "c"]
    assert faults(tmp_path) == {
        "a.md": "It has more than 100 bytes.",
        "d.md": "There are more than 2 agents; the rest is left out.",
    }


def test_what_a_file_was_read_from_is_told_to_the_byte(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    (before,) = loaded(tmp_path).agents
    put(tmp_path, "a.md", AGENT.format(name="a") + ".")
    (after,) = loaded(tmp_path).agents

    assert before.sha256 != after.sha256
