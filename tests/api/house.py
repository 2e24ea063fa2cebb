"""Agents with scripted models over real sockets, in a workspace of real files."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from a3s_code import Agent, AsyncAgent, AsyncSession, Session, SessionOptions
from a3s_code.kernel.messages import JsonObject
from a3s_code.testing import Rule, Script, ScriptedServer, Turn

WAIT_S = 10.0
"""How long a test waits for what must happen, before it fails."""

WIRES = ("openai", "anthropic")

T = TypeVar("T")


class House:
    """
    Makes servers, agents and sessions, and closes all of them in the end.

    Attributes:
        root: The workspace.
        server: The one that was made last.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.server: ScriptedServer
        self.agent: Agent
        self._open = ExitStack()

    def serve(
        self, *turns: Turn, rules: tuple[Rule, ...] = (), default: Turn | None = None
    ) -> ScriptedServer:
        script = Script(*turns, rules=rules, default=default)
        self.server = self._open.enter_context(ScriptedServer(script))
        return self.server

    def employ(self, *turns: Turn, kind: str = "openai", extra: str = "", **script: Any) -> Agent:
        """Make an agent whose model plays `turns`."""
        self.agent = Agent(self.serve(*turns, **script).acl(kind, extra=extra))
        self._open.callback(_leave, self.agent)
        return self.agent

    def session(
        self,
        *turns: Turn,
        kind: str = "openai",
        default: Turn | None = None,
        rules: tuple[Rule, ...] = (),
        **keywords: Any,
    ) -> Session:
        """Make an agent and a session in the workspace; `keywords` are its options."""
        agent = self.employ(*turns, kind=kind, default=default, rules=rules)
        return agent.session(self.root, **keywords)

    def async_session(self, *turns: Turn, kind: str = "openai", **keywords: Any) -> AsyncSession:
        """Make an async agent, which whoever asks for it closes, and a session."""
        agent = AsyncAgent(self.serve(*turns).acl(kind))
        return agent.session(self.root, SessionOptions(), **keywords)

    @property
    def bodies(self) -> list[JsonObject]:
        """What the model was sent, oldest first."""
        return [request.body for request in self.server.requests]

    def put(self, path: str, content: str = "") -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return place

    def get(self, path: str) -> str:
        return (self.root / path).read_text()

    def has(self, path: str) -> bool:
        return (self.root / path).exists()

    def close(self) -> None:
        self._open.close()


def _leave(agent: Agent) -> None:
    if not agent.is_closed:
        agent.close()


def run_python(code: str, *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def listed(text: str) -> list[str]:
    """Give the words of a text."""
    return text.split()


def come(look: Callable[[], T | None]) -> T:
    """Look again and again until there is something, and give it."""
    until = time.monotonic() + WAIT_S
    while not (found := look()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.005)
    return found


async def arrive(look: Callable[[], object]) -> None:
    """Let the loop go on until there is something to see."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if look():
                return
            await asyncio.sleep(0.005)


@contextmanager
def meanwhile(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Run `work` in a thread during the block; what it gave or raised is in the list after."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield came
    finally:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def unanswered(body: JsonObject) -> list[str]:
    """List the calls of a request, of either wire, that have no result right behind them."""
    missing: list[str] = []
    messages: list[Any] = body["messages"]
    for at, message in enumerate(messages):
        asked = {call["id"] for call in message.get("tool_calls") or ()}
        blocks = message["content"] if isinstance(message["content"], list) else []
        asked |= {block["id"] for block in blocks if block["type"] == "tool_use"}
        missing += sorted(asked - _answered(messages[at + 1 :]))
    return missing


def _answered(behind: list[Any]) -> set[str]:
    found: set[str] = set()
    for message in behind:
        if message["role"] == "tool":
            found.add(message["tool_call_id"])
            continue
        blocks = message["content"] if isinstance(message["content"], list) else []
        found |= {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        break
    return found
