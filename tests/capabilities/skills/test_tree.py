"""The skills of a directory, as the loader finds and reads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from a3s_code.capabilities.skills import directory, tree
from a3s_code.capabilities.skills.directory import Loaded, load
from a3s_code.capabilities.skills.tree import look
from unprivileged import as_somebody_without_privileges

SKILL = "---\nname: {name}\ndescription: About {name}\n---\nText of {name}\n"


def put(root: Path, path: str, text: str | None = None) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(SKILL.format(name=place.stem) if text is None else text)
    return place


def loaded(root: Path) -> Loaded:
    return load(look(str(root)))


def names(root: Path) -> list[str]:
    return [skill.name for skill in loaded(root).skills]


def faults(root: Path) -> dict[str, str]:
    base = os.path.realpath(root)
    return {os.path.relpath(each.path, base): each.reason for each in loaded(root).faults}


def test_files_and_directories_are_found_at_any_depth(tmp_path: Path) -> None:
    put(tmp_path, "b.md")
    put(tmp_path, "deep/er/a.MD")
    put(tmp_path, "api/SKILL.md", SKILL.format(name="api-design"))
    put(tmp_path, "notes.txt")
    found = loaded(tmp_path)
    assert [skill.name for skill in found.skills] == ["api-design", "b", "a"]
    assert found.skills[0].directory == os.path.realpath(tmp_path / "api")
    assert found.skills[1].directory == ""
    assert found.faults == ()


def test_other_files_of_a_skill_are_what_it_refers_to(tmp_path: Path) -> None:
    put(tmp_path, "pdf/SKILL.md")
    put(tmp_path, "pdf/reference.md")
    put(tmp_path, "pdf/docs/more.md")
    put(tmp_path, "pdf/inner/skill.md", SKILL.format(name="inner"))
    assert names(tmp_path) == ["SKILL", "inner"]


def test_a_readme_is_no_skill_and_no_fault(tmp_path: Path) -> None:
    put(tmp_path, "README.md", "# Skills\n")
    put(tmp_path, "a.md")
    assert (names(tmp_path), faults(tmp_path)) == (["a"], {})


def test_a_broken_file_is_reported_and_the_rest_is_there(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    put(tmp_path, "broken.md", "---\nname: b\n")
    (tmp_path / "binary.md").write_bytes(b"---\0")
    assert names(tmp_path) == ["a"]
    assert faults(tmp_path) == {
        "binary.md": "It is binary, not text.",
        "broken.md": "Its front matter is never closed. (end it with a line ---)",
    }


def test_links_that_lead_outside_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "outside/secret.md")
    root = tmp_path / "skills"
    put(root, "a.md")
    (root / "file.md").symlink_to(tmp_path / "outside/secret.md")
    (root / "dir").symlink_to(tmp_path / "outside")
    assert names(root) == ["a"]
    assert set(faults(root)) == {"dir", "file.md"}


def test_links_inside_are_followed_once(tmp_path: Path) -> None:
    put(tmp_path, "real/a.md")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "real/loop").symlink_to(tmp_path)
    (tmp_path / "round.md").symlink_to(tmp_path / "round.md")
    assert names(tmp_path) == ["a"]
    assert faults(tmp_path) == {"round.md": "Its links lead in a circle."}


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    put(tmp_path, "a.md")
    assert names(tmp_path) == ["a"]
    assert faults(tmp_path) == {"pipe.md": "It is not a file."}


def test_a_pipe_in_the_place_of_a_file_does_not_stop_the_loader(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    seen = look(str(tmp_path))
    (tmp_path / "a.md").unlink()
    os.mkfifo(tmp_path / "a.md")
    assert [fault.reason for fault in load(seen).faults] == ["It is not a file."]


def test_an_unreadable_file_is_reported(open_path: Path) -> None:
    put(open_path, "a.md").chmod(0)
    with as_somebody_without_privileges(open_path):
        assert faults(open_path) == {"a.md": "It cannot be read: Permission denied."}


def test_a_directory_that_is_not_there_is_reported(tmp_path: Path) -> None:
    found = loaded(tmp_path / "no")
    assert [fault.reason for fault in found.faults] == ["There is no such file or directory."]


def test_one_file_can_be_named_instead(tmp_path: Path) -> None:
    assert names(put(tmp_path, "a.md")) == ["a"]


def test_of_two_of_one_name_the_later_counts_and_the_other_is_reported(tmp_path: Path) -> None:
    put(tmp_path, "one.md", SKILL.format(name="same"))
    put(tmp_path, "two.md", SKILL.format(name="same"))
    found = loaded(tmp_path)
    assert [skill.source.rpartition("/")[2] for skill in found.skills] == ["two.md"]
    assert [fault.path.rpartition("/")[2] for fault in found.faults] == ["one.md"]


def test_sizes_and_numbers_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MAX_FILE_BYTES", 200)
    monkeypatch.setattr(tree, "MAX_FILES", 2)
    put(tmp_path, "a.md", SKILL.format(name="a") + "x" * 200)
    put(tmp_path, "b.md")
    put(tmp_path, "c.md")
    put(tmp_path, "d.md")
    assert names(tmp_path) == ["b"]
    assert faults(tmp_path) == {
        "a.md": "It has more than 200 bytes.",
        "c.md": "There are more than 2 files; the rest is left out.",
    }


def test_all_skills_together_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MAX_TOTAL_BYTES", 100)
    put(tmp_path, "a.md")
    put(tmp_path, "b.md", SKILL.format(name="b") + "x" * 100)
    put(tmp_path, "c.md")
    assert names(tmp_path) == ["a", "c"]
    assert faults(tmp_path) == {"b.md": "All files together have more than 100 bytes."}


def test_a_tree_is_equal_until_something_changes(tmp_path: Path) -> None:
    file = put(tmp_path, "a.md")
    before = look(str(tmp_path))
    assert look(str(tmp_path)) == before
    os.utime(file, ns=(1, 1))
    assert look(str(tmp_path)) != before
