"""A store on a network file system is refused before anything is written there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_code.errors import StoreError
from a3s_code.persistence import network_mounts
from a3s_code.persistence.network_mounts import NETWORK_KINDS, Mount, mount_of, parse
from a3s_code.persistence.sqlite import FileSessionStore
from persistence.logs import S, keep, records

REAL = r"""
22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
95 28 0:45 / /home rw,relatime shared:49 - nfs4 files:/home rw,vers=4.2,addr=10.0.0.7
96 95 259:3 / /home/ada/local rw,relatime - xfs /dev/nvme0n1p3 rw
97 28 0:46 / /mnt/my\040share\134x rw shared:50 master:3 propagate_from:2 - cifs //nas/s rw
98 28 0:47 / /mnt/remote rw,nosuid,nodev - fuse.sshfs ada@host: rw,user_id=1000
99 28 0:48 / /covered rw - nfs server:/export rw
100 99 0:49 / /covered rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/ada/project", "nfs4"),
        ("/home", "nfs4"),
        ("/homely", "ext4"),
        ("/home/ada/local/sessions", "xfs"),
        ("/home/ada/locally", "nfs4"),
        ("/mnt/my share\\x/a", "cifs"),
        ("/mnt/remote/a", "fuse.sshfs"),
        ("/covered/a", "tmpfs"),
    ],
)
def test_a_path_is_on_the_mount_with_the_longest_point(path: str, kind: str) -> None:
    found = mount_of(path, parse(REAL))

    assert found is not None
    assert found.kind == kind


def test_lines_of_another_form_are_left_out() -> None:
    cut = "28 1 259:2 / / rw - \n1 2\n\n28 1 259:2 / /a rw shared:1\n28 1 0:1 / /b rw -"

    assert parse(cut) == [Mount("/", "")]
    assert mount_of("/a", []) is None


names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=4)
names = names.filter(lambda name: name not in {".", ".."})
paths = st.lists(names, max_size=4).map(lambda parts: "/" + "/".join(parts))
mount_lists = st.lists(st.builds(Mount, paths, st.sampled_from(sorted(NETWORK_KINDS))))


def written(mounts: list[Mount]) -> str:
    """Write mounts as the kernel does."""
    lines: list[str] = []
    for mount in mounts:
        point = mount.point
        for char in "\\ \t\n":
            point = point.replace(char, f"\\{ord(char):03o}")
        lines.append(f"1 2 0:3 / {point} rw - {mount.kind} source rw\n")
    return "".join(lines)


@given(mount_lists, paths)
def test_every_name_is_read_back_and_decides_as_a_path_does(mounts: list[Mount], path: str) -> None:
    assert parse(written(mounts)) == mounts
    above = [
        mount for mount in mounts if PurePosixPath(path).is_relative_to(PurePosixPath(mount.point))
    ]
    longest = max((len(mount.point) for mount in above), default=0)
    expected = [mount for mount in above if len(mount.point) == longest]

    assert mount_of(path, mounts) == (expected[-1] if expected else None)


# A store


Mounting = Callable[[bytes], object]


@pytest.fixture
def mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounting:
    """Write what the store takes for the mounts of this system; at first there is no file."""
    place = tmp_path / "mountinfo"
    monkeypatch.setattr(network_mounts, "MOUNTINFO", place)
    return place.write_bytes


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory with a space in its name, and a link to it beside it."""
    directory = (tmp_path / "my share").resolve()
    directory.mkdir()
    (tmp_path / "link").symlink_to(directory)
    return directory


def names_in(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


async def test_a_store_on_a_network_file_system_is_refused_and_nothing_is_written(
    shared: Path, mountinfo: Mounting
) -> None:
    mountinfo(written([Mount("/", "ext4"), Mount(str(shared), "nfs4")]).encode())
    for place in (shared, shared / "deep/er", shared.parent / "link/s"):
        store = FileSessionStore(place)
        with pytest.raises(StoreError, match=r"network file system \(nfs4, mounted at ") as error:
            await keep(store, records(1))
        assert "local disk" in error.value.hint
        with pytest.raises(StoreError):
            await store.close()

    assert names_in(shared) == set()


async def test_a_store_that_came_to_be_on_a_network_file_system_is_not_even_read(
    shared: Path, mountinfo: Mounting
) -> None:
    store = FileSessionStore(shared)
    await keep(store, records(1))
    await store.close()
    before = names_in(shared)
    mountinfo(written([Mount(str(shared), "fuse.sshfs")]).encode())

    with pytest.raises(StoreError, match="network"):
        await FileSessionStore(shared).load(S, None)
    assert names_in(shared) == before


@pytest.mark.parametrize("text", [None, b"", b"\xff\n\n", b"28 1 0:1 / / rw - ext4 x rw"])
async def test_where_nothing_is_known_of_a_network_nothing_is_refused(
    text: bytes | None, tmp_path: Path, mountinfo: Mounting
) -> None:
    if text is not None:
        mountinfo(text)
    store = FileSessionStore(tmp_path / "s")
    await keep(store, records(1))

    assert await store.load(S) == records(1)
    await store.close()
