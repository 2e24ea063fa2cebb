"""From a network namespace of its own a program reaches the listed hosts, and nothing else."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from a3s_code.workspace.host_proxy import HostProxy
from a3s_code.workspace.netns_door import ENVIRONMENT, PORT, NetnsDoor
from needed import needs_bwrap

from .conftest import open_descriptors
from .outside_server import Outside, outside

BWRAP, CURL = shutil.which("bwrap"), shutil.which("curl")
NAMESPACE = (
    *("--unshare-user", "--unshare-net", "--unshare-pid", "--die-with-parent", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)

pytestmark = needs_bwrap
needs_curl = pytest.mark.skipif(CURL is None, reason="needs curl")


@asynccontextmanager
async def opened(proxy: HostProxy) -> AsyncGenerator[NetnsDoor]:
    """Give a door to `proxy`, which is closed with it."""
    door = NetnsDoor(proxy)
    try:
        yield door
    finally:
        await door.close()
        await proxy.close()


@dataclass(frozen=True)
class Ended:
    status: int
    output: str


async def inside(place: Outside, *command: str, **env: str) -> Ended:
    """Run a command in a namespace whose only way out is the proxy."""
    async with opened(place.proxy) as door:
        process = await asyncio.create_subprocess_exec(
            str(BWRAP),
            *NAMESPACE,
            "--",
            *door.argv(command),
            pass_fds=[door.inner_fd],
            env={"PATH": os.environ["PATH"], **ENVIRONMENT, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        door.started()
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())


async def python(place: Outside, text: str, **env: str) -> Ended:
    names = f"HOST, PORT = 'ok.test', {place.port}\nimport socket, urllib.request\n"
    return await inside(place, sys.executable, "-I", "-c", names + text, **env)


@needs_curl
async def test_curl_reaches_a_listed_host() -> None:
    async with outside("ok.test:PORT") as place:
        ended = await inside(place, "curl", "-sS", f"http://ok.test:{place.port}/x")
        assert ended == Ended(0, "reached /x 0\n")
        assert place.outcomes() == [("ok.test", place.port, "reached")]


@needs_curl
async def test_curl_reaches_a_listed_host_through_a_tunnel() -> None:
    async with outside("ok.test:PORT") as place:
        ended = await inside(place, "curl", "-sSp", f"http://ok.test:{place.port}/x")
        assert ended == Ended(0, "reached /x 0\n")


async def test_python_reaches_a_listed_host_with_a_body() -> None:
    async with outside("ok.test:PORT") as place:
        send = "urllib.request.urlopen(f'http://{HOST}:{PORT}/b', b'x' * 200_000)"
        ended = await python(place, f"print({send}.read().decode())")
        assert ended == Ended(0, "reached /b 200000\n\n")


@needs_curl
async def test_a_redirect_leads_no_further_than_the_list() -> None:
    async with outside("ok.test:PORT") as place:
        ended = await inside(place, "curl", "-sSLf", f"http://ok.test:{place.port}/elsewhere")
        assert ended.status != 0
        assert "403" in ended.output
        assert place.outcomes() == [
            ("ok.test", place.port, "reached"),
            ("other.test", place.port, "refused"),
        ]
        assert len(place.asked) == 1


@needs_curl
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("http://other.test:PORT/",), "403"),
        (("http://127.0.0.1:PORT/", "--noproxy", ""), "403"),
        (("http://2130706433:PORT/", "--noproxy", ""), "403"),
        (("-p", "http://ok.test:22/"), "403"),
        (("http://ok.test:PORT/", "-H", "Host: other.test"), "403"),
    ],
)
async def test_no_argument_of_curl_gets_past_the_list(
    arguments: tuple[str, ...], status: str
) -> None:
    async with outside("ok.test:PORT") as place:
        given = [text.replace("PORT", str(place.port)) for text in arguments]
        ended = await inside(place, "curl", "-sS", "-w", "%{http_code}%{http_connect}", *given)
        assert status in ended.output
        assert place.asked == []


@pytest.mark.parametrize(
    "attempt",
    [
        "urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f'http://1.1.1.1:{PORT}')",
        "socket.create_connection(('127.0.0.1', PORT), 2)",
        "socket.create_connection(('192.0.2.1', 80), 2)",
        "socket.create_connection(('2606:4700::1', 80), 2)",
        "socket.getaddrinfo('ok.test', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.53', 53))",
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('2606:4700::1', 53))",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_UNIX).connect('\\0beside-the-sandbox')",
    ],
)
async def test_without_the_proxy_nothing_is_reached(attempt: str) -> None:
    unset = dict.fromkeys(ENVIRONMENT, "")
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0beside-the-sandbox")
        abstract.listen()
        async with outside("ok.test:PORT", "127.0.0.1:PORT") as place:
            script = f"try:\n {attempt}\nexcept OSError as e:\n print('refused')\n"
            ended = await python(place, script, **unset)
            assert ended == Ended(0, "refused\n")
            assert place.asked == []
            assert place.told == []


@pytest.mark.parametrize(
    "host", ["other.test\\0.ok.test", "other.test\\n.ok.test", "other%00.test"]
)
async def test_a_host_with_a_control_character_reaches_nothing(host: str) -> None:
    async with outside("ok.test:PORT", "*.ok.test:PORT") as place:
        script = (
            f"s = socket.create_connection(('127.0.0.1', {PORT}))\n"
            f"s.sendall(f'CONNECT {host}:{{PORT}} HTTP/1.1\\r\\n\\r\\n'.encode())\n"
            "print(s.recv(100)[:12].decode())\n"
        )
        ended = await python(place, script)
        assert ended.output in ("HTTP/1.1 400\n", "HTTP/1.1 403\n")
        assert place.asked == []


async def test_the_command_inherits_nothing_but_its_three_descriptors() -> None:
    async with outside() as place:
        listed = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
        assert await python(place, listed) == Ended(0, "[0, 1, 2]\n")


def _ignored_here() -> int:
    """Give the signals that were ignored before anything of ours ran, but for those of Python."""
    status = Path("/proc/self/status").read_text()
    mask = int(status.split("SigIgn:")[1].split()[0], 16)
    return mask & ~(1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


async def test_the_command_runs_with_the_signals_that_a_program_is_started_with() -> None:
    async with outside() as place:
        ignored = await inside(place, "grep", "SigIgn", "/proc/self/status")
        assert int(ignored.output.split()[1], 16) & ~_ignored_here() == 0


async def test_two_sandboxes_have_a_port_each_and_each_its_own_list() -> None:
    async with outside("ok.test:PORT") as one, outside() as other:
        url = f"http://ok.test:{one.port}/"
        script = f"import urllib.request as r\nprint(r.urlopen('{url}').status)"
        ends = await asyncio.gather(
            inside(one, sys.executable, "-I", "-c", script),
            inside(other, sys.executable, "-I", "-c", script),
        )
        assert [ended.status for ended in ends] == [0, 1]
        assert "403" in ends[1].output


async def test_a_command_that_is_missing_says_so() -> None:
    async with outside() as place:
        ended = await inside(place, "no-such-program")
        assert ended.status == 126
        assert "no-such-program" in ended.output


async def test_the_listener_is_not_for_other_programs_that_this_process_starts() -> None:
    async with outside() as place, opened(place.proxy) as door:
        with socket.socket(fileno=os.dup(door.inner_fd)) as inner, socket.socket() as listener:
            door.started()
            listener.listen()
            socket.send_fds(inner, [b"+"], [listener.fileno()])
            async with asyncio.timeout(5):
                await door._task
        (server,) = place.proxy._servers
        assert not any(os.get_inheritable(each.fileno()) for each in server.sockets)


async def test_nothing_is_left_open_when_the_program_never_came() -> None:
    async with outside() as place:
        before = open_descriptors()
        async with opened(place.proxy) as door:
            door.started()
        assert open_descriptors() == before


async def test_something_else_than_a_listener_is_not_served() -> None:
    async with outside() as place, opened(place.proxy) as door:
        with socket.socket(fileno=os.dup(door.inner_fd)) as inner, socket.socket() as silent:
            door.started()
            socket.send_fds(inner, [b"+"], [silent.fileno()])
            async with asyncio.timeout(5):
                await door._task
        assert place.proxy._servers == []
