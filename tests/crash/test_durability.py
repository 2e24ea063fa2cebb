"""What had reached the disk when a record was acknowledged, as the system calls show it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

WRITER = Path(__file__).with_name("crash_writer.py")
RECORDS = 15
BEGUN = re.compile(r"(\d+) +(\w+)\((?:\d+<([^>]*)>|\"([^\"]*)\")?")
RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>")


class Call(NamedTuple):
    """A system call that succeeded, and the file or the directory it was about."""

    name: str
    path: str


def calls(trace: str) -> list[Call]:
    """Give all calls, in the order in which they came to their end."""
    found: list[Call] = []
    begun: dict[tuple[str, str], str] = {}
    for line in trace.splitlines():
        if call := BEGUN.match(line):
            thread, name, of_descriptor, path = call.groups()
            begun[thread, name] = of_descriptor or path or ""
        elif call := RESUMED.match(line):
            thread, name = call.groups()
        else:
            continue
        if re.search(r"\) += \d+", line):
            found.append(Call(name, begun[thread, name]))
    return found


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Call]]:
    """Store records under strace; the directory of the store, and the calls."""
    return trace_of("write", tmp_path_factory)


def trace_of(mode: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Call]]:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    base = tmp_path_factory.mktemp("traced")
    watch = "trace=?mkdir,?mkdirat,fsync,fdatasync,write"
    strace = ["strace", "-f", "-y", "-qq", "-o", str(base / "trace"), "-e", watch]
    writer = [sys.executable, str(WRITER), mode, str(base / "a/b/c"), str(RECORDS)]
    with (base / "told").open("wb") as told:
        subprocess.run(
            [*strace, *writer], stdin=subprocess.DEVNULL, stdout=told, check=True, timeout=120
        )
    assert (base / "told").read_text().splitlines() == ["3", "6", "9", "12", "15"]
    return base, calls((base / "trace").read_text())


def test_before_each_acknowledgement_the_log_is_synced(traced: tuple[Path, list[Call]]) -> None:
    base, found = traced
    synced = {Call(name, str(base / "a/b/c/sessions.db-wal")) for name in ("fsync", "fdatasync")}
    acknowledged = [at for at, call in enumerate(found) if call == ("write", str(base / "told"))]

    assert len(acknowledged) == 5
    for before, after in zip([0, *acknowledged], acknowledged, strict=False):
        assert synced & set(found[before:after])


def test_a_store_with_normal_durability_does_not_wait_for_the_disk(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    base, found = trace_of("calm", tmp_path_factory)
    acknowledged = [at for at, call in enumerate(found) if call == ("write", str(base / "told"))]

    assert len(acknowledged) == 5
    between = found[acknowledged[0] : acknowledged[-1]]
    assert not [call for call in between if call.name in {"fsync", "fdatasync"}]


def test_before_the_first_acknowledgement_the_names_of_new_directories_are_synced(
    traced: tuple[Path, list[Call]],
) -> None:
    base, found = traced
    before = found[: found.index(Call("write", str(base / "told")))]
    made = [base / "a", base / "a/b", base / "a/b/c"]

    assert [call.path for call in before if call.name.startswith("mkdir")] == list(map(str, made))
    for directory in made:
        assert Call("fsync", str(directory.parent)) in before
    # SQLite has the name of its file in the last one.
    assert {Call("fsync", str(made[-1])), Call("fdatasync", str(made[-1]))} & set(before)
