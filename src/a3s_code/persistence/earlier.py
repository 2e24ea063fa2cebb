"""
How the session directory of A3S Code 3 is told from others.

    <dir>/<id>.json     one file for each session, beginning with its id and configuration

Such a directory is never written; `a3s-code import` carries its sessions over.
"""

from __future__ import annotations

import re
from pathlib import Path

from a3s_code.errors import StoreError

_HEAD_BYTES = 4096
_SESSION = re.compile(rb'\s*\{\s*"id"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"config"\s*:\s*\{')


def holds_earlier_sessions(directory: Path) -> bool:
    """
    Say whether a file in `directory` is a session of A3S Code 3; False without a directory.

    Raises:
        OSError: the directory or a file in it cannot be read.
    """
    return any(_is_session(file) for file in directory.glob("*.json"))


def _is_session(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return _SESSION.match(opened.read(_HEAD_BYTES)) is not None


def refuse_earlier_sessions(directory: Path) -> None:
    """
    Refuse to begin a store where earlier sessions would go unseen.

    Raises:
        StoreError: `directory` holds sessions of A3S Code 3.
    """
    if holds_earlier_sessions(directory):
        raise StoreError(
            f"{directory} holds sessions of A3S Code 3, which kept them as JSON files.",
            hint=f"carry them over with: a3s-code import {directory} --store NEW_DIRECTORY",
        )
