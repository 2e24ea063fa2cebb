"""A second thread rearranges the workspace as fast as it can while we work in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from a3s_code.errors import WorkspaceError
from a3s_code.kernel.workspace import GrepQuery
from a3s_code.workspace.processes import LocalProcesses
from a3s_code.workspace.search import LocalSearch
from a3s_code.workspace.snapshot_files import FILE, Content, Tree, Unfit, blob_id, open_root

from .conftest import MARKER, Place

ROUNDS = 2_000 if os.environ.get("A3S_RACES") == "all" else 200
"""For each race, in both ways of opening directories."""


@contextmanager
def meanwhile(step: Callable[[], None]) -> Iterator[None]:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with suppress(OSError):
                step()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def flip(at: Path, real: Path, link: str) -> Callable[[], None]:
    """Let `at` be the real directory, and then a link."""

    def step() -> None:
        real.rename(at)
        at.rename(real)
        at.symlink_to(link)
        at.unlink()

    return step


async def test_a_directory_that_becomes_a_link_never_shows_the_outside(place: Place) -> None:
    (place.ws / "real").mkdir()
    (place.ws / "real/secret.txt").write_bytes(b"inside\n")
    seen: set[bytes] = set()
    with meanwhile(flip(place.ws / "flip", place.ws / "real", "../out")):
        for _ in range(ROUNDS):
            with suppress(WorkspaceError, OSError):
                location = place.files.resolve("flip/secret.txt")
                try:
                    seen.add(await place.files.read(location))
                finally:
                    location.close()
    assert all(MARKER not in data for data in seen)


def flip_file(file: Path) -> Callable[[], None]:
    """Let `file` be one of our own, and then a link."""

    def step() -> None:
        file.write_bytes(b"inside\n")
        file.unlink()
        file.symlink_to("../out/secret.txt")
        file.unlink()

    return step


async def test_a_file_that_becomes_a_link_never_shows_the_outside(place: Place) -> None:
    seen: set[bytes] = set()
    with meanwhile(flip_file(place.ws / "file")):
        for _ in range(ROUNDS):
            with suppress(WorkspaceError, OSError):
                location = place.files.resolve("file")
                try:
                    seen.add(await place.files.read(location))
                finally:
                    location.close()
    assert all(MARKER not in data for data in seen)


async def test_parents_that_become_links_never_lead_a_write_outside(place: Place) -> None:
    (place.ws / "a").mkdir()
    (place.ws / "a/real").mkdir()
    with meanwhile(flip(place.ws / "a/b", place.ws / "a/real", "../../out")):
        for _ in range(ROUNDS):
            with suppress(WorkspaceError, OSError):
                location = place.files.resolve("a/b/c/f.txt")
                try:
                    await place.files.write(location, b"x")
                finally:
                    location.close()
    # the fixture finds the outside as it was


async def test_a_walk_over_a_directory_that_becomes_a_link_stays_inside(place: Place) -> None:
    (place.ws / "real").mkdir()
    (place.ws / "real/inside.txt").touch()
    search = LocalSearch(place.files, LocalProcesses(place.ws))
    root = place.files.resolve(".")
    found: set[str] = set()
    with meanwhile(flip(place.ws / "flip", place.ws / "real", "../out")):
        for _ in range(ROUNDS):
            found.update(await search.glob(root, "**/*"))
            with suppress(WorkspaceError, OSError):
                under = place.files.resolve("flip")
                try:
                    found.update(await search.glob(under, "*"))
                finally:
                    under.close()
    root.close()
    assert not {path for path in found if "secret" in path}


@pytest.mark.parametrize(("ripgrep", "rounds"), [(None, ROUNDS), ("", ROUNDS // 10)])
async def test_a_search_over_what_becomes_a_link_shows_nothing_of_the_outside(
    place: Place, ripgrep: str | None, rounds: int
) -> None:
    search = LocalSearch(place.files, LocalProcesses(place.ws), ripgrep=ripgrep)
    (place.ws / "real").mkdir()
    (place.ws / "real/secret.txt").write_bytes(b"inside\n")
    for number in range(40):
        (place.ws / f"{number}.txt").write_bytes(b"inside SECRETS\n")
    root = place.files.resolve(".")
    shown: set[str] = set()
    with (
        meanwhile(flip(place.ws / "flip", place.ws / "real", "../out")),
        meanwhile(flip_file(place.ws / "file")),
    ):
        for _ in range(rounds):
            shown.add((await search.grep(root, GrepQuery("SECRET"))).text)
    root.close()
    assert all(text.count("inside SECRETS") == 40 for text in shown)
    assert not [text for text in shown if MARKER.decode() in text]


async def test_what_a_rewind_removes_and_puts_back_is_never_outside(place: Place) -> None:
    (place.ws / "real").mkdir()
    (place.ws / "real/secret.txt").write_bytes(b"inside\n")
    content = Content(FILE, b"inside\n")
    expected = (FILE, blob_id(content.data))
    tree = Tree(open_root(str(place.ws)), 1_000)
    with meanwhile(flip(place.ws / "flip", place.ws / "real", "../out")):
        for _ in range(ROUNDS):
            with suppress(Unfit):
                tree.put("flip/secret.txt", content, expected)
            with suppress(Unfit):
                tree.remove("flip/secret.txt", expected)
    tree.close()
    # the fixture finds the outside as it was


async def test_a_search_in_one_file_that_becomes_a_link_stays_inside(place: Place) -> None:
    search = LocalSearch(place.files, LocalProcesses(place.ws))
    location = place.files.resolve("file")
    (place.ws / "file").symlink_to("../out/secret.txt")
    with suppress(WorkspaceError):
        hits = await search.grep(location, GrepQuery("SECRET"))
        assert not hits.matches
    location.close()


async def test_what_becomes_a_link_is_no_repository_outside(place: Place) -> None:
    """What is protected is told from the descriptor as well; nothing outside is looked at."""
    (place.out / "secret.txt").rename(place.out / "HEAD")
    (place.ws / "real").mkdir()
    try:
        with meanwhile(flip(place.ws / "flip", place.ws / "real", "../out")):
            for _ in range(ROUNDS):
                with suppress(WorkspaceError, OSError):
                    location = place.files.resolve("flip/x")
                    try:
                        assert location.repository == ""
                    finally:
                        location.close()
    finally:
        (place.out / "HEAD").rename(place.out / "secret.txt")
