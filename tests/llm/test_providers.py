"""Providers as a whole: that each of them is known where all have to be."""

from __future__ import annotations

import inspect
import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path

from a3s_code import llm

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def providers() -> set[str]:
    """Name the modules that define a class with all that `kernel.ports.Model` asks for."""
    names = [f"{llm.__name__}.{module.name}" for module in pkgutil.iter_modules(llm.__path__)]
    return {
        cls.__module__
        for name in names
        for _, cls in inspect.getmembers(import_module(name), inspect.isclass)
        if cls.__module__ == name
        and all(hasattr(cls, part) for part in ("ref", "context_window", "reply"))
    } - {"a3s_code.llm.wire_model"}


def test_the_contract_that_keeps_providers_apart_names_every_one() -> None:
    tools = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]
    (contract,) = [
        contract
        for contract in tools["importlinter"]["contracts"]
        if contract["name"] == "Providers do not know each other"
    ]

    assert set(contract["modules"]) == providers() != set()
