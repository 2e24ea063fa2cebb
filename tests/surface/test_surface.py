"""The names of the documents and of the earlier binding are there, or known to be missing."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable

import pytest

import a3s_code
from surface.names import (
    SURFACE,
    Wanted,
    documented,
    fault,
    is_covered,
    of_peer,
    still_to_come,
)

needs_peer = pytest.mark.skipif(not SURFACE.exists(), reason="reads ../shared")


def missing(names: Iterable[Wanted]) -> list[str]:
    listed = still_to_come()
    return [
        f"{wanted.name}: {what}"
        for wanted in names
        if not is_covered(wanted, listed) and (what := fault(a3s_code, wanted))
    ]


def test_every_name_of_the_documents_is_there_or_still_to_come() -> None:
    assert missing(documented()) == []


@needs_peer
def test_every_name_of_the_binding_is_there_as_it_was_or_still_to_come() -> None:
    assert missing(of_peer()) == []


@needs_peer
def test_a_name_that_has_come_is_off_the_list() -> None:
    wanted = [*documented(), *of_peer()]
    listed = still_to_come()
    at_fault = {each.name for each in wanted if fault(a3s_code, each)}

    assert sorted(listed - at_fault) == [], "these are there, or nobody asks for them"


@pytest.mark.parametrize("name", a3s_code.__all__)
def test_every_public_name_can_be_loaded(name: str) -> None:
    assert getattr(a3s_code, name) is not None
    assert name in dir(a3s_code)


def test_a_store_can_be_written_with_public_names_alone() -> None:
    methods = inspect.getmembers(a3s_code.Store, inspect.isfunction)
    annotations = " ".join(
        str(text) for _, method in methods for text in method.__annotations__.values()
    )
    ours = set(re.findall(r"[A-Z]\w+", annotations)) - {"None", "Sequence"}

    assert ours >= {"Record", "SessionId"}
    assert ours | {"Dropped"} <= set(a3s_code.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = a3s_code.no_such_name  # pyright: ignore[reportAttributeAccessIssue] - the claim


# How names are compared


class Sample:
    LIMIT = 3
    kept: int

    def __init__(self, first: str, second: int = 2, *, extra: bool = False) -> None:
        self.assigned = (first, second, extra)

    def method(self, a: int, b: int = 1) -> None: ...

    def flexible(self, a: int, **more: int) -> None: ...

    @staticmethod
    def make(name: str) -> None: ...


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("Sample", "(first, second=2)"),
        Wanted("Sample", "(first, second=None)"),
        Wanted("Sample.kept"),
        Wanted("Sample.assigned"),
        Wanted("Sample.LIMIT", constant="3"),
        Wanted("Sample.method", "(a, b=1)"),
        Wanted("Sample.method", "(a)"),
        Wanted("Sample.flexible", "(a, anything=None)"),
        Wanted("Sample.make", "(name)", is_static=True),
    ],
)
def test_what_is_compatible_is_no_fault(wanted: Wanted) -> None:
    assert fault(sample_package(), wanted) == ""


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("Other"),
        Wanted("Other.method"),
        Wanted("Sample.other"),
        Wanted("Sample", "(first, second=3)"),
        Wanted("Sample", "(second=2, first=None)"),
        Wanted("Sample", "(first, second=2, extra=False)"),
        Wanted("Sample", "(first, other)"),
        Wanted("Sample.LIMIT", constant="4"),
        Wanted("Sample.method", "()"),
        Wanted("Sample.method", "(a=1)", is_static=True),
        Wanted("Sample.flexible", "(a, anything)"),
        Wanted("Sample.__lt__", is_special=True),
    ],
)
def test_what_is_not_compatible_is_a_fault(wanted: Wanted) -> None:
    assert fault(sample_package(), wanted) != ""


def sample_package() -> types.ModuleType:
    package = types.ModuleType("sample")
    package.Sample = Sample  # pyright: ignore[reportAttributeAccessIssue] - made here
    return package
