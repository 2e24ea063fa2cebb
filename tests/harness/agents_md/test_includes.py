"""A line that names another file stands for what that says, within bounds that are told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
from a3s_code.harness.agents_md.includes import MAX_DEPTH, MAX_INCLUDES
from a3s_code.kernel.context import ContextItem
from a3s_code.workspace.local import LocalFiles


def put(root: Path, path: str, text: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


async def items(root: Path, limit: int = 10_000) -> Sequence[ContextItem]:
    docs = ProjectDocs.of((), limit)
    return await Directories(LocalFiles(root), docs).items("", "it is there")


async def shown(root: Path, limit: int = 10_000) -> str:
    return (await items(root, limit))[0].content


async def left_out(root: Path, limit: int = 10_000) -> dict[str, str]:
    rest = (await items(root, limit))[1:]
    assert all(item.content == "" for item in rest)
    return {item.source.removeprefix("file://"): item.why for item in rest}


async def test_the_named_file_stands_in_the_place_of_its_line(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "Use tabs.\n@docs/style.md\n- @docs/names.md\nDone.")
    put(tmp_path, "docs/style.md", "Short lines.\n@more/deep.md\n")
    put(tmp_path, "docs/more/deep.md", "Deep.")
    put(tmp_path, "docs/names.md", "Nouns.")

    assert await shown(tmp_path) == (
        "Use tabs.\n"
        "[docs/style.md:]\nShort lines.\n[docs/more/deep.md:]\nDeep.\n[end of docs/more/deep.md]\n"
        "[end of docs/style.md]\n"
        "[docs/names.md:]\nNouns.\n[end of docs/names.md]\n"
        "Done."
    )
    (item,) = await items(tmp_path)
    assert item.why == "it is there; with docs/style.md, docs/more/deep.md, docs/names.md"


async def test_a_file_may_be_nothing_but_the_name_of_another(tmp_path: Path) -> None:
    put(tmp_path, "CLAUDE.md", "@RULES.md\n")
    put(tmp_path, "RULES.md", "Use tabs.")

    assert "Use tabs." in await shown(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "ask @alice",
        "@alice",
        "a@b.md",
        "`@a.md`",
        "```\n@a.md\n```",
        "~~~~\n@a.md\n~~~\n@a.md\n~~~~",
        "@",
        "@ a.md",
    ],
)
async def test_what_only_looks_so_stays_as_it_is(line: str, tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", line)
    put(tmp_path, "a.md", "INCLUDED")

    assert await shown(tmp_path) == line
    assert await left_out(tmp_path) == {}


async def test_a_file_that_is_missing_is_noted_in_its_place(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@gone.md\nUse tabs.")

    assert await shown(tmp_path) == "[gone.md is left out: there is no such file]\nUse tabs."
    assert await left_out(tmp_path) == {"gone.md": "AGENTS.md includes it: there is no such file"}


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/hostname", "~/secret", "out.md", "sub/../../secret"]
)
async def test_nothing_outside_the_workspace_is_included(path: str, tmp_path: Path) -> None:
    root = tmp_path / "ws"
    put(tmp_path, "secret", "OUTSIDE")
    put(root, "AGENTS.md", f"@{path}")
    (root / "out.md").symlink_to("../secret")

    assert "OUTSIDE" not in await shown(root)
    (why,) = (await left_out(root)).values()
    assert "outside" in why


@pytest.mark.parametrize(
    ("kind", "why"),
    [("directory", "directory"), ("fifo", "no regular file"), ("binary", "no text")],
)
async def test_what_is_no_text_is_noted(kind: str, why: str, tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@a.md")
    match kind:
        case "directory":
            (tmp_path / "a.md").mkdir()
        case "fifo":
            os.mkfifo(tmp_path / "a.md")
        case _:
            (tmp_path / "a.md").write_bytes(b"\0\1")

    assert why in (await left_out(tmp_path))["a.md"]


async def test_a_circle_is_named_and_ends(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@a.md")
    put(tmp_path, "a.md", "A\n@b.md")
    put(tmp_path, "b.md", "B\n@a.md\n@AGENTS.md")

    whys = [item.why for item in (await items(tmp_path))[1:]]
    assert whys == [
        "AGENTS.md includes it: it includes itself: a.md -> b.md -> a.md",
        "AGENTS.md includes it: it includes itself: AGENTS.md -> a.md -> b.md -> AGENTS.md",
    ]


async def test_a_circle_over_a_link_is_one(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@a.md")
    (tmp_path / "a.md").symlink_to("AGENTS.md")

    assert "AGENTS.md -> AGENTS.md" in (await left_out(tmp_path))["AGENTS.md"]


async def test_a_file_that_is_named_twice_stands_there_once(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@a.md\n@a.md")
    put(tmp_path, "a.md", "ONCE")

    text = await shown(tmp_path)
    assert text.count("ONCE") == 1
    assert text.endswith("[a.md stands above]")


async def test_a_chain_ends_after_so_many_files(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@f1.md")
    for number in range(1, 9):
        put(tmp_path, f"f{number}.md", f"LEVEL{number}\n@f{number + 1}.md")

    text = await shown(tmp_path)
    assert f"LEVEL{MAX_DEPTH}" in text
    assert f"LEVEL{MAX_DEPTH + 1}" not in text
    assert list(await left_out(tmp_path)) == [f"f{MAX_DEPTH + 1}.md"]


async def test_a_crowd_ends_after_so_many_files(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "\n".join(f"@f{n}.md" for n in range(MAX_INCLUDES + 2)))
    for number in range(MAX_INCLUDES + 2):
        put(tmp_path, f"f{number}.md", "x")

    assert len(await left_out(tmp_path)) == 2


async def test_the_bytes_are_those_of_all_files_together(tmp_path: Path) -> None:
    put(tmp_path, "AGENTS.md", "@a.md\n@b.md")
    put(tmp_path, "a.md", "a" * 1_000)
    put(tmp_path, "b.md", "b")

    text = await shown(tmp_path, limit=100)
    assert text.count("a" * 10) == 8
    assert "[the rest of a.md is left out]" in text
    left = await left_out(tmp_path, limit=100)
    assert "beyond 100 bytes" in left["a.md"]
    assert "used up" in left["b.md"]


PAGES = st.sampled_from(["AGENTS.md", "a.md", "d/b.md", "d/c.md"])
NAMES = st.sampled_from(["AGENTS.md", "a.md", "d/b.md", "d/c.md", "gone.md", "../out.md", "d"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(web=st.dictionaries(PAGES, st.lists(NAMES, max_size=5)))
async def test_any_web_of_files_ends_within_its_bytes(
    web: dict[str, list[str]], tmp_path: Path
) -> None:
    for path in ("AGENTS.md", "a.md", "d/b.md", "d/c.md"):
        put(tmp_path, path, "\n".join(["word", *(f"@{name}" for name in web.get(path, ()))]))

    text = await shown(tmp_path, limit=300)
    assert text.count("\nword") + text.startswith("word") <= 4
