"""
What could be checked in a project, by the files in the root of its workspace.

A preset is a proposal: nothing of it runs before somebody hands its commands on. Its commands
are ours; of what the files say only known names and whether they are there is used, so no text
of a project becomes a command line.

Source:
    SPEC 4.4, "Presets".
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

import msgspec

from a3s_code.errors import A3SError
from a3s_code.harness.verification.commands import MAX_TIMEOUT_MS, CheckCommand
from a3s_code.kernel.messages import JsonObject
from a3s_code.kernel.workspace import Files

MAX_MARKER_BYTES = 1024 * 1024
"""Of one file that is looked into."""

_PYTHON = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "pytest.ini", "tox.ini")
_PYTEST = re.compile(r"^\[(tool\.pytest\b|tool:pytest\]|pytest\])", re.MULTILINE)
_TEST_FILE = re.compile(r"test_\w+\.py|\w+_test\.py|conftest\.py")
_LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
_MANAGERS = frozenset(_LOCKS.values())
_TYPE_CHECKS = ("typecheck", "type-check")
_NO_TEST = "no test specified"
"""In the script that `npm init` writes, which only fails."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes: `commands` are what `verify_commands` takes."""

    id: str
    project_kind: str
    description: str
    commands: tuple[CheckCommand, ...]

    def as_json(self) -> JsonObject:
        commands = [msgspec.structs.asdict(command) for command in self.commands]
        return {**msgspec.structs.asdict(self), "commands": commands}


@dataclass(frozen=True, slots=True)
class _Root:
    """The root of a workspace: names of what is there, and the text of what was looked into."""

    names: Collection[str]
    texts: Mapping[str, str]


async def presets_of(files: Files) -> list[Preset]:
    """
    Propose what can be checked, one preset for each kind of project that is found.

    Only the root is looked at, and nothing outside of it. A file that cannot be read, or that
    is not what its name says, is as good as none.
    """
    root = await _look(files)
    found = (_rust(root), _node(root), _python(root), _go(root))
    return [preset for preset in found if preset is not None]


async def _look(files: Files) -> _Root:
    target = files.resolve(".")
    try:
        names = {entry.name for entry in await files.list(target)}
    except (OSError, A3SError):
        return _Root((), {})
    finally:
        target.close()
    wanted = ("Cargo.toml", "package.json", "go.mod", *_PYTHON)
    texts = {name: await _read(files, name) for name in wanted if name in names}
    return _Root(names, {name: text for name, text in texts.items() if text is not None})


async def _read(files: Files, name: str) -> str | None:
    """Read the beginning of a file; None when it is none, or lies outside."""
    try:
        target = files.resolve(name)
    except A3SError:
        return None
    try:
        data = await files.read(target, limit=MAX_MARKER_BYTES)
    except (OSError, A3SError):
        return None
    finally:
        target.close()
    return data.decode("utf-8", "replace")


def _command(
    id_: str, kind: str, description: str, command: str, *, required: bool = True
) -> CheckCommand:
    return CheckCommand(
        id=id_,
        kind=kind,
        description=description,
        command=command,
        required=required,
        timeout_ms=MAX_TIMEOUT_MS,
    )


def _rust(root: _Root) -> Preset | None:
    if "Cargo.toml" not in root.texts:
        return None
    lint = "cargo clippy -- -D warnings"
    return Preset(
        id="rust-default",
        project_kind="rust",
        description="Format, types and tests of a Cargo project, and its lints.",
        commands=(
            _command("rust:fmt", "format", "Check the format", "cargo fmt --check"),
            _command("rust:check", "type_check", "Check the types", "cargo check"),
            _command("rust:test", "test", "Run the tests", "cargo test"),
            _command("rust:clippy", "lint", "Run clippy", lint, required=False),
        ),
    )


def _go(root: _Root) -> Preset | None:
    if "go.mod" not in root.texts:
        return None
    return Preset(
        id="go-default",
        project_kind="go",
        description="Tests of a Go module, and what vet says.",
        commands=(
            _command("go:test", "test", "Run the tests", "go test ./..."),
            _command("go:vet", "lint", "Run go vet", "go vet ./...", required=False),
        ),
    )


def _python(root: _Root) -> Preset | None:
    if not any(name in root.texts for name in _PYTHON):
        return None
    # What Python writes beside the sources would be a change of the files.
    test = "PYTHONDONTWRITEBYTECODE=1 python3 -m pytest"
    tests = _command("python:test", "test", "Run the tests", test)
    return Preset(
        id="python-default",
        project_kind="python",
        description="Tests of a Python project, and what ruff and mypy say.",
        commands=(
            *((tests,) if _has_tests(root) else ()),
            _command("python:ruff", "lint", "Run ruff", "ruff check .", required=False),
            _command("python:mypy", "type_check", "Run mypy", "mypy .", required=False),
        ),
    )


def _has_tests(root: _Root) -> bool:
    """Say whether pytest has something to run; without it fails for that alone."""
    if "tests" in root.names or "pytest.ini" in root.texts:
        return True
    if any(_TEST_FILE.fullmatch(name) for name in root.names):
        return True
    asked = ("pyproject.toml", "setup.cfg", "tox.ini")
    return any(_PYTEST.search(root.texts.get(name, "")) for name in asked)


def _node(root: _Root) -> Preset | None:
    if "package.json" not in root.texts:
        return None
    package = _object(_parsed(root.texts["package.json"]))
    manager = _manager(package, root.names)
    commands = _node_commands(_object(package.get("scripts")), f"{manager} run")
    if not commands:
        return None
    return Preset(
        id="node-default",
        project_kind="node",
        description=f"Scripts of package.json, run by {manager}.",
        commands=tuple(commands),
    )


def _node_commands(scripts: JsonObject, run: str) -> list[CheckCommand]:
    named = {name for name, script in scripts.items() if isinstance(script, str) and script.strip()}
    found: list[CheckCommand] = []
    if "test" in named and _NO_TEST not in scripts["test"]:
        found.append(_command("node:test", "test", "Run the tests", f"{run} test"))
    for name in _TYPE_CHECKS:
        if name in named:
            said = "Check the types"
            found.append(
                _command(f"node:{name}", "type_check", said, f"{run} {name}", required=False)
            )
    if "lint" in named:
        found.append(_command("node:lint", "lint", "Run the linter", f"{run} lint", required=False))
    return found


def _manager(package: JsonObject, names: Collection[str]) -> str:
    """Name the package manager: the one that the package names, or that has left its lock."""
    said = package.get("packageManager")
    named = said.partition("@")[0] if isinstance(said, str) else ""
    if named in _MANAGERS:
        return named
    return next((manager for lock, manager in _LOCKS.items() if lock in names), "npm")


def _parsed(text: str) -> object:
    """Parse JSON; None for what is none. A mark of the byte order before it is left out."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _object(given: object) -> JsonObject:
    """Give an object; an empty one for anything else."""
    return cast("JsonObject", given) if isinstance(given, dict) else {}
