from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_code.errors import PathRefused, UsageError, WorkspaceError
from a3s_code.workspace.beneath import OpenDirectory, openat2, step_by_step
from a3s_code.workspace.paths import Root

from .conftest import Place, open_descriptors


def found(place: Place, path: str) -> tuple[str, str]:
    location = place.files.resolve(path)
    try:
        return location.path, location.spelled
    finally:
        location.close()


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("README.md", "README.md"),
        ("./src//a.py", "src/a.py"),
        ("src/", "src"),
        ("", "."),
        (".", "."),
        ("src/..", "."),
        ("src/../README.md", "README.md"),
        ("new/deep/file.txt", "new/deep/file.txt"),
        ("new/../README.md", "README.md"),
        ("new/deep/../x", "new/x"),
        ("~/x", "~/x"),
        ("%2e%2e/x", "%2e%2e/x"),
        ("..\\out\\secret.txt", "..\\out\\secret.txt"),
        ("-rf", "-rf"),
        ("a\nb", "a\nb"),
        ("caf\u00e9.txt", "caf\u00e9.txt"),
        ("cafe\u0301.txt", "cafe\u0301.txt"),
    ],
)
def test_a_path_that_stays_inside_is_found(place: Place, path: str, real: str) -> None:
    assert found(place, path)[0] == real


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../out/secret.txt",
        "src/../../out/secret.txt",
        "src//..//..//out//secret.txt",
        "new/../../out",
        "/",
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/README.md",
        "/dev/stdin",
        "../ws/README.md",
    ],
)
def test_a_path_that_leaves_is_refused_by_its_own_spelling(place: Place, path: str) -> None:
    with pytest.raises(PathRefused) as refusal:
        place.files.resolve(path)
    assert path in str(refusal.value)
    assert "inside the workspace" in refusal.value.hint


def test_an_absolute_path_is_accepted_in_both_spellings_of_the_root(place: Place) -> None:
    other = place.ws.parent / "other"
    other.symlink_to("ws")
    files = Root(other)
    for spelling in (other, place.ws):
        location = files.find(f"{spelling}/src/a.py")
        assert location.path == "src/a.py"
        location.close()
    for outside in (f"{place.ws}2/x", f"{place.ws}/../out/secret.txt", str(place.out)):
        with pytest.raises(PathRefused):
            files.find(outside)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a\0b", "NUL"),
        ("x" * 256, "too long"),
        ("d/" * 2_100 + "f", "too long"),
        ("\ud800", "Unicode"),
    ],
)
def test_what_no_system_can_hold_is_refused(place: Place, path: str, why: str) -> None:
    with pytest.raises(PathRefused, match=why):
        place.files.resolve(path)
    assert sorted(path.name for path in place.ws.iterdir()) == ["README.md", "src"]


def test_a_refusal_shows_control_characters_escaped_and_bounded(place: Place) -> None:
    with pytest.raises(PathRefused) as refusal:
        place.files.resolve("../\x1b[2J\u202e" + "x" * 200 + "/" + "y" * 200)
    assert "\\x1b[2J\\u202e" in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_links_that_stay_inside_are_followed_and_told(place: Place) -> None:
    (place.ws / "in").symlink_to("src")
    (place.ws / "src/up").symlink_to("../README.md")
    (place.ws / "absolute").symlink_to(place.ws / "src")
    (place.ws / "chain").symlink_to("absolute/up")
    (place.ws / "src/deep").mkdir()
    assert found(place, "in/deep/x") == ("src/deep/x", "in/deep/x")
    assert found(place, "in/deep") == ("src/deep", "in/deep")
    assert found(place, "in/a.py") == ("src/a.py", "in/a.py")
    assert found(place, "src/up") == ("README.md", "src/up")
    assert found(place, "absolute/a.py") == ("src/a.py", "absolute/a.py")
    assert found(place, "chain") == ("README.md", "chain")
    assert found(place, "in/new/x") == ("src/new/x", "in/new/x")
    assert found(place, "in/../README.md")[0] == "README.md"


@pytest.mark.parametrize(
    "target",
    ["../out", "../out/secret.txt", "/etc", "/dev/stdin", "/proc/self/fd/0", "..", "../new"],
)
def test_links_that_lead_out_are_refused(place: Place, target: str) -> None:
    (place.ws / "lnk").symlink_to(target)
    (place.ws / "far").symlink_to("lnk")
    for path in ("lnk", "lnk/secret.txt", "far", "far/x", "lnk/../README.md", "src/../lnk"):
        with pytest.raises(PathRefused) as refusal:
            place.files.resolve(path)
        assert target not in str(refusal.value) or target == ".."


def test_a_dot_dot_after_a_link_leads_to_the_parent_of_its_target(place: Place) -> None:
    (place.ws / "src/deep").mkdir()
    (place.ws / "down").symlink_to("src/deep")
    assert found(place, "down/../a.py")[0] == "src/a.py"
    assert found(place, "down/../../README.md")[0] == "README.md"
    with pytest.raises(PathRefused):
        place.files.resolve("down/../../../out/secret.txt")


def test_a_dangling_link_leads_to_where_a_file_would_be_made(place: Place) -> None:
    (place.ws / "soon").symlink_to("src/later/x.txt")
    assert found(place, "soon") == ("src/later/x.txt", "soon")


def test_a_loop_of_links_ends_in_a_refusal(place: Place) -> None:
    (place.ws / "one").symlink_to("two")
    (place.ws / "two").symlink_to("one")
    with pytest.raises(PathRefused, match="too many links"):
        place.files.resolve("one")


def test_a_file_is_no_directory(place: Place) -> None:
    for path in ("README.md/x", "README.md/..", "src/a.py/../a.py"):
        with pytest.raises(PathRefused, match=r"no directory"):
            place.files.resolve(path)


def test_a_missing_root_fails_at_the_first_use_and_works_once_it_exists(
    tmp_path: Path, open_directory: OpenDirectory
) -> None:
    root = Root(tmp_path / "later", open_directory)
    with pytest.raises(WorkspaceError, match="later cannot be opened"):
        root.find("x")
    (tmp_path / "later").mkdir()
    location = root.find("x")
    assert location.path == "x"
    location.close()


def test_a_root_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        Root(tmp_path / "file").find(".")


def test_the_whole_disk_may_be_a_workspace(tmp_path: Path) -> None:
    location = Root("/").find(str(tmp_path))
    assert f"/{location.path}" == str(tmp_path)
    assert location.absolute == str(tmp_path)
    location.close()


def test_a_closed_location_cannot_be_used(place: Place) -> None:
    location = place.files.resolve("src")
    location.close()
    location.close()
    with pytest.raises(UsageError, match="closed"):
        location.holder()


def test_nothing_stays_open(place: Place) -> None:
    (place.ws / "in").symlink_to("src")
    (place.ws / "bad").symlink_to("../out")
    before = open_descriptors()
    for _ in range(50):
        for path in ("README.md", "src", "in/a.py", "in/../src/new/x", "nothing/x"):
            place.files.resolve(path).close()
        for path in ("bad/x", "../x", "in/../../x", "README.md/x"):
            with pytest.raises(PathRefused):
                place.files.resolve(path)
        place.files.resolve("src")  # dropped without closing
    assert open_descriptors() == before


NAMES = st.sampled_from(["a", "b", "f", "in", "out", "up", "abs", "loop", "..", ".", "", "new"])


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directories full of links, inside and out."""
    base = tmp_path_factory.mktemp("maze")
    (base / "outside/a").mkdir(parents=True)
    for directory in ("ws", "ws/a", "ws/b", "ws/a/b"):
        (base / directory).mkdir()
        (base / directory / "f").touch()
        (base / directory / "in").symlink_to("b")
        (base / directory / "up").symlink_to("../a")
        (base / directory / "out").symlink_to("../outside/a")
        (base / directory / "abs").symlink_to(base / "ws/a")
        (base / directory / "loop").symlink_to("loop")
    return base


@pytest.mark.parametrize("way", [openat2, step_by_step], ids=["openat2", "step_by_step"])
@settings(max_examples=400, deadline=None)
@given(names=st.lists(NAMES, max_size=8), absolute=st.booleans())
def test_resolving_agrees_with_the_kernel_and_never_escapes(
    maze: Path, way: OpenDirectory, names: list[str], *, absolute: bool
) -> None:
    ws = maze / "ws"
    path = "/".join(names)
    spelled = f"{ws}/{path}" if absolute else path.lstrip("/")
    expected = Path(os.path.realpath(f"{ws}/{spelled.removeprefix(str(ws))}"))
    try:
        location = Root(ws, way).find(spelled)
    except PathRefused:
        return
    held = Path(f"/proc/self/fd/{location.fd}").readlink()
    location.close()
    assert held.is_relative_to(ws)
    assert held / "/".join(location.names) == ws / location.path
    assert ws / location.path == expected


@settings(max_examples=300, deadline=None)
@given(names=st.lists(NAMES, max_size=8))
def test_both_ways_of_opening_resolve_alike(maze: Path, names: list[str]) -> None:
    answers: list[tuple[str, ...]] = []
    for way in (openat2, step_by_step):
        try:
            location = Root(maze / "ws", way).find("/".join(names).lstrip("/"))
            answers.append((location.path, location.spelled, *location.names))
            location.close()
        except PathRefused as refusal:
            answers.append(("refused", refusal.message))
    assert answers[0] == answers[1]


@settings(max_examples=300, deadline=None)
@given(path=st.text(max_size=60))
def test_any_text_is_resolved_inside_or_refused_with_a_typed_error(maze: Path, path: str) -> None:
    try:
        location = Root(maze / "ws").find(path)
    except PathRefused:
        return
    held = Path(f"/proc/self/fd/{location.fd}").readlink()
    location.close()
    assert held.is_relative_to(maze / "ws")


def test_a_path_that_stays_inside_is_refused_only_for_a_reason(maze: Path) -> None:
    """The property above would hold for a resolver that refuses everything; this one does not."""
    for path in ("a/in", "in/../a/b/f", "abs/b/../f", "a/up/in", "new/x"):
        location = Root(maze / "ws").find(path)
        assert str(maze / "ws" / location.path) == os.path.realpath(maze / "ws" / path)
        location.close()


# Repositories


@pytest.mark.parametrize(
    ("files", "path", "repository"),
    [
        (["bare/HEAD", "bare/objects/x"], "bare/config", "bare"),
        (["bare/HEAD", "bare/refs/x"], "bare/hooks/deep/new", "bare"),
        (["wt/HEAD", "wt/commondir"], "wt/config.worktree", "wt"),
        (["HEAD", "refs/x"], "src/a.py", "."),
        (["HEAD", "refs/x", "in/HEAD", "in/objects/x"], "in/x", "in"),
        (["docs/HEAD"], "docs/x", ""),
        (["docs/objects/x", "docs/refs/x"], "docs/x", ""),
        ([], "src/a.py", ""),
    ],
)
def test_a_directory_that_git_takes_for_a_repository_is_known(
    place: Place, files: list[str], path: str, repository: str
) -> None:
    for name in files:
        (place.ws / name).parent.mkdir(parents=True, exist_ok=True)
        (place.ws / name).touch()
    before = open_descriptors()
    location = place.files.resolve(path)
    assert location.repository == repository
    location.close()
    assert open_descriptors() == before
