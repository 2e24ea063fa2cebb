"""What was checked is what is used: no path is walked a second time, by any tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.traced import Traced, trace

TOOLS = """
    import sys
    from a3s_code import Agent, PermissionPolicy, ToolFailed
    from a3s_code.testing import Scripted, calls, says
    from a3s_code.workspace import beneath, local, paths

    if {way!r} == "step_by_step":
        for cls in (local.LocalFiles, paths.Root):
            cls.__init__.__defaults__ = (beneath.step_by_step,)

    def used(tool, **args):
        return calls(tool, **args)

    turns = [
        used("read", file_path="deep/er/a.txt"),
        used("write", file_path="deep/er/new/b.txt", content="b\\n"),
        used("edit", file_path="deep/er/a.txt", old_string="one", new_string="two"),
        used("patch", file_path="deep/er/a.txt", diff="@@ -1 +1 @@\\n-two\\n+three"),
        used("ls", path="deep/er"),
        used("glob", path="deep", pattern="**/*.txt"),
        used("read", file_path="link/a.txt"),
        used("read", file_path="out/outer-text"),
    ]
    with Agent.create('default_model = "scripted/model"') as agent:
        model = Scripted(*turns, says("done"))
        session = agent.session({root!r}, llm_client=model, permissive=True)
        for event in session.stream("go"):
            if event.event_type == "tool_end":
                print(event.tool_name, event.exit_code)
"""
PATHS = (
    "openat,openat2,open,newfstatat,lstat,stat,statx,readlink,readlinkat,rename,renameat,renameat2,"
    "mkdir,mkdirat,unlink,unlinkat,access,faccessat,faccessat2"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "ws"
    (made / "deep/er").mkdir(parents=True)
    (made / "deep/er/a.txt").write_text("one\n")
    (made / "AGENTS.md").write_text("Be brief.\n")
    (made / "link").symlink_to("deep/er")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/outer-text").write_text("OUTSIDE\n")
    (made / "out").symlink_to("../out")
    return made


def run(root: Path, tmp_path: Path, way: str) -> Traced:
    return trace(TOOLS.format(root=str(root), way=way), PATHS, tmp_path, cwd=tmp_path)


@pytest.mark.parametrize("way", ["openat2", "step_by_step"])
def test_every_tool_goes_on_from_the_descriptor_that_was_checked(
    root: Path, tmp_path: Path, way: str
) -> None:
    traced = run(root, tmp_path, way)
    results = [line.split() for line in traced.output.splitlines()]
    assert [code for _, code in results] == ["0"] * 7 + ["1"]

    ours = [
        call for call in traced.calls if call.texts and _is_about(call.texts[0], root, call.args)
    ]
    assert len(ours) > 40
    for call in ours:
        asked = call.texts[:1] if call.name.startswith("readlink") else call.texts
        for text in asked:
            if text.startswith("/"):  # the root itself, and what finds its own links
                assert str(root).startswith(text.rstrip("/")), call
            else:  # one name from a descriptor, but for the one question to the kernel
                assert "/" not in text or call.name == "openat2", call
        if call.name == "openat":
            assert "O_NOFOLLOW" in call.args or call.texts == (".",), call
    used = {call.name for call in ours}
    assert ("openat2" in used) == (way == "openat2")


def _is_about(text: str, root: Path, args: str) -> bool:
    """Tell whether a call is about the workspace: below its root, or from a descriptor."""
    if text.startswith(f"{root}"):
        return True
    return not text.startswith("/") and not args.startswith("AT_FDCWD") and args[:1].isdigit()


def test_nothing_outside_is_looked_at(root: Path, tmp_path: Path) -> None:
    traced = run(root, tmp_path, "openat2")
    assert not [call for call in traced.calls for text in call.texts if "outer-text" in text]
    assert not [call for call in traced.calls for text in call.texts if text.startswith("../out/")]
