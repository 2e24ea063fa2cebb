"""
The helpers of a program: tools under short names, with plain arguments and plain answers.

`ctx.glob('**/*.py')` is the tool `glob` with its pattern, and gives a list of paths. What a
helper does not take or give, `ctx.tool(name, args)` does.

Source:
    SPEC 5.15, "ctx API"; the Python SDK README, "Programmatic Tool Calling".
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.script import ScriptCallFailed
from a3s_code.kernel.tool import Observation

Ask: TypeAlias = Callable[[str, JsonObject], Awaitable[Observation]]
"""Calls a tool for the program; a call that is refused or fails raises `ScriptCallFailed`."""

_MATCH = re.compile(r"(.*?):(\d+):(.*)", re.DOTALL)
_ROW = re.compile(r"(\w+) +(\d+|-)  (.*)", re.DOTALL)
_CUT = re.compile(r"^\[\d+ bytes cut[:;] .*\]$", re.MULTILINE)
_PAGE_LINES = 1_000
_NUMBER = re.compile(r"^ *\d+\t", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Helper:
    """
    Attributes:
        tool: What it calls; it is there when that is.
        first: The argument that a text in the first place is. An object there is all arguments.
        shown: Makes the answer of what the tool showed.
        spelled: Names of arguments that scripts write otherwise.
    """

    tool: str
    first: str
    shown: Callable[[Observation], Any]
    spelled: Mapping[str, str]

    async def call(self, name: str, args: Sequence[Any], ask: Ask) -> Any:  # noqa: ANN401 - JSON
        return self.shown(await ask(self.tool, self.arguments(name, args)))

    def arguments(self, name: str, args: Sequence[Any]) -> JsonObject:
        """
        Make the arguments of the tool of those of the helper.

        Raises:
            ScriptCallFailed: they are no text, and no object.
        """
        made: JsonObject = {}
        for place, given in enumerate(args[:2]):
            if isinstance(given, dict):
                made |= cast("JsonObject", given)
            elif place == 0 and given is not None:
                made[self.first] = given
            elif given is not None:
                raise ScriptCallFailed(f"{name}: the second argument has to be an object.")
        return {self.spelled.get(key, key): value for key, value in made.items()}


def _text(observation: Observation) -> str:
    return observation.text


def _paths(observation: Observation) -> list[str]:
    return list((observation.metadata or {}).get("paths", ()))


def _matches(observation: Observation) -> list[JsonObject]:
    """
    Give `{path, line, text}` for each line that matches; those around it are left out.

    Raises:
        ScriptCallFailed: there are more than the tool shows; a part would look like all of them.
    """
    facts = observation.metadata or {}
    count = facts.get("matches") or 0
    if not count:
        return []
    found = map(_MATCH.fullmatch, observation.text.split("\n"))
    rows = [{"path": row[1], "line": int(row[2]), "text": row[3]} for row in found if row]
    if facts.get("truncated") or "artifact" in facts or len(rows) < count:
        text = f"grep: there are more matches than the {len(rows)} that can be given;"
        raise ScriptCallFailed(f"{text} narrow the pattern, path or glob.")
    return rows


def _entries(observation: Observation) -> list[JsonObject]:
    """
    Give `{name, kind, size}`, and `target` for a link; `size` is null for all but files.

    Raises:
        ScriptCallFailed: there are more than the tool shows.
    """
    count = (observation.metadata or {}).get("entries") or 0
    found = map(_ROW.fullmatch, observation.text.split("\n")[:count])
    rows = [_entry(row[1], row[2], row[3]) for row in found if row]
    if len(rows) < count:
        raise ScriptCallFailed(f"ls: of {count} entries only {len(rows)} can be given; use glob.")
    return rows


def _entry(kind: str, size: str, shown: str) -> JsonObject:
    name, arrow, target = shown.partition(" -> ") if kind == "link" else (shown, "", "")
    entry: JsonObject = {
        "name": name.removesuffix("/") if kind == "dir" else name,
        "kind": kind,
        "size": None if size == "-" else int(size),
    }
    return entry | ({"target": target} if arrow else {})


async def read_file(args: Sequence[Any], ask: Ask, more: Ask) -> str:
    """
    Give the text of a file without line numbers, page by page.

    Args:
        ask, more: Read the first page, and each later one.

    Raises:
        ScriptCallFailed: it cannot be read, or is no text.
    """
    asked = HELPERS["read"].arguments("readFile", args)
    lines: list[str] = []
    offset, limit, read = 0, _PAGE_LINES, ask
    while True:
        page = await read("read", asked | {"offset": offset, "limit": limit})
        read = more
        facts = page.metadata or {}
        total, shown = facts.get("total_lines"), facts.get("lines")
        if not isinstance(total, int) or not isinstance(shown, int):
            raise ScriptCallFailed(f"readFile: {page.text}")
        if total == 0:
            return ""
        if limit > 1 and _CUT.search(page.text):  # too large to be shown whole
            limit //= 2
            continue
        lines += [_NUMBER.sub("", line, 1) for line in page.text.split("\n")[:shown]]
        offset += shown
        if offset >= total:
            return "\n".join(lines)


_PATH = {"path": "file_path"}
_GREP = {"ignoreCase": "-i", "ignore_case": "-i", "include": "glob"}

HELPERS: Mapping[str, Helper] = {
    "read": Helper("read", "file_path", _text, _PATH),
    "grep": Helper("grep", "pattern", _matches, _GREP),
    "glob": Helper("glob", "pattern", _paths, {}),
    "ls": Helper("ls", "path", _entries, {}),
    "bash": Helper("bash", "command", _text, {}),
    "git": Helper("git", "command", _text, {}),
    "webSearch": Helper("web_search", "query", _text, {}),
}
READ_FILE, TOOL, TOOLS = "readFile", "tool", "tools."
"""The functions that are no such helper: a whole text, any tool by its name, `tools.<name>`."""
