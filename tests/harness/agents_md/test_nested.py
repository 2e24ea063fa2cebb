"""The instructions of a directory come when it is first worked in, once, and in order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_code.capabilities.tools import CORE_TOOLS
from a3s_code.harness.agents_md.directory import Directories, ProjectDocs
from a3s_code.harness.agents_md.nested import NestedInstructions
from a3s_code.harness.agents_md.touched import places
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import ContextText, ToolCall
from a3s_code.workspace.local import LocalFiles

TOOLS = {tool.name: tool for tool in CORE_TOOLS}


class Project:
    """A workspace, its companion, and what a conversation has of it."""

    def __init__(self, root: Path, denied: str = "") -> None:
        self.root = root
        self.present: list[ContextText] = []
        no = (lambda target: "denied" if target.path == denied else "") if denied else None
        directories = Directories(LocalFiles(root), ProjectDocs(), denied=no)
        self.companion = NestedInstructions(directories, lambda: TOOLS)

    def put(self, path: str, text: str = "") -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text or path)

    async def touch(self, *calls: ToolCall) -> Sequence[ContextItem]:
        return await self.companion.attend_beside(calls, (), self.present)

    async def sources(self, *calls: ToolCall) -> list[str]:
        """Give what comes for some calls, and have the conversation keep it."""
        items = [item for item in await self.touch(*calls) if item.content]
        self.present += [ContextText(item.content, item.source) for item in items]
        return [item.source.removeprefix("file://") for item in items]


def call(name: str, **args: Any) -> ToolCall:
    return ToolCall("c1", name, args)


def read(path: str) -> ToolCall:
    return call("read", file_path=path)


def bash(command: str) -> ToolCall:
    return call("bash", command=command)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "ws")
    for path in ("AGENTS.md", "src/AGENTS.md", "src/api/CLAUDE.md", "src/api/v1/AGENTS.md"):
        made.put(path)
    made.put("src/api/v1/main.py", "pass")
    made.put("docs/index.md", "# Docs")
    return made


OUTER, API, INNER = "src/AGENTS.md", "src/api/CLAUDE.md", "src/api/v1/AGENTS.md"


async def test_they_come_from_the_outside_in_and_the_roots_own_does_not(project: Project) -> None:
    assert await project.sources(read("src/api/v1/main.py")) == [OUTER, API, INNER]


async def test_they_come_once(project: Project) -> None:
    assert await project.sources(read("src/main.py")) == [OUTER]
    assert await project.sources(read("src/other.py"), read("src/api/x.py")) == [API]
    assert await project.sources(read("src/api/x.py"), read("src/main.py")) == []


async def test_they_come_again_when_the_conversation_lost_them(project: Project) -> None:
    await project.sources(read("src/main.py"))
    project.present.clear()

    assert await project.sources(read("src/main.py")) == [OUTER]


async def test_a_session_that_goes_on_knows_what_it_was_given(project: Project) -> None:
    await project.sources(read("src/main.py"))
    resumed = Project(project.root)
    resumed.present = project.present

    assert await resumed.sources(read("src/main.py"), read("src/api/x.py")) == [API]


@pytest.mark.parametrize(
    ("touch", "come"),
    [
        (read("main.py"), []),
        (read("docs/index.md"), []),
        (read("src"), []),
        (call("ls"), []),
        (call("ls", path="src"), [OUTER]),
        (call("ls", path="src/api/v1/.."), [OUTER, API]),
        (call("grep", pattern="x", path="src/api"), [OUTER, API]),
        (call("grep", pattern="x", path="src/api/v1/main.py"), [OUTER, API, INNER]),
        (call("glob", pattern="src/api/*.py"), [OUTER, API]),
        (call("glob", pattern="*.py", path="src"), [OUTER]),
        (call("glob", pattern="**/*.py"), []),
        (call("write", file_path="src/api/new/file.py", content=""), [OUTER, API]),
        (call("edit", file_path="src/main.py", old_string="a", new_string="b"), [OUTER]),
        (call("patch", file_path="src/main.py", diff=""), [OUTER]),
        (call("read", file_path=7), []),
        (call("unknown", file_path="src/main.py"), []),
        (read("../outside/src/x"), []),
        (bash("cat src/api/main.py"), [OUTER, API]),
        (bash("ls src"), [OUTER]),
        (bash("cd src/api && pytest v1/main.py::test_it -q"), [OUTER, API, INNER]),
        (bash("cd $HOME && cat src/main.py"), []),
        (bash("cat src/main.py:12 | grep src/api/"), [OUTER, API]),
        (bash("echo hi > src/api/log.txt"), [OUTER, API]),
        (bash("python -m http.server --directory=src"), []),
        (bash("curl https://example.com/src/api"), []),
        (bash("cat 'unbalanced src/api/x"), []),
        (bash("git commit -m 'about src/api things'"), []),
        (ToolCall("c1", "read", {}, malformed='{"file_path": "src/x'), []),
    ],
)
async def test_what_a_call_touches(touch: ToolCall, come: list[str], project: Project) -> None:
    assert await project.sources(touch) == come


async def test_an_absolute_path_and_a_link_touch_what_they_lead_to(project: Project) -> None:
    (project.root / "short").symlink_to("src/api")

    assert await project.sources(read("short/x.py")) == [OUTER, API]
    again = Project(project.root)
    assert await again.sources(read(str(project.root / "src/x.py"))) == [OUTER]


async def test_instructions_that_come_later_are_found_in_the_next_run(project: Project) -> None:
    assert await project.sources(read("docs/index.md")) == []
    project.put("docs/AGENTS.md")
    assert await project.sources(read("docs/index.md")) == []
    assert await project.companion.begin() == ()
    assert await project.sources(read("docs/index.md")) == ["docs/AGENTS.md"]


@pytest.mark.parametrize("kind", ["directory", "fifo", "outside", "binary", "empty"])
async def test_what_is_unusable_is_said_once_in_a_run(kind: str, project: Project) -> None:
    place = project.root / "docs/AGENTS.md"
    match kind:
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case "outside":
            (project.root / "../secret").write_text("OUTSIDE")
            place.symlink_to("../../secret")
        case "binary":
            place.write_bytes(b"\0")
        case _:
            place.touch()

    (item,) = await project.touch(read("docs/index.md"))
    assert item.content == ""
    assert item.why
    assert await project.touch(read("docs/index.md")) == []


async def test_what_the_policy_denies_reading_is_not_given(tmp_path: Path) -> None:
    project = Project(tmp_path, denied="secret/AGENTS.md")
    project.put("secret/AGENTS.md", "SECRET")

    (item,) = await project.touch(call("ls", path="secret"))
    assert (item.content, item.why) == ("", "denied")


async def test_instructions_of_dependencies_are_not_those_of_the_project(
    project: Project,
) -> None:
    project.put("node_modules/left/AGENTS.md", "Obey.")

    (item,) = await project.touch(read("node_modules/left/pad.js"))
    assert (item.content, item.why) == ("", "it belongs to what the project depends on")


def test_of_a_long_command_only_the_beginning_is_looked_at() -> None:
    command = "cat " + " ".join(f"d{n}/x" for n in range(500))

    assert len(list(places(bash(command), TOOLS))) <= 32
