"""
The languages of a map, and their grammars: single wheels, loaded when a file asks for one.

A grammar that is not installed leaves its language out. `pip install 'a3s-code[code]'` brings
all of them.
"""

from __future__ import annotations

import functools
from importlib import import_module, resources
from typing import NamedTuple

import tree_sitter


class Dialect(NamedTuple):
    """
    Attributes:
        language: As it is called in what we say.
        package: The wheel; its module has the same name with `_`.
        grammar: Which of its functions gives the grammar.
        query: Which of our queries fits it.
    """

    language: str
    package: str
    grammar: str
    query: str


_PYTHON = Dialect("Python", "tree-sitter-python", "language", "python")
_JAVASCRIPT = Dialect("JavaScript", "tree-sitter-javascript", "language", "javascript")
_TYPESCRIPT = Dialect("TypeScript", "tree-sitter-typescript", "language_typescript", "typescript")
_TSX = Dialect("TypeScript", "tree-sitter-typescript", "language_tsx", "typescript")
_RUST = Dialect("Rust", "tree-sitter-rust", "language", "rust")
_GO = Dialect("Go", "tree-sitter-go", "language", "go")
_JAVA = Dialect("Java", "tree-sitter-java", "language", "java")

DIALECTS: dict[str, Dialect] = {
    **dict.fromkeys(("py", "pyi"), _PYTHON),
    **dict.fromkeys(("js", "jsx", "mjs", "cjs"), _JAVASCRIPT),
    **dict.fromkeys(("ts", "mts", "cts"), _TYPESCRIPT),
    "tsx": _TSX,
    "rs": _RUST,
    "go": _GO,
    "java": _JAVA,
}
"""By the last part of a file's name."""

PATTERN = f"**/*.{{{','.join(DIALECTS)}}}"
"""Finds the files of a map."""


class Grammar(NamedTuple):
    parser: tree_sitter.Parser
    query: tree_sitter.Query


def dialect_of(path: str) -> Dialect:
    """Give the dialect of a file that `PATTERN` found."""
    return DIALECTS[path.rpartition(".")[2]]


def grammar(dialect: Dialect) -> Grammar | None:
    """Give parser and query for files of a dialect; None when its wheel is not installed."""
    try:
        module = import_module(dialect.package.replace("-", "_"))
    except ImportError:
        return None
    return _made(dialect, getattr(module, dialect.grammar)())


@functools.cache
def _query(name: str) -> str:
    place = resources.files("a3s_code.capabilities.code_map")
    return (place / "queries" / f"{name}.scm").read_text("utf-8")


def _made(dialect: Dialect, pointer: object) -> Grammar:
    language = tree_sitter.Language(pointer)
    return Grammar(tree_sitter.Parser(language), tree_sitter.Query(language, _query(dialect.query)))
