"""What is proposed to be checked, by the files of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a3s_code.harness.verification.presets import Preset, presets_of
from a3s_code.workspace.local import LocalFiles


async def found(root: Path, **files: str) -> dict[str, Preset]:
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)
    return {preset.project_kind: preset for preset in await presets_of(LocalFiles(str(root)))}


def rows(preset: Preset) -> list[tuple[str, str, bool]]:
    return [(each.kind, each.command, each.required) for each in preset.commands]


async def node(root: Path, package: Any) -> list[str]:
    (root / "package.json").write_text(json.dumps(package))
    (preset,) = await presets_of(LocalFiles(str(root)))
    return [command.command for command in preset.commands]


SCRIPTS = {"test": "vitest", "typecheck": "tsc", "lint": "eslint .", "deploy": "rm -rf /"}


async def test_nothing_is_proposed_where_nothing_is_known(tmp_path: Path) -> None:
    assert await found(tmp_path, README__md="# Cargo.toml") == {}


async def test_a_rust_project(tmp_path: Path) -> None:
    preset = (await found(tmp_path, Cargo__toml=""))["rust"]

    assert preset.id == "rust-default"
    assert rows(preset) == [
        ("format", "cargo fmt --check", True),
        ("type_check", "cargo check", True),
        ("test", "cargo test", True),
        ("lint", "cargo clippy -- -D warnings", False),
    ]


async def test_a_go_project(tmp_path: Path) -> None:
    preset = (await found(tmp_path, go__mod="module x"))["go"]

    assert preset.id == "go-default"
    assert rows(preset) == [("test", "go test ./...", True), ("lint", "go vet ./...", False)]


async def test_a_python_project_without_tests(tmp_path: Path) -> None:
    preset = (await found(tmp_path, pyproject__toml="[project]\nname='x'\n"))["python"]

    assert preset.id == "python-default"
    assert rows(preset) == [("lint", "ruff check .", False), ("type_check", "mypy .", False)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tests/test_a.py", ""),
        ("test_a.py", ""),
        ("conftest.py", ""),
        ("pytest.ini", ""),
        ("pyproject.toml", "[project]\n[tool.pytest.ini_options]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
        ("tox.ini", "[tox]\n[pytest]\n"),
    ],
)
async def test_a_python_project_with_tests(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    (preset,) = await presets_of(LocalFiles(str(tmp_path)))

    assert rows(preset)[0] == ("test", "PYTHONDONTWRITEBYTECODE=1 python3 -m pytest", True)


async def test_scripts_of_a_node_project_by_their_known_names_only(tmp_path: Path) -> None:
    preset = (await found(tmp_path, package__json=json.dumps({"scripts": SCRIPTS})))["node"]

    assert preset.id == "node-default"
    assert rows(preset) == [
        ("test", "npm run test", True),
        ("type_check", "npm run typecheck", False),
        ("lint", "npm run lint", False),
    ]


@pytest.mark.parametrize(
    ("lock", "manager"),
    [
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lock", "bun"),
        ("bun.lockb", "bun"),
        ("package-lock.json", "npm"),
    ],
)
async def test_the_manager_is_the_one_whose_lock_is_there(
    lock: str, manager: str, tmp_path: Path
) -> None:
    (tmp_path / lock).write_text("")

    assert await node(tmp_path, {"scripts": {"test": "x"}}) == [f"{manager} run test"]


async def test_the_manager_that_the_package_names_goes_before_locks(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").write_text("")
    package = {"packageManager": "pnpm@9.1.0+sha512.abc", "scripts": {"test": "x"}}

    assert await node(tmp_path, package) == ["pnpm run test"]


@pytest.mark.parametrize("manager", ["rm -rf ~; npm", "cargo@1", 7, None, {}])
async def test_no_text_of_a_package_becomes_a_command(manager: Any, tmp_path: Path) -> None:
    package = {"packageManager": manager, "scripts": {"test": "x; rm -rf ~"}}

    assert await node(tmp_path, package) == ["npm run test"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "[" * 100_000,
        '{"scripts": 7}',
        '{"scripts": {"test": 7, "lint": " "}}',
        '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}',
        '{"scripts": {"deploy": "x"}}',
        "\x00\xff",
        "9" * 10_000,
    ],
)
async def test_a_package_without_anything_to_run_proposes_nothing(
    text: str, tmp_path: Path
) -> None:
    assert await found(tmp_path, package__json=text) == {}


async def test_a_directory_or_a_link_that_leads_outside_is_no_project(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_text('{"scripts": {"test": "x"}}')
    (root / "Cargo.toml").mkdir()
    (root / "package.json").symlink_to(outside)
    (root / "go.mod").symlink_to(root / "missing")

    assert await presets_of(LocalFiles(str(root))) == []


async def test_a_mark_of_the_byte_order_does_not_hide_a_package(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_bytes(b"\xef\xbb\xbf" + b'{"scripts": {"test": "x"}}')
    assert [preset.project_kind for preset in await presets_of(LocalFiles(str(tmp_path)))] == [
        "node"
    ]
