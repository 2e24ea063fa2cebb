"""Command lines of a session in the files of another system, with the workspace at /workspace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_code import FileSessionStore, SandboxConfig, SandboxUnavailable
from a3s_code.errors import InvalidValue
from a3s_code.testing import calls, says
from api.house import House, come, meanwhile
from needed import needs_bwrap

PROGRAMS = ("sh", "ls", "cat", "touch", "id", "env", "sleep", "mkdir")

pytestmark = needs_bwrap
needs_python = pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs python3")


ATTEMPTS = """
import os, socket, urllib.request

def tell(attempt):
    try:
        print(attempt())
    except OSError as error:
        print("OSError" if type(error) is ConnectionRefusedError else type(error).__name__)

tell(lambda: urllib.request.urlopen("http://other.test/"))
tell(lambda: socket.create_connection(("192.0.2.1", 80), 2))
tell(lambda: socket.socket(socket.AF_UNIX))
tell(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
tell(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.53", 53)))
tell(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
tell(lambda: os.chroot("/tmp"))
"""


def copied(program: str, into: Path) -> None:
    """Copy a program of this machine with its libraries."""
    real = os.path.realpath(program)
    said = subprocess.run(["ldd", real], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", said):
        place = into / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    place = into / program.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(real, place)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small system: some programs of this machine and a file of its own."""
    into = tmp_path_factory.mktemp("image")
    for name in PROGRAMS:
        copied(str(shutil.which(name)), into)
    (into / "etc").mkdir()
    (into / "etc/image").write_text("of the image\n")
    yield into
    shutil.rmtree(into)


def config(image: Path, **more: Any) -> SandboxConfig:
    return SandboxConfig(image=str(image), **more)


def alive(mark: str) -> list[str]:
    """Give the processes that have `mark` in their environment."""
    asked = ["grep", "-lsaF", "-e", mark, *map(str, Path("/proc").glob("[0-9]*/environ"))]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()


def ran(house: House, line: str, **options: Any) -> str:
    """Give what a session's command left in the file `got`."""
    line = f"({line}) > got 2>&1"
    session = house.session(calls("bash", command=line), says("ok"), **options)
    session.send("go")
    return house.get("got")


def test_a_command_has_the_files_of_the_image_and_the_workspace(house: House, image: Path) -> None:
    house.put("a.txt", "from the workspace\n")
    got = ran(house, "pwd; cat a.txt /etc/image; ls /", sandbox=config(image))

    pwd, workspace, own, *top = got.splitlines()
    assert (pwd, workspace, own) == ("/workspace", "from the workspace", "of the image")
    assert {"bin", "usr", "etc", "workspace", "proc", "dev", "tmp"} >= set(top) - {
        *("lib", "lib64", "run", "sys", "sbin")
    }


@pytest.mark.parametrize(
    "attempt",
    [
        "cat /etc/passwd",
        "cat /root/.bashrc",
        "touch /etc/x",
        "touch /x",
        "mkdir /bin/x",
        "touch /workspace/.git/hooks/pre-commit",
        "touch /workspace/.vscode/x",
        "cat < /dev/tcp/127.0.0.1/22",
        "ls /work /home",
    ],
)
def test_nothing_else_of_this_machine_is_there(house: House, image: Path, attempt: str) -> None:
    subprocess.run(["git", "init", "-q", str(house.root)], check=True)
    got = ran(house, f"{attempt} && echo escaped; exit 0", sandbox=config(image))

    assert "escaped" not in got
    assert not (house.root / ".git/hooks/pre-commit").exists()
    assert not (image / "etc/x").exists()


def test_a_command_sees_the_variables_of_the_configuration_and_none_of_this_machine(
    house: House, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "of-the-host")
    got = ran(house, "env", sandbox=config(image, env={"TOKEN": "a b"}))

    lines = set(got.splitlines())
    assert {"TOKEN=a b", "HOME=/tmp"} <= lines
    assert not any("of-the-host" in line for line in lines)


def test_the_network_is_its_own_unless_it_is_wanted(house: House, image: Path) -> None:
    def names(**more: Any) -> str:
        return ran(house, "ls -l /proc/self/ns/net", sandbox=config(image, **more)).split()[-1]

    own = os.readlink("/proc/self/ns/net")  # noqa: PTH115
    assert names() != own
    assert names(network=True) == own


def test_the_model_is_shown_the_tool_sandbox_and_direct_calls_run_there_too(
    house: House, image: Path
) -> None:
    session = house.session(
        calls("sandbox", command="cat /etc/image > got"), says("ok"), sandbox=config(image)
    )
    session.send("go")

    assert house.get("got") == "of the image\n"
    assert session.bash("cat /etc/image") == "of the image\n"
    shown = {tool["function"]["name"] for tool in house.bodies[0]["tools"]}
    assert {"bash", "sandbox"} <= shown
    assert session.sandbox_info()["elsewhere"] == f"image {image}"


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(
    house: House, image: Path
) -> None:
    mark = os.urandom(8).hex()
    session = house.session(default=says("ok"), sandbox=config(image, env={"WHOSE": mark}))
    line = "echo begun > began; sleep 60 & sleep 60"
    with meanwhile(lambda: session.tool("bash", {"command": line, "timeout": 1500})) as came:
        come(lambda: house.has("began") and alive(mark))

    assert came[0].exit_code == 124
    assert alive(mark) == []


def test_an_archive_is_unpacked_once_and_goes_with_the_agent(
    house: House, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(image, ".")
    wanted = SandboxConfig(image=str(tmp_path / "image.tar"))
    session = house.session(default=says("ok"), sandbox=wanted)

    assert session.bash("cat /etc/image") == "of the image\n"
    assert session.bash("cat /etc/image") == "of the image\n"
    (unpacked,) = scratch.glob("a3s-code-image-*")
    house.agent.close()
    assert not unpacked.exists()


@needs_python
def test_a_list_of_hosts_needs_python_in_the_image(house: House, image: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="no python3"):
        house.session(says("ok"), sandbox=config(image, network=["a.test"]))


@needs_python
def test_a_list_of_hosts_is_reached_by_a_proxy(house: House, image: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(image, whole)
    copied("/usr/bin/python3", whole)
    library = Path(
        subprocess.run(
            ["/usr/bin/python3", "-ISc", "import os; print(os.path.dirname(os.__file__))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    without = shutil.ignore_patterns(
        "dist-packages", "site-packages", "test", "config-*", "__pycache__"
    )
    shutil.copytree(library, whole / str(library).lstrip("/"), ignore=without)

    house.put("attempts.py", ATTEMPTS)
    session = house.session(
        calls("bash", command="python3 attempts.py > got 2>&1"),
        says("ok"),
        sandbox=config(whole, network=["a.test"]),
    )
    events = [event.event_type for event in session.stream("go")]

    refused = ["HTTPError", *["OSError"] * 4, "PermissionError", "PermissionError"]
    assert house.get("got").split() == refused
    assert "sandbox_violation" in events


@pytest.mark.parametrize("given", ["/no/such/image", "/etc", "/etc/hostname"])
def test_what_is_no_system_is_refused_when_the_session_is_made(house: House, given: str) -> None:
    with pytest.raises(InvalidValue):
        house.session(says("ok"), sandbox=SandboxConfig(image=given))


def test_the_name_of_an_image_is_refused_where_no_engine_runs_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="alpine:latest") as caught:
        house.session(says("ok"), sandbox=SandboxConfig())
    assert "directory" in caught.value.hint


def test_a_resume_goes_on_in_the_image(house: House, image: Path, tmp_path: Path) -> None:
    store = FileSessionStore(tmp_path / "store")
    options = {"session_store": store, "session_id": "one"}
    with house.session(says("ok"), sandbox=config(image), **options) as session:
        session.send("go")

    agent = house.employ(default=says("ok"))
    assert (
        agent.resume_session("one", session_store=store).bash("cat /etc/image") == "of the image\n"
    )


def test_a_resume_without_the_variables_of_an_image_is_refused_and_never_runs_here(
    house: House, image: Path, tmp_path: Path
) -> None:
    store = FileSessionStore(tmp_path / "store")
    options = {"session_store": store, "session_id": "one"}
    with house.session(
        says("ok"), sandbox=config(image, env={"A": "secret"}), **options
    ) as session:
        session.send("go")

    agent = house.employ(default=says("ok"))
    with pytest.raises(SandboxUnavailable, match="elsewhere"):
        agent.resume_session("one", session_store=store)
    raw = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"secret" not in raw
