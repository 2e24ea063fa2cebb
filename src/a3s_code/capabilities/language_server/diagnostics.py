"""
What is new in the diagnostics of a file after a call changed it.

Servers are shown the file as it was before the calls of the turn and as it is now; what is
said of the second and was not of the first goes behind the results. Who is not done within
`WAIT_S` is not waited for: what it finds comes with a later turn, unless the file was changed
again, and then it is looked at from where it was first.

Source: DESIGN 3, `code_intel`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from a3s_code.capabilities.language_server.findings import (
    Finding,
    errors,
    new_findings,
    written,
)
from a3s_code.capabilities.language_server.running import RunningServers, Unserved
from a3s_code.capabilities.language_server.servers import Server
from a3s_code.kernel.border import described
from a3s_code.kernel.context import ContextItem
from a3s_code.kernel.messages import ToolCall, ToolResult

WAIT_S = 2.0
"""For all servers together, in each turn."""

MAX_FILES = 5
"""That are looked at in one turn; the others are named in the receipt."""


class Changed(msgspec.Struct, frozen=True):
    """A file that calls changed: its text before the first of them, and now."""

    path: str
    before: str
    after: str


Changes = Callable[[Sequence[str]], Awaitable[Sequence[Changed]]]
"""Gives what calls with these ids changed; files that are no text, or may not be shown, not."""


class Diagnostics:
    """`Companion` of a session."""

    def __init__(
        self, servers: RunningServers, changes: Changes, *, wait_s: float = WAIT_S
    ) -> None:
        self._servers, self._changes, self._wait_s = servers, changes, wait_s
        self._looks: dict[tuple[str, str], _Look] = {}
        self._said: set[str] = set()

    @property
    def name(self) -> str:
        return "diagnostics"

    async def attend(
        self, calls: Sequence[ToolCall], results: Sequence[ToolResult]
    ) -> Sequence[ContextItem]:
        """Give what is new in the files that these calls changed, and what came late."""
        failed = {result.tool_use_id for result in results if result.is_error}
        changed = await self._changes([call.id for call in calls if call.id not in failed])
        late = [look for look in self._looks.values() if look.task.done()]
        for one in changed[:MAX_FILES]:
            for server in await asyncio.to_thread(self._servers.serving, one.path):
                self._begin(server, one)
        new = [look for look in self._looks.values() if not look.is_told_late]
        if new:
            await asyncio.wait([look.task for look in new], timeout=self._wait_s)
        items = [item for look in self._done(late) for item in self._item(look)]
        items += [_unlooked(one) for one in changed[MAX_FILES:]]
        return items + self._waiting()

    async def close(self) -> None:
        """Stop what is looked at, and end the servers."""
        looks, self._looks = list(self._looks.values()), {}
        for look in looks:
            look.task.cancel()
        await asyncio.gather(*(look.task for look in looks), return_exceptions=True)
        await self._servers.close()

    def _begin(self, server: Server, one: Changed) -> None:
        """Look at a file; one that was not done begins again, from where it was first."""
        key = (server.name, one.path)
        earlier = self._looks.pop(key, None)
        if earlier is not None:
            earlier.task.cancel()
            one = msgspec.structs.replace(one, before=earlier.changed.before)
        task = asyncio.create_task(self._look(server, one))
        self._looks[key] = _Look(server, one, task)

    async def _look(self, server: Server, one: Changed) -> list[Finding]:
        if one.before == one.after:
            return []
        before, after = await self._servers.check(server, one.path, (one.before, one.after))
        return new_findings(before, one.before, after, one.after)

    def _done(self, late: Sequence[_Look]) -> list[_Look]:
        """Take out what is done: first what came late, then the rest, by server and path."""
        done = [key for key, look in self._looks.items() if look.task.done()]
        found = [self._looks.pop(key) for key in sorted(done)]
        return sorted(found, key=lambda look: look not in late)

    def _item(self, look: _Look) -> list[ContextItem]:
        if look.task.cancelled():
            return []
        error = look.task.exception()
        if isinstance(error, Unserved):
            return self._once(look, str(error))
        if error is not None:  # what the other servers found is shown all the same
            return self._once(look, f"{look.server.name} failed: {described(error)}")
        fresh = look.task.result()
        if not fresh:
            return []
        source = _source(look.server, look.changed.path)
        count = f"{len(fresh)} new, {errors(fresh)} of them errors"
        return [
            ContextItem(
                source=source,
                content=written(look.changed.path, look.server.name, fresh),
                trust="workspace",
                type="diagnostics",
                why=f"{count}; came late" if look.is_told_late else count,
                relevance=0.9,
                freshness=1.0,
                metadata={"new": len(fresh), "errors": errors(fresh)},
            )
        ]

    def _once(self, look: _Look, why: str) -> list[ContextItem]:
        """Say in the receipt that a server is not there; the same only once."""
        if why in self._said:
            return []
        self._said.add(why)
        return [_absent(_source(look.server, look.changed.path), why)]

    def _waiting(self) -> list[ContextItem]:
        """Say in the receipt who is not done, once for each change."""
        found: list[ContextItem] = []
        for look in self._looks.values():
            if not look.is_told_late:
                look.is_told_late = True
                why = f"not there within {self._wait_s:g} s; it comes with a later turn"
                found.append(_absent(_source(look.server, look.changed.path), why))
        return found


class _Look:
    """
    A server looks at a file.

    Attributes:
        is_told_late: A turn went by without it.
    """

    __slots__ = ("changed", "is_told_late", "server", "task")

    def __init__(self, server: Server, changed: Changed, task: asyncio.Task[list[Finding]]) -> None:
        self.server, self.changed, self.task = server, changed, task
        self.is_told_late = False


def _source(server: Server, path: str) -> str:
    return f"lsp://{server.name}/{path}"


def _absent(source: str, why: str) -> ContextItem:
    return ContextItem(source=source, content="", type="diagnostics", why=why)


def _unlooked(one: Changed) -> ContextItem:
    return _absent(f"lsp://{one.path}", f"more than {MAX_FILES} files were changed in this turn")
