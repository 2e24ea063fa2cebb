"""
Which language servers there are: a small table, and where their programs are found.

A program is taken from the directory of this Python or from the host's PATH, and never from
the workspace: what lies there may be the model's own work. A host that wants one from there
names it by its absolute path.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

import msgspec

from a3s_code.errors import InvalidValue
from a3s_code.kernel.messages import JsonObject

_PYTHON = {"py": "python", "pyi": "python"}
_TYPESCRIPT = {
    **dict.fromkeys(("ts", "mts", "cts"), "typescript"),
    **dict.fromkeys(("js", "mjs", "cjs"), "javascript"),
    "tsx": "typescriptreact",
    "jsx": "javascriptreact",
}


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """
    Attributes:
        argv: Program and arguments.
        languages: The id of the language by the last part of a file's name.
        runs_code: It may run programs that the workspace names, such as build scripts or
            plugins, so without a sandbox it is started only where the host named it.
        options: Its `initializationOptions`.
        env: For its program.
        path: Where its program is, when the host said it; else it is looked for.
    """

    name: str
    argv: tuple[str, ...]
    languages: Mapping[str, str]
    runs_code: bool = False
    options: JsonObject = msgspec.field(default_factory=dict[str, object])
    env: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    path: str = ""


_RUST_OPTIONS: JsonObject = {
    "checkOnSave": False,
    "cargo": {"buildScripts": {"enable": False}, "autoreload": False},
    "procMacro": {"enable": False},
}
"""So that it only reads: a check would run build scripts and macros, and write."""

SERVERS: tuple[Server, ...] = (
    Server(name="ruff", argv=("ruff", "server"), languages=_PYTHON),
    Server(name="ty", argv=("ty", "server"), languages=_PYTHON),
    Server(name="pyright", argv=("pyright-langserver", "--stdio"), languages=_PYTHON),
    Server(
        name="typescript",
        argv=("typescript-language-server", "--stdio"),
        languages=_TYPESCRIPT,
        runs_code=True,
    ),
    Server(
        name="rust-analyzer",
        argv=("rust-analyzer",),
        languages={"rs": "rust"},
        runs_code=True,
        options=_RUST_OPTIONS,
        env={"CARGO_NET_OFFLINE": "true"},
    ),
    Server(
        name="gopls",
        argv=("gopls",),
        languages={"go": "go"},
        runs_code=True,
        env={"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
    ),
)
"""The first that is installed for a language is taken, unless the host names others."""

NAMES = tuple(server.name for server in SERVERS)


def named(names: Sequence[str]) -> tuple[Server, ...]:
    """
    Give servers by their names, or by the absolute paths of their programs.

    Raises:
        InvalidValue: there is no such server; says which there are.
    """
    return tuple(_named(name) for name in dict.fromkeys(names))


def _named(name: str) -> Server:
    program = os.path.basename(name)  # noqa: PTH119
    for server in SERVERS:
        if name == server.name:
            return server
        if os.path.isabs(name) and program == server.argv[0]:  # noqa: PTH117
            return msgspec.structs.replace(server, path=name)
    raise InvalidValue(
        f"diagnostics: {name!r} is no language server that is known.",
        hint=f"use {', '.join(NAMES)}, or the absolute path of the program of one",
    )


def outside_path(root: str, path: str) -> str:
    """Give the entries of a PATH that are absolute and not in the workspace."""
    real = os.path.realpath(root)
    entries = filter(os.path.isabs, path.split(os.pathsep))
    return os.pathsep.join(each for each in entries if not _is_inside(each, real))


def find(server: Server, root: str) -> str:
    """Give the absolute path of the program of a server; empty when it is not installed."""
    if server.path:
        return server.path if os.access(server.path, os.X_OK) else ""
    beside = os.path.dirname(sys.executable)  # noqa: PTH120
    path = outside_path(root, os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))
    found = shutil.which(server.argv[0], path=path) or ""
    return "" if found and _is_inside(found, os.path.realpath(root)) else found


def _is_inside(path: str, real_root: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{real_root.rstrip('/')}/")
