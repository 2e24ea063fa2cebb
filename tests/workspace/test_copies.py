"""A copy of a workspace borrows its dependencies, and nothing that leads elsewhere."""

from __future__ import annotations

from pathlib import Path

from a3s_code.workspace.copies import link_dependencies


def test_directories_are_linked_where_the_copy_has_nothing(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    for place in (root / "a", root / "b", root / "elsewhere", copy / "b"):
        place.mkdir(parents=True)
    (root / "link").symlink_to(root / "elsewhere")
    (root / "file").touch()
    (copy / "dangling").symlink_to("nowhere")
    (root / "dangling").mkdir()

    link_dependencies(str(copy), str(root), ["a", "b", "link", "file", "none", "dangling"])

    assert (copy / "a").readlink() == root / "a"
    assert not (copy / "b").is_symlink()
    assert (copy / "dangling").readlink() == Path("nowhere")
    assert sorted(each.name for each in copy.iterdir()) == ["a", "b", "dangling"]
