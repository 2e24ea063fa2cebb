"""
What a program says when the sandbox did not let it do something.

The kernel tells nobody which path or host it refused, so the names are read from what the
program printed, and say of themselves that they are not certain: a file may be closed to the
program for another reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from a3s_code.kernel.confinement import Confinement, Violation
from a3s_code.kernel.workspace import Exit

MAX_TOLD = 16
_READ_BYTES = 64 * 1024
_MAX_NAME_CHARS = 400
_OPEN, _CLOSE = "'\"\u2018", "'\"\u2019"
_REFUSED = re.compile(r"Read-only file system|Permission denied|Operation not permitted")
_PATH_AFTER = re.compile(
    rf"(?:{_REFUSED.pattern}): [{_OPEN}]([^{_CLOSE}\n]{{1,{_MAX_NAME_CHARS}}})[{_CLOSE}]"
)
_BARE_END = re.compile(r"[\s:'\"]")
_NO_NAME = (
    "Temporary failure in name resolution",
    "Could not resolve host",
    "Name or service not known",
    "Could not resolve hostname",
    "getaddrinfo EAI_AGAIN",
    "no such host",
    "unable to resolve host",
    "Network is unreachable",
    "Address family not supported by protocol",
    "Failed to resolve",
)
_HOST = re.compile(
    r"(?:[Cc]ould not resolve host(?:name)?:? |Failed to resolve |lookup |EAI_AGAIN |"
    r"unable to resolve host address [\u2018'\"]?|https?://(?:[^@/\s]*@)?)"
    r"['\"\u2018]?(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?)"
)


def violations(ended: Exit, held: Confinement) -> tuple[Violation, ...]:
    """Read what was refused from what a program printed, when it failed; each name once."""
    if not held.confines or not ended.status:
        return ()
    text = (ended.output[-_READ_BYTES:] + b"\n" + ended.stderr[-_READ_BYTES:]).decode(
        errors="replace"
    )
    found = dict.fromkeys((*_paths(text), *(_hosts(text) if not held.has_network else ())))
    return tuple(found)[:MAX_TOLD]


def lacks_network(text: str) -> bool:
    """Say whether a program complains that it reaches nothing."""
    return any(sign in text for sign in _NO_NAME)


def _paths(text: str) -> Iterator[Violation]:
    for line in text.splitlines():
        refused = _REFUSED.search(line)
        if refused is None:
            continue
        after = _PATH_AFTER.search(line, refused.start())
        name = after[1] if after else _named_before(line, refused.start())
        if name:
            yield Violation("path", name)


def _named_before(line: str, end: int) -> str:
    """Give the last name before `end`, quoted or not; a line of any length costs little."""
    near = line[max(0, end - _MAX_NAME_CHARS) : end].rstrip(": ")
    if near and near[-1] in _CLOSE:
        opened = max(near.rfind(quote, 0, -1) for quote in _OPEN)
        return near[opened + 1 : -1] if opened >= 0 else ""
    return _BARE_END.split(near)[-1]


def _hosts(text: str) -> Iterator[Violation]:
    for line in text.splitlines():
        if lacks_network(line):
            found = _HOST.search(line)
            yield Violation("host", found["host"] if found else "")
