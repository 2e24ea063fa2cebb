"""A workspace of real files and processes, and a way to run one tool in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from a3s_code.api.workplaces import local_space
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.tool import Effect, Observation, Tool, ToolContext


@dataclass
class Workspace:
    """
    Runs tools on the directory `root`.

    Attributes:
        live: What the tools showed while they ran.
        shown: Set once something is in `live`.
        timeout_s: The session's limit for a call.
    """

    root: Path
    live: list[str] = field(default_factory=list)
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        self.space = local_space(str(self.root))

    async def run(self, tool: Tool, /, **args: Any) -> Observation:
        """Decode, resolve and run as the executor does."""
        decoded = decode(tool, args)
        target = self.space.files.resolve(getattr(decoded, tool.path)) if tool.path else None
        context = ToolContext(
            call_id="c1",
            session_id="s1",
            root=self.space.root,
            files=self.space.files,
            search=self.space.search,
            processes=self.space.processes,
            target=target,
            emit_output=self._show,
            call=_no_calls,
            timeout_s=self.timeout_s,
        )
        try:
            return await tool.run(decoded, context)
        finally:
            if target is not None:
                target.close()

    def _show(self, text: str) -> None:
        self.live.append(text)
        self.shown.set()

    def put(self, path: str, content: str | bytes = "") -> Path:
        """Write a file of the workspace, and give where it is."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place


def decode(tool: Tool, args: JsonObject) -> Any:
    return msgspec.convert(args, tool.args, strict=False)


def subject(tool: Tool, /, **args: Any) -> str:
    """Give the text that permission rules match for a call."""
    return tool.subject_of(decode(tool, args))


def effect(tool: Tool, /, **args: Any) -> Effect:
    return tool.effect_of(decode(tool, args))


async def _no_calls(name: str, args: JsonObject) -> Observation:
    raise AssertionError(f"{name} was called with {args}")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "ws"
    root.mkdir()
    return Workspace(root)
